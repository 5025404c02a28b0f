"""Who consumes: several identities of one operation, precedence, and what is left unsaid."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from observatory.cli.catalog_text import Drawing, side
from observatory.spec.catalog import Catalog
from observatory.spec.topology import catalog_json, search

Load = Callable[..., Catalog]

SNS = """
asyncapi: 3.0.0
info: {title: Billing, version: '1'}
servers: {main: {host: aws, protocol: sns}}
channels: {c: {address: orders}}
operations:
  in:
    action: receive
    channel: {$ref: '#/channels/c'}
    bindings: {sns: {consumers: [{protocol: sqs, endpoint: {name: inbox}}, {protocol: sqs, endpoint: {name: audit}}]}}
"""


def receiving(protocol: str, address: str, operation: str, server: str = "") -> str:
    return f"""
asyncapi: 3.0.0
info: {{title: Shop, version: '1'}}
servers: {{main: {{host: broker, protocol: {protocol}{server}}}}}
channels: {{c: {{address: '{address}'}}}}
operations: {{o: {{action: receive, channel: {{$ref: '#/channels/c'}}, {operation}}}}}
"""


def said(catalog: Catalog) -> list[tuple[str, str, str]]:
    return [(one.kind, one.value, one.provenance) for one in catalog.operations[0].consumers]


def test_all_subscriptions_of_a_topic_consume_and_no_single_group_stands_for_them(one: Load) -> None:
    catalog = one(SNS)
    (operation,) = catalog.operations
    assert [identity.value for identity in operation.consumers] == ["inbox", "audit"]
    assert (operation.consumer_group, operation.consumer_group_provenance) == (None, None)
    (channel,) = catalog_json(catalog)["channels"]
    assert [consumer["consumer_group"] for consumer in channel["consumers"]] == [None]
    sns = {"operation": "billing/in", "kind": "queue", "provenance": "sns.consumers binding"}
    assert channel["identities"] == [
        {**sns, "value": "inbox", "location": "doc.yaml:10:67"},
        {**sns, "value": "audit", "location": "doc.yaml:10:109"},
    ]
    drawing = Drawing(catalog=catalog, channels=catalog.channels)
    assert side(drawing, receiving=True) == "sns:orders: consumed by billing (billing/in), consumers inbox, audit"
    assert [channel.id for channel in search(catalog, "audit")] == ["sns:orders"]


def test_a_subscription_list_that_is_the_binding_itself_is_read(one: Load) -> None:
    catalog = one(receiving("sns", "a", "bindings: {sns: [{protocol: http, endpoint: {url: 'http://h/in'}}]}"))
    assert said(catalog) == [("endpoint", "http://h/in", "sns.consumers binding")]


def test_a_subscription_without_endpoint_names_nobody(one: Load) -> None:
    catalog = one(receiving("sns", "a", "bindings: {sns: {consumers: [{protocol: sqs, rawMessageDelivery: true}]}}"))
    assert said(catalog) == []


@pytest.mark.parametrize(
    ("group", "found"),
    [
        ("{const: g}", "g"),
        ("{enum: [g]}", "g"),
        ("{enum: [g, h], default: h}", "h"),
        ("{enum: [g, h]}", None),
        ("{default: g}", "g"),
        ("{type: string}", None),
        ("{type: string, pattern: ^g$}", None),
        ("{type: string, examples: [g]}", None),
        ("g", "g"),
        ("''", None),
        ("{const: ''}", None),
        ("{const: true}", None),
        ("[g]", None),
        ("{const: 7}", "7"),
        ("null", None),
    ],
)
def test_a_group_is_known_where_its_schema_leaves_one_value(one: Load, group: str, found: str | None) -> None:
    catalog = one(receiving("kafka", "a", f"bindings: {{kafka: {{groupId: {group}}}}}"))
    assert said(catalog) == ([("group", found, "kafka.groupId binding")] if found else [])


def test_a_shared_subscription_is_the_group_and_the_topic_behind_it_the_channel(one: Load) -> None:
    catalog = one(receiving("mqtt", "$share/billing/orders/#", ""))
    assert catalog.channels[0].id == "mqtt:orders/#"
    assert said(catalog) == [("group", "billing", "shared subscription in the address")]


def test_a_shared_and_a_plain_subscription_of_one_topic_are_one_channel(load: Load) -> None:
    catalog = load({"a.yaml": receiving("mqtt", "$share/g/orders", ""), "b.yaml": receiving("mqtt", "orders", "")})
    (channel,) = catalog.channels
    assert sorted((name.kind, name.value) for name in channel.names) == [
        ("subscription", "$share/g/orders"),
        ("topic", "orders"),
    ]


def test_a_share_without_a_topic_is_an_ordinary_address(one: Load) -> None:
    catalog = one(receiving("mqtt", "$share/orders", ""))
    assert (catalog.channels[0].id, said(catalog)) == ("mqtt:$share/orders", [])


def test_a_group_that_a_parameter_leaves_open_is_not_named(one: Load) -> None:
    assert said(one(receiving("mqtt", "$share/{team}/orders", ""))) == []


def test_a_client_is_the_last_resort_and_only_where_servers_agree(one: Load) -> None:
    server = ", bindings: {mqtt: {clientId: c1}}"
    assert said(one(receiving("mqtt", "a", "", server))) == [("client", "c1", "mqtt.clientId server binding")]
    named = receiving("mqtt", "a", "x-consumer-group: crew", server)
    assert said(one(named)) == [("group", "crew", "x-consumer-group on operation")]
    two = receiving("mqtt", "a", "", server).replace(
        "servers: {", "servers: {other: {host: b2, protocol: mqtt, bindings: {mqtt: {clientId: c2}}}, "
    )
    assert said(one(two)) == []


def test_each_of_two_operations_has_its_own_queue(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {main: {host: h, protocol: solace}}
channels: {c: {address: a/b}}
operations:
  x:
    action: receive
    channel: {$ref: '#/channels/c'}
    bindings: {solace: {destinations: [{destinationType: queue, queue: {name: qx}}]}}
  y:
    action: receive
    channel: {$ref: '#/channels/c'}
    bindings: {solace: {destinations: [{destinationType: queue, queue: {name: qy}}]}}
  z: {action: receive, channel: {$ref: '#/channels/c'}}
"""
    )
    assert {one.name: one.consumer_group for one in catalog.operations} == {"x": "qx", "y": "qy", "z": None}


def test_a_queue_that_an_overlay_names_stands_before_what_bindings_say(load: Load) -> None:
    document = receiving("amqp", "k", "").replace(
        "{address: 'k'}", "{address: k, bindings: {amqp: {exchange: {name: ''}}}}"
    )
    overlay = "documents: {doc.yaml: {/channels/c: {names: {queue: real}}}}"
    catalog = load({"doc.yaml": document}, overlays={"o.yaml": overlay})
    assert said(catalog) == [("queue", "real", "overlay")]


def test_who_sends_is_no_consumer(one: Load) -> None:
    catalog = one(SNS.replace("action: receive", "action: send"))
    assert said(catalog) == []
