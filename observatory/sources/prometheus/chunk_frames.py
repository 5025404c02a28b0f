"""A streamed remote_read answer: frames with checksums, and the chunks inside them, located without decoding.

A frame is its length as a varint, four bytes of CRC-32C (Castagnoli, big-endian) and a ChunkedReadResponse. A long
series is spread over several frames and carries its labels in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import google_crc32c
import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from observatory.sources.base import Int64
from observatory.sources.prometheus import wire
from observatory.sources.prometheus.bit_stream import words_of

LONGEST_FRAME = 256 << 20
FEW_BYTES, MANY_BYTES = 1 << 18, 20 << 20
"""Room for the frames of a batch: at first, and when that is not enough. What is not written to takes no memory."""
XOR, HISTOGRAM, FLOAT_HISTOGRAM, XOR2, HISTOGRAM_ST, FLOAT_HISTOGRAM_ST = range(1, 7)
HISTOGRAMS = (HISTOGRAM, FLOAT_HISTOGRAM, HISTOGRAM_ST, FLOAT_HISTOGRAM_ST)
_SERIES, _LABEL, _CHUNK = 1, 1, 2
# How chunks of our time look: 08, a number of six bytes, 10, another one, 18, a byte, 22, a number of one or two bytes.
_TIME_MASK = np.uint64(0xFF_8080808080_80_FF)
_FIRST_TIME, _LAST_TIME = np.uint64(0x08_8080808080_00_10), np.uint64(0x10_8080808080_00_18)
_DATA_MASK, _DATA = np.uint64(0xFF_80_FF << 40), np.uint64(0x18_00_22 << 40)


class FrameInvalid(ValueError):
    """The stream is damaged: a wrong checksum, a frame too long, an end within a frame, malformed content."""


def frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The payloads of all frames, each checked, from a body that arrives in pieces of any size.

    Raises:
        FrameInvalid: A checksum is wrong, a frame is too long, or the body ends within a frame.
    """
    held = bytearray()
    wanted = 1
    for piece in pieces:
        held += piece
        position = 0
        while len(held) - position >= wanted:
            head = _frame_head(held, position)
            if head is None:
                break
            length, begin = head
            wanted = begin - position + 4 + length
            if len(held) - position < wanted:
                break
            payload = bytes(memoryview(held)[begin + 4 : position + wanted])
            if google_crc32c.value(payload) != int.from_bytes(held[begin : begin + 4], "big"):
                raise FrameInvalid("the checksum of a frame is wrong")
            yield payload
            position += wanted
            wanted = 1
        if position:
            del held[:position]
    if held:
        raise FrameInvalid("the answer ends within a frame")


def _frame_head(held: bytearray, position: int) -> tuple[int, int] | None:
    """Length of the payload and where the checksum begins; None while the length is incomplete."""
    value = shift = 0
    for index in range(position, min(position + 10, len(held))):
        value |= (held[index] & 0x7F) << shift
        if held[index] < 0x80:
            if value > LONGEST_FRAME:
                raise FrameInvalid("a frame is longer than any server sends")
            return value, index + 1
        shift += 7
    if len(held) - position >= 10:
        raise FrameInvalid("the length of a frame does not end")
    return None


class ChunkTable(Struct):
    """Where the chunks of several frames lie: bytes, and one entry per chunk in the order of arrival.

    Attributes:
        data: The frames' bytes end to end, and padding for the decoder.
        series: Per chunk the number of its series, counted from 0 through all tables of one answer.
        kinds: Per chunk its encoding.
        starts, lengths: Per chunk the place of its data.
    """

    data: NDArray[np.uint8]
    series: Int64
    kinds: Int64
    starts: Int64
    lengths: Int64


class SeriesIndex(Struct):
    """Numbers for series, in the order in which they first appear."""

    labels: list[Mapping[str, str]] = field(default_factory=list)
    _numbers: dict[bytes, int] = field(default_factory=dict)

    def number(self, labels: bytes) -> int:
        """The number of the series with these label messages."""
        found = self._numbers.get(labels)
        if found is None:
            found = self._numbers[labels] = len(self.labels)
            self.labels.append(wire.labels(labels))
        return found


