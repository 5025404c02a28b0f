"""The status for people: a table of objectives, worst first, and below it what explains its numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from observatory.cli import console
from observatory.cli import objective_cells as cells
from observatory.cli.fitted_table import Cell, fitted
from observatory.evaluate.status import STATES
from observatory.spec.catalog import CRITICALITIES
from observatory.units import format_count, format_duration, number_of
from observatory.windows import format_instant

if TYPE_CHECKING:
    from observatory.evaluate.estate_status import Status
    from observatory.evaluate.not_counted import Held
    from observatory.evaluate.status import ObjectiveStatus

MOST_UNSURE = 5
MOST_NOT_COUNTED = 5
MOST_PLANNED = 20
"""Objectives whose planned work is shown below the table."""
NARROW, MEDIUM, WIDTH = 90, 120, 160
NARROWEST_ID = 20
BETWEEN_COLUMNS, AT_THE_EDGES = 3, 2
"""Blank cells of the table."""
ALL_COLUMNS = 124
"""Cells that the columns beside the objective take on a wide terminal."""


class _Place(Struct, frozen=True):
    """Where the table is shown, and of which instant."""

    at_ms: int
    out: Console


class _Column(Struct, frozen=True):
    """A column and what it says of an objective, on terminals of so many cells or more."""

    name: str
    cell: Callable[[ObjectiveStatus, _Place], Cell]
    side: Literal["left", "right"] = "left"
    from_width: int = 0
    overflow: Literal["fold", "ellipsis"] = "ellipsis"


ID = 1
"""Which of the columns is the objective's id, the only one that may be broken."""
COLUMNS = (
    _Column("State", lambda one, _: cells.state(one)),
    _Column("Objective", lambda one, _: one.objective.id, overflow="fold"),
    _Column("SLI", lambda one, _: cells.ratio(one), "right"),
    _Column("Target", lambda one, _: cells.target(one), "right", NARROW),
    _Column("Budget left", lambda one, place: cells.budget_bar(one, place.out)),
    _Column("Burn 1h", lambda one, _: cells.burn(one), "right"),
    _Column("Budget ends", lambda one, place: cells.ends(one, place.at_ms), "left", WIDTH),
    _Column("Lag", lambda one, _: cells.level(one), "right", NARROW),
    _Column("Events", lambda one, _: cells.events(one), "right", MEDIUM),
    _Column("Owner", lambda one, _: cells.owner(one), "left", MEDIUM),
)


def show(found: Status) -> None:
    """A table for people, worst first; columns give way on narrow terminals, colours to NO_COLOR."""
    # Into a file or a pipe each objective is one line, for those who search it.
    out = Console(file=sys.stdout, width=console.width() or _width_of(found), highlight=False, soft_wrap=False)
    objectives = worst_first(found.objectives)
    if found.objectives:
        room = _show_objectives(out, objectives, found.at_ms)
        _show_planned(out, objectives, room)
        _show_unsure(out, objectives)
        _show_not_counted(out, objectives)
    elif not found.journeys:
        faulty = any(problem.severity == "error" for problem in found.problems)
        out.print(f"no objectives: {'the documents have errors' if faulty else 'no operation has x-slo'}")
    if found.journeys:
        from observatory.cli.journeys_text import show_journeys

        worst = worst_first([one.status for one in found.journeys])
        ordered = sorted(found.journeys, key=lambda one: worst.index(one.status))
        show_journeys(ordered, out)
    states = _in_states(found.objectives)
    out.print(
        Text(f"{number_of(len(found.objectives), 'objective')} at {format_instant(found.at_ms)}: {states}", "dim")
    )
    if found.journeys:
        states = _in_states([one.status for one in found.journeys])
        out.print(Text(f"{number_of(len(found.journeys), 'journey')}: {states}", "dim"))


def _in_states(objectives: Sequence[ObjectiveStatus]) -> str:
    """How many objectives are in each state, worst first, empty states left out; `none` without objectives."""
    numbers = [(sum(1 for one in objectives if one.state == state), state) for state in STATES]
    return ", ".join(f"{number} {state.replace('_', ' ')}" for number, state in numbers if number) or "none"


def worst_first(objectives: Sequence[ObjectiveStatus]) -> list[ObjectiveStatus]:
    """By state, then by budget left, then by criticality and id."""

    def key(one: ObjectiveStatus) -> tuple[int, float, int, str]:
        left = one.budget.remaining_ratio if one.budget else None
        return (
            STATES.index(one.state),
            left if left is not None else 2.0,
            CRITICALITIES.index(one.objective.criticality),
            one.objective.id,
        )

    return sorted(objectives, key=key)


