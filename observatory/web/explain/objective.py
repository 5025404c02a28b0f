"""Explanations of the numbers of an objective, or of a journey, which has the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from observatory.compile.plan import Measurement
from observatory.evaluate.before import as_before
from observatory.evaluate.journey_status import JourneyStatus
from observatory.evaluate.status import ObjectiveStatus
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.arithmetic import number_of, span_of
from observatory.web.explain.cells import cells_of
from observatory.web.explain.explanation import Content, Explanation, Table
from observatory.web.explain.facts import facts, left_out
from observatory.web.explain.queries import EXTRAPOLATED, evidence, measurement_queries
from observatory.web.explain.reasons import why, why_before
from observatory.web.explain.reference import BEFORE, Reference
from observatory.web.parts import channel_path, inward, objective_words, status


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


def explain_status(
    board: Board, one: ObjectiveStatus, reference: Reference, measured: Measurement | None = None
) -> Explanation:
    """Everything behind a number of one objective, now or in the window before.

    Args:
        measured: What measures it, where that is no objective of the snapshot: a hop of a journey.
    """
    measurement = measured or board.snapshot.measurements.get(one.objective.id)
    past = reference.aspect.startswith(BEFORE)
    aspect = reference.aspect.removeprefix(BEFORE)
    told = as_before(one) if past else one
    what, figure, formula = number_of(board, told, aspect)
    span = one.before.span if past and one.before else span_of(board, one, aspect)
    channel = board.channel(one.objective.channel_id)
    who = one.objective.consumer_group or one.objective.service
    table = None if past else cells_of(board, [one], aspect)
    planned = None if past else left_out(one)
    return Explanation(
        reference=reference,
        title=f"{objective_words(one.objective)} · {who}" if who else objective_words(one.objective),
        what=f"{what}, in the window before the present one" if past else what,
        figure=figure,
        formula=formula,
        state=told.state,
        why=why_before(board, one) if past else why(board, one),
        facts=facts(board, told, measurement, one.before if past else None),
        tables=[one for one in (table, planned) if one],
        queries=measurement_queries(board, measurement, span) if measurement else (),
        query_note=EXTRAPOLATED,
        evidence=evidence(measurement) if measurement else (),
        caveats=tuple(dict.fromkeys(text for each in measurement.bindings for text in each.caveats))
        if measurement
        else (),
        problems=told.problems,
        subject=(channel.label, channel_path(channel.id)) if channel else None,
    )
