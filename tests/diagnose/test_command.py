"""`observatory diagnose`: ranked causes as text and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from simulated_store import AT, filled, invoked
from typer.testing import Result

from observatory.cli.diagnose import register
from observatory.sources.simulated import documents_folder

DOCUMENTS = str(documents_folder())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("store"), days=2)


def run(*arguments: str) -> Result:
    return invoked(register, ["diagnose", *arguments])


def test_the_stalled_group_is_named_with_numbers_and_since_when(store: Path) -> None:
    result = run(DOCUMENTS, "--store", str(store), "--at", AT, "--channel", "payments.card.settled.v2")

    assert result.exit_code == 0, result.output
    assert "Slow consumer: settlement-writer falls behind (F7" in result.stdout
    assert "settlement-writer consumes" in result.stdout
    assert "? not observable: broker saturation" in result.stdout


def test_the_json_holds_causes_and_what_could_not_be_observed(store: Path) -> None:
    result = run(DOCUMENTS, "--store", str(store), "--at", AT, "--channel", "payments.card.settled.v2", "--json")
    answer = json.loads(result.stdout)

    assert answer["schema"] == "observatory.diagnose/1"
    assert (answer["at"], answer["causes"][0]["failure_mode"]) == (AT, "F7")
    assert {
        "channel_id": "kafka:payments.card.settled.v2",
        "failure_mode": "F3",
        "signals": ["broker saturation"],
    } in [
        one | {"signals": [s for s in one["signals"] if s == "broker saturation"]} for one in answer["not_observable"]
    ]


def test_an_unknown_channel_is_a_usage_error(store: Path) -> None:
    result = run(DOCUMENTS, "--store", str(store), "--at", AT, "--channel", "nothing")

    assert result.exit_code == 2
    assert "no channel is called 'nothing'" in result.stderr


def test_a_channel_in_order_says_what_was_looked_at(store: Path) -> None:
    result = run(DOCUMENTS, "--store", str(store), "--at", AT, "--channel", "inventory.stock.adjusted.v2")

    assert result.exit_code == 0
    assert result.stdout.startswith("no failure mode fits any of 1 channel; ")


def test_a_server_that_does_not_answer_ends_with_four() -> None:
    result = run(DOCUMENTS, "--prometheus", "http://127.0.0.1:9", "--at", AT)

    assert result.exit_code == 4
