"""What must hold for any two schemas: a proof has no counter-example, and a witness is one."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from schema_cases import Schema, closed, pairs, plain_schemas, schemas, values

from observatory.spec.changes import Reason
from observatory.spec.changes.json_schema import compare_json_schemas, reasons_against
from observatory.spec.changes.json_schema.cleaning import Cleaned, clean
from observatory.spec.changes.json_schema.containment import Containment

EXAMPLES = settings(max_examples=100, deadline=None)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


def validator(schema: Schema) -> Any:
    return jsonschema_rs.Draft7Validator(schema, validate_formats=False)


def reasons(writer: Schema, reader: Schema, *, undeclared: bool = True) -> tuple[Containment, list[Reason]]:
    """The reasons why a reader fails, every member counted or only those that the writer declares."""
    one, other = clean(writer, {}), clean(reader, {})
    check = Containment(Cleaned(True, {}, one.size + other.size), undeclared=undeclared)
    return check, reasons_against(check, (one.root,), (other.root,))


def word(writer: Schema, reader: Schema, *, undeclared: bool = True) -> str:
    found = reasons(writer, reader, undeclared=undeclared)[1]
    return "compatible" if not found else "breaking" if any(one.proved for one in found) else "unknown"


@EXAMPLES
@given(pairs(), st.lists(values, max_size=30))
def test_no_value_of_the_writer_fails_a_reader_that_is_proved_compatible(
    pair: tuple[Schema, Schema], tried: list[Any]
) -> None:
    writer, reader = pair
    check, found = reasons(writer, reader)
    assume(not found)
    written, read = validator(writer), validator(reader)
    samples = check.samples.of((clean(writer, {}).root,))
    assert [one for one in [*tried, *samples] if written.is_valid(one) and not read.is_valid(one)] == []


@EXAMPLES
@given(pairs())
def test_every_witness_is_valid_for_the_writer_and_not_for_the_reader(pair: tuple[Schema, Schema]) -> None:
    old, new = pair
    compared = compare_json_schemas(old, new)
    for writer, reader, reading in ((old, new, compared.backward), (new, old, compared.forward)):
        for reason in (*reading.reasons, *((reading.assumption,) if reading.assumption else ())):
            if reason.witness is not None:
                assert validator(writer).is_valid(reason.witness.value)
                assert not validator(reader).is_valid(reason.witness.value)
        if reading.verdict == "breaking":
            assert reading.reasons[0].witness is not None


@EXAMPLES
@given(schemas)
def test_a_schema_reads_what_it_writes(schema: Schema) -> None:
    compared = compare_json_schemas(schema, schema)
    assert [compared.verdict(mode) for mode in ("BACKWARD", "FORWARD", "FULL")] == ["compatible"] * 3
    assert reasons(schema, schema)[1] == []


@FEW
@given(pairs(), schemas)
def test_compatibility_is_transitive_where_it_is_decided(pair: tuple[Schema, Schema], third: Schema) -> None:
    first, second = pair
    assume(word(first, second) == "compatible" and word(second, third) == "compatible")
    assert word(first, third) != "breaking"


@EXAMPLES
@given(pairs(plain_schemas))
def test_only_declared_members_count_as_if_objects_were_closed(pair: tuple[Schema, Schema]) -> None:
    writer, reader = pair
    lenient, strict = word(writer, reader, undeclared=False), word(closed(writer), reader)
    assert {lenient, strict} != {"compatible", "breaking"}


@EXAMPLES
@given(pairs())
def test_the_verdict_agrees_with_another_procedure(pair: tuple[Schema, Schema]) -> None:
    if not hasattr(jsonschema_rs, "canonicalize"):
        pytest.skip("this release of jsonschema-rs has no containment check")
    writer, reader = pair
    try:
        wide, narrow = (jsonschema_rs.canonicalize(one, draft=7, validate_formats=False) for one in (reader, writer))
        covers = str(wide.covers(narrow)).rpartition(".")[2].lower()
    except (ValueError, jsonschema_rs.canonical.CanonicalizationError):
        assume(False)
    assert (word(writer, reader), covers) not in [("compatible", "no"), ("breaking", "yes")]


@FEW
@given(pairs(), schemas)
def test_a_list_and_a_map_are_as_compatible_as_what_they_hold(pair: tuple[Schema, Schema], other: Schema) -> None:
    assume(word(*pair) == "compatible")
    writer, reader = pair
    assert word({"type": "array", "items": writer}, {"type": "array", "items": reader}) == "compatible"
    assert word({"type": "object", "additionalProperties": writer}, {"additionalProperties": reader}) == "compatible"
    assert word(writer, {"anyOf": [reader, other]}) == "compatible"
    assert word({"allOf": [writer, other]}, reader) == "compatible"


@pytest.mark.parametrize(
    "nothing",
    [
        {"if": {}, "then": False, "else": {"const": ""}},
        {"if": {}, "then": False, "else": {"type": "null"}},
        {"const": {"a": 1}, "properties": {"a": {"type": "string"}}},
        {"enum": [[1], [2]], "items": {"minimum": 3}},
        {"const": "ab", "not": {"maxLength": 3}},
    ],
)
def test_members_that_no_value_fits_are_never_written(nothing: Schema) -> None:
    assert word(nothing, False) == "compatible"
    assert word({"type": "array", "items": nothing}, {"items": False}) == "compatible"
    assert word({"type": "object", "additionalProperties": nothing}, {"additionalProperties": False}) == "compatible"
