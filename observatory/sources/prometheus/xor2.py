"""XOR2 chunks, which Prometheus 3 writes where `storage.tsdb.chunk_encoding.floats` or start timestamps ask for them.

Like XOR chunks, but time and value of a sample share one prefix: a sample that repeats both takes one bit, the second
differences are packed to whole bytes, and a stale marker has a code of its own that leaves the last value as it is
(code `tsdb/chunkenc/xor2.go`). A byte behind the sample count says whether start timestamps stand between the samples;
these are passed over. The lock-step over many chunks is that of `xor`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.prometheus.bit_stream import ChunkInvalid, UInt64, bits_at, window_at, words_of
from observatory.sources.prometheus.sample_buffer import STALE_NAN_BITS
from observatory.sources.prometheus.wire import varints
from observatory.sources.prometheus.xor import Room, in_batches, new_arrays, place_rows, room_for

_ONE = np.uint64(1)

# By the five bits at a sample's begin: length of its prefix, and bits of the second difference after it.
_ZERO, _CHANGED, _SHORT, _MIDDLE, _LONG, _STALE = range(6)
_CONTROL = np.array([_ZERO] * 16 + [_CHANGED] * 8 + [_SHORT] * 4 + [_MIDDLE] * 2 + [_LONG, _STALE], np.int64)
_PREFIX = np.array([1, 2, 3, 4, 5, 5], np.int64)
_WIDTH = np.array([0, 0, 13, 20, 64, 0], np.int64)

# By the count of leading ones of a variable-length number: its bits behind the prefix.
_VARBIT_WIDTH = np.array([0, 3, 6, 9, 12, 18, 25, 56, 64], np.int64)


def decode_chunks(
    data: NDArray[np.uint8], starts: Int64, lengths: Int64, room: Room = new_arrays
) -> tuple[Int64, Float64, Int64]:
    """As `xor.decode_chunks`.

    Raises:
        ChunkInvalid: A chunk is shorter than its samples need.
    """
    counts, offsets, times, bits = room_for(8, data, starts, lengths, room)
    in_batches(_decode_batch, data, starts, lengths, counts, offsets, times, bits)
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
    words = words_of(data)
    limit = (starts + lengths) * 8
    header = data[starts + 2]
    start_known, start_changes = header >= 0x80, (header & 0x7F).astype(np.int64)
    at_byte, first = varints(data, starts + 3)
    t = (first >> 1) ^ -(first & 1)
    stream = _Values(words, words[at_byte].astype(np.uint64))
    at_byte += 8
    at_byte[start_known] = varints(data, at_byte[start_known])[0]
    rows = int(counts[0])
    all_t, all_values = np.empty((rows, len(starts)), np.int64), np.empty((rows, len(starts)), np.uint64)
    all_t[0], all_values[0] = t, stream.first
    running_at = np.searchsorted(-counts, -np.arange(rows), side="left")
    delta = np.zeros(len(starts), np.int64)
    position = at_byte * 8
    for row in range(1, rows):
        running = int(running_at[row])
        p, d = position[:running], delta[:running]
        if int((p - limit[:running]).max()) >= 0:
            raise ChunkInvalid("a chunk ends before its samples do")
        if row == 1:
            after, d[:] = varints(data, p >> 3)
            p[:] = after * 8
            shown = stream.read(p, np.full(running, _SHORT))
        else:
            control = _CONTROL[(window_at(words, p) >> np.uint64(59)).view(np.int64)]
            p += _PREFIX[control]
            _next_delta(words, control, p, d)
            shown = stream.read(p, control)
        t[:running] += d
        all_t[row, :running], all_values[row, :running] = t[:running], shown
        _pass_starts(words, p, (start_changes[:running] > 0) & (start_changes[:running] <= row))
    if int((position - limit).max()) > 0:
        raise ChunkInvalid("a chunk ends before its samples do")
    place_rows(all_t, counts, targets, times)
    place_rows(all_values, counts, targets, bits)


def _next_delta(words: NDArray[np.uint64], control: Int64, position: Int64, delta: Int64) -> None:
    """Add the second differences that stand at the positions; positions move behind them."""
    for kind in (_SHORT, _MIDDLE, _LONG):
        lanes = np.flatnonzero(control == kind)
        if not len(lanes):
            continue
        width = int(_WIDTH[kind])
        found = bits_at(words, position[lanes], np.full(len(lanes), width, np.uint64)).view(np.int64)
        if width < 64:
            found -= (found >> (width - 1)) << width
        delta[lanes] += found
        position[lanes] += width


class _Values:
    """The value stream of a batch: the last number of each chunk and the span of bits that changed last."""

    def __init__(self, words: NDArray[np.uint64], first: UInt64) -> None:
        self.words = words
        self.first = first
        # Numbers after a stale marker continue the last one before it; at the very begin that is zero.
        self.value = np.where(first == STALE_NAN_BITS, np.uint64(0), first)
        self.significant = np.full(len(first), 64, np.uint64)
        self.trailing = np.zeros(len(first), np.uint64)

    def read(self, position: Int64, control: Int64) -> UInt64:
        """The next value of each of the first chunks, whose prefixes are read; positions move behind the values."""
        count = len(position)
        window = window_at(self.words, position)
        joined = (control == _SHORT) | (control == _MIDDLE) | (control == _LONG)
        ones = np.minimum(_leading_ones(window), 3)
        # Behind a second difference: 0 same, 10 old span, 110 new span, 111 stale; without one only the span is told.
        changed = np.where(joined, (ones == 1) | (ones == 2), control == _CHANGED)
        fresh = changed & np.where(joined, ones == 2, ones > 0)
        stale = np.where(joined, ones == 3, control == _STALE)
        position += np.where(joined, np.minimum(ones + 1, 3), (control == _CHANGED).astype(np.int64))
        lanes = np.flatnonzero(fresh)
        if len(lanes):
            head = bits_at(self.words, position[lanes], np.full(len(lanes), 11, np.uint64))
            leading, width = head >> np.uint64(6), head & np.uint64(63)
            width[width == 0] = 64
            if int((leading + width).max()) > 64:
                raise ChunkInvalid("a value has more than 64 bits")
            self.significant[lanes], self.trailing[lanes] = width, np.uint64(64) - leading - width
            position[lanes] += 11
        lanes = np.flatnonzero(changed)
        if len(lanes):
            width = self.significant[lanes]
            self.value[lanes] ^= bits_at(self.words, position[lanes], width) << self.trailing[lanes]
            position[lanes] += width.view(np.int64)
        shown: UInt64 = np.where(stale, STALE_NAN_BITS, self.value[:count])
        return shown


def _leading_ones(window: UInt64) -> Int64:
    """How many ones each window begins with, counted up to eight."""
    found = np.zeros(len(window), np.int64)
    going = np.ones(len(window), bool)
    for place in range(8):
        going &= (window >> np.uint64(63 - place)) & _ONE == 1
        found += going
    return found


def _pass_starts(words: NDArray[np.uint64], position: Int64, present: NDArray[np.bool_]) -> None:
    """Move behind the start timestamps of those chunks that have one at their present sample."""
    lanes = np.flatnonzero(present)
    if len(lanes):
        ones = _leading_ones(window_at(words, position[lanes]))
        position[lanes] += np.minimum(ones + 1, 8) + _VARBIT_WIDTH[ones]
