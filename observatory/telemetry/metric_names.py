"""What a profile's metrics are called in each of its naming variants."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import Struct

from observatory.telemetry.otel_names import TRANSLATIONS, Translation
from observatory.telemetry.profile_fields import Fields, Path
from observatory.telemetry.recipe import MetricType


class Variant(Struct, frozen=True):
    """One way to write all names of a profile.

    Attributes:
        texts: What stands for a name in braces.
        translation: How names of OpenTelemetry are written; None where there are none.
    """

    id: str
    texts: Mapping[str, str]
    translation: Translation | None

    @property
    def parts(self) -> tuple[str, ...]:
        """What a recipe may call it by: as a whole, by its texts, by its translation."""
        return (self.id, *self.id.split("/"))


class MetricNames:
    """The names of a profile's metrics, by `variants` and `opentelemetry` of its file."""

    def __init__(self, fields: Fields, top: Mapping[str, Any]) -> None:
        self._fields = fields
        self.variants = tuple(_variants(fields, top))
        self._otel = {
            alias: fields.mapping(spec, ("opentelemetry", alias), ("name", "unit", "type"))
            for alias, spec in fields.mapping(top.get("opentelemetry"), ("opentelemetry",)).items()
        }

    def all_of(self, name: str, path: Path) -> Collection[str]:
        """The names of a metric in all naming variants, each once."""
        return dict.fromkeys(self.of(name, path, variant) for variant in self.variants)

    def of(self, name: str, path: Path, variant: Variant) -> str:
        """The name of a metric in one variant; a name in braces that nothing explains is a fault."""
        table = self._otel.get(name)
        text = self._fields.text(table.get("name"), ("opentelemetry", name, "name"), name) if table else name
        for key, value in variant.texts.items():
            text = text.replace("{" + key + "}", value)
        if "{" in text:
            self._fields.fault(
                "profile-value-invalid", f"{text!r} holds a name in braces that no variant explains", path
            )
        if table is None or variant.translation is None:
            return text
        kind = table.get("type")
        return variant.translation.metric(
            text, str(table.get("unit") or ""), counter=kind == "counter", gauge=kind == "gauge"
        )

    def type_of(self, body: Mapping[str, Any], path: Path) -> MetricType:
        """The TYPE line: as the recipe says, else as the OpenTelemetry table says."""
        alias = body.get("metric")
        if "type" not in body and isinstance(alias, str) and alias in self._otel:
            return self._fields.word(
                self._otel[alias].get("type"), ("opentelemetry", alias, "type"), MetricType, "unknown"
            )
        return self._fields.word(body.get("type"), (*path, "type"), MetricType, "unknown")


def _variants(fields: Fields, top: Mapping[str, Any]) -> Iterator[Variant]:
    named = fields.mapping(top.get("variants"), ("variants",)) or {"": {}}
    translations = TRANSLATIONS if top.get("opentelemetry") else (None,)
    for name, texts in named.items():
        path: Path = ("variants", name)
        values = {key: fields.text(text, (*path, key)) for key, text in fields.mapping(texts, path).items()}
        for translation in translations:
            parts = [part for part in (name, translation.id if translation else "") if part]
            yield Variant("/".join(parts), values, translation)
