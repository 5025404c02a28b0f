"""Schemas as unions of branches: `anyOf`, `oneOf` and `if` multiplied out, `allOf` merged, one record of facets each.

A conjunction is a tuple of schemas that all hold. Its branches together allow the values that it allows, or more where
a keyword cannot be followed; what is dropped that way is only ever dropped where more is the safe side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.spec.changes.json_schema.cleaning import REMARK_KEY, Cleaned, NotDecidable, Schema

Conjunction = tuple[Schema, ...]
Number = int | float
TYPES = frozenset({"null", "boolean", "number", "string", "array", "object"})
MAX_BRANCHES = 128
INFINITY = float("inf")


class Members(Struct, frozen=True, eq=False):
    """What one schema says about the members of an object; `additional` is None where it says nothing."""

    properties: dict[str, Schema]
    patterns: dict[str, Schema]
    additional: Schema | None


class Elements(Struct, frozen=True, eq=False):
    """What one schema says about the items of an array: by position, and from there on."""

    first: tuple[Schema, ...]
    rest: Schema


class Branch(Struct, frozen=True, eq=False, kw_only=True):
    """Facets that all hold, without a choice between them. Each facet speaks of its own type only."""

    types: frozenset[str] = TYPES
    integer: bool = False
    literals: tuple[Any, ...] | None = None
    low: Number = -INFINITY
    low_open: bool = False
    high: Number = INFINITY
    high_open: bool = False
    multiples: frozenset[Fraction] = frozenset()
    min_length: int = 0
    max_length: Number = INFINITY
    patterns: tuple[str, ...] = ()
    remarks: frozenset[tuple[str, str]] = frozenset()
    nullable: bool = False
    elements: tuple[Elements, ...] = ()
    min_items: int = 0
    max_items: Number = INFINITY
    unique: bool = False
    contains: tuple[Schema, ...] = ()
    members: tuple[Members, ...] = ()
    required: frozenset[str] = frozenset()
    min_members: int = 0
    max_members: Number = INFINITY
    names: tuple[Schema, ...] = ()
    dependencies: tuple[tuple[str, tuple[str, ...] | Schema], ...] = ()
    nots: tuple[Conjunction, ...] = ()

    def item(self, index: int | None) -> Conjunction:
        """What holds for an item; None for those behind every position that is spelled out."""
        return conjunction(
            one.first[index] if index is not None and index < len(one.first) else one.rest for one in self.elements
        )

    def positions(self) -> int:
        """How many items are spelled out by position."""
        return max((len(one.first) for one in self.elements), default=0)

    def declared(self) -> dict[str, None]:
        """Names of members that are spelled out, in order."""
        return {name: None for one in self.members for name in one.properties}


def conjunction(schemas: Iterable[Schema]) -> Conjunction:
    """Schemas that all hold; repetitions and what always holds are left out."""
    kept: dict[int, Schema] = {}
    for schema in schemas:
        if schema is False:
            return (False,)
        if schema is not True and schema != {}:
            kept[id(schema)] = schema
    return tuple(kept.values())


def expand(
    schemas: Conjunction, context: Cleaned, *, reading: bool = False, start: Branch | None = None
) -> list[Branch]:
    """The branches of a conjunction; computed once where they start from nothing.

    Args:
        start: Holds in every branch besides.
        reading: Add branches that imply an `if` without deciding it, which helps a reader to be found wide enough.

    Raises:
        NotDecidable: There are more branches than can be looked at, or a reference contains itself at the same place.
    """
    if start is not None:
        return _Expansion(context, reading).all_of(start, schemas, ())
    key = (tuple(map(id, schemas)), reading)
    if key not in context.expanded:
        # The key is made of addresses, so what they belong to is kept beside the branches.
        context.expanded[key] = schemas, _Expansion(context, reading).all_of(Branch(), schemas, ())
    found: list[Branch] = context.expanded[key][1]
    return found


def json_key(value: Any) -> object:
    """Equal for values that JSON Schema takes as equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__, value
    if isinstance(value, int | float):
        return "number", value
    if isinstance(value, list):
        return "array", tuple(json_key(one) for one in value)
    return "object", frozenset((name, json_key(one)) for name, one in value.items())


