"""Names that series show: to which declared channel each belongs, and which belong to none.

A label's value is taken as the mapping takes it: spellings, templates around the name, dots as underscores, patterns of
parameterised addresses. Series that list what exists (offsets, depths) also tell that a channel is not there; counters
appear with the first event and tell nothing by their absence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from observatory.spec.catalog import Catalog, Channel
from observatory.telemetry.discovery import Recognition, tables_of
from observatory.telemetry.inventory import Inventory
from observatory.telemetry.label_matchers import transformed
from observatory.telemetry.label_table import LabelTable, anonymous, compiled, unwrapped
from observatory.telemetry.mapping import identifying_labels
from observatory.telemetry.recipe import ChannelLabel, DeclaredValues, Identity, MetricTerm, Profile, Recipe
from observatory.telemetry.signals import SIGNALS
from observatory.telemetry.subject import WrittenName, names_of, written

FLOWS = ("produced_offset", "enqueued_messages", "published_messages", "processed_messages", "delivered_messages")
"""Signals whose series name destinations and rise with traffic, the most direct first."""
_LISTING = ("level", "position", "rising_level")


class Naming(Struct, frozen=True):
    """A metric and the label in which it names destinations; `flow` is the place in `FLOWS`, None where it has none."""

    source: str
    metric: str
    label: str
    value: str
    kind: str
    flow: int | None


class SeenName(Struct):
    """A name that telemetry shows and no document declares.

    Attributes:
        noun: What the broker calls it; `destination` where only clients name it.
        protocols: What it can be; none where the exporter does not say.
        groups: Consumer groups seen on it.
        services: Applications seen on it.
    """

    name: str
    noun: str
    protocols: frozenset[str] = frozenset()
    profiles: dict[str, None] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    namings: set[Naming] = field(default_factory=set)


class RuntimeNames(Struct):
    """What all inventories show.

    Attributes:
        declared: Per channel id the labels that show it.
        listed: Ids of channels that some exporter in use would list if they were there.
        shown_by: Per channel id the exporters, as (source, profile), that show it.
        grouping: Exporters that list consumer groups: of a channel that they show they would show every group.
        undeclared: By name.
        services: Per channel id and side (`producer`, `consumer`) services that labels name.
        everyone: Every service that a label names anywhere.
        flowing: (source, label) of series that count what passes, of anybody: a name that is listed under such a label
            and not counted there has passed nothing.
    """

    declared: dict[str, set[Naming]] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    shown_by: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    grouping: set[tuple[str, str]] = field(default_factory=set)
    undeclared: dict[str, SeenName] = field(default_factory=dict)
    services: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    everyone: set[str] = field(default_factory=set)
    flowing: set[tuple[str, str]] = field(default_factory=set)

    def shows_groups(self, channel_id: str) -> bool:
        """Whether an exporter that lists consumer groups shows the channel; a group that reads it would be seen."""
        return not self.grouping.isdisjoint(self.shown_by.get(channel_id, ()))


SERVICE_LABELS = ("service_name", "service.name", "application")
"""Labels that name an application and nothing else, the last by Micrometer's custom; a job may be the collector's."""


def runtime_names(
    catalog: Catalog, profiles: Sequence[Profile], inventories: Sequence[Inventory], recognised: Sequence[Recognition]
) -> RuntimeNames:
    """Every name of a destination in the inventories, joined with the catalogue."""
    found = RuntimeNames()
    claims: dict[tuple[ChannelLabel, tuple[str, ...]], _Claims] = {}
    identifying = identifying_labels(profiles)
    for inventory in inventories:
        tables = tables_of(inventory)
        in_use = {seen.profile for seen in recognised if seen.source == inventory.source}
        done: set[tuple[str, Identity, str]] = set()
        for profile in profiles if tables else ():
            if profile.id not in in_use:
                continue
            for recipe, name in _naming_recipes(profile, tables):
                key = (name, recipe.identity, recipe.signal)
                if key in done:
                    continue
                done.add(key)
                label = _primary(recipe.identity)
                protocols = recipe.identity.protocols or profile.protocols
                if (label, protocols) not in claims:
                    claims[label, protocols] = _Claims(catalog, protocols, label, identifying)
                known = claims[label, protocols]
                _Reading(found, catalog, profile, recipe, inventory.source, name, tables[name], known).read()
    return found


def _listing(profile: Profile, shown: DeclaredValues) -> Recipe:
    """Series whose labels write settings, read for the names that they list."""
    return Recipe(
        signal="",
        profile=profile.id,
        identity=shown.identity,
        kind="level",
        type="gauge",
        unit="",
        scale=1.0,
        all=(MetricTerm(1, shown.metric),),
        confidence=profile.confidence,
    )


def _naming_recipes(profile: Profile, tables: Mapping[str, LabelTable]) -> Iterator[tuple[Recipe, str]]:
    for recipe in (*profile.recipes, *(_listing(profile, shown) for shown in profile.declared_values)):
        if recipe.identity.dead_letter or not any(not label.optional for label in recipe.identity.channel):
            continue
        if recipe.signal in SIGNALS and SIGNALS[recipe.signal].scope == "registry":
            continue  # a registry knows schemas, and not whether anything is sent by them
        for name in recipe.series_names:
            if name in tables:
                yield recipe, name


def _primary(identity: Identity) -> ChannelLabel:
    return next(label for label in identity.channel if not label.optional)


class _Claims:
    """Which channels a label's value may mean, by look-up."""

    def __init__(
        self, catalog: Catalog, protocols: Collection[str], label: ChannelLabel, identifying: Collection[str]
    ) -> None:
        self.label = label
        self.protocols = frozenset(protocols)
        self.exact: dict[str, list[Channel]] = {}
        self.tails: dict[str, list[Channel]] = {}
        self.patterns: list[tuple[WrittenName, Channel]] = []
        self.nameable: set[str] = set()
        self.places: dict[str, _Place] = {}
        """Labels that narrow, by channel id: the cluster or the environment that `x-telemetry` names."""
        for channel in catalog.channels:
            given = dict(channel.telemetry.labels).get(label.label) if channel.telemetry else None
            if protocols and channel.protocol is not None and channel.protocol not in protocols:
                continue
            narrowing = channel.telemetry.labels if channel.telemetry else ()
            self.places[channel.id] = tuple(pair for pair in narrowing if pair[0] not in identifying)
            options = (WrittenName(given),) if given else written(label.spellings, names_of(channel))
            if any(not option.loose for option in options):
                self.nameable.add(channel.id)
            for option in options:
                self._add(option, channel)

    def _add(self, option: WrittenName, channel: Channel) -> None:
        if self.label.of_template:
            self.exact.setdefault(anonymous(option.text), []).append(channel)
        elif option.pattern is not None:
            self.patterns.append((option, channel))
        else:
            for text in transformed(option.text, self.label.transforms):
                self.exact.setdefault(text, []).append(channel)
                if option.tail:
                    self.tails.setdefault(text, []).append(channel)

    def of(self, name: str) -> list[Channel]:
        """Channels that a name, templates taken off, may mean."""
        found = [*self.exact.get(name, ())]
        for position, char in enumerate(name):
            if char == ":":
                found += self.tails.get(name[position + 1 :], ())
        for option, channel in self.patterns:
            pattern = f"(?:.*:)?(?:{option.pattern})" if option.tail else str(option.pattern)
            if compiled(pattern).fullmatch(name):
                found.append(channel)
        return found


