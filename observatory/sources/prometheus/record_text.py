"""Numbers of a matrix answer, read eight digits at a time where the records of a series are equally wide.

`[1790000007,"1234"],[1790000067,"1301"],...`: a counter keeps its number of digits for hundreds of samples, so its
records follow one another at equal distances. Then every byte that is no digit has a known place, and digits are words
at known places, which few operations on whole arrays turn into numbers (after D. Lemire's and W. Mula's ways of parsing
eight digits in a register). Every byte is checked: what is not of this form is said to be not, and never misread.
Series that were scraped together have the same times; these are read once and shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64, UInt64

SHORT_RUN, MOST_SHORT_RUNS = 16, 6
"""Records of one width that follow one another: where there are few, too often, another way is quicker."""
WIDEST_VALUE = 16
SECONDS, SECONDS_AND_MS = 10, 14
"""Characters of times: `1790000007` and `1790000007.123`."""
_JOINT = int.from_bytes(b'"],[', "little")
_COMMA = int.from_bytes(b',"', "little")
_TILE = 1 << 14
_ZEROS = np.uint64(0x3030303030303030)
_ABOVE_NINE = np.uint64(0x7676767676767676)
_HIGH_BITS = np.uint64(0x8080808080808080)
_DOT_AS_ZERO = np.uint64(0x1E << 32)
_LOW_WORD, _EIGHT, _SIXTEEN = np.uint64(0x000000FF000000FF), np.uint64(8), np.uint64(16)
_TEN, _UPPER, _LOWER = np.uint64(10), np.uint64(0x000F424000000064), np.uint64(0x0000271000000001)


class Run(Struct, frozen=True):
    """Records of one width that follow one another.

    Attributes:
        begin: Place of the first one's bracket.
        width: From one record to the next.
        time_width, value_width: Characters of their numbers.
    """

    begin: int
    width: int
    count: int
    time_width: int
    value_width: int

    @property
    def value_at(self) -> int:
        """Place of the first value's first digit."""
        return self.begin + 1 + self.time_width + 2


class _Times(Struct, frozen=True):
    first: UInt64
    last: UInt64
    t_ms: Int64


KnownTimes = dict[tuple[int, ...], _Times]
"""Times that were read, for series that have the same."""


