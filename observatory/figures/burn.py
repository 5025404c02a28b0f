"""The error budget over its window, and how fast it burns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from observatory.figures.curve import Curve, axis_arrays
from observatory.figures.layout import Guide, Marker
from observatory.figures.lines import line_figure
from observatory.figures.theme import Theme
from observatory.windows import TimeRange


def burn_down_figure(
    curves: Sequence[Curve], *, theme: Theme, span: TimeRange, markers: Sequence[Marker] = ()
) -> go.Figure:
    """Shares of an error budget left over its window, beside the line of even burning.

    Args:
        curves: Values of 1 (untouched) through 0 (gone) to below (overspent); NaN where nothing was observed.
        span: The window; even burning leads from all of the budget at its start to none at its end.
    """
    figure = line_figure(curves, theme=theme, span=span, unit="ratio", markers=markers)
    figure.add_trace(
        go.Scatter(
            **axis_arrays(np.array([span.start_ms, span.end_ms]), np.array([100.0, 0.0])),
            name="even burn",
            mode="lines",
            hoverinfo="skip",
            line={"width": 1, "color": theme.muted, "dash": "9px,6px"},
        )
    )
    figure.update_yaxes(rangemode="normal", zeroline=True, zerolinecolor=theme.muted)
    figure.update_layout(showlegend=True)
    return figure


def burn_rate_figure(
    curves: Sequence[Curve],
    *,
    theme: Theme,
    span: TimeRange,
    factors: Sequence[float] = (),
    markers: Sequence[Marker] = (),
) -> go.Figure:
    """Burn rates over time, one line per window or objective: 1 spends the budget exactly over its window.

    Args:
        factors: Burn rates at which alerts fire; each is a dashed line with its words. Factors that lie far above
            everything that was seen are left out, for they would flatten the lines.
    """
    highest = max((float(np.nanmax(one.value)) for one in curves if one.seen()), default=0.0)
    shown = [factor for factor in sorted(set(factors)) if factor <= max(3.0, 4 * highest)]
    figure = line_figure(
        curves,
        theme=theme,
        span=span,
        unit="",
        guides=[Guide(1.0, "even burn"), *(Guide(factor, f"alerts at {factor:g}×") for factor in shown if factor != 1)],
        markers=markers,
    )
    figure.update_yaxes(ticksuffix="×")
    figure.update_traces(hovertemplate="%{y:.3~g}×")
    return figure
