"""Counting the windows before: day by day, beside the ledger, which holds the present ones alone.

A window before is a sum, so nothing of it is held but what its days came to: six numbers each. Days that are over are
counted once, for the keeper keeps them; then only the two days at its ends are looked at again, once an hour. Windows
that lie in the ledger anyway are read from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct

from observatory.errors import SourceFailed
from observatory.evaluate.before import DAY_MS, HOUR_MS, Before, span_before
from observatory.evaluate.planned import Planned
from observatory.evaluate.snapshot import Snapshot
from observatory.indicators.counts import Counts
from observatory.ledger.ledger import Ledger
from observatory.objectives.objective import Objective
from observatory.sources.base import Float64
from observatory.windows import Grid, TimeRange

MOST_DAYS = 8
"""Days that are counted in one go: what that takes of memory and of time is a quarter of what a month takes."""
TAIL_MS = 2 * HOUR_MS
"""Read beyond the days that are to be kept: a day is whole once its sources are seen to be past it."""


class Counting(Protocol):
    """Who counts: an estate."""

    def counted(self, snapshot: Snapshot, grid: Grid) -> Ledger:
        """Everything that a snapshot measures, on another grid."""
        ...

    def planned(self, grid: Grid) -> dict[str, Planned]:
        """Planned work by objective."""
        ...


class _Group(Struct, frozen=True):
    """Objectives whose windows before are one span.

    Attributes:
        days: The span, cut at midnights UTC; nothing where the ledger holds it.
    """

    span: TimeRange
    members: tuple[Objective, ...]
    signature: tuple[tuple[str, str], ...]
    days: tuple[TimeRange, ...]


_Key = tuple[tuple[tuple[str, str], ...], TimeRange]


class Lookback:
    """The windows before the present ones, counted part by part and remembered.

    Args:
        estate: Who counts.
    """

    def __init__(self, estate: Counting) -> None:
        self._estate = estate
        self._known: dict[_Key, Float64] = {}
        self._told: dict[str, Before] = {}

    def go_on(self, snapshot: Snapshot) -> bool:
        """Count some of the days that are not known yet, the newest first; False where there are none.

        Days that a source does not answer for are not remembered: `go_on` fails then, and may be tried later.

        Raises:
            SourceFailed: A source did not answer.
        """
        groups = _groups(snapshot)
        self._forget(groups)
        missing = {one for group in groups for one in group.days if (group.signature, one) not in self._known}
        if not missing:
            return False
        run = _newest_run({one.start_ms // DAY_MS for one in missing})
        grid = _grid(run, missing, snapshot.ledger.grid.step_ms)
        ledger = self._estate.counted(snapshot, grid)
        if any(problem.severity == "error" for problem in ledger.problems):
            raise SourceFailed([problem for problem in ledger.problems if problem.severity == "error"])
        planned = self._estate.planned(grid)
        for group in groups:
            for one in group.days:
                if one in missing and one.start_ms // DAY_MS in run:
                    self._known[group.signature, one] = _table(snapshot, group.members, ledger, planned, one)
        return True

    def before(self, snapshot: Snapshot) -> dict[str, Before]:
        """By objective what its window before came to; what is not counted yet is as it was told last, or absent."""
        measured = snapshot.measurements
        found = {key: one for key, one in self._told.items() if key in measured}
        for group in _groups(snapshot):
            if not group.days:
                planned = snapshot.planned
                table = _table(snapshot, group.members, snapshot.ledger, planned, group.span)
                found |= _told(group, [table])
            elif all((group.signature, one) in self._known for one in group.days):
                found |= _told(group, [self._known[group.signature, one] for one in group.days])
        self._told = found
        return found

    def _forget(self, groups: Sequence[_Group]) -> None:
        wanted = {(group.signature, one) for group in groups for one in group.days}
        for key in [key for key in self._known if key not in wanted]:
            del self._known[key]


def _groups(snapshot: Snapshot) -> list[_Group]:
    by_span: dict[TimeRange, list[Objective]] = {}
    windows: dict[object, TimeRange] = {}
    for one in snapshot.objectives:
        if one.id in snapshot.measurements:
            if one.window not in windows:
                windows[one.window] = span_before(one.window, snapshot.at_ms)
            by_span.setdefault(windows[one.window], []).append(one)
    held_from_ms = snapshot.ledger.grid.start_ms
    return [
        _Group(
            span,
            tuple(members),
            tuple((one.id, snapshot.measurements[one.id].key) for one in members),
            () if span.start_ms >= held_from_ms else tuple(_days(span)),
        )
        for span, members in sorted(by_span.items())
    ]


def _days(span: TimeRange) -> Iterator[TimeRange]:
    start_ms = span.start_ms
    while start_ms < span.end_ms:
        end_ms = min(span.end_ms, (start_ms // DAY_MS + 1) * DAY_MS)
        yield TimeRange(start_ms, end_ms)
        start_ms = end_ms


def _newest_run(days: set[int]) -> range:
    """The newest days of those given that follow one another, so many as are counted in one go."""
    last = first = max(days)
    while first - 1 in days and last - first + 1 < MOST_DAYS:
        first -= 1
    return range(first, last + 1)


def _grid(days: range, wanted: set[TimeRange], step_ms: int) -> Grid:
    """Whole days, for these can be kept. A day of which a part is wanted has been kept, or is not worth it."""
    start_ms, end_ms = days[0] * DAY_MS, (days[-1] + 1) * DAY_MS
    if any(start_ms <= one.start_ms < end_ms and one.seconds * 1000 == DAY_MS for one in wanted):
        end_ms += TAIL_MS
    return Grid(start_ms, step_ms, (end_ms - start_ms) // step_ms)


def _table(
    snapshot: Snapshot, members: Sequence[Objective], ledger: Ledger, planned: Mapping[str, Planned], span: TimeRange
) -> Float64:
    """A line per objective: good, total, seconds seen and expected, end of the first step seen (or NaN), series."""
    table = np.zeros((len(members), 6))
    table[:, 3], table[:, 4] = span.seconds, np.nan
    for number, one in enumerate(members):
        key, work = snapshot.measurements[one.id].key, planned.get(one.id)
        if key not in ledger.rows:
            continue
        row, grid = ledger.part(key, span) if work is None else (work.counted(ledger.rows[key]), ledger.grid)
        counts = row.counts(grid, span)
        seen = min(counts.observed_seconds, counts.expected_seconds)
        first = max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms))
        places = np.flatnonzero(row.observed[first : max(0, (span.end_ms - grid.start_ms) // grid.step_ms)])
        since = grid.start_ms + (first + int(places[0]) + 1) * grid.step_ms if len(places) else np.nan
        good = min(max(counts.good, 0.0), counts.total)
        table[number] = good, counts.total, seen, counts.expected_seconds, since, row.series
    return table


def _told(group: _Group, parts: Sequence[Float64]) -> dict[str, Before]:
    every = np.stack(parts)
    sums = every[:, :, :4].sum(axis=0)
    # The first step that was seen in any part; where none was, there is nothing but NaN.
    since = np.fmin.reduce(every[:, :, 4])
    # A target that was up tells that nothing happened only where a series of it was ever seen.
    blind = every[:, :, 5].max(axis=0) == 0
    sums[blind, 2], since[blind] = 0.0, np.nan
    return {
        one.id: Before(
            span=group.span,
            counts=Counts(*(float(value) for value in line)),
            since_ms=int(first) if np.isfinite(first) else None,
        )
        for one, line, first in zip(group.members, sums, since, strict=True)
    }
