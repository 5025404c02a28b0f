"""validate, catalog, explain and completion, as a person runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from observatory.cli import catalog, completion, explain, validate
from observatory.sources.base import Span
from observatory.sources.store import Store

Golden = Callable[[str, str], None]

PUBLISHER = """\
asyncapi: 2.6.0
info:
  title: Order Publisher
  version: 1.0.0
  x-owner: shop-team
  x-domain: shop
servers:
  rabbit: {url: 'rabbit:5672', protocol: amqp}
channels:
  orders.placed:
    bindings: {amqp: {is: routingKey, exchange: {name: shop, type: topic}}}
    subscribe:
      operationId: placeOrder
      x-slo: {availability: 99.9%}
      message: {$ref: 'messages.yaml#/OrderPlaced'}
"""
MESSAGES = """\
OrderPlaced:
  name: OrderPlaced
  payload: {type: object, properties: {id: {type: string}}}
"""
BILLING = """\
asyncapi: 3.0.0
info:
  title: Billing
  version: 1.0.0
  x-service-name: billing
  x-owner: {team: pay-core, contact: '#pay'}
servers:
  rabbit: {host: 'rabbit:5672', protocol: amqp}
channels:
  orders:
    address: billing.orders
    x-dead-letter: billing.orders.dlq
    bindings: {amqp: {is: queue, queue: {name: billing.orders}}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-criticality: critical
    x-slo:
      - {sli: latency, threshold: 500ms, target: 99%}
      - {sli: lag, threshold: 60s, target: 99.5%, name: fresh}
"""
FAULTY = """\
asyncapi: 3.0.0
info: {title: Faulty, version: '1'}
channels:
  orders: {adress: orders}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/order'}
    x-slo: {availability: 99.9}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command in a folder with the documents; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("OBSERVATORY_")]:
        monkeypatch.delenv(name)
    for name, text in {
        "docs/publisher.yaml": PUBLISHER,
        "docs/messages.yaml": MESSAGES,
        "docs/billing.yaml": BILLING,
        "faulty.yaml": FAULTY,
    }.items():
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    app = typer.Typer(add_completion=False)
    for module in (validate, catalog, explain, completion):
        module.register(app)
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


def test_documents_in_order_are_summed_up(run: Callable[..., Any]) -> None:
    result = run("validate", "docs")
    assert (result.exit_code, result.stdout) == (0, "2 documents, 2 channels, 3 objectives: no problems\n")


def test_findings_are_shown_with_their_lines_and_end_in_3(run: Callable[..., Any], golden: Golden) -> None:
    result = run("validate", "faulty.yaml")
    assert result.exit_code == 3
    golden(result.stdout, "documents/validate.txt")


