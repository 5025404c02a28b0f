"""Findings: how they are shown and in which order."""

from __future__ import annotations

import os
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


def shown(text: str, at: Location) -> list[str]:
    Path(at.path).write_text(text, encoding="utf-8")
    return str(excerpt(at)).splitlines()


def test_credentials_in_a_line_are_covered(here: Path) -> None:
    text = "url: amqp://user:hunter2@host\nh: Bearer abcdefghijk\n"
    assert shown(text, Location("a.yaml", 1, 6))[0] == "    1 | url: amqp://************@host"
    assert shown(text, Location("a.yaml", 2, 1))[0] == "    2 | h: Bearer ***********"


def test_a_long_line_is_cut_around_the_caret(here: Path) -> None:
    line, caret = shown("x" * 500 + "HERE" + "y" * 500, Location("a.yaml", 1, 501, 4))
    assert line[caret.index("^") : caret.rindex("^") + 1] == "HERE"
    assert line.startswith("    1 | …x")
    assert line.endswith("y…")
    assert len(line) == len("    1 | ") + 120 + 2


@pytest.mark.parametrize(
    ("text", "column", "length", "before", "under"),
    [
        ("abc: def", 6, 3, 5, 3),
        ("注文: {adress: x}", 6, 6, 7, 6),  # two columns each
        ("注文: x", 1, 2, 0, 4),
        ("cafe\u0301: x", 8, 1, 6, 1),  # the accent stands on the e
        ("a:\tb", 4, 1, 6, 1),  # a tab is drawn as four blanks
        ("a:\tb", 3, 1, 2, 4),
        ("short", 9, 4, 5, 1),  # behind the end
    ],
)
def test_the_caret_stands_under_what_it_means(
    here: Path, text: str, column: int, length: int, before: int, under: int
) -> None:
    pointer = shown(text, Location("a.yaml", 1, column, length))[1]
    assert pointer == "      | " + " " * before + "^" * under


def test_a_long_line_of_wide_characters_is_cut_by_columns(here: Path) -> None:
    line, caret = shown("字" * 500 + "HERE" + "字" * 500, Location("a.yaml", 1, 501, 4))
    wide = [char for char in line.split(" | ")[1] for _ in range(2 if char == "字" else 1)]
    offset = len("    1 | ")
    assert "".join(wide[caret.index("^") - offset : caret.rindex("^") + 1 - offset]) == "HERE"
    assert len(wide) == 122


def test_lines_are_counted_as_the_reader_counts_them(here: Path) -> None:
    Path("a.yaml").write_bytes("one\rtwo\r\nthree é\n".encode("utf-16"))
    assert str(excerpt(Location("a.yaml", 3, 7))).splitlines()[0] == "    3 | three é"


def test_no_pipe_is_waited_for_to_show_a_line(here: Path) -> None:
    os.mkfifo("pipe.yaml")
    assert excerpt(Location("pipe.yaml")) is None


def test_what_a_message_quotes_is_covered_cut_and_on_one_line() -> None:
    problem = Problem(code="x", message="'k" + "e" * 5000 + "y'", hint="a\x1b[31m\nb", label="amqp://u:hunter2@h")
    assert len(problem.message) < 1010
    assert problem.message.startswith("'keee")
    assert problem.message.endswith("eey'")
    assert problem.hint == "a [31m b"
    assert problem.label == "amqp://*********@h"


def test_a_terminal_may_give_each_part_its_colour(here: Path) -> None:
    Path("a.yaml").write_text("a: 1\n", encoding="utf-8")
    problem = Problem(code="x", message="m", location=Location("a.yaml", 1, 4, 1), hint="h", severity="warning")
    assert problem.render(lambda role, text: f"<{role}>{text}</>") == (
        "<place>a.yaml:1:4:</> <warning>warning[x]</>: m\n"
        "<gutter>    1 |</> a: 1\n"
        "<gutter>      |</> <warning>   ^</>\n"
        " <hint>hint:</> h"
    )


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
