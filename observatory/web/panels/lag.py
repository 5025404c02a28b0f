"""Kind `lag`: consumer groups with what waits for them, how far behind they are, and where that is going."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from dash import html
from msgspec import Struct

from observatory.dashboards import PanelDeclaration
from observatory.sources.base import Float64
from observatory.spec.catalog import Operation
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT, SCOPE, channel_ids, label, nothing_passes, sides
from observatory.web.parts import channel_path, group_path, inward, short_duration, spark, table
from observatory.web.states import not_measured, state_notice

Movement = Literal["stalled", "growing", "draining", "keeping up", "unknown"]
LOOKS: dict[Movement, tuple[str, str, str]] = {
    "stalled": ("▲", "breached", "bad"),
    "growing": ("▲", "at_risk", "warn"),
    "draining": ("↘", "at_risk", "warn"),
    "keeping up": ("●", "meeting", "good"),
    "unknown": ("○", "no_data", "grey"),
}
ORDER: tuple[Movement, ...] = ("stalled", "growing", "draining", "keeping up", "unknown")
RECENT_SHARE = 0.12


class GroupLag(Struct, frozen=True, kw_only=True):
    """One consumer group on one channel."""

    operation: Operation
    movement: Movement
    messages: float | None
    seconds: float | None
    values: Float64


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """The table, the worst first."""
    ids = channel_ids(board, panel)
    operations = sides(board, ids, "receive")
    if not operations and board.argument and board.view.query:
        return Drawn(body=[nothing_passes(board)])
    if not operations:
        return Drawn(body=[state_notice("nothing", "Nothing to show", "The documents declare no consumer here.")])
    found = sorted((group_lag(board, one) for one in operations), key=_rank)
    known = [one for one in found if one.movement != "unknown"]
    if not known:
        missing = board.missing("consumer_lag", [one.key for one in operations])
        if missing is None:
            words = f"Series of lag exist, and hold nothing in this range ({board.view.words})."
            return Drawn(body=[state_notice("no_traffic", "No traffic", words)])
        return Drawn(body=[not_measured("consumer lag", missing, "nothing tells how far consumers are")])
    limit = panel.number("limit", 8)
    rows = [_row(board, one) for one in known[:limit]]
    without = len(found) - len(known)
    return Drawn(
        body=[
            html.Div(
                table(
                    ["Group", "State", "Lag", "Time behind", f"{board.view.words}"], rows, numeric=(2, 3), name="rows"
                ),
                className="scroll",
            )
        ],
        note=f"{limit} of {len(known)} groups"
        if len(known) > limit
        else ""
        if len(known) == 1
        else f"{len(known)} groups",
        warnings=[f"{without} of {len(found)} groups have no lag series"] if without else [],
    )


def group_lag(board: Board, operation: Operation) -> GroupLag:
    """Lag of one consumer: offsets where they exist, else the depth of its queue."""
    every = board.memory.get(("lag", board.span), lambda: _all(board))
    messages, behind = every.get(operation.key), every.get(f"behind {operation.key}")
    status = next(
        (
            one
            for one in board.snapshot.status.objectives
            if one.objective.operation_key == operation.key
            and one.objective.sli == "lag"
            and one.level
            and one.level.unit == "second"
        ),
        None,
    )
    seconds = status.level.last if status and status.level else _last(behind)
    values = messages if messages is not None else behind if behind is not None else np.empty(0)
    return GroupLag(
        operation=operation, movement=movement(values), messages=_last(messages), seconds=seconds, values=values
    )


def _all(board: Board) -> dict[str, Float64]:
    operations = [one for one in board.snapshot.catalog.operations if one.action == "receive"]
    keys = [one.key for one in operations]
    found = {
        one.subject: one.value for one in board.series("consumer_lag", keys, "level") if np.isfinite(one.value).any()
    }
    by_channel = {one.channel_id: one.key for one in operations if one.key not in found}
    for signal in ("queue_ready", "queue_depth"):
        for one in board.series(signal, list(by_channel), "level"):
            if one.subject in by_channel and np.isfinite(one.value).any():
                found.setdefault(by_channel[one.subject], one.value)
    for one in board.series("consumer_lag", keys, "behind"):
        if np.isfinite(one.value).any():
            found[f"behind {one.subject}"] = one.value
    return found


def movement(lag: Float64) -> Movement:
    """Where a backlog is going, judged over the whole range and not by one threshold.

    Growing: the newest part lies well above what is usual and above what it was at its start. Stalled: the same, and
    the newest stretch never falls. Draining: above the usual, but falling.
    """
    seen = lag[np.isfinite(lag)]
    if len(seen) < 4:
        return "unknown" if not len(seen) else "keeping up"
    recent = seen[-max(3, round(len(seen) * RECENT_SHARE)) :]
    usual = float(np.median(seen))
    spread = float(np.median(np.abs(seen - usual)))
    floor = max(usual + 6 * spread, 2 * usual, 20.0)
    if float(recent[-1]) <= floor:
        return "keeping up"
    if float(recent[-1]) < 0.9 * float(recent.max()):
        return "draining"
    rises = np.diff(recent)
    if (rises >= 0).all() and float(recent[-1]) > float(recent[0]):
        return "stalled"
    return "growing" if float(recent[-1]) > float(recent[0]) else "draining"


def _row(board: Board, one: GroupLag) -> list[Any]:
    glyph, css, tone = LOOKS[one.movement]
    operation = one.operation
    name = operation.consumer_group or operation.service
    return [
        [
            inward(name, group_path(name)),
            html.Small(inward(label(board, operation.channel_id), channel_path(operation.channel_id), "muted")),
        ],
        html.Span(
            [html.Span(glyph, className="glyph", **{"aria-hidden": "true"}), one.movement], className=f"status {css}"
        ),
        number(
            "–" if one.messages is None else format_count(round(one.messages)),
            Reference("lag", operation.key, "messages"),
            value=one.messages,
        ),
        number(
            "–" if one.seconds is None else short_duration(one.seconds),
            Reference("lag", operation.key, "behind"),
            value=one.seconds,
        ),
        spark(one.values, tone, width=104, label="messages waiting over the range"),
    ]


def _rank(one: GroupLag) -> tuple[int, float, str]:
    return ORDER.index(one.movement), -(one.messages or 0.0), one.operation.key


def _last(values: Float64 | None) -> float | None:
    if values is None:
        return None
    seen = values[np.isfinite(values)]
    return float(seen[-1]) if len(seen) else None


LAG = Kind(
    name="lag",
    meaning="consumer groups, their lag and where it goes",
    draw=draw,
    fields={"scope": SCOPE, "limit": Field(LIMIT.meaning, "count")},
    skeleton="table",
)
