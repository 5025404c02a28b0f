"""A span as OTLP sent it, whatever the encoding, and the checks that make it a span of ours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import orjson
from msgspec import Struct

from observatory.errors import InputInvalid, Problem
from observatory.sources.base import Span
from observatory.sources.conventions import messaging_span

MAX_ATTRIBUTES = 128
MAX_LINKS = 4096
MAX_VALUE_CHARACTERS = 4096
MAX_NAME_CHARACTERS = 1024
MAX_VALUE_DEPTH = 16
MAX_INT64 = 2**63 - 1
MOST_PARTS = 500_000
"""Resources, scopes, metrics, series and points of one request of metrics."""
MOST_OBJECTS = 1_000_000
"""Of one JSON request; an attribute is two."""
KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
"""By number; an unspecified kind counts as internal, as the specification asks."""


def undecodable(shown_as: str, why: str, expected: str = "a trace export request: resourceSpans") -> InputInvalid:
    """The finding that a body as a whole is not what was `expected`."""
    return InputInvalid(
        Problem(
            code="otlp-undecodable",
            message=f"{shown_as}: {why}",
            hint=f"the body of an OTLP request is expected, {expected}",
        )
    )


class Parts:
    """Counts what a request consists of before it is looked at: a few bytes can hold millions of empty messages.

    Args:
        most: Messages inside messages; nothing that senders say takes fewer than tens of bytes.

    Raises:
        InputInvalid: `received-too-many`.
    """

    def __init__(self, shown_as: str, most: int = MOST_PARTS) -> None:
        self._shown_as = shown_as
        self._most = self._left = most

    def of(self, parts: Any) -> Any:
        """The same parts, if they are not too many with those before."""
        self._left -= len(parts)
        if self._left < 0:
            raise too_many(self._shown_as, f"{self._most:,} parts")
        return parts


def check_objects(body: bytes, shown_as: str) -> None:
    """The same for JSON that is not yet parsed.

    Raises:
        InputInvalid: `received-too-many`.
    """
    if body.count(b"{") > MOST_OBJECTS or body.count(b",") > 2 * MOST_OBJECTS:
        raise too_many(shown_as, f"{MOST_OBJECTS:,} objects, or twice as many values,")


def too_many(shown_as: str, what: str) -> InputInvalid:
    """The finding that a request holds more than is taken at once."""
    return InputInvalid(
        Problem(
            code="received-too-many",
            message=f"{shown_as}: more than {what} in one request",
            hint="let the sender make smaller batches",
        )
    )


class SpanRejectedError(ValueError):
    """One span cannot be used; the others of its request can."""


class RawSpan(Struct):
    """A span as it was sent, before its attributes mean anything."""

    resource: Mapping[str, str]
    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, str]
    links: list[tuple[str, str]]
    status: str
    exception: tuple[str, bool]


def to_span(raw: RawSpan) -> Span:
    """The span with its attributes understood.

    Raises:
        SpanRejectedError: An id or a time is unusable.
    """
    _check_id(raw.trace_id, 32, "trace id")
    _check_id(raw.span_id, 16, "span id")
    if raw.parent_span_id.strip("0"):
        _check_id(raw.parent_span_id, 16, "parent span id")
    if not 0 < raw.start_ns <= MAX_INT64 or not 0 <= raw.end_ns <= MAX_INT64:
        raise SpanRejectedError("a span has no start time, or one beyond the year 2262")
    return messaging_span(
        trace_id=raw.trace_id.lower(),
        span_id=raw.span_id.lower(),
        parent_span_id=raw.parent_span_id.lower() if raw.parent_span_id.strip("0") else "",
        name=raw.name[:MAX_NAME_CHARACTERS],
        kind=raw.kind,
        start_ns=raw.start_ns,
        end_ns=raw.end_ns,
        attributes=raw.attributes,
        resource=raw.resource,
        trace_state=raw.trace_state,
        links=[link for link in raw.links if _is_id(link[0], 32) and _is_id(link[1], 16)],
        status=raw.status,
        exception=raw.exception[0],
        exception_escaped=raw.exception[1],
    )


def _is_id(text: str, digits: int) -> bool:
    return len(text) == digits and bool(text.strip("0")) and not text.strip("0123456789abcdefABCDEF")


def _check_id(text: str, digits: int, what: str) -> None:
    if not _is_id(text, digits):
        raise SpanRejectedError(f"a {what} is not {digits} hexadecimal digits, or all zeros: {text[:40]!r}")


def cut(value: str) -> str:
    """A text of bearable length."""
    return value if len(value) <= MAX_VALUE_CHARACTERS else value[:MAX_VALUE_CHARACTERS]


def plain(value: Any) -> str:
    """An attribute value as the text that Prometheus' own receiver makes of it; lists and maps as JSON, keys sorted."""
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, bytes):
        return cut(value.hex())
    if isinstance(value, float):
        return _number_text(value)
    try:
        return cut(orjson.dumps(_whole(value), option=orjson.OPT_SORT_KEYS).decode())
    except TypeError:
        return cut(str(value))


def _number_text(value: float) -> str:
    """A number as JavaScript writes it: without an exponent between a millionth and 10^21."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if 1e-6 <= abs(value) < 1e21 or value == 0:
        text = format(Decimal(repr(value)), "f")
        return text.removesuffix(".0")
    return orjson.dumps(value).decode().removesuffix(".0")


def _whole(value: Any) -> Any:
    """The same, where numbers without a fraction are integers."""
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def exception_of(events: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[str, bool]:
    """Type of the last exception that events tell of, and whether one of them left the span."""
    kind, escaped = "", False
    for name, attributes in events:
        if name == "exception":
            kind = attributes.get("exception.type", "exception")
            escaped = escaped or attributes.get("exception.escaped", "").lower() == "true"
    return kind, escaped
