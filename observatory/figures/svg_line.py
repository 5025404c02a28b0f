"""A line chart with axes as inline SVG: what the review shows where a page would use Plotly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from observatory.figures.svg import box, colour, drawing, element, path_of, segments, words

DASHES: tuple[str, ...] = ("", "7 4", "2 3", "9 3 2 3", "1 4")
"""Lines differ in dash as well as in colour, so that they can be told apart in print and by everyone."""
INKS: tuple[str, ...] = ("accent", "at-risk", "breached", "meeting", "muted")
LEFT, RIGHT, TOP, BOTTOM = 46.0, 8.0, 8.0, 20.0


class Line(Struct, frozen=True, kw_only=True):
    """One line: values at equal steps, oldest first; NaN leaves a hole."""

    name: str
    values: Sequence[float]
    ink: str = ""
    dash: str | None = None


def round_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) that span low..high; at least two of them."""
    if high <= low:
        high = low + 1
    raw = (high - low) / max(1, wanted)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    count = math.ceil(high / step - 1e-9) - first
    return [round((first + index) * step, 12) for index in range(count + 1)]


def line_chart(
    lines: Sequence[Line],
    *,
    ticks: Sequence[tuple[float, str]],
    label: str,
    show: Callable[[float], str],
    width: float = 640,
    height: float = 200,
    guide: tuple[float, str] | None = None,
    floor: float | None = None,
) -> str:
    """Lines over time with a value axis, time ticks and a legend above when there are several.

    Args:
        lines: All with the same number of steps.
        ticks: Where on the time axis (0..1) stands which text.
        label: Text alternative.
        show: How a value is written on the axis.
        guide: A horizontal dashed line with its words: a target, zero.
        floor: Value that the axis must reach down to.
    """
    finite = [value for line in lines for value in line.values if math.isfinite(value)]
    if not finite:
        return drawing(
            width, height, f"{label}: no data", words(width / 2, height / 2, "no data in this month", anchor="middle")
        )
    reach = finite + ([guide[0]] if guide else []) + ([floor] if floor is not None else [])
    marks = round_ticks(min(reach), max(reach))
    low, high = marks[0], marks[-1]
    top = TOP + (16 if len(lines) > 1 else 0)
    plot_width, plot_height = width - LEFT - RIGHT, height - top - BOTTOM

    def down(value: float) -> float:
        return top + plot_height * (1 - (value - low) / (high - low))

    parts: list[str] = []
    for mark in marks:
        parts.append(box(LEFT, down(mark), plot_width, 1, "line"))
        parts.append(words(LEFT - 6, down(mark) + 3.5, show(mark), anchor="end"))
    for share, text in ticks:
        anchor = "start" if share < 0.04 else "end" if share > 0.96 else "middle"
        parts.append(words(LEFT + share * plot_width, height - 5, text, anchor=anchor))
    if guide:
        at = down(guide[0])
        dashed = {"d": path_of([(LEFT, at), (width - RIGHT, at)]), "stroke": colour("faint"), "stroke-dasharray": "5 4"}
        parts.append(element("path", dashed | {"fill": "none"}))
        parts.append(words(width - RIGHT, at - 4, guide[1], anchor="end"))
    for index, line in enumerate(lines):
        ink, dash = line.ink or INKS[index % len(INKS)], DASHES[index % len(DASHES)] if line.dash is None else line.dash
        across = plot_width / max(1, len(line.values) - 1)
        route = "".join(
            path_of([(LEFT + step * across, down(line.values[step])) for step in range(*run)])
            for run in segments(line.values)
        )
        parts.append(_stroke(route, ink, dash))
    if len(lines) > 1:
        parts.append(_legend(lines))
    return drawing(width, height, label, *parts, css_class="chart")


def _stroke(route: str, ink: str, dash: str) -> str:
    attributes: dict[str, str | float] = {"d": route, "fill": "none", "stroke": colour(ink), "stroke-width": 1.6}
    return element("path", attributes | ({"stroke-dasharray": dash} if dash else {}))


def _legend(lines: Sequence[Line]) -> str:
    parts: list[str] = []
    left = LEFT
    for index, line in enumerate(lines):
        ink, dash = line.ink or INKS[index % len(INKS)], DASHES[index % len(DASHES)] if line.dash is None else line.dash
        parts.append(_stroke(path_of([(left, 8), (left + 22, 8)]), ink, dash))
        parts.append(words(left + 27, 11.5, line.name, fill="muted"))
        left += 27 + 6.0 * len(line.name) + 16
    return "".join(parts)
