"""Lag in seconds: how long ago the group was at the head, by inverting the curve of produced positions.

Definition: lag(t) = t - sup{s : E(s) <= C(t)}, E the produced and C the committed position. It is the age of the next
unread message to within one scrape, needs no message timestamps, and is right while producers are idle.

- E is cut where it falls (a re-created topic); inside such an epoch its running maximum is taken, for brokers may
  answer a slightly old value. C is compared with the epoch that holds t.
- C >= E: lag 0. A negative C (kafka_exporter's -1) is no measurement.
- Otherwise the last sample i with e_i <= C is looked for - the last of equal ones, so that an idle hour is no lag -
  and time is interpolated between i and i + 1. The message at C was written between these two samples, which is the
  error bar.
- C below the first sample of the epoch: the lag is at least the time since then; nothing is extrapolated.

Without committed positions, as on a queue, produced is the sum of arrivals and committed is produced less depth.
"""

from __future__ import annotations

import numpy as np

from observatory.ledger.levels import Level
from observatory.sources.base import Float64, Int64


def seconds_behind(
    produced_t_ms: Int64, produced: Float64, committed_t_ms: Int64, committed: Float64, *, fresh_ms: int
) -> Level:
    """Lag in seconds at each sample of `committed`.

    Args:
        produced_t_ms, produced: Samples of E, ascending in time.
        committed_t_ms, committed: Samples of C, ascending in time.
        fresh_ms: A sample of C counts only when E has one that is no older than this.

    Returns:
        A level whose error reaches from the interpolated instant to the farther of the two samples around it.
    """
    kept = np.isfinite(produced) & (produced >= 0)
    t_e, e = produced_t_ms[kept], produced[kept]
    kept = np.isfinite(committed) & (committed >= 0)
    t_c, c = committed_t_ms[kept], committed[kept]
    # The newest sample of E at each instant of C; both are often read in one scrape.
    head = np.searchsorted(t_e, t_c, side="right") - 1
    kept = (head >= 0) & (t_c - t_e[np.maximum(head, 0)] <= fresh_ms) if len(t_e) else np.zeros(len(t_c), dtype=bool)
    t_c, c, head = t_c[kept], c[kept], head[kept]
    lag, error, least = np.zeros(len(t_c)), np.zeros(len(t_c)), np.zeros(len(t_c), dtype=bool)
    for first, after in _epochs(e):
        inside = np.flatnonzero((head >= first) & (head < after))
        if not len(inside):
            continue
        curve = np.maximum.accumulate(e[first:after])
        # Only what had been produced by then may be looked at: the position found must not pass the head.
        found = np.minimum(np.searchsorted(curve, c[inside], side="right") - 1, head[inside] - first)
        behind = c[inside] < curve[head[inside] - first]
        lost = behind & (found < 0)
        _interpolate(lag, error, inside[behind & ~lost], found[behind & ~lost], t_e[first:after], curve, t_c, c)
        at = inside[lost]
        lag[at] = (t_c[at] - t_e[first]) / 1000
        least[at] = True
    return Level(t_c, lag, error, least)


def _epochs(e: Float64) -> list[tuple[int, int]]:
    """Ranges of samples between re-creations: a fall to less than half; smaller falls are stale answers."""
    falls = np.flatnonzero(e[1:] < e[:-1] / 2) + 1
    edges = [0, *falls.tolist(), len(e)]
    return [(edges[index], edges[index + 1]) for index in range(len(edges) - 1) if edges[index] < edges[index + 1]]


def _interpolate(
    lag: Float64,
    error: Float64,
    at: np.typing.NDArray[np.intp],
    found: np.typing.NDArray[np.intp],
    t_e: Int64,
    curve: Float64,
    t_c: Int64,
    c: Float64,
) -> None:
    if not len(at):
        return
    low, high = curve[found], curve[found + 1]
    t_low, t_high = t_e[found].astype(np.float64), t_e[found + 1].astype(np.float64)
    since = t_low + (c[at] - low) / (high - low) * (t_high - t_low)
    lag[at] = np.maximum(t_c[at] - since, 0.0) / 1000
    error[at] = np.maximum(t_high - since, since - t_low) / 1000


def arrivals_curve(t_ms: Int64, amount: Float64, depth_t_ms: Int64, depth: Float64) -> tuple[Int64, Float64, Float64]:
    """Produced and committed positions of a queue, from arrivals and depth.

    Args:
        t_ms, amount: Increments of arrivals at the instants at which they were seen, ascending.
        depth_t_ms, depth: Messages in the queue, ascending.

    Returns:
        The instants of `depth`, the produced position there, and the committed one; positions start at the first
        depth, so that what waits at the beginning was produced before the curve begins and lag is "at least".
    """
    sums = np.concatenate(([0.0], np.cumsum(amount)))
    produced = sums[np.searchsorted(t_ms, depth_t_ms, side="right")]
    base = float(depth[0]) if len(depth) else 0.0
    produced = produced - (produced[0] if len(produced) else 0.0) + base
    return depth_t_ms, produced, np.maximum(produced - depth, 0.0)


def age_seconds(
    stamp_t_ms: Int64, stamp: Float64, depth_t_ms: Int64 | None, depth: Float64 | None, *, fresh_ms: int
) -> Level:
    """Age of the oldest waiting message, from the timestamp that the broker shows for it.

    At samples of `depth` when given: 0 where nothing waits, unknown where something waits and no timestamp is shown.
    Timestamps of zero or below mean that there is none. Brokers show whole seconds, so half a second is the error.
    """
    shown = np.isfinite(stamp) & (stamp > 0)
    stamp_t_ms, stamp = stamp_t_ms[shown], stamp[shown]
    if depth_t_ms is None or depth is None:
        age = np.maximum(stamp_t_ms / 1000 - stamp, 0.0)
        return Level(stamp_t_ms, age, np.full(len(age), 0.5))
    last = np.searchsorted(stamp_t_ms, depth_t_ms, side="right") - 1
    if len(stamp):
        fresh = (last >= 0) & (depth_t_ms - stamp_t_ms[np.maximum(last, 0)] <= fresh_ms)
        age = np.where(fresh, np.maximum(depth_t_ms / 1000 - stamp[np.maximum(last, 0)], 0.0), np.nan)
    else:
        age = np.full(len(depth_t_ms), np.nan)
    age = np.where(depth <= 0, 0.0, age)
    kept = ~np.isnan(age)
    return Level(depth_t_ms[kept], age[kept], np.where(depth[kept] <= 0, 0.0, 0.5))
