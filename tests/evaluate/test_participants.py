"""Declared and observed producers and consumers, joined from inventories made by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from shipped_profiles import PROFILES
from telemetry.documents import catalog, channel, names, pattern

from observatory.evaluate.participants import participants
from observatory.spec.catalog import Catalog, NamedParticipant, Operation
from observatory.spec.participant import Participant, Sighting
from observatory.telemetry.inventory import Inventory, LabelSets, SpanDestination
from observatory.telemetry.mapping import map_catalog

ORDERS = channel("kafka", names(topic="orders.v1"))
PLACED = channel("amqp", names(routing_key="orders.placed", exchange="shop"))
QUEUE = channel("amqp", names(queue="billing.orders"))


def span(
    role: str,
    destination: str,
    service: str,
    group: str = "",
    *,
    system: str = "",
    messages: float = 10.0,
    first_ms: int = 1000,
    last_ms: int = 2000,
) -> SpanDestination:
    return SpanDestination(
        role=role,
        system=system,
        destination=destination,
        service=service,
        consumer_group=group,
        messages=messages,
        first_ms=first_ms,
        last_ms=last_ms,
    )


def lag_series(topic: str, *groups: str) -> Inventory:
    """What kafka_exporter shows of some groups."""
    labels = ("consumergroup", "partition", "topic")
    rows = tuple((group, "0", topic) for group in groups)
    return Inventory(
        source="metrics",
        names=frozenset({"kafka_consumergroup_lag"}),
        label_sets={"kafka_consumergroup_lag": LabelSets(labels, rows, (1,) * len(rows))},
    )


def store(*rows: SpanDestination) -> Inventory:
    return Inventory(source="store", destinations=rows)


def joined(documents: Catalog, *inventories: Inventory) -> Mapping[str, tuple[Participant, ...]]:
    return participants(documents, map_catalog(documents, PROFILES, inventories), inventories, PROFILES)


def told(found: tuple[Participant, ...]) -> list[tuple[str, str | None, str | None, bool, float | None]]:
    """Action, service, group, declared and messages of everybody who was seen."""
    return [(one.action, one.service, one.consumer_group, one.declared, one.seen.messages) for one in found if one.seen]


def test_a_declared_producer_is_seen_with_its_messages_and_times() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})

    (shop,) = joined(documents, store(span("producer", "orders.v1", "shop", system="kafka")))[ORDERS.id]

    assert shop.operation is not None
    assert shop.operation.key == "shop/send"
    assert shop.seen == Sighting(messages=10.0, first_ms=1000, last_ms=2000)


def test_without_inventories_nobody_is_seen() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id}, receives={"billing": (ORDERS.id, "billing-v1")})

    found = joined(documents)[ORDERS.id]

    assert [(one.action, one.service, one.seen) for one in found] == [
        ("send", "shop", None),
        ("receive", "billing", None),
    ]


def test_who_is_seen_and_not_declared_stands_after_the_declared_ones() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id}, receives={"billing": (ORDERS.id, None)})
    rows = store(span("consumer", "orders.v1", "audit", "audit-v1"), span("producer", "orders.v1", "intruder"))

    found = joined(documents, rows)[ORDERS.id]

    assert [(one.action, one.service, one.declared, one.seen is not None) for one in found] == [
        ("send", "shop", True, False),
        ("send", "intruder", False, True),
        ("receive", "billing", True, False),
        ("receive", "audit", False, True),
    ]


def test_one_that_an_ownership_file_names_and_that_is_seen_stands_once() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})
    audit, group, silent = (
        NamedParticipant(
            channel_id=ORDERS.id, action="receive", service=service, consumer_group=name, provenance=f"o.yaml:{line}"
        )
        for line, (service, name) in enumerate([("audit", None), (None, "mail-v1"), ("silent", None)], 1)
    )
    documents = replace(documents, named=(audit, group, silent))
    rows = store(span("consumer", "orders.v1", "audit", "audit-v1", messages=3.0))

    found = joined(documents, rows, lag_series("orders.v1", "mail-v1", "other"))[ORDERS.id]

    assert [(one.service, one.consumer_group, one.named_by, one.seen and one.seen.messages) for one in found[1:]] == [
        ("audit", None, "o.yaml:1", 3.0),
        (None, "mail-v1", "o.yaml:2", None),
        ("silent", None, "o.yaml:3", None),
        (None, "other", None, None),
    ]
    assert [one.seen is not None for one in found[1:]] == [True, True, False, True]
    assert not any(one.declared for one in found[1:])


@pytest.mark.parametrize("destination", ["shop:orders.placed", "orders.placed"])
def test_a_producer_belongs_to_the_routing_key_however_spans_write_it(destination: str) -> None:
    documents = catalog([PLACED, QUEUE], sends={"shop-web": PLACED.id}, receives={"billing": (QUEUE.id, None)})

    found = joined(documents, store(span("producer", destination, "shop-web", system="rabbitmq")))

    assert told(found[PLACED.id]) == [("send", "shop-web", None, True, 10.0)]
    assert told(found[QUEUE.id]) == []


@pytest.mark.parametrize("destination", ["shop:orders.placed:billing.orders", "shop:billing.orders", "billing.orders"])
def test_a_consumer_belongs_to_the_queue_however_spans_write_it(destination: str) -> None:
    documents = catalog([PLACED, QUEUE], sends={"shop-web": PLACED.id}, receives={"billing": (QUEUE.id, None)})
    rows = (span("consumer", destination, "billing"), span("consumer", destination, "spy", messages=1.0))

    found = joined(documents, store(*rows))

    assert told(found[QUEUE.id]) == [("receive", "billing", None, True, 10.0), ("receive", "spy", None, False, 1.0)]
    assert told(found[PLACED.id]) == []


def test_a_queue_that_no_document_knows_consumes_what_is_published_to_its_exchange_and_key() -> None:
    documents = catalog([PLACED, QUEUE], sends={"shop-web": PLACED.id}, receives={"billing": (QUEUE.id, None)})

    found = joined(documents, store(span("consumer", "shop:orders.placed:fraud.check", "fraud")))

    assert told(found[PLACED.id]) == [("receive", "fraud", None, False, 10.0)]
    assert told(found[QUEUE.id]) == []


def test_a_consumer_whose_spans_name_the_key_belongs_to_its_declared_queue() -> None:
    documents = catalog([PLACED, QUEUE], sends={"shop-web": PLACED.id}, receives={"billing": (QUEUE.id, None)})

    found = joined(documents, store(span("consumer", "shop:orders.placed", "billing")))

    assert told(found[QUEUE.id]) == [("receive", "billing", None, True, 10.0)]
    assert told(found[PLACED.id]) == []


def test_an_exchange_alone_is_nobodys_unless_one_channel_has_it() -> None:
    other = channel("amqp", names(routing_key="orders.paid", exchange="shop"))
    row = store(span("producer", "shop", "intruder"))

    assert told(joined(catalog([PLACED]), row)[PLACED.id]) == [("send", "intruder", None, False, 10.0)]
    assert told(joined(catalog([PLACED, other]), row)[PLACED.id]) == []


def test_a_service_declared_on_one_of_two_channels_of_an_exchange_sends_there() -> None:
    other = channel("amqp", names(routing_key="orders.paid", exchange="shop"))
    documents = catalog([PLACED, other], sends={"shop-web": PLACED.id, "till": other.id})

    found = joined(documents, store(span("producer", "shop", "till")))

    assert (told(found[PLACED.id]), told(found[other.id])) == ([], [("send", "till", None, True, 10.0)])


def test_one_address_on_two_brokers_shows_the_service_on_both_and_its_messages_on_none() -> None:
    eu, us = replace(ORDERS, id="kafka:orders.v1@eu"), replace(ORDERS, id="kafka:orders.v1@us")

    found = joined(catalog([eu, us]), store(span("producer", "orders.v1", "shop")))

    assert told(found[eu.id]) == told(found[us.id]) == [("send", "shop", None, False, None)]


def test_an_exact_address_is_meant_before_a_parameterised_one() -> None:
    every = channel("nats", pattern("subject", "fleet.{id}", r"fleet\.[^.]+"))
    one = channel("nats", names(subject="fleet.berlin"))

    found = joined(catalog([every, one]), store(span("producer", "fleet.berlin", "gateway")))

    assert (told(found[every.id]), told(found[one.id])) == ([], [("send", "gateway", None, False, 10.0)])


def test_a_group_that_contradicts_the_declared_one_is_another_participant() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing-v1")})

    found = joined(documents, store(span("consumer", "orders.v1", "billing", "billing-v2")))[ORDERS.id]

    assert [(one.consumer_group, one.declared, one.seen is not None) for one in found] == [
        ("billing-v1", True, False),
        ("billing-v2", False, True),
    ]


def test_the_declared_group_is_the_operation_whatever_the_service_is_called() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing-v1")})

    found = joined(documents, store(span("consumer", "orders.v1", "billing-worker", "billing-v1")))[ORDERS.id]

    assert told(found) == [("receive", "billing", "billing-v1", True, 10.0)]


def test_two_operations_of_a_service_are_told_apart_by_their_groups() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "fast")})
    (fast,) = documents.operations
    slow = replace(fast, key="billing/again", name="again", consumer_group="slow")
    both = replace(documents, operations=(slow, fast))
    rows = (
        span("consumer", "orders.v1", "billing", "fast", messages=7.0),
        span("consumer", "orders.v1", "billing", "slow", messages=2.0),
    )

    found = joined(both, store(*rows))[ORDERS.id]

    assert told(found) == [("receive", "billing", "slow", True, 2.0), ("receive", "billing", "fast", True, 7.0)]


def test_operations_that_spans_cannot_tell_apart_say_that_they_share_a_count() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})
    (first,) = documents.operations
    second: Operation = replace(first, key="shop/cancel", name="cancel")

    found = joined(replace(documents, operations=(second, first)), store(span("producer", "orders.v1", "shop")))

    assert [(one.seen and one.seen.messages, one.shared_with) for one in found[ORDERS.id]] == [
        (10.0, ("shop/send",)),
        (10.0, ("shop/cancel",)),
    ]


def test_spellings_of_one_service_are_added_and_its_times_spanned() -> None:
    documents = catalog([QUEUE], receives={"billing": (QUEUE.id, None)})
    rows = (
        span("consumer", "billing.orders", "billing", messages=3.0, first_ms=500, last_ms=600),
        span("consumer", "shop:orders.placed:billing.orders", "billing", messages=4.0, first_ms=550, last_ms=900),
    )

    (billing,) = joined(documents, store(*rows))[QUEUE.id]

    assert billing.seen == Sighting(messages=7.0, first_ms=500, last_ms=900)


def test_what_two_sources_show_is_counted_once() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})
    seen = span("producer", "orders.v1", "shop")

    found = joined(documents, store(seen), Inventory(source="other", destinations=(replace(seen, messages=11.0),)))

    assert told(found[ORDERS.id]) == [("send", "shop", None, True, 10.0)]


def test_a_group_that_only_series_show_has_no_service_and_no_messages() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing-v1")})

    found = joined(documents, lag_series("orders.v1", "billing-v1", "mail-v1"), store())[ORDERS.id]

    assert told(found) == [
        ("receive", "billing", "billing-v1", True, None),
        ("receive", None, "mail-v1", False, None),
    ]


def test_a_group_on_a_channel_that_nobody_is_declared_to_consume_is_shown() -> None:
    documents = catalog([ORDERS, channel("kafka", names(topic="other"))], sends={"shop": ORDERS.id})

    found = joined(documents, lag_series("orders.v1", "mail-v1"))

    assert told(found[ORDERS.id]) == [("receive", None, "mail-v1", False, None)]
    assert told(found["kafka:other"]) == []


def test_spans_and_series_of_one_group_are_one_participant() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})
    rows = store(span("consumer", "orders.v1", "mail", "mail-v1"))

    found = joined(documents, lag_series("orders.v1", "mail-v1"), rows)

    assert told(found[ORDERS.id]) == [("receive", "mail", "mail-v1", False, 10.0)]


def test_the_only_group_seen_is_that_of_the_only_consumer_without_one() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, None)})

    found = joined(documents, lag_series("orders.v1", "pay-7"))[ORDERS.id]

    assert told(found) == [("receive", "billing", None, True, None)]


def test_a_group_that_several_consumers_may_mean_is_nobodys() -> None:
    documents = catalog([ORDERS], receives={"billing": (ORDERS.id, None), "mail": (ORDERS.id, None)})

    found = joined(documents, lag_series("orders.v1", "pay-7"))[ORDERS.id]

    assert told(found) == [("receive", None, "pay-7", False, None)]


def test_series_that_name_the_service_show_that_a_declared_producer_is_there() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id, "till": ORDERS.id})
    metric = "messaging_client_sent_messages_total"
    labels = ("job", "messaging_destination_name")
    inventory = Inventory(
        source="metrics",
        names=frozenset({metric}),
        label_sets={metric: LabelSets(labels, (("shop", "orders.v1"),), (1,))},
    )

    found = joined(documents, inventory)[ORDERS.id]

    assert told(found) == [("send", "shop", None, True, None)]
