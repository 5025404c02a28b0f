"""Months side by side: one row per thing, a mark per month, so that what moved, and which way, is seen at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from observatory.figures.layout import as_text, frame
from observatory.figures.scale import scale_for
from observatory.figures.theme import Theme
from observatory.sources.base import Float64

MARKS = ("circle-open", "circle", "diamond", "square", "triangle-up", "cross", "x", "star")


def months_figure(
    names: Sequence[str],
    months: Sequence[str],
    values: Float64,
    *,
    theme: Theme,
    unit: str = "ratio",
    target: float | None = None,
) -> go.Figure:
    """Marks on one axis that need not begin at zero; a line joins the months of a row, the last month's is filled.

    Args:
        names: One per row of `values`, from the top.
        months: One per column, oldest first.
        values: In the base unit; NaN where nothing is known: no mark stands there.
        target: Drawn as a dashed line, in the base unit.
    """
    figure = go.Figure(layout=frame(theme, None))
    scale = scale_for(unit, "level", [float(one) for one in values.ravel()])
    lines_x: list[float | None] = []
    lines_y: list[int | None] = []
    for down in range(len(names)):
        seen = values[down][np.isfinite(values[down])] * scale.factor
        if len(seen) > 1:
            lines_x += [float(seen.min()), float(seen.max()), None]
            lines_y += [down, down, None]
    figure.add_trace(
        go.Scatter(
            x=lines_x,
            y=lines_y,
            mode="lines",
            line={"width": 2, "color": theme.line},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for across, month in enumerate(months):
        newest = across == len(months) - 1
        rows = [int(row) for row in np.flatnonzero(np.isfinite(values[:, across]))]
        figure.add_trace(
            go.Scatter(
                x=values[rows, across] * scale.factor,
                y=rows,
                mode="markers",
                name=as_text(month),
                marker={
                    "size": 10,
                    "symbol": MARKS[1] if newest else MARKS[0] if across == 0 else MARKS[2 + (across - 1) % 6],
                    "color": theme.accent if newest else theme.muted,
                },
                customdata=[[as_text(names[row], 60)] for row in rows],
                hovertemplate=f"%{{customdata[0]}}: %{{x:.6~g}}{scale.suffix}",
            )
        )
    if target is not None:
        at = target * scale.factor
        figure.add_shape(
            type="line",
            yref="paper",
            y0=0,
            y1=1,
            x0=at,
            x1=at,
            line={"width": 1, "color": theme.muted, "dash": "6px,4px"},
        )
    figure.update_xaxes(showgrid=True, fixedrange=False, ticksuffix=scale.suffix, tickformat=",~g", nticks=7)
    figure.update_yaxes(
        autorange="reversed",
        rangemode="normal",
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=[as_text(name) for name in names],
    )
    return figure
