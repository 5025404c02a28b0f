"""Prometheus' XOR chunks to arrays: many chunks at once, sample k of every chunk in the same step.

A chunk holds up to 120 (some servers: 240) samples as a bit stream: times as second differences, values as the
exclusive or with the value before (the encoding of the Gorilla paper, with Prometheus' own field widths; format
`tsdb/docs/format/chunks.md`, code `tsdb/chunkenc/xor.go`). A chunk must be read from its start, but chunks do not
depend on each other, so numpy reads one sample of each of thousands of chunks per step. Values come out bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.prometheus.bit_stream import ChunkInvalid, UInt64, bits_at, window_at, words_of
from observatory.sources.prometheus.wire import varints

__all__ = ["PADDING", "ChunkInvalid", "decode_chunks", "in_batches", "place_rows"]

LANES = 8000
"""Chunks per batch: enough to hide numpy's cost per call, few enough for the cache; no power of two, which would
put the rows of a batch on the same cache lines."""
PADDING = 32
"""Zero bytes that must follow the last chunk, so that a window of bits may be read past its end."""

# By the four bits that follow: length of the prefix, and bits of the second difference after it.
_PREFIX_BITS = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4, 4], np.int64)
_TIME_BITS = np.array([0] * 8 + [14] * 4 + [17] * 2 + [20, 64], np.int64)
_HIGHEST = np.left_shift(1, np.clip(_TIME_BITS - 1, 0, 62))
_SPAN = np.left_shift(1, np.clip(_TIME_BITS, 0, 62))
_TIME_SHIFT = (64 - np.clip(_TIME_BITS, 1, 64)).astype(np.uint64)
_TIME_MASK = np.where(_TIME_BITS == 0, 0, -1)


def sample_counts(data: NDArray[np.uint8], starts: Int64) -> Int64:
    """How many samples each chunk says that it holds: its first two bytes, big-endian."""
    return data[starts].astype(np.int64) << 8 | data[starts + 1]


Decoder = Callable[[NDArray[np.uint8], Int64, Int64, Int64, Int64, Int64, UInt64], None]
"""Decodes one batch, longest chunks first: data, starts, lengths, counts, targets, then times and bits to fill."""


def decode_chunks(data: NDArray[np.uint8], starts: Int64, lengths: Int64) -> tuple[Int64, Float64, Int64]:
    """Decode chunks that lie anywhere in `data`.

    Args:
        data: Bytes, followed by at least `PADDING` bytes that belong to no chunk.
        starts: Where each chunk begins.
        lengths: Bytes of each chunk.

    Returns:
        Times in ms and values of all samples, chunk after chunk in the given order, and the samples per chunk.

    Raises:
        ChunkInvalid: A chunk is shorter than its samples need.
    """
    # The shortest sample, one that repeats value and interval, takes two bits.
    return in_batches(_decode_batch, 4, data, starts, lengths)


def in_batches(
    decode: Decoder, per_byte: int, data: NDArray[np.uint8], starts: Int64, lengths: Int64
) -> tuple[Int64, Float64, Int64]:
    """What `decode_chunks` says, for any encoding of which a byte holds at most `per_byte` samples."""
    if len(starts) and (int(lengths.min()) < 2 or int((starts + lengths).max()) + PADDING > len(data)):
        raise ChunkInvalid("a chunk lies outside of the bytes at hand")
    counts = sample_counts(data, starts)
    if (counts > per_byte * lengths).any():
        raise ChunkInvalid("a chunk claims more samples than it has room for")
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    times = np.empty(int(offsets[-1]), np.int64)
    bits = np.empty(int(offsets[-1]), np.uint64)
    # Chunks of equal length side by side: those still running are always the first ones of a batch.
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    for low in range(0, len(order), LANES):
        batch = order[low : low + LANES]
        decode(data, starts[batch], lengths[batch], counts[batch], offsets[batch], times, bits)
    return times, bits.view(np.float64), counts


def _decode_batch(
    data: NDArray[np.uint8],
    starts: Int64,
    lengths: Int64,
    counts: Int64,
    targets: Int64,
    times: Int64,
    bits: UInt64,
) -> None:
    """Decode one batch, longest chunks first, into `times` and `bits` at `targets`."""
    words = words_of(data)
    limit = (starts + lengths) * 8
    at_byte, first = varints(data, starts + 2)
    t = (first >> 1) ^ -(first & 1)
    value = words[at_byte].astype(np.uint64)
    at_byte += 8
    rows = int(counts[0])
    all_t, all_values = np.empty((rows, len(starts)), np.int64), np.empty((rows, len(starts)), np.uint64)
    all_t[0], all_values[0] = t, value
    # How many chunks still run at each row: the batch is sorted by falling count.
    running_at = np.searchsorted(-counts, -np.arange(rows), side="left")
    delta = np.zeros(len(starts), np.int64)
    position = at_byte * 8
    if rows > 1:
        second = int(running_at[1])
        at_byte, delta[:second] = varints(data, at_byte[:second])
        position[:second] = at_byte * 8
    stream = _Values(words, value)
    for row in range(1, rows):
        running = int(running_at[row])
        p, d = position[:running], delta[:running]
        if int((p - limit[:running]).max()) >= 0:
            raise ChunkInvalid("a chunk ends before its samples do")
        window = window_at(words, p)
        if row > 1:
            _next_delta(words, window, p, d)
        t[:running] += d
        stream.read(window, p)
        all_t[row, :running] = t[:running]
        all_values[row, :running] = stream.value[:running]
    if int((position - limit).max()) > 0:
        raise ChunkInvalid("a chunk ends before its samples do")
    place_rows(all_t, counts, targets, times)
    place_rows(all_values, counts, targets, bits)


def place_rows(rows: NDArray[Any], counts: Int64, targets: Int64, out: NDArray[Any]) -> None:
    """Turn sample by sample into chunk by chunk: column i of `rows` goes to `out` at `targets[i]`."""
    length, lanes = rows.shape
    begin = int(targets[0])
    if int(counts[-1]) == length and int(targets[-1]) == begin + (lanes - 1) * length and (np.diff(targets) > 0).all():
        out[begin : begin + lanes * length].reshape(lanes, length)[:] = rows.T
        return
    steps = np.arange(length)
    filled = steps < counts[:, np.newaxis]
    out[(targets[:, np.newaxis] + steps)[filled]] = rows.T[filled]


def _next_delta(words: NDArray[np.uint64], window: UInt64, position: Int64, delta: Int64) -> None:
    """Add the second difference that begins at each position to `delta`; positions and windows move behind it."""
    prefix = (window >> np.uint64(60)).view(np.int64)
    if not int(prefix.max()) >> 3:  # every sample came exactly one interval after the last
        position += 1
        window <<= np.uint64(1)
        return
    lead, width = _PREFIX_BITS[prefix], _TIME_BITS[prefix]
    change = ((window << lead.view(np.uint64)) >> _TIME_SHIFT[prefix]).view(np.int64)
    change &= _TIME_MASK[prefix]
    change -= np.where(change > _HIGHEST[prefix], _SPAN[prefix], 0)
    wide = np.flatnonzero(width == 64)
    if len(wide):
        change[wide] = bits_at(words, position[wide] + 4, np.full(len(wide), 64, np.uint64)).view(np.int64)
    delta += change
    lead += width
    position += lead
    # 57 bits less the longest short second difference leave 33, more than the head of a value needs.
    window <<= lead.view(np.uint64)
    if len(wide):
        window[wide] = window_at(words, position[wide])


class _Values:
    """The value stream of a batch: the last bits of each chunk and the span of bits that changed last."""

    def __init__(self, words: NDArray[np.uint64], value: UInt64) -> None:
        self.words = words
        self.value = value
        self.significant = np.full(len(value), 64, np.uint64)
        self.trailing = np.zeros(len(value), np.uint64)

    def read(self, window: UInt64, position: Int64) -> None:
        """Read one value of each of the first `len(position)` chunks; positions move behind it."""
        changed = window >> np.uint64(63)
        count = int(np.count_nonzero(changed))
        if 2 * count > len(changed):
            self._read_all(window, position, changed)
            return
        position += 1
        if not count:
            return
        lanes = np.flatnonzero(changed)
        significant, trailing, at = self.significant[lanes], self.trailing[lanes], position[lanes] + 1
        _take_heads(window[lanes], np.ones(len(lanes), np.uint64), significant, trailing, at)
        self.significant[lanes], self.trailing[lanes] = significant, trailing
        self.value[lanes] ^= bits_at(self.words, at, significant) << trailing
        position[lanes] = at + significant.view(np.int64)

    def _read_all(self, window: UInt64, position: Int64, changed: UInt64) -> None:
        """The same, without picking lanes: cheaper once most values change."""
        significant, trailing = self.significant[: len(changed)], self.trailing[: len(changed)]
        position += 1
        position += changed.view(np.int64)
        _take_heads(window, changed, significant, trailing, position)
        found = bits_at(self.words, position, significant)
        found <<= trailing
        found *= changed
        self.value[: len(changed)] ^= found
        position += (significant * changed).view(np.int64)


def _take_heads(window: UInt64, changed: UInt64, significant: UInt64, trailing: UInt64, position: Int64) -> None:
    """Where a changed value announces a new span of significant bits, read it; positions move behind it."""
    fresh = (window >> np.uint64(62)) & changed
    if not fresh.any():
        return
    new = fresh.astype(bool)
    leading = (window >> np.uint64(57)) & np.uint64(31)
    width = (window >> np.uint64(51)) & np.uint64(63)
    width[width == 0] = 64
    leading += width
    if int((leading * fresh).max()) > 64:
        raise ChunkInvalid("a value has more than 64 bits")
    np.copyto(significant, width, where=new)
    np.copyto(trailing, np.uint64(64) - leading, where=new)
    position += fresh.view(np.int64) * 11
