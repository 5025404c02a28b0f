"""Explanations of what is added up: the estate, a domain, objectives met, incidents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from observatory.evaluate.comparison import as_before, judged
from observatory.evaluate.grouped import grouped_burn
from observatory.evaluate.rollup import NO_DOMAIN, Rollup, each_event_once, roll_up
from observatory.evaluate.status import STATES, ObjectiveStatus
from observatory.objectives.budget import allowed_events
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.cells import cell_span, cells_of, last
from observatory.web.explain.explanation import Content, Explanation, Query, Table
from observatory.web.explain.incidents import MOST_ROWS, in_range, incident_table, pages
from observatory.web.explain.queries import EXTRAPOLATED, joined, measurement_queries
from observatory.web.explain.reference import BEFORE, Reference, number
from observatory.web.parts import mono, percent, status, times, value_text, whole_percent
from observatory.windows import TimeRange

TIGHTEST = 0.999
"""The estate's availability is written with the digits that a 99.9 % target needs."""
MOST_JOINED = 24


def explain_estate(board: Board, reference: Reference) -> Explanation:
    """A number of everything that the filters let through."""
    return _explain(board, board.view.domain or "All domains", board.statuses(), reference, TIGHTEST)


def explain_domain(board: Board, reference: Reference) -> Explanation | None:
    """A number of one domain; None where no objective is in it."""
    members = tuple(one for one in board.statuses() if (one.objective.domain or NO_DOMAIN) == reference.key)
    # As many digits as the column of domains has, which its strictest target needs.
    digits = max((one.objective.target for one in board.statuses()), default=TIGHTEST)
    return _explain(board, reference.key, members, reference, digits) if members else None


def _explain(
    board: Board, title: str, members: Sequence[ObjectiveStatus], reference: Reference, digits: float
) -> Explanation:
    past = reference.aspect.startswith(BEFORE)
    aspect = reference.aspect.removeprefix(BEFORE)
    spans = {one.objective.id: one.before.span for one in members if one.before} if past else {}
    members = [as_before(one) for one in members] if past else members
    whole = roll_up(title, members, "availability")
    added = sorted(each_event_once(members, "availability"), key=lambda one: (-_bad(one), one.objective.id))
    shown = _number(board, whole, members, added, aspect, digits, BEFORE if past else "")
    return Explanation(
        reference=reference,
        title=title,
        what=f"{shown.what} before the present ones" if past else shown.what,
        figure=shown.figure,
        formula=shown.formula,
        state=whole.worst,
        why=_why(whole),
        facts=_facts(board, whole, members, added, past=past),
        tables=[shown.table] if shown.table else [],
        queries=_queries(board, added, _span_of(board, aspect), spans),
        query_note=f"The sum over {len(added)} measured things, each once. {EXTRAPOLATED}",
        caveats=_left_aside(added),
    )


class _Number(Struct, frozen=True):
    """The number that was pressed: its name, its text, its arithmetic, and what it is made of."""

    what: str
    figure: str
    formula: tuple[str, ...] = ()
    table: Table | None = None


def _number(
    board: Board,
    whole: Rollup,
    members: Sequence[ObjectiveStatus],
    added: Sequence[ObjectiveStatus],
    aspect: str,
    digits: float,
    when: str,
) -> _Number:
    match aspect:
        case "budget":
            return _budget(whole, added, when)
        case "states":
            met = f"{whole.states.get('meeting', 0)} of {whole.objectives}"
            return _Number("objectives met", met, table=_not_met(members, when))
        case "missed":
            missed = f"{whole.states.get('breached', 0)} of {judged(whole)}"
            return _Number("objectives missed in their windows", missed, table=_not_met(members, when))
        case "incidents":
            found = in_range(board, members)
            words = "pages that began in the range; those of one channel in the same half hour are one"
            what = f"incidents that paged, {board.view.words}"
            return _Number(what, str(len(found)), (words,), incident_table(board, found))
        case "all-incidents":
            found = pages(board, members)
            what = "incidents that paged, as far back as is counted"
            return _Number(what, str(len(found)), table=incident_table(board, found))
        case "burn-1d":
            return _burn(board, added)
    if aspect.startswith("cells-"):
        return _cells(board, members, aspect)
    text = percent(whole.counts.ratio, digits)
    sum_of = f"{format_count(whole.counts.good)} ÷ {format_count(whole.counts.total)}"
    lines = (f"good ÷ total = {sum_of} = {text}",) if whole.counts.ratio is not None else ()
    return _Number("availability in the objectives' windows", text, lines, _members(added, when))


def _budget(whole: Rollup, added: Sequence[ObjectiveStatus], when: str) -> _Number:
    left = whole.remaining_ratio
    spent, allowed = value_text(whole.spent, "event"), value_text(whole.allowed, "event")
    line = f"left = 1 − spent ÷ allowed = 1 − {spent} ÷ {allowed} = {whole_percent(left)}"
    what = "error budget left, by volume, in the objectives' windows" if when else "error budget left, by volume"
    return _Number(what, whole_percent(left), (line,) if left is not None else (), _members(added, when))


