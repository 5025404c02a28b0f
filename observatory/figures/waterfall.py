"""A trace as a figure: one row per span, the time in queues between them, the critical path."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from observatory.figures.layout import as_text, frame
from observatory.figures.theme import Theme
from observatory.figures.traces import Lane, span_words, time_ticks
from observatory.units import format_duration


def waterfall_figure(lanes: Sequence[Lane], *, theme: Theme) -> go.Figure:
    """Lanes from the top down on one axis of time since the first span began.

    Services differ in colour, errors are red, the critical path has a light core, time in a queue is a dashed frame.
    """
    figure = go.Figure(layout=frame(theme, None, legend=False))
    start = min((one.span.start_ns for one in lanes), default=0)
    length = max(1, max((one.span.end_ns for one in lanes), default=start) - start)
    services = list(dict.fromkeys(one.span.service for one in lanes))
    tones = [_tone(one, services, theme) for one in lanes]
    begins = [one.begin_ns - start for one in lanes]
    figure.add_trace(
        go.Bar(
            orientation="h",
            base=begins,
            x=[max(one.took_ns, length / 1000) for one in lanes],
            y=list(range(len(lanes))),
            marker={
                "color": ["rgba(0,0,0,0)" if one.queued_ns else tone for one, tone in zip(lanes, tones, strict=True)],
                "line": {"width": 0},
            },
            customdata=[[_words(one)] for one in lanes],
            hovertemplate="%{customdata[0]}<extra></extra>",
        )
    )
    for index, (one, begin) in enumerate(zip(lanes, begins, strict=True)):
        place = {"x0": begin, "x1": begin + one.took_ns}
        if one.queued_ns:
            dashed = {"width": 1, "color": theme.muted, "dash": "3px,3px"}
            figure.add_shape(type="rect", y0=index - 0.3, y1=index + 0.3, line=dashed, **place)
        elif one.on_path:
            figure.add_shape(type="line", y0=index, y1=index, line={"width": 2, "color": theme.panel}, **place)
    ticks = time_ticks(length)
    figure.update_xaxes(
        range=[0, length],
        showgrid=True,
        fixedrange=False,
        tickmode="array",
        tickvals=[at for at, _ in ticks],
        ticktext=[words for _, words in ticks],
        side="top",
    )
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        rangemode="normal",
        tickmode="array",
        tickvals=list(range(len(lanes))),
        ticktext=[_label(one) for one in lanes],
    )
    return figure


def _tone(lane: Lane, services: Sequence[str], theme: Theme) -> str:
    return theme.breached if lane.span.error else theme.series[services.index(lane.span.service) % len(theme.series)]


def _label(lane: Lane) -> str:
    one = lane.span
    return as_text(f"{one.system or 'broker'} time in queue" if lane.queued_ns else f"{one.service} {one.name}")


def _words(lane: Lane) -> str:
    took = format_duration(lane.took_ns / 1e9)
    if lane.queued_ns:
        return f"time in queue {as_text(lane.span.destination)}: {took}"
    return "<br>".join([f"{took}", *(as_text(line, 160) for line in span_words(lane.span).splitlines())])
