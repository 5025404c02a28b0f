"""The decoder of XOR chunks as machine code, for those who installed the extra `fast` (numba).

It says bit for bit what `xor` says, and refuses what `xor` refuses. Loading it takes about a second, so it is only
loaded once this process has read as much as makes that up; small estates never pay for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Int64
from observatory.sources.prometheus.bit_stream import ChunkInvalid, UInt64

WORTH_BYTES = 32 << 20
"""Chunks that a process reads before it loads the kernel: as many as numpy reads in about a second."""
_SAID = ("", "a chunk ends before its samples do", "a value has more than 64 bits")
"""By what the kernel returns."""

Kernel = Callable[[UInt64, Int64, Int64, Int64, Int64, Int64, Int64, UInt64], int]


@dataclass(frozen=True, slots=True)
class Heads:
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


class Loader:
    """Knows whether the kernel is to be had, and loads it when it is worth that."""

    def __init__(self, worth_bytes: int = WORTH_BYTES) -> None:
        self._worth = worth_bytes
        self._seen = 0
        self._lock = threading.Lock()
        self._kernel: Kernel | None = None
        self._absent = False

    def kernel(self, more_bytes: int) -> Kernel | None:
        """The kernel, once that many bytes more make it worth loading and it is installed; else None."""
        with self._lock:
            self._seen += more_bytes
            if self._kernel is None and not self._absent and self._seen >= self._worth:
                self._kernel = load()
                self._absent = self._kernel is None
            return self._kernel


def load() -> Kernel | None:
    """The kernel compiled, or taken from numba's cache; None where numba is not installed."""
    try:
        from observatory.sources.prometheus import xor_compiled
    except (ImportError, RuntimeError):
        # Not installed; or numba has no folder where it could keep the machine code.
        return None
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
