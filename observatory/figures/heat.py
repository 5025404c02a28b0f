"""Heat maps of five discrete steps: partition skew and burn rates. No gradient, for a step is what people act on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from observatory.figures.layout import MONO, as_text, frame
from observatory.figures.svg_strips import HEAT_EDGES, HEAT_WORDS
from observatory.figures.theme import Theme, readable_on
from observatory.sources.base import Float64

SKEW_EDGES: tuple[float, ...] = (1.25, 1.75, 2.25, 3.0)
"""Shares of an even share at which the colour changes."""
MOST_NUMBERED = 24
"""Columns up to which every cell carries its number; beyond, numbers would not fit."""


def shares_of_even(counted: Float64) -> Float64:
    """Events of each cell over the even share of its row; NaN stays NaN, and rows that hold no event become NaN."""
    seen = np.isfinite(counted)
    parts = seen.sum(axis=1, keepdims=True)
    whole = np.where(seen, counted, 0.0).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Float64 = np.where(whole > 0, counted * parts / whole, np.nan)
    return share


def skew_figure(rows: Sequence[str], columns: Sequence[str], share: Float64, *, theme: Theme) -> go.Figure:
    """Shares of an even share as a heat map: 1 is even, 3 three times as much. Each cell carries its number.

    Args:
        rows: One name per row of `share`.
        columns: One name per column.
        share: NaN where there is no such partition or nothing was observed; such cells stay empty.
    """
    figure = _graded(rows, columns, share, SKEW_EDGES, lambda value: f"{value:.2f} × even share", theme)
    if len(columns) <= MOST_NUMBERED:
        _number(figure, share, SKEW_EDGES, theme)
    return figure


def burn_heat_figure(rows: Sequence[str], columns: Sequence[str], burn_rate: Float64, *, theme: Theme) -> go.Figure:
    """Burn rates as a heat map in the steps of the alert thresholds (1, 3, 6, 14.4), with a key of the steps.

    Args:
        rows: One name per row of `burn_rate`.
        columns: What each column stands for, such as a date.
        burn_rate: 1 spends the budget exactly over its window; NaN where nothing was observed: such cells stay empty.
    """
    figure = _graded(rows, columns, burn_rate, HEAT_EDGES, lambda value: f"burn rate {value:.1f}×", theme)
    bar = {
        "tickvals": list(range(len(HEAT_WORDS))),
        "ticktext": list(HEAT_WORDS),
        "thickness": 12,
        "outlinewidth": 0,
        "tickfont": {"size": 11, "color": theme.muted},
    }
    figure.update_traces(showscale=True, colorbar=bar)
    figure.update_xaxes(nticks=8, tickangle=0)
    for down in np.flatnonzero(~np.isfinite(burn_rate).any(axis=1)):
        words = {"text": "no data", "showarrow": False, "font": {"size": 11, "color": theme.muted}}
        figure.add_annotation(xref="paper", x=0.5, y=int(down), **words)
    return figure


def _graded(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Float64,
    edges: Sequence[float],
    words: Callable[[float], str],
    theme: Theme,
) -> go.Figure:
    """Cells by the step that their value falls into. Rows are numbered, so that equal or shortened names stay apart."""
    figure = go.Figure(layout=frame(theme, None, legend=False))
    tips = [
        [
            f"{as_text(row, 60)} {as_text(column)}: {_told(values[down, across], words)}"
            for across, column in enumerate(columns)
        ]
        for down, row in enumerate(rows)
    ]
    figure.add_trace(
        go.Heatmap(
            z=_grades(values, edges).astype(np.float32),
            zmin=-0.5,
            zmax=4.5,
            x=[as_text(column) for column in columns],
            y=list(range(len(rows))),
            colorscale=[[edge, theme.heat[step]] for step in range(5) for edge in (step / 5, (step + 1) / 5)],
            showscale=False,
            xgap=2,
            ygap=2,
            text=tips,
            hovertemplate="%{text}<extra></extra>",
            hoverongaps=True,
        )
    )
    figure.update_xaxes(type="category", showline=False, fixedrange=True)
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        rangemode="normal",
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[as_text(row, 30) for row in rows],
    )
    return figure


def _number(figure: go.Figure, values: Float64, edges: Sequence[float], theme: Theme) -> None:
    grades = _grades(values, edges)
    for down, across in np.argwhere(np.isfinite(values)):
        ground = theme.heat[int(grades[down, across])]
        font: dict[str, Any] = {"size": 11, "family": MONO, "color": readable_on(ground)}
        figure.add_annotation(
            x=int(across), y=int(down), text=f"{values[down, across]:.1f}", showarrow=False, font=font
        )


def _grades(values: Float64, edges: Sequence[float]) -> Float64:
    """The step of each value, 0 to 4; a value on an edge belongs to the step above it; NaN stays NaN."""
    return np.where(np.isfinite(values), np.digitize(np.nan_to_num(values), edges), np.nan)


def _told(value: float, words: Callable[[float], str]) -> str:
    return words(value) if np.isfinite(value) else "not observed"
