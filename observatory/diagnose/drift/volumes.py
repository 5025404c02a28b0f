"""How much passed under a name, and when it was first and last seen: from raw samples, in few bounded requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
from msgspec import Struct

from observatory.diagnose.drift.runtime_names import Naming
from observatory.errors import Problem, SourceFailed
from observatory.ledger.evidence import Sources
from observatory.sources.base import CountingSource, Float64, MetricSource, SampleSet, SeriesRequest
from observatory.spec.participant import Sighting
from observatory.telemetry.binding import Matcher, MetricBinding
from observatory.telemetry.inventory import Inventory, SpanDestination
from observatory.telemetry.label_table import satisfies
from observatory.windows import TimeRange

RISING = frozenset({"cumulative", "position", "distribution"})
"""Kinds whose rises are numbers of events."""
MAX_NAMED = 300
"""Values that a request names one by one; of more everything is read."""
MAX_SAMPLES = 5_000_000
"""Samples that are read raw; beyond that the server counts, in steps of five minutes."""
SCRAPE_MS = 15_000
SCRAPED = frozenset({"__name__", "instance", "job", "pod", "replica", "prometheus", "prometheus_replica", "endpoint"})
"""Labels that say who read a value, and not what it is about."""
NEWBORN_MS = 600_000
"""How much later than the first series of its metric one must begin to be a newcomer, whose first value counts."""


class _Metric(Struct, frozen=True):
    source: str
    metric: str
    label: str
    kind: str
    counts: bool = True


def sightings(
    sources: Sources,
    namings: Sequence[Naming],
    inventories: Sequence[Inventory],
    span: TimeRange,
    problems: list[Problem],
) -> dict[Naming, Sighting]:
    """What passed under each naming; absent where it could not be read.

    Args:
        namings: Of those whose values do not rise with traffic it is told when they were there.
        problems: What could not be read is added here.
    """
    servers = {source.name: source for source in sources.metrics}
    asked: dict[_Metric, dict[str, Naming]] = {}
    for naming in namings:
        if naming.source in servers:
            metric = _Metric(naming.source, naming.metric, naming.label, naming.kind, naming.flow is not None)
            held = asked.setdefault(metric, {}).get(naming.value)
            if held is None or held.flow is None or (naming.flow is not None and naming.flow < held.flow):
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
    return _samples(server, SeriesRequest(metric.metric, named, span), series, (metric.label,))


def _samples(server: MetricSource, request: SeriesRequest, series: int, labels: tuple[str, ...]) -> SampleSet:
    """Raw samples, or what the server counts where these are too many."""
    span = request.range
    if series * (span.end_ms - span.start_ms) / SCRAPE_MS > MAX_SAMPLES and isinstance(server, CountingSource):
        return server.increments(request, labels)
    return server.samples(request)


_Series = tuple[Mapping[str, str], Sighting]
"""Labels of a series and what passed by it."""


def _series_seen(samples: SampleSet, kind: str, span: TimeRange, *, counts: bool = True) -> Iterator[_Series]:
    """Every series that has values; without `counts` only when it was there."""
    begun = int(samples.t_ms.min()) if len(samples.t_ms) else span.start_ms
    for index in range(len(samples)):
        labels, t_ms, values = samples.series(index)
        held = np.isfinite(values)
        t_ms, values = t_ms[held], values[held]
        if not len(t_ms):
            continue
        newborn = int(t_ms[0]) - begun >= NEWBORN_MS and not samples.pushdown
        messages = _rises(values, kind, newborn=newborn) if counts else None
        yield labels, Sighting(messages=messages, first_ms=int(t_ms[0]), last_ms=int(t_ms[-1]))


def _together(seen: Sequence[_Series], kind: str) -> Sighting:
    """What passed by all of them."""
    parts: dict[object, Sighting] = {}
    for index, (labels, one) in enumerate(seen):
        # A log's position is one, however many exporters read it; counters of several processes add up.
        part: object = index
        if kind == "position":
            part = tuple(sorted((name, text) for name, text in labels.items() if name not in SCRAPED))
        held_by = parts.get(part)
        parts[part] = one if held_by is None or (held_by.messages or 0.0) < (one.messages or 0.0) else held_by
    return _added(list(parts.values()))


def _by_value(samples: SampleSet, metric: _Metric, span: TimeRange) -> dict[str, Sighting]:
    found: dict[str, list[_Series]] = {}
    for labels, one in _series_seen(samples, metric.kind, span, counts=metric.counts):
        found.setdefault(str(labels.get(metric.label, "")), []).append((labels, one))
    return {value: _together(seen, metric.kind) for value, seen in found.items()}


K = TypeVar("K", bound=Hashable)


def passed_by(
    wanted: Mapping[K, MetricBinding], sources: Sources, span: TimeRange, problems: list[Problem]
) -> dict[K, Sighting]:
    """What the series of bindings counted, by one request per metric; absent where they say nothing of a number.

    Args:
        problems: What could not be read is added here.
    """
    servers = {source.name: source for source in sources.metrics}
    asked: dict[tuple[str, str, str], dict[K, tuple[Matcher, ...]]] = {}
    sizes: Counter[tuple[str, str, str]] = Counter()
    for key, binding in wanted.items():
        if binding.kind in RISING and len(binding.all) == 1 and binding.source in servers:
            selector = binding.all[0].selector
            metric = selector.metric + ("_count" if binding.kind == "distribution" else "")
            asked.setdefault((binding.source, metric, binding.kind), {})[key] = selector.matchers
            sizes[binding.source, metric, binding.kind] += binding.series
    found: dict[K, Sighting] = {}
    for at, conditions in asked.items():
        source, metric, kind = at
        labels = tuple(dict.fromkeys(one.label for matchers in conditions.values() for one in matchers))
        try:
            request = SeriesRequest(metric, shared_condition(list(conditions.values())), span)
            samples = _samples(servers[source], request, sizes[at], labels)
        except SourceFailed as error:
            problems += error.problems
            continue
        problems += samples.problems
        every = _SeriesByLabel(list(_series_seen(samples, kind, span)))
        for key, matchers in conditions.items():
            if own := every.of(matchers):
                found[key] = _together(own, kind)
    return found


class _SeriesByLabel:
    """Series, found by the first label that a condition names: participants may be thousands."""

    def __init__(self, series: Sequence[_Series]) -> None:
        self._series = series
        self._by_label: dict[str, dict[str, list[_Series]]] = {}

    def of(self, matchers: Sequence[Matcher]) -> list[_Series]:
        """Those that satisfy every condition."""
        plain = next((one for one in matchers if one.values and not one.negated), None)
        candidates = self._series
        if plain is not None:
            index = self._index(plain.label)
            candidates = [one for value in plain.values for one in index.get(value, ())]
        return [one for one in candidates if all(satisfies(each, one[0].get(each.label, "")) for each in matchers)]

    def _index(self, label: str) -> dict[str, list[_Series]]:
        if label not in self._by_label:
            index: dict[str, list[_Series]] = {}
            for one in self._series:
                index.setdefault(one[0].get(label, ""), []).append(one)
            self._by_label[label] = index
        return self._by_label[label]


def shared_condition(conditions: Sequence[tuple[Matcher, ...]]) -> tuple[Matcher, ...]:
    """A condition that holds for all of them: the values of the label that each of them names first."""
    first = [matchers[0] for matchers in conditions if matchers]
    labels = {one.label for one in first}
    values = {value for one in first for value in one.values}
    plain = len(first) == len(conditions) and all(one.pattern is None and not one.negated for one in first)
    if plain and len(labels) == 1 and len(values) <= MAX_NAMED:
        return (Matcher(labels.pop(), tuple(sorted(values))),)
    return ()


def _rises(values: Float64, kind: str, *, newborn: bool) -> float:
    """Events between samples: rises, and after a reset of a counter what it has counted since."""
    steps = np.diff(values)
    if kind in ("cumulative", "distribution"):
        steps = np.where(steps < 0, values[1:], steps)
    counted = float(np.maximum(steps, 0.0).sum())
    return counted + (max(0.0, float(values[0])) if newborn else 0.0)


def _added(parts: Sequence[Sighting]) -> Sighting:
    counted = [one.messages for one in parts if one.messages is not None]
    return Sighting(
        messages=sum(counted) if counted else None,
        first_ms=min(one.first_ms for one in parts if one.first_ms is not None),
        last_ms=max(one.last_ms for one in parts if one.last_ms is not None),
    )


def best_of(namings: Sequence[Naming], seen: Mapping[Naming, Sighting]) -> Sighting | None:
    """What is known of one name: the messages of the most direct metric that saw any, the widest range of all.

    A metric whose series began with the messages already in it saw none of them, and is no proof of silence.
    """
    known = [(naming.flow, seen[naming]) for naming in namings if naming in seen]
    if not known:
        return None
    # Several metrics of one kind, such as those of two naming variants or two exporters, are the same messages.
    flows = {flow for flow, _ in known if flow is not None}
    most = {flow: max((one.messages or 0.0) for other, one in known if other == flow) for flow in flows}
    return Sighting(
        messages=next((most[flow] for flow in sorted(most) if most[flow]), 0.0) if most else None,
        first_ms=min(one.first_ms for _, one in known if one.first_ms is not None),
        last_ms=max(one.last_ms for _, one in known if one.last_ms is not None),
    )


def of_spans(rows: Sequence[SpanDestination]) -> Sighting | None:
    """Messages that spans tell of, by the side that saw more of them; None without spans."""
    if not rows:
        return None
    sides = {role: sum(row.messages for row in rows if row.role == role) for role in ("producer", "consumer")}
    return Sighting(
        messages=max(sides.values()),
        first_ms=min(row.first_ms for row in rows),
        last_ms=max(row.last_ms for row in rows),
    )


def wider(first: Sighting | None, second: Sighting | None) -> Sighting | None:
    """Messages of the first that knows them, and the widest range of both."""
    if first is None or second is None:
        return first or second
    starts = [one.first_ms for one in (first, second) if one.first_ms is not None]
    ends = [one.last_ms for one in (first, second) if one.last_ms is not None]
    return Sighting(
        messages=first.messages if first.messages is not None else second.messages,
        first_ms=min(starts, default=None),
        last_ms=max(ends, default=None),
    )
