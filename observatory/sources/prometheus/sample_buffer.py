"""Decoded samples on their way to a `SampleSet`: trimmed to the range, put in order, held once.

A month of a thousand channels is more than a gigabyte of samples, so parts are appended to one array instead of being
kept and joined at the end. It is longer than they need: what nobody has written to takes no memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64, SampleSet, are_among
from observatory.windows import TimeRange

STALE_NAN_BITS = np.uint64(0x7FF0000000000002)
MOST_SAMPLES = 250_000_000
"""Of one request: a month of 2,900 channels with two counters each at a minute, and four gigabytes. A signal is read in
four requests at most, so beyond 11,500 such channels at one source it is counted by the server."""
_AHEAD = 16
"""How many times as long as it has to be an array is made: growing it copies everything that is there."""
_TILE = 1 << 20
_FEW = 64


class SamplesTooMany(Exception):
    """More samples than one process should hold."""


class SampleBuffer:
    """Collects samples of many series in any order of series.

    Only samples in the range are kept. Of the values that are no number only stale markers stay, as NaN; a NaN that
    was scraped (a quantile without observations) says nothing and is left out.

    Raises:
        SamplesTooMany: By `append` and `room`, beyond `MOST_SAMPLES`.
    """

    def __init__(self, span: TimeRange) -> None:
        self._span = span
        self._t = np.empty(0, np.int64)
        self._v = np.empty(0, np.float64)
        self._size = 0
        self._series: list[Int64] = []
        self._counts: list[Int64] = []

    def append(self, series: Int64, counts: Int64, t_ms: Int64, values: Float64) -> None:
        """Add runs of samples end to end: run i has `counts[i]` samples of series number `series[i]`."""
        times, room = self.room(len(t_ms))
        times[:], room[:] = t_ms, values
        self.take(series, counts)

    def room(self, count: int) -> tuple[Int64, Float64]:
        """Arrays for times and values of so many samples, to be written in full and then taken with `take`."""
        end = self._size + count
        if end > MOST_SAMPLES:
            raise SamplesTooMany
        if end > len(self._t):
            # One after the other, so that never more than one is held twice.
            self._t = longer(self._t, self._size, end)
            self._v = longer(self._v, self._size, end)
        return self._t[self._size : end], self._v[self._size : end]

    def take(self, series: Int64, counts: Int64) -> None:
        """Add what was written into the last `room`, as `append` does."""
        end = self._size + int(counts.sum())
        t_ms, values = self._t[self._size : end], self._v[self._size : end]
        keep = (t_ms > self._span.start_ms) & (t_ms <= self._span.end_ms)
        no_number = np.isnan(values)
        if no_number.any():
            keep &= ~no_number | (values.view(np.uint64) == STALE_NAN_BITS)
        if not keep.all():
            kept = np.zeros(len(keep) + 1, np.int64)
            np.cumsum(keep, out=kept[1:])
            edges = np.zeros(len(counts) + 1, np.int64)
            np.cumsum(counts, out=edges[1:])
            counts = np.diff(kept[edges])
            _move_together(keep, t_ms, values)
        self._size += int(counts.sum())
        self._series.append(series)
        self._counts.append(counts)

    def sample_set(self, labels: Sequence[Mapping[str, str]], exact: bool = True, resolution_ms: int = 0) -> SampleSet:
        """What was collected; series without a sample in the range are left out. The buffer is used up."""
        # The arrays never leave this object before, so nobody holds a view of what is given back.
        self._t.resize(self._size, refcheck=False)
        self._v.resize(self._size, refcheck=False)
        series = np.concatenate([np.empty(0, np.int64), *self._series])
        counts = np.concatenate([np.empty(0, np.int64), *self._counts])
        if (np.diff(series) < 0).any():
            # One column after the other, so that never more than one is held twice.
            self._t = _gathered(series, counts, self._t)
            self._v = _gathered(series, counts, self._v)
        t_ms, values = self._t, self._v
        totals = np.bincount(series, weights=counts, minlength=len(labels)).astype(np.int64)
        present = np.flatnonzero(totals)
        offsets = np.zeros(len(present) + 1, np.int64)
        np.cumsum(totals[present], out=offsets[1:])
        found = SampleSet(
            tuple(labels[i] for i in present.tolist()),
            offsets,
            t_ms,
            values,
            exact=exact,
            resolution_ms=resolution_ms,
        )
        return found if _increasing(t_ms, offsets) else in_order(found)


def longer(column: NDArray[Any], held: int, needed: int) -> NDArray[Any]:
    """What is held of a column, in an array that has room for so many and for more to come."""
    try:
        room = np.empty(min(_AHEAD * needed, max(needed, MOST_SAMPLES)), column.dtype)
    except MemoryError:  # a machine that promises no more than it has
        room = np.empty(needed, column.dtype)
    room[:held] = column[:held]
    return room


def _move_together(keep: NDArray[np.bool_], *columns: NDArray[Any]) -> None:
    """Close the gaps that samples leave which are not kept, in place."""
    dropped = np.flatnonzero(~keep)
    if len(dropped) > len(keep) // _FEW:
        for column in columns:
            column[: len(keep) - len(dropped)] = column[keep]
        return
    # Few are dropped, at the ends of series: what lies between them is moved as it is.
    to = 0
    for low, high in pairwise([-1, *dropped.tolist(), len(keep)]):
        low += 1
        if to != low:
            for column in columns:
                column[to : to + high - low] = column[low:high]
        to += high - low


def _gathered(series: Int64, counts: Int64, column: NDArray[Any]) -> NDArray[Any]:
    """Runs moved so that those of one series lie together, earlier runs first."""
    ends = np.cumsum(counts)
    order = np.argsort(series, kind="stable")
    runs = zip((ends - counts)[order].tolist(), ends[order].tolist(), strict=True)
    return np.concatenate([column[:0], *(column[begin:end] for begin, end in runs)])


def _increasing(t_ms: Int64, offsets: Int64) -> bool:
    """Whether times grow strictly within each series."""
    borders = offsets[1:-1]
    for low in range(1, len(t_ms), _TILE):
        part = np.flatnonzero(t_ms[low : low + _TILE] <= t_ms[low - 1 : low - 1 + len(t_ms[low : low + _TILE])]) + low
        if len(part) and not are_among(part, borders):
            return False
    return True


def in_order(samples: SampleSet) -> SampleSet:
    """Samples in order of time within each series; of several at one instant the highest stays, a marker last of all.

    Overlapping chunks (a head and a block, two replicas) deliver a sample twice; that is one sample.
    """
    owner = np.repeat(np.arange(len(samples)), np.diff(samples.offsets))
    # Descending values put numbers before the stale marker, which sorts behind all of them.
    order = np.lexsort((-samples.values, samples.t_ms, owner))
    t_ms, owner = samples.t_ms[order], owner[order]
    first: NDArray[np.bool_] = np.ones(len(order), bool)
    first[1:] = (np.diff(t_ms) != 0) | (np.diff(owner) != 0)
    offsets = np.zeros(len(samples) + 1, np.int64)
    np.cumsum(np.bincount(owner[first], minlength=len(samples)), out=offsets[1:])
    return SampleSet(
        samples.labels,
        offsets,
        t_ms[first],
        samples.values[order][first],
        exact=samples.exact,
        resolution_ms=samples.resolution_ms,
    )
