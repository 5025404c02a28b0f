"""xRegistry endpoints: consumer groups of topics, and owners by label."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from spec.ownership.cases import document, findings

from observatory.spec.catalog import Catalog

Estate = Callable[..., Catalog]


def registry(**endpoints: Any) -> str:
    return json.dumps({"endpoints": endpoints}, indent=1)


def endpoint(usage: str = "consumer", protocol: str = "KAFKA", *, labels: Any = None, **options: Any) -> dict[str, Any]:
    return {"usage": [usage], "protocol": protocol, "protocoloptions": options, "labels": labels or {}}


def groups(catalog: Catalog) -> dict[str, tuple[str | None, str | None]]:
    return {one.key: (one.consumer_group, one.consumer_group_provenance) for one in catalog.operations}


def test_the_consumer_group_of_a_topic_is_that_of_the_operation_which_names_none(estate: Estate) -> None:
    files = {
        "in.yaml": document("Billing", "receive"),
        "out.yaml": document("Shop"),
        "r.xreg.json": registry(placed=endpoint(topic="orders.placed", consumergroup="billing-v1")),
    }
    catalog = estate(files, named=["r.xreg.json"])
    assert groups(catalog) == {"billing/o": ("billing-v1", "xregistry r.xreg.json:10"), "shop/o": (None, None)}
    assert (catalog.named, catalog.problems) == ((), ())


@pytest.mark.parametrize(
    ("protocol", "address", "family", "options"),
    [
        ("kafka", "orders", "Kafka", {"topic": "orders", "consumergroup": "g"}),
        ("kafka-secure", "orders", "KAFKA", {"topic": "orders", "consumergroup": "g"}),
        ("nats", "orders.eu", "NATS", {"subject": "orders.eu", "queuegroup": "g"}),
        ("nats", "orders.{region}", "NATS", {"subjectfilter": "orders.*", "queuegroup": "g"}),
        ("mqtt", "site/{id}/temp", "MQTT/5.0", {"topicfilter": "site/+/temp", "sharedsubscriptiongroup": "g"}),
        ("amqp1", "orders", "AMQP/1.0", {"node": "orders", "consumergroup": "g"}),
        ("amqp", "orders", "AMQP", {"endpoints": [{"uri": "amqps://broker/orders"}], "consumergroup": "g"}),
    ],
)
def test_each_protocol_has_its_names(
    estate: Estate, protocol: str, address: str, family: str, options: dict[str, Any]
) -> None:
    parameters = ", parameters: {region: {}, id: {}}" if "{" in address else ""
    text = document("Billing", "receive", address=address, protocol=protocol, channel=parameters)
    files = {"in.yaml": text, "r.json": registry(one=endpoint(protocol=family, **options))}
    assert groups(estate(files, named=["r.json"]))["billing/o"][0] == "g"


def test_another_protocol_is_another_place(estate: Estate) -> None:
    files = {
        "in.yaml": document("Billing", "receive", address="orders", protocol="mqtt"),
        "r.json": registry(one=endpoint(topic="orders", consumergroup="g")),
    }
    assert groups(estate(files, named=["r.json"]))["billing/o"][0] is None


def test_several_groups_are_given_by_the_service_that_labels_name(estate: Estate) -> None:
    files = {
        "a.yaml": document("Billing", "receive"),
        "b.yaml": document("Mail", "receive"),
        "r.json": registry(
            one=endpoint(topic="orders.placed", consumergroup="g1", labels={"service": "mail"}),
            two=endpoint(topic="orders.placed", consumergroup="g2", labels={"service": "billing"}),
            three=endpoint(topic="orders.placed", consumergroup="g3", labels={"service": "audit", "owner": "legal"}),
        ),
    }
    catalog = estate(files, named=["r.json"])
    assert {key: group for key, (group, _) in groups(catalog).items()} == {"billing/o": "g2", "mail/o": "g1"}
    (named,) = catalog.named
    assert (named.service, named.consumer_group, named.owner and named.owner.team) == ("audit", "g3", "legal")


def test_groups_that_nobody_can_tell_apart_stand_for_themselves(estate: Estate) -> None:
    files = {
        "a.yaml": document("Billing", "receive"),
        "b.yaml": document("Mail", "receive"),
        "r.json": registry(
            one=endpoint(topic="orders.placed", consumergroup="g1"),
            two=endpoint(topic="orders.placed", consumergroup="g2"),
        ),
    }
    catalog = estate(files, named=["r.json"])
    assert {group for group, _ in groups(catalog).values()} == {None}
    assert [(one.service, one.consumer_group, one.provenance) for one in catalog.named] == [
        (None, "g1", "xregistry r.json:10"),
        (None, "g2", "xregistry r.json:21"),
    ]


def test_a_group_that_a_document_declares_is_nothing_new(estate: Estate) -> None:
    bound = ", bindings: {kafka: {groupId: {const: g1}}}"
    files = {
        "a.yaml": document("Billing", "receive", operation=bound),
        "r.json": registry(one=endpoint(topic="orders.placed", consumergroup="g1")),
    }
    catalog = estate(files, named=["r.json"])
    assert groups(catalog)["billing/o"] == ("g1", "kafka.groupId binding")
    assert (catalog.named, catalog.problems) == ((), ())


def test_a_service_with_another_group_than_declared_is_a_conflict(estate: Estate) -> None:
    bound = ", bindings: {kafka: {groupId: {const: g1}}}"
    files = {
        "a.yaml": document("Billing", "receive", operation=bound),
        "r.json": registry(one=endpoint(topic="orders.placed", consumergroup="g2", labels={"app": "billing"})),
    }
    catalog = estate(files, named=["r.json"])
    assert groups(catalog)["billing/o"][0] == "g1"
    assert findings(catalog) == [("warning", "ownership-conflict", "r.json:10:22")]
    assert catalog.problems[0].message == (
        "the consumer group of billing/o is 'g2' here and 'g1' by kafka.groupId binding"
    )


def test_the_broker_tells_topics_of_one_name_apart(estate: Estate) -> None:
    files = {
        "a.yaml": document("A", "receive", host="one:9092"),
        "b.yaml": document("B", "receive", host="two:9092"),
        "r.json": registry(
            new=endpoint(
                topic="orders.placed", consumergroup="g2", endpoints=[{"bootstrap.servers": ["SSL://two:9092"]}]
            ),
            old={
                "usage": "consumer",
                "protocol": "KAFKA",
                "endpoints": [{"uri": "kafka://one:9092"}],
                "protocoloptions": {"topic": "orders.placed", "consumergroup": "g1"},
            },
        ),
    }
    catalog = estate(files, named=["r.json"])
    assert {key: group for key, (group, _) in groups(catalog).items()} == {"a/o": "g1", "b/o": "g2"}
    open_one = {"r.json": registry(new=endpoint(topic="orders.placed", consumergroup="g2"))}
    assert findings(estate(open_one, named=["r.json"])) == [("warning", "ownership-reference", "r.json:3:3")]


def test_endpoints_of_one_channel_complete_each_other(estate: Estate) -> None:
    files = {
        "a.yaml": document("A", "receive", protocol="amqp", address="orders"),
        "r.json": registry(
            out={**endpoint("producer", "AMQP", node="orders"), "channel": "q1"},
            into={**endpoint("consumer", "AMQP", consumergroup="g"), "channel": "q1"},
        ),
    }
    assert groups(estate(files, named=["r.json"]))["a/o"][0] == "g"


def test_a_producer_endpoint_says_who_owns_the_channel_and_who_sends(estate: Estate) -> None:
    labels = {"team": "order-team", "contact": "#orders", "domain": "sales", "service": "legacy-shop"}
    files = {
        "in.yaml": document("Billing", "receive"),
        "r.json": registry(out=endpoint("producer", topic="orders.placed", labels=labels)),
    }
    catalog = estate(files, named=["r.json"])
    (channel,), (named,) = catalog.channels, catalog.named
    assert channel.owner is not None
    assert (channel.owner.team, channel.owner.contact, channel.owner.provenance) == (
        "order-team",
        "#orders",
        "xregistry r.json:12",
    )
    assert (channel.domain, channel.domain_provenance) == ("sales", "xregistry r.json:14")
    assert (named.action, named.service) == ("send", "legacy-shop")
    # Who owns the channel does not own the application that reads it.
    assert catalog.operations[0].owner is None


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{"endpoints": [], "usage": 1}', "1:15", "endpoints is a mapping from ids to endpoints"),
        ('{"endpoints": {"a": 1}, "usage": 1}', "1:21", "the endpoint 'a' is a mapping"),
        ('{"endpoints": {"a": {}}, "usage": 1}', "1:16", "the endpoint 'a' has no usage"),
        ('{"endpoints": {"a": {"usage": ["consumr"]}}}', "1:32", "'consumr' is no usage"),
        ('{"endpoints": {"a": {"usage": "reader"}}}', "1:31", "'reader' is no usage"),
    ],
)
def test_what_is_no_endpoint_is_shown_with_its_place(estate: Estate, text: str, place: str, message: str) -> None:
    catalog = estate({"a.yaml": document("A"), "r.json": text}, named=["r.json"])
    (problem,) = catalog.problems
    assert (problem.code, problem.severity, problem.message) == ("ownership-form", "error", message)
    assert str(problem.location) == f"r.json:{place}"


def test_a_registry_that_is_no_json_is_an_error_with_its_place(estate: Estate) -> None:
    catalog = estate({"a.yaml": document("A"), "r.xreg.json": '{"endpoints": {'}, named=["r.xreg.json"])
    assert [one.code for one in catalog.problems] == ["json-syntax"]
