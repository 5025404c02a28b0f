"""The catalogue with what telemetry shows beside what documents declare."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from observatory.spec.catalog import Catalog
from observatory.spec.participant import Participant, Sighting, declared_on
from observatory.spec.topology import catalog_json

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
    seen = Sighting(messages=12.5, first_ms=1_795_176_000_000, last_ms=1_795_176_060_500)
    (declared,) = declared_on(catalog, "kafka:orders")
    stranger = Sighting(messages=1.0, first_ms=0, last_ms=1000)
    there = (
        Participant(action="send", service="shop", seen=Sighting()),
        replace(declared, seen=seen),
        Participant(action="receive", service="spy", seen=stranger),
    )
    (channel,) = catalog_json(catalog, participants={"kafka:orders": there})["channels"]
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
            "consumer_group_provenance": "kafka.groupId binding",
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
    assert channel["producers"] == [
        {
            "service": "shop",
            "document": None,
            "operation": None,
            "declared": False,
            "observed": {"messages": None, "first_seen": None, "last_seen": None},
        }
    ]
