"""What makes a state, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.errors import Problem
from observatory.evaluate.judgement import AT_RISK_REMAINING
from observatory.evaluate.status import ObjectiveStatus
from observatory.web.board import Board
from observatory.web.parts import percent, times, value_text, whole_percent


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


def why_before(board: Board, one: ObjectiveStatus) -> list[str]:
    """What is known of the window before the present one, in sentences."""
    before = one.before
    if before is None:
        return ["It has not been counted."]
    if before.reach == "none":
        return ["Telemetry does not reach back into it, and no day of it was kept."]
    left = before.budget(one.objective.target)
    words = ["No more events were bad than the target allows."]
    if left is None or left.remaining_ratio is None:
        words = ["No event was seen in it."]
    elif left.remaining_ratio < 0:
        words = ["More events were bad than the target allows."]
    if before.reach == "partial" and before.since_ms is not None:
        words.append(
            f"Only a part of it is known: {percent(before.counts.coverage)}, from {board.clock(before.since_ms)} on."
        )
    return words


def _fires(board: Board, one: ObjectiveStatus) -> list[str]:
    found = board.firing_pair(one)
    if found is None:
        return []
    pair = found.pair
    both = f"{times(found.long)} over {pair.long_text} and {times(found.short)} over {pair.short_text}"
    left_out = ", planned work left out" if found.without_planned else ""
    return [f"It burns {both}{left_out}; {one.objective.policy} sends a {pair.severity} from {pair.factor:g}×."]


def _reasons(problems: Sequence[Problem]) -> list[str]:
    return [f"{one.message[:1].upper()}{one.message[1:]}." for one in problems[:1]]
