"""Who produces and who consumes: what documents declare and what telemetry shows, side by side.

Spans show services and count messages. Series labels of exporters show consumer groups, and that a declared operation
is alive, but count nothing here. Names are matched as the mapping matches them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from observatory.spec.catalog import Catalog, Channel, Operation
from observatory.spec.participant import Participant, Sighting, declared_on
from observatory.telemetry.binding import MappingResult, MetricBinding
from observatory.telemetry.discovery import tables_of
from observatory.telemetry.inventory import Inventory, SpanDestination
from observatory.telemetry.label_matchers import names_service
from observatory.telemetry.mapping import SIGNALS_OF_ROLE, identifying_labels
from observatory.telemetry.matching import Matching
from observatory.telemetry.recipe import Profile
from observatory.telemetry.span_matching import EXCHANGE_AND_QUEUE, by_elimination
from observatory.telemetry.span_rows import SpanRows
from observatory.telemetry.subject import Subject, WrittenName, subjects_of

Participants = Mapping[str, tuple[Participant, ...]]
"""By channel id: senders first, declared ones first within a side."""

EXACT, BY_PATTERN, BEHIND, ELIMINATED, LOOSE = range(5)
"""How a destination names a channel, best first: by its name; by the pattern of a parameterised address; as a queue
that no document knows behind its exchange and key; as the only one of a consumer; by its exchange alone."""


def participants(
    catalog: Catalog, mapping: MappingResult, inventories: Sequence[Inventory], profiles: Sequence[Profile]
) -> Participants:
    """Declared producers and consumers of every channel with what is seen of them, and the undeclared ones.

    Args:
        mapping: Of the same catalogue and inventories.
        inventories: What each source has, in the order of preference; none leaves everything unseen.
        profiles: From `load_profiles`: they know how names are spelled and which label holds a consumer group.

    A destination belongs to the channel on which its service is declared; where no document declares it, to the channel
    that it names best. Where several remain, such as one address on two brokers, each shows the participant and none
    its messages. A consumer group that contradicts the declared one is another participant.
    """
    subjects = list(subjects_of(catalog))
    of_channel = {subject.key: subject for subject in subjects if subject.role == "channel"}
    spans = SpanRows(_rows(inventories))
    placed = _placed(catalog, subjects, spans, profiles)
    groups = _groups(inventories, of_channel, profiles)
    alive = _alive(catalog, mapping, profiles)
    return {
        channel.id: _on_channel(catalog, channel, placed[channel.id], groups[channel.id], alive)
        for channel in catalog.channels
    }


# spans


class _Placed(Struct, frozen=True):
    """A row on a channel; `counted` is False where its messages belong to several channels."""

    row: SpanDestination
    counted: bool

    @property
    def sighting(self) -> Sighting:
        messages = self.row.messages if self.counted else None
        return Sighting(messages=messages, first_ms=self.row.first_ms, last_ms=self.row.last_ms)


def _rows(inventories: Iterable[Inventory]) -> list[SpanDestination]:
    """Rows of all sources; of what two sources show, the preferred one's: they may hold the same spans."""
    rows: dict[tuple[str, ...], SpanDestination] = {}
    for inventory in inventories:
        for row in inventory.destinations:
            key = (row.role, row.system, row.destination, row.service, row.consumer_group)
            rows.setdefault(key, row)
    return list(rows.values())


def unclaimed(
    catalog: Catalog, inventories: Sequence[Inventory], profiles: Sequence[Profile]
) -> tuple[SpanDestination, ...]:
    """Rows of spans whose destination no channel of the catalogue can be."""
    claims = _claims(list(subjects_of(catalog)), SpanRows(_rows(inventories)), profiles)
    return tuple(
        row
        for row, held in claims.items()
        if all(how == ELIMINATED and not _operations_of(row, catalog, channel_id) for channel_id, how in held.items())
    )


def _claims(
    subjects: Sequence[Subject], spans: SpanRows, profiles: Sequence[Profile]
) -> dict[SpanDestination, dict[str, int]]:
    """Per row the channels that may be meant, by how the row names them."""
    claims: dict[SpanDestination, dict[str, int]] = {row: {} for row in spans.rows}
    recipes = [recipe for profile in profiles for recipe in profile.span_recipes if recipe.role != "hop"]
    for subject in subjects:
        for recipe in recipes:
            for how, rows in _claimed(subject, recipe.role, subject.written(recipe.spellings), spans):
                for row in rows:
                    held = claims[row].get(subject.channel.id, how)
                    claims[row][subject.channel.id] = min(held, how)
    return claims


