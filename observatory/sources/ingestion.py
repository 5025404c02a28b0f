"""Files of telemetry into the embedded store: recognised by content, kept as a whole or not at all."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import orjson
from msgspec import Struct
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.sources import junit, microcks, openmetrics, otlp
from observatory.sources.base import SampleSet, Span
from observatory.sources.batch import Batch
from observatory.sources.receiving import otlp_metrics
from observatory.sources.store import Store

MAX_BYTES = 1024 * 2**20
"""Most bytes of one file, after decompression; OTLP JSON lines are read line by line and have no such limit."""
MAX_LINE_BYTES = otlp.MAX_BODY_BYTES
BATCH_SPANS = 20_000
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_METRICS = frozenset({"resourceMetrics", "resource_metrics"})
_LOGS = frozenset({"resourceLogs", "resource_logs"})
_Part = otlp.Decoded | Batch
_TEXT_CONTROLS = frozenset(range(32)) - {9, 10, 13}


class Ingested(Struct, frozen=True, kw_only=True):
    """What a file held, and what of it was new.

    Attributes:
        format: `otlp-json`, `otlp-json-lines`, `otlp-protobuf`, `openmetrics`, `junit` or `microcks`.
        spans, samples: Usable ones in the file.
        new_spans, new_samples: Those that the store did not have.
        problems: Warnings: spans and points that were left out, signals that are not kept.
    """

    path: str
    format: str = ""
    spans: int = 0
    new_spans: int = 0
    samples: int = 0
    new_samples: int = 0
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, str | int]:
        """The entry of `files` in `ingest --json`."""
        return {
            "file": self.path,
            "format": self.format,
            "spans": self.spans,
            "new_spans": self.new_spans,
            "samples": self.samples,
            "new_samples": self.new_samples,
        }


def ingest(store: Store, stream: BinaryIO, path: str, *, default_ms: int | None = None) -> Ingested:
    """Read one file into the store, in one transaction.

    Args:
        path: What messages call the file.
        default_ms: Time of samples that carry none.

    Raises:
        InputInvalid: Nothing was kept; the file is of no known format, or faulty, with the line.
        SourceFailed: Nothing was kept; the store could not be written.
    """
    with store.transaction():
        return _ingest(store, _unpacked(io.BufferedReader(_raw(stream), 2**20)), path, default_ms)


def _raw(stream: BinaryIO) -> io.RawIOBase:
    return _Stream(stream)


class _Stream(io.RawIOBase):
    """Any readable as the raw stream that a buffered reader with `peek` wants; pipes cannot be rewound."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _unpacked(stream: io.BufferedReader) -> io.BufferedReader:
    if stream.peek(2)[:2] != _GZIP:
        return stream
    return io.BufferedReader(gzip.GzipFile(fileobj=stream), 2**20)


