"""History: what days that are over came to, by measurement, for when they can no longer be counted.

Pages belong to a plan: a changed document, another version, and every day is counted anew. Telemetry does not last that
long: servers forget, and stores are pruned. So the rows of a day are kept beside its page, under the measurement alone,
and where counting finds nothing from the beginning of a stretch on, what was counted when there was something stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from observatory.errors import Problem
from observatory.ledger.days import DAY_MS, is_day
from observatory.ledger.packed import PackedRows
from observatory.ledger.row import Counting, Row
from observatory.ledger.uncounted import NONE_UNCOUNTED, Uncounted
from observatory.sources.base import Float64, Int64, Record
from observatory.windows import Grid, TimeRange

LEAST_SECONDS = 3600.0
"""Less than this, seen before and not seen now, is what counting with more samples changes at the edge of telemetry."""
_BESIDE_COUNTS = ("level", "level_error", "upper", "at_least")
_LINES = ("u1", "u2", "u4")
"""Types of packed counts, whose lines are kept as they lie."""
_WORST: dict[Counting, int] = {"exact": 0, "pushdown": 1, "estimated": 2}


class DayRow(Struct, frozen=True):
    """One measurement on one day: parts of a row by name, `bad` in place of `good`.

    Attributes:
        steps: How many the day has.
        parts: In any type that holds them; a single value stands for all steps.
    """

    counting: Counting
    series: int
    steps: int
    parts: Mapping[str, NDArray[Any]]

    @property
    def seen_seconds(self) -> float:
        observed = self.parts["observed"]
        return float(observed.sum()) * (self.steps if len(observed) != self.steps else 1)


class Columns(Struct, frozen=True):
    """One measurement on a whole grid: parts of a row by name, `bad` in place of `good`, packed or not."""

    counting: Counting
    series: int
    parts: Mapping[str, NDArray[Any]]
    uncounted: Uncounted = NONE_UNCOUNTED

    @classmethod
    def of(cls, rows: PackedRows, key: str) -> Columns:
        """Those of a row, unpacked only where it holds more than counts."""
        counts = rows.packed(key)
        if counts is not None:
            row = rows.about(key)
            parts = {name: getattr(counts, name).values for name in ("total", "bad", "observed")}
        else:
            row = rows[key]
            parts = {"total": row.total, "bad": row.total - row.good, "observed": row.observed}
            parts |= {name: values for name in _BESIDE_COUNTS if (values := getattr(row, name)) is not None}
        return cls(row.counting, row.series, parts, row.uncounted)


def day_rows(
    columns: Mapping[str, Columns], grid: Grid, block: Grid, since_ms: Mapping[str, int] | None = None
) -> dict[str, DayRow]:
    """What a day came to, of those who have been seen on it; what the grid does not reach is not seen.

    Args:
        since_ms: Of those whose series began on the day: when. A target that was scraped before says that there was
            nothing to count only to those who know what it counts later.
    """
    since_ms = since_ms or {}
    shift = (block.start_ms - grid.start_ms) // grid.step_ms
    begin, end = max(0, shift), min(grid.steps, shift + block.steps)
    inside = slice(begin, end)
    found: dict[str, DayRow] = {}

    def part(values: NDArray[Any], filler: float = 0.0) -> NDArray[Any]:
        some = values[inside] if len(values) == grid.steps else values
        if end - begin == block.steps:
            return some
        whole = np.full(block.steps, filler)
        whole[begin - shift : end - shift] = some
        return whole

    for key, row in columns.items():
        observed = part(row.parts["observed"])
        unseen = max(0, (since_ms.get(key, block.start_ms) - block.start_ms) // block.step_ms)
        if unseen:
            observed = np.where(np.arange(block.steps) < unseen, 0, observed)
        if observed[0] or observed.any():
            parts = {name: part(values, np.nan if name == "level" else 0.0) for name, values in row.parts.items()}
            parts |= row.uncounted.cut(block.range).by_step(block)
            found[key] = DayRow(row.counting, row.series, block.steps, {**parts, "observed": observed})
    return found


def packed(rows: Mapping[str, DayRow]) -> Record:
    """Rows of a day as plain arrays; a part that is one value throughout, or mostly zero, takes little room."""
    told: list[list[Any]] = []
    values: list[NDArray[Any]] = []
    places: list[Int64] = []
    lines: dict[str, list[NDArray[Any]]] = {form: [] for form in _LINES}
    for key, row in sorted(rows.items()):
        parts: list[list[Any]] = []
        for name, part in row.parts.items():
            held = 0 if len(part) == 1 else int(np.count_nonzero(part))
            # Whether it is one value throughout is looked at in full only where its ends agree.
            if not held or (part[0] == part[-1] and bool((part == part[0]).all())):
                parts.append([name, "one", row.steps, float(part[0])])
            elif held * 4 < len(part):
                at = np.flatnonzero(part)
                parts.append([name, "few", len(part), held])
                values.append(part[at])
                places.append(at)
            elif (form := part.dtype.str[1:]) in lines:
                # Packed counts stay as they are, each type by itself: whoever keeps the record need not look at them.
                parts.append([name, form, len(part), len(part)])
                lines[form].append(part)
            else:
                parts.append([name, "all", len(part), len(part)])
                values.append(part)
        told.append([key, row.counting, row.series, parts])
    return Record(
        {"rows": told},
        {"values": np.concatenate([np.empty(0, np.uint8), *values])},
        {"places": np.concatenate([np.empty(0, np.int64), *places])},
        {form: np.concatenate(parts).view(np.uint8) for form, parts in lines.items() if parts},
    )


def unpacked(record: Record) -> dict[str, DayRow]:
    """What `packed` was given, as floats."""
    arrays = {form: part.view(form) for form, part in record.small.items()} | {"values": record.floats["values"]}
    places = record.ints["places"]
    at = dict.fromkeys((*arrays, "places"), 0)

    def take(name: str, count: int) -> slice:
        begin, at[name] = at[name], at[name] + count
        return slice(begin, begin + count)

    found: dict[str, DayRow] = {}
    for key, counting, series, parts in record.header["rows"]:
        lines: dict[str, Float64] = {}
        for name, form, length, held in parts:
            if form == "one":
                lines[name] = np.full(length, held)
                continue
            lines[name] = line = np.zeros(length)
            where = places[take("places", held)] if form == "few" else slice(None)
            kind = form if form in _LINES else "values"
            line[where] = arrays[kind][take(kind, held)]
        found[key] = DayRow(counting, series, parts[0][2], lines)
    return found


def together(before: Mapping[str, DayRow], now: Mapping[str, DayRow]) -> dict[str, DayRow]:
    """Rows of a day from two counts of it: the later one, unless it saw less."""
    return {
        **before,
        **{key: row for key, row in now.items() if key not in before or row.seen_seconds >= before[key].seen_seconds},
    }


class Records(Protocol):
    """Where the rows of days are."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why rows could not be kept or found; empty when all went well."""
        ...

    def load(self, day: int) -> Record | None:
        """The record of a day (days since the epoch); None without one."""
        ...

    def add(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record of a day joined with the one that is there, where that is possible."""
        ...

    def lacks(self, days: Iterable[int]) -> set[int]:
        """Those of some days that there is no record of."""
        ...


def joined(before: Record, now: Record) -> Record:
    """`together` of records."""
    return packed(together(unpacked(before), unpacked(now)))


class Past:
    """Days as they were counted once.

    Args:
        kept: Where their records are; a record holds for good, whatever became of the telemetry.
    """

    def __init__(self, kept: Records) -> None:
        self._kept = kept
        self._days: dict[int, dict[str, DayRow]] = {}

    def day(self, block: Grid) -> Mapping[str, DayRow]:
        """The rows of a day by measurement."""
        day = block.start_ms // DAY_MS
        if day not in self._days:
            record = self._kept.load(day)
            self._days[day] = unpacked(record) if record is not None else {}
        return self._days[day]

    def keep(self, columns: Mapping[str, Columns], grid: Grid, block: Grid, since_ms: Mapping[str, int]) -> None:
        """Note what a day came to, beside what others note of it; `since_ms` as in `day_rows`."""
        found = day_rows(columns, grid, block, since_ms)
        span = TimeRange(block.start_ms, block.end_ms)
        self._kept.add(block.start_ms // DAY_MS, packed(found), span)

    @property
    def is_well(self) -> bool:
        """Whether everything was noted that should be."""
        return not self._kept.problems

    def lacks(self, blocks: Iterable[Grid]) -> set[int]:
        """The starts of those days of which nothing was noted."""
        return {day * DAY_MS for day in self._kept.lacks(block.start_ms // DAY_MS for block in blocks)}

    def restored(self, rows: PackedRows, grid: Grid, runs: Iterable[Sequence[Grid]]) -> tuple[dict[str, Row], set[int]]:
        """Those rows that begin stretches unseen, with what is known of these beginnings from before.

        Args:
            runs: Blocks that were counted just now, in stretches without a gap.

        Returns:
            Rows that are other ones now, and the starts of the days that something was taken from.
        """
        found, used = dict[str, Row](), set[int]()
        least = round(LEAST_SECONDS * 1000) // grid.step_ms
        for run in runs:
            first = max(0, (run[0].start_ms - grid.start_ms) // grid.step_ms)
            after = min(grid.steps, (run[-1].end_ms - grid.start_ms) // grid.step_ms)
            for key in rows:
                # What was restored in a stretch before lies before this one.
                unseen = first + rows.unseen(key, slice(first, after))
                if unseen - first < least:
                    continue
                # What follows at once was counted without what came before it.
                until = min(after, unseen + least)
                days = {block: day for block in run if is_day(block) and (day := self.day(block).get(key)) is not None}
                known = sum(
                    float(day.parts["observed"][_shared(grid, block, unseen)[0]].sum()) for block, day in days.items()
                )
                if known < LEAST_SECONDS:
                    continue
                for block, day in days.items():
                    if day.parts["observed"][_shared(grid, block, until)[0]].any():
                        found[key] = _with(found.get(key) or rows[key], grid, block, until, day)
                        used.add(block.start_ms)
        return found, used


def _shared(grid: Grid, block: Grid, until: int) -> tuple[slice, slice]:
    """The steps of a block that lie in a grid before one of its steps: in the block, and in the grid."""
    shift = (block.start_ms - grid.start_ms) // grid.step_ms
    begin = max(0, shift)
    end = max(begin, min(until, shift + block.steps))
    return slice(begin - shift, end - shift), slice(begin, end)


def _with(row: Row, grid: Grid, block: Grid, until: int, day: DayRow) -> Row:
    """A row with the steps of a day before one as they were counted."""
    source, target = _shared(grid, block, until)

    def put(values: NDArray[Any] | None, name: str, filler: float) -> NDArray[Any] | None:
        if values is None and name not in day.parts:
            return None
        whole = np.full(grid.steps, filler) if values is None else values.copy()
        whole[target] = day.parts[name][source] if name in day.parts else filler
        return whole

    total = put(row.total, "total", 0.0)
    good = row.good.copy()
    good[target] = day.parts["total"][source] - day.parts["bad"][source]
    upper = row.upper
    if upper is not None or "upper" in day.parts:
        upper = (row.good if upper is None else upper).copy()
        upper[target] = day.parts["upper"][source] if "upper" in day.parts else good[target]
    at_least = put(row.at_least, "at_least", 0.0)
    assert total is not None
    observed = put(row.observed, "observed", 0.0)
    assert observed is not None
    last_ms = grid.start_ms + (int(np.flatnonzero(observed)[-1]) + 1) * grid.step_ms
    since_ms, until_ms = (grid.start_ms + place * grid.step_ms for place in (target.start, target.stop))
    before, after = TimeRange(grid.start_ms, since_ms), TimeRange(until_ms, grid.end_ms)
    then = Uncounted.of_steps(day.parts, block).cut(TimeRange(since_ms, until_ms))
    return replace(
        row,
        good=good,
        total=total,
        observed=observed,
        level=put(row.level, "level", np.nan),
        level_error=put(row.level_error, "level_error", 0.0),
        upper=upper,
        at_least=None if at_least is None else at_least > 0,
        counting=max(row.counting, day.counting, key=_WORST.__getitem__) if row.series else day.counting,
        series=max(row.series, day.series),
        uncounted=row.uncounted.cut(before) + then + row.uncounted.cut(after),
        last_sample_ms=row.last_sample_ms if row.last_sample_ms is not None else last_ms,
    )
