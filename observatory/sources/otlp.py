"""OTLP traces, protobuf and JSON, decoded into spans; strict about size and ids, tolerant of everything unknown."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from msgspec import Struct, field
from msgspec.structs import replace

from observatory.errors import InputInvalid, Problem
from observatory.sources.base import Span
from observatory.sources.otlp_bodies import inflated
from observatory.sources.otlp_json import spans_from_document, spans_from_json
from observatory.sources.otlp_raw import (
    KINDS,
    MAX_ATTRIBUTES,
    MAX_LINKS,
    MAX_VALUE_DEPTH,
    Parts,
    RawSpan,
    SpanRejectedError,
    check_objects,
    exception_of,
    plain,
    to_span,
    undecodable,
)

PROTOBUF, JSON = "application/x-protobuf", "application/json"
MAX_BODY_BYTES = 64 * 2**20
"""Most bytes of one request, after decompression."""
LEAST_SPAN = 40
"""Bytes of two ids and two times: a request with more spans than fit holds empty ones."""
MOST_BARE = 1000
"""Empty messages that any request may hold besides."""


class Decoded(Struct, frozen=True):
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

    def within(self, after_ms: int, latest_ms: int) -> Decoded:
        """Without the spans that began before an instant or lie after another, which are told as left out.

        One span of a clock far ahead would make all that follows look late.
        """
        begun = [span for span in self.spans if span.start_ns >= after_ms * 1_000_000]
        kept = [span for span in begun if max(span.start_ns, span.end_ns) <= latest_ms * 1_000_000]
        if len(kept) == len(self.spans):
            return self
        why = "a span is older than what is kept"
        if len(begun) == len(self.spans):
            why = "a span lies more than ten minutes in the future"
        rejected = self.rejected + len(self.spans) - len(kept)
        return replace(self, spans=kept, rejected=rejected, reason=self.reason or why)


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
        encoding: See `otlp_bodies.inflated`.
        shown_as: What messages call the input.

    Raises:
        InputInvalid: `otlp-type-unknown`, `otlp-too-large`, or `otlp-undecodable` for the body as a whole.
    """
    media = media_of(content_type, shown_as)
    body = inflated(body, encoding, max_bytes, shown_as)
    if media == PROTOBUF:
        return _collect(_from_protobuf(body, shown_as))
    check_objects(body, shown_as)
    return _collect(spans_from_json(body, shown_as))


def media_of(content_type: str, shown_as: str) -> str:
    """The media type of a request, one of the two that OTLP has.

    Raises:
        InputInvalid: `otlp-type-unknown`.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media not in (PROTOBUF, JSON):
        raise InputInvalid(
            Problem(
                code="otlp-type-unknown",
                message=f"{shown_as}: {media[:80]!r} is not a content type of OTLP",
                hint=f"send {PROTOBUF} or {JSON}",
            )
        )
    return media


def traces_response(decoded: Decoded, content_type: str) -> bytes:
    """The body of the answer to an export request: partial success where spans were left out, else success."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    return export_response(ExportTraceServiceResponse(), "spans", decoded.rejected, decoded.reason, content_type)


def export_response(response: Any, what: str, rejected: int, reason: str, content_type: str) -> bytes:
    """An answer of OTLP, in the encoding of the request.

    Args:
        response: The empty message of the signal.
        what: What its partial success counts: `spans` or `data_points`.
    """
    if rejected:
        setattr(response.partial_success, f"rejected_{what}", rejected)
        response.partial_success.error_message = reason
    if content_type.partition(";")[0].strip().lower() == JSON:
        from google.protobuf.json_format import MessageToDict

        return orjson.dumps(MessageToDict(response))
    data: bytes = response.SerializeToString()
    return data


def _collect(raw: Iterable[RawSpan | SpanRejectedError]) -> Decoded:
    spans: list[Span] = []
    rejected, reason = 0, ""
    for one in raw:
        try:
            if isinstance(one, SpanRejectedError):
                raise one
            spans.append(to_span(one))
        except SpanRejectedError as error:
            rejected += 1
            reason = reason or str(error)
    return Decoded(spans, rejected, reason)


def _from_protobuf(body: bytes, shown_as: str) -> Iterator[RawSpan | SpanRejectedError]:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise undecodable(shown_as, "the body is not a protobuf message, or is cut off") from error
    parts = Parts(shown_as, MOST_BARE + len(body) // LEAST_SPAN)
    for group in parts.of(request.resource_spans):
        resource = proto_attributes(group.resource.attributes)
        for scope in parts.of(group.scope_spans):
            for span in parts.of(scope.spans):
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
        attributes=proto_attributes(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links[:MAX_LINKS]],
        status=("unset", "ok", "error")[span.status.code] if 0 <= span.status.code <= 2 else "unset",
        exception=exception_of((event.name, proto_attributes(event.attributes)) for event in span.events),
    )


def proto_attributes(pairs: Any) -> dict[str, str]:
    """Attributes of a protobuf message, values as text."""
    return {pair.key: plain(_proto_value(pair.value)) for pair in pairs[:MAX_ATTRIBUTES]}


def _proto_value(value: Any, depth: int = 0) -> Any:
    which = value.WhichOneof("value")
    if which is None or depth > MAX_VALUE_DEPTH:
        return ""
    if which == "array_value":
        return [_proto_value(one, depth + 1) for one in value.array_value.values]
    if which == "kvlist_value":
        return {pair.key: _proto_value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    # As JSON has them, so that both encodings say the same.
    return b64encode(value.bytes_value).decode() if which == "bytes_value" else getattr(value, which)


def decode_document(document: Any, shown_as: str = "OTLP") -> Decoded:
    """The same as `decode` for JSON that is parsed already.

    Raises:
        InputInvalid: `otlp-undecodable`; it holds no resourceSpans.
    """
    return _collect(spans_from_document(document, shown_as))
