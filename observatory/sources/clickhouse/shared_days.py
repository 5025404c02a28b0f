"""Kept days in a table of a ClickHouse server: what `kept_days` is for one machine, this is for a fleet.

One row holds one day of one plan, in the form of `day_records`. Keeping a day again adds a row that replaces the one
before, now or when ClickHouse merges: the newest is read. So writers need not know of each other, and repeats change
nothing. Whatever is wrong with the server or with a row costs time alone, for the day is counted again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce

from observatory.errors import Problem, SourceFailed
from observatory.settings import ClickHouseSettings
from observatory.sources.base import Join, Record
from observatory.sources.clickhouse.connection import Connection
from observatory.sources.store.day_records import StoredDay, decode, encode
from observatory.sources.store.kept_days import held, plan_name
from observatory.sources.store.writes import ANY_HOUR
from observatory.windows import TimeRange

HISTORY = "history-"
"""What the name of a plan begins with that stands for all of them."""
TABLE = "observatory_days"
CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    plan String,
    step_day Date,
    kept_ms UInt64,
    record String
) ENGINE = ReplacingMergeTree(kept_ms) PARTITION BY toYYYYMM(step_day) ORDER BY (plan, step_day)
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SharedDays:
    """The ledger of all instances that name this server and database.

    Args:
        writes: What the store of this instance holds; nothing where all telemetry is with servers that all share.
        servers: Which servers the sources are; with other ones no record is found.
    """

    def __init__(
        self,
        settings: ClickHouseSettings,
        writes: Callable[[], Mapping[int, int]] = dict,
        servers: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = Connection(settings)
        self._writes = writes
        self._servers = servers
        self._clock = clock

    def days(self, plan: str, step_ms: int) -> SharedPlan:
        """Records of a plan, as of now: to be asked for before any telemetry is read."""
        writes = self._telemetry()
        # The telemetry of a store is its own: two instances that hold some find nothing of one another.
        name = plan_name(f"{self._servers} {writes.get(ANY_HOUR, '')}", plan, step_ms)
        return SharedPlan(self._connection, name, writes, self._clock)

    def history(self, step_ms: int, join: Join) -> SharedHistory | Nowhere:
        """Records that hold for every plan; of a store with telemetry of its own they are kept beside it alone."""
        if self._telemetry():
            return Nowhere()
        name = f"{HISTORY}{plan_name(self._servers, '', step_ms)}"
        return SharedHistory(self._connection, name, self._clock, join)

    def alerts(self, plan: str, step_ms: int) -> Nowhere:  # noqa: ARG002
        """Where policies fired is kept on the machine that worked it out."""
        return Nowhere()

    def _telemetry(self) -> Mapping[int, int]:
        """What the store of this instance holds; nothing where it serves to keep days and nothing else."""
        writes = self._writes()
        return writes if any(hour != ANY_HOUR for hour in writes) else {}

    def forget(self, after_ms: int) -> int:
        """Let every plan count days anew that end after an instant; returns how many.

        Raises:
            SourceFailed: `ledger-unavailable`.
        """
        since = _date(after_ms // 86_400_000)
        rows = (
            f"SELECT plan, step_day, max(kept_ms) AS newest_ms FROM {TABLE}"  # noqa: S608
            f" WHERE step_day >= '{since}' AND plan NOT LIKE '{HISTORY}%'"
            " GROUP BY plan, step_day HAVING argMax(length(record), kept_ms) > 0"
        )
        try:
            count = int(self._connection.run(f"SELECT count() FROM ({rows}) FORMAT TabSeparated"))  # noqa: S608
        except SourceFailed as error:
            if _is_missing(error):
                return 0
            raise
        if count:
            now_ms = round(self._clock() * 1000)
            # Whoever kept a day may have a clock that is ahead of this one.
            at_ms = f"greatest(toUInt64({now_ms}), newest_ms + 1)"
            empty = f"SELECT plan, step_day, {at_ms} AS kept_ms, '' AS record FROM ({rows})"  # noqa: S608
            self._connection.run(f"INSERT INTO {TABLE} {empty}")
        return count

    def close(self) -> None:
        """End idle connections."""
        self._connection.close()


class Nowhere:
    """Holds no record and keeps none."""

    problems: tuple[Problem, ...] = ()

    def load(self, day: int) -> Record | None:  # noqa: ARG002
        """Nothing."""
        return None

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Nothing is kept."""

    def note(self, days: Iterable[int]) -> None:
        """Nothing is kept."""

    def unnoted(self, days: Iterable[int]) -> set[int]:  # noqa: ARG002
        """Nothing is missed."""
        return set()

    def add(self, day: int, record: Record, read: TimeRange) -> None:
        """Nothing is kept."""

    def lacks(self, days: Iterable[int]) -> set[int]:  # noqa: ARG002
        """Nothing is missed."""
        return set()


