"""The review as one HTML file without script: drawings inline, styles inside, nothing fetched, ready to print."""

from __future__ import annotations

import math
from datetime import date
from importlib.resources import files
from typing import Any

from observatory import __version__
from observatory.figures.svg_line import Line, line_chart
from observatory.figures.svg_strips import HEAT_WORDS, budget_bar, heat_strip
from observatory.review.account import ObjectiveAccount, Total
from observatory.review.report import Review
from observatory.review.rows import (
    GLYPHS,
    assumptions,
    counted,
    domain_cells,
    incident_rows,
    journey_cells,
    objective_cells,
    planned_rows,
    tiles,
    zone_words,
)
from observatory.windows import format_instant

LINES = 3
"""Domains whose course is drawn; more lines than this are a knot."""


def html(review: Review) -> str:
    """The whole document. Texts from documents are escaped by the template; drawings escape their own."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = files("observatory.review").joinpath("templates")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(folder.joinpath("review.html.j2").read_text(encoding="utf-8"))
    lines = [one for one in review.domains if one.name is not None and any(v is not None for v in one.course)][:LINES]
    return template.render(
        review=review,
        version=__version__,
        css=Markup(folder.joinpath("review.css").read_text(encoding="utf-8")),  # noqa: S704  # a file of this package
        counted=counted(review),
        tiles=tiles(review),
        glyphs=GLYPHS,
        domains=[_domain(one, review, Markup) for one in review.domains],
        legend=list(enumerate(HEAT_WORDS)),
        first_day=_day_words(review.dates[0]),
        last_day=_day_words(review.dates[-1]),
        course=Markup(_course(lines, review)) if lines else "",  # noqa: S704  # escaped where it is drawn
        course_lines=len(lines),
        objectives=[_objective(one, Markup) for one in review.objectives],
        journeys=[journey_cells(one) for one in review.journeys],
        assumptions=assumptions(review),
        incidents=incident_rows(review),
        planned=planned_rows(review),
        zone_words=zone_words(review),
        problems=review.problems,
        at=format_instant(review.at_ms),
    )


def _domain(one: Total, review: Review, safe: Any) -> dict[str, Any]:
    left = None if one.spent_ratio is None else 1 - one.spent_ratio
    heat = heat_strip(
        [math.nan if rate is None else rate for rate in one.daily_burn],
        titles=[_day_words(day) for day in review.dates],
        width=8.0 * len(review.dates),
        label=f"burn rate of each day, {one.name or 'no domain'}",
    )
    cells = domain_cells(one)
    drawn = {"bar": safe(budget_bar(left, width=130)), "heat": safe(heat)}
    return {name: getattr(cells, name) for name in cells.__struct_fields__} | drawn


def _objective(one: ObjectiveAccount, safe: Any) -> dict[str, Any]:
    cells = objective_cells(one)
    bar = budget_bar(one.budget.remaining_ratio if one.budget else None, width=90, height=8)
    return {name: getattr(cells, name) for name in cells.__struct_fields__} | {"bar": safe(bar)}


def _course(lines: list[Total], review: Review) -> str:
    days = len(review.dates)
    even = Line(name="even spend", values=[1 - (day + 1) / days for day in range(days)], ink="faint", dash="2 5")
    drawn = [
        Line(name=one.name or "no domain", values=[math.nan if left is None else left for left in one.course])
        for one in lines
    ]
    ticks = [(index / (days - 1), _day_words(review.dates[index])) for index in (0, 7, 14, 21, days - 1)]
    return line_chart(
        [*drawn, even],
        ticks=ticks,
        label="error budget left over the month, by domain",
        show=lambda value: f"{value:.0%}".replace("%", " %"),
        width=1020,
        height=230,
        floor=0.0,
    )


def _day_words(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day:%b}"
