"""Journeys counted one by one: each trace that enters the first hop, and what became of it at the others.

A consumer may go on in the producer's trace or begin one of its own that links back; both are the same journey. A
consumer span that links to several traces (a batch) does not say which of them went on, and then journeys cannot be
told apart.

A journey belongs to the step in which it entered. It counts once it is over: every hop reached, or its time is up. A
hop reached more than a day after entering was not reached. A hop is reached with its first span, and has failed when
any span of it did, so that a message that failed and was tried again counts as it does in counters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.ledger.row import Row
from observatory.ledger.splicing import splice
from observatory.sources.base import Float64, Int64, UInt64, Visits
from observatory.windows import Grid

SETTLE_MS = 600_000
"""A journey without a bound that has not reached every hop is given this long before it counts as not arrived."""
LATEST_MS = 86_400_000
"""A hop that is reached later than this after entering was not reached."""
MOST_LINKS = 32
"""Traces that a journey may pass one after another."""


class TracedJourneys(Struct, frozen=True):
    """Journeys on the grid.

    Attributes:
        row: Good and total per step of entering. Exact; estimated where spans are a sample and stand for others.
        open: Journeys per step that are not over yet, and so in neither.
        arrived: Per hop the journeys that are over and reached it.
        squares: Squares of the weights of those that are over, added per step: how large the sample really is.
    """

    row: Row
    open: Float64
    arrived: tuple[Float64, ...]
    squares: Float64


def count_journeys(
    visits: Visits, optional: Sequence[bool], within_ms: int | None, grid: Grid, presence: Float64
) -> TracedJourneys | None:
    """Journeys from visits; None where a batch keeps them from being told apart.

    Args:
        visits: Query n is hop n.
        optional: Whether a journey may end well without that hop.
        within_ms: From the start of the first hop to the end of the last one at most.
        presence: Seconds per step in which spans were collected.
    """
    trace, linked, linked_to = _numbered(visits.trace, visits.linked[:, :2], visits.linked[:, 2:])
    journey, ambiguous = _journeys(trace, linked, linked_to)
    if ambiguous:
        return None
    count = int(journey.max()) + 1 if len(journey) else 0
    hops, entered_ns = len(optional), np.full(count, np.iinfo(np.int64).max)
    first = visits.query == 0
    np.minimum.at(entered_ns, journey[first], visits.start_ns[first])
    reached, failed = np.zeros((hops, count), bool), np.zeros((hops, count), bool)
    ended_ns, weight = np.zeros(count, np.int64), np.ones(count)
    weight[journey[first]] = visits.weight[first]
    since_ns = visits.start_ns - entered_ns[journey]
    # Clocks differ between hosts, so what begins a little before the first hop is still part of the journey.
    near = (entered_ns[journey] < np.iinfo(np.int64).max) & (since_ns <= LATEST_MS * 10**6)
    query, at = visits.query[near], journey[near]
    reached[query, at] = True
    np.logical_or.at(failed, (query, at), visits.failed[near])
    last = near & (visits.query == hops - 1)
    np.maximum.at(ended_ns, journey[last], visits.end_ns[last])
    step = (entered_ns - grid.start_ms * 10**6 - 1) // (grid.step_ms * 10**6)
    kept = (step >= 0) & (step < grid.steps)
    needed = ~np.asarray(optional, bool)
    good = reached[needed].all(axis=0) & ~failed.any(axis=0)
    age_ns = grid.end_ms * 10**6 - entered_ns
    if within_ms is not None:
        late = np.where(reached[-1], ended_ns - entered_ns, age_ns) > within_ms * 10**6
        # A last hop that is optional has no end to be late.
        good &= ~late if needed[-1] else ~(late & reached[-1])
    is_open = ~reached.all(axis=0) & (age_ns < (SETTLE_MS if within_ms is None else within_ms) * 10**6)
    over = kept & ~is_open

    def per_step(chosen: NDArray[np.bool_], power: int = 1) -> Float64:
        return np.bincount(step[chosen], weight[chosen] ** power, grid.steps)[: grid.steps].astype(np.float64)

    last_ns = int(visits.end_ns.max()) if len(visits.end_ns) else None
    return TracedJourneys(
        row=Row(
            good=per_step(over & good),
            total=per_step(over),
            observed=presence,
            counting="exact" if (weight == 1).all() else "estimated",
            series=1,
            last_sample_ms=None if last_ns is None else min(grid.end_ms, last_ns // 10**6),
        ),
        open=per_step(kept & is_open),
        arrived=tuple(per_step(over & one) for one in reached),
        squares=per_step(over, 2),
    )


def _numbered(*ids: UInt64) -> list[Int64]:
    """Trace ids, (n, 2) each, as small numbers: equal ids have equal ones."""
    every = np.concatenate(ids)
    order = np.lexsort((every[:, 1], every[:, 0]))
    ordered = every[order]
    new = np.concatenate(([False], (ordered[1:] != ordered[:-1]).any(axis=1))) if len(every) else np.zeros(0, bool)
    numbers = np.empty(len(every), np.int64)
    numbers[order] = np.cumsum(new)
    ends = np.cumsum([len(one) for one in ids])
    return np.split(numbers, ends[:-1].tolist())


def _journeys(trace: Int64, linked: Int64, linked_to: Int64) -> tuple[Int64, bool]:
    """The journey of each visit, numbered from 0, and whether any of them may belong to several."""
    size = 1 + max((int(one.max()) for one in (trace, linked, linked_to) if len(one)), default=-1)
    origin = np.arange(size)
    origin[linked] = linked_to
    pairs = np.unique(np.stack([linked, linked_to], axis=1), axis=0) if len(linked) else np.empty((0, 2), np.int64)
    several = np.bincount(pairs[:, 0], minlength=size) > 1
    root, unclear = origin.copy(), several.copy()
    for _ in range(MOST_LINKS):
        unclear = unclear | unclear[origin]
        further = origin[root]
        if np.array_equal(further, root):
            break
        root = further
    else:
        # A ring of links has no beginning.
        unclear |= origin[root] != root
    seen, journey = np.unique(root[trace], return_inverse=True)
    return journey.astype(np.int64).reshape(-1), bool(unclear[trace].any()) if len(seen) else False


def spliced(old: TracedJourneys, old_grid: Grid, new: TracedJourneys, tail: Grid, grid: Grid) -> TracedJourneys:
    """The old journeys up to the start of the tail, the new ones from there on."""
    first = (grid.start_ms - old_grid.start_ms) // grid.step_ms
    kept = slice(first, first + grid.steps - tail.steps)

    def joined(before: Float64, after: Float64) -> Float64:
        return np.concatenate((before[kept], after))

    return TracedJourneys(
        row=splice(old.row, old_grid, new.row, tail, grid),
        open=joined(old.open, new.open),
        arrived=tuple(joined(before, after) for before, after in zip(old.arrived, new.arrived, strict=True)),
        squares=joined(old.squares, new.squares),
    )
