"""Findings as JSON, SARIF and GitHub annotations, and as text on a terminal: what each format promises its readers."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from observatory.cli import validate
from observatory.cli.colour import painter
from observatory.cli.findings import as_github, as_text, headline
from observatory.cli.sarif import as_sarif
from observatory.errors import Problem
from observatory.location import Location

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
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in a folder with one faulty document."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("OBSERVATORY_")]:
        monkeypatch.delenv(name)
    Path("faulty.yaml").write_text(FAULTY, encoding="utf-8")
    app = typer.Typer(add_completion=False)
    app.callback()(lambda: None)
    validate.register(app)
    return lambda *arguments: CliRunner().invoke(app, ["validate", *map(str, arguments)])


def problem(**changes: Any) -> Problem:
    chosen: dict[str, Any] = {"code": "asyncapi-key", "message": "m", "location": Location("a.yaml", 3, 5, 6)}
    return Problem(**{**chosen, **changes})


# --- JSON


def test_json_is_one_versioned_object_with_a_place_for_each_finding(run: Run) -> None:
    result = run("faulty.yaml", "--format", "json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert list(answer) == ["schema", "documents", "channels", "operations", "objectives", "counts", "problems"]
    assert answer["problems"][1] == {
        "code": "asyncapi-key",
        "severity": "error",
        "message": "'orders' has no key 'adress'",
        "location": "faulty.yaml:4:12",
        "hint": "did you mean 'address'?",
        "subject": None,
        "place": {"path": "faulty.yaml", "line": 4, "column": 12, "length": 6},
    }
    assert run("faulty.yaml", "--json").stdout == result.stdout


# --- SARIF


def check_sarif(log: dict[str, Any]) -> None:
    """What the schema of SARIF 2.1.0 and code scanning services ask of a log."""
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (sarif_run,) = log["runs"]
    assert sarif_run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = sarif_run["tool"]["driver"]
    assert driver["name"] == "observatory"
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", driver["semanticVersion"])
    rules = driver["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        for key in ("shortDescription", "fullDescription", "help"):
            assert rule[key]["text"].strip()
    for result in sarif_run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("note", "warning", "error")
        assert result["message"]["text"].strip()
        for location in result["locations"]:
            physical = location["physicalLocation"]
            assert re.fullmatch(r"[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+", physical["artifactLocation"]["uri"])
            region = physical["region"]
            assert region["startLine"] >= 1
            assert region["startColumn"] >= 1
            assert region.get("endColumn", 2**31) > region["startColumn"]
            assert region.get("endLine", region["startLine"]) == region["startLine"]


def test_sarif_has_rules_levels_and_regions(run: Run) -> None:
    log = json.loads(run("faulty.yaml", "--format", "sarif").stdout)
    check_sarif(log)
    (sarif_run,) = log["runs"]
    assert [(one["ruleId"], one["level"]) for one in sarif_run["results"]] == [
        ("address-open", "note"),
        ("asyncapi-key", "error"),
        ("reference-missing", "error"),
        ("slo-target", "error"),
    ]
    assert [rule["id"] for rule in sarif_run["tool"]["driver"]["rules"]] == [
        "address-open",
        "asyncapi-key",
        "reference-missing",
        "slo-target",
    ]
    result = sarif_run["results"][1]
    assert result["message"] == {"text": "'orders' has no key 'adress'\nhint: did you mean 'address'?"}
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "faulty.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 4, "startColumn": 12, "endLine": 4, "endColumn": 18},
            }
        }
    ]


def test_sarif_of_documents_in_order_has_no_results(run: Run) -> None:
    Path("good.yaml").write_text("asyncapi: 3.0.0\ninfo: {title: T, version: '1'}\n", encoding="utf-8")
    log = json.loads(run("good.yaml", "--format", "sarif").stdout)
    check_sarif(log)
    assert log["runs"][0]["results"] == []


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("docs/a b.yaml", {"uri": "docs/a%20b.yaml", "uriBaseId": "%SRCROOT%"}),
        ("docs/ü%.yaml", {"uri": "docs/%C3%BC%25.yaml", "uriBaseId": "%SRCROOT%"}),
        ("a:b.yaml", {"uri": "a%3Ab.yaml", "uriBaseId": "%SRCROOT%"}),
        ("../a.yaml", {"uri": "../a.yaml", "uriBaseId": "%SRCROOT%"}),
        ("/elsewhere/a b.yaml", {"uri": "file:///elsewhere/a%20b.yaml"}),
        ("https://example.com/a.yaml", {"uri": "https://example.com/a.yaml"}),
    ],
)
def test_a_path_becomes_a_uri(path: str, uri: dict[str, str]) -> None:
    log = as_sarif([problem(location=Location(path))], {})
    check_sarif(log)
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == uri


def test_a_path_below_the_working_folder_is_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = [problem(location=Location(str(tmp_path / "docs" / "a.yaml"), 2, 3))]
    (result,) = as_sarif(found, {})["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "docs/a.yaml"
    assert as_github(found).startswith("::error file=docs/a.yaml,line=2,")


def test_a_rule_has_the_level_of_its_worst_finding() -> None:
    found = [problem(severity=severity, message=severity) for severity in ("info", "error", "warning")]
    (rule,) = as_sarif(found, {"asyncapi-key": "# Title\n\nWhat it is.\n"})["runs"][0]["tool"]["driver"]["rules"]
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert rule["shortDescription"] == {"text": "What it is."}


# --- GitHub


def test_github_annotations_name_the_place_and_the_hint(run: Run) -> None:
    lines = run("faulty.yaml", "--format", "github").stdout.splitlines()
    assert lines[1] == (
        "::error file=faulty.yaml,line=4,endLine=4,col=12,endColumn=18,title=asyncapi-key::"
        "'orders' has no key 'adress'%0Ahint: did you mean 'address'?"
    )
    assert [line.split(" ")[0] for line in lines] == ["::notice", "::error", "::error", "::error"]


def test_nothing_in_a_finding_ends_its_annotation_or_adds_a_property() -> None:
    odd = problem(message="100% a: b, c::warning::d", location=Location("a,b:c%\r\n.yaml", 1, 1))
    (line,) = as_github([odd]).splitlines()
    assert line == (
        "::error file=a%2Cb%3Ac%25%0D%0A.yaml,line=1,endLine=1,col=1,title=asyncapi-key::100%25 a: b, c::warning::d"
    )


# --- text


def test_text_ends_in_counts_and_in_where_to_read_more(run: Run) -> None:
    last = run("faulty.yaml").stdout.splitlines()[-2:]
    assert last == [
        "1 document, 1 channel, 0 objectives: 3 errors, 1 remark",
        "`observatory explain asyncapi-key` says more, and so for reference-missing, slo-target, address-open",
    ]


def test_of_very_many_findings_people_see_the_worst() -> None:
    found = [problem(severity="info", message=f"i{n}", location=Location("none.yaml", n + 1)) for n in range(1500)]
    found.append(problem(message="the error", location=Location("none.yaml", 2000)))
    text = as_text(found)
    assert "the error" in text
    assert text.endswith("and 501 more, which --format json lists")
    assert text.count("info[") == 999


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_findings_are_coloured_on_a_terminal_alone() -> None:
    red = "\x1b[1;31mx\x1b[0m"
    assert painter(Terminal(), {"TERM": "xterm"})("error", "x") == red
    assert painter(Terminal(), {"TERM": "xterm", "NO_COLOR": ""})("error", "x") == red
    assert painter(Terminal(), {"TERM": "xterm", "NO_COLOR": "1"})("error", "x") == "x"
    assert painter(Terminal(), {"TERM": "dumb"})("error", "x") == "x"
    assert painter(io.StringIO(), {"TERM": "xterm"})("error", "x") == "x"


# --- into a file


def test_a_file_takes_the_format_and_stdout_stays_readable(run: Run) -> None:
    result = run("faulty.yaml", "--format", "sarif", "-o", "out.sarif")
    assert result.exit_code == 3
    assert result.stdout == run("faulty.yaml").stdout
    check_sarif(json.loads(Path("out.sarif").read_text(encoding="utf-8")))
    assert [path.name for path in Path().iterdir() if path.name.startswith(".")] == []


def test_text_into_a_file_is_a_matter_of_usage(run: Run) -> None:
    result = run("faulty.yaml", "-o", "out.txt")
    assert result.exit_code == 2
    assert "--output takes --format json, sarif or github" in result.stderr
    assert not Path("out.txt").exists()


def test_a_file_that_cannot_be_written_is_named(run: Run) -> None:
    result = run("faulty.yaml", "--format", "json", "-o", "nowhere/out.json")
    assert result.exit_code == 3
    assert "error[output-unwritable]: nowhere/out.json cannot be written: No such file or directory" in result.stderr


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_every_format_ends_with_the_same_exit_code(run: Run, form: str) -> None:
    assert run("faulty.yaml", "--format", form).exit_code == 3
    Path("warn.yaml").write_text("asyncapi: 3.0.0\ninfo: {title: T, version: '1', x-slos: 1}\n", encoding="utf-8")
    assert run("warn.yaml", "--format", form).exit_code == 0
    assert run("warn.yaml", "--format", form, "--fail-on", "warning").exit_code == 1
    assert run("--format", form).exit_code == 2


def test_the_short_description_of_a_rule_is_its_first_sentence() -> None:
    explanation = (
        "# A title\n\nThe channel has no address, and no\nbinding names it. AsyncAPI 3\nallows that.\n\nMore.\n"
    )
    assert headline(explanation) == "The channel has no address, and no binding names it."
    assert headline("One of 3.0 and 3.1: `a` or `b`.") == "One of 3.0 and 3.1: `a` or `b`."
    assert headline("# Only a title\n") == "Only a title"
