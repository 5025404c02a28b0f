"""Replicas: one target observed more than once, side by side in one store, is one observation.

Servers that run as a pair scrape the same targets, and a server that federates holds copies of what it may also scrape
itself. Added, every event would count twice; merged sample by sample, the small differences of their clocks would look
like resets. So one of them speaks, the same on every day, and where it has a gap the others fill in.

Some labels say nothing but which server of a pair it was. Others often do, and could also mean something of their own;
series that differ in these alone are one only when their values tell the same story.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace

from observatory.ledger.targets import DEFAULT_CADENCE_MS, GAP_CADENCES
from observatory.sources.base import Float64, Int64, SampleSet

REPLICA_LABELS = frozenset({"prometheus_replica", "__replica__"})
"""Labels by which the Prometheus operator, Thanos and Mimir tell servers of one pair apart."""
SERVER_LABELS = frozenset({"replica", "prometheus", "monitor"})
"""Labels by which others do, so that copies federated from both servers of a pair carry them."""
EXPORTED = {"exported_job": "job", "exported_instance": "instance"}
"""Where a server that federates without `honor_labels` puts the labels of the original."""
SAME_STORY = 0.95
"""Share of one series' samples that must lie between the neighbouring samples of the other."""

_Series = tuple[Mapping[str, str], Int64, Float64]


def without_replicas(samples: SampleSet) -> SampleSet:
    """One series for each group of replicas, without the label that told them apart; others are left as they are.

    What the server counted are sums of all that one server of a pair observed, of which one speaks; copies that only
    their values give away cannot be told apart in it.
    """
    if samples.pushdown:
        return _one_of_sums(samples)
    suspects = REPLICA_LABELS | SERVER_LABELS | EXPORTED.keys()
    if all(suspects.isdisjoint(labels) for labels in samples.labels):
        return samples
    groups: dict[frozenset[tuple[str, str]], list[int]] = {}
    for index, labels in enumerate(samples.labels):
        groups.setdefault(frozenset(_identity(labels).items()), []).append(index)
    if len(groups) == len(samples) and all(REPLICA_LABELS.isdisjoint(labels) for labels in samples.labels):
        return samples  # nothing to merge and no label to drop: a month of samples is not copied for that
    merged: list[_Series] = []
    for members in groups.values():
        merged += _observations([samples.series(index) for index in members])
    joined = SampleSet.of(merged)
    return SampleSet(joined.labels, joined.offsets, joined.t_ms, joined.values, samples.exact, samples.resolution_ms)


def _one_of_sums(samples: SampleSet) -> SampleSet:
    """As `without_replicas` of running sums."""
    if all(REPLICA_LABELS.isdisjoint(labels) for labels in samples.labels):
        return samples
    groups: dict[frozenset[tuple[str, str]], list[_Series]] = {}
    for labels, t_ms, values in sorted(
        (samples.series(index) for index in range(len(samples))), key=lambda one: sorted(one[0].items())
    ):
        named = {name: value for name, value in labels.items() if name not in REPLICA_LABELS}
        groups.setdefault(frozenset(named.items()), []).append((named, t_ms, values))
    merged: list[_Series] = []
    for members in groups.values():
        told, t_ms, sums = members[0]
        for _, other_t_ms, other in members[1:]:
            t_ms, sums = _sums_filled(t_ms, sums, other_t_ms, other)
        merged.append((told, t_ms, sums))
    joined = SampleSet.of(merged)
    return replace(
        joined, exact=samples.exact, resolution_ms=samples.resolution_ms, problems=samples.problems, pushdown=True
    )


def _sums_filled(t_ms: Int64, sums: Float64, other_t_ms: Int64, other: Float64) -> tuple[Int64, Float64]:
    """The first running sums; where they have gaps, what the other ones grew by in them instead."""
    if len(t_ms) < 2 or len(other_t_ms) < 2:
        return (t_ms, sums) if len(t_ms) >= len(other_t_ms) else (other_t_ms, other)
    grown, other_grown = np.diff(sums, prepend=sums[0]), np.diff(other, prepend=other[0])
    edges_ms = np.concatenate(([np.iinfo(np.int64).min // 2], t_ms, [np.iinfo(np.int64).max // 2]))
    cadence = float(np.median(np.diff(t_ms)))
    gaps = np.diff(edges_ms) > GAP_CADENCES * cadence
    place = np.searchsorted(t_ms, other_t_ms)
    # What the first one shows first it has counted for a cadence.
    fills = gaps[place] & ((place > 0) | (other_t_ms <= t_ms[1] - cadence / 2))
    fills &= (place < len(t_ms)) | (other_t_ms >= t_ms[-1] + cadence / 2)
    # With what it saw the other one also counts what the first one finds at the end of its gap.
    spoken = place[fills & (place < len(t_ms))]
    grown[spoken] = 0.0
    joined_ms = np.concatenate((t_ms, other_t_ms[fills]))
    every_ms, owner = np.unique(joined_ms, return_inverse=True)
    amounts = np.bincount(owner, weights=np.concatenate((grown, other_grown[fills])))
    return every_ms, np.cumsum(amounts)


def _identity(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels of the thing observed, whoever observed it."""
    if EXPORTED.keys() <= labels.keys():
        labels = {**labels, **{plain: labels[exported] for exported, plain in EXPORTED.items()}}
        labels = {name: value for name, value in labels.items() if name not in EXPORTED}
    return {name: value for name, value in labels.items() if name not in REPLICA_LABELS | SERVER_LABELS}


def _observations(members: list[_Series]) -> list[_Series]:
    """The members of one group, those that are one observation merged.

    The first by its labels speaks, an original before its copies, so that it is the same on every day.
    """
    members.sort(key=lambda one: (not EXPORTED.keys().isdisjoint(one[0]), sorted(one[0].items())))
    found: list[_Series] = []
    for labels, t_ms, values in members:
        named = {name: value for name, value in labels.items() if name not in REPLICA_LABELS}
        for place, (into, first_t, first) in enumerate(found):
            if into == named or _same_story(first_t, first, t_ms, values):
                found[place] = (into, *_filled(first_t, first, t_ms, values))
                break
        else:
            found.append((named, t_ms, values))
    return found


def _same_story(t_ms: Int64, values: Float64, other_t_ms: Int64, other: Float64) -> bool:
    """Whether the samples of the shorter series lie between those of the longer one around them."""
    if len(t_ms) < len(other_t_ms):
        t_ms, values, other_t_ms, other = other_t_ms, other, t_ms, values
    if len(t_ms) < 2 or not len(other_t_ms):
        return False
    after = np.searchsorted(t_ms, other_t_ms)
    inside = (after > 0) & (after < len(t_ms))
    if not inside.any():
        return False
    after, seen = after[inside], other[inside]
    low, high = values[after - 1], values[after]
    # Where the first fell, the second may still show the old value or already the new one.
    between = ((low <= seen) & (seen <= high)) | (high < low)
    return float(between.mean()) >= SAME_STORY


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
