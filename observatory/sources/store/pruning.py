"""Pruning: raw telemetry that is older than it has to be kept leaves the file.

Samples go by whole chunks, which end with the UTC day. The last chunk of a series that has gone silent stays some days
longer: when the series comes back, its counter goes on from there. What was written when stays noted, so that days
counted from what is gone still count.
"""

from __future__ import annotations

import duckdb

from observatory.sources.store.samples import CHUNK_DAY_MS, fold_head
from observatory.sources.store.series import SeriesDictionary

SILENT_DAYS = 8
"""How much longer the last chunk of a silent series stays: a series that comes back is looked for so far back."""


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
        cursor.execute(f"DELETE{gone}", bounds)
    return int(count)


def prune_spans(cursor: duckdb.DuckDBPyConnection, before_ms: int) -> int:
    """Remove spans that started before an instant, and their links; returns how many spans."""
    bound = [before_ms * 10**6]
    count = cursor.execute("SELECT count(*) FROM spans WHERE start_ns < $1", bound).fetchall()[0][0]
    if count:
        cursor.execute("DELETE FROM spans WHERE start_ns < $1", bound)
        cursor.execute("DELETE FROM span_links WHERE start_ns < $1", bound)
    return int(count)
