"""Seams: what the neighbours of a block need to know of its series.

A page holds them as columns, and what is the same every day (which series, counted for what) once for all days: where
every series of a day goes on from the day before nothing has to be looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from msgspec import Struct

from observatory.compile.plan import Leaf
from observatory.ledger.increments import Birth
from observatory.ledger.targets import TargetKey
from observatory.sources.base import Float64, Int64
from observatory.telemetry.binding import SemanticKind

SeriesName = tuple[tuple[str, str], ...]
"""Labels, sorted."""
SeriesKey = tuple[int, SeriesName]
"""Number of the request that found it, and its labels."""
Sample = tuple[int, float]
"""Instant and value."""


class SeriesHead(Struct, frozen=True):
    """What is the same of a series in every block.

    Attributes:
        leaves: Which leaves count it, all as the same kind.
    """

    series: SeriesKey
    leaves: tuple[Leaf, ...]
    kind: SemanticKind
    target: TargetKey


class Seam(Struct, frozen=True):
    """One series of a block, as its neighbours need to know it.

    Attributes:
        gap_ms: Samples further apart have a gap between them; of totals of periods, how long the periods are.
        first, last: Of the samples in the block and its lookback.
        birth: The first value is an increment, unless the series was seen before.
        summed: Counted by the server: its values are sums of their own, which mean nothing beside those of neighbours.
        history: The first value is more than can have been counted since the series was not there, unless it was.
    """

    head: SeriesHead
    gap_ms: int
    first: Sample
    last: Sample
    birth: Birth | None = None
    history: bool = False
    summed: bool = False

    @property
    def series(self) -> SeriesKey:
        return self.head.series

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        return self.head.leaves

    @property
    def kind(self) -> SemanticKind:
        return self.head.kind

    @property
    def target(self) -> TargetKey:
        return self.head.target


@dataclass(frozen=True, slots=True)
class SeamColumns(Sequence[Seam]):
    """Seams of a block as columns; by place births, histories and those that were summed.

    Attributes:
        heads: The same object on days with the same series.
    """

    heads: tuple[SeriesHead, ...]
    gap_ms: Int64
    first_ms: Int64
    first: Float64
    last_ms: Int64
    last: Float64
    births: Mapping[int, Birth] = field(default_factory=dict)
    histories: frozenset[int] = frozenset()
    summed: frozenset[int] = frozenset()

    @property
    def summed_requests(self) -> frozenset[int]:
        """Numbers of the requests that the server counted."""
        return frozenset(self.heads[place].series[0] for place in self.summed)

    def __len__(self) -> int:
        return len(self.heads)

    @overload
    def __getitem__(self, place: int) -> Seam: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Seam]: ...
    def __getitem__(self, place: int | slice) -> Seam | Sequence[Seam]:
        if isinstance(place, slice):
            return list(self)[place]
        return Seam(
            head=self.heads[place],
            gap_ms=int(self.gap_ms[place]),
            first=(int(self.first_ms[place]), float(self.first[place])),
            last=(int(self.last_ms[place]), float(self.last[place])),
            birth=self.births.get(place),
            history=place in self.histories,
            summed=place in self.summed,
        )

    def __iter__(self) -> Iterator[Seam]:
        columns = (one.tolist() for one in (self.gap_ms, self.first_ms, self.first, self.last_ms, self.last))
        for place, (head, gap_ms, first_ms, first, last_ms, last) in enumerate(zip(self.heads, *columns, strict=True)):
            birth, history = self.births.get(place), place in self.histories
            yield Seam(head, gap_ms, (first_ms, first), (last_ms, last), birth, history, place in self.summed)


def go_on(seams: SeamColumns, before: SeamColumns) -> bool:
    """Whether these are the series of the block before, each seen there when it is seen here first.

    Then nothing lies between the two blocks: what is read of one reaches into the other.
    """
    if seams.heads is not before.heads or seams.summed:
        return False
    return bool(np.all(seams.first_ms <= before.last_ms))


_NO_TIMES, _NO_VALUES = np.empty(0, np.int64), np.empty(0)
NO_SEAMS = SeamColumns((), _NO_TIMES, _NO_TIMES, _NO_VALUES, _NO_TIMES, _NO_VALUES)
