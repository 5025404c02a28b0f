"""`catalog --diff`, as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from observatory.cli import catalog

Golden = Callable[[str, str], None]
Run = Callable[..., Any]

SHOP = """\
asyncapi: 3.0.0
info: {title: Shop, version: 1.0.0, x-owner: shop-team}
servers:
  main: {host: 'kafka.example:9092', protocol: kafka}
channels:
  orders:
    address: orders.v1
    bindings: {kafka: {partitions: 6}}
    messages:
      OrderPlaced:
        payload:
          type: object
          required: [id, items]
          properties:
            id: {type: string}
            items: {type: array, items: {$ref: '#/components/schemas/Item'}}
  parcels:
    address: parcels
    messages:
      Shipped:
        payload:
          schemaFormat: application/vnd.apache.avro;version=1.9.0
          schema:
            type: record
            name: Shipped
            fields: [{name: id, type: string}, {name: grams, type: int}]
  audit:
    address: audit
    messages:
      Line: {payload: {type: string}}
operations:
  placeOrder:
    action: send
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99.9%}
  ship: {action: send, channel: {$ref: '#/channels/parcels'}}
  log: {action: send, channel: {$ref: '#/channels/audit'}}
components:
  schemas:
    Item:
      type: object
      required: [price]
      properties: {price: {type: number}, note: {type: string}}
