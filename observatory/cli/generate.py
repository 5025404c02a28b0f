"""`observatory generate`: files for other systems, from the documents and from what really measures them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.cli.chosen import chosen_settings
from observatory.errors import ExitCode, Problem

if TYPE_CHECKING:
    from observatory.compile.plan import Measurement
    from observatory.evaluate.estate import Estate
    from observatory.settings import Settings

SCHEMA = "observatory.generate/1"
app = typer.Typer(no_args_is_help=True, help="Files for other systems.")

Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the files; made when it does not exist.")]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; end with exit code 1 when a file would change.")]


@app.command("rules")
@console.command
def rules(
    output: Folder,
    paths: options.Paths = None,
    config: options.Config = None,
    prometheus: options.Prometheus = None,
    store: options.Store = None,
    header: options.Header = None,
    ownership: options.Ownership = None,
    overlay: options.Overlay = None,
    at: options.At = None,
    check: Check = False,
    json: options.Json = False,
) -> None:
    """Recording rules, burn-rate alerts and their promtool tests, one pair of files per document.

    With a source the rules read the series that are really there; without one, those that the profiles promise.
    Exit codes: 0 fine, 1 --check found a difference, 3 documents have errors, 4 a source did not answer, 5 a source
    answered in part. Nothing is written with 3 or 4.
    """
    from observatory.rules.generate import ENDINGS, rule_files

    chosen = chosen_settings(
        "observatory generate rules PATH... -o DIR",
        paths=paths,
        config=config,
        prometheus=prometheus,
        store=store,
        header=header,
        overlay=overlay,
        ownership=ownership,
        needs_telemetry=False,
    )

    def make(estate: Estate, found: Found) -> Made:
        made = rule_files(
            estate.objectives,
            found.measurements,
            estate.policies,
            paths={document.name: document.path for document in estate.catalog.documents},
            reasons=found.reasons,
        )
        return made.files, made.problems

    generate(chosen, options.instant(at, round(time.time() * 1000)), make, output, ENDINGS, check=check, json=json)


@app.command("openslo")
@console.command
def openslo(
    output: Folder,
    paths: options.Paths = None,
    config: options.Config = None,
    prometheus: options.Prometheus = None,
    store: options.Store = None,
    header: options.Header = None,
    ownership: options.Ownership = None,
    overlay: options.Overlay = None,
    at: options.At = None,
    check: Check = False,
    json: options.Json = False,
) -> None:
    """OpenSLO v1: a service and its SLOs with the queries that count them, one file per document.

    With a source the queries read the series that are really there; without one, those that the profiles promise.
    Exit codes: 0 fine, 1 --check found a difference, 3 documents have errors, 4 a source did not answer, 5 a source
    answered in part. Nothing is written with 3 or 4.
    """
    from observatory.export.openslo import ENDINGS, openslo_files

    chosen = chosen_settings(
        "observatory generate openslo PATH... -o DIR",
        paths=paths,
        config=config,
        prometheus=prometheus,
        store=store,
        header=header,
        overlay=overlay,
        ownership=ownership,
        needs_telemetry=False,
    )

    def make(estate: Estate, found: Found) -> Made:
        made = openslo_files(estate.objectives, found.measurements, estate.catalog.documents, reasons=found.reasons)
        return made.files, made.problems

    generate(chosen, options.instant(at, round(time.time() * 1000)), make, output, ENDINGS, check=check, json=json)


@dataclass(frozen=True)
class Found:
    """By objective id what measures it, or why nothing does."""

    measurements: Mapping[str, Measurement]
    reasons: Mapping[str, Problem]


Made = tuple[Mapping[str, str], tuple[Problem, ...]]
"""Texts by file name, and what to say about them."""


def generate(
    settings: Settings,
    at_ms: int,
    make: Callable[[Estate, Found], Made],
    output: Path,
    endings: Sequence[str],
    *,
    check: bool,
    json: bool,
) -> None:
    """Ask what measures each objective, make the files and put them in place, or say how they differ."""
    from observatory.cli.verdict import verdict
    from observatory.compile.plan import Measurement
    from observatory.evaluate.estate import Estate
    from observatory.rules.writing import differences, orphans, write_files
    from observatory.sources.opening import open_sources

    with open_sources(settings, read_only_store=True) as sources:
        estate = Estate(settings, sources)
        measured, problems = estate.measured(at_ms)
        states = sources.states()
    failed = any(state.state == "failed" for state in states)
    found = Found(
        measurements={key: one for key, one in measured.items() if isinstance(one, Measurement)},
        reasons={key: one for key, one in measured.items() if isinstance(one, Problem)},
    )
    files, said = make(estate, found)
    invalid = any(problem.severity == "error" and problem.location for problem in problems)
    if not invalid:
        problems += said
    stale: tuple[Problem, ...] = ()
    changed: tuple[str, ...] = ()
    # What is written now would lack what the silent source measures, or what a document means and does not say
    # rightly, and a reload would drop those alerts.
    refusal = "a source did not answer" if failed else "the documents have errors" if invalid else ""
    if not refusal:
        problems += orphans(output, files, endings)
        if check:
            stale = differences(output, files)
            problems += stale
        else:
            changed = write_files(output, files)
    if json:
        console.answer_json(
            {
                "schema": SCHEMA,
                "folder": str(output),
                "files": [{"name": name, "changed": name in changed} for name in files],
                "objectives": len(estate.objectives),
                "problems": [problem.to_json() for problem in problems],
            }
        )
    elif not refusal:
        for name in files:
            console.answer(str(output / name))
    console.report(problem for problem in problems if problem not in stale)
    if refusal:
        console.say(f"nothing was {'compared' if check else 'written'}, for {refusal}")
        console.finish(ExitCode.SOURCE_FAILED if failed else ExitCode.INPUT_INVALID)
    console.report(stale)
    code = verdict(problems, states)
    console.finish(ExitCode.GATE_FAILED if stale and code == ExitCode.FINE else code)


def register(parent: typer.Typer) -> None:
    """Attach the group of commands."""
    parent.add_typer(app, name="generate")
