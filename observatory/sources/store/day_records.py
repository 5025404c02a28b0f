"""Records of days as bytes: what a file beside the store holds, and what a shared ledger holds, byte for byte.

Every keeper writes the same form, so that a day kept here can be read there. A check sum comes before the content:
bytes that are not whole, or of another form, are no record, and the day is counted again.
"""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from observatory.sources.base import Record
from observatory.windows import TimeRange

MAGIC, BEFORE = b"obsday2\n", b"obsday1\n"
"""What a record begins with; its check sum and an Arrow file follow. Another shape takes another number; the one
before is still read, because what a day came to cannot be counted again once its telemetry has gone."""
_WHOLE = (np.int16, np.int32)
"""Kinds that events are kept as where they are whole, the smallest that holds them: a quarter of the bytes."""
_KINDS: dict[str, type[np.generic]] = {"floats": np.float64, "ints": np.int64, "small": np.uint8}
"""Parts of a record, in their order."""


class StoredDay(NamedTuple):
    """A record as it was kept.

    Attributes:
        read: The range whose telemetry it was made of.
        writes: What the store held of that range: pairs of an hour and the number of its writes.
    """

    record: Record
    read: TimeRange
    writes: list[list[int]]


def encode(day: StoredDay) -> bytes:
    """A record as bytes; NaN, signs of zero and subnormal numbers come back bit by bit."""
    record = day.record
    parts = dict(zip(_KINDS, (record.floats, record.ints, record.small), strict=True))
    columns: dict[str, list[tuple[str, str, Any]]] = {}
    for part, arrays in parts.items():
        for name, values in arrays.items():
            kind = _kind_of(values) if part == "floats" else np.dtype(_KINDS[part])
            columns.setdefault(kind.str, []).append((part, name, values))
    most = max((len(held) for held in columns.values()), default=0)
    table = pa.table(
        {kind: _lists([one for _, _, one in held], most, np.dtype(kind)) for kind, held in sorted(columns.items())}
    )
    told = {
        "header": record.header,
        "columns": {kind: [[part, name] for part, name, _ in held] for kind, held in columns.items()},
        "order": [list(arrays) for arrays in parts.values()],
        "read": [day.read.start_ms, day.read.end_ms],
        "writes": day.writes,
    }
    table = table.replace_schema_metadata({b"observatory": orjson.dumps(told)})
    memory = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(memory, table.schema, options=options) as writer:
        writer.write_table(table)
    content = bytes(memory.getvalue())
    return MAGIC + zlib.crc32(content).to_bytes(4, "little") + content


def decode(data: bytes) -> StoredDay | None:
    """The record of these bytes; None where they are not whole, or of another form."""
    # Checked before anything is read from it: Arrow trusts what it is given.
    content = memoryview(data)[len(MAGIC) + 4 :]
    form = data[: len(MAGIC)]
    if form not in (MAGIC, BEFORE) or zlib.crc32(content).to_bytes(4, "little") != data[len(MAGIC) : len(MAGIC) + 4]:
        return None
    table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
    told = orjson.loads(table.schema.metadata[b"observatory"])
    parts = _before(table, told) if form == BEFORE else _held(table, told)
    return StoredDay(Record(told["header"], *parts), TimeRange(*told["read"]), told["writes"])


def _held(table: pa.Table, told: Any) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {part: {} for part in _KINDS}
    for kind, names in told["columns"].items():
        # Columns have as many rows as the longest of them.
        for (part, name), values in zip(names, _arrays(table[kind], np.dtype(kind)), strict=False):
            found[part][name] = values.astype(_KINDS[part], copy=False)
    return [{name: found[part][name] for name in names} for part, names in zip(_KINDS, told["order"], strict=True)]


def _before(table: pa.Table, told: Any) -> list[dict[str, Any]]:
    """Parts of a record of the form before, by the names in a column of their own, part after part."""
    names = table["name"].to_pylist()
    # Records of before there were small numbers say how many floats they have, and hold no more than integers besides.
    floats = told["floats"]
    edges = [0, floats, floats + told.get("ints", len(names) - floats), len(names)]
    return [
        dict(zip(names[begin:after], _arrays(table[part], np.dtype(kind))[begin:after], strict=True))
        if begin < after
        else {}
        for (part, kind), (begin, after) in zip(_KINDS.items(), pairwise(edges), strict=True)
    ]


def _kind_of(values: Any) -> np.dtype[Any]:
    """The smallest kind that holds every value as it is: -0.0 and NaN are no integers."""
    if values.dtype.kind == "u":
        highest = int(values.max(initial=0))
        return np.dtype(next((kind for kind in _WHOLE if highest <= np.iinfo(kind).max), np.float64))
    if len(values) and np.isfinite(values).all():
        least, most = float(values.min()), float(values.max())
        for kind in _WHOLE:
            if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
                small = values.astype(kind)
                if (small == values).all() and not np.signbit(values[small == 0]).any():
                    return np.dtype(kind)
    return np.dtype(np.float64)


def _lists(arrays: list[Any], rows: int, kind: np.dtype[Any]) -> pa.Array:
    """Arrays as one column of so many rows, the last of them empty.

    From buffers: `pa.array` would import pandas to ask whether it was given its series.
    """
    flat = np.concatenate([np.empty(0, kind), *(np.asarray(array, kind) for array in arrays)])
    offsets = np.zeros(rows + 1, np.int32)
    np.cumsum([len(array) for array in arrays], out=offsets[1 : len(arrays) + 1])
    offsets[len(arrays) + 1 :] = len(flat)
    values = pa.Array.from_buffers(pa.from_numpy_dtype(kind), len(flat), [None, pa.py_buffer(flat)])
    places = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    return pa.ListArray.from_arrays(places, values)


def _arrays(column: pa.ChunkedArray, kind: np.dtype[Any]) -> list[Any]:
    lists = column.combine_chunks()
    offsets = np.frombuffer(lists.offsets.buffers()[1], np.int32, count=len(lists) + 1)
    flat = np.frombuffer(lists.values.buffers()[1], kind, count=len(lists.values))
    return [flat[begin:end] for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
