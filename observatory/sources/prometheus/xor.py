"""Prometheus' XOR chunks to arrays: many chunks at once, sample k of every chunk in the same step.

A chunk holds up to 120 (some servers: 240) samples as a bit stream: times as second differences, values as the
exclusive or with the value before (the encoding of the Gorilla paper, with Prometheus' own field widths; format
`tsdb/docs/format/chunks.md`, code `tsdb/chunkenc/xor.go`). A chunk must be read from its start, but chunks do not
depend on each other, so numpy reads one sample of each of thousands of chunks per step. Values come out bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.prometheus import xor_kernel
from observatory.sources.prometheus.bit_stream import (
    WINDOW_BITS,
    ChunkInvalid,
    UInt64,
    bits_at,
    window_at,
    words_of,
)
from observatory.sources.prometheus.wire import varints
from observatory.sources.prometheus.xor_kernel import Heads, Loader

__all__ = ["PADDING", "ChunkInvalid", "Room", "decode_chunks", "in_batches", "new_arrays", "place_rows", "room_for"]

LANES = 4500
"""Chunks per batch: enough to hide numpy's cost per call, few enough for the cache; no power of two, which would
put the rows of a batch on the same cache lines."""
PADDING = 32
"""Zero bytes that must follow the last chunk, so that a window of bits may be read past its end."""

LOADER = Loader()
"""Shared by all sources of this process."""

# By the four bits that follow: length of the prefix, and bits of the second difference after it.
_PREFIX_BITS = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4, 4], np.int64)
_TIME_BITS = np.array([0] * 8 + [14] * 4 + [17] * 2 + [20, 64], np.int64)
_HIGHEST = np.left_shift(1, np.clip(_TIME_BITS - 1, 0, 62))
_SPAN = np.left_shift(1, np.clip(_TIME_BITS, 0, 62))
_TIME_SHIFT = (64 - np.clip(_TIME_BITS, 1, 64)).astype(np.uint64)
_TIME_MASK = np.where(_TIME_BITS == 0, 0, -1)

_EVERY_BIT = np.uint64(2**64 - 1)
_HEAD_BITS = 13
"""The longest head of a value: `11`, five bits of leading zeros, six of significant bits (0 is 64)."""
_NO_SPAN = 1 << 20
"""Bits that the head of an impossible span is said to take: more than any window has, so that it is looked at."""


def _head_tables() -> tuple[Int64, UInt64, UInt64, UInt64]:
    """By the bits that a value begins with: length of its head, a mask of ones where it changed, a mask of ones where
    the span of significant bits stays, and the new span (significant bits, and trailing zeros times 256)."""
    head = np.arange(1 << _HEAD_BITS)
    changed, fresh = head >> 12 == 1, head >> 11 == 3
    leading, significant = head >> 6 & 31, head & 63
    significant = np.where(significant == 0, 64, significant)
    trailing = 64 - leading - significant
    length = np.where(fresh, np.where(trailing < 0, _NO_SPAN, _HEAD_BITS), np.where(changed, 2, 1))
    return (
        length.astype(np.int64),
        np.where(changed, _EVERY_BIT, np.uint64(0)),
        np.where(fresh, np.uint64(0), _EVERY_BIT),
        np.where(fresh & (trailing >= 0), significant | trailing << 8, 0).astype(np.uint64),
    )


_HEAD, _CHANGED, _KEPT, _FRESH = _head_tables()


def sample_counts(data: NDArray[np.uint8], starts: Int64) -> Int64:
    """How many samples each chunk says that it holds: its first two bytes, big-endian."""
    return data[starts].astype(np.int64) << 8 | data[starts + 1]


Room = Callable[[int], tuple[Int64, Float64]]
"""Gives arrays for times and values of so many samples."""
Decoder = Callable[[NDArray[np.uint8], Int64, Int64, Int64, Int64, Int64, UInt64], None]
"""Decodes one batch, longest chunks first: data, starts, lengths, counts, targets, then times and bits to fill."""


def new_arrays(count: int) -> tuple[Int64, Float64]:
    """Arrays for times and values of so many samples."""
    return np.empty(count, np.int64), np.empty(count, np.float64)


def decode_chunks(
    data: NDArray[np.uint8], starts: Int64, lengths: Int64, room: Room = new_arrays
) -> tuple[Int64, Float64, Int64]:
    """Decode chunks that lie anywhere in `data`.

    Args:
        data: Bytes, followed by at least `PADDING` bytes that belong to no chunk.
        starts: Where each chunk begins.
        lengths: Bytes of each chunk.
        room: Gives the arrays to write times and values into.

    Returns:
        Times in ms and values of all samples, chunk after chunk in the given order, and the samples per chunk.

    Raises:
        ChunkInvalid: A chunk is shorter than its samples need.
    """
    # The shortest sample, one that repeats value and interval, takes two bits.
    counts, offsets, times, bits = room_for(4, data, starts, lengths, room)
    kernel = LOADER.kernel(int(lengths.sum()))
    if kernel is not None:
        some = np.flatnonzero(counts)
        heads = _heads(data, starts[some], lengths[some], counts[some])
        xor_kernel.decode(kernel, heads, offsets[some], times, bits)
    else:
        in_batches(_decode_batch, data, starts, lengths, counts, offsets, times, bits)
    return times, bits.view(np.float64), counts


def room_for(
    per_byte: int, data: NDArray[np.uint8], starts: Int64, lengths: Int64, room: Room
) -> tuple[Int64, Int64, Int64, UInt64]:
    """Samples per chunk, where each chunk's begin, and arrays for the times and bits of all of them.

    Args:
        per_byte: The most samples that a byte can hold.

    Raises:
        ChunkInvalid: A chunk lies elsewhere, or claims more samples than that.
    """
    if len(starts) and (int(lengths.min()) < 2 or int((starts + lengths).max()) + PADDING > len(data)):
        raise ChunkInvalid("a chunk lies outside of the bytes at hand")
    counts = sample_counts(data, starts)
    if (counts > per_byte * lengths).any():
        raise ChunkInvalid("a chunk claims more samples than it has room for")
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    times, values = room(int(offsets[-1]))
    return counts, offsets, times, values.view(np.uint64)


def in_batches(
    decode: Decoder,
    data: NDArray[np.uint8],
    starts: Int64,
    lengths: Int64,
    counts: Int64,
    offsets: Int64,
    times: Int64,
    bits: UInt64,
) -> None:
    """Decode batches of chunks of equal length side by side: those still running are always the first ones of one."""
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    lanes = -(-len(order) // max(1, -(-len(order) // LANES)))
    for low in range(0, len(order), max(1, lanes)):
        batch = order[low : low + lanes]
        decode(data, starts[batch], lengths[batch], counts[batch], offsets[batch], times, bits)


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
    heads = _heads(data, starts, lengths, counts)
    words = words_of(data)
    rows = int(counts[0])
    all_t, all_values = np.empty((rows, len(starts)), np.int64), np.empty((rows, len(starts)), np.uint64)
    all_t[0], all_values[0] = heads.times, heads.bits
    delta, position = heads.deltas, heads.positions
    # How many chunks still run at each row: the batch is sorted by falling count.
    running_at = np.searchsorted(-counts, -np.arange(rows), side="left").tolist()
    stream = _Values(words, len(starts))
    try:
        for row in range(1, rows):
            running = running_at[row]
            p, d = position[:running], delta[:running]
            window = window_at(words, p)
            left = _next_delta(words, window, p, d) if row > 1 else WINDOW_BITS
            np.add(all_t[row - 1, :running], d, out=all_t[row, :running])
            change = stream.change(window, left, p)
            np.bitwise_xor(all_values[row - 1, :running], change, out=all_values[row, :running])
    except IndexError:
        raise ChunkInvalid("a chunk ends before its samples do") from None
    # A chunk that ends early is read on into what follows it, which says nothing and ends here.
    if int((position - heads.limits).max()) > 0:
        raise ChunkInvalid("a chunk ends before its samples do")
    place_rows(all_t, counts, targets, times)
    place_rows(all_values, counts, targets, bits)


def _heads(data: NDArray[np.uint8], starts: Int64, lengths: Int64, counts: Int64) -> Heads:
    """The first sample of chunks that have one, and the distance to the second."""
    at_byte, first = varints(data, starts + 2)
    bits: UInt64 = words_of(data)[at_byte].astype(np.uint64)
    at_byte += 8
    deltas = np.zeros(len(starts), np.int64)
    more = np.flatnonzero(counts > 1)
    at_byte[more], deltas[more] = varints(data, at_byte[more])
    times = (first >> 1) ^ -(first & 1)
    return Heads(data, (starts + lengths) * 8, counts, times, bits, deltas, at_byte * 8)


def place_rows(rows: NDArray[Any], counts: Int64, targets: Int64, out: NDArray[Any]) -> None:
    """Turn sample by sample into chunk by chunk: column i of `rows` goes to `out` at `targets[i]`."""
    length, lanes = rows.shape
    breaks = np.flatnonzero((np.diff(targets) != counts[:-1]) | (np.diff(counts) != 0)) + 1
    if 8 * len(breaks) > lanes:
        steps = np.arange(length)
        filled = steps < counts[:, np.newaxis]
        out[(targets[:, np.newaxis] + steps)[filled]] = rows.T[filled]
        return
    # Chunks of one length whose places follow one another are moved together.
    for low, high in pairwise([0, *breaks.tolist(), lanes]):
        count, begin = int(counts[low]), int(targets[low])
        out[begin : begin + (high - low) * count].reshape(high - low, count)[:] = rows[:count, low:high].T


def _next_delta(words: NDArray[np.uint64], window: UInt64, position: Int64, delta: Int64) -> int:
    """Add the second difference that begins at each position to `delta`; positions and windows move behind it.

    Returns:
        How many bits are left in every window.
    """
    if not int(window.max()) >> 63:  # every sample came exactly one interval after the last
        position += 1
        window <<= np.uint64(1)
        return WINDOW_BITS - 1
    prefix = (window >> np.uint64(60)).view(np.int64)
    lead, width = _PREFIX_BITS[prefix], _TIME_BITS[prefix]
    change = ((window << lead.view(np.uint64)) >> _TIME_SHIFT[prefix]).view(np.int64)
    change &= _TIME_MASK[prefix]
    change -= (change > _HIGHEST[prefix]) * _SPAN[prefix]
    wide = np.flatnonzero(width == 64)
    if len(wide):
        change[wide] = bits_at(words, position[wide] + 4, np.full(len(wide), 64, np.uint64)).view(np.int64)
    delta += change
    lead += width
    position += lead
    window <<= lead.view(np.uint64)
    if len(wide):
        window[wide], lead[wide] = window_at(words, position[wide]), 0
    return WINDOW_BITS - int(lead.max())


class _Values:
    """The value stream of a batch: the span of bits that changed last in each chunk."""

    def __init__(self, words: NDArray[np.uint64], chunks: int) -> None:
        self.words = words
        self.span = np.full(chunks, 64, np.uint64)

    def change(self, window: UInt64, left: int, position: Int64) -> UInt64:
        """What changes in the values of the first `len(position)` chunks; positions move behind it.

        Args:
            left: How many bits of each window there are; 33, after the longest second difference that is not read
                on its own, are more than a head.
        """
        begins = window >> np.uint64(63)
        changed = int(np.count_nonzero(begins))
        if 4 * changed > len(position):
            return self._read(window, left, position, self.span[: len(position)])
        found = np.zeros(len(position), np.uint64)
        position += 1
        if changed:
            lanes = np.flatnonzero(begins)
            at, span = position[lanes] - 1, self.span[lanes]
            found[lanes] = self._read(window[lanes], left, at, span)
            self.span[lanes], position[lanes] = span, at
        return found

    def _read(self, window: UInt64, left: int, position: Int64, span: UInt64) -> UInt64:
        """The same without picking chunks, cheaper once many change; brings positions and spans up to date.

        Tables instead of masks: to look up a few thousand bytes costs numpy less than to choose.
        """
        head = (window >> np.uint64(64 - _HEAD_BITS)).view(np.int64)
        length = _HEAD[head]
        span &= _KEPT[head]
        span |= _FRESH[head]
        width = span & np.uint64(255)
        width &= _CHANGED[head]
        # Where nothing changed the shift is by all 64 bits, which leaves none of them.
        found: UInt64 = (window << length.view(np.uint64)) >> (np.uint64(64) - width)
        after = length + width.view(np.int64)
        furthest = int(after.max())
        if furthest > left:
            if furthest >= _NO_SPAN:
                raise ChunkInvalid("a value has more than 64 bits")
            lanes = np.flatnonzero(after > left)
            found[lanes] = bits_at(self.words, position[lanes] + length[lanes], width[lanes])
        found <<= span >> np.uint64(8)
        position += after
        return found
