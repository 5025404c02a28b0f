"""Remote-write 2.0 requests for tests; those of 1.0 are in `prometheus_server` and `native_histogram_writer`."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cramjam
from native_histogram_writer import Sample as Histogram
from xor_chunk_writer import message, varint

V1 = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
V2 = V1 | {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
TYPES = {"counter": 1, "gauge": 2, "histogram": 3}


@dataclass(frozen=True)
class Series:
    """One series; samples are (time, value, start), a start of 0 is left out."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, float, int]] = ()
    histograms: Sequence[Histogram] = field(default_factory=tuple)
    kind: str = ""
    help: str = ""
    created_ms: int = 0


def compressed(body: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(body))


def write_request(series: Iterable[Series]) -> bytes:
    """A Request with its table of symbols, not compressed."""
    symbols: dict[str, int] = {"": 0}

    def reference(text: str) -> int:
        return symbols.setdefault(text, len(symbols))

    body = b""
    for one in series:
        references = [reference(text) for pair in sorted(one.labels.items()) for text in pair]
        inside = message(1, b"".join(varint(number) for number in references))
        for t_ms, value, start_ms in one.samples:
            start = b"\x18" + varint(start_ms) if start_ms else b""
            inside += message(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(t_ms) + start)
        inside += b"".join(message(3, histogram.encoded()) for histogram in one.histograms)
        if one.kind:
            inside += message(5, b"\x08" + varint(TYPES[one.kind]) + b"\x18" + varint(reference(one.help)))
        if one.created_ms:
            inside += b"\x30" + varint(one.created_ms)
        body += message(5, inside)
    return b"".join(message(4, text.encode()) for text in symbols) + body
