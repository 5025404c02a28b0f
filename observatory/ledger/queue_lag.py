"""Lag of a queue in seconds: how long its oldest message has waited.

From arrivals and depth: messages leave in the order in which they came, so what waits are the newest `depth` arrivals,
and the oldest of them came when the sum of arrivals passed that sum less depth. Counters of arrivals show a message
somewhere between two samples, and not always at the instant at which depth is read; so the sum of arrivals is known at
each instant to lie between two curves, and the error bar holds every answer that these allow.

From the timestamp of the oldest message, where the broker shows it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct

from observatory.ledger.levels import Level
from observatory.sources.base import Float64, Int64

STAMP_ERROR_SECONDS = 1.0
"""Publishers write whole seconds, the fraction cut off."""


class Arrivals(Struct, frozen=True):
    """Increments of arrivals, in any order: seen in (before, shown]."""

    before_ms: Int64
    shown_ms: Int64
    amount: Float64


def seconds_waited(arrivals: Arrivals, depth_t_ms: Int64, depth: Float64) -> Level:
    """How long the oldest message has waited, at each sample of `depth`; 0 where nothing waits.

    Args:
        depth_t_ms, depth: Messages in the queue, ascending in time.

    Returns:
        A level; "at least" where the oldest message was there before the first sample of anything.
    """
    instants = np.unique(np.concatenate((arrivals.before_ms, arrivals.shown_ms, depth_t_ms)))
    least = _sums(arrivals.shown_ms, arrivals.amount, instants, "right")
    most = _sums(arrivals.before_ms, arrivals.amount, instants, "left")
    at = np.searchsorted(instants, depth_t_ms)
    waits = depth > 0
    low, high = least[at] - depth, most[at] - depth
    # The oldest one came after the last instant at which surely no more had come than left since, and before the first
    # one at which surely more had.
    after = np.searchsorted(most, low, side="right") - 1
    until = np.minimum(np.searchsorted(least, high, side="right"), at)
    earliest, latest = instants[np.maximum(after, 0)].astype(np.float64), instants[until].astype(np.float64)
    came = np.clip(_passed(instants, (least + most) / 2, (low + high) / 2, at), earliest, latest)
    unknown = waits & (after < 0)
    came = np.where(unknown, latest, came)
    lag = np.where(waits, depth_t_ms - came, 0.0) / 1000
    error = np.where(waits & ~unknown, np.maximum(came - earliest, latest - came), 0.0) / 1000
    return Level(depth_t_ms, lag, error, unknown)


def _sums(t_ms: Int64, amount: Float64, instants: Int64, side: Literal["left", "right"]) -> Float64:
    order = np.argsort(t_ms, kind="stable")
    sums = np.concatenate(([0.0], np.cumsum(amount[order])))
    found: Float64 = sums[np.searchsorted(t_ms[order], instants, side=side)]
    return found


def _passed(instants: Int64, curve: Float64, position: Float64, head: np.typing.NDArray[np.intp]) -> Float64:
    """When a rising curve passed some positions, by a straight line; not later than at the head."""
    found = np.clip(np.searchsorted(curve, position, side="right") - 1, 0, np.maximum(head - 1, 0))
    following = np.minimum(found + 1, len(instants) - 1)
    rise = np.maximum(curve[following] - curve[found], 1e-300)
    share = np.clip((position - curve[found]) / rise, 0.0, 1.0)
    begin, end = instants[found].astype(np.float64), instants[following].astype(np.float64)
    passed: Float64 = begin + share * (end - begin)
    return passed


def age_seconds(
    stamp_t_ms: Int64, stamp: Float64, depth_t_ms: Int64 | None, depth: Float64 | None, *, fresh_ms: int
) -> Level:
    """Age of the oldest waiting message, from the timestamp that the broker shows for it.

    At samples of `depth` when given: 0 where nothing waits, unknown where something waits and no timestamp is shown.
    Timestamps of zero or below mean that there is none. Where depth was read after the timestamp, that message may have
    left in between, and all that is known is that the oldest one is no older.
    """
    shown = np.isfinite(stamp) & (stamp > 0)
    stamp_t_ms, stamp = stamp_t_ms[shown], stamp[shown]
    if depth_t_ms is None or depth is None:
        age = np.maximum(stamp_t_ms / 1000 - stamp, 0.0)
        return Level(stamp_t_ms, age, np.full(len(age), STAMP_ERROR_SECONDS))
    last = np.searchsorted(stamp_t_ms, depth_t_ms, side="right") - 1
    age, error = np.full(len(depth_t_ms), np.nan), np.full(len(depth_t_ms), STAMP_ERROR_SECONDS)
    if len(stamp):
        read_ms = stamp_t_ms[np.maximum(last, 0)]
        fresh = (last >= 0) & (depth_t_ms - read_ms <= fresh_ms)
        age = np.where(fresh, np.maximum(depth_t_ms / 1000 - stamp[np.maximum(last, 0)], 0.0), np.nan)
        error = np.where(depth_t_ms > read_ms, np.maximum(age, error), error)
    age = np.where(depth <= 0, 0.0, age)
    error = np.where(depth <= 0, 0.0, error)
    kept = ~np.isnan(age)
    return Level(depth_t_ms[kept], age[kept], error[kept])
