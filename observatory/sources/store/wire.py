"""Questions to a store and its answers as bytes, between two processes of one machine.

A frame is the length of a head, the head as JSON, and the arrays that it refers to, as they lie in memory. Only the
classes named here are made from what is received, and nothing that is received is run.
"""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from msgspec import Struct

from observatory.errors import Problem
from observatory.location import Location
from observatory.sources.base import HopQuery, MessageQuery, SampleSet, SeriesRequest, Span, VisitQuery, Visits
from observatory.sources.store.contents import StoreContents
from observatory.telemetry.binding import Matcher, SpanSelector
from observatory.telemetry.inventory import Inventory, InventoryRequest, LabelSets, MetricMetadata, SpanDestination
from observatory.windows import Grid, TimeRange

_QUESTIONS = (
    Grid,
    HopQuery,
    InventoryRequest,
    Matcher,
    MessageQuery,
    SeriesRequest,
    SpanSelector,
    TimeRange,
    VisitQuery,
)
_ANSWERS = (
    Inventory,
    LabelSets,
    MetricMetadata,
    SampleSet,
    Span,
    SpanDestination,
    StoreContents,
    Visits,
    Problem,
    Location,
)
_CLASSES: dict[str, Callable[..., Any]] = {one.__name__: one for one in (*_QUESTIONS, *_ANSWERS)}
_KINDS = {"i": np.dtype(np.int64), "f": np.dtype(np.float64), "b": np.dtype(np.bool_), "u": np.dtype(np.uint64)}
_HEAD = struct.Struct("<Q")
MOST_HEAD_BYTES = 1 << 30
MOST_ARRAY_BYTES = 1 << 36
_KIND, _CLASS = "$", "$class"
"""Keys that say what an object in the head stands for."""


class Broken(OSError):
    """The other side went away, or what it sent is no frame."""


def send(connection: socket.socket, value: Any) -> None:
    """One value, as a frame.

    Raises:
        OSError: The other side has gone.
        TypeError: It holds something that has no form here.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    head = orjson.dumps(_packed(value, arrays))
    connection.sendall(_HEAD.pack(len(head)) + head)
    for array in arrays:
        # Bytes of an empty array with two axes cannot be seen as one line.
        if array.size:
            connection.sendall(np.ascontiguousarray(array).data.cast("B"))


def receive(connection: socket.socket, most_bytes: int = MOST_HEAD_BYTES) -> Any:
    """The value of the next frame; None where the other side has nothing more to say.

    Raises:
        Broken: The frame ends too early, is too long or is none.
    """
    begin = _exactly(connection, _HEAD.size, may_end=True)
    if not begin:
        return None
    (length,) = _HEAD.unpack(begin)
    if length > most_bytes:
        raise Broken("the frame is too long")
    try:
        return _unpacked(orjson.loads(_exactly(connection, length)), connection)
    except (KeyError, TypeError, ValueError) as error:
        raise Broken("the frame cannot be understood") from error


def _exactly(connection: socket.socket, size: int, *, may_end: bool = False) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    filled = 0
    while filled < size:
        count = connection.recv_into(view[filled:])
        if not count:
            if may_end and not filled:
                return bytearray()
            raise Broken("the connection ended in the middle of a frame")
        filled += count
    return data


def _packed(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {_KIND: "float", "of": repr(value)}
        case np.ndarray():
            arrays.append(value)
            return {_KIND: "array", "dtype": _letter(value.dtype), "shape": list(value.shape)}
        case np.generic():
            return _packed(value.item(), arrays)
        case list():
            return [_packed(one, arrays) for one in value]
        case tuple() | frozenset() | set():
            kind = "tuple" if isinstance(value, tuple) else "set"
            return {_KIND: kind, "of": [_packed(one, arrays) for one in value]}
        case dict():
            if all(isinstance(key, str) for key in value) and _KIND not in value:
                return {_KIND: "map", "of": {key: _packed(one, arrays) for key, one in value.items()}}
            return {_KIND: "pairs", "of": [[_packed(one, arrays) for one in pair] for pair in value.items()]}
    if isinstance(value, Struct) and type(value).__name__ in _CLASSES:
        parts = {name: _packed(getattr(value, name), arrays) for name in value.__struct_fields__}
        return {_KIND: "object", _CLASS: type(value).__name__, "of": parts}
    raise TypeError(f"{type(value).__name__} has no form on the wire")


def _letter(dtype: np.dtype[Any]) -> str:
    for letter, known in _KINDS.items():
        if known == dtype:
            return letter
    raise TypeError(f"an array of {dtype} has no form on the wire")


def _unpacked(told: Any, connection: socket.socket) -> Any:
    """The value; arrays are taken from the connection in the order in which the head names them."""
    if isinstance(told, list):
        return [_unpacked(one, connection) for one in told]
    if not isinstance(told, dict):
        return told
    of: Any = told.get("of")
    match told[_KIND]:
        case "float":
            return float(of)
        case "array":
            dtype = _KINDS[told["dtype"]]
            size = math.prod(told["shape"]) * dtype.itemsize
            if not 0 <= size <= MOST_ARRAY_BYTES:
                raise ValueError("the array is too long")
            return np.frombuffer(_exactly(connection, size), dtype).reshape(told["shape"])
        case "tuple":
            return tuple(_unpacked(one, connection) for one in of)
        case "set":
            return frozenset(_unpacked(one, connection) for one in of)
        case "map":
            return {key: _unpacked(one, connection) for key, one in of.items()}
        case "pairs":
            return {_unpacked(key, connection): _unpacked(one, connection) for key, one in of}
        case "object":
            return _CLASSES[told[_CLASS]](**{key: _unpacked(one, connection) for key, one in of.items()})
    raise ValueError("no such kind of value")
