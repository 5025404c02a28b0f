"""`observatory status`: SLI, error budget, burn rates and state of every objective at an instant."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.errors import ExitCode, Problem

if TYPE_CHECKING:
    from observatory.evaluate.estate_status import Status


class FailOn(StrEnum):
    """What makes the command end with exit code 1."""

    BREACHED = "breached"
    AT_RISK = "at-risk"
    NEVER = "never"


Gate = Annotated[
    FailOn,
    typer.Option("--fail-on", help="End with exit code 1 when an objective is breached, or at risk, or never."),
]
Before = Annotated[
    bool,
    typer.Option("--before", help="Count the window before each objective's own as well, and set it beside this one."),
]


@console.command
@console.without_collection
@choosing("observatory status PATH...", clickhouse=True)
def status(
    choose: Choose,
    at: options.At = None,
    fail_on: Gate = FailOn.NEVER,
    before: Before = False,
    json: options.Json = False,
) -> None:
    """SLI, error budget, burn rates and state of every objective and every user journey.

    Exit codes: 0 fine, 1 the gate of --fail-on, 3 documents have errors, 4 no source answered, 5 a source answered in
    part or one of several failed.
    """
    at_ms = options.instant(at, round(time.time() * 1000))

    from observatory.cli.status_before import looked_back, show_before
    from observatory.evaluate.estate import Estate
    from observatory.sources.opening import open_sources

    settings = choose()
    with open_sources(settings, read_only_store=True) as sources:
        estate = Estate(settings, sources, keeper=sources.keeper)
        snapshot = estate.snapshot(at_ms)
        found = looked_back(estate, snapshot) if before else snapshot.status
    if json:
        console.answer_json(found.to_json())
    else:
        from observatory.cli.status_text import show

        show(found)
        if before:
            show_before(found)
    report(found, json)
    console.finish(exit_code(found, fail_on))


def report(found: Status, json: bool) -> None:
    """Problems of the run on stderr; those of single objectives too, unless the JSON holds them already."""
    problems: list[Problem] = list(found.problems)
    if not json:
        judged = (*found.objectives, *(one.status for one in found.journeys))
        problems += [problem for one in judged for problem in one.problems if problem.severity != "info"]
    console.report(problems)


def exit_code(found: Status, fail_on: FailOn) -> ExitCode:
    """What the status means to the shell: the most serious of what is wrong."""
    from observatory.evaluate.estate import everything_failed, is_partial

    if any(problem.severity == "error" and problem.location for problem in found.problems):
        return ExitCode.INPUT_INVALID
    if everything_failed(found):
        return ExitCode.SOURCE_FAILED
    if is_partial(found):
        return ExitCode.PARTIAL_DATA
    gate: set[str] = {FailOn.BREACHED: {"breached"}, FailOn.AT_RISK: {"breached", "at_risk"}, FailOn.NEVER: set()}[
        fail_on
    ]
    states = {one.state for one in found.objectives} | {one.status.state for one in found.journeys}
    if states & gate:
        return ExitCode.GATE_FAILED
    return ExitCode.FINE


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command("status")(status)
