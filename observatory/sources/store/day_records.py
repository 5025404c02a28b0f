"""Records of days as bytes: what a file beside the store holds, and what a shared ledger holds, byte for byte.

Every keeper writes the same form, so that a day kept here can be read there. A check sum comes before the content:
bytes that are not whole, or of another form, are no record, and the day is counted again.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from observatory.sources.base import Record
from observatory.windows import TimeRange

MAGIC = b"obsday1\n"
"""What a record begins with; its check sum and an Arrow file follow. Another shape takes another number."""


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
    floats, ints = list(record.floats.values()), list(record.ints.values())
    table = pa.table(
        {
            "name": pa.array([*record.floats, *record.ints], pa.string()),
            "floats": _lists([*floats, *([] for _ in ints)], np.float64),
            "ints": _lists([*([] for _ in floats), *ints], np.int64),
        }
    )
    span = [day.read.start_ms, day.read.end_ms]
    told = {"header": record.header, "floats": len(floats), "read": span, "writes": day.writes}
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
    names, count = table["name"].to_pylist(), told["floats"]
    floats, ints = _arrays(table["floats"], np.float64), _arrays(table["ints"], np.int64)
    record = Record(
        told["header"],
        dict(zip(names[:count], floats[:count], strict=True)),
        dict(zip(names[count:], ints[count:], strict=True)),
    )
    return StoredDay(record, TimeRange(*told["read"]), told["writes"])


def _lists(arrays: list[Any], kind: type[np.generic]) -> pa.Array:
    """Arrays as one column. From buffers: `pa.array` would import pandas to ask whether it was given its series."""
    flat = np.concatenate([np.empty(0, kind), *(np.asarray(array, kind) for array in arrays)])
    offsets = np.zeros(len(arrays) + 1, np.int32)
    np.cumsum([len(array) for array in arrays], out=offsets[1:])
    inner = pa.float64() if kind is np.float64 else pa.int64()
    values = pa.Array.from_buffers(inner, len(flat), [None, pa.py_buffer(flat)])
    places = pa.Array.from_buffers(pa.int32(), len(offsets), [None, pa.py_buffer(offsets)])
    return pa.ListArray.from_arrays(places, values)


def _arrays(column: pa.ChunkedArray, kind: type[np.generic]) -> list[Any]:
    lists = column.combine_chunks()
    offsets = np.frombuffer(lists.offsets.buffers()[1], np.int32, count=len(lists) + 1)
    flat = np.frombuffer(lists.values.buffers()[1], kind, count=len(lists.values))
    return [flat[begin:end] for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
