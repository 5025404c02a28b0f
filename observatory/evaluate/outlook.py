"""What the past says about the rest of the budget: when it ends, how much is left, and how sure that is.

The past is cut into blocks of a day (of four hours where there are few days) that end at the asked instant, so that a
block of the future falls on the same hours as those of the past. A future is made of past blocks, drawn one after the
other; hundreds of futures tell how often the budget ends, and when. What makes the answer wide enough to be true:

- Every future weighs the past blocks differently, by a Bayesian bootstrap (D. Rubin, 1981; Gamma weights below one
  spread more than his exponential ones), for the past is itself a draw of what could have been. Recent blocks weigh
  more, because services change.
- With a small weight a future block is worse than any that was seen, by a Pareto tail: past extremes are no bound.
- A fault that is under way adds its events for as long as it goes on, see `running_fault`.

Levels of the week, or of the day for short blocks, scale the blocks where there are two rounds of them or more. The
constants were set on one family of simulated services and hold on others; tests say which.

All draws are fixed, so the same counts give the same answer. Nothing here asks a clock or a source.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.evaluate.running_fault import PATHS, added, running_fault
from observatory.ledger.ledger import Row
from observatory.objectives.budget import budget_ratio
from observatory.objectives.objective import Objective
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid, format_instant

LEVEL = 0.8
DAY_MS, SHORT_BLOCK_MS = 86_400_000, 14_400_000
MOST_HISTORY_MS = 35 * DAY_MS
FEW_DAYS = 5
LEAST_BLOCKS = 3
LEAST_SEEN = 0.5
"""Share of a block that must have been seen for it to tell anything."""
SPREAD, HALF_LIFE_MS, WORSE, TAIL = 0.5, 14 * DAY_MS, 1.2, 1.8
"""Shape of the weights, their half-life, weight of a block worse than any in mean blocks, and how steep its tail is."""
MANY_BLOCKS = 28
"""With fewer blocks the weights spread more."""
LEVEL_EVENTS = 20.0
"""Events by which the level of a weekday is drawn to the mean."""
EARLY_MS = tuple(minutes * 60_000 for minutes in (5, 10, 20, 30, 60, 90, 120, 180, 240, 360, 480, 600, 720, 960, 1200))
"""Where the first block is looked at, besides its end; later blocks are looked at where they end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The rest of a budget, foretold.

    Attributes:
        until_ms: How far it looks: the end of the calendar unit, or one window ahead where the window rolls.
        probability: That the budget is spent at some time until then; 1 where it is spent already.
        exhausts_at_ms: When half of the futures have spent it; None when less than half do, or when it is spent.
        earliest_ms, latest_ms: The interval that holds the moment it ends in 80 of 100 cases. `latest_ms` None is "not
            until the end"; both None is "not until the end" with at least 80 of 100, or spent already. Where the
            latest is None the interval leaves out 20 of 100 on its early side, else 10 on both.
        remaining: Share of the budget left at the end, in the middle of the futures.
        least, most: The 80 of 100 around it.
    """

    until_ms: int
    probability: float
    exhausts_at_ms: int | None
    earliest_ms: int | None
    latest_ms: int | None
    remaining: float
    least: float
    most: float

    def to_json(self) -> dict[str, Any]:
        """`forecast` of an objective."""
        return {
            "until": format_instant(self.until_ms),
            "probability": self.probability,
            "exhausts_at": format_instant(self.exhausts_at_ms),
            "interval": {
                "level": LEVEL,
                "earliest": format_instant(self.earliest_ms),
                "latest": format_instant(self.latest_ms),
            },
            "remaining_ratio_at_end": self.remaining,
            "remaining_interval": {"level": LEVEL, "least": self.least, "most": self.most},
        }


def outlook(row: Row, grid: Grid, objective: Objective) -> Outlook | None:
    """The rest of an objective's budget, as the past of its row foretells it.

    None when too little was seen to tell: fewer than three blocks, or no event in any; or when the calendar unit ends
    within a step. Planned work ahead is not known here and counts like any other time.
    """
    past = _Past.of(row, grid, MOST_HISTORY_MS)
    window = objective.window.range_at(grid.end_ms)
    rolls = objective.window.kind == "rolling"
    until_ms = (
        grid.end_ms + window.end_ms - window.start_ms if rolls else objective.window.calendar_period(grid.end_ms).end_ms
    )
    if past is None or until_ms - grid.end_ms < grid.step_ms:
        return None
    now = _Window.of(row, grid, window.start_ms, budget_ratio(objective.target))
    ahead = past.futures(until_ms - grid.end_ms, now.ratio)
    left, end_bad, end_total = (
        now.allowed - now.spent + ahead.left,
        now.spent + ahead.bad,
        now.total_events + ahead.total,
    )
    if (fault := running_fault(row, grid)) is not None:
        more = added(fault, ahead.after_ms)
        left -= more
        end_bad = np.minimum(end_bad + more[:, -1], now.spent + ahead.total)
    if rolls:
        lost_bad, lost_total = now.lost(ahead.after_ms)
        left += lost_bad - now.ratio * lost_total
        end_bad -= lost_bad[-1]
        end_total -= lost_total[-1]
    ends = _ends(left, now, ahead.after_ms)
    remaining = np.sort(1 - end_bad / np.maximum(end_total * now.ratio, 1e-12))
    low, high = _tails(LEVEL)
    if now.is_spent:
        early = late = middle = None
    else:
        late = _instant(ends[high], grid)
        early = _instant(ends[low if late is not None else 2 * low], grid)
        middle = _instant(ends[PATHS // 2], grid)
    return Outlook(
        until_ms=until_ms,
        probability=1.0 if now.is_spent else float(np.isfinite(ends).mean()),
        exhausts_at_ms=middle,
        earliest_ms=early,
        latest_ms=late,
        remaining=float(remaining[PATHS // 2]),
        least=float(remaining[low]),
        most=float(remaining[high]),
    )


def _tails(level: float) -> tuple[int, int]:
    low = round((1 - level) / 2 * PATHS)
    return low, PATHS - 1 - low


def _instant(after_ms: float, grid: Grid) -> int | None:
    """An instant on the grid of steps; None for never."""
    return None if after_ms == inf else grid.end_ms + max(1, round(after_ms / grid.step_ms)) * grid.step_ms


@dataclass(frozen=True, slots=True)
class _Window:
    """The budget as it stands.

    Attributes:
        ratio: Share of events that may be bad.
        good, total: The window's steps.
    """

    ratio: float
    spent: float
    total_events: float
    good: Float64
    total: Float64
    step_ms: int

    @classmethod
    def of(cls, row: Row, grid: Grid, start_ms: int, ratio: float) -> _Window:
        first = max(0, -(-(start_ms - grid.start_ms) // grid.step_ms))
        good, total = row.good[first:], row.total[first:]
        events = float(total.sum())
        return cls(ratio, events - float(good.sum()), events, good, total, grid.step_ms)

    @property
    def allowed(self) -> float:
        return self.total_events * self.ratio

    @property
    def is_spent(self) -> bool:
        return self.spent > self.allowed * (1 + 1e-12)

    def lost(self, after_ms: Float64) -> tuple[Float64, Float64]:
        """Bad and total events that a rolling window has lost after so many milliseconds."""
        steps, place = np.unique((after_ms / self.step_ms).astype(np.int64), return_inverse=True)
        steps = np.clip(steps, 1, len(self.total))
        good, total = (_sums_to(one, steps)[place] for one in (self.good, self.total))
        return total - good, total


def _sums_to(per_step: Float64, steps: Int64) -> Float64:
    """Sums from the first step to each of these, which are one at least."""
    edges = np.unique(np.append(0, steps[:-1]))
    sums = np.cumsum(np.add.reduceat(per_step[: int(steps[-1])], edges[edges < int(steps[-1])]))
    found: Float64 = sums[np.searchsorted(edges, steps) - 1]
    return found


@dataclass(frozen=True, slots=True)
class _Past:
    """Past blocks, the newest first.

    Attributes:
        early_ms: Where the blocks are looked at, the last of them their end.
        bad, total: By block and place, from the block's start.
        levels: By block its level against the mean block, from the round of the week or day; by phase in `phases`.
    """

    block_ms: int
    early_ms: Float64
    bad: Float64
    total: Float64
    levels: Float64
    phases: Float64

    @classmethod
    def of(cls, row: Row, grid: Grid, length_ms: int) -> _Past | None:
        reach = min(length_ms, grid.steps * grid.step_ms)
        block_ms = DAY_MS if reach >= FEW_DAYS * DAY_MS else SHORT_BLOCK_MS
        steps, number = block_ms // grid.step_ms, reach // block_ms
        if number < LEAST_BLOCKS:
            return None
        places = np.array([one // grid.step_ms for one in EARLY_MS if one < block_ms], dtype=np.int64)
        places = np.unique(np.clip(places, 0, steps - 1))
        starts = grid.steps - np.arange(1, number + 1, dtype=np.int64) * steps
        out = 0 if row.excluded is None else _by_block(row.excluded.astype(np.float64), starts, steps)
        share = 1 - out / steps
        seen = _by_block(row.observed, starts, steps) / (block_ms / 1000)
        usable = (seen >= LEAST_SEEN * share) & (share >= LEAST_SEEN)
        total = _within(row.total, starts, places, steps)
        bad = total - _within(row.good, starts, places, steps)
        if int(usable.sum()) < LEAST_BLOCKS or not float(total[usable, -1].sum()) > 0:
            return None
        scale = (1 / np.where(usable, share, 1.0))[usable, None]
        bad, total = np.maximum(bad[usable] * scale, 0.0), total[usable] * scale
        levels, phases = _levels(
            total[:, -1], np.flatnonzero(usable), DAY_MS * 7 if block_ms == DAY_MS else DAY_MS, block_ms
        )
        ends = np.append(places, steps).astype(np.float64) * grid.step_ms
        return cls(block_ms, ends, bad, total, levels, phases)

    def futures(self, length_ms: int, ratio: float) -> _Ahead:
        """Futures of a length, where so much of the events may be bad."""
        number = -(-length_ms // self.block_ms)
        draws = _draws(len(self.bad), number, HALF_LIFE_MS // self.block_ms)
        scale = self.phases[np.arange(number) % len(self.phases)] / self.levels[draws.block]
        worst = float((self.bad[:, -1] / np.maximum(self.total[:, -1], 1e-9)).max())
        worst = max(worst, 1 / max(float(self.total[:, -1].sum()), 1.0))
        share = np.minimum(1.0, worst * draws.worse)
        total = self.total[:, -1][draws.block] * scale
        bad = np.where(draws.unseen, total * share, self.bad[:, -1][draws.block] * scale)
        left = np.cumsum(ratio * total - bad, axis=1)
        first = draws.block[:, 0]
        early = np.where(
            draws.unseen[:, :1],
            self.total[first] * (ratio - share[:, :1]),
            (ratio * self.total - self.bad)[first],
        )
        after_ms = np.concatenate((self.early_ms, np.arange(2, number + 1) * float(self.block_ms)))
        left = np.concatenate((early * scale[:, :1], left[:, 1:]), axis=1)
        # The last block counts as far as the length reaches into it, by a straight line.
        inside = int(np.searchsorted(after_ms, length_ms))
        begin_ms = float(after_ms[inside - 1]) if inside else 0.0
        reached = (length_ms - begin_ms) / (after_ms[inside] - begin_ms)
        left[:, inside] = _reach(left, inside, reached)
        if number == 1:
            total = _reach(self.total, inside, reached)[draws.block] * scale
            bad = np.where(draws.unseen, total * share, _reach(self.bad, inside, reached)[draws.block] * scale)
            reached = 1.0
        return _Ahead(
            after_ms=np.append(after_ms[:inside], float(length_ms)),
            left=left[:, : inside + 1],
            bad=bad.sum(axis=1) - (1 - reached) * bad[:, -1],
            total=total.sum(axis=1) - (1 - reached) * total[:, -1],
        )


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Futures.

    Attributes:
        after_ms: Places, in milliseconds from now, the last one the end.
        left: By future and place what its events add to the budget and its bad ones take from it, from now on.
        bad, total: By future its events until the end.
    """

    after_ms: Float64
    left: Float64
    bad: Float64
    total: Float64


