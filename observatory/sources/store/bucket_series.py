"""The classic series that exponential histograms of the store stand for, read from their single buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import duckdb
import numpy as np

from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.histogram_kinds import as_one, by_boundary
from observatory.sources.store import samples as sample_table
from observatory.sources.store.series import SeriesDictionary
from observatory.sources.store.sparse_buckets import (
    BUCKET,
    BucketSeries,
    asked_bounds,
    at_most,
    boundaries,
    bucket_of,
    group_of,
)


def rows(
    cursor: duckdb.DuckDBPyConnection,
    series: SeriesDictionary,
    metric: str,
    labels: Sequence[str],
    live: Set[int],
) -> Iterator[tuple[str, ...]]:
    """Values of some labels on the classic series of a metric; several may be equal."""
    found = [series.labels[number] for number in series.buckets(cursor, metric) if number in live]
    texts = boundaries(one[BUCKET] for one in found) if "le" in labels else ("",)
    for group in dict.fromkeys(map(group_of, found)):
        shared = dict(group)
        yield from (tuple((shared | {"le": le}).get(label, "") for label in labels) for le in texts)


def beside(
    cursor: duckdb.DuckDBPyConnection,
    series: SeriesDictionary,
    plain: SampleSet,
    request: SeriesRequest,
    numbers: Sequence[int],
) -> SampleSet:
    """Plain series of a request, and those that the numbered buckets stand for, as one histogram each."""
    span = request.range
    owner, t_ms, values = sample_table.read(cursor, numbers, span.start_ms, span.end_ms)
    before = sample_table.last_until(cursor, numbers, span.start_ms)
    groups: dict[frozenset[tuple[str, str]], list[BucketSeries]] = {}
    for number in numbers:
        part = slice(*np.searchsorted(owner, (number, number + 1)))
        last = before[number][1] if number in before else None
        one = BucketSeries(bucket_of(series.labels[number][BUCKET]), t_ms[part], values[part], last)
        groups.setdefault(group_of(series.labels[number]), []).append(one)
    shown = []
    asked = asked_bounds(request.matchers, boundaries(series.labels[number][BUCKET] for number in numbers))
    for bound, le in by_boundary(asked).items():
        for group, buckets in groups.items():
            at_ms, counts = at_most(buckets, bound)
            if len(at_ms):
                shown.append((dict(group) | {"le": le}, at_ms, counts))
    return as_one(plain, SampleSet.of(shown), asked)
