"""Prometheus' XOR chunks to arrays: many chunks at once, sample k of every chunk in the same step.

A chunk holds up to 120 (some servers: 240) samples as a bit stream: times as second differences, values as the
exclusive or with the value before (the encoding of the Gorilla paper, with Prometheus' own field widths; format
`tsdb/docs/format/chunks.md`, code `tsdb/chunkenc/xor.go`). A chunk must be read from its start, but chunks do not
depend on each other, so numpy reads one sample of each of thousands of chunks per step. Values come out bit for bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.prometheus.wire import varints

UInt64 = NDArray[np.uint64]
LANES = 8192
"""Chunks per batch: enough to hide numpy's cost per call, few enough for the working set to stay in cache."""
PADDING = 32
"""Zero bytes that must follow the last chunk, so that a window of bits may be read past its end."""

# By the four bits that follow: length of the prefix, and bits of the second difference after it.
_PREFIX_BITS = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4, 4], np.int64)
_TIME_BITS = np.array([0] * 8 + [14] * 4 + [17] * 2 + [20, 64], np.int64)
_HIGHEST = np.left_shift(1, np.clip(_TIME_BITS - 1, 0, 62))
_SPAN = np.left_shift(1, np.clip(_TIME_BITS, 0, 62))


class ChunkInvalid(ValueError):
    """The bytes of a chunk end before its samples do, or cannot be what they claim."""


def sample_counts(data: NDArray[np.uint8], starts: Int64) -> Int64:
    """How many samples each chunk says that it holds: its first two bytes, big-endian."""
    return data[starts].astype(np.int64) << 8 | data[starts + 1]


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
    if len(starts) and (int(lengths.min()) < 2 or int((starts + lengths).max()) + PADDING > len(data)):
        raise ChunkInvalid("a chunk lies outside of the bytes at hand")
    counts = sample_counts(data, starts)
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    times = np.empty(int(offsets[-1]), np.int64)
    bits = np.empty(int(offsets[-1]), np.uint64)
    # Chunks of equal length side by side: those still running are always the first ones of a batch.
    order = np.argsort(-counts, kind="stable")
    order = order[: np.count_nonzero(counts)]
    for low in range(0, len(order), LANES):
        batch = order[low : low + LANES]
        _decode_batch(data, starts[batch], lengths[batch], counts[batch], offsets[batch], times, bits)
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
    words = np.ndarray((len(data) - 7,), ">u8", data, strides=(1,))
    limit = (starts + lengths) * 8
    at_byte, first = varints(data, starts + 2)
    t = (first >> 1) ^ -(first & 1)
    value = words[at_byte].astype(np.uint64)
    at_byte += 8
    times[targets] = t
    bits[targets] = value
    running = int(np.count_nonzero(counts > 1))
    delta = np.zeros(len(starts), np.int64)
    position = at_byte * 8
    if running:
        at_byte, delta[:running] = varints(data, at_byte[:running])
        position[:running] = at_byte * 8
    stream = _Values(words, value)
    for row in range(1, int(counts[0])):
        running = int(np.searchsorted(-counts, -row, side="left"))
        p, d = position[:running], delta[:running]
        if int((p - limit[:running]).max()) >= 0:
            raise ChunkInvalid("a chunk ends before its samples do")
        window = _window(words, p)
        if row > 1:
            _next_delta(words, window, p, d)
            window = _window(words, p)
        t[:running] += d
        stream.read(window, p)
        where = targets[:running] + row
        times[where] = t[:running]
        bits[where] = stream.value[:running]
    if int((position - limit).max()) > 0:
        raise ChunkInvalid("a chunk ends before its samples do")


def _window(words: NDArray[np.uint64], position: Int64) -> UInt64:
    """At least 57 bits from each bit position on, left-aligned in 64."""
    found: UInt64 = words[position >> 3].astype(np.uint64)
    found <<= (position & 7).astype(np.uint64)
    return found


def _bits(words: NDArray[np.uint64], position: Int64, width: UInt64) -> UInt64:
    """`width` (1 to 64) bits from each bit position on, right-aligned."""
    high = _window(words, position)
    late = (position & 7).astype(np.uint64)
    # The byte after the window supplies what the shift left out; shifting by 8 - 0 gives zero bits of it.
    following = words[(position >> 3) + 1].astype(np.uint64) & np.uint64(0xFF)
    high |= following >> (np.uint64(8) - late)
    high >>= np.uint64(64) - width
    return high


def _next_delta(words: NDArray[np.uint64], window: UInt64, position: Int64, delta: Int64) -> None:
    """Add the second difference that begins at each position to `delta`, and move the positions behind it."""
    prefix = (window >> np.uint64(60)).astype(np.int64)
    if not int(prefix.max()) >> 3:  # every sample came exactly one interval after the last
        position += 1
        return
    lead, width = _PREFIX_BITS[prefix], _TIME_BITS[prefix]
    short = np.minimum(width, 20).astype(np.uint64)
    raw = (window << lead.astype(np.uint64)) >> (np.uint64(64) - np.maximum(short, np.uint64(1)))
    change = raw.astype(np.int64)
    change[width == 0] = 0
    change -= np.where(change > _HIGHEST[prefix], _SPAN[prefix], 0)
    wide = np.flatnonzero(width == 64)
    if len(wide):
        change[wide] = _bits(words, position[wide] + 4, np.full(len(wide), 64, np.uint64)).view(np.int64)
    delta += change
    position += lead + width


class _Values:
    """The value stream of a batch: the last bits of each chunk and the span of bits that changed last."""

    def __init__(self, words: NDArray[np.uint64], value: UInt64) -> None:
        self.words = words
        self.value = value
        self.significant = np.full(len(value), 64, np.uint64)
        self.trailing = np.zeros(len(value), np.uint64)

    def read(self, window: UInt64, position: Int64) -> None:
        """Read one value of each of the first `len(position)` chunks; positions move behind it."""
        changed = np.flatnonzero(window >> np.uint64(63))
        position += 1
        if not len(changed):
            return
        window = window[changed]
        fresh = ((window >> np.uint64(62)) & np.uint64(1)).astype(bool)
        at = position[changed] + 1
        if fresh.any():
            lanes = changed[fresh]
            head = window[fresh]
            leading = (head >> np.uint64(57)) & np.uint64(31)
            significant = (head >> np.uint64(51)) & np.uint64(63)
            significant[significant == 0] = 64
            if int((leading + significant).max()) > 64:
                raise ChunkInvalid("a value has more than 64 bits")
            self.significant[lanes] = significant
            self.trailing[lanes] = np.uint64(64) - leading - significant
            at[fresh] += 11
        significant = self.significant[changed]
        self.value[changed] ^= _bits(self.words, at, significant) << self.trailing[changed]
        position[changed] = at + significant.astype(np.int64)
