"""Who produces and who consumes, as spans show it, for the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.settings import Settings
from observatory.spec.catalog import Catalog
from observatory.spec.topology import Observed
from observatory.telemetry.binding import MappingResult, SpanBinding, SpanSelector
from observatory.telemetry.inventory import SpanDestination
from observatory.windows import TimeRange

DAYS = 30
_SIGNALS = ("end_to_end_latency", "processed_messages", "published_messages")


def observe(catalog: Catalog, settings: Settings, at_ms: int) -> list[Observed]:
    """Participants that spans show in the 30 days before an instant; none where no source keeps spans.

    Raises:
        SourceFailed: A source of spans did not answer.
    """
    from observatory.sources.opening import open_sources
    from observatory.telemetry.mapping import map_catalog
    from observatory.telemetry.profile import load_profiles

    span = TimeRange(at_ms - DAYS * 86_400_000, at_ms)
    with open_sources(settings, read_only_store=True) as sources:
        inventories = [source.destinations(span) for source in sources.spans]
    seen = [one for inventory in inventories for one in inventory.destinations]
    if not seen:
        return []
    mapping = map_catalog(catalog, load_profiles(settings.profiles_dir), inventories)
    return [
        observed
        for channel in catalog.channels
        for observed in _on_channel(channel.id, _selector(catalog, channel.id, mapping), seen)
    ]


def _selector(catalog: Catalog, channel_id: str, mapping: MappingResult) -> SpanSelector:
    """Every spelling that mapping found for a channel, and its own exact names."""
    names = dict.fromkeys(name.value for name in catalog.channel(channel_id).names if name.pattern is None)
    for subject in (channel_id, *(operation.key for operation in catalog.operations_on(channel_id))):
        for signal in _SIGNALS:
            binding = mapping.chosen(subject, signal)
            if isinstance(binding, SpanBinding):
                names |= dict.fromkeys(binding.selector.destinations)
    return SpanSelector(destinations=tuple(names))


def _on_channel(channel_id: str, selector: SpanSelector, seen: Sequence[SpanDestination]) -> list[Observed]:
    """One entry per side, service and group, however many spellings it uses."""
    joined: dict[tuple[str, str, str], list[SpanDestination]] = {}
    for one in seen:
        if one.destination in selector.destinations:
            action = "send" if one.role == "producer" else "receive"
            joined.setdefault((action, one.service, one.consumer_group), []).append(one)
    return [
        Observed(
            channel_id=channel_id,
            action=action,
            service=service,
            consumer_group=group or None,
            messages=sum(one.messages for one in rows),
            first_ms=min(one.first_ms for one in rows),
            last_ms=max(one.last_ms for one in rows),
        )
        for (action, service, group), rows in sorted(joined.items())
    ]
