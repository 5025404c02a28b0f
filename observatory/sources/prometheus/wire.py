"""The few protobuf messages of remote_read, written and walked by hand.

Field numbers are those of Prometheus' `prompb/remote.proto` and `prompb/types.proto`. Only what is needed is read;
unknown fields are passed over, as protobuf demands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Int64

EQUAL, NOT_EQUAL, REGEX, NOT_REGEX = 0, 1, 2, 3
Condition = tuple[int, str, str]
"""Kind of a label matcher, label, value or regular expression."""

SAMPLES, STREAMED_XOR_CHUNKS = 0, 1
_LENGTH_DELIMITED = 2
MOST_SERIES, LONGEST_REMEMBERED = 1 << 16, 1 << 11
"""Series whose labels are remembered, and the bytes that these may take."""


class WireInvalid(ValueError):
    """The bytes are no protobuf message."""


def read_request(conditions: Sequence[Condition], start_ms: int, end_ms: int) -> bytes:
    """A ReadRequest with one query, both ends of the range included; chunks preferred to samples."""
    matchers = b"".join(
        _field(3, (b"\x08" + varint(kind) if kind else b"") + _field(2, name.encode()) + _field(3, value.encode()))
        for kind, name, value in conditions
    )
    query = b"\x08" + varint(start_ms) + b"\x10" + varint(end_ms) + matchers
    return _field(1, query) + _field(2, bytes([STREAMED_XOR_CHUNKS, SAMPLES]))


def _field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | _LENGTH_DELIMITED]) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    """An unsigned varint; negative numbers as two's complement of 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """The unsigned varint at a position, and the position behind it.

    Raises:
        WireInvalid: It does not end within the data or within ten bytes.
    """
    value = shift = 0
    for index in range(position, min(position + 10, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise WireInvalid("a number does not end")


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, begin, end) of each field between two positions.

    For a length-delimited field begin and end enclose its payload, for others its bytes.

    Raises:
        WireInvalid: The fields do not fill the span exactly.
    """
    position = start
    while position < end:
        key, position = read_varint(data, position)
        match key & 7:
            case 0:
                begin, (_, position) = position, read_varint(data, position)
            case 1:
                begin, position = position, position + 8
            case 2:
                length, begin = read_varint(data, position)
                position = begin + length
            case 5:
                begin, position = position, position + 4
            case _:
                raise WireInvalid("a field of an unknown kind")
        if position > end:
            raise WireInvalid("a field reaches beyond its message")
        yield key >> 3, key & 7, begin, position


def labels(data: bytes) -> Mapping[str, str]:
    """Label messages that fill some bytes, each with what is written before a message, as a mapping.

    The same bytes give the same mapping, which nobody writes into: series come again with each refresh.

    Raises:
        WireInvalid: A message is malformed, or a text is no UTF-8.
    """
    return _remembered(data) if len(data) <= LONGEST_REMEMBERED else _labels(data)


def _labels(data: bytes) -> Mapping[str, str]:
    found: dict[str, str] = {}
    position = 0
    try:
        while position < len(data):
            usual = _usual_label(data, position)
            if usual is None:
                _, _, start, position = next(fields(data, position, len(data)))
                name, value = _label(data, start, position)
            else:
                name, value, position = usual
            found[name] = value
    except UnicodeDecodeError:
        raise WireInvalid("a label is no UTF-8") from None
    return found


def _usual_label(data: bytes, position: int) -> tuple[str, str, int] | None:
    """A label of short texts written name first, as all servers write most, and where it ends; None of any other."""
    try:
        start = position + 2
        end, value_at = start + data[position + 1], start + 2 + data[start + 1]
        usual = (data[position] & 0x87, data[start], data[value_at]) == (_LENGTH_DELIMITED, 0x0A, 0x12)
        lengths = data[position + 1] | data[start + 1] | data[value_at + 1]
        if not usual or lengths > 0x7F or not value_at + 2 + data[value_at + 1] == end <= len(data):
            return None
    except IndexError:
        return None
    return data[start + 2 : value_at].decode(), data[value_at + 2 : end].decode(), end


def _label(data: bytes, start: int, end: int) -> tuple[str, str]:
    """A label as it may be written: in any order, with fields of other numbers, or with nothing."""
    pair = ["", ""]
    for number, kind, begin, stop in fields(data, start, end):
        if kind == _LENGTH_DELIMITED and number in (1, 2):
            pair[number - 1] = data[begin:stop].decode()
    return pair[0], pair[1]


_remembered = lru_cache(maxsize=MOST_SERIES)(_labels)


class Messages(Struct, frozen=True):
    """Length-delimited fields, in the order of their bytes.

    Attributes:
        begins, ends: The span of each payload.
        owners: Which of the given spans each lies in.
        numbers: Field numbers.
    """

    begins: Int64
    ends: Int64
    owners: Int64
    numbers: Int64


def messages(data: NDArray[np.uint8], begins: Int64, ends: Int64) -> Messages:
    """All fields that fill some spans of bytes, where every field is a message.

    The fields of one span must be walked one after the other, because each tells only where the next begins; all
    spans take that step at once.

    Raises:
        WireInvalid: The fields do not fill a span exactly, or one of them is no message.
        IndexError: A number reaches beyond the data.
    """
    at, owner = begins.copy(), np.arange(len(begins))
    empty = np.empty(0, np.int64)
    found: list[tuple[Int64, Int64, Int64, Int64]] = [(empty, empty, empty, empty)]
    while True:
        inside = at < ends[owner]
        if not inside.all():
            at, owner = at[inside], owner[inside]
        if not len(at):
            break
        keys = data[at].astype(np.int64)
        first, length = varints(data, at + 1)
        at = first + length
        if (keys & 0x87 != _LENGTH_DELIMITED).any() or (length < 0).any() or (at > ends[owner]).any():
            raise WireInvalid("a message is malformed or reaches beyond what holds it")
        found.append((first, at, owner, keys >> 3))
    first, last, owners, numbers = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(first, kind="stable")
    return Messages(first[order], last[order], owners[order], numbers[order])


def varints(data: NDArray[np.uint8], position: Int64) -> tuple[Int64, Int64]:
    """The position behind, and the value of, the unsigned varint at each position.

    Raises:
        WireInvalid: One is longer than ten bytes.
        IndexError: One reaches beyond the data.
    """
    value = np.zeros(len(position), np.int64)
    position = position.copy()
    reading = np.ones(len(position), bool)
    for shift in range(0, 70, 7):
        byte = data[position].astype(np.int64)
        value |= np.where(reading, (byte & 0x7F) << shift, 0)
        position += reading
        reading &= byte > 0x7F
        if not reading.any():
            return position, value
    raise WireInvalid("a number of more than ten bytes")
