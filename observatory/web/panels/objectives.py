"""Kind `objectives`: every objective of a channel or group; each row opens to how its numbers came about."""

from __future__ import annotations

from typing import Any

from dash import html

from observatory.compile.plan import Measurement
from observatory.dashboards import PanelDeclaration
from observatory.errors import InputInvalid
from observatory.evaluate.status import ObjectiveStatus
from observatory.telemetry.binding import MetricBinding, SeriesSelector
from observatory.units import compact_duration, format_count, format_duration
from observatory.web.board import Board, burn_of
from observatory.web.kind import Drawn, Kind
from observatory.web.panels.subjects import SCOPE, channel_ids, label
from observatory.web.parts import (
    budget,
    clock,
    foretold,
    heat,
    mono,
    notice,
    objective_words,
    percent,
    runs_out,
    status,
    times,
    value_text,
    whole_percent,
)

COUNTING = {
    "exact": "exact, from raw samples",
    "pushdown": "increments computed by the server",
    "estimated": "estimated from samples on a query grid",
}


def draw(board: Board, panel: PanelDeclaration) -> Drawn:
    """A list whose rows open; the worst first."""
    ids = set(channel_ids(board, panel))
    found = [one for one in board.snapshot.status.objectives if one.objective.channel_id in ids]
    if board.argument and not board.channel(board.argument):
        found = [one for one in found if board.argument in (one.objective.consumer_group, one.objective.service)]
    if not found:
        return Drawn(
            body=[
                notice(
                    "No objectives",
                    "Nothing is promised here yet.",
                    hint="Write `x-slo` at the channel, the operation or the whole document.",
                )
            ]
        )
    from observatory.web.board import urgency

    found.sort(key=lambda one: (urgency(one), one.objective.id))
    head = html.Div(
        [
            html.Span("Objective"),
            html.Span("Status"),
            html.Span("Now", className="number"),
            html.Span("Budget left"),
            html.Span("Burn, 24 h"),
            html.Span("1 h", className="number"),
            html.Span("Runs out", className="number"),
        ],
        className="explain-head",
    )
    several = len(ids) > 1
    return Drawn(
        body=[html.Div([head, *(_row(board, one, several) for one in found)], className="scroll")],
        note="open a row to see how its numbers came about",
    )


def _row(board: Board, one: ObjectiveStatus, several: bool) -> html.Details:
    left = one.budget.remaining_ratio if one.budget else None
    what = objective_words(one.objective)
    who = one.objective.consumer_group or one.objective.service
    where = f"{label(board, one.objective.channel_id)} · " if several else ""
    return html.Details(
        [
            html.Summary(
                [
                    html.Span(
                        [html.B(what), html.Br(), html.Span(f"{where}{one.objective.role} {who}", className="muted")]
                    ),
                    status(one.state),
                    html.Span(
                        percent(one.counts.ratio if one.counts else None, one.objective.target), className="mono number"
                    ),
                    html.Span(
                        [
                            budget(left, one.state, width=84),
                            " ",
                            mono(whole_percent(left), "bad" if left is not None and left < 0 else ""),
                        ]
                    ),
                    heat(board.burn_cells(one, 24, 3600), width=100),
                    html.Span(times(burn_of(one, "1h")), className="mono number"),
                    html.Span(runs_out(one, board.snapshot.at_ms), className="mono number"),
                ]
            ),
            html.Div(explanation(board, one), className="inside"),
        ],
        className="explain",
        id=f"objective-{one.objective.id}",
    )


