"""Raw samples made fit for counting: in order, each instant once, without stale markers."""

from __future__ import annotations

import numpy as np

from observatory.sources.base import Int64, SampleSet


def fit(samples: SampleSet, after_ms: int, until_ms: int) -> SampleSet:
    """Samples in (after, until], by time within each series, each instant once, stale markers and infinities removed.

    The last value given for an instant wins. A set that is fit already is returned as it is, not copied.
    """
    owner = _owners(samples)
    t_ms, values = samples.t_ms, samples.values
    keep = np.isfinite(values) & (t_ms > after_ms) & (t_ms <= until_ms)
    if not keep.all():
        owner, t_ms, values = owner[keep], t_ms[keep], values[keep]
    if len(t_ms) > 1:
        backwards = (np.diff(t_ms) <= 0) & (np.diff(owner) == 0)
        if backwards.any():
            order = np.lexsort((t_ms, owner))
            owner, t_ms, values = owner[order], t_ms[order], values[order]
            last = np.append((np.diff(t_ms) != 0) | (np.diff(owner) != 0), True)
            owner, t_ms, values = owner[last], t_ms[last], values[last]
    if len(t_ms) == len(samples.t_ms) and t_ms is samples.t_ms:
        return samples
    offsets = np.zeros(len(samples) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(samples)), out=offsets[1:])
    return SampleSet(samples.labels, offsets, t_ms, values, samples.exact, samples.resolution_ms)


def _owners(samples: SampleSet) -> Int64:
    return np.repeat(np.arange(len(samples), dtype=np.int64), np.diff(samples.offsets))
