"""What a panel shows when it cannot show numbers, or not all of them: one look and one name for each state.

Every state has a shape, a word and a colour, so that colour is never alone, and a name that tests and style sheet know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from dash import html

from observatory.evaluate.status import ObjectiveStatus
from observatory.telemetry.binding import Resolution
from observatory.units import format_percentage

PanelState = Literal["loading", "nothing", "no_traffic", "no_data", "partial", "stale", "source_down", "error"]
"""`nothing` is an answer: the documents or the filter leave nothing to show. The others are about telemetry."""
SEEN_WELL = 0.9
"""Share of a window that must have been observed for its numbers to stand without a word."""


def state_notice(state: PanelState, title: str, words: str, *, hint: str = "", code: str = "") -> html.Div:
    """A state in the place of a picture."""
    parts: list[object] = [_shape(), html.Strong(title), html.P(words)]
    parts += [html.P(hint, className="hint")] if hint else []
    parts += [html.Code(f"observatory explain {code}")] if code else []
    tone = "bad" if state in ("source_down", "error") else "quiet"
    return html.Div(parts, className=f"notice {tone}", role="status", **{"data-state": state})


def state_line(state: PanelState, words: str, *, tip: str = "") -> html.P:
    """A state beside a picture: what is missing from it, or how old it is."""
    return html.P([_shape(), words], className="beside", title=tip or None, **{"data-state": state})


def age_chip(words: str, tip: str) -> html.Span:
    """How old a panel's numbers are; the browser keeps the words up to date."""
    told = html.Span(words, className="age-words")
    return html.Span([_shape(), told, " old"], className="stale", title=tip, **{"data-state": "stale"})


def _shape() -> html.Span:
    return html.Span(className="shape", **{"aria-hidden": "true"})


def not_measured(what: str, missing: Resolution | None, otherwise: str) -> html.Div:
    """No data: which series is missing, and how to switch it on."""
    if missing is None:
        return state_notice("no_data", f"No data for {what}", otherwise)
    return state_notice("no_data", f"No data for {what}", missing.reason or otherwise, hint=how_to_switch_on(missing))


def no_spans(words: str) -> html.Div:
    """No source of spans: where traces may be sent to."""
    hint = "Send OTLP traces to this server at /v1/traces, or load them with `observatory ingest`."
    return state_notice("no_data", "No traces", words, hint=hint)


def how_to_switch_on(missing: Resolution) -> str:
    """What makes the series appear; empty where no profile knows."""
    # A reason may name the switch already.
    switches = [one for one in missing.switches if one and one not in missing.reason]
    return f"To switch it on: {'; or '.join(switches[:3])}." if switches else ""


def blind_notice(statuses: Sequence[ObjectiveStatus]) -> html.Div | None:
    """The state in place of words that all is well, where nothing was measured that could say otherwise."""
    told = _all_of(statuses)
    return state_notice(told[0], told[1], told[2], hint=told[3]) if told else None


def evidence_line(statuses: Sequence[ObjectiveStatus]) -> html.P | None:
    """What the numbers of objectives lack, in a line; None where they lack nothing."""
    told = _all_of(statuses)
    if told:
        return state_line(told[0], f"{told[1]}: {told[2]}", tip=told[3])
    without, silent = _without(statuses), _silent(statuses)
    words: list[str] = []
    if without:
        words.append(f"{_of(without, statuses)} no data: {_why(without)[0]}")
    if silent:
        words.append(f"{_of(silent, statuses)} no traffic")
    short = [one for one in statuses if one.counts and (one.counts.coverage or 0.0) < SEEN_WELL and one not in silent]
    if short:
        least = min(one.counts.coverage or 0.0 for one in short if one.counts)
        seen = f"{'was' if len(short) == 1 else 'were'} not seen all the time: {format_percentage(least)} at the least"
        words.append(f"{len(short)} of {len(statuses)} {seen}")
    return state_line("partial", "; ".join(words), tip=_why(without)[1] if without else "") if words else None


def _all_of(statuses: Sequence[ObjectiveStatus]) -> tuple[PanelState, str, str, str] | None:
    without, silent = _without(statuses), _silent(statuses)
    if not statuses or len(without) + len(silent) < len(statuses):
        return None
    if without:
        why, hint = _why(without)
        return "no_data", "No data", f"{_of(without, statuses)} no telemetry: {why}", hint
    return "no_traffic", "No traffic", "Series exist, and hold no event in the objectives' windows.", ""


def _without(statuses: Sequence[ObjectiveStatus]) -> list[ObjectiveStatus]:
    return [one for one in statuses if one.state in ("no_data", "unmapped")]


def _silent(statuses: Sequence[ObjectiveStatus]) -> list[ObjectiveStatus]:
    return [one for one in statuses if one.state == "no_traffic"]


def _of(some: Sequence[ObjectiveStatus], every: Sequence[ObjectiveStatus]) -> str:
    if len(every) == 1:
        return "The objective has"
    return f"{len(some)} of {len(every)} objectives {'has' if len(some) == 1 else 'have'}"


def _why(without: Sequence[ObjectiveStatus]) -> tuple[str, str]:
    """The reason that most of them share, and what to do about it."""
    told = [problem for one in without for problem in one.problems[:1]]
    if not told:
        return "nothing measures it", ""
    said = [one.message for one in told]
    most = max(told, key=lambda one: said.count(one.message))
    # Where several have no data for one reason, the reason counts, and not whose it was first.
    words = most.message.partition(" has no data: ")[2] if len(without) > 1 else ""
    return words or most.message, most.hint or ""