def _show_objectives(out: Console, objectives: Sequence[ObjectiveStatus], at_ms: int) -> int:
    """The table itself; returns how many cells it leaves for ids."""
    columns = [column for column in COLUMNS if out.width >= column.from_width]
    head = [column.name for column in columns]
    place = _Place(at_ms, out)
    rows = [[column.cell(one, place) for column in columns] for one in objectives]
    room = _room_for_ids(head, rows, out.width)
    for row in rows:
        row[ID] = Text(cells.folded(str(row[ID]), room))
    fitting = fitted(head, [column.side for column in columns], rows, out)
    if fitting is not None:
        out.print(fitting, crop=False)
        return room

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
    rows: list[tuple[str | Text, ...]] = []
    unchanged = 0
    for one in objectives:
        if (left := one.left_out) is None:
            continue
        target = one.objective.target
        shares = [cells.share(numbers.counts.ratio, target) for numbers in (left.applied, left.all)]
        budgets = [cells.percent_left(numbers.counts, target) for numbers in (left.applied, left.all)]
        if shares[0] == shares[1] and budgets[0] == budgets[1] and not left.silenced:
            unchanged += 1
            continue
        work = dict.fromkeys(f"{each.exclusion.reason} ({each.exclusion.approver})" for each in left.work)
        counted = "not in the budget" if left.use == "budget" else "in the budget, alerts leave it out"
        silenced = f"; silences {' and '.join(left.silenced)}" if left.silenced else ""
        words = Text(f"{'; '.join(work)}: {counted}{silenced}")
        name = Text(cells.folded(one.objective.id, room))
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
    unsure = [one for one in objectives if one.is_unsure]
    if not unsure:
        return
    out.print(Text("Not sure on which side of the target, by the interval of the share:", "dim"))
    for one in unsure[:MOST_UNSURE]:
        assert one.counts is not None
        assert one.interval is not None
        target = one.objective.target
        low, high = (cells.share(share, target) for share in one.interval)
        events = format_count(round(one.counts.total))
        out.print(Text(f"  {one.objective.id}: {low} to {high}, {events} events, target {target * 100:g} %", "dim"))
    if len(unsure) > MOST_UNSURE:
        out.print(Text(f"  and {len(unsure) - MOST_UNSURE} more: interval in --json", "dim"))


def _show_not_counted(out: Console, objectives: Sequence[ObjectiveStatus]) -> None:
    """Objectives of which first values are not counted, those first that may lack the largest share of their events."""
    lacking = [
        (one.not_counted.all.events / max(1.0, one.counts.total), one, one.counts, one.not_counted)
        for one in objectives
        if one.counts is not None and one.not_counted is not None and one.not_counted.all.first_values
    ]
    if not lacking:
        return
    lacking.sort(key=lambda entry: -entry[0])
    out.print(Text("Not counted are first values of counters of which nothing tells when they began:", "dim"))
    for _, one, counts, missing in lacking[:MOST_NOT_COUNTED]:
        words = []
        if missing.new.first_values:
            share = missing.new.events / max(1.0, counts.total)
            words.append(
                f"{number_of(missing.new.first_values, 'counter')} with at most {_held(missing.new)}, +{share:.2%}"
            )
        if missing.large.first_values:
            words.append(f"a history of {number_of(missing.large.first_values, 'counter')} with {_held(missing.large)}")
        out.print(Text(f"  {one.objective.id}: {'; '.join(words)}", "dim"))
    if len(lacking) > MOST_NOT_COUNTED:
        out.print(Text(f"  and {len(lacking) - MOST_NOT_COUNTED} more: not_counted in --json", "dim"))


def _held(some: Held) -> str:
    return f"{format_count(round(some.events))} events ({format_count(round(some.bad))} bad)"


def _width_of(found: Status) -> int:
    """Cells that hold the longest id beside every other column."""
    return max([WIDTH, *(ALL_COLUMNS + len(one.objective.id) for one in found.objectives)])


def _room_for_ids(headers: Sequence[str], rows: Sequence[Sequence[str | Text]], width: int) -> int:
    """Cells that the table leaves for ids: the second column, beside others that are never broken."""
    beside = [
        max(cell_len(str(cell)) for cell in column)
        for number, column in enumerate(zip(headers, *rows, strict=True))
        if number != ID
    ]
    return max(NARROWEST_ID, width - sum(beside) - BETWEEN_COLUMNS * len(beside) - AT_THE_EDGES)
