"""The error budget of several objectives as one strip each: filled as far as it is left, hatched where overspent."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from observatory.figures.layout import as_text, frame
from observatory.figures.theme import Theme, budget_tone
from observatory.units import format_percentage


def budget_strip_figure(
    names: Sequence[str], left: Sequence[float | None], *, theme: Theme, even: float | None = None
) -> go.Figure:
    """One bar per objective, from the top in the order given.

    Args:
        names: What each is called.
        left: Share of the budget left: 1 untouched, 0 gone, -0.38 overspent by 38 %, which is a hatched bar of that
            length, at most whole; None or NaN is not known: hatched grey over the whole length.
        even: Share that even burning would have left, 0..1, drawn as a line.
    """
    figure = go.Figure(layout=frame(theme, None, legend=False))
    known = [share if share is not None and math.isfinite(share) else None for share in left]
    tones = [str(getattr(theme, budget_tone(share))) for share in known]
    hatched = [share is None or share < 0 for share in known]
    figure.add_trace(
        go.Bar(
            orientation="h",
            x=[1.0] * len(known),
            y=list(range(len(known))),
            marker={"color": theme.track, "line": {"width": 0}},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Bar(
            orientation="h",
            x=[1.0 if share is None else min(1.0, abs(share)) for share in known],
            y=list(range(len(known))),
            marker={
                "color": tones,
                "line": {"width": 0},
                "pattern": {
                    "shape": ["/" if one else "" for one in hatched],
                    "size": 6,
                    "solidity": 0.4,
                    "fgcolor": tones,
                    "bgcolor": theme.panel,
                },
            },
            customdata=[[_words(share)] for share in known],
            hovertemplate="%{customdata[0]}<extra></extra>",
        )
    )
    for index, share in enumerate(known):
        figure.add_annotation(
            x=1.02,
            y=index,
            text=_words(share),
            xanchor="left",
            showarrow=False,
            font={"size": 12, "color": theme.breached if share is not None and share < 0 else theme.text},
        )
    if even is not None:
        at = max(0.0, min(1.0, even))
        figure.add_shape(type="line", yref="paper", y0=0, y1=1, x0=at, x1=at, line={"width": 1.5, "color": theme.text})
    figure.update_layout(barmode="overlay", bargap=0.45)
    figure.update_xaxes(visible=False, range=[0, 1.45], fixedrange=True)
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        rangemode="normal",
        tickmode="array",
        tickvals=list(range(len(known))),
        ticktext=[as_text(name) for name in names],
    )
    return figure


def _words(share: float | None) -> str:
    if share is None:
        return "not known"
    return f"overspent by {format_percentage(-share)}" if share < 0 else f"{format_percentage(share)} left"
