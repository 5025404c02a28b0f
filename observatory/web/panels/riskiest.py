"""Kind `riskiest`: channels by how often they had incidents."""

from __future__ import annotations

import numpy as np
from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.web.board import Board
from observatory.web.channel_standing import ChannelStanding
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT
from observatory.web.parts import budget, channel_path, inward, notice, spark, table, whole_percent

WEEKS = 15


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """A table: incidents on the ledger's whole span, their course, budget left."""
    grid = board.snapshot.ledger.grid
    days = round((grid.end_ms - grid.start_ms) / 86_400_000)
    counted: list[tuple[int, ChannelStanding, tuple[int, ...]]] = []
    for standing in board.channel_standings():
        starts = incident_starts(board, standing)
        if starts:
            counted.append((len(starts), standing, starts))
    if not counted:
        words = f"No channel burned its budget too fast in {days} days."
        return Drawn(body=[notice("No incidents", words, tone="good")], calm=True)
    counted.sort(key=lambda one: (-one[0], _left(one[1]), one[1].channel.id))
    limit = panel.number("limit", 6)
    rows = [_row(board, index, *one) for index, one in enumerate(counted[:limit], 1)]
    head = ["#", "Channel", "Incidents", "Course", "Budget left", "", "Owner"]
    return Drawn(
        body=[html.Div(table(head, rows, numeric=(2, 5), name="rows"), className="scroll")],
        note=f"by number of incidents, last {days} days",
        aside=[html.Span(f"{len(counted)} of {len(board.channel_standings())} channels had one", className="muted")],
    )


def incident_starts(board: Board, standing: ChannelStanding) -> tuple[int, ...]:
    """When a channel's incidents began; objectives that fired together within half an hour are one incident."""
    starts = sorted(incident.start_ms for one in standing.statuses for incident in board.incidents(one))
    kept: list[int] = []
    for start in starts:
        if not kept or start - kept[-1] > 1_800_000:
            kept.append(start)
    return tuple(kept)


def _row(board: Board, rank: int, count: int, standing: ChannelStanding, starts: tuple[int, ...]) -> list[object]:
    grid = board.snapshot.ledger.grid
    bins, _ = np.histogram(starts, bins=WEEKS, range=(grid.start_ms, grid.end_ms))
    left = _left(standing)
    known = left if left < 9 else None
    return [
        html.Span(str(rank), className="muted"),
        inward(standing.channel.label, channel_path(standing.channel.id)),
        number(str(count), Reference("channel", standing.channel.id, "all-incidents"), value=count),
        spark(bins.astype(float), "grey", width=78, label="incidents over time"),
        budget(known, standing.state, width=110),
        number(
            whole_percent(known),
            _opens(standing, known),
            value=known,
            name="bad" if known is not None and known < 0 else "",
        ),
        standing.owner or html.Span("none", className="muted"),
    ]


def _opens(standing: ChannelStanding, left: float | None) -> Reference:
    """The objective whose budget is the lowest of the channel."""
    for one in standing.statuses:
        if left is not None and one.budget and one.budget.remaining_ratio == left:
            return Reference("objective", one.objective.id, "budget")
    return Reference("channel", standing.channel.id, "budget")


def _left(standing: ChannelStanding) -> float:
    """The lowest budget of a channel's objectives; 9 when none is known, which sorts last."""
    known = [
        one.budget.remaining_ratio for one in standing.statuses if one.budget and one.budget.remaining_ratio is not None
    ]
    return min(known, default=9.0)


RISKIEST = Kind(
    name="riskiest",
    meaning="channels by number of incidents",
    draw=draw,
    fields={"limit": Field(LIMIT.meaning, "count")},
    skeleton="table",
    evidence="objectives",
)