def _burn(board: Board, added: Sequence[ObjectiveStatus]) -> _Number:
    daily = grouped_burn(board.snapshot, added, 86_400.0)
    rate = float(daily[-1]) if len(daily) and np.isfinite(daily[-1]) else None
    line = "bad events of the last day ÷ those that the targets allow of that day's traffic, added over the members"
    return _Number("burn rate over the last 1d", times(rate), (line,), _members(added))


def _cells(board: Board, members: Sequence[ObjectiveStatus], aspect: str) -> _Number:
    table = cells_of(board, members, aspect)
    chosen = table.rows[table.chosen] if table and table.chosen is not None else None
    what = "burn rate of the worst objective"
    return _Number(f"{what}, {chosen[0]}" if chosen else what, str(chosen[3]) if chosen else "", table=table)


def _facts(
    board: Board, whole: Rollup, members: Sequence[ObjectiveStatus], added: Sequence[ObjectiveStatus], *, past: bool
) -> list[tuple[str, Content]]:
    windows = ", ".join(sorted({str(one.objective.window) for one in added})) or "–"
    counting = ", ".join(sorted({one.counting for one in added if one.counting})) or "–"
    profiles = ", ".join(sorted({one.profile for one in added if one.profile})) or "–"
    return [
        ("Good", mono(format_count(whole.counts.good))),
        ("Total", mono(format_count(whole.counts.total))),
        ("Coverage", mono(percent(whole.counts.coverage))),
        ("Window", f"{'the one before ' if past else ''}each objective's own: {windows}"),
        ("Counted", counting),
        ("Budget", mono(f"{value_text(whole.spent, 'event')} of {value_text(whole.allowed, 'event')} events spent")),
        ("Added", f"{len(added)} measured things of {len(members)} objectives: availability only, each event once"),
        ("Profiles", profiles),
        ("As of", f"{board.clock(board.snapshot.at_ms)} {board.zone_words}"),
    ]


def _why(whole: Rollup) -> list[str]:
    known = [f"{whole.states[state]} {state.replace('_', ' ')}" for state in STATES if whole.states.get(state)]
    return [f"The worst of its objectives decides: {', '.join(known)}."] if known else []


def _members(added: Sequence[ObjectiveStatus], when: str = "") -> Table:
    """What was added, most bad events first; each opens to its own explanation."""
    rows = [_member(one, when) for one in added[:MOST_ROWS]]
    more = f", the first {MOST_ROWS} of {len(added)}" if len(added) > MOST_ROWS else ""
    return Table(
        title=f"What was added, most bad events first{more}",
        head=["Objective", "Good", "Total", "Bad", "Allowed"],
        rows=rows,
        numeric=(1, 2, 3, 4),
    )


def _member(one: ObjectiveStatus, when: str) -> list[Content]:
    assert one.counts is not None
    return [
        number(one.objective.id, Reference("objective", one.objective.id, f"{when}ratio"), name="mono"),
        format_count(one.counts.good),
        format_count(one.counts.total),
        format_count(one.counts.bad),
        value_text(allowed_events(one.counts, one.objective.target), "event"),
    ]


def _not_met(members: Sequence[ObjectiveStatus], when: str) -> Table:
    unmet = sorted(
        (one for one in members if one.state != "meeting"), key=lambda one: (STATES.index(one.state), one.objective.id)
    )
    rows = [
        [
            number(one.objective.id, Reference("objective", one.objective.id, f"{when}state"), name="mono"),
            status(one.state),
            whole_percent(one.budget.remaining_ratio if one.budget else None),
        ]
        for one in unmet[:MOST_ROWS]
    ]
    more = f", the first {MOST_ROWS} of {len(unmet)}" if len(unmet) > MOST_ROWS else ""
    title = f"Not met{more}" if unmet else "All are met"
    return Table(title=title, head=["Objective", "State", "Budget left"], rows=rows, numeric=(2,))


def _span_of(board: Board, aspect: str) -> TimeRange | None:
    """What the pressed number looks back on; None where each objective has its own window."""
    return last(board, 86_400) if aspect == "burn-1d" else cell_span(board, aspect)


def _queries(
    board: Board, added: Sequence[ObjectiveStatus], span: TimeRange | None, spans: Mapping[str, TimeRange]
) -> tuple[Query, ...]:
    """The sum of all members where PromQL can say it and it has a readable length; nothing else would be exact."""
    if not added or len(added) > MOST_JOINED:
        return ()
    by_name: dict[str, list[Query]] = {"good": [], "total": []}
    for one in added:
        measurement = board.snapshot.measurements.get(one.objective.id)
        looked = span or spans.get(one.objective.id) or one.objective.window.range_at(board.snapshot.at_ms)
        found = measurement_queries(board, measurement, looked) if measurement else ()
        if {query.name for query in found} != {"good", "total"}:
            return ()
        for query in found:
            by_name[query.name].append(query)
    sums = [joined(queries, name) for name, queries in by_name.items()]
    return tuple(one for one in sums if one)


def _left_aside(added: Sequence[ObjectiveStatus]) -> tuple[str, ...]:
    many = f"{len(added)} measured things make one query too long; open one of them for its own."
    return (many,) if len(added) > MOST_JOINED else ()


def _bad(one: ObjectiveStatus) -> float:
    return one.counts.bad if one.counts else 0.0