"""
BILLING = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0}
servers:
  main: {host: 'kafka.example:9092', protocol: kafka}
channels:
  in:
    address: orders.v1
    messages:
      OrderPlaced:
        payload:
          type: object
          properties: {id: {type: string}}
operations:
  onOrder: {action: receive, channel: {$ref: '#/channels/in'}}
"""
NEW_SHOP = (
    SHOP.replace("{price: {type: number}", "{price: {type: [number, 'null']}, sku: {type: string}")
    .replace("partitions: 6", "partitions: 12")
    .replace("99.9%", "99.5%")
    .replace("name: grams, type: int", "name: grams, type: long}, {name: note, type: string, default: ''")
    .replace("{type: string}}\noperations", "{type: string, format: uuid}}\noperations")
    .replace("shop-team", "order-team")
)
NEW_BILLING = BILLING.replace("{id: {type: string}}", "{id: {type: string, minLength: 8}, total: {type: number}}")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `catalog` in a folder with the documents before and after; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("OBSERVATORY_", "GIT_"))]:
        monkeypatch.delenv(name)
    for name, text in {
        "old/shop.yaml": SHOP,
        "old/billing.yaml": BILLING,
        "new/shop.yaml": NEW_SHOP,
        "new/billing.yaml": NEW_BILLING,
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    app = typer.Typer(add_completion=False)
    catalog.register(app)
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


def test_changes_are_told_for_people(run: Run, golden: Golden) -> None:
    result = run("--diff", "old", "new")
    assert result.exit_code == 0
    golden(result.stdout, "documents/catalog-diff.txt")


def test_changes_as_json(run: Run, golden: Golden) -> None:
    result = run("--diff", "old", "new", "--json")
    answer = json.loads(result.stdout)
    assert answer["schema"] == "observatory.changes/1"
    assert answer["modes"] == {"BACKWARD": "breaking", "FORWARD": "breaking", "FULL": "breaking"}
    assert [(one["id"], one["verdict"]) for one in answer["channels"]] == [
        ("kafka:orders.v1", "breaking"),
        ("kafka:parcels", "breaking"),
        ("kafka:audit", "compatible"),
    ]
    golden(result.stdout, "documents/catalog-diff.json")
    assert run("--diff", "old", "new", "--format", "json").stdout == result.stdout


def test_what_only_the_schema_of_a_consumer_refuses_is_shown_with_it(run: Run) -> None:
    for side, kind in (("one", "number"), ("two", "string")):
        Path(side).mkdir()
        total = "" if side == "one" else f", total: {{type: {kind}}}"
        shop = SHOP.replace(
            "            id: {type: string}\n",
            f"            id: {{type: string}}{total}\n".replace(", total", "\n            total"),
        )
        Path(side, "shop.yaml").write_text(shop, encoding="utf-8")
        billing = BILLING.replace("{id: {type: string}}", "{total: {type: number}}")
        Path(side, "billing.yaml").write_text(billing, encoding="utf-8")
    lines = run("--diff", "one", "two").stdout.splitlines()
    assert lines[5:] == [
        "  BREAKS  shop/placeOrder: payload of OrderPlaced changed: billing/onOrder cannot read all of it",
        "          at two/shop.yaml:11:9",
        "          BACKWARD holds, FORWARD holds, FULL holds, and FORWARD is needed",
        "          by the schema that billing/onOrder declares itself:",
        "          $.total: may be a string; the reader takes a number [type]",
        '            for example {"id": "", "items": [], "total": ""}',
    ]


def test_what_compatible_rests_on_is_said(run: Run) -> None:
    Path("wider").mkdir()
    Path("wider/shop.yaml").write_text(SHOP, encoding="utf-8")
    Path("wider/billing.yaml").write_text(
        BILLING.replace("}}\noper", "}, total: {type: number}}\noper"), encoding="utf-8"
    )
    result = run("--diff", "old", "wider", "--fail-on", "unknown")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[5:] == [
        "  fine    payload of OrderPlaced changed: billing/onOrder can read what shop/placeOrder writes",
        "          BACKWARD holds, FORWARD holds, FULL holds, and BACKWARD is needed",
        (
            "          holds while nobody writes properties that are not declared: $.total: may be null, a boolean, "
            "a string, an array or an object; the reader takes a number [type]"
        ),
        '            for example {"total": ""}',
    ]


def test_the_same_documents_have_not_changed(run: Run) -> None:
    result = run("--diff", "old", "old", "--fail-on", "any")
    assert (result.exit_code, result.stdout) == (0, "old -> old: nothing changed for those who send or receive\n")


def test_a_gate_fails_on_what_it_names(run: Run) -> None:
    Path("fine").mkdir()
    Path("fine/shop.yaml").write_text(SHOP.replace("shop-team", "order-team"), encoding="utf-8")
    Path("fine/billing.yaml").write_text(BILLING, encoding="utf-8")
    Path("open").mkdir()
    Path("open/shop.yaml").write_text(SHOP.replace("partitions: 6", "partitions: 9"), encoding="utf-8")
    Path("open/billing.yaml").write_text(BILLING, encoding="utf-8")
    codes = {
        (new, gate): run("--diff", "old", new, "--fail-on", gate).exit_code
        for new in ("new", "open", "fine", "old")
        for gate in ("breaking", "unknown", "any")
    }
    assert [gates for gates, code in codes.items() if code == 1] == [
        ("new", "breaking"),
        ("new", "unknown"),
        ("new", "any"),
        ("open", "unknown"),
        ("open", "any"),
        ("fine", "any"),
    ]
    assert set(codes.values()) == {0, 1}


def test_a_gate_without_two_sides_is_refused(run: Run) -> None:
    result = run("old", "--fail-on", "breaking")
    assert result.exit_code == 2
    assert "--fail-on belongs to --diff" in result.stderr
    result = run("old", "--diff", "old", "new", "--search", "orders")
    assert result.exit_code == 2
    assert "answer one question at a time" in result.stderr


def test_errors_of_the_new_side_end_in_3_and_those_of_the_old_one_do_not(run: Run) -> None:
    broken = SHOP.replace("#/components/schemas/Item", "#/components/schemas/Itm")
    Path("broken").mkdir()
    Path("broken/shop.yaml").write_text(broken, encoding="utf-8")
    result = run("--diff", "broken", "old")
    assert result.exit_code == 0
    assert "broken/shop.yaml:16:48: error[reference-missing]" in result.stderr
    assert run("--diff", "old", "broken").exit_code == 3


def test_revisions_are_compared_with_each_other_and_with_the_working_tree(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)

    Path("docs").mkdir()
    Path("docs/billing.yaml").write_text(BILLING, encoding="utf-8")
    git("init", "-q")
    git("add", "docs")
    git("commit", "-qm", "one")
    git("tag", "v1.0")
    Path("docs/billing.yaml").write_text(NEW_BILLING, encoding="utf-8")
    result = run("docs", "--diff", "v1.0", ".")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "v1.0 -> .: 1 breaking on 1 channel",
        "payloads and headers: BACKWARD fails, FORWARD holds, FULL fails",
        "",
        "kafka:orders.v1  [changed, breaking]",
        "  consumed by billing/onOrder",
        (
            "  BREAKS  payload of OrderPlaced changed: billing/onOrder cannot read all of what was written by the old "
            "schema"
        ),
        "          at docs/billing.yaml:10:9",
        "          BACKWARD fails, FORWARD holds, FULL fails, and BACKWARD is needed",
        "          $.id: may have 0 characters; the reader wants at least 8 [minLength]",
        '            for example {"id": ""}',
    ]
    git("commit", "-qam", "two")
    answer = json.loads(run("docs", "--diff", "v1.0", "HEAD", "--json").stdout)
    assert answer["old"]["name"] == "v1.0"
    assert len(answer["old"]["commit"]) == 40
    assert [one["old"] for one in answer["channels"][0]["changes"]] == ["v1.0:docs/billing.yaml:10:9"]
    result = run("docs", "--diff", "v1.1", "HEAD")
    assert result.exit_code == 3
    assert "error[revision-unknown]: 'v1.1' is neither a path nor a revision" in result.stderr
    assert " hint: did you mean 'v1.0'?" in result.stderr
