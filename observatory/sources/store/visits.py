"""Which traces came by which channels, and which trace goes on in which other one."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from observatory.compile import sql
from observatory.sources.base import VisitQuery, Visits
from observatory.windows import TimeRange


def visits(cursor: duckdb.DuckDBPyConnection, queries: Sequence[VisitQuery], span: TimeRange) -> Visits:
    """Visits of all queries that began in (start, end], in three statements at most."""
    plain = [number for number, query in enumerate(queries) if query.bound_seconds is None]
    bounded = [number for number, query in enumerate(queries) if query.bound_seconds is not None]
    columns: list[list[np.ndarray]] = [[] for _ in range(7)]
    for numbers, say in ((plain, sql.visits), (bounded, sql.late_visits)):
        if not numbers:
            continue
        statement = say([queries[number] for number in numbers], span)
        rows = list(cursor.execute(statement.text, statement.parameters).fetchnumpy().values())
        rows[0] = np.asarray(numbers, np.int64)[np.asarray(rows[0], np.int64)]
        for column, part in zip(columns, rows, strict=True):
            column.append(np.asarray(part))
    query, high, low, start_ns, end_ns, failed, weight = (
        np.concatenate([np.empty(0, kind), *column])
        for column, kind in zip(
            columns, (np.int64, np.uint64, np.uint64, np.int64, np.int64, np.bool_, np.float64), strict=True
        )
    )
    statement = sql.trace_links(span)
    linked = list(cursor.execute(statement.text, statement.parameters).fetchnumpy().values())
    return Visits(
        query=query.astype(np.int64),
        trace=np.stack([high.astype(np.uint64), low.astype(np.uint64)], axis=1),
        start_ns=start_ns.astype(np.int64),
        end_ns=end_ns.astype(np.int64),
        failed=failed.astype(np.bool_),
        weight=weight.astype(np.float64),
        linked=np.stack([np.asarray(column, np.uint64) for column in linked], axis=1),
    )
