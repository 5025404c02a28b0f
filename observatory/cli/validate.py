"""`observatory validate`: are documents and objectives right?"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from observatory.cli import console, options
from observatory.cli.findings import Format, as_github, as_sarif, as_text, counted
from observatory.errors import ExitCode, Problem, UsageError, in_order


class FailOn(StrEnum):
    """The least severity that fails a build beside errors."""

    WARNING = "warning"
    INFO = "info"


Form = Annotated[Format, typer.Option("--format", help="How findings are written.")]
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
    json: options.Json = False,
    fail_on: Gate = None,
) -> None:
    """Check documents and the objectives in them; exit 3 when one has an error."""
    from observatory.objectives.load import objectives_of
    from observatory.objectives.policy import check_policy, load_policies
    from observatory.settings import load_settings
    from observatory.spec.load import load_catalog
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
    catalog = load_catalog(
        settings.documents,
        roots=root or settings.roots,
        overlays=settings.overlays,
        ownership=settings.ownership,
        allow_remote=settings.allow_remote_references,
        cache=settings.cache_dir,
    )
    objectives, doubts = objectives_of(catalog)
    policies = load_policies(settings.policies_dir)
    against_policies = [problem for one in objectives for problem in check_policy(one, policies)]
    problems = in_order([*catalog.problems, *doubts, *against_policies])
    counts = counted(problems)
    match Format.JSON if json else form:
        case Format.TEXT:
            if problems:
                console.answer(as_text(problems) + "\n")
            console.answer(_summary(tally(catalog)["documents"], len(catalog.channels), len(objectives), counts))
        case Format.JSON:
            found = [_finding(problem) for problem in problems]
            answer = {"schema": "observatory.validation/1", **tally(catalog), "counts": counts, "problems": found}
            console.answer_json(answer)
        case Format.SARIF:
            from observatory.cli.explain import explanations

            console.answer_json(as_sarif(problems, explanations()))
        case Format.GITHUB:
            if problems:
                console.answer(as_github(problems))
    if counts["error"]:
        console.finish(ExitCode.INPUT_INVALID)
    if fail_on and (counts["warning"] or (fail_on == FailOn.INFO and counts["info"])):
        console.finish(ExitCode.GATE_FAILED)


def _finding(problem: Problem) -> dict[str, object]:
    at = problem.location
    place = {"path": at.path, "line": at.line, "column": at.column, "length": at.length} if at else None
    return {**problem.to_json(), "place": place}


def _summary(documents: int, channels: int, objectives: int, counts: dict[str, int]) -> str:
    found = ", ".join(_many(counts[severity], severity) for severity in ("error", "warning") if counts[severity])
    read = f"{_many(documents, 'document')}, {_many(channels, 'channel')}, {_many(objectives, 'objective')}"
    return f"{read}: {found or 'no problems'}"


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)
