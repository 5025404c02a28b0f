"""Kind `indicator`: an SLI over time as its objectives judge it: burn rate, share of good events, budget left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.grouped import budget_left
from observatory.evaluate.status import ObjectiveStatus
from observatory.figures.burn import burn_rate_figure
from observatory.figures.curve import Curve
from observatory.figures.layout import Guide
from observatory.figures.lines import line_figure
from observatory.objectives.budget import budget_ratio
from observatory.sources.base import Float64, Int64
from observatory.spec.catalog import SLI_WORDS
from observatory.units import parse_duration
from observatory.web.board import Board
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.graph import graph
from observatory.web.panels.subjects import LIMIT, SCOPE, label, promised
from observatory.web.states import blind_notice, state_notice
from observatory.web.view import step_for
from observatory.windows import BURN_WINDOWS

SHOWN = ("burn_rate", "ratio", "budget")


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """One line per objective of the SLI, the most urgent first."""
    sli = panel.text("indicator")
    found = promised(board, panel, sli)
    words = sli.replace("_", " ")
    if not found:
        return Drawn(body=[state_notice("nothing", "No objectives", f"Nothing is promised about {words} here.")])
    show, window = panel.text("show", SHOWN[0]), panel.text("window", "1h")
    drawn = [(one, _curve(board, one, show, window)) for one in found]
    seen = [(one, curve) for one, curve in drawn if curve.seen()]
    if not seen:
        counted = f"Series exist, and no event was counted in this range ({board.view.words})."
        return Drawn(body=[blind_notice(found) or state_notice("no_traffic", "No traffic", counted)])
    limit = panel.number("limit", 6)
    figure = _figure(board, seen[:limit], show)
    more = [f"{len(seen) - limit} more not drawn"] if len(seen) > limit else []
    looks_back = "of each objective's window, to now" if show == "budget" else f"over {window}"
    without = len(found) - len(seen)
    warnings = [f"{without} of {len(found)} objectives have no data in this range"] if without else []
    return Drawn(
        body=[graph(figure, board, panel)],
        note=" · ".join([board.view.words, looks_back, *more]),
        warnings=warnings,
    )


def _figure(board: Board, seen: Sequence[tuple[ObjectiveStatus, Curve]], show: str) -> go.Figure:
    curves, colours = [curve for _, curve in seen], board.view.colours
    if show == "burn_rate":
        policies = {one.objective.policy: board.policy(one) for one, _ in seen}
        (policy,) = policies.values() if len(policies) == 1 else (None,)
        factors = [pair.factor for pair in policy.pairs] if policy else []
        return burn_rate_figure(curves, theme=colours, span=board.span, factors=factors)
    targets = {one.objective.target for one, _ in seen}
    guides = (
        [Guide(0.0, "nothing left")]
        if show == "budget"
        else [Guide(target, f"objective {target * 100:.6g} %") for target in targets]
        if len(targets) == 1
        else []
    )
    figure = line_figure(curves, theme=colours, span=board.span, unit="ratio", guides=guides)
    # A share of nearly one is told by its last digits, and an overspent budget lies below nothing.
    figure.update_yaxes(rangemode="normal")
    return figure


def _curve(board: Board, one: ObjectiveStatus, show: str, window: str) -> Curve:
    span = board.span
    ends, every = _values(board, one, show, window)
    stride = max(1, step_for(span) // board.snapshot.ledger.grid.step_ms)
    inside = np.flatnonzero((ends > span.start_ms) & (ends <= span.end_ms))[::-1][::stride][::-1]
    who = one.objective.consumer_group or one.objective.service
    name = f"{label(board, one.objective.channel_id)} · {who}" if not board.argument else f"{who} {one.objective.name}"
    return Curve(name=name, t_ms=ends[inside], value=every[inside])


def _values(board: Board, one: ObjectiveStatus, show: str, window: str) -> tuple[Int64, Float64]:
    """Ends of steps and their values. The budget is that of the window which ends now: it only ever falls."""
    snapshot, objective = board.snapshot, one.objective
    if show == "budget":
        return board.memory.get(
            ("budget left", objective.id),
            lambda: budget_left(snapshot, [one], objective.window.range_at(snapshot.ledger.grid.end_ms)),
        )
    burn, grid = board.burn(one, parse_duration(window)), snapshot.ledger.grid
    ends = grid.start_ms + np.arange(1, len(burn) + 1, dtype=np.int64) * grid.step_ms
    return ends, burn if show == "burn_rate" else 1 - burn * budget_ratio(objective.target)


INDICATOR = Kind(
    name="indicator",
    meaning="an SLI over time as its objectives judge it",
    draw=draw,
    fields={
        "indicator": Field("which SLI", words=SLI_WORDS, required=True),
        "show": Field("burn rate, share of good events, or budget left", words=SHOWN),
        "window": Field("over which window the burn rate or share is taken, 1h by default", words=BURN_WINDOWS),
        "scope": SCOPE,
        "limit": LIMIT,
    },
)
