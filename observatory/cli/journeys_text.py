"""Journeys of the status for people: a table like that of objectives, with the bounds, and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from observatory.cli import objective_cells as cells
from observatory.units import format_percentage

if TYPE_CHECKING:
    from rich.console import Console

    from observatory.evaluate.journey_status import JourneyStatus

NARROW, MEDIUM = 90, 120


def show_journeys(journeys: Sequence[JourneyStatus], out: Console) -> None:
    """Each journey with its bounds, below it its hops where the terminal has room; last the assumptions, each once."""
    wide = out.width >= NARROW
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    table.add_column("State", no_wrap=True)
    table.add_column("Journey", overflow="fold", ratio=1)
    table.add_column("Good", justify="right", no_wrap=True)
    if wide:
        table.add_column("At least – at most", justify="right", no_wrap=True)
        table.add_column("Target", justify="right", no_wrap=True)
    table.add_column("Budget left", no_wrap=True)
    table.add_column("Burn 1h", justify="right", no_wrap=True)
    if out.width >= MEDIUM:
        table.add_column("Journeys", justify="right", no_wrap=True)
        table.add_column("Counted", no_wrap=True)
    room = out.width - (98 if out.width >= MEDIUM else 76 if wide else 52)
    for one in journeys:
        status = one.status
        row: list[str | Text] = [
            cells.state(status),
            Text(cells.folded(one.journey.id, max(16, room))),
            cells.ratio(status),
        ]
        if wide:
            row += [_bounds(one), cells.target(status)]
        row += [cells.budget_bar(status, out), cells.burn(status)]
        if out.width >= MEDIUM:
            row += [cells.events(status), status.counting or "-"]
        table.add_row(*row)
        for number, hop in enumerate(one.hops, 1):
            part = hop.status
            word = "" if part.objective.sli == "availability" else f" {part.objective.sli}"
            optional = " (optional)" if hop.optional else ""
            shown: list[str | Text] = [
                cells.state(part, "dim"),
                Text(cells.folded(f"  {number} {part.objective.operation_key}{word}{optional}", max(16, room)), "dim"),
                Text(cells.ratio(part), "dim"),
            ]
            if wide:
                shown += ["", ""]
            shown += ["", ""]
            if out.width >= MEDIUM:
                shown += [Text(cells.events(part), "dim"), Text(part.counting or "-", "dim")]
            table.add_row(*shown)
    out.print(table)
    for text in dict.fromkeys(one.assumption for one in journeys if one.status.counts):
        out.print(Text(f"Journeys: {text}.", "dim"), soft_wrap=False)


def _bounds(one: JourneyStatus) -> str:
    counts, bounds = one.status.counts, one.bounds
    if counts is None or bounds is None or counts.total <= 0:
        return "-"
    low, high = (
        format_percentage(good / counts.total, target=one.journey.objective.target)
        for good in (bounds.least, bounds.most)
    )
    return low if low == high else f"{low} – {high}"
