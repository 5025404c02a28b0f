"""Explanation of a number of an objective, or of whatever else is judged as one is."""

from __future__ import annotations

from observatory.compile.plan import Measurement
from observatory.evaluate.comparison import as_before
from observatory.evaluate.status import ObjectiveStatus
from observatory.web.board import Board
from observatory.web.explain.arithmetic import number_of, span_of
from observatory.web.explain.cells import cells_of
from observatory.web.explain.explanation import Explanation
from observatory.web.explain.facts import facts, left_out
from observatory.web.explain.queries import EXTRAPOLATED, evidence, measurement_queries
from observatory.web.explain.reasons import why, why_before
from observatory.web.explain.reference import BEFORE, Reference
from observatory.web.parts import channel_path, objective_words


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
        facts=facts(board, told, measurement, reference, one.before if past else None),
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
