"""Spans: appended once each, read back as traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from observatory.errors import Problem, SourceFailed
from observatory.sources.base import Int64, Span
from observatory.sources.conventions import side
from observatory.sources.store import writes
from observatory.sources.store.database import registered
from observatory.telemetry.binding import SpanSelector
from observatory.windows import Grid, TimeRange

Column = Any
"""A numpy or arrow array, a sequence, or one value for all; attributes as mappings."""
ID = pa.uint64()
TEXT = pa.string()
COLUMNS: dict[str, tuple[pa.DataType, Any]] = {
    "trace_hi": (ID, None),
    "trace_lo": (ID, None),
    "span_id": (ID, None),
    "parent_span_id": (ID, 0),
    "kind": (TEXT, None),
    "role": (TEXT, None),
    "operation": (TEXT, None),
    "operation_name": (TEXT, ""),
    "name": (TEXT, ""),
    "service": (TEXT, ""),
    "system": (TEXT, ""),
    "destination": (TEXT, ""),
    "consumer_group": (TEXT, ""),
    "partition_id": (TEXT, ""),
    "message_offset": (TEXT, ""),
    "message_id": (TEXT, ""),
    "batch_count": (pa.int32(), -1),
    "start_ns": (pa.int64(), None),
    "end_ns": (pa.int64(), None),
    "error": (pa.bool_(), False),
    "error_type": (TEXT, ""),
    "weight": (pa.float64(), 1.0),
    "attributes": (pa.map_(TEXT, TEXT), {}),
}
"""Columns of a batch, in the order of the table, with their defaults; None: must be given or is derived."""
LINK_COLUMNS = ("trace_hi", "trace_lo", "span_id", "target_trace_hi", "target_trace_lo", "target_span_id")
SAME_SPAN_NS = 86_400 * 10**9
"""A span sent twice has the same times: known ids are looked for this far around a batch."""
TRACE_SPANS = 5000
"""Most spans that a trace and its linked traces are shown with."""


def halves(trace_id: str) -> tuple[int, int]:
    """The upper and lower 64 bits of a trace id.

    Raises:
        ValueError: It is not hexadecimal, or longer than 32 digits.
    """
    if not 1 <= len(trace_id) <= 32:
        raise ValueError(f"{trace_id!r} is no trace id")
    return divmod(int(trace_id, 16), 1 << 64)


def batch_of(spans: Iterable[Span]) -> tuple[pa.Table, pa.Table]:
    """Spans and their links as columns.

    Raises:
        SourceFailed: `span-invalid`; an id is not hexadecimal.
    """
    rows: list[tuple[Any, ...]] = []
    links: list[tuple[int, ...]] = []
    for span in spans:
        try:
            high, low = halves(span.trace_id)
            own = int(span.span_id, 16)
            parent = int(span.parent_span_id, 16) if span.parent_span_id else 0
            targets = [(*halves(trace), int(target, 16)) for trace, target in span.links]
        except ValueError as error:
            raise SourceFailed(
                Problem(code="span-invalid", message=f"a span cannot be stored: {error}", hint="ids are hexadecimal")
            ) from error
        operation, role = side(span.kind, span.operation)
        count = -1 if span.batch_count is None else span.batch_count
        rows.append(
            (
                *(high, low, own, parent, span.kind, role, operation, span.operation_name, span.name, span.service),
                *(span.system, span.destination, span.consumer_group, span.partition, span.offset, span.message_id),
                *(count, span.start_ns, span.end_ns, span.error, span.error_type, span.weight),
                list(span.attributes.items()),
            )
        )
        links.extend((high, low, own, *target) for target in targets)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
    table = pa.table(
        {name: pa.array(column, kind) for (name, (kind, _)), column in zip(COLUMNS.items(), columns, strict=True)}
    )
    link_columns = list(zip(*links, strict=True)) if links else [()] * len(LINK_COLUMNS)
    return table, pa.table(
        {name: pa.array(column, ID) for name, column in zip(LINK_COLUMNS, link_columns, strict=True)}
    )


def batch_from(columns: Mapping[str, Column], links: Mapping[str, Column] | None) -> tuple[pa.Table, pa.Table]:
    """A batch from columns: arrays of one length, or single values that hold for all spans.

    `trace_hi`, `trace_lo`, `span_id`, `kind`, `start_ns` and `end_ns` are needed; `operation` follows from the kind.

    Raises:
        ValueError: A needed column is missing, an unknown one is there, or lengths differ.
    """
    if unknown := set(columns) - set(COLUMNS) | set(links or ()) - set(LINK_COLUMNS):
        raise ValueError(f"unknown columns: {', '.join(sorted(unknown))}")
    length = len(columns["span_id"])
    given = dict(columns)
    if "operation" not in given or "role" not in given:
        kinds, operations = _texts(given["kind"], length), _texts(given.get("operation", ""), length)
        pairs = {pair: side(*pair) for pair in set(zip(kinds, operations, strict=True))}
        sides = [pairs[pair] for pair in zip(kinds, operations, strict=True)]
        given["operation"], given["role"] = [s[0] for s in sides], [s[1] for s in sides]
    arrays = {}
    for name, (kind, default) in COLUMNS.items():
        value = given.get(name, default)
        if value is None:
            raise ValueError(f"the column {name} is needed")
        arrays[name] = _array(value, kind, length)
    table = pa.table(arrays)
    count = len(links["span_id"]) if links else 0
    return table, pa.table({name: _array(links[name] if links else [], ID, count) for name in LINK_COLUMNS})


def _texts(value: Column, length: int) -> list[str]:
    if isinstance(value, str):
        return [value] * length
    return value.to_pylist() if isinstance(value, pa.Array) else list(value)


def _array(value: Column, kind: pa.DataType, length: int) -> pa.Array:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value if value.type == kind else value.cast(kind)
    if isinstance(value, np.ndarray):
        return pa.array(value, kind) if value.dtype != object else pa.array(value.tolist(), kind)
    if isinstance(value, str | int | float | bool):
        return pa.repeat(pa.scalar(value, kind), length)
    if isinstance(value, Mapping):
        return pa.repeat(pa.scalar(list(value.items()), kind), length)
    if pa.types.is_map(kind):
        return pa.array([list(one.items()) for one in value], kind)
    return pa.array(value, kind)


def append(cursor: duckdb.DuckDBPyConnection, spans: pa.Table, links: pa.Table) -> int:
    """Store spans whose (trace, span) ids are new, with their links, and note the hours; returns how many that were."""
    if not len(spans):
        return 0
    with registered(cursor, {"new_spans": spans, "new_links": links}):
        cursor.execute(
            """
            CREATE OR REPLACE TEMP TABLE fresh_spans AS
            WITH reach AS (SELECT min(start_ns) - $1 AS from_ns, max(start_ns) + $1 AS until_ns FROM new_spans),
            known AS (
                SELECT DISTINCT span_id, trace_lo, trace_hi FROM spans
                SEMI JOIN new_spans USING (span_id, trace_lo, trace_hi)
                WHERE start_ns BETWEEN (SELECT from_ns FROM reach) AND (SELECT until_ns FROM reach)
            )
            SELECT * FROM new_spans ANTI JOIN known USING (span_id, trace_lo, trace_hi)
            """,
            [SAME_SPAN_NS],
        )
        distinct, rows = cursor.execute(
            "SELECT count(DISTINCT (span_id, trace_lo, trace_hi)), count(*) FROM fresh_spans"
        ).fetchall()[0]
        if distinct == rows:
            cursor.execute("INSERT INTO spans BY NAME SELECT * FROM fresh_spans")
        else:
            cursor.execute(
                "INSERT INTO spans BY NAME SELECT * FROM fresh_spans"
                " QUALIFY row_number() OVER (PARTITION BY span_id, trace_lo, trace_hi ORDER BY start_ns) = 1"
            )
        cursor.execute(
            "INSERT INTO span_links SELECT DISTINCT l.trace_hi, l.trace_lo, l.span_id, f.start_ns,"
            " l.target_trace_hi, l.target_trace_lo, l.target_span_id FROM new_links l JOIN fresh_spans f"
            " ON l.span_id = f.span_id AND l.trace_lo = f.trace_lo AND l.trace_hi = f.trace_hi"
        )
        started, ended = (
            {int(hour) for (hour,) in cursor.execute(statement, [writes.HOUR_MS * 10**6]).fetchall()}
            for statement in (
                "SELECT DISTINCT (start_ns - 1) // $1 FROM fresh_spans",
                "SELECT DISTINCT (end_ns - 1) // $1 FROM fresh_spans",
            )
        )
        writes.note_spans(cursor, started, ended)
        cursor.execute("DROP TABLE fresh_spans")
    return int(distinct)


def trace(cursor: duckdb.DuckDBPyConnection, trace_id: str) -> list[Span]:
    """The spans of a trace and of those linked to it in either direction, by start; at most `TRACE_SPANS`."""
    try:
        high, low = halves(trace_id)
    except ValueError:
        return []
    rows = cursor.execute(
        """
        WITH around AS (
            SELECT $1::UBIGINT AS trace_hi, $2::UBIGINT AS trace_lo
            UNION SELECT target_trace_hi, target_trace_lo FROM span_links WHERE trace_hi = $1 AND trace_lo = $2
            UNION SELECT trace_hi, trace_lo FROM span_links WHERE target_trace_hi = $1 AND target_trace_lo = $2
        )
        SELECT spans.* FROM spans SEMI JOIN around USING (trace_lo, trace_hi)
        ORDER BY trace_hi <> $1 OR trace_lo <> $2, start_ns LIMIT $3
        """,
        [high, low, TRACE_SPANS],
    )
    names = [column[0] for column in rows.description]
    found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    keys = {(row["trace_hi"], row["trace_lo"], row["span_id"]) for row in found}
    links: dict[tuple[int, int, int], list[tuple[str, str]]] = {}
    traces = pa.table(
        {
            "trace_hi": pa.array([key[0] for key in keys], ID),
            "trace_lo": pa.array([key[1] for key in keys], ID),
            "span_id": pa.array([key[2] for key in keys], ID),
        }
    )
    with registered(cursor, {"shown": traces}):
        for row in cursor.execute(
            "SELECT trace_hi, trace_lo, span_id, target_trace_hi, target_trace_lo, target_span_id"
            " FROM span_links SEMI JOIN shown USING (span_id, trace_lo, trace_hi) ORDER BY ALL"
        ).fetchall():
            links.setdefault(row[:3], []).append((f"{row[3]:016x}{row[4]:016x}", f"{row[5]:016x}"))
    spans = [_span(row, links.get((row["trace_hi"], row["trace_lo"], row["span_id"]), [])) for row in found]
    return sorted(spans, key=lambda span: (span.start_ns, span.end_ns, span.span_id))


def _span(row: Mapping[str, Any], links: Sequence[tuple[str, str]]) -> Span:
    return Span(
        trace_id=f"{row['trace_hi']:016x}{row['trace_lo']:016x}",
        span_id=f"{row['span_id']:016x}",
        parent_span_id=f"{row['parent_span_id']:016x}" if row["parent_span_id"] else "",
        links=tuple(links),
        partition=row["partition_id"],
        offset=row["message_offset"],
        batch_count=None if row["batch_count"] < 0 else row["batch_count"],
        **{name: row[name] for name in _SAME},
    )


_SAME = (
    *("name", "kind", "service", "start_ns", "end_ns", "error", "error_type", "system", "destination"),
    *("consumer_group", "attributes", "operation", "operation_name", "message_id", "weight"),
)
"""Fields whose column has the same name and shape."""


def activity(cursor: duckdb.DuckDBPyConnection, grid: Grid) -> tuple[Int64, Int64, Int64]:
    """Per step of a grid with any: its number, and the first and last nanosecond in which a span began or ended."""
    rows = cursor.execute(
        """
        SELECT (at_ns - $from_ns - 1) // $step_ns AS step, min(at_ns) AS first_ns, max(at_ns) AS last_ns
        FROM (SELECT unnest([start_ns, end_ns]) AS at_ns FROM spans WHERE end_ns > $from_ns AND start_ns <= $until_ns)
        WHERE at_ns > $from_ns AND at_ns <= $until_ns GROUP BY step ORDER BY step
        """,
        {"from_ns": grid.start_ms * 10**6, "until_ns": grid.end_ms * 10**6, "step_ns": grid.step_ms * 10**6},
    ).fetchnumpy()
    step, first_ns, last_ns = (np.asarray(column, np.int64) for column in rows.values())
    return step, first_ns, last_ns


def sample_traces(
    cursor: duckdb.DuckDBPyConnection, selector: SpanSelector | None, span: TimeRange, limit: int
) -> list[str]:
    """Trace ids in three parts of about equal size: newest with an error, slowest, newest; each once."""
    chosen = selector or SpanSelector(())
    rows = cursor.execute(
        """
        SELECT trace_hi, trace_lo, bool_or(error) AS failed, max(start_ns) AS newest_ns,
            max(end_ns) - min(start_ns) AS length_ns
        FROM spans
        WHERE start_ns > $after_ns AND start_ns <= $until_ns AND role <> ''
            AND ($every OR list_contains($destinations::VARCHAR[], destination))
            AND ($system IS NULL OR system = $system)
            AND ($service IS NULL OR service = $service)
            AND ($consumer_group IS NULL OR role = 'producer'
                OR coalesce(nullif(consumer_group, ''), service) = $consumer_group)
        GROUP BY ALL
        """,
        {
            "after_ns": span.start_ms * 10**6,
            "until_ns": span.end_ms * 10**6,
            "every": selector is None,
            "destinations": list(chosen.destinations),
            "system": chosen.system,
            "service": chosen.service,
            "consumer_group": chosen.consumer_group,
        },
    ).fetchnumpy()
    newest = np.argsort(-np.asarray(rows["newest_ns"], np.int64), kind="stable")
    slowest = np.argsort(-np.asarray(rows["length_ns"], np.int64), kind="stable")
    failed = newest[np.asarray(rows["failed"], bool)[newest]]
    part = -(-limit // 3)
    order = dict.fromkeys(
        [*failed[:part].tolist(), *slowest[:part].tolist(), *newest.tolist(), *slowest.tolist()][: 4 * limit]
    )
    return [f"{int(rows['trace_hi'][i]):016x}{int(rows['trace_lo'][i]):016x}" for i in list(order)[:limit]]
