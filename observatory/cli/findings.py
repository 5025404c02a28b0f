"""Findings for people and for GitHub, and what the formats share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from observatory.errors import SEVERITY_ORDER, InputInvalid, Paint, Problem, Severity, uncoloured
from observatory.location import Location

COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}
MAX_SHOWN = 1000
"""Findings that are written out for people; nobody reads more, and machines get all of them."""


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


def as_text(problems: Sequence[Problem], paint: Paint = uncoloured) -> str:
    """Every finding with its source line, an empty line between them; of very many the worst, in order of place."""
    shown = problems
    if len(problems) > MAX_SHOWN:
        worst = sorted(range(len(problems)), key=lambda place: (SEVERITY_ORDER[problems[place].severity], place))
        shown = [problems[place] for place in sorted(worst[:MAX_SHOWN])]
    parts = [problem.render(paint) for problem in shown]
    if rest := len(problems) - len(shown):
        parts.append(f"and {rest:,} more, which --format json lists")
    return "\n\n".join(parts)


def as_github(problems: Sequence[Problem]) -> str:
    """One workflow command per finding, which GitHub shows beside the line."""
    lines = []
    for problem in problems:
        fields = []
        if problem.location:
            at = problem.location
            fields = [f"file={_property(place_of(at))}", f"line={at.line}", f"endLine={at.line}", f"col={at.column}"]
            if at.length:
                fields.append(f"endColumn={at.column + at.length}")
        fields.append(f"title={_property(problem.code)}")
        message = problem.message + (f"\nhint: {problem.hint}" if problem.hint else "")
        lines.append(f"::{COMMANDS[problem.severity]} {','.join(fields)}::{_data(message)}")
    return "\n".join(lines)


def write_answer(output: Path, text: str) -> None:
    """Put an answer into a file.

    Raises:
        InputInvalid: The file cannot be written.
    """
    from observatory.rules.writing import write_text

    try:
        write_text(output, text)
    except OSError as error:
        message = f"{output} cannot be written: {error.strerror or error}"
        raise InputInvalid(Problem(code="output-unwritable", message=message)) from None


def place_of(at: Location) -> str:
    """The path of a file as services want it: relative to the working folder where it lies in it, with slashes."""
    if at.path.startswith(("http://", "https://")):
        return at.path
    file = Path(at.path)
    if file.is_absolute() and file.is_relative_to(Path.cwd()):
        file = file.relative_to(Path.cwd())
    return file.as_posix()


def headline(text: str) -> str:
    """The first sentence of an explanation, on one line and without Markdown's marks."""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
    prose = next((part for part in paragraphs if not part.startswith("#")), paragraphs[0] if paragraphs else "")
    return re.split(r"(?<=[.?!])\s+(?=[A-Z`])", prose, maxsplit=1)[0].lstrip("# ")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
