"""Histograms: counts at or under a bound, and quantiles for panels.

A bound that is a bucket's boundary is counted exactly. Between two boundaries the truth lies between the two buckets'
counts: `good` is the lower one, so that nothing is called good that may not be, and both are reported.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from observatory.sources.base import Float64


def quantiles(boundaries: Sequence[float], at_most: Float64, quantile: float) -> Float64:
    """Quantile per step from cumulative bucket counts, with linear interpolation inside the bucket.

    Args:
        boundaries: Upper bounds, ascending, the last one infinite.
        at_most: One line per boundary, one column per step: events at or under the boundary in that step.
        quantile: 0..1.

    Returns:
        Values in the boundaries' unit; NaN in steps without events; the highest finite boundary where the quantile
        lies above it, because nothing more is known.
    """
    bounds = np.asarray(boundaries, dtype=np.float64)
    counts = np.maximum.accumulate(at_most, axis=0)
    total = counts[-1]
    rank = quantile * total
    bucket = np.minimum((counts < rank).sum(axis=0), len(bounds) - 1)
    columns = np.arange(counts.shape[1])
    finite = bounds[np.isfinite(bounds)]
    top = float(finite[-1]) if len(finite) else np.nan
    upper = bounds[bucket]
    lower = np.where(bucket > 0, bounds[np.maximum(bucket - 1, 0)], np.minimum(0.0, upper))
    below = np.where(bucket > 0, counts[np.maximum(bucket - 1, 0), columns], 0.0)
    inside = counts[bucket, columns] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        value = lower + (upper - lower) * np.where(inside > 0, (rank - below) / inside, 1.0)
    value = np.where(np.isfinite(upper), value, top)
    result: Float64 = np.where(total > 0, value, np.nan)
    return result


def sample_quantiles(steps: np.typing.NDArray[np.int64], values: Float64, count: int, quantile: float) -> Float64:
    """Quantile per step of single values (hops): the smallest value with at least that share at or below it.

    Args:
        steps: Step of each value; values outside 0..count-1 are left out.
    """
    result = np.full(count, np.nan)
    kept = (steps >= 0) & (steps < count)
    steps, values = steps[kept], values[kept]
    if not len(steps):
        return result
    order = np.lexsort((values, steps))
    steps, values = steps[order], values[order]
    firsts = np.flatnonzero(np.diff(steps, prepend=-1))
    sizes = np.diff(np.append(firsts, len(steps)))
    position = np.clip(np.ceil(quantile * sizes).astype(np.int64) - 1, 0, sizes - 1)
    result[steps[firsts]] = values[firsts + position]
    return result
