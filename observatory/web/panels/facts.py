"""Kind `facts`: what a channel or a consumer group is: names, broker, owner, runbook, documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.spec.catalog import Channel, Operation, Owner
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
    operations = group_operations(board, filtered=False)
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
        ("Owner", ", ".join(dict.fromkeys(_team(one.owner) for one in operations if one.owner)) or "none named"),
        ("Runbook", _runbooks(operations) or "none named"),
        ("Neighbours", inward("on the map", f"/map?{urlencode({'q': board.argument})}")),
        (
            "Named by",
            ", ".join(dict.fromkeys(f"{one.consumer_group_provenance or 'service name'}" for one in operations)),
        ),
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
        ("Owner", _team(owner) if owner else "none named"),
        ("Runbook", outward(owner.runbook, owner.runbook) if owner and owner.runbook else "none named"),
        ("Dead letters", mono(channel.dead_letter) if channel.dead_letter else "not declared"),
        ("Documents", ", ".join(channel.documents) or "–"),
        ("Journeys", _journeys(board, channel) or "none leads here"),
        ("Neighbours", inward("on the map", f"/map?{urlencode({'ch': channel.id})}")),
        ("Declared at", mono(str(channel.location)) if channel.location else "–"),
    ]
    body: list[Any] = [_list(facts)]
    if channel.description.strip():
        body.append(html.P(channel.description.strip()[:4000], className="describe"))
    return Drawn(body=body, note=channel.title or "")


def _team(owner: Owner) -> str:
    reached = " · ".join(filter(None, [owner.contact, owner.escalation]))
    return f"{owner.team} ({reached})" if reached else owner.team


def _runbooks(operations: Sequence[Operation]) -> list[Any]:
    links = dict.fromkeys(one.owner.runbook for one in operations if one.owner and one.owner.runbook)
    return [piece for link in links for piece in (outward(link, link), " ")]


def _journeys(board: Board, channel: Channel) -> list[Any]:
    """Journeys that come by the channel, each with its state."""
    found: list[Any] = []
    for one in board.snapshot.status.journeys:
        if any(hop.status.objective.channel_id == channel.id for hop in one.hops):
            found += [
                inward(one.journey.objective.name, f"/journey?{urlencode({'journey': one.journey.id})}"),
                " ",
                status(one.status.state),
                " ",
            ]
    return found


def _list(facts: list[tuple[str, Any]]) -> html.Dl:
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts], className="facts")


FACTS = Kind(
    name="facts", meaning="what the page's channel or group is", draw=draw, skeleton="table", evidence="objectives"
)
