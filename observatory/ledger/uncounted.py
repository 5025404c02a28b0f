"""Uncounted first values: counters that began on a target which nobody had scraped before, and that nothing dates.

A pod that is new has counted its first value since it began, and one that was only not scraped until now may have
counted it for months. Where neither its process nor the series says which, counting begins at the first value, see
`births`; what it holds is at most lost, and is told. Nothing is told of what was there before anything was known: at
the start of a server, at the edge of its retention, and of a first value that was judged to be a history.

What one scrape of a target showed first is one entry. All of its events may be missing, or none: both outcomes of it
lie between nothing and what it showed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from observatory.sources.base import Float64, Int64
from observatory.windows import Grid, TimeRange

_BY_STEP = ("first_series", "first_events", "first_good", "first_bad")


class FirstValue(NamedTuple):
    """The first value of a counter that is not counted; `target` is its source, job and instance."""

    t_ms: int
    target: tuple[str, str, str]
    events: float


class Uncounted(Struct, frozen=True):
    """First values that are not counted, by the scrapes that showed them; arrays of one length.

    Attributes:
        t_ms: Ascending.
        series: How many counters of events began there.
        events: At most.
        good, bad: At most, together `events`. Where that is 0 another target counts the outcome than the events: so
            many of those that were counted may have had it.
    """

    t_ms: Int64
    series: Float64
    events: Float64
    good: Float64
    bad: Float64

    @classmethod
    def of(cls, total: Sequence[FirstValue], part: Sequence[FirstValue], *, part_is_good: bool) -> Uncounted:
        """From first values of all events, and of the good or the bad ones; of differences some are negative."""
        if not total and not part:
            return NONE_UNCOUNTED
        found: dict[tuple[int, tuple[str, str, str]], list[float]] = {}
        for one in total:
            entry = found.setdefault((one.t_ms, one.target), [0.0, 0.0, 0.0])
            entry[0] += one.events > 0
            entry[1] += one.events
        for one in part:
            entry = found.setdefault((one.t_ms, one.target), [0.0, 0.0, 0.0])
            entry[2] += one.events
        rows = [_row(t_ms, *entry, part_is_good=part_is_good) for (t_ms, _), entry in sorted(found.items())]
        return cls._from([row for row in rows if row[2] > 0 or row[3] > 0 or row[4] > 0])

    @classmethod
    def _from(cls, rows: Sequence[tuple[int, float, float, float, float]]) -> Uncounted:
        if not rows:
            return NONE_UNCOUNTED
        t_ms, *columns = zip(*rows, strict=True)
        return cls(np.asarray(t_ms, np.int64), *(np.asarray(one, np.float64) for one in columns))

    @property
    def at_most(self) -> Float64:
        """Events that each may hold, or whose outcome it may tell."""
        return np.maximum(self.events, self.good + self.bad)

    def cut(self, span: TimeRange) -> Uncounted:
        """Those that were first shown in (start, end]."""
        if not len(self.t_ms):
            return self
        first, last = np.searchsorted(self.t_ms, (span.start_ms, span.end_ms), side="right").tolist()
        return self.only(slice(first, last))

    def only(self, some: slice | np.typing.NDArray[np.bool_]) -> Uncounted:
        """Some of the entries."""
        return Uncounted(self.t_ms[some], self.series[some], self.events[some], self.good[some], self.bad[some])

    def __add__(self, other: Uncounted) -> Uncounted:
        """Those of a span of time, and of one that follows it."""
        if not len(other.t_ms):
            return self
        if not len(self.t_ms):
            return other
        pairs = zip(self.columns(), other.columns(), strict=True)
        t_ms, *columns = (np.concatenate(pair) for pair in pairs)
        return Uncounted(t_ms, *columns)

    def by_step(self, grid: Grid) -> dict[str, Float64]:
        """Sums per step by name, of those that lie on a grid; empty without any."""
        if not len(self.t_ms):
            return {}
        places = (self.t_ms - grid.start_ms - 1) // grid.step_ms
        return {
            name: np.bincount(places, column, grid.steps).astype(np.float64)
            for name, column in zip(_BY_STEP, self.columns()[1:], strict=True)
        }

    @classmethod
    def of_steps(cls, parts: Mapping[str, np.typing.NDArray[Any]], grid: Grid) -> Uncounted:
        """What `by_step` gave, an entry for each step, at its end."""
        if _BY_STEP[0] not in parts:
            return NONE_UNCOUNTED
        columns = [np.broadcast_to(parts[name], grid.steps).astype(np.float64) for name in _BY_STEP]
        places = np.flatnonzero(columns[0])
        return cls(grid.start_ms + (places + 1) * grid.step_ms, *(column[places] for column in columns))

    def columns(self) -> tuple[Int64, Float64, Float64, Float64, Float64]:
        """In the order of the fields."""
        return self.t_ms, self.series, self.events, self.good, self.bad


def scaled(parts: Iterable[tuple[float, Sequence[FirstValue]]]) -> tuple[FirstValue, ...]:
    """First values of several counters together, each times a factor."""
    return tuple(one._replace(events=factor * one.events) for factor, some in parts for one in some)


def _row(
    t_ms: int, series: float, events: float, part: float, *, part_is_good: bool
) -> tuple[int, float, float, float, float]:
    events, part = max(0.0, events), max(0.0, part)
    if events > 0:
        part = min(part, events)
        rest = events - part
    else:
        series, rest = max(1.0, series), 0.0
    good, bad = (part, rest) if part_is_good else (rest, part)
    return t_ms, series, events, good, bad


_NONE = np.empty(0)
NONE_UNCOUNTED = Uncounted(np.empty(0, np.int64), _NONE, _NONE, _NONE, _NONE)
