"""Records of days in the two forms of before, Arrow files: what a day came to cannot be counted again once its
telemetry has gone, so they are read for good. Nothing writes them any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

Kinds = Mapping[str, type[np.generic]]
"""Parts of a record in their order, each with the numbers that it is given back as."""


def read_first(content: memoryview, kinds: Kinds) -> tuple[Any, list[dict[str, Any]]]:
    """What a record of the first form tells, and its parts: by the names in a column of their own, part after part."""
    table, told = _table(content)
    names = table["name"].to_pylist()
    # Records of before there were small numbers say how many floats they have, and hold no more than integers besides.
    floats = told["floats"]
    edges = [0, floats, floats + told.get("ints", len(names) - floats), len(names)]
    return told, [
        dict(zip(names[begin:after], _arrays(table[part], np.dtype(kind))[begin:after], strict=True))
        if begin < after
        else {}
        for (part, kind), (begin, after) in zip(kinds.items(), pairwise(edges), strict=True)
    ]


def read_second(content: memoryview, kinds: Kinds) -> tuple[Any, list[dict[str, Any]]]:
    """What a record of the second form tells, and its parts: a column for each kind of number."""
    table, told = _table(content)
    found: dict[str, dict[str, Any]] = {part: {} for part in kinds}
    for kind, names in told["columns"].items():
        # Columns have as many rows as the longest of them.
        for (part, name), values in zip(names, _arrays(table[kind], np.dtype(kind)), strict=False):
            found[part][name] = values.astype(kinds[part], copy=False)
    return told, [{name: found[part][name] for name in names} for part, names in zip(kinds, told["order"], strict=True)]


def _table(content: memoryview) -> tuple[pa.Table, Any]:
    table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
    return table, orjson.loads(table.schema.metadata[b"observatory"])


def _arrays(column: pa.ChunkedArray, kind: np.dtype[Any]) -> list[Any]:
    lists = column.combine_chunks()
    offsets = np.frombuffer(lists.offsets.buffers()[1], np.int32, count=len(lists) + 1)
    flat = np.frombuffer(lists.values.buffers()[1], kind, count=len(lists.values))
    return [flat[begin:end] for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
