"""How much passed under a name, and when it was first and last seen: from raw samples, in few bounded requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from observatory.diagnose.drift.runtime_names import Naming
from observatory.errors import Problem, SourceFailed
from observatory.ledger.evidence import Sources
from observatory.sources.base import CountingSource, Float64, MetricSource, SampleSet, SeriesRequest
from observatory.spec.participant import Sighting
from observatory.telemetry.binding import Matcher
from observatory.telemetry.inventory import Inventory
from observatory.windows import TimeRange

MAX_NAMED = 300
"""Values that a request names one by one; of more everything is read."""
MAX_SAMPLES = 5_000_000
"""Samples that are read raw; beyond that the server counts, in steps of five minutes."""
SCRAPE_MS = 15_000
SCRAPED = frozenset({"__name__", "instance", "job", "pod", "replica", "prometheus", "prometheus_replica", "endpoint"})
"""Labels that say who read a value, and not what it is about."""
NEWBORN_MS = 600_000
"""How much later than the first series of its metric one must begin to be a newcomer, whose first value counts."""


@dataclass(frozen=True, slots=True)
class _Metric:
    source: str
    metric: str
    label: str
    kind: str


def sightings(
    sources: Sources,
    namings: Sequence[Naming],
    inventories: Sequence[Inventory],
    span: TimeRange,
    problems: list[Problem],
) -> dict[Naming, Sighting]:
    """What passed under each naming; absent where it could not be read.

    Args:
        namings: Those whose values rise with traffic; others are left out.
        problems: What could not be read is added here.
    """
    servers = {source.name: source for source in sources.metrics}
    asked: dict[_Metric, dict[str, Naming]] = {}
    for naming in namings:
        if naming.flow is not None and naming.source in servers:
            metric = _Metric(naming.source, naming.metric, naming.label, naming.kind)
            held = asked.setdefault(metric, {}).get(naming.value)
            if held is None or held.flow is None or naming.flow < held.flow:
                asked[metric][naming.value] = naming
    found: dict[Naming, Sighting] = {}
    for metric, values in asked.items():
        try:
            samples = _read(servers[metric.source], metric, values, _series(inventories, metric, values), span)
        except SourceFailed as error:
            problems += error.problems
            continue
        problems += samples.problems
        for value, seen in _by_value(samples, metric, span).items():
            if value in values:
                found[values[value]] = seen
    return found


def _series(inventories: Sequence[Inventory], metric: _Metric, values: Mapping[str, Naming]) -> int:
    """How many series stand behind the values."""
    for inventory in inventories:
        if inventory.source != metric.source:
            continue
        for name in (metric.metric, metric.metric.removesuffix("_count") + "_bucket"):
            if (sets := inventory.label_sets.get(name)) is not None and metric.label in sets.labels:
                column = sets.labels.index(metric.label)
                rows = zip(sets.rows, sets.series, strict=True)
                return sum(number for row, number in rows if row[column] in values)
    return len(values)


def _read(
    server: MetricSource, metric: _Metric, values: Mapping[str, Naming], series: int, span: TimeRange
) -> SampleSet:
    named = (Matcher(metric.label, tuple(sorted(values))),) if len(values) <= MAX_NAMED else ()
    request = SeriesRequest(metric.metric, named, span)
    if series * (span.end_ms - span.start_ms) / SCRAPE_MS > MAX_SAMPLES and isinstance(server, CountingSource):
        return server.increments(request, (metric.label,))
    return server.samples(request)


def _by_value(samples: SampleSet, metric: _Metric, span: TimeRange) -> dict[str, Sighting]:
    begun = int(samples.t_ms.min()) if len(samples.t_ms) else span.start_ms
    found: dict[str, dict[object, Sighting]] = {}
    for index in range(len(samples)):
        labels, t_ms, values = samples.series(index)
        held = np.isfinite(values)
        t_ms, values = t_ms[held], values[held]
        if not len(t_ms):
            continue
        rises = _rises(values, metric.kind, newborn=int(t_ms[0]) - begun >= NEWBORN_MS and not samples.pushdown)
        one = Sighting(messages=rises, first_ms=int(t_ms[0]), last_ms=int(t_ms[-1]))
        parts = found.setdefault(str(labels.get(metric.label, "")), {})
        # A log's position is one, however many exporters read it; counters of several processes add up.
        part: object = index
        if metric.kind == "position":
            part = tuple(sorted((name, text) for name, text in labels.items() if name not in SCRAPED))
        held_by = parts.get(part)
        parts[part] = one if held_by is None or (held_by.messages or 0.0) < rises else held_by
    return {value: _added(list(parts.values())) for value, parts in found.items()}


def _rises(values: Float64, kind: str, *, newborn: bool) -> float:
    """Events between samples: rises, and after a reset of a counter what it has counted since."""
    steps = np.diff(values)
    if kind in ("cumulative", "distribution"):
        steps = np.where(steps < 0, values[1:], steps)
    counted = float(np.maximum(steps, 0.0).sum())
    return counted + (max(0.0, float(values[0])) if newborn else 0.0)


def _added(parts: Sequence[Sighting]) -> Sighting:
    return Sighting(
        messages=sum(one.messages or 0.0 for one in parts),
        first_ms=min(one.first_ms for one in parts if one.first_ms is not None),
        last_ms=max(one.last_ms for one in parts if one.last_ms is not None),
    )


def best_of(namings: Sequence[Naming], seen: Mapping[Naming, Sighting]) -> Sighting | None:
    """What is known of one name: the messages of the most direct metric that saw any, the widest range of all.

    A metric whose series began with the messages already in it saw none of them, and is no proof of silence.
    """
    known = [(naming.flow, seen[naming]) for naming in namings if naming in seen and naming.flow is not None]
    if not known:
        return None
    # Several metrics of one kind, such as those of two naming variants or two exporters, are the same messages.
    most = {flow: max((one.messages or 0.0) for other, one in known if other == flow) for flow, _ in known}
    return Sighting(
        messages=next((most[flow] for flow in sorted(most) if most[flow]), 0.0),
        first_ms=min(one.first_ms for _, one in known if one.first_ms is not None),
        last_ms=max(one.last_ms for _, one in known if one.last_ms is not None),
    )
