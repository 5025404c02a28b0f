"""`observatory generate grafana`: a file per page, compared on demand, and put into a Grafana when asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from grafana_server import TOKEN, GrafanaServer
from misbehaving_server import MisbehavingServer, Reply
from typer.testing import CliRunner, Result

from observatory.cli.generate import register
from observatory.export.grafana_queries import metric_names
from observatory.sources.simulated import documents_folder
from observatory.telemetry.profile import load_profiles

DOCUMENTS = str(documents_folder())
PAGES = ["channel", "debug", "executive", "group", "journey", "map", "on-call"]
UIDS = [f"observatory-{page}" for page in PAGES]


def run(*arguments: str, documents: str = DOCUMENTS, what: str = "grafana", token: str = "") -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    environment = {"OBSERVATORY_PROMETHEUS_URL": "", "OBSERVATORY_GRAFANA_TOKEN": token}
    return CliRunner().invoke(app, ["generate", what, documents, *arguments], env=environment)


@pytest.fixture
def grafana() -> Iterator[GrafanaServer]:
    server = GrafanaServer()
    yield server
    server.stop()


def test_every_page_becomes_a_file_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    first, second = run("-o", str(tmp_path), "--json"), run("-o", str(tmp_path), "--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["files"] == [{"name": f"{one}.grafana.json", "changed": True} for one in PAGES]
    assert [one["changed"] for one in json.loads(second.stdout)["files"]] == [False] * 7
    assert run("-o", str(tmp_path), "--check").exit_code == 0


def test_every_expression_names_what_the_rules_of_the_same_documents_record_or_what_a_profile_knows(
    tmp_path: Path,
) -> None:
    run("-o", str(tmp_path))
    run("-o", str(tmp_path), what="rules", documents=str(documents_folder() / "order-service.yaml"))
    recorded = {"ALERTS", "ALERTS_FOR_STATE"}
    for path in tmp_path.glob("*.rules.yaml"):
        groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        recorded |= {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    profiles = repr(load_profiles(None))
    asked: set[str] = set()
    for path in tmp_path.glob("*.grafana.json"):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", []):
                asked |= metric_names(target["expr"])
    strange = {re.sub("_(bucket|count)$", "", name) for name in asked - recorded}
    assert len(strange) > 5
    assert {name for name in strange if name not in profiles} == set()


def test_an_edited_file_and_one_of_a_page_that_is_gone_are_named(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    page = "title: Team\npath: /team\npanels:\n  - {id: kpis, kind: kpis, title: Numbers}\n"
    (own / "team.yaml").write_text(page, encoding="utf-8")
    out = tmp_path / "out"
    assert run("-o", str(out), "--dashboards", str(own)).exit_code == 0
    assert (out / "team.grafana.json").exists()
    (out / "notes.grafana.json").write_text("{}", encoding="utf-8")
    (out / "debug.grafana.json").write_text("{}", encoding="utf-8")
    result = run("-o", str(out), "--check")
    assert result.exit_code == 1
    assert "debug.grafana.json differs from what would be generated" in result.stderr
    assert "team.grafana.json was generated for a document that gives nothing any more" in result.stderr
    assert "notes.grafana.json" not in result.stderr


def test_a_faulty_page_of_the_team_is_an_input_error_with_its_line(tmp_path: Path) -> None:
    page = "title: Team\npath: /team\npanels:\n  - {id: a, kind: linse, title: A}\n"
    (tmp_path / "team.yaml").write_text(page, encoding="utf-8")
    result = run("-o", str(tmp_path / "out"), "--dashboards", str(tmp_path))
    assert result.exit_code == 3
    assert "team.yaml:4" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--observatory", "javascript:alert(1)"), "is no URL"),
        (("--push", "grafana.example"), "is no URL"),
        (("--push", "http://127.0.0.1:1", "--check"), "nothing to push"),
    ],
)
def test_options_that_mean_nothing_are_usage_errors(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = run("-o", str(tmp_path / "out"), *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_a_push_makes_the_folder_and_the_dashboards_and_a_second_one_writes_nothing(
    grafana: GrafanaServer, tmp_path: Path
) -> None:
    arguments = ("-o", str(tmp_path), "--push", grafana.url + "/", "--folder", "Event SLOs", "--json")
    first = run(*arguments, token=TOKEN)
    assert first.exit_code == 0, first.output
    assert [one["pushed"] for one in json.loads(first.stdout)["files"]] == ["created"] * 7
    assert list(grafana.folders.values()) == ["Event SLOs"]
    assert sorted(grafana.dashboards) == UIDS
    assert set(grafana.placed.values()) == set(grafana.folders)
    written = json.loads((tmp_path / "debug.grafana.json").read_text(encoding="utf-8"))
    assert grafana.dashboards["observatory-debug"] == {**written, "id": 2, "version": 1}

    grafana.writes.clear()
    second = run(*arguments, token=TOKEN)
    assert [one["pushed"] for one in json.loads(second.stdout)["files"]] == ["unchanged"] * 7
    assert grafana.writes == []


def test_a_dashboard_that_was_edited_by_hand_or_moved_is_replaced_alone(grafana: GrafanaServer, tmp_path: Path) -> None:
    arguments = ("-o", str(tmp_path), "--push", grafana.url)
    run(*arguments, token=TOKEN)
    grafana.dashboards["observatory-debug"]["title"] = "Mine"
    grafana.placed["observatory-group"] = "elsewhere"
    grafana.writes.clear()
    result = run(*arguments, token=TOKEN)
    assert grafana.writes == ["/api/dashboards/db observatory-debug", "/api/dashboards/db observatory-group"]
    assert grafana.dashboards["observatory-debug"]["title"] == "Observatory: Debug"
    assert grafana.dashboards["observatory-debug"]["version"] == 2
    assert [line.rpartition(" ")[2] for line in result.stdout.splitlines()] == [
        "unchanged", "replaced", "unchanged", "replaced", "unchanged", "unchanged", "unchanged",
    ]  # fmt: skip


def test_the_token_may_come_from_a_file_and_is_never_shown(grafana: GrafanaServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    out = str(tmp_path / "out")
    result = run("-o", out, "--push", grafana.url, "--token-file", str(file), token="glsa_wrong")
    assert result.exit_code == 0, result.output
    refused = run("-o", out, "--push", grafana.url, token="glsa_wrong")
    assert refused.exit_code == 4
    assert "with 401: Unauthorized" in refused.stderr
    assert "glsa_" not in refused.output
    assert (tmp_path / "out" / "debug.grafana.json").exists()


@pytest.mark.parametrize("text", ["", "two words", "zwölf"])
def test_a_file_without_a_token_is_an_input_error_before_anything_is_written(text: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(text, encoding="utf-8")
    result = run("-o", str(tmp_path / "out"), "--push", "http://127.0.0.1:1", "--token-file", str(file))
    assert result.exit_code == 3
    assert "grafana-token" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_grafana_that_is_not_there_is_a_source_that_failed(grafana: GrafanaServer, tmp_path: Path) -> None:
    grafana.stop()
    result = run("-o", str(tmp_path), "--push", grafana.url, token=TOKEN)
    assert result.exit_code == 4
    assert "grafana-unreachable" in result.stderr
    assert (tmp_path / "debug.grafana.json").exists()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(body=b"<html>", status=200), "with 200: it is no JSON object"),
        (Reply(status=302, headers={"Location": "https://elsewhere.example/"}), "with 302"),
        (Reply(body=b'{"message": "over\\nthere"}', status=500), "with 500: over there"),
        (Reply(close_at_once=True), "does not answer"),
    ],
)
def test_answers_that_are_none_are_said_and_redirects_are_not_followed(reply: Reply, said: str, tmp_path: Path) -> None:
    server = MisbehavingServer([reply])
    try:
        result = run("-o", str(tmp_path), "--push", server.url, token=TOKEN)
    finally:
        server.stop()
    assert result.exit_code == 4
    assert said in " ".join(result.stderr.split())


def test_the_builders_of_grafana_are_loaded_by_this_command_alone() -> None:
    said = "import sys, observatory.cli.main; print('grafana_foundation_sdk' in sys.modules, 'dash' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.split() == ["False", "False"]
