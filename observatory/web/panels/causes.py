"""Kind `causes`: probable causes ranked by evidence, and what changed in the range."""

from __future__ import annotations

from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.diagnose.cause import Cause
from observatory.web.board import Board
from observatory.web.channel_standing import ChannelStanding
from observatory.web.explain.reference import cause_reference, number
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.subjects import LIMIT, channel_ids
from observatory.web.panels.what_changed import change_lines
from observatory.web.parts import channel_path, inward, notice, outward


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """The best causes of the channels in scope, then the changes."""
    kept = set(channel_ids(board, panel))
    order = {one.channel.id: index for index, one in enumerate(board.channel_standings()) if _suffers(one)}
    found = [one for one in board.causes() if one.channel_id in kept]
    # What burns comes first; among equally urgent channels the evidence decides.
    found.sort(key=lambda one: order.get(one.channel_id, len(order)))
    limit = panel.number("limit", 3)
    body: list[Any] = [_cause(board, index, one) for index, one in enumerate(found[:limit], 1)]
    if found:
        note = "what burns first, then by evidence"
        body.append(html.P("Score = share of the signals that agree; not a probability.", className="fine score"))
    else:
        note = ""
        body.append(notice("No cause needed", "No channel here shows the signature of a known failure.", tone="good"))
    body.append(html.Div(change_lines(board, kept, panel.number("changes", 6)), className="changes"))
    return Drawn(body=body, note=note, calm=not found)


def _suffers(one: ChannelStanding) -> bool:
    return any(status.firing or status.state in ("breached", "at_risk") for status in one.statuses)


def _cause(board: Board, rank: int, one: Cause) -> html.Div:
    agrees = [piece.words for piece in one.evidence if piece.agrees][:3]
    words: list[Any] = [
        inward(_label(board, one.channel_id), channel_path(one.channel_id), "mono"),
        ": ",
        "; ".join(agrees),
    ]
    if one.since_ms:
        words.append(f", since {board.clock(one.since_ms)}")
    against = [piece.words for piece in one.evidence if not piece.agrees]
    tip = "\n".join(
        [*(f"against: {text}" for text in against), *(f"not observable: {text}" for text in one.not_observable)]
    )
    parts: list[Any] = [html.H3(one.title), html.P(words)]
    then: list[Any] = [one.first_step] if one.first_step else []
    then += [" · ", outward("runbook", one.runbook)] if one.runbook else []
    then += [f" · {one.owner}"] if one.owner else []
    if then:
        parts.append(html.P(then, className="then"))
    return html.Div(
        [
            html.Span(str(rank), className="rank"),
            html.Div(parts),
            number(
                [
                    html.Span(f"{one.score:.0%}", className="mono"),
                    html.Span(html.I(style={"width": f"{round(100 * one.score)}%"}), className="meter"),
                ],
                cause_reference(one),
                value=one.score,
                name="agree",
            ),
        ],
        className="cause",
        title=tip,
    )


def _label(board: Board, channel_id: str) -> str:
    channel = board.channel(channel_id)
    return channel.label if channel else channel_id


def fields() -> dict[str, Any]:
    from observatory.web.kind import Field
    from observatory.web.panels.subjects import SCOPE

    return {
        "scope": SCOPE,
        "limit": Field(LIMIT.meaning, "count"),
        "changes": Field("how many changes at most", "count"),
    }


CAUSES = Kind(
    name="causes",
    meaning="probable causes and changes",
    draw=draw,
    fields=fields(),
    skeleton="table",
    evidence="objectives",
)
