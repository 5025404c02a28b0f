"""Pushed metrics on their way into the tables: samples, running totals, and when counters began."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np

from observatory.sources.base import SampleSet
from observatory.sources.batch import Batch, Beginnings
from observatory.sources.store import samples as sample_table
from observatory.sources.store.running_totals import RunningTotals
from observatory.sources.store.series import NEVER_MS, SeriesDictionary
from observatory.telemetry.inventory import MetricMetadata

RETOLD_MS = 1_800_000
"""How long after it was written last the instant at which a counter began is written again."""


class Pushes:
    """What memory holds of pushed metrics; a new one knows nothing, and repeats some of what is written already."""

    def __init__(self) -> None:
        self._totals = RunningTotals()
        self._begun: dict[int, int] = {}
        self._told: dict[str, MetricMetadata] = {}

    def append(self, cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, batch: Batch) -> tuple[int, int]:
        """Write a batch.

        Returns:
            How many of its samples and increments were new, and how many samples were written for all of it.
        """
        written = new = sample_table.append(cursor, series, batch.samples)
        if len(batch.deltas.owner):
            increments, appended = self._totals.append(cursor, series, batch.deltas)
            new, written = new + increments, written + appended
        if batch.beginnings.labels:
            written += self._append_beginnings(cursor, series, batch.beginnings)
        return new, written

    def news(self, metadata: Mapping[str, MetricMetadata]) -> dict[str, MetricMetadata]:
        """What of the metadata was not told before."""
        found = {name: told for name, told in metadata.items() if self._told.get(name) != told}
        self._told |= found
        return found

    def _append_beginnings(self, cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, begun: Beginnings) -> int:
        """When counters began, as `x_created` in seconds: where it is news, and now and then."""
        numbers = series.numbers(cursor, begun.labels)
        last_ms = series.last_ms[numbers]
        known = np.array([self._begun.get(number, 0) for number in numbers.tolist()], np.int64)
        # One that was never written has a newest instant so early that the difference would overflow.
        news = np.flatnonzero((known != begun.start_ms) | (last_ms == NEVER_MS) | (last_ms < begun.t_ms - RETOLD_MS))
        self._begun |= dict(zip(numbers[news].tolist(), begun.start_ms[news].tolist(), strict=True))
        labels = [begun.labels[place] for place in news.tolist()]
        created = SampleSet.from_rows(labels, np.arange(len(news)), begun.t_ms[news], begun.start_ms[news] / 1000)
        return sample_table.append(cursor, series, created)
