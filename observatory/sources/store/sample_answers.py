"""What samples of the store answer: which series there are, and their samples, one request at a time or several."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from observatory.sources.base import Float64, Int64, SampleSet, SeriesRequest
from observatory.sources.store import bucket_series as bucket_table
from observatory.sources.store import samples as sample_table
from observatory.sources.store.series import SeriesDictionary
from observatory.telemetry.inventory import Inventory, InventoryRequest, LabelSets, MetricMetadata
from observatory.windows import TimeRange

TOGETHER_MS = 3 * 86_400_000
"""Requests for longer are read one by one, so that not all of it is in memory twice."""


def live(cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, span: TimeRange) -> set[int]:
    """Numbers of series whose samples reach into a range; of those that the dictionary knows."""
    rows = cursor.execute(
        "SELECT DISTINCT series_id FROM sample_chunks WHERE last_ms > $1 AND first_ms <= $2"
        " UNION SELECT DISTINCT series_id FROM sample_head WHERE t_ms > $1 AND t_ms <= $2",
        [span.start_ms, span.end_ms],
    ).fetchall()
    return {row[0] for row in rows if row[0] < len(series.labels)}


def inventory(
    cursor: duckdb.DuckDBPyConnection, name: str, series: SeriesDictionary, request: InventoryRequest, span: TimeRange
) -> Inventory:
    """Label combinations of the named metrics; names of all that reach into the range."""
    numbers = live(cursor, series, span)
    found: dict[str, LabelSets] = {}
    for metric, labels in request.labels.items():
        rows: dict[tuple[str, ...], int] = {}
        for number in series.matching(cursor, metric):
            if number in numbers:
                row = tuple(series.labels[number].get(label, "") for label in labels)
                rows[row] = rows.get(row, 0) + 1
        for row in bucket_table.rows(cursor, series, metric, labels, numbers):
            rows[row] = rows.get(row, 0) + 1
        if rows:
            ordered = sorted(rows)
            found[metric] = LabelSets(tuple(labels), tuple(ordered), tuple(rows[row] for row in ordered))
    told = cursor.execute("SELECT metric, type, unit, help FROM metric_metadata").fetchall()
    return Inventory(
        source=name,
        names=frozenset(series.labels[n].get("__name__", "") for n in numbers),
        label_sets=found,
        metadata={metric: MetricMetadata(*words) for metric, *words in told},
    )


def samples(cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, request: SeriesRequest) -> SampleSet:
    """Samples in (start, end] of every matching series that has some, series in order of entry."""
    numbers = series.matching(cursor, request.metric, request.matchers)
    found = SampleSet.of(())
    if numbers:
        span = request.range
        found = _set_of(series, *sample_table.read(cursor, numbers, span.start_ms, span.end_ms))
    buckets = series.buckets(cursor, request.metric, request.matchers)
    return bucket_table.beside(cursor, series, found, request, buckets) if buckets else found


def samples_together(
    cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, requests: Sequence[SeriesRequest]
) -> list[SampleSet]:
    """The same for several requests; those for few days in one go, which unpacks each stretch of the file once."""
    start_ms = min((one.range.start_ms for one in requests), default=0)
    end_ms = max((one.range.end_ms for one in requests), default=0)
    if end_ms - start_ms > TOGETHER_MS or any(series.buckets(cursor, one.metric) for one in requests):
        return [samples(cursor, series, one) for one in requests]
    wanted = [series.matching(cursor, one.metric, one.matchers) for one in requests]
    every = sorted({number for numbers in wanted for number in numbers})
    if not every:
        return [SampleSet.of(()) for _ in requests]
    owner, t_ms, values = sample_table.read(cursor, every, start_ms, end_ms)
    found = []
    for request, numbers in zip(requests, wanted, strict=True):
        asked = np.asarray(numbers, np.int64)
        places = [
            np.arange(low, high)
            for low, high in zip(
                np.searchsorted(owner, asked, "left").tolist(),
                np.searchsorted(owner, asked, "right").tolist(),
                strict=True,
            )
        ]
        at = np.concatenate([np.empty(0, np.int64), *places])
        at = at[(t_ms[at] > request.range.start_ms) & (t_ms[at] <= request.range.end_ms)]
        found.append(_set_of(series, owner[at], t_ms[at], values[at]))
    return found


def _set_of(series: SeriesDictionary, owner: Int64, t_ms: Int64, values: Float64) -> SampleSet:
    starts = np.flatnonzero(np.concatenate([[True], np.diff(owner) != 0])) if len(owner) else np.empty(0, np.int64)
    offsets = np.append(starts, len(owner)).astype(np.int64)
    labels = tuple(series.labels[int(owner[start])] for start in starts)
    return SampleSet(labels, offsets, t_ms, values)
