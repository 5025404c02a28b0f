"""Packed values of the steps of a row with what they add up to at milestones: a refresh goes on from the sums before.

A minute later a row holds what it held, one step further on, and new steps at its end. So its sums follow from those
of the row before by a handful of values each, and no step in between is added again. Sums belong to the values that
they are of, which nobody writes into, and go with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from observatory.ledger.milestones import Milestones
from observatory.sources.base import Float64, Int64

FURTHEST = 16
"""Steps by which a row may have moved: so many values are added for each milestone."""
MOST = 2**32
"""Sums below this are remembered, in four bytes each."""
_Marks = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class _Before:
    """The sums of values which some others go on from.

    Attributes:
        shift: Steps at the beginning that are gone.
        kept: Steps that are the same, from the new beginning on.
    """

    sums: dict[Milestones, _Marks]
    shift: int
    kept: int


@dataclass(slots=True, eq=False)
class Summed:
    """Packed values of the steps of a row, see `packed`. Do not write into them."""

    values: NDArray[Any]
    _sums: dict[Milestones, _Marks] = field(default_factory=dict)
    _before: _Before | None = None

    def gone_on(self, values: NDArray[Any], shift: int, kept: int) -> Summed:
        """Other values, which begin `shift` steps later and are the same for `kept` steps."""
        if values is self.values:
            return self
        before = _Before(dict(self._sums), shift, kept) if self._sums and shift <= FURTHEST else None
        return Summed(values, _before=before)

    def before(self, milestones: Milestones) -> tuple[_Marks, int, int] | None:
        """At these milestones the sums of what these values go on from, the steps that are gone and those kept."""
        told = self._before
        if told is None or self.values.dtype.kind != "u" or len(self.values) != milestones.steps:
            return None
        sums = told.sums.get(milestones)
        return (sums, told.shift, told.kept) if sums is not None else None

    def known(self, milestones: Milestones) -> _Marks | None:
        """Their sums at these milestones, where somebody asked for them before."""
        return self._sums.get(milestones)

    def remember(self, milestones: Milestones, sums: _Marks) -> None:
        """Their sums at the marks of these milestones."""
        self._sums[milestones] = sums


def sums_at(lines: Sequence[Summed], milestones: Milestones) -> tuple[Float64, NDArray[np.bool_]]:
    """By line and place of the milestones their sums, and which lines have any.

    None have those whose values are no whole numbers, or too large.
    """
    places: dict[int, int] = {}
    of_lines = [places.setdefault(id(line), len(places)) for line in lines]
    each = list({id(line): line for line in lines}.values())
    fit = np.ones(len(each), bool)
    going_on: dict[tuple[int, int], list[int]] = {}
    for place, line in enumerate(each):
        if line.known(milestones) is None and (before := line.before(milestones)) is not None:
            going_on.setdefault(before[1:], []).append(place)
    parts = [(some, _moved(milestones, [each[one] for one in some], *moved)) for moved, some in going_on.items()]
    if len(parts) == 1 and len(parts[0][0]) == len(each) and parts[0][1] is not None:
        table = parts[0][1].astype(np.float64)
    else:
        table = np.zeros((len(each), len(milestones.marks)))
        for some, sums in parts:
            if sums is not None:
                table[some] = sums
        told = {place for some, sums in parts if sums is not None for place in some}
        for place, line in enumerate(each):
            if place not in told and (found := _of_one(line, milestones)) is not None:
                table[place] = found
            elif place not in told:
                fit[place] = False
    at_places: Float64 = table[:, milestones.of_places]
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


def _moved(milestones: Milestones, lines: Sequence[Summed], shift: int, kept: int) -> _Marks | None:
    """Sums at the marks from those of the lines before, remembered; None where they may be too large for that.

    Up to a mark lie the values that lay up to it before, without those that are gone and with those that have moved
    up to it. How much is gone is told by the first mark behind it. From the last mark that nothing new has reached on
    values are added one by one. The first axis of all arrays is lines.
    """
    marks = milestones.marks
    first, last = int(np.searchsorted(marks, shift)), int(np.searchsorted(marks, kept, side="right")) - 1
    if first > last:
        return None
    inside, until = marks[first : last + 1], int(marks[last])
    ranges = [np.arange(int(inside[0]) - shift), np.arange(shift), np.arange(until, milestones.steps)]
    parts = [*ranges, *(inside - back for back in range(1, shift + 1))]
    at, ends = np.concatenate(parts), np.cumsum([0, *map(len, parts)]).tolist()
    values = np.stack([line.values.take(at) for line in lines])
    moved: _Marks = np.stack([sums[0] for line in lines if (sums := line.before(milestones)) is not None])
    if int(moved[:, -1].max()) + int(values.max()) * (shift + milestones.steps - until) >= MOST:
        return None
    beginning, fresh_beginning, ending, *up = (values[:, low:high] for low, high in pairwise(ends))
    gone = moved[:, first, None] - beginning.sum(axis=1, dtype=np.uint32)[:, None]
    between = moved[:, first : last + 1]
    between -= gone
    for more in up:
        between += more
    moved[:, :first] = _added(fresh_beginning, marks[:first])
    moved[:, last + 1 :] = between[:, -1:] + _added(ending, marks[last + 1 :] - until)
    for line, sums_of_line in zip(lines, moved, strict=True):
        line.remember(milestones, sums_of_line)
    return moved


def _added(values: NDArray[Any], marks: Int64) -> _Marks:
    """What values add up to, up to each mark."""
    sums = np.zeros((len(values), values.shape[1] + 1), np.uint32)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    found: _Marks = sums[:, marks]
    return found
