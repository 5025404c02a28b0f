"""What a request of pushed metrics holds, whatever protocol brought it: what the store keeps in one transaction.

Samples are as they were sent. Increments (deltas) become running totals in the store. What cannot be used was left out
and counted, with the first reason; it does not spoil the rest.

A point of the sender may be several samples, as a histogram is: each says of which point it is, so that the store can
leave out a point as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64, SampleSet
from observatory.telemetry.inventory import MetricMetadata

Labels = Mapping[str, str]
Bools = NDArray[np.bool_]
NO_POINT = -1


class Deltas(Struct, frozen=True):
    """Increments: `points[i]` adds `values[i]` to series `owner[i]` between `start_ms[i]` and `t_ms[i]`."""

    labels: tuple[Labels, ...]
    owner: Int64
    start_ms: Int64
    t_ms: Int64
    values: Float64
    points: Int64

    def after(self, t_ms: int) -> Deltas:
        """Those that end after an instant."""
        kept = self.t_ms > t_ms
        return self if kept.all() else self.where(kept)

    def where(self, kept: Bools) -> Deltas:
        """Some of them, with the series that these have."""
        labels, owner = used_labels(self.labels, self.owner[kept])
        return Deltas(
            labels, owner, self.start_ms[kept], self.t_ms[kept], self.values[kept], self.points[kept]
        )  # fmt: skip


class Beginnings(Struct, frozen=True):
    """When series of counters began: `labels[i]` (`x_created`) at `start_ms[i]`, as `points[i]` says at `t_ms[i]`."""

    labels: tuple[Labels, ...]
    start_ms: Int64
    t_ms: Int64
    points: Int64

    def where(self, kept: Bools) -> Beginnings:
        """Some of them."""
        labels = tuple(self.labels[place] for place in np.flatnonzero(kept).tolist())
        return Beginnings(labels, self.start_ms[kept], self.t_ms[kept], self.points[kept])


class Batch(Struct, frozen=True, kw_only=True):
    """One request, ready to be kept.

    Attributes:
        samples: As they were sent; NaN is a stale marker.
        sample_points: The point of each sample; `NO_POINT` of what is said besides.
        deltas: Increments, of series that the samples do not hold.
        beginnings: When counters began, of those that say so.
        metadata: By name of the metric.
        points: Points of the sender that are in the batch; of remote-write these are samples.
        histogram_points: Which of the points are whole histograms, of remote-write only.
        rejected: Points that were left out because they are faulty.
        ignored: Points that are well-formed and that nothing here can use.
        reason: Why the first one was rejected; empty when none was.
    """

    samples: SampleSet
    sample_points: Int64
    deltas: Deltas
    beginnings: Beginnings
    metadata: Mapping[str, MetricMetadata] = field(default_factory=dict)
    points: int = 0
    histogram_points: frozenset[int] = frozenset()
    rejected: int = 0
    ignored: int = 0
    reason: str = ""

    @property
    def histograms(self) -> int:
        """How many of the points are whole histograms."""
        return len(self.histogram_points)

    def without(self, points: Collection[int], reason: str) -> Batch:
        """The same, less some of its points, which are rejected; `NO_POINT` stands for what is said besides."""
        rejected = len(set(points) - {NO_POINT})
        left_out = np.fromiter(points, np.int64)
        kept = ~np.isin(self.sample_points, left_out)
        owner = np.repeat(np.arange(len(self.samples)), np.diff(self.samples.offsets))
        return replace(
            self,
            samples=samples_of(self.samples.labels, owner[kept], self.samples.t_ms[kept], self.samples.values[kept]),
            sample_points=self.sample_points[kept],
            deltas=self.deltas.where(~np.isin(self.deltas.points, left_out)),
            beginnings=self.beginnings.where(~np.isin(self.beginnings.points, left_out)),
            points=self.points - rejected,
            histogram_points=self.histogram_points.difference(points),
            rejected=self.rejected + rejected,
            reason=self.reason or (reason if rejected else ""),
        )


class Kept(Struct, frozen=True):
    """What became of a batch.

    Attributes:
        batch: The batch, less points that the store had to reject.
        new: How many samples and increments of it were new.
    """

    batch: Batch
    new: int


def samples_of(labels: Sequence[Labels], owner: Int64, t_ms: Int64, values: Float64) -> SampleSet:
    """A set from samples that are sorted by series, then time; series without any are left out."""
    used, owner = used_labels(labels, owner)
    return SampleSet(used, np.searchsorted(owner, np.arange(len(used) + 1)).astype(np.int64), t_ms, values)


def used_labels(labels: Sequence[Labels], owner: Int64) -> tuple[tuple[Labels, ...], Int64]:
    """The label sets that have something, and the owners numbered by these."""
    places, numbered = np.unique(owner, return_inverse=True)
    return tuple(labels[place] for place in places.tolist()), numbered.astype(np.int64)
