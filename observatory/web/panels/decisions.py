"""Kind `decisions`: what the error budget asks its owners to decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.status import ObjectiveStatus
from observatory.web.board import Board
from observatory.web.channel_standing import burn_of
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT
from observatory.web.parts import channel_path, inward, notice, short_duration, table, times, whole_percent

LOW = 0.25
AMPLE = 0.75
"""Shares of the budget at which an owner is asked: under a quarter to look, above three quarters there is room."""


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """Freeze what is overspent, review what will not last, watch what nobody measures, ship where there is room."""
    statuses = board.statuses()
    limit = panel.number("limit", 8)
    rows: list[list[Any]] = []
    rows += [_overspent(board, one) for one in statuses if _left(one) is not None and (_left(one) or 0) <= 0]
    rows += [_low(board, one) for one in statuses if 0 < (_left(one) or 0) < LOW]
    rows += [
        _blind(one)
        for one in statuses
        if one.state in ("no_data", "unmapped") and one.objective.criticality in ("critical", "high")
    ]
    more = max(0, len(rows) - limit)
    rows = rows[:limit]
    if ample := _ample(statuses):
        rows.append(ample)
    if not rows:
        return Drawn(body=[notice("Nothing due", "No budget is overspent, low or ample.")], calm=True)
    shown = table(["Decision", "About", "Because", "Owner"], rows)
    return Drawn(
        body=[html.Div(shown, className="scroll")], note=f"from the error budgets{f' · {more} more' if more else ''}"
    )


def _overspent(board: Board, one: ObjectiveStatus) -> list[Any]:
    last = next((incident for incident in reversed(board.incidents(one))), None)
    ago = f", last incident {short_duration((board.snapshot.at_ms - last.start_ms) / 1000)} ago" if last else ""
    return [
        _word("■", "breached", "Freeze releases"),
        _about(one),
        ["budget overspent by ", _opens(one, whole_percent(-(_left(one) or 0.0))), ago],
        _owner(one),
    ]


def _low(board: Board, one: ObjectiveStatus) -> list[Any]:
    pace = ""
    if one.exhausts_at_ms:
        soon = short_duration((one.exhausts_at_ms - board.snapshot.at_ms) / 1000)
        pace = f"; at the present {times(burn_of(one, '1d'))} it ends in {soon}"
    return [
        _word("▲", "at_risk", "Review objective"),
        _about(one),
        [_opens(one, whole_percent(_left(one))), f" of the budget left{pace}"],
        _owner(one),
    ]


def _blind(one: ObjectiveStatus) -> list[Any]:
    why = one.problems[0].message if one.problems else "no telemetry was found for it"
    return [_word("○", "no_data", "Find telemetry"), _about(one), why, _owner(one)]


def _ample(statuses: Sequence[ObjectiveStatus]) -> list[Any]:
    domains: dict[str, list[float]] = {}
    for one in statuses:
        left = _left(one)
        if left is not None:
            domains.setdefault(one.objective.domain or "no domain", []).append(left)
    roomy = sorted(name for name, lefts in domains.items() if min(lefts) > AMPLE)
    if not roomy:
        return []
    return [
        _word("●", "meeting", "Room to ship"),
        ", ".join(roomy),
        f"every objective has more than {whole_percent(AMPLE)} left",
        "",
    ]


def _left(one: ObjectiveStatus) -> float | None:
    return one.budget.remaining_ratio if one.budget else None


def _opens(one: ObjectiveStatus, words: str) -> Any:
    return number(words, Reference("objective", one.objective.id, "budget"), value=_left(one))


def _about(one: ObjectiveStatus) -> Any:
    return inward(one.objective.id, channel_path(one.objective.channel_id))


def _owner(one: ObjectiveStatus) -> Any:
    return one.objective.owner.team if one.objective.owner else html.Span("none named", className="muted")


def _word(glyph: str, css: str, words: str) -> html.Span:
    return html.Span([html.Span(glyph, className="glyph", **{"aria-hidden": "true"}), words], className=f"status {css}")


DECISIONS = Kind(
    name="decisions",
    meaning="what the budgets ask to decide",
    draw=draw,
    fields={"limit": Field(LIMIT.meaning, "count")},
    skeleton="table",
    evidence="objectives",
)
