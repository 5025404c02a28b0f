"""Explanations of a channel's numbers, which are those of its worst objective."""

from __future__ import annotations

from msgspec.structs import replace

from observatory.dashboards import PageDeclaration, PanelDeclaration
from observatory.web.board import Board
from observatory.web.explain.explanation import Explanation
from observatory.web.explain.figure import explain_panel
from observatory.web.explain.incidents import incident_table, of_channel
from observatory.web.explain.objective import explain_status
from observatory.web.explain.reference import Reference

LATENCY = PageDeclaration(
    id="channel",
    title="Channel",
    path="/channel/<id>",
    panels=(
        PanelDeclaration(
            id="p99",
            kind="lines",
            title="Latency p99",
            question="how long its messages take, by consumer; the grid shows the slowest",
            options={"signals": ("end_to_end_latency", "process_duration"), "statistic": "p99"},
        ),
    ),
)
"""What the grid's p99 is, said as a panel: it is explained as one, on whatever pages a team has."""


def explain_channel(board: Board, reference: Reference) -> Explanation | None:
    """A number of a channel: of its availability where the view's range is counted, else of its worst objective.

    None where there is no such channel, or nothing is promised on it.
    """
    if reference.aspect == "p99":
        return explain_panel(board, Reference("panel", f"channel/p99/{reference.key}"), {"channel": LATENCY})
    standing = next((one for one in board.every_standing() if one.channel.id == reference.key), None)
    if standing is None or standing.worst is None:
        return None
    chosen = standing.of("availability") if reference.aspect == "range" else None
    made = explain_status(board, chosen or standing.worst, reference)
    if reference.aspect != "all-incidents":
        return made
    found = of_channel(board, standing.statuses)
    return replace(
        made,
        title=standing.channel.label,
        what="incidents of all its objectives, as far back as is counted",
        figure=str(len(found)),
        formula=["objectives that began to fire within half an hour of each other are one incident"],
        tables=[incident_table(board, found)],
    )
