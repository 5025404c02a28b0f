"""Kind `waterfall`: one message from producer to each consumer, as rows of plain HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.figures.svg_line import round_ticks
from observatory.sources.base import Span
from observatory.units import format_duration
from observatory.web.board import Board
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT, SCOPE, channel_ids, label
from observatory.web.parts import notice

MOST_SPANS = 60
SERVICE_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of the waterfall: a span, or the time that a message waited between two spans."""

    span: Span
    depth: int
    queued_ns: int = 0
    on_path: bool = False


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """The chosen sample trace, with buttons for the others."""
    if not board.has_spans:
        return Drawn(
            body=[
                notice(
                    "No traces",
                    "No source of spans is configured.",
                    hint="Send OTLP traces to this server at /v1/traces, or load them with `observatory ingest`.",
                )
            ]
        )
    ids, limit = channel_ids(board, panel), panel.number("limit", 6)
    traces = samples(board, ids, limit)
    if not traces:
        return Drawn(body=[notice("No traces in this range", f"No span names these channels in {board.view.words}.")])
    chosen = board.view.trace if board.view.trace in traces else next(iter(traces))
    spans = board.trace(chosen)
    if not spans:
        return Drawn(body=[notice("Trace not found", f"Trace {chosen} is no longer kept.")])
    lanes = arrange(spans)
    start, end = min(one.start_ns for one in spans), max(one.end_ns for one in spans)
    services = list(dict.fromkeys(one.span.service for one in lanes))
    took = format_duration((end - start) / 1e9)
    note = f"trace {chosen[:4]}…{chosen[-4:]} · {took} · {len(spans)} spans · {len(services)} services"
    picks = [
        html.Button(
            f"{label(board, channel)[:34]}",
            type="button",
            className="pick",
            title=f"trace {trace_id}",
            **{"data-set": "trace", "data-to": trace_id, "aria-pressed": str(trace_id == chosen).lower()},
        )
        for trace_id, channel in traces.items()
    ]
    warnings = [f"{len(lanes) - MOST_SPANS} later rows of this trace are not drawn"] if len(lanes) > MOST_SPANS else []
    aside = [
        html.Span([html.I(className="key-path"), "critical path"], className="muted"),
        html.Span([html.I(className="key-queue"), "time in queue"], className="muted"),
    ]
    return Drawn(
        body=[
            html.Div(picks, className="picks"),
            html.Div(rows(lanes[:MOST_SPANS], start, end, services), className="waterfall"),
        ],
        note=note,
        aside=aside,
        warnings=warnings,
    )


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


def arrange(spans: Sequence[Span]) -> list[Lane]:
    """Spans in reading order, children under their parent or under the span that they link to.

    A consumer whose producer lies earlier gets a lane of its own above it: the time in the queue. The critical path
    is the chain that ends last.
    """
    by_id = {one.span_id: one for one in spans}
    parents = {one.span_id: _parent(one, by_id) for one in spans}
    children: dict[str, list[Span]] = {}
    for one in sorted(spans, key=lambda span: (span.start_ns, span.span_id)):
        children.setdefault(parents[one.span_id], []).append(one)
    path = _critical(spans, parents)
    lanes: list[Lane] = []
    seen: set[str] = set()

    def add(one: Span, depth: int) -> None:
        if one.span_id in seen:
            return
        seen.add(one.span_id)
        producer = by_id.get(parents[one.span_id])
        if producer and producer.kind == "producer" and one.kind == "consumer" and one.start_ns > producer.end_ns:
            lanes.append(Lane(one, depth, one.start_ns - producer.end_ns, one.span_id in path))
        lanes.append(Lane(one, depth, 0, one.span_id in path))
        for child in children.get(one.span_id, ()):
            add(child, min(depth + 1, 8))

    for root in children.get("", ()):
        add(root, 0)
    # Spans in a ring of parents have no root; they are shown all the same.
    for one in spans:
        add(one, 0)
    return lanes


def _parent(one: Span, by_id: Mapping[str, Span]) -> str:
    if one.parent_span_id in by_id and one.parent_span_id != one.span_id:
        return one.parent_span_id
    return next((span_id for _, span_id in one.links if span_id in by_id and span_id != one.span_id), "")


def _critical(spans: Sequence[Span], parents: Mapping[str, str]) -> set[str]:
    last = max(spans, key=lambda one: (one.end_ns, one.start_ns))
    path: set[str] = set()
    at = last.span_id
    while at and at not in path:
        path.add(at)
        at = parents.get(at, "")
    return path


def rows(lanes: Sequence[Lane], start_ns: int, end_ns: int, services: Sequence[str]) -> list[Any]:
    """Grid cells, three per lane, below a line of round ticks."""
    length = max(1, end_ns - start_ns)
    unit, size = _unit(length)
    ticks = [tick for tick in round_ticks(0, length / size, 5) if tick * size <= length * 1.0001]
    at = [100 * tick * size / length for tick in ticks]

    def lines() -> list[Any]:
        return [html.I(className="grid-line", style={"left": f"{share:.3f}%"}) for share in at]

    cells: list[Any] = [
        html.Div("Service · operation", className="who head"),
        html.Div(
            [
                html.Span(f"{tick:g} {unit}", className="tick", style={"left": f"{share:.3f}%"})
                for tick, share in zip(ticks, at, strict=True)
                if share < 94
            ],
            className="lane head",
        ),
        html.Div("Duration", className="took head"),
    ]
    for lane in lanes:
        one = lane.span
        begin = one.start_ns - lane.queued_ns if lane.queued_ns else one.start_ns
        took = lane.queued_ns or max(0, one.end_ns - one.start_ns)
        place = {"left": f"{100 * (begin - start_ns) / length:.3f}%", "width": f"{100 * took / length:.3f}%"}
        if lane.queued_ns:
            who: list[Any] = [html.B(one.system or "broker"), html.Span(f"time in queue {one.destination}".strip())]
            bar = html.I(className="queue", style=place)
        else:
            who = [html.B(one.service), html.Span(one.name)]
            colour = "error" if one.error else f"s{services.index(one.service) % SERVICE_COLOURS}"
            bar = html.I(className=f"bar {colour}{' path' if lane.on_path else ''}", style=place, title=_tip(one))
        cells += [
            html.Div(who, className="who", style={"--depth": str(lane.depth)}, title=f"{one.service} {one.name}"),
            html.Div([*lines(), bar], className="lane"),
            html.Div(
                format_duration(took / 1e9), className=f"took{' bad' if one.error and not lane.queued_ns else ''}"
            ),
        ]
    return cells


def _tip(one: Span) -> str:
    words = [f"{one.service}: {one.name} ({one.kind})"]
    words += [f"error: {one.error_type or 'yes'}"] if one.error else []
    words += [f"{key}: {value}"[:160] for key, value in sorted(one.attributes.items())[:12]]
    return "\n".join(words)


def _unit(length_ns: int) -> tuple[str, float]:
    return next(
        (
            (word, size)
            for word, size in (("h", 3.6e12), ("min", 6e10), ("s", 1e9), ("ms", 1e6))
            if length_ns >= 2 * size
        ),
        ("µs", 1e3),
    )


WATERFALL = Kind(
    name="waterfall",
    meaning="sample messages from producer to consumers",
    draw=draw,
    fields={"scope": SCOPE, "limit": Field(LIMIT.meaning, "count")},
    skeleton="table",
)
