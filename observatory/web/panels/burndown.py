"""Kind `burndown`: how the error budget of the worst domains went over the window."""

from __future__ import annotations

import numpy as np

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.grouped import budget_left
from observatory.evaluate.rollup import NO_DOMAIN, by_domain
from observatory.figures.burn import burn_down_figure
from observatory.figures.curve import Curve
from observatory.web.board import Board
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.graph import graph
from observatory.web.panels.subjects import LIMIT
from observatory.web.states import state_notice
from observatory.windows import TimeRange

WINDOW_MS = 30 * 86_400_000


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """Share of the window's budget left, from all of it at the window's start to what the tiles say at its end."""
    statuses = [one for one in board.statuses() if one.objective.sli == "availability"]
    rolls = [roll for roll in by_domain(statuses) if roll.remaining_ratio is not None]
    if not rolls:
        words = "No availability objective has counted an event in its window."
        return Drawn(body=[state_notice("nothing", "Nothing to draw", words)], calm=True)
    limit = panel.number("limit", 3)
    worst = sorted(rolls, key=lambda roll: (roll.remaining_ratio or 0.0, roll.name))[:limit]
    grid = board.snapshot.ledger.grid
    span = TimeRange(max(grid.start_ms, grid.end_ms - WINDOW_MS), grid.end_ms)
    curves: list[Curve] = []
    for roll in worst:
        members = [one for one in statuses if (one.objective.domain or NO_DOMAIN) == roll.name]
        t_ms, left = budget_left(board.snapshot, members, span)
        stride = max(1, len(left) // 360)
        picked = np.arange(len(left) - 1, -1, -stride)[::-1]
        curves.append(Curve(name=roll.name, t_ms=t_ms[picked], value=left[picked]))
    figure = burn_down_figure(curves, theme=board.view.colours, span=span)
    return Drawn(body=[graph(figure, board, panel)], note=f"30 days · lowest {len(worst)} of {len(rolls)} domains")


BURNDOWN = Kind(
    name="burndown",
    meaning="error budget over the window",
    draw=draw,
    fields={"limit": Field(LIMIT.meaning, "count")},
    evidence="objectives",
)
