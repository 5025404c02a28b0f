"""Kind `hops`: one journey hop by hop, where it loses messages, and what its number rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from observatory.dashboards import PanelDeclaration
from observatory.evaluate.journey_losses import HopLoss, hop_losses, worst_hop
from observatory.evaluate.journey_status import HopStatus, JourneyStatus
from observatory.units import format_count, format_duration
from observatory.web.board import Board
from observatory.web.channel_standing import burn_of
from observatory.web.explain.reference import Reference, hop_reference, number
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.journeys import bounds_words, nothing
from observatory.web.parts import (
    channel_path,
    foretold,
    group_path,
    inward,
    mono,
    outward,
    percent,
    status,
    times,
    whole_percent,
)

HEAD = ("Hop", "Status", "Events", "Good", "Of all lost here", "Failed", "Never came")


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """The facts, a sentence on the loss, and a line per hop in the order in which a message takes them."""
    del panel
    one = board.journey()
    if one is None:
        return Drawn(body=[nothing(board)])
    losses = hop_losses(one)
    body: list[Any] = [
        _facts(board, one),
        html.P(loss_words(one, losses), className="lost"),
        html.Div(
            html.Ol([_head(), *_hops(board, one, losses)], className="hops"),
            className="scroll",
        ),
    ]
    if one.status.counts:
        body.append(html.P(f"{one.assumption[0].upper()}{one.assumption[1:]}.", className="fine assumption"))
    warnings = [f"{problem.message}. {problem.hint or ''}".strip() for problem in one.problems]
    return Drawn(body=body, note=one.journey.id, warnings=warnings)


def loss_words(one: JourneyStatus, losses: Sequence[HopLoss | None]) -> str:
    """Where the loss lies, in a sentence."""
    counts, worst = one.status.counts, worst_hop(losses)
    if counts is None:
        return "Nothing is known of the whole journey; hops that are known stand below."
    if worst is None:
        return "Nothing was lost at any hop in the window."
    loss, hop = losses[worst], one.hops[worst]
    assert loss is not None
    lost = format_count(round(max(0.0, counts.bad)))
    name = hop.status.objective.operation_key
    how = "by failing there" if loss.failed >= loss.missing else "by never coming there"
    return (
        f"{lost} of {format_count(round(counts.total))} journeys were lost; most at hop {worst + 1}, {name}, "
        f"{how}: {whole_percent(loss.share)} of what the hops lose."
    )


def _facts(board: Board, one: JourneyStatus) -> html.Dl:
    """What the line of the journey in the table above has no room for."""
    found, objective = one.status, one.journey.objective

    def opens(content: str, aspect: str, value: float | None) -> html.Button:
        return number(content, Reference("objective", one.journey.id, aspect), value=value, name="mono")

    def burn(window: str) -> html.Button:
        return opens(times(burn_of(found, window)), f"burn-{window}", burn_of(found, window))

    owner = objective.owner
    facts: list[tuple[str, Any]] = [
        ("Status", status(found.state)),
        ("Promise", mono(f"{objective.target * 100:.6g} % over {objective.window}")),
        ("Good", opens(bounds_words(one), "ratio", found.counts.ratio if found.counts else None)),
        ("Burn", [part for window in ("1h", "5m") for part in (burn(window), f" ({window}) ")]),
    ]
    if when := foretold(found, board.snapshot.at_ms):
        facts.append(("Budget ends", f"{when} (80 % likely)"))
    if one.journey.within_seconds is not None:
        facts.append(("Within", format_duration(one.journey.within_seconds)))
    facts += [
        ("Counted", _counted(one)),
        ("Owner", [owner.team, f" ({owner.contact})" if owner.contact else ""] if owner else "none named"),
        ("Runbook", outward("open", owner.runbook) if owner and owner.runbook else "none named"),
        ("Declared at", mono(str(objective.location)) if objective.location else "–"),
    ]
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts], className="facts")


def _counted(one: JourneyStatus) -> str:
    if one.status.counts is None:
        return "not known"
    if not one.joined:
        return "estimated from the counters of its hops"
    return "each journey by itself, by spans" if one.status.counting == "exact" else "by a sample of traces"


def _head() -> html.Li:
    cells = [html.Span(word, className="number" if place in (2, 3, 5, 6) else "") for place, word in enumerate(HEAD)]
    return html.Li(cells, className="hop head", **{"aria-hidden": "true"})


def _hops(board: Board, one: JourneyStatus, losses: Sequence[HopLoss | None]) -> list[html.Li]:
    places = enumerate(zip(one.hops, losses, strict=True), 1)
    return [_hop(board, place, one.journey.id, hop, loss) for place, (hop, loss) in places]


def _hop(board: Board, place: int, journey_id: str, hop: HopStatus, loss: HopLoss | None) -> html.Li:
    def opens(content: Any, aspect: str, value: float | None = None) -> html.Button:
        return number(content, hop_reference(place, journey_id, aspect), value=value, name="mono")

    found, objective = hop.status, hop.status.objective
    group = objective.consumer_group
    channel = board.channel(objective.channel_id)
    label = channel.label if channel else objective.channel_id
    verb = "sends to" if objective.role == "producer" else "receives from"
    who: list[Any] = [
        html.B(objective.service),
        f" {verb} ",
        inward(label, channel_path(objective.channel_id), "mono"),
        html.Br(),
        html.Span(objective.operation, className="mono muted"),
        html.Span(_asked(hop), className="muted"),
    ]
    if group and objective.role == "consumer":
        who += [html.Span(" · ", className="muted"), inward(group, group_path(group), "mono muted")]
    bar: list[Any] = [html.Span(className="meter", **{"aria-hidden": "true"}), mono("–")]
    if loss is not None:
        width = {"width": f"{round(100 * loss.share)}%"}
        bar = [
            html.Span(html.I(style=width), className="meter loss", **{"aria-hidden": "true"}),
            opens(whole_percent(loss.share), "share", loss.share),
        ]
    total, ratio = (found.counts.total, found.counts.ratio) if found.counts else (None, None)
    failed = loss.failed if loss else None
    missing = loss.missing if loss and not hop.optional else None
    return html.Li(
        [
            html.Span(html.Span(who), className="step"),
            _cell("Status", number(status(found.state), hop_reference(place, journey_id, "state"))),
            _cell("Events", opens(_count(total), "total", total), "number"),
            _cell("Good", opens(percent(ratio, objective.target), "ratio", ratio), "number"),
            _cell("Of all lost here", html.Span(bar, className="cell-loss")),
            _cell("Failed", opens(_count(failed), "failed", failed), "number"),
            _cell("Never came", opens(_count(missing), "missing", missing), "number"),
        ],
        className="hop",
        title=found.measure or "",
    )


def _asked(hop: HopStatus) -> str:
    objective = hop.status.objective
    words = "" if objective.sli == "availability" else f" · {objective.sli}"
    if objective.threshold:
        words += f" under {format_duration(objective.threshold.value)}"
    return f"{words}{' · optional' if hop.optional else ''}"


def _cell(name: str, content: Any, css: str = "") -> html.Span:
    return html.Span(content, className=f"cell {css}".strip(), **{"data-name": name})


def _count(value: float | None) -> str:
    return "–" if value is None else format_count(round(value))


HOPS = Kind(
    name="hops",
    meaning="one journey hop by hop, and where it loses messages",
    draw=draw,
    skeleton="table",
    evidence="journeys",
)
