"""Overlay files: saying what the documents do not say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from observatory.spec.catalog import Catalog

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
