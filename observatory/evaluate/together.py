"""Objectives of the same window reckoned together: sums of their rows are made at once, and their futures drawn.

Rows of events lie packed and hold whole numbers, mostly. Only such rows are reckoned here, and what they come to is
what `reckoning` says of each of them alone, to the last bit: whole numbers add to the same sum in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from observatory.evaluate.forecast import STEPS_AT_ONCE, Pace, present_steps, width_of
from observatory.evaluate.outlook import Held, Outlook, View, outlooks
from observatory.evaluate.reckoning import Reckoned, SeenSteps, burn_steps, rate, steps_of
from observatory.evaluate.rolling import window_steps
from observatory.evaluate.running_fault import Bins, faults_in
from observatory.indicators.counts import Counts
from observatory.ledger.ledger import Ledger
from observatory.ledger.milestones import Milestones
from observatory.ledger.packed import PackedCounts
from observatory.ledger.summed import Summed, sums_at
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair, Policy
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid, Window

ROWS_AT_ONCE = 64
"""Rows whose sums are at hand at a time."""
LOOK_STEPS = 60
"""Steps of a rolling window that are ruled out together when the end of a budget is looked for."""
STEPS_LOOKED_AT = 480
"""Steps that are looked at one by one from the first stretch on in which a budget may end; then twice as many."""
SURE = 1e-9
"""Of the events: so far above zero rounding makes nothing of it."""


def reckon_together(
    wanted: Sequence[tuple[Objective, str]], ledger: Ledger, policies: Mapping[str, Policy]
) -> dict[str, Reckoned]:
    """By objective, of those whose rows are fit for it; the others are to be reckoned alone.

    Args:
        wanted: Objectives, and the keys of their rows; nothing of these is taken out as planned work.
    """
    by_window: dict[Window, list[tuple[Objective, PackedCounts]]] = {}
    for objective, key in wanted:
        if (packed := ledger.packed(key)) is not None:
            by_window.setdefault(objective.window, []).append((objective, packed))
    found: dict[str, Reckoned] = {}
    for window, mine in by_window.items():
        named = {one.policy for one, _ in mine}
        look = _Look(ledger.grid, window, {name: policies[name] for name in sorted(named & policies.keys())})
        for begin in range(0, len(mine), ROWS_AT_ONCE):
            found |= _reckoned(look, mine[begin : begin + ROWS_AT_ONCE])
    return found


class _Look:
    """Where rows of a grid are looked at for objectives of one window: the same milestones for all of them.

    Attributes:
        burn: By window text, which of the widths is that of its burn rate.
        pairs: By policy its pairs, each with the widths of its long and its short window.
        present: The width that tells the present pace.
        seen: By the identity of seconds seen, these and when something was seen of them in the window.
    """

    def __init__(self, grid: Grid, window: Window, policies: Mapping[str, Policy]) -> None:
        self.grid = grid
        self.span = window.range_at(grid.end_ms)
        self.part = steps_of(grid, self.span)
        self.view = View.of(grid, window)
        self.bins = Bins.of(grid)
        steps_of_burn = burn_steps(grid)
        of_pairs = {pair: _steps_of(pair, grid) for policy in policies.values() for pair in policy.pairs}
        widths = {*steps_of_burn.values(), present_steps(grid)}.union(*of_pairs.values())
        self.widths = sorted({min(one, grid.steps) for one in widths})
        place_of = {steps: self.widths.index(min(steps, grid.steps)) for steps in widths}
        self.burn = {word: place_of[steps] for word, steps in steps_of_burn.items()}
        self.pairs = {
            name: [(pair, place_of[of_pairs[pair][0]], place_of[of_pairs[pair][1]]) for pair in policy.pairs]
            for name, policy in policies.items()
        }
        self.present = place_of[present_steps(grid)]
        self._places: list[Int64] = []
        self._count = 0
        self.at_window = self._add([self.part.start, self.part.stop, grid.steps])
        self.at_widths = self._add([grid.steps - width for width in self.widths])
        if self.view is not None:
            ends = np.concatenate(([0], self.view.places, [self.view.steps]))
            self.at_blocks = self._add((self.view.starts[:, None] + ends[None, :]).ravel())
            self.at_lost = self._add(np.append(self.view.first, self.view.first + self.view.lost))
        self.at_bins = self._add(self.bins.edges if self.bins is not None else ())
        self.width = width_of(grid, window)
        self.edges = np.append(np.arange(grid.steps - self.width, grid.steps, LOOK_STEPS, dtype=np.int64), grid.steps)
        self.at_edges = self._add(self.edges)
        self.milestones = Milestones.of(grid.steps, np.concatenate(self._places))
        self.seen: dict[int, tuple[Summed, SeenSteps]] = {}

    def _add(self, places: Sequence[int] | Int64) -> slice:
        self._places.append(np.asarray(places, np.int64))
        begin = self._count
        self._count += len(places)
        return slice(begin, self._count)


def _steps_of(pair: Pair, grid: Grid) -> tuple[int, int]:
    """Of its long and its short window."""
    return window_steps(pair.long, grid.step_ms), window_steps(pair.short, grid.step_ms)


class _Sums:
    """Sums of some rows up to the milestones of a look. The first axis is rows."""

    def __init__(self, look: _Look, bad: Float64, total: Float64, observed: Float64) -> None:
        self.look, self.bad, self.total, self.observed = look, bad, total, observed

    def recent(self, sums: Float64) -> Float64:
        """What the widths of the look hold at the end of the grid."""
        end: Float64 = sums[:, self.look.at_window][:, 2:]
        return end - sums[:, self.look.at_widths]

    def blocks(self, sums: Float64) -> Float64:
        """By block of the view and place in it, from the block's start."""
        view = self.look.view
        assert view is not None
        of_blocks = sums[:, self.look.at_blocks].reshape(len(sums), len(view.starts), -1)
        return of_blocks[:, :, 1:] - of_blocks[:, :, :1]

    @cached_property
    def held(self) -> Held:
        """What the view looks at."""
        look, view = self.look, self.look.view
        assert view is not None
        lost = [one[:, look.at_lost] - one[:, look.at_lost.start, None] for one in (self.bad, self.total)]
        ends = [one[:, look.at_window][:, 2] - one[:, look.at_lost.start] for one in (self.bad, self.total)]
        in_bins = [np.diff(one[:, look.at_bins], axis=1) for one in (self.bad, self.total)]
        return Held(
            bad=self.blocks(self.bad),
            total=self.blocks(self.total),
            seen=self.blocks(self.observed)[:, :, -1],
            share=np.ones(len(view.starts)),
            spent=ends[0],
            events=ends[1],
            lost_bad=lost[0][:, 1:],
            lost_total=lost[1][:, 1:],
            faults=[None] * len(self.bad) if look.bins is None else faults_in(in_bins[0], in_bins[1], look.bins),
        )


