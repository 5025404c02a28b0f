"""Findings: how they are shown and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from observatory.errors import InputInvalid, Problem, in_order
from observatory.location import Location, excerpt


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_finding_shows_its_line_with_a_caret(here: Path) -> None:
    Path("a.yaml").write_text("one: 1\ntarget: 99.9\n", encoding="utf-8")
    problem = Problem(
        code="slo-target",
        message="the target is odd",
        location=Location("a.yaml", 2, 9, 4),
        label="here",
        hint="write 99.9%",
    )
    assert problem.render() == (
        "a.yaml:2:9: error[slo-target]: the target is odd\n"
        "    2 | target: 99.9\n"
        "      |         ^^^^ here\n"
        " hint: write 99.9%"
    )


def test_a_finding_without_a_file_is_shown_without_a_line() -> None:
    problem = Problem(code="x", message="gone", location=Location("missing.yaml", 3, 4))
    assert problem.render() == "missing.yaml:3:4: error[x]: gone"


def test_control_characters_reach_no_terminal(here: Path) -> None:
    Path("a.yaml").write_text("\x1b[31mred\u202e: 1\n", encoding="utf-8")
    problem = Problem(
        code="x", message="bad \x1b[31m", hint="line\nbreak", label="\x07", location=Location("a.yaml", 1, 1, 500)
    )
    shown = problem.render()
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("\n") == 3


def test_credentials_in_a_line_are_covered(here: Path) -> None:
    Path("a.yaml").write_text("url: amqp://user:hunter2@host\nh: Bearer abcdefghijk\n", encoding="utf-8")
    assert excerpt(Location("a.yaml", 1, 6)).splitlines()[0] == "    1 | url: amqp://************@host"
    assert excerpt(Location("a.yaml", 2, 1)).splitlines()[0] == "    2 | h: Bearer ***********"


def test_a_long_line_is_cut_around_the_caret(here: Path) -> None:
    Path("a.yaml").write_text("x" * 500 + "HERE" + "y" * 500, encoding="utf-8")
    line, caret = excerpt(Location("a.yaml", 1, 501, 4)).splitlines()
    assert "HERE" in line
    assert line[caret.index("^") : caret.rindex("^") + 1] == "HERE"
    assert len(line) < 140


def test_findings_come_in_the_order_of_their_places_and_once() -> None:
    late = Problem(code="b", message="m", location=Location("a", 2, 1))
    warning = Problem(code="a", message="m", location=Location("a", 1, 5), severity="warning")
    error = Problem(code="z", message="m", location=Location("a", 1, 5))
    server = Problem(code="s", message="m", url="http://x")
    assert in_order([late, warning, server, error, late]) == [error, warning, late, server]


def test_an_error_carries_every_finding() -> None:
    problems = [Problem(code="a", message="one"), Problem(code="b", message="two")]
    error = InputInvalid(problems)
    assert (error.problems, int(error.exit_code), str(error)) == (problems, 3, "error[a]: one\nerror[b]: two")


def test_a_finding_as_json_has_its_place_as_text() -> None:
    problem = Problem(code="a", message="m", location=Location("x.yaml", 3, 7, 2), subject="kafka:a")
    assert problem.to_json() == {
        "code": "a",
        "severity": "error",
        "message": "m",
        "location": "x.yaml:3:7",
        "hint": None,
        "subject": "kafka:a",
    }
