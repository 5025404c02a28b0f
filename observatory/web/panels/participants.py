"""Kind `participants`: who produces and consumes, as documents declare it and as spans show it, side by side."""

from __future__ import annotations

from typing import Any

from dash import html

from observatory.spec.catalog import Operation
from observatory.telemetry.inventory import SpanDestination
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.declaration import PanelDeclaration
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.subjects import SCOPE, channel_ids, label
from observatory.web.parts import channel_path, clock, group_path, inward, notice, table


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """A row per participant; undeclared ones are marked, silent ones too."""
    rows: list[list[Any]] = []
    one_channel = len(channel_ids(board, panel)) == 1
    undeclared = silent = 0
    for channel_id in channel_ids(board, panel):
        declared = list(board.operations((channel_id,)))
        seen = _seen(board, channel_id)
        for operation in declared:
            match = next((one for one in seen if _same(operation, one)), None)
            seen = [one for one in seen if one is not match]
            silent += board.has_spans and match is None
            rows.append(_row(board, channel_id, operation, match, one_channel))
        for one in seen:
            undeclared += 1
            rows.append(_row(board, channel_id, None, one, one_channel))
    if not rows:
        return Drawn(
            body=[notice("Nobody", "The documents declare no producer and no consumer here, and spans show none.")]
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
    note = board.view.words if board.has_spans else "documents only: no traces are collected"
    words = [f"{undeclared} undeclared"] if undeclared else []
    words += [f"{silent} declared and not seen"] if silent else []
    return Drawn(
        body=[html.Div(table(head, rows, numeric=(5 + shift, 6 + shift), name="rows"), className="scroll")],
        note=" · ".join([note, *words]),
    )


def _seen(board: Board, channel_id: str) -> list[SpanDestination]:
    if not board.has_spans:
        return []
    selector = board.span_selector(channel_id)
    if selector is None:
        return []
    kept = [
        one
        for one in board.destinations()
        if one.destination in selector.destinations and (selector.system is None or one.system == selector.system)
    ]
    return sorted(kept, key=lambda one: (one.role != "producer", one.service, one.consumer_group))


def _same(operation: Operation, one: SpanDestination) -> bool:
    if (operation.action == "send") != (one.role == "producer"):
        return False
    return operation.service == one.service or bool(
        operation.consumer_group and operation.consumer_group == one.consumer_group
    )


def _row(
    board: Board, channel_id: str, operation: Operation | None, seen: SpanDestination | None, one_channel: bool
) -> list[Any]:
    producing = operation.action == "send" if operation else bool(seen and seen.role == "producer")
    service = operation.service if operation else seen.service if seen else ""
    group = (operation.consumer_group if operation else seen.consumer_group if seen else "") or ""
    declared: Any = html.Span("undeclared", className="status at_risk")
    if operation:
        where = str(operation.location) if operation.location else operation.document
        declared = html.Span(operation.name, title=where, className="mono")
    observed: Any = html.Span("not asked", className="muted")
    if board.has_spans:
        observed = html.Span("yes", className="good") if seen else html.Span("not in this range", className="muted")
    cells: list[Any] = [
        "produces" if producing else "consumes",
        html.B(service),
        inward(group, group_path(group)) if group and not producing else html.Span(group or "–", className="muted"),
        declared,
        observed,
        format_count(round(seen.messages)) if seen else "–",
        clock(seen.last_ms, board.snapshot.at_ms) if seen else "–",
    ]
    return cells if one_channel else [inward(label(board, channel_id), channel_path(channel_id)), *cells]


PARTICIPANTS = Kind(
    name="participants",
    meaning="producers and consumers, declared and observed",
    draw=draw,
    fields={"scope": SCOPE},
    skeleton="table",
)
