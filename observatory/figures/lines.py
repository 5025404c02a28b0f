"""Lines, stacked areas and bars over time: the figure behind most panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from observatory.figures.curve import Curve, alone, axis_arrays, reach, thinned
from observatory.figures.layout import Guide, Marker, as_text, decorate, frame, ink
from observatory.figures.scale import Scale, scale_for
from observatory.figures.theme import DASHES, Theme
from observatory.windows import TimeRange


def line_figure(
    curves: Sequence[Curve],
    *,
    theme: Theme,
    span: TimeRange,
    unit: str,
    statistic: str = "level",
    guides: Sequence[Guide] = (),
    markers: Sequence[Marker] = (),
    stacked: bool = False,
    written: str = "",
) -> go.Figure:
    """Values over time, one line each; stacked areas when they are parts of a whole.

    Values are in base units; the axis chooses its own, or takes the one that is `written`. Lines differ in colour and
    dash, and a curve with a `meaning` takes the colour of that status.
    """
    scale = scale_for(unit, statistic, reach(curves) + [guide.value for guide in guides], written)
    figure = go.Figure(layout=frame(theme, span, legend=len(curves) > 1 or stacked))
    for index, curve in enumerate(curves):
        t_ms, value = thinned(curve.t_ms, curve.value)
        tone = ink(curve, theme, index)
        shape: dict[str, Any] = {"width": 1.6, "color": tone}
        area: dict[str, Any] = {}
        if stacked:
            shape = {"width": 1, "color": tone}
            area = {"stackgroup": "all", "fillcolor": _translucent(tone, 0.45)}
        else:
            shape["dash"] = DASHES[index % len(DASHES)]
        figure.add_trace(
            go.Scatter(
                **axis_arrays(t_ms, value * scale.factor),
                name=as_text(curve.name),
                mode="lines",
                line=shape,
                hovertemplate=f"%{{y:.4~g}}{scale.suffix}",
                connectgaps=False,
                **area,
            )
        )
        if not stacked and (single := alone(value)).any():
            # A line has no ink where it has no length.
            figure.add_trace(
                go.Scatter(
                    x=t_ms[single],
                    y=(value[single] * scale.factor).astype(np.float32),
                    mode="markers",
                    marker={"size": 5, "color": tone},
                    hoverinfo="skip",
                    showlegend=False,
                )
            )
    decorate(figure, theme, span, scale, guides, markers)
    figure.update_yaxes(ticksuffix=scale.suffix, tickformat=",~g")
    return figure


def bar_figure(
    curves: Sequence[Curve], *, theme: Theme, span: TimeRange, unit: str, markers: Sequence[Marker] = ()
) -> go.Figure:
    """Counts per step as stacked bars, told apart by colour and by pattern."""
    figure = go.Figure(layout=frame(theme, span, legend=len(curves) > 1))
    patterns = ("", "/", ".", "x", "-", "\\", "+", "|")
    for index, curve in enumerate(curves):
        tone = ink(curve, theme, index)
        step = int(curve.t_ms[1] - curve.t_ms[0]) if len(curve.t_ms) > 1 else 60_000
        figure.add_trace(
            go.Bar(
                **axis_arrays(curve.t_ms - step // 2, curve.value),
                name=as_text(curve.name),
                marker={
                    "color": tone,
                    "line": {"width": 0},
                    "pattern": {
                        "shape": patterns[index % len(patterns)],
                        "size": 6,
                        "solidity": 0.4,
                        "fgcolor": tone,
                        "bgcolor": theme.panel,
                    }
                    if index
                    else {},
                },
                hovertemplate="%{y:,.4~g}",
            )
        )
    figure.update_layout(barmode="stack")
    decorate(figure, theme, span, Scale(1.0, ""), (), markers)
    figure.update_yaxes(tickformat=",~g", title=None if unit in ("message", "request", "") else {"text": unit})
    return figure


def _translucent(colour: str, share: float) -> str:
    red, green, blue = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
