"""OTLP traces, protobuf and JSON, decoded into spans; strict about size and ids, tolerant of everything unknown.

JSON comes from many hands: ids are hexadecimal, 64-bit numbers are texts or numbers, enums numbers or names, keys
camelCase or snake_case, and older files say `instrumentationLibrarySpans`. A file exporter writes one request a line.
Answers of Tempo and Jaeger wrap the same shape and are unwrapped.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from observatory.errors import InputInvalid, Problem
from observatory.sources.base import Span
from observatory.sources.conventions import messaging_span

MAX_BODY_BYTES = 64 * 2**20
"""Most bytes of one request, after decompression."""
MAX_ATTRIBUTES = 128
MAX_LINKS = 4096
MAX_VALUE_CHARACTERS = 4096
MAX_NAME_CHARACTERS = 1024
MAX_VALUE_DEPTH = 16
MAX_INT64 = 2**63 - 1
KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
"""By number; an unspecified kind counts as internal, as the specification asks."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a request held.

    Attributes:
        spans: The usable spans.
        rejected: How many were left out.
        reason: Why, of the first one; empty when none was.
        other_signals: Requests of metrics or logs that were met instead.
    """

    spans: list[Span] = field(default_factory=list)
    rejected: int = 0
    reason: str = ""
    other_signals: int = 0


def decode_traces(body: bytes, content_type: str) -> list[Span]:
    """The usable spans of a trace export request; see `decode` for those that are not.

    Raises:
        InputInvalid: As `decode`.
    """
    return decode(body, content_type).spans


def decode(
    body: bytes, content_type: str, *, encoding: str = "", max_bytes: int = MAX_BODY_BYTES, shown_as: str = "OTLP"
) -> Decoded:
    """Decode a trace export request, or a JSON answer that wraps one.

    Args:
        content_type: `application/x-protobuf` or `application/json`, parameters allowed.
        encoding: `gzip` or empty.
        shown_as: What messages call the input.

    Raises:
        InputInvalid: `otlp-type-unknown`, `otlp-too-large`, or `otlp-undecodable` for the body as a whole.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media not in ("application/x-protobuf", "application/json"):
        raise InputInvalid(
            Problem(
                code="otlp-type-unknown",
                message=f"{shown_as}: {media[:80]!r} is not a content type of OTLP",
                hint="send application/x-protobuf or application/json",
            )
        )
    body = inflated(body, encoding, max_bytes, shown_as)
    raw = _from_protobuf(body, shown_as) if media == "application/x-protobuf" else _from_json(body, shown_as)
    return _collect(raw)


