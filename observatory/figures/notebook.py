"""The pages' figures from Python: pandas in, plotly out.

Each function reads a frame and calls the builder that the page's panel calls, so that a figure in a notebook and the
one on the page are the same figure. How a frame has to look is said in `observatory.figures.reading_frames`: times in a
`DatetimeIndex` (UTC where it names no zone), one column per line, base units (seconds, ratios 0..1, events), NaN for
what was not observed. A frame without any value gives a figure that says "no data". `theme` is `light` or `dark`,
`title` stands above, and names from the frame are shown as text, whatever markup they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from observatory.figures.clock import DEFAULT_ZONE, set_clock
from observatory.figures.layout import Guide, as_text
from observatory.figures.reading_frames import curves_of, markers_of, numbers_of, range_of, spans_of, times_of
from observatory.figures.theme import THEMES, Theme, ThemeName
from observatory.figures.traces import arrange
from observatory.units import format_count, format_duration

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST_LINES = 40
"""Lines, rows and bars beyond which a figure cannot be read; choose some."""


def over_time(
    frame: pd.DataFrame | pd.Series[Any],
    *,
    unit: str = "",
    statistic: str = "level",
    stacked: bool = False,
    bounds: Mapping[str, float] | None = None,
    changes: pd.Series[Any] | None = None,
    meanings: Mapping[str, str] | None = None,
    title: str = "",
    theme: ThemeName = "light",
) -> go.Figure:
    """Lines over time, or areas that add up: the panels `lines`, `stacked` and `errors`.

    Args:
        frame: One column per line, at most 40.
        unit: Base unit of the values: `second`, `ratio`, `byte`, `message`; the axis chooses its own (20 ms, 3 min).
        statistic: What the values are; `rate` and `error_rate` are per second.
        stacked: Areas in place of lines; holes count as nothing then.
        bounds: Words and value of horizontal dashed lines, in the base unit: `{"objective": 0.5}`.
        changes: Words of vertical lines, with their times in the index: deployments, changed documents.
        meanings: By column the status whose colour it takes: meeting, at_risk, breached, no_data.

    Raises:
        TypeError, ValueError: The frame is no table of numbers over time; the message says where.
    """
    from observatory.figures.lines import line_figure

    curves = curves_of(_bounded(frame), meanings)
    figure = line_figure(
        curves,
        theme=_theme(theme),
        span=range_of(times_of(frame)),
        unit=unit,
        statistic=statistic,
        guides=[Guide(value, words) for words, value in (bounds or {}).items()],
        markers=markers_of(changes),
        stacked=stacked,
    )
    return _finished(figure, title, theme, seen=any(one.seen() for one in curves))


def latency(
    frame: pd.DataFrame | pd.Series[Any],
    *,
    bound_seconds: float | None = None,
    changes: pd.Series[Any] | None = None,
    title: str = "",
    theme: ThemeName = "light",
) -> go.Figure:
    """Latencies in seconds over time, one line per channel or quantile, with the objective's bound.

    Raises:
        TypeError, ValueError: As `over_time`.
    """
    bounds = {} if bound_seconds is None else {f"objective {format_duration(bound_seconds)}": bound_seconds}
    return over_time(frame, unit="second", statistic="p99", bounds=bounds, changes=changes, title=title, theme=theme)


def lag(
    frame: pd.DataFrame | pd.Series[Any],
    *,
    unit: str = "message",
    bound: float | None = None,
    changes: pd.Series[Any] | None = None,
    title: str = "",
    theme: ThemeName = "light",
) -> go.Figure:
    """Lag of consumer groups over time, in messages, or in seconds behind the head, with the objective's bound.

    Args:
        unit: `message` or `second`; the bound is in the same.

    Raises:
        TypeError, ValueError: As `over_time`, or the unit is another.
    """
    if unit not in ("message", "second"):
        raise ValueError(f"lag is counted in messages or in seconds, and unit is {unit!r}")
    words = "" if bound is None else format_duration(bound) if unit == "second" else f"{format_count(bound)} messages"
    statistic = "behind" if unit == "second" else "level"
    bounds = {} if bound is None else {f"objective {words}": bound}
    return over_time(frame, unit=unit, statistic=statistic, bounds=bounds, changes=changes, title=title, theme=theme)


def event_bars(
    frame: pd.DataFrame | pd.Series[Any],
    *,
    unit: str = "message",
    changes: pd.Series[Any] | None = None,
    meanings: Mapping[str, str] | None = None,
    title: str = "",
    theme: ThemeName = "light",
) -> go.Figure:
    """Events per step as stacked bars, told apart by colour and pattern: the panel `bars`. Counts, not rates.

    Raises:
        TypeError, ValueError: As `over_time`.
    """
    from observatory.figures.lines import bar_figure

    curves = curves_of(_bounded(frame), meanings)
    span, colours = range_of(times_of(frame)), _theme(theme)
    figure = bar_figure(curves, theme=colours, span=span, unit=unit, markers=markers_of(changes))
    return _finished(figure, title, theme, seen=any(one.seen() for one in curves))


def burn_down(
    frame: pd.DataFrame | pd.Series[Any],
    *,
    start: Any = None,
    end: Any = None,
    changes: pd.Series[Any] | None = None,
    title: str = "",
    theme: ThemeName = "light",
) -> go.Figure:
    """Share of the error budget left over its window, beside the line of even burning: the panel `burndown`.

    Args:
        frame: 1 is untouched, 0 gone, below overspent; `budget_table` makes one.
        start, end: The window, where the frame does not span it: anything that pandas takes for a time.

    Raises:
        TypeError, ValueError: As `over_time`, or the window ends before it starts.
    """
    from observatory.figures.burn import burn_down_figure

    curves = curves_of(_bounded(frame))
    span = range_of(times_of(frame), start, end)
    figure = burn_down_figure(curves, theme=_theme(theme), span=span, markers=markers_of(changes))
    return _finished(figure, title, theme, seen=any(one.seen() for one in curves))


def burn_rates(
    frame: pd.DataFrame | pd.Series[Any],
    *,
    factors: tuple[float, ...] = (),
    changes: pd.Series[Any] | None = None,
    title: str = "",
    theme: ThemeName = "light",
) -> go.Figure:
    """Burn rates over time, one line per window or objective; 1 spends the budget exactly over its window.

    Args:
        frame: `burn_rate_table` makes one.
        factors: Rates at which alerts fire, such as 14.4; those far above everything seen are left out.

    Raises:
        TypeError, ValueError: As `over_time`.
    """
    from observatory.figures.burn import burn_rate_figure

    curves = curves_of(_bounded(frame))
    span, colours = range_of(times_of(frame)), _theme(theme)
    figure = burn_rate_figure(curves, theme=colours, span=span, factors=factors, markers=markers_of(changes))
    return _finished(figure, title, theme, seen=any(one.seen() for one in curves))


def budget_strip(
    left: pd.Series[Any], *, even: float | None = None, title: str = "", theme: ThemeName = "light"
) -> go.Figure:
    """Error budgets as bars: filled as far as they are left, hatched red as far as overspent, hatched grey unknown.

    Args:
        left: Share of the budget left by name (1 untouched, 0 gone, -0.38 overspent by 38 %), at most 40, drawn from
            the top: `status_table(status)["left"]`.
        even: Share that even burning would have left by now, 0..1.

    Raises:
        TypeError, ValueError: A value is no finite number.
    """
    from observatory.figures.budget import budget_strip_figure

    values = [float(share) for share in numbers_of(left)[:, 0]]
    names, _ = _names(left.to_frame())
    figure = budget_strip_figure(names, values, theme=_theme(theme), even=even)
    return _finished(figure, title, theme, seen=bool(names), rows=len(names))


def burn_heat(frame: pd.DataFrame, *, title: str = "", theme: ThemeName = "light") -> go.Figure:
    """Burn rates as cells in the five steps of the alert thresholds, with their key; what was not observed is empty.

    Args:
        frame: One row per objective or domain, one column per day: `daily_burn_table` makes one. At most 40 rows.

    Raises:
        TypeError, ValueError: A value is no finite number, or there are too many rows.
    """
    from observatory.figures.heat import burn_heat_figure

    values = numbers_of(frame)
    rows, columns = _names(frame)
    figure = burn_heat_figure(rows, columns, values, theme=_theme(theme))
    return _finished(figure, title, theme, seen=bool(np.isfinite(values).any()), rows=len(rows))


def partition_skew(frame: pd.DataFrame, *, title: str = "", theme: ThemeName = "light") -> go.Figure:
    """How evenly messages fall on partitions: the panel `skew`, 1 is an even share.

    Args:
        frame: Messages by topic (row) and partition (column); NaN where there is no such partition. At most 40 rows.

    Raises:
        TypeError, ValueError: A value is no finite number or negative, or there are too many rows.
    """
    from observatory.figures.heat import shares_of_even, skew_figure

    counted = numbers_of(frame)
    if (counted < 0).any():
        raise ValueError("a partition cannot have received fewer than no messages")
    rows, columns = _names(frame)
    figure = skew_figure(rows, columns, shares_of_even(counted), theme=_theme(theme))
    return _finished(figure, title, theme, seen=bool(np.nansum(counted)), rows=len(rows))


def trace_waterfall(spans: pd.DataFrame, *, title: str = "", theme: ThemeName = "light") -> go.Figure:
    """One message from producer to consumers: rows of the panel `waterfall`, time in queues and critical path shown.

    Args:
        spans: One row per span, with the columns that `spans_of` in `observatory.figures.reading_frames` lists:
            `span_table` makes them. At most 200 rows of the figure are drawn, the first in reading order.

    Raises:
        ValueError: A column or a time is missing, or a span ends before it starts.
    """
    from observatory.figures.waterfall import waterfall_figure

    lanes = arrange(spans_of(spans))[:200]
    return _finished(waterfall_figure(lanes, theme=_theme(theme)), title, theme, seen=bool(lanes), rows=len(lanes))


def compare_months(
    frame: pd.DataFrame,
    *,
    unit: str = "ratio",
    target: float | None = None,
    title: str = "",
    theme: ThemeName = "light",
) -> go.Figure:
    """Months side by side, a mark each on one row per thing: SLIs, budgets left, incidents.

    Args:
        frame: One row per objective, domain or channel, one column per month, oldest first. At most 40 rows.
        unit: Base unit of the values: `ratio`, `second`, empty for counts.
        target: A vertical dashed line, in the base unit.

    Raises:
        TypeError, ValueError: A value is no finite number, or there are too many rows.
    """
    from observatory.figures.months import months_figure

    values = numbers_of(frame)
    rows, columns = _names(frame)
    figure = months_figure(rows, columns, values, theme=_theme(theme), unit=unit, target=target)
    return _finished(figure, title, theme, seen=bool(np.isfinite(values).any()), rows=len(rows))


def _theme(name: str) -> Theme:
    if name not in THEMES:
        raise ValueError(f"theme is {name!r}; it is one of {', '.join(THEMES)}")
    return THEMES[name]


def _bounded(frame: Any) -> Any:
    width = frame.shape[1] if getattr(frame, "ndim", 1) == 2 else 1
    if width > MOST_LINES:
        raise ValueError(f"{width} lines cannot be told apart; choose {MOST_LINES} at most")
    return frame


def _names(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    if len(frame) > MOST_LINES:
        raise ValueError(f"{len(frame)} rows cannot be read; choose {MOST_LINES} at most")
    return [str(name) for name in frame.index], [str(name) for name in frame.columns]


def _finished(figure: go.Figure, title: str, theme: str, *, seen: bool, rows: int = 0) -> go.Figure:
    """UTC on the time axis, a ground, a title and a height: on a page the view and the panel's frame give these."""
    set_clock(figure, DEFAULT_ZONE)
    colours = _theme(theme)
    figure.update_layout(
        paper_bgcolor=colours.panel,
        plot_bgcolor=colours.panel,
        height=max(280, 90 + 26 * rows),
        modebar={"remove": ["lasso", "select"]},
        margin={"l": 12, "r": 16, "t": 56 if title else 28, "b": 12},
    )
    if title:
        figure.update_layout(
            title={"text": as_text(title, 120), "x": 0, "xref": "paper", "font": {"size": 15, "color": colours.text}}
        )
    if not seen:
        figure.add_annotation(
            xref="paper", yref="paper", x=0.5, y=0.5, text="no data", showarrow=False, font={"color": colours.muted}
        )
    return figure
