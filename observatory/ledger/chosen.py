"""Chosen: which series of an answer have samples in a stretch of time, and what follows from that alone.

Day after day they are the same ones, mostly. So whose they are, which of them are counted together and what their
neighbours need to know of them is found out once, and days with the same series share it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter

import numpy as np
from msgspec import Struct

from observatory.compile.plan import Leaf, PlannedRequest
from observatory.ledger.routes import Remembered, same_series
from observatory.ledger.seams import SeriesHead, SeriesName
from observatory.ledger.targets import TargetKey, target_of
from observatory.sources.base import Int64
from observatory.telemetry.binding import SemanticKind


class CountedAlike(Struct, frozen=True):
    """Leaves of a request that are counted in the same way.

    Attributes:
        period_ms: How long the periods are whose totals are counted; 0 where the kind has none.
        groups: Per series of the answer its group, -1 without one: series that belong to the same leaves are one.
        count: How many groups there are.
        groups_of: Per leaf the groups that it adds up.
    """

    kind: SemanticKind
    period_ms: int
    leaves: tuple[Leaf, ...]
    groups: Int64
    count: int
    groups_of: tuple[tuple[int, ...], ...]


class CountedSeries(Struct, frozen=True):
    """What the neighbours of a block need to know of the counted series of an answer, a column per attribute.

    Attributes:
        indexes: Where they are in the answer, ascending; a series that is counted in two ways is there twice.
        periods_ms: How long the periods are whose totals are counted; 0 where the kind has none.
    """

    indexes: Int64
    periods_ms: Int64
    heads: tuple[SeriesHead, ...]


class Heads:
    """Names and heads of series that were met before, so that every day holds the same ones and not its own copies."""

    def __init__(self) -> None:
        self._names: dict[SeriesName, SeriesName] = {}
        self._joined: tuple[tuple[tuple[SeriesHead, ...], ...], tuple[SeriesHead, ...]] = ((), ())

    def name(self, labels: Mapping[str, str]) -> SeriesName:
        """Labels as the name of a series."""
        name = tuple(sorted(labels.items()))
        return self._names.setdefault(name, name)

    def joined(self, parts: Sequence[tuple[SeriesHead, ...]]) -> tuple[SeriesHead, ...]:
        """Those of several answers one after the other, the same object for the same ones."""
        known, joined = self._joined
        if len(known) != len(parts) or any(one is not other for one, other in zip(known, parts, strict=True)):
            joined = tuple(head for part in parts for head in part)
            self._joined = tuple(parts), joined
        return joined


class Chosen:
    """The series of an answer to a request.

    Attributes:
        labels: Per series.
        routes: Per leaf the indexes of its series.
        targets: Whose each series is.
    """

    def __init__(
        self, request: PlannedRequest, labels: tuple[Mapping[str, str], ...], routes: Mapping[Leaf, Int64]
    ) -> None:
        self.labels = labels
        self.routes = routes
        self.targets: tuple[TargetKey, ...] = tuple(target_of(request.source, one) for one in labels)
        self._kinds: Mapping[Leaf, SemanticKind] | None = None
        self._alike: tuple[CountedAlike, ...] = ()
        self._counted: dict[int, CountedSeries] = {}

    def counted_alike(self, kinds: Mapping[Leaf, SemanticKind]) -> tuple[CountedAlike, ...]:
        """The leaves that are counted, by how they are.

        Args:
            kinds: By leaf; of one that is not counted there is none. What follows from it is remembered for as long as
                the same object is given.
        """
        if self._kinds is not kinds:
            by_kind: dict[tuple[SemanticKind, int], list[Leaf]] = {}
            for leaf in self.routes:
                if leaf in kinds:
                    by_kind.setdefault((kinds[leaf], leaf.selector.period_ms), []).append(leaf)
            self._alike = tuple(self._grouped(kind, period, tuple(some)) for (kind, period), some in by_kind.items())
            self._counted = {}
            self._kinds = kinds
        return self._alike

    def indexes_of(self, wanted: Collection[SemanticKind], kinds: Mapping[Leaf, SemanticKind]) -> set[int]:
        """The series that are counted as one of some kinds."""
        every = (
            index for leaf, indexes in self.routes.items() if kinds.get(leaf) in wanted for index in indexes.tolist()
        )
        return set(every)

    def _grouped(self, kind: SemanticKind, period_ms: int, leaves: tuple[Leaf, ...]) -> CountedAlike:
        of_series: list[list[int]] = [[] for _ in self.labels]
        for number, leaf in enumerate(leaves):
            for index in self.routes[leaf].tolist():
                of_series[index].append(number)
        numbers: dict[tuple[int, ...], int] = {}
        groups = np.full(len(of_series), -1, dtype=np.int64)
        for index, owned_by in enumerate(of_series):
            if owned_by:
                groups[index] = numbers.setdefault(tuple(owned_by), len(numbers))
        groups_of: list[list[int]] = [[] for _ in leaves]
        for owners, group in numbers.items():
            for owner in owners:
                groups_of[owner].append(group)
        return CountedAlike(kind, period_ms, leaves, groups, len(numbers), tuple(tuple(one) for one in groups_of))

    def counted_series(self, number: int, kinds: Mapping[Leaf, SemanticKind], heads: Heads) -> CountedSeries:
        """The series that any leaf counts.

        Args:
            number: That of the request, by which its series are told.
        """
        alike = self.counted_alike(kinds)
        found = self._counted.get(number)
        if found is None:
            counted: dict[tuple[int, SemanticKind, int], list[Leaf]] = {}
            for one in alike:
                for leaf in one.leaves:
                    for index in self.routes[leaf].tolist():
                        counted.setdefault((index, one.kind, one.period_ms), []).append(leaf)
            ordered = sorted(counted.items(), key=itemgetter(0))
            found = self._counted[number] = CountedSeries(
                np.asarray([index for (index, _, _), _ in ordered], np.int64),
                np.asarray([period_ms for (_, _, period_ms), _ in ordered], np.int64),
                tuple(
                    SeriesHead((number, heads.name(self.labels[index])), tuple(leaves), kind, self.targets[index])
                    for (index, kind, _), leaves in ordered
                ),
            )
        return found


_CHOSEN: Remembered[Chosen] = Remembered()


def chosen_of(request: PlannedRequest, labels: tuple[Mapping[str, str], ...], routes: Mapping[Leaf, Int64]) -> Chosen:
    """The series of an answer.

    Remembered for the same request, series and routes: a refresh brings those of the last.
    """
    chosen = _CHOSEN.of(request)
    if chosen is None or chosen.routes is not routes or not same_series(chosen.labels, labels):
        chosen = Chosen(request, labels, routes)
        _CHOSEN.keep(request, chosen)
    return chosen
