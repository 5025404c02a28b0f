"""Kind `participants`: who produces and consumes, as documents declare it and as spans show it, side by side."""

from __future__ import annotations

from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.participants import Participants, participants
from observatory.spec.participant import Participant
from observatory.telemetry.inventory import Inventory
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.reference import number, participant_reference
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.subjects import SCOPE, channel_ids, label, nothing_passes
from observatory.web.parts import channel_path, group_path, inward, table
from observatory.web.states import state_line, state_notice


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """A row per participant; undeclared ones are marked, silent ones too."""
    rows: list[list[Any]] = []
    shown = channel_ids(board, panel)
    one_channel = len(shown) == 1
    undeclared = silent = 0
    everyone = participants_of(board)
    for channel_id in shown:
        for one in everyone.get(channel_id, ()):
            if board.argument and not _meant(board, channel_id, one):
                continue
            undeclared += not one.declared
            silent += board.has_spans and one.seen is None
            rows.append(_row(board, channel_id, one, one_channel))
    if not rows and board.argument and board.view.query:
        return Drawn(body=[nothing_passes(board)])
    if not rows:
        return Drawn(
            body=[
                state_notice(
                    "nothing", "Nobody", "The documents declare no producer and no consumer here, and spans show none."
                )
            ]
        )
    head = [
        *([] if one_channel else ["Channel"]),
        "Side",
        "Service",
        "Consumer group",
        "Declared",
        "Seen",
        "Messages",
        "Last",
    ]
    shift = 0 if one_channel else 1
    note = board.view.words if board.has_spans else "documents only"
    words = [f"{undeclared} undeclared"] if undeclared else []
    words += [f"{silent} declared and not seen"] if silent else []
    return Drawn(
        body=[
            html.Div(table(head, rows, numeric=(5 + shift, 6 + shift), name="rows"), className="scroll"),
            *_seen_how_well(board, silent, len(rows)),
        ],
        note=" · ".join([note, *words]),
    )


def _seen_how_well(board: Board, silent: int, every: int) -> list[html.P]:
    """What is not known of who really uses the channels."""
    if not board.has_spans:
        words = "No data of who really uses these channels: no source of spans is configured"
        return [state_line("no_data", f"{words}. Send OTLP traces to this server at /v1/traces.")]
    if silent == every:
        return [state_line("no_traffic", f"No traffic: spans show none of them in this range ({board.view.words})")]
    return [state_line("partial", f"{silent} of {every} were not seen in this range")] if silent else []


def participants_of(board: Board) -> Participants:
    """Participants of every channel in the view's range, worked out once for all panels."""
    snapshot = board.snapshot

    def join() -> Participants:
        seen = [Inventory(source="spans", destinations=board.destinations())] if board.has_spans else []
        return participants(snapshot.catalog, snapshot.mapping, seen, board.estate.profiles)

    return board.memory.get(("participants", board.span), join)


def _meant(board: Board, channel_id: str, one: Participant) -> bool:
    """Whether the free text means a participant; of one that no document declares only its names are known."""
    if one.operation:
        return board.concerns(one.operation)
    return board.names(channel_id, f"{one.service or ''}\n{one.consumer_group or ''}")


def _row(board: Board, channel_id: str, one: Participant, one_channel: bool) -> list[Any]:
    operation, seen = one.operation, one.seen
    group = one.consumer_group or ""
    declared: Any = html.Span("undeclared", className="status at_risk")
    if operation:
        where = str(operation.location) if operation.location else operation.document
        declared = html.Span(operation.name, title=where, className="mono")
    observed: Any = html.Span("not asked", className="muted")
    if seen:
        observed = html.Span("yes", className="good")
    elif board.has_spans:
        observed = html.Span("not in this range", className="muted")
    cells: list[Any] = [
        "produces" if one.action == "send" else "consumes",
        html.B(one.service or "–"),
        inward(group, group_path(group))
        if group and one.action == "receive"
        else html.Span(group or "–", className="muted"),
        declared,
        observed,
        number(
            format_count(round(seen.messages)) if seen and seen.messages is not None else "–",
            participant_reference(channel_id, one),
            value=seen.messages if seen else None,
        ),
        board.clock(seen.last_ms) if seen and seen.last_ms is not None else "–",
    ]
    return cells if one_channel else [inward(label(board, channel_id), channel_path(channel_id)), *cells]


PARTICIPANTS = Kind(
    name="participants",
    meaning="producers and consumers, declared and observed",
    draw=draw,
    fields={"scope": SCOPE},
    skeleton="table",
    evidence="spans",
)
