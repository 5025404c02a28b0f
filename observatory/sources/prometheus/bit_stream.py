"""Bits of many streams at once: windows of 57 and more from any bit positions on, as numpy arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Int64

UInt64 = NDArray[np.uint64]
WINDOW_BITS = 57
"""Bits that a window of 64 has at least: up to seven are lost to where in a byte it begins."""


class ChunkInvalid(ValueError):
    """The bytes of a chunk end before its samples do, or cannot be what they claim."""


def words_of(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The 64 bits from each byte on, without a copy."""
    return np.ndarray((len(data) - 7,), ">u8", data, strides=(1,))


def window_at(words: NDArray[np.uint64], position: Int64) -> UInt64:
    """At least 57 bits from each bit position on, left-aligned in 64."""
    found: UInt64 = words[position >> 3].astype(np.uint64)
    found <<= (position & 7).view(np.uint64)
    return found


def bits_at(words: NDArray[np.uint64], position: Int64, width: UInt64) -> UInt64:
    """`width` (1 to 64) bits from each bit position on, right-aligned."""
    found = window_at(words, position)
    if int(width.max()) > 57:
        late = (position & 7).view(np.uint64)
        # The byte after the window supplies what the shift left out; shifting by 8 - 0 gives zero bits of it.
        following = words[(position >> 3) + 1].astype(np.uint64) & np.uint64(0xFF)
        found |= following >> (np.uint64(8) - late)
    found >>= np.uint64(64) - width
    return found
