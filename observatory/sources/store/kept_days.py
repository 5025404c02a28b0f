"""Kept days: records of days that are over, one file each in a folder beside the store.

Any process may read and write them, whoever owns the store: a file is written under another name and put in place as a
whole, so a reader sees all of it or nothing, and two writers write the same. A record says what the store held when it
was made, hour by hour; it counts only while the store holds just that. A file that is missing, damaged, too old or
cannot be written costs time and nothing else: what it held is counted again from telemetry.

    <store>.days/<plan>/2026-11-19.day
"""

from __future__ import annotations

import os
import shutil
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from observatory.sources.base import Record
from observatory.sources.store.writes import ANY_HOUR, HOUR_MS
from observatory.windows import MAX_WINDOW_SECONDS, TimeRange

MAGIC = b"obsday1\n"
"""What a file begins with; its check sum and an Arrow file follow. Another shape takes another number."""
SUFFIX = ".day"
MOST_PLANS = 4
"""Folders that are kept: one for each set of documents, profiles and servers in use."""
MOST_DAYS = 2 * MAX_WINDOW_SECONDS // 86_400
"""Days of one plan; the oldest go first."""
STALE_SECONDS = 3600
"""A file under construction for so long was left behind by a process that died."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KeptFolder:
    """The folder of a store.

    Args:
        folder: Made when the first record is kept.
        writes: What the store holds now, see `Store.writes`.
        servers: Which servers the sources are; with other ones no record is found.
    """

    def __init__(self, folder: Path, writes: Callable[[], Mapping[int, int]], servers: str = "") -> None:
        self.folder = folder
        self._writes = writes
        self._servers = servers

    def days(self, plan: str, step_ms: int) -> KeptPlan:
        """Records of a plan, as of now: to be asked for before any telemetry is read."""
        told = orjson.dumps([self._servers, plan, step_ms])
        return KeptPlan(self.folder / sha256(told).hexdigest()[:20], self._writes())


class KeptPlan:
    """Records of one plan."""

    def __init__(self, folder: Path, writes: Mapping[int, int]) -> None:
        self._folder = folder
        self._writes = writes
        self._tidied = False

    def load(self, day: int) -> Record | None:
        """The record of a day, None without one, or when the store has changed since."""
        found = _read(self._path(day))
        if found is None:
            return None
        record, read, writes = found
        return record if writes == self._held(read) else None

    def keep(self, day: int, record: Record, read: TimeRange) -> None:
        """Keep a record that was made of telemetry in a range; where that is not possible nothing happens."""
        path = self._path(day)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(unfinished, record, read, self._held(read))
            unfinished.replace(path)
            if not self._tidied:
                self._tidied = True
                _tidy(self._folder)
        except OSError:
            # No permission, or no room: numbers never depend on what is kept.
            with suppress(OSError):
                unfinished.unlink()

    def _path(self, day: int) -> Path:
        return self._folder / f"{(_EPOCH + timedelta(days=day)).date().isoformat()}{SUFFIX}"

    def _held(self, read: TimeRange) -> list[list[int]]:
        """What the store holds of a range: pairs of an hour and the number of its writes."""
        hours = (ANY_HOUR, *range(read.start_ms // HOUR_MS, -(-read.end_ms // HOUR_MS)))
        return [[hour, self._writes[hour]] for hour in hours if hour in self._writes]


def _write(path: Path, record: Record, read: TimeRange, writes: list[list[int]]) -> None:
    floats, ints = list(record.floats.values()), list(record.ints.values())
    table = pa.table(
        {
            "name": pa.array([*record.floats, *record.ints], pa.string()),
            "floats": _lists([*floats, *([] for _ in ints)], np.float64),
            "ints": _lists([*([] for _ in floats), *ints], np.int64),
        }
    )
    told = {"header": record.header, "floats": len(floats), "read": [read.start_ms, read.end_ms], "writes": writes}
    table = table.replace_schema_metadata({b"observatory": orjson.dumps(told)})
    memory = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(memory, table.schema, options=options) as writer:
        writer.write_table(table)
    content = memory.getvalue()
    with path.open("wb") as file:
        file.write(MAGIC + zlib.crc32(content).to_bytes(4, "little"))
        file.write(content)


def _read(path: Path) -> tuple[Record, TimeRange, list[list[int]]] | None:
    """A file's content; None where there is none, and where it is not whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
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
    start_ms, end_ms = told["read"]
    return record, TimeRange(start_ms, end_ms), told["writes"]


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


def _tidy(folder: Path) -> None:
    """Remove what nobody asks for any more: plans not added to for longest, oldest days, files never finished."""
    plans = sorted((one for one in folder.parent.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    for old in plans[:-MOST_PLANS]:
        shutil.rmtree(old, ignore_errors=True)
    stale = time.time() - STALE_SECONDS
    days = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    unfinished = [path for path in folder.iterdir() if path.suffix != SUFFIX and path.stat().st_mtime < stale]
    for path in (*days[:-MOST_DAYS], *unfinished):
        path.unlink()
