"""The decoder of XOR chunks as machine code, for those who installed the extra `fast` (numba).

It says bit for bit what `xor` says, and refuses what `xor` refuses. To load it takes half a second, so it is loaded
before an answer that makes that up is read, and where answers come unforeseen once so much was read that more is to be
expected; small estates never pay for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Int64
from observatory.sources.prometheus.bit_stream import ChunkInvalid, UInt64

WORTH_BYTES = 40 << 20
"""Chunks that pay for the kernel: what numpy spends on them is more than it takes to load it and to read them by it."""
UNFORESEEN = 3
"""How many times as much a process reads before it loads the kernel without knowing of more."""
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


class Loader:
    """Knows whether the kernel is to be had, and loads it when it is worth that.

    Args:
        worth_bytes: What pays for it; 0 loads it at once.
    """

    def __init__(self, worth_bytes: int = WORTH_BYTES) -> None:
        self._worth = worth_bytes
        self._seen = 0
        self._lock = threading.Lock()
        self._kernel: Kernel | None = None
        self._absent = False

    @property
    def is_loaded(self) -> bool:
        """Whether what comes next is decoded by the kernel."""
        return self._kernel is not None

    def foresee(self, coming_bytes: int) -> None:
        """Be told what one answer is going to hold, about, before it is read."""
        with self._lock:
            if coming_bytes >= self._worth:
                self._load()

    def kernel(self, more_bytes: int) -> Kernel | None:
        """The kernel, once it is worth loading and where it is installed; else None."""
        with self._lock:
            self._seen += more_bytes
            if self._seen >= UNFORESEEN * self._worth:
                self._load()
            return self._kernel

    def _load(self) -> None:
        if self._kernel is None and not self._absent:
            self._kernel = load()
            self._absent = self._kernel is None


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
