"""Explanations of the numbers of an objective, or of a journey, which has the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from observatory.errors import Problem
from observatory.evaluate.journey_losses import row_of
from observatory.evaluate.journey_status import JourneyStatus
from observatory.evaluate.judgement import AT_RISK_REMAINING
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.objectives.burn import burn_rate
from observatory.units import compact_duration, format_count, parse_duration
from observatory.web.board import Board
from observatory.web.channel_standing import burn_of
from observatory.web.explain.explanation import Content, Explanation, Table
from observatory.web.explain.queries import EXTRAPOLATED, evidence, measurement_queries
from observatory.web.explain.reference import Reference, number
from observatory.web.parts import (
    channel_path,
    foretold,
    inward,
    mono,
    objective_words,
    percent,
    runs_out,
    short_duration,
    status,
    times,
    value_text,
    whole_percent,
)
from observatory.windows import TimeRange

COUNTING = {
    "exact": "exact, from raw samples",
    "pushdown": "increments computed by the server",
    "estimated": "estimated from samples on a query grid",
}
MOST_CELLS = 400
_CELLS = re.compile(r"cells-(\d{1,3})x(\d{1,7})(?:-(\d{1,3}))?")


def counts_in(board: Board, one: ObjectiveStatus, span: TimeRange) -> Counts | None:
    """Good and total of a range, of an objective or of a journey; None where they are not known."""
    journey = next((each for each in board.snapshot.status.journeys if each.journey.id == one.objective.id), None)
    if journey is None:
        return board.counts(one, span)
    found, planned = row_of(board.snapshot, journey.journey), board.snapshot.planned.get(journey.journey.id)
    if found is None:
        return None
    row = planned.counted(found.row) if planned else found.row
    return row.counts(board.snapshot.ledger.grid, span)


def explain_objective(board: Board, reference: Reference) -> Explanation | None:
    """An objective's number, or a journey's; None where there is none of that id."""
    every = (*board.snapshot.status.objectives, *(one.status for one in board.snapshot.status.journeys))
    one = next((one for one in every if one.objective.id == reference.key), None)
    made = explain_status(board, one, reference) if one else None
    journey = next((one for one in board.snapshot.status.journeys if one.journey.id == reference.key), None)
    return _of_journey(board, journey, made) if made and journey else made


def _of_journey(board: Board, one: JourneyStatus, made: Explanation) -> Explanation:
    """What a journey shows beside what it has in common with an objective: its hops, and what the numbers rest on."""
    rows: list[Sequence[Content]] = []
    for hop in one.hops:
        counts, objective = hop.status.counts, hop.status.objective
        channel = board.channel(objective.channel_id)
        rows.append(
            [
                inward(channel.label if channel else objective.channel_key, channel_path(objective.channel_id), "mono"),
                f"{objective.role} {objective.consumer_group or objective.service}",
                format_count(counts.good) if counts else "–",
                format_count(counts.total) if counts else "–",
                status(hop.status.state),
            ]
        )
    hops = Table(title="Hops", head=["Channel", "Who", "Good", "Total", "State"], rows=rows, numeric=(2, 3))
    caveats = [*([one.assumption] if one.assumption else []), *made.caveats]
    return replace(made, title=one.status.objective.name, tables=[*made.tables, hops], caveats=caveats, subject=None)


def explain_status(board: Board, one: ObjectiveStatus, reference: Reference) -> Explanation:
    """Everything behind a number of one objective."""
    what, figure, formula = _number(board, one, reference.aspect)
    measurement = board.snapshot.measurements.get(one.objective.id)
    span = _span_of(board, one, reference.aspect)
    channel = board.channel(one.objective.channel_id)
    who = one.objective.consumer_group or one.objective.service
    table = cells_of(board, [one], reference.aspect)
    left_out = _left_out(one)
    return Explanation(
        reference=reference,
        title=f"{objective_words(one.objective)} · {who}" if who else objective_words(one.objective),
        what=what,
        figure=figure,
        formula=formula,
        state=one.state,
        why=why(board, one),
        facts=facts(board, one),
        tables=[one for one in (table, left_out) if one],
        queries=measurement_queries(board, measurement, span) if measurement else (),
        query_note=EXTRAPOLATED,
        evidence=evidence(measurement) if measurement else (),
        caveats=tuple(dict.fromkeys(text for each in measurement.bindings for text in each.caveats))
        if measurement
        else (),
        problems=one.problems,
        subject=(channel.label, channel_path(channel.id)) if channel else None,
    )


def _number(board: Board, one: ObjectiveStatus, aspect: str) -> tuple[str, str, list[str]]:
    """What was pressed: its name, its text and its arithmetic."""
    if aspect.startswith("burn-"):
        return _burn(board, one, aspect.removeprefix("burn-"))
    if _CELLS.fullmatch(aspect):
        return _cell(board, one, aspect)
    match aspect:
        case "budget":
            return _budget(one)
        case "runs-out":
            return _runs_out(board, one)
        case "range":
            counts = counts_in(board, one, board.span)
            ratio = counts.ratio if counts else None
            words = f"good events, {board.view.words}"
            return words, percent(ratio, one.objective.target), _share(counts, one.objective.target)
        case "level" if one.level:
            text = value_text(one.level.last, one.level.unit)
            return "the newest level", text, []
        case _:
            ratio = one.counts.ratio if one.counts else None
            words = f"good events over {one.objective.window}"
            return words, percent(ratio, one.objective.target), _share(one.counts, one.objective.target)


def _share(counts: Counts | None, target: float) -> list[str]:
    if counts is None or counts.total <= 0:
        return []
    sum_of = f"{format_count(counts.good)} ÷ {format_count(counts.total)}"
    return [f"good ÷ total = {sum_of} = {percent(counts.ratio, target)}"]


def _budget(one: ObjectiveStatus) -> tuple[str, str, list[str]]:
    left = one.budget.remaining_ratio if one.budget else None
    lines: list[str] = []
    if one.budget and one.counts:
        target = f"{one.objective.target * 100:.6g} %"
        allowed = f"{format_count(one.counts.total)} × (1 − {target}) = {value_text(one.budget.allowed, 'event')}"
        lines.append(f"allowed = total × (1 − target) = {allowed} bad events")
        spent, of = value_text(one.budget.spent, "event"), value_text(one.budget.allowed, "event")
        lines.append(f"left = 1 − spent ÷ allowed = 1 − {spent} ÷ {of} = {whole_percent(left)}")
    return f"error budget left of {one.objective.window}", whole_percent(left), lines


def _burn(board: Board, one: ObjectiveStatus, window: str) -> tuple[str, str, list[str]]:
    rate = burn_of(one, window)
    lines: list[str] = []
    seconds = _seconds(window)
    counts = counts_in(board, one, last(board, seconds)) if seconds else None
    if counts and counts.total > 0:
        lines = [_rate_line(counts, one.objective.target, rate)]
        lines.append("1× spends the budget exactly by the end of the window")
    return f"burn rate over the last {window}", times(rate), lines


def _rate_line(counts: Counts, target: float, rate: float | None) -> str:
    share = f"({format_count(counts.bad)} ÷ {format_count(counts.total)}) ÷ (1 − {target * 100:.6g} %)"
    return f"(bad ÷ total) ÷ (1 − target) = {share} = {times(rate)}"


def _runs_out(board: Board, one: ObjectiveStatus) -> tuple[str, str, list[str]]:
    lines: list[str] = []
    counts = counts_in(board, one, last(board, 3600))
    if one.budget and counts and one.exhausts_at_ms and (one.budget.remaining_ratio or 0) > 0:
        left = one.budget.allowed - one.budget.spent
        lines = [
            f"{value_text(left, 'event')} bad events are left; {format_count(counts.bad)} happened in the last hour",
            f"at that pace they are gone at {board.clock(one.exhausts_at_ms)} {board.zone_words}",
        ]
    if when := foretold(one, board.snapshot.at_ms):
        lines.append(f"from the past of this objective: {when}, 80 % likely")
    return "when the error budget ends", runs_out(one, board.snapshot.at_ms), lines


def _cell(board: Board, one: ObjectiveStatus, aspect: str) -> tuple[str, str, list[str]]:
    found = _CELLS.fullmatch(aspect)
    assert found
    count, seconds = int(found[1]), int(found[2])
    if found[3] is None or int(found[3]) >= count:
        return f"burn rate per {short_duration(seconds)}", times(burn_of(one, "1h")), []
    span = _cell_span(board, count, seconds, int(found[3]))
    counts = counts_in(board, one, span)
    rate = _rate_in(counts, one.objective.target)
    words = f"burn rate, {board.between(span)}"
    lines = [_rate_line(counts, one.objective.target, rate)] if counts and counts.total > 0 else []
    return words, times(rate), lines


def cells_of(board: Board, members: Sequence[ObjectiveStatus], aspect: str) -> Table | None:
    """The cells of a heat strip as rows, newest first: of several objectives the fastest burning one in each.

    None where the aspect is no heat strip.
    """
    found = _CELLS.fullmatch(aspect)
    if not found or int(found[1]) > MOST_CELLS or not int(found[2]):
        return None
    count, seconds = int(found[1]), int(found[2])
    rows: list[Sequence[Content]] = []
    for index in range(count - 1, -1, -1):
        span = _cell_span(board, count, seconds, index)
        counted = [(one, counts) for one in members if (counts := counts_in(board, one, span)) is not None]
        worst = max(counted, key=lambda pair: _rate_in(pair[1], pair[0].objective.target) or -1.0, default=None)
        rate = _rate_in(worst[1], worst[0].objective.target) if worst else None
        known = worst is not None and rate is not None
        row: list[Content] = [
            board.between(span),
            format_count(worst[1].good) if known and worst else "–",
            format_count(worst[1].total) if known and worst else "–",
            times(rate),
        ]
        if len(members) > 1:
            row.append(mono(worst[0].objective.id) if known and worst else "")
        rows.append(row)
    chosen = count - 1 - int(found[3]) if found[3] is not None and int(found[3]) < count else None
    head = ["Time", "Good", "Total", "Burn", *(["Worst objective"] if len(members) > 1 else [])]
    title = f"Each cell: {short_duration(seconds)}, newest first"
    return Table(title=title, head=head, rows=rows, numeric=(1, 2, 3), chosen=chosen)


def cell_span(board: Board, aspect: str) -> TimeRange | None:
    """What the pressed cell of a heat strip covers; None where none was pressed."""
    found = _CELLS.fullmatch(aspect)
    if not found or found[3] is None or int(found[3]) >= int(found[1]):
        return None
    return _cell_span(board, int(found[1]), int(found[2]), int(found[3]))


def _cell_span(board: Board, count: int, seconds: int, index: int) -> TimeRange:
    end = board.snapshot.ledger.grid.end_ms - (count - 1 - index) * seconds * 1000
    return TimeRange(end - seconds * 1000, end)


def _rate_in(counts: Counts | None, target: float) -> float | None:
    if counts is None or counts.observed_seconds <= 0:
        return None
    return burn_rate(counts.bad, counts.total, target) if counts.total > 0 else 0.0


def last(board: Board, seconds: float) -> TimeRange:
    end = board.snapshot.ledger.grid.end_ms
    return TimeRange(end - round(seconds * 1000), end)


def _seconds(window: str) -> float | None:
    try:
        return parse_duration(window)
    except ValueError:
        return None


def _span_of(board: Board, one: ObjectiveStatus, aspect: str) -> TimeRange:
    """The range that the pressed number counts, for its query."""
    if aspect == "range":
        return board.span
    if found := cell_span(board, aspect):
        return found
    if aspect.startswith("burn-") and (seconds := _seconds(aspect.removeprefix("burn-"))):
        return last(board, seconds)
    return one.objective.window.range_at(board.snapshot.at_ms)


def why(board: Board, one: ObjectiveStatus) -> list[str]:
    """What makes the state, in sentences."""
    match one.state:
        case "breached":
            if one.budget is None:
                return ["More events were bad than the target allows."]
            spent, allowed = value_text(one.budget.spent, "event"), value_text(one.budget.allowed, "event")
            return [f"More events were bad than the target allows: {spent} of {allowed}.", *_fires(board, one)]
        case "at_risk":
            left = one.budget.remaining_ratio if one.budget else None
            low = left is not None and left < AT_RISK_REMAINING
            least = whole_percent(AT_RISK_REMAINING)
            return [*_fires(board, one), *([f"Less than {least} of the error budget is left."] if low else [])]
        case "meeting":
            least = whole_percent(AT_RISK_REMAINING)
            return [f"No burn-rate alert fires, and at least {least} of the error budget is left."]
        case "no_traffic":
            few = one.counts is not None and one.counts.total > 0
            least = f"fewer events than the {one.objective.min_events:g} from which it is judged"
            return [f"Telemetry was seen, and {least if few else 'no event'} in the window."]
        case "no_data":
            return _reasons(one.problems) or ["Something should measure it, and nothing was observed in the window."]
        case _:
            return _reasons(one.problems) or ["Nothing that was found measures it."]


def _fires(board: Board, one: ObjectiveStatus) -> list[str]:
    pair = board.firing_pair(one)
    if pair is None:
        return []
    long, short = times(burn_of(one, pair.long_text)), times(burn_of(one, pair.short_text))
    both = f"{long} over {pair.long_text} and {short} over {pair.short_text}"
    return [f"It burns {both}; {one.objective.policy} sends a {pair.severity} from {pair.factor:g}×."]


def _reasons(problems: Sequence[Problem]) -> list[str]:
    return [f"{one.message[:1].upper()}{one.message[1:]}." for one in problems[:1]]


def facts(board: Board, one: ObjectiveStatus) -> list[tuple[str, Content]]:
    """What stands beside every number of an objective, in the words and digits that all pages use."""
    counts, objective = one.counts, one.objective
    window = objective.window.range_at(board.snapshot.at_ms)
    row = board.snapshot.row(objective.id)
    known: list[tuple[str, Content]] = [
        ("Good", mono(format_count(counts.good)) if counts else "not counted"),
        ("Total", mono(format_count(counts.total)) if counts else "not counted"),
        ("Coverage", _coverage(counts)),
        ("Window", f"{objective.window}: {board.between(window)} {board.zone_words}"),
        ("Counted", COUNTING[one.counting] if one.counting else "–"),
    ]
    if one.budget:
        spent, of = value_text(one.budget.spent, "event"), value_text(one.budget.allowed, "event")
        known.append(("Budget", mono(f"{spent} of {of} events spent")))
    if one.interval:
        low, high = (percent(share, objective.target) for share in one.interval)
        known.append(("95 % interval", mono(f"{low} to {high}")))
    if one.level:
        unit = one.level.unit
        error = f" ± {value_text(one.level.error, unit)}" if one.level.error else ""
        text = f"{value_text(one.level.last, unit)} now, {value_text(one.level.worst, unit)} at worst{error}"
        known.append(("Level", mono(text)))
    if one.outlook:
        when = foretold(one, board.snapshot.at_ms)
        ends = f"the budget ends {when}" if when else "the budget is spent"
        left = f"{whole_percent(one.outlook.least)} to {whole_percent(one.outlook.most)} left at the end"
        known.append(("Forecast", f"{ends}; {left} (each 80 % likely)"))
    if any(rate is not None for rate in one.burn_rates.values()):
        known.append(("Burn rates", _burn_rates(one)))
    known += _measured(board, one)
    if row:
        known.append(("Series", mono(str(row.series))))
    if one.last_sample_ms:
        age = short_duration(max(0.0, (board.snapshot.at_ms - one.last_sample_ms) / 1000))
        known.append(("Newest sample", f"{board.clock(one.last_sample_ms, seconds=True)}, {age} before this"))
    found = one.recovered
    if found.births or found.resets or found.gap_events:
        births, gaps = format_count(found.births), format_count(found.gap_events)
        known.append(("Recovered", f"{births} events at births, {found.resets} resets, {gaps} events across gaps"))
    known.append(("Policy", objective.policy))
    known.append(("Id", mono(objective.id)))
    if objective.location:
        known.append(("Declared at", mono(str(objective.location))))
    return known


def _measured(board: Board, one: ObjectiveStatus) -> list[tuple[str, Content]]:
    measurement = board.snapshot.measurements.get(one.objective.id)
    names = dict.fromkeys(each.source for each in measurement.bindings if each.source) if measurement else {}
    states = {source.name: f"{source.name} ({source.kind}, {source.state})" for source in board.snapshot.status.sources}
    return [
        ("Measures", f"{one.measure or '–'}{' (stands in for it)' if one.proxy else ''}"),
        ("Profile", one.profile or "none"),
        ("Source", ", ".join(states.get(name, name) for name in names) or "none"),
    ]


def _coverage(counts: Counts | None) -> Content:
    if counts is None or counts.coverage is None:
        return "–"
    seen, whole = short_duration(counts.observed_seconds), short_duration(counts.expected_seconds)
    return [mono(percent(counts.coverage)), f" of the time was seen, {seen} of {whole}"]


def _burn_rates(one: ObjectiveStatus) -> list[Content]:
    """Each window's rate; a press explains that one."""
    shown: list[Content] = []
    for window, rate in one.burn_rates.items():
        if shown:
            shown.append(" · ")
        reference = Reference("objective", one.objective.id, f"burn-{window}")
        shown += [f"{window} ", number(times(rate), reference, value=rate, name="mono")]
    return shown


def _left_out(one: ObjectiveStatus) -> Table | None:
    if one.left_out is None:
        return None
    taken, every = one.left_out.applied, one.left_out.all
    target = one.objective.target
    used = "this is what counts" if one.left_out.use == "budget" else "only alerts leave it out"
    rows: list[Sequence[Content]] = [
        ["without it", format_count(taken.counts.good), format_count(taken.counts.total)],
        ["with it", format_count(every.counts.good), format_count(every.counts.total)],
    ]
    for row, numbers in zip(rows, (taken, every), strict=True):
        assert isinstance(row, list)
        row.append(percent(numbers.counts.ratio, target))
    work = "; ".join(
        dict.fromkeys(f"{each.exclusion.reason} ({each.exclusion.approver})" for each in one.left_out.work)
    )
    length = compact_duration(one.left_out.seconds)
    return Table(
        title=f"Planned work, {length}: {work}; without it {used}",
        head=["", "Good", "Total", "Ratio"],
        rows=rows,
        numeric=(1, 2, 3),
    )
