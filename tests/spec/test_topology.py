"""The catalogue with what telemetry shows beside what documents declare."""

from __future__ import annotations

from collections.abc import Callable

from observatory.spec.catalog import Catalog
from observatory.spec.topology import Observed, catalog_json

Load = Callable[..., Catalog]


def test_what_is_observed_stands_beside_what_is_declared(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Billing, version: '1'}
servers: {main: {host: k, protocol: kafka}}
channels: {c: {address: orders}}
operations:
  in: {action: receive, channel: {$ref: '#/channels/c'}, bindings: {kafka: {groupId: {const: billing-v1}}}}
"""
    )
    seen = [
        Observed(
            channel_id="kafka:orders",
            action="receive",
            service="billing",
            consumer_group="billing-v1",
            messages=12.5,
            first_ms=1_795_176_000_000,
            last_ms=1_795_176_060_500,
        ),
        Observed(channel_id="kafka:orders", action="receive", service="spy", messages=1.0, first_ms=0, last_ms=1000),
        Observed(channel_id="kafka:orders", action="send", service="shop", messages=2.0, first_ms=0, last_ms=1000),
    ]
    (channel,) = catalog_json(catalog, observed=seen)["channels"]
    assert channel["consumers"] == [
        {
            "service": "billing",
            "document": "billing",
            "operation": "in",
            "declared": True,
            "observed": {
                "messages": 12.5,
                "first_seen": "2026-11-20T12:00:00Z",
                "last_seen": "2026-11-20T12:01:00.500Z",
            },
            "consumer_group": "billing-v1",
        },
        {
            "service": "spy",
            "document": None,
            "operation": None,
            "declared": False,
            "observed": {"messages": 1.0, "first_seen": "1970-01-01T00:00:00Z", "last_seen": "1970-01-01T00:00:01Z"},
            "consumer_group": None,
        },
    ]
    assert [(row["service"], row["declared"]) for row in channel["producers"]] == [("shop", False)]


def test_another_group_of_the_same_service_is_not_the_declared_one(one: Load) -> None:
    catalog = one(
        """
asyncapi: 3.0.0
info: {title: Billing, version: '1'}
channels: {c: {address: orders}}
operations: {in: {action: receive, channel: {$ref: '#/channels/c'}, x-consumer-group: a}}
"""
    )
    seen = Observed(
        channel_id="unknown:orders",
        action="receive",
        service="billing",
        consumer_group="b",
        messages=1.0,
        first_ms=0,
        last_ms=1,
    )
    (channel,) = catalog_json(catalog, observed=[seen])["channels"]
    assert [(row["declared"], row["consumer_group"], row["observed"] is None) for row in channel["consumers"]] == [
        (True, "a", True),
        (False, "b", False),
    ]
