"""What a schema says about the parts of a value, references and conditions in the schema taken together."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from msgspec import Struct, field

from observatory.spec.schema_files import Schema, load_schema

_NESTED = frozenset(
    {
        "$ref",
        "properties",
        "additionalProperties",
        "patternProperties",
        "items",
        "allOf",
        "if",
        "x-bindings",
        "x-schema",
    }
)
_MARKS = ("x-link", "x-bindings", "x-schema")


class Part(Struct, frozen=True):
    """The schema of a part.

    Attributes:
        nested: It looks into the part; of others the kind of value is enough.
        lists: It wants a list.
        payload: A payload, whose language the object that holds it may name.
    """

    schema: Schema
    nested: bool
    lists: bool
    payload: bool


class Shape(Struct):
    """What a schema and the branches of its conditions say about the parts of a value.

    Attributes:
        closed: No other keys are allowed.
        marks: The `x-link`, `x-bindings` and `x-schema` of the schema.
    """

    known: dict[str, Part] = field(default_factory=dict)
    patterns: list[tuple[re.Pattern[str], Part]] = field(default_factory=list)
    other: Part | None = None
    items: Part | None = None
    closed: bool = False
    marks: dict[str, str] = field(default_factory=dict)

    def part(self, name: str) -> Part | None:
        """The schema of the value under a key."""
        if name in self.known:
            return self.known[name]
        for pattern, part in self.patterns:
            if pattern.search(name):
                return part
        return self.other


class Shapes:
    """Shapes of one shipped schema, each made when it is first asked for, for all documents of a run."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._known: dict[int, Shape] = {}

    def of(self, schema: Schema) -> Shape:
        """The shape of the schema or of one of its parts."""
        shape = self._known.get(id(schema))
        if shape is None:
            shape = self._known[id(schema)] = self._made(schema)
        return shape

    def _made(self, schema: Schema) -> Shape:
        shape = Shape()
        pending = [schema]
        while pending:
            one = pending.pop(0)
            shape.marks |= {mark: one[mark] for mark in _MARKS if mark in one}
            if "x-schema" in shape.marks:
                break
            if "$ref" in one:
                pending.insert(0, self.schema["definitions"][one["$ref"].rsplit("/", 1)[-1]])
                continue
            shape.known = {**_parts(one.get("properties", {})), **shape.known}
            shape.patterns += [
                (re.compile(text), _part(part)) for text, part in one.get("patternProperties", {}).items()
            ]
            other, items = one.get("additionalProperties"), one.get("items")
            shape.closed |= other is False
            shape.other = _part(other) if isinstance(other, dict) else shape.other
            shape.items = _part(items) if isinstance(items, dict) else shape.items
            pending += [one[word] for word in ("then", "else") if word in one]
            pending += one.get("allOf", ())
        return shape


@cache
def shapes_of(name: str, minor: int) -> Shapes:
    """The shapes of a shipped schema as one minor version has it."""
    return Shapes(load_schema(name, minor))


def _parts(properties: dict[str, Any]) -> dict[str, Part]:
    return {name: _part(schema) for name, schema in properties.items()}


def _part(schema: Schema) -> Part:
    return Part(
        schema=schema,
        nested=not _NESTED.isdisjoint(schema),
        lists=schema.get("type") == "array",
        payload=schema.get("x-schema") == "payload",
    )