def explanation(board: Board, one: ObjectiveStatus) -> list[Any]:
    """Counts, coverage, measure, profile, series, query: everything behind the row's numbers."""
    counts = one.counts
    measurement = board.snapshot.measurements.get(one.objective.id)
    row = board.snapshot.row(one.objective.id)
    facts: list[tuple[str, Any]] = [
        ("Id", mono(one.objective.id)),
        ("Good", mono(format_count(counts.good)) if counts else "not counted"),
        ("Total", mono(format_count(counts.total)) if counts else "not counted"),
        ("Time seen", mono(percent(counts.coverage)) if counts else "–"),
        ("Window", str(one.objective.window)),
        ("Counted", COUNTING[one.counting] if one.counting else "–"),
        ("Measures", f"{one.measure or '–'}{' (stands in for it)' if one.proxy else ''}"),
        ("Profile", one.profile or "none"),
        ("Series", str(row.series) if row else "0"),
        ("Newest sample", clock(one.last_sample_ms, board.snapshot.at_ms) if one.last_sample_ms else "–"),
        ("Policy", one.objective.policy),
        ("Declared at", mono(str(one.objective.location)) if one.objective.location else "–"),
    ]
    if one.budget:
        facts.insert(
            4,
            (
                "Budget",
                mono(
                    f"{value_text(one.budget.spent, 'event')} of {value_text(one.budget.allowed, 'event')} events spent"
                ),
            ),
        )
    if one.interval:
        low, high = (percent(share, one.objective.target) for share in one.interval)
        facts.insert(3, ("95 % interval", mono(f"{low} to {high}")))
    if one.outlook:
        when = foretold(one, board.snapshot.at_ms)
        ends = f"the budget ends {when}" if when else "the budget is spent"
        left = f"{whole_percent(one.outlook.least)} to {whole_percent(one.outlook.most)} left at the end"
        facts.insert(5 if one.budget else 4, ("Forecast", f"{ends}; {left} (each 80 % likely)"))
    if one.level:
        unit = one.level.unit
        error = f" ± {value_text(one.level.error, unit)}" if one.level.error else ""
        facts.insert(
            4,
            (
                "Level",
                mono(f"{value_text(one.level.last, unit)} now, {value_text(one.level.worst, unit)} at worst{error}"),
            ),
        )
    if one.recovered.births or one.recovered.resets or one.recovered.gap_events:
        facts.append(
            (
                "Recovered",
                mono(
                    f"{format_count(one.recovered.births)} events at births, {one.recovered.resets} resets, "
                    f"{format_count(one.recovered.gap_events)} events across gaps"
                ),
            )
        )
    rates = " · ".join(f"{window} {times(rate)}" for window, rate in one.burn_rates.items())
    facts.append(("Burn rates", mono(rates or "–")))
    body: list[Any] = [html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts], className="facts")]
    for problem in one.problems:
        place = f"{problem.place()}: " if problem.place() else ""
        body.append(
            html.P(
                [f"{place}{problem.message}. ", problem.hint or "", " ", html.Code(problem.code)], className="partial"
            )
        )
    if measurement:
        body += _measured_by(board, one, measurement)
    return body


def _measured_by(board: Board, one: ObjectiveStatus, measurement: Measurement) -> list[Any]:
    parts: list[Any] = []
    for binding in measurement.bindings:
        if isinstance(binding, MetricBinding):
            names = [
                text for term in (*binding.all, *binding.success, *binding.error) for text in (_series(term.selector),)
            ]
            lines = "\n".join(dict.fromkeys(names))
            parts.append(
                html.P(
                    [html.B(binding.signal.replace("_", " ")), f" from {binding.source}: {binding.reason}"],
                    className="muted",
                )
            )
            parts.append(html.Pre(lines, className="query"))
        else:
            parts.append(
                html.P(
                    [
                        html.B(binding.signal.replace("_", " ")),
                        f" from spans in {binding.source} on {', '.join(binding.selector.destinations)}: ",
                        binding.reason,
                    ],
                    className="muted",
                )
            )
        parts += [html.P(caveat, className="partial") for caveat in binding.caveats]
    if all(isinstance(binding, MetricBinding) for binding in measurement.bindings):
        parts += _queries(one, measurement)
    del board
    return parts


def _queries(one: ObjectiveStatus, measurement: Measurement) -> list[Any]:
    from observatory.compile.promql import good_total

    window = one.objective.window
    span = compact_duration(window.length_seconds) if window.kind == "rolling" else "30d"
    try:
        good, total = good_total(measurement, span)
    except InputInvalid:
        # Some level measurements have no PromQL form; their series are named above.
        return []
    parts: list[Any] = [
        html.P(
            f"As PromQL over {format_duration(window.length_seconds) if window.length_seconds else span}. "
            "The server extrapolates, so it may differ from the exact count.",
            className="muted",
        )
    ]
    for name, text in (("good", good), ("total", total)):
        parts.append(
            html.Div(
                [
                    html.Span(name, className="muted"),
                    " ",
                    html.Button("Copy", type="button", className="pick", **{"data-copy": text}),
                ]
            )
        )
        parts.append(html.Pre(text, className="query"))
    return parts


def _series(selector: SeriesSelector) -> str:
    from observatory.compile.promql import selector as written

    return written(selector)


OBJECTIVES = Kind(
    name="objectives",
    meaning="objectives with everything behind their numbers",
    draw=draw,
    fields={"scope": SCOPE},
    skeleton="table",
    evidence="objectives",
)
