"""Avro schemas as the 1.11 specification describes them: names with their namespaces, references resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

MAX_AVRO_DEPTH = 100
PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
Kind = Literal[
    "null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "enum", "fixed", "array", "map",
    "union",
]  # fmt: skip


class AvroInvalid(Exception):
    """A payload that is no Avro schema; the message says why."""


class AvroField(Struct, eq=False, kw_only=True):
    """A field of a record."""

    name: str
    aliases: tuple[str, ...]
    type: AvroType
    has_default: bool
    default: Any = None


class AvroType(Struct, eq=False, kw_only=True):
    """One schema.

    Attributes:
        name: Full name of a record, enum or fixed; empty for the others.
        aliases: Full names that it had before.
        inner: Items of an array, values of a map, branches of a union.
        symbol: Default symbol of an enum.
        logical: The logical type, with precision and scale where it is a decimal.
    """

    kind: Kind
    name: str = ""
    aliases: tuple[str, ...] = ()
    fields: tuple[AvroField, ...] = ()
    symbols: tuple[str, ...] = ()
    symbol: str | None = None
    size: int = 0
    inner: tuple[AvroType, ...] = ()
    logical: tuple[str, ...] = ()

    @property
    def short_name(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition(".")[2]

    def spoken(self) -> str:
        """How it is called in a sentence."""
        if self.kind == "union":
            return "a union of " + ", ".join(one.spoken() for one in self.inner)
        if self.name:
            return f"{self.kind} {self.name}"
        return f"{self.kind} of {self.inner[0].spoken()}" if self.inner else self.kind


def read_avro(schema: object) -> AvroType:
    """Read a schema given as plain data or as the JSON text of it.

    Raises:
        AvroInvalid: It is no Avro schema.
    """
    if isinstance(schema, str) and schema.strip()[:1] in ("{", "[", '"'):
        try:
            schema = json.loads(schema)
        except (ValueError, RecursionError) as error:
            raise AvroInvalid(f"the text is no JSON: {error}") from None
    try:
        return _Reader().type(schema, "", 0)
    except RecursionError:
        raise AvroInvalid("it nests too deep") from None


class _Reader(Struct):
    known: dict[str, AvroType] = field(default_factory=dict)

    def type(self, schema: object, namespace: str, depth: int) -> AvroType:
        if depth > MAX_AVRO_DEPTH:
            raise AvroInvalid(f"it nests deeper than {MAX_AVRO_DEPTH} levels")
        if isinstance(schema, str):
            return self._named(schema, namespace)
        if isinstance(schema, list):
            return self._union(schema, namespace, depth)
        if not isinstance(schema, Mapping):
            raise AvroInvalid(f"a schema is a name, an object or a list, not {type(schema).__name__}")
        word = schema.get("type")
        if word in ("record", "error"):
            return self._record(schema, namespace, depth)
        if word == "enum":
            return self._enum(schema, namespace)
        if word == "fixed":
            return self._fixed(schema, namespace)
        if word == "array" or word == "map":
            key = "items" if word == "array" else "values"
            if key not in schema:
                raise AvroInvalid(f"{word} without {key!r}")
            kind: Kind = "array" if word == "array" else "map"
            return AvroType(kind=kind, inner=(self.type(schema[key], namespace, depth + 1),))
        if word is None:
            raise AvroInvalid("an object without 'type'")
        inner = self.type(word, namespace, depth + 1)
        if inner.kind in PRIMITIVES and "logicalType" in schema:
            return AvroType(kind=inner.kind, logical=_logical(schema))
        return inner

    def _named(self, name: str, namespace: str) -> AvroType:
        for kind in PRIMITIVES:
            if name == kind:
                return AvroType(kind=kind)  # type: ignore[arg-type]
        for full in (_full(name, namespace), name):
            if full in self.known:
                return self.known[full]
        raise AvroInvalid(f"{name!r} is no type of Avro and none that is defined before")

    def _union(self, branches: list[object], namespace: str, depth: int) -> AvroType:
        found = tuple(self.type(one, namespace, depth + 1) for one in branches)
        marks = [one.name or one.kind for one in found]
        if any(one.kind == "union" for one in found) or len(set(marks)) < len(marks):
            raise AvroInvalid("a union holds a union, or the same type twice")
        return AvroType(kind="union", inner=found)

    def _define(self, schema: Mapping[Any, Any], namespace: str, kind: Kind) -> tuple[AvroType, str]:
        name = schema.get("name")
        if not isinstance(name, str) or not name:
            raise AvroInvalid(f"{kind} without a name")
        own = schema.get("namespace")
        full = _full(name, own if isinstance(own, str) else namespace)
        space = full.rpartition(".")[0]
        if full in self.known:
            raise AvroInvalid(f"{full} is defined twice")
        aliases = schema.get("aliases", [])
        if not isinstance(aliases, list):
            raise AvroInvalid(f"aliases of {full} are no list")
        made = AvroType(kind=kind, name=full, aliases=tuple(_full(str(one), space) for one in aliases))
        self.known[full] = made
        return made, space

    def _record(self, schema: Mapping[Any, Any], namespace: str, depth: int) -> AvroType:
        made, space = self._define(schema, namespace, "record")
        listed = schema.get("fields")
        if not isinstance(listed, list):
            raise AvroInvalid(f"record {made.name} without a list of fields")
        fields: dict[str, AvroField] = {}
        for one in listed:
            name = one.get("name") if isinstance(one, Mapping) else None
            if not isinstance(name, str) or "type" not in one:
                raise AvroInvalid(f"a field of {made.name} without a name or a type")
            if name in fields:
                raise AvroInvalid(f"{made.name} has the field {name!r} twice")
            fields[name] = AvroField(
                name=name,
                aliases=tuple(str(alias) for alias in one.get("aliases") or ()),
                type=self.type(one["type"], space, depth + 1),
                has_default="default" in one,
                default=one.get("default"),
            )
        made.fields = tuple(fields.values())
        return made

    def _enum(self, schema: Mapping[Any, Any], namespace: str) -> AvroType:
        made, _ = self._define(schema, namespace, "enum")
        symbols = schema.get("symbols")
        if not isinstance(symbols, list):
            raise AvroInvalid(f"enum {made.name} without a list of symbols")
        made.symbols = tuple(str(one) for one in symbols)
        made.symbol = str(schema["default"]) if "default" in schema else None
        return made

    def _fixed(self, schema: Mapping[Any, Any], namespace: str) -> AvroType:
        made, _ = self._define(schema, namespace, "fixed")
        size = schema.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise AvroInvalid(f"fixed {made.name} without a size")
        made.size, made.logical = size, _logical(schema)
        return made


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _logical(schema: Mapping[Any, Any]) -> tuple[str, ...]:
    word = schema.get("logicalType")
    if not isinstance(word, str):
        return ()
    if word == "decimal":
        return word, str(schema.get("precision")), str(schema.get("scale", 0))
    return (word,)