_Place = tuple[tuple[str, str], ...]
"""Labels and the values that they must have."""


class _Reading(Struct):
    """One metric of one recipe, read row by row."""

    found: RuntimeNames
    catalog: Catalog
    profile: Profile
    recipe: Recipe
    source: str
    metric: str
    table: LabelTable
    claims: _Claims

    def read(self) -> None:
        identity, label = self.recipe.identity, self.claims.label
        where = next(
            term.where
            for term, name in zip(self.recipe.all, self.recipe.series_names, strict=False)
            if name == self.metric
        )
        optional = [one for one in identity.channel if one.optional]
        every = set(self.claims.places.values())
        narrowing = sorted({name for place in every for name, _ in place if name in self.table.column})
        known: dict[tuple[str, ...], list[Channel]] = {}
        rows = self.table.identified(identity, where)
        for row in rows:
            value = self.table.value(row, label.label)
            scope = tuple(self.table.value(row, one.label) for one in optional)
            there = {name: self.table.value(row, name) for name in narrowing}
            key = (value, *scope, *there.values())
            if key not in known:
                found = self._channels(value, optional, scope)
                known[key] = [one for one in found if _lies(self.claims.places[one.id], there)]
            # Where every channel is said to lie elsewhere, the row is of another cluster or environment.
            if known[key] or not every or any(_lies(place, there) for place in every):
                self._add(row, value, known[key])
        if rows and self.profile.protocols and self.recipe.kind in _LISTING:
            self.found.listed |= self.claims.nameable
            if identity.consumer_group:
                self.found.grouping.add((self.source, self.profile.id))

    def _channels(self, value: str, optional: Sequence[ChannelLabel], scope: Sequence[str]) -> list[Channel]:
        channels = [channel for name in self._names(value) for channel in self.claims.of(name)]
        for label, text in zip(optional, scope, strict=True):
            channels = [one for one in channels if _may_be(label, text, one)]
        return list({channel.id: channel for channel in channels}.values())

    def _names(self, value: str) -> Iterable[str]:
        return list(unwrapped(value, self.claims.label))

    def _add(self, row: int, value: str, channels: Sequence[Channel]) -> None:
        identity, found = self.recipe.identity, self.found
        flow = FLOWS.index(self.recipe.signal) if self.recipe.signal in FLOWS else None
        metric = self.metric.removesuffix("_bucket") + "_count" if self.recipe.kind == "distribution" else self.metric
        naming = Naming(self.source, metric, self.claims.label.label, value, self.recipe.kind, flow)
        services = {self.table.value(row, one) for one in identity.services if one in SERVICE_LABELS} - {""}
        found.everyone |= services
        side = "producer" if self.recipe.signal.startswith("publish") else "consumer"
        if flow is not None and self.profile.protocols:
            found.flowing.add((self.source, naming.label))
        for channel in channels:
            found.declared.setdefault(channel.id, set()).add(naming)
            found.shown_by.setdefault(channel.id, set()).add((self.source, self.profile.id))
            found.services.setdefault((channel.id, side), set()).update(services)
        # Without the text that stands around names, a value names something else: a span, another scaler.
        name = next(iter(self._names(value)), None)
        if channels or name is None:
            return
        kind = self.claims.label.spellings[0].kinds[0] if self.claims.label.spellings else "destination"
        seen = found.undeclared.setdefault(name, SeenName(name, kind))
        if seen.noun == "destination":
            seen.noun = kind
        seen.protocols |= self.claims.protocols
        seen.profiles[self.profile.id] = None
        seen.namings.add(naming)
        seen.services |= services
        if identity.consumer_group and (group := self.table.value(row, identity.consumer_group)):
            seen.groups.add(group)


def _lies(place: _Place, there: Mapping[str, str]) -> bool:
    """Whether a row lies where a channel does; labels that the metric has not tell nothing."""
    return all(there.get(name, value) == value for name, value in place)


def _may_be(label: ChannelLabel, text: str, channel: Channel) -> bool:
    """Whether a narrowing label, such as the virtual host, fits the channel; one that it does not name always fits."""
    options = written(label.spellings, names_of(channel))
    return not text or not options or any(option.text == text for option in options)
