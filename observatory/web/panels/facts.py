"""Kind `facts`: what a channel or a consumer group is: names, broker, owner, runbook, documents."""

from __future__ import annotations

from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.spec.catalog import Channel
from observatory.web.board import Board
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.subjects import group_operations, label
from observatory.web.parts import channel_path, inward, mono, notice, outward, status


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """The page's subject in words."""
    del panel
    channel = board.channel(board.argument)
    if channel:
        return _channel(board, channel)
    operations = group_operations(board)
    if not operations:
        return Drawn(
            body=[
                notice(
                    "Not in the documents",
                    f"No channel and no consumer group is called {board.argument!r}.",
                    hint="The address may come from an older version of the documents.",
                )
            ]
        )
    facts: list[tuple[str, Any]] = [
        ("Services", ", ".join(dict.fromkeys(one.service for one in operations))),
        (
            "Channels",
            [
                piece
                for one in operations
                for piece in (inward(label(board, one.channel_id), channel_path(one.channel_id)), " ")
            ],
        ),
        ("Owner", ", ".join(dict.fromkeys(one.owner.team for one in operations if one.owner)) or "none named"),
        ("From", ", ".join(dict.fromkeys(f"{one.consumer_group_provenance or 'service name'}" for one in operations))),
    ]
    return Drawn(body=[_list(facts)])


def _channel(board: Board, channel: Channel) -> Drawn:
    standing = next((one for one in board.every_standing() if one.channel.id == channel.id), None)
    owner = channel.owner
    names = [
        piece
        for name in channel.names
        for piece in (html.Span(f"{name.kind} {name.value}", className="mono", title=name.provenance), " ")
    ]
    facts: list[tuple[str, Any]] = [
        ("Status", status(standing.state) if standing else "–"),
        ("Protocol", channel.protocol or "unknown"),
        ("Broker", mono(channel.broker) if channel.broker else "unknown"),
        ("On the broker", names or "no runtime name known"),
        ("Domain", channel.domain or "none"),
        ("Criticality", channel.criticality),
        ("Owner", [owner.team, f" ({owner.contact})" if owner.contact else ""] if owner else "none named"),
        ("Runbook", outward(owner.runbook, owner.runbook) if owner and owner.runbook else "none named"),
        ("Dead letters", mono(channel.dead_letter) if channel.dead_letter else "not declared"),
        ("Documents", ", ".join(channel.documents) or "–"),
        ("Declared at", mono(str(channel.location)) if channel.location else "–"),
    ]
    body: list[Any] = [_list(facts)]
    if channel.description.strip():
        body.append(html.P(channel.description.strip()[:4000], className="describe"))
    return Drawn(body=body, note=channel.title or "")


def _list(facts: list[tuple[str, Any]]) -> html.Dl:
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts], className="facts")


FACTS = Kind(
    name="facts", meaning="what the page's channel or group is", draw=draw, skeleton="table", evidence="objectives"
)
