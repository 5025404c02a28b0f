"""Kind `journeys`: every declared journey in one line: share of good ones, its bounds, budget, burn, who answers."""

from __future__ import annotations

from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.journey_status import JourneyStatus
from observatory.web.board import Board
from observatory.web.channel_standing import burn_of
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT
from observatory.web.parts import (
    budget,
    heat,
    legend,
    mono,
    percent,
    runs_out,
    status,
    table,
    times,
    whole_percent,
)
from observatory.web.states import state_notice

EXAMPLE = (
    "x-slo-journeys: [{name: checkout, target: 99.5%, steps: [{operation: placeOrder}, {operation: onOrderPlaced}]}]"
)


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """A row per journey, the most urgent first; a press on its name shows its hops below."""
    found = board.journeys()
    if not found:
        return Drawn(body=[nothing(board)])
    chosen = board.journey()
    limit = panel.number("limit", 20)
    rows = [_row(board, one, one is chosen) for one in found[:limit]]
    head = ["Journey", "Status", "Good", "At least – at most", "Target", "Budget left", "", "Burn 1 h", "Last 24 h"]
    head += ["Runs out", "Owner"]
    shown = table(head, rows, numeric=(2, 3, 4, 6, 7, 9), name="rows journeys")
    many = f"{limit} of {len(found)}" if len(found) > limit else ""
    return Drawn(
        body=[html.Div(shown, className="scroll")],
        note=" · ".join(filter(None, [many, "a journey is good when every hop of it is", "most urgent first"])),
        aside=[legend()],
    )


def nothing(board: Board) -> Any:
    """The state of a page without any journey: filtered away, or none declared."""
    if board.snapshot.journeys:
        return state_notice("nothing", "Nothing to show", "No journey comes by a channel that passes the filter.")
    return state_notice(
        "nothing",
        "No journeys declared",
        "A journey leads one message over several channels and is good when every hop of it is.",
        hint=f"Write at the root of a document, or as `journeys` in observatory.yaml: {EXAMPLE}",
    )


def bounds_words(one: JourneyStatus) -> str:
    """The share of good journeys at least and at most; one number where they are the same."""
    counts = one.status.counts
    if counts is None or one.bounds is None or counts.total <= 0:
        return "–"
    target = one.journey.objective.target
    low, high = (percent(good / counts.total, target) for good in (one.bounds.least, one.bounds.most))
    return low if low == high else f"{low} – {high}"


def _row(board: Board, one: JourneyStatus, chosen: bool) -> list[Any]:
    objective, found = one.journey.objective, one.status
    left = found.budget.remaining_ratio if found.budget else None
    ratio = found.counts.ratio if found.counts else None

    def told(content: Any, aspect: str, value: float | None) -> Any:
        return number(content, Reference("objective", one.journey.id, aspect), value=value)

    name = html.Button(
        objective.name,
        type="button",
        className="linkish",
        title="Show its hops",
        **{"data-set": "journey", "data-to": one.journey.id, "aria-pressed": str(chosen).lower()},
    )
    return [
        [name, html.Small(one.journey.document or "observatory.yaml")],
        status(found.state),
        told(percent(ratio, objective.target), "ratio", ratio),
        told(bounds_words(one), "ratio", None),
        f"{objective.target * 100:.6g} %",
        budget(left, found.state, width=120),
        told(mono(whole_percent(left), "bad" if left is not None and left < 0 else ""), "budget", left),
        told(times(burn_of(found, "1h")), "burn-1h", burn_of(found, "1h")),
        number(
            heat(board.journey_burn_cells(one, 24, 3600), width=120, label="burn rate per hour, last 24 hours"),
            Reference("objective", one.journey.id, "cells-24x3600"),
            name="strip",
        ),
        told(runs_out(found, board.snapshot.at_ms), "runs-out", None),
        objective.owner.team if objective.owner else html.Span("none named", className="muted"),
    ]


JOURNEYS = Kind(
    name="journeys",
    meaning="declared journeys, with their bounds and budgets",
    draw=draw,
    fields={"limit": Field(LIMIT.meaning, "count")},
    skeleton="table",
    evidence="journeys",
)
