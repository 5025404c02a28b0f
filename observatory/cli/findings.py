"""Findings in the formats that other programs read: text, JSON, SARIF 2.1.0, GitHub annotations."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from observatory import __version__
from observatory.errors import Problem, Severity

LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def counted(problems: Sequence[Problem]) -> dict[str, int]:
    """How many there are of each severity."""
    severities: tuple[Severity, ...] = ("error", "warning", "info")
    return {severity: sum(1 for one in problems if one.severity == severity) for severity in severities}


def as_text(problems: Sequence[Problem]) -> str:
    """Every finding with its source line, an empty line between them."""
    return "\n\n".join(problem.render() for problem in problems)


def as_github(problems: Sequence[Problem]) -> str:
    """One workflow command per finding, which GitHub shows beside the line."""
    lines = []
    for problem in problems:
        fields = []
        if problem.location:
            at = problem.location
            fields = [f"file={_property(at.path)}", f"line={at.line}", f"col={at.column}"]
            if at.length:
                fields.append(f"endColumn={at.column + at.length}")
        fields.append(f"title={_property(problem.code)}")
        message = problem.message + (f" ({problem.hint})" if problem.hint else "")
        lines.append(f"::{COMMANDS[problem.severity]} {','.join(fields)}::{_data(message)}")
    return "\n".join(lines)


def as_sarif(problems: Sequence[Problem], explanations: dict[str, str]) -> dict[str, Any]:
    """A SARIF 2.1.0 log with one run; paths are relative to the working folder where they lie in it."""
    codes = sorted({problem.code for problem in problems})
    rules = [
        {"id": code, "help": {"text": explanations.get(code, code), "markdown": explanations.get(code, code)}}
        for code in codes
    ]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "observatory", "version": __version__, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, codes) for problem in problems],
            }
        ],
    }


def _result(problem: Problem, codes: list[str]) -> dict[str, Any]:
    text = problem.message + (f"\n{problem.hint}" if problem.hint else "")
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": codes.index(problem.code),
        "level": LEVELS[problem.severity],
        "message": {"text": text},
    }
    if problem.location:
        at = problem.location
        region: dict[str, int] = {"startLine": at.line, "startColumn": at.column}
        if at.length:
            region["endColumn"] = at.column + at.length
        result["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": _uri(at.path)}, "region": region}}]
    return result


def _uri(path: str) -> str:
    if path.startswith(("http://", "https://")):
        return path
    file = Path(path)
    if file.is_absolute():
        here = Path.cwd()
        return quote(file.relative_to(here).as_posix()) if file.is_relative_to(here) else file.as_uri()
    return quote(file.as_posix())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
