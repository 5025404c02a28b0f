"""`observatory validate`: are documents and objectives right?"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from observatory.cli import console, options
from observatory.cli.colour import painter
from observatory.cli.findings import Format, as_github, as_text, counted, write_answer
from observatory.errors import ExitCode, Problem, UsageError, in_order
from observatory.units import number_of

MAX_CODES = 6
"""Codes that are named below the findings."""


class FailOn(StrEnum):
    """The least severity that fails a build beside errors."""

    WARNING = "warning"
    INFO = "info"


Form = Annotated[Format, typer.Option("--format", help="How findings are written.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="File for the findings in that format; stdout then shows them as text."),
]
Gate = Annotated[FailOn | None, typer.Option("--fail-on", help="Exit 1 for findings of this severity as well.")]
Roots = Annotated[list[Path] | None, typer.Option("--root", help="A folder that references may not leave; repeatable.")]


@console.command
def validate(
    paths: options.Paths = None,
    config: options.Config = None,
    ownership: options.Ownership = None,
    overlay: options.Overlay = None,
    no_cache: options.NoCache = False,
    root: Roots = None,
    form: Form = Format.TEXT,
    output: Output = None,
    json: options.Json = False,
    fail_on: Gate = None,
) -> None:
    """Check documents and the objectives in them; exit 3 when one has an error.

    Exit codes: 0 fine, 1 findings that --fail-on names, 2 usage, 3 a document has an error.
    """
    from observatory.objectives.journeys import journeys_of
    from observatory.objectives.load import objectives_of
    from observatory.objectives.policy import check_policy, load_policies
    from observatory.settings import load_settings
    from observatory.spec.load import configured_catalog
    from observatory.spec.topology import tally

    settings = load_settings(
        config,
        os.environ,
        documents=paths or (),
        overlays=overlay or (),
        ownership=ownership or (),
        cache=not no_cache,
    )
    if not settings.documents:
        raise UsageError("say which documents: observatory validate PATH..., or `documents` in observatory.yaml")
    catalog = configured_catalog(settings, root or ())
    objectives, doubts = objectives_of(catalog)
    policies = load_policies(settings.policies_dir)
    judged = (*objectives, *(one.objective for one in journeys_of(catalog)))
    against_policies = [problem for one in judged for problem in check_policy(one, policies)]
    problems = in_order([*catalog.problems, *doubts, *against_policies])
    counts = counted(problems)
    found = {"schema": "observatory.validation/1", **tally(catalog), "counts": counts}
    answer = _written(Format.JSON if json else form, problems, found)
    if output is not None:
        if answer is None:
            raise UsageError("--output takes --format json, sarif or github; text is shown anyway")
        write_answer(output, answer + "\n")
    if output is not None or answer is None:
        if problems:
            console.answer(as_text(problems, painter(sys.stdout)) + "\n")
        console.answer(_summary(tally(catalog)["documents"], len(catalog.channels), len(objectives), counts))
        if problems:
            console.answer(_more(problems))
    elif answer:
        console.answer(answer)
    if counts["error"]:
        console.finish(ExitCode.INPUT_INVALID)
    if fail_on and (counts["warning"] or (fail_on == FailOn.INFO and counts["info"])):
        console.finish(ExitCode.GATE_FAILED)


def _written(form: Format, problems: Sequence[Problem], found: dict[str, Any]) -> str | None:
    """The findings in a format for machines; None where people are to read them."""
    match form:
        case Format.JSON:
            return console.as_json(found | {"problems": [_finding(problem) for problem in problems]})
        case Format.SARIF:
            from observatory.cli.explain import explanations
            from observatory.cli.sarif import as_sarif

            return console.as_json(as_sarif(problems, explanations()))
        case Format.GITHUB:
            return as_github(problems)
        case Format.TEXT:
            return None


def _finding(problem: Problem) -> dict[str, object]:
    at = problem.location
    place = {"path": at.path, "line": at.line, "column": at.column, "length": at.length} if at else None
    return {**problem.to_json(), "place": place}


def _summary(documents: int, channels: int, objectives: int, counts: dict[str, int]) -> str:
    words = {"error": "error", "warning": "warning", "info": "remark"}
    found = ", ".join(number_of(counts[severity], word) for severity, word in words.items() if counts[severity])
    read = f"{number_of(documents, 'document')}, {number_of(channels, 'channel')}, {number_of(objectives, 'objective')}"
    return f"{read}: {found or 'no problems'}"


def _more(problems: Sequence[Problem]) -> str:
    codes = list(dict.fromkeys(problem.code for problem in sorted(problems, key=lambda one: one.severity)))
    others = f", and so for {', '.join(codes[1:])}" if 1 < len(codes) <= MAX_CODES else ""
    return f"`observatory explain {codes[0]}` says more{others}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)
