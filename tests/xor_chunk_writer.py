"""Writes XOR chunks and frames one bit at a time, straight from the format's description: a second opinion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import google_crc32c


class Bits:
    """A stream of bits."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def add(self, value: int, width: int) -> None:
        self.bits += [value >> shift & 1 for shift in range(width - 1, -1, -1)]

    def put(self, data: bytes) -> None:
        for byte in data:
            self.add(byte, 8)

    def to_bytes(self) -> bytes:
        padded = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(int("".join(map(str, padded[i : i + 8])), 2) for i in range(0, len(padded), 8))


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = []
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def xor_chunk(times: Sequence[int], values: Sequence[int]) -> bytes:
    """A chunk of samples; values are the 64 bits of each double."""
    out = Bits()
    out.add(len(times), 16)
    delta = leading = trailing = 0
    known = False
    for i, (time, value) in enumerate(zip(times, values, strict=True)):
        if i == 0:
            for byte in varint(time * 2 if time >= 0 else -time * 2 - 1):
                out.add(byte, 8)
            out.add(value, 64)
            continue
        step = time - times[i - 1]
        if i == 1:
            for byte in varint(step):
                out.add(byte, 8)
        else:
            _second_difference(out, step - delta)
        delta = step
        changed = value ^ values[i - 1]
        if not changed:
            out.add(0, 1)
            continue
        out.add(1, 1)
        zeros, tail = min(64 - changed.bit_length(), 31), (changed & -changed).bit_length() - 1
        if known and zeros >= leading and tail >= trailing:
            out.add(0, 1)
        else:
            known, leading, trailing = True, zeros, tail
            out.add(1, 1)
            out.add(leading, 5)
            out.add(64 - leading - trailing & 63, 6)
        out.add(changed >> trailing, 64 - leading - trailing)
    return out.to_bytes()


def _second_difference(out: Bits, change: int) -> None:
    if change == 0:
        out.add(0, 1)
        return
    for prefix, length, width in ((0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20)):
        half = 1 << width - 1
        if -(half - 1) <= change <= half:
            out.add(prefix, length)
            out.add(change & (1 << width) - 1, width)
            return
    out.add(0b1111, 4)
    out.add(change & (1 << 64) - 1, 64)


STALE = 0x7FF0000000000002


def xor2_chunk(times: Sequence[int], values: Sequence[int], starts: Sequence[int] | None = None) -> bytes:
    """An XOR2 chunk; `starts` are start timestamps, 0 for a sample that has none."""
    out = Bits()
    out.add(len(times), 16)
    starts = list(starts or [0] * len(times))
    changes = next((i for i in range(1, len(starts)) if starts[i] != starts[i - 1]), 0)
    assert changes <= 127
    out.add((0x80 if starts[0] else 0) | changes, 8)
    span: tuple[int, int] | None = None
    baseline = 0 if values[0] == STALE else values[0]
    delta = told = 0

    def value(new: int, same: str, old_span: str, new_span: str, stale: str) -> None:
        nonlocal span, baseline
        if new == STALE:
            out.add(int(stale, 2), len(stale))
            return
        changed = new ^ baseline
        baseline = new
        if not changed:
            out.add(int(same, 2), len(same))
            return
        zeros, tail = min(64 - changed.bit_length(), 31), (changed & -changed).bit_length() - 1
        if span and zeros >= span[0] and tail >= span[1]:
            out.add(int(old_span, 2), len(old_span))
        else:
            span = (zeros, tail)
            out.add(int(new_span, 2), len(new_span))
            out.add(zeros, 5)
            out.add(64 - zeros - tail & 63, 6)
        out.add(changed >> span[1], 64 - span[0] - span[1])

    for i, (time, new) in enumerate(zip(times, values, strict=True)):
        if i == 0:
            out.put(varint(_zigzag(time)))
            out.add(new, 64)
            out.put(varint(_zigzag(time - starts[0])) if starts[0] else b"")
            continue
        step = time - times[i - 1]
        change, delta = step - delta, step
        if i == 1:
            out.put(varint(step))
            value(new, "0", "10", "110", "111")
        elif change == 0 and new in (STALE, baseline):
            out.add(*((0b11111, 5) if new == STALE else (0, 1)))
        elif change == 0:
            out.add(0b10, 2)
            value(new, "", "0", "1", "")
        else:
            _packed_difference(out, change)
            value(new, "0", "10", "110", "111")
        if changes and i >= changes:
            since = times[i - 1] - starts[i]
            _variable(out, since - told)
            told = since
    return out.to_bytes()


def _packed_difference(out: Bits, change: int) -> None:
    for prefix, length, width in ((0b110, 3, 13), (0b1110, 4, 20), (0b11110, 5, 64)):
        if width == 64 or -(1 << width - 1) <= change < 1 << width - 1:
            out.add(prefix, length)
            out.add(change & (1 << width) - 1, width)
            return


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _variable(out: Bits, value: int) -> None:
    if value == 0:
        out.add(0, 1)
        return
    for ones, width in enumerate((3, 6, 9, 12, 18, 25, 56), 1):
        half = 1 << width - 1
        if -(half - 1) <= value <= half:
            out.add((1 << ones) - 1 << 1, ones + 1)
            out.add(value & (1 << width) - 1, width)
            return
    out.add(0xFF, 8)
    out.add(value & (1 << 64) - 1, 64)


def message(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def chunked_series(labels: Mapping[str, str], chunks: Iterable[tuple[int, bytes]]) -> bytes:
    """A ChunkedReadResponse with one series; chunks as (encoding, data)."""
    body = b"".join(
        message(1, message(1, name.encode()) + message(2, value.encode())) for name, value in sorted(labels.items())
    )
    for kind, data in chunks:
        body += message(2, b"\x08" + varint(1) + b"\x10" + varint(2) + b"\x18" + varint(kind) + message(4, data))
    return message(1, body)


def frame(payload: bytes) -> bytes:
    return varint(len(payload)) + int(google_crc32c.value(payload)).to_bytes(4, "big") + payload