def _reach(sums: Float64, place: int, share: float) -> Float64:
    """Running sums at a share of the way from one place to the next."""
    before = sums[:, place - 1] if place else np.zeros(len(sums))
    found: Float64 = before + share * (sums[:, place] - before)
    return found


def _by_block(per_step: Float64, starts: Int64, steps: int) -> Float64:
    """Sums of blocks of equal length that follow each other, the newest first."""
    first = int(starts[-1])
    sums: Float64 = per_step[first : first + len(starts) * steps].reshape(len(starts), steps).sum(axis=1)[::-1]
    return sums


def _within(per_step: Float64, starts: Int64, places: Int64, steps: int) -> Float64:
    """By block, newest first, the sums from its start to each place and to its end."""
    edges = np.concatenate(([0], places))
    first = int(starts[-1])
    part = per_step[first : first + len(starts) * steps].reshape(len(starts), steps)
    sums: Float64 = np.cumsum(np.add.reduceat(part, edges, axis=1), axis=1)[::-1]
    return sums


def _levels(total: Float64, ages: NDArray[np.intp], round_ms: int, block_ms: int) -> tuple[Float64, Float64]:
    """Of each past block its level by its place in the round; and by place ahead, the next block first."""
    places = round_ms // block_ms
    if len(total) < 2 * places:
        return np.ones(len(total)), np.ones(1)
    at = (-(ages + 1)) % places
    mean = float(total.mean())
    events = np.bincount(at, total, places) + LEVEL_EVENTS
    phases = events / (np.bincount(at, minlength=places) * mean + LEVEL_EVENTS)
    return phases[at], phases


