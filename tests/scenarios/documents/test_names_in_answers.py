"""Where names come from, as `catalog` and `map` show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from observatory.cli import catalog
from observatory.cli import map as mapping

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Reefers, version: 1.0.0}
servers: {field: {host: broker, protocol: mqtt}}
channels:
  doors:
    address: reefer/{id}/{side}
    parameters: {id: {enum: [a, b]}, side: {enum: [left, right]}}
  open: {address: null}
operations:
  onDoor: {action: receive, channel: {$ref: '#/channels/doors'}, x-consumer-group: door-watch}
"""

DOORS = [
    {
        "kind": "topic",
        "value": "reefer/{id}/{side}",
        "pattern": "reefer/(?:a|b)/(?:left|right)",
        "provenance": "address",
        "location": "reefers.yaml:6:14",
        "expansions": ["reefer/a/left", "reefer/a/right", "reefer/b/left", "reefer/b/right"],
        "left_out": 0,
    },
    {
        "kind": "subscription",
        "value": "reefer/+/+",
        "pattern": "reefer/[^/]*/[^/]*",
        "provenance": "address, as a subscription",
        "location": "reefers.yaml:6:14",
        "expansions": [],
        "left_out": 0,
    },
]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("reefers.yaml").write_text(DOCUMENT, encoding="utf-8")
    app = typer.Typer()
    for command in (catalog, mapping):
        command.register(app)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_both_answers_carry_names_provenance_and_place(run: Any) -> None:
    for arguments in (("catalog", "reefers.yaml", "--json"), ("map", "reefers.yaml", "--json")):
        answer = json.loads(run(*arguments).stdout)
        doors, closed = answer["channels"]
        assert (doors["address_provenance"], doors["names"]) == ("address", DOORS)
        assert (closed["address"], closed["address_provenance"], closed["names"]) == (None, "unknown", [])


def test_the_catalogue_says_who_consumes_and_where_that_is_written(run: Any) -> None:
    answer = json.loads(run("catalog", "reefers.yaml", "--json").stdout)
    assert answer["channels"][0]["identities"] == [
        {
            "operation": "reefers/onDoor",
            "kind": "group",
            "value": "door-watch",
            "provenance": "x-consumer-group on operation",
            "location": "reefers.yaml:10:84",
        }
    ]


def test_the_mapping_says_what_a_channel_is_known_as(run: Any) -> None:
    text = run("map", "reefers.yaml").stdout
    topic, subscription = "topic reefer/{id}/{side} (address, 4 names)", "subscription reefer/+/+"
    assert f"  known as: {topic}; {subscription} (address, as a subscription)\n" in text
    assert "  known as: nothing (unknown)\n" in text
