"""`observatory status`: SLI, error budget, burn rates and state of every objective at an instant."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from observatory.cli import console, options
from observatory.cli.chosen import Choose, choosing
from observatory.errors import ExitCode, Problem
from observatory.units import format_count, format_duration, format_percentage

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from observatory.evaluate.status import ObjectiveStatus, Status
    from observatory.indicators.counts import Counts


class FailOn(StrEnum):
    """What makes the command end with exit code 1."""

    BREACHED = "breached"
    AT_RISK = "at-risk"
    NEVER = "never"


Gate = Annotated[
    FailOn,
    typer.Option("--fail-on", help="End with exit code 1 when an objective is breached, or at risk, or never."),
]
STATE_STYLE = {
    "breached": "bold red",
    "at_risk": "yellow",
    "no_data": "magenta",
    "unmapped": "magenta",
    "no_traffic": "dim",
    "meeting": "green",
}
Before = Annotated[
    bool,
    typer.Option("--before", help="Count the window before each objective's own as well, and set it beside this one."),
]
BAR_CELLS = 10
MOST_UNSURE = 5
MOST_PLANNED = 20
"""Objectives whose planned work is shown below the table."""
NARROW, MEDIUM, WIDTH = 90, 120, 160
NARROWEST_ID = 20
BETWEEN_COLUMNS, AT_THE_EDGES = 3, 2
"""Blank cells of the table."""
ALL_COLUMNS = 124
"""Cells that the columns beside the objective take on a wide terminal."""


class _Column(NamedTuple):
    """A column, on terminals of so many cells or more."""

    name: str
    side: Literal["left", "right"] = "left"
    from_width: int = 0
    overflow: Literal["fold", "ellipsis"] = "ellipsis"


COLUMNS = (
    _Column("State"),
    _Column("Objective", overflow="fold"),
    _Column("SLI", "right"),
    _Column("Target", "right", NARROW),
    _Column("Budget left"),
    _Column("Burn 1h", "right"),
    _Column("Budget ends", "left", WIDTH),
    _Column("Lag", "right", NARROW),
    _Column("Events", "right", MEDIUM),
    _Column("Owner", "left", MEDIUM),
)


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


def show(found: Status) -> None:
    """A table for people, worst first; columns give way on narrow terminals, colours to NO_COLOR."""
    from rich.console import Console
    from rich.text import Text

    from observatory.windows import format_instant

    # Into a file or a pipe each objective is one line, for those who search it.
    out = Console(file=sys.stdout, width=console.width() or _width_of(found), highlight=False, soft_wrap=False)
    objectives = worst_first(found.objectives)
    if found.objectives:
        room = _show_objectives(out, objectives, found.at_ms)
        _show_planned(out, objectives, room)
        _show_unsure(out, objectives)
    elif not found.journeys:
        faulty = any(problem.severity == "error" for problem in found.problems)
        out.print(f"no objectives: {'the documents have errors' if faulty else 'no operation has x-slo'}")
    if found.journeys:
        from observatory.cli.journeys_text import show_journeys

        worst = worst_first([one.status for one in found.journeys])
        ordered = sorted(found.journeys, key=lambda one: worst.index(one.status))
        show_journeys(ordered, out, STATE_STYLE.__getitem__, lambda one: _bar(one, out), _burn, folded)
    counts = ", ".join(
        f"{number} {state.replace('_', ' ')}" for state, number in state_counts(found.objectives).items()
    )
    noun = "objective" if len(found.objectives) == 1 else "objectives"
    out.print(Text(f"{len(found.objectives)} {noun} at {format_instant(found.at_ms)}: {counts or 'none'}", "dim"))
    if found.journeys:
        states = state_counts([one.status for one in found.journeys])
        told = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in states.items())
        out.print(Text(f"{len(found.journeys)} {'journey' if len(found.journeys) == 1 else 'journeys'}: {told}", "dim"))


def _show_objectives(out: Console, objectives: Sequence[ObjectiveStatus], at_ms: int) -> int:
    """The table itself; returns how many cells it leaves for ids."""
    from rich.text import Text

    from observatory.cli.fitted_table import fitted

    columns = [column for column in COLUMNS if out.width >= column.from_width]
    head = [column.name for column in columns]
    rows = [_cells(one, at_ms, out) for one in objectives]
    room = _room_for_ids(head, rows, out.width)
    for row in rows:
        row[1] = Text(folded(str(row[1]), room))
    fitting = fitted(head, [column.side for column in columns], rows, out)
    if fitting is not None:
        out.print(fitting, crop=False)
        return room

    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for column in columns:
        table.add_column(
            column.name,
            justify=column.side,
            overflow=column.overflow,
            no_wrap=column.overflow != "fold",
            ratio=1 if column.overflow == "fold" else None,
        )
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    out.print(table)
    return room


def _show_planned(out: Console, objectives: Sequence[ObjectiveStatus], room: int) -> None:
    """Planned work below the table: who approved it, and the numbers with and without it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows: list[tuple[str | Text, ...]] = []
    unchanged = 0
    for one in objectives:
        if (left := one.left_out) is None:
            continue
        target = one.objective.target
        shares = [_share(numbers.counts.ratio, target) for numbers in (left.applied, left.all)]
        budgets = [_percent_left(numbers.counts, target) for numbers in (left.applied, left.all)]
        if shares[0] == shares[1] and budgets[0] == budgets[1] and not left.silenced:
            unchanged += 1
            continue
        work = dict.fromkeys(f"{each.exclusion.reason} ({each.exclusion.approver})" for each in left.work)
        counted = "not in the budget" if left.use == "budget" else "in the budget, alerts leave it out"
        silenced = f"; silences {' and '.join(left.silenced)}" if left.silenced else ""
        words = Text(f"{'; '.join(work)}: {counted}{silenced}")
        name = Text(folded(one.objective.id, room))
        rows.append((name, words, format_duration(left.seconds), *shares, *budgets))
    if rows:
        table = Table(
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            title="Planned work, with the exclusion and without",
            title_justify="left",
        )
        table.add_column("Objective", overflow="fold")
        table.add_column("Work", overflow="fold")
        for column in ("Lasts", "SLI with", "without", "Left with", "without"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in rows[:MOST_PLANNED]:
            table.add_row(*row)
        out.print(table)
    if len(rows) > MOST_PLANNED:
        out.print(Text(f"{len(rows) - MOST_PLANNED} more that planned work changes: --json lists all", "dim"))
    if unchanged:
        noun = "objective has" if unchanged == 1 else "objectives have"
        more = "more " if rows else ""
        out.print(Text(f"{unchanged} {more}{noun} planned work in the window that changes nothing shown here", "dim"))


def _show_unsure(out: Console, objectives: Sequence[ObjectiveStatus]) -> None:
    """Objectives that chance, or the error bars of their lag, may have put on their side of the target."""
    from rich.text import Text

    unsure = [one for one in objectives if one.is_unsure]
    if not unsure:
        return
    out.print(Text("Not sure on which side of the target, by the interval of the share:", "dim"))
    for one in unsure[:MOST_UNSURE]:
        assert one.counts is not None
        assert one.interval is not None
        target = one.objective.target
        low, high = (_share(share, target) for share in one.interval)
        events = format_count(round(one.counts.total))
        out.print(Text(f"  {one.objective.id}: {low} to {high}, {events} events, target {target * 100:g} %", "dim"))
    if len(unsure) > MOST_UNSURE:
        out.print(Text(f"  and {len(unsure) - MOST_UNSURE} more: interval in --json", "dim"))


def _share(ratio: float | None, target: float) -> str:
    return "-" if ratio is None else format_percentage(ratio, target=target)


def _percent_left(counts: Counts, target: float) -> str:
    from observatory.objectives.budget import remaining_ratio

    left = remaining_ratio(counts, target)
    return "-" if left is None else f"{left * 100:.0f} %"


def _width_of(found: Status) -> int:
    """Cells that hold the longest id beside every other column."""
    return max([WIDTH, *(ALL_COLUMNS + len(one.objective.id) for one in found.objectives)])


def _cells(one: ObjectiveStatus, at_ms: int, out: Console) -> list[str | Text]:
    """One row of the table: what there is room for."""
    from rich.text import Text

    width = out.width
    cells: list[str | Text] = [
        Text(one.state.replace("_", " "), STATE_STYLE[one.state]),
        one.objective.id,
        _share(one.counts.ratio if one.counts else None, one.objective.target),
    ]
    if width >= NARROW:
        cells.append(f"{one.objective.target * 100:g} %")
    cells += [_bar(one, out), _burn(one)]
    if width >= WIDTH:
        cells.append(ends(one, at_ms))
    if width >= NARROW:
        cells.append(_level(one))
    if width >= MEDIUM:
        cells.append(format_count(round(one.counts.total)) if one.counts else "-")
        cells.append(one.objective.owner.team if one.objective.owner else "-")
    return cells


def _room_for_ids(headers: Sequence[str], rows: Sequence[Sequence[str | Text]], width: int) -> int:
    """Cells that the table leaves for ids: the second column, beside others that are never broken."""
    from rich.cells import cell_len

    beside = [
        max(cell_len(str(cell)) for cell in column)
        for number, column in enumerate(zip(headers, *rows, strict=True))
        if number != 1
    ]
    return max(NARROWEST_ID, width - sum(beside) - BETWEEN_COLUMNS * len(beside) - AT_THE_EDGES)


def folded(name: str, room: int) -> str:
    """An objective's id on as many lines as it needs, broken after slashes, so that its words stay whole."""
    lines = [""]
    for part in re.findall(r"[^/]+/?|/", name):
        if lines[-1] and len(lines[-1]) + len(part) > room:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def worst_first(objectives: Sequence[ObjectiveStatus]) -> list[ObjectiveStatus]:
    """By state, then by budget left, then by criticality and id."""
    from observatory.evaluate.status import STATES
    from observatory.spec.catalog import CRITICALITIES

    def key(one: ObjectiveStatus) -> tuple[int, float, int, str]:
        left = one.budget.remaining_ratio if one.budget else None
        return (
            STATES.index(one.state),
            left if left is not None else 2.0,
            CRITICALITIES.index(one.objective.criticality),
            one.objective.id,
        )

    return sorted(objectives, key=key)


def state_counts(objectives: Sequence[ObjectiveStatus]) -> dict[str, int]:
    """How many objectives are in each state, worst first, empty states left out."""
    from observatory.evaluate.status import STATES

    counts = {state: sum(1 for one in objectives if one.state == state) for state in STATES}
    return {state: number for state, number in counts.items() if number}


def _bar(one: ObjectiveStatus, out: Console) -> Text:
    from rich.text import Text

    left = one.budget.remaining_ratio if one.budget else None
    if left is None:
        return Text("-")
    cells = max(0, min(BAR_CELLS, round(left * BAR_CELLS)))
    full, empty = ("█", "░") if (out.encoding or "").lower().startswith("utf") else ("#", ".")
    style = "red" if left < 0 else "yellow" if left < 0.25 else "green"
    return Text.assemble((full * cells, style), (empty * (BAR_CELLS - cells), "dim"), f" {left * 100:5.0f} %")


def _burn(one: ObjectiveStatus) -> str:
    rate = one.burn_rates.get("1h")
    return "-" if rate is None else f"{rate:.3g}x"


def ends(one: ObjectiveStatus, at_ms: int) -> str:
    """When the budget ends, as the interval that holds it in 80 of 100 cases: `2 h to 3 d`, `4 d or later`, `no`."""
    left = one.budget.remaining_ratio if one.budget else None
    if left is not None and left < 0:
        return "spent"
    if one.outlook is None:
        return "-"
    if one.outlook.earliest_ms is None:
        return "no"
    earliest = _ahead(one.outlook.earliest_ms - at_ms)
    if one.outlook.latest_ms is None:
        return f"{earliest} or later"
    latest = _ahead(one.outlook.latest_ms - at_ms)
    return f"in {earliest}" if earliest == latest else f"{earliest} to {latest}"


def _ahead(after_ms: int) -> str:
    """A time ahead in one unit, `6 h`."""
    seconds = after_ms / 1000
    for unit, size, most in (("min", 60, 5400), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def _level(one: ObjectiveStatus) -> str:
    if one.level is None or one.level.last is None:
        return "-"
    match one.level.unit:
        case "second":
            return format_duration(one.level.last) if one.level.last else "0 s"
        case "ratio":
            return f"{one.level.last * 100:.3g} %"
        case _:
            return format_count(round(one.level.last))


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command("status")(status)
