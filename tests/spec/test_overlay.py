"""Overlay files: saying what the documents do not say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource

from observatory.spec.catalog import Catalog, NameKind
from observatory.spec.extensions import EXTENSIONS
from observatory.spec.schema_files import load_schema

Load = Callable[..., Catalog]

SHOP = """
asyncapi: 2.6.0
info: {title: Shop, version: '1', x-domain: shop}
servers: {main: {url: 'rabbit:5672', protocol: amqp}}
channels:
  orders/placed:
    bindings: {amqp: {is: routingKey, exchange: {name: shop}}}
    publish: {operationId: onOrder, x-criticality: low}
"""


def test_an_overlay_speaks_about_a_place_in_a_document(load: Load) -> None:
    catalog = load(
        {"shop.yaml": SHOP},
        overlays={
            "overlay.yaml": """
documents:
  shop:
    /info: {x-owner: shop-team, x-domain: other}
    /channels/orders~1placed: {names: {queue: shop.orders}, x-dead-letter: dlq}
    /channels/orders~1placed/publish:
      x-slo: {availability: 99%}
      x-criticality: critical
"""
        },
    )
    assert catalog.problems == ()
    (channel,), (operation,) = catalog.channels, catalog.operations
    assert channel.owner is not None
    assert (channel.owner.team, channel.owner.provenance) == ("shop-team", "overlay overlay.yaml:4")
    assert (channel.domain, channel.dead_letter) == ("shop", "dlq")
    assert [(name.kind, name.value, name.provenance) for name in channel.names] == [
        ("queue", "shop.orders", "overlay"),
        ("exchange", "shop", "amqp.exchange.name binding"),
        ("routing_key", "orders/placed", "channel key (2.x)"),
    ]
    assert operation.consumer_group == "shop.orders"
    assert operation.criticality == "low"
    assert [(one.name, str(one.location)) for one in operation.objectives] == [("availability", "overlay.yaml:7:29")]


def test_an_overlay_speaks_about_a_runtime_address(load: Load) -> None:
    catalog = load(
        {"shop.yaml": SHOP},
        overlays={"o.yaml": "addresses:\n  amqp:orders/placed: {x-owner: a}\n  orders/placed: {x-consumer-group: g}\n"},
    )
    assert catalog.problems == ()
    assert catalog.operations[0].owner is not None
    assert catalog.operations[0].owner.team == "a"
    assert (catalog.operations[0].consumer_group, catalog.operations[0].consumer_group_provenance) == (
        "g",
        "overlay o.yaml:3",
    )


def test_an_overlay_corrects_a_direction(load: Load) -> None:
    overlay = "documents: {shop.yaml: {/channels/orders~1placed/publish: {action: send}}}\n"
    catalog = load({"shop.yaml": SHOP}, overlays={"o.yaml": overlay})
    assert catalog.problems == ()
    assert [operation.action for operation in catalog.operations] == ["send"]


def test_an_overlay_fills_an_open_address(load: Load) -> None:
    text = """
