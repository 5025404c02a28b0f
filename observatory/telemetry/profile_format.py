"""The YAML format of a profile, turned into `Profile` values; naming variants are expanded here.

profile: kminion                      # id
also: [kminion_exporter]              # other names that it goes by
title: KMinion
category: exporter                    # client, convention, broker, exporter, registry, traces
versions: "2.2 - 2.3"                 # releases the names were checked for
protocols: [kafka]                    # empty: any
rank: 30                              # order among equally direct profiles, smaller first
confidence: source_read
caveats: [...]
presence: [kminion_exporter_up]       # names that show that it is there, also where it measures nothing of a channel
switch: set ... = true                # what makes series by channel appear, where the exporter is there without them
variants: {default: {prefix: kminion_}}              # texts for {prefix} in metric names
opentelemetry: {sent: {name: messaging.client.sent.messages, unit: "{message}", type: counter}}
identities:                           # labels that say what a series is about; the first is the default
  topic: {channel: {topic_name: [topic]}, consumer_group: group_id, partition: partition_id}
signals:                              # word of the vocabulary: recipe, or list of recipes, best first
  consumer_lag: {metric: "{prefix}kafka_consumer_group_topic_partition_lag", type: gauge, kind: level, unit: message}
                                      # kind: period_total needs `period: 5m`, the period whose total a value is
not_provided:
  processed_messages: {why: the broker does not see processing, switch: ...}
  others: not exported                 # what is not named; signals of registries need no word from other exporters
declared_values:                      # what writes settings that a binding declares too; optional, see setting_fields
  - {metric: kminion_kafka_topic_info, by: topic, labels: {cleanup_policy: kafka.topicConfiguration.cleanup.policy}}
example: |                            # exposition text that proves every recipe
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal

from msgspec.structs import replace

from observatory.location import Location
from observatory.reading import Reading
from observatory.telemetry.binding import Matcher, SemanticKind
from observatory.telemetry.identity_fields import identities_of, spellings_of, translated
from observatory.telemetry.metric_names import MetricNames, Variant
from observatory.telemetry.otel_names import Translation
from observatory.telemetry.profile_fields import Fields, Path
from observatory.telemetry.recipe import (
    Category,
    Confidence,
    Identity,
    MetricTerm,
    NotProvided,
    Profile,
    Recipe,
    SpanRecipe,
    SpanRole,
)
from observatory.telemetry.setting_fields import declared_values_of
from observatory.telemetry.signals import SIGNALS, Instrument
from observatory.telemetry.unmeasured import known_signal, not_provided_of
from observatory.units import parse_duration

UNITS: dict[str, tuple[str, float]] = {
    **{base: (base, 1.0) for base in ("message", "second", "ratio", "byte", "offset", "request", "run")},
    **{base: (base, 1.0) for base in ("consumer", "partition")},
    "millisecond": ("second", 0.001),
    "microsecond": ("second", 0.000001),
    "nanosecond": ("second", 0.000000001),
    "percent": ("ratio", 0.01),
    "kilobyte": ("byte", 1000.0),
}
"""Units an exporter may use: base unit and factor to it."""

KINDS_OF: dict[Instrument, tuple[SemanticKind, ...]] = {
    "counter": ("cumulative", "position", "rising_level", "period_total", "rate"),
    "distribution": ("distribution",),
    "level": ("level", "idle_level"),
    "position": ("position", "cumulative", "time_position"),
    "timestamp": ("timestamp",),
}
SHORTEST_PERIOD_MS = 60_000
"""Shorter periods than a minute are not exported by any monitoring service, and rules look at minutes."""
Part = Literal["", "count", "sum"]
"""What of a histogram or summary a recipe reads, whose name is given without it."""
_TOP = (
    "profile", "also", "title", "category", "versions", "protocols", "rank", "confidence", "caveats", "switch",
    "presence", "variants", "opentelemetry", "identities", "signals", "not_provided", "declared_values",
    "example", "example_spans",
)  # fmt: skip
_RECIPE = (
    "metric", "part", "where", "all", "success", "error", "outcome", "type", "kind", "unit", "by", "proxy",
    "confidence", "versions", "variants", "invalid_below", "period", "caveats", "spans", "spellings", "shared", "typed",
)  # fmt: skip


def profile_of(reading: Reading) -> tuple[Profile, Fields]:
    """The profile in a file, and the fields object whose `problems` say what is wrong with it."""
    fields = Fields(reading)
    return _ProfileReader(fields).read(), fields


class _ProfileReader:
    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.top = fields.mapping(fields.reading.data, (), _TOP)
        (self.id,) = fields.names(self.top.get("profile"), ("profile",))[:1] or ("",)
        self.confidence: Confidence = fields.word(self.top.get("confidence"), ("confidence",), Confidence, "recalled")
        self.names = MetricNames(fields, self.top)
        self.identities = identities_of(fields, self.top.get("identities"))
        self.place = 0

    def read(self) -> Profile:
        """Everything in the file."""
        fields, top = self.fields, self.top
        if not isinstance(fields.reading.data, dict):
            return self._profile((), (), {}, {})
        if not self.id:
            fields.fault(
                "profile-value-invalid", "a profile needs an id", (), hint="write it as `profile: our_exporter`"
            )
        recipes: list[Recipe] = []
        spans: list[SpanRecipe] = []
        measured = fields.mapping(top.get("signals"), ("signals",))
        for signal, specs in measured.items():
            path: Path = ("signals", signal)
            if not known_signal(fields, signal, path):
                continue
            for index, spec in enumerate(specs if isinstance(specs, list) else [specs]):
                here = (*path, str(index)) if isinstance(specs, list) else path
                self.place += 1
                if not isinstance(spec, dict):
                    hint = "write {metric: name_of_the_series, type: gauge, by: ...}"
                    fields.fault("profile-value-invalid", f"{'.'.join(here)} must be a mapping", here, hint=hint)
                    continue
                body = fields.mapping(spec, here, _RECIPE)
                if "spans" in body:
                    spans.append(self._span_recipe(signal, body, here))
                else:
                    recipes.extend(self._recipes(signal, body, here))
        if not measured and not top.get("presence") and not top.get("declared_values"):
            hint = "write what it measures under `signals`, or under `presence` the names that show that it is there"
            fields.fault("profile-value-invalid", "the profile measures nothing", (), hint=hint)
        provided = [signal for signal in measured if signal in SIGNALS]
        self._protocols_of_identities()
        return self._profile(recipes, spans, not_provided_of(fields, top, self.id, provided), measured)

    def _protocols_of_identities(self) -> None:
        own = self.fields.protocols(self.top.get("protocols"), ("protocols",))
        for name, identity in self.identities.items():
            for protocol in identity.protocols if own else ():
                if protocol not in own:
                    message = f"{protocol} is none of the profile's own protocols"
                    path: Path = ("identities", name, "protocols")
                    self.fields.fault("profile-value-invalid", message, path, hint=f"own: {', '.join(own)}")

    def _profile(
        self,
        recipes: Sequence[Recipe],
        spans: Sequence[SpanRecipe],
        not_provided: Mapping[str, NotProvided],
        measured: Mapping[str, Any],
    ) -> Profile:
        fields, top = self.fields, self.top
        rank = fields.number(top.get("rank"), ("rank",))
        return Profile(
            id=self.id,
            title=fields.text(top.get("title"), ("title",), self.id),
            category=fields.word(top.get("category"), ("category",), Category, "exporter"),
            versions=fields.text(top.get("versions"), ("versions",)),
            protocols=fields.protocols(top.get("protocols"), ("protocols",)),
            rank=50 if rank is None else round(rank),
            confidence=self.confidence,
            recipes=tuple(recipes),
            span_recipes=tuple(spans),
            not_provided=not_provided,
            declared_values=tuple(
                declared_values_of(fields, top.get("declared_values"), self.identities, self.names.all_of)
            ),
            also=fields.names(top.get("also"), ("also",)),
            presence=fields.texts(top.get("presence"), ("presence",)),
            caveats=fields.texts(top.get("caveats"), ("caveats",)),
            variants=tuple(variant.id for variant in self.names.variants),
            example=fields.text(top.get("example"), ("example",)),
            example_spans=tuple(
                (row + ("",) * 5)[:5]  # type: ignore[misc]
                for row in (
                    fields.texts(item, ("example_spans", str(index)))
                    for index, item in enumerate(fields.items(top.get("example_spans"), ("example_spans",)))
                )
            ),
            location=fields.reading.at(("profile",)),
            places={signal: fields.reading.at(("signals", signal), key=True) for signal in measured}
            | {"example": self._example_at()},
        )

    def _example_at(self) -> Location:
        """The first line of the example, where it is a block under its key; else the text itself."""
        value, text = self.fields.reading.at(("example",)), self.top.get("example")
        if value.length:
            return value
        blank = len(text) - len(text.lstrip("\n")) if isinstance(text, str) else 0
        return Location(value.path, value.line + 1 + blank)

    def _span_recipe(self, signal: str, body: Mapping[str, Any], path: Path) -> SpanRecipe:
        fields = self.fields
        return SpanRecipe(
            signal=signal,
            profile=self.id,
            role=fields.word(body["spans"], (*path, "spans"), SpanRole, "consumer"),
            spellings=spellings_of(fields, body.get("spellings"), (*path, "spellings")),
            caveats=fields.texts(body.get("caveats"), (*path, "caveats")),
            place=self.place,
        )

    def _recipes(self, signal: str, body: Mapping[str, Any], path: Path) -> Iterator[Recipe]:
        fields, meaning = self.fields, SIGNALS[signal]
        kinds = KINDS_OF[meaning.instrument]
        kind = fields.word(body.get("kind"), (*path, "kind"), SemanticKind, kinds[0])
        if kind not in kinds:
            fields.fault(
                "profile-value-invalid",
                f"{signal} is a {meaning.instrument} and cannot be read as {kind}",
                (*path, "kind"),
                hint=f"one of: {', '.join(kinds)}",
            )
        unit = fields.text(body.get("unit"), (*path, "unit"), meaning.unit)
        base, scale = UNITS.get(unit, ("", 1.0))
        if base != meaning.unit:
            fields.fault(
                "profile-unit-mismatch",
                f"{signal} is counted in {meaning.unit}s, which {unit!r} cannot be turned into",
                (*path, "unit"),
                hint=f"units: {', '.join(name for name, (of, _) in UNITS.items() if of == meaning.unit)}",
            )
        if kind == "idle_level" and meaning.unit != "ratio":
            message = f"{signal} is counted in {meaning.unit}s, and only of a share there is an idle rest"
            fields.fault("profile-value-invalid", message, (*path, "kind"))
        period_ms = self._period_ms(body, kind, path)
        chosen = fields.texts(body.get("by"), (*path, "by")) or (next(iter(self.identities)),)
        for name in chosen:
            if name not in self.identities:
                fields.unknown_identity(name, self.identities, (*path, "by"))
        # What else is wrong with the recipe is found by any identity.
        identities = [self.identities[name] for name in chosen if name in self.identities] or [Identity(name="")]
        wanted = self._variants(body.get("variants"), (*path, "variants"))
        for identity, variant in product(identities, self.names.variants):
            if wanted and not any(part in wanted for part in variant.parts):
                continue
            written_as = "all" if "all" in body else "metric"
            everything = self._terms(body.get(written_as), body, (*path, written_as), variant)
            outcome = fields.mapping(body.get("outcome"), (*path, "outcome"), ("success", "error"))
            yield Recipe(
                signal=signal,
                profile=self.id,
                variant=variant.id,
                identity=translated(identity, variant.translation),
                kind=kind,
                type=self.names.type_of(body, path),
                unit=unit,
                scale=scale,
                all=everything,
                success=self._side("success", body, outcome, everything, path, variant),
                error=self._side("error", body, outcome, everything, path, variant),
                proxy=fields.flag(body.get("proxy"), (*path, "proxy")),
                confidence=fields.word(body.get("confidence"), (*path, "confidence"), Confidence, self.confidence),
                versions=fields.text(body.get("versions"), (*path, "versions")),
                invalid_below=fields.number(body.get("invalid_below"), (*path, "invalid_below")),
                period_ms=period_ms,
                typed=fields.flag(body.get("typed"), (*path, "typed")),
                switch=fields.text(self.top.get("switch"), ("switch",)) if identity.channel else "",
                shared=self._shared(body.get("shared"), (*path, "shared"), variant),
                caveats=fields.texts(body.get("caveats"), (*path, "caveats")),
                place=self.place,
            )

    def _variants(self, value: object, path: Path) -> tuple[str, ...]:
        """The naming variants that a recipe is for; one that the profile has not is a fault."""
        wanted = self.fields.texts(value, path)
        known = list(dict.fromkeys(part for variant in self.names.variants for part in variant.parts if part))
        for name in wanted:
            if name not in known:
                hint = f"known: {', '.join(known)}" if known else "the profile has no `variants`"
                self.fields.fault("profile-value-invalid", f"no naming variant is called {name!r}", path, hint=hint)
        return wanted if any(name in known for name in wanted) else ()

    def _shared(self, value: object, path: Path, variant: Variant) -> bool:
        """Whether a recipe's names are also those of others: of all variants, or of those that are listed."""
        if not isinstance(value, list):
            return self.fields.flag(value, path)
        listed = self.fields.texts(value, path)
        return any(part in listed for part in variant.parts)

    def _period_ms(self, body: Mapping[str, Any], kind: SemanticKind, path: Path) -> int:
        """Length of the periods that values are totals of; a period that is missing or of no use is a fault."""
        given = body.get("period")
        if (kind == "period_total") != (given is not None):
            need = "needs a period, such as 5m" if given is None else f"has no period: it is read as {kind}"
            self.fields.fault("profile-value-invalid", f"{'.'.join(path)} {need}", (*path, "kind"))
            return SHORTEST_PERIOD_MS
        if given is None:
            return 0
        try:
            period_ms = round(parse_duration(self.fields.text(given, (*path, "period"))) * 1000)
        except ValueError as error:
            self.fields.fault("profile-value-invalid", str(error), (*path, "period"))
            return SHORTEST_PERIOD_MS
        if period_ms < SHORTEST_PERIOD_MS or period_ms % SHORTEST_PERIOD_MS:
            self.fields.fault("profile-value-invalid", f"a period is whole minutes, not {given}", (*path, "period"))
        return period_ms

    def _side(
        self,
        side: str,
        body: Mapping[str, Any],
        outcome: Mapping[str, Any],
        everything: tuple[MetricTerm, ...],
        path: Path,
        variant: Variant,
    ) -> tuple[MetricTerm, ...]:
        if side in outcome:
            extra = _labels_translated(
                self.fields.conditions(outcome[side], (*path, "outcome", side)), variant.translation
            )
            return tuple(replace(term, where=(*term.where, *extra)) for term in everything)
        return self._terms(body[side], body, (*path, side), variant) if side in body else ()

    def _terms(self, value: object, body: Mapping[str, Any], path: Path, variant: Variant) -> tuple[MetricTerm, ...]:
        common = self.fields.conditions(body.get("where"), (*path[:-1], "where"))
        part = body.get("part")
        items = value if isinstance(value, list) else [value]
        result = []
        for index, item in enumerate(items):
            here = (*path, str(index)) if isinstance(value, list) else path
            spec = {"metric": item} if isinstance(item, str) else item
            term = self.fields.mapping(spec, here, ("metric", "minus", "where", "part"))
            name_at = here if isinstance(item, str) else (*here, "metric")
            name = self.fields.text(term.get("metric"), name_at)
            if not name:
                if isinstance(item, dict | None):
                    hint = "write {metric: name_of_the_series, type: gauge, by: ...}"
                    self.fields.fault("profile-value-invalid", "a recipe needs a metric", here, hint=hint)
                continue
            where = (*common, *self.fields.conditions(term.get("where"), (*here, "where")))
            part_at = (*here, "part") if "part" in term else (*path[:-1], "part")
            summed = self.fields.word(term.get("part", part), part_at, Part, "")
            suffix = f"_{summed}" if summed else ""
            result.append(
                MetricTerm(
                    -1 if self.fields.flag(term.get("minus"), (*here, "minus")) else 1,
                    self.names.of(name, name_at, variant) + suffix,
                    _labels_translated(where, variant.translation),
                )
            )
        return tuple(result)


def _labels_translated(matchers: tuple[Matcher, ...], translation: Translation | None) -> tuple[Matcher, ...]:
    if translation is None:
        return matchers
    return tuple(replace(matcher, label=translation.label(matcher.label)) for matcher in matchers)