def test_findings_as_json(run: Callable[..., Any]) -> None:
    result = run("validate", "faulty.yaml", "--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert answer["schema"] == "observatory.validation/1"
    assert answer["counts"] == {"error": 3, "warning": 0, "info": 1}
    assert [(problem["code"], problem["location"]) for problem in answer["problems"]] == [
        ("address-open", "faulty.yaml:4:3"),
        ("asyncapi-key", "faulty.yaml:4:12"),
        ("reference-missing", "faulty.yaml:8:21"),
        ("slo-target", "faulty.yaml:9:27"),
    ]


def test_a_gate_on_warnings_ends_in_1(run: Callable[..., Any]) -> None:
    Path("warn.yaml").write_text(BILLING.replace("name: billing.orders}", "nam: billing.orders}"), encoding="utf-8")
    assert run("validate", "warn.yaml").exit_code == 0
    assert run("validate", "warn.yaml", "--fail-on", "warning").exit_code == 1


def test_without_documents_the_command_line_is_wrong(run: Callable[..., Any]) -> None:
    for command in ("validate", "catalog"):
        result = run(command)
        assert result.exit_code == 2
        assert f"observatory {command} PATH..." in result.stderr


def test_documents_come_from_the_settings(run: Callable[..., Any]) -> None:
    Path("observatory.yaml").write_text("documents: [docs]\n", encoding="utf-8")
    assert run("validate").stdout == "2 documents, 2 channels, 3 objectives: no problems\n"


def test_a_wrong_settings_file_ends_in_3_with_its_place(run: Callable[..., Any]) -> None:
    Path("observatory.yaml").write_text("document: [docs]\n", encoding="utf-8")
    result = run("validate", "docs")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "observatory.yaml:1:1: error[settings-key]: there is no setting 'document'" in result.stderr


@pytest.mark.parametrize("form", ["tree", "table", "mermaid"])
def test_the_catalogue_is_drawn(run: Callable[..., Any], golden: Golden, form: str) -> None:
    result = run("catalog", "docs", "--format", form)
    assert (result.exit_code, result.stderr) == (0, "")
    golden(result.stdout, f"documents/catalog-{form}.txt")


def test_the_catalogue_as_json_keeps_its_contract(run: Callable[..., Any]) -> None:
    answer = json.loads(run("catalog", "docs", "--json").stdout)
    assert answer["schema"] == "observatory.catalog/1"
    assert answer["problems"] == []
    queue, key = answer["channels"]
    wanted = ("id", "address", "protocol", "servers", "owner", "domain", "criticality", "producers", "consumers")
    assert {name: queue[name] for name in wanted} == {
        "id": "amqp:billing.orders",
        "address": "billing.orders",
        "protocol": "amqp",
        "servers": [{"name": "rabbit", "host": "rabbit:5672"}],
        "owner": "pay-core",
        "domain": None,
        "criticality": "critical",
        "producers": [],
        "consumers": [
            {
                "service": "billing",
                "document": "billing",
                "operation": "onOrder",
                "declared": True,
                "observed": None,
                "consumer_group": "billing.orders",
                "consumer_group_provenance": "amqp.queue.name binding",
            }
        ],
    }
    assert key["producers"] == [
        {
            "service": "order-publisher",
            "document": "order-publisher",
            "operation": "placeOrder",
            "declared": True,
            "observed": None,
        }
    ]


def test_who_consumes_and_who_produces(run: Callable[..., Any]) -> None:
    assert run("catalog", "docs", "--consumers-of", "billing.orders").stdout == (
        "amqp:billing.orders: consumed by billing (billing/onOrder), group billing.orders, owner pay-core\n"
    )
    assert run("catalog", "docs", "--producers-of", "orders.placed").stdout == (
        "amqp:orders.placed: produced by order-publisher (order-publisher/placeOrder), owner shop-team\n"
    )
    assert run("catalog", "docs", "--consumers-of", "orders.placed").stdout == (
        "amqp:orders.placed: consumed by nobody, as far as the documents say\n"
    )


def test_what_spans_show_joins_what_documents_declare(run: Callable[..., Any], tmp_path: Path) -> None:
    def span(number: int, service: str, kind: str, destination: str) -> Span:
        start = (1_795_176_000 + number) * 1_000_000_000
        return Span(
            trace_id=f"{number:032x}",
            span_id=f"{number:016x}",
            parent_span_id="",
            name="x",
            kind=kind,
            service=service,
            start_ns=start,
            end_ns=start + 1_000_000,
            system="rabbitmq",
            destination=destination,
        )

    with Store.open(tmp_path / "spans.duckdb") as store:
        store.append_spans(
            [
                span(1, "billing", "consumer", "billing.orders"),
                span(2, "billing", "consumer", "billing.orders"),
                span(3, "spy", "consumer", "billing.orders"),
            ]
        )
    source = ("--store", "spans.duckdb", "--at", "2026-11-20T13:00:00Z")
    answer = json.loads(run("catalog", "docs", *source, "--json").stdout)
    declared, undeclared = answer["channels"][0]["consumers"]
    assert declared["observed"] == {
        "messages": 2.0,
        "first_seen": "2026-11-20T12:00:01Z",
        "last_seen": "2026-11-20T12:00:02Z",
    }
    assert (undeclared["service"], undeclared["declared"]) == ("spy", False)
    assert run("catalog", "docs", *source, "--consumers-of", "billing.orders").stdout.splitlines() == [
        (
            "amqp:billing.orders: consumed by billing (billing/onOrder), group billing.orders, owner pay-core: "
            "2 messages, last seen 2026-11-20T12:00:02Z"
        ),
        "amqp:billing.orders: consumed by spy, undeclared: 1 message, last seen 2026-11-20T12:00:03Z",
    ]


def test_an_unknown_channel_is_answered_with_the_nearest_one(run: Callable[..., Any]) -> None:
    result = run("catalog", "docs", "--consumers-of", "biling.orders")
    assert result.exit_code == 2
    assert "no channel is called 'biling.orders'; did you mean 'billing.orders'" in result.stderr


def test_a_part_of_a_name_is_enough_where_one_channel_has_it(run: Callable[..., Any]) -> None:
    result = run("catalog", "docs", "--producers-of", "PLACED")
    assert result.stdout == (
        "amqp:orders.placed: produced by order-publisher (order-publisher/placeOrder), owner shop-team\n"
    )


def test_a_part_of_several_names_asks_back(run: Callable[..., Any]) -> None:
    result = run("catalog", "docs", "--consumers-of", "order")
    assert result.exit_code == 2
    assert (
        "'order' is a part of several names: 'amqp:billing.orders', 'amqp:orders.placed'; "
        "name one, or all with '*order*'" in result.stderr
    )


def test_a_search_shows_what_it_finds(run: Callable[..., Any]) -> None:
    answer = json.loads(run("catalog", "docs", "--search", "orderplaced", "--json").stdout)
    assert [channel["id"] for channel in answer["channels"]] == ["amqp:orders.placed"]


def test_a_broken_document_is_shown_as_far_as_it_can_be_read(run: Callable[..., Any]) -> None:
    result = run("catalog", "faulty.yaml", "docs")
    assert result.exit_code == 3
    assert "amqp:billing.orders" in result.stdout
    assert "error[reference-missing]" in result.stderr


def test_names_of_documents_cannot_break_out_of_a_mermaid_label(run: Callable[..., Any]) -> None:
    Path("odd.yaml").write_text(
        'asyncapi: 3.0.0\ninfo: {title: T, version: "1"}\nchannels: {a: {address: "x\\"]; click c0 \\e[31m"}}\n',
        encoding="utf-8",
    )
    drawn = run("catalog", "odd.yaml", "--format", "mermaid").stdout
    assert drawn == 'flowchart LR\n  c0[/"x#34;#93;#59; click c0  #91;31m"/]\n'


def test_a_code_is_explained(run: Callable[..., Any]) -> None:
    result = run("explain", "slo-target")
    assert result.exit_code == 0
    assert "99.9 without a percent sign could mean either and is refused" in result.stdout
    assert run("explain", "[slo-target]").stdout == result.stdout


def test_an_unknown_code_is_answered_with_near_ones(run: Callable[..., Any]) -> None:
    result = run("explain", "slo-tarket")
    assert result.exit_code == 2
    assert "there is no code 'slo-tarket'; did you mean slo-target" in result.stderr


def test_all_codes_are_listed(run: Callable[..., Any]) -> None:
    codes = json.loads(run("explain", "--json").stdout)["codes"]
    lines = run("explain").stdout.splitlines()
    assert [line.split()[0] for line in lines] == codes == sorted(codes)
    assert "yaml-syntax" in codes


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_completion_script_is_printed(run: Callable[..., Any], shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_OBSERVATORY_COMPLETE" in result.stdout
    assert f"complete_{shell}" in result.stdout or "pwsh" in result.stdout or "powershell" in result.stdout


def test_the_script_for_bash_completes_a_command(run: Callable[..., Any], tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(run("completion", "bash").stdout, encoding="utf-8")
    launcher = tmp_path / "bin" / "observatory"
    launcher.parent.mkdir()
    launcher.write_text(f"#!{sys.executable}\nfrom observatory.cli.main import run\nrun()\n", encoding="utf-8")
    launcher.chmod(0o755)
    bash = shutil.which("bash")
    assert bash is not None
    program = f"""
source {script}
COMP_WORDS=(observatory vali); COMP_CWORD=1
_observatory_completion observatory
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    environ = {**os.environ, "PATH": f"{launcher.parent}:{os.environ['PATH']}"}
    done = subprocess.run([bash, "-c", program], capture_output=True, text=True, env=environ, check=False)
    assert done.stdout.split() == ["validate"], done.stderr
