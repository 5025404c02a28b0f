"""Levels on the grid: the worst value of a gauge in each step, and steps judged against a bound.

A step without a sample holds the last value before it, as long as that is not older than a gap. A step is good when
its worst value never went above the bound, so a step in which the level touched the bound is good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.telemetry.binding import MetricBinding
from observatory.windows import Grid

Bools = NDArray[np.bool_]


class Level(Struct, frozen=True):
    """A level at sample times.

    Attributes:
        t_ms: Ascending.
        value: In the signal's base unit.
        error: Half-width of the error bar, same length; None where values are exact.
        at_least: Where the value is only known to be at least this high; None where none is.
    """

    t_ms: Int64
    value: Float64
    error: Float64 | None = None
    at_least: Bools | None = None


class LevelSteps(Struct, frozen=True):
    """A level on the grid: worst value per step, NaN where there is none; its error; whether it is a lower bound."""

    worst: Float64
    error: Float64
    at_least: Bools

    @classmethod
    def empty(cls, grid: Grid) -> LevelSteps:
        """Nothing observed."""
        return cls(np.full(grid.steps, np.nan), np.zeros(grid.steps), np.zeros(grid.steps, dtype=bool))


def on_grid(level: Level, grid: Grid, gap_ms: int) -> LevelSteps:
    """The worst value per step; samples of one step need not lie in the grid only, earlier ones carry into it."""
    kept = level.t_ms <= grid.end_ms
    t_ms, value = level.t_ms[kept], level.value[kept]
    error = level.error[kept] if level.error is not None else np.zeros(len(t_ms))
    least = level.at_least[kept] if level.at_least is not None else np.zeros(len(t_ms), dtype=bool)
    result = LevelSteps.empty(grid)
    if not len(t_ms):
        return result
    steps = (t_ms - grid.start_ms - 1) // grid.step_ms
    firsts = np.flatnonzero(np.diff(steps, prepend=steps[0] - 1))
    at = steps[firsts]
    inside = at >= 0
    result.worst[at[inside]] = np.maximum.reduceat(value, firsts)[inside]
    result.error[at[inside]] = np.maximum.reduceat(error, firsts)[inside]
    result.at_least[at[inside]] = np.logical_or.reduceat(least, firsts)[inside]
    # The last sample at or before the end of each step; empty steps take it while it is fresh enough.
    edges = grid.start_ms + grid.step_ms * np.arange(1, grid.steps + 1)
    last = np.searchsorted(t_ms, edges, side="right") - 1
    carried = np.isnan(result.worst) & (last >= 0)
    carried &= edges - t_ms[np.maximum(last, 0)] <= max(gap_ms, grid.step_ms)
    result.worst[carried] = value[last[carried]]
    result.error[carried] = error[last[carried]]
    result.at_least[carried] = least[last[carried]]
    return result


def worst_of(parts: Iterable[LevelSteps], grid: Grid) -> LevelSteps:
    """The highest of several levels in each step: the worst partition. Parts without a value do not count.

    Any part may be the worst within its error bar, so the bar reaches over the highest end of all. Where one of them is
    only known to be at least this high, so is the worst.
    """
    result = LevelSteps.empty(grid)
    highest, lowest = np.full(grid.steps, np.nan), np.full(grid.steps, np.nan)
    for part in parts:
        result = LevelSteps(
            np.fmax(result.worst, part.worst),
            result.error,
            result.at_least | (part.at_least & ~np.isnan(part.worst)),
        )
        highest, lowest = np.fmax(highest, part.worst + part.error), np.fmax(lowest, part.worst - part.error)
    error = np.fmax(highest - result.worst, result.worst - lowest)
    return LevelSteps(result.worst, np.where(np.isnan(error), 0.0, error), result.at_least)


def total_of(parts: Sequence[tuple[Level, int]]) -> Level:
    """Several levels added instant by instant: what waits in all partitions together.

    Args:
        parts: Each level with the milliseconds after which its last value no longer holds. A part counts from its
            first sample on and while its last one is fresh; error bars are not added, for counts have none.
    """
    if len(parts) == 1:
        return parts[0][0]
    instants, values = _side_by_side(parts)
    return Level(instants, np.nansum(values, axis=0))


def highest_of(parts: Sequence[tuple[Level, int]]) -> Level:
    """As `total_of` the highest of several levels: of one partition, as several exporters show it."""
    if len(parts) == 1:
        return parts[0][0]
    instants, values = _side_by_side(parts)
    return Level(instants, np.fmax.reduce(values, axis=0))


def _side_by_side(parts: Sequence[tuple[Level, int]]) -> tuple[Int64, Float64]:
    """All instants, and per part its value there, NaN where it holds none."""
    instants = np.unique(np.concatenate([level.t_ms for level, _ in parts]))
    values = np.full((len(parts), len(instants)), np.nan)
    for level, row in zip(parts, values, strict=True):
        one, gap_ms = level
        if len(one.t_ms):
            last = np.searchsorted(one.t_ms, instants, side="right") - 1
            fresh = (last >= 0) & (instants - one.t_ms[np.maximum(last, 0)] <= gap_ms)
            row[fresh] = one.value[last[fresh]]
    return instants, values


def judge(level: LevelSteps, bound: float) -> tuple[Bools, Bools]:
    """(good, known) per step. Where the level is only "at least" a value under the bound, nothing is known."""
    known = ~np.isnan(level.worst)
    with np.errstate(invalid="ignore"):
        good = known & (level.worst <= bound)
    known &= ~(good & level.at_least)
    return good & known, known


def valid(t_ms: Int64, values: Float64, binding: MetricBinding) -> tuple[Int64, Float64]:
    """Times and values in the base unit, without values that mean "unknown" (a lag of -1); of idle shares the rest."""
    if binding.invalid_below is not None:
        kept = values >= binding.invalid_below
        if not kept.all():
            t_ms, values = t_ms[kept], values[kept]
    if binding.scale != 1:
        values = values * binding.scale
    return t_ms, 1.0 - values if binding.kind == "idle_level" else values
