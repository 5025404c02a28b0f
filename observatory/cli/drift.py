"""`observatory drift`: the documents against what runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.errors import ExitCode, Problem, in_order, printable

if TYPE_CHECKING:
    from observatory.diagnose.drift.finding import Drift, DriftReport
    from observatory.sources.base import SourceState
    from observatory.windows import TimeRange

SCHEMA = "observatory.drift/1"
MOST_SHOWN = 200
"""Findings of one kind that are written out for people; --json has all."""
MOST_NAMED = 8
TITLES = {
    "misnamed": "Misnamed (F2): silent channels beside an undeclared name that is nearly theirs",
    "binding": "Other than the binding says (F8)",
    "undeclared-channel": "Undeclared: seen in telemetry, in no document",
    "undeclared-producer": "Undeclared producers",
    "undeclared-consumer": "Undeclared consumers and groups",
    "silent-channel": "Silent: declared, without a sign of life",
    "silent-operation": "Silent producers and consumers",
    "owner-missing": "Without an owner",
}


class FailOn(StrEnum):
    """What makes the command end with 1."""

    ANY = "any"
    UNDECLARED = "undeclared"
    SILENT = "silent"
    MISNAMED = "misnamed"
    BINDING = "binding"
    OWNER = "owner"


Gate = Annotated[
    list[FailOn] | None, typer.Option("--fail-on", help="Exit 1 when there is a finding of this kind; repeatable.")
]
WithInternal = Annotated[
    bool, typer.Option("--internal", help="Internal, dead-letter, retry and ignored names count as undeclared too.")
]

Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", help="Names that need no document, such as 'scratch.*', besides those of the settings."),
]


@console.command
@console.without_collection
@choosing("observatory drift PATH...", no_cache=True)
def drift(
    choose: Choose,
    at: options.UntilNow = None,
    since: options.Since = "24h",
    internal: WithInternal = False,
    ignore: Ignore = None,
    json: options.Json = False,
    fail_on: Gate = None,
) -> None:
    """Compare documents with what runs: undeclared and silent names, participants, bindings, owners.

    Exit codes: 0 fine, 1 findings that --fail-on names, 3 documents have errors, 4 no source answered, 5 a source
    answered in part or one of several failed.
    """
    from observatory.cli.surveying import conclude, opened
    from observatory.cli.verdict import told_by
    from observatory.diagnose.drift.compare import drift as compare
    from observatory.settings.drift import IgnoredNames
    from observatory.spec.load import configured_catalog

    span = options.looked_at(at, since, time.time_ns() // 1_000_000)
    settings = choose()
    by_hand = IgnoredNames(tuple(ignore or ()), "ignored by --ignore")
    ignored = (*settings.drift.ignore, by_hand)
    catalog = configured_catalog(settings)
    with opened(catalog, settings, span) as asked:
        found = asked.survey()
        report = compare(catalog, asked.profiles, found, asked.sources, span, with_internal=internal, ignored=ignored)
        states = asked.sources.states()
    problems = in_order([*catalog.problems, *found.problems, *report.problems, *told_by(states)])
    if json:
        console.answer_json(as_json(report, span, states, problems))
    else:
        console.answer(as_text(report, len(catalog.channels)))
    conclude(problems, states, partial=bool(found.failed or report.problems))
    if failing := gated(report, fail_on or ()):
        console.say(f"{failing} findings fail this build")
        console.finish(ExitCode.GATE_FAILED)


def gated(report: DriftReport, gates: Sequence[FailOn]) -> int:
    """How many findings the gates are about."""
    from observatory.diagnose.drift.finding import GROUPS

    if FailOn.ANY in gates:
        return len(report.findings)
    kinds = {kind for gate in gates for kind in GROUPS[gate.value]}
    return sum(1 for one in report.findings if one.kind in kinds)


def as_json(
    report: DriftReport, span: TimeRange, states: Sequence[SourceState], problems: Sequence[Problem]
) -> dict[str, Any]:
    """The object that `drift --json` prints."""
    from observatory.cli.surveying import ranged_json
    from observatory.diagnose.drift.finding import ORDER

    return ranged_json(
        SCHEMA,
        span,
        states,
        problems,
        counts={kind: sum(1 for one in report.findings if one.kind == kind) for kind in ORDER},
        findings=[one.to_json() for one in report.findings],
        set_aside=[{"name": name, "reason": why} for name, why in report.set_aside.items()],
        not_observable=[{"channel_id": one, "reason": why} for one, why in report.unseen.items()],
        not_compared=[
            {"key": key, "places": one.places, "reason": one.why} for key, one in report.not_compared.items()
        ],
    )


def as_text(report: DriftReport, channels: int) -> str:
    """Findings by kind as tables, then what was left aside and what could not be compared."""
    from observatory.cli.columns import table

    parts: list[str] = []
    for kind, title in TITLES.items():
        findings = [one for one in report.findings if one.kind == kind]
        if not findings:
            continue
        rows = [[printable(cell) for cell in _row(one)] for one in findings[:MOST_SHOWN]]
        more = f"\nand {len(findings) - MOST_SHOWN:,} more, which --json lists" if len(findings) > MOST_SHOWN else ""
        head = ("name", "what", "messages", "seen", "by", "declared at")
        parts.append(f"{title} ({len(findings)})\n{table(head, rows, console.width())}{more}")
    many = f"{len(report.findings)} differences" if len(report.findings) != 1 else "1 difference"
    parts.append("\n".join([f"{many} on {channels} declared channels", *_asides(report)]))
    return "\n\n".join(parts)


def _row(one: Drift) -> tuple[str, ...]:
    from observatory.units import format_count
    from observatory.windows import format_instant

    seen = one.seen
    messages = format_count(seen.messages) if seen and seen.messages is not None else "-"
    when = "-"
    if seen and seen.first_ms is not None and seen.last_ms is not None:
        when = f"{format_instant(seen.first_ms)} to {format_instant(seen.last_ms)}"
    place = str(one.location) if one.location else "-"
    return one.subject, one.words, messages, when, ", ".join(one.sources) or "-", place


def _asides(report: DriftReport) -> list[str]:
    asides = (
        ("left aside, --internal shows them", [f"{name} ({why})" for name, why in report.set_aside.items()]),
        ("not observable, so neither here nor silent", list(report.unseen)),
    )
    lines = [f"{what}: {_some(names)}" for what, names in asides if names]
    for key, one in list(report.not_compared.items())[:MOST_NAMED]:
        places = f"{one.places} place{'s' if one.places > 1 else ''}"
        lines.append(f"declared in {places} and not compared: {key} ({one.why})")
    if len(report.not_compared) > MOST_NAMED:
        lines.append(f"and {len(report.not_compared) - MOST_NAMED} more declared values that telemetry does not show")
    return [printable(line) for line in lines]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drift")(drift)
