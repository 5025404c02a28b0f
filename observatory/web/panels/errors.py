"""Kind `errors`: schema errors and dead letters over time, and the newest failed messages that spans show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.snapshot import SignalSeries
from observatory.figures.curve import Curve
from observatory.figures.lines import line_figure
from observatory.sources.base import Span
from observatory.web.board import Board
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.graph import graph
from observatory.web.panels.subjects import LIMIT, SCOPE, channel_ids, sides
from observatory.web.panels.what_changed import markers
from observatory.web.parts import channel_path, inward
from observatory.web.states import not_measured, state_notice


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """Two lines summed over the channels in scope, and a short log."""
    ids = channel_ids(board, panel)
    keys = [one.key for one in sides(board, ids, "receive")]
    dead = summed(board.series("dead_lettered_messages", keys, "rate"))
    invalid = summed(board.series("validated_messages", keys, "error_rate"))
    curves: list[Curve] = []
    if dead is not None:
        curves.append(Curve(name="dead letters", t_ms=dead[0], value=dead[1], meaning="breached"))
    if invalid is not None:
        curves.append(Curve(name="schema errors", t_ms=invalid[0], value=invalid[1], meaning="accent"))
    body: list[Any] = []
    if curves:
        figure = line_figure(
            curves,
            theme=board.view.colours,
            span=board.span,
            unit="message",
            statistic="rate",
            markers=markers(board, set(ids)),
        )
        body.append(graph(figure, board, panel))
    else:
        body.append(_nothing_counted(board, keys))
    body += log_lines(board, ids, panel.number("limit", 4))
    absent = [word for word, one in (("dead letters", dead), ("schema errors", invalid)) if one is None]
    return Drawn(
        body=body, note=board.view.words, warnings=[f"no series counts {absent[0]}"] if len(absent) == 1 else []
    )


def _nothing_counted(board: Board, keys: Sequence[str]) -> html.Div:
    """Nothing measures either of the two, or what does counted nothing."""
    missing = board.missing("dead_lettered_messages", keys)
    if missing and board.missing("validated_messages", keys):
        return not_measured("schema errors or dead letters", missing, "")
    words = f"Series exist, and counted nothing in this range ({board.view.words})."
    return state_notice("no_traffic", "No traffic", words)


def summed(series: Any) -> tuple[Any, Any] | None:
    """Times and sums of series on one grid; a step counts where any of them was observed. None without any value."""
    every: list[SignalSeries] = [one for one in series if np.isfinite(one.value).any()]
    if not every:
        return None
    longest = max(every, key=lambda one: len(one.t_ms))
    stack = np.vstack([one.value for one in every if len(one.value) == len(longest.value)])
    holes = ~np.isfinite(stack).any(axis=0)
    total = np.nansum(stack, axis=0)
    total[holes] = np.nan
    return longest.t_ms, total


def log_lines(board: Board, ids: tuple[str, ...], limit: int) -> list[Any]:
    """The newest spans of the range that failed, one line each."""
    if not board.has_spans:
        return []
    names = {name.value: one.id for one in board.snapshot.catalog.channels if one.id in set(ids) for name in one.names}
    failed: list[Span] = []
    for trace_id in board.trace_ids(None, 3 * limit):
        failed += [one for one in board.trace(trace_id) if one.error and one.destination in names]
    lines = [_line(board, one, names) for one in sorted(failed, key=lambda one: (-one.start_ns, one.span_id))[:limit]]
    return [html.Div(lines, className="logs")] if lines else []


def _line(board: Board, one: Span, names: dict[str, str]) -> html.Div:
    at = board.clock(one.start_ns // 1_000_000, seconds=True)
    what = one.error_type or one.attributes.get("exception.message") or one.name
    return html.Div(
        [
            html.Time(at),
            inward(one.destination, channel_path(names[one.destination]), "who"),
            html.Span(f"{what} · {one.service}", className="what", title=f"{what} in {one.service}"),
        ],
        className="log",
    )


ERRORS = Kind(
    name="errors",
    meaning="schema errors, dead letters, and the newest failures",
    draw=draw,
    fields={"scope": SCOPE, "limit": Field(LIMIT.meaning, "count")},
)
