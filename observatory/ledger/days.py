"""Days: the ledger counts day by day, so that the counts of a day that is over can be kept and read again.

A step's count must not depend on the window that asks for it. So a grid of two days or more is counted in blocks:
every UTC day that is over, as a whole, and then what is left up to the grid's end. What a block counts follows from
samples between its lookback and its end alone; what lies between two blocks is joined afterwards, see `pages`.
"""

from __future__ import annotations

from observatory.windows import Grid

DAY_MS = 86_400_000
SEALED_AFTER_MS = 3_600_000
"""A day is over this long after its end: until then samples may come late, and its steps are counted anew."""


def blocks_of(grid: Grid) -> tuple[Grid, ...]:
    """The grid in blocks, oldest first. The first may begin before it, the last ends with it.

    Days begin at midnight UTC or, where the grid's steps do not end there, with the first step that begins after it.
    """
    if grid.steps * grid.step_ms < 2 * DAY_MS or DAY_MS % grid.step_ms:
        return (grid,)
    phase_ms = grid.end_ms % grid.step_ms
    first = (grid.start_ms - phase_ms) // DAY_MS
    after = (grid.end_ms - SEALED_AFTER_MS - phase_ms) // DAY_MS
    steps = DAY_MS // grid.step_ms
    days = tuple(Grid(day * DAY_MS + phase_ms, grid.step_ms, steps) for day in range(first, after))
    rest_ms = after * DAY_MS + phase_ms
    return (*days, Grid(rest_ms, grid.step_ms, (grid.end_ms - rest_ms) // grid.step_ms))


def is_day(block: Grid) -> bool:
    """Whether a block is a whole day by the clock, which can be kept; other blocks serve one question only."""
    return block.start_ms % DAY_MS == 0 and block.steps * block.step_ms == DAY_MS
