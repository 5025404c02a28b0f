"""Increments kept as running totals: each one counted once, whatever is repeated, comes late or comes out of order.

Senders of delta temporality say what happened between two instants. The store turns that into a counter: a sample at
the end of each interval with the total so far, and one at its start where the last sample lies earlier, so that what
happened is not spread over a silence. A series begins with 0 at the start of its first interval.

An increment is known by its series and its end. It was counted before when the total rises there by as much; a sample
without a rise only says that nothing had been added. Where another increment ends at the same millisecond, this one is
put a millisecond later (a stream has one writer, so that needs two that share a name). A late increment adds to every
later total.

A sender that has nothing to tell of a series leaves it out, and silence would look like an outage. So while its target
sends anything, totals that did not change are repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb
import numpy as np
from msgspec import Struct

from observatory.sources.base import Float64, Int64, SampleSet
from observatory.sources.batch import Deltas, Labels
from observatory.sources.store import samples as sample_table
from observatory.sources.store.series import NEVER_MS, SeriesDictionary
from observatory.sources.store.sparse_buckets import BUCKET

REPEATED_MS = 86_400_000
"""How long a total is repeated after its last increment."""
MOST_REPEATED = 10_000
"""Totals repeated on one request."""
_EXACT = 1e-9
_ROUNDED = 8
"""Steps between neighbouring floats by which a total may be off, each sum having been rounded."""

Target = tuple[str, str]
Point = tuple[int, int, float]
"""Start and end in milliseconds, and the increment; a start of 0 is unknown."""


class _Total(Struct):
    """One series: its newest sample, and when something was last added to it."""

    t_ms: int
    value: float
    added_ms: int


class RunningTotals:
    """What memory holds of the series that grow by increments; read from the file when a series is first met."""

    def __init__(self) -> None:
        self._known: dict[int, _Total] = {}
        self._of_target: dict[Target, set[int]] = {}

    def append(self, cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, deltas: Deltas) -> tuple[int, int]:
        """Add increments to their series.

        Returns:
            How many of them were new, and how many samples were appended for them.
        """
        points: dict[int, list[Point]] = {}
        places, owner = np.unique(deltas.owner, return_inverse=True)
        numbers = series.numbers(cursor, [deltas.labels[place] for place in places.tolist()])
        columns = (numbers[owner], deltas.start_ms, deltas.t_ms, deltas.values)
        for number, start_ms, t_ms, value in zip(*(column.tolist() for column in columns), strict=True):
            points.setdefault(number, []).append((start_ms if start_ms < t_ms else 0, t_ms, value))
        labels = {number: series.labels[number] for number in points}
        self._learn(cursor, series, points)
        rows: list[tuple[int, int, float]] = []
        late: dict[int, list[Point]] = {}
        new = 0
        for number, own in points.items():
            own.sort(key=lambda point: point[1])
            for point in own:
                if (known := self._known.get(number)) is not None and point[1] <= known.t_ms:
                    late.setdefault(number, []).append(point)
                else:
                    rows += self._next(number, point)
                    new += 1
        rows += self._repeated(points, labels)
        written = 0
        if rows:
            columns_of = np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.int64)
            written = sample_table.append(cursor, series, _sample_set(series, *columns_of, [row[2] for row in rows]))
        return new + (self._insert(cursor, series, late) if late else 0), written

    def _learn(self, cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, numbers: Iterable[int]) -> None:
        unknown = [n for n in numbers if n not in self._known and int(series.last_ms[n]) != NEVER_MS]
        if unknown:
            newest = int(series.last_ms[unknown].max())
            for number, (t_ms, value) in sample_table.last_until(cursor, unknown, newest).items():
                self._known[number] = _Total(t_ms, value, t_ms)

    def _next(self, number: int, point: Point) -> list[tuple[int, int, float]]:
        """The samples of an increment that is newer than all that is known."""
        start_ms, t_ms, value = point
        known = self._known.get(number)
        rows = []
        if known is None:
            rows.append((number, _start(point), 0.0))
            known = self._known[number] = _Total(t_ms, 0.0, t_ms)
        elif _lies_apart(known.t_ms, point):
            rows.append((number, start_ms, known.value))
        known.t_ms, known.value, known.added_ms = t_ms, known.value + value, t_ms
        return [*rows, (number, t_ms, known.value)]

    def _repeated(
        self, points: Mapping[int, Sequence[Point]], labels: Mapping[int, Labels]
    ) -> list[tuple[int, int, float]]:
        """Totals of the same targets that missed a whole interval: they did not change."""
        newest: dict[Target, tuple[int, int]] = {}
        for number, own in points.items():
            if BUCKET in labels[number]:
                continue  # Buckets keep their total without a sample.
            target = labels[number].get("job", ""), labels[number].get("instance", "")
            self._of_target.setdefault(target, set()).add(number)
            start_ms, t_ms, _ = own[-1]
            newest[target] = max(newest.get(target, (0, 0)), (t_ms, start_ms or t_ms))
        rows: list[tuple[int, int, float]] = []
        for target, (t_ms, start_ms) in newest.items():
            for number in sorted(self._of_target[target] - points.keys()):
                known = self._known[number]
                if t_ms - known.added_ms > REPEATED_MS:
                    self._of_target[target].discard(number)
                elif known.t_ms < start_ms - (t_ms - start_ms) // 2 and len(rows) < MOST_REPEATED:
                    known.t_ms = t_ms
                    rows.append((number, t_ms, known.value))
        return rows

    def _insert(
        self, cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, late: Mapping[int, Sequence[Point]]
    ) -> int:
        """Increments that end at or before the newest sample of their series; how many were new."""
        numbers = sorted(late)
        since = min(_start(point) for own in late.values() for point in own) - 1
        before = sample_table.last_until(cursor, numbers, since)
        owner, t_ms, values = sample_table.read(cursor, numbers, since, int(series.last_ms[numbers].max()))
        added = 0
        changed: list[tuple[int, Int64, Float64]] = []
        for number in numbers:
            own = slice(*np.searchsorted(owner, (number, number + 1)))
            line = _Line(before.get(number), t_ms[own], values[own])
            added += sum(line.insert(point) for point in late[number])
            if line.changed_from is not None:
                times, totals = line.since(line.changed_from)
                changed.append((number, times, totals))
                self._known[number].t_ms, self._known[number].value = int(times[-1]), float(totals[-1])
        if changed:
            sample_table.replace_since(
                cursor,
                series,
                np.repeat(np.array([number for number, _, _ in changed]), [len(times) for _, times, _ in changed]),
                np.concatenate([times for _, times, _ in changed]),
                np.concatenate([totals for _, _, totals in changed]),
            )
        return added


class _Line:
    """The newest stretch of one series, into which late increments are put."""

    def __init__(self, before: tuple[int, float] | None, t_ms: Int64, values: Float64) -> None:
        self._t = t_ms if before is None else np.concatenate(([before[0]], t_ms))
        self._v = values if before is None else np.concatenate(([before[1]], values))
        self.changed_from: int | None = None

    def insert(self, point: Point) -> bool:
        """Count an increment, unless it was counted before; whether it was new."""
        _, t_ms, value = point
        while True:
            at = int(np.searchsorted(self._t, t_ms))
            if at == len(self._t) or self._t[at] != t_ms:
                break
            if at == 0:
                if self._v[0] != 0:
                    return False  # What came before was removed, and was counted.
                # The start of what was the first interval: this one ends there.
                self._put(0, _start((point[0], t_ms, value)), 0.0)
                at = 1
            rise = float(self._v[at] - self._v[at - 1])
            if abs(rise - value) <= _EXACT * abs(value) + _ROUNDED * float(np.spacing(abs(self._v[at]))):
                return False
            if rise == 0:
                # The start of the interval after it may be all that is known of this one: its own start is not.
                if point[0] and _lies_apart(int(self._t[at - 1]), point):
                    self._put(at, point[0], float(self._v[at - 1]))
                    at += 1
                self._add(at, value)
                return True
            t_ms += 1
        # Ahead of all that is kept: a series begins with 0, and what one held whose beginning was removed is no event.
        before = float(self._v[max(at - 1, 0)]) if len(self._v) else 0.0
        start_ms = _start((point[0], t_ms, value))
        if at == 0 or (point[0] and _lies_apart(int(self._t[at - 1]), point)):
            self._put(at, start_ms, before)
            at += 1
        self._put(at, t_ms, before)
        self._add(at, value)
        return True

    def _put(self, at: int, t_ms: int, value: float) -> None:
        self._t, self._v = np.insert(self._t, at, t_ms), np.insert(self._v, at, value)
        self.changed_from = t_ms if self.changed_from is None else min(self.changed_from, t_ms)

    def _add(self, at: int, value: float) -> None:
        self._v = self._v.copy()
        self._v[at:] += value
        since = int(self._t[at])
        self.changed_from = since if self.changed_from is None else min(self.changed_from, since)

    def since(self, t_ms: int) -> tuple[Int64, Float64]:
        """Times and totals from an instant on."""
        at = int(np.searchsorted(self._t, t_ms))
        return self._t[at:], self._v[at:]


def _start(point: Point) -> int:
    """When an interval began; a millisecond before its end where that is not said."""
    start_ms, t_ms, _ = point
    return start_ms if 0 < start_ms < t_ms else t_ms - 1


def _lies_apart(last_ms: int, point: Point) -> bool:
    """Whether an interval begins so long after the last sample that there was a silence between them.

    Clocks are read twice, so one that begins a little later than the last ended follows it.
    """
    start_ms, t_ms, _ = point
    return start_ms > 0 and start_ms - last_ms > (t_ms - start_ms) / 2


def _sample_set(series: SeriesDictionary, owner: Int64, t_ms: Int64, values: Sequence[float]) -> SampleSet:
    numbers, places = np.unique(owner, return_inverse=True)
    labels = [series.labels[number] for number in numbers.tolist()]
    return SampleSet.from_rows(labels, places, t_ms, np.asarray(values, np.float64))
