"""Freshness: how long ago something last happened, from the rises of counters and positions.

What a sample shows for the first time happened after the sample before it, so a rise has an instant, half-way between
the two, and an error bar of half their distance. Before the first rise it is only known that nothing happened since the
first sample: the age is at least that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.ledger.levels import Level
from observatory.sources.base import Float64, Int64

Array = NDArray[Any]
Rises = tuple[Int64, Int64]
"""For each rise the sample before it and the one that shows it, in milliseconds."""


def rises_of(t_ms: Int64, values: Float64, born_at: float | None) -> Rises:
    """Where a series rose. A fall is a restart or a re-created topic, and what it shows after that is new.

    Args:
        born_at: What the series had counted before its first sample, where that sample is known to count.
    """
    if not len(t_ms):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    step = np.diff(values)
    rose = (step > 0) | ((step < 0) & (values[1:] > 0))
    before, shown = t_ms[:-1][rose], t_ms[1:][rose]
    if born_at is not None and values[0] > born_at:
        # The scrape before showed nothing; it was as far away as scrapes of this series are.
        distance = int(np.median(np.diff(t_ms))) if len(t_ms) > 1 else 0
        before, shown = np.concatenate(([t_ms[0] - distance], before)), np.concatenate((t_ms[:1], shown))
    return before, shown


def seconds_since(sampled_ms: Sequence[Int64], rises: Sequence[Rises], gaps_ms: Sequence[int]) -> Level:
    """Seconds since the newest rise of any series, at each instant at which one of them was sampled.

    Series are sampled at moments of their own. Between two samples of one that rose in between, its rise is taken to
    happen half-way, and the error bar reaches from the newest rise that is certain to the instant itself. Beyond the
    last sample of a series that goes on nothing is said, for its next one may show a rise.

    Args:
        gaps_ms: By series how far apart its samples are at most while it goes on.
    """
    instants = np.unique(np.concatenate([np.empty(0, np.int64), *sampled_ms]))
    if not len(instants):
        return Level(instants, np.empty(0), np.empty(0), np.empty(0, dtype=bool))
    # Nothing is known before the first sample of those that were there from the beginning.
    first = max(
        one[0] for one, gap_ms in zip(sampled_ms, gaps_ms, strict=True) if len(one) and one[0] - instants[0] <= gap_ms
    )
    going_on = [
        int(one[-1])
        for one, gap_ms in zip(sampled_ms, gaps_ms, strict=True)
        if len(one) and instants[-1] - one[-1] <= gap_ms
    ]
    instants = instants[instants <= min(going_on)]
    before = np.concatenate([np.empty(0, np.int64), *(one[0] for one in rises)])
    shown = np.concatenate([np.empty(0, np.int64), *(one[1] for one in rises)])
    nothing = np.iinfo(np.int64).min // 4
    certain = _highest(shown, before, instants + 1, nothing)
    # What a later sample shows may have happened by then.
    newest = np.minimum(_highest(before, shown, instants, nothing), instants)
    middle = before + (shown - before) / 2
    assumed = np.clip(_highest(middle, middle, instants + 1, float(nothing)), certain, newest)
    known = certain > nothing
    age = np.where(known, instants - assumed, np.maximum(instants - np.maximum(newest, first), 0)) / 1000
    error = np.where(known, np.maximum(newest - assumed, assumed - certain), 0.0) / 1000
    return Level(instants, age, error, ~known)


def _highest(keys: Array, values: Array, below: Int64, nothing: float) -> Array:
    """Of the values whose keys lie below each bound the highest; `nothing` where there are none."""
    order = np.argsort(keys, kind="stable")
    highest = np.concatenate(([nothing], np.maximum.accumulate(values[order]))).astype(values.dtype)
    found: Array = highest[np.searchsorted(keys[order], below, side="left")]
    return found
