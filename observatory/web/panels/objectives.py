"""Kind `objectives`: every objective of a channel or group; each number opens to how it came about."""

from __future__ import annotations

from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.status import ObjectiveStatus
from observatory.web.board import Board
from observatory.web.channel_standing import burn_of
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.subjects import SCOPE, channel_ids, label, nothing_passes, promised
from observatory.web.parts import (
    budget,
    heat,
    notice,
    objective_words,
    percent,
    runs_out,
    status,
    table,
    times,
    whole_percent,
)


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """A row per objective, the worst first."""
    found = promised(board, panel)
    if not found and board.argument and board.view.query:
        return Drawn(body=[nothing_passes(board)])
    if not found:
        return Drawn(
            body=[
                notice(
                    "No objectives",
                    "Nothing is promised here yet.",
                    hint="Write `x-slo` at the channel, the operation or the whole document.",
                )
            ]
        )
    several = len(channel_ids(board, panel)) > 1
    head = ["Objective", "Status", "Now", "Budget left", "", "Burn, 24 h", "1 h", "Runs out"]
    rows = [_row(board, one, several) for one in found]
    return Drawn(
        body=[html.Div(table(head, rows, numeric=(2, 4, 6, 7), name="objectives"), className="scroll")],
        note="press a number to see how it came about",
    )


def _row(board: Board, one: ObjectiveStatus, several: bool) -> list[Any]:
    left = one.budget.remaining_ratio if one.budget else None
    ratio = one.counts.ratio if one.counts else None
    who = one.objective.consumer_group or one.objective.service
    where = f"{label(board, one.objective.channel_id)} · " if several else ""
    missing = [
        html.Small([f"{problem.message}. ", problem.hint or "", " ", html.Code(problem.code)], className="why")
        for problem in one.problems[:1]
        if one.state in ("no_data", "unmapped")
    ]

    def opens(content: Any, aspect: str, value: float | None = None, name: str = "") -> html.Button:
        return number(content, Reference("objective", one.objective.id, aspect), value=value, name=name)

    return [
        [html.B(objective_words(one.objective)), html.Small(f"{where}{one.objective.role} {who}"), *missing],
        opens(status(one.state), "state"),
        opens(percent(ratio, one.objective.target), "ratio", ratio),
        budget(left, one.state, width=84),
        opens(whole_percent(left), "budget", left, "bad" if left is not None and left < 0 else ""),
        opens(heat(board.burn_cells(one, 24, 3600), width=100), "cells-24x3600", name="strip"),
        opens(times(burn_of(one, "1h")), "burn-1h", burn_of(one, "1h")),
        opens(runs_out(one, board.snapshot.at_ms), "runs-out"),
    ]


OBJECTIVES = Kind(
    name="objectives",
    meaning="objectives with everything behind their numbers",
    draw=draw,
    fields={"scope": SCOPE},
    skeleton="table",
    evidence="objectives",
)
