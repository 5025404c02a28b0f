"""Files for other systems: what measures each objective is asked, the files are made, and put in place or compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from observatory.cli import console
from observatory.errors import ExitCode, Problem

if TYPE_CHECKING:
    from observatory.compile.plan import Measurement
    from observatory.evaluate.estate import Estate
    from observatory.settings import Settings

SCHEMA = "observatory.generate/1"

Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for the files; made when it does not exist.")]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; end with exit code 1 when a file would change.")]


class Found(Struct, frozen=True, dict=True):
    """By objective id what measures it, or why nothing does, and where asked for how far apart its samples are."""

    measurements: Mapping[str, Measurement]
    reasons: Mapping[str, Problem]
    seconds_apart: Mapping[str, float] = {}


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
    asks_distances: bool = False,
    push: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
) -> None:
    """Ask what measures each objective, make the files and put them in place, or say how they differ.

    Args:
        asks_distances: Also how far apart the samples are that measure each objective.
        push: Called with files that are in place; it hands them on, and tells what became of each.
    """
    from observatory.cli.verdict import verdict
    from observatory.compile.plan import Measurement
    from observatory.evaluate.estate import Estate
    from observatory.evaluate.sample_distances import sample_distances
    from observatory.rules.writing import differences, orphans, write_files
    from observatory.sources.opening import open_sources

    with open_sources(settings, read_only_store=True) as sources:
        estate = Estate(settings, sources)
        measured, problems = estate.measured(at_ms)
        states = sources.states()
        measurements = {key: one for key, one in measured.items() if isinstance(one, Measurement)}
        # After the states: samples that a server does not hand out are missed in a warning, and in no rule.
        apart = sample_distances(measurements, sources.metrics, at_ms) if asks_distances else {}
    failed = any(state.state == "failed" for state in states)
    found = Found(
        measurements=measurements,
        reasons={key: one for key, one in measured.items() if isinstance(one, Problem)},
        seconds_apart=apart,
    )
    files, said = make(estate, found)
    invalid = any(problem.severity == "error" and problem.location for problem in problems)
    if not invalid:
        problems += said
    stale: tuple[Problem, ...] = ()
    changed: tuple[str, ...] = ()
    pushed: Mapping[str, str] = {}
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
            pushed = push(files) if push is not None else {}
    if json:
        console.answer_json(
            {
                "schema": SCHEMA,
                "folder": str(output),
                "files": [
                    {"name": name, "changed": name in changed} | ({"pushed": pushed[name]} if name in pushed else {})
                    for name in files
                ],
                "objectives": len(estate.objectives),
                "problems": [problem.to_json() for problem in problems],
            }
        )
    elif not refusal:
        for name in files:
            console.answer(f"{output / name}{f' {pushed[name]}' if name in pushed else ''}")
    console.report(problem for problem in problems if problem not in stale)
    if refusal:
        console.say(f"nothing was {'compared' if check else 'written'}, for {refusal}")
        console.finish(ExitCode.SOURCE_FAILED if failed else ExitCode.INPUT_INVALID)
    console.report(stale)
    code = verdict(problems, states)
    console.finish(ExitCode.GATE_FAILED if stale and code == ExitCode.FINE else code)
