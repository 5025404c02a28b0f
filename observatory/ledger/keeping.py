"""Keeping: pages of days that are over, as records of plain arrays that a store of records holds.

A record is found under everything that its numbers follow from: which measurements, by which rules, of which servers,
on which steps. So a changed document, profile or threshold finds no old count. Whether telemetry of the day has
changed since is the keeper's to know. Nothing is lost when a record is: the day is counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import orjson
from msgspec.structs import astuple, replace

from observatory.compile.plan import Leaf
from observatory.errors import Problem
from observatory.indicators.expression import Expression
from observatory.ledger.blocks import Blocks
from observatory.ledger.days import DAY_MS
from observatory.ledger.history import Records
from observatory.ledger.hops import SpanCounts
from observatory.ledger.increments import Birth
from observatory.ledger.levels import LevelSteps
from observatory.ledger.marks import HOUR_MS, Marks
from observatory.ledger.pages import Page
from observatory.ledger.plain import Plain
from observatory.ledger.row import Findings
from observatory.ledger.seams import SeamColumns, SeriesHead
from observatory.ledger.slices import Reading
from observatory.ledger.tallies import PartEvents
from observatory.ledger.targets import Lives
from observatory.sources.base import Join, Record
from observatory.windows import Grid, TimeRange

FORM = 3
"""Grows whenever a page is written in another way, so that records in the old one are not found: the day is counted
again, or comes back from its history."""
LOADED_AT_ONCE = 2
"""Days: most of the time that a record takes is in taking it apart, which two processors do at the same time."""
_FORMS = ("one", "u1", "u2", "u4", "f8")
"""How counts of a leaf lie: as one value that all steps hold, or in a type that holds them."""
_TYPES: dict[str, type[np.generic]] = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "f8": np.float64}


class KeptDays(Protocol):
    """Records of one plan."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why records could not be kept or found, so that days are counted again; empty when all went well."""
        ...

    def load(self, day: int) -> Record | None:
        """The record of a day (days since the epoch); None without one, or when its telemetry has changed since."""
        ...

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record that was made of telemetry in a range; where that is not possible `problems` says so."""
        ...

    def note(self, days: Iterable[int]) -> None:
        """That what these days came to has been noted in the history."""
        ...

    def unnoted(self, days: Iterable[int]) -> set[int]:
        """Those of some days of which that is not known."""
        ...


class Keeper(Protocol):
    """Holds records of days."""

    def days(self, plan: str, step_ms: int) -> KeptDays:
        """Records of a plan, as of now: asked for before any telemetry is read."""
        ...

    def history(self, step_ms: int, join: Join) -> Records:
        """Records that hold for every plan, and whatever became of the telemetry that they were made of."""
        ...

    def alerts(self, plan: str, step_ms: int) -> KeptDays:
        """Records that say themselves what they follow from, so that they hold whatever became of the telemetry."""
        ...


Looks = tuple[Marks | None, Marks | None]
"""Marks of the hours within the horizon, and of earlier hours that were looked at the time before."""


class KeptPages:
    """Pages of some measurements, kept as records.

    Args:
        ask: Asks what the sources hold now, and what of the hours that are told, and returns what waits for the
            answers; a page is counted again when they hold more of its hours than they did when it was made.
    """

    def __init__(
        self,
        keeper: Keeper,
        blocks: Blocks,
        step_ms: int,
        ask: Callable[[Marks | None], Callable[[], Looks]] = lambda _: lambda: (None, None),
    ) -> None:
        self._ask = ask
        self._marks: Marks | None = None
        self._earlier: Marks | None = None
        self._days = keeper.days(repr((FORM, blocks.identity)), step_ms)
        self._leaves = sorted(blocks.kinds, key=repr)
        self._kinds = blocks.kinds
        self._places = {leaf: number for number, leaf in enumerate(self._leaves)}
        self._heads: dict[bytes, tuple[SeriesHead, ...]] = {}
        self._told: tuple[tuple[SeriesHead, ...], bytes] = (), b"[]"
        self._measurements = sorted(blocks.measurements)
        self._expressions: dict[str, Expression] = {}
        for one in blocks.measurements.values():
            for expression in (one.indicator.total, one.indicator.good, one.indicator.bad):
                if expression is not None:
                    self._expressions[repr(expression)] = expression

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why pages could not be kept or found."""
        return self._days.problems

    def load(self, blocks: Iterable[Grid]) -> dict[Grid, Page]:
        """The pages of days; those that have to be counted are absent. Marks are known by then."""
        found: dict[Grid, Page] = {}
        marks: dict[Grid, Any] = {}
        wait: Callable[[], Looks] | None = None
        # The newest first: it says which hours were looked at when it was kept.
        wanted = sorted(blocks, key=lambda one: -one.start_ms)
        with ThreadPoolExecutor(LOADED_AT_ONCE, "loading") as threads:
            records = threads.map(lambda block: self._days.load(block.start_ms // DAY_MS), wanted)
            for block, record in zip(wanted, records, strict=True):
                if record is None:
                    continue
                marks[block] = record.header.get("marks")
                if wait is None:
                    wait = self._ask(Marks.of_json(told) if (told := marks[block]) is not None else None)
                heads = self._heads_of(record)
                found[block] = _Unpacking(record, block, self._leaves, self._expressions, heads).page()
        self._marks, self._earlier = (wait or self._ask(None))()
        return {block: page for block, page in found.items() if not self._is_outdated(block, marks[block])}

    def day(self, block: Grid) -> Page | None:
        """The page of one day, None where it has to be counted."""
        return self.load([block]).get(block)

    def _heads_of(self, record: Record) -> tuple[SeriesHead, ...]:
        """What is the same of series every day; days that say the same of theirs share it."""
        told = record.small["heads"].tobytes()
        found = self._heads.get(told)
        if found is None:
            heads = []
            for number, labels, places, target in orjson.loads(told):
                leaves = tuple(self._leaves[place] for place in places)
                series = (number, tuple(labels.items()))
                heads.append(SeriesHead(series, leaves, self._kinds[leaves[0]], tuple(target)))
            found = self._heads[told] = tuple(heads)
        return found

    def _told_of(self, heads: tuple[SeriesHead, ...]) -> bytes:
        """The same as text, with leaves told by their place."""
        if self._told[0] is not heads:
            told = [
                [one.series[0], dict(one.series[1]), [self._places[leaf] for leaf in one.leaves], one.target]
                for one in heads
            ]
            self._told = heads, orjson.dumps(told)
        return self._told[1]

    def keep(self, page: Page, read: TimeRange) -> None:
        """Keep the page of a day, made of telemetry in a range."""
        record = packed(page, self._places, self._told_of(page.seams.heads))
        if self._marks is not None:
            record = replace(record, header={**record.header, "marks": self._marks.within(read).to_json()})
        self._days.keep(page.block.start_ms // DAY_MS, record, read)

    def note(self, blocks: Iterable[Grid]) -> None:
        """That what these days came to has been noted in the history."""
        self._days.note([block.start_ms // DAY_MS for block in blocks])

    def unnoted(self, blocks: Iterable[Grid]) -> set[int]:
        """The starts of those days of which that is not known."""
        return {day * DAY_MS for day in self._days.unnoted([block.start_ms // DAY_MS for block in blocks])}

    def _is_outdated(self, block: Grid, then: Any) -> bool:
        untold = Marks(block.start_ms // HOUR_MS, block.end_ms // HOUR_MS, {})
        before = Marks.of_json(then) if then is not None else untold
        return any(now is not None and now.grown_since(before) for now in (self._marks, self._earlier))


def packed(page: Page, place: Mapping[Leaf, int], heads: bytes) -> Record:
    """A page as arrays, and a header of what is no array; leaves are told by their place.

    Args:
        heads: What is the same of its series every day, as it is kept.
    """
    events = sorted(page.events.items(), key=lambda entry: place[entry[0]])
    spans = [(name, sorted(counts.events.items(), key=repr), counts) for name, counts in sorted(page.spans.items())]
    amounts = [one.amount for _, one in events]
    forms = ["one" if len(amount) == 1 else amount.dtype.str[1:] for amount in amounts]
    findings = [one.findings for _, one in events if len(one.findings.t_ms)]
    seams = page.seams
    header: dict[str, Any] = {
        "read_from_ms": page.read_from_ms,
        "changed": list(page.changed),
        "falls": [[list(key), list(instants)] for key, instants in page.falls.items()],
        "events": [
            [place[leaf], form, one.exact, len(one.findings.t_ms), list(one.overhang)]
            for (leaf, one), form in zip(events, forms, strict=True)
        ],
        "births": [[number, *astuple(birth)] for number, birth in sorted(seams.births.items())],
        "histories": sorted(seams.histories),
        "lives": [[list(key), [list(span) for span in spans]] for key, spans in page.lives.spans.items()],
        "levels": [[key, one.series, one.last_ms, one.exact] for key, one in page.levels.items()],
        "spans": [[name, [[key, repr(expression)] for (key, expression), _ in found]] for name, found, _ in spans],
    }
    levels = list(page.levels.values())
    return Record(
        header,
        floats={
            "one": _flat(amount for amount, form in zip(amounts, forms, strict=True) if form == "one"),
            "f8": _flat(amount for amount, form in zip(amounts, forms, strict=True) if form == "f8"),
            "births": _flat(one.births for one in findings),
            "resets": _flat(one.resets for one in findings),
            "gap": _flat(one.gap for one in findings),
            "first": seams.first,
            "last": seams.last,
            "worst": _flat(one.steps.worst for one in levels),
            "error": _flat(one.steps.error for one in levels),
            "at_least": _flat(one.steps.at_least for one in levels),
            "spans": _flat(amount for _, found, _ in spans for _, amount in found),
            "presence": _flat(counts.presence for _, _, counts in spans),
        },
        ints={
            "found_ms": _flat((one.t_ms for one in findings), np.int64),
            "gap_ms": seams.gap_ms,
            "first_ms": seams.first_ms,
            "last_ms": seams.last_ms,
        },
        small={
            "heads": np.frombuffer(heads, np.uint8),
            **{
                name: _flat((one for one, form in zip(amounts, forms, strict=True) if form == name), _TYPES[name]).view(
                    np.uint8
                )
                for name in ("u1", "u2", "u4")
            },
        },
    )


def _flat(parts: Any, kind: type[np.generic] = np.float64) -> Any:
    return np.concatenate([np.empty(0, kind), *(np.asarray(part, kind) for part in parts)])


class _Unpacking:
    """A record, taken apart in the order in which it was put together."""

    def __init__(
        self,
        record: Record,
        block: Grid,
        leaves: Sequence[Leaf],
        expressions: Mapping[str, Expression],
        heads: tuple[SeriesHead, ...],
    ) -> None:
        self._record = record
        self._arrays: dict[str, Any] = {**record.ints, **record.floats}
        self._arrays |= {name: record.small[name].view(_TYPES[name]) for name in ("u1", "u2", "u4")}
        self._heads = heads
        self._header = record.header
        self._block = block
        self._leaves = leaves
        self._expressions = expressions
        self._at: dict[str, int] = {}

    def page(self) -> Page:
        events, plain = self._events()
        return Page(
            block=self._block,
            read_from_ms=self._header["read_from_ms"],
            changed=tuple(self._header["changed"]),
            falls={tuple(key): instants for key, instants in self._header["falls"]},
            events=events,
            plain=plain,
            seams=self._seams(),
            lives=Lives(
                {tuple(key): tuple((start, end) for start, end in spans) for key, spans in self._header["lives"]}
            ),
            levels={key: self._reading(*rest) for key, *rest in self._header["levels"]},
            spans={name: self._span_counts(found) for name, found in self._header["spans"]},
        )

    def _take(self, name: str, count: int) -> Any:
        """The next values of an array."""
        begin = self._at.get(name, 0)
        self._at[name] = begin + count
        return self._arrays[name][begin : begin + count]

    def _events(self) -> tuple[dict[Leaf, PartEvents], tuple[Plain, ...]]:
        """Those of leaves with more than counts, one by one, and all others side by side."""
        told: dict[Leaf, PartEvents] = {}
        rows_of = {form: self._arrays[form].reshape(-1, 1 if form == "one" else self._block.steps) for form in _FORMS}
        seen = dict.fromkeys(_FORMS, 0)
        plain: dict[str, tuple[list[int], list[int]]] = {form: ([], []) for form in _FORMS}
        for place, form, exact, findings, overhang in self._header["events"]:
            row = seen[form]
            seen[form] = row + 1
            if exact and not findings and not overhang:
                places, rows = plain[form]
                places.append(place)
                rows.append(row)
                continue
            found = Findings(*(self._take(name, findings) for name in ("found_ms", "births", "resets", "gap")))
            spread = tuple((since_ms, at_ms, each) for since_ms, at_ms, each in overhang)
            told[self._leaves[place]] = PartEvents(rows_of[form][row], found, exact, spread)
        return told, tuple(
            Plain(
                self._block,
                self._leaves,
                np.asarray(places, np.int64),
                rows_of[form] if len(rows) == len(rows_of[form]) else rows_of[form][rows],
            )
            for form, (places, rows) in plain.items()
            if places
        )

    def _seams(self) -> SeamColumns:
        ints, floats = self._record.ints, self._record.floats
        return SeamColumns(
            self._heads,
            gap_ms=ints["gap_ms"],
            first_ms=ints["first_ms"],
            first=floats["first"],
            last_ms=ints["last_ms"],
            last=floats["last"],
            births={number: Birth(*birth) for number, *birth in self._header["births"]},
            histories=frozenset(self._header["histories"]),
        )

    def _reading(self, series: int, last_ms: int | None, exact: bool) -> Reading:
        worst, error, least = (self._take(name, self._block.steps) for name in ("worst", "error", "at_least"))
        return Reading(LevelSteps(worst, error, least > 0), series, last_ms, exact)

    def _span_counts(self, found: list[tuple[str, str]]) -> SpanCounts:
        events = {(key, self._expressions[word]): self._take("spans", self._block.steps) for key, word in found}
        return SpanCounts(events, self._take("presence", self._block.steps))
