"""What spans of the store answer: hops, messages and latencies, when collection worked, who produces and consumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np

from observatory.compile import sql
from observatory.sources.base import Float64, HopQuery, MessageQuery
from observatory.sources.store import spans as span_table
from observatory.telemetry.binding import SpanSelector
from observatory.telemetry.inventory import SpanDestination
from observatory.windows import Grid, TimeRange

PRESENCE_MS = 300_000
"""Silence of spans on both sides of a step that is still no outage."""


def per_step(
    cursor: duckdb.DuckDBPyConnection, statement: sql.Statement, queries: Sequence[HopQuery | MessageQuery], grid: Grid
) -> dict[str, Float64]:
    """Counts of each query in each step, by its key, as one statement gives them."""
    counts = np.zeros((len(queries), grid.steps))
    rows = cursor.execute(statement.text, statement.parameters).fetchnumpy()
    number, step, count = rows.values()
    counts[np.asarray(number, np.int64), np.asarray(step, np.int64)] = np.asarray(count, np.float64)
    return {query.key: counts[index] for index, query in enumerate(queries)}


def hops(cursor: duckdb.DuckDBPyConnection, selector: SpanSelector, span: TimeRange) -> dict[str, np.ndarray[Any, Any]]:
    """Hops of a channel, oldest first, as columns `at_ms`, `latency_seconds`, and `clamped` where it was below zero."""
    statement = sql.hop_latencies(selector, span)
    columns: dict[str, np.ndarray[Any, Any]] = cursor.execute(statement.text, statement.parameters).fetchnumpy()
    return columns


def presence(cursor: duckdb.DuckDBPyConnection, grid: Grid) -> Float64:
    """Seconds per step in which spans are known to have arrived, see `Store.span_presence`."""
    margin = -(-PRESENCE_MS // grid.step_ms)
    wider = Grid(grid.start_ms - margin * grid.step_ms, grid.step_ms, grid.steps + 2 * margin)
    active, first_ns, last_ns = span_table.activity(cursor, wider)
    edges_ns = (wider.start_ms + np.arange(wider.steps + 1, dtype=np.int64) * wider.step_ms) * 10**6
    newest = np.full(wider.steps, np.iinfo(np.int64).min // 2)
    oldest = np.full(wider.steps, np.iinfo(np.int64).max // 2)
    newest[active], oldest[active] = last_ns, first_ns
    newest = np.maximum.accumulate(newest)
    oldest = np.minimum.accumulate(oldest[::-1])[::-1]
    seen = (edges_ns[:-1] - newest <= PRESENCE_MS * 10**6) & (oldest - edges_ns[1:] <= PRESENCE_MS * 10**6)
    seen[active] = True
    return np.where(seen[margin : margin + grid.steps], grid.step_ms / 1000, 0.0)


def destinations(cursor: duckdb.DuckDBPyConnection, span: TimeRange) -> tuple[SpanDestination, ...]:
    """Producers and consumers, with their messages in the range."""
    statement = sql.destinations(span)
    rows = cursor.execute(statement.text, statement.parameters).fetchall()
    return tuple(
        SpanDestination(
            role=role,
            system=system,
            destination=destination,
            service=service,
            consumer_group=group,
            messages=float(messages),
            first_ms=first_ms,
            last_ms=last_ms,
        )
        for role, system, destination, service, group, messages, first_ms, last_ms in rows
    )
