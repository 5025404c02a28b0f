"""Channels that the same messages may pass although they are not one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from document_estates import one_channel

from observatory.spec import overlaps
from observatory.spec.catalog import Catalog

Load = Callable[..., Catalog]


def tied(catalog: Catalog) -> dict[str, list[str]]:
    return {channel.id: list(channel.overlaps) for channel in catalog.channels if channel.overlaps}


def test_an_address_overlaps_the_pattern_that_it_falls_under(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.{region}", channel=", parameters: {region: {}}"),
            "b.yaml": one_channel("B", "receive", "orders.eu"),
            "c.yaml": one_channel("C", "receive", "orders.eu.fast"),
        }
    )
    assert tied(catalog) == {"kafka:orders.eu": ["kafka:orders.{region}"], "kafka:orders.{region}": ["kafka:orders.eu"]}


def test_a_value_that_is_not_listed_does_not_overlap(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "o.{r}", channel=", parameters: {r: {enum: [eu, us]}}"),
            "b.yaml": one_channel("B", "receive", "o.asia"),
        }
    )
    assert tied(catalog) == {}


def test_wildcards_of_mqtt_overlap_what_they_take(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "receive", "s/#", protocol="mqtt"),
            "b.yaml": one_channel("B", "send", "s/{site}/t", protocol="mqtt", channel=", parameters: {site: {}}"),
            "c.yaml": one_channel("C", "send", "s", protocol="mqtt"),
            "d.yaml": one_channel("D", "send", "sx", protocol="mqtt"),
        }
    )
    assert tied(catalog)["mqtt:s/#"] == ["mqtt:s", "mqtt:s/{site}/t"]
    assert "mqtt:sx" not in tied(catalog)


def test_another_broker_or_another_protocol_does_not_overlap(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.{r}", host="one", channel=", parameters: {r: {}}"),
            "b.yaml": one_channel("B", "receive", "orders.eu", host="two"),
            "c.yaml": one_channel("C", "receive", "orders.us", protocol="nats"),
        }
    )
    assert tied(catalog) == {}


def test_a_channel_on_servers_of_two_protocols_overlaps_the_one_of_the_other(load: Load) -> None:
    both = one_channel("A", "send", "orders").replace(
        "servers: {main: {host: 'kafka:9092', protocol: kafka}}",
        "servers: {main: {host: 'kafka:9092', protocol: kafka}, gate: {host: gate, protocol: mqtt}}",
    )
    catalog = load({"a.yaml": both, "b.yaml": one_channel("B", "receive", "orders", protocol="mqtt", host="gate")})
    assert tied(catalog) == {"kafka:orders": ["mqtt:orders"], "mqtt:orders": ["kafka:orders"]}


def keyed(key: str, exchange: str = "shop") -> str:
    return f", bindings: {{amqp: {{is: routingKey, exchange: {{name: {exchange}}}}}}}, title: {key!r}"


def test_a_routing_key_overlaps_the_wildcards_of_its_own_exchange(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.eu.placed", protocol="amqp", channel=keyed("a")),
            "b.yaml": one_channel("B", "receive", "orders.*.placed", protocol="amqp", channel=keyed("b")),
            "c.yaml": one_channel("C", "receive", "orders.#", protocol="amqp", channel=keyed("c")),
            "d.yaml": one_channel("D", "receive", "#.placed", protocol="amqp", channel=keyed("d", "other")),
        }
    )
    assert tied(catalog)["amqp:orders.eu.placed"] == ["amqp:orders.#", "amqp:orders.*.placed"]
    assert "amqp:#.placed" not in tied(catalog)


def test_a_queue_overlaps_the_routing_key_that_an_overlay_names_with_it(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.placed", protocol="amqp", channel=keyed("a")),
            "b.yaml": one_channel("B", "receive", "orders.placed", protocol="amqp", channel=keyed("b")),
        },
        overlays={"o.yaml": "documents: {b: {/channels/c: {names: {queue: billing.orders}}}}\n"},
    )
    assert tied(catalog) == {
        "amqp:billing.orders": ["amqp:orders.placed"],
        "amqp:orders.placed": ["amqp:billing.orders"],
    }


@pytest.mark.parametrize(("bound", "most"), [("MAX_COMPARISONS", 2), ("MAX_EFFORT", 50)])
def test_too_many_pairs_are_said_where_comparing_stopped(
    load: Load, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(overlaps, bound, most)
    files = {
        f"d{number}.yaml": one_channel(f"D{number}", "send", f"{{x}}-{number}", channel=", parameters: {x: {}}")
        for number in range(4)
    }
    catalog = load(files)
    assert [(problem.code, problem.severity) for problem in catalog.problems] == [("overlaps-unchecked", "info")]
    assert str(catalog.problems[0].location).startswith("d")
