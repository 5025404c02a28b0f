"""Lines, stacked areas and bars over time: the figure behind most panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from observatory.figures.curve import Curve, axis_arrays, reach, thinned
from observatory.figures.scale import Scale, scale_for
from observatory.figures.theme import DASHES, Theme
from observatory.windows import TimeRange

FONT = "Inter, system-ui, sans-serif"
MONO = "'JetBrains Mono', ui-monospace, monospace"


@dataclass(frozen=True, slots=True)
class Guide:
    """A horizontal dashed line with its words: an objective's bound."""

    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A vertical line with its words: a change, a deployment."""

    at_ms: int
    words: str


def frame(theme: Theme, span: TimeRange | None, *, legend: bool = True) -> dict[str, Any]:
    """The layout that all figures share; without `span` the x axis is left to the figure."""
    axis: dict[str, Any] = {
        "gridcolor": theme.line,
        "linecolor": theme.line,
        "zerolinecolor": theme.line,
        "tickfont": {"size": 11, "color": theme.faint, "family": FONT},
        "fixedrange": False,
        "automargin": True,
    }
    across: dict[str, Any] = (
        {"type": "date", "range": [span.start_ms, span.end_ms], "hoverformat": "%d %b %H:%M:%S", "nticks": 7}
        | _ticks(span)
        if span
        else {}
    )
    return {
        "template": None,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": theme.muted},
        "margin": {"l": 8, "r": 10, "t": 8, "b": 4, "pad": 4},
        "showlegend": legend,
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.02,
            "x": 0,
            "xanchor": "left",
            "font": {"size": 11.5, "color": theme.muted},
            "itemwidth": 30,
        },
        "hovermode": "x unified" if span else "closest",
        "hoverlabel": {
            "bgcolor": theme.panel,
            "bordercolor": theme.line,
            "font": {"family": FONT, "size": 12, "color": theme.text},
            "namelength": 48,
        },
        "dragmode": "zoom",
        "xaxis": axis | across | {"showgrid": False, "ticks": "", "showline": True, "fixedrange": span is None},
        "yaxis": axis | {"rangemode": "tozero", "nticks": 5, "fixedrange": True, "showline": False, "zeroline": False},
        "modebar": {"remove": ["all"]},
        "bargap": 0.25,
    }


def _ticks(span: TimeRange) -> dict[str, Any]:
    """Short labels: times of day within two days, days beyond, and the day once where it changes."""
    if span.seconds <= 2 * 86_400:
        return {"tickformat": "%H:%M" if span.seconds > 900 else "%H:%M:%S"}
    return {"tickformat": "%d %b"}


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
) -> go.Figure:
    """Values over time, one line each; stacked areas when they are parts of a whole.

    Values are in base units; the axis chooses its own. Lines differ in colour and dash, and a curve with a
    `meaning` takes the colour of that status.
    """
    scale = scale_for(unit, statistic, reach(curves) + [guide.value for guide in guides])
    figure = go.Figure(layout=frame(theme, span, legend=len(curves) > 1 or stacked))
    for index, curve in enumerate(curves):
        t_ms, value = thinned(curve.t_ms, curve.value)
        ink = _ink(curve, theme, index)
        shape: dict[str, Any] = {"width": 1.6, "color": ink}
        area: dict[str, Any] = {}
        if stacked:
            shape = {"width": 1, "color": ink}
            area = {"stackgroup": "all", "fillcolor": _translucent(ink, 0.45)}
        else:
            shape["dash"] = DASHES[index % len(DASHES)]
        figure.add_trace(
            go.Scatter(
                **axis_arrays(t_ms, value * scale.factor),
                name=_legend_text(curve.name),
                mode="lines",
                line=shape,
                hovertemplate=f"%{{y:.4~g}}{scale.suffix}",
                connectgaps=False,
                **area,
            )
        )
    _decorate(figure, theme, span, scale, guides, markers)
    figure.update_yaxes(ticksuffix=scale.suffix, tickformat=",~g")
    return figure


def bar_figure(
    curves: Sequence[Curve], *, theme: Theme, span: TimeRange, unit: str, markers: Sequence[Marker] = ()
) -> go.Figure:
    """Counts per step as stacked bars, told apart by colour and by pattern."""
    figure = go.Figure(layout=frame(theme, span, legend=len(curves) > 1))
    patterns = ("", "/", ".", "x", "-", "\\", "+", "|")
    for index, curve in enumerate(curves):
        ink = _ink(curve, theme, index)
        step = int(curve.t_ms[1] - curve.t_ms[0]) if len(curve.t_ms) > 1 else 60_000
        figure.add_trace(
            go.Bar(
                **axis_arrays(curve.t_ms - step // 2, curve.value),
                name=_legend_text(curve.name),
                marker={
                    "color": ink,
                    "line": {"width": 0},
                    "pattern": {
                        "shape": patterns[index % len(patterns)],
                        "size": 6,
                        "solidity": 0.4,
                        "fgcolor": ink,
                        "bgcolor": theme.panel,
                    }
                    if index
                    else {},
                },
                hovertemplate="%{y:,.4~g}",
            )
        )
    figure.update_layout(barmode="stack")
    _decorate(figure, theme, span, Scale(1.0, ""), (), markers)
    figure.update_yaxes(tickformat=",~g", title=None if unit in ("message", "request", "") else {"text": unit})
    return figure


def _decorate(
    figure: go.Figure, theme: Theme, span: TimeRange, scale: Scale, guides: Sequence[Guide], markers: Sequence[Marker]
) -> None:
    for guide in guides:
        level = guide.value * scale.factor
        figure.add_shape(
            type="line",
            xref="paper",
            x0=0,
            x1=1,
            y0=level,
            y1=level,
            line={"width": 1, "color": theme.muted, "dash": "6px,4px"},
        )
        figure.add_annotation(
            xref="paper",
            x=0,
            y=level,
            xanchor="left",
            yanchor="bottom",
            text=_legend_text(guide.words),
            showarrow=False,
            font={"size": 11, "color": theme.muted},
        )
    for marker in markers:
        if span.start_ms < marker.at_ms <= span.end_ms:
            figure.add_shape(
                type="line",
                yref="paper",
                y0=0,
                y1=1,
                x0=marker.at_ms,
                x1=marker.at_ms,
                line={"width": 1, "color": theme.muted, "dash": "3px,3px"},
            )
            figure.add_annotation(
                yref="paper",
                y=1,
                x=marker.at_ms,
                xanchor="right",
                yanchor="top",
                text=_legend_text(marker.words),
                showarrow=False,
                font={"size": 11, "color": theme.muted},
            )


def _ink(curve: Curve, theme: Theme, index: int) -> str:
    if curve.meaning:
        return str(getattr(theme, curve.meaning))
    return theme.series[index % len(theme.series)]


def _translucent(colour: str, share: float) -> str:
    red, green, blue = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"


def _legend_text(text: str, most: int = 40) -> str:
    """Text that plotly shows as it is: its markup characters are taken out of play, long names are cut."""
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def heat_figure(
    rows: Sequence[str], columns: Sequence[str], share: np.ndarray[Any, np.dtype[np.float64]], *, theme: Theme
) -> go.Figure:
    """Shares of an even share as a heat map: 1 is even, 3 three times as much. Each cell carries its number.

    Args:
        rows: One name per row of `share`.
        columns: One name per column.
        share: NaN where there is no such partition or nothing was observed; such cells stay empty.
    """
    from observatory.figures.theme import readable_on

    figure = go.Figure(layout=frame(theme, None, legend=False))
    steps = (0.0, 1.25, 1.75, 2.5)
    colours = (theme.heat[0], theme.heat[1], theme.heat[2], theme.heat[3], theme.heat[4])
    grade = np.where(np.isfinite(share), np.digitize(np.nan_to_num(share), (1.25, 1.75, 2.25, 3.0)), np.nan)
    scale = [[edge, colours[index]] for index in range(5) for edge in (index / 5, (index + 1) / 5)]
    figure.add_trace(
        go.Heatmap(
            z=grade.astype(np.float32),
            zmin=-0.5,
            zmax=4.5,
            x=list(columns),
            y=[_legend_text(row, 30) for row in rows],
            colorscale=scale,
            showscale=False,
            xgap=2,
            ygap=2,
            customdata=share.astype(np.float32),
            hovertemplate="%{y} %{x}: %{customdata:.2f} × even share<extra></extra>",
            hoverongaps=False,
        )
    )
    del steps
    for down, row in enumerate(rows):
        for across, column in enumerate(columns):
            value = share[down, across]
            if np.isfinite(value) and len(columns) <= 24:
                figure.add_annotation(
                    x=column,
                    y=_legend_text(row, 30),
                    text=f"{value:.1f}",
                    showarrow=False,
                    font={"size": 11, "family": MONO, "color": readable_on(colours[int(grade[down, across])])},
                )
    figure.update_xaxes(type="category", showline=False, fixedrange=True)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, nticks=0, dtick=1, rangemode="normal")
    return figure
