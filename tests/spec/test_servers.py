"""Servers: spellings of protocols, addresses with variables, lists of hosts, virtual hosts, credentials."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from observatory.spec.catalog import Catalog
from observatory.spec.parts import Server
from observatory.spec.servers import family_of, hosts_of, is_secure

Load = Callable[..., Catalog]


@pytest.mark.parametrize(
    ("written", "family", "secure"),
    [
        ("kafka", "kafka", False),
        ("kafka-secure", "kafka", True),
        ("Kafka-SSL", "kafka", True),
        ("amqps", "amqp", True),
        ("amqp1", "amqp1", False),
        ("mqtts", "mqtt", True),
        ("secure-mqtt", "mqtt", True),
        ("mqtt5", "mqtt", False),
        ("mqtt+wss", "mqtt", True),
        ("ws", "ws", False),
        ("wss", "ws", True),
        ("websockets", "ws", False),
        ("https", "http", True),
        ("stomps", "stomp", True),
        ("nats+tls", "nats", True),
        ("tls", "nats", True),
        ("redis", "redis", False),
        ("rediss", "redis", True),
        ("redis+tls", "redis", True),
        ("pulsar+ssl", "pulsar", True),
        ("smfs", "solace", True),
        ("solace", "solace", False),
        ("ibmmq-secure", "ibmmq", True),
        ("jms", "jms", False),
        ("sqs", "sqs", False),
        ("sns", "sns", False),
        ("google-pubsub", "googlepubsub", False),
        ("grpcs", "grpcs", True),
    ],
)
def test_a_spelling_leads_to_the_word_that_bindings_use(written: str, family: str, secure: bool) -> None:
    assert (family_of(written), is_secure(written)) == (family, secure)


@pytest.mark.parametrize(
    ("url", "host", "protocol"),
    [
        ("kafka://a:9092,kafka://b:9092", "a:9092,b:9092", "kafka"),
        ("nats://a:4222, nats://b:4222/", "a:4222,b:4222", "nats"),
        ("a:9092,b:9092", "a:9092,b:9092", "kafka"),
        ("wss://h/live?back=https://other.example/x", "h", "wss"),
        ("h?token=abc", "h", "ws"),
        ("mqtt://[2001:db8::1]:1883/x", "[2001:db8::1]:1883", "mqtt"),
        ("{host}:{port}", "{host}:{port}", "kafka"),
    ],
)
def test_hosts_are_taken_out_of_an_address(one: Load, url: str, host: str, protocol: str) -> None:
    catalog = one(
        f"""
asyncapi: 2.6.0
info: {{title: Shop, version: '1'}}
servers: {{main: {{url: '{url}', protocol: {protocol}}}}}
channels: {{c: {{}}}}
"""
    )
    assert catalog.channels[0].broker == host


@pytest.mark.parametrize("secret", ["user:hunter2@", "user:hunter2/3@", "hunter2@"])
def test_credentials_are_reported_and_in_no_answer(one: Load, secret: str) -> None:
    catalog = one(
        f"""
asyncapi: 2.6.0
info: {{title: Shop, version: '1'}}
servers: {{main: {{url: 'amqp://{secret}h:5672/shop', protocol: amqp}}}}
channels: {{c: {{}}}}
"""
    )
    assert [problem.code for problem in catalog.problems] == ["secret-in-url"]
    assert catalog.channels[0].broker == "h:5672"
    assert [name.value for name in catalog.channels[0].names] == ["c", "shop"]
    assert "hunter2" not in repr(catalog)


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        ("{site: {default: eu}}", "eu.example"),
        ("{site: {default: eu, enum: [eu, us]}}", "eu.example"),
        ("{site: {enum: [us]}}", "us.example"),
        ("{site: {enum: [eu, us]}}", "{site}.example"),
        ("{}", "{site}.example"),
    ],
)
def test_a_variable_is_filled_by_its_default_or_its_only_value(one: Load, variables: str, host: str) -> None:
    catalog = one(
        f"""
asyncapi: 3.0.0
info: {{title: Shop, version: '1'}}
servers: {{main: {{host: '{{site}}.example', protocol: mqtt, variables: {variables}}}}}
channels: {{c: {{address: c}}}}
"""
    )
    assert catalog.channels[0].broker == host


def test_encrypted_and_plain_addresses_have_their_own_usual_ports() -> None:
    def hosts(protocol: str, host: str, *, secure: bool = False) -> frozenset[str]:
        server = Server(name="s", host=host, protocol=protocol)
        return hosts_of(server, secure=secure)

    assert hosts("amqp", "H") == {"h:5672"}
    assert hosts("amqp", "h", secure=True) == {"h:5671"}
    assert hosts("kafka", "a,b:9093", secure=True) == {"a:9092", "b:9093"}
    assert hosts("googlepubsub", "h") == {"h"}


@pytest.mark.parametrize(
    ("version", "protocol"), [("'1.0'", "amqp1"), ("1", "amqp1"), ("0-9-1", "amqp"), ("0.9.1", "amqp")]
)
def test_the_version_tells_the_two_protocols_called_amqp_apart(one: Load, version: str, protocol: str) -> None:
    catalog = one(
        f"""
asyncapi: 3.0.0
info: {{title: Shop, version: '1'}}
servers: {{main: {{host: h, protocol: amqp, protocolVersion: {version}}}}}
channels: {{c: {{address: c}}}}
"""
    )
    assert catalog.channels[0].protocol == protocol


def test_several_virtual_hosts_are_all_names_and_other_brokers_paths_are_none(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers:
  a: {host: h, pathname: /eu, protocol: amqp}
  b: {host: i, pathname: /us, protocol: amqp}
  c: {host: j, pathname: /live, protocol: ws}
channels: {c: {address: c, bindings: {amqp: {is: queue}}}}
"""
    )
    assert [(name.kind, name.value) for name in catalog.channels[0].names] == [
        ("queue", "c"),
        ("vhost", "eu"),
        ("vhost", "us"),
    ]
