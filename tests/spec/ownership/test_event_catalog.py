"""EventCatalog pages: owners, domains, and who sends and receives what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from spec.ownership.cases import document, findings, only, owner_of

from observatory.spec.catalog import Catalog

Estate = Callable[..., Catalog]

SERVICE = """\
---
id: OrdersService
name: Orders
version: 1.0.0
owners:
  - jane
  - order-team
specifications:
  asyncapiPath: asyncapi.yml
attachments:
  - {url: 'https://runbooks.example/orders', title: Runbook for nights}
---

# Text of the page: {not yaml
"""
TEAM = "---\nid: order-team\nname: Order team\nemail: orders@example.com\n---\n"
JANE = "---\nid: jane\nname: Jane\nslackDirectMessageUrl: https://slack.example/jane\n---\n"
DOMAIN = "---\nid: Sales\nname: Sales\nversion: 1.0.0\nservices:\n  - id: OrdersService\n---\n"


def page(**values: object) -> str:
    lines = [f"{key}: {value}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---", ""])


def test_a_service_owns_the_documents_among_its_specifications(estate: Estate) -> None:
    catalog = estate(
        {
            "ec/services/OrdersService/asyncapi.yml": document("Order Events"),
            "ec/services/OrdersService/index.mdx": SERVICE,
            "ec/domains/Sales/index.mdx": DOMAIN,
            "ec/teams/order-team.mdx": TEAM,
            "ec/users/jane.md": JANE,
        },
        named=["ec"],
    )
    assert catalog.problems == ()
    found = only(catalog)
    assert found.owner is not None
    assert found.owner.to_json() == {
        "team": "order-team",
        "contact": "orders@example.com",
        "escalation": None,
        "runbook": "https://runbooks.example/orders",
        "provenance": "eventcatalog ec/services/OrdersService/index.mdx:7",
        "filled": {},
    }
    assert (found.domain, found.domain_provenance) == ("Sales", "eventcatalog ec/domains/Sales/index.mdx:6")
    assert (found.service, found.service_provenance) == (
        "OrdersService",
        "eventcatalog ec/services/OrdersService/index.mdx:2",
    )


@pytest.mark.parametrize(
    "specifications",
    [
        "[{type: asyncapi, path: spec/asyncapi.yml, name: Events}]",
        "[{type: openapi, path: openapi.yml}, {type: AsyncAPI, path: ./spec/asyncapi.yml}]",
        "{openapiPath: openapi.yml, asyncapiPath: spec/asyncapi.yml}",
    ],
)
def test_specifications_are_written_in_several_ways(estate: Estate, specifications: str) -> None:
    catalog = estate(
        {
            "services/S/spec/asyncapi.yml": document("Order Events"),
            "services/S/index.md": page(id="S", owners="[a]", specifications=specifications),
        },
        named=["services"],
    )
    assert owner_of(catalog).provenance == "eventcatalog services/S/index.md:3"


def test_a_service_of_the_name_of_a_document_owns_it(estate: Estate) -> None:
    files = {
        "orders.yaml": document("Orders Service"),
        "ec/services/O/index.mdx": page(id="OrdersService", owners="[a]"),
    }
    assert owner_of(estate(files, named=["ec"])).team == "a"
    renamed = {"ec/services/O/index.mdx": page(id="x1", name="Orders service", owners="[a]")}
    assert owner_of(estate(renamed, named=["ec"])).team == "a"


def test_a_service_belongs_to_the_domain_in_whose_folder_it_lies(estate: Estate) -> None:
    files = {
        "orders.yaml": document("Orders"),
        "ec/domains/Shop/index.mdx": page(id="Shop"),
        "ec/domains/Shop/subdomains/Sales/index.mdx": page(id="Sales"),
        "ec/domains/Shop/subdomains/Sales/services/Orders/index.mdx": page(id="Orders"),
    }
    found = only(estate(files, named=["ec"]))
    assert (found.domain, found.domain_provenance) == (
        "Sales",
        "eventcatalog ec/domains/Shop/subdomains/Sales/index.mdx:2",
    )


def test_a_channel_is_found_by_its_address_and_protocol(estate: Estate) -> None:
    files = {
        "k.yaml": document("One", address="orders.{env}.events", channel=", parameters: {env: {}}"),
        "m.yaml": document("Two", address="orders.{env}.events", protocol="mqtt", channel=", parameters: {env: {}}"),
        "ec/channels/buses/orders/index.mdx": page(
            id="orders", address="orders.{stage}.events", protocols="[kafka]", owners="[order-team]"
        ),
        "ec/teams/order-team.mdx": TEAM,
    }
    catalog = estate(files, named=["ec"])
    assert {one.protocol: one.owner.team if one.owner else None for one in catalog.channels} == {
        "kafka": "order-team",
        "mqtt": None,
    }
    assert catalog.problems == ()


def test_the_id_is_the_address_where_a_channel_names_none(estate: Estate) -> None:
    files = {"a.yaml": document("One"), "ec/channels/c/index.mdx": page(id="orders.placed", owners="[a]")}
    (channel,) = estate(files, named=["ec"]).channels
    assert channel.owner is not None
    assert (channel.owner.team, channel.owner.provenance) == ("a", "eventcatalog ec/channels/c/index.mdx:3")


def test_an_owner_on_the_channel_in_the_document_stands_and_the_difference_is_reported(estate: Estate) -> None:
    files = {
        "a.yaml": document("One", channel=", x-owner: mine"),
        "ec/channels/c/index.mdx": page(id="orders.placed", owners="[theirs]"),
    }
    catalog = estate(files, named=["ec"])
    assert catalog.channels[0].owner is not None
    assert catalog.channels[0].owner.team == "mine"
    assert findings(catalog) == [("warning", "ownership-conflict", "ec/channels/c/index.mdx:3:10")]


def test_messages_say_who_owns_a_channel_where_they_agree(estate: Estate) -> None:
    files = {"a.yaml": document("One"), "ec/events/Order/index.mdx": page(id="Order", owners="[a]")}
    (channel,) = estate(files, named=["ec"]).channels
    assert channel.owner is not None
    assert channel.owner.provenance == "eventcatalog ec/events/Order/index.mdx:3"
    other = page(id="Other", owners="[b]", channels="[{id: orders.placed}]")
    (channel,) = estate({"ec/commands/Other/index.mdx": other}, named=["ec"]).channels
    assert channel.owner is None


def test_a_page_of_the_channel_stands_before_its_messages(estate: Estate) -> None:
    files = {
        "a.yaml": document("One"),
        "ec/channels/c/index.mdx": page(id="orders.placed", owners="[channel-team]"),
        "ec/events/Order/index.mdx": page(id="Order", owners="[message-team]"),
    }
    catalog = estate(files, named=["ec"])
    assert catalog.channels[0].owner is not None
    assert (catalog.channels[0].owner.team, catalog.problems) == ("channel-team", ())


def test_who_sends_and_receives_is_named_beside_the_documents(estate: Estate) -> None:
    files = {
        "a.yaml": document("Orders", address="orders.placed"),
        "b.yaml": document("Other", address="orders.other", message="Other"),
        "ec/channels/bus/index.mdx": page(id="bus", address="orders.placed"),
        "ec/services/Orders/index.mdx": page(id="Orders", sends="[{id: Order}]"),
        "ec/services/Mail/index.mdx": page(
            id="Mail", owners="[mail-team]", receives="[{id: Order, version: 1.0.0, from: [{id: bus}]}]"
        ),
        "ec/services/Fraud/index.mdx": page(id="Fraud", receives="[{id: order}, {id: Unknown}]", sends="[{id: Other}]"),
        "ec/events/Other/index.mdx": page(id="Other", consumers="[Audit]", channels="[{id: orders.other}]"),
        "ec/services/Mail/versioned/0.1/index.mdx": page(id="Mail", sends="[{id: Order}]"),
    }
    catalog = estate(files, named=["ec"])
    assert catalog.problems == ()
    assert [(one.channel_id, one.action, one.service, one.provenance) for one in catalog.named] == [
        ("kafka:orders.other", "send", "Fraud", "eventcatalog ec/services/Fraud/index.mdx:4"),
        ("kafka:orders.other", "receive", "Audit", "eventcatalog ec/events/Other/index.mdx:3"),
        ("kafka:orders.placed", "receive", "Fraud", "eventcatalog ec/services/Fraud/index.mdx:3"),
        ("kafka:orders.placed", "receive", "Mail", "eventcatalog ec/services/Mail/index.mdx:4"),
    ]
    assert catalog.named[3].owner is not None
    assert catalog.named[3].owner.team == "mail-team"


def test_a_message_that_travels_on_several_channels_is_placed_on_none(estate: Estate) -> None:
    files = {
        "a.yaml": document("A", address="one"),
        "b.yaml": document("B", address="two"),
        "ec/services/Mail/index.mdx": page(id="Mail", receives="[{id: Order}]"),
    }
    assert estate(files, named=["ec"]).named == ()


def test_a_team_that_is_not_there_is_shown_with_what_is_near(estate: Estate) -> None:
    files = {
        "orders.yaml": document("Orders"),
        "ec/services/Orders/index.mdx": page(id="Orders", owners="[{id: order-taem}]"),
        "ec/teams/order-team.mdx": TEAM,
    }
    catalog = estate(files, named=["ec"])
    (problem,) = catalog.problems
    assert (problem.severity, problem.code, problem.hint) == (
        "warning",
        "ownership-reference",
        "did you mean 'order-team'?",
    )
    assert str(problem.location) == "ec/services/Orders/index.mdx:3:15"


def test_two_services_that_claim_one_document_are_reported(estate: Estate) -> None:
    spec = "{asyncapiPath: ../../../a.yaml}"
    files = {
        "a.yaml": document("A"),
        "ec/services/One/index.mdx": page(id="One", owners="[one]", specifications=spec),
        "ec/services/Two/index.mdx": page(id="Two", owners="[two]", specifications=spec),
    }
    catalog = estate(files, named=["ec"])
    assert findings(catalog) == [("warning", "ownership-twice", "ec/services/Two/index.mdx:2:5")]
    assert owner_of(catalog).team == "one"


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("---\nid: Orders\nowners: [a]\n\n# no end\n", "front-matter-open", "1:1"),
        ("---\nid: Orders\nowners: [a\n---\n", "yaml-syntax", "3:11"),
        ("---\nversion: 1.0.0\n---\n", "ownership-form", "2:1"),
        ("---\nid: Orders\nid: Orders\n---\n", "key-duplicate", "3:1"),
    ],
)
def test_a_page_that_cannot_be_used_is_shown_with_its_place(estate: Estate, text: str, code: str, place: str) -> None:
    files = {"orders.yaml": document("Orders"), "ec/services/Orders/index.mdx": text}
    catalog = estate(files, named=["ec"])
    assert [(one.code, str(one.location)) for one in catalog.problems] == [
        (code, f"ec/services/Orders/index.mdx:{place}")
    ]


def test_pages_that_are_no_resources_say_nothing(estate: Estate) -> None:
    files = {
        "orders.yaml": document("Orders"),
        "ec/services/Orders/changelog.mdx": page(id="Orders", owners="[a]"),
        "ec/services/Orders/docs/guide/index.mdx": page(title="Guide"),
        "ec/flows/Orders/index.mdx": page(id="Orders", owners="[a]"),
        "ec/services/index.md": "no front matter\n",
        "ec/README.md": "# Readme\n",
    }
    catalog = estate(files, named=["ec"])
    assert (only(catalog).owner, catalog.problems) == (None, ())


def test_a_single_page_may_be_named(estate: Estate) -> None:
    files = {"orders.yaml": document("Orders"), "ec/services/Orders/index.mdx": page(id="Orders", owners="[a]")}
    assert owner_of(estate(files, named=["ec/services/Orders/index.mdx"])).team == "a"
