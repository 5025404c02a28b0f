"""What documents about one channel do not agree on, with both places."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from document_estates import one_channel

from observatory.spec.catalog import Catalog
from observatory.spec.likeness import schema_digest

Load = Callable[..., Catalog]


def told(catalog: Catalog) -> list[tuple[str, str, str]]:
    return [(problem.code, str(problem.location), problem.message) for problem in catalog.problems]


def test_two_owners_of_one_channel_are_named_with_their_places(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders", channel=", x-owner: red"),
            "b.yaml": one_channel("B", "receive", "orders", channel=", x-owner: {team: blue}"),
            "c.yaml": one_channel("C", "receive", "orders", channel=", x-owner: red"),
        }
    )
    assert told(catalog) == [
        (
            "conflict-owner",
            "b.yaml:4:44",
            "two documents name different owners: red and blue; red stands at a.yaml:4:44",
        )
    ]


def test_senders_of_different_owners_leave_the_owner_unclear(load: Load) -> None:
    files = {
        "a.yaml": one_channel("A", "send", "orders", info=", x-owner: red"),
        "b.yaml": one_channel("B", "send", "orders", info=", x-owner: blue"),
    }
    catalog = load(files)
    assert told(catalog) == [
        (
            "owner-unclear",
            "b.yaml:5:14",
            "senders with different owners share the channel, red and blue; it names none itself",
        )
    ]
    assert catalog.problems[0].severity == "info"
    named = files | {"c.yaml": one_channel("C", "receive", "orders", channel=", x-owner: green")}
    assert told(load(named)) == []


def bound(title: str, settings: str) -> str:
    return one_channel(title, "send", "orders", channel=f", bindings: {{kafka: {{{settings}}}}}")


def test_bindings_are_compared_value_by_value(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": bound(
                "A", "partitions: 6, topicConfiguration: {retention.ms: 1, cleanup.policy: [delete, compact]}"
            ),
            "b.yaml": bound("B", "partitions: 12, topicConfiguration: {cleanup.policy: [compact, delete]}"),
            "c.yaml": bound("C", "partitions: 12, topicConfiguration: {retention.ms: 2}, bindingVersion: 0.5.0"),
        }
    )
    assert told(catalog) == [
        (
            "conflict-binding",
            "b.yaml:4:66",
            "a and b declare different kafka.partitions: 6 and 12; the first at a.yaml:4:66",
        ),
        (
            "conflict-binding",
            "c.yaml:4:105",
            "a and c declare different kafka.topicConfiguration.retention.ms: 1 and 2; the first at a.yaml:4:104",
        ),
    ]


def saying(title: str, message: str) -> str:
    return one_channel(title, "send", "orders", channel=f", messages: {{{message}}}")


def test_payloads_of_one_message_are_compared(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": saying("A", "placed: {payload: {type: object, title: One, required: [a, b]}}"),
            "b.yaml": saying("B", "placed: {payload: {type: object, title: Two, required: [b, a], x-a: 1}}"),
            "c.yaml": saying("C", "placed: {payload: {type: object, required: [a]}}"),
        }
    )
    assert told(catalog) == [
        (
            "conflict-schema",
            "c.yaml:4:54",
            "a and c declare different payloads for 'placed'; the first at a.yaml:4:54",
        )
    ]


def test_the_only_messages_of_two_documents_are_one_whatever_they_are_called(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": saying("A", "placed: {payload: {type: object}}"),
            "b.yaml": saying("B", "orderPlaced: {payload: {type: string}}"),
        }
    )
    assert [message for _, _, message in told(catalog)] == [
        "a and b declare different payloads for 'placed' and 'orderPlaced'; the first at a.yaml:4:54"
    ]
    several = saying("B", "orderPlaced: {payload: {type: string}}, paid: {payload: {type: number}}")
    assert told(load({"a.yaml": saying("A", "placed: {payload: {type: object}}"), "b.yaml": several})) == []


def test_payloads_in_two_languages_are_a_conflict(load: Load) -> None:
    avro = "{schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: record, name: P, fields: []}}"
    catalog = load(
        {
            "a.yaml": saying("A", f"placed: {{payload: {avro}}}"),
            "b.yaml": saying("B", "placed: {payload: {type: object}}"),
        }
    )
    assert [message for _, _, message in told(catalog)] == [
        "a and b declare different payloads (avro and json schema) for 'placed'; the first at a.yaml:4:54"
    ]


def test_one_schema_that_both_refer_to_is_no_conflict(load: Load) -> None:
    files = {
        "m.yaml": "placed: {payload: {type: object}}\n",
        "a.yaml": saying("A", "placed: {$ref: 'm.yaml#/placed'}"),
        "b.yaml": saying("B", "other: {$ref: 'm.yaml#/placed'}"),
    }
    assert told(load(files, paths=[Path("a.yaml"), Path("b.yaml")])) == []


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"type": "object", "description": "a"}, {"description": "b", "type": "object"}, True),
        ({"properties": {"title": {"type": "string"}}}, {"properties": {}}, False),
        ({"properties": {"x-a": {"type": "string"}}}, {"properties": {"x-a": {"type": "number"}}}, False),
        ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}, True),
        ({"const": {"title": 1}}, {"const": {"title": 2}}, False),
        ({"type": ["null", "string"]}, {"type": ["string", "null"]}, True),
        ({"anyOf": [{"type": "string"}, True]}, {"anyOf": [True, {"type": "string"}]}, False),
        ({"minimum": 1}, {"minimum": 1.5}, False),
        (True, False, False),
        ({"fields": [{"name": "a", "doc": "x"}]}, {"fields": [{"name": "a"}]}, True),
    ],
)
def test_what_people_read_in_a_schema_makes_no_difference(one: object, other: object, alike: bool) -> None:
    assert (schema_digest(one) == schema_digest(other)) is alike


def test_a_schema_whose_parts_are_shared_is_looked_at_once() -> None:
    part: object = {"type": "string"}
    for _ in range(200):
        part = {"properties": {"a": part, "b": part}}
    assert schema_digest(part) == schema_digest(part)
