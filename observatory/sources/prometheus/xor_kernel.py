"""The decoder of XOR chunks as machine code, for those who installed the extra `fast` (numba).

It says bit for bit what `xor` says, and refuses what `xor` refuses. It is loaded before an answer that makes that up is
read, or once so much was read that more is to be expected.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory import machine_code
from observatory.sources.base import Int64
from observatory.sources.prometheus.bit_stream import ChunkInvalid, UInt64

WORTH_BYTES = 40 << 20
"""Chunks that pay for the kernel: what numpy spends on them is more than it takes to load it and to read them by it."""
_SAID = ("", "a chunk ends before its samples do", "a value has more than 64 bits")
"""By what the kernel returns."""

Kernel = Callable[[UInt64, Int64, Int64, Int64, Int64, Int64, Int64, UInt64], int]


class Heads(Struct, frozen=True):
    """What stands at the begin of some chunks, and where what follows begins.

    Attributes:
        data: The bytes, and padding behind the last chunk.
        limits: Where each chunk ends, in bits.
        counts: Samples of each chunk, at least one.
        times, bits: Of the first sample.
        deltas: From the first to the second time; 0 where there is no second one.
        positions: Where the value of the second sample begins, in bits; where there is none, what follows the first.
    """

    data: NDArray[np.uint8]
    limits: Int64
    counts: Int64
    times: Int64
    bits: UInt64
    deltas: Int64
    positions: Int64


class Loader(machine_code.Loader[Kernel]):
    """Loads the kernel when the bytes to be read are worth it; 0 loads it at once."""

    def __init__(self, worth_bytes: int = WORTH_BYTES) -> None:
        super().__init__(load, worth_bytes)


def load() -> Kernel:
    """The kernel, as `machine_code.Loader` asks for it."""
    from observatory.sources.prometheus import xor_compiled

    compiled: Kernel = xor_compiled.decode_all
    return compiled


def decode(kernel: Kernel, heads: Heads, offsets: Int64, times: Int64, bits: UInt64) -> None:
    """Decode what follows the heads of chunks into `times` and `bits`, chunk i at `offsets[i]`.

    Raises:
        ChunkInvalid: As `xor.decode_chunks`.
    """
    whole = len(heads.data) // 8 * 8
    words = np.zeros(whole // 8 + 3, np.uint64)
    words[: whole // 8] = heads.data[:whole].view(">u8")
    words[whole // 8] = int.from_bytes(heads.data[whole:].tobytes().ljust(8, b"\0"), "big")
    times[offsets], bits[offsets] = heads.times, heads.bits
    problem = kernel(words, heads.limits, heads.counts, offsets, heads.positions, heads.deltas, times, bits)
    if problem:
        raise ChunkInvalid(_SAID[problem])
