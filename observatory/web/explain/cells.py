"""Numbers of parts of time: counts in a range, and the cells of heat strips, which are ranges of equal length."""

from __future__ import annotations

import re
from collections.abc import Sequence

from observatory.evaluate.journey_losses import row_of
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.objectives.burn import burn_rate
from observatory.units import format_count
from observatory.web.board import Board
from observatory.web.explain.explanation import Content, Table
from observatory.web.parts import mono, short_duration, times
from observatory.windows import TimeRange

MOST_CELLS = 400
CELLS = re.compile(r"cells-(\d{1,3})x(\d{1,7})(?:-(\d{1,3}))?")
"""An aspect: how many cells of how many seconds, and which one was pressed."""


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


def last(board: Board, seconds: float) -> TimeRange:
    """So many seconds up to the snapshot."""
    end = board.snapshot.ledger.grid.end_ms
    return TimeRange(end - round(seconds * 1000), end)


def rate_in(counts: Counts | None, target: float) -> float | None:
    """The burn rate of counts; none burns without events, and None where nothing was seen."""
    if counts is None or counts.observed_seconds <= 0:
        return None
    return burn_rate(counts.bad, counts.total, target) if counts.total > 0 else 0.0


def cells_of(board: Board, members: Sequence[ObjectiveStatus], aspect: str) -> Table | None:
    """The cells of a heat strip as rows, newest first: of several objectives the fastest burning one in each.

    None where the aspect is no heat strip.
    """
    found = CELLS.fullmatch(aspect)
    if not found or int(found[1]) > MOST_CELLS or not int(found[2]):
        return None
    count, seconds = int(found[1]), int(found[2])
    rows: list[Sequence[Content]] = []
    for index in range(count - 1, -1, -1):
        span = span_of_cell(board, count, seconds, index)
        counted = [(one, counts) for one in members if (counts := counts_in(board, one, span)) is not None]
        worst = max(counted, key=lambda pair: rate_in(pair[1], pair[0].objective.target) or -1.0, default=None)
        rate = rate_in(worst[1], worst[0].objective.target) if worst else None
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
    found = CELLS.fullmatch(aspect)
    if not found or found[3] is None or int(found[3]) >= int(found[1]):
        return None
    return span_of_cell(board, int(found[1]), int(found[2]), int(found[3]))


def span_of_cell(board: Board, count: int, seconds: int, index: int) -> TimeRange:
    """What a cell covers, the oldest being the first."""
    end = board.snapshot.ledger.grid.end_ms - (count - 1 - index) * seconds * 1000
    return TimeRange(end - seconds * 1000, end)
