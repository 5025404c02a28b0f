"""Whom to believe: documents, overlays, Backstage, EventCatalog, xRegistry, CODEOWNERS."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from spec.ownership.cases import document, findings, only, owner_of

from observatory.spec.catalog import Catalog
from observatory.spec.load import load_catalog

Estate = Callable[..., Catalog]

BACKSTAGE = (
    "kind: Component\nmetadata: {name: c}\nspec: {type: service, owner: backstage-team, domain: from-backstage}\n"
)
SERVICE = "---\nid: Events\nowners: [eventcatalog-team]\n---\n"
CHANNEL = "---\nid: orders.placed\nowners: [channel-team]\n---\n"
REGISTRY = json.dumps(
    {
        "endpoints": {
            "out": {
                "usage": ["producer"],
                "protocol": "KAFKA",
                "protocoloptions": {"topic": "orders.placed"},
                "labels": {"owner": "xregistry-team"},
            }
        }
    }
)
CODEOWNERS = "* @acme/codeowners-team\n"
ALL = {
    "catalog-info.yaml": BACKSTAGE,
    "ec/services/Events/index.mdx": SERVICE,
    "ec/channels/c/index.mdx": CHANNEL,
    "r.xreg.json": REGISTRY,
    "CODEOWNERS": CODEOWNERS,
}
CHAIN = [
    ("catalog-info.yaml", "backstage-team", "backstage-team"),
    ("ec/services/Events/index.mdx", "eventcatalog-team", "channel-team"),
    ("ec/channels/c/index.mdx", "codeowners-team", "channel-team"),
    ("r.xreg.json", "codeowners-team", "xregistry-team"),
    ("CODEOWNERS", "codeowners-team", "codeowners-team"),
]


@pytest.mark.parametrize("start", range(len(CHAIN)))
def test_each_source_counts_where_those_before_it_are_silent(estate: Estate, start: int) -> None:
    files = {"a.yaml": document("Events")} | {name: ALL[name] for name, _, _ in CHAIN[start:]}
    named = [name for name in ("ec", "r.xreg.json") if any(key.startswith(name) for key in files)]
    catalog = estate(files, named=named)
    (channel,) = catalog.channels
    assert channel.owner is not None
    assert (owner_of(catalog).team, channel.owner.team) == CHAIN[start][1:]


def test_what_the_document_says_stands_before_all(estate: Estate) -> None:
    files = {"a.yaml": document("Events", info=", x-owner: mine, x-domain: mine"), **ALL}
    catalog = estate(files, named=["ec", "r.xreg.json"])
    assert (owner_of(catalog).team, only(catalog).domain) == ("mine", "mine")
    assert catalog.channels[0].owner == owner_of(catalog)
    assert findings(catalog) == [
        ("info", "ownership-conflict", "CODEOWNERS:1:1"),
        ("warning", "ownership-conflict", "catalog-info.yaml:3:30"),
        ("warning", "ownership-conflict", "catalog-info.yaml:3:54"),
        ("warning", "ownership-conflict", "ec/services/Events/index.mdx:3:10"),
        ("warning", "ownership-conflict", "r.xreg.json:1:135"),
    ]
    assert catalog.problems[-1].subject == "kafka:orders.placed"
    messages = {str(one.location): one.message for one in catalog.problems}
    assert messages["r.xreg.json:1:135"] == (
        "the owner of kafka:orders.placed is 'xregistry-team' here and 'channel-team' at ec/channels/c/index.mdx:3"
    )
    assert messages["catalog-info.yaml:3:30"] == "the owner of a.yaml is 'backstage-team' here and 'mine' at a.yaml:3"
    assert messages["catalog-info.yaml:3:54"] == (
        "the domain of a.yaml is 'from-backstage' here and 'mine' by x-domain on info"
    )


def test_an_overlay_stands_before_ownership_files(estate: Estate) -> None:
    Path("o.yaml").write_text("documents: {a.yaml: {/info: {x-owner: overlaid}}}\n")
    files = {"a.yaml": document("Events"), "catalog-info.yaml": BACKSTAGE}
    catalog = estate(files, overlays=[Path("o.yaml")])
    owner = owner_of(catalog)
    assert (owner.team, owner.provenance) == ("overlaid", "overlay o.yaml:1")
    assert [one.message for one in catalog.problems] == [
        "the owner of a.yaml is 'backstage-team' here and 'overlaid' at o.yaml:1"
    ]


def test_details_are_added_by_those_who_name_the_same_team(estate: Estate) -> None:
    files = {
        "a.yaml": document("Events", info=", x-owner: {team: pay-core, contact: '#pay'}"),
        "catalog-info.yaml": """\
kind: Component
metadata:
  name: c
  annotations: {opsgenie.com/team: pay-night}
  links: [{url: 'https://runbooks.example/c', title: On-call runbook}]
spec: {type: service, owner: group:pay-core}
---
kind: Group
metadata: {name: pay-core}
spec: {profile: {email: pay@example.com}}
""",
    }
    catalog = estate(files)
    assert catalog.problems == ()
    owner = owner_of(catalog)
    assert owner.to_json() == {
        "team": "pay-core",
        "contact": "#pay",
        "escalation": "pay-night",
        "runbook": "https://runbooks.example/c",
        "provenance": "x-owner on info",
        "filled": {
            "escalation": "backstage catalog-info.yaml:6",
            "runbook": "backstage catalog-info.yaml:6",
        },
    }
    assert catalog.channels[0].owner == catalog.operations[0].owner == owner


def test_nothing_is_added_to_another_team(estate: Estate) -> None:
    files = {"a.yaml": document("Events", info=", x-owner: mine"), "CODEOWNERS": "* @acme/theirs\n"}
    assert owner_of(estate(files)).contact is None


def test_who_writes_a_channel_owns_it_when_only_files_say_who_that_is(estate: Estate) -> None:
    files = {
        "in/a.yaml": document("Reader", "receive", info=", x-owner: reader"),
        "out/b.yaml": document("Writer"),
        "out/catalog-info.yaml": BACKSTAGE,
    }
    catalog = estate(files)
    (channel,) = catalog.channels
    assert channel.owner is not None
    assert channel.owner.team == "backstage-team"
    assert {one.document: one.owner.team if one.owner else None for one in catalog.operations} == {
        "reader": "reader",
        "writer": "backstage-team",
    }


def test_without_any_file_nothing_changes(estate: Estate) -> None:
    catalog = estate({"a.yaml": document("Events")})
    assert (only(catalog).owner, only(catalog).service_provenance, catalog.named) == (None, "title", ())


def test_the_order_of_documents_and_files_does_not_matter(estate: Estate) -> None:
    files = {
        "a.yaml": document("Events"),
        "b.yaml": document("Shop", "receive"),
        "ec/services/Events/index.mdx": SERVICE,
        "ec/services/Mail/index.mdx": "---\nid: Mail\nreceives: [{id: Order}]\n---\n",
        "r.xreg.json": REGISTRY,
    }
    estate(files)
    found = {
        repr(load_catalog([Path("b.yaml"), Path("a.yaml")], ownership=[Path(one) for one in order])).split("problems=")[
            0
        ]
        for order in permutations(["ec", "r.xreg.json"])
    }
    assert len(found) == 1