def _reckoned(look: _Look, rows: Sequence[tuple[Objective, PackedCounts]]) -> dict[str, Reckoned]:
    """Of some rows together; those that hold no whole numbers are left out."""
    lines = zip(*((one.bad, one.total, one.observed) for _, one in rows), strict=True)
    (bad, bad_fit), (total, total_fit), (seen, seen_fit) = (sums_at(some, look.milestones) for some in lines)
    whole = np.flatnonzero(bad_fit & total_fit & seen_fit)
    if not len(whole):
        return {}
    fit = [rows[place] for place in whole.tolist()]
    held = _Sums(look, *(one if len(whole) == len(rows) else one[whole] for one in (bad, total, seen)))
    ahead: Sequence[Outlook | None] = [None] * len(fit)
    if look.view is not None:
        ahead = outlooks(held.held, look.view, [objective.target for objective, _ in fit])
    recent = [held.recent(one) for one in (held.bad, held.total, held.observed)]
    ends = _ends(look, held, fit, *(one[:, look.present].tolist() for one in recent[:2]))
    window = [one[:, look.at_window].tolist() for one in (held.bad, held.total, held.observed)]
    each = zip(fit, *(one.tolist() for one in recent), *window, ahead, ends, strict=True)
    found: dict[str, Reckoned] = {}
    for (objective, packed), of_bad, of_total, of_seen, *of_window, outlook, ends_at_ms in each:
        counts = _window_counts(look, *of_window)
        nothing = counts.total <= 0 and counts.observed_seconds <= 0
        found[objective.id] = Reckoned(
            counts=counts,
            firing=_firing(objective, look.pairs.get(objective.policy, ()), of_bad, of_total),
            burn_rates={
                word: rate(of_bad[place], of_total[place], of_seen[place], objective.target)
                for word, place in look.burn.items()
            },
            exhausts_at_ms=None if nothing else ends_at_ms,
            outlook=None if nothing or counts.total < objective.min_events else outlook,
            seen=_seen(look, packed),
        )
    return found


def _seen(look: _Look, packed: PackedCounts) -> SeenSteps:
    """When something was seen in the window; looked at once for rows that share it."""
    known = look.seen.get(id(packed.observed))
    if known is None:
        values, steps = packed.observed.values, look.part.stop - look.part.start
        found = SeenSteps.of(values[look.part] if len(values) > 1 else np.full(steps, float(values[0])))
        known = look.seen[id(packed.observed)] = packed.observed, found
    return known[1]


