"""Kind `channels`: the grid of channels with status, availability, latency, burn, budget and owner."""

from __future__ import annotations

import json
import math
from typing import Any

import dash_ag_grid as dag
import numpy as np
from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.errors import SourceFailed
from observatory.evaluate.status import ObjectiveStatus
from observatory.units import format_percentage
from observatory.web.board import Board
from observatory.web.channel_standing import ChannelStanding, burn_of
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT, SCOPE
from observatory.web.parts import (
    channel_path,
    heat_values,
    legend,
    milliseconds_text,
    notice,
    runs_out,
    spark_values,
    whole_percent,
)
from observatory.web.view import step_for

SPARK_STEPS = 48
HEAT = "cells-24x3600"
"""The cells of a row's heat strip, as their explanation calls them: 24, of an hour each."""
LATENCY_SIGNALS = ("end_to_end_latency", "process_duration")
MOST_EARLY = 20
HOT = 3.0
"""Burn rate from which a change of pace is worth a word; the slowest factor that alerts within a day."""
THEME = {
    "function": "themeQuartz.withParams({accentColor:'var(--accent)',"
    "backgroundColor:'var(--panel)',foregroundColor:'var(--text)',"
    "headerBackgroundColor:'var(--panel)',headerTextColor:'var(--muted)',borderColor:'var(--line)',rowHoverColor:'var(--chosen)',"
    "wrapperBorder:false,columnBorder:false,headerColumnBorder:false,headerRowBorder:true,rowHeight:32,headerHeight:30,"
    "headerFontWeight:400,headerFontSize:12,fontSize:12.5,cellHorizontalPadding:8,spacing:6,iconSize:12,"
    "fontFamily:'Inter, sans-serif',oddRowBackgroundColor:'var(--panel)',borderRadius:0,wrapperBorderRadius:0,"
    "headerColumnResizeHandleDisplay:'none'})"
}


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """The grid; everything in a row is of one channel, its numbers of the objective named in the tip."""
    shown = _shown(board, panel)
    if not shown:
        return Drawn(body=[notice("Nothing to show", "No channel passes the filter.")])
    total = len(board.snapshot.catalog.channels)
    warnings: list[str] = []
    try:
        latency = _latency(board, shown)
    except SourceFailed as error:
        # The rows are of the snapshot and hold; only what is asked for on top is missing.
        latency = {}
        warnings = [f"no latency: {error.problems[0].place() or 'the source'}: {error.problems[0].message}"]
    strictest = _strictest(shown)
    rows = [row(board, one, latency.get(one.channel.id), strictest) for one in shown]
    grid = dag.AgGrid(
        id={"type": "grid", "index": panel.id},
        rowData=rows,
        columnDefs=columns(board),
        defaultColDef={"sortable": True, "resizable": False, "suppressMovable": True, "minWidth": 60},
        dashGridOptions={
            "theme": THEME,
            "suppressCellFocus": True,
            "suppressColumnVirtualisation": True,
            "animateRows": False,
            # Rows beyond what is seen; each costs ten cells before the first is shown.
            "rowBuffer": 2,
            "enableBrowserTooltips": True,
            "suppressDragLeaveHidesColumns": True,
            "domLayout": "normal",
        },
        getRowId="params.data.id",
        eventListeners={
            "rowDoubleClicked": ["open(params)"],
            "sortChanged": ["sorted(params)"],
        },
        className="ag-theme-observatory",
        style={"height": _height(panel, len(rows))},
    )
    # The holder is there before the grid's own script is, so that the keyboard knows that rows are to come.
    holder = html.Div(grid, className="channel-grid")
    return Drawn(
        body=[holder], note=f"{len(shown)} of {total} · most urgent first", aside=[legend()], warnings=warnings
    )