def type_of(value: Any) -> str:
    """The JSON type of a value, integers being numbers."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


class _Expansion(Struct):
    context: Cleaned
    reading: bool
    following: list[str] = field(default_factory=list)

    def all_of(self, branch: Branch, schemas: Conjunction, seen: tuple[str, ...]) -> list[Branch]:
        branches = [branch]
        for schema in schemas:
            branches = [found for one in branches for found in self.one(one, schema, seen)]
            if len(branches) > MAX_BRANCHES:
                raise NotDecidable("anyOf", f"more than {MAX_BRANCHES} combinations of alternatives")
        return branches

    def one(self, branch: Branch, schema: Schema, seen: tuple[str, ...]) -> list[Branch]:
        if isinstance(schema, bool):
            return [branch] if schema else []
        if "$ref" in schema:
            if schema["$ref"] in seen:
                raise NotDecidable("$ref", "the schema is made of itself at the same place")
            return self.one(branch, self.context.followed(schema), (*seen, schema["$ref"]))
        merged = _with_facets(branch, schema)
        if merged is None:
            return []
        branches = self.all_of(merged, tuple(schema.get("allOf", ())), seen)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                branches = [found for one in branches for found in self._choice(one, schema[word], word, seen)]
        if "if" in schema and ("then" in schema or "else" in schema):
            branches = [found for one in branches for found in self._conditional(one, schema, seen)]
        if len(branches) > MAX_BRANCHES:
            raise NotDecidable("anyOf", f"more than {MAX_BRANCHES} combinations of alternatives")
        return branches

    def _choice(self, branch: Branch, choices: list[Schema], word: str, seen: tuple[str, ...]) -> Iterator[Branch]:
        for index, choice in enumerate(choices):
            start = branch
            if word == "oneOf":
                others = [(other,) for place, other in enumerate(choices) if place != index and other is not False]
                start = replace(branch, nots=(*branch.nots, *others))
            yield from self.one(start, choice, seen)

    def _conditional(self, branch: Branch, schema: dict[str, Any], seen: tuple[str, ...]) -> Iterator[Branch]:
        condition, then, other = schema["if"], schema.get("then", True), schema.get("else", True)
        yield from self.all_of(branch, (condition, then), seen)
        yield from self.one(replace(branch, nots=(*branch.nots, (condition,))), other, seen)
        if self.reading:
            yield from self.all_of(branch, (then, other), seen)


def _with_facets(branch: Branch, schema: dict[str, Any]) -> Branch | None:
    """A branch with the facets of a schema merged in; None where nothing is left."""
    if schema.get("not") is True or schema.get("not") == {}:
        return None
    changes = _kinds(branch, schema)
    changes |= _bounds(branch, schema, changes["integer"])
    changes |= _sizes(branch, schema)
    changes |= _texts(branch, schema)
    changes |= _contents(branch, schema)
    if schema.get("nullable"):
        changes["nullable"] = True
    if "not" in schema:
        changes["nots"] = (*branch.nots, (schema["not"],))
    merged = replace(branch, **changes)
    return replace(merged, types=left) if (left := _possible(merged)) else None


def _kinds(branch: Branch, schema: dict[str, Any]) -> dict[str, Any]:
    types, integer, literals = branch.types, branch.integer, branch.literals
    if "type" in schema:
        words = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        integer = integer or ("integer" in words and "number" not in words)
        types = types & {"number" if word == "integer" else word for word in words}
    for allowed in ([schema["const"]] if "const" in schema else None, schema.get("enum")):
        if allowed is not None:
            kept = {json_key(one): one for one in allowed}
            if literals is not None:
                before = {json_key(one) for one in literals}
                kept = {key: one for key, one in kept.items() if key in before}
            literals = tuple(kept.values())
    if literals is not None:
        literals = tuple(one for one in literals if type_of(one) in types)
        types = types & {type_of(one) for one in literals}
    return {"types": types, "integer": integer, "literals": literals}


def _texts(branch: Branch, schema: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if isinstance(pattern := schema.get("pattern"), str):
        changes["patterns"] = tuple(dict.fromkeys([*branch.patterns, pattern]))
    remarks = {(word, repr(value)) for word, value in schema.get(REMARK_KEY, {}).items()}
    return {**changes, "remarks": branch.remarks | remarks} if remarks else changes


def _contents(branch: Branch, schema: dict[str, Any]) -> dict[str, Any]:
    """What is said about items and members."""
    changes: dict[str, Any] = {}
    if "items" in schema:
        listed = isinstance(schema["items"], list)
        first = tuple(schema["items"]) if listed else ()
        rest = schema.get("additionalItems", True) if listed else schema["items"]
        changes["elements"] = (*branch.elements, Elements(first, rest))
    if schema.get("uniqueItems"):
        changes["unique"] = True
    if "contains" in schema:
        changes["contains"] = (*branch.contains, schema["contains"])
    if any(word in schema for word in ("properties", "patternProperties", "additionalProperties")):
        members = Members(
            schema.get("properties", {}), schema.get("patternProperties", {}), schema.get("additionalProperties")
        )
        changes["members"] = (*branch.members, members)
    if "required" in schema:
        changes["required"] = branch.required | frozenset(schema["required"])
    if "propertyNames" in schema:
        changes["names"] = (*branch.names, schema["propertyNames"])
    if "dependencies" in schema:
        found = [(name, tuple(one) if isinstance(one, list) else one) for name, one in schema["dependencies"].items()]
        changes["dependencies"] = (*branch.dependencies, *found)
    return changes


def _bounds(branch: Branch, schema: dict[str, Any], integer: bool) -> dict[str, Any]:
    low, low_open, high, high_open = branch.low, branch.low_open, branch.high, branch.high_open
    for word, is_open in (("minimum", False), ("exclusiveMinimum", True)):
        if word in schema and (schema[word], is_open) > (low, low_open):
            low, low_open = schema[word], is_open
    for word, is_open in (("maximum", False), ("exclusiveMaximum", True)):
        if word in schema and (schema[word], not is_open) < (high, not high_open):
            high, high_open = schema[word], is_open
    if integer and low != -INFINITY:
        low, low_open = (floor(low) + 1 if low_open else ceil(low)), False
    if integer and high != INFINITY:
        high, high_open = (ceil(high) - 1 if high_open else floor(high)), False
    multiples = branch.multiples
    if "multipleOf" in schema:
        multiples = multiples | {Fraction(str(schema["multipleOf"]))}
    return {"low": low, "low_open": low_open, "high": high, "high_open": high_open, "multiples": multiples}


def _sizes(branch: Branch, schema: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for kind, words in (("length", "Length"), ("items", "Items"), ("members", "Properties")):
        if (least := schema.get(f"min{words}")) is not None:
            changes[f"min_{kind}"] = max(getattr(branch, f"min_{kind}"), least)
        if (most := schema.get(f"max{words}")) is not None:
            changes[f"max_{kind}"] = min(getattr(branch, f"max_{kind}"), most)
    return changes


def _possible(branch: Branch) -> frozenset[str]:
    """Types that the bounds of a branch leave a value of, as far as bounds alone tell."""
    gone: set[str] = set()
    if branch.low > branch.high or (branch.low == branch.high and (branch.low_open or branch.high_open)):
        gone.add("number")
    if branch.min_length > branch.max_length:
        gone.add("string")
    if branch.min_items > branch.max_items:
        gone.add("array")
    if max(branch.min_members, len(branch.required)) > branch.max_members:
        gone.add("object")
    return branch.types - gone