def _placed(
    catalog: Catalog, subjects: Sequence[Subject], spans: SpanRows, profiles: Sequence[Profile]
) -> Mapping[str, list[_Placed]]:
    claims = _claims(subjects, spans, profiles)
    found: dict[str, list[_Placed]] = defaultdict(list)
    for row, claimants in claims.items():
        owners = _owners(catalog, row, claimants)
        for channel_id in owners:
            found[channel_id].append(_Placed(row, counted=len(owners) == 1))
    return found


def _claimed(
    subject: Subject, role: str, options: Sequence[WrittenName], spans: SpanRows
) -> Iterable[tuple[int, list[SpanDestination]]]:
    """Rows that may belong to the subject's channel, by how they name it."""
    protocol = subject.channel.protocol
    if subject.role == "channel":
        exact = [option for option in options if option.pattern is None and not option.loose]
        yield EXACT, spans.named(exact, role, protocol)
        patterns = [option for option in options if option.pattern is not None and not option.loose]
        yield BY_PATTERN, spans.named(patterns, role, protocol)
        yield LOOSE, spans.named([option for option in options if option.loose], role, protocol)
        if role == "consumer" and not subject.names.keys().isdisjoint(EXCHANGE_AND_QUEUE):
            yield BEHIND, spans.below(exact, role, protocol)
    elif role == "consumer":
        yield ELIMINATED, by_elimination(spans, subject)


def _owners(catalog: Catalog, row: SpanDestination, claims: Mapping[str, int]) -> list[str]:
    declared = {channel_id: how for channel_id, how in claims.items() if _operations_of(row, catalog, channel_id)}
    held = declared or {channel_id: how for channel_id, how in claims.items() if how != ELIMINATED}
    best = [channel_id for channel_id, how in held.items() if how == min(held.values())]
    if not declared and len(best) > 1 and held[best[0]] == LOOSE:
        # An exchange with several channels says nothing about any of them.
        return []
    return best


def _operations_of(row: SpanDestination, catalog: Catalog, channel_id: str) -> list[Operation]:
    """Operations of one side of a channel that a row can be, the best kind of match only."""
    there = list(catalog.operations_on(channel_id, "send" if row.role == "producer" else "receive"))
    service = [one for one in there if names_service(row.service, one.service)]
    group = [one for one in there if row.consumer_group and one.consumer_group == row.consumer_group]
    both = [one for one in service if one in group]
    agreeing = [one for one in service if not (row.consumer_group and _group_of(one, catalog))]
    return both or group or agreeing


def _group_of(operation: Operation, catalog: Catalog) -> str | None:
    """The declared group; a queue's name stands for its consumers, and clients do not call that a consumer group."""
    queues = {name.value for name in catalog.channel(operation.channel_id).names if name.kind == "queue"}
    return None if operation.consumer_group in queues else operation.consumer_group


# series


def _groups(
    inventories: Sequence[Inventory], of_channel: Mapping[str, Subject], profiles: Sequence[Profile]
) -> Mapping[str, set[str]]:
    """Consumer groups that series labels show, by channel id."""
    found: dict[str, set[str]] = defaultdict(set)
    identifying = identifying_labels(profiles)
    for inventory in inventories:
        tables = tables_of(inventory)
        matching = Matching(inventory.source, tables, identifying, frozenset())
        for profile in profiles:
            recipes = {
                (recipe.identity, recipe.series_names): recipe
                for recipe in profile.recipes
                if recipe.identity.consumer_group and not tables.keys().isdisjoint(recipe.series_names)
            }
            plans = [matching.plan(recipe) for recipe in recipes.values()]
            for channel_id, subject in of_channel.items():
                if plans and (profile.speaks(subject.channel.protocol) or subject.profile == profile.id):
                    for plan in plans:
                        found[channel_id] |= matching.consumer_groups(plan, subject)
    return found


