"""What stands beside every number of an objective: counts, coverage, window, counting, profile, source."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.compile.plan import Measurement
from observatory.evaluate.before import Before
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.units import compact_duration, format_count
from observatory.web.board import Board
from observatory.web.explain.explanation import Content, Table
from observatory.web.explain.reference import Reference, number
from observatory.web.parts import foretold, mono, percent, short_duration, times, value_text, whole_percent

COUNTING = {
    "exact": "exact, from raw samples",
    "pushdown": "increments computed by the server",
    "estimated": "estimated from samples on a query grid",
}


def facts(
    board: Board,
    one: ObjectiveStatus,
    measurement: Measurement | None,
    reference: Reference,
    before: Before | None = None,
) -> list[tuple[str, Content]]:
    """What stands beside every number of an objective, in the words and digits that all pages use.

    Args:
        reference: What is explained; burn rates open under its key where the objective is a hop's.
        before: The window that is meant where it is the one before the present one.
    """
    counts, objective = one.counts, one.objective
    known: list[tuple[str, Content]] = [
        ("Good", mono(format_count(counts.good)) if counts else "not counted"),
        ("Total", mono(format_count(counts.total)) if counts else "not counted"),
        ("Coverage", coverage_words(counts)),
        ("Window", _window(board, one, before)),
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
        known.append(("Burn rates", _burn_rates(one, reference)))
    known += _measured(board, one, measurement)
    row = board.snapshot.ledger.about(measurement.key) if measurement else None
    if row and before is None:
        known.append(("Series", mono(str(row.series))))
    if one.last_sample_ms:
        age = short_duration(max(0.0, (board.snapshot.at_ms - one.last_sample_ms) / 1000))
        known.append(("Newest sample", f"{board.clock(one.last_sample_ms, seconds=True)}, {age} before this"))
    found = one.recovered
    if found.births or found.resets or found.gap_events:
        births, gaps = format_count(found.births), format_count(found.gap_events)
        known.append(("Recovered", f"{births} events at births, {found.resets} resets, {gaps} events across gaps"))
    lacking = one.not_counted
    if lacking and lacking.all.first_values:
        events, bad = format_count(round(lacking.all.events)), format_count(round(lacking.all.bad))
        known.append(
            ("Not counted", f"{lacking.all.first_values} first values, at most {events} events, {bad} of them bad")
        )
    known.append(("Policy", objective.policy))
    known.append(("Id", mono(objective.id)))
    if objective.location:
        known.append(("Declared at", mono(str(objective.location))))
    return known


def _window(board: Board, one: ObjectiveStatus, before: Before | None) -> str:
    if before is None:
        window = one.objective.window
        return f"{window}: {board.between(window.range_at(board.snapshot.at_ms))} {board.zone_words}"
    since = f", counted since {board.clock(before.since_ms)}" if before.reach == "partial" and before.since_ms else ""
    return f"before the present {one.objective.window}: {board.between(before.span)} {board.zone_words}{since}"


def _measured(board: Board, one: ObjectiveStatus, measurement: Measurement | None) -> list[tuple[str, Content]]:
    names = dict.fromkeys(each.source for each in measurement.bindings if each.source) if measurement else {}
    states = {source.name: f"{source.name} ({source.kind}, {source.state})" for source in board.snapshot.status.sources}
    return [
        ("Measures", f"{one.measure or '–'}{' (stands in for it)' if one.proxy else ''}"),
        ("Profile", one.profile or "none"),
        ("Source", ", ".join(states.get(name, name) for name in names) or "none"),
    ]


def coverage_words(counts: Counts | None) -> Content:
    """Share of the time that was seen, and how long that was."""
    if counts is None or counts.coverage is None:
        return "–"
    seen, whole = short_duration(counts.observed_seconds), short_duration(counts.expected_seconds)
    return [mono(percent(counts.coverage)), f" of the time was seen, {seen} of {whole}"]


def _burn_rates(one: ObjectiveStatus, asked: Reference) -> list[Content]:
    """Each window's rate; a press explains that one."""
    word, key = (asked.word, asked.key) if asked.word == "hop" else ("objective", one.objective.id)
    shown: list[Content] = []
    for window, rate in one.burn_rates.items():
        if shown:
            shown.append(" · ")
        reference = Reference(word, key, f"burn-{window}")
        shown += [f"{window} ", number(times(rate), reference, value=rate, name="mono")]
    return shown


def left_out(one: ObjectiveStatus) -> Table | None:
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
