"""Kept days in a table of a ClickHouse server: what `kept_days` is for one machine, this is for a fleet.

One row holds one day of one plan, in the form of `day_records`. Keeping a day again adds a row that replaces the one
before, now or when ClickHouse merges: the newest is read. So writers need not know of each other, and repeats change
nothing. Whatever is wrong with the server or with a row costs time alone, for the day is counted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from observatory.errors import Problem, SourceFailed
from observatory.settings import ClickHouseSettings
from observatory.sources.base import Record
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

    def load(self, day: int) -> Record | None:
        """The record of a day, None without one, or when the store has changed since."""
        if self.problems:
            return None
        try:
            answer = self._connection.run(
                f"SELECT record FROM {TABLE} WHERE plan = '{self._name}' AND step_day = '{_date(day)}'"  # noqa: S608
                " ORDER BY kept_ms DESC LIMIT 1 FORMAT RowBinary"
            )
        except SourceFailed as error:
            if not _is_missing(error):
                self.problems = tuple(error.problems)
            return None
        found = decode(_text_of(answer))
        if found is None or (self._writes is not None and found.writes != held(self._writes, found.read)):
            return None
        return found.record

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record that was made of telemetry in a range; where that is not possible `problems` says so."""
        if self.problems:
            return
        content = encode(StoredDay(record, read, held(self._writes or {}, read)))
        name = self._name.encode()
        row = _length(len(name)) + name + day.to_bytes(2, "little")
        row += round(self._clock() * 1000).to_bytes(8, "little") + _length(len(content)) + content
        try:
            if not self._created:
                self._connection.run(CREATE)
                self._created = True
            self._connection.run(f"INSERT INTO {TABLE} (plan, step_day, kept_ms, record) FORMAT RowBinary", row)
        except SourceFailed as error:
            self.problems = tuple(error.problems)


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


def _text_of(answer: bytes) -> bytes:
    """The one text of an answer in RowBinary; empty where there is no row, or not all of it."""
    size = shift = 0
    for place in range(min(len(answer), 10)):
        size |= (answer[place] & 0x7F) << shift
        shift += 7
        if answer[place] < 0x80:
            return answer[place + 1 :] if len(answer) == place + 1 + size else b""
    return b""
