"""Chunks of native histograms to histograms.

A chunk says once which buckets it has (`tsdb/chunkenc/histogram.go` and `float_histogram.go`, with and without start
timestamps), then holds the count, the sum and every bucket of each sample as differences. The usual chunks, of whole
numbers, are read many at once, see `histogram_rows`; others one after the other.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.exponential import HIGHEST_SCHEMA, LOWEST_SCHEMA, boundary
from observatory.sources.prometheus import chunk_frames, histogram_rows
from observatory.sources.prometheus.bit_stream import ChunkInvalid
from observatory.sources.prometheus.native_histograms import CUSTOM, MOST_BUCKETS, Histograms
from observatory.sources.prometheus.sample_buffer import STALE_NAN_BITS

GAUGE = 0b11
LANES, MOST_NUMBERS = 1_500, 16 << 20
"""Of chunks that are read together."""
_SHORTEST = 4
"""Bits of a sample at least: time, count, zero bucket and sum as before, of a stale marker no bucket."""
_VARBIT_WIDTH = (0, 3, 6, 9, 12, 18, 25, 56, 64)


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
        fields = histogram_rows.FIXED + buckets
        for part in _batches(some, fields):
            numbers = np.array([number for number, _ in part])
            positions = starts[numbers] * 8 + np.array([head.position for _, head in part])
            limits = (starts + lengths)[numbers] * 8
            counts = np.array([head.count for _, head in part], np.int64)
            positive = np.array([len(head.positive) for _, head in part], np.int64)
            found = histogram_rows.rows_of(data, positions, limits, counts, positive, fields)
            for place, times, table in found:
                number, head = part[place]
                yield number, _histograms(head, times, table)


def _batches(some: Sequence[tuple[int, _Head]], fields: int) -> Iterator[Sequence[tuple[int, _Head]]]:
    """Chunks that are read together: not more of them, nor of their numbers, than fit into memory."""
    begin = longest = 0
    for end, (_, head) in enumerate(some):
        longest = max(longest, head.count)
        if end > begin and ((end - begin) >= LANES or longest * fields * (end + 1 - begin) > MOST_NUMBERS):
            yield some[begin:end]
            begin, longest = end, head.count
    yield some[begin:]


def _head(kind: int, data: bytes) -> tuple[_Reader, _Head]:
    """What a chunk says before its samples, and the reader that stands there."""
    if len(data) < 3:
        raise ChunkInvalid("a chunk without a header")
    with_starts = kind in (chunk_frames.HISTOGRAM_ST, chunk_frames.FLOAT_HISTOGRAM_ST)
    head = int.from_bytes(data[:2], "big")
    count, flags = (head & 0x3FFF, head >> 14) if with_starts else (head, data[2] >> 6)
    if count * _SHORTEST > len(data) * 8:
        raise ChunkInvalid("a chunk ends before its samples do")
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
