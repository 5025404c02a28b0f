"""Random JSON Schemas and values over a small alphabet, so that schemas and values meet."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any] | bool
NAMES = ["a", "b", "c"]
PATTERNS = ["^a", "b$", "^[ab]*$", "^[a-z]+$", "[0-9]", "^(a|b){1,2}$", "^a?b+$"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 6),
    st.sampled_from([0.5, 1.0, 2.5, -1.5]),
    st.sampled_from(["", "a", "ab", "abc", "b", "x1"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*NAMES, "zz", "undeclared"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def _numbers() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={
            "minimum": st.sampled_from([-1, 0, 0.5, 2]),
            "exclusiveMinimum": st.sampled_from([0, 1]),
            "maximum": st.sampled_from([1, 2.5, 5]),
            "exclusiveMaximum": st.sampled_from([2, 3]),
            "multipleOf": st.sampled_from([0.5, 1, 2, 3]),
        },
    )


def _strings() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(1, 3),
            "pattern": st.sampled_from(PATTERNS),
        },
    )


def _arrays(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={
            "items": st.one_of(inner, st.lists(inner, min_size=1, max_size=2)),
            "additionalItems": inner,
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 3),
            "uniqueItems": st.booleans(),
            "contains": inner,
        },
    )


def objects(inner: st.SearchStrategy[Schema], *, plain: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Object schemas; plain ones have no rule that looks at several members at once."""
    rules: dict[str, Any] = {
        "properties": st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
        "additionalProperties": inner,
        "required": st.lists(st.sampled_from(NAMES), unique=True, max_size=2),
    }
    if not plain:
        rules |= {
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "^z", "c$"]), inner, max_size=1),
            "minProperties": st.integers(0, 2),
            "maxProperties": st.integers(1, 3),
            "propertyNames": st.sampled_from([{"pattern": "^[ab]"}, {"maxLength": 1}, {"enum": NAMES}]),
            "dependencies": st.dictionaries(st.sampled_from(NAMES), st.one_of(st.just(["b"]), inner), max_size=1),
        }
    return st.fixed_dictionaries({"type": st.just("object")}, optional=rules)


def _combined(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    several = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        st.builds(lambda one: {"allOf": one}, several),
        st.builds(lambda one: {"anyOf": one}, several),
        st.builds(lambda one: {"oneOf": one}, several),
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda one, then, other: {"if": one, "then": then, "else": other}, inner, inner, inner),
    )


_leaves = st.one_of(
    st.booleans(),
    st.just({}),
    st.sampled_from([{"type": "null"}, {"type": "boolean"}, {"type": ["string", "null"]}]),
    _numbers(),
    _strings(),
    st.builds(lambda one: {"enum": one}, st.lists(scalars, min_size=1, max_size=3, unique_by=repr)),
    st.builds(lambda one: {"const": one}, scalars),
)
schemas: st.SearchStrategy[Schema] = st.recursive(
    _leaves, lambda inner: st.one_of(_arrays(inner), objects(inner), objects(inner), _combined(inner)), max_leaves=6
)
plain_schemas: st.SearchStrategy[Schema] = st.recursive(
    _leaves, lambda inner: st.one_of(objects(inner, plain=True), _arrays(inner)), max_leaves=6
)


@st.composite
def pairs(draw: st.DrawFn, of: st.SearchStrategy[Schema] = schemas) -> tuple[Schema, Schema]:
    """Two schemas, in most cases one made of the other by a small change."""
    first = draw(of)
    if not isinstance(first, dict) or draw(st.integers(0, 3)) == 0:
        return first, draw(of)
    return first, _changed(draw, first, of)


def _changed(draw: st.DrawFn, schema: dict[str, Any], of: st.SearchStrategy[Schema]) -> Schema:
    keys = sorted(schema)
    if not keys or draw(st.integers(0, 3)) == 0:
        other = draw(of)
        return {**schema, **other} if isinstance(other, dict) else other
    key = draw(st.sampled_from(keys))
    part = schema[key]
    rest = {name: one for name, one in schema.items() if name != key}
    if isinstance(part, dict) and part and draw(st.booleans()):
        if key in ("properties", "patternProperties"):
            name = draw(st.sampled_from(sorted(part)))
            inner = part[name]
            return {**schema, key: {**part, name: _changed(draw, inner, of) if isinstance(inner, dict) else True}}
        if key in ("items", "additionalProperties", "contains", "not", "if", "then", "else"):
            return {**schema, key: _changed(draw, part, of)}
    return rest


def closed(schema: Schema) -> Schema:
    """A plain schema in which objects that name members have no others, unless they say so expressly."""
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, part in schema.items():
        if key == "properties":
            made[key] = {name: closed(one) for name, one in part.items()}
        elif key in ("items", "additionalItems", "additionalProperties"):
            made[key] = [closed(one) for one in part] if isinstance(part, list) else closed(part)
        else:
            made[key] = part
    if made.get("properties") and "additionalProperties" not in made:
        # What is required is written, named or not.
        made["properties"] = {**dict.fromkeys(made.get("required", ()), True), **made["properties"]}
        made["additionalProperties"] = False
    return made
