"""What a person is told about a document that does not fit its schema or its rules: one line, at the right place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from observatory.spec.catalog import Catalog

Load = Callable[..., Catalog]
HEAD2 = "info: {title: T, version: '1'}\n"
HEAD3 = "asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n"


def told(catalog: Catalog) -> list[tuple[str, str, str, str | None]]:
    """Code, place, message and hint of each finding that is no mere information."""
    return [
        (problem.code, str(problem.location).partition(":")[2], problem.message, problem.hint)
        for problem in catalog.problems
        if problem.severity != "info"
    ]


def test_a_key_of_a_later_minor_version_is_named_with_the_version_it_comes_with(one: Load) -> None:
    catalog = one(f"asyncapi: 2.3.0\n{HEAD2}channels: {{a: {{publish: {{message: {{messageId: m}}}}}}}}\n")
    assert told(catalog) == [
        (
            "asyncapi-key",
            "3:36",
            "'message' has no key 'messageId'",
            "it comes with AsyncAPI 2.4.0; this document is 2.3.0",
        )
    ]


@pytest.mark.parametrize(("version", "expected"), [("2.4.0", []), ("2.6.0", [])])
def test_the_same_key_is_fine_from_then_on(one: Load, version: str, expected: list[str]) -> None:
    catalog = one(f"asyncapi: {version}\n{HEAD2}channels: {{a: {{publish: {{message: {{messageId: m}}}}}}}}\n")
    assert told(catalog) == expected


def test_a_fault_behind_a_reference_is_told_once_where_it_is_written(one: Load) -> None:
    catalog = one(
        HEAD3
        + "channels:\n  a: {address: a, messages: {m: {$ref: '#/components/messages/m'}}}\n"
        + "  b: {address: b, messages: {n: {$ref: '#/components/messages/m'}}}\n"
        + "components:\n  messages:\n    m: {titel: T}\n"
    )
    assert told(catalog) == [("asyncapi-key", "8:9", "'m' has no key 'titel'", "did you mean 'title'?")]


def test_a_fault_of_a_payload_schema_is_told_deep_inside_it(one: Load) -> None:
    catalog = one(
        HEAD3
        + "channels:\n  a:\n    address: a\n    messages:\n      m:\n        payload:\n          properties:\n"
        + "            when: {type: strin}\n"
    )
    assert told(catalog) == [
        (
            "asyncapi-value",
            "10:26",
            "'strin' is not one of array, boolean, integer, null, number, object, string",
            "did you mean 'string'?",
        )
    ]


def test_a_schema_in_another_file_is_looked_at(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": HEAD3 + "components: {schemas: {s: {properties: {p: {$ref: 'b.json'}}}}}\n",
            "b.json": '{"type": "object",\n "properties": {"q": {"minLength": "3"}}}\n',
        },
        paths=[Path("a.yaml")],
    )
    assert [(str(problem.location), problem.message) for problem in catalog.problems] == [
        ("b.json:2:36", "'minLength' is text, and should be a whole number")
    ]


def test_what_stands_beside_a_reference_in_a_schema_is_not_looked_at(one: Load) -> None:
    catalog = one(HEAD3 + "components: {schemas: {s: {$ref: '#/components/schemas/t', type: [5]}, t: {}}}\n")
    assert [code for code, *_ in told(catalog)] == ["reference-siblings"]


def test_a_schema_in_a_language_that_is_not_known_is_taken_as_it_is(one: Load) -> None:
    text = "payload: {schemaFormat: text/x-own, schema: {type: anything}}"
    assert told(one(HEAD3 + f"channels: {{a: {{address: a, messages: {{m: {{{text}}}}}}}}}\n")) == []


def test_an_avro_schema_says_what_a_record_lacks(one: Load) -> None:
    text = "payload: {schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: record, name: R}}"
    catalog = one(HEAD3 + f"channels: {{a: {{address: a, messages: {{m: {{{text}}}}}}}}}\n")
    assert [(code, message) for code, _, message, _ in told(catalog)] == [
        ("asyncapi-required", "'schema' has no 'fields', which is required")
    ]


def test_a_reference_stands_only_where_the_specification_lets_it(one: Load) -> None:
    catalog = one("asyncapi: 3.0.0\ninfo: {$ref: '#/x-info'}\nx-info: {title: T, version: '1'}\n")
    assert told(catalog) == [
        (
            "reference-misplaced",
            "2:8",
            "a reference cannot stand here",
            "write the object itself; its parts may be references",
        )
    ]


def test_a_reference_to_a_mapping_where_text_belongs_is_told_at_the_reference(one: Load) -> None:
    catalog = one(
        f"asyncapi: 2.6.0\n{HEAD2}servers: {{m: {{url: u, protocol: kafka}}}}\n"
        "channels: {a: {servers: [{$ref: '#/servers/m'}]}}\n"
    )
    assert told(catalog)[0] == (
        "asyncapi-type",
        "4:26",
        "entry 1 of 'servers' is a reference, and should be text",
        None,
    )


def test_an_own_key_is_spelt_with_letters_digits_dots_underscores_and_hyphens(one: Load) -> None:
    assert told(one(HEAD3 + "x-a/b: 1\n")) == [
        (
            "asyncapi-key",
            "3:1",
            "the document has no key 'x-a/b'",
            "after x- stand letters, digits, dots, underscores and hyphens",
        )
    ]


def test_of_a_value_of_the_wrong_type_nothing_else_is_said(one: Load) -> None:
    assert told(one(HEAD3 + "id: 5\n")) == [
        ("asyncapi-type", "3:5", "'id' is a number, and should be text", "put it in quotes: '5'")
    ]


def test_the_same_tag_twice_is_one_fault(one: Load) -> None:
    assert told(one(f"asyncapi: 2.6.0\n{HEAD2}channels: {{}}\ntags: [{{name: a}}, {{name: a}}]\n")) == [
        ("asyncapi-value", "4:7", "'tags' has the same entry twice", None)
    ]


def test_two_tags_of_one_name_are_told_at_the_second(one: Load) -> None:
    text = "tags: [{name: a}, {name: a, description: again}]"
    assert told(one(f"asyncapi: 2.6.0\n{HEAD2}channels: {{}}\n{text}\n")) == [
        ("tag-duplicate", "4:26", "the tag 'a' stands there twice", "each tag of an object has a name of its own")
    ]


def test_a_security_scheme_that_nobody_declares_is_told_at_its_name(one: Load) -> None:
    catalog = one(
        f"asyncapi: 2.6.0\n{HEAD2}channels: {{}}\n"
        "servers: {m: {url: u, protocol: kafka, security: [{sasal: []}]}}\n"
        "components: {securitySchemes: {sasl: {type: plain}}}\n"
    )
    assert told(catalog) == [("security-scheme", "4:52", "there is no security scheme 'sasal'", "did you mean 'sasl'?")]


def test_a_scope_that_no_flow_lists_is_told_with_those_that_are(one: Load) -> None:
    flow = "clientCredentials: {tokenUrl: 'https://a.example/t', scopes: {'read:ships': r}}"
    catalog = one(
        f"asyncapi: 2.6.0\n{HEAD2}channels: {{a: {{publish: {{security: [{{o: ['reed:ships']}}]}}}}}}\n"
        f"components: {{securitySchemes: {{o: {{type: oauth2, flows: {{{flow}}}}}}}}}\n"
    )
    assert told(catalog) == [
        ("security-scope", "3:42", "the security scheme 'o' has no scope 'reed:ships'", "did you mean 'read:ships'?")
    ]


def test_an_operation_refers_to_messages_through_its_channel(one: Load) -> None:
    catalog = one(
        HEAD3
        + "channels: {a: {address: a, messages: {m: {$ref: '#/components/messages/m'}}}}\n"
        + "operations:\n  o: {action: send, channel: {$ref: '#/channels/a'},\n"
        + "    messages: [{$ref: '#/components/messages/m'}]}\n"
        + "components: {messages: {m: {}}}\n"
    )
    assert told(catalog) == [
        (
            "operation-message",
            "6:23",
            "'#/components/messages/m' is no message of the channel that the operation uses",
            "refer to one of '#/channels/a/messages/...'",
        )
    ]
    assert [[message.name for message in operation.messages] for operation in catalog.operations] == [["m"]]


def test_an_operation_uses_a_channel_of_the_document(one: Load) -> None:
    catalog = one(
        HEAD3
        + "operations: {o: {action: send, channel: {$ref: '#/components/channels/a'}}}\n"
        + "components: {channels: {a: {address: a}}}\n"
    )
    assert [(code, place) for code, place, _, _ in told(catalog)] == [("operation-channel", "3:48")]


def test_a_channel_that_stands_inside_its_operation_is_read_with_a_warning(one: Load) -> None:
    catalog = one(HEAD3 + "operations: {o: {action: send, channel: {address: orders}}}\n")
    assert [(problem.code, problem.severity) for problem in catalog.problems] == [("operation-channel", "warning")]
    assert [channel.address for channel in catalog.channels] == ["orders"]


def test_a_message_that_two_operations_use_has_no_id(one: Load) -> None:
    catalog = one(
        f"asyncapi: 2.6.0\n{HEAD2}"
        "channels:\n  a: {publish: {message: {$ref: '#/components/messages/m'}}}\n"
        "  b: {publish: {message: {$ref: '#/components/messages/m'}}}\n"
        "components: {messages: {m: {messageId: m}}}\n"
    )
    assert [(code, message) for code, _, message, _ in told(catalog)] == [
        ("message-duplicate", "the message with the id 'm' is used twice")
    ]


def test_a_wildcard_in_a_channel_of_2_x_is_a_warning(one: Load) -> None:
    catalog = one(f"asyncapi: 2.6.0\n{HEAD2}channels: {{'orders.>': {{}}}}\n")
    assert [(problem.code, problem.severity) for problem in catalog.problems] == [("channel-key", "warning")]
    assert [channel.address for channel in catalog.channels] == ["orders.>"]


def test_a_binding_of_3_x_is_held_to_its_version(one: Load) -> None:
    binding = "{bindingVersion: 0.4.0, topicConfiguration: {flush.ms: 1}}"
    catalog = one(HEAD3 + f"channels: {{a: {{address: a, bindings: {{kafka: {binding}}}}}}}\n")
    assert [(code, message) for code, _, message, _ in told(catalog)] == [
        ("binding-key", "'topicConfiguration' has no key 'flush.ms'")
    ]
    later = binding.replace("0.4.0", "0.5.0")
    assert told(one(HEAD3 + f"channels: {{a: {{address: a, bindings: {{kafka: {later}}}}}}}\n")) == []


def test_a_misspelt_key_where_a_binding_allows_any_is_told_apart(one: Load) -> None:
    binding = "{is: queue, queue: {nam: orders}}"
    catalog = one(HEAD3 + f"channels: {{a: {{address: a, bindings: {{amqp: {binding}}}}}}}\n")
    assert [(code, message, hint) for code, _, message, hint in told(catalog)] == [
        ("binding-unread", "'queue' has no key 'nam'", "did you mean 'name'?")
    ]


def test_two_messages_of_one_name_are_both_kept(one: Load) -> None:
    catalog = one(
        f"asyncapi: 2.6.0\n{HEAD2}"
        "channels: {a: {publish: {operationId: o, message: {oneOf: [{name: m}, {name: m, title: other}]}}}}\n"
    )
    assert [[message.name for message in operation.messages] for operation in catalog.operations] == [["m", "m-2"]]


def test_a_reference_that_is_written_as_text_is_shown_as_a_mapping(one: Load) -> None:
    catalog = one(
        HEAD3 + "channels: {c: {address: c}}\noperations:\n  o: {action: send, channel: '#/channels/c', "
        "messages: ['#/channels/c/messages/m']}\n"
    )
    assert told(catalog) == [
        (
            "asyncapi-type",
            "5:30",
            "'channel' is text, and should be a mapping",
            "a reference is a mapping: {$ref: '#/channels/c'}",
        ),
        (
            "asyncapi-type",
            "5:57",
            "entry 1 of 'messages' is text, and should be a mapping",
            "a reference is a mapping: {$ref: '#/channels/c/messages/m'}",
        ),
    ]


def test_one_value_where_a_list_belongs_is_put_into_a_list(one: Load) -> None:
    catalog = one(
        HEAD3 + "channels: {c: {address: c}}\noperations:\n"
        "  o: {action: send, channel: {$ref: '#/channels/c'}, traits: {description: D}}\n"
    )
    hint = "put it into a list: a dash and a blank before it, or brackets around it"
    assert told(catalog) == [("asyncapi-type", "5:62", "'traits' is a mapping, and should be a list", hint)]


def test_an_entry_behind_a_broken_one_keeps_its_number(one: Load) -> None:
    catalog = one(
        HEAD3
        + "channels: {c: {address: c}}\noperations:\n  o:\n    action: send\n    channel: {$ref: '#/channels/c'}\n"
        "    traits: [{$ref: '#/gone'}, {action: send}]\n"
    )
    known = "known are title, summary, description, security, tags, externalDocs, bindings"
    assert [one for one in told(catalog) if one[0] == "asyncapi-key"] == [
        ("asyncapi-key", "8:33", "entry 2 of 'traits' has no key 'action'", known)
    ]


def test_a_channel_whose_reference_is_broken_is_not_told_to_lack_an_address(one: Load) -> None:
    catalog = one(HEAD3 + "channels:\n  a: {$ref: 5}\n  b: {address: null}\n")
    assert [(problem.code, str(problem.location)) for problem in catalog.problems] == [
        ("reference-form", "doc.yaml:4:13"),
        ("address-open", "doc.yaml:5:3"),
    ]


def test_the_address_of_replies_is_not_asked_for_where_each_request_brings_it(one: Load) -> None:
    catalog = one(
        HEAD3 + "channels: {c: {address: c}, replies: {address: null}}\noperations:\n  o:\n    action: send\n"
        "    channel: {$ref: '#/channels/c'}\n"
        "    reply: {address: {location: '$message.header#/replyTo'}, channel: {$ref: '#/channels/replies'}}\n"
    )
    (problem,) = catalog.problems
    assert (problem.code, problem.severity) == ("address-open", "info")
    assert problem.message == "each request says where its reply goes, so no telemetry can be found for this channel"
    assert problem.hint == "give the address in an overlay file where all replies share one"


@pytest.mark.parametrize(
    ("binding", "message", "hint"),
    [
        (
            "kafka: {groupId: billing}",
            "'groupId' is text, and should be a mapping or true or false",
            "this is a schema: write groupId: {enum: [billing]}",
        ),
        (
            "kafka: {clientId: string}",
            "'clientId' is text, and should be a mapping or true or false",
            "this is a schema: write clientId: {type: string}",
        ),
        ("amqp: {ack: yes}", "'ack' is text, and should be true or false", "write true, without quotes"),
        ("amqp: {ack: 'False'}", "'ack' is text, and should be true or false", "write false, without quotes"),
        ("amqp: {priority: '3'}", "'priority' is text, and should be a whole number", "write 3, without quotes"),
    ],
)
def test_a_binding_value_of_the_wrong_type_is_shown_in_the_right_one(
    one: Load, binding: str, message: str, hint: str
) -> None:
    catalog = one(
        HEAD3 + "channels: {c: {address: c}}\noperations:\n  o:\n    action: receive\n"
        f"    channel: {{$ref: '#/channels/c'}}\n    bindings: {{{binding}}}\n"
    )
    assert [(code, said, what) for code, _, said, what in told(catalog)] == [("binding-type", message, hint)]


def test_an_entry_behind_a_broken_link_is_told_by_itself(one: Load) -> None:
    catalog = one(
        HEAD3 + "servers: {s: {host: h, protocol: kafka}}\n"
        "channels: {c: {address: c, servers: [{$ref: '#/servers/t'}, {$ref: '#/servers/s'}, s]}}\n"
    )
    assert [(code, at, said) for code, at, said, _ in told(catalog)] == [
        ("reference-missing", "4:45", "'#/servers/t' leads nowhere: /servers has no 't'"),
        ("asyncapi-type", "4:84", "entry 3 of 'servers' is text, and should be a mapping"),
    ]


def test_an_entry_of_a_binding_behind_a_broken_reference_is_told_by_itself(one: Load) -> None:
    catalog = one(
        HEAD3 + "channels:\n  c:\n    address: c\n    bindings:\n      kafka:\n"
        "        topicConfiguration: {cleanup.policy: [{$ref: '#/gone'}, delete, shrink]}\n"
    )
    assert [(code, at, said) for code, at, said, _ in told(catalog)] == [
        ("reference-missing", "8:54", "'#/gone' leads nowhere: the top of the file has no 'gone'"),
        ("binding-value", "8:73", "'shrink' is not one of compact, delete"),
    ]


@pytest.mark.parametrize(
    ("action", "hint"),
    [
        ("publish", "what 2.x calls publish is receive; where this application writes the messages it is send"),
        ("subscribe", "what 2.x calls subscribe is send; where this application reads the messages it is receive"),
        ("recieve", "did you mean 'receive'?"),
        ("consume", None),
    ],
)
def test_directions_of_2_x_are_translated(one: Load, action: str, hint: str | None) -> None:
    catalog = one(
        HEAD3 + f"channels: {{c: {{address: c}}}}\noperations: {{o: {{action: {action}, channel: "
        "{$ref: '#/channels/c'}}}\n"
    )
    assert [(code, what) for code, _, _, what in told(catalog)] == [("asyncapi-value", hint)]


def test_schemas_without_their_s_are_not_taken_for_those_of_parameters(one: Load) -> None:
    catalog = one(HEAD3 + "components: {schema: {}}\n")
    assert [what for _, _, _, what in told(catalog)] == ["did you mean 'schemas'?"]


def test_an_empty_address_is_as_open_as_none(one: Load) -> None:
    catalog = one(HEAD3 + "channels: {c: {address: ''}}\n")
    assert [(problem.code, problem.severity) for problem in catalog.problems] == [("address-open", "info")]
