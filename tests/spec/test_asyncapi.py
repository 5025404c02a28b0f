"""2.x and 3.x: versions, directions, traits, messages, servers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from observatory.spec.catalog import Catalog

Load = Callable[..., Catalog]
HEAD3 = "asyncapi: 3.0.0\ninfo: {title: Shop, version: '1'}\n"
HEAD2 = "asyncapi: 2.6.0\ninfo: {title: Shop, version: '1'}\n"


def codes(catalog: Catalog) -> list[str]:
    return [problem.code for problem in catalog.problems]


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0"])
def test_every_2_x_is_read(one: Load, version: str) -> None:
    catalog = one(f"asyncapi: {version}\ninfo: {{title: A, version: '1'}}\nchannels: {{a: {{publish: {{}}}}}}\n")
    assert codes(catalog) == []
    assert [operation.action for operation in catalog.operations] == ["receive"]


@pytest.mark.parametrize(
    ("version", "expected", "channels"),
    [
        ("3.0.0", [], 1),
        ("3.1.0", [], 1),
        ("3.0.1", [], 1),
        ("3.7.0", [("asyncapi-version-newer", "warning")], 1),
        ("'3.0'", [("asyncapi-version", "error")], 1),
        ("3.0", [("asyncapi-version", "error")], 1),
        ("4.0.0", [("asyncapi-version", "error")], 0),
        ("1.2.0", [("asyncapi-version", "error")], 0),
        ("2.0.0-rc1", [("asyncapi-version", "error"), ("asyncapi-key", "error")], 1),
        ("latest", [("asyncapi-version", "error")], 0),
    ],
)
def test_other_versions_get_one_answer(one: Load, version: str, expected: list[tuple[str, str]], channels: int) -> None:
    catalog = one(f"asyncapi: {version}\ninfo: {{title: A, version: '1'}}\nchannels: {{a: {{address: a}}}}\n")
    assert [(problem.code, problem.severity) for problem in catalog.problems] == expected
    assert len(catalog.channels) == channels


def test_a_2_x_publish_is_what_the_application_receives(one: Load) -> None:
    catalog = one(
        HEAD2 + "channels: {orders: {publish: {operationId: onOrder}, subscribe: {operationId: sendOrder}}}\n"
    )
    assert {(operation.name, operation.action) for operation in catalog.operations} == {
        ("onOrder", "receive"),
        ("sendOrder", "send"),
    }


def test_a_2_x_operation_without_an_id_is_called_after_channel_and_word(one: Load) -> None:
    catalog = one(HEAD2 + "channels: {orders: {publish: {}}}\n")
    assert [operation.key for operation in catalog.operations] == ["shop/orders.publish"]


def test_in_2_x_the_trait_wins_and_in_3_x_the_operation(one: Load) -> None:
    two = one(
        HEAD2
        + """
channels:
  a:
    publish:
      description: own
      x-slo: {availability: {target: 90%, window: 7d}}
      traits: [{$ref: '#/components/operationTraits/t'}]
components: {operationTraits: {t: {description: trait, x-slo: {availability: {target: 50%}}}}}
"""
    )
    three = one(
        HEAD3
        + """
channels: {a: {address: a}}
operations:
  o:
    action: receive
    channel: {$ref: '#/channels/a'}
    description: own
    x-slo: {availability: {target: 90%, window: 7d}}
    traits: [{$ref: '#/components/operationTraits/t'}]
components: {operationTraits: {t: {title: T, description: trait, x-slo: {availability: {target: 50%}}}}}
"""
    )
    assert codes(two) == codes(three) == []
    assert [(one.description, one.objectives[0].target, one.objectives[0].window) for one in two.operations] == [
        ("trait", 0.5, "7d")
    ]
    assert [(one.description, one.objectives[0].target, one.objectives[0].window) for one in three.operations] == [
        ("own", 0.9, "7d")
    ]
    assert three.operations[0].title == "T"
    assert str(two.operations[0].objectives[0].location) == "doc.yaml:10:78"


def test_of_several_traits_the_later_one_wins(one: Load) -> None:
    catalog = one(
        HEAD3
        + """
channels: {a: {address: a}}
operations:
  o: {action: send, channel: {$ref: '#/channels/a'}, traits: [{title: first, summary: s}, {title: second}]}
"""
    )
    assert catalog.operations[0].title == "second"


def test_message_traits_are_merged_deeply(one: Load) -> None:
    catalog = one(
        HEAD3
        + """
channels:
  a:
    address: a
    messages:
      m:
        contentType: application/json
        headers: {properties: {own: {type: string}}}
        traits: [{contentType: text/plain, headers: {type: object, properties: {trace: {type: string}}}}]
operations: {o: {action: send, channel: {$ref: '#/channels/a'}}}
"""
    )
    (message,) = catalog.operations[0].messages
    assert message.content_type == "application/json"
    assert message.headers == {
        "type": "object",
        "properties": {"own": {"type": "string"}, "trace": {"type": "string"}},
    }


def test_null_in_the_winning_layer_removes_a_value(one: Load) -> None:
    catalog = one(HEAD2 + "channels: {a: {publish: {summary: own, traits: [{summary: null}]}}}\n")
    assert catalog.operations[0].title is None


def test_operation_messages_are_all_none_or_the_listed_ones(one: Load) -> None:
    catalog = one(
        HEAD3
        + """
