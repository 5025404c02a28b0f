"""Kept days in a table of a ClickHouse server: what `kept_days` is for one machine, this is for a fleet.

One row holds one day of one plan, in the form of `day_records`. Keeping a day again adds a row that replaces the one
before, now or when ClickHouse merges: the newest is read. So writers need not know of each other, and repeats change
nothing. Whatever is wrong with the server or with a row costs time alone, for the day is counted again.
"""

from __future__ import annotations

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
MOST_ROUNDS = 4
"""How often a record is joined with what others add at the same time."""
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

    def history(self, step_ms: int) -> SharedPlan | Nowhere:
        """Records that hold for every plan; of a store with telemetry of its own they are kept beside it alone."""
        if self._telemetry():
            return Nowhere()
        name = f"{HISTORY}{plan_name(self._servers, '', step_ms)}"
        return SharedPlan(self._connection, name, None, self._clock)

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

    def add(self, day: int, record: Record, read: TimeRange, join: Join) -> None:
        """Nothing is kept."""

    def lacks(self, days: Iterable[int]) -> set[int]:  # noqa: ARG002
        """Nothing is missed."""
        return set()


class SharedPlan:
    """Records of one plan. After the first failure nothing more is asked."""

    def __init__(
        self, connection: Connection, name: str, writes: Mapping[int, int] | None, clock: Callable[[], float]
    ) -> None:
        self.problems: tuple[Problem, ...] = ()
        self._connection = connection
        self._name = name
        self._writes = writes
        self._clock = clock
        self._created = False
        self._newest_ms: dict[int, int] = {}

    def load(self, day: int) -> Record | None:
        """The record of a day, None without one, or when the store has changed since."""
        found = next(iter(self._found(day, "LIMIT 1")), b"")
        stored = decode(found)
        if stored is None or (self._writes is not None and stored.writes != held(self._writes, stored.read)):
            return None
        return stored.record

    def lacks(self, days: Iterable[int]) -> set[int]:
        """Those of some days that there is no record of; none where the server does not tell."""
        asked = set(days)
        answer = self._asked(f"SELECT DISTINCT step_day FROM {TABLE} WHERE plan = '{self._name}' FORMAT TabSeparated")  # noqa: S608
        told = b"" if answer is None else answer
        return asked - {
            (datetime.fromisoformat(one).replace(tzinfo=UTC) - _EPOCH).days for one in told.decode().split()
        }

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record that was made of telemetry in a range; where that is not possible `problems` says so."""
        self._insert(day, encode(StoredDay(record, read, held(self._writes or {}, read))))

    def add(self, day: int, record: Record, read: TimeRange, join: Join) -> None:
        """Keep a record joined with those that are there.

        The server knows no transactions. So it is looked afterwards whether somebody else added something meanwhile.
        """
        seen: set[bytes] = set()
        whole = record
        for _ in range(MOST_ROUNDS):
            others = [one for one in self._found(day) if one not in seen]
            if seen and not others:
                return
            there = [stored.record for content in reversed(others) if (stored := decode(content)) is not None]
            whole = reduce(join, (*there, whole))
            content = encode(StoredDay(whole, read, []))
            seen |= {*others, content}
            self._insert(day, content)

    def _insert(self, day: int, content: bytes) -> None:
        if self.problems:
            return
        name = self._name.encode()
        # Whoever kept the day before may have a clock that is ahead of this one.
        kept_ms = max(round(self._clock() * 1000), self._newest_ms.get(day, 0) + 1)
        self._newest_ms[day] = kept_ms
        row = _length(len(name)) + name + day.to_bytes(2, "little")
        row += kept_ms.to_bytes(8, "little") + _length(len(content)) + content
        try:
            if not self._created:
                self._connection.run(CREATE)
                self._created = True
            self._connection.run(f"INSERT INTO {TABLE} (plan, step_day, kept_ms, record) FORMAT RowBinary", row)
        except SourceFailed as error:
            self.problems = tuple(error.problems)

    def _found(self, day: int, limit: str = "") -> list[bytes]:
        """What is there of a day, the newest first."""
        answer = self._asked(
            f"SELECT kept_ms, record FROM {TABLE} WHERE plan = '{self._name}' AND step_day = '{_date(day)}'"  # noqa: S608
            f" ORDER BY kept_ms DESC {limit} FORMAT RowBinary"
        )
        rows = _rows_of(answer) if answer is not None else []
        self._newest_ms[day] = max((kept_ms for kept_ms, _ in rows), default=self._newest_ms.get(day, 0))
        return [content for _, content in rows]

    def _asked(self, statement: str) -> bytes | None:
        """The answer; None without a table, and where the server does not tell."""
        if self.problems:
            return None
        try:
            return self._connection.run(statement)
        except SourceFailed as error:
            if not _is_missing(error):
                self.problems = tuple(error.problems)
            return None


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


def _rows_of(answer: bytes) -> list[tuple[int, bytes]]:
    """Numbers of eight bytes and texts, in RowBinary; as far as they are whole."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 8 < len(answer):
        number = int.from_bytes(answer[at : at + 8], "little")
        at += 8
        size = shift = 0
        for place in range(at, min(len(answer), at + 10)):
            size |= (answer[place] & 0x7F) << shift
            shift += 7
            at = place + 1
            if answer[place] < 0x80:
                break
        if at + size > len(answer):
            break
        found.append((number, answer[at : at + size]))
        at += size
    return found
