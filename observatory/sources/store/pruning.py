"""Pruning: raw telemetry that is older than it has to be kept leaves the file.

Samples go by whole chunks, which end with the UTC day. The last chunk of a series that has gone silent stays some days
longer: when the series comes back, its counter goes on from there. What was written when stays noted, so that days
counted from what is gone still count.

A counter of rare events may have its first sample hours after the midnight, on a target that was heard all the time, as
newcomers have. So that it is taken for none, the value that it had at the midnight stays.
"""

from __future__ import annotations

import math

import duckdb
import numpy as np

from observatory.sources.store.samples import CHUNK_DAY_MS, fold_head, last_until, write_chunks
from observatory.sources.store.series import SeriesDictionary

SILENT_DAYS = 8
"""How much longer the last chunk of a silent series stays: a series that comes back is looked for so far back."""


EDGE_MS = 300_000
"""What has a sample so soon after the midnight was there at midnight."""
COUNTERS = ("_total", "_count", "_sum", "_bucket")


def prune_samples(cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, before_ms: int) -> int:
    """Remove samples up to a midnight; returns how many. Live ones become chunks first."""
    fold_head(cursor, series)
    gone = (
        " FROM sample_chunks AS one WHERE last_ms <= $1 AND (last_ms <= $2 OR EXISTS ("
        "SELECT 1 FROM sample_chunks AS later WHERE later.series_id = one.series_id AND later.last_ms > one.last_ms))"
    )
    bounds = [before_ms, before_ms - SILENT_DAYS * CHUNK_DAY_MS]
    count = cursor.execute(f"SELECT coalesce(sum(len(t_ms)), 0)::BIGINT{gone}", bounds).fetchall()[0][0]
    if count:
        staying = _values_at(cursor, series, before_ms)
        cursor.execute(f"DELETE{gone}", bounds)
        if staying:
            owner = np.asarray(sorted(staying), np.int64)
            values = np.asarray([staying[number] for number in owner.tolist()], np.float64)
            write_chunks(cursor, series, owner, np.full(len(owner), before_ms, np.int64), values)
    return int(count)


def _values_at(cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, midnight_ms: int) -> dict[int, float]:
    """What counters held at midnight that come back later, of targets that were heard then."""
    rows = cursor.execute(
        "SELECT series_id, min(first_ms) FILTER (WHERE last_ms > $1), bool_or(last_ms <= $1)"
        " FROM sample_chunks GROUP BY series_id HAVING max(last_ms) > $1",
        [midnight_ms],
    ).fetchall()
    heard = {_target(series, number) for number, next_ms, _ in rows if next_ms <= midnight_ms + EDGE_MS}
    back = [
        number
        for number, next_ms, was_there in rows
        if was_there and next_ms > midnight_ms + EDGE_MS
        if _target(series, number) in heard and series.labels[number].get("__name__", "").endswith(COUNTERS)
    ]
    held = last_until(cursor, back, midnight_ms) if back else {}
    return {number: value for number, (_, value) in held.items() if not math.isnan(value)}


def _target(series: SeriesDictionary, number: int) -> tuple[str, str]:
    labels = series.labels[number]
    return labels.get("job", ""), labels.get("instance", "")


def prune_spans(cursor: duckdb.DuckDBPyConnection, before_ms: int) -> int:
    """Remove spans that started before an instant, and their links; returns how many spans."""
    bound = [before_ms * 10**6]
    count = cursor.execute("SELECT count(*) FROM spans WHERE start_ns < $1", bound).fetchall()[0][0]
    if count:
        cursor.execute("DELETE FROM spans WHERE start_ns < $1", bound)
        cursor.execute("DELETE FROM span_links WHERE start_ns < $1", bound)
    return int(count)
