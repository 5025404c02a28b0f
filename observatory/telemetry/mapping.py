"""The mapping: every signal of every operation and channel, bound to what the sources really have.

Where several series could measure a signal, the first in this order is used and the rest are shown as alternatives,
each with the reason why it came after:

1. the profile that `x-telemetry` asks for, in a document, an overlay or the settings
2. live series before missing ones
3. what the signal means before what stands in for it
4. the subject's own series before those that hold others' messages too: per group before per topic
5. profiles by rank, naming variants that the source is seen to use, recipes by their place in the profile
6. sources in the order of the settings

Signals in seconds and signals in messages are words of their own; an objective whose threshold is a duration takes
times before counts (`indicators`). Only one is ever counted: names with and without suffixes side by side are the same
messages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from difflib import get_close_matches

from msgspec.structs import replace

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.catalog import Catalog
from observatory.telemetry.binding import Binding, MappingResult, MetricBinding, Resolution
from observatory.telemetry.discovery import Recognition, recognise_all, tables_of
from observatory.telemetry.inventory import Inventory
from observatory.telemetry.matching import Candidate, Matching
from observatory.telemetry.names_alike import NamesAlike
from observatory.telemetry.recipe import Profile, Recipe, SpanRecipe
from observatory.telemetry.signals import SIGNALS
from observatory.telemetry.span_rows import SpanRows
from observatory.telemetry.subject import Subject, narrowed_channels_of, subjects_of
from observatory.telemetry.ways import Found, Source, Ways, by_place, first_found, found_by, unnamed, ways_by, why_later

SIGNALS_OF_ROLE: dict[str, tuple[str, ...]] = {
    "producer": tuple(name for name, signal in SIGNALS.items() if signal.scope == "producer"),
    "consumer": tuple(name for name, signal in SIGNALS.items() if signal.scope == "consumer"),
    "channel": tuple(name for name, signal in SIGNALS.items() if signal.scope in ("channel", "broker", "registry")),
}
MAX_ALTERNATIVES = 5
MAX_NAMED = 4
"""Exporters that are named, best first, where nothing measures a signal."""


def override_labels(catalog: Catalog) -> tuple[str, ...]:
    """Labels that `x-telemetry` names anywhere, for the inventory to hold them."""
    overrides = [*(channel.telemetry for channel in catalog.channels), *(one.telemetry for one in catalog.operations)]
    return tuple(sorted({label for override in overrides if override for label, _ in override.labels}))


def identifying_labels(profiles: Sequence[Profile]) -> frozenset[str]:
    """Labels by which any profile tells channels or consumer groups apart."""
    return frozenset(
        label
        for profile in profiles
        for recipe in profile.recipes
        for label in (*(part.label for part in recipe.identity.channel), recipe.identity.consumer_group)
        if label
    )


def map_catalog(
    catalog: Catalog,
    profiles: Sequence[Profile],
    inventories: Sequence[Inventory],
    recognised: Sequence[Recognition] | None = None,
) -> MappingResult:
    """Resolve every operation's and channel's signals.

    Args:
        catalog: What the documents declare.
        profiles: From `load_profiles`.
        inventories: What each source has, in the order of preference; none means that nothing is known to be live
            or missing, and bindings then say what would be looked for.
        recognised: What `recognise_all` said of them, where that is known.
    """
    mapper = _Mapper(catalog, profiles, inventories, recognised)
    resolutions = {}
    for subject in subjects_of(catalog):
        for ways in mapper.ways_of(subject):
            resolutions[subject.key, ways.signal] = mapper.resolve(subject, ways)
    for subject in narrowed_channels_of(catalog):
        for ways in mapper.ways_of(subject):
            found = mapper.resolve(subject, ways)
            # Labels of the operation's own series, such as its pod, say nothing about the broker's.
            if found.chosen is not None and found.chosen.liveness != "missing":
                resolutions[subject.key, ways.signal] = found
    return MappingResult(resolutions, tuple(_override_problems(catalog, profiles)))


def _override_problems(catalog: Catalog, profiles: Sequence[Profile]) -> Iterator[Problem]:
    """Overrides that ask for what is not there, or for what says nothing of the channel; each place once."""
    known = {name: profile for profile in profiles for name in (profile.id, *profile.also)}
    protocols = {channel.id: channel.protocol for channel in catalog.channels}
    subjects = [(one.id, one.telemetry, one.protocol) for one in catalog.channels]
    subjects += [(one.key, one.telemetry, protocols.get(one.channel_id)) for one in catalog.operations]
    told: set[tuple[Location | None, str]] = set()
    for key, override, protocol in subjects:
        if not override or not override.profile or (override.location, override.profile) in told:
            continue
        asked = known.get(override.profile)
        if asked is not None and asked.speaks(protocol):
            continue
        told.add((override.location, override.profile))
        if asked is None:
            near = get_close_matches(override.profile, known, 1)
            message = f"no telemetry profile is called {override.profile!r}, so the usual order applies"
            hint = f"did you mean {near[0]}?" if near else "`observatory profiles list` shows all of them"
        else:
            speaks = ", ".join(asked.protocols)
            message = f"the telemetry profile {asked.id} speaks of {speaks}, and the channel's protocol is {protocol}"
            hint = "ask for a profile of this protocol, or mend the protocol of the server in the document"
        yield Problem(
            code="profile-unknown" if asked is None else "profile-of-other-protocol",
            severity="warning",
            message=message,
            location=override.location,
            hint=hint,
            subject=key,
        )


class _Mapper:
    def __init__(
        self,
        catalog: Catalog,
        profiles: Sequence[Profile],
        inventories: Sequence[Inventory],
        recognised: Sequence[Recognition] | None,
    ) -> None:
        self.profiles = profiles
        services = frozenset(document.service for document in catalog.documents)
        services |= {operation.service for operation in catalog.operations}
        alike = NamesAlike.of(catalog)
        identifying = identifying_labels(profiles)
        self.known = bool(inventories)
        shown = recognised if recognised is not None else recognise_all(profiles, inventories)
        self.in_use = {seen.profile for seen in shown}
        pairs = [(profile, recipe) for profile in profiles for recipe in profile.recipes]
        pairs.sort(key=lambda pair: (pair[1].proxy, pair[0].rank, pair[1].place))
        self.recipes: dict[str, list[tuple[Profile, Recipe]]] = defaultdict(list)
        for profile, recipe in pairs:
            self.recipes[recipe.signal].append((profile, recipe))
        self.span_recipes: dict[str, list[tuple[Profile, SpanRecipe]]] = defaultdict(list)
        for profile in profiles:
            for span_recipe in profile.span_recipes:
                self.span_recipes[span_recipe.signal].append((profile, span_recipe))
        self.sources = []
        for inventory in inventories or (None,):
            name, tables = (inventory.source, tables_of(inventory)) if inventory is not None else ("", None)
            matching = Matching(name, tables, identifying, services, alike)
            spans = SpanRows(inventory.destinations) if inventory is not None else None
            used = {seen.profile: seen.variants for seen in shown if seen.source == name}
            self.sources.append(Source(inventory, matching, spans, used))
        self._ways: dict[tuple[str, str | None, str | None], tuple[Ways, ...]] = {}

    def resolve(self, subject: Subject, ways: Ways) -> Resolution:
        """The best binding of a signal, or why there is none."""
        if subject.profile is None and subject.names and not ways.present and not ways.absent:
            return ways.not_provided
        found = found_by(ways.hopeful, subject)
        if len(found) == 1 and found[0][1].liveness == "live":
            chosen = _bound(found[0][1])
            return Resolution(signal=ways.signal, chosen=chosen, reason=chosen.reason)
        if not any(candidate.liveness == "live" for _, candidate in found):
            if len(ways.hopeful) < len(ways.present):
                found = found_by(ways.present, subject)
            found += first_found(ways.absent, subject)
        return self._best(found, subject, ways)

    def _best(self, found: Sequence[Found], subject: Subject, ways: Ways) -> Resolution:
        if len(found) > 1:
            found = sorted(found, key=by_place)
        usable = [one for one in found if one[1].liveness is not None]
        refused = next((candidate for _, candidate in found if candidate.liveness is None), None)
        live = bool(usable) and usable[0][1].liveness == "live"
        if not usable and not subject.names:
            return ways.name_unknown
        if refused is not None and not live:
            return Resolution(signal=ways.signal, code=refused.code, reason=refused.reason)
        if not usable:
            return (None if found else ways.unnamed) or ways.not_provided
        first, others = usable[0], usable[1:]
        if live:
            others = others[: sum(candidate.liveness == "live" for _, candidate in others)]
        chosen = _bound(first[1])
        told = _alternatives(chosen, others)
        alternatives = tuple([binding for binding, _ in told])
        later = tuple([why_later(first, one) for _, one in told])
        if live:
            chosen = _with_doubles_named(chosen, alternatives)
            return Resolution(
                signal=ways.signal, chosen=chosen, alternatives=alternatives, reason=chosen.reason, later=later
            )
        return Resolution(
            signal=ways.signal,
            chosen=chosen,
            alternatives=alternatives,
            later=later,
            code="series-missing" if self.known else "no-source",
            reason=chosen.reason if self.known else f"would be looked for by {chosen.reason}",
        )

    def ways_of(self, subject: Subject) -> tuple[Ways, ...]:
        """Ways to each signal of a subject, worked out once for all subjects that ask for the same profile."""
        kind = subject.role, subject.profile, subject.channel.protocol
        if kind not in self._ways:
            asked, protocol = subject.profile, subject.channel.protocol
            self._ways[kind] = tuple(
                [self._ways_to(signal, asked, protocol) for signal in SIGNALS_OF_ROLE[subject.role]]
            )
        return self._ways[kind]

    def _ways_to(self, signal: str, asked: str | None, protocol: str | None) -> Ways:
        recipes = [
            (profile, recipe)
            for profile, recipe in self.recipes[signal]
            if self._concerns(profile, asked, protocol)
            # A profile that is asked for although it does not speak of the protocol is taken as it is.
            and (recipe.identity.speaks(protocol) or not profile.speaks(protocol))
        ]
        span_recipes = [pair for pair in self.span_recipes[signal] if self._concerns(pair[0], asked, protocol)]
        present, hopeful, absent = ways_by(self.sources, recipes, span_recipes, asked)
        return Ways(
            signal=signal,
            present=tuple(present),
            hopeful=tuple(hopeful),
            absent=tuple(absent),
            not_provided=self._not_provided(protocol, signal),
            name_unknown=Resolution(
                signal=signal,
                code="name-unknown",
                reason="the documents do not say what the channel is called on the broker",
            ),
            unnamed=unnamed(signal, present),
        )

    def _concerns(self, profile: Profile, asked: str | None, protocol: str | None) -> bool:
        """Whether a profile says anything here; those that no source shows only where they are asked for."""
        if profile.goes_by(asked):
            return True
        return profile.speaks(protocol) and (not self.known or profile.id in self.in_use)

    def _not_provided(self, protocol: str | None, signal: str) -> Resolution:
        """Why nothing measures a signal on this protocol, and the switches."""
        speaking = [profile for profile in self.profiles if profile.speaks(protocol)]
        could = [profile.id for profile in speaking if signal in profile.signals]
        silent = [profile for profile in speaking if signal in profile.not_provided]
        # What is said about this protocol says more than what holds for every protocol.
        telling = [one for one in silent if one.protocols and one.id in self.in_use]
        telling = telling or [one for one in silent if one.protocols and not could]
        telling = telling or [one for one in silent if one.id in self.in_use]
        said: dict[str, list[str]] = {}
        for profile in telling[:MAX_NAMED]:
            said.setdefault(str(profile.not_provided[signal]), []).append(profile.id)
        reasons = [f"{', '.join(ids)}: {words}" for words, ids in said.items()]
        if could:
            more = f" and {len(could) - MAX_NAMED} more" if len(could) > MAX_NAMED else ""
            reasons.append(f"{', '.join(could[:MAX_NAMED])}{more} would measure it")
        # An exporter that is there and measures it for others does not know this channel by any of its names.
        there = [one for one in speaking if one.id in self.in_use]
        missed = dict.fromkeys(recipe.switch for one in there for recipe in one.recipes_for(signal) if recipe.switch)
        reasons += missed
        switches = dict.fromkeys(one.not_provided[signal].switch for one in telling[:MAX_NAMED]) | missed
        return Resolution(
            signal=signal,
            code="not-provided",
            reason="; ".join(reasons) or "no profile measures it on this protocol",
            switches=tuple(filter(None, switches)),
        )


def _bound(candidate: Candidate) -> Binding:
    assert candidate.bind is not None
    return candidate.bind()


def _alternatives(chosen: Binding, others: Sequence[Found]) -> list[tuple[Binding, Found]]:
    """What comes after, best first and bounded, without the same series again under another variant or profile."""
    held = {_series_of(chosen)}
    told: list[tuple[Binding, Found]] = []
    for one in others:
        binding = _bound(one[1])
        if (series := _series_of(binding)) in held:
            continue
        held.add(series)
        told.append((binding, one))
        if len(told) == MAX_ALTERNATIVES:
            break
    return told


def _series_of(binding: Binding) -> Hashable:
    if isinstance(binding, MetricBinding):
        return binding.source, binding.kind, binding.all, binding.success, binding.error
    return binding.source, binding.selector


def _with_doubles_named(chosen: Binding, others: Sequence[Binding]) -> Binding:
    """The same messages under other names of the same exporter: say that they are not counted again."""
    if not isinstance(chosen, MetricBinding):
        return chosen
    doubles = dict.fromkeys(
        other.variant
        for other in others
        if isinstance(other, MetricBinding) and other.profile == chosen.profile and other.variant != chosen.variant
    )
    if not doubles:
        return chosen
    return replace(chosen, reason=f"{chosen.reason}; also there as {', '.join(doubles)}, counted once")
