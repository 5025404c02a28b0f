"""OTLP JSON from many hands, read span by span.

Ids are hexadecimal, 64-bit numbers are texts or numbers, enums numbers or names, keys camelCase or snake_case, and
older files say `instrumentationLibrarySpans`. Answers of Tempo and Jaeger wrap the same shape and are unwrapped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from observatory.sources.otlp_raw import (
    KINDS,
    MAX_ATTRIBUTES,
    MAX_LINKS,
    MAX_VALUE_DEPTH,
    RawSpan,
    SpanRejectedError,
    cut,
    exception_of,
    plain,
    undecodable,
)


def spans_from_json(body: bytes, shown_as: str) -> Iterator[RawSpan | SpanRejectedError]:
    """The spans of a JSON body, a rejection in place of each that cannot be read.

    Raises:
        InputInvalid: `otlp-undecodable`.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise undecodable(shown_as, f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})") from error
    yield from spans_from_document(document, shown_as)


def spans_from_document(document: Any, shown_as: str) -> Iterator[RawSpan | SpanRejectedError]:
    """The same, of JSON that is parsed already."""
    groups = list(_resource_spans(document))
    if not groups and not _is_empty_request(document):
        raise undecodable(shown_as, "the JSON holds no resourceSpans")
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
        name=cut(_text(span, "name")),
        kind=_kind(_get(span, "kind")),
        start_ns=_integer(_get(span, "startTimeUnixNano")),
        end_ns=_integer(_get(span, "endTimeUnixNano")),
        attributes=_json_attributes(_get(span, "attributes")),
        links=links[:MAX_LINKS],
        status=_status(_get(_get(span, "status"), "code")),
        exception=exception_of(events),
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
            result[cut(key)] = plain(_json_value(pair.get("value")))
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
