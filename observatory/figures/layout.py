"""What all figures share: the frame of axes and legend, guides and markers, colours of curves, safe text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from observatory.figures.curve import Curve
from observatory.figures.scale import Scale
from observatory.figures.theme import Theme
from observatory.windows import TimeRange

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = "Inter, system-ui, sans-serif"
MONO = "'JetBrains Mono', ui-monospace, monospace"
LINE_PX = 15
MOST_MARKED = 26
"""Characters beside a marker: as wide as half of the narrowest panel."""


class Guide(Struct, frozen=True):
    """A horizontal dashed line with its words: an objective's bound."""

    value: float
    words: str


class Marker(Struct, frozen=True):
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


def decorate(
    figure: go.Figure, theme: Theme, span: TimeRange, scale: Scale, guides: Sequence[Guide], markers: Sequence[Marker]
) -> None:
    """Draw the guides over the whole width, and those markers that lie in the range."""
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
            text=as_text(guide.words),
            showarrow=False,
            font={"size": 11, "color": theme.muted},
        )
    inside = [marker for marker in markers if span.start_ms < marker.at_ms <= span.end_ms]
    for row, marker in enumerate(inside):
        figure.add_shape(
            type="line",
            yref="paper",
            y0=0,
            y1=1,
            x0=marker.at_ms,
            x1=marker.at_ms,
            line={"width": 1, "color": theme.muted, "dash": "3px,3px"},
        )
        # Words stand on the side with more room, or they lie over the axis or end outside.
        early = marker.at_ms - span.start_ms < span.end_ms - marker.at_ms
        shown = as_text(marker.words, MOST_MARKED)
        figure.add_annotation(
            yref="paper",
            y=1,
            x=marker.at_ms,
            xanchor="left" if early else "right",
            yanchor="top",
            # Words of two may reach for the same place: each stands below the one before.
            yshift=-LINE_PX * row or None,
            text=shown,
            hovertext=as_text(marker.words) if len(marker.words) > MOST_MARKED else None,
            showarrow=False,
            bgcolor=theme.panel,
            opacity=0.9,
            font={"size": 11, "color": theme.muted},
        )


def ink(curve: Curve, theme: Theme, index: int) -> str:
    """A curve's colour: that of the status it means, else the next of the categorical ones."""
    if curve.meaning:
        return str(getattr(theme, curve.meaning))
    return theme.series[index % len(theme.series)]


def as_text(text: str, most: int = 40) -> str:
    """Text that plotly shows as it is: its markup characters are taken out of play, long names are cut."""
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
