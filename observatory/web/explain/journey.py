"""Explanations by id: of an objective, or of a journey, which has the same numbers and its hops beside them."""

from __future__ import annotations

from msgspec.structs import replace

from observatory.evaluate.journey_status import JourneyStatus
from observatory.web.board import Board
from observatory.web.explain.explanation import Explanation
from observatory.web.explain.hop import hop_table
from observatory.web.explain.objective import explain_status
from observatory.web.explain.reference import Reference


def explain_objective(board: Board, reference: Reference) -> Explanation | None:
    """An objective's number, or a journey's; None where there is none of that id."""
    every = (*board.snapshot.status.objectives, *(one.status for one in board.snapshot.status.journeys))
    one = next((one for one in every if one.objective.id == reference.key), None)
    made = explain_status(board, one, reference) if one else None
    journey = next((one for one in board.snapshot.status.journeys if one.journey.id == reference.key), None)
    return _of_journey(board, journey, made) if made and journey else made


def _of_journey(board: Board, one: JourneyStatus, made: Explanation) -> Explanation:
    """What a journey shows beside what it has in common with an objective: its hops, and what the numbers rest on."""
    caveats = [*([one.assumption] if one.assumption else []), *made.caveats]
    return replace(
        made,
        title=one.status.objective.name,
        tables=[*made.tables, hop_table(board, one)],
        caveats=caveats,
        subject=None,
    )
