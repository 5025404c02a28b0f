"""How far apart the samples are that measure an objective: rules count five minutes at a time, and need two in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from observatory.compile.plan import Leaf, Measurement, leaves_of, make_plan
from observatory.errors import SourceFailed
from observatory.sources.base import MetricSource, SampleSet, SeriesRequest
from observatory.windows import TimeRange

LOOKED_AT_MS = 3_600_000
FEWEST = 3
"""Samples of a series in that hour from which on their distance is told."""


def sample_distances(
    measurements: Mapping[str, Measurement], sources: Sequence[MetricSource], at_ms: int
) -> dict[str, float]:
    """By objective id the seconds between two samples of the rarest series that it is counted from, as the hour shows.

    Of series with the same name the one that is sampled most often speaks for all. What no source tells (silent series,
    spans, samples on a query grid, a source that failed) is left out.
    """
    span = TimeRange(at_ms - LOOKED_AT_MS, at_ms)
    by_name = {source.name: source for source in sources}
    apart: dict[Leaf, float] = {}
    for request in make_plan(measurements.values()).requests:
        source = by_name.get(request.source)
        try:
            found = source.samples(SeriesRequest(request.metric, request.matchers, span)) if source else None
        except SourceFailed:
            continue
        seconds = _least_seconds(found) if found is not None and found.exact else None
        if seconds is not None:
            apart |= dict.fromkeys(request.leaves, seconds)
    known = {id_: [apart[leaf] for leaf, _ in leaves_of(one) if leaf in apart] for id_, one in measurements.items()}
    return {id_: max(seconds) for id_, seconds in known.items() if seconds}


def _least_seconds(samples: SampleSet) -> float | None:
    times = (samples.series(index)[1] for index in range(len(samples)))
    found = [float(np.median(np.diff(t_ms))) / 1000 for t_ms in times if len(t_ms) >= FEWEST]
    return min(found, default=None)
