"""A JSON Schema reduced to what decides whether a value is valid, with its recursive parts in one table.

Titles, descriptions, examples, defaults, identifiers and extensions say nothing about validity and are left out, so
two schemas that differ only in them are equal. What draft-07 does not define (`nullable`, `discriminator`) and what
it defines as a remark (`format`) stay, since readers may hold to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from msgspec import Struct, field

from observatory.spec.likeness import digest

Schema = dict[str, Any] | bool
MAX_SCHEMA_DEPTH = 100
MAX_UNFOLDED = 50_000
MAX_NUMBER = 10**300

_ONE = ("additionalItems", "contains", "additionalProperties", "propertyNames", "if", "then", "else", "not")
_LISTS = ("allOf", "anyOf", "oneOf")
_MAPS = ("properties", "patternProperties")
_NESTED = frozenset({*_ONE, *_LISTS, *_MAPS, "items", "dependencies"})
_NUMBERS = ("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum")
_COUNTS = ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties")
REMARKS = ("format", "contentEncoding", "contentMediaType", "discriminator")
"""Keywords that draft-07 lets a reader ignore, but that it may hold to."""
REMARK_KEY = "x-remarks"


class NotDecidable(Exception):
    """A schema or a part of it that nothing can be said about, with the keyword that is the reason."""

    def __init__(self, keyword: str, message: str) -> None:
        super().__init__(message)
        self.keyword = keyword
        self.message = message


class Cleaned(Struct, frozen=True, eq=False):
    """A schema whose references all lead into `definitions`.

    Attributes:
        size: How many values it unfolds to, shared parts counted wherever they stand.
        expanded: Branches that were found, kept for the next question.
    """

    root: Schema
    definitions: Mapping[str, Schema]
    size: int
    expanded: dict[Any, Any] = field(default_factory=dict)

    def mark(self) -> str:
        """Equal for schemas that are the same but for remarks to people."""
        return digest([self.root, self.definitions])

    def followed(self, schema: Schema) -> Schema:
        """The schema that a reference leads to; itself when it is none."""
        hops = 0
        while isinstance(schema, dict) and "$ref" in schema:
            schema = self.definitions[schema["$ref"].rsplit("/", 1)[-1]]
            hops += 1
            if hops > len(self.definitions):
                raise NotDecidable("$ref", "the reference leads back to itself")
        return schema


def clean(schema: object, definitions: Mapping[str, object], side: str = "", *, openapi: bool = False) -> Cleaned:
    """Reduce a schema.

    Args:
        schema: Plain data; references left standing are looked up in `definitions` by their text.
        definitions: What such references lead to.
        side: Goes before the names of definitions, so that those of two schemas fit into one table.
        openapi: Read the schema as OpenAPI 3.0 means it: `nullable` adds null, and an exclusive bound is a boolean.

    Raises:
        NotDecidable: It is no schema, a reference in it leads nowhere, or it is too deep or too large.
    """
    cleaner = _Cleaner(definitions, side, openapi)
    root = cleaner.schema(schema, 0)
    found: dict[str, Schema] = {}
    while cleaner.wanted:
        text = cleaner.wanted.pop()
        name = side + _name(text)
        if name not in found:
            found[name] = cleaner.schema(definitions[text], 0)
    parts = {name: found[name] for name in sorted(found)}
    sizes: dict[int, int] = {}
    size = _unfolded(root, sizes) + sum(_unfolded(part, sizes) for part in parts.values())
    if size > MAX_UNFOLDED:
        raise NotDecidable("$ref", f"the schema unfolds to {size:,} values, too many to decide")
    return Cleaned(root, parts, size)


class _Cleaner(Struct):
    definitions: Mapping[str, object]
    side: str
    openapi: bool
    wanted: set[str] = field(default_factory=set)
    _known: dict[int, Schema] = field(default_factory=dict)

    def schema(self, schema: object, depth: int) -> Schema:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise NotDecidable("schema", f"a schema is an object or a boolean, not {type(schema).__name__}")
        if depth > MAX_SCHEMA_DEPTH:
            raise NotDecidable("schema", f"it nests deeper than {MAX_SCHEMA_DEPTH} levels")
        if id(schema) not in self._known:
            self._known[id(schema)] = self._reduced(schema, depth + 1)
        return self._known[id(schema)]

    def _reduced(self, schema: dict[str, Any], depth: int) -> Schema:
        if isinstance(text := schema.get("$ref"), str):
            if text not in self.definitions:
                raise NotDecidable("$ref", f"the reference {text!r} is not resolved")
            self.wanted.add(text)
            return {"$ref": f"#/definitions/{self.side}{_name(text)}"}
        if self.openapi:
            schema = _as_draft_07(schema)
        kept: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _NESTED:
                kept[key] = self._nested(key, value, depth)
            elif key in _NUMBERS or key in _COUNTS:
                kept[key] = _number(key, value)
            elif key == "type":
                kept[key] = sorted({str(one) for one in value}) if isinstance(value, list) else value
            elif key == "required":
                kept[key] = sorted({str(one) for one in _listed(key, value)})
            elif key == "enum":
                kept[key] = _listed(key, value)
            elif key in ("uniqueItems", "nullable"):
                if value is True:
                    kept[key] = True
            elif key in ("const", "pattern"):
                kept[key] = value
            elif key in REMARKS:
                # Under a key of their own, or the validator would hold to some of them.
                kept.setdefault(REMARK_KEY, {})[key] = value
        return kept

    def _nested(self, key: str, value: object, depth: int) -> Any:
        if key in _LISTS or (key == "items" and isinstance(value, list)):
            return [self.schema(one, depth) for one in _listed(key, value)]
        if key in _MAPS:
            return {str(name): self.schema(one, depth) for name, one in _mapped(key, value).items()}
        if key == "dependencies":
            return {
                str(name): sorted(map(str, one)) if isinstance(one, list) else self.schema(one, depth)
                for name, one in _mapped(key, value).items()
            }
        return self.schema(value, depth)


def _as_draft_07(schema: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI 3.0 schema in the words of draft-07; its parts are as they were.

    `nullable` widens a `type` beside it, and does nothing without one, nor against an `enum` without null.
    """
    made = dict(schema)
    kind = made.get("type")
    if made.pop("nullable", None) is True and isinstance(kind, str):
        made["type"] = [kind, "null"]
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and bound in made:
            made[exclusive] = made.pop(bound)
    return made


def _listed(key: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise NotDecidable(key, f"{key} is a list, not {type(value).__name__}")
    return value


def _mapped(key: str, value: object) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise NotDecidable(key, f"{key} is an object, not {type(value).__name__}")
    return value


def _number(key: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) == float("inf"):
        raise NotDecidable(key, f"{key} is a number, not {value!r}")
    if abs(value) > MAX_NUMBER:
        raise NotDecidable(key, f"{key} is a number too large to reckon with")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _name(text: str) -> str:
    """A name for what a reference leads to, safe in a JSON pointer and a URI."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _unfolded(value: Any, known: dict[int, int]) -> int:
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(value)]
