"""Replicas: two Prometheus servers that scrape the same target, side by side in one store, are one observation.

Such series differ in nothing but the label that names the server. Added, every event would count twice; merged sample
by sample, the small differences of their clocks would look like resets. So the series with most samples speaks, and
where it has a gap the others fill in.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from observatory.ledger.targets import DEFAULT_CADENCE_MS, GAP_CADENCES
from observatory.sources.base import Float64, Int64, SampleSet

REPLICA_LABELS = frozenset({"prometheus_replica", "__replica__"})
"""Labels by which the Prometheus operator, Thanos and Mimir tell servers of one pair apart."""


def without_replicas(samples: SampleSet) -> SampleSet:
    """One series for each group of replicas, without the label that told them apart; others are left as they are."""
    if not any(REPLICA_LABELS & labels.keys() for labels in samples.labels):
        return samples
    groups: dict[frozenset[tuple[str, str]], list[int]] = {}
    for index, labels in enumerate(samples.labels):
        groups.setdefault(frozenset(_named(labels).items()), []).append(index)
    merged: list[tuple[Mapping[str, str], Int64, Float64]] = []
    for members in groups.values():
        members.sort(key=lambda index: int(samples.offsets[index] - samples.offsets[index + 1]))
        labels, t_ms, values = samples.series(members[0])
        for other in members[1:]:
            t_ms, values = _filled(t_ms, values, *samples.series(other)[1:])
        merged.append((_named(labels), t_ms, values))
    joined = SampleSet.of(merged)
    return SampleSet(joined.labels, joined.offsets, joined.t_ms, joined.values, samples.exact, samples.resolution_ms)


def _named(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in REPLICA_LABELS}


def _filled(t_ms: Int64, values: Float64, other_t_ms: Int64, other: Float64) -> tuple[Int64, Float64]:
    """The first series, with samples of the other one inside its gaps, before its begin and after its end."""
    if not len(t_ms) or not len(other_t_ms):
        return (t_ms, values) if len(t_ms) else (other_t_ms, other)
    cadence = float(np.median(np.diff(t_ms))) if len(t_ms) > 1 else DEFAULT_CADENCE_MS
    after = np.searchsorted(t_ms, other_t_ms)
    before_ms = np.where(after > 0, t_ms[np.maximum(after - 1, 0)], np.iinfo(np.int64).min // 2)
    next_ms = np.where(after < len(t_ms), t_ms[np.minimum(after, len(t_ms) - 1)], np.iinfo(np.int64).max // 2)
    # Half a cadence from the samples around it, so that clocks that differ a little cannot put values out of order.
    fills = (next_ms - before_ms > GAP_CADENCES * cadence) & (other_t_ms - before_ms > cadence / 2)
    fills &= next_ms - other_t_ms > cadence / 2
    if not fills.any():
        return t_ms, values
    joined_t, joined = np.concatenate((t_ms, other_t_ms[fills])), np.concatenate((values, other[fills]))
    order = np.argsort(joined_t, kind="stable")
    return joined_t[order], joined[order]
