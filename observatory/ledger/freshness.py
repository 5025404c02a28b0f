"""Freshness: how long ago something last happened, from the rises of counters and positions.

What a sample shows for the first time happened after the sample before it, so a rise has an instant, half-way between
the two, and an error bar of half their distance. Before the first rise it is only known that nothing happened since the
first sample: the age is at least that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from observatory.ledger.levels import Level
from observatory.sources.base import Float64, Int64

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


def seconds_since(sampled_ms: Sequence[Int64], rises: Sequence[Rises]) -> Level:
    """Seconds since the newest rise of any series, at each instant at which one of them was sampled."""
    instants = np.unique(np.concatenate([np.empty(0, np.int64), *sampled_ms]))
    before = np.concatenate([np.empty(0, np.int64), *(one[0] for one in rises)])
    shown = np.concatenate([np.empty(0, np.int64), *(one[1] for one in rises)])
    # Of rises that show at one instant the one whose sample before is nearest tells most.
    order = np.lexsort((before, shown))
    before, shown = np.maximum.accumulate(before[order]) if len(order) else before, shown[order]
    last = np.searchsorted(shown, instants, side="right") - 1
    known = last >= 0
    age, error = np.zeros(len(instants)), np.zeros(len(instants))
    if len(shown):
        at = np.maximum(last, 0)
        age = (instants - (before[at] + shown[at]) / 2) / 1000
        error = (shown[at] - before[at]) / 2000
    first = instants[0] if len(instants) else 0
    age = np.where(known, age, (instants - first) / 1000)
    return Level(instants, age, np.where(known, error, 0.0), ~known)
