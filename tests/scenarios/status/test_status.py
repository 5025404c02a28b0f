"""`observatory status` as people and pipelines use it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, counter, scrapes
from observatory_process import observatory

from observatory.cli.objective_cells import folded
from observatory.sources.base import SampleSet
from observatory.sources.store import Store

DOCUMENT = """\
asyncapi: 3.0.0
info:
  title: Payments
  version: 1.0.0
  x-service-name: payments
  x-owner: {team: pay-core}
x-slo-defaults: {window: 6h}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  orders: {address: orders.v1, messages: {order: {payload: {type: object}}}}
  refunds: {address: refunds.v1, messages: {refund: {payload: {type: object}}}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99%}
  onRefund:
    action: receive
    channel: {$ref: '#/channels/refunds'}
    x-slo: {availability: 99%, validation: 99%}
"""
AT = str(END_MS // 1000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("status")
    (where / "payments.yaml").write_text(DOCUMENT)
    times = scrapes(END_MS - 8 * HOUR_MS, END_MS)
    name = "messaging_process_duration_seconds_count"
    series = []
    for topic, errors in (("orders.v1", 0.5), ("refunds.v1", 0.01)):
        own = {"__name__": name, "job": "payments", "instance": "p:1", "messaging_destination_name": topic}
        series.append(counter({**own, "messaging_system": "kafka"}, times, 10.0))
        series.append(counter({**own, "messaging_system": "kafka", "error_type": "X"}, times, errors))
    with Store.open(where / "store.duckdb") as store:
        store.append_samples(SampleSet.of(series))
    return where


def status(folder: Path, *arguments: str, columns: int = 160, **environ: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"COLUMNS": str(columns)} | environ
    return observatory("status", "payments.yaml", "--at", AT, *arguments, cwd=folder, env=env)


def test_the_json_has_the_fields_of_its_schema_and_nothing_beside_it(folder: Path) -> None:
    ended = status(folder, "--store", "store.duckdb", "--json")

    answer = json.loads(ended.stdout)
    assert ended.returncode == 0, ended.stderr
    assert answer["schema"] == "observatory.status/1"
    assert answer["at"] == "2026-11-20T00:00:00Z"
    assert [(one["name"], one["kind"], one["state"]) for one in answer["sources"]] == [("store", "store", "ok")]
    first = answer["objectives"][0]
    assert first["id"] == "payments/onOrder/availability"
    assert (first["good"], first["total"], first["ratio"]) == (3600.0, 3780.0, pytest.approx(3600 / 3780))
    assert first["budget"] == {"allowed": 37.8, "spent": 180.0, "remaining_ratio": pytest.approx(1 - 180 / 37.8)}
    assert (first["state"], first["counting"], first["owner"]) == ("breached", "exact", "pay-core")
    assert first["window"] == {"kind": "rolling", "length": "6h"}
    assert first["burn_rates"]["5m"] == pytest.approx(2.5 / 52.5 / 0.01)
    assert first["coverage"] == pytest.approx(1.0)
    unmapped = answer["objectives"][2]
    assert (unmapped["state"], unmapped["good"], unmapped["budget"]) == ("unmapped", None, None)
    assert unmapped["problems"][0]["location"].startswith("payments.yaml:21:")


def test_the_same_instant_gives_the_same_bytes(folder: Path) -> None:
    one, two = (status(folder, "--store", "store.duckdb", "--json").stdout for _ in range(2))
    assert one == two


def test_the_table_shows_the_worst_first(folder: Path) -> None:
    ended = status(folder, "--store", "store.duckdb")

    lines = [line for line in ended.stdout.splitlines() if "payments/" in line]
    assert [line.split()[0] for line in lines] == ["breached", "unmapped", "meeting"]
    assert "95.24 %" in lines[0]
    assert "-376 %" in lines[0]
    assert "pay-core" in lines[0]
    assert "3 objectives at 2026-11-20T00:00:00Z: 1 breached, 1 unmapped, 1 meeting" in ended.stdout


def test_a_narrow_terminal_loses_columns_and_not_the_state(folder: Path) -> None:
    ended = status(folder, "--store", "store.duckdb", columns=70)

    assert max(len(line) for line in ended.stdout.splitlines()) <= 71
    assert "breached" in ended.stdout
    assert "Owner" not in ended.stdout


def test_into_a_pipe_an_objective_is_one_line_however_long_its_id(folder: Path, tmp_path: Path) -> None:
    long = "onEveryOrderThatWasPlacedByACustomerOfTheEuropeanShopsAndMustBeBilled"
    (tmp_path / "payments.yaml").write_text(DOCUMENT.replace("onOrder", long))
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}

    store = folder / "store.duckdb"
    ended = observatory("status", "payments.yaml", "--at", AT, "--store", store, cwd=tmp_path, env=environ)

    (line,) = [line for line in ended.stdout.splitlines() if f"payments/{long}/availability" in line]
    assert line.split()[0] == "breached"
    assert "99 %" in line


def test_no_colour_is_written_to_a_pipe_or_where_it_is_not_wanted(folder: Path) -> None:
    assert "\x1b[" not in status(folder, "--store", "store.duckdb").stdout
    assert "\x1b[3" not in status(folder, "--store", "store.duckdb", FORCE_COLOR="1", NO_COLOR="1").stdout


@pytest.mark.parametrize(("gate", "code"), [("breached", 1), ("at-risk", 1), ("never", 0)])
def test_the_gate_decides_the_exit_code(folder: Path, gate: str, code: int) -> None:
    assert status(folder, "--store", "store.duckdb", "--fail-on", gate).returncode == code


def test_a_gate_that_does_not_exist_is_a_matter_of_usage(folder: Path) -> None:
    assert status(folder, "--store", "store.duckdb", "--fail-on", "maybe").returncode == 2


def test_without_a_source_it_says_how_to_name_one(folder: Path) -> None:
    ended = status(folder)
    assert ended.returncode == 2
    assert "--prometheus" in ended.stderr


def test_with_one_source_gone_the_rest_is_answered_and_the_exit_code_says_partial(folder: Path) -> None:
    ended = status(folder, "--store", "store.duckdb", "--prometheus", "http://127.0.0.1:9", "--json")

    answer = json.loads(ended.stdout)
    assert ended.returncode == 5
    assert {one["name"]: one["state"] for one in answer["sources"]} == {"metrics": "failed", "store": "ok"}
    assert answer["objectives"][0]["state"] == "breached"


def test_a_broken_document_is_an_invalid_input_and_the_others_are_answered(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(DOCUMENT)
    (tmp_path / "broken.yaml").write_text(DOCUMENT.replace("availability: 99%}", "availabilty: 99%}"))
    store = folder / "store.duckdb"

    ended = status(tmp_path, "broken.yaml", "--store", str(store), "--json")

    assert ended.returncode == 3
    assert "broken.yaml" in ended.stderr
    assert any(one["total"] for one in json.loads(ended.stdout)["objectives"])


def test_an_id_is_broken_after_slashes_and_never_inside_a_word() -> None:
    name = "notification-service/onParcelDispatched/availability"
    assert folded(name, 60) == name
    assert folded(name, 45) == "notification-service/onParcelDispatched/\navailability"
    assert folded(name, 10) == "notification-service/\nonParcelDispatched/\navailability"


PLANNED = """\
store: store.duckdb
exclusions:
  - reason: Kafka 4
    approver: ana
    scope: {channels: [orders.v1]}
    start: 2026-11-19T23:00:00Z
    duration: 1h
