"""Explanation of a difference: the number now and the number in the windows before, each with its own counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from observatory.evaluate.comparison import trend
from observatory.evaluate.rollup import NO_DOMAIN
from observatory.evaluate.status import ObjectiveStatus
from observatory.spec.catalog import SliWord
from observatory.web.board import Board
from observatory.web.explain.explanation import Content, Explanation
from observatory.web.explain.reference import BEFORE, CHANGE, Reference
from observatory.web.panels.trend import change_words

Explainer = Callable[[Board, Reference], Explanation | None]
SIDE_BY_SIDE = ("Good", "Total", "Coverage", "Window", "Budget")


def with_changes(explainer: Explainer) -> Explainer:
    """An explainer that explains differences to the windows before as well, from its own two explanations."""

    def explained(board: Board, reference: Reference) -> Explanation | None:
        if not reference.aspect.startswith(CHANGE):
            return explainer(board, reference)
        aspect = reference.aspect.removeprefix(CHANGE)
        now = explainer(board, replace(reference, aspect=aspect))
        before = explainer(board, replace(reference, aspect=f"{BEFORE}{aspect}"))
        return _difference(board, reference, aspect, now, before) if now and before else None

    return explained


def _difference(board: Board, reference: Reference, aspect: str, now: Explanation, before: Explanation) -> Explanation:
    members, sli = _members(board, reference)
    one = trend(reference.key, members, sli)
    change, digits = (one.budget_change, 1) if aspect == "budget" else (one.ratio_change, 4)
    words = change_words(change, digits)
    formula = [f"now: {line}" for line in now.formula] + [f"before: {line}" for line in before.formula]
    formula += [f"change = now − before = {words}"] if change is not None else []
    why = [] if change is not None else ["Less than half of the windows before was seen, or one side has no event."]
    earlier = dict(before.facts)
    facts: list[tuple[str, Content]] = []
    for name, value in now.facts:
        facts.append((name, value))
        if name in SIDE_BY_SIDE and name in earlier:
            facts.append((f"{name} before", earlier[name]))
    return replace(
        now,
        reference=reference,
        what=f"{now.what}, less the same before",
        figure=words,
        formula=formula,
        why=[*why, *now.why],
        facts=facts,
        queries=[
            replace(query, name=f"{query.name} {when}")
            for when, side in (("now", now), ("before", before))
            for query in side.queries
        ],
    )


def _members(board: Board, reference: Reference) -> tuple[Sequence[ObjectiveStatus], SliWord | None]:
    if reference.word == "objective":
        every = board.snapshot.status.objectives
        return [one for one in every if one.objective.id == reference.key], None
    if reference.word == "domain":
        return [one for one in board.statuses() if (one.objective.domain or NO_DOMAIN) == reference.key], "availability"
    return board.statuses(), "availability"
