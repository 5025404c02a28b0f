"""Rows of a ledger in the memory that they need: counts of a minute are small whole numbers, mostly.

A month of minutes takes a megabyte per row as floats, and ten thousand rows are more than a machine should spend. So
rows lie packed and are unpacked when they are asked for, a row at a time, value for value as they were. What does not
fit a small whole number (shares of a gap, levels) stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from observatory.ledger.row import Row
from observatory.ledger.splicing import has_left, splice, spliced_facts
from observatory.ledger.summed import Summed
from observatory.ledger.sums import WholeCounts
from observatory.sources.base import Float64
from observatory.windows import Grid

COUNTS = (np.uint8, np.uint16, np.uint32)
"""Types of packed counts, the smallest first."""
_MOST = {kind: int(np.iinfo(kind).max) for kind in COUNTS}
NOTHING: Float64 = np.empty(0)


def pack(values: NDArray[Any]) -> NDArray[Any]:
    """The values in the smallest type that holds all of them, or as they are; a single float where all are equal."""
    if not len(values):
        return values
    least, most = float(values.min()), float(values.max())
    if least == most:
        # A copy: a view of one value would keep the others in memory.
        return values[:1].astype(np.float64)
    if least < 0 or not most <= _MOST[COUNTS[-1]]:
        return values
    whole = values.astype(smallest(most), copy=False)
    return whole if values.dtype.kind == "u" or bool((whole == values).all()) else values


def smallest(most: float) -> type[np.generic]:
    """The smallest type of packed counts that holds whole numbers up to this one; float64 where none does."""
    if not (0 <= most <= _MOST[COUNTS[-1]] and float(most).is_integer()):
        return np.float64
    return next(one for one in COUNTS if most <= _MOST[one])


def pack_lines(lines: Float64) -> list[NDArray[Any]]:
    """Each line packed, as `pack` does it, all of them at once. What is packed shares the memory of its like."""
    if not lines.size:
        return list(lines)
    least, most = lines.min(axis=1), lines.max(axis=1)
    even = least == most
    found: list[NDArray[Any]] = [lines[:0, 0]] * len(lines)
    for place in np.flatnonzero(even).tolist():
        found[place] = lines[place, :1].copy()
    left, below = ~even & (least >= 0), -1.0
    for kind in COUNTS:
        highest = float(_MOST[kind])
        places = np.flatnonzero(left & (most > below) & (most <= highest))
        below = highest
        if len(places):
            some = lines if len(places) == len(lines) else lines[places]
            whole = some.astype(kind)
            for place, line, same in zip(places.tolist(), whole, (whole == some).all(axis=1).tolist(), strict=True):
                if same:
                    found[place] = line
    for place, line in enumerate(lines):
        if not len(found[place]):
            # A copy: a view of one line would keep all of them in memory.
            found[place] = line.copy()
    return found


def unpack(packed: NDArray[Any], length: int) -> Float64:
    """What was packed; do not write into it."""
    if len(packed) != length:
        return np.full(length, packed[0], np.float64)
    return packed.astype(np.float64, copy=False)


def spliced(old: NDArray[Any], new: NDArray[Any], kept: slice, steps: int) -> NDArray[Any]:
    """Of packed values the kept steps, and so many new ones behind them, packed; unpacks none.

    The type is wide enough for what is left, though a smaller one may do.
    """
    if len(old) == 1 and len(new) == 1 and old[0] == new[0]:
        return old
    head, tail = _all(old, kept.stop - kept.start, kept), _all(new, steps, slice(steps))
    whole = np.concatenate((head, tail))
    # All may be alike again, once what differed has left: a step that was seen in part as it was the last one.
    return whole if whole.dtype.kind == "u" and not (len(new) == 1 and whole[0] == new[0]) else pack(whole)


def _all(packed: NDArray[Any], steps: int, part: slice) -> NDArray[Any]:
    """Steps of packed values, each by itself, in a type as small as they need."""
    if len(packed) != 1:
        return packed[part]
    value = float(packed[0])
    return np.full(steps, value, smallest(value))


def _without_counts(row: Row) -> Row:
    return replace(row, good=NOTHING, total=NOTHING, observed=NOTHING)


class PackedCounts(Struct, frozen=True):
    """The counts of a row as they lie there: a single value stands for all steps. Do not write into them."""

    total: Summed
    bad: Summed
    observed: Summed

    def steps_of(self, part: slice) -> tuple[Float64, Float64]:
        """Bad and all events of some steps."""
        bad, total = (
            one[part].astype(np.float64) if len(one) != 1 else np.full(part.stop - part.start, float(one[0]))
            for one in (self.bad.values, self.total.values)
        )
        return bad, total


class _Packed(Struct, frozen=True):
    """One row, its counts packed: total, what is missing from it to be good, and seconds seen."""

    rest: Row
    steps: int
    total: Summed
    bad: Summed | None
    good: NDArray[Any] | None
    observed: Summed

    @classmethod
    def of(cls, row: Row) -> _Packed:
        rest = _without_counts(row)
        missing = row.total - row.good
        # Good counts are nearly as large as the total; what is missing is mostly zero, where it says the same.
        exact = bool((row.total - missing == row.good).all())
        return cls(
            rest,
            len(row.total),
            Summed(pack(row.total)),
            Summed(pack(missing)) if exact else None,
            None if exact else pack(row.good),
            Summed(pack(row.observed)),
        )

    @property
    def is_plain(self) -> bool:
        """Whether all that its steps hold are counts."""
        row = self.rest
        return row.level is None and row.upper is None and row.at_least is None and row.excluded is None

    def part(self, first: int, last: int) -> Row:
        """Counts of the steps from `first` on and before `last`, without levels and bounds."""
        length = last - first

        def cut(packed: NDArray[Any]) -> Float64:
            return unpack(packed if len(packed) != self.steps else packed[first:last], length)

        total = cut(self.total.values)
        if self.bad is not None:
            good = total - cut(self.bad.values)
        else:
            assert self.good is not None
            good = cut(self.good)
        bare = replace(self.rest, level=None, level_error=None, upper=None, at_least=None)
        return replace(bare, good=good, total=total, observed=cut(self.observed.values))

    def row(self) -> Row:
        total = unpack(self.total.values, self.steps)
        if self.bad is not None:
            good = total - unpack(self.bad.values, self.steps)
        else:
            assert self.good is not None
            good = unpack(self.good, self.steps)
        return replace(self.rest, good=good, total=total, observed=unpack(self.observed.values, self.steps))

    def with_tail(
        self, new: _Packed, old_grid: Grid, tail: Grid, grid: Grid, shared: dict[object, Summed]
    ) -> _Packed | None:
        """What `splice` of the two rows gives; None where it has to be asked for.

        Args:
            shared: Seconds seen of the rows before, for rows of the same targets share them.
        """
        if self.bad is None or new.bad is None or self.rest.upper is not None or new.rest.upper is not None:
            return None
        first = (grid.start_ms - old_grid.start_ms) // grid.step_ms
        kept = slice(first, first + grid.steps - tail.steps)

        def gone_on(before: Summed, after: Summed) -> Summed:
            return before.gone_on(spliced(before.values, after.values, kept, tail.steps), first, kept.stop - first)

        if has_left(self.rest, new.rest, grid):
            return None
        same = id(self.observed), new.observed.values.tobytes(), tail
        observed = shared.get(same)
        if observed is None:
            observed = gone_on(self.observed, new.observed)
            observed = shared[same] = shared.setdefault(observed.values.tobytes(), observed)
        if self.is_plain and new.is_plain:
            rest = replace(self.rest, **spliced_facts(self.rest, new.rest, tail, grid))
        else:
            rest = _without_counts(splice(self.rest, old_grid, new.rest, tail, grid))
        return _Packed(rest, grid.steps, gone_on(self.total, new.total), gone_on(self.bad, new.bad), None, observed)


class PackedRows(MutableMapping[str, Row]):
    """Rows by measurement key, packed as they are put in; each access unpacks one, and the last one is at hand."""

    def __init__(self, rows: Mapping[str, Row] | None = None) -> None:
        self._rows: dict[str, _Packed] = {}
        self._last: tuple[_Packed, Row] | None = None
        self._shared: dict[object, Summed] = {}
        self.take(rows or {})

    def take(self, rows: Mapping[str, Row]) -> None:
        """Take rows from another mapping; those of packed ones are shared, not unpacked."""
        if isinstance(rows, PackedRows):
            self._rows |= rows._rows
        else:
            self._rows |= {key: _Packed.of(row) for key, row in rows.items()}

    def splice(self, key: str, old: PackedRows, new: PackedRows, old_grid: Grid, tail: Grid, grid: Grid) -> None:
        """Put in a row of earlier rows, and from the tail on what was counted anew; unseen where nothing was."""
        before, after = old._rows[key], new._rows.get(key)
        found = before.with_tail(after, old_grid, tail, grid, self._shared) if after is not None else None
        self._rows[key] = found or _Packed.of(splice(old[key], old_grid, new.get(key), tail, grid))

    def only(self, keys: Iterable[str]) -> PackedRows:
        """Some of the rows, in the given order; keys without a row are passed over."""
        found = PackedRows()
        found._rows = {key: self._rows[key] for key in keys if key in self._rows}
        return found

    def put(self, key: str, about: Row, counts: PackedCounts, steps: int) -> None:
        """Put in a row whose counts are packed already.

        Args:
            about: The row without its counts.
            steps: How many they are of.
        """
        self._rows[key] = _Packed(about, steps, counts.total, counts.bad, None, counts.observed)

    @property
    def newest_ms(self) -> int | None:
        """The newest sample behind any row; unpacks none."""
        return max((one.rest.last_sample_ms for one in self._rows.values() if one.rest.last_sample_ms), default=None)

    def part(self, key: str, first: int, last: int) -> Row:
        """Counts of some steps of a row, without levels and bounds; what is not asked for is not unpacked.

        Raises:
            KeyError: There is no such row.
        """
        return self._rows[key].part(first, last)

    @property
    def nbytes(self) -> int:
        """Bytes of the packed counts."""
        lines = ((one.total, one.bad, one.observed) for one in self._rows.values())
        counts = sum(line.values.nbytes for some in lines for line in some if line is not None)
        return counts + sum(one.good.nbytes for one in self._rows.values() if one.good is not None)

    def about(self, key: str) -> Row:
        """A row without its counts: those arrays are empty; unpacks nothing."""
        return self._rows[key].rest

    def unseen(self, key: str, part: slice) -> int:
        """In how many steps nothing was seen of a row before the first in which something was; unpacks nothing."""
        packed = self._rows[key].observed.values
        seen = packed[part] > 0 if len(packed) > 1 else np.repeat(packed > 0, part.stop - part.start)
        return int(seen.argmax()) if seen.any() else len(seen)

    def packed(self, key: str) -> PackedCounts | None:
        """The counts of a row of events, which has neither levels nor bounds; None of any other."""
        row = self._rows[key]
        if row.bad is None or not row.is_plain:
            return None
        return PackedCounts(row.total, row.bad, row.observed)

    def whole(self, key: str) -> WholeCounts | None:
        """A row's counts as they lie packed; None where it holds fractions."""
        row = self._rows[key]
        if row.bad is None:
            return None
        return WholeCounts.of(row.bad.values, row.total.values, row.observed.values, row.steps)

    def __getitem__(self, key: str) -> Row:
        packed, last = self._rows[key], self._last
        if last is None or last[0] is not packed:
            last = self._last = packed, packed.row()
        return last[1]

    def __setitem__(self, key: str, row: Row) -> None:
        self._rows[key] = _Packed.of(row)

    def __delitem__(self, key: str) -> None:
        del self._rows[key]

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
