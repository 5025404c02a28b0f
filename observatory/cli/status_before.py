"""What `observatory status --before` adds: the window before each objective's own, by domain and in all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec.structs import replace

from observatory.cli import console
from observatory.units import format_percentage, format_whole_percentage

if TYPE_CHECKING:
    from observatory.evaluate.comparison import Trend
    from observatory.evaluate.estate import Estate
    from observatory.evaluate.estate_status import Status
    from observatory.evaluate.snapshot import Snapshot

HEAD = ("", "Available", "before", "change", "Budget left", "before", "Missed", "before", "Counted")
TIGHTEST = 0.999


def looked_back(estate: Estate, snapshot: Snapshot) -> Status:
    """The status of a snapshot with the windows before; what a source does not answer for is a problem of the run."""
    from observatory.errors import SourceFailed, in_order
    from observatory.evaluate.comparison import with_before
    from observatory.evaluate.lookback import Lookback

    looking, status = Lookback(estate), snapshot.status
    problems = list(status.problems)
    try:
        while looking.go_on(snapshot):
            pass
    except SourceFailed as error:
        problems += error.problems
    told = with_before(status.objectives, looking.before(snapshot))
    return replace(status, objectives=told, problems=tuple(in_order(dict.fromkeys(problems))))


def show_before(found: Status) -> None:
    """A table for people: a line per domain, and one of everything."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from observatory.evaluate.comparison import trend, trends_by_domain

    if not found.objectives:
        return
    out = Console(file=sys.stdout, width=console.width() or 120, highlight=False, soft_wrap=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Against the window before", title_justify="left")
    for name in HEAD:
        table.add_column(name, justify="left" if name in ("", "Counted") else "right", no_wrap=bool(name))
    for one in (*trends_by_domain(found.objectives), trend("all domains", found.objectives)):
        table.add_row(*_cells(one))
    out.print(table)


def _cells(one: Trend) -> tuple[str, ...]:
    from observatory.evaluate.comparison import judged

    missed = one.now.states.get("breached", 0)
    earlier = one.before.states.get("breached", 0)
    change = one.ratio_change
    return (
        one.name,
        _share(one.now.counts.ratio),
        _share(one.before.counts.ratio),
        "-" if change is None else f"{change * 100:+.3f} pt",
        _left(one.now.remaining_ratio),
        _left(one.before.remaining_ratio),
        f"{missed} of {judged(one.now)}",
        f"{earlier} of {judged(one.before)}",
        _counted(one),
    )


def _counted(one: Trend) -> str:
    from observatory.windows import format_instant

    if one.reach == "none":
        return "no data"
    if one.reach == "whole":
        return "whole"
    if one.began_late:
        return f"since {(format_instant(one.since_ms) or '')[:10]}"
    return f"{format_percentage(one.before.counts.coverage or 0.0)} of it"


def _share(ratio: float | None) -> str:
    return "-" if ratio is None else format_percentage(ratio, target=TIGHTEST)


def _left(ratio: float | None) -> str:
    return "-" if ratio is None else format_whole_percentage(ratio)
