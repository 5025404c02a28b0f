"""Kind `domains`: availability and error budget by domain, worst first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.grouped import even_share, grouped_burn
from observatory.evaluate.rollup import NO_DOMAIN, Rollup, by_domain
from observatory.evaluate.status import STATES, ObjectiveStatus
from observatory.figures.theme import budget_tone
from observatory.web.board import Board
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Kind
from observatory.web.parts import budget, heat, legend, notice, percent, status, table, times, whole_percent

DAYS = 30


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """One row per domain; a press on its name filters every panel by it."""
    del panel
    statuses = board.statuses()
    if not statuses:
        return Drawn(body=[notice("Nothing to show", "No objective passes the filter.")])
    rolls = sorted(by_domain(statuses), key=_rank)
    members = {
        roll.name: [one for one in statuses if (one.objective.domain or NO_DOMAIN) == roll.name] for roll in rolls
    }
    # One number of digits for the whole column, as many as its strictest target needs.
    strictest = max(one.objective.target for one in statuses)
    rows = [_row(board, roll, members[roll.name], strictest) for roll in rolls]
    ticks = any(even_share(board.snapshot, members[roll.name]) is not None for roll in rolls)
    head = [
        "Domain",
        "Status",
        "Availability",
        "Budget left",
        "",
        "Burn 24 h",
        f"Worst objective, last {DAYS} days",
        "Incidents",
    ]
    note = f"availability over the objectives' windows · worst first{' · mark = even burn' if ticks else ''}"
    body = html.Div(table(head, rows, numeric=(2, 4, 5, 7), name="rows domains"), className="scroll")
    return Drawn(body=[body], note=note, aside=[legend()])


def _row(board: Board, whole: Rollup, members: Sequence[ObjectiveStatus], strictest: float) -> list[object]:
    available = [one for one in members if one.objective.sli == "availability"]
    left = whole.remaining_ratio
    state = whole.worst or "no_data"
    daily = grouped_burn(board.snapshot, available, 86_400.0)
    newest = float(daily[-1]) if len(daily) and np.isfinite(daily[-1]) else None
    cells = np.fmax.reduce([board.burn_cells(one, DAYS, 86_400) for one in members])
    incidents = sum(1 for one in members for incident in board.incidents(one) if incident.severity == "page")
    name = whole.name
    return [
        html.Button(
            name,
            type="button",
            className="linkish",
            title="Show only this domain",
            **{"data-set": "domain", "data-to": name},
        )
        if name != NO_DOMAIN
        else html.Span(name, className="muted"),
        [status(state), html.Span(f" {whole.states.get(state, 0)} of {len(members)}", className="faint")],
        number(percent(whole.counts.ratio, strictest), Reference("domain", name, "ratio"), value=whole.counts.ratio),
        budget(left, budget_tone(left), even=even_share(board.snapshot, available), width=260, stretch=True),
        number(
            whole_percent(left),
            Reference("domain", name, "budget"),
            value=left,
            name="bad" if left is not None and left < 0 else "",
        ),
        number(times(newest), Reference("domain", name, "burn-1d"), value=newest),
        number(
            heat(
                list(cells),
                width=300,
                label=f"burn rate per day of the worst objective, last {DAYS} days",
                stretch=True,
            ),
            Reference("domain", name, f"cells-{DAYS}x86400"),
            name="strip",
        ),
        number(str(incidents), Reference("domain", name, "all-incidents"), value=incidents),
    ]


def _rank(whole: Rollup) -> tuple[int, float, str]:
    left = whole.remaining_ratio
    return STATES.index(whole.worst or "no_data"), (left if left is not None else 2.0), whole.name


DOMAINS = Kind(
    name="domains", meaning="availability and budget by domain", draw=draw, skeleton="table", evidence="objectives"
)
