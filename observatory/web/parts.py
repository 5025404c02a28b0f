"""Small components that panels are made of: status words, drawings, links, tables, states.

Everything from documents and telemetry goes in as text children, which the renderer escapes; addresses from
documents become links only when they are plain http(s).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from dash import html

from observatory.evaluate.status import ObjectiveStatus, State
from observatory.figures.clock import DEFAULT_ZONE, wall
from observatory.figures.svg_strips import heat_step
from observatory.objectives.objective import Objective
from observatory.units import format_count, format_duration, format_percentage, format_whole_percentage

GLYPHS: dict[State, tuple[str, str]] = {
    "meeting": ("●", "Meeting"),
    "at_risk": ("▲", "At risk"),
    "breached": ("■", "Breached"),
    "no_traffic": ("◌", "No traffic"),
    "no_data": ("○", "No data"),
    "unmapped": ("○", "Unmapped"),
}
SPARK_POINTS = 48
MANY_TIMES = 10
"""From so many times the whole on a share is written as a multiple: nobody reads −99900 %, nor is there room for it."""
_TWO_DIGITS = tuple(f"{number:02d}" for number in range(100))


def status(state: State) -> html.Span:
    """A state as glyph and word, so that colour is never alone."""
    glyph, word = GLYPHS[state]
    return html.Span(
        [html.Span(glyph, className="glyph", **{"aria-hidden": "true"}), word], className=f"status {state}"
    )


def mono(text: str, name: str = "") -> html.Span:
    """A number, a name or a line of a log in the fixed-width face."""
    return html.Span(text, className=f"mono {name}".strip())


def outward(text: str, address: str | None) -> Any:
    """A link to another site; plain text where the address is none that a browser should follow."""
    if address and urlsplit(address).scheme in ("http", "https") and urlsplit(address).netloc:
        return html.A(text, href=address, target="_blank", rel="noopener noreferrer")
    return html.Span(text, title=address or "")


def channel_path(channel_id: str) -> str:
    """Path of a channel's page."""
    return f"/channel/{quote(channel_id, safe='')}"


def group_path(group: str) -> str:
    """Path of a consumer group's page."""
    return f"/group/{quote(group, safe='')}"


def inward(text: str, href: str, name: str = "") -> html.A:
    """A link inside the dashboards; the view's query string is carried on by the browser."""
    return html.A(text, href=href, className=f"inward {name}".strip())


def spark(values: Iterable[float], name: str = "", *, width: int = 84, label: str = "") -> html.Span:
    """A sparkline, drawn by the browser from numbers of 0..99; a hole stays a hole."""
    return html.Span(
        className=f"draw spark {name}".strip(),
        title=label,
        **{"data-draw": "spark", "data-values": spark_values(values), "data-width": str(width)},
    )


def spark_values(values: Iterable[float], points: int = SPARK_POINTS) -> str:
    """Values as text of two-digit numbers, `..` for a hole: quantised, for a sparkline has 20 pixels of height."""
    every = np.asarray([*values], dtype=np.float64)
    every = np.where(np.isfinite(every), every, np.nan)
    if len(every) > points:
        # The largest of each part: a mean would hide exactly the spike that one looks for.
        every = np.fmax.reduceat(every, np.rint(np.arange(points) * (len(every) / points)).astype(np.int64))
    seen = np.isfinite(every)
    if not seen.any():
        return ""
    low, high = float(every[seen].min()), float(every[seen].max())
    share = (every[seen] - low) / (high - low) if high > low else np.full(int(seen.sum()), 50 / 99)
    digits = iter(np.rint(99 * share).astype(np.int64).tolist())
    return "".join(_TWO_DIGITS[next(digits)] if one else ".." for one in seen.tolist())


def heat(rates: Sequence[float], *, width: int = 108, label: str = "", stretch: bool = False) -> html.Span:
    """A strip of burn rates, one cell each, in the five steps of the alert thresholds."""
    return html.Span(
        className=f"draw heat{' stretch' if stretch else ''}",
        title=label,
        **{"data-draw": "heat", "data-values": heat_values(rates), "data-width": str(width)},
    )


def heat_values(rates: Iterable[float]) -> str:
    """Steps 0 to 4 as digits, `x` where nothing was observed."""
    return "".join(str(heat_step(rate)) if math.isfinite(rate) else "x" for rate in rates)


def budget(
    remaining: float | None, state: State, *, even: float | None = None, width: int = 62, stretch: bool = False
) -> html.Span:
    """The error-budget bar: fill is what is left, hatched red what is overspent, a tick where even burn would be."""
    words = (
        "error budget not known" if remaining is None else f"{format_percentage(remaining)} of the error budget left"
    )
    return html.Span(
        className=f"draw budget {state}{' stretch' if stretch else ''}",
        title=words,
        **{
            "data-draw": "budget",
            "data-values": "" if remaining is None else f"{remaining:.4f}",
            "data-even": "" if even is None else f"{even:.4f}",
            "data-width": str(width),
        },
    )


def legend() -> html.Div:
    """The steps of heat strips, in words."""
    steps = ("<1×", "1–3×", "3–6×", "6–14.4×", "≥14.4×")
    return html.Div(
        [html.Span([html.I(className=f"swatch heat-{index}"), text]) for index, text in enumerate(steps)],
        className="legend",
    )


