"""Chunks of whole histograms, written from the format's description, read many at once and one by one."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xor_chunk_writer import Bits

from observatory.sources.prometheus import chunk_frames, histogram_chunks, xor
from observatory.sources.prometheus.bit_stream import ChunkInvalid
from observatory.sources.prometheus.histogram_chunks import decode_chunks
from observatory.sources.prometheus.native_histograms import Histograms

STALE = 0x7FF0000000000002
WIDTHS = (3, 6, 9, 12, 18, 25, 56)
SIZES = st.one_of(
    st.integers(0, 20),
    st.sampled_from([4, 5, 32, 33, 2048, 2049, 131_073, 1 << 24, (1 << 24) + 1]),
    st.integers(0, 1 << 57),
)
Row = tuple[int, int, int, int, list[int]]
"""Time, count, count of the zero bucket, bits of the sum, buckets: positive ones, then negative ones."""


@st.composite
def chunks(draw: st.DrawFn) -> tuple[list[Row], int]:
    """Samples of one chunk, and how many of its buckets are positive."""
    buckets = draw(st.integers(0, 4))
    number = st.lists(SIZES, min_size=buckets, max_size=buckets)
    sums = st.one_of(st.sampled_from([0, STALE, 1, (1 << 64) - 1]), st.floats(0, 1e9).map(bits_of))
    rows = draw(st.lists(st.tuples(SIZES, SIZES, SIZES, sums, number), min_size=1, max_size=12))
    return rows, draw(st.integers(0, buckets))


def bits_of(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def unsigned(out: Bits, value: int) -> None:
    if value == 0:
        out.add(0, 1)
        return
    for ones, width in enumerate(WIDTHS, 1):
        if value < 1 << width:
            out.add((1 << ones) - 1 << 1, ones + 1)
            out.add(value, width)
            return
    out.add(255, 8)
    out.add(value, 64)


def signed(out: Bits, value: int) -> None:
    if value == 0:
        out.add(0, 1)
        return
    for ones, width in enumerate(WIDTHS, 1):
        if -(1 << width - 1) < value <= 1 << width - 1:
            out.add((1 << ones) - 1 << 1, ones + 1)
            out.add(value & (1 << width) - 1, width)
            return
    out.add(255, 8)
    out.add(value & (1 << 64) - 1, 64)


def histogram_chunk(rows: Sequence[Row], positive: int) -> bytes:
    """Of schema 0, with one span of buckets on either side; buckets of a stale marker are not written."""
    out = Bits()
    out.add(len(rows), 16)
    out.add(0, 16)  # no hint, no zero threshold
    signed(out, 0)
    for length in (positive, len(rows[0][4]) - positive):
        unsigned(out, 1 if length else 0)
        if length:
            unsigned(out, length)
            signed(out, 0)
    before: list[int] = []
    steps: list[int] = []
    bits, leading, trailing = rows[0][3], 64, 0
    for place, (t_ms, count, zero, total, buckets) in enumerate(rows):
        own = [*buckets[:positive][:1], *np.diff(buckets[:positive]).tolist()]
        own += [*buckets[positive:][:1], *np.diff(buckets[positive:]).tolist()]
        numbers = [t_ms, count, zero, *own]
        if place == 0:
            signed(out, t_ms)
            unsigned(out, count)
            unsigned(out, zero)
            out.add(total, 64)
            for one in own:
                signed(out, one)
            before, steps = numbers, [0] * len(numbers)
            continue
        for field in range(3):
            signed(out, numbers[field] - before[field] - steps[field])
            steps[field] = numbers[field] - before[field]
        changed, bits = total ^ bits, total
        out.add(1 if changed else 0, 1)
        if changed:
            leading, trailing = min(31, 64 - changed.bit_length()), (changed & -changed).bit_length() - 1
            out.add(1, 1)
            out.add(leading, 5)
            out.add(64 - leading - trailing & 63, 6)
            out.add(changed >> trailing, 64 - leading - trailing)
        if total == STALE:
            numbers = numbers[:3] + before[3:]
        else:
            for field in range(3, len(numbers)):
                signed(out, numbers[field] - before[field] - steps[field])
                steps[field] = numbers[field] - before[field]
        before = numbers
    return out.to_bytes()


def decoded(bodies: Sequence[bytes], kind: int) -> list[Histograms]:
    data = np.frombuffer(b"".join(bodies) + bytes(xor.PADDING), np.uint8)
    lengths = np.array([len(one) for one in bodies], np.int64)
    starts = np.cumsum(lengths) - lengths
    return [
        one for _, one in sorted(decode_chunks(np.full(len(bodies), kind), data, starts, lengths), key=lambda p: p[0])
    ]


@pytest.mark.parametrize("kind", [chunk_frames.HISTOGRAM, chunk_frames.HISTOGRAM_ST])
@given(st.lists(chunks(), min_size=1, max_size=6))
def test_chunks_say_what_was_written(kind: int, written: list[tuple[list[Row], int]]) -> None:
    """The usual ones are read together; those with start timestamps, here without any, one by one."""
    found = decoded([histogram_chunk(*one) for one in written], kind)

    for one, (rows, positive) in zip(found, written, strict=True):
        stale = np.array([row[3] == STALE for row in rows])
        assert one.t_ms.tolist() == [row[0] for row in rows]
        assert np.isnan(one.count).tolist() == stale.tolist()
        assert one.count[~stale].tolist() == [float(row[1]) for row in rows if row[3] != STALE]
        assert one.zero[~stale].tolist() == [float(row[2]) for row in rows if row[3] != STALE]
        assert one.sum[~stale].view(np.uint64).tolist() == [row[3] for row in rows if row[3] != STALE]
        assert one.buckets[~stale].tolist() == [list(map(float, row[4][:positive])) for row in rows if row[3] != STALE]


def test_a_chunk_that_ends_early_is_refused() -> None:
    rows: list[Row] = [
        (60_000 * (scrape + 1), 7 * scrape, 0, bits_of(scrape * 0.5), [3 * scrape, 4 * scrape]) for scrape in range(9)
    ]
    body = histogram_chunk(rows, 2)

    with pytest.raises(ChunkInvalid):
        decoded([body[:-2], body], chunk_frames.HISTOGRAM)


def test_chunks_that_claim_more_samples_than_they_have_bits_for_are_refused_before_room_is_made() -> None:
    body = histogram_chunk([(60_000, 7, 0, bits_of(0.5), [3, 4])], 2)

    with pytest.raises(ChunkInvalid):
        decoded([b"\xff\xff" + body[2:]], chunk_frames.HISTOGRAM)


def test_many_chunks_are_read_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histogram_chunks, "LANES", 4)
    monkeypatch.setattr(histogram_chunks, "MOST_NUMBERS", 60)
    lengths = [1, 3, 2, 9, 1, 1, 1, 1, 1, 2, 3]
    written = [[(60_000 * (n + 1), n + length, 0, bits_of(n), [n]) for n in range(length)] for length in lengths]

    found = decoded([histogram_chunk(rows, 1) for rows in written], chunk_frames.HISTOGRAM)

    assert [one.count.tolist() for one in found] == [[float(row[1]) for row in rows] for rows in written]
