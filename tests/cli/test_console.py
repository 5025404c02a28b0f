"""What people see on stderr, and how a command ends."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer

from observatory.cli import console
from observatory.errors import ExitCode, Problem
from observatory.location import Location


def stopped(operation: str, name: str, sli: str, minutes: int) -> Problem:
    return Problem(
        code="telemetry-stopped",
        severity="warning",
        message=f"{sli} of {operation}: nothing was seen since 11:{minutes:02}, {minutes} min ago",
        location=Location(path="a.yaml", line=10 + minutes, column=1),
        hint="check the target",
        subject=f"{operation}/{name}",
    )


def test_warnings_of_one_cause_are_shown_once_with_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    many = [stopped(f"shop/on{one}", "fresh", ("lag", "latency")[one % 2], one) for one in range(40)]

    code = console.report(many)

    assert capsys.readouterr().err.splitlines() == [
        "a.yaml:10:1: warning[telemetry-stopped]: lag of shop/on0: nothing was seen since 11:00, 0 min ago",
        " hint: check the target",
        " and 39 more [telemetry-stopped]: --json lists all",
    ]
    assert code == ExitCode.FINE


def test_warnings_that_differ_in_words_are_shown_apart(capsys: pytest.CaptureFixture[str]) -> None:
    two = [
        Problem(code="binding-key", severity="warning", message=f"unknown key {key!r} in the binding", subject="a/b/c")
        for key in ("topicc", "group")
    ]

    console.report(two)

    assert capsys.readouterr().err.count("warning[binding-key]") == 2


def test_errors_are_shown_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [
        Problem(code="slo-target", message="target 99.9 is no share", location=Location(path="a", line=line, column=1))
        for line in (1, 2, 3)
    ]

    code = console.report(errors)

    assert capsys.readouterr().err.count("error[slo-target]") == 3
    assert code == ExitCode.INPUT_INVALID


@console.command
def _with_a_bug() -> None:
    """A command that fails in a way nobody foresaw."""
    raise KeyError("orders")


def test_a_bug_ends_with_seventy_and_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        _with_a_bug()

    assert ended.value.exit_code == 70
    shown = capsys.readouterr().err
    assert shown.startswith("error[bug]: KeyError: 'orders' (test_console.py:")
    assert "OBSERVATORY_TRACEBACK=1" in shown
    assert "Traceback" not in shown


def test_a_bug_shows_its_traceback_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSERVATORY_TRACEBACK", "1")

    with pytest.raises(KeyError):
        _with_a_bug()


def test_what_is_no_number_is_null_in_json_and_every_number_is_whole() -> None:
    answer = {"ratio": float("nan"), "left": float("-inf"), "spent": np.float64(0.5), "bad": 3, "name": "größer"}

    assert console.as_json(answer) == (
        '{\n  "ratio": null,\n  "left": null,\n  "spent": 0.5,\n  "bad": 3,\n  "name": "größer"\n}'
    )


@pytest.mark.parametrize("odd", [2**70, "\ud800"])
def test_what_a_document_writes_that_is_too_much_for_most_is_written_as_it_is(odd: object) -> None:
    assert json.loads(console.as_json({"value": odd, "more": [1]})) == {"value": odd, "more": [1]}
