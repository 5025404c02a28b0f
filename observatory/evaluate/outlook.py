"""What the past says about the rest of the budget: when it ends, how much is left, and how sure that is.

The past is cut into blocks of a day (of four hours where there are few days) that end at the asked instant, so that a
block of the future falls on the same hours as those of the past. A future is made of past blocks, drawn one after the
other; hundreds of futures tell how often the budget ends, and when. What makes the answer wide enough to be true:

- Every future weighs the past blocks differently, by a Bayesian bootstrap (D. Rubin, 1981; Gamma weights below one
  spread more than his exponential ones), for the past is itself a draw of what could have been. Recent blocks weigh
  more, because services change.
- With a small weight a future block is worse than any that was seen, by a Pareto tail: past extremes are no bound.
- Error ratios that rise or fall from day to day are brought to the present level, and go on more or less, see `trend`.
- A fault that is under way adds its events for as long as it goes on, see `running_fault`.

Levels of the week, or of the day for short blocks, scale the blocks where there are two rounds of them or more. The
constants were set on one family of simulated services and hold on others; tests say which.

All draws are fixed, so the same counts give the same answer. Nothing here asks a clock or a source.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
from msgspec import Struct

from observatory.evaluate.futures import DAY_MS, Past, places_ahead
from observatory.evaluate.running_fault import PATHS, Fault, added, running_fault
from observatory.evaluate.trend import at_present_level, growth_of
from observatory.ledger.row import Row
from observatory.objectives.budget import budget_ratio
from observatory.objectives.objective import Objective
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid, Window, format_instant

LEVEL = 0.8
SHORT_BLOCK_MS = 14_400_000
MOST_HISTORY_MS = 35 * DAY_MS
FEW_DAYS = 5
ROWS_AT_ONCE = 16
"""Rows that are drawn together: their futures stay in the cache of a processor."""
NEVER = np.uint16(2**16 - 1)
"""No place of a forecast, of which there are fewer than a thousand."""
LEAST_BLOCKS = 3
LEAST_SEEN = 0.5
"""Share of a block that must have been seen for it to tell anything."""
EARLY_MS = tuple(minutes * 60_000 for minutes in (5, 10, 20, 30, 60, 90, 120, 180, 240, 360, 480, 600, 720, 960, 1200))
"""Where the first block is looked at, besides its end; later blocks are looked at where they end."""


class Outlook(Struct, frozen=True, kw_only=True):
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


class View(Struct, frozen=True, eq=False):
    """Where forecasts look at the rows of a grid, for one window: the same for all of them.

    Attributes:
        until_ms: How far ahead it looks.
        first: The window's first step.
        rolls: Whether the window rolls, so that it loses what it holds.
        starts: Of each past block its first step, the newest block first.
        places: Steps from a block's start at which it is looked at, besides its end.
        after_ms: Places ahead, in milliseconds from now, the last one the end.
        lost: Steps that the window has lost by then.
    """

    grid: Grid
    until_ms: int
    first: int
    rolls: bool
    block_ms: int
    starts: Int64
    places: Int64
    after_ms: Float64
    lost: Int64

    @classmethod
    def of(cls, grid: Grid, window: Window) -> View | None:
        """None when there is too little to look at, or when the calendar unit ends within a step."""
        span = window.range_at(grid.end_ms)
        rolls = window.kind == "rolling"
        length_ms = span.end_ms - span.start_ms if rolls else window.calendar_period(grid.end_ms).end_ms - grid.end_ms
        reach = min(MOST_HISTORY_MS, grid.steps * grid.step_ms)
        block_ms = DAY_MS if reach >= FEW_DAYS * DAY_MS else SHORT_BLOCK_MS
        steps, number = block_ms // grid.step_ms, reach // block_ms
        if number < LEAST_BLOCKS or length_ms < grid.step_ms:
            return None
        early = {max(0, min(one // grid.step_ms, steps - 1)) for one in EARLY_MS if one < block_ms}
        places = np.array(sorted(early), dtype=np.int64)
        first = max(0, -(-(span.start_ms - grid.start_ms) // grid.step_ms))
        after_ms = places_ahead(_ends_ms(places, steps, grid), block_ms, length_ms)
        return cls(
            grid=grid,
            until_ms=grid.end_ms + length_ms,
            first=first,
            rolls=rolls,
            block_ms=block_ms,
            starts=grid.steps - np.arange(1, number + 1, dtype=np.int64) * steps,
            places=places,
            after_ms=after_ms,
            lost=np.clip((after_ms / grid.step_ms).astype(np.int64), 1, grid.steps - first),
        )

    @property
    def steps(self) -> int:
        """Of a block."""
        return self.block_ms // self.grid.step_ms

    @property
    def ends_ms(self) -> Float64:
        """Places within a block, its end the last."""
        return _ends_ms(self.places, self.steps, self.grid)


def _ends_ms(places: Int64, steps: int, grid: Grid) -> Float64:
    return np.append(places, steps).astype(np.float64) * grid.step_ms


class Held(Struct, frozen=True, eq=False):
    """What rows hold where a view looks. The first axis is rows.

    Attributes:
        bad, total: By block, the newest first, and place, from the block's start; the last place is its end.
        seen: Seconds seen, by block.
        share: By block what of it counts, for planned work was taken out; the same for all rows.
        spent, events: Bad and all events of the window.
        lost_bad, lost_total: What the window loses of them, by place ahead.
        faults: What is under way.
    """

    bad: Float64
    total: Float64
    seen: Float64
    share: Float64
    spent: Float64
    events: Float64
    lost_bad: Float64
    lost_total: Float64
    faults: Sequence[Fault | None]

    @classmethod
    def of(cls, row: Row, view: View) -> Held:
        """Of one row, added step by step."""
        steps, starts = view.steps, view.starts
        out = (
            np.zeros(len(starts)) if row.excluded is None else _by_block(row.excluded.astype(np.float64), starts, steps)
        )
        total = _within(row.total, starts, view.places, steps)
        of_window = row.total[view.first :], row.good[view.first :]
        events, good = (float(one.sum()) for one in of_window)
        lost_total, lost_good = (_sums_to(one, view.lost) if view.rolls else np.empty(0) for one in of_window)
        return cls(
            bad=(total - _within(row.good, starts, view.places, steps))[None],
            total=total[None],
            seen=_by_block(row.observed, starts, steps)[None],
            share=1 - out / steps,
            spent=np.array([events - good]),
            events=np.array([events]),
            lost_bad=(lost_total - lost_good)[None],
            lost_total=lost_total[None],
            faults=(running_fault(row, view.grid),),
        )

    def only(self, rows: Sequence[int]) -> Held:
        """Some of the rows."""
        at = np.asarray(rows, np.intp)
        return Held(
            bad=self.bad[at],
            total=self.total[at],
            seen=self.seen[at],
            share=self.share,
            spent=self.spent[at],
            events=self.events[at],
            lost_bad=self.lost_bad[at],
            lost_total=self.lost_total[at],
            faults=[self.faults[row] for row in rows],
        )


def outlook(row: Row, grid: Grid, objective: Objective) -> Outlook | None:
    """The rest of an objective's budget, as the past of its row foretells it.

    None when too little was seen to tell: fewer than three blocks, or no event in any; or when the calendar unit ends
    within a step. Planned work ahead is not known here and counts like any other time.
    """
    view = View.of(grid, objective.window)
    return None if view is None else outlooks(Held.of(row, view), view, [objective.target])[0]


def outlooks(held: Held, view: View, targets: Sequence[float]) -> list[Outlook | None]:
    """As `outlook` of each row, some at a time: rows of which the same blocks were seen."""
    found: list[Outlook | None] = [None] * len(targets)
    usable = (held.seen / (view.block_ms / 1000) >= LEAST_SEEN * held.share) & (held.share >= LEAST_SEEN)
    alike: dict[bytes, list[int]] = {}
    events = np.where(usable, held.total[:, :, -1], 0.0).sum(axis=1)
    for row in np.flatnonzero((usable.sum(axis=1) >= LEAST_BLOCKS) & (events > 0)).tolist():
        alike.setdefault(usable[row].tobytes(), []).append(row)
    for rows in alike.values():
        blocks = np.flatnonzero(usable[rows[0]])
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[begin : begin + ROWS_AT_ONCE]
            ratios = np.array([budget_ratio(targets[row]) for row in some])
            for row, told in zip(some, _foretold(held.only(some), view, blocks, ratios), strict=True):
                found[row] = told
    return found


def _foretold(held: Held, view: View, blocks: Int64, ratio: Float64) -> list[Outlook]:
    """Outlooks of rows of which these blocks can be used."""
    scale = (1 / held.share[blocks])[:, None]
    bad, total = np.maximum(held.bad[:, blocks] * scale, 0.0), held.total[:, blocks] * scale
    length_ms = view.until_ms - view.grid.end_ms
    growth = None
    if view.block_ms == DAY_MS and (grown := growth_of(bad[:, :, -1], total[:, :, -1], blocks)).any():
        growth, bad = grown, at_present_level(bad, total, blocks, grown)
    ahead = Past(view.block_ms, blocks, bad, total, growth).ahead(view.ends_ms, length_ms, ratio)
    now = held.events * ratio - held.spent
    left, spent, events = ahead.left, held.spent[:, None], held.events[:, None]
    end_bad, end_total = spent + ahead.bad, events + ahead.total
    for row, fault in enumerate(held.faults):
        if fault is not None:
            more = added(fault, view.after_ms)
            left[:, row] -= more.T
            end_bad[row] = np.minimum(end_bad[row] + more[:, -1], held.spent[row] + ahead.total[row])
    gained = np.repeat(now[None], len(left), axis=0)
    if view.rolls:
        gained += (held.lost_bad - ratio[:, None] * held.lost_total).T
        end_bad -= held.lost_bad[:, -1:]
        end_total -= held.lost_total[:, -1:]
    remaining = np.sort(1 - end_bad / np.maximum(end_total * ratio[:, None], 1e-12), axis=1)
    is_spent = held.spent > held.events * ratio * (1 + 1e-12)
    ends = _ends(left, gained, ratio, now, view.after_ms)
    low, high = _tails(LEVEL)
    least, middle, most = (remaining[:, at].tolist() for at in (low, PATHS // 2, high))
    probability = (np.count_nonzero(ends < inf, axis=1) / PATHS).tolist()
    at_ends = ends[:, [low, 2 * low, PATHS // 2, high]].tolist()
    found: list[Outlook] = []
    for row, spent_already in enumerate(is_spent.tolist()):
        first, second, half, last = (None if spent_already else _instant(one, view.grid) for one in at_ends[row])
        found.append(
            Outlook(
                until_ms=view.until_ms,
                probability=1.0 if spent_already else probability[row],
                exhausts_at_ms=half,
                earliest_ms=first if last is not None else second,
                latest_ms=last,
                remaining=middle[row],
                least=least[row],
                most=most[row],
            )
        )
    return found


def _tails(level: float) -> tuple[int, int]:
    low = round((1 - level) / 2 * PATHS)
    return low, PATHS - 1 - low


def _instant(after_ms: float, grid: Grid) -> int | None:
    """An instant on the grid of steps; None for never."""
    return None if after_ms == inf else grid.end_ms + max(1, round(after_ms / grid.step_ms)) * grid.step_ms


def _sums_to(per_step: Float64, steps: Int64) -> Float64:
    """Sums from the first step to each of these, which ascend and are one at least."""
    edges = np.append(0, steps[:-1])
    edges = edges[np.diff(edges, prepend=-1) > 0]
    sums = np.cumsum(np.add.reduceat(per_step[: int(steps[-1])], edges[edges < int(steps[-1])]))
    found: Float64 = sums[np.searchsorted(edges, steps) - 1]
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


def _ends(left: Float64, gained: Float64, ratio: Float64, now: Float64, after_ms: Float64) -> Float64:
    """By row when each future has spent the budget, sorted, infinite where not; between places by a straight line.

    Args:
        left: By place, row and future what the events ahead leave.
        gained: By place and row what is left without them: it is added where it is asked for alone.
        now: By row the events that may still be bad at present.
    """
    over = left < (-1e-9 * ratio - gained)[:, :, None]
    # The first place, by its number; numbers as small as these are compared many at a time.
    place = np.where(over, np.arange(len(left), dtype=np.uint16)[:, None, None], NEVER).min(axis=0)
    never = place == NEVER
    place = np.where(never, 0, place).astype(np.intp)
    rows = np.arange(len(now))[:, None]
    at = place * place.size + np.arange(place.size).reshape(place.shape)
    earlier = np.maximum(place - 1, 0)
    # At the first place it is the present that lies before.
    before = left.take(np.maximum(at - place.size, 0)) + gained[earlier, rows]
    before = np.where(place > 0, before, now[:, None])
    fall = np.maximum(before - (left.take(at) + gained[place, rows]), 1e-300)
    begin_ms = np.concatenate(([0.0], after_ms[:-1]))[place]
    found: Float64 = begin_ms + np.clip(before / fall, 0.0, 1.0) * (after_ms[place] - begin_ms)
    found[never] = inf
    found.sort(axis=1)
    return found