def _window_counts(look: _Look, bad: list[float], total: list[float], observed: list[float]) -> Counts:
    events, seen = total[1] - total[0], observed[1] - observed[0]
    seconds = max(0.0, look.span.seconds)
    return Counts(events - (bad[1] - bad[0]), events, min(seconds, seen), seconds)


def _firing(
    objective: Objective, pairs: Sequence[tuple[Pair, int, int]], bad: Sequence[float], total: Sequence[float]
) -> tuple[Pair, ...]:
    """As `firing_now`.

    Args:
        pairs: Each with the widths of its windows.
        bad, total: By width what it holds.
    """
    found = []
    for pair, long, short in pairs:
        allowed = objective.budget_ratio * pair.factor
        if bad[long] > allowed * total[long] and bad[short] > allowed * total[short] and bad[long] >= pair.min_bad:
            found.append(pair)
    return tuple(found)


def _ends(
    look: _Look, sums: _Sums, rows: Sequence[tuple[Objective, PackedCounts]], bad: list[float], total: list[float]
) -> list[int | None]:
    """As `exhausts_at` of each row; stretches in which the budget cannot end are passed over.

    Args:
        bad, total: What the steps that tell the present pace hold.
    """
    steps = present_steps(look.grid)
    lost = [one[:, look.at_edges] - one[:, look.at_edges.start, None] for one in (sums.bad, sums.total)]
    spent, events = (one[:, -1].tolist() for one in lost)
    paces = [
        Pace.of(
            target=objective.target,
            bad=max(0.0, bad[row]) / steps,
            total=total[row] / steps,
            spent=spent[row],
            events=events[row],
        )
        for row, (objective, _) in enumerate(rows)
    ]
    found: list[int | None] = [None] * len(rows)
    rolling: list[int] = []
    for row, pace in enumerate(paces):
        if pace is not None and rows[row][0].window.kind == "calendar":
            found[row] = pace.ends_in_unit(look.grid, rows[row][0])
        elif pace is not None:
            rolling.append(row)
    if rolling:
        some = [(rows[row][1], pace) for row in rolling if (pace := paces[row]) is not None]
        for row, after in zip(rolling, _rolling_ends(look, some, lost[0][rolling], lost[1][rolling]), strict=True):
            found[row] = None if after is None else look.grid.end_ms + after * look.grid.step_ms
    return found


def _rolling_ends(
    look: _Look, rows: Sequence[tuple[PackedCounts, Pace]], bad: Float64, total: Float64
) -> list[int | None]:
    """Of rolling windows after how many steps they spend the budget, as `Pace.steps_until_spent` tells it of one.

    Args:
        bad, total: By row what the window has lost by the edges of the stretches.
    """
    table = np.array([(one.left, one.allowed, one.loss, one.dust) for _, one in rows])[:, :, None]
    left, allowed, loss, dust = (table[:, column] for column in range(4))
    steps = look.edges - look.edges[0]
    # In a stretch the window loses its events at the start, at worst, and its bad ones not before the end.
    least = left + (bad[:, :-1] - allowed * total[:, 1:]) - loss * np.where(loss > 0, steps[1:], steps[:-1])
    may = least < SURE * total[:, -1:] + dust
    found: list[int | None] = [None] * len(rows)
    length = STEPS_LOOKED_AT
    open_ = np.flatnonzero(may.any(axis=1))
    while len(open_):
        stretch = may[open_].argmax(axis=1)
        after = steps[stretch][:, None] + np.arange(1, length + 1)
        lost = np.zeros((2, len(open_), length))
        for place, (row, begin) in enumerate(zip(open_.tolist(), look.edges[stretch].tolist(), strict=True)):
            part = slice(begin, min(begin + length, look.grid.steps))
            lost[0, place, : part.stop - begin], lost[1, place, : part.stop - begin] = rows[row][0].steps_of(part)
        np.cumsum(lost, axis=2, out=lost)
        lost += np.stack([one[open_, stretch] for one in (bad, total)])[:, :, None]
        over = left[open_] + (lost[0] - allowed[open_] * lost[1]) - loss[open_] * after
        spent = (over < dust[open_]) & (after <= look.width)
        ends = spent.any(axis=1)
        for place in np.flatnonzero(ends).tolist():
            found[int(open_[place])] = int(after[place, spent[place].argmax()])
        may[open_] &= steps[:-1] >= steps[stretch][:, None] + length
        open_ = open_[~ends & may[open_].any(axis=1)]
        length = min(2 * length, STEPS_AT_ONCE)
    return found