asyncapi: 3.0.0
info: {title: Shop, version: '1'}
servers: {main: {host: k, protocol: kafka}}
channels: {replies: {address: null}}
"""
    overlay = "documents: {shop: {/channels/replies: {address: shop.replies}}}\n"
    (channel,) = load({"shop.yaml": text}, overlays={"o.yaml": overlay}).channels
    assert (channel.id, channel.names[0].provenance) == ("kafka:shop.replies", "overlay")
    assert str(channel.names[0].location) == "o.yaml:1:49"


@pytest.mark.parametrize(
    ("overlay", "code", "place", "hint"),
    [
        ("documents: {shp: {/info: {x-owner: a}}}", "overlay-target", "o.yaml:1:13", "did you mean 'shop'?"),
        ("documents: {shop: {/infos: {x-owner: a}}}", "overlay-target", "o.yaml:1:20", "did you mean 'info'?"),
        ("documents: {shop: {info: {x-owner: a}}}", "overlay-target", "o.yaml:1:20", None),
        ("documents: {shop: {/info: {x-ownr: a}}}", "overlay-key", "o.yaml:1:28", "did you mean 'x-owner'?"),
        ("documents: {shop: {/info/title: {x-owner: a}}}", "overlay-target", "o.yaml:1:20", None),
        ("addresses: {orders: {x-owner: a}}", "overlay-target", "o.yaml:1:13", "did you mean 'orders/placed'?"),
        ("document: {shop: {}}", "overlay-key", "o.yaml:1:1", "did you mean 'documents'?"),
        ("[a]", "overlay-form", "o.yaml:1:1", None),
        (
            "documents: {shop: {/channels/orders~1placed/publish: {action: recieve}}}",
            "overlay-value",
            "o.yaml:1:63",
            "did you mean 'receive'?",
        ),
    ],
)
def test_what_an_overlay_cannot_mean_is_an_error(
    load: Load, overlay: str, code: str, place: str, hint: str | None
) -> None:
    (problem,) = load({"shop.yaml": SHOP}, overlays={"o.yaml": overlay + "\n"}).problems
    assert (problem.code, str(problem.location), problem.severity) == (code, place, "error")
    if hint:
        assert problem.hint == hint


ORDERS = """
asyncapi: 3.0.0
info: {title: Orders, version: '1'}
servers: {main: {host: k, protocol: kafka}}
channels:
  orders: {address: orders.v1, messages: {placed: {$ref: '#/components/messages/placed'}}}
  paid: {address: paid.v1}
operations:
  place: {action: send, channel: {$ref: '#/channels/orders'}, traits: [{$ref: '#/components/operationTraits/all'}]}
  onPlaced: {action: receive, channel: {$ref: '#/channels/orders'}}
  onPaid: {action: receive, channel: {$ref: '#/channels/paid'}}
components:
  messages: {placed: {payload: {type: object}}}
  operationTraits: {all: {description: x}}
"""
VALUES = {
    "x-slo": ("{availability: 99%}", lambda one: [slo.target for slo in one.objectives], [0.99]),
    "x-slo-defaults": ("{window: 7d}", lambda one: [slo.window for slo in one.objectives], ["7d"]),
    "x-service-name": ("shop", lambda one: one.service, "shop"),
    "x-owner": (
        "{team: pay-core, contact: '#pay'}",
        lambda one: (one.owner.team, one.owner.contact),
        ("pay-core", "#pay"),
    ),
    "x-domain": ("payments", lambda one: one.domain, "payments"),
    "x-criticality": ("high", lambda one: one.criticality, "high"),
    "x-consumer-group": ("g1", lambda one: one.consumer_group, "g1"),
    "x-telemetry": ("{profile: kminion, labels: {a: b}}", lambda one: one.telemetry.labels, (("a", "b"),)),
}
PLACES = [
    "documents: {{orders: {{'': {{{}}}}}}}",
    "documents: {{orders.yaml: {{/info: {{{}}}}}}}",
    "documents: {{orders: {{/servers/main: {{{}}}}}}}",
    "documents: {{orders: {{/channels/orders: {{{}}}}}}}",
    "documents: {{orders: {{'#/channels/orders': {{{}}}}}}}",
    "documents: {{orders: {{/components/messages/placed: {{{}}}}}}}",
    "documents: {{orders: {{/operations/onPlaced: {{{}}}}}}}",
    "addresses: {{orders.v1: {{{}}}}}",
    "addresses: {{'kafka-secure:orders.v1': {{{}}}}}",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", VALUES)
def test_every_extension_can_be_said_at_every_place(load: Load, key: str, place: str) -> None:
    text, read, expected = VALUES[key]
    entry = f"{key}: {text}" + (", x-slo: {availability: 99%}" if key == "x-slo-defaults" else "")
    catalog = load({"orders.yaml": ORDERS}, overlays={"o.yaml": place.format(entry) + "\n"})
    assert catalog.problems == ()
    operation = next(one for one in catalog.operations if one.name == "onPlaced")
    assert read(operation) == expected
    schema_accepts(place.format(entry), True)


def test_a_trait_is_overlaid_as_well(load: Load) -> None:
    overlay = "documents: {orders: {/components/operationTraits/all: {x-owner: traits}}}\n"
    catalog = load({"orders.yaml": ORDERS}, overlays={"o.yaml": overlay})
    owners = {one.name: one.owner.team if one.owner else None for one in catalog.operations}
    assert owners == {"onPaid": None, "onPlaced": None, "place": "traits"}


@pytest.mark.parametrize("place", ["documents: {orders: {/channels/orders: {x-dead-letter: dlq}}}",
                                   "addresses: {orders.v1: {x-dead-letter: {address: dlq}}}"])  # fmt: skip
def test_where_dead_letters_go_can_be_said(load: Load, place: str) -> None:
    catalog = load({"orders.yaml": ORDERS}, overlays={"o.yaml": place + "\n"})
    assert [one.dead_letter for one in catalog.channels] == ["dlq", None]
    assert catalog.problems == ()


def test_every_value_says_which_line_of_which_overlay_it_comes_from(load: Load) -> None:
    overlay = """\
