"""Records of days as bytes: what a file beside the store holds, and what a shared ledger holds, byte for byte.

Every keeper writes the same form, so that a day kept here can be read there. A check sum comes before the content:
bytes that are not whole, or of another form, are no record, and the day is counted again.

The content is the length of what follows, then one frame of Zstandard. In it stand what the record tells, as JSON
behind its own length, filled up with blanks to a multiple of eight bytes, and then its arrays one after the other, the
widest numbers first, so that each stands where a machine reads it at once.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import cramjam
import numpy as np
import orjson

from observatory.sources.base import Record
from observatory.windows import TimeRange

MAGIC = b"obsday3\n"
"""What a record begins with; its check sum and its content follow. Another shape takes another number, and those of
before are still read, because what a day came to cannot be counted again once its telemetry has gone."""
SECOND, FIRST = b"obsday2\n", b"obsday1\n"
MOST_BYTES = 1 << 33
"""Of a record once it is unpacked; one that claims more is no record."""
_WHOLE = (np.int16, np.int32)
"""Kinds that events are kept as where they are whole, the smallest that holds them: a quarter of the bytes."""
_KINDS: dict[str, type[np.generic]] = {"floats": np.float64, "ints": np.int64, "small": np.uint8}
"""Parts of a record, in their order."""
_LEVEL = 1
_WORD = 8


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
    columns: dict[np.dtype[Any], list[tuple[str, str, Any]]] = {}
    for part, arrays in parts.items():
        for name, values in arrays.items():
            kind = _kind_of(values) if part == "floats" else np.dtype(_KINDS[part])
            columns.setdefault(kind, []).append((part, name, values))
    ordered = sorted(columns.items(), key=lambda one: (-one[0].itemsize, one[0].str))
    told = orjson.dumps(
        {
            "header": record.header,
            "columns": [[kind.str, [[part, name, len(one)] for part, name, one in held]] for kind, held in ordered],
            "order": [list(arrays) for arrays in parts.values()],
            "read": [day.read.start_ms, day.read.end_ms],
            "writes": day.writes,
        }
    )
    told += b" " * (-len(told) % _WORD)
    bodies = [np.asarray(values, kind).tobytes() for kind, held in ordered for _, _, values in held]
    whole = b"".join((len(told).to_bytes(_WORD, "little"), told, *bodies))
    content = len(whole).to_bytes(_WORD, "little") + bytes(cramjam.zstd.compress(whole, level=_LEVEL))
    return MAGIC + zlib.crc32(content).to_bytes(4, "little") + content


def decode(data: bytes) -> StoredDay | None:
    """The record of these bytes; None where they are not whole, of another form, or not what they claim to be."""
    # Checked before anything is read from it.
    content = memoryview(data)[len(MAGIC) + 4 :]
    form = data[: len(MAGIC)]
    if form not in (MAGIC, SECOND, FIRST) or zlib.crc32(content).to_bytes(4, "little") != data[len(MAGIC) :][:4]:
        return None
    try:
        told, parts = _read(content) if form == MAGIC else _read_before(content, first=form == FIRST)
        return StoredDay(Record(told["header"], *parts), TimeRange(*told["read"]), told["writes"])
    except (ValueError, KeyError, TypeError, cramjam.DecompressionError):
        return None


def _read(content: memoryview) -> tuple[Any, list[dict[str, Any]]]:
    size = int.from_bytes(content[:_WORD], "little")
    if size > MOST_BYTES:
        raise ValueError(f"a record of {size} bytes")
    room = bytearray(size)
    if cramjam.zstd.decompress_into(content[_WORD:], room) != size:
        raise ValueError("a record that is shorter than it says")
    whole = memoryview(room).toreadonly()
    place = _WORD + int.from_bytes(whole[:_WORD], "little")
    told = orjson.loads(whole[_WORD:place])
    found: dict[str, dict[str, Any]] = {part: {} for part in _KINDS}
    for kind, names in told["columns"]:
        count = sum(length for _, _, length in names)
        flat = np.frombuffer(whole, np.dtype(kind), count, place)
        place, begin = place + flat.nbytes, 0
        for part, name, length in names:
            found[part][name] = flat[begin : begin + length].astype(_KINDS[part], copy=False)
            begin += length
    return told, [
        {name: found[part][name] for name in names} for part, names in zip(_KINDS, told["order"], strict=True)
    ]


def _read_before(content: memoryview, *, first: bool) -> tuple[Any, list[dict[str, Any]]]:
    # Arrow takes a while to come, and most have nothing of before.
    from observatory.sources.store.arrow_records import read_first, read_second

    return (read_first if first else read_second)(content, _KINDS)


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