def inflated(body: bytes, encoding: str, max_bytes: int, shown_as: str) -> bytes:
    """The body without its compression, refused before it grows beyond the limit."""
    word = encoding.strip().lower()
    if word == "gzip":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
                body = stream.read(max_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise _undecodable(shown_as, "the body is not gzip, or is cut off") from error
    elif word not in ("", "identity"):
        raise InputInvalid(
            Problem(
                code="otlp-type-unknown",
                message=f"{shown_as}: the content encoding {word[:80]!r} is not known",
                hint="send gzip, or no content encoding",
            )
        )
    if len(body) > max_bytes:
        raise InputInvalid(
            Problem(
                code="otlp-too-large",
                message=f"{shown_as}: more than {max_bytes // 2**20} MiB in one request",
                hint="let the exporter send smaller batches",
            )
        )
    return body


def traces_response(decoded: Decoded, content_type: str) -> bytes:
    """The body of the answer to an export request: partial success where spans were left out, else success."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    if content_type.partition(";")[0].strip().lower() == "application/json":
        if not decoded.rejected:
            return b"{}"
        partial = {"rejectedSpans": str(decoded.rejected), "errorMessage": decoded.reason}
        return orjson.dumps({"partialSuccess": partial})
    response = ExportTraceServiceResponse()
    if decoded.rejected:
        response.partial_success.rejected_spans = decoded.rejected
        response.partial_success.error_message = decoded.reason
    data: bytes = response.SerializeToString()
    return data


def _undecodable(shown_as: str, why: str) -> InputInvalid:
    return InputInvalid(
        Problem(
            code="otlp-undecodable",
            message=f"{shown_as}: {why}",
            hint="the body of an OTLP trace export request is expected: resourceSpans",
        )
    )


class SpanRejectedError(ValueError):
    """One span cannot be used; the others of its request can."""


@dataclass(slots=True)
class RawSpan:
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


def _collect(raw: Iterable[RawSpan | SpanRejectedError]) -> Decoded:
    spans: list[Span] = []
    rejected, reason = 0, ""
    for one in raw:
        try:
            if isinstance(one, SpanRejectedError):
                raise one
            spans.append(_span(one))
        except SpanRejectedError as error:
            rejected += 1
            reason = reason or str(error)
    return Decoded(spans, rejected, reason)


def _span(raw: RawSpan) -> Span:
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


def _cut(value: str) -> str:
    return value if len(value) <= MAX_VALUE_CHARACTERS else value[:MAX_VALUE_CHARACTERS]


def _plain(value: Any) -> str:
    """An attribute value as text: numbers and truths as JSON writes them, lists and maps as JSON."""
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, bytes):
        return _cut(value.hex())
    try:
        return _cut(orjson.dumps(value).decode())
    except TypeError:
        return _cut(str(value))


# protobuf


def _from_protobuf(body: bytes, shown_as: str) -> Iterator[RawSpan | SpanRejectedError]:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise _undecodable(shown_as, "the body is not a protobuf message, or is cut off") from error
    for group in request.resource_spans:
        resource = _proto_attributes(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield _proto_span(span, resource)


def _proto_span(span: Any, resource: Mapping[str, str]) -> RawSpan:
    return RawSpan(
        resource=resource,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        trace_state=span.trace_state,
        name=span.name,
        kind=KINDS[span.kind] if 0 <= span.kind < len(KINDS) else "internal",
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_proto_attributes(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links[:MAX_LINKS]],
        status=("unset", "ok", "error")[span.status.code] if 0 <= span.status.code <= 2 else "unset",
        exception=_exception((event.name, _proto_attributes(event.attributes)) for event in span.events),
    )


def _proto_attributes(pairs: Any) -> dict[str, str]:
    return {pair.key: _plain(_proto_value(pair.value)) for pair in pairs[:MAX_ATTRIBUTES]}


def _proto_value(value: Any, depth: int = 0) -> Any:
    which = value.WhichOneof("value")
    if which is None or depth > MAX_VALUE_DEPTH:
        return ""
    if which == "array_value":
        return [_proto_value(one, depth + 1) for one in value.array_value.values]
    if which == "kvlist_value":
        return {pair.key: _proto_value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    return value.bytes_value.hex() if which == "bytes_value" else getattr(value, which)


def _exception(events: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[str, bool]:
    """Type of the last exception that events tell of, and whether one of them left the span."""
    kind, escaped = "", False
    for name, attributes in events:
        if name == "exception":
            kind = attributes.get("exception.type", "exception")
            escaped = escaped or attributes.get("exception.escaped", "").lower() == "true"
    return kind, escaped


# JSON


def decode_document(document: Any, shown_as: str = "OTLP") -> Decoded:
    """The same as `decode` for JSON that is parsed already.

    Raises:
        InputInvalid: `otlp-undecodable`; it holds no resourceSpans.
    """
    return _collect(_from_document(document, shown_as))


def _from_json(body: bytes, shown_as: str) -> Iterator[RawSpan | SpanRejectedError]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _undecodable(shown_as, f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})") from error
    yield from _from_document(document, shown_as)


def _from_document(document: Any, shown_as: str) -> Iterator[RawSpan | SpanRejectedError]:
    groups = list(_resource_spans(document))
    if not groups and not _is_empty_request(document):
        raise _undecodable(shown_as, "the JSON holds no resourceSpans")
    for group in groups:
        resource = _json_attributes(_get(_get(group, "resource"), "attributes"))
        scopes = _get(group, "scopeSpans") or _get(group, "instrumentationLibrarySpans")
        for scope in _objects(scopes):
            for span in _objects(_get(scope, "spans")):
                try:
                    yield _json_span(span, resource)
                except (ValueError, TypeError, AttributeError, OverflowError) as error:
                    yield SpanRejectedError(f"a span has a field of the wrong type: {str(error)[:200]}")


def _is_empty_request(document: Any) -> bool:
    return isinstance(document, dict) and (not document or _get(document, "resourceSpans") == [])


def _resource_spans(document: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The groups of a request, looked for under the wrappings that query interfaces put around it."""
    if isinstance(document, list) and depth < 4:
        for one in document:
            yield from _resource_spans(one, depth + 1)
    elif isinstance(document, dict):
        found = _get(document, "resourceSpans") or document.get("batches")
        if isinstance(found, list):
            yield from _objects(found)
        elif depth < 4:
            for wrapping in ("result", "trace", "data"):
                if wrapping in document:
                    yield from _resource_spans(document[wrapping], depth + 1)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _get(holder: Any, key: str) -> Any:
    """A field by its camelCase or snake_case name; None when it is not there."""
    if not isinstance(holder, dict):
        return None
    found = holder.get(key)
    return found if found is not None else holder.get(_snake_case(key))


@lru_cache(maxsize=64)
def _snake_case(key: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in key)


def _json_span(span: Mapping[str, Any], resource: Mapping[str, str]) -> RawSpan:
    events = ((_text(event, "name"), _json_attributes(_get(event, "attributes"))) for event in _many(span, "events"))
    links = [(_text(link, "traceId"), _text(link, "spanId")) for link in _many(span, "links")]
    return RawSpan(
        resource=resource,
        trace_id=_text(span, "traceId"),
        span_id=_text(span, "spanId"),
        parent_span_id=_text(span, "parentSpanId"),
        trace_state=_text(span, "traceState"),
        name=_cut(_text(span, "name")),
        kind=_kind(_get(span, "kind")),
        start_ns=_integer(_get(span, "startTimeUnixNano")),
        end_ns=_integer(_get(span, "endTimeUnixNano")),
        attributes=_json_attributes(_get(span, "attributes")),
        links=links[:MAX_LINKS],
        status=_status(_get(_get(span, "status"), "code")),
        exception=_exception(events),
    )


def _many(holder: Any, key: str) -> Iterator[Mapping[str, Any]]:
    return _objects(_get(holder, key))


def _text(holder: Mapping[str, Any], key: str) -> str:
    value = _get(holder, key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{key} is not a text")
    return value


def _integer(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("a time is not a number")
    return int(value)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        word = value.upper().removeprefix("SPAN_KIND_").lower()
        if word in KINDS:
            return word
        value = int(word) if word.isascii() and word.isdigit() else 0
    return KINDS[value] if isinstance(value, int) and 0 <= value < len(KINDS) else "internal"


def _status(value: Any) -> str:
    word = str(value).upper().removeprefix("STATUS_CODE_")
    return {"1": "ok", "OK": "ok", "2": "error", "ERROR": "error"}.get(word, "unset")


def _json_attributes(pairs: Any) -> dict[str, str]:
    result: dict[str, str] = {}
    for pair in _objects(pairs):
        key = pair.get("key")
        if isinstance(key, str) and len(result) < MAX_ATTRIBUTES:
            result[_cut(key)] = _plain(_json_value(pair.get("value")))
    return result


def _json_value(value: Any, depth: int = 0) -> Any:
    """The plain value of an AnyValue; an integer may be written as text. What lies too deep is left out."""
    if not isinstance(value, dict):
        return value if isinstance(value, str | int | float) else ""
    if isinstance(text := value.get("stringValue"), str):
        return text
    if depth > MAX_VALUE_DEPTH:
        return ""
    for key in ("stringValue", "boolValue", "doubleValue", "bytesValue"):
        if isinstance(found := _get(value, key), str | int | float):
            return found
    if isinstance(integer := _get(value, "intValue"), str | int):
        return str(integer)
    if (array := _get(value, "arrayValue")) is not None:
        values = _get(array, "values")
        return [_json_value(one, depth + 1) for one in values] if isinstance(values, list) else []
    if (pairs := _get(value, "kvlistValue")) is not None:
        return {str(pair.get("key")): _json_value(pair.get("value"), depth + 1) for pair in _many(pairs, "values")}
    return ""
