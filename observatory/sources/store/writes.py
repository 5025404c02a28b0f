"""Writes: which hours of telemetry have been written into, which tells counts made before from counts made after.

Every append leaves a random number for each hour that it adds something to. The sum of an hour's numbers changes with
every such append and with nothing else; repeats, which add nothing, leave none. Two files never share their sums.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from observatory.sources.base import Int64

if TYPE_CHECKING:
    import duckdb

HOUR_MS = 3_600_000
ANY_HOUR = -1
"""Stands for the file itself, and for spans so late that the hours around them do not tell what they change."""
LATE_HOURS = 24
_MOST_COUNTED = 1 << 20


def hours_of(t_ms: Int64) -> set[int]:
    """The hours, since the epoch, in which instants lie; one on the hour belongs to the hour that ends there."""
    hours = (t_ms - 1) // HOUR_MS
    if not len(hours):
        return set()
    low, high = int(hours.min()), int(hours.max())
    if high - low < _MOST_COUNTED:
        return set((np.flatnonzero(np.bincount(hours - low)) + low).tolist())
    return set(np.unique(hours).tolist())


def note(cursor: duckdb.DuckDBPyConnection, hours: Iterable[int]) -> None:
    """Leave a number for each hour, in the transaction that writes into it."""
    touched = np.asarray(sorted(hours), np.int64)
    if not len(touched):
        return
    # Forty bits: the sum of millions of them still fits a column.
    # Nothing is written where a server is only asked, and Arrow takes a while to come.
    import pyarrow as pa

    from observatory.sources.store.database import registered

    rows = pa.table({"hour": touched, "token": np.full(len(touched), secrets.randbits(40), np.int64)})
    with registered(cursor, {"new_writes": rows}):
        cursor.execute("INSERT INTO writes SELECT * FROM new_writes")


def note_spans(cursor: duckdb.DuckDBPyConnection, started: set[int], ended: set[int]) -> None:
    """The same for spans, by the hours in which they started and ended."""
    if not started:
        return
    newest = cursor.execute("SELECT max(hour) FROM writes").fetchall()[0][0]
    late = min(started) < max(newest if newest is not None else ANY_HOUR, *started) - LATE_HOURS
    note(cursor, started | ended | ({ANY_HOUR} if late else set()))


def fold(cursor: duckdb.DuckDBPyConnection) -> None:
    """One row for each hour, with the same sums."""
    from observatory.sources.store.database import registered

    folded = cursor.sql("SELECT hour, sum(token)::BIGINT AS token FROM writes GROUP BY hour").to_arrow_table()
    cursor.execute("DELETE FROM writes")
    with registered(cursor, {"folded": folded}):
        cursor.execute("INSERT INTO writes SELECT * FROM folded")


def sums(cursor: duckdb.DuckDBPyConnection) -> dict[int, int]:
    """The sum of each hour that was written into."""
    return dict(cursor.execute("SELECT hour, sum(token)::BIGINT FROM writes GROUP BY hour").fetchall())
