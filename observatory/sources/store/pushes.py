"""Pushed metrics on their way into the tables: samples, running totals, and when counters began.

Clients differ in what they call the beginning of a counter: the first event of its label set, or the start of the
process for all of them. A counter that appears on a target which was heard before without it has not counted before
then, so the later of the two is kept. An export may come in several requests, so what was heard at the same instant is
not before.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np

from observatory.sources.base import SampleSet
from observatory.sources.batch import Batch, Beginnings, Kept, Labels
from observatory.sources.store import contradictions
from observatory.sources.store import samples as sample_table
from observatory.sources.store.running_totals import RunningTotals
from observatory.sources.store.series import NEVER_MS, SeriesDictionary
from observatory.telemetry.inventory import MetricMetadata

Target = tuple[str, str]
"""Job and instance."""
Heard = tuple[int, int]
"""The two newest instants at which a target was heard, the newest last; 0 where there is none."""
Begun = tuple[int, int, int]
"""When a counter says that it began, when it was told to have begun, and the first instant at which it said so."""
RETOLD_MS = 1_800_000
"""How long after it was written last the instant at which a counter began is written again."""


class Pushes:
    """What memory holds of pushed metrics; a new one knows nothing, and repeats some of what is written already."""

    def __init__(self) -> None:
        self._totals = RunningTotals()
        self._begun: dict[int, Begun] = {}
        self._told: dict[str, MetricMetadata] = {}
        self._heard: dict[Target, Heard] | None = None

    def append(
        self, cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, batch: Batch, after_ms: int = NEVER_MS
    ) -> tuple[Kept, int]:
        """Write a batch, less what is not later than an instant: telemetry up to it was counted and removed.

        Returns:
            What was kept, and how many samples were written for all of it.
        """
        if batch.beginnings.labels and self._heard is None:
            self._heard = _last_heard(series)
        batch, written = _append_samples(cursor, series, batch, after_ms)
        new, deltas = written, batch.deltas.after(after_ms)
        if len(deltas.owner):
            increments, appended = self._totals.append(cursor, series, deltas)
            new, written = new + increments, written + appended
        if batch.beginnings.labels:
            written += self._append_beginnings(cursor, series, batch.beginnings)
            self._hear(batch)
        return Kept(batch, new), written

    def news(self, metadata: Mapping[str, MetricMetadata]) -> dict[str, MetricMetadata]:
        """What of the metadata was not told before."""
        found = {name: told for name, told in metadata.items() if self._told.get(name) != told}
        self._told |= found
        return found

    def _append_beginnings(self, cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, begun: Beginnings) -> int:
        """When counters began, as `x_created` in seconds: where it is news, and now and then."""
        numbers = series.numbers(cursor, begun.labels)
        last_ms = series.last_ms[numbers]
        known = np.array([self._begun.get(number, (0, 0, 0)) for number in numbers.tolist()], np.int64).reshape(-1, 3)
        new = last_ms == NEVER_MS
        # What was overtaken by later points is news, too: its process was there before these.
        overtaken = (known[:, 0] == begun.start_ms) & (begun.t_ms < known[:, 2])
        # One that was never written has a newest instant so early that the difference would overflow.
        news = np.flatnonzero((known[:, 0] != begun.start_ms) | overtaken | new | (last_ms < begun.t_ms - RETOLD_MS))
        rows: list[tuple[Labels, int, int]] = []
        for place in news.tolist():
            start_ms, t_ms, number = int(begun.start_ms[place]), int(begun.t_ms[place]), int(numbers[place])
            known_ms, told_ms, since_ms = known[place].tolist()
            if new[place]:
                told_ms = self._not_before(begun.labels[place], start_ms, t_ms)
            elif known_ms != start_ms:
                told_ms = start_ms
            if told_ms < t_ms:
                rows.append((begun.labels[place], t_ms, told_ms))
            if known_ms == start_ms:
                self._begun[number] = start_ms, told_ms, min(t_ms, since_ms)
            elif t_ms >= since_ms:
                self._begun[number] = start_ms, told_ms, t_ms
        labels, times, told = zip(*rows, strict=True) if rows else ((), (), ())
        created = SampleSet.from_rows(labels, np.arange(len(rows)), np.array(times, np.int64), np.array(told) / 1000)
        return sample_table.append(cursor, series, created)

    def _not_before(self, labels: Labels, start_ms: int, t_ms: int) -> int:
        """When a newcomer can have begun to count: when it says, or when its target was last heard without it."""
        before_ms, newest_ms = (self._heard or {}).get(_target(labels), (0, 0))
        heard_ms = newest_ms if newest_ms < t_ms else before_ms
        return heard_ms if start_ms < heard_ms < t_ms else start_ms

    def _hear(self, batch: Batch) -> None:
        newest_ms = int(batch.samples.t_ms.max(initial=0))
        if self._heard is not None:
            for target in {_target(labels) for labels in batch.beginnings.labels}:
                _, known_ms = self._heard.get(target, (0, 0))
                if newest_ms > known_ms:
                    self._heard[target] = known_ms, newest_ms


def _append_samples(
    cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, batch: Batch, after_ms: int
) -> tuple[Batch, int]:
    """Write the samples of a batch; the batch less points that contradict what is kept, and how many were new."""
    owner = np.repeat(series.numbers(cursor, batch.samples.labels), np.diff(batch.samples.offsets))
    t_ms, values, points = batch.samples.t_ms, batch.samples.values, batch.sample_points
    order = np.lexsort((t_ms, owner))
    owner, t_ms, values, points = owner[order], t_ms[order], values[order], points[order]
    new = t_ms > after_ms
    late = np.flatnonzero(t_ms <= series.last_ms[owner])
    if len(late):
        rows = owner[late], t_ms[late], values[late]
        kept = sample_table.around(cursor, rows[0], rows[1], contradictions.NEIGHBOUR_MS)
        new[late] &= ~sample_table.are_known(rows[0], rows[1], kept)
        for refused, why in contradictions.contradictions(rows, kept, series.is_counter):
            if len(places := late[refused]):
                name = series.labels[int(owner[places[0]])].get("__name__", "")
                batch = batch.without(set(points[places].tolist()), f"{name[:80]}: {why}")
                new &= ~np.isin(points, points[places])
    sample_table.write(cursor, series, owner[new], t_ms[new], values[new])
    return batch, int(np.count_nonzero(new))


def _last_heard(series: SeriesDictionary) -> dict[Target, Heard]:
    """The newest sample of each target; what came before it is not asked for."""
    found: dict[Target, Heard] = {}
    for labels, last_ms in zip(series.labels, series.last_ms.tolist(), strict=True):
        target = _target(labels)
        found[target] = 0, max(last_ms, *found.get(target, (0, 0)))
    return found


def _target(labels: Labels) -> Target:
    return labels.get("job", ""), labels.get("instance", "")
