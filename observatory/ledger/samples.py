"""Raw samples made fit for counting: in order, each instant once, without stale markers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from observatory.sources.base import Int64, SampleSet, are_among

BLOCK = 1 << 16
"""Samples per pass: a few arrays of this size stay in the processor's cache."""


def fit(samples: SampleSet, after_ms: int, until_ms: int) -> SampleSet:
    """Samples in (after, until], by time within each series, each instant once, stale markers and infinities removed.

    Of several values given for one instant the highest wins, so that the order of arrival is nothing. A set that is
    fit already is returned as it is, not copied.
    """
    if _is_fit(samples, after_ms, until_ms):
        return samples
    owner = _owners(samples)
    t_ms, values = samples.t_ms, samples.values
    keep = np.isfinite(values) & (t_ms > after_ms) & (t_ms <= until_ms)
    if not keep.all():
        owner, t_ms, values = owner[keep], t_ms[keep], values[keep]
    if len(t_ms) > 1:
        backwards = (np.diff(t_ms) <= 0) & (np.diff(owner) == 0)
        if backwards.any():
            order = np.lexsort((values, t_ms, owner))
            owner, t_ms, values = owner[order], t_ms[order], values[order]
            last = np.append((np.diff(t_ms) != 0) | (np.diff(owner) != 0), True)
            owner, t_ms, values = owner[last], t_ms[last], values[last]
    offsets = np.zeros(len(samples) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(samples)), out=offsets[1:])
    return SampleSet(samples.labels, offsets, t_ms, values, samples.exact, samples.resolution_ms)


def _is_fit(samples: SampleSet, after_ms: int, until_ms: int) -> bool:
    """Whether nothing needs to be changed, found out block by block without a copy of anything large."""
    t_ms, edges = samples.t_ms, samples.offsets[1:-1]
    for begin in range(0, len(t_ms), BLOCK):
        part = t_ms[begin : begin + BLOCK + 1]
        # A sum is finite only where every value is; one that overflows is looked at more closely by the caller.
        # A stale marker is a signalling NaN: adding it is no error here, it is what is looked for.
        with np.errstate(invalid="ignore"):
            total = samples.values[begin : begin + BLOCK].sum()
        if not np.isfinite(total):
            return False
        if part.min() <= after_ms or part.max() > until_ms:
            return False
        backwards = np.flatnonzero(part[1:] <= part[:-1]) + begin + 1
        if len(backwards) and not are_among(backwards, edges):
            return False
    return True


def _owners(samples: SampleSet) -> Int64:
    return np.repeat(np.arange(len(samples), dtype=np.int64), np.diff(samples.offsets))


def series_blocks(offsets: Int64) -> Iterator[tuple[int, int]]:
    """Ranges (begin, end) of whole series with about `BLOCK` samples each."""
    begin, count = 0, len(offsets) - 1
    while begin < count:
        end = int(np.searchsorted(offsets, offsets[begin] + BLOCK, side="right")) - 1
        end = min(count, max(begin + 1, end))
        yield begin, end
        begin = end
