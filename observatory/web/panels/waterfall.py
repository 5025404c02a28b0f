"""Kind `waterfall`: one message from producer to each consumer, as rows of plain HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.figures.broken_axis import Break, BrokenAxis
from observatory.figures.traces import Lane, arrange, span_words
from observatory.sources.base import Span
from observatory.units import format_duration
from observatory.web.board import Board
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT, SCOPE, channel_ids, label
from observatory.web.states import no_spans, state_notice

MOST_SPANS = 60
SERVICE_COLOURS = 8


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """The chosen sample trace, with buttons for the others."""
    if not board.has_spans:
        return Drawn(body=[no_spans("No source of spans is configured.")])
    ids, limit = channel_ids(board, panel), panel.number("limit", 6)
    traces = samples(board, ids, limit)
    if not traces:
        return Drawn(body=[_silent(board)])
    chosen = board.view.trace if board.view.trace in traces else next(iter(traces))
    spans = board.trace(chosen)
    if not spans:
        return Drawn(body=[state_notice("nothing", "Trace not found", f"Trace {chosen} is no longer kept.")])
    lanes = arrange(spans)
    start, end = min(one.start_ns for one in spans), max(one.end_ns for one in spans)
    services = list(dict.fromkeys(one.span.service for one in lanes))
    took = format_duration((end - start) / 1e9)
    note = f"trace {chosen[:4]}…{chosen[-4:]} · {took} · {len(spans)} spans · {len(services)} services"
    several = len(set(traces.values())) > 1
    picks = [
        html.Button(
            label(board, channel)[:34] if several else _when(board, trace_id),
            type="button",
            className="pick",
            title=f"trace {trace_id}",
            **{"data-set": "trace", "data-to": trace_id, "aria-pressed": str(trace_id == chosen).lower()},
        )
        for trace_id, channel in traces.items()
    ]
    warnings = [f"{len(lanes) - MOST_SPANS} later rows of this trace are not drawn"] if len(lanes) > MOST_SPANS else []
    cut = len(orphans(spans))
    warnings += (
        [f"{cut} of {len(spans)} spans have a parent that never came: parts of this trace are missing"] if cut else []
    )
    aside = [
        html.Span([html.I(className="key-path"), "critical path"], className="muted"),
        html.Span([html.I(className="key-queue"), "time in queue"], className="muted"),
    ]
    return Drawn(
        body=[
            html.Div(picks, className="picks"),
            # It scrolls by itself, so the keyboard must be able to stand in it.
            html.Div(
                rows(lanes[:MOST_SPANS], start, end, services),
                className="waterfall",
                tabIndex=0,
                role="group",
                **{"aria-label": "Spans of the message"},
            ),
        ],
        note=note,
        aside=aside,
        warnings=warnings,
    )


def orphans(spans: Sequence[Span]) -> list[Span]:
    """Spans whose parent is not among those of the trace."""
    known = {one.span_id for one in spans}
    return [one for one in spans if one.parent_span_id and one.parent_span_id not in known]


def _silent(board: Board) -> html.Div:
    words = f"Spans are collected, and none names these channels in this range ({board.view.words})."
    return state_notice("no_traffic", "No traces in this range", words)


def _when(board: Board, trace_id: str) -> str:
    """What tells traces of one channel apart: when each began, how long it took, whether it failed."""
    spans = board.trace(trace_id)
    if not spans:
        return trace_id[:8]
    start, end = min(one.start_ns for one in spans), max(one.end_ns for one in spans)
    failed = " · failed" if any(one.error for one in spans) else ""
    at = board.clock(start // 1_000_000, seconds=True)
    return f"{at} · {format_duration((end - start) / 1e9)}{failed}"


def samples(board: Board, ids: Sequence[str], limit: int) -> dict[str, str]:
    """Sample traces and the channel each was found by: the most urgent channels first, one trace of each."""
    found: dict[str, str] = {}
    for channel_id in ids[: 2 * limit]:
        selector = board.span_selector(channel_id)
        for trace_id in board.trace_ids(selector, limit if len(ids) == 1 else 1) if selector else ():
            found.setdefault(trace_id, channel_id)
        if len(found) >= limit:
            break
    return dict(list(found.items())[:limit])


def rows(lanes: Sequence[Lane], start_ns: int, end_ns: int, services: Sequence[str]) -> list[Any]:
    """Grid cells, three per lane, below a line of round ticks; long stretches in which nothing ran are left out."""
    axis = BrokenAxis.of(
        [(lane.span.start_ns, lane.span.end_ns) for lane in lanes], start_ns, max(end_ns, start_ns + 1)
    )
    ticks = axis.ticks()

    def lines() -> list[Any]:
        found = [html.I(className="grid-line", style={"left": _share(share)}) for share, _ in ticks]
        return found + [html.I(className="break", style=_place(axis, one.start_ns, one.end_ns)) for one in axis.breaks]

    cells: list[Any] = [
        html.Div("Service · operation", className="who head"),
        html.Div(
            [html.Span(words, className="tick", style={"left": _share(at)}) for at, words in ticks if at < 0.94]
            + [_left_out(axis, one) for one in axis.breaks],
            className="lane head",
        ),
        html.Div("Duration", className="took head"),
    ]
    for lane in lanes:
        one = lane.span
        place = _place(axis, lane.begin_ns, lane.begin_ns + lane.took_ns)
        if lane.queued_ns:
            who: list[Any] = [html.B(one.system or "broker"), html.Span(f"time in queue {one.destination}".strip())]
            bar = html.I(className="queue", style=place)
        else:
            who = [html.B(one.service), html.Span(one.name)]
            colour = "error" if one.error else f"s{services.index(one.service) % SERVICE_COLOURS}"
            bar = html.I(className=f"bar {colour}{' path' if lane.on_path else ''}", style=place, title=span_words(one))
        cells += [
            html.Div(who, className="who", style={"--depth": str(lane.depth)}, title=f"{one.service} {one.name}"),
            html.Div([*lines(), bar], className="lane"),
            html.Div(
                format_duration(lane.took_ns / 1e9),
                className=f"took{' bad' if one.error and not lane.queued_ns else ''}",
            ),
        ]
    return cells


def _left_out(axis: BrokenAxis, one: Break) -> html.Span:
    place = _place(axis, one.start_ns, one.end_ns)
    return html.Span(f"⋯ {one.words}", className="left-out", style=place, title=f"{one.words} in which nothing ran")


def _place(axis: BrokenAxis, begin_ns: int, end_ns: int) -> dict[str, str]:
    left, right = axis.share(begin_ns), axis.share(end_ns)
    return {"left": _share(left), "width": _share(right - left)}


def _share(value: float) -> str:
    return f"{100 * value:.3f}%"


WATERFALL = Kind(
    name="waterfall",
    meaning="sample messages from producer to consumers",
    draw=draw,
    fields={"scope": SCOPE, "limit": Field(LIMIT.meaning, "count")},
    skeleton="table",
    evidence="spans",
)
