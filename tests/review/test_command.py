"""`observatory review`: one file in the format that its ending says, the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from one_channel import BILLING
from simulated_store import AT, filled, invoked
from typer.testing import Result

from observatory.cli.review import register
from observatory.sources.simulated import documents_folder

WITHIN = "2026-11-20T12:00:43Z"
DOCUMENTS = str(documents_folder())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("store"), days=0.5)


def run(*arguments: str) -> Result:
    return invoked(register, ["review", *arguments])


def test_the_ending_says_the_format(store: Path, tmp_path: Path) -> None:
    arguments = (DOCUMENTS, "--store", str(store), "--at", AT, "--month", "2026-11")
    for name in ("r.html", "r.md", "r.json"):
        assert run(*arguments, "-o", str(tmp_path / name)).exit_code == 0

    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "r.md").read_text().startswith("# SLO review, November 2026\n")
    assert json.loads((tmp_path / "r.json").read_text())["schema"] == "observatory.review/1"


def test_the_same_input_gives_the_same_bytes(store: Path, tmp_path: Path) -> None:
    arguments = (DOCUMENTS, "--store", str(store), "--at", AT, "--month", "2026-11")
    run(*arguments, "-o", str(tmp_path / "one.html"))
    run(*arguments, "-o", str(tmp_path / "two.html"))

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_json_goes_to_stdout_and_nothing_else_does(store: Path) -> None:
    result = run(DOCUMENTS, "--store", str(store), "--at", AT, "--month", "2026-11", "--json")
    answer = json.loads(result.stdout)

    assert answer["month"] == "2026-11"
    assert answer["complete"] is False
    assert answer["estate"]["objectives"] == len(answer["objectives"])


def test_a_running_month_is_told_up_to_its_last_full_minute(store: Path) -> None:
    asked = [run(DOCUMENTS, "--store", str(store), "--at", at, "--month", "2026-11", "--json") for at in (WITHIN, AT)]

    assert json.loads(asked[0].stdout)["at"] == AT
    assert asked[0].stdout == asked[1].stdout


def test_a_month_is_told_as_soon_as_it_has_begun_for_one_of_its_objectives(store: Path, tmp_path: Path) -> None:
    """Noon in Greenwich is the first of December in Apia."""
    document = BILLING.replace("{availability: 99%}", "[{sli: availability, target: 99%, window: month, timezone: Z}]")
    (tmp_path / "billing.yaml").write_text(document.replace("timezone: Z", "timezone: Pacific/Apia"))
    asked = (str(tmp_path), "--store", str(store), "--month", "2026-12", "--json")

    begun, not_yet = (run(*asked, "--at", f"2026-11-30T{hour}:00:00Z") for hour in ("12", "11"))

    (one,) = json.loads(begun.stdout)["objectives"]
    assert (one["start"], one["verdict"]) == ("2026-11-30T11:00:00Z", "no_data")
    assert (not_yet.exit_code, "December 2026 has not begun yet" in not_yet.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--month", "November"), "'November' is no month; write it as 2026-10"),
        (("--month", "2027-01"), "January 2027 has not begun yet"),
        (("--month", "2026-11", "--timezone", "Mars/Olympus"), "not a time zone"),
        (("--month", "2026-11", "-o", "review.docx"), "review.docx: the ending says no format"),
    ],
)
def test_a_wrong_option_is_a_usage_error(arguments: tuple[str, ...], message: str, store: Path) -> None:
    result = run(DOCUMENTS, "--store", str(store), "--at", AT, *arguments)

    assert result.exit_code == 2
    assert message in result.stderr


def test_without_any_source_it_asks_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = run(DOCUMENTS, "--month", "2026-10")

    assert result.exit_code == 2
    assert "say where telemetry is" in result.stderr


def test_a_server_that_does_not_answer_writes_no_review(tmp_path: Path) -> None:
    target = tmp_path / "r.html"

    result = run(DOCUMENTS, "--prometheus", "http://127.0.0.1:9", "--at", AT, "--month", "2026-11", "-o", str(target))

    assert result.exit_code == 4
    assert not target.exists()


def test_a_file_that_cannot_be_written_is_named(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "r.html"

    result = run(DOCUMENTS, "--store", str(store), "--at", AT, "--month", "2026-11", "-o", str(target))

    assert result.exit_code == 3
    assert "output-unwritable" in result.stderr