class RecordText:
    """One body, or a part of one.

    Args:
        known: Of the same answer; what is read is added.
    """

    def __init__(self, body: bytes | bytearray, known: KnownTimes | None = None) -> None:
        self._body = body
        self._known = {} if known is None else known

    def runs(self, begin: int, last: int) -> tuple[Run, ...]:
        """The records from a first bracket to a last closing one, as runs; none where widths change too often.

        Of a run everything but the digits of its numbers is checked.
        """
        found: list[Run] = []
        short = 0
        if last + 6 > len(self._body):
            return ()  # words are read, and the last ones reach beyond their digits
        while begin < last:
            run = self._run(begin, last)
            short += run is not None and run.count < SHORT_RUN
            if run is None or short > MOST_SHORT_RUNS:
                return ()
            found.append(run)
            begin += run.count * run.width
        return tuple(found) if len({run.time_width for run in found}) == 1 else ()

    def _run(self, begin: int, last: int) -> Run | None:
        close = self._body.find(b"]", begin, last + 1)
        comma = self._body.find(b',"', begin, close) if close > 0 else -1
        if comma < 0:
            return None
        width, time_width, value_width = close + 2 - begin, comma - begin - 1, close - comma - 3
        if time_width not in (SECONDS, SECONDS_AND_MS) or not 0 < value_width <= WIDEST_VALUE:
            return None
        count = (last - close) // width + 1
        # Each is followed by another, but for the last of all.
        followed = count - (close + (count - 1) * width == last)
        joined = _before_other(self._words("<u4", close - 1, width, followed), _JOINT)
        count = count if joined == followed else joined
        count = min(count, _before_other(self._words("<u2", comma, width, count), _COMMA))
        return Run(begin, width, count, time_width, value_width) if count else None

    def _words(self, kind: str, at: int, width: int, count: int) -> NDArray[Any]:
        """Words at equal distances, wherever they lie; a view."""
        return np.ndarray((count,), kind, self._body, at, (width,))

    def _column(self, runs: Sequence[Run], after: int) -> UInt64:
        """Eight characters of each record, so many after its bracket."""
        parts = [self._words("<u8", run.begin + after, run.width, run.count) for run in runs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def times(self, runs: Sequence[Run]) -> Int64 | None:
        """Times of the records in milliseconds, shared where another series has the same; None where one is no time."""
        width = runs[0].time_width
        first, last = self._column(runs, 1), self._column(runs, width - 7)
        key = (width, len(first), int(first[0]), int(last[0]), int(last[-1]))
        known = self._known.get(key)
        if known is None or not (_are_alike(first, known.first) and _are_alike(last, known.last)):
            t_ms = _times_of(first, last, width)
            if t_ms is None:
                return None
            known = self._known[key] = _Times(first.copy(), last.copy(), t_ms)
        return known.t_ms

    def values(self, runs: Sequence[Run], out: Float64) -> NDArray[np.intp]:
        """Write the values of runs, one after the other.

        Returns:
            Places of those that are no whole numbers and have to be read otherwise.
        """
        words = np.empty(len(out), np.uint64)
        upper = np.zeros(len(out), np.uint64) if any(run.value_width > 8 for run in runs) else None
        at = 0
        for run in runs:
            part, after = words[at : at + run.count], max(0, run.value_width - 8)
            _take(part, self._words("<u8", run.value_at + after, run.width, run.count), run.value_width - after)
            if upper is not None and after:
                _take(upper[at : at + run.count], self._words("<u8", run.value_at, run.width, run.count), after)
            at += run.count
        wrong = [np.empty(0, np.intp)]
        for begin in range(0, len(out), _TILE):
            part = words[begin : begin + _TILE]
            bad = _to_numbers(part)
            if upper is not None and (higher := upper[begin : begin + _TILE]).any():
                bad |= _to_numbers(higher)
                part += higher * np.uint64(100_000_000)
            out[begin : begin + _TILE] = part
            if bad.any():
                wrong.append(np.flatnonzero(bad) + begin)
        return np.concatenate(wrong)


def _are_alike(words: UInt64, others: UInt64) -> bool:
    same = words == others
    return bool(same[same.argmin()])


def _before_other(words: NDArray[Any], mark: int) -> int:
    """How many words are a mark before the first that is not."""
    if not len(words):
        return 0
    same = words == mark
    place = same.argmin()
    return len(same) if same[place] else int(place)


def _take(out: UInt64, words: NDArray[Any], digits: int) -> None:
    """The first characters of words as digits, zeros before them; characters after them are lost."""
    np.subtract(words, _ZEROS, out=out)
    if digits < 8:
        np.left_shift(out, np.uint64(8 * (8 - digits)), out=out)


def _to_numbers(digits: UInt64) -> NDArray[np.bool_]:
    """Words of eight digits to the numbers they are, in place; and which of them hold something else."""
    bad = ((digits + _ABOVE_NINE) | digits) & _HIGH_BITS
    pairs = digits >> _EIGHT
    digits *= _TEN
    digits += pairs
    np.right_shift(digits, _SIXTEEN, out=pairs)
    pairs &= _LOW_WORD
    pairs *= _LOWER
    digits &= _LOW_WORD
    digits *= _UPPER
    digits += pairs
    digits >>= np.uint64(32)
    found: NDArray[np.bool_] = bad != 0
    return found


def _times_of(first: UInt64, last: UInt64, width: int) -> Int64 | None:
    """Milliseconds from the first and the last eight characters of times; together they are all characters."""
    seconds, tail = first - _ZEROS, last - _ZEROS
    if width == SECONDS_AND_MS:
        tail = (last ^ _DOT_AS_ZERO) - _ZEROS
    if not (seconds & np.uint64(0xFF)).all():
        return None  # a zero before a number, which JSON does not have
    ends = [((tail >> np.uint64(shift)) & np.uint64(15)).astype(np.int64) for shift in range(0, 64, 8)]
    if _to_numbers(seconds).any() or _to_numbers(tail).any():
        return None
    whole = seconds.astype(np.int64)
    if width == SECONDS:
        return (whole * 100 + ends[6] * 10 + ends[7]) * 1000
    return (whole * 100 + ends[2] * 10 + ends[3]) * 1000 + ends[5] * 100 + ends[6] * 10 + ends[7]
