"""Findings as SARIF 2.1.0, which code scanning services and editors read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from observatory import __version__
from observatory.cli.findings import headline, place_of
from observatory.errors import Problem, Severity
from observatory.location import Location

LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
SOURCE_ROOT = "%SRCROOT%"
"""What relative paths are relative to, by the name that services know: the folder that the command ran in."""


def as_sarif(problems: Sequence[Problem], explanations: Mapping[str, str]) -> dict[str, Any]:
    """A log with one run. Columns count characters, as everywhere; paths are relative to the working folder."""
    places = {code: place for place, code in enumerate(sorted({problem.code for problem in problems}))}
    worst = {problem.code: problem.severity for problem in sorted(problems, key=_by_severity, reverse=True)}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "observatory",
                        "version": __version__,
                        "semanticVersion": __version__,
                        "rules": [_rule(code, worst[code], explanations.get(code, code)) for code in places],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": True}],
                "results": [_result(problem, places[problem.code]) for problem in problems],
            }
        ],
    }


def _by_severity(problem: Problem) -> int:
    return ("error", "warning", "info").index(problem.severity)


def _rule(code: str, severity: Severity, explanation: str) -> dict[str, Any]:
    return {
        "id": code,
        "shortDescription": {"text": headline(explanation)},
        "fullDescription": {"text": explanation},
        "help": {"text": explanation, "markdown": explanation},
        "defaultConfiguration": {"level": LEVELS[severity]},
    }


def _result(problem: Problem, place: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": place,
        "level": LEVELS[problem.severity],
        "message": {"text": problem.message + (f"\nhint: {problem.hint}" if problem.hint else "")},
    }
    if problem.location:
        result["locations"] = [{"physicalLocation": _physical(problem.location)}]
    return result


def _physical(at: Location) -> dict[str, Any]:
    path = place_of(at)
    region: dict[str, int] = {"startLine": at.line, "startColumn": at.column}
    if at.length:
        region |= {"endLine": at.line, "endColumn": at.column + at.length}
    if path.startswith(("http://", "https://")):
        return {"artifactLocation": {"uri": path}, "region": region}
    if path.startswith("/"):
        return {"artifactLocation": {"uri": f"file://{quote(path)}"}, "region": region}
    return {"artifactLocation": {"uri": quote(path), "uriBaseId": SOURCE_ROOT}, "region": region}
