"""XOR2 chunks: against a writer made bit by bit from the format, and mixed with other kinds in one answer."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xor_chunk_writer import STALE, chunked_series, frame, xor2_chunk, xor_chunk

from observatory.sources.prometheus import remote_read, xor, xor2
from observatory.windows import TimeRange

STEPS = st.one_of(
    st.just(60_000),
    st.integers(59_000, 61_000),
    st.sampled_from([0, 4095, 4096, 4097, 524_287, 524_288, 524_289, 1 << 40]),
    st.integers(0, 1 << 33),
)
BITS = st.one_of(
    st.sampled_from([0, STALE, STALE, 1 << 63, 0x7FF8000000000001, 1, (1 << 64) - 1]),
    st.integers(0, 1000).map(lambda n: struct.unpack("<Q", struct.pack("<d", n))[0]),
    st.integers(0, (1 << 64) - 1),
)
STARTS = st.sampled_from([0, 0, 1_000, 1_001, 4_000, 1 << 20, 1 << 38])
SAMPLE = st.tuples(STEPS, BITS, st.booleans(), STARTS)
CHUNK = st.tuples(st.integers(0, 1 << 42), st.lists(SAMPLE, min_size=1, max_size=40), st.booleans())


def of(chunk: tuple) -> tuple[list[int], list[int], list[int]]:
    """Times, values and start timestamps; some values repeat the one before, some chunks have no starts."""
    at, samples, with_starts = chunk
    times, values, starts = [], [], []
    for step, bits, repeat, start in samples:
        times.append(at)
        at += step
        values.append(values[-1] if repeat and values else bits)
        starts.append(start if with_starts else 0)
    return times, values, starts


def decoded(written: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = np.frombuffer(b"\xff" + b"\xaa".join(written) + bytes(xor.PADDING), np.uint8)
    lengths = np.array([len(one) for one in written], np.int64)
    return xor2.decode_chunks(data, 1 + np.cumsum(lengths + 1) - lengths - 1, lengths)


@given(chunks=st.lists(CHUNK, min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_xor2_chunks_come_out_bit_for_bit(chunks: list) -> None:
    held = [of(chunk) for chunk in chunks]

    t_ms, values, counts = decoded([xor2_chunk(*one) for one in held])

    assert counts.tolist() == [len(times) for times, _, _ in held]
    assert t_ms.tolist() == [t for times, _, _ in held for t in times]
    assert values.view(np.uint64).tolist() == [v for _, bits, _ in held for v in bits]


@given(junk=st.binary(min_size=3, max_size=200))
@settings(max_examples=100, deadline=None)
def test_junk_instead_of_a_chunk_ends_in_an_error_or_in_samples_within_it(junk: bytes) -> None:
    try:
        t_ms, _, counts = decoded([junk])
    except ValueError:
        return
    assert len(t_ms) == counts.sum() <= 8 * len(junk)


def test_a_cut_chunk_is_refused() -> None:
    whole = xor2_chunk(range(0, 120_000, 1000), [n * n for n in range(120)])
    with pytest.raises(xor.ChunkInvalid, match="ends before"):
        decoded([whole[:-9]])


def numbers(first: int, count: int) -> tuple[list[int], list[int]]:
    values = np.arange(first, first + count, dtype=np.float64).view(np.uint64).tolist()
    return [60_000 * (first + i) for i in range(count)], values


def test_a_series_of_which_the_encoding_changed_in_mid_month_is_one_series() -> None:
    chunks = [
        (1, xor_chunk(*numbers(0, 100))),
        (4, xor2_chunk(*numbers(100, 100))),
        (1, xor_chunk(*numbers(200, 50))),
    ]
    answer = frame(chunked_series({"__name__": "x_total"}, chunks))

    read = remote_read.read_chunks([answer], TimeRange(-1, 10**9))

    assert read.samples.values.tolist() == list(range(250))
    assert (np.diff(read.samples.t_ms) == 60_000).all()
    assert read.histograms == 0


def test_a_kind_of_chunk_that_is_not_known_is_no_silence() -> None:
    answer = frame(chunked_series({"__name__": "x_total"}, [(9, xor_chunk(*numbers(0, 10)))]))
    with pytest.raises(remote_read.ChunksUnknown):
        remote_read.read_chunks([answer], TimeRange(-1, 10**9))