def early(board: Board, panel: PanelDeclaration) -> html.Div | None:
    """The rows that are seen first, without the two columns that a source is asked for."""
    shown = _shown(board, panel)
    if not shown:
        return None
    strictest = _strictest(shown)
    seen = min(MOST_EARLY, -(-(panel.height or MOST_EARLY * 32) // 32))
    told = {
        "columns": [
            {key: one[key] for key in ("field", "headerName", "flex", "minWidth", "width", "type") if key in one}
            | {key: one[key] for key in ("cellRenderer", "cellRendererParams") if key in one}
            for one in columns(board)
        ],
        "rows": [row(board, one, (None, ""), strictest) for one in shown[:seen]],
    }
    return html.Div(
        style={"height": _height(panel, len(shown))},
        **{"data-rows": json.dumps(told, ensure_ascii=False, separators=(",", ":"))},
    )


def _shown(board: Board, panel: PanelDeclaration) -> tuple[ChannelStanding, ...]:
    scope = panel.text("scope", "critical")
    standings = board.channel_standings(criticality=("critical", "high") if scope == "critical" else ())
    if not standings and scope == "critical":
        standings = board.channel_standings()
    return standings[: panel.number("limit", 1000)]


def _height(panel: PanelDeclaration, rows: int) -> str:
    return f"{panel.height or min(max(rows, 3), 18) * 32 + 34}px"


def _strictest(shown: tuple[ChannelStanding, ...]) -> float:
    """The strictest target, whose digits all shares of good events are written with."""
    return min(0.999, max((status.objective.target for one in shown for status in one.statuses), default=0.99))


def columns(board: Board) -> list[dict[str, Any]]:
    """Column definitions of the grid."""

    def drawn(kind: str, width: int, tip: str, aspect: str = "", *, of_objective: bool = False) -> dict[str, Any]:
        return {
            "cellRenderer": "Draw",
            "cellRendererParams": {"kind": kind, "wide": width, "tip": tip, "aspect": aspect, "named": of_objective},
            "sortable": False,
        }

    def opens(aspect: str) -> dict[str, Any]:
        return {"cellRendererParams": {"aspect": aspect}}

    def known(name: str) -> dict[str, Any]:
        return {"comparator": {"function": f"behind('{name}')"}}

    span = board.view.range if board.view.absolute is None else "range"
    right = {"type": "rightAligned", "cellRenderer": "Mono"}
    return [
        {"field": "channel", "headerName": "Channel", "cellRenderer": "Channel", "flex": 1, "minWidth": 120},
        {
            "field": "state",
            "headerName": "Status",
            "cellRenderer": "Status",
            "width": 96,
            "minWidth": 30,
            **known("order"),
        },
        {
            "field": "available",
            "headerName": f"Good {span}",
            "headerTooltip": f"per cent of good events, {board.view.words}",
            "width": 80,
            **right,
            **opens("range"),
            **known("available_n"),
        },
        {
            "field": "p99",
            "headerName": "p99",
            "headerTooltip": "newest p99",
            "width": 76,
            **right,
            **opens("p99"),
            **known("p99_n"),
        },
        {
            "field": "latency",
            "headerName": f"p99 {span}",
            "width": 84,
            **drawn("spark", 68, "p99 latency over the range"),
        },
        {"field": "burn", "headerName": "Burn 1 h · pace", "cellRenderer": "Burn", "width": 148, **known("burn")},
        {
            "field": "heat",
            "headerName": "Burn, last 24 h",
            "width": 112,
            **drawn("heat", 96, "burn rate per hour", HEAT, of_objective=True),
        },
        {
            "field": "budget",
            "headerName": "Budget left",
            "headerTooltip": "share of the error budget that is left; −12× is twelve whole budgets overspent",
            "cellRenderer": "Budget",
            "cellRendererParams": {"wide": 54, "tip": "error budget", "named": True},
            "width": 124,
            **known("left_n"),
        },
        {"field": "gone", "headerName": "Runs out", "width": 72, **right, **opens("runs-out"), **known("gone_n")},
        {"field": "owner", "headerName": "Owner", "cellRenderer": "Words", "width": 108},
    ]


def row(
    board: Board, standing: ChannelStanding, latency: tuple[float | None, str] | None, digits_of: float
) -> dict[str, Any]:
    """One channel as plain values; what the browser sorts by stands beside what it shows."""
    one, channel = standing.worst, standing.channel
    kept: dict[str, dict[str, Any]] = board.memory.get("channel rows", dict)
    if channel.id not in kept:
        kept[channel.id] = lasting(board, standing)
    available = standing.of("availability") or one
    counts = board.counts(available, board.span) if available else None
    ratio = counts.ratio if counts else None
    p99, spark = latency or (None, "")
    return {
        **kept[channel.id],
        "available": format_percentage(ratio, target=digits_of).removesuffix(" %") if ratio is not None else None,
        "available_n": _digits(ratio, 9),
        "p99": milliseconds_text(p99),
        "p99_n": _digits(p99),
        "latency": spark or None,
    }


def lasting(board: Board, standing: ChannelStanding) -> dict[str, Any]:
    """What a row says whatever range is chosen."""
    one, channel = standing.worst, standing.channel
    left = one.budget.remaining_ratio if one and one.budget else None
    cells = board.burn_cells(one, 24, 3600) if one else ()
    return {
        "id": channel.id,
        "channel": channel.label,
        "href": channel_path(channel.id),
        "critical": channel.criticality == "critical"
        or any(s.objective.criticality == "critical" for s in standing.statuses),
        "state": standing.state,
        "order": -_order(one),
        "burn": _digits(burn_of(one, "1h")) if one else None,
        "move": pace(one),
        "heat": heat_values(cells) if any(map(math.isfinite, cells)) or one else None,
        "objective": one.objective.id if one else "",
        "budget": f"{left:.4f}" if left is not None else "" if one and one.counts is not None else None,
        "left": whole_percent(left) if left is not None else None,
        "left_n": _digits(left),
        "gone": runs_out(one, board.snapshot.at_ms) if one else None,
        "gone_n": _gone(one),
        "owner": standing.owner,
    }


def _digits(value: float | None, count: int = 7) -> float | None:
    """A value as it travels a thousand times: more digits than anybody reads or sorts by cost a tenth of the bytes."""
    return None if value is None else float(f"{value:.{count}g}")


def pace(one: ObjectiveStatus | None) -> str:
    """How the burn moves, from the long and the short window together: critical, increasing, recovering, acceptable."""
    if one is None:
        return "acceptable"
    long, short = burn_of(one, "1h") or 0.0, burn_of(one, "5m") or 0.0
    if "page" in one.firing and short >= HOT:
        return "critical"
    if max(long, short) < HOT:
        return "acceptable"
    return "increasing" if short > long else "recovering"


def _latency(board: Board, standings: tuple[ChannelStanding, ...]) -> dict[str, tuple[float | None, str]]:
    """By channel the newest p99 and its sparkline; of several consumers the slowest counts at each step."""
    found: dict[str, list[Any]] = {}
    waiting = [one.channel.id for one in standings]
    for signal in LATENCY_SIGNALS:
        operations = {one.key: one.channel_id for one in board.operations(waiting, "receive")}
        for series in board.series(signal, list(operations), "p99", step_ms=step_for(board.span, SPARK_STEPS)):
            if series.subject in operations and np.isfinite(series.value).any():
                found.setdefault(operations[series.subject], []).append(series.value)
        waiting = [one for one in waiting if one not in found]
    shown: dict[str, tuple[float | None, str]] = {}
    for channel_id, values in found.items():
        worst = np.fmax.reduce(values) if len({len(one) for one in values}) == 1 else values[0]
        last = worst[np.isfinite(worst)]
        shown[channel_id] = (float(last[-1]), spark_values(worst, 40))
    return shown


def _order(one: ObjectiveStatus | None) -> int:
    from observatory.web.channel_standing import urgency

    return urgency(one)[0] * 10 + urgency(one)[1] if one else 99


def _gone(one: ObjectiveStatus | None) -> int | None:
    if one is None:
        return None
    if one.budget and one.budget.remaining_ratio is not None and one.budget.remaining_ratio <= 0:
        return 0
    return one.exhausts_at_ms


CHANNELS = Kind(
    name="channels",
    meaning="the grid of channels",
    draw=draw,
    fields={"scope": SCOPE, "limit": Field(LIMIT.meaning, "count")},
    skeleton="table",
    evidence="objectives",
    early=early,
)
