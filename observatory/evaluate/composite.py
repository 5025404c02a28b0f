"""Journeys from counts: how many went well at every hop, where counters cannot say which message went where.

What is known are events per step of time at each hop; what is asked for is how many journeys failed at any of them.
The counts leave that open, so there are three answers (bounds of M. Frechet, 1935):

- at worst failures never fall on the same journey, so they add up;
- at best they fall on the same journeys as far as they can. A journey fails at most once at each hop, so of any stretch
  of time the worst hop counts; and failures more than an hour apart are of different journeys, so stretches that far
  apart are added;
- the number in between takes hops as independent of each other within each step of time: of n journeys of which u have
  failed, f more failures leave u + f - u f / n.

How many journeys there are is what enters the first hop. A later hop may see more or fewer events:

- More (one order, three parcels): a journey has several events there, as many as the window shows on average, and is
  good when all are. At best the failed ones share journeys, at worst each has its own.
- Fewer: those that never arrive are not seen to fail. How many are missing beyond those that failed before is told
  (`unarrived`); only where the hop is not optional is it a doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.ledger.row import Row
from observatory.sources.base import Float64
from observatory.windows import Grid

BLOCK_MS = 3_600_000
"""Failures no further apart may have hit the same journeys."""
LONGEST_BLOCKS = 168
"""The longest stretch that is looked at beside others, in blocks."""


class Bounds(Struct, frozen=True):
    """Good journeys at least and at most."""

    least: float
    most: float


class HopShare(Struct, frozen=True, kw_only=True):
    """How a hop stands to the journeys of a span.

    Attributes:
        events_per_journey: Events of the hop over those that enter the first one; None where none enter.
        unarrived: Journeys that did not reach the hop, beyond those that failed before it.
    """

    events_per_journey: float | None
    unarrived: float


class Composite(Struct, frozen=True):
    """Hops together, on one grid; arrays of one length.

    Attributes:
        entering: Journeys per step.
        bad: Failed ones per step, hops taken as independent. In a step that is late for those who entered before it
            there may be more than enter.
        at_most: Failed ones per step where no two failures share a journey.
        at_least: Per hop the failed ones per step, as few as its events allow.
    """

    grid: Grid
    entering: Float64
    bad: Float64
    at_most: Float64
    at_least: tuple[Float64, ...]

    def without(self, steps: NDArray[np.bool_]) -> Composite:
        """Some steps taken out, planned work in which nothing is counted."""
        kept = ~steps
        return Composite(
            self.grid,
            self.entering * kept,
            self.bad * kept,
            self.at_most * kept,
            tuple(one * kept for one in self.at_least),
        )

    def bounds(self, part: slice) -> Bounds:
        """Good journeys of some steps of the grid."""
        total = float(self.entering[part].sum())
        steps = np.arange(self.grid.steps)[part]
        if not len(steps):
            return Bounds(0.0, 0.0)
        failed = np.stack([one[part] for one in self.at_least])
        fewest, most = _distinct(failed, steps, self.grid), float(self.at_most[part].sum())
        return Bounds(max(0.0, total - most), min(total, max(0.0, total - fewest)))

    def row(self, hops: Sequence[Row]) -> Row:
        """The journey as a row of the ledger: seen where every hop was."""
        ends = [one.last_sample_ms for one in hops]
        known = [one for one in ends if one is not None]
        return Row(
            good=self.entering - self.bad,
            total=self.entering,
            observed=np.min([one.observed for one in hops], axis=0),
            counting="estimated",
            series=min(one.series for one in hops),
            last_sample_ms=min(known) if len(known) == len(ends) else None,
            recovered=hops[0].recovered,
            findings=hops[0].findings,
        )


def _distinct(failed: Float64, steps: NDArray[np.intp], grid: Grid) -> float:
    """How many journeys have failed at least.

    Args:
        failed: By hop and step.
    """
    some = np.flatnonzero(failed.any(axis=0))
    if not len(some):
        return 0.0
    apart = (np.diff(steps[some]) - 1) * grid.step_ms >= BLOCK_MS
    edges = [0, *(np.flatnonzero(apart) + 1).tolist(), len(some)]
    blocks = (grid.start_ms + steps[some] * grid.step_ms) // BLOCK_MS
    return sum(
        _of_stretches(failed[:, some[begin:end]], blocks[begin:end] - blocks[begin]) for begin, end in pairwise(edges)
    )


def _of_stretches(failed: Float64, blocks: NDArray[np.intp]) -> float:
    """The same where no two failures are far apart: of stretches of blocks with one at least between them the best.

    Failures of a stretch are of journeys that first failed in it or in the block before.
    """
    count = int(blocks[-1]) + 1
    sums = np.zeros((len(failed), count + 1))
    for row, one in zip(sums, failed, strict=True):
        np.cumsum(np.bincount(blocks, one, count), out=row[1:])
    whole = float(sums[:, -1].max())
    if count <= 2:
        return whole
    # best[i]: of stretches that end before block i - 1, so that one from block i on may be added.
    best = np.zeros(count + 2)
    for last in range(count):
        first = max(0, last + 1 - LONGEST_BLOCKS)
        stretch = (sums[:, last + 1, None] - sums[:, first : last + 1]).max(axis=0)
        best[last + 2] = max(best[last + 1], float((best[first : last + 1] + stretch).max()))
    return max(whole, float(best[-1]))


def compose(hops: Sequence[Row], grid: Grid, part: slice) -> Composite:
    """Hops of a journey, in the order in which messages take them.

    Args:
        part: The steps that say how many events a journey has at each hop.
    """
    entering = np.maximum(hops[0].total, 0.0)
    bad, late, at_most = np.zeros(grid.steps), np.zeros(grid.steps), np.zeros(grid.steps)
    at_least: list[Float64] = []
    for hop, share in zip(hops, shares(hops, part), strict=True):
        events = np.maximum(hop.total, 0.0)
        failed = np.clip(events - hop.good, 0.0, events)
        spread = max(1.0, share.events_per_journey or 1.0)
        journeys = _failed_journeys(failed, events, spread)
        at_most += failed
        at_least.append(failed / spread)
        # What fails beyond those that enter in this step is of journeys that entered before.
        now = np.minimum(journeys, entering)
        late += journeys - now
        with np.errstate(divide="ignore", invalid="ignore"):
            bad = np.where(entering > 0, bad + now - bad * now / entering, 0.0)
    return Composite(grid, entering, bad + late, at_most, tuple(at_least))


def _failed_journeys(failed: Float64, events: Float64, spread: float) -> Float64:
    """Journeys with at least one failed event, where each has `spread` events that fail independently."""
    if spread == 1.0:
        return failed
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(events > 0, failed / events, 0.0)
    hit: Float64 = events / spread * -np.expm1(spread * np.log1p(-np.minimum(share, 1 - 1e-16)))
    return hit


def shares(hops: Sequence[Row], part: slice) -> tuple[HopShare, ...]:
    """How each hop stands to the journeys of some steps."""
    entering = float(np.maximum(hops[0].total[part], 0.0).sum())
    found: list[HopShare] = []
    failed_before = 0.0
    for hop in hops:
        events = float(np.maximum(hop.total[part], 0.0).sum())
        found.append(
            HopShare(
                events_per_journey=events / entering if entering > 0 else None,
                unarrived=max(0.0, entering - events - failed_before),
            )
        )
        # Of several events of a journey that fail as many as can are of the same one.
        spread = max(1.0, events / entering) if entering > 0 else 1.0
        failed_before += max(0.0, events - float(hop.good[part].sum())) / spread
    return tuple(found)