channels: {a: {address: a, messages: {m: {payload: {}}, n: {payload: {}}}}}
operations:
  all: {action: send, channel: {$ref: '#/channels/a'}}
  none: {action: send, channel: {$ref: '#/channels/a'}, messages: []}
  some: {action: send, channel: {$ref: '#/channels/a'}, messages: [{$ref: '#/channels/a/messages/n'}]}
"""
    )
    found = {operation.name: [message.name for message in operation.messages] for operation in catalog.operations}
    assert found == {"all": ["m", "n"], "none": [], "some": ["n"]}


def test_a_message_of_another_channel_is_an_error(one: Load) -> None:
    catalog = one(
        HEAD3
        + """
channels: {a: {address: a}, b: {address: b, messages: {m: {payload: {}}}}}
operations: {o: {action: send, channel: {$ref: '#/channels/a'}, messages: [{$ref: '#/channels/b/messages/m'}]}}
"""
    )
    assert [(problem.code, str(problem.location)) for problem in catalog.problems] == [
        ("operation-message", "doc.yaml:5:83")
    ]


def test_a_multi_format_payload_is_taken_apart(one: Load) -> None:
    catalog = one(
        HEAD3
        + """
channels:
  a:
    address: a
    messages: {m: {payload: {schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {type: record}}}}
operations: {o: {action: send, channel: {$ref: '#/channels/a'}}}
"""
    )
    (message,) = catalog.operations[0].messages
    assert (message.schema_format, message.schema) == ("application/vnd.apache.avro;version=1.9.0", {"type": "record"})


def test_a_reply_leads_to_its_channel(one: Load) -> None:
    catalog = one(
        HEAD3
        + """
channels: {ask: {address: ask}, answer: {address: answer}}
operations:
  o: {action: send, channel: {$ref: '#/channels/ask'}, reply: {channel: {$ref: '#/channels/answer'}}}
"""
    )
    assert catalog.operations[0].reply_channel_id == "unknown:answer"


def test_server_variables_are_filled_in_and_credentials_taken_out(one: Load) -> None:
    catalog = one(
        HEAD2
        + """
servers:
  a:
    url: 'amqps://guest:hunter2@{host}:{port}/{vhost}'
    protocol: amqps
    variables: {host: {default: rabbit}, port: {enum: ['5671']}, vhost: {default: shop}}
channels: {orders: {bindings: {amqp: {is: queue}}}}
"""
    )
    (channel,) = catalog.channels
    assert [(server.host, server.protocol) for server in channel.servers] == [("rabbit:5671", "amqp")]
    vhost = channel.name("vhost")
    assert vhost is not None
    assert (vhost.value, vhost.provenance) == ("shop", "server address")
    (problem,) = catalog.problems
    assert (problem.code, problem.severity) == ("secret-in-url", "warning")
    assert "hunter2" not in problem.render()
    assert "hunter2" not in repr(catalog)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("channels: {'a.{x}': {}}", "parameter-undeclared", "doc.yaml:3:12"),
        ("channels: {a: {parameters: {x: {}}}}", "parameter-unused", "doc.yaml:3:29"),
        ("channels: {a: {servers: [prod]}}", "channel-server", "doc.yaml:3:26"),
        (
            "servers: {a: {url: '{h}', protocol: kafka, variables: {host: {default: x}}}}\nchannels: {}",
            "server-variable",
            "doc.yaml:3:20",
        ),
        (
            "channels: {a: {publish: {operationId: x}, subscribe: {operationId: x}}}",
            "operation-duplicate",
            "doc.yaml:3:68",
        ),
        (
            "channels: {a: {publish: {message: {messageId: m}}}, b: {publish: {message: {messageId: m}}}}",
            "message-duplicate",
            "doc.yaml:3:88",
        ),
    ],
)
def test_rules_beyond_the_schema(one: Load, text: str, code: str, place: str) -> None:
    catalog = one(HEAD2 + text + "\n")
    assert [(problem.code, str(problem.location)) for problem in catalog.problems] == [(code, place)]


def test_a_broken_document_still_yields_what_can_be_read(one: Load) -> None:
    catalog = one(
        HEAD3
        + """
channels:
  good: {address: good}
  odd: [1]
  reference: {$ref: '#/nowhere'}
operations:
  fine: {action: send, channel: {$ref: '#/channels/good'}}
  broken: {action: dance, channel: {$ref: '#/channels/good'}}
  lost: {action: send, channel: {$ref: '#/channels/missing'}}
"""
    )
    assert [operation.name for operation in catalog.operations] == ["fine"]
    assert [channel.address for channel in catalog.channels] == ["good"]
    assert all(problem.location is not None for problem in catalog.problems)
    assert set(codes(catalog)) == {"asyncapi-type", "asyncapi-value", "reference-missing"}


def test_a_null_address_is_unknown_and_never_the_key(one: Load) -> None:
    catalog = one(HEAD3 + "channels: {replies: {address: null}, other: {}}\n")
    assert [(channel.id, channel.address, channel.names) for channel in catalog.channels] == [
        ("shop#other", None, ()),
        ("shop#replies", None, ()),
    ]
