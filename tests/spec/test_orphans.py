"""Channels with one side only, and names that somebody may have meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from document_estates import one_channel

from observatory.spec.catalog import Catalog
from observatory.spec.near_names import NearNames, Nearness
from observatory.spec.orphans import orphans
from observatory.spec.topology import catalog_json

Load = Callable[..., Catalog]


def lonely(catalog: Catalog) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.channel.id, one.missing, one.near) for one in orphans(catalog)]


def test_sides_that_are_missing_are_listed(load: Load) -> None:
    catalog = load({"a.yaml": one_channel("A", "send", "out"), "b.yaml": one_channel("B", "receive", "inbox")})
    assert lonely(catalog) == [("kafka:inbox", "send", ()), ("kafka:out", "receive", ())]
    answer = catalog_json(catalog)
    assert (answer["never_received"], answer["never_sent"]) == (["kafka:out"], ["kafka:inbox"])


def test_a_misspelt_pair_point_at_each_other(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.placed"),
            "b.yaml": one_channel("B", "receive", "order-placed"),
        }
    )
    assert lonely(catalog) == [
        ("kafka:order-placed", "send", ("kafka:orders.placed",)),
        ("kafka:orders.placed", "receive", ("kafka:order-placed",)),
    ]
    problem = orphans(catalog)[0].to_problem(catalog)
    assert (problem.severity, problem.code, str(problem.location), problem.subject) == (
        "info", "never-sent", "b.yaml:5:14", "kafka:order-placed",
    )  # fmt: skip
    assert problem.message == "kafka:order-placed is received, and sent by nobody in these documents"
    assert problem.hint == "did you mean 'kafka:orders.placed', which is sent?"


def test_a_slip_beside_a_channel_that_works_is_a_suspect_but_a_likeness_is_not(load: Load) -> None:
    works = {
        "a.yaml": one_channel("A", "send", "orders.placed.v1"),
        "b.yaml": one_channel("B", "receive", "orders.placed.v1"),
    }
    slip = load({**works, "c.yaml": one_channel("C", "receive", "orders.palced.v1")})
    assert lonely(slip) == [("kafka:orders.palced.v1", "send", ("kafka:orders.placed.v1",))]
    version = load({**works, "c.yaml": one_channel("C", "receive", "orders.placed.v2")})
    assert lonely(version) == [("kafka:orders.placed.v2", "send", ())]


def test_a_version_that_one_side_left_behind_is_a_suspect(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.placed.v2"),
            "b.yaml": one_channel("B", "receive", "orders.placed.v1"),
        }
    )
    assert lonely(catalog)[0] == ("kafka:orders.placed.v1", "send", ("kafka:orders.placed.v2",))


def test_another_protocol_is_no_suspect(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.placed"),
            "b.yaml": one_channel("B", "receive", "order.placed", protocol="mqtt"),
        }
    )
    assert [near for _, _, near in lonely(catalog)] == [(), ()]


def test_a_pattern_is_the_other_side_of_what_falls_under_it(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders.{region}", channel=", parameters: {region: {}}"),
            "b.yaml": one_channel("B", "receive", "orders.eu"),
        }
    )
    assert lonely(catalog) == []


def test_a_reply_is_the_other_side_of_its_channel(load: Load) -> None:
    def asking(title: str, action: str) -> str:
        return f"""
asyncapi: 3.0.0
info: {{title: {title}, version: '1'}}
servers: {{main: {{host: k, protocol: kafka}}}}
channels: {{q: {{address: questions}}, r: {{address: answers}}}}
operations:
  ask: {{action: {action}, channel: {{$ref: '#/channels/q'}}, reply: {{channel: {{$ref: '#/channels/r'}}}}}}
"""

    both = load({"a.yaml": asking("A", "send"), "b.yaml": asking("B", "receive")})
    assert lonely(both) == []
    assert [channel["replies"] for channel in catalog_json(both)["channels"]] == [
        [
            {"service": "a", "document": "a", "operation": "ask", "action": "receive"},
            {"service": "b", "document": "b", "operation": "ask", "action": "send"},
        ],
        [],
    ]
    one = load({"a.yaml": asking("A", "send"), "c.yaml": one_channel("C", "send", "elsewhere")})
    assert ("kafka:answers", "send", ()) in lonely(one)


def test_what_takes_dead_letters_is_sent_on(load: Load) -> None:
    catalog = load(
        {
            "a.yaml": one_channel("A", "send", "orders"),
            "b.yaml": one_channel("B", "receive", "orders", channel=", x-dead-letter: orders.dlq"),
            "c.yaml": one_channel("C", "receive", "orders.dlq"),
        }
    )
    assert lonely(catalog) == []


def test_an_open_address_is_no_orphan(load: Load) -> None:
    text = one_channel("A", "send", "x").replace("address: 'x'", "address: null")
    assert lonely(load({"a.yaml": text, "b.yaml": one_channel("B", "receive", "y")})) == [("kafka:y", "send", ())]


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("orders.placed", "Order_Placed", Nearness.SPELLING),
        ("orderPlaced", "order-placed", Nearness.SPELLING),
        ("orders.placed", "orders.plced", Nearness.LETTER),
        ("orders.placed", "orders.plaecd", Nearness.LETTER),
        ("orders.placed", "orders.plased", Nearness.LETTER),
        ("orders.placed", "orders.v2.placed", Nearness.VERSION),
        ("orders.v1", "orders.v2", Nearness.VERSION),
        ("orders.placed", "placed.orders", Nearness.ORDER),
        ("orders.placed", "prod.orders.placed", Nearness.ENVIRONMENT),
        ("orders", "orders-staging", Nearness.ENVIRONMENT),
        ("dev_orders", "prod_orders", Nearness.ENVIRONMENT),
        ("orders.placed", "emea.orders.placed", Nearness.PART),
        ("orders.{region}", "orders.{area}", Nearness.SPELLING),
        ("orders.placed", "orders.paid", None),
        ("orders.created", "orders.updated", None),
        ("a", "b", None),
        ("orders", "orders.placed", None),
        ("", "orders", None),
        ("Bestellung.Größe", "bestellung.grösse", Nearness.SPELLING),
        ("طلبات.جديدة", "طلبات-جديدة", Nearness.SPELLING),
    ],
)
def test_how_two_names_are_alike(one: str, other: str, how: Nearness | None) -> None:
    assert NearNames.of({"x": other}).near(one) == ([] if how is None else [(how, "x")])
    assert NearNames.of({"x": one}).near(other) == ([] if how is None else [(how, "x")])


def test_ten_thousand_letters_are_looked_at_as_far_as_names_go() -> None:
    assert NearNames.of({"x": "a" * 100_000}).near("a" * 100_000) == [(Nearness.SPELLING, "x")]
