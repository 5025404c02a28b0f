"""Kind `firing`: what burns right now, how fast, since when, whose it is, and what to open next."""

from __future__ import annotations

from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.status import ObjectiveStatus
from observatory.units import compact_duration
from observatory.web.board import Board
from observatory.web.channel_standing import burn_of
from observatory.web.explain.reference import Reference, number
from observatory.web.kind import Drawn, Field, Kind
from observatory.web.panels.subjects import LIMIT
from observatory.web.panels.what_changed import changes_in_range
from observatory.web.parts import channel_path, foretold, inward, outward, short_duration, times, whole_percent

BEFORE_MS, SETTLING_MS = 3_600_000, 60_000
"""A change counts as just before when it lies an hour before the burn began at most, or in its first minute."""


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """One bar per channel that fires, pages before tickets."""
    by_channel: dict[str, list[ObjectiveStatus]] = {}
    for one in board.statuses():
        if one.firing:
            by_channel.setdefault(one.objective.channel_id, []).append(one)
    if not by_channel:
        breached = sum(1 for one in board.statuses() if one.state == "breached")
        words = "Nothing is firing."
        if breached:
            who = "objective has" if breached == 1 else "objectives have"
            words += f" {breached} {who} spent the budget earlier in the window."
        calm = html.Div(f"{words} {_silenced(board)}".strip(), className="calm", role="status")
        return Drawn(body=[calm], bare=True, calm=True)
    limit = panel.number("limit", 3)
    groups = list(by_channel.items())
    bars: list[Any] = [_bar(board, channel_id, found) for channel_id, found in groups[:limit]]
    if len(groups) > limit:
        rest = len(groups) - limit
        bars.append(
            html.Div(
                f"and {rest} more {'channel' if rest == 1 else 'channels'} firing, in the table below", className="fine"
            )
        )
    if silent := _silenced(board):
        bars.append(html.Div(silent, className="fine"))
    return Drawn(body=[html.Div(bars, className="firing")], bare=True)


def _silenced(board: Board) -> str:
    """What would fire but for planned work, and who approved that; empty where there is nothing."""
    quiet = [one for one in board.statuses() if one.left_out and one.left_out.silenced]
    if not quiet:
        return ""
    work = dict.fromkeys(
        f"{each.exclusion.reason}, approved by {each.exclusion.approver}"
        for one in quiet
        if one.left_out
        for each in one.left_out.work
    )
    who = "1 objective is" if len(quiet) == 1 else f"{len(quiet)} objectives are"
    return f"{who} silent for planned work: {'; '.join(list(work)[:3])}."


def _bar(board: Board, channel_id: str, found: list[ObjectiveStatus]) -> html.Div:
    one = found[0]
    page = "page" in one.firing
    channel = board.channel(channel_id)
    objective = one.objective
    owner = objective.owner or (channel.owner if channel else None)
    words: list[Any] = [
        *_criticality(objective.criticality),
        html.B(inward(channel.label if channel else channel_id, channel_path(channel_id))),
        f" {objective.sli.replace('_', ' ')} burns ",
        *_rates(board, one),
        *_budget(board, one),
        *_since(board, one, channel_id),
    ]
    if owner:
        reached = " · ".join(filter(None, [owner.contact, owner.escalation]))
        words += [" Owner ", html.B(owner.team), f" ({reached})." if reached else "."]
    words += _cause(board, channel_id)
    if len(found) > 1:
        words.append(
            html.Span(f" +{len(found) - 1} {'objective' if len(found) == 2 else 'objectives'}", className="muted")
        )
    actions: list[Any] = []
    if owner and owner.runbook:
        link = outward("Runbook", owner.runbook)
        if isinstance(link, html.A):
            link.className = "button"
        actions.append(link)
    actions.append(html.A("Trace sample", href=f"/debug?ch={_quoted(channel_id)}", className="inward button"))
    actions.append(html.Button("Copy link", type="button", className="button", **{"data-copy-link": "1"}))
    return html.Div(
        [
            html.Span("◆ PAGE" if page else "▲ TICKET", className="severity"),
            html.Div(words, className="words"),
            html.Div(actions, className="actions"),
        ],
        className=f"fire {'page' if page else 'ticket'}",
        role="alert" if page else "status",
    )


