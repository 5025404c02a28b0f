"""Explanation of a probable cause: what was checked, what agrees, what speaks against it, what cannot be seen."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.diagnose.cause import TITLES
from observatory.web.board import Board
from observatory.web.explain.explanation import Content, Explanation, Table
from observatory.web.explain.reference import Reference
from observatory.web.parts import channel_path, outward


def explain_cause(board: Board, reference: Reference) -> Explanation | None:
    """The score of one cause; None where it is none any more."""
    mode, _, channel_id = reference.key.partition(" ")
    one = next((one for one in board.causes() if (one.failure_mode, one.channel_id) == (mode, channel_id)), None)
    if one is None:
        return None
    agree = sum(1 for piece in one.evidence if piece.agrees)
    rows: list[Sequence[Content]] = [
        [
            "agrees" if piece.agrees else "speaks against",
            piece.words,
            board.clock(piece.since_ms) if piece.since_ms else "",
        ]
        for piece in one.evidence
    ]
    rows += [["cannot be seen", words, ""] for words in one.not_observable]
    channel = board.channel(channel_id)
    facts: list[tuple[str, Content]] = [("Failure", f"{one.failure_mode}, {TITLES[one.failure_mode].lower()}")]
    facts += [("Owner", one.owner)] if one.owner else []
    facts += [("First step", one.first_step)] if one.first_step else []
    facts += [("Runbook", outward(one.runbook, one.runbook))] if one.runbook else []
    facts += [("Since", f"{board.clock(one.since_ms)} {board.zone_words}")] if one.since_ms else []
    return Explanation(
        reference=reference,
        title=one.title,
        what="share of what was checked that agrees; not a probability",
        figure=f"{round(100 * one.score)} %",
        formula=[f"{agree} of {len(one.evidence)} observations agree"],
        facts=facts,
        tables=[Table(title="What was checked", head=["", "Observation", "Since"], rows=rows)],
        subject=(channel.label, channel_path(channel.id)) if channel else None,
    )