"""


def test_planned_work_of_the_settings_is_shown_with_its_approver_and_both_numbers(tmp_path: Path) -> None:
    (tmp_path / "observatory.yaml").write_text(PLANNED)
    (tmp_path / "payments.yaml").write_text(DOCUMENT.replace("{window: 6h}", "{window: 6h, exclusions: budget}"))
    times = scrapes(END_MS - 8 * HOUR_MS, END_MS)
    own = {"__name__": "messaging_process_duration_seconds_count", "job": "payments", "instance": "p:1"}
    own |= {"messaging_destination_name": "orders.v1", "messaging_system": "kafka"}
    failed = np.maximum(np.arange(len(times)) - (len(times) - 61), 0) * 6.0
    with Store.open(tmp_path / "store.duckdb") as store:
        store.append_samples(SampleSet.of([counter(own, times, 10.0), ({**own, "error_type": "X"}, times, failed)]))

    table = status(tmp_path)
    first = json.loads(status(tmp_path, "--json").stdout)["objectives"][0]

    assert (first["state"], first["good"], first["total"]) == ("meeting", 3000.0, 3000.0)
    assert first["burn_rates"]["1h"] is None
    out = first["exclusions"]
    assert (out["without"]["good"], out["without"]["total"]) == (3600.0, 3960.0)
    assert (out["seconds"], out["use"], out["silenced"]) == (3600.0, "budget", ["page", "ticket"])
    assert "Planned work, with the exclusion and without" in table.stdout
    (line,) = [" ".join(one.split()) for one in table.stdout.splitlines() if "Kafka 4" in one]
    assert line.startswith("payments/onOrder/availability Kafka 4 (ana): not in the budget;")
    assert line.endswith("1 h 100.00 % 90.91 % 100 % -809 %")


def test_an_exclusion_that_cannot_be_used_ends_the_run_with_its_place(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(PLANNED + "    recurs: HOURLY\n")
    ended = status(folder, "--config", "wrong.yaml")
    assert ended.returncode == 3
    assert "wrong.yaml:8:13: error[exclusion-rule]: 'HOURLY' is no part of a rule" in ended.stderr
