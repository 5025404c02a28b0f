"""Packed values of the steps of a row with what they add up to at milestones: a refresh goes on from the sums before.

A minute later a row holds what it held, one step further on, and new steps at its end. So its sums follow from those
of the row before by a handful of values each, and no step in between is added again. Sums belong to the values that
they are of, which nobody writes into, and go with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from observatory.ledger.milestones import Milestones
from observatory.sources.base import Float64, Int64

FURTHEST = 16
"""Steps by which a row may have moved: so many values are added for each milestone."""
MOST = 2**32
"""Sums below this are remembered, in four bytes each."""
_Marks = NDArray[np.uint32]


class _Move(Struct, frozen=True, eq=False):
    """A row moves on: which of its values tell what it adds up to at the marks of milestones.

    Attributes:
        first, last: The marks between which sums follow from those before: nothing that is gone or new reaches them.
        at: Places of values: those before the first of these marks, those before the marks that have moved up to the
            beginning, those from the last of these marks on, and those that have moved up to each of these marks.
        ends: Where each of these kinds ends among them.
    """

    milestones: Milestones
    first: int
    last: int
    at: NDArray[np.intp]
    ends: tuple[int, ...]


class _Before(Struct, frozen=True, eq=False):
    """What sums go on from: those of the values before, and the values that tell the way on.

    These are taken while all of them lie in the cache of a processor, for they have just been put together.
    """

    move: _Move
    sums: _Marks
    values: NDArray[Any]


class Summed(Struct, eq=False):
    """Packed values of the steps of a row, see `packed`. Do not write into them."""

    values: NDArray[Any]
    _sums: dict[Milestones, _Marks] = field(default_factory=dict)
    _before: dict[Milestones, _Before] = field(default_factory=dict)

    def gone_on(self, values: NDArray[Any], shift: int, kept: int) -> Summed:
        """Other values, which begin `shift` steps later and are the same for `kept` steps."""
        if values is self.values:
            return self
        gone_on = Summed(values)
        if shift <= FURTHEST and values.dtype.kind == "u" and len(values) == len(self.values):
            for milestones, sums in self._sums.items():
                if (move := _move(milestones, shift, kept)) is not None:
                    gone_on._before[milestones] = _Before(move, sums, values.take(move.at))
        return gone_on

    def before(self, milestones: Milestones) -> _Before | None:
        """What their sums at these milestones go on from, where that is known."""
        return self._before.get(milestones)

    def known(self, milestones: Milestones) -> _Marks | None:
        """Their sums at these milestones, where somebody asked for them before."""
        return self._sums.get(milestones)

    def remember(self, milestones: Milestones, sums: _Marks) -> None:
        """Their sums at the marks of these milestones."""
        self._sums[milestones] = sums
        self._before.pop(milestones, None)


def sums_at(lines: Sequence[Summed], milestones: Milestones) -> tuple[Float64, NDArray[np.bool_]]:
    """By line and place of the milestones their sums, and which lines have any.

    None have those whose values are no whole numbers, or too large.
    """
    places: dict[int, int] = {}
    of_lines = [places.setdefault(id(line), len(places)) for line in lines]
    each = list({id(line): line for line in lines}.values())
    fit = np.ones(len(each), bool)
    going_on: dict[_Move, list[tuple[int, _Before]]] = {}
    for place, line in enumerate(each):
        if line.known(milestones) is None and (before := line.before(milestones)) is not None:
            going_on.setdefault(before.move, []).append((place, before))
    moved: dict[int, _Marks] = {}
    table: NDArray[Any] | None = None
    for move, some in going_on.items():
        sums = _moved(move, [before for _, before in some])
        for (place, _), one in zip(some, sums if sums is not None else (), strict=sums is not None):
            each[place].remember(milestones, one)
            moved[place] = one
        table = sums if len(some) == len(each) else None
    if table is None:
        told = [moved[place] if place in moved else _of_one(line, milestones) for place, line in enumerate(each)]
        fit = np.array([one is not None for one in told])
        table = np.stack([np.zeros(len(milestones.marks)) if one is None else one for one in told])
    at_places = table.astype(np.float64)[:, milestones.of_places]
    return (at_places, fit) if len(each) == len(lines) else (at_places[of_lines], fit[of_lines])


def _of_one(line: Summed, milestones: Milestones) -> NDArray[Any] | None:
    """Sums at the marks, step by step where they are not known."""
    known = line.known(milestones)
    if known is not None:
        return known
    sums = milestones.at_marks(line.values)
    if sums is not None and len(line.values) == milestones.steps and float(sums.max(initial=0)) < MOST:
        line.remember(milestones, sums.astype(np.uint32))
    return sums


@lru_cache(maxsize=64)
def _move(milestones: Milestones, shift: int, kept: int) -> _Move | None:
    """How rows of some milestones move; None where no mark stays between what is gone and what is new."""
    marks = milestones.marks
    first, last = int(np.searchsorted(marks, shift)), int(np.searchsorted(marks, kept, side="right")) - 1
    if first > last:
        return None
    inside, until = marks[first : last + 1], int(marks[last])
    kinds = [np.arange(int(inside[0]) - shift), np.arange(shift), np.arange(until, milestones.steps)]
    kinds += [inside - back for back in range(1, shift + 1)]
    ends = np.cumsum([len(one) for one in kinds]).tolist()
    return _Move(milestones, first, last, np.concatenate(kinds), tuple(ends))


def _moved(move: _Move, lines: Sequence[_Before]) -> _Marks | None:
    """Sums at the marks from those of the lines before; None where they may be too large to be remembered.

    Up to a mark lie the values that lay up to it before, without those that are gone and with those that have moved
    up to it. How much is gone is told by the first mark behind it. From the last mark that nothing new has reached on
    values are added one by one. The first axis of all arrays is lines.
    """
    marks, first, last = move.milestones.marks, move.first, move.last
    values, moved = np.stack([one.values for one in lines]), np.stack([one.sums for one in lines])
    fresh = values.shape[1] - len(marks[first : last + 1]) * (len(move.ends) - 3)
    if int(moved[:, -1].max()) + int(values.max(initial=0)) * (fresh + len(move.ends)) >= MOST:
        return None
    beginning, fresh_beginning, ending, *up = (values[:, low:high] for low, high in pairwise((0, *move.ends)))
    gone = moved[:, first, None] - beginning.sum(axis=1, dtype=np.uint32)[:, None]
    between = moved[:, first : last + 1]
    between -= gone
    for more in up:
        between += more
    moved[:, :first] = _added(fresh_beginning, marks[:first])
    moved[:, last + 1 :] = between[:, -1:] + _added(ending, marks[last + 1 :] - int(marks[last]))
    return moved


def _added(values: NDArray[Any], marks: Int64) -> _Marks:
    """What values add up to, up to each mark."""
    sums = np.zeros((len(values), values.shape[1] + 1), np.uint32)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    found: _Marks = sums[:, marks]
    return found