def _ingest(store: Store, stream: io.BufferedReader, path: str, default_ms: int | None) -> Ingested:
    try:
        head = stream.peek(4096)
        if head[:3] == _BOM:
            stream.read(3)
            head = stream.peek(4096)
        first = head.lstrip()[:1]
        if first in (b"{", b"["):
            return _json(store, stream, path)
        if first == b"<":
            return _samples(store, junit.parse(_whole(stream, path), path=path, default_ms=default_ms), path, "junit")
        body = _whole(stream, path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _invalid(path, f"the gzip data is damaged or cut off: {error}") from error
    if not body.strip():
        raise _invalid(path, "the file is empty")
    if (text := _text(body)) is not None:
        exposition = openmetrics.read(text, path=path, default_ms=default_ms)
        store.append_metadata(exposition.metadata)
        return _samples(store, exposition.samples, path, "openmetrics")
    return _kept(store, [_protobuf(body, path)], path, "otlp-protobuf")


def _protobuf(body: bytes, path: str) -> _Part:
    """Spans, or metrics: both requests look alike from outside, so what makes sense inside decides.

    Raises:
        InputInvalid: `otlp-undecodable`; it is neither.
    """
    try:
        spans = otlp.decode(body, otlp.PROTOBUF, max_bytes=MAX_BYTES, shown_as=path)
    except InputInvalid:
        if not otlp_metrics.holds_metrics(body):
            raise
    else:
        if spans.spans or not otlp_metrics.holds_metrics(body):
            return spans
    return otlp_metrics.decode(body, otlp.PROTOBUF, max_bytes=MAX_BYTES, shown_as=path)


def _whole(stream: io.BufferedReader, path: str) -> bytes:
    body = stream.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise _invalid(path, f"the file is larger than {MAX_BYTES // 2**20} MiB", "split it")
    return body


def _text(body: bytes) -> str | None:
    """The body as text, None when it cannot be any: protobuf has control characters in its first bytes."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if any(ord(char) in _TEXT_CONTROLS for char in text[:4096]) else text


def _invalid(path: str, message: str, hint: str | None = None, line: int = 1) -> InputInvalid:
    return InputInvalid(
        Problem(
            code="ingest-unrecognised",
            message=message,
            location=Location(path, line),
            hint=hint
            or "understood: OTLP traces and metrics (JSON, JSON lines, protobuf), OpenMetrics, JUnit, Microcks results",
        )
    )


def _samples(store: Store, samples: SampleSet, path: str, kind: str) -> Ingested:
    new = store.append_samples(samples)
    return Ingested(path=path, format=kind, samples=len(samples.t_ms), new_samples=new)


def _json(store: Store, stream: io.BufferedReader, path: str) -> Ingested:
    """A JSON document, or one request per line; a first line that is a whole value decides."""
    first = stream.readline(MAX_LINE_BYTES + 1)
    number = 1
    while not first.strip():
        first, number = stream.readline(MAX_LINE_BYTES + 1), number + 1
    try:
        orjson.loads(first)
    except orjson.JSONDecodeError:
        return _document(store, first + _whole(stream, path), path, number)
    if not stream.peek(1):
        return _document(store, first, path, number)
    return _kept(store, _decoded_lines(first, stream, path, number), path, "otlp-json-lines")


def _document(store: Store, body: bytes, path: str, number: int) -> Ingested:
    """One JSON document: a request of OTLP, or what Microcks says of its tests."""
    if microcks.MARK in body and b"resourceSpans" not in body:
        return _samples(store, microcks.parse(_loaded(body, path, number), path=path), path, "microcks")
    return _kept(store, [_decoded(body, path, number)], path, "otlp-json")


def _decoded_lines(first: bytes, stream: io.BufferedReader, path: str, number: int) -> Iterator[_Part]:
    line = first
    while line:
        if len(line) > MAX_LINE_BYTES:
            raise _invalid(path, f"a line is longer than {MAX_LINE_BYTES // 2**20} MiB", line=number)
        if line.strip():
            yield _decoded(line, path, number)
        line, number = stream.readline(MAX_LINE_BYTES + 1), number + 1


def _decoded(body: bytes, path: str, line: int) -> _Part:
    """Spans or metrics of one request; logs are no fault of a file, but are left out.

    Raises:
        InputInvalid: `otlp-undecodable`; it is no JSON, or the JSON is no OTLP.
    """
    document = _loaded(body, path, line)
    if isinstance(document, dict) and _LOGS & document.keys():
        return otlp.Decoded(other_signals=1)
    try:
        if isinstance(document, dict) and _METRICS & document.keys():
            return otlp_metrics.decode_document(document, path)
        return otlp.decode_document(document, path)
    except InputInvalid as error:
        where = Location(path, line)
        raise InputInvalid([replace(problem, location=where) for problem in error.problems]) from error


def _loaded(body: bytes, path: str, line: int) -> Any:
    try:
        return orjson.loads(body.rstrip())
    except orjson.JSONDecodeError as error:
        raise InputInvalid(
            Problem(
                code="otlp-undecodable",
                message=f"not JSON: {error.msg}",
                location=Location(path, line + error.lineno - 1, error.colno),
                hint="is the file cut off?",
            )
        ) from error


def _kept(store: Store, parts: Iterable[_Part], path: str, kind: str) -> Ingested:
    """Append spans in batches of a bearable size, and metrics; the transaction of the file holds them together."""
    spans, points = _Tally("spans", "spans-rejected"), _Tally("points", "points-rejected")
    samples = other = 0
    waiting: list[Span] = []
    for part in parts:
        if isinstance(part, Batch):
            samples += len(part.samples.t_ms) + len(part.deltas.owner)
            kept = store.append_batch(part)
            points.note(kept.batch.points, kept.new, kept.batch.rejected, kept.batch.reason)
            continue
        waiting += part.spans
        spans.note(len(part.spans), 0, part.rejected, part.reason)
        other += part.other_signals
        if len(waiting) >= BATCH_SPANS:
            spans.new += store.append_spans(waiting)
            waiting = []
    spans.new += store.append_spans(waiting)
    problems = [problem for tally in (spans, points) for problem in tally.problems(path)]
    if other:
        problems.append(
            Problem(
                code="otlp-signal-ignored",
                severity="warning",
                message=f"{other} requests hold logs and were left out",
                location=Location(path),
                hint="traces and metrics are read from OTLP",
            )
        )
    return Ingested(
        path=path,
        format=kind,
        spans=spans.kept,
        new_spans=spans.new,
        samples=samples,
        new_samples=points.new,
        problems=tuple(problems),
    )


class _Tally(Struct):
    """Spans or points of a file."""

    what: str
    code: str
    kept: int = 0
    new: int = 0
    rejected: int = 0
    reason: str = ""

    def note(self, kept: int, new: int, rejected: int, reason: str) -> None:
        self.kept += kept
        self.new += new
        self.rejected += rejected
        self.reason = self.reason or reason

    def problems(self, path: str) -> Iterator[Problem]:
        """What was left out, where something was."""
        if self.rejected:
            total = self.rejected + self.kept
            yield Problem(
                code=self.code,
                severity="warning",
                message=f"{self.rejected} of {total} {self.what} were left out; the first: {self.reason}",
                location=Location(path),
            )
