"""Milestones: what packed rows hold up to chosen steps, many sums at once and nothing unpacked for good.

Sixty steps at a time are multiplied by a matrix of zeros and ones that adds them up to each place within the sixty that
somebody asks for. All of it are whole numbers that a float holds exactly, so the sums are those that adding step by
step gives, to the last bit, in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64

EXACT = 2**53
"""Whole numbers below this are floats without rounding."""
SPAN = 60
"""Steps that one multiplication adds: their sum has to be exact in the float that it is made in."""
MOST_MILESTONES = 32
"""Remembered by their places: rows are looked at alike, refresh after refresh."""
_NARROW = 2
"""Bytes of a count of which sixty are exact in a float of four bytes."""


class Milestones(Struct, frozen=True, eq=False):
    """Steps of rows of one length, up to which sums are asked for. Those of the same places are the same object.

    Attributes:
        places: Each the number of steps from the row's start that are added, 0 to `steps`.
        marks: The same, ascending and each once.
        of_places: By place, which of the marks it is.
    """

    steps: int
    places: Int64
    marks: Int64
    of_places: NDArray[np.intp]
    _lead: int
    _span: NDArray[np.intp]
    _flat: NDArray[np.intp]
    _adding: NDArray[np.float64]

    @classmethod
    def of(cls, steps: int, places: Iterable[int] | Int64) -> Milestones:
        """Milestones at some places of rows of so many steps."""
        return _milestones(steps, np.asarray(places, np.int64).tobytes())

    def sums(self, packed: NDArray[Any]) -> Float64 | None:
        """By place the sum of a packed row up to there; None where counts are no whole numbers, or too large."""
        found = self.at_marks(packed)
        return None if found is None else found[self.of_places]

    def at_marks(self, packed: NDArray[Any]) -> Float64 | None:
        """The same by mark."""
        if len(packed) != self.steps or packed.dtype.kind == "f":
            each = float(packed[0]) if len(packed) else 0.5
            if len(packed) != 1 or not each.is_integer() or abs(each) * self.steps >= EXACT:
                return None
            alike: Float64 = self.marks.astype(np.float64) * each
            return alike
        kind = np.float32 if packed.dtype.itemsize <= _NARROW else np.float64
        counts = np.zeros(self._lead + self.steps, kind)
        counts[self._lead :] = packed
        within = counts.reshape(-1, SPAN) @ self._adding.astype(kind)
        before = np.zeros(len(within) + 1)
        np.cumsum(within[:, -1], dtype=np.float64, out=before[1:])
        if before[-1] >= EXACT:
            return None
        found: Float64 = before[self._span] + within.ravel()[self._flat]
        return found


@lru_cache(maxsize=MOST_MILESTONES)
def _milestones(steps: int, of: bytes) -> Milestones:
    places = np.frombuffer(of, np.int64)
    marks = _ascending(places)
    of_places = np.searchsorted(marks, places)
    # Zeros before the first step, so that the last sixty end with the row.
    lead = -steps % SPAN
    padded = marks + lead
    span = np.maximum(padded - 1, 0) // SPAN
    inside = padded - span * SPAN
    columns = _ascending(np.append(inside, SPAN))
    adding = (np.arange(SPAN)[:, None] < columns[None, :]).astype(np.float64)
    flat = span * len(columns) + np.searchsorted(columns, inside)
    return Milestones(steps, places, marks, of_places, lead, span, flat, adding)


def _ascending(places: Int64) -> Int64:
    """Each place once; numpy's own looks for masks, and imports all that there is about them."""
    return np.asarray(sorted(set(places.tolist())), np.int64)
