"""Schemas that contain themselves: the reference stays, and what it leads to is kept beside it."""

from __future__ import annotations

from collections.abc import Callable

from observatory.spec.catalog import Catalog
from observatory.spec.parts import Message

Load = Callable[..., Catalog]
HEAD = "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n"


def messages(catalog: Catalog) -> dict[str, Message]:
    (channel,) = catalog.channels
    return {message.name: message for message in channel.messages}


def test_what_a_standing_reference_leads_to_is_kept_by_its_text(load: Load) -> None:
    found = messages(
        load(
            {
                "a.yaml": HEAD
                + """
channels: {c: {address: a, messages: {m: {payload: {$ref: '#/components/schemas/Node'}}, n: {payload: {type: object}}}}}
components:
  schemas:
    Node: {type: object, properties: {next: {$ref: '#/components/schemas/Node'}, v: {type: integer}}}
"""
            }
        )
    )
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/components/schemas/Node"}, "v": {"type": "integer"}},
    }
    assert found["m"].schema == node
    assert found["m"].definitions == {"#/components/schemas/Node": node}
    assert found["n"].definitions == {}


def test_a_part_that_was_resolved_inside_another_keeps_its_way_back(load: Load) -> None:
    # B is first met inside A, where its reference to A stands; the message that is only B needs A all the same.
    found = messages(
        load(
            {
                "a.yaml": HEAD
                + """
channels:
  c:
    address: a
    messages:
      a: {payload: {$ref: '#/components/schemas/A'}}
      b: {payload: {$ref: '#/components/schemas/B'}}
components:
  schemas:
    A: {type: object, properties: {b: {$ref: '#/components/schemas/B'}}}
    B: {type: object, properties: {a: {$ref: '#/components/schemas/A'}}}
"""
            }
        )
    )
    assert found["b"].schema == {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}}
    assert set(found["b"].definitions) == {"#/components/schemas/A"}


def test_a_text_that_leads_to_two_places_is_left_out(load: Load) -> None:
    part = "Node: {{type: object, properties: {{next: {{$ref: '#/Node'}}, v: {{type: {kind}}}}}}}\n"
    found = messages(
        load(
            {
                "doc.yaml": HEAD
                + """
channels:
  c:
    address: a
    messages:
      m: {payload: {allOf: [{$ref: 'one.yaml#/Node'}, {$ref: 'two.yaml#/Node'}]}}
      n: {payload: {$ref: 'one.yaml#/Node'}}
""",
                "one.yaml": part.format(kind="integer"),
                "two.yaml": part.format(kind="string"),
            },
        )
    )
    assert found["m"].definitions == {}
    assert set(found["n"].definitions) == {"#/Node"}


def test_a_channel_lists_its_messages_whether_they_are_used_or_not(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": HEAD
            + """
channels: {c: {address: a, messages: {used: {payload: {type: string}}, spare: {payload: {type: integer}}}}}
operations:
  o: {action: send, channel: {$ref: '#/channels/c'}, messages: [{$ref: '#/channels/c/messages/used'}]}
"""
        }
    )
    assert [message.name for message in catalog.channels[0].messages] == ["used", "spare"]
    assert [message.name for message in catalog.operations[0].messages] == ["used"]
