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
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter

from observatory.errors import Problem
from observatory.spec.catalog import Catalog
from observatory.telemetry.binding import Binding, MappingResult, MetricBinding, Resolution
from observatory.telemetry.discovery import Recognition, recognise_all, tables_of
from observatory.telemetry.inventory import Inventory
from observatory.telemetry.matching import Candidate, Matching
from observatory.telemetry.names_alike import NamesAlike
from observatory.telemetry.recipe import Profile, Recipe, SpanRecipe
from observatory.telemetry.signals import SIGNALS
from observatory.telemetry.span_matching import span_candidate
from observatory.telemetry.span_rows import SpanRows
from observatory.telemetry.subject import Subject, narrowed_channels_of, subjects_of

SIGNALS_OF_ROLE: dict[str, tuple[str, ...]] = {
    "producer": tuple(name for name, signal in SIGNALS.items() if signal.scope == "producer"),
    "consumer": tuple(name for name, signal in SIGNALS.items() if signal.scope == "consumer"),
    "channel": tuple(name for name, signal in SIGNALS.items() if signal.scope in ("channel", "broker", "registry")),
}
MAX_ALTERNATIVES = 5
_LATER = (
    "another profile is asked for",
    "no live series",
    "stands in for what the signal means",
    "holds others' messages too",
    "a later profile by rank",
    "a naming variant that is not in use",
    "a later recipe or naming variant of its profile",
    "a later source",
)
"""Why a binding came after another, by the first part of the order in which they differ."""
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
        for signal in SIGNALS_OF_ROLE[subject.role]:
            resolutions[subject.key, signal] = mapper.resolve(subject, signal)
    for subject in narrowed_channels_of(catalog):
        for signal in SIGNALS_OF_ROLE["channel"]:
            found = mapper.resolve(subject, signal)
            # Labels of the operation's own series, such as its pod, say nothing about the broker's.
            if found.chosen is not None and found.chosen.liveness != "missing":
                resolutions[subject.key, signal] = found
    return MappingResult(resolutions, tuple(_override_problems(catalog, profiles)))


def _override_problems(catalog: Catalog, profiles: Sequence[Profile]) -> Iterator[Problem]:
    known = {name for profile in profiles for name in (profile.id, *profile.also)}
    subjects = [(one.id, one.telemetry) for one in catalog.channels]
    subjects += [(one.key, one.telemetry) for one in catalog.operations]
    for key, override in subjects:
        if override and override.profile and override.profile not in known:
            yield Problem(
                code="profile-unknown",
                severity="warning",
                message=f"no telemetry profile is called {override.profile!r}, so the usual order applies",
                location=override.location,
                hint=f"known: {', '.join(sorted(known))}",
                subject=key,
            )


@dataclass(frozen=True, slots=True)
class _Ranked:
    key: tuple[int | bool, ...]
    candidate: Candidate


_by_key = attrgetter("key")
_Recipes = Mapping[str, list[tuple[Profile, Recipe]]]


@dataclass(frozen=True, slots=True)
class _Source:
    matching: Matching
    spans: SpanRows | None
    recipes: dict[bool, _Recipes]
    """By whether the source has series for anybody."""


def _source(
    inventory: Inventory | None,
    used: Mapping[str, Collection[str]],
    pairs: Sequence[tuple[Profile, Recipe]],
    identifying: frozenset[str],
    services: frozenset[str],
    alike: NamesAlike,
) -> _Source:
    tables = tables_of(inventory) if inventory is not None else None
    split: dict[bool, list[tuple[Profile, Recipe]]] = {True: [], False: []}
    for pair in pairs:
        if inventory is not None and _other_type(pair[1], inventory):
            continue
        split[tables is not None and not tables.keys().isdisjoint(pair[1].series_names)].append(pair)
    # What is missing is looked for under the names that the exporter is seen to use.
    split[False].sort(key=lambda pair: (pair[1].proxy, pair[0].rank, not _in_use(pair[1], used)))
    return _Source(
        Matching(inventory.source if inventory is not None else "", tables, identifying, services, alike),
        SpanRows(inventory.destinations) if inventory is not None else None,
        {present: _by_signal(found) for present, found in split.items()},
    )


def _in_use(recipe: Recipe, used: Mapping[str, Collection[str]]) -> bool:
    """Whether the source uses the recipe's naming variant, or none of its exporter at all."""
    seen = used.get(recipe.profile)
    return not seen or not recipe.variant or recipe.variant in seen


