"""What a scenario is: series as scrapes would leave them, and what truly happened on the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from counting_cases import DAY_MS, END_MS, HOUR_MS, Series, scrapes

from observatory.windows import Grid


@dataclass(frozen=True)
class Scenario:
    """Series, and what truly happened on the grid.

    Attributes:
        bad, total: Events, exact.
        observed: Share of the window that was seen; None where it is not what the scenario is about.
        bad_at_most: Where the samples do not determine the errors, they lie between `bad` and this.
    """

    series: list[Series]
    grid: Grid
    bad: float
    total: float
    observed: float | None = None
    bad_at_most: float | None = None


def grid_of(days: float) -> Grid:
    return Grid.ending_at(END_MS, round(days * DAY_MS))


def hour_of_day(t_ms: np.ndarray) -> np.ndarray:
    return (t_ms // HOUR_MS) % 24


def on_grid(t_ms: np.ndarray, amount: np.ndarray, grid: Grid) -> float:
    """Events up to the scrapes inside the grid; an increment belongs to the later sample."""
    inside = (t_ms > grid.start_ms) & (t_ms <= grid.end_ms)
    return float(amount[inside].sum())


def steady(days: float, before_hours: float = 2) -> tuple[Grid, np.ndarray]:
    grid = grid_of(days)
    return grid, scrapes(grid.start_ms - round(before_hours * HOUR_MS), grid.end_ms)
