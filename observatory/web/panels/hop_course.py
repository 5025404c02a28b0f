"""Kind `hop-course`: how many messages fail at each hop of a journey, over the range."""

from __future__ import annotations

import numpy as np

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.journey_losses import failures
from observatory.figures.curve import Curve
from observatory.figures.lines import line_figure
from observatory.sources.base import Float64, Int64
from observatory.web.board import Board
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.graph import graph
from observatory.web.panels.journeys import nothing
from observatory.web.panels.what_changed import markers
from observatory.web.states import blind_notice, state_notice
from observatory.web.view import step_for


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """One line per hop, from the counts that the journey is judged by."""
    one = board.journey()
    if one is None:
        return Drawn(body=[nothing(board)])
    curves: list[Curve] = []
    for number, hop in enumerate(one.hops):
        bad = failures(board.snapshot, number, one.journey)
        if bad is not None:
            t_ms, rate = _per_second(board, bad)
            curves.append(Curve(name=f"{number + 1} {hop.status.objective.operation}", t_ms=t_ms, value=rate))
    if not any(curve.seen() for curve in curves):
        silent = f"No message came by a hop of {one.journey.id} in this range ({board.view.words})."
        hops = [hop.status for hop in one.hops]
        return Drawn(body=[blind_notice(hops) or state_notice("no_traffic", "No traffic", silent)])
    channels = {hop.status.objective.channel_id for hop in one.hops}
    figure = line_figure(
        curves,
        theme=board.view.colours,
        span=board.span,
        unit="message",
        statistic="rate",
        markers=markers(board, channels),
    )
    figure.update_layout(showlegend=True)
    return Drawn(body=[graph(figure, board, panel)], note=f"{one.journey.objective.name} · {board.view.words}")


def _per_second(board: Board, per_step: Float64) -> tuple[Int64, Float64]:
    """Events per second of the range, several steps of the ledger together where the range is long."""
    grid, span = board.snapshot.ledger.grid, board.span
    together = max(1, step_for(span, 200) // grid.step_ms)
    first = max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms))
    last = min(grid.steps, (span.end_ms - grid.start_ms) // grid.step_ms)
    whole = max(0, last - first) // together * together
    if not whole:
        return np.empty(0, np.int64), np.empty(0)
    parts = per_step[last - whole : last].reshape(-1, together)
    seen = np.isfinite(parts)
    seconds = seen.sum(axis=1) * grid.step_ms / 1000
    amount = np.where(seen, parts, 0.0).sum(axis=1)
    ends = grid.start_ms + (last - whole + together * np.arange(1, len(parts) + 1, dtype=np.int64)) * grid.step_ms
    return ends, np.divide(amount, seconds, out=np.full(len(parts), np.nan), where=seconds > 0)


HOP_COURSE = Kind(
    name="hop-course", meaning="failures at each hop of a journey over time", draw=draw, evidence="journeys"
)
