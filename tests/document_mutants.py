"""Documents with something wrong in them, made from right ones by a seeded hand: slips of people, and noise.

A mutant of a text is what a bad edit or a bad merge leaves, one of the values what a wrong idea of the format leaves.
The same seed gives the same mutants on every machine.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import yaml

SHOP = """\
asyncapi: 3.0.0
id: urn:example:shop
info:
  title: Shop
  version: 1.0.0
  x-service-name: shop
  x-owner: {team: shop-team, contact: '#shop', runbook: https://runbooks.example/shop}
  tags: [{name: shop, externalDocs: {url: https://docs.example}}]
defaultContentType: application/json
x-slo-defaults: {window: 30d, policy: google-30d}
servers:
  kafka:
    host: '{region}.kafka.example:9092'
    protocol: kafka-secure
    protocolVersion: '3.7'
    variables: {region: {enum: [eu, us], default: eu}}
    security: [{type: scramSha512}]
    bindings: {kafka: {schemaRegistryUrl: https://registry.example}}
  rabbit: {host: rabbit.example, pathname: /shop, protocol: amqp}
channels:
  orders:
    address: shop.orders.{region}.v1
    title: Orders
    servers: [{$ref: '#/servers/kafka'}]
    parameters: {region: {enum: [eu, us], default: eu, location: $message.header#/region}}
    messages: {placed: {$ref: '#/components/messages/Placed'}}
    bindings: {kafka: {topic: shop.orders, partitions: 12, replicas: 3, topicConfiguration: {retention.ms: 604800000}}}
    x-slo: {lag: {threshold: 60s, target: 99.5%}}
  replies: {address: null, messages: {answered: {payload: {type: object}}}}
  mail:
    address: shop.mail
    servers: [{$ref: '#/servers/rabbit'}]
    bindings: {amqp: {is: routingKey, exchange: {name: shop, type: topic, durable: true}}}
    x-dead-letter: shop.mail.dlq
operations:
  placeOrder: &place
    action: send
    channel: {$ref: '#/channels/orders'}
    messages: [{$ref: '#/channels/orders/messages/placed'}]
    traits: [{$ref: '#/components/operationTraits/common'}]
    x-criticality: critical
    x-slo: [{sli: availability, target: 99.9%}, {sli: latency, threshold: 500ms, target: 99%, window: month}]
    reply: {address: {location: $message.header#/replyTo}, channel: {$ref: '#/channels/replies'}}
  onOrder:
    <<: *place
    action: receive
    bindings: {kafka: {groupId: {type: string, enum: [billing]}, clientId: {type: string}}}
    x-telemetry: {profile: kminion, labels: {cluster: eu-1}}
components:
  messages:
    Placed:
      name: OrderPlaced
      contentType: application/json
      payload: {$ref: '#/components/schemas/Order'}
      headers: {type: object, properties: {region: {type: string}}}
      traits: [{headers: {properties: {trace: {type: string}}}}]
      examples: [{name: one, payload: {id: 1, amount: 12.5, placed: true, note: null}}]
  schemas:
    Order:
      type: object
      required: [id]
      properties:
        id: {type: integer, minimum: 0}
        parent: {$ref: '#/components/schemas/Order'}
        amount: {type: number, examples: [0.1, 1e3]}
  operationTraits: {common: {bindings: {kafka: {clientId: {type: string}}}, tags: [{name: common}]}}
"""
STREET = """\
asyncapi: 2.6.0
info: {title: Street, version: 1.0.0, contact: {name: Lights, email: lights@example.com}, license: {name: MIT}}
servers:
  mqtt:
    url: mqtt://{host}:1883
    protocol: mqtt
    variables: {host: {default: lights.example}}
    bindings: {mqtt: {clientId: street, keepAlive: 60}}
channels:
  'light/{id}/measured':
    parameters: {id: {schema: {type: string}, location: $message.payload#/id}}
    servers: [mqtt]
    publish:
      operationId: onMeasured
      message:
        oneOf: [{$ref: '#/components/messages/measured'}, {messageId: other, payload: {type: string}}]
      bindings: {mqtt: {qos: 1}}
      traits: [{$ref: '#/components/operationTraits/kafka'}]
      x-slo: {availability: 0.999, lag: {threshold: 10000 messages, target: 95%}}
  'light/{id}/turn':
    parameters: {id: {$ref: '#/components/parameters/id'}}
    subscribe: {operationId: turn, message: {$ref: '#/components/messages/measured'}}
components:
  parameters: {id: {schema: {type: string}}}
  messages:
    measured: {title: Measured, schemaFormat: application/schema+json, payload: {type: object}}
  operationTraits: {kafka: {bindings: {kafka: {groupId: my-group}}}}
"""
BASES = (SHOP, STREET)
WORDS = (
    *(
        "",
        "null",
        "true",
        "yes",
        "0",
        "-1",
        "1e999",
        ".nan",
        "99.9",
        "[]",
        "{}",
        "'",
        '"',
        "- x",
        "&a",
        "*a",
        "<<: *place",
    ),
    *(
        "$ref",
        "{$ref: '#'}",
        "{$ref: '#/channels'}",
        "{$ref: 5}",
        "{$ref: 'x.yaml#/a'}",
        "!!binary x",
        "? a",
        "---",
        "...",
        "%",
    ),
    *(
        "\t",
        "#",
        ": ",
        "|",
        ">",
        "@",
        "`",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\\",
        "é",
        "字",
        "\u2028",
        "\x85",
        "\u200b",
        "😀",
        "\ufeff",
    ),
    *("publish", "address", "channel", "x-slo", "payload", "oneOf", "traits", "2024-01-01", "0o17", "9" * 400),
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 3.5, 10**30, "", "x", " ", "99.9%", "#/channels/orders", "\x00", "\u202e", "x" * 3000, [], {}),
    *(
        [[]],
        [None],
        {"": ""},
        {"$ref": "#"},
        {"$ref": None},
        {"$ref": "#/components/schemas/Order"},
        {"$ref": "#/a/b"},
        [1, "a"],
    ),
    *(
        {"x-slo": {"lag": 1}},
        {"a": {"b": {"c": {}}}},
        "{a}{b}{",
        "kafka",
        ["kafka"],
        {"kafka": {}},
        {"kafka": None},
        float("1e300"),
    ),
)
Mutate = Callable[[random.Random, str], str]


def mutant(seed: int, bases: tuple[str, ...] = BASES) -> tuple[str, bytes]:
    """A mutant by its number: the name of its file, whose ending says how it is read, and its bytes."""
    chance = random.Random(seed)
    text = chance.choice(bases)
    name = f"mutant{seed}.yaml"
    if chance.random() < 0.5:
        data = _of_values(chance, text)
        if chance.random() < 0.5:
            name, text = (
                f"mutant{seed}.json",
                json.dumps(data, indent=chance.choice((None, 2)), ensure_ascii=chance.random() < 0.5),
            )
        else:
            text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    for _ in range(chance.choice((0, 1, 1, 2, 5)) if name.endswith(".json") else chance.choice((1, 1, 2, 5))):
        text = chance.choice(TEXT_MUTATIONS)(chance, text)
    raw = text.encode("utf-8", "surrogatepass")
    return name, chance.choice(BYTE_MUTATIONS)(chance, raw) if chance.random() < 0.15 else raw


def _lines(change: Callable[[random.Random, list[str], int], None]) -> Mutate:
    def mutate(chance: random.Random, text: str) -> str:
        lines = text.split("\n")
        change(chance, lines, chance.randrange(len(lines)))
        return "\n".join(lines)

    return mutate


def _swap(chance: random.Random, lines: list[str], at: int) -> None:
    other = chance.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]


def _indent(chance: random.Random, lines: list[str], at: int) -> None:
    for row in range(at, min(len(lines), at + chance.choice((1, 1, 3, 10)))):
        lines[row] = chance.choice((" ", "  ", "\t")) + lines[row]


def _dedent(chance: random.Random, lines: list[str], at: int) -> None:
    lines[at] = lines[at][chance.choice((1, 2, 4)) :]


def _at(chance: random.Random, text: str) -> int:
    return chance.randrange(len(text) + 1)


def _insert(chance: random.Random, text: str) -> str:
    at = _at(chance, text)
    return text[:at] + chance.choice(WORDS) + text[at:]


def _drop(chance: random.Random, text: str) -> str:
    at = _at(chance, text)
    return text[:at] + text[at + chance.choice((1, 1, 2, 8, 40)) :]


def _double(chance: random.Random, text: str) -> str:
    at, length = _at(chance, text), chance.choice((1, 5, 50, 500))
    return text[: at + length] + text[at : at + length] + text[at + length :]


def _replace_word(chance: random.Random, text: str) -> str:
    words = text.split(" ")
    words[chance.randrange(len(words))] = chance.choice(WORDS)
    return " ".join(words)


def _misspell(chance: random.Random, text: str) -> str:
    letters = [place for place, char in enumerate(text) if char.isalpha()]
    if not letters:
        return text
    at = chance.choice(letters)
    return text[:at] + chance.choice((text[at].swapcase(), "", text[at] * 2, "q")) + text[at + 1 :]


TEXT_MUTATIONS: tuple[Mutate, ...] = (
    _lines(lambda _, lines, at: lines.__delitem__(at)),
    _lines(lambda _, lines, at: lines.insert(at, lines[at])),
    _lines(_swap),
    _lines(_indent),
    _lines(_dedent),
    _insert,
    _insert,
    _drop,
    _double,
    _replace_word,
    _misspell,
    _misspell,
    lambda chance, text: text[: _at(chance, text)],
)
BYTE_MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    lambda _, raw: raw.replace(b"\n", b"\r\n"),
    lambda _, raw: raw.replace(b"\n", b"\r"),
    lambda _, raw: b"\xef\xbb\xbf" + raw,
    lambda _, raw: raw.decode("utf-8", "replace").encode("utf-16"),
    lambda chance, raw: raw[: chance.randrange(len(raw) + 1)] + bytes([chance.randrange(256)]) + raw[10:],
    lambda chance, raw: bytes(byte ^ (1 << chance.randrange(8)) if chance.random() < 0.01 else byte for byte in raw),
)


def _of_values(chance: random.Random, text: str) -> Any:
    """The values of a document with some of them changed, dropped, renamed or moved."""
    data = deepcopy(yaml.safe_load(text))
    for _ in range(chance.choice((1, 1, 2, 4))):
        holders = _holders(data)
        if not holders:
            return data
        holder = chance.choice(holders)
        key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
        match chance.randrange(6):
            case 0 | 1:
                holder[key] = deepcopy(chance.choice(VALUES))
            case 2:
                del holder[key]
            case 3 if isinstance(holder, dict):
                holder[chance.choice(("", "x-y", "$ref", f"{key}s", str(key).upper(), "oneOf", "字"))] = holder.pop(key)
            case 4:
                holder[key] = deepcopy(chance.choice(holders))
            case _:
                other = chance.choice(holders)
                if isinstance(other, dict):
                    other[str(key)] = deepcopy(holder[key])
    return data


def _holders(data: Any) -> list[Any]:
    found, pending = [], [data]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list) and value:
            found.append(value)
            pending += value.values() if isinstance(value, dict) else value
    return found
