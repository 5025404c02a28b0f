"""What a request of pushed metrics holds, whatever protocol brought it: what the store keeps in one transaction.

Samples are as they were sent. Increments (deltas) become running totals in the store. What cannot be used was left out
and counted, with the first reason; it does not spoil the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from observatory.sources.base import Float64, Int64, SampleSet
from observatory.telemetry.inventory import MetricMetadata

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deltas:
    """Increments: point i adds `values[i]` to series `owner[i]` between `start_ms[i]` and `t_ms[i]`."""

    labels: tuple[Labels, ...]
    owner: Int64
    start_ms: Int64
    t_ms: Int64
    values: Float64

    def after(self, t_ms: int) -> Deltas:
        """Those that end after an instant."""
        kept = self.t_ms > t_ms
        if kept.all():
            return self
        return Deltas(self.labels, self.owner[kept], self.start_ms[kept], self.t_ms[kept], self.values[kept])


@dataclass(frozen=True, slots=True)
class Beginnings:
    """When series of counters began: seen at `t_ms[i]`, series `labels[i]` (`x_created`) began at `start_ms[i]`."""

    labels: tuple[Labels, ...]
    start_ms: Int64
    t_ms: Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request, ready to be kept.

    Attributes:
        samples: As they were sent; NaN is a stale marker.
        deltas: Increments, of series that the samples do not hold.
        beginnings: When counters began, of those that say so.
        metadata: By name of the metric.
        points: Points of the sender that are in the batch; of remote-write these are samples.
        histograms: How many of the points are whole histograms, of remote-write only.
        rejected: Points that were left out because they are faulty.
        ignored: Points that are well-formed and that nothing here can use.
        reason: Why the first one was rejected; empty when none was.
    """

    samples: SampleSet
    deltas: Deltas
    beginnings: Beginnings
    metadata: Mapping[str, MetricMetadata] = field(default_factory=dict)
    points: int = 0
    histograms: int = 0
    rejected: int = 0
    ignored: int = 0
    reason: str = ""