def _criticality(level: str) -> list[Any]:
    """How much hangs on it, where that is more than usual."""
    return [html.Span(f"★ {level}", className="critical"), " "] if level in ("critical", "high") else []


def _cause(board: Board, channel_id: str) -> list[Any]:
    """The likeliest cause, which the panel of causes explains."""
    best = next((one for one in board.causes() if one.channel_id == channel_id), None)
    if best is None:
        return []
    agree = f"{best.score:.0%} of the signals agree"
    return [" Likeliest cause: ", html.A(best.title, href="#panel-causes", title=agree), "."]


def _rates(board: Board, one: ObjectiveStatus) -> list[Any]:
    found = board.firing_pair(one)
    if found is None:
        return [*_rate(one, "1h"), " (1h) and ", *_rate(one, "5m"), " (5m)."]
    pair = found.pair
    windows = ((pair.long_text, found.long), (pair.short_text, found.short))
    if found.without_planned:
        # No number of the status: there planned work counts, and what opens would tell another.
        rates: list[list[Any]] = [[html.B(times(rate))] for _, rate in windows]
    else:
        rates = [_rate(one, text, rate) for text, rate in windows]
    (long, _), (short, _) = windows
    left_out = ", planned work left out" if found.without_planned else ""
    return [*rates[0], f" ({long}) and ", *rates[1], f" ({short}){left_out}, threshold {pair.factor:g}×."]


def _rate(one: ObjectiveStatus, window: str, rate: float | None = None) -> list[Any]:
    shown = burn_of(one, window) if rate is None else rate
    opens = Reference("objective", one.objective.id, f"burn-{window}")
    return [html.B(number(times(shown), opens, value=shown))]


def _budget(board: Board, one: ObjectiveStatus) -> list[Any]:
    if one.budget is None or one.budget.remaining_ratio is None:
        return []
    left = one.budget.remaining_ratio
    window = one.objective.window
    span = compact_duration(window.length_seconds) if window.kind == "rolling" else str(window.unit)
    if left <= 0:
        return [f" {span} budget overspent by ", _left(one, whole_percent(-left)), "."]
    soon = (
        f", gone in {short_duration((one.exhausts_at_ms - board.snapshot.at_ms) / 1000)} at this pace"
        if one.exhausts_at_ms
        else ""
    )
    likely = foretold(one, board.snapshot.at_ms)
    chance = f" It ends {likely} (80 % likely)." if likely and soon else ""
    return [" ", _left(one, whole_percent(left)), f" of the {span} budget left{soon}.{chance}"]


def _left(one: ObjectiveStatus, words: str) -> Any:
    left = one.budget.remaining_ratio if one.budget else None
    return number(words, Reference("objective", one.objective.id, "budget"), value=left)


def _since(board: Board, one: ObjectiveStatus, channel_id: str) -> list[Any]:
    last = next((incident for incident in reversed(board.incidents(one)) if incident.end_ms is None), None)
    if last is None:
        return []
    return [
        " Since ",
        html.Time(board.clock(last.start_ms), className="mono"),
        f", {short_duration((board.snapshot.at_ms - last.start_ms) / 1000)} ago.",
        *_just_before(board, channel_id, last.start_ms),
    ]


def _just_before(board: Board, channel_id: str, start_ms: int) -> list[Any]:
    """The last change before it began, where it lies near enough to be asked about."""
    changes = changes_in_range(board, {channel_id})
    one = next((each for each in changes if start_ms - BEFORE_MS <= each.at_ms <= start_ms + SETTLING_MS), None)
    if one is None:
        return []
    at = html.Time(board.clock(one.at_ms), className="mono")
    return [" Just before: ", html.B(one.words), " at ", at, "."]


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


FIRING = Kind(
    name="firing",
    meaning="what fires now, with both burn rates, budget, start, owner, runbook",
    draw=draw,
    fields={"limit": Field(LIMIT.meaning, "count")},
    skeleton="line",
    bare=True,
    evidence="objectives",
)
