"""Drawings that fit into a table's row: sparkline, error-budget bar, heat strip of burn rates."""

from __future__ import annotations

import math
from collections.abc import Sequence

from observatory.figures.svg import box, colour, drawing, element, hatching, path_of, segments
from observatory.figures.theme import budget_tone
from observatory.units import format_percentage

HEAT_EDGES: tuple[float, ...] = (1.0, 3.0, 6.0, 14.4)
"""Burn rates at which the colour of the heat strip changes: even burn, then the factors of the alert policy."""
HEAT_WORDS: tuple[str, ...] = ("under 1×", "1–3×", "3–6×", "6–14.4×", "14.4× and more")


def heat_step(burn_rate: float) -> int:
    """Which of the five steps a burn rate falls into; a rate on an edge belongs to the step above it."""
    return sum(burn_rate >= edge for edge in HEAT_EDGES)


def sparkline(
    values: Sequence[float], *, width: float = 84, height: float = 20, label: str = "", stroke: str = ""
) -> str:
    """A line without axes, from the smallest to the largest value; NaN leaves a hole.

    Equal values draw a line in the middle. Without any value the drawing says so by a dash of its own.

    Args:
        values: One per step, oldest first.
        stroke: Name of a colour; the text's own colour when empty.
    """
    ink = colour(stroke) if stroke else "currentColor"
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        dash = element(
            "path",
            {
                "d": path_of([(1, height / 2), (width - 1, height / 2)]),
                "stroke": colour("no-data"),
                "stroke-dasharray": "2 3",
                "fill": "none",
            },
        )
        return drawing(width, height, label or "no data", dash, css_class="spark")
    low, high = min(finite), max(finite)
    across, tall = (width - 2) / max(1, len(values) - 1), height - 4

    def place(index: int) -> tuple[float, float]:
        share = 0.5 if high == low else (values[index] - low) / (high - low)
        return 1 + index * across, 2 + tall * (1 - share)

    line = "".join(path_of([place(index) for index in range(*run)]) for run in segments(values))
    drawn = element("path", {"d": line, "fill": "none", "stroke": ink, "stroke-width": 1.4, "stroke-linejoin": "round"})
    return drawing(width, height, label, drawn, css_class="spark")


def budget_bar(
    remaining_ratio: float | None, *, even: float | None = None, width: float = 120, height: float = 10, state: str = ""
) -> str:
    """The error budget: filled as far as budget is left, hatched as far as it is overspent.

    Args:
        remaining_ratio: 1 is untouched, 0 is gone, -0.38 is overspent by 38 %; None is not known.
        even: Where the bar would end if the budget were spent evenly over the window, 0..1, drawn as a tick.
        state: Name of the fill's colour; by default at risk under a quarter, else meeting.
    """
    track = box(0, 0, width, height, "track", radius=2)
    if remaining_ratio is None or not math.isfinite(remaining_ratio):
        return drawing(width, height, "error budget not known", track, hatching(0, 0, width, height, "no-data"))
    share = min(1.0, abs(remaining_ratio))
    if remaining_ratio < 0:
        label = f"error budget overspent by {format_percentage(-remaining_ratio)}"
        length = max(3.0, share * width)
        fill = box(0, 0, length, height, "breached", radius=2) + hatching(0, 0, length, height, "panel")
    else:
        label = f"{format_percentage(remaining_ratio)} of the error budget left"
        fill = box(0, 0, share * width, height, state or budget_tone(remaining_ratio).replace("_", "-"), radius=2)
    tick = "" if even is None else box(max(0.0, min(1.0, even)) * (width - 1.5), 0, 1.5, height, "text")
    return drawing(width, height, label, track, fill, tick, css_class="budget")


def heat_strip(
    burn_rates: Sequence[float], *, titles: Sequence[str] = (), width: float = 240, height: float = 14, label: str = ""
) -> str:
    """One cell per span of time, coloured by burn rate in five steps; NaN is hatched, for it was not observed.

    Args:
        burn_rates: Oldest first.
        titles: What each cell stands for, such as its date; shown with the step in words.
    """
    if not len(burn_rates):
        return drawing(width, height, label or "no data", hatching(0, 0, width, height, "no-data"))
    pitch = width / len(burn_rates)
    gap = 1.0 if pitch >= 4 else 0.0
    cells: list[str] = []
    for index, rate in enumerate(burn_rates):
        left, wide = index * pitch, pitch - gap
        when = titles[index] + ": " if index < len(titles) else ""
        if math.isfinite(rate):
            step = heat_step(rate)
            cells.append(box(left, 0, wide, height, f"heat-{step}", title=f"{when}burn rate {HEAT_WORDS[step]}"))
        else:
            cells.append(box(left, 0, wide, height, "panel", title=f"{when}no data"))
            cells.append(hatching(left, 0, wide, height, "heat-1"))
    return drawing(width, height, label, *cells, css_class="heat")
