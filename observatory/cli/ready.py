"""`observatory ready`: the list before production, channel by channel."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.cli.findings import write_answer
from observatory.errors import ExitCode, Problem, UsageError, in_order, printable
from observatory.units import number_of

if TYPE_CHECKING:
    from observatory.diagnose.ready_items import Readiness
    from observatory.settings import Settings
    from observatory.sources.base import SourceState
    from observatory.spec.catalog import Catalog, Channel
    from observatory.windows import TimeRange

SCHEMA = "observatory.ready/1"
MARKS = {"passed": "ok", "failed": "FAILED", "not_applicable": "-"}
MOST_SHOWN = 200
"""Failed items that are written out for people; --json has all."""


class Form(StrEnum):
    """How the list is written."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


class FailOn(StrEnum):
    """What makes the command end with 1."""

    FAILED = "failed"
    NEVER = "never"


Gate = Annotated[FailOn, typer.Option("--fail-on", help="Exit 1 when an item failed, or never.")]
Shape = Annotated[Form, typer.Option("--format", help="How the list is written.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="File for the list in that format; stdout then shows it as text.")
]
OneChannel = Annotated[
    list[str] | None, typer.Option("--channel", help="Only this channel, by address or id; repeatable.")
]


@console.command
@console.without_collection
@choosing("observatory ready PATH...", needs_telemetry=False, no_cache=True)
def ready(
    choose: Choose,
    at: options.UntilNow = None,
    since: options.Since = "24h",
    channel: OneChannel = None,
    form: Shape = Form.TEXT,
    output: Output = None,
    json: options.Json = False,
    fail_on: Gate = FailOn.FAILED,
) -> None:
    """Check every channel before production: document, objectives, telemetry, dead letters, traces, owner, runbook.

    Exit codes: 0 fine, 1 an item failed, 3 documents have errors, 4 no source answered, 5 a source answered in part.
    """
    from observatory.cli.junit_report import as_junit
    from observatory.cli.map import chosen_channels
    from observatory.cli.surveying import conclude
    from observatory.cli.verdict import told_by
    from observatory.spec.load import configured_catalog

    shape = Form.JSON if json else form
    if output is not None and shape == Form.TEXT:
        raise UsageError("--output takes --format json or junit; text is shown anyway")
    span = options.looked_at(at, since, time.time_ns() // 1_000_000)
    settings = choose()
    catalog = configured_catalog(settings)
    found, states, heard = _checked(catalog, chosen_channels(catalog, channel or ()), settings, span)
    problems = in_order([*catalog.problems, *heard, *told_by(states)])
    written = {
        Form.TEXT: lambda: as_text(found),
        Form.JSON: lambda: console.as_json(as_json(found, span, states, problems)),
        Form.JUNIT: lambda: as_junit(found, span.end_ms, states),
    }
    if output is not None:
        write_answer(output, written[shape]() + "\n")
        shape = Form.TEXT
    console.answer(written[shape]())
    conclude(problems, states)
    if fail_on == FailOn.FAILED and any(one.failed for one in found):
        console.finish(ExitCode.GATE_FAILED)


def _checked(
    catalog: Catalog, channels: Sequence[Channel], settings: Settings, span: TimeRange
) -> tuple[list[Readiness], tuple[SourceState, ...], list[Problem]]:
    from observatory.compile.measure import measure
    from observatory.diagnose.readiness import Checklist, count_hops
    from observatory.objectives.load import objectives_of

    objectives, heard = objectives_of(catalog)
    problems = list(heard)
    if not settings.prometheus and settings.store is None:
        checklist = Checklist(catalog=catalog, objectives=objectives, survey=None, measured={})
        return [checklist.of(one) for one in channels], (), problems
    from observatory.cli.surveying import opened

    with opened(catalog, settings, span) as asked:
        found = asked.survey()
        checklist = Checklist(
            catalog=catalog,
            objectives=objectives,
            survey=found,
            measured={one.id: measure(one, found.mapping, found.names) for one in objectives},
            hops=count_hops(catalog, found, asked.sources, span, problems),
            spans_asked=asked.spans_answered(found),
        )
        states = asked.sources.states()
    return [checklist.of(one) for one in channels], states, [*problems, *found.problems]


def as_json(
    found: Sequence[Readiness], span: TimeRange, states: Sequence[SourceState], problems: Sequence[Problem]
) -> dict[str, Any]:
    """The object that `ready --json` prints."""
    from observatory.cli.surveying import ranged_json

    items = [item for one in found for item in one.items]
    counts = {state: sum(1 for item in items if item.state == state) for state in MARKS}
    return ranged_json(SCHEMA, span, states, problems, counts=counts, channels=[one.to_json() for one in found])


def as_text(found: Sequence[Readiness]) -> str:
    """One line per channel, then every failed item with its evidence and what to do."""
    from observatory.cli.columns import table
    from observatory.diagnose.ready_items import TITLES

    head = ("channel", *TITLES.values())
    rows = [(printable(one.channel.id), *(MARKS[item.state] for item in one.items)) for one in found]
    parts = [table(head, rows, console.width()) if rows else "no channels"]
    failed = [(one, item) for one in found for item in one.failed]
    lines = []
    for one, item in failed[:MOST_SHOWN]:
        lines.append(f"{one.channel.id}: {TITLES[item.name]}: {item.evidence}")
        lines += [f"  {item.hint}"] if item.hint else []
    if len(failed) > MOST_SHOWN:
        lines.append(f"and {len(failed) - MOST_SHOWN:,} more, which --json lists")
    parts += ["\n".join(printable(line) for line in lines)] if lines else []
    ready_ones = sum(1 for one in found if not one.failed)
    parts.append(f"ready for production: {ready_ones} of {number_of(len(found), 'channel')}")
    return "\n\n".join(parts)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ready")(ready)
