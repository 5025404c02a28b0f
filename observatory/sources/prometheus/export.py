"""VictoriaMetrics' export: raw samples as lines of JSON, from a server that has no remote_read for others.

Each line is one series, or a part of one: `{"metric":{...},"values":[...],"timestamps":[...]}`. Parts of a series come
in any order. A value that is `null` marks where a series ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson

from observatory.compile import reading
from observatory.sources.base import Float64, Int64, SampleSet, SeriesRequest
from observatory.sources.prometheus import failures
from observatory.sources.prometheus.connection import Connection
from observatory.sources.prometheus.remote_read import STREAM_LIMIT_BYTES, NotOffered
from observatory.sources.prometheus.sample_buffer import STALE_NAN_BITS, SampleBuffer
from observatory.sources.prometheus.session import beginning
from observatory.telemetry.binding import SeriesSelector
from observatory.windows import TimeRange

PATH = "/api/v1/export"
ROWS_PER_LINE = 100_000
LONGEST_LINE = 64 << 20
_STALE = np.array([STALE_NAN_BITS]).view(np.float64)[0]


class ExportInvalid(ValueError):
    """A line is no series of samples."""


def read(connection: Connection, request: SeriesRequest, *, proven: bool) -> SampleSet:
    """Samples of the requested series in (start, end].

    Args:
        proven: Whether this server answered an export before; a refusal then means the request.

    Raises:
        NotOffered: The server has no export.
        SourceFailed: It has, and failed.
    """
    span = request.range
    parameters = [
        ("match[]", reading.series(SeriesSelector(request.metric, request.matchers))),
        # Both ends are included; (start, end] begins one millisecond later.
        ("start", f"{(span.start_ms + 1) / 1000:.3f}"),
        ("end", f"{span.end_ms / 1000:.3f}"),
        ("max_rows_per_line", str(ROWS_PER_LINE)),
        ("reduce_mem_usage", "1"),
    ]
    answer = connection.session.open(
        "POST", connection.url + PATH, data=parameters, limit_bytes=STREAM_LIMIT_BYTES, any_status=True
    )
    with answer:
        if answer.status != 200:
            if not proven:
                # Whatever stands in the way of a path that few servers have, the queries that follow will tell.
                raise NotOffered
            raise failures.of_status(answer.status, beginning(answer), answer.content_type, answer.url)
        if "json" not in answer.content_type or answer.content_type.startswith("application/json"):
            raise NotOffered
        try:
            return decode(answer.pieces(), span)
        except ExportInvalid as error:
            raise failures.answer_invalid(str(error), answer.url) from None


def decode(pieces: Iterable[bytes], span: TimeRange) -> SampleSet:
    """The samples of a body that arrives in pieces of any size.

    Raises:
        ExportInvalid: A line is malformed, or the body ends within one.
    """
    buffer = SampleBuffer(span)
    labels: list[Mapping[str, str]] = []
    numbers: dict[frozenset[tuple[str, str]], int] = {}
    parser = _Parser()
    for line in _lines(pieces):
        metric, t_ms, values = parser.read(line)
        key = frozenset(metric.items())
        if key not in numbers:
            numbers[key] = len(labels)
            labels.append(metric)
        buffer.append(np.array([numbers[key]]), np.array([len(t_ms)]), t_ms, values)
    return buffer.sample_set(labels)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        *whole, rest = held.split(b"\n")
        yield from (bytes(line) for line in whole if line.strip())
        held = bytearray(rest)
        if len(held) > LONGEST_LINE:
            raise ExportInvalid("a line is longer than any server writes")
    if held.strip():
        # Every line ends with a line feed; what does not is cut off.
        raise ExportInvalid("the answer ends within a line")


class _Parser:
    """Reads lines, with simdjson where it is installed and the line holds numbers only."""

    def __init__(self) -> None:
        try:
            import simdjson
        except ImportError:
            self._fast: Any = None
        else:
            self._fast = simdjson.Parser()

    def read(self, line: bytes) -> tuple[Mapping[str, str], Int64, Float64]:
        """Labels, times and values of one line."""
        found = self._numbers(line) or _anything(line)
        metric, t_ms, values = found
        if len(t_ms) != len(values):
            raise ExportInvalid("a series has more times than values, or fewer")
        return metric, t_ms, values

    def _numbers(self, line: bytes) -> tuple[Mapping[str, str], Int64, Float64] | None:
        if self._fast is None:
            return None
        try:
            document = self._fast.parse(line)
            metric = document["metric"].as_dict()
            values = np.frombuffer(document["values"].as_buffer(of_type="d"), np.float64).copy()
            t_ms = np.frombuffer(document["timestamps"].as_buffer(of_type="i"), np.int64).copy()
        except (ValueError, TypeError, RuntimeError, KeyError, AttributeError):
            return None
        finally:
            # A parser is used again only when nothing of the last document is held.
            document = None
        return metric, t_ms, values


def _anything(line: bytes) -> tuple[Mapping[str, str], Int64, Float64]:
    """A line in which values are missing or infinite."""
    try:
        one = orjson.loads(line)
        metric = {str(name): str(value) for name, value in one["metric"].items()}
        t_ms = np.asarray(one["timestamps"], np.int64)
        values = np.array([_STALE if value is None else float(value) for value in one["values"]], np.float64)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise ExportInvalid("a line is no series of samples") from None
    return metric, t_ms, values