@dataclass(frozen=True, slots=True)
class _Draws:
    """What chance decides in each future and block, the same for every row of this shape.

    Attributes:
        block: The past block that it repeats.
        unseen: Whether it is worse than any.
        worse: By how much it then is.
    """

    block: NDArray[np.intp]
    unseen: NDArray[np.bool_]
    worse: Float64


@lru_cache(maxsize=128)
def _draws(blocks: int, ahead: int, half_life: int) -> _Draws:
    random = np.random.Generator(np.random.PCG64([blocks, ahead, half_life]))
    spread = SPREAD * sqrt(min(1.0, blocks / MANY_BLOCKS))
    shapes = spread * 0.5 ** (np.arange(1, blocks + 1) / half_life)
    shapes = np.append(shapes, WORSE * shapes.mean())
    weights = np.cumsum(random.gamma(shapes, size=(PATHS, blocks + 1)), axis=1)
    chances = random.random((PATHS, ahead)) * weights[:, -1:]
    block = np.minimum((weights[:, None, :] <= chances[:, :, None]).sum(axis=2), blocks)
    unseen = block == blocks
    block = np.where(unseen, random.integers(0, blocks, (PATHS, ahead)), block)
    return _Draws(block, unseen, random.random((PATHS, ahead)) ** (-1 / TAIL))


def _ends(left: Float64, now: _Window, after_ms: Float64) -> Float64:
    """When each future has spent the budget, sorted, infinite where it has not; between places by a straight line."""
    over = left < -1e-9 * now.ratio
    place = over.argmax(axis=1)
    every = np.arange(len(left))
    begin_ms = np.concatenate(([0.0], after_ms[:-1]))[place]
    before = np.where(place > 0, left[every, np.maximum(place - 1, 0)], now.allowed - now.spent)
    fall = np.maximum(before - left[every, place], 1e-300)
    at = begin_ms + np.clip(before / fall, 0.0, 1.0) * (after_ms[place] - begin_ms)
    return np.sort(np.where(over.any(axis=1), at, inf))