class _Rows:
    """Rows of some plans. After the first failure nothing more is asked."""

    def __init__(self, connection: Connection, clock: Callable[[], float]) -> None:
        self.problems: tuple[Problem, ...] = ()
        self._connection = connection
        self._clock = clock
        self._created = False

    def _ask(self, statement: str) -> bytes:
        """The answer; nothing without a table, and where the server does not tell."""
        if self.problems:
            return b""
        try:
            return self._connection.run(statement)
        except SourceFailed as error:
            if not _is_missing(error):
                self.problems = tuple(error.problems)
            return b""

    def _find(self, plans: str, day: int) -> dict[str, tuple[int, bytes]]:
        """Of each plan the newest record of a day, and when it was kept; in that order."""
        answer = self._ask(
            f"SELECT plan, kept_ms, record FROM {TABLE} WHERE {plans} AND step_day = '{_date(day)}'"  # noqa: S608
            " ORDER BY kept_ms FORMAT RowBinary"
        )
        return {plan.decode(): (kept_ms, content) for plan, kept_ms, content in _rows_of(answer)}

    def _insert(self, day: int, rows: Iterable[tuple[str, int, bytes]]) -> None:
        if self.problems:
            return
        body = b"".join(
            _length(len(plan)) + plan.encode() + day.to_bytes(2, "little") + kept_ms.to_bytes(8, "little")
            + _length(len(content)) + content
            for plan, kept_ms, content in rows
        )  # fmt: skip
        try:
            if not self._created:
                self._connection.run(CREATE)
                self._created = True
            self._connection.run(f"INSERT INTO {TABLE} (plan, step_day, kept_ms, record) FORMAT RowBinary", body)
        except SourceFailed as error:
            self.problems = tuple(error.problems)

    def _now_ms(self, known_ms: int) -> int:
        """When something is kept: after what is known, whose writer may have a clock that is ahead of this one."""
        return max(round(self._clock() * 1000), known_ms + 2)


class SharedPlan(_Rows):
    """Records of one plan."""

    def __init__(
        self, connection: Connection, name: str, writes: Mapping[int, int], clock: Callable[[], float]
    ) -> None:
        super().__init__(connection, clock)
        self._name = name
        self._writes = writes
        self._known_ms: dict[int, int] = {}

    def load(self, day: int) -> Record | None:
        """The record of a day, None without one, or when the store has changed since."""
        self._known_ms[day], content = self._find(f"plan = '{self._name}'", day).get(self._name, (0, b""))
        stored = decode(content)
        return stored.record if stored is not None and stored.writes == held(self._writes, stored.read) else None

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record that was made of telemetry in a range; where that is not possible `problems` says so."""
        kept_ms = self._known_ms[day] = self._now_ms(self._known_ms.get(day, 0))
        self._insert(day, [(self._name, kept_ms, encode(StoredDay(record, read, held(self._writes, read))))])

    def note(self, days: Iterable[int]) -> None:
        """Whether days were noted is asked of the history itself."""

    def unnoted(self, days: Iterable[int]) -> set[int]:  # noqa: ARG002
        """None: see `SharedHistory.lacks`."""
        return set()


class SharedHistory(_Rows):
    """Records that hold for every plan.

    The server knows no transactions, and replaces rows of one name. So each writer has rows of its own, a day is what
    all of them come to, and rows are emptied by whoever has kept what was in them.
    """

    def __init__(self, connection: Connection, name: str, clock: Callable[[], float], join: Join) -> None:
        super().__init__(connection, clock)
        self._plans = f"plan LIKE '{name}%'"
        self._own = f"{name}-{os.urandom(6).hex()}"
        self._join = join

    def load(self, day: int) -> Record | None:
        """What all rows of a day come to; None without any."""
        found = _records(self._find(self._plans, day))
        return reduce(self._join, found) if found else None

    def lacks(self, days: Iterable[int]) -> set[int]:
        """Those of some days that there is no record of."""
        told = self._ask(f"SELECT DISTINCT step_day FROM {TABLE} WHERE {self._plans} FORMAT TabSeparated")  # noqa: S608
        known = {(datetime.fromisoformat(one).replace(tzinfo=UTC) - _EPOCH).days for one in told.decode().split()}
        return set(days) - known

    def add(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record joined with those that are there."""
        there = self._find(self._plans, day)
        whole = reduce(self._join, (*_records(there), record))
        known_ms, _ = there.pop(self._own, (0, b""))
        self._insert(day, [(self._own, self._now_ms(known_ms), encode(StoredDay(whole, read, [])))])
        # What a writer adds meanwhile to a row of its own is kept at least a millisecond later.
        emptied = [(plan, kept_ms + 1, b"") for plan, (kept_ms, content) in there.items() if content]
        if emptied:
            self._insert(day, emptied)


def _records(rows: Mapping[str, tuple[int, bytes]]) -> list[Record]:
    return [stored.record for _, content in rows.values() if (stored := decode(content)) is not None]


def _is_missing(error: SourceFailed) -> bool:
    """Whether the table is not there yet: code 60 of the server."""
    return "Code: 60" in error.problems[0].message


def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def _length(size: int) -> bytes:
    """A length in seven-bit groups, lowest first, as RowBinary has it."""
    found = bytearray()
    while size > 0x7F:
        found.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*found, size])


def _rows_of(answer: bytes) -> list[tuple[bytes, int, bytes]]:
    """Texts, numbers of eight bytes and texts, in RowBinary; as far as they are whole."""
    found: list[tuple[bytes, int, bytes]] = []
    at = 0
    while (name := _text_at(answer, at)) is not None:
        number, at = answer[name[1] : name[1] + 8], name[1] + 8
        text = _text_at(answer, at)
        if text is None:
            break
        found.append((name[0], int.from_bytes(number, "little"), text[0]))
        at = text[1]
    return found


def _text_at(answer: bytes, at: int) -> tuple[bytes, int] | None:
    """A text and what it ends before; None where it is not whole."""
    size = shift = 0
    for place in range(at, min(len(answer), at + 10)):
        size |= (answer[place] & 0x7F) << shift
        shift += 7
        if answer[place] < 0x80:
            end = place + 1 + size
            return (answer[place + 1 : end], end) if end <= len(answer) else None
    return None
