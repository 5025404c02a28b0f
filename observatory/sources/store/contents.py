"""What a store holds, in numbers, for people who look after it."""

from __future__ import annotations

import duckdb
from msgspec import Struct


class StoreContents(Struct, frozen=True, kw_only=True):
    """Counts, and the instants of the first and last of each; None where there is none.

    Attributes:
        samples_pruned_until_ms, spans_pruned_until_ms: What came before was removed; 0 where nothing was.
    """

    version: int
    series: int
    samples: int
    first_sample_ms: int | None
    last_sample_ms: int | None
    spans: int
    first_span_ms: int | None
    last_span_ms: int | None
    samples_pruned_until_ms: int
    spans_pruned_until_ms: int


def contents_of(cursor: duckdb.DuckDBPyConnection, pruned_ms: tuple[int, int]) -> StoreContents:
    """Count everything."""

    def row(statement: str) -> tuple[int, ...]:
        found: tuple[int, ...] = cursor.execute(statement).fetchall()[0]
        return found

    (version,) = row("SELECT max(version) FROM store_version")
    series, samples, first_ms, last_ms = row(
        "SELECT (SELECT count(*) FROM series), sum(held)::BIGINT, min(first), max(last) FROM ("
        "SELECT coalesce(sum(len(t_ms)), 0) AS held, min(first_ms) AS first, max(last_ms) AS last FROM sample_chunks"
        " UNION ALL SELECT count(*), min(t_ms), max(t_ms) FROM sample_head)"
    )
    spans, first_span_ms, last_span_ms = row(
        "SELECT count(*), min(start_ns) // 1000000, max(start_ns) // 1000000 FROM spans"
    )
    return StoreContents(
        version=version,
        series=series,
        samples=samples,
        first_sample_ms=first_ms,
        last_sample_ms=last_ms,
        spans=spans,
        first_span_ms=first_span_ms,
        last_span_ms=last_span_ms,
        samples_pruned_until_ms=pruned_ms[0],
        spans_pruned_until_ms=pruned_ms[1],
    )
