"""Structure against the schemas: messages, places, and the same answer from both validators."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.errors import Problem, in_order
from observatory.reading import read_text
from observatory.spec.catalog import Catalog
from observatory.spec.files import Library, Source
from observatory.spec.load import load_catalog
from observatory.spec.references import References
from observatory.spec.validation import check_structure
from observatory.spec.versions import Version, version_of

Load = Callable[..., Catalog]

WHOLE3 = {
    "asyncapi": "3.0.0",
    "id": "urn:a:b",
    "info": {
        "title": "T",
        "version": "1",
        "contact": {"name": "n"},
        "license": {"name": "MIT"},
        "tags": [{"name": "t", "externalDocs": {"url": "https://docs.example/t"}}],
    },
    "servers": {
        "s": {
            "host": "{h}",
            "protocol": "kafka",
            "variables": {"h": {"default": "x"}},
            "bindings": {"kafka": {"schemaRegistryUrl": "u"}},
            "security": [{"$ref": "#/components/securitySchemes/sasl"}],
        }
    },
    "channels": {
        "c": {
            "address": "a.{p}",
            "parameters": {"p": {"enum": ["x"]}},
            "servers": [{"$ref": "#/servers/s"}],
            "messages": {"m": {"payload": {}, "headers": {}, "correlationId": {"location": "$message.header#/id"}}},
            "bindings": {"kafka": {"partitions": 3}},
        }
    },
    "operations": {
        "o": {
            "action": "send",
            "channel": {"$ref": "#/channels/c"},
            "messages": [{"$ref": "#/channels/c/messages/m"}],
            "reply": {"address": {"location": "$message.header#/r"}, "channel": {"$ref": "#/channels/c"}},
            "traits": [{"summary": "s"}],
        }
    },
    "components": {"securitySchemes": {"sasl": {"type": "scramSha256"}}, "schemas": {"s": {"anything": [1]}}},
    "defaultContentType": "application/json",
}
WHOLE2 = {
    "asyncapi": "2.6.0",
    "info": {"title": "T", "version": "1"},
    "servers": {"s": {"url": "u", "protocol": "amqp", "tags": [{"name": "env:production"}]}},
    "channels": {
        "a.{p}": {
            "parameters": {"p": {"$ref": "#/components/parameters/p"}},
            "servers": ["s"],
            "publish": {
                "operationId": "o",
                "message": {"oneOf": [{"$ref": "#/components/messages/m"}, {"payload": {"type": "string"}}]},
                "traits": [{"bindings": {"amqp": {"ack": True}}}],
            },
        }
    },
    "components": {"parameters": {"p": {"schema": {"type": "string"}}}, "messages": {"m": {"messageId": "m"}}},
    "tags": [{"name": "x"}],
}


def structure(document: object, family: int, *, compiled: bool = True) -> list[Problem]:
    reading = read_text(json.dumps(document, indent=1), "doc.json", lenient=True)
    cursor = References(Library(roots=())).root(Source("doc", reading))
    version = Version(f"{family}.x", family) if family else version_of(cursor)[0]
    return in_order(check_structure(cursor, version, compiled=compiled))


@pytest.mark.parametrize(("document", "family"), [(WHOLE3, 3), (WHOLE2, 2)])
def test_a_document_that_uses_much_of_the_specification_is_fine(document: object, family: int) -> None:
    assert structure(document, family) == []


@pytest.mark.parametrize("name", ["asyncapi-2", "asyncapi-3", "bindings", "extensions"])
def test_the_schemas_are_valid_draft_7(name: str) -> None:
    text = (resources.files("observatory.spec") / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    jsonschema.Draft7Validator.check_schema(json.loads(text))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "send", "queue", "x", "#/channels/c"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "x-b", "$ref"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in entries:
        found += places(part, (*path, key))
    return found


def mutant(document: object, path: tuple[str | int, ...], value: object) -> object:
    copy = json.loads(json.dumps(document))
    if not path:
        return value
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return copy


@given(st.data(), st.sampled_from([(WHOLE3, 3), (WHOLE2, 2)]), json_values)
@settings(max_examples=150, deadline=None)
def test_both_validators_say_the_same_about_any_mutant(
    data: st.DataObject, whole: tuple[object, int], value: object
) -> None:
    document = mutant(whole[0], data.draw(st.sampled_from(places(whole[0])[1:])), value)
    assert structure(document, whole[1]) == structure(document, whole[1], compiled=False)


@given(st.data(), st.sampled_from([WHOLE3, WHOLE2]), json_values)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_mutant_raises_and_every_problem_has_a_place(
    tmp_path: Path, data: st.DataObject, whole: object, value: object
) -> None:
    document = mutant(whole, data.draw(st.sampled_from(places(whole))), value)
    path = tmp_path / "mutant.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    catalog = load_catalog([path])
    assert [problem for problem in catalog.problems if problem.location is None] == []


def test_one_fault_is_one_line(one: Load) -> None:
    catalog = one(
        """
asyncapi: 2.6.0
info: {title: T, version: '1'}
channels:
  a:
    publish:
      message:
        oneOf:
          - {payload: {type: string}, contentTyp: text/plain}
          - {payload: {type: object}}
"""
    )
    (problem,) = catalog.problems
    assert (problem.code, str(problem.location)) == ("asyncapi-key", "doc.yaml:9:39")
    assert problem.message == "entry 1 of 'oneOf' has no key 'contentTyp'"
    assert problem.hint == "did you mean 'contentType'?"


def test_a_key_of_the_other_family_is_named_with_its_successor(one: Load) -> None:
    catalog = one(
        "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\nchannels: {a: {address: a, publish: {message: {}}}}\n"
    )
    assert [problem.hint for problem in catalog.problems] == [
        "in 3.x it is an entry of `operations` with action: receive"
    ]


def test_a_number_where_text_belongs_is_answered_with_quotes(one: Load) -> None:
    (problem,) = one("asyncapi: 3.0.0\ninfo: {title: T, version: 1.0}\n").problems
    assert problem.message == "'version' is a number, and should be text"
    assert problem.hint == "put it in quotes: '1.0'"


def test_faults_in_another_file_are_reported_there(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\nchannels: {a: {$ref: 'b.yaml#/c'}}\n",
            "b.yaml": "c:\n  address: a\n  adress: b\n",
        },
        paths=[Path("a.yaml")],
    )
    assert [(problem.code, str(problem.location)) for problem in catalog.problems] == [("asyncapi-key", "b.yaml:3:3")]


def test_an_empty_key_in_a_schema_does_not_mislead(one: Load) -> None:
    document = WHOLE3 | {
        "components": {"schemas": {"s": {"properties": {"": {"properties": {"p": {"type": "strin"}}}}}}}
    }
    (problem, *_) = [one for one in structure(document, 3) if one.code == "asyncapi-value"]
    assert problem.message.startswith("'strin' is not one of")
    assert structure(document, 3) == structure(document, 3, compiled=False)