def _alive(catalog: Catalog, mapping: MappingResult, profiles: Sequence[Profile]) -> Mapping[str, set[str]]:
    """Per operation key what live series say of it: its service's name, and its consumer group's."""
    identities = [recipe.identity for profile in profiles for recipe in profile.recipes]
    services = {label for identity in identities for label in identity.services}
    groups = {identity.consumer_group for identity in identities if identity.consumer_group}
    found: dict[str, set[str]] = defaultdict(set)
    for operation in catalog.operations:
        for signal in SIGNALS_OF_ROLE["producer" if operation.action == "send" else "consumer"]:
            resolution = mapping.resolutions.get((operation.key, signal))
            for binding in (resolution.chosen, *resolution.alternatives) if resolution else ():
                if not isinstance(binding, MetricBinding) or binding.liveness != "live":
                    continue
                for matcher in binding.all[0].selector.matchers:
                    if matcher.negated:
                        continue
                    if matcher.label in groups:
                        found[operation.key].update(filter(None, matcher.values))
                    elif matcher.label in services and all(
                        names_service(value, operation.service) for value in matcher.values
                    ):
                        found[operation.key].add(operation.service)
    return found


# joining


def _on_channel(
    catalog: Catalog, channel: Channel, placed: Sequence[_Placed], groups: set[str], alive: Mapping[str, set[str]]
) -> tuple[Participant, ...]:
    declared = declared_on(catalog, channel.id)
    seen: dict[str, Sighting] = {}
    strangers: dict[tuple[str, str, str], Sighting] = {}
    shared: dict[str, tuple[str, ...]] = {}
    for one in placed:
        action = "send" if one.row.role == "producer" else "receive"
        keys = tuple(operation.key for operation in _operations_of(one.row, catalog, channel.id))
        for key in keys:
            seen[key] = _together(seen.get(key), one.sighting)
            shared[key] = tuple(dict.fromkeys((*shared.get(key, ()), *(other for other in keys if other != key))))
        if not keys:
            stranger = (action, one.row.service, one.row.consumer_group)
            strangers[stranger] = _together(strangers.get(stranger), one.sighting)
    for entry in declared:
        if entry.operation and not alive.get(entry.operation.key, set()).isdisjoint(
            (entry.service, entry.consumer_group)
        ):
            seen.setdefault(entry.operation.key, Sighting())
    for group in sorted(groups):
        keys = tuple(_operations_with_group(group, catalog, channel.id, alive))
        for key in keys:
            seen.setdefault(key, Sighting())
        if not keys and not any(
            action == "receive" and group == (name or service) for action, service, name in strangers
        ):
            strangers["receive", "", group] = Sighting()
    joined = [_with_stranger(entry, strangers) for entry in declared if entry.operation is None]
    joined[:0] = [
        replace(entry, seen=seen.get(entry.operation.key), shared_with=shared.get(entry.operation.key, ()))
        for entry in declared
        if entry.operation
    ]
    joined += [
        Participant(
            action="send" if action == "send" else "receive", service=service or None, consumer_group=group or None,
            seen=strangers[action, service, group],
        )
        for action, service, group in sorted(strangers)
    ]  # fmt: skip
    return tuple(sorted(joined, key=lambda one: one.action != "send"))


def _with_stranger(entry: Participant, strangers: dict[tuple[str, str, str], Sighting]) -> Participant:
    """One that an ownership file names, with what is seen of it; that stands no more for itself then."""
    seen: Sighting | None = None
    for stranger in list(strangers):
        action, service, group = stranger
        same_service = bool(service and entry.service) and names_service(service, entry.service or "")
        if action == entry.action and (same_service or (group != "" and group == entry.consumer_group)):
            seen = _together(seen, strangers.pop(stranger))
    return replace(entry, seen=seen)


def _operations_with_group(group: str, catalog: Catalog, channel_id: str, alive: Mapping[str, set[str]]) -> list[str]:
    """Keys of the operations to which a group belongs: declared so, else named like the service, else mapped so."""
    there = list(catalog.operations_on(channel_id, "receive"))
    declared = [one.key for one in there if one.consumer_group == group]
    unsaid = [one for one in there if not _group_of(one, catalog)]
    alike = [one.key for one in unsaid if one.service == group]
    mapped = [one.key for one in unsaid if group in alive.get(one.key, ())]
    return declared or alike or (mapped if len(unsaid) == 1 else [])


def _together(first: Sighting | None, second: Sighting) -> Sighting:
    """Two sightings of one participant; what one of them cannot count makes the sum unknown."""
    if first is None:
        return second
    known = [(one.first_ms, one.last_ms) for one in (first, second)]
    return Sighting(
        messages=None if first.messages is None or second.messages is None else first.messages + second.messages,
        first_ms=min((begin for begin, _ in known if begin is not None), default=None),
        last_ms=max((end for _, end in known if end is not None), default=None),
    )
