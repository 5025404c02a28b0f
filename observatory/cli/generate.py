"""`observatory generate`: files for other systems, from the documents and from what really measures them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from observatory.cli import console, options
from observatory.errors import ExitCode, Problem, UsageError

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
    overlay: options.Overlay = None,
    ownership: options.Ownership = None,
    at: options.At = None,
    check: Check = False,
    json: options.Json = False,
) -> None:
    """Recording rules, burn-rate alerts and their promtool tests, one pair of files per document.

    With a source the rules read the series that are really there; without one, those that the profiles promise.
    Exit codes: 0 fine, 1 --check found a difference, 3 documents have errors, 4 no source answered.
    """
    at_ms = options.instant(at, round(time.time() * 1000))

    from observatory.compile.plan import Measurement
    from observatory.evaluate.estate import Estate
    from observatory.rules.generate import rule_files
    from observatory.rules.writing import differences, orphans, write_files
    from observatory.settings import load_settings
    from observatory.sources.opening import open_sources

    settings = load_settings(
        config,
        os.environ,
        documents=tuple(paths or ()),
        prometheus_url=prometheus,
        store=store,
        headers=tuple(header or ()),
        overlays=tuple(overlay or ()),
        ownership=tuple(ownership or ()),
    )
    if not settings.documents:
        raise UsageError("say which documents: observatory generate rules PATH... -o DIR")
    with open_sources(settings, read_only_store=True) as sources:
        estate = Estate(settings, sources)
        found, problems = estate.measured(at_ms)
        failed = [state for state in sources.states() if state.state == "failed"]
    made = rule_files(
        estate.objectives,
        {key: one for key, one in found.items() if isinstance(one, Measurement)},
        estate.policies,
        paths={document.name: document.path for document in estate.catalog.documents},
        reasons={key: one for key, one in found.items() if isinstance(one, Problem)},
    )
    problems += made.problems
    if failed:
        # Rules written now would lack what the silent source measures, and a reload would drop those alerts.
        console.report(problems)
        console.say("nothing was written, for a source did not answer")
        raise typer.Exit(int(ExitCode.SOURCE_FAILED))
    stale = differences(output, made.files)
    problems += orphans(output, made.files)
    changed: tuple[str, ...] = ()
    if check:
        problems += stale
    else:
        changed = write_files(output, made.files)
    if json:
        console.answer_json(
            {
                "schema": SCHEMA,
                "folder": str(output),
                "files": [{"name": name, "changed": name in changed} for name in made.files],
                "objectives": len(estate.objectives),
                "problems": [problem.to_json() for problem in problems],
            }
        )
    else:
        for name in made.files:
            console.answer(str(output / name))
    code = console.report(problem for problem in problems if problem not in stale)
    if check and stale:
        console.report(stale)
        code = ExitCode.GATE_FAILED if code == ExitCode.FINE else code
    console.finish(code)


def register(parent: typer.Typer) -> None:
    """Attach the group of commands."""
    parent.add_typer(app, name="generate")
