"""`observatory catalog` in a repository that says in other files who owns what, as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from observatory_process import observatory

PAYMENTS = """\
asyncapi: 3.0.0
info: {title: Payment Events, version: 1.0.0}
servers: {main: {host: 'kafka.example:9092', protocol: kafka}}
channels: {paid: {address: payments.paid, messages: {Paid: {payload: {type: object}}}}}
operations: {sendPaid: {action: send, channel: {$ref: '#/channels/paid'}, x-slo: {availability: 99.9%}}}
"""
SHOP = """\
asyncapi: 3.0.0
info: {title: Shop, version: 1.0.0, x-owner: shop-team}
servers: {main: {host: 'kafka.example:9092', protocol: kafka}}
channels: {paid: {address: payments.paid}}
operations: {onPaid: {action: receive, channel: {$ref: '#/channels/paid'}}}
"""
STOCK = """\
asyncapi: 3.0.0
info: {title: Stock, version: 1.0.0}
servers: {main: {host: 'kafka.example:9092', protocol: kafka}}
channels: {low: {address: stock.low}}
operations:
  sendLow: {action: send, channel: {$ref: '#/channels/low'}}
  onLow: {action: receive, channel: {$ref: '#/channels/low'}}
"""
BACKSTAGE = """\
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: payment-events}
spec:
  type: asyncapi
  lifecycle: production
  owner: group:default/pay-core
  system: billing
  definition: {$text: ./asyncapi.yaml}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: payments
  links: [{url: 'https://runbooks.example/payments', type: runbook}]
spec: {type: service, lifecycle: production, owner: pay-core, providesApis: [payment-events]}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: billing}
spec: {owner: pay-core, domain: finance}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: fraud}
spec: {type: service, lifecycle: production, owner: risk, consumesApis: [payment-events]}
"""
REGISTRY = {
    "endpoints": {
        "paid": {
            "usage": ["consumer"],
            "protocol": "KAFKA",
            "protocoloptions": {"topic": "payments.paid", "consumergroup": "shop-v1"},
        }
    }
}
TREE = """\
kafka:payments.paid  [pay-core (backstage services/payments/catalog-info.yaml:7), finance (backstage services/payments/catalog-info.yaml:21)]
├── <- payments (payment-events/sendPaid), owner pay-core
├── -> shop (shop/onPaid), group shop-v1 (xregistry registry.xreg.json:10), owner shop-team
└── -> fraud, owner risk, undeclared, named by backstage services/payments/catalog-info.yaml:26
kafka:stock.low  [stock-team (.github/CODEOWNERS:2)]
├── <- stock (stock/sendLow), owner stock-team
└── -> stock (stock/onLow), owner stock-team

2 of 2 channels; <- produces, -> consumes
"""  # noqa: E501 (as it is printed)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "services/payments/asyncapi.yaml": PAYMENTS,
        "services/payments/catalog-info.yaml": BACKSTAGE,
        "services/shop/asyncapi.yaml": SHOP,
        "services/stock/asyncapi.yaml": STOCK,
        ".github/CODEOWNERS": "/services/payments/ @acme/pay-core\n/services/stock/ @acme/stock-team\n",
        "registry.xreg.json": json.dumps(REGISTRY, indent=1),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_tree_shows_owners_and_where_they_come_from(repository: Path) -> None:
    done = observatory("catalog", ".", "--ownership", "registry.xreg.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, TREE, "")


def test_the_answer_for_programs_has_every_value_with_its_provenance(repository: Path) -> None:
    done = observatory("catalog", ".", "--ownership", "registry.xreg.json", "--json")
    answer = json.loads(done.stdout)
    paid, low = answer["channels"]
    assert (paid["owner"], paid["domain"], low["owner"]) == ("pay-core", "finance", "stock-team")
    assert paid["ownership"] == {
        "team": "pay-core",
        "contact": "@acme/pay-core",
        "escalation": None,
        "runbook": "https://runbooks.example/payments",
        "provenance": "backstage services/payments/catalog-info.yaml:7",
        "filled": {"contact": ".github/CODEOWNERS:1"},
    }
    assert paid["domain_provenance"] == "backstage services/payments/catalog-info.yaml:21"
    shop, fraud = paid["consumers"]
    assert (shop["consumer_group"], shop["consumer_group_provenance"]) == (
        "shop-v1",
        "xregistry registry.xreg.json:10",
    )
    assert fraud == {
        "service": "fraud",
        "document": None,
        "operation": None,
        "declared": False,
        "observed": None,
        "consumer_group": None,
        "named_by": "backstage services/payments/catalog-info.yaml:26",
        "owner": "risk",
    }
    assert {one["name"]: (one["service"], one["service_provenance"]) for one in answer["documents"]} == {
        "payment-events": ("payments", "backstage services/payments/catalog-info.yaml:14"),
        "shop": ("shop", "title"),
        "stock": ("stock", "title"),
    }
    assert answer["problems"] == []


def test_who_consumes_a_channel_is_answered_from_ownership_files_as_well(repository: Path) -> None:
    done = observatory("catalog", ".", "--consumers-of", "payments.paid")
    assert done.stdout == (
        "kafka:payments.paid: consumed by shop (shop/onPaid), owner shop-team\n"
        "kafka:payments.paid: consumed by fraud, owner risk (backstage services/payments/catalog-info.yaml:26), "
        "undeclared, named by backstage services/payments/catalog-info.yaml:26\n"
    )


def test_settings_name_files_relative_to_their_own_folder(repository: Path) -> None:
    Path("observatory.yaml").write_text("documents: services\nroots: .\nownership: [registry.xreg.json]\n")
    assert observatory("catalog").stdout == TREE


@pytest.mark.parametrize("words", ["validate", "map", "status", "generate rules", "serve", "diagnose", "review"])
def test_every_command_that_reads_documents_knows_the_option(words: str) -> None:
    assert "--ownership" in observatory(*words.split(), "--help").stdout


@pytest.mark.parametrize("command", ["validate", "map"])
def test_a_file_that_is_named_and_missing_is_an_error(repository: Path, command: str) -> None:
    done = observatory(command, "services", "--ownership", "gone.yaml")
    assert (done.returncode, "there is no file gone.yaml" in done.stdout + done.stderr) == (3, True)


def test_status_tells_who_owns_an_objective(repository: Path) -> None:
    done = observatory("status", ".", "--prometheus", "http://127.0.0.1:9", "--json")
    (objective,) = json.loads(done.stdout)["objectives"]
    assert (objective["id"], objective["owner"], objective["domain"]) == (
        "payment-events/sendPaid/availability",
        "pay-core",
        "finance",
    )
