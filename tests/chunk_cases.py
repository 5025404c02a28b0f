"""Chunks for tests of decoders: times and values that reach every branch of the format, as hypothesis finds them."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import strategies as st
from xor_chunk_writer import xor_chunk

from observatory.sources.prometheus import xor

SPECIAL = [0, 1 << 63, 0x7FF0000000000002, 0x7FF8000000000001, 0x7FF0000000000000, 1, (1 << 64) - 1, 0x3FF0000000000000]
STEPS = st.one_of(
    st.just(60_000),
    st.integers(0, 130_000),
    st.sampled_from([8192, 8193, 65536, 65537, 524288, 524289, 1 << 40]),
    st.integers(0, 1 << 33),
)
BITS = st.one_of(
    st.sampled_from(SPECIAL),
    st.integers(0, 1000).map(lambda n: struct.unpack("<Q", struct.pack("<d", n))[0]),
    st.integers(0, (1 << 64) - 1),
)
CHUNK = st.tuples(st.integers(0, 1 << 42), st.lists(st.tuples(STEPS, BITS), min_size=1, max_size=40), st.booleans())


def samples_of(chunk: tuple) -> tuple[list[int], list[int]]:
    start, steps, idle = chunk
    times, values = [], []
    for step, bits in steps:
        times.append(start)
        start += step
        values.append(values[-1] if idle and values else bits)
    return times, values


def laid_out(held: list[tuple[list[int], list[int]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chunks of these samples with bytes of no chunk between them: data, starts, lengths."""
    written = [xor_chunk(times, values) for times, values in held]
    data = np.frombuffer(b"\xff" + b"\xaa".join(written) + bytes(xor.PADDING), np.uint8)
    lengths = np.array([len(one) for one in written], np.int64)
    return data, 1 + np.cumsum(lengths + 1) - lengths - 1, lengths
