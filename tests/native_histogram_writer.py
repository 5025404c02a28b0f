"""Native histograms as remote_write messages, so that a real server makes the chunks."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xor_chunk_writer import message, varint


@dataclass(frozen=True)
class Sample:
    """One histogram: counts of the positive buckets that `spans` (offset, length) enclose, and of the zero bucket."""

    t_ms: int
    spans: Sequence[tuple[int, int]]
    buckets: Sequence[int]
    zero: int = 0
    schema: int = 3
    zero_threshold: float = 2.0**-128
    custom: Sequence[float] = ()
    floats: bool = False
    stale: bool = False

    def encoded(self) -> bytes:
        count = sum(self.buckets) + self.zero
        total = struct.pack("<Q", 0x7FF0000000000002) if self.stale else struct.pack("<d", count * 0.25)
        body = _double(2, count) if self.floats else b"\x08" + varint(count)
        body += b"\x19" + total + b"\x20" + varint(_zigzag(self.schema)) + _double(5, self.zero_threshold)
        body += _double(7, self.zero) if self.floats else b"\x30" + varint(self.zero)
        for offset, length in self.spans:
            body += message(11, b"\x08" + varint(_zigzag(offset)) + b"\x10" + varint(length))
        if self.floats:
            body += message(13, b"".join(struct.pack("<d", one) for one in self.buckets))
        else:
            steps = np.diff(np.asarray(self.buckets), prepend=0).tolist()
            body += message(12, b"".join(varint(_zigzag(one)) for one in steps))
        body += b"\x78" + varint(self.t_ms)
        if self.custom:
            values = b"".join(struct.pack("<d", one) for one in self.custom)
            body += varint(16 << 3 | 2) + varint(len(values)) + values
        return body


def write_request(series: Iterable[tuple[Mapping[str, str], Sequence[Sample]]]) -> bytes:
    """A WriteRequest with whole histograms."""
    return b"".join(
        message(
            1,
            b"".join(message(1, message(1, k.encode()) + message(2, v.encode())) for k, v in sorted(labels.items()))
            + b"".join(message(4, sample.encoded()) for sample in samples),
        )
        for labels, samples in series
    )


def _double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1
