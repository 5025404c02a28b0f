"""Destinations that telemetry shows and no document declares, with names close to those of silent channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from observatory.diagnose.course import RECENT_MS
from observatory.diagnose.evidence import Stranger
from observatory.errors import Problem, SourceFailed
from observatory.evaluate.snapshot import Snapshot
from observatory.ledger.evidence import Sources
from observatory.sources.base import MetricSource, SeriesRequest
from observatory.spec.catalog import Channel
from observatory.spec.near_names import is_slip
from observatory.telemetry.binding import Matcher, MetricBinding
from observatory.telemetry.inventory import InventoryRequest
from observatory.windows import TimeRange

FLOWS = ("produced_offset", "enqueued_messages", "published_messages", "processed_messages")
"""Signals whose series name destinations and rise with traffic."""


class Strangers(Struct, frozen=True):
    """What was found, per channel id, and whether anything could have been."""

    found: Mapping[str, tuple[Stranger, ...]]
    observable: bool


class _Naming(Struct, frozen=True):
    """A metric and the label in which it names destinations."""

    source: str
    metric: str
    label: str


def find_strangers(
    sources: Sources, snapshot: Snapshot, channels: Sequence[Channel], span: TimeRange, problems: list[Problem]
) -> Strangers:
    """Undeclared names near those of the channels, with the traffic that they have now."""
    if not channels:
        return Strangers({}, observable=True)
    declared = {name.value for channel in snapshot.catalog.channels for name in channel.names}
    declared |= {channel.address for channel in snapshot.catalog.channels if channel.address}
    shown: dict[str, Stranger] = {}
    observable = False
    servers = {source.name: source for source in sources.metrics}
    for naming in _namings(snapshot, channels):
        server = servers.get(naming.source)
        if server is None:
            continue
        try:
            for stranger in _of_series(server, naming, channels, declared, span):
                shown.setdefault(stranger.name, stranger)
            observable = True
        except SourceFailed as error:
            problems += error.problems
    for spans in sources.spans:
        try:
            inventory = spans.destinations(span)
        except SourceFailed as error:
            problems += error.problems
            continue
        observable = True
        for one in inventory.destinations:
            if one.destination not in declared and one.last_ms > span.end_ms - RECENT_MS:
                seconds = max(60.0, (one.last_ms - max(one.first_ms, span.start_ms)) / 1000)
                shown.setdefault(
                    one.destination,
                    Stranger(name=one.destination, rate=one.messages / seconds, since_ms=one.first_ms),
                )
    near = {
        channel.id: tuple(one for name, one in sorted(shown.items()) if is_near(name, channel)) for channel in channels
    }
    return Strangers({key: value for key, value in near.items() if value}, observable)


def is_near(name: str, channel: Channel) -> bool:
    """Whether the name looks like a slip of one of the channel's names."""
    own = [one.value for one in channel.names] + ([channel.address] if channel.address else [])
    return any(is_slip(name, one) for one in own)


def _namings(snapshot: Snapshot, channels: Iterable[Channel]) -> list[_Naming]:
    """Metrics that count some channel's traffic and the label that holds the channel's name there."""
    names = {one.value for channel in snapshot.catalog.channels for one in channel.names}
    protocols = {channel.protocol for channel in channels}
    alike = {channel.id for channel in snapshot.catalog.channels if channel.protocol in protocols}
    alike |= {one.key for one in snapshot.catalog.operations if one.channel_id in alike}
    found: dict[_Naming, None] = {}
    for (subject, signal), resolution in snapshot.mapping.resolutions.items():
        binding = resolution.chosen
        if signal not in FLOWS or subject not in alike or not isinstance(binding, MetricBinding):
            continue
        metric = binding.all[0].selector.metric + ("_count" if binding.kind == "distribution" else "")
        for condition in binding.all[0].selector.matchers:
            if not condition.negated and condition.pattern is None and names.intersection(condition.values):
                found[_Naming(binding.source, metric, condition.label)] = None
    return list(found)


def _of_series(
    server: MetricSource, naming: _Naming, channels: Sequence[Channel], declared: set[str], span: TimeRange
) -> list[Stranger]:
    inventory = server.inventory(InventoryRequest({naming.metric: (naming.label,)}), span)
    sets = inventory.label_sets.get(naming.metric)
    values = {row[sets.labels.index(naming.label)] for row in sets.rows} if sets else set()
    near = sorted(value for value in values - declared - {""} if any(is_near(value, channel) for channel in channels))
    found: list[Stranger] = []
    for value in near:
        rate, since_ms = _traffic(server, naming, value, span)
        if rate is not None and rate > 0:
            found.append(Stranger(name=value, rate=rate, since_ms=since_ms))
    return found


def _traffic(server: MetricSource, naming: _Naming, value: str, span: TimeRange) -> tuple[float | None, int | None]:
    """Rate over the newest quarter of an hour, and when the first rise in the range was."""
    samples = server.samples(SeriesRequest(naming.metric, (Matcher(naming.label, (value,)),), span))
    recent, begins = 0.0, []
    for index in range(len(samples)):
        _, t_ms, values = samples.series(index)
        seen = np.isfinite(values)
        t_ms, values = t_ms[seen], values[seen]
        rises = np.maximum(np.diff(values), 0.0)
        recent += float(rises[t_ms[1:] > span.end_ms - RECENT_MS].sum())
        if rises.any():
            begins.append(int(t_ms[1:][rises > 0][0]))
    return recent / (RECENT_MS / 1000), min(begins, default=None)