def _other_type(recipe: Recipe, inventory: Inventory) -> bool:
    """Whether a recipe that goes by the TYPE line is known not to fit; what the server does not know it may."""
    if not recipe.typed:
        return False
    told = (inventory.metadata.get(term.metric) for term in recipe.all)
    return any(one is not None and one.type not in ("unknown", recipe.type) for one in told)


def _by_signal(pairs: Sequence[tuple[Profile, Recipe]]) -> _Recipes:
    found: dict[str, list[tuple[Profile, Recipe]]] = defaultdict(list)
    for pair in pairs:
        found[pair[1].signal].append(pair)
    return found


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
        self.used: list[dict[str, tuple[str, ...]]] = [
            {seen.profile: seen.variants for seen in shown if seen.source == inventory.source}
            for inventory in inventories
        ] or [{}]
        self.span_recipes: dict[str, list[tuple[Profile, SpanRecipe]]] = defaultdict(list)
        pairs = [(profile, recipe) for profile in profiles for recipe in profile.recipes]
        pairs.sort(key=lambda pair: (pair[1].proxy, pair[0].rank, pair[1].place))
        self.recipes = _by_signal(pairs)
        for profile in profiles:
            for span_recipe in profile.span_recipes:
                self.span_recipes[span_recipe.signal].append((profile, span_recipe))
        self.sources = [
            _source(inventory, used, pairs, identifying, services, alike)
            for inventory, used in zip(inventories or (None,), self.used, strict=True)
        ]
        self._explained: dict[tuple[str | None, str], tuple[str, tuple[str, ...]]] = {}
        self._possible: dict[tuple[str | None, str], bool] = {}
        self._concerning: dict[tuple[int, bool, str, str | None], list[tuple[Profile, Recipe]]] = {}

    def resolve(self, subject: Subject, signal: str) -> Resolution:
        """The best binding of a signal, or why there is none."""
        if subject.profile is None and subject.names and not self._could(subject, signal):
            reason, switches = self._why_not(subject.channel.protocol, signal)
            return Resolution(subject=subject.key, signal=signal, code="not-provided", reason=reason, switches=switches)
        ranked = list(self._candidates(subject, signal, present=True))
        if not any(one.candidate.binding and one.candidate.binding.liveness == "live" for one in ranked):
            ranked += islice(self._candidates(subject, signal, present=False), 1)
        if len(ranked) > 1:
            ranked.sort(key=_by_key)
        usable = [one.candidate for one in ranked if one.candidate.binding is not None]
        refused = next((one.candidate for one in ranked if one.candidate.binding is None), None)
        best = usable[0] if usable else None
        live = best is not None and best.binding is not None and best.binding.liveness == "live"
        if best is None and not subject.names:
            return Resolution(
                subject=subject.key,
                signal=signal,
                code="name-unknown",
                reason="the documents do not say what the channel is called on the broker",
            )
        if best is None or (refused is not None and not live):
            code = refused.code if refused else "not-provided"
            reason, switches = (refused.reason, ()) if refused else self._why_not(subject.channel.protocol, signal)
            return Resolution(subject=subject.key, signal=signal, code=code, reason=reason, switches=switches)
        assert best.binding is not None
        bindings = tuple(one.binding for one in usable if one.binding is not None)
        chosen, others = bindings[0], bindings[1 : MAX_ALTERNATIVES + 1]
        keys = [one.key for one in ranked if one.candidate.binding is not None]
        later = tuple([_why_later(keys[0], key) for key in keys[1 : MAX_ALTERNATIVES + 1]])
        if live:
            number = sum(1 for other in others if other.liveness == "live")
            others, later = others[:number], later[:number]
            chosen = _with_doubles_named(chosen, others)
            return Resolution(
                subject=subject.key,
                signal=signal,
                chosen=chosen,
                alternatives=others,
                reason=chosen.reason,
                later=later,
            )
        code = "series-missing" if self.known else "no-source"
        return Resolution(
            subject=subject.key,
            signal=signal,
            chosen=chosen,
            alternatives=others,
            later=later,
            code=code,
            reason=chosen.reason if self.known else f"would be looked for by {chosen.reason}",
        )

    def _candidates(self, subject: Subject, signal: str, *, present: bool) -> Iterator[_Ranked]:
        """Candidates with their sort keys: of recipes whose series a source has for anybody, or of the others, these
        best first. Profiles that no source shows are left out unless they are asked for."""
        # An override wins even when its series are missing, so everything must be weighed.
        everything = subject.profile is not None
        if everything and not present:
            return
        for order, source in enumerate(self.sources):
            for profile, recipe in self._recipes(order, subject, signal, present=present, everything=everything):
                candidate = source.matching.candidate(recipe, subject)
                if candidate is not None:
                    unused = not _in_use(recipe, self.used[order])
                    yield _Ranked(self._key(subject, profile, recipe.place, order, candidate, unused=unused), candidate)
            if not present:
                continue
            for profile, span_recipe in self.span_recipes[signal]:
                if not self._concerns(profile, subject):
                    continue
                spans = source.spans
                if spans is not None and not spans.rows and len(self.sources) > 1:
                    continue
                found = span_candidate(span_recipe, subject, source.matching.source, spans)
                if found is not None:
                    yield _Ranked(self._key(subject, profile, span_recipe.place, order, found), found)

    def _could(self, subject: Subject, signal: str) -> bool:
        """Whether any recipe may say something about a signal of subjects of this protocol."""
        key = (subject.channel.protocol, signal)
        if key not in self._possible:
            listed = (
                self._recipes(order, subject, signal, present=present, everything=False)
                for order in range(len(self.sources))
                for present in (True, False)
            )
            spans = any(self._concerns(profile, subject) for profile, _ in self.span_recipes.get(signal, ()))
            self._possible[key] = spans or any(listed)
        return self._possible[key]

    def _recipes(
        self, order: int, subject: Subject, signal: str, *, present: bool, everything: bool
    ) -> Sequence[tuple[Profile, Recipe]]:
        """Recipes for a signal of a subject on one source; the same for all subjects of a protocol."""
        if everything:
            return [pair for pair in self.recipes[signal] if self._concerns(pair[0], subject)]
        key = (order, present, signal, subject.channel.protocol)
        if key not in self._concerning:
            of_signal = self.sources[order].recipes[present].get(signal, ())
            self._concerning[key] = [pair for pair in of_signal if self._concerns(pair[0], subject)]
        return self._concerning[key]

    def _concerns(self, profile: Profile, subject: Subject) -> bool:
        if profile.goes_by(subject.profile):
            return True
        return profile.speaks(subject.channel.protocol) and (not self.known or profile.id in self.in_use)

    @staticmethod
    def _key(
        subject: Subject, profile: Profile, place: int, order: int, candidate: Candidate, *, unused: bool = False
    ) -> tuple[int | bool, ...]:
        liveness = candidate.binding.liveness if candidate.binding else "missing"
        return (
            subject.profile is not None and not profile.goes_by(subject.profile),
            liveness != "live",
            candidate.proxy,
            candidate.coarseness,
            profile.rank,
            unused,
            place,
            order,
        )

    def _why_not(self, protocol: str | None, signal: str) -> tuple[str, tuple[str, ...]]:
        """Why nothing measures a signal on this protocol, and the switches; the same for all such channels."""
        at = (protocol, signal)
        if at not in self._explained:
            speaking = [profile for profile in self.profiles if profile.speaks(protocol)]
            could = [profile.id for profile in speaking if signal in profile.signals]
            silent = [profile for profile in speaking if signal in profile.not_provided]
            # What is said about this protocol says more than what holds for every protocol.
            telling = [one for one in silent if one.protocols and one.id in self.in_use]
            telling = telling or [one for one in silent if one.protocols and not could]
            telling = telling or [one for one in silent if one.id in self.in_use]
            reasons = [f"{profile.id}: {profile.not_provided[signal]}" for profile in telling[:MAX_NAMED]]
            if could:
                more = f" and {len(could) - MAX_NAMED} more" if len(could) > MAX_NAMED else ""
                reasons.append(f"{', '.join(could[:MAX_NAMED])}{more} would measure it")
            switches = dict.fromkeys(one.not_provided[signal].switch for one in telling[:MAX_NAMED])
            why = "; ".join(reasons) or "no profile measures it on this protocol"
            self._explained[at] = why, tuple(filter(None, switches))
        return self._explained[at]


def _why_later(first: tuple[int | bool, ...], other: tuple[int | bool, ...]) -> str:
    return next((why for why, one, two in zip(_LATER, first, other, strict=True) if one != two), _LATER[-2])


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
