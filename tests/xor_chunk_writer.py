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
