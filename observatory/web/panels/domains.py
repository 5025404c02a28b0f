"""Kind `domains`: availability and error budget by domain, worst first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from dash import html

from observatory.evaluate.grouped import even_share, grouped_burn
from observatory.evaluate.rollup import Rollup, by_domain
from observatory.evaluate.status import STATES, ObjectiveStatus, State
from observatory.web.board import Board
from observatory.web.declaration import PanelDeclaration
from observatory.web.kind import Drawn, Kind
from observatory.web.parts import budget, heat, legend, notice, percent, status, table, times, whole_percent

DAYS = 30


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """One row per domain; a press on its name filters every panel by it."""
    del panel
    statuses = [one for one in board.statuses() if one.objective.sli == "availability"]
    if not statuses:
        return Drawn(body=[notice("Nothing to show", "No availability objective passes the filter.")])
    rolls = sorted(by_domain(statuses), key=lambda roll: _rank(roll))
    members = {
        roll.name: [one for one in statuses if (one.objective.domain or "no domain") == roll.name] for roll in rolls
    }
    ticks = any(even_share(board.snapshot, members[roll.name]) is not None for roll in rolls)
    rows = [_row(board, roll, members[roll.name]) for roll in rolls]
    head = ["Domain", "Status", "Availability", "Budget left", "", "Burn 24 h", f"Last {DAYS} days", "Incidents"]
    note = f"objectives' windows · worst first{' · mark = even burn' if ticks else ''}"
    return Drawn(
        body=[html.Div(table(head, rows, numeric=(2, 4, 5, 7), name="rows"), className="scroll")],
        note=note,
        aside=[legend()],
    )


def left_of(roll: Rollup) -> float | None:
    """Share of a roll-up's budget that is left; None without events."""
    return 1 - roll.spent / roll.allowed if roll.allowed > 0 else None


def _row(board: Board, roll: Rollup, members: Sequence[ObjectiveStatus]) -> list[object]:
    left = left_of(roll)
    state = state_of(roll, left)
    daily = grouped_burn(board.snapshot, members, 86_400.0)
    stride = round(86_400_000 / board.snapshot.ledger.grid.step_ms)
    cells = [float(value) for value in daily[::-1][::stride][:DAYS][::-1]]
    newest = float(daily[-1]) if len(daily) and np.isfinite(daily[-1]) else None
    strictest = max(one.objective.target for one in members)
    incidents = sum(1 for one in members for _ in board.incidents(one))
    return [
        html.Button(
            roll.name,
            type="button",
            className="linkish",
            title="Show only this domain",
            **{"data-set": "domain", "data-to": roll.name},
        )
        if roll.name != "no domain"
        else html.Span(roll.name, className="muted"),
        status(state),
        percent(roll.counts.ratio, strictest),
        budget(left, state, even=even_share(board.snapshot, members), width=230),
        html.Span(whole_percent(left), className="bad" if left is not None and left < 0 else None),
        times(newest),
        heat(cells, width=300, label=f"burn rate per day, last {DAYS} days"),
        str(incidents),
    ]


def state_of(roll: Rollup, left: float | None) -> State:
    """A domain's state: its budget as a whole decides; where nothing was counted, its worst objective."""
    if left is None:
        return roll.worst or "no_data"
    return "breached" if left <= 0 else "at_risk" if left < 0.25 or roll.worst == "breached" else "meeting"


def _rank(roll: Rollup) -> tuple[float, int, str]:
    left = left_of(roll)
    return (left if left is not None else 2.0), STATES.index(roll.worst or "no_data"), roll.name


DOMAINS = Kind(name="domains", meaning="availability and budget by domain", draw=draw, skeleton="table")
