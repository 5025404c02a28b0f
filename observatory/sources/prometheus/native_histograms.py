"""Native histograms: chunks of whole histograms to counts at or under a bound, as a classic histogram would have them.

A chunk says once which buckets it has (`tsdb/chunkenc/histogram.go` and `float_histogram.go`, with and without start
timestamps), then holds the count, the sum and every bucket of each sample as differences. Buckets of schema s end at
powers of 2^(2^-s), those with custom bounds at the bounds they name. Where a bound lies inside a bucket that holds
values, the samples do not tell how many of them were at or under it, and neither does this.

The usual chunks, of whole numbers, are read many at once, see `histogram_rows`; others one after the other.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.exponential import HIGHEST_SCHEMA, LOWEST_SCHEMA, SAME, boundary, is_boundary
from observatory.sources.prometheus import chunk_frames, histogram_rows
from observatory.sources.prometheus.bit_stream import ChunkInvalid
from observatory.sources.prometheus.sample_buffer import STALE_NAN_BITS

CUSTOM = -53
GAUGE = 0b11
MOST_BUCKETS = 10_000
COARSE = range(-20, 31)
"""Powers of two that are boundaries whatever values there are: a microsecond to 34 years, in seconds."""
FINE_OCTAVES = 4
"""Between powers of two that are so many apart boundaries are fine where there are values, so that they seldom change
from one look to the next."""
MOST_FINE = 512
LANES = 1_500
"""Chunks that are read together."""
_VARBIT_WIDTH = (0, 3, 6, 9, 12, 18, 25, 56, 64)


Layout = tuple[int, tuple[float, ...]]
"""A schema, and the bounds of custom buckets."""


def has_boundary(layout: Layout, bound: float) -> bool:
    """Whether no bucket of a layout lies on both sides of a bound."""
    schema, custom = layout
    if math.isinf(bound):
        return True
    if schema == CUSTOM:
        return any(abs(one - bound) <= SAME * abs(bound) for one in custom)
    return bound > 0 and is_boundary(schema, bound)


class Histograms(Struct, frozen=True):
    """The samples of one chunk. Arrays have one line per sample.

    Attributes:
        schema: Resolution, or `CUSTOM`.
        zero_threshold: Values up to this are in the zero bucket.
        lowers, uppers: Bounds of the positive buckets, ascending; a value at its upper bound is in a bucket.
        custom: All bounds that custom buckets know, those of empty ones included; else empty.
        count, sum: Of all values; NaN at a stale marker, as all the rest.
        negative, zero: Values in the negative buckets and in the zero bucket.
        buckets: Values in each positive bucket.
        gauge: Whether it counts down as well, so that increments mean nothing.
    """

    schema: int
    zero_threshold: float
    lowers: Float64
    uppers: Float64
    custom: Float64
    t_ms: Int64
    count: Float64
    sum: Float64
    negative: Float64
    zero: Float64
    buckets: Float64
    gauge: bool

    def at_most(self, bound: float) -> tuple[Float64, NDArray[np.bool_]]:
        """Values at or under a bound, per sample, and which samples tell; stale markers do. Infinity counts all."""
        if math.isinf(bound):
            return self.count, np.ones(len(self.count), bool)
        if bound <= 0:
            return self.count, np.zeros(len(self.count), bool)
        under: NDArray[np.bool_] = self.uppers <= bound * (1 + SAME)
        astride = ~under & (self.lowers < bound * (1 - SAME))
        found: Float64 = self.negative + self.zero + self.buckets[:, under].sum(axis=1)
        unknown: NDArray[np.bool_] = self.buckets[:, astride].sum(axis=1) > 0
        if bound < self.zero_threshold:
            unknown |= self.zero > 0
        return found, ~unknown

    @property
    def layout(self) -> Layout:
        """What says which bounds are boundaries."""
        return self.schema, tuple(self.custom.tolist())

    def boundaries(self) -> list[float]:
        """Boundaries to count by, ascending: all custom ones; else powers of two, and all where there are values.

        Of a very high resolution those of a lower one are told.
        """
        if self.schema == CUSTOM:
            return [float(bound) for bound in self.custom if bound > 0]
        octaves = max(1, round(2.0**-self.schema))
        found = {boundary(0, power) for power in COARSE if power % octaves == 0}
        held = (self.lowers > 0) & np.isfinite(self.uppers)
        if held.any() and self.schema > 0:
            low, high = math.log2(float(self.lowers[held][0])), math.log2(float(self.uppers[held][-1]))
            first, last = math.floor(low / FINE_OCTAVES) * FINE_OCTAVES, math.ceil(high / FINE_OCTAVES) * FINE_OCTAVES
            schema = self.schema
            while schema > 0 and (last - first) << schema > MOST_FINE:
                schema -= 1
            found |= {boundary(schema, place) for place in range(first << schema, (last << schema) + 1)}
        return sorted(found)


class _Reader:
    """Bits of one chunk, one number after the other."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data + bytes(16)
        self._position = start * 8
        self._limit = len(data) * 8

    @property
    def position(self) -> int:
        """Bits that were read."""
        return self._position

    def bits(self, width: int) -> int:
        begin, late = divmod(self._position, 8)
        self._position += width
        if self._position > self._limit:
            raise ChunkInvalid("a chunk ends before its samples do")
        return int.from_bytes(self._data[begin : begin + 9], "big") >> (72 - late - width) & ((1 << width) - 1)

    def unsigned(self) -> int:
        ones = 0
        while ones < 8 and self.bits(1):
            ones += 1
        return self.bits(_VARBIT_WIDTH[ones]) if ones else 0

    def signed(self) -> int:
        ones = 0
        while ones < 8 and self.bits(1):
            ones += 1
        width = _VARBIT_WIDTH[ones]
        value = self.bits(width) if width else 0
        if width == 64:
            return value - (1 << 64) if value >> 63 else value
        return value - (1 << width) if width and value > 1 << (width - 1) else value

    def varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self.bits(8)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value >> 1 ^ -(value & 1)
            shift += 7
        raise ChunkInvalid("a number of more than ten bytes")

    def double(self) -> float:
        return float(struct.unpack(">d", self.bits(64).to_bytes(8, "big"))[0])


