"""JSON Schema payloads, keyword by keyword: what a reader takes, proved, and what it does not take, shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from observatory.spec.changes import Compatibility, Reading
from observatory.spec.changes.json_schema import Effort, compare_json_schemas

S: dict[str, Any] = {"type": "string"}
N: dict[str, Any] = {"type": "number"}
I: dict[str, Any] = {"type": "integer"}  # noqa: E741


def obj(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {}), **more}


def arr(items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def kind(name: str, **properties: Any) -> dict[str, Any]:
    return obj({"kind": {"const": name}, **properties}, "kind")


def said(reading: Reading) -> list[tuple[str, str, object]]:
    """Path, keyword and witness of each reason."""
    return [(one.path, one.keyword, one.witness.value if one.witness else None) for one in reading.reasons]


WIDER = [
    # (narrow, wide): who reads with the wide one reads all of the narrow one, and not the other way round
    (I, N),
    (S, {"type": ["string", "null"]}),
    ({"enum": ["a", "b"]}, {"enum": ["a", "b", "c"]}),
    ({"const": 1.0}, {"enum": [1, 2]}),
    ({"enum": ["a", "b"]}, S),
    ({"type": "integer", "minimum": 1, "maximum": 3}, {"enum": [1, 2, 3, 4]}),
    ({"type": "number", "minimum": 1}, {"type": "number", "exclusiveMinimum": 0}),
    ({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0}),
    ({"type": "integer", "exclusiveMinimum": 0}, {"type": "integer", "minimum": 0}),
    ({"type": "integer", "multipleOf": 6}, {"type": "number", "multipleOf": 1.5}),
    ({"type": "number", "multipleOf": 1}, N),
    ({"type": "string", "minLength": 2, "maxLength": 3}, {"type": "string", "minLength": 1, "maxLength": 5}),
    ({"type": "string", "pattern": "^[A-Z]{3}$"}, {"type": "string", "pattern": "^[A-Z]+$", "minLength": 2}),
    (obj({"a": S}, "a"), obj({"a": S})),
    (obj({"a": I}), obj({"a": N})),
    (obj({"a": S}, additionalProperties=False), obj({"a": S, "b": S}, additionalProperties=False)),
    (obj({"a": S}, additionalProperties=I), obj({"a": S}, additionalProperties=N)),
    (obj({}, patternProperties={"^x-": I}, additionalProperties=False), obj({}, patternProperties={"^x-": N})),
    (obj({}, minProperties=2), obj({}, minProperties=1)),
    (obj({}, propertyNames={"pattern": "^[a-c]+$"}), obj({}, propertyNames={"pattern": "^[a-z]"})),
    (obj({"a": S, "b": S}, "a", "b"), obj({"a": S, "b": S}, dependencies={"a": ["b"]})),
    (arr(I), arr(N)),
    (arr([S, I], additionalItems=False), arr([S, N])),
    (arr(S, minItems=1), arr(S)),
    (arr(S, uniqueItems=True), arr(S)),
    (arr(S, maxItems=1), arr(S, uniqueItems=True)),
    (arr({"const": 1}, minItems=1), arr(I, contains={"const": 1})),
    (arr(I, contains={"const": 1}), arr(I, contains=I)),
    ({"anyOf": [I, {"type": "null"}]}, {"anyOf": [N, S, {"type": "null"}]}),
    ({"oneOf": [kind("a"), kind("b")]}, {"oneOf": [kind("a"), kind("b"), kind("c")]}),
    (obj({"kind": {"enum": ["a", "b"]}}, "kind"), {"oneOf": [kind("a"), kind("b"), kind("c")]}),
    ({"allOf": [obj({"a": S}, "a"), obj({"b": S}, "b")]}, obj({"a": S, "b": S}, "a")),
    ({"type": "string", "minLength": 3}, {"type": "string", "not": {"const": "ab"}}),
    (S, {"not": I}),
    ({"type": "string", "minLength": 2}, {"if": S, "then": {"minLength": 1}, "else": {"type": "integer"}}),
    (False, S),
    (S, True),
    (S, {}),
]  # fmt: skip


@pytest.mark.parametrize(("narrow", "wide"), WIDER)
def test_the_wide_reads_the_narrow_and_the_narrow_does_not_read_the_wide(narrow: Any, wide: Any) -> None:
    compared = compare_json_schemas(narrow, wide)
    assert (compared.backward.verdict, compared.forward.verdict) == ("compatible", "breaking")
    assert compared.verdict("FULL") == "breaking"


SAME = [
    (obj({"a": S}), {"title": "A", "description": "b", "x-c": 1, "examples": [{}], "default": {}, **obj({"a": S})}),
    ({"type": ["string", "null"]}, {"anyOf": [{"type": "null"}, S]}),
    ({"enum": ["a"]}, {"const": "a"}),
    ({"type": "number", "multipleOf": 1}, I),
    ({"type": "integer", "minimum": 1}, {"type": "integer", "exclusiveMinimum": 0}),
    ({"allOf": [obj({"a": S}), obj({"b": I})]}, obj({"a": S, "b": I})),
    (arr(S), arr([S], additionalItems=S)),
    (arr(S), arr(S, minItems=0)),
    ({"type": "string", "pattern": "^a|^b"}, {"type": "string", "pattern": "^[ab]"}),
    ({"oneOf": [kind("a"), kind("b")]}, {"anyOf": [kind("b"), kind("a")]}),
    ({"not": {"not": S}}, {"not": {"not": S}}),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_schemas_that_allow_the_same_are_compatible_however_they_are_written(one: Any, other: Any) -> None:
    compared = compare_json_schemas(one, other)
    assert [compared.verdict(mode) for mode in ("BACKWARD", "FORWARD", "FULL")] == ["compatible"] * 3
    assert compared.backward.assumption is None


def test_a_reason_names_the_place_the_keyword_and_a_value_that_shows_it() -> None:
    def order(price: dict[str, Any]) -> dict[str, Any]:
        return obj({"order": obj({"items": arr(obj({"price": price}, "price"))}, "items")}, "order")

    compared = compare_json_schemas(order(N), order({"type": ["number", "null"]}))
    assert compared.backward.verdict == "compatible"
    (reason,) = compared.forward.reasons
    assert (reason.path, reason.keyword, reason.proved) == ("$.order.items[].price", "type", True)
    assert reason.message == "may be null; the reader takes a number"
    assert reason.witness is not None
    assert reason.witness.value == {"order": {"items": [{"price": None}]}}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (obj({"a": S}), obj({"a": S, "b": S}, "b"), ("$.b", "required", {})),
        (obj({"a": S}), obj({"a": S}, "a"), ("$.a", "required", {})),
        (obj({"a b": I}), obj({"a b": S}), ('$["a b"]', "type", {"a b": 0})),
        ({"enum": ["a", "b", "c"]}, {"enum": ["a"]}, ("$", "enum", "b")),
        ({"type": "number", "minimum": 0}, {"type": "number", "minimum": 5}, ("$", "minimum", 0)),
        (obj({"a": S, "b": S}), obj({"a": S}, additionalProperties=False), ("$.b", "additionalProperties", {"b": ""})),
        (arr(S), arr(S, maxItems=2), ("$", "maxItems", ["", "", ""])),
        (arr(I), arr(I, uniqueItems=True), ("$", "uniqueItems", [0, 0])),
        (arr([S, I]), arr([S, S]), ("$[1]", "type", ["", 0])),
        ({"type": "string", "maxLength": 5}, {"type": "string", "maxLength": 2}, ("$", "maxLength", "aaa")),
        ({"type": "string"}, {"type": "string", "pattern": "^ord-"}, ("$", "pattern", "")),
        ({"type": "object", "additionalProperties": N}, {"type": "object", "additionalProperties": I},
         ("$.*", "type", {"undeclared": 0.5})),
        ({"oneOf": [kind("a"), kind("b")]}, {"oneOf": [kind("a")]}, ("$.kind", "enum", {"kind": "b"})),
        ({"type": "string", "format": "date"}, {"type": "integer"}, ("$", "type", "2000-01-01")),
    ],
)  # fmt: skip
def test_what_a_new_reader_cannot_read_is_shown(old: Any, new: Any, expected: tuple[str, str, object]) -> None:
    reading = compare_json_schemas(old, new).backward
    assert reading.verdict == "breaking"
    assert said(reading) == [expected]


def test_an_optional_property_may_be_added_because_writers_write_what_they_declare() -> None:
    compared = compare_json_schemas(obj({"a": S}), obj({"a": S, "b": I}))
    assert [compared.verdict(mode) for mode in ("BACKWARD", "FORWARD", "FULL")] == ["compatible"] * 3
    assumption = compared.backward.assumption
    assert assumption is not None
    assert (assumption.path, assumption.keyword) == ("$.b", "type")
    assert assumption.witness is not None
    assert assumption.witness.value == {"b": ""}
    assert compared.forward.assumption is None


def test_properties_that_are_expressly_allowed_count() -> None:
    old = obj({"a": S}, additionalProperties=True)
    assert said(compare_json_schemas(old, obj({"a": S, "b": I})).backward) == [
        ("$.b", "type", {"b": ""}),
        ("$.b", "type", {"b": 0.5}),
    ]


def test_an_object_that_declares_nothing_may_hold_anything() -> None:
    compared = compare_json_schemas({"type": "object"}, obj({"a": S}))
    assert said(compared.backward) == [("$.a", "type", {"a": 0})]


UNKNOWN = [
    ({"type": "string"}, {"type": "string", "format": "uuid"}, "format"),
    ({"type": "string", "nullable": True}, {"type": "string"}, "nullable"),
    (obj({"kind": S}), obj({"kind": S}, discriminator="kind"), "discriminator"),
    ({"type": "string"}, {"type": "string", "contentEncoding": "base64"}, "contentEncoding"),
    ({"type": "string", "pattern": "^a+$"}, {"type": "string", "pattern": "^(?=a)a*"}, "pattern"),
    (S, {"type": "text"}, "schema"),
    (S, {"type": "number", "exclusiveMinimum": True}, "exclusiveMinimum"),
    (S, {"$ref": "#/components/schemas/Gone"}, "$ref"),
    (S, [], "schema"),
]


@pytest.mark.parametrize(("old", "new", "keyword"), UNKNOWN)
def test_what_cannot_be_decided_says_by_which_keyword(old: Any, new: Any, keyword: str) -> None:
    reading = compare_json_schemas(old, new).backward
    assert reading.verdict == "unknown"
    assert [reason.keyword for reason in reading.reasons] == [keyword]
    assert not reading.reasons[0].proved


def test_a_wider_format_and_a_dropped_one_are_fine() -> None:
    int32, int64 = {"type": "integer", "format": "int32"}, {"type": "integer", "format": "int64"}
    compared = compare_json_schemas(int32, int64)
    assert (compared.backward.verdict, compared.forward.verdict) == ("compatible", "unknown")
    assert compare_json_schemas({"type": "string", "format": "uuid"}, S).backward.verdict == "compatible"


def test_a_condition_that_cannot_be_decided_is_fine_when_it_stays() -> None:
    rule = {"if": {"properties": {"a": {"pattern": "(?=x)"}}}, "then": {"required": ["b"]}}
    assert compare_json_schemas(obj({"c": I}, **rule), obj({"c": N}, **rule)).backward.verdict == "compatible"


def node(value: Any, name: str = "#/Node") -> dict[str, Any]:
    return obj({"value": value, "next": {"$ref": name}}, "value")


def recursive(old: Any, new: Any) -> Compatibility:
    return compare_json_schemas(
        node(old),
        node(new, "#/Knot"),
        old_definitions={"#/Node": node(old)},
        new_definitions={"#/Knot": node(new, "#/Knot")},
    )


def test_a_schema_that_contains_itself_is_decided() -> None:
    compared = recursive(I, N)
    assert compared.backward.verdict == "compatible"
    assert said(compared.forward) == [("$.value", "type", {"value": 0.5})]
    assert recursive(S, S).verdict("FULL") == "compatible"


def test_a_schema_that_is_itself_at_the_same_place_is_not_decided() -> None:
    loop = {"anyOf": [{"$ref": "#/Loop"}, S]}
    compared = compare_json_schemas(loop, S, old_definitions={"#/Loop": loop})
    assert compared.backward.verdict == "unknown"


def test_a_proof_that_rests_on_a_pair_that_fails_is_given_up() -> None:
    # b is compared below a first, where a is assumed to hold; a fails later, and b must not be taken as proved.
    def parts(last: Any) -> dict[str, Any]:
        a = obj({"b": obj({"a": {"$ref": "#/A"}}), "last": last})
        return {"#/A": a, "#/B": obj({"a": {"$ref": "#/A"}})}

    old, new = parts(N), parts(I)
    schema = {"anyOf": [{"$ref": "#/A"}, obj({"b": {"$ref": "#/B"}}, "b")]}
    compared = compare_json_schemas(schema, schema, old_definitions=old, new_definitions=new)
    assert compared.backward.verdict == "breaking"


def test_shared_parts_are_looked_at_once() -> None:
    old: dict[str, Any] = obj({"v": I})
    new: dict[str, Any] = obj({"v": N})
    for _ in range(12):
        old, new = obj({"a": old, "b": old}), obj({"a": new, "b": new})
    assert compare_json_schemas(old, new).backward.verdict == "compatible"


def test_a_schema_that_unfolds_too_far_is_not_decided() -> None:
    old: dict[str, Any] = obj({"v": I})
    for _ in range(30):
        old = obj({"a": old, "b": old})
    reading = compare_json_schemas(old, obj({"a": S})).backward
    assert reading.verdict == "unknown"
    assert "too many to decide" in reading.reasons[0].message


def test_a_schema_with_too_many_combinations_is_not_decided() -> None:
    choice = {"anyOf": [{"minimum": one} for one in range(20)]}
    reading = compare_json_schemas({"allOf": [choice, {**choice, "title": "b"}]}, {"maximum": 5}).backward
    assert (reading.verdict, reading.reasons[0].keyword) in [("unknown", "anyOf"), ("breaking", "anyOf")]


def test_work_is_bounded_over_all_comparisons_together() -> None:
    effort = Effort(2_000)

    def reading(number: int) -> Reading:
        narrow, wide = ({"type": "string", "pattern": pattern} for pattern in (f"^a{{1,{number}}}$", "^a+$"))
        return compare_json_schemas(obj({"a": narrow}), obj({"a": wide}), effort=effort).backward

    first, *_, last = [reading(number) for number in range(1, 60)]
    assert (first.verdict, last.verdict) == ("compatible", "unknown")
    assert [(one.keyword, one.message) for one in last.reasons] == [
        ("schema", "too much work has gone into the comparison to go on")
    ]


OPENAPI = [
    (S, {"type": "string", "nullable": True}, ("compatible", "breaking")),
    ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, {"type": "number", "minimum": 0},
     ("compatible", "breaking")),
    ({"type": "integer", "maximum": 3, "exclusiveMaximum": False}, {"type": "integer", "maximum": 3},
     ("compatible", "compatible")),
    ({"enum": ["a"]}, {"enum": ["a"], "nullable": True}, ("compatible", "compatible")),
    (obj({"a": {"type": "integer", "nullable": True}}), obj({"a": I}), ("breaking", "compatible")),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), OPENAPI)
def test_schemas_of_openapi_are_read_as_openapi_means_them(old: Any, new: Any, expected: tuple[str, str]) -> None:
    compared = compare_json_schemas(old, new, openapi=True)
    assert (compared.backward.verdict, compared.forward.verdict) == expected


HOSTILE = [
    ({"type": "number", "minimum": 10**400}, {"type": "number", "multipleOf": 3}),
    ({"enum": [10**400]}, {"type": "integer", "maximum": 1e300}),
    ({"type": "object"}, {"type": "object", "maxProperties": 10**9}),
    ({"type": "array"}, {"type": "array", "minItems": 10**9}),
    (S, {"type": "string", "minLength": 10**9}),
    ({"type": "integer", "minimum": -(10**18), "maximum": 10**18}, {"type": "integer", "multipleOf": 7}),
    ({"type": "string", "pattern": "^(a|b)*a(a|b){60}$"}, {"type": "string", "pattern": "^(a|b)*b(a|b){60}$"}),
    (S, {"properties": []}),
    (S, {"required": True}),
    (S, {"type": "number", "multipleOf": 0}),
    (S, {"const": float("nan")}),
]


@pytest.mark.parametrize(("old", "new"), HOSTILE)
def test_hostile_schemas_are_answered(old: Any, new: Any) -> None:
    compared = compare_json_schemas(old, new)
    assert compared.verdict("FULL") in ("unknown", "breaking")
    json.dumps(compared.to_json(), allow_nan=False)


@pytest.mark.parametrize("keyword", ["allOf", "items", "not", "properties"])
def test_deep_schemas_are_answered(keyword: str) -> None:
    old: Any = I
    new: Any = N
    wrap = {"allOf": lambda one: [one], "properties": lambda one: {"a": one}}.get(keyword, lambda one: one)
    for _ in range(95):
        old, new = {keyword: wrap(old)}, {keyword: wrap(new)}
    assert compare_json_schemas(old, new).backward.verdict in ("compatible", "unknown", "breaking")
    assert compare_json_schemas(old, old).verdict("FULL") == "compatible"
    for _ in range(2_000):
        old = {keyword: wrap(old)}
    assert compare_json_schemas(old, new).backward.verdict == "unknown"
