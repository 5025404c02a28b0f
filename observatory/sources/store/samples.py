"""Samples: bulk loads as chunks, live ones in a head that is folded into chunks from time to time.

What holds between transactions: chunks of one series are sorted and never overlap. Samples of the head mostly are newer
than the last chunk of their series, and need not be: a late one waits there too, so that it costs no more than another.
A series and a timestamp have one value, the first that was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64, SampleSet
from observatory.sources.store import writes
from observatory.sources.store.database import registered
from observatory.sources.store.series import NEVER_MS, SeriesDictionary

Bools = NDArray[np.bool_]
Rows = tuple[Int64, Int64, Float64]
"""Series, time and value of samples."""
CHUNK_SAMPLES = 4096
"""Most samples of a chunk; a chunk also ends with the UTC day."""
CHUNK_DAY_MS = 86_400_000
RECENT_DAYS = 2
"""Days at the end of a load that a refresh of the tail may still ask for."""
BULK_SAMPLES_PER_SERIES = 32
"""An append with at least so many samples per series goes straight to chunks."""
HEAD_SAMPLES = 100_000
"""A head of this size is folded into chunks."""


def append(
    cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, samples: SampleSet, after_ms: int = NEVER_MS
) -> int:
    """Store what is new of a sample set after an instant, and note the hours of it; returns how many samples it was."""
    owner = np.repeat(series.numbers(cursor, samples.labels), np.diff(samples.offsets))
    owner, t_ms, values = _sorted_unique(owner, np.asarray(samples.t_ms, np.int64), np.asarray(samples.values))
    if after_ms > NEVER_MS and not (recent := t_ms > after_ms).all():
        owner, t_ms, values = owner[recent], t_ms[recent], values[recent]
    late = t_ms <= series.last_ms[owner]
    if late.any():
        unknown = ~late
        unknown[late] = ~are_known(owner[late], t_ms[late], around(cursor, owner[late], t_ms[late]))
        owner, t_ms, values = owner[unknown], t_ms[unknown], values[unknown]
    write(cursor, series, owner, t_ms, values)
    return len(owner)


def around(cursor: duckdb.DuckDBPyConnection, owner: Int64, t_ms: Int64, margin_ms: int = 0) -> Rows:
    """What is kept of some series from the first to the last of some instants, and before and after."""
    return read(cursor, np.unique(owner).tolist(), int(t_ms.min()) - margin_ms - 1, int(t_ms.max()) + margin_ms)


def write(
    cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, owner: Int64, t_ms: Int64, values: Float64
) -> None:
    """Samples that are new, sorted by series, then time; and note the hours of them."""
    late = t_ms <= series.last_ms[owner]
    if late.any():
        _write(cursor, series, owner[late], t_ms[late], values[late], is_late=True)
    if not late.all():
        _write(cursor, series, owner[~late], t_ms[~late], values[~late])
    writes.note(cursor, writes.hours_of(t_ms))


def _write(
    cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, owner: Int64, t_ms: Int64, values: Float64,
    *, is_late: bool = False,
) -> None:  # fmt: skip
    """Samples that are new, sorted: a few for each series into the head, many into chunks.

    Args:
        is_late: They are not newer than what their series have, so that chunks are merged.
    """
    touched = np.unique(owner)
    is_bulk = len(owner) >= BULK_SAMPLES_PER_SERIES * len(touched)
    if is_late or not is_bulk:
        _write_head(cursor, owner, t_ms, values)
    if is_bulk:
        fold_head(cursor, series, touched)
    if is_bulk and not is_late:
        write_chunks(cursor, series, owner, t_ms, values)
    np.maximum.at(series.last_ms, owner, t_ms)


def _sorted_unique(owner: Int64, t_ms: Int64, values: Float64) -> tuple[Int64, Int64, Float64]:
    """Samples by series and time, of repeats the first."""
    if len(owner) > 1:
        step, same = np.diff(t_ms), owner[1:] == owner[:-1]
        if not ((owner[1:] > owner[:-1]) | (same & (step > 0))).all():
            order = np.lexsort((t_ms, owner))  # stable: the first written stays first
            owner, t_ms, values = owner[order], t_ms[order], values[order]
            keep = np.ones(len(owner), bool)
            keep[1:] = (np.diff(t_ms) != 0) | (owner[1:] != owner[:-1])
            owner, t_ms, values = owner[keep], t_ms[keep], values[keep]
    return owner, t_ms, np.asarray(values, np.float64)


def are_known(owner: Int64, t_ms: Int64, kept: Rows) -> Bools:
    """Which (series, time) pairs occur among those that are kept; both sides sorted by series, then time."""
    known_owner, every_t, _ = kept
    result = np.zeros(len(owner), bool)
    if not len(known_owner):
        return result
    present, starts = np.unique(owner, return_index=True)
    ends = np.append(starts[1:], len(owner))
    lower = np.searchsorted(known_owner, present, "left")
    upper = np.searchsorted(known_owner, present, "right")
    for start, end, low, high in zip(starts, ends, lower, upper, strict=True):
        if low < high:
            known = every_t[low:high]
            place = np.minimum(np.searchsorted(known, t_ms[start:end]), len(known) - 1)
            result[start:end] = known[place] == t_ms[start:end]
    return result


def _taken_out(
    cursor: duckdb.DuckDBPyConnection, touched: Int64, from_ms: Int64, until_ms: Int64, shorter_than: int = 1 << 30
) -> pa.Table:
    """All chunks that reach into a stretch of their series and are short enough, which are no more afterwards."""
    reach = pa.table({"series_id": touched.astype(np.int32), "from_ms": from_ms, "until_ms": until_ms})
    bounds = [int(until_ms.max()), int(from_ms.min()), shorter_than]
    with registered(cursor, {"reach": reach}):
        old = cursor.sql(
            "SELECT sample_chunks.series_id, first_ms, t_ms, sample_values FROM sample_chunks JOIN reach"
            " ON sample_chunks.series_id = reach.series_id AND first_ms <= until_ms AND last_ms >= from_ms"
            # The bounds let the scan pass over other days without reading their samples.
            " WHERE first_ms <= $1 AND last_ms >= $2 AND len(t_ms) < $3",
            params=bounds,
        ).to_arrow_table()
        cursor.execute(
            "DELETE FROM sample_chunks USING reach"
            " WHERE sample_chunks.series_id = reach.series_id AND first_ms <= until_ms AND last_ms >= from_ms"
            " AND first_ms <= $1 AND last_ms >= $2 AND len(t_ms) < $3",
            bounds,
        )
    return old


def replace_since(
    cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, owner: Int64, t_ms: Int64, values: Float64
) -> None:
    """Put these samples in the place of all that their series have since the first of each; sorted by series, time."""
    touched, first = np.unique(owner, return_index=True)
    since = t_ms[first]
    writes.note(cursor, writes.hours_of(t_ms))
    if (since > series.sealed_ms[touched]).all():
        replaced = pa.table({"series_id": touched.astype(np.int32), "since_ms": since})
        with registered(cursor, {"replaced": replaced}):
            cursor.execute(
                "DELETE FROM sample_head USING replaced"
                " WHERE sample_head.series_id = replaced.series_id AND t_ms >= since_ms"
            )
        _write_head(cursor, owner, t_ms, values)
    else:
        fold_head(cursor, series, touched)
        far = np.full(len(touched), np.iinfo(np.int64).max)
        old_owner, old_t, old_values = _unpack(_taken_out(cursor, touched, since, far))
        before = old_t < since[np.searchsorted(touched, old_owner)]
        merged = _sorted_unique(
            np.concatenate([old_owner[before], owner]),
            np.concatenate([old_t[before], t_ms]),
            np.concatenate([old_values[before], values]),
        )
        write_chunks(cursor, series, *merged)
    np.maximum.at(series.last_ms, owner, t_ms)


def last_until(
    cursor: duckdb.DuckDBPyConnection, numbers: Sequence[int], until_ms: int
) -> dict[int, tuple[int, float]]:
    """The newest sample at or before an instant of each series that has one: time and value."""
    chosen = pa.table({"series_id": pa.array(list(numbers), pa.int32())})
    with registered(cursor, {"chosen": chosen}):
        rows = cursor.execute(
            "SELECT series_id, max_by(struct_pack(t := t_ms, v := sample_values), first_ms)"
            " FROM sample_chunks SEMI JOIN chosen USING (series_id) WHERE first_ms <= $1 GROUP BY series_id",
            [until_ms],
        ).fetchall()
        head = cursor.execute(
            "SELECT series_id, max(t_ms), max_by(sample_value, t_ms) FROM sample_head SEMI JOIN chosen"
            " USING (series_id) WHERE t_ms <= $1 GROUP BY series_id",
            [until_ms],
        ).fetchall()
    found = {number: (int(t_ms), float(value)) for number, t_ms, value in head}
    for number, chunk in rows:
        at = int(np.searchsorted(chunk["t"], until_ms, side="right")) - 1
        if number not in found or found[number][0] < chunk["t"][at]:
            found[number] = (int(chunk["t"][at]), float(chunk["v"][at]))
    return found


def _write_head(cursor: duckdb.DuckDBPyConnection, owner: Int64, t_ms: Int64, values: Float64) -> None:
    rows = pa.table({"series_id": owner.astype(np.int32), "t_ms": t_ms, "sample_value": values})
    with registered(cursor, {"new_samples": rows}):
        cursor.execute("INSERT INTO sample_head SELECT * FROM new_samples")


def write_chunks(
    cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, owner: Int64, t_ms: Int64, values: Float64
) -> None:
    """Cut sorted samples at series, at UTC days and at the size limit, and store the pieces.

    Where chunks lie decides what a read has to skip: those of a series lie together, for reads of whole histories,
    and the newest days of all series lie at the end, for reads of the tail.
    """
    day = t_ms // CHUNK_DAY_MS
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(owner) != 0) | (np.diff(day) != 0)]))
    lengths = np.diff(np.append(starts, len(owner)))
    if int(lengths.max()) > CHUNK_SAMPLES:
        starts = np.concatenate(
            [np.arange(s, s + n, CHUNK_SAMPLES) for s, n in zip(starts.tolist(), lengths.tolist(), strict=True)]
        )
    edges = np.append(starts, len(owner))
    bounds = pa.array(edges.astype(np.int32))
    chunks = pa.table(
        {
            "series_id": owner[starts].astype(np.int32),
            "first_ms": t_ms[starts],
            "last_ms": t_ms[edges[1:] - 1],
            "t_ms": pa.ListArray.from_arrays(bounds, pa.array(t_ms)),
            # from_pandas=False keeps NaN, the stale marker, apart from NULL.
            "sample_values": pa.ListArray.from_arrays(bounds, pa.array(values, from_pandas=False)),
        }
    )
    if day[starts].min() < (recent := int(day[starts].max()) - RECENT_DAYS + 1):
        chunks = chunks.take(pa.array(np.argsort(day[starts] >= recent, kind="stable")))
    with registered(cursor, {"new_chunks": chunks}):
        cursor.execute("INSERT INTO sample_chunks SELECT * FROM new_chunks")
    np.maximum.at(series.sealed_ms, owner[starts], t_ms[edges[1:] - 1])


def fold_head(cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, only: Int64 | None = None) -> int:
    """Turn the head, or that of some series, into chunks; the small last chunk of a series grows along.

    Returns:
        How many samples left the head.
    """
    chosen = pa.table({"series_id": (np.arange(len(series.labels)) if only is None else only).astype(np.int32)})
    with registered(cursor, {"chosen": chosen}):
        head = cursor.execute(
            "SELECT series_id, t_ms, sample_value FROM sample_head SEMI JOIN chosen USING (series_id)"
            " ORDER BY series_id, t_ms"
        ).fetchnumpy()
        owner, t_ms = np.asarray(head["series_id"], np.int64), np.asarray(head["t_ms"], np.int64)
        if not len(owner):
            return 0
        cursor.execute("DELETE FROM sample_head USING chosen WHERE sample_head.series_id = chosen.series_id")
    old_owner, old_t, old_values = _unpack(_in_the_way(cursor, series, owner, t_ms))
    merged = _sorted_unique(
        np.concatenate([old_owner, owner]),
        np.concatenate([old_t, t_ms]),
        np.concatenate([old_values, _floats(head["sample_value"])]),
    )
    write_chunks(cursor, series, *merged)
    return len(owner)


def _in_the_way(cursor: duckdb.DuckDBPyConnection, series: SeriesDictionary, owner: Int64, t_ms: Int64) -> pa.Table:
    """Chunks that go into new ones with samples of the head: the small last ones, and those where late samples lie."""
    touched = np.unique(owner)
    sealed_ms = series.sealed_ms[touched]
    found = [_taken_out(cursor, touched, sealed_ms, sealed_ms, CHUNK_SAMPLES // 2)]
    late = t_ms <= series.sealed_ms[owner]
    days = t_ms // CHUNK_DAY_MS
    for day in np.unique(days[late]).tolist():
        own = late & (days == day)
        numbers, first = np.unique(owner[own], return_index=True)
        last = np.append(first[1:], np.count_nonzero(own)) - 1
        # The last chunk goes in as well: of its day all that lies between is taken, so that no chunk spans another.
        sealed = series.sealed_ms[numbers]
        until = np.where(sealed // CHUNK_DAY_MS == day, sealed, t_ms[own][last])
        found.append(_taken_out(cursor, numbers, t_ms[own][first], until))
    return pa.concat_tables(found)


def read(
    cursor: duckdb.DuckDBPyConnection, numbers: Sequence[int], after_ms: int, until_ms: int
) -> tuple[Int64, Int64, Float64]:
    """Series number, time and value of the samples in (after_ms, until_ms], by series, then time."""
    # From a buffer: pa.array would import pandas to ask whether it was given one of its series.
    buffer = pa.py_buffer(np.asarray(numbers, np.int32))
    chosen = pa.table({"series_id": pa.Array.from_buffers(pa.int32(), len(numbers), [None, buffer])})
    with registered(cursor, {"chosen": chosen}):
        sealed = cursor.sql(
            "SELECT series_id, first_ms, t_ms, sample_values FROM sample_chunks SEMI JOIN chosen USING (series_id)"
            # The bounds let the scan pass over other series without reading their samples.
            " WHERE last_ms > $1 AND first_ms <= $2 AND series_id BETWEEN $3 AND $4",
            params=[after_ms, until_ms, min(numbers, default=0), max(numbers, default=0)],
        ).to_arrow_table()
        head = cursor.execute(
            "SELECT series_id, t_ms, sample_value FROM sample_head SEMI JOIN chosen USING (series_id)"
            " WHERE t_ms > $1 AND t_ms <= $2 ORDER BY series_id, t_ms",
            [after_ms, until_ms],
        ).fetchnumpy()
    owner, t_ms, values = _unpack(sealed)
    inside = (t_ms > after_ms) & (t_ms <= until_ms)
    if not inside.all():
        owner, t_ms, values = owner[inside], t_ms[inside], values[inside]
    if len(head["series_id"]):
        owner = np.concatenate([owner, np.asarray(head["series_id"], np.int64)])
        t_ms = np.concatenate([t_ms, np.asarray(head["t_ms"], np.int64)])
        values = np.concatenate([values, _floats(head["sample_value"])])
        order = np.argsort(owner, kind="stable")  # mostly the head is newer than every chunk
        owner, t_ms, values = _sorted_unique(owner[order], t_ms[order], values[order])
    return owner, t_ms, values


def _unpack(chunks: pa.Table) -> tuple[Int64, Int64, Float64]:
    """The samples of chunks, by series and time, from columns series_id, first_ms, t_ms, sample_values."""
    if not len(chunks):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    series_id = _view(chunks["series_id"].combine_chunks(), np.int32).astype(np.int64)
    times, values = chunks["t_ms"].combine_chunks(), chunks["sample_values"].combine_chunks()
    edges = _view(times.offsets, np.int32).astype(np.int64)
    flat_t, flat_v = _view(times.values, np.int64), _view(values.values, np.float64)
    shift = int(values.offsets[0].as_py()) - int(edges[0])
    order = np.lexsort((_view(chunks["first_ms"].combine_chunks(), np.int64), series_id)).tolist()
    parts = [slice(int(edges[i]), int(edges[i + 1])) for i in order]
    t_ms = np.concatenate([flat_t[part] for part in parts])
    sample = np.concatenate([flat_v[part.start + shift : part.stop + shift] for part in parts])
    return np.repeat(series_id[order], np.diff(edges)[order]), t_ms, sample


def _view(array: pa.Array, kind: type[np.generic]) -> NDArray[Any]:
    """A column without NULLs as numpy sees it, not copied; `to_numpy` would import pandas first."""
    data = array.buffers()[-1]
    return np.frombuffer(data, kind, count=len(array), offset=array.offset * np.dtype(kind).itemsize)


def _floats(column: Float64) -> Float64:
    """A column as floats; DuckDB hands over a masked array when it sees a NULL, and none is stored."""
    return np.asarray(column, np.float64)