class _Xor:
    """A stream of doubles, each the exclusive or with the one before."""

    def __init__(self, value: int = 0) -> None:
        self.value = value
        self._significant, self._trailing = 64, 0

    def read(self, reader: _Reader) -> int:
        if not reader.bits(1):
            return self.value
        if reader.bits(1):
            leading, width = reader.bits(5), reader.bits(6) or 64
            if leading + width > 64:
                raise ChunkInvalid("a value has more than 64 bits")
            self._significant, self._trailing = width, 64 - leading - width
        self.value ^= reader.bits(self._significant) << self._trailing
        return self.value


class _Starts:
    """Start timestamps between the samples of a chunk, passed over."""

    def __init__(self, header: int) -> None:
        self._known, self._changes = header >= 0x80, header & 0x7F

    def skip(self, reader: _Reader, sample: int) -> None:
        if sample == 0:
            if self._known:
                reader.varint()
        elif 0 < self._changes <= sample:
            reader.signed()


class _Head(Struct, frozen=True):
    """What a chunk says before its samples.

    Attributes:
        position: Where its first sample begins, in bits.
        positive: Places of its positive buckets.
        negative: How many negative buckets it has.
        start_header: How it tells start timestamps; 0 where it has none.
    """

    count: int
    gauge: bool
    schema: int
    zero_threshold: float
    positive: Sequence[int]
    negative: int
    custom: Float64
    position: int
    start_header: int


def decode_chunks(
    kinds: Int64, data: NDArray[np.uint8], starts: Int64, lengths: Int64
) -> Iterator[tuple[int, Histograms]]:
    """The histograms of some chunks, each with the number of its chunk; those of one kind and as many buckets together.

    Args:
        kinds: Encoding of each chunk, one of `chunk_frames.HISTOGRAMS`.
        data: Bytes, followed by `xor.PADDING` bytes that belong to no chunk.
        starts, lengths: Where each chunk lies.

    Raises:
        ChunkInvalid: One ends before its samples do, or is of a schema that is not known.
    """
    alike: dict[int, list[tuple[int, _Head]]] = {}
    for number, (kind, start, length) in enumerate(zip(kinds.tolist(), starts.tolist(), lengths.tolist(), strict=True)):
        chunk = data[start : start + length].tobytes()
        reader, head = _head(kind, chunk)
        if kind == chunk_frames.HISTOGRAM and head.count:
            alike.setdefault(len(head.positive) + head.negative, []).append((number, head))
        elif head.count:
            whole = kind == chunk_frames.HISTOGRAM_ST
            rows = (_whole_rows if whole else _float_rows)(
                reader, head.count, len(head.positive), head.negative, _Starts(head.start_header)
            )
            times = np.array([row[0] for row in rows], np.int64)
            yield number, _histograms(head, times, np.array([row[1] for row in rows], np.float64))
    for buckets, some in alike.items():
        for begin in range(0, len(some), LANES):
            part = some[begin : begin + LANES]
            numbers = np.array([number for number, _ in part])
            positions = starts[numbers] * 8 + np.array([head.position for _, head in part])
            counts, positive = (
                np.array([pair[side] for pair in [(head.count, len(head.positive)) for _, head in part]], np.int64)
                for side in (0, 1)
            )
            limits = (starts + lengths)[numbers] * 8
            found = histogram_rows.rows_of(data, positions, limits, counts, positive, histogram_rows.FIXED + buckets)
            for place, times, table in found:
                number, head = part[place]
                yield number, _histograms(head, times, table)


