"""Schema resolution of Avro, against a table made by hand from the specification."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from observatory.spec.changes import Reading
from observatory.spec.changes.avro import compare_avro_schemas

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
READS = {
    # by writer, the readers
    "null": {"null"},
    "boolean": {"boolean"},
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "double": {"double"},
    "bytes": {"bytes", "string"},
    "string": {"string", "bytes"},
}


def record(*fields: dict[str, Any], name: str = "Order", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, kind: Any = "int", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, name: str = "Colour", **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size: int, name: str = "Hash", **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size, **more}


def read(writer: Any, reader: Any) -> Reading:
    return compare_avro_schemas(writer, reader).backward


def said(reading: Reading) -> list[tuple[str, str]]:
    return [(one.path, one.keyword) for one in reading.reasons]


@pytest.mark.parametrize(("writer", "reader"), list(product(PRIMITIVES, PRIMITIVES)))
def test_primitive_types_are_promoted_as_the_specification_says(writer: str, reader: str) -> None:
    for wrap in (lambda one: one, lambda one: {"type": "array", "items": one}, lambda one: record(field("f", one))):
        expected = "compatible" if reader in READS[writer] else "breaking"
        assert read(wrap(writer), wrap(reader)).verdict == expected


COMPATIBLE = [
    # writer, reader
    (record(field("a"), field("b")), record(field("a"))),
    (record(field("a")), record(field("a"), field("b", default=0))),
    (record(field("a")), record(field("a"), field("b", ["null", "int"], default=None))),
    (record(field("b"), field("a")), record(field("a"), field("b"))),
    (record(field("old")), record(field("new", aliases=["old"]))),
    (record(field("a"), namespace="one"), record(field("a"), namespace="two")),
    (record(field("a"), name="Old"), record(field("a"), name="New", aliases=["Old"])),
    (record(field("a"), name="x.Old"), record(field("a"), name="y.New", aliases=["x.Old"])),
    (enum("red", "green"), enum("green", "blue", "red")),
    (enum("red", "green", "blue"), enum("red", "other", default="other")),
    (fixed(16), fixed(16)),
    ("int", ["null", "long"]),
    (["null", "int"], ["string", "double", "null"]),
    (["int", "long"], "double"),
    ({"type": "map", "values": "int"}, {"type": "map", "values": ["null", "long"]}),
    ({"type": "string", "logicalType": "uuid"}, "string"),
    ({"type": "long", "logicalType": "timestamp-millis"}, {"type": "long", "logicalType": "timestamp-millis"}),
    ("long", {"type": "long", "logicalType": "timestamp-millis"}),
    (json.dumps(record(field("a"))), record(field("a", "long"))),
    ({"type": "int", "doc": "x"}, {"type": {"type": "int"}}),
]  # fmt: skip


@pytest.mark.parametrize(("writer", "reader"), COMPATIBLE)
def test_what_resolves_is_compatible(writer: Any, reader: Any) -> None:
    assert read(writer, reader) == Reading(verdict="compatible")


BREAKING = [
    (record(field("a")), record(field("a"), field("b")), ("$.b", "default")),
    (record(field("a")), record(field("a"), field("b", ["null", "int"])), ("$.b", "default")),
    (record(field("a"), name="One"), record(field("a"), name="Two"), ("$", "name")),
    (record(field("a", record(field("b"), name="In"))), record(field("a", record(field("b", "string"), name="In"))),
     ("$.a.b", "type")),
    (record(field("l", {"type": "array", "items": record(field("p", "double"), name="In")})),
     record(field("l", {"type": "array", "items": record(field("p", "long"), name="In")})), ("$.l[].p", "type")),
    ({"type": "map", "values": "long"}, {"type": "map", "values": "int"}, ("$.*", "type")),
    (enum("red", "green"), enum("red"), ("$", "symbols")),
    (enum("red", name="A"), enum("red", name="B"), ("$", "name")),
    (fixed(16), fixed(8), ("$", "size")),
    (fixed(16, name="A"), fixed(16, name="B"), ("$", "name")),
    ("string", ["null", "int"], ("$", "union")),
    (["null", "int"], "int", ("$", "type")),
    (["null", "int", "string"], ["null", "int"], ("$", "union")),
    ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
     {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}, ("$", "logicalType")),
    (record(field("a")), {"type": "map", "values": "int"}, ("$", "type")),
]  # fmt: skip


@pytest.mark.parametrize(("writer", "reader", "expected"), BREAKING)
def test_what_does_not_resolve_is_breaking_with_its_place_and_rule(
    writer: Any, reader: Any, expected: tuple[str, str]
) -> None:
    reading = read(writer, reader)
    assert (reading.verdict, said(reading)) == ("breaking", [expected])


def test_a_reason_says_what_to_add() -> None:
    (reason,) = read(record(field("a")), record(field("a"), field("b"))).reasons
    assert reason.message == "the reader's field 'b' has no default, and the writer does not write it"
    (reason,) = read(enum("red", "green", "blue"), enum("red")).reasons
    assert reason.message == "the reader's enum has no green and no blue, and no default to fall back on"


def test_an_added_field_with_a_default_is_fully_compatible_and_one_without_only_forward() -> None:
    old = record(field("a"))
    compared = compare_avro_schemas(old, record(field("a"), field("b", default=1)))
    assert [compared.verdict(mode) for mode in ("BACKWARD", "FORWARD", "FULL")] == ["compatible"] * 3
    compared = compare_avro_schemas(old, record(field("a"), field("b")))
    assert [compared.verdict(mode) for mode in ("BACKWARD", "FORWARD", "FULL")] == [
        "breaking",
        "compatible",
        "breaking",
    ]


def test_another_unit_of_time_resolves_and_is_not_called_compatible() -> None:
    millis, micros = ({"type": "long", "logicalType": f"timestamp-{unit}"} for unit in ("millis", "micros"))
    reading = read(millis, micros)
    assert (reading.verdict, said(reading)) == ("unknown", [("$", "logicalType")])


def test_a_record_that_contains_itself_is_resolved() -> None:
    def tree(kind: str) -> dict[str, Any]:
        return record(field("value", kind), field("next", ["null", "Tree"]), name="Tree")

    assert read(tree("int"), tree("long")).verdict == "compatible"
    assert said(read(tree("long"), tree("int"))) == [("$.value", "type")]


def test_names_are_found_in_their_namespace() -> None:
    def shop(kind: str) -> dict[str, Any]:
        money = record(field("amount", kind), name="Money")
        return record(field("price", money), field("tax", "org.shop.Money"), namespace="org.shop")

    assert said(read(shop("long"), shop("int"))) == [("$.price.amount", "type"), ("$.tax.amount", "type")]


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("{", "the text is no JSON"),
        ("Unknown", "'Unknown' is no type of Avro and none that is defined before"),
        ({"type": "record", "name": "A"}, "record A without a list of fields"),
        ({"type": "record", "fields": []}, "record without a name"),
        (["int", "int"], "a union holds a union, or the same type twice"),
        ({"type": "fixed", "name": "A"}, "fixed A without a size"),
        (record(field("a"), field("a")), "Order has the field 'a' twice"),
        ({"items": "int"}, "an object without 'type'"),
        (12, "a schema is a name, an object or a list, not int"),
    ],
)
def test_what_is_no_avro_schema_is_unknown_and_says_why(schema: Any, why: str) -> None:
    reading = read(schema, "int")
    assert reading.verdict == "unknown"
    assert why in reading.reasons[0].message
