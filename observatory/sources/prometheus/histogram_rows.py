"""The samples of many chunks of whole histograms at once, sample k of every chunk in the same step, as `xor` does it.

What stands at the head of a chunk (`histogram_chunks`) says how many numbers each of its samples has. Chunks with
equally many are read together: a number of each of thousands of chunks per step of numpy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.prometheus.bit_stream import ChunkInvalid, UInt64, bits_at, window_at, words_of
from observatory.sources.prometheus.sample_buffer import STALE_NAN_BITS

FIXED = 3
"""Numbers of every sample before its buckets: time, count, and count of the zero bucket."""
_WIDTHS = np.array([0, 3, 6, 9, 12, 18, 25, 56, 64], np.int64)
_ONES = np.array([next((k for k in range(8) if not byte >> (7 - k) & 1), 8) for byte in range(256)], np.int64)
"""By a byte how many ones it begins with."""
_PREFIX = np.minimum(np.arange(9) + 1, 8)
_FAR = 7
"""With so many ones before it a number may reach beyond a window."""


class _Lanes:
    """Where the next number of each chunk begins."""

    def __init__(self, words: NDArray[np.uint64], position: Int64) -> None:
        self.words, self.position = words, position

    def raw(self, active: int) -> tuple[UInt64, Int64]:
        """A number of each of the first chunks as it stands there, and how many bits it has."""
        position = self.position[:active]
        window = window_at(self.words, position)
        ones = _ONES[window >> np.uint64(56)]
        width, prefix = _WIDTHS[ones], _PREFIX[ones]
        shift = np.where(width > 0, 64 - width, 63).view(np.uint64)
        value: UInt64 = np.where(width > 0, (window << prefix.view(np.uint64)) >> shift, np.uint64(0))
        far = np.flatnonzero(ones >= _FAR)
        if len(far):
            value[far] = bits_at(self.words, position[far] + prefix[far], width[far].view(np.uint64))
        position += prefix + width
        return value, width

    def signed(self, active: int) -> Int64:
        value, width = self.raw(active)
        found: Int64 = value.view(np.int64)
        below = np.minimum(width, 62)
        return np.where(
            (width > 0) & (width < 64) & (found > np.int64(1) << (below - 1).clip(0)), found - (1 << below), found
        )

    def signed_of(self, some: slice | NDArray[np.intp], active: int) -> Int64:
        """As `signed` of some of the first chunks, while the others stay where they are."""
        if isinstance(some, slice):
            return self.signed(active)
        mine = _Lanes(self.words, self.position[some])
        found = mine.signed(len(some))
        self.position[some] = mine.position
        return found

    def unsigned(self, active: int) -> Int64:
        return self.raw(active)[0].view(np.int64)


class _Sums:
    """The sums of each chunk's samples: doubles, each the exclusive or with the one before."""

    def __init__(self, lanes: _Lanes, count: int) -> None:
        self._lanes = lanes
        self.value = bits_at(lanes.words, lanes.position, np.full(count, 64, np.uint64))
        lanes.position += 64
        self._significant, self._trailing = np.full(count, 64, np.int64), np.zeros(count, np.int64)

    def read(self, active: int) -> None:
        position = self._lanes.position[:active]
        window = window_at(self._lanes.words, position)
        changed = window >> np.uint64(63) == 1
        fresh = window >> np.uint64(62) == 3
        leading = (window >> np.uint64(57) & np.uint64(31)).view(np.int64)
        width = (window >> np.uint64(51) & np.uint64(63)).view(np.int64)
        width = np.where(width == 0, 64, width)
        if (fresh & (leading + width > 64)).any():
            raise ChunkInvalid("a value has more than 64 bits")
        significant, trailing = self._significant[:active], self._trailing[:active]
        significant[:] = np.where(fresh, width, significant)
        trailing[:] = np.where(fresh, 64 - leading - width, trailing)
        position += np.where(fresh, 13, np.where(changed, 2, 1))
        bits = bits_at(self._lanes.words, position, significant.view(np.uint64)) << trailing.view(np.uint64)
        self.value[:active] ^= np.where(changed, bits, np.uint64(0))
        position += np.where(changed, significant, 0)


def rows_of(
    data: NDArray[np.uint8], positions: Int64, limits: Int64, counts: Int64, positive: Int64, fields: int
) -> Iterator[tuple[int, Int64, Float64]]:
    """Times and numbers of the samples of each chunk, in any order of chunks.

    Args:
        data: The bytes of all chunks, and padding behind the last one.
        positions, limits: By chunk where its first sample begins and where it ends, in bits.
        counts: Its samples, at least one.
        positive: How many of its buckets are positive.
        fields: Numbers of each sample, `FIXED` and its buckets.

    Yields:
        Number of the chunk, times, and one line per sample: count, zero bucket, sum, buckets; NaN at a stale marker.

    Raises:
        ChunkInvalid: A chunk ends before its samples do.
    """
    order = np.argsort(-counts, kind="stable")
    counts, limits = counts[order], limits[order]
    lanes = _Lanes(words_of(data), positions[order])
    numbers = np.zeros((int(counts[0]), fields, len(order)), np.int64)
    sums = np.zeros((int(counts[0]), len(order)), np.uint64)
    _read(lanes, counts, limits, numbers, sums)
    for lane, chunk in enumerate(order.tolist()):
        count, own = int(counts[lane]), numbers[: int(counts[lane]), :, lane]
        split = FIXED + int(positive[chunk])
        table = np.empty((count, fields))
        table[:, :2] = own[:, 1:FIXED]
        table[:, 2] = sums[:count, lane].view(np.float64)
        table[:, FIXED:split] = np.cumsum(own[:, FIXED:split], axis=1)
        table[:, split:] = np.cumsum(own[:, split:], axis=1)
        table[sums[:count, lane] == STALE_NAN_BITS] = np.nan
        yield chunk, own[:, 0].copy(), table


def _read(lanes: _Lanes, counts: Int64, limits: Int64, numbers: Int64, sums: UInt64) -> None:
    """Fill numbers (sample, field, chunk) and sums (sample, chunk), of chunks with ever fewer samples."""
    fields, chunks = numbers.shape[1:]
    current, steps = np.zeros((fields, chunks), np.int64), np.zeros((fields, chunks), np.int64)
    for field in range(FIXED):
        current[field] = lanes.signed(chunks) if field == 0 else lanes.unsigned(chunks)
    total = _Sums(lanes, chunks)
    for field in range(FIXED, fields):
        current[field] = lanes.signed(chunks)
    for sample in range(len(numbers)):
        active = int(np.searchsorted(-counts, -sample, side="left"))
        if sample:
            for field in range(FIXED):
                steps[field, :active] += lanes.signed(active)
                current[field, :active] += steps[field, :active]
            total.read(active)
            stale = total.value[:active] == STALE_NAN_BITS
            whole = slice(0, active) if not stale.any() else np.flatnonzero(~stale)
            for field in range(FIXED, fields):
                steps[field, whole] += lanes.signed_of(whole, active)
                current[field, whole] += steps[field, whole]
        numbers[sample, :, :active] = current[:, :active]
        sums[sample, :active] = total.value[:active]
        if (lanes.position[:active] > limits[:active]).any():
            raise ChunkInvalid("a chunk ends before its samples do")