class FrameBatch:
    """Frames end to end in one stretch of memory, which is used again for the next ones: fresh memory costs more than
    what is done with it.

    Args:
        index: Learns which series the frames hold.
        padding: Zero bytes that follow the last frame, for the decoder.

    Attributes:
        size: Bytes of all frames.
    """

    def __init__(self, index: SeriesIndex, padding: int) -> None:
        self.size = 0
        self._index = index
        self._padding = padding
        self._room = np.empty(FEW_BYTES, np.uint8)
        self._numbers: list[int] = []
        self._begins: list[int] = []
        self._ends: list[int] = []

    def add(self, payload: bytes) -> None:
        """Take in a frame.

        Raises:
            FrameInvalid: A message is malformed.
        """
        base, after = self.size, self.size + len(payload)
        if after + self._padding > len(self._room):
            room = np.empty(max(MANY_BYTES, 2 * (after + self._padding)), np.uint8)
            room[:base] = self._room[:base]
            self._room = room
        self._room[base:after] = np.frombuffer(payload, np.uint8)
        self.size = after
        try:
            for number, _, begin, end in wire.fields(payload, 0, len(payload)):
                if number == _SERIES:
                    first = after_labels(payload, begin, end)
                    self._numbers.append(self._index.number(payload[begin:first]))
                    self._begins.append(base + first)
                    self._ends.append(base + end)
        except (wire.WireInvalid, IndexError) as error:
            raise FrameInvalid(str(error)) from None

    def table(self) -> ChunkTable:
        """Where the chunks lie, until the next frame is added: the batch begins anew with it.

        Raises:
            FrameInvalid: A message is malformed.
        """
        data = self._room[: self.size + self._padding]
        data[self.size :] = 0
        begins, ends, numbers = (np.asarray(one, np.int64) for one in (self._begins, self._ends, self._numbers))
        self.size = 0
        self._begins, self._ends, self._numbers = [], [], []
        try:
            found = wire.messages(data, begins, ends)
            if (found.numbers != _CHUNK).any():
                raise wire.WireInvalid("something else than chunks follows the labels of a series")
            kinds, starts, lengths = _chunk_data(data, found.begins, found.ends)
        except (wire.WireInvalid, IndexError) as error:
            raise FrameInvalid(str(error)) from None
        return ChunkTable(data, numbers[found.owners], kinds, starts, lengths)


def after_labels(payload: bytes, begin: int, end: int) -> int:
    """Where the chunks of a series begin: after the label messages at its head."""
    position = begin
    while position < end and payload[position] == _LABEL << 3 | 2:
        length, start = payload[position + 1], position + 2
        if length > 0x7F:
            length, start = wire.read_varint(payload, position + 1)
        position = start + length
        if position > end:
            raise wire.WireInvalid("a label reaches beyond its series")
    return position


def _chunk_data(data: NDArray[np.uint8], begins: Int64, ends: Int64) -> tuple[Int64, Int64, Int64]:
    """Encoding, start and length of the data of each chunk message."""
    words = words_of(data)
    first, second, third = (words[begins + at].astype(np.uint64) for at in (0, 7, 14))
    kinds = (third >> np.uint64(48) & np.uint64(0xFF)).view(np.int64)
    low, high = ((third >> np.uint64(shift) & np.uint64(0xFF)).view(np.int64) for shift in (32, 24))
    is_long = low > 0x7F
    starts = begins + 18 + is_long
    lengths = np.where(is_long, low & 0x7F | high << 7, low)
    usual = (first & _TIME_MASK == _FIRST_TIME) & (second & _TIME_MASK == _LAST_TIME) & (third & _DATA_MASK == _DATA)
    usual &= (high < 0x80) | ~is_long
    usual &= starts + lengths == ends
    others = np.flatnonzero(~usual)
    if len(others):
        kinds[others], starts[others], lengths[others] = _stepped(data, begins[others], ends[others])
    return kinds, starts, lengths


def _stepped(data: NDArray[np.uint8], begins: Int64, ends: Int64) -> tuple[Int64, Int64, Int64]:
    """The same whatever fields there are; all messages step from field to field at once."""
    at = begins.copy()
    kinds = np.zeros(len(at), np.int64)
    starts, lengths = at.copy(), np.zeros(len(at), np.int64)
    open_ = np.flatnonzero(at < ends)
    while len(open_):
        here = at[open_]
        key = data[here]
        after, value = wire.varints(data, here + 1)
        is_data = key == (4 << 3 | 2)
        is_kind = key == 3 << 3
        if not (is_data | is_kind | (key == 1 << 3) | (key == 2 << 3)).all():
            raise wire.WireInvalid("a chunk has a field of an unknown kind")
        kinds[open_[is_kind]] = value[is_kind]
        starts[open_[is_data]] = after[is_data]
        lengths[open_[is_data]] = value[is_data]
        after[is_data] += value[is_data]
        if (value[is_data] < 0).any() or (after > ends[open_]).any():
            raise wire.WireInvalid("a field reaches beyond its chunk")
        at[open_] = after
        open_ = open_[after < ends[open_]]
    return kinds, starts, lengths