def _head(kind: int, data: bytes) -> tuple[_Reader, _Head]:
    """What a chunk says before its samples, and the reader that stands there."""
    if len(data) < 3:
        raise ChunkInvalid("a chunk without a header")
    with_starts = kind in (chunk_frames.HISTOGRAM_ST, chunk_frames.FLOAT_HISTOGRAM_ST)
    head = int.from_bytes(data[:2], "big")
    count, flags = (head & 0x3FFF, head >> 14) if with_starts else (head, data[2] >> 6)
    reader = _Reader(data, 3)
    zero_threshold = _zero_threshold(reader)
    schema = reader.signed()
    if schema != CUSTOM and not LOWEST_SCHEMA <= schema <= HIGHEST_SCHEMA:
        raise ChunkInvalid(f"native histograms of the schema {schema} are not known")
    positive, negative = _spans(reader), _spans(reader)
    custom = np.array([_custom_bound(reader) for _ in range(reader.unsigned())] if schema == CUSTOM else [], np.float64)
    start_header = data[2] if with_starts else 0
    return reader, _Head(
        count, flags == GAUGE, schema, zero_threshold, positive, len(negative), custom, reader.position, start_header
    )


def _histograms(head: _Head, t_ms: Int64, table: Float64) -> Histograms:
    """Histograms of a chunk, of which the table says in each line: count, zero bucket, sum, buckets."""
    split = 3 + len(head.positive)
    return Histograms(
        schema=head.schema,
        zero_threshold=head.zero_threshold,
        lowers=np.array([_upper(head.schema, place - 1, head.custom) for place in head.positive], np.float64),
        uppers=np.array([_upper(head.schema, place, head.custom) for place in head.positive], np.float64),
        custom=head.custom,
        t_ms=t_ms,
        count=table[:, 0],
        zero=table[:, 1],
        sum=table[:, 2],
        buckets=table[:, 3:split],
        negative=table[:, split:].sum(axis=1),
        gauge=head.gauge,
    )


def _upper(schema: int, place: int, custom: Float64) -> float:
    if schema != CUSTOM:
        return boundary(schema, place)
    if place < 0:
        return -math.inf
    return float(custom[place]) if place < len(custom) else math.inf


def _zero_threshold(reader: _Reader) -> float:
    word = reader.bits(8)
    if word == 255:
        return reader.double()
    return math.ldexp(0.5, word - 243) if word else 0.0


def _spans(reader: _Reader) -> list[int]:
    """Indexes of the buckets that spans enclose."""
    places: list[int] = []
    at = 0
    for _ in range(reader.unsigned()):
        length = reader.unsigned()
        at += reader.signed()
        if len(places) + length > MOST_BUCKETS:
            raise ChunkInvalid("a histogram of more buckets than any has")
        places += range(at, at + length)
        at += length
    return places


def _custom_bound(reader: _Reader) -> float:
    word = reader.unsigned()
    return (word - 1) / 1000 if word else reader.double()


_Row = tuple[int, Sequence[float]]


def _whole_rows(reader: _Reader, count: int, positive: int, negative: int, starts: _Starts) -> list[_Row]:
    """Samples of integer histograms: counts as second differences, buckets as differences to their neighbours too."""
    rows: list[_Row] = []
    numbers = [0] * (3 + positive + negative)  # time, count, zero count, then buckets
    steps = [0] * len(numbers)
    total = _Xor()
    for sample in range(count):
        if sample == 0:
            numbers[0], numbers[1], numbers[2] = reader.signed(), reader.unsigned(), reader.unsigned()
            total = _Xor(reader.bits(64))
            numbers[3:] = [reader.signed() for _ in range(positive + negative)]
        else:
            for place in range(3):
                steps[place] += reader.signed()
                numbers[place] += steps[place]
            if total.read(reader) != int(STALE_NAN_BITS):
                for place in range(3, len(numbers)):
                    steps[place] += reader.signed()
                    numbers[place] += steps[place]
        starts.skip(reader, sample)
        if total.value == int(STALE_NAN_BITS):
            rows.append((numbers[0], [math.nan] * len(numbers)))
            continue
        buckets = np.concatenate((np.cumsum(numbers[3 : 3 + positive]), np.cumsum(numbers[3 + positive :])))
        rows.append((numbers[0], [numbers[1], numbers[2], _double(total.value), *buckets.tolist()]))
    return rows


def _float_rows(reader: _Reader, count: int, positive: int, negative: int, starts: _Starts) -> list[_Row]:
    """Samples of float histograms: everything but the time is a stream of doubles."""
    rows: list[_Row] = []
    streams = [_Xor() for _ in range(3 + positive + negative)]  # count, zero count, sum, then buckets
    time = step = 0
    for sample in range(count):
        if sample == 0:
            time = reader.signed()
            for stream in streams:
                stream.value = reader.bits(64)
        else:
            step += reader.signed()
            time += step
            for stream in streams[:3]:
                stream.read(reader)
            if streams[2].value != int(STALE_NAN_BITS):
                for stream in streams[3:]:
                    stream.read(reader)
        starts.skip(reader, sample)
        stale = streams[2].value == int(STALE_NAN_BITS)
        rows.append((time, [math.nan if stale else _double(stream.value) for stream in streams]))
    return rows


def _double(bits: int) -> float:
    return float(struct.unpack(">d", bits.to_bytes(8, "big"))[0])
