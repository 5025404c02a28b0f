"""Kind `trend`: objectives in their present windows against those before, by domain or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.comparison import Trend, judged, trend, trends_by_domain
from observatory.evaluate.rollup import NO_DOMAIN, Rollup
from observatory.evaluate.status import ObjectiveStatus
from observatory.figures.clock import wall
from observatory.web.board import Board
from observatory.web.explain.reference import BEFORE, CHANGE, Reference, number
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT, SCOPE, label, promised
from observatory.web.parts import channel_path, inward, objective_words, percent, table, whole_percent
from observatory.web.states import state_notice

WHAT = Field(
    "domains: a line per domain; objectives: those that lost most of their budget first",
    words=("domains", "objectives"),
)
HEAD = ("Availability", "before", "Change", "Budget left", "before", "Change", "Missed", "before", "Window before")


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """A line per domain and one of them all; or a line per objective. Every number opens."""
    statuses = promised(board, panel)
    if not statuses:
        return Drawn(body=[state_notice("nothing", "Nothing to show", "No objective passes the filter.")])
    if nothing := _nothing(statuses):
        return Drawn(body=[nothing])
    strictest = max(one.objective.target for one in statuses)
    if panel.text("by", "domains") == "objectives":
        return _objectives(board, statuses, panel.number("limit", 8))
    trends = sorted(trends_by_domain(statuses), key=_most_lost)
    rows = [_row(board, one, Reference("domain", one.name), strictest, _domain(one.name)) for one in trends]
    if len(trends) > 1:
        whole = html.B("All of them")
        rows.append(_row(board, trend("estate", statuses), Reference("estate"), strictest, whole))
    note = "each objective's window against the one before it · what lost most comes first"
    return Drawn(body=[_table("Domain", rows)], note=note)


def _objectives(board: Board, statuses: Sequence[ObjectiveStatus], limit: int) -> Drawn:
    pairs = sorted(
        ((trend(one.objective.id, [one], None), one) for one in statuses), key=lambda pair: _most_lost(pair[0])
    )
    rows = [
        _row(board, change, Reference("objective", change.name), one.objective.target, _named(board, one))
        for change, one in pairs[:limit]
    ]
    more = f"the first {limit} of {len(pairs)}" if len(pairs) > limit else f"{len(pairs)} objectives"
    return Drawn(body=[_table("Objective", rows)], note=f"{more} · what lost most of its budget comes first")


def _nothing(statuses: Sequence[ObjectiveStatus]) -> html.Div | None:
    """The state in place of the table, where of no objective anything is known of the window before."""
    if trend("", statuses, None).reach != "none":
        return None
    measured = [one for one in statuses if one.measurement]
    if measured and all(one.before is None for one in measured):
        words = "The windows before the present ones are counted, day by day; this panel fills in when that is done."
        return state_notice("loading", "Being counted", words)
    words = "Telemetry does not reach back into the windows before these, and no day of them was kept."
    hint = "Days that are over are kept beside the store, so this fills in by itself."
    return state_notice("no_data", "No data of the window before", words, hint=hint)


def _table(first: str, rows: Sequence[Sequence[Any]]) -> html.Div:
    body = table([first, *HEAD], rows, numeric=(1, 2, 3, 4, 5, 6, 7, 8), name="rows trend")
    return html.Div(body, className="scroll")


def _row(board: Board, one: Trend, opens: Reference, target: float, name: Any) -> list[Any]:
    def figure(text: str, aspect: str, value: float | None = None, tone: str = "") -> html.Button:
        return number(text, Reference(opens.word, opens.key, aspect), value=value, name=tone)

    counted = "state" if opens.word == "objective" else "missed"
    shown = percent(one.now.counts.ratio, target)
    return [
        name,
        figure(shown, "ratio", one.now.counts.ratio),
        figure(percent(one.before.counts.ratio, target), f"{BEFORE}ratio", one.before.counts.ratio),
        _change(opens, "ratio", one.ratio_change, len(shown.removesuffix(" %").partition(".")[2])),
        _left(figure, one.now, "budget"),
        _left(figure, one.before, f"{BEFORE}budget"),
        _change(opens, "budget", one.budget_change, 1),
        figure(_missed(one.now), counted),
        figure(_missed(one.before), f"{BEFORE}{counted}"),
        reach_words(board, one),
    ]


def _left(figure: Any, whole: Rollup, aspect: str) -> Any:
    left = whole.remaining_ratio
    return figure(whole_percent(left), aspect, left, "bad" if left is not None and left < 0 else "")


def _missed(whole: Rollup) -> str:
    known = judged(whole)
    if not known:
        return "–"
    missed = whole.states.get("breached", 0)
    return f"{missed} of {known}" if whole.objectives > 1 else ("missed" if missed else "met")


def _change(opens: Reference, aspect: str, change: float | None, digits: int) -> html.Button:
    text = change_words(change, digits)
    tone = {"▲": "good", "▼": "bad"}.get(text[:1], "muted")
    return number(text, Reference(opens.word, opens.key, f"{CHANGE}{aspect}"), value=change, name=tone)


def change_words(change: float | None, digits: int) -> str:
    """A difference of two shares in points: `▲ 0.012 pt`, `= 0.000 pt`; a dash where there is none."""
    if change is None:
        return "–"
    points = round(100 * change, digits)
    mark = "▲" if points > 0 else "▼" if points < 0 else "="
    return f"{mark} {abs(points):.{digits}f} pt"


def reach_words(board: Board, one: Trend) -> str:
    """What is known of the windows before: `counted`, `since 3 November`, `80 % of it`, `no data`."""
    if one.reach == "none":
        return "no data"
    if one.reach == "whole":
        return "counted"
    if one.began_late and one.since_ms is not None:
        at = wall(one.since_ms, board.view.zone)
        return f"counted since {at.day} {at:%B}"
    return f"{whole_percent(one.before.counts.coverage)} of it seen"


def _domain(name: str) -> Any:
    if name == NO_DOMAIN:
        return html.Span(name, className="muted")
    opens = {"data-set": "domain", "data-to": name}
    return html.Button(name, type="button", className="linkish", title="Show only this domain", **opens)


def _named(board: Board, one: ObjectiveStatus) -> list[Any]:
    who = one.objective.consumer_group or one.objective.service
    channel = inward(label(board, one.objective.channel_id), channel_path(one.objective.channel_id))
    return [channel, html.Small(f"{objective_words(one.objective)} · {who}")]


def _most_lost(one: Trend) -> tuple[float, float, str]:
    """By budget lost since the window before; where that is not known by what is left."""
    change, left = one.budget_change, one.now.remaining_ratio
    return (change if change is not None else 2.0), (left if left is not None else 2.0), one.name


TREND = Kind(
    name="trend",
    meaning="this window against the one before",
    draw=draw,
    fields={"by": WHAT, "scope": SCOPE, "limit": LIMIT},
    skeleton="table",
    evidence="objectives",
)
