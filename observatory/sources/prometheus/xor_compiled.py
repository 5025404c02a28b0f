"""What numba compiles: XOR chunks to samples, one chunk after the other. Only `xor_kernel` imports this.

Numbers and arrays only, and the operands of every operation of one type, because a signed and an unsigned number
together would become a float. Helpers take numbers: an array that is handed on would be counted as in use, sample by
sample. The words are the bytes of all chunks as 64-bit numbers, big-endian, and end with two more than there are bytes
for; chunks are followed by the padding that `xor` asks for, so nothing is read beyond them.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

FINE, ENDS_EARLY, SPAN_IMPOSSIBLE = range(3)
_0, _1, _2, _3, _4, _6 = (np.uint64(number) for number in (0, 1, 2, 3, 4, 6))
_ALL, _LOW6, _LOW5 = np.uint64(64), np.uint64(63), np.uint64(31)
_NEW_HEAD, _OLD_HEAD, _IS_NEW = np.uint64(13), np.uint64(2), np.uint64(3)
_AT_HEAD, _AT_LEADING, _AT_WIDTH, _AT_PREFIX = np.uint64(62), np.uint64(57), np.uint64(51), np.uint64(60)
_SHORT, _MIDDLE, _LONG = np.uint64(14), np.uint64(17), np.uint64(20)
_IS_MIDDLE, _IS_LONG, _IS_WIDE = np.uint64(12), np.uint64(14), np.uint64(15)

_inlined = numba.njit(error_model="numpy", inline="always")
_WORDS, _NUMBERS = numba.uint64[::1], numba.int64[::1]


@_inlined
def _window(word: Any, following: Any, position: Any) -> Any:
    """The 64 bits from a bit of a word on."""
    late = position & _LOW6
    return (word << late) | ((following >> _1) >> (_LOW6 - late))


@_inlined
def _second_difference(window: Any, prefix: Any) -> Any:
    """A second difference of times that is not of the longest kind, and how many bits it takes with its prefix."""
    if prefix < _IS_MIDDLE:
        lead, width = _2, _SHORT
    elif prefix < _IS_LONG:
        lead, width = _3, _MIDDLE
    else:
        lead, width = _4, _LONG
    change = np.int64((window << lead) >> (_ALL - width))
    if change > np.int64(_1 << (width - _1)):
        change -= np.int64(_1 << width)
    return change, lead + width


@numba.njit(
    numba.int64(_WORDS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _WORDS),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def decode_all(
    words: Any, limits: Any, counts: Any, offsets: Any, positions: Any, deltas: Any, times: Any, bits: Any
) -> Any:
    """Chunk i from its second sample on, of which the position is known and the time by `deltas[i]`; the first one is
    in `times` and `bits` at `offsets[i]`, and the others go behind it. What is wrong with the first that is wrong."""
    for chunk in range(len(counts)):
        place = offsets[chunk]
        position, limit = np.uint64(positions[chunk]), np.uint64(limits[chunk])
        delta, width, trailing = deltas[chunk], _ALL, _0
        for row in range(1, counts[chunk]):
            if position >= limit:
                return ENDS_EARLY
            at = position >> _6
            window = _window(words[at], words[at + _1], position)
            if row > 1 and window >> _LOW6:
                prefix = window >> _AT_PREFIX
                if prefix == _IS_WIDE:
                    position += _4
                    at = position >> _6
                    delta += np.int64(_window(words[at], words[at + _1], position))
                    position += _ALL
                else:
                    change, taken = _second_difference(window, prefix)
                    delta += change
                    position += taken
                at = position >> _6
                window = _window(words[at], words[at + _1], position)
            elif row > 1:
                position += _1
                window <<= _1
            # The value: unchanged, within the span of bits that changed last, or with a new span.
            value = bits[place]
            if not window >> _LOW6:
                position += _1
            else:
                if window >> _AT_HEAD == _IS_NEW:
                    leading, width = (window >> _AT_LEADING) & _LOW5, (window >> _AT_WIDTH) & _LOW6
                    width = _ALL if width == _0 else width
                    if leading + width > _ALL:
                        return SPAN_IMPOSSIBLE
                    trailing = _ALL - leading - width
                    position += _NEW_HEAD
                else:
                    position += _OLD_HEAD
                at = position >> _6
                value ^= (_window(words[at], words[at + _1], position) >> (_ALL - width)) << trailing
                position += width
            times[place + 1] = times[place] + delta
            place += 1
            bits[place] = value
        if position > limit:
            return ENDS_EARLY
    return FINE