addresses:
  paid.v1:
    x-owner: pay-core
    x-domain: payments
    x-service-name: biller
    x-consumer-group: g
    action: send
"""
    catalog = load({"orders.yaml": ORDERS}, overlays={"o.yaml": overlay})
    operation = next(one for one in catalog.operations if one.name == "onPaid")
    assert operation.owner is not None
    assert (operation.owner.provenance, operation.domain_provenance) == ("overlay o.yaml:3", "overlay o.yaml:4")
    assert (operation.service_provenance, operation.action_provenance) == ("overlay o.yaml:5", "overlay o.yaml:7")
    assert (operation.action, operation.consumer_group) == ("send", None)
    receiving = load({}, paths=[Path("orders.yaml")], overlays={"o.yaml": overlay.replace("    action: send\n", "")})
    operation = next(one for one in receiving.operations if one.name == "onPaid")
    assert operation.consumer_group_provenance == "overlay o.yaml:6"


def test_names_are_given_by_address_too(load: Load) -> None:
    overlay = "addresses: {'amqp:orders/placed': {names: {queue: shop.orders}}}\n"
    catalog = load({"shop.yaml": SHOP}, overlays={"o.yaml": overlay})
    assert catalog.problems == ()
    (channel,), (operation,) = catalog.channels, catalog.operations
    name = channel.name("queue")
    assert name is not None
    assert (name.value, name.provenance, str(name.location)) == ("shop.orders", "overlay", "o.yaml:1:51")
    assert channel.id == "amqp:orders/placed"
    assert operation.consumer_group == "shop.orders"


@pytest.mark.parametrize(("version", "where"), [("2.6.0", "url"), ("3.0.0", "host")])
def test_servers_are_given_to_a_document_without_any(load: Load, version: str, where: str) -> None:
    channels = "{orders: {publish: {}}}" if where == "url" else "{orders: {address: orders}}"
    text = f"asyncapi: {version}\ninfo: {{title: Shop, version: '1'}}\nchannels: {channels}\n"
    overlay = f"documents: {{shop: {{'': {{servers: {{main: {{{where}: 'k:9092', protocol: kafka-secure}}}}}}}}}}\n"
    catalog = load({"shop.yaml": text}, overlays={"o.yaml": overlay})
    assert catalog.problems == ()
    (channel,) = catalog.channels
    assert (channel.id, channel.broker) == ("kafka:orders", "k:9092")
    assert str(channel.servers[0].location).startswith("o.yaml:1:")
    schema_accepts(overlay, True)


@pytest.mark.parametrize(
    ("overlay", "code", "message", "hint"),
    [
        (
            "documents: {orders: {/channels/orders: {action: send}}}",
            "overlay-key",
            "action corrects an operation, and there is none at this pointer",
            "write it under /operations/NAME",
        ),
        (
            "documents: {orders: {/operations/place: {names: {topic: a}}}}",
            "overlay-key",
            "names corrects a channel, and there is none at this pointer",
            "write it under /channels/NAME",
        ),
        (
            "documents: {orders: {/info: {servers: {}}}}",
            "overlay-key",
            "servers corrects a document, and there is none at this pointer",
            'write it under "", the empty pointer',
        ),
        (
            "documents: {orders: {/channels/orders: {names: {topik: a}}}}",
            "overlay-key",
            "an overlay has no key 'topik' here",
            "did you mean 'topic'?",
        ),
        (
            "documents: {orders: {/channels/orders: {names: {topic: 5}}}}",
            "overlay-value",
            "the name of a topic is text",
            None,
        ),
        (
            "documents: {orders: {'': {servers: {main: {hots: k, host: k, protocol: kafka}}}}}",
            "overlay-key",
            "a server has no key 'hots' in an overlay",
            "did you mean 'host'?",
        ),
        (
            "documents: {orders: {'': {servers: {main: {host: k}}}}}",
            "overlay-value",
            "the server 'main' has no protocol",
            "add protocol: ...",
        ),
        ("addresses: {orders.v1: {address: a}}", "overlay-key", "an overlay has no key 'address' here", None),
        ("addresses: {paid.v1: {action: sned}}", "overlay-value", "'sned' is no action", "did you mean 'send'?"),
        (
            "addresses: {orders.v1: {x-ownr: a}}",
            "overlay-key",
            "an overlay has no key 'x-ownr' here",
            "did you mean 'x-owner'?",
        ),
    ],
)  # fmt: skip
def test_a_correction_that_cannot_be_meant_is_refused_by_the_reader_and_by_the_schema(
    load: Load, overlay: str, code: str, message: str, hint: str | None
) -> None:
    problems = load({"orders.yaml": ORDERS}, overlays={"o.yaml": overlay + "\n"}).problems
    found = [one for one in problems if one.location and one.location.path == "o.yaml"]
    assert (found[0].code, found[0].severity, found[0].message) == (code, "error", message)
    if hint:
        assert found[0].hint == hint
    schema_accepts(overlay, False)


def test_a_direction_for_an_address_that_is_used_twice_is_refused(load: Load) -> None:
    catalog = load({"orders.yaml": ORDERS}, overlays={"o.yaml": "addresses: {orders.v1: {action: send}}\n"})
    (problem,) = catalog.problems
    assert (problem.code, problem.message) == (
        "overlay-value",
        "2 operations of orders.yaml use this address, and action is for one of them",
    )
    assert [one.action for one in catalog.operations if one.name != "onPaid"] == ["receive", "send"]


def test_an_address_that_the_document_gives_cannot_be_filled(load: Load) -> None:
    overlay = "documents: {orders: {/channels/orders: {address: other}}}\n"
    catalog = load({"orders.yaml": ORDERS}, overlays={"o.yaml": overlay})
    assert [(one.code, str(one.location)) for one in catalog.problems] == [("overlay-value", "o.yaml:1:50")]
    assert catalog.channels[0].address == "orders.v1"


def test_an_address_that_is_not_written_at_all_is_filled(load: Load) -> None:
    text = "asyncapi: 3.0.0\ninfo: {title: Shop, version: '1'}\nchannels: {replies: {}}\n"
    overlay = "documents: {shop: {/channels/replies: {address: shop.replies}}}\n"
    (channel,) = load({"shop.yaml": text}, overlays={"o.yaml": overlay}).channels
    assert (channel.address, channel.names[0].provenance) == ("shop.replies", "overlay")


def test_the_schema_names_every_extension_and_every_kind_of_name() -> None:
    definitions = load_schema("overlay")["definitions"]
    for name in ("document", "channel", "operation", "object", "address"):
        assert set(EXTENSIONS) <= definitions[name]["properties"].keys()
    assert set(definitions["names"]["properties"]) == set(get_args(NameKind))


def schema_accepts(overlay: str, expected: bool) -> None:
    """Whether the published schema says the same as the reader."""
    extensions = Resource.from_contents(load_schema("extensions"))
    registry = Registry().with_resource("extensions.json", extensions)
    validator = jsonschema.Draft7Validator(load_schema("overlay"), registry=registry)
    assert validator.is_valid(yaml.safe_load(overlay)) is expected