def table(
    head: Sequence[Any], rows: Sequence[Sequence[Any]], *, numeric: Sequence[int] = (), name: str = ""
) -> html.Table:
    """A plain table for few rows. Columns in `numeric` are set to the right in the fixed-width face."""

    def cell(kind: Any, index: int, content: Any) -> Any:
        extra = {"scope": "col"} if kind is html.Th else {}
        return kind(content, className="number" if index in numeric else None, **extra)

    return html.Table(
        [
            html.Thead(html.Tr([cell(html.Th, index, one) for index, one in enumerate(head)])),
            html.Tbody([html.Tr([cell(html.Td, index, one) for index, one in enumerate(row)]) for row in rows]),
        ],
        className=f"plain {name}".strip(),
    )


def notice(title: str, words: str, *, hint: str = "", tone: str = "quiet", code: str = "") -> html.Div:
    """A designed state in the place of a picture: no data, no traffic, source down, error."""
    parts: list[Any] = [html.Strong(title), html.P(words)]
    if hint:
        parts.append(html.P(hint, className="hint"))
    if code:
        parts.append(html.Code(f"observatory explain {code}"))
    return html.Div(parts, className=f"notice {tone}", role="status")


# words for numbers


def percent(ratio: float | None, target: float | None = None) -> str:
    """A ratio as a percentage, a dash where it is not known."""
    return "–" if ratio is None else format_percentage(ratio, target=target)


def whole_percent(ratio: float | None) -> str:
    """A ratio in whole per cent, from ten times the whole on as a multiple: `−38 %`, `99.7 %`, `−12×`, `−100k×`.

    A minus is a true one: of a budget that is overspent, by so many per cent of it or so many whole budgets.
    """
    if ratio is None:
        return "–"
    shown = round(ratio * 100)
    sign, amount = ("−", -ratio) if shown < 0 else ("", ratio)
    if abs(shown) < MANY_TIMES * 100:
        return format_whole_percentage(ratio).replace("-", "−")
    return f"{sign}{amount:.0f}×" if amount < 9999.5 else f"{sign}{amount / 1000:.0f}k×"


def times(rate: float | None) -> str:
    """A burn rate: `22.4×`."""
    if rate is None:
        return "–"
    return f"{rate:.0f}×" if rate >= 100 else f"{rate:.1f}×"


def runs_out(one: ObjectiveStatus, at_ms: int) -> str:
    """When the budget ends: `gone`, `6 h`, a dash when it does not at this pace or cannot be known."""
    if one.budget and one.budget.remaining_ratio is not None and one.budget.remaining_ratio <= 0:
        return "gone"
    if one.exhausts_at_ms is None:
        return "–"
    left = (one.exhausts_at_ms - at_ms) / 1000
    return "gone" if left <= 0 else short_duration(left)


def foretold(one: ObjectiveStatus, at_ms: int) -> str | None:
    """When the budget ends, 80 % likely: `in 2 h to 3 d`, `in 4 d or later`, `not before the window does`.

    None where that is not known, or the budget is spent.
    """
    if one.outlook is None or (one.budget and (one.budget.remaining_ratio or 0.0) < 0):
        return None
    earliest, latest = one.outlook.earliest_ms, one.outlook.latest_ms
    if earliest is None:
        return "not before the window does"
    first = short_duration((earliest - at_ms) / 1000)
    return f"in {first} or later" if latest is None else f"in {first} to {short_duration((latest - at_ms) / 1000)}"


def short_duration(seconds: float) -> str:
    """A duration in one unit: `38 min`, `6 h`, `9 d`."""
    for unit, size, most in (("s", 1, 90), ("min", 60, 5400), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def milliseconds_text(seconds: float | None) -> str | None:
    """A latency in three digits: `184 ms`, `1.84 s`, `38 min`; None stays None."""
    if seconds is None:
        return None
    for unit, size, most in (("ms", 0.001, 1.0), ("s", 1.0, 60.0), ("min", 60.0, 7200.0)):
        if seconds < most:
            amount = seconds / size
            return f"{amount:.0f} {unit}" if amount >= 999.5 else f"{amount:.3g} {unit}"
    return f"{seconds / 3600:.3g} h"


def value_text(value: float | None, unit: str) -> str:
    """A value in its base unit as people read it."""
    if value is None or not math.isfinite(value):
        return "–"
    match unit:
        case "second":
            return format_duration(value) if value else "0 s"
        case "ratio":
            return format_percentage(value)
        case _:
            return format_count(round(value, 2))


def clock(at_ms: int, now_ms: int | None = None, zone: str = DEFAULT_ZONE) -> str:
    """A time of day in a zone, with the date when it is not the day of `now_ms`. Panels say `board.clock`."""
    at = wall(at_ms, zone)
    same = now_ms is None or wall(now_ms, zone).date() == at.date()
    return f"{at:%H:%M}" if same else f"{at:%m-%d %H:%M}"


def objective_words(objective: Objective) -> str:
    """An objective as a sentence: `99 % within 500 ms over 30d`."""
    target = f"{objective.target * 100:.6g} %"
    threshold = objective.threshold
    bound = ""
    if threshold:
        amount = value_text(threshold.value, threshold.unit)
        bound = f" under {amount}{' messages' if threshold.unit == 'message' else ''}"
    return f"{target} {objective.sli.replace('_', ' ')}{bound} over {objective.window}"
