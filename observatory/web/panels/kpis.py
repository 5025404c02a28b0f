"""Kind `kpis`: the four numbers of the estate, all of them roll-ups that the status can be added up to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.comparison import trend
from observatory.evaluate.grouped import budget_left
from observatory.evaluate.rollup import estate
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.web.board import Board
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.trend import change_words
from observatory.web.parts import percent, spark, whole_percent
from observatory.windows import TimeRange

DAY_MS = 86_400_000
TIGHTEST = 0.999
"""The estate's availability is written with the digits that a 99.9 % target needs."""


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """Availability, objectives met, budget left, incidents."""
    del panel
    statuses = board.statuses()
    available = [one for one in statuses if one.objective.sli == "availability"]
    return Drawn(
        body=[
            html.Div(
                [
                    _availability(board, available),
                    _meeting(statuses),
                    _budget(board, statuses, available),
                    _incidents(board, statuses),
                ],
                className="tiles",
            )
        ],
        bare=True,
    )


def tile(
    name: str,
    figure: str,
    unit: str,
    under: Sequence[Any],
    drawing: Any = None,
    tone: str = "",
    *,
    opens: Reference,
    value: float | None = None,
) -> html.Div:
    """One number with its name above and its context below; a press explains it.

    Args:
        value: The number in its base unit and unrounded, None where it is not known.
    """
    shown = [figure, html.Small(unit)] if unit else figure
    return html.Div(
        [
            html.Span(name, className="name"),
            number(shown, opens, value=value, name=f"figure {tone}".strip()),
            html.Span() if drawing is None else drawing,
            html.Span(list(under), className="under"),
        ],
        className="tile",
    )


def _availability(board: Board, statuses: Sequence[ObjectiveStatus]) -> html.Div:
    whole = estate(statuses)
    before = _counts(
        board, statuses, TimeRange(board.span.start_ms - (board.span.end_ms - board.span.start_ms), board.span.start_ms)
    )
    now = _counts(board, statuses, board.span)
    under: list[Any] = ["in the objectives' windows"]
    against = trend("estate", statuses).ratio_change
    if against is not None:
        under = [f"{change_words(against, 3)} against the windows before"]
    elif now.ratio is not None and before.ratio is not None and (before.coverage or 0) > 0.5:
        points = (now.ratio - before.ratio) * 100
        mark = "▲" if points > 0 else "▼" if points < 0 else "="
        under = [f"{mark} {abs(points):.3f} pt against the {board.view.words.removeprefix('last ')} before"]
    days = _daily(board, statuses)
    text = percent(whole.counts.ratio, TIGHTEST)
    return tile(
        "Channel availability, all domains",
        text.removesuffix(" %"),
        "%" if text.endswith("%") else "",
        under,
        spark(days, "grey"),
        opens=Reference("estate", aspect="ratio"),
        value=whole.counts.ratio,
    )


def _meeting(statuses: Sequence[ObjectiveStatus]) -> html.Div:
    counted = {
        state: sum(1 for one in statuses if one.state == state)
        for state in ("meeting", "at_risk", "breached", "no_data", "no_traffic", "unmapped")
    }
    words = [f"{count} {state.replace('_', ' ')}" for state, count in counted.items() if count and state != "meeting"]
    return tile(
        "Objectives met",
        str(counted["meeting"]),
        f"/ {len(statuses):,}",
        [" · ".join(words) or "all of them"],
        opens=Reference("estate", aspect="states"),
        value=counted["meeting"],
    )


def _budget(board: Board, statuses: Sequence[ObjectiveStatus], available: Sequence[ObjectiveStatus]) -> html.Div:
    left = estate(statuses).remaining_ratio
    over = sum(1 for one in statuses if one.budget and (one.budget.remaining_ratio or 0) < 0)
    words = f"{over} {'objective' if over == 1 else 'objectives'} overspent" if over else "no objective overspent"
    text = whole_percent(left)
    _, course = budget_left(board.snapshot, available, board.snapshot.ledger.grid.range)
    return tile(
        "Error budget left, by volume",
        text.removesuffix(" %"),
        "%" if text.endswith("%") else "",
        [words],
        spark(course[:: max(1, len(course) // 48)], "grey", label="budget left over the ledger's span"),
        "bad" if left is not None and left < 0 else "",
        opens=Reference("estate", aspect="budget"),
        value=left,
    )


def _incidents(board: Board, statuses: Sequence[ObjectiveStatus]) -> html.Div:
    span = board.span
    length = span.end_ms - span.start_ms
    pages = [(one, incident) for one in statuses for incident in board.incidents(one) if incident.severity == "page"]
    now = {
        (one.objective.channel_id, incident.start_ms // 1_800_000)
        for one, incident in pages
        if incident.start_ms > span.start_ms and incident.start_ms <= span.end_ms
    }
    grid = board.snapshot.ledger.grid
    under: list[Any] = [f"pages in {board.view.words.replace('last', 'the last')}"]
    if grid.start_ms <= span.start_ms - length:
        before = {
            (one.objective.channel_id, incident.start_ms // 1_800_000)
            for one, incident in pages
            if span.start_ms - length < incident.start_ms <= span.start_ms
        }
        more = len(now) - len(before)
        mark = "▲" if more > 0 else "▼" if more < 0 else "="
        under = [f"{mark} {abs(more)} against the {board.view.words.removeprefix('last ')} before"]
    bins = np.zeros(24)
    for _, start in now:
        bins[min(23, max(0, int((start * 1_800_000 - span.start_ms) / length * 24)))] += 1
    return tile(
        "Incidents that paged",
        str(len(now)),
        "",
        under,
        spark(bins, "grey"),
        "warn" if now else "",
        opens=Reference("estate", aspect="incidents"),
        value=len(now),
    )


def _counts(board: Board, statuses: Sequence[ObjectiveStatus], span: TimeRange) -> Counts:
    """Counts of a range, each measurement once."""
    found = {one.measurement: board.counts(one, span) for one in statuses if one.measurement}
    total = Counts()
    for one in found.values():
        if one is not None:
            total += one
    return total


def _daily(board: Board, statuses: Sequence[ObjectiveStatus]) -> list[float]:
    span = board.span
    cells = 30
    grid = board.snapshot.ledger.grid
    size = max(grid.step_ms, (span.end_ms - span.start_ms) // cells // grid.step_ms * grid.step_ms)

    def ask() -> list[float]:
        whole = np.zeros((2, cells))
        for one in {one.measurement: one for one in statuses if one.measurement}.values():
            whole += board.cell_counts(one, TimeRange(span.end_ms - cells * size, span.end_ms), cells)
        good, total = whole
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios: list[float] = np.where(total > 0, good / total, np.nan).tolist()
        return ratios

    return board.memory.get(("daily", span, tuple(one.objective.id for one in statuses)), ask)


KPIS = Kind(
    name="kpis", meaning="the four numbers of the estate", draw=draw, skeleton="tiles", bare=True, evidence="objectives"
)
