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

MAGIC = b"obsday1\n"
"""What a record begins with; its check sum and an Arrow file follow. Another shape takes another number."""

_KINDS: dict[str, type[np.generic]] = {"floats": np.float64, "ints": np.int64, "small": np.uint8}


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
    parts = [record.floats, record.ints, record.small]
    columns: dict[str, pa.Array] = {"name": pa.array([name for part in parts for name in part], pa.string())}
    for column, kind, own in zip(_KINDS, _KINDS.values(), parts, strict=True):
        columns[column] = _lists([line if part is own else () for part in parts for line in part.values()], kind)
    table = pa.table(columns)
    span = [day.read.start_ms, day.read.end_ms]
    sizes = {"floats": len(record.floats), "ints": len(record.ints)}
    told = {"header": record.header, "read": span, "writes": day.writes, **sizes}
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
    if data[: len(MAGIC)] != MAGIC or zlib.crc32(content).to_bytes(4, "little") != data[len(MAGIC) : len(MAGIC) + 4]:
        return None
    table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
    told = orjson.loads(table.schema.metadata[b"observatory"])
    names = table["name"].to_pylist()
    # Records of before there were small numbers say how many floats they have, and hold no more than integers besides.
    floats = told["floats"]
    edges = [0, floats, floats + told.get("ints", len(names) - floats), len(names)]
    parts = [
        dict(zip(names[begin:after], _arrays(table[column], kind)[begin:after], strict=True)) if begin < after else {}
        for (column, kind), (begin, after) in zip(_KINDS.items(), pairwise(edges), strict=True)
    ]
    record = Record(told["header"], *parts)
    return StoredDay(record, TimeRange(*told["read"]), told["writes"])


def _lists(arrays: list[Any], kind: type[np.generic]) -> pa.Array:
    """Arrays as one column. From buffers: `pa.array` would import pandas to ask whether it was given its series."""
    flat = np.concatenate([np.empty(0, kind), *(np.asarray(array, kind) for array in arrays)])
    offsets = np.zeros(len(arrays) + 1, np.int32)
    np.cumsum([len(array) for array in arrays], out=offsets[1:])
    inner = pa.from_numpy_dtype(kind)
    values = pa.Array.from_buffers(inner, len(flat), [None, pa.py_buffer(flat)])
    places = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    return pa.ListArray.from_arrays(places, values)


def _arrays(column: pa.ChunkedArray, kind: type[np.generic]) -> list[Any]:
    lists = column.combine_chunks()
    offsets = np.frombuffer(lists.offsets.buffers()[1], np.int32, count=len(lists) + 1)
    flat = np.frombuffer(lists.values.buffers()[1], kind, count=len(lists.values))
    return [flat[begin:end] for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
