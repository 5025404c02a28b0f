"""The arithmetic of an objective's numbers: what was pressed, its text, and how it comes from its operands."""

from __future__ import annotations

from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.units import format_count, parse_duration
from observatory.web.board import Board
from observatory.web.channel_standing import burn_of
from observatory.web.explain.cells import CELLS, cell_span, counts_in, last, rate_in, span_of_cell
from observatory.web.parts import foretold, percent, runs_out, short_duration, times, value_text, whole_percent
from observatory.windows import TimeRange


def number_of(board: Board, one: ObjectiveStatus, aspect: str) -> tuple[str, str, list[str]]:
    """What was pressed: its name, its text and its arithmetic."""
    if aspect.startswith("burn-"):
        return _burn(board, one, aspect.removeprefix("burn-"))
    if CELLS.fullmatch(aspect):
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
    found = CELLS.fullmatch(aspect)
    assert found
    count, seconds = int(found[1]), int(found[2])
    if found[3] is None or int(found[3]) >= count:
        return f"burn rate per {short_duration(seconds)}", times(burn_of(one, "1h")), []
    span = span_of_cell(board, count, seconds, int(found[3]))
    counts = counts_in(board, one, span)
    rate = rate_in(counts, one.objective.target)
    words = f"burn rate, {board.between(span)}"
    lines = [_rate_line(counts, one.objective.target, rate)] if counts and counts.total > 0 else []
    return words, times(rate), lines


def _seconds(window: str) -> float | None:
    try:
        return parse_duration(window)
    except ValueError:
        return None


def span_of(board: Board, one: ObjectiveStatus, aspect: str) -> TimeRange:
    """The range that the pressed number counts, for its query."""
    if aspect == "range":
        return board.span
    if found := cell_span(board, aspect):
        return found
    if aspect.startswith("burn-") and (seconds := _seconds(aspect.removeprefix("burn-"))):
        return last(board, seconds)
    return one.objective.window.range_at(board.snapshot.at_ms)
