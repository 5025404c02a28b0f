"""Plain events: leaves of which a kept day tells nothing but their counts lie side by side, and are joined all at once.

So are most leaves of most days, and an estate has thousands of both: one by one they would take longer than everything
else that is done with days that are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.compile.plan import Leaf
from observatory.ledger.packed import COUNTS
from observatory.sources.base import Float64, Int64
from observatory.windows import Grid

Places = Callable[[Grid], tuple[slice, slice] | None]
"""Where the steps that a block shares with a grid are: in the block, and in the grid."""


class Plain(Struct, frozen=True):
    """Leaves of one block that are counted exactly, and of which nothing was recovered.

    Attributes:
        leaves: Those that a plan counts, the same object on all of its days.
        places: Which of them these are.
        amounts: Packed, a line for each; lines of a single value where all steps hold the same.
    """

    block: Grid
    leaves: Sequence[Leaf]
    places: Int64
    amounts: NDArray[Any]

    def sizes(self) -> NDArray[np.uint8]:
        """How many bytes of its type the counts of each leaf need."""
        if self.amounts.shape[1] > 1:
            return np.full(len(self.places), self.amounts.dtype.itemsize, np.uint8)
        values: Float64 = self.amounts[:, 0].astype(np.float64)
        sizes = np.full(len(values), 8, np.uint8)
        for kind in reversed(COUNTS):
            fits = (values >= 0) & (values <= np.iinfo(kind).max) & (values == np.floor(values))
            sizes[fits] = np.dtype(kind).itemsize
        return sizes


def joined(parts: Sequence[Plain], steps: int, places_of: Places) -> dict[Leaf, NDArray[Any]]:
    """Counts of each leaf on a grid of so many steps, in the type that all of its blocks fit; zero without it."""
    if not parts:
        return {}
    leaves = parts[0].leaves
    widest = np.zeros(len(leaves), np.uint8)
    for one in parts:
        widest[one.places] = np.maximum(widest[one.places], one.sizes())
    found: dict[Leaf, NDArray[Any]] = {}
    for kind in (*COUNTS, np.float64):
        chosen = np.flatnonzero(widest == np.dtype(kind).itemsize)
        if not len(chosen):
            continue
        lines = np.zeros((len(chosen), steps), kind)
        line_of = np.full(len(leaves), -1)
        line_of[chosen] = np.arange(len(chosen))
        for one in parts:
            shared = places_of(one.block)
            rows = line_of[one.places]
            mine = np.flatnonzero(rows >= 0)
            if shared is None or not len(mine):
                continue
            inside, target = shared
            amounts = one.amounts if len(mine) == len(rows) else one.amounts[mine]
            lines[rows[mine], target] = amounts[:, inside] if amounts.shape[1] > 1 else amounts
        found |= {leaves[place]: line for place, line in zip(chosen.tolist(), lines, strict=True)}
    return found
