"""OTLP as it really comes: protobuf, JSON of many hands, and conventions of three generations."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from xor_chunk_writer import message

from observatory.errors import InputInvalid
from observatory.sources.base import Span
from observatory.sources.otlp import Decoded, decode, decode_traces, traces_response

PROTOBUF, JSON = "application/x-protobuf", "application/json"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def one(name: str = "send orders", kind: Any = 4, **fields: Any) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": "1000",
        "endTimeUnixNano": "2000",
    } | fields


def attributes(**values: str) -> list[dict[str, Any]]:
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in values.items()]


def request(*spans: dict[str, Any], service: str = "shop") -> dict[str, Any]:
    resource = {"attributes": attributes(service__name=service)}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def decoded(document: Any) -> list[Span]:
    return decode_traces(json.dumps(document).encode(), JSON)


def with_attributes(name: str = "x", kind: Any = 4, **values: str) -> Span:
    return decoded(request(one(name, kind, attributes=attributes(**values))))[0]


def test_protobuf_gives_every_field() -> None:
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    span = group.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.parent_span_id = bytes.fromhex(TRACE), bytes.fromhex(SPAN), bytes(8)
    span.name, span.kind, span.trace_state = "send orders", 4, "ot=th:c"
    span.start_time_unix_nano, span.end_time_unix_nano = 1000, 2000
    span.attributes.add(key="messaging.system").value.string_value = "kafka"
    span.attributes.add(key="messaging.kafka.message.offset").value.int_value = 12
    span.links.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex("00000000000000ff"))
    span.status.code = 2
    assert decode_traces(message.SerializeToString(), PROTOBUF) == [
        Span(
            trace_id=TRACE,
            span_id=SPAN,
            parent_span_id="",
            name="send orders",
            kind="producer",
            service="shop",
            start_ns=1000,
            end_ns=2000,
            error=True,
            system="kafka",
            destination="orders",
            links=((TRACE, "00000000000000ff"),),
            attributes={"service.name": "shop", "messaging.system": "kafka", "messaging.kafka.message.offset": "12"},
            operation="send",
            offset="12",
            weight=4.0,
        )
    ]


def test_json_with_upper_case_ids_and_numbers_as_numbers() -> None:
    span = decoded(request(one(traceId=TRACE.upper(), startTimeUnixNano=1000, parentSpanId="0" * 16)))[0]
    assert (span.trace_id, span.start_ns, span.parent_span_id) == (TRACE, 1000, "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (5, "consumer"),
        ("SPAN_KIND_CONSUMER", "consumer"),
        ("CLIENT", "client"),
        ("3", "client"),
        (0, "internal"),
        (99, "internal"),
    ],
)
def test_kinds_are_numbers_or_names(kind: Any, expected: str) -> None:
    assert decoded(request(one(kind=kind)))[0].kind == expected


@pytest.mark.parametrize("code", [2, "STATUS_CODE_ERROR", "ERROR"])
def test_an_error_status_is_a_number_or_a_name(code: Any) -> None:
    assert decoded(request(one(status={"code": code})))[0].error is True


def test_snake_case_and_instrumentation_libraries_are_read() -> None:
    span = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "name": "x",
        "kind": 4,
        "start_time_unix_nano": 1,
        "end_time_unix_nano": 2,
    }
    for scope in ("scope_spans", "instrumentation_library_spans", "instrumentationLibrarySpans"):
        assert [s.start_ns for s in decoded({"resource_spans": [{scope: [{"spans": [span]}]}]})] == [1]


def test_answers_of_query_interfaces_are_unwrapped() -> None:
    inner = request(one())
    for document in ({"result": inner}, {"trace": inner}, {"batches": inner["resourceSpans"]}, [inner]):
        assert len(decoded(document)) == 1


def test_values_of_every_type_become_text() -> None:
    values = {
        "s": {"stringValue": "ü"},
        "i": {"intValue": "7"},
        "n": {"intValue": 7},
        "d": {"doubleValue": 0.5},
        "b": {"boolValue": True},
        "a": {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "x"}]}},
        "k": {"kvlistValue": {"values": [{"key": "y", "value": {"boolValue": False}}]}},
        "e": {},
    }
    span = decoded(request(one(attributes=[{"key": key, "value": value} for key, value in values.items()])))[0]
    expected = {"s": "ü", "i": "7", "n": "7", "d": "0.5", "b": "true", "a": '["1","x"]', "k": '{"y":false}', "e": ""}
    assert {key: span.attributes[key] for key in values} == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"traceId": "abc"},
        {"traceId": "0" * 32},
        {"traceId": "g" * 32},
        {"spanId": ""},
        {"spanId": 7},
        {"parentSpanId": "xyz"},
        {"startTimeUnixNano": "0"},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": str(2**63)},
        {"startTimeUnixNano": True},
        {"name": ["x"]},
    ],
)
def test_a_bad_span_is_left_out_and_the_others_stay(fields: dict[str, Any]) -> None:
    result = decode(json.dumps(request(one(**fields), one())).encode(), JSON)
    assert (len(result.spans), result.rejected) == (1, 1)
    assert result.reason


def test_a_link_without_ids_is_left_out_and_its_span_stays() -> None:
    links = [{"traceId": "", "spanId": ""}, {"traceId": TRACE, "spanId": SPAN}]
    assert decoded(request(one(links=links)))[0].links == ((TRACE, SPAN),)


def test_a_span_that_ends_before_it_starts_has_no_length() -> None:
    assert decoded(request(one(endTimeUnixNano="1")))[0].end_ns == 1000


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{}", "text/html", "otlp-type-unknown"),
        (b"<html>", JSON, "otlp-undecodable"),
        (b'{"resourceMetrics": []}', JSON, "otlp-undecodable"),
        (b"[1, 2]", JSON, "otlp-undecodable"),
        (b"\xff\xff\xff", PROTOBUF, "otlp-undecodable"),
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes, content_type: str, code: str) -> None:
    with pytest.raises(InputInvalid) as failure:
        decode(body, content_type)
    assert failure.value.problems[0].code == code


def test_an_empty_request_is_a_request() -> None:
    for body, content_type in ((b"{}", JSON), (b'{"resourceSpans": []}', JSON), (b"", PROTOBUF)):
        assert decode(body, content_type + "; charset=utf-8") == Decoded()


def test_a_small_gzip_that_grows_beyond_the_limit_is_refused() -> None:
    with pytest.raises(InputInvalid, match="otlp-too-large"):
        decode(gzip.compress(b" " * 3_000_000), JSON, encoding="gzip", max_bytes=2**20)


def test_gzip_is_unpacked_and_damaged_gzip_is_told() -> None:
    body = gzip.compress(json.dumps(request(one())).encode())
    assert len(decode(body, JSON, encoding="gzip").spans) == 1
    with pytest.raises(InputInvalid, match="otlp-undecodable"):
        decode(body[:-20], JSON, encoding="gzip")


def test_deeply_nested_values_end_somewhere() -> None:
    value: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    span = decoded(request(one(attributes=[{"key": "deep", "value": value}])))[0]
    assert "deep" not in span.attributes["deep"]


def refusal_of(body: bytes, content_type: str) -> str | None:
    try:
        decode(body, content_type)
    except InputInvalid as refusal:
        return refusal.problems[0].code
    return None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_end_in_spans_or_in_a_coded_refusal(body: bytes) -> None:
    assert {refusal_of(body, PROTOBUF), refusal_of(body, JSON)} <= {None, "otlp-undecodable"}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([*one(), "attributes", "links", "events", "status", "parentSpanId"]), json_values)
)
def test_any_json_in_a_span_ends_in_a_span_or_a_rejection(fields: dict[str, Any]) -> None:
    result = decode(json.dumps(request(one() | fields)).encode(), JSON)
    assert len(result.spans) + result.rejected == 1


def test_the_answer_tells_of_spans_that_were_left_out() -> None:
    partial = Decoded([], 3, "why")
    assert json.loads(traces_response(partial, JSON)) == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "why"}
    }
    message = ExportTraceServiceResponse.FromString(traces_response(partial, PROTOBUF))
    assert (message.partial_success.rejected_spans, message.partial_success.error_message) == (3, "why")
    assert traces_response(Decoded(), JSON) == b"{}"
    assert traces_response(Decoded(), PROTOBUF) == b""


# conventions


@pytest.mark.parametrize(
    "values",
    [
        {"messaging__destination__name": "orders"},
        {"messaging__destination": "orders"},
        {"messaging__source__name": "orders"},
        {"messaging__destination__name": "orders", "messaging__destination": "old"},
        {"messaging__destination__template": "orders"},
    ],
)
def test_the_destination_is_found_under_every_name(values: dict[str, str]) -> None:
    assert with_attributes(**values).destination == "orders"


@pytest.mark.parametrize("name", ["send orders", "orders send", "orders publish", "publish orders"])
def test_without_attributes_the_span_name_tells_the_destination(name: str) -> None:
    assert with_attributes(name).destination == "orders"


def test_a_name_that_is_no_messaging_name_tells_nothing() -> None:
    span = with_attributes("process payment", "INTERNAL")
    assert (span.operation, span.destination) == ("", "")


@pytest.mark.parametrize(
    "values",
    [
        {"messaging__consumer__group__name": "billing"},
        {"messaging__kafka__consumer__group": "billing"},
        {"messaging__kafka__consumer_group": "billing"},
        {"messaging__eventhubs__consumer__group": "billing"},
        {"messaging__rocketmq__client_group": "billing"},
        {"messaging__destination__subscription__name": "billing"},
        {"messaging__servicebus__destination__subscription_name": "billing"},
    ],
)
def test_the_consumer_group_is_found_under_every_name(values: dict[str, str]) -> None:
    assert with_attributes("x", "CONSUMER", **values).consumer_group == "billing"


@pytest.mark.parametrize(
    ("kind", "name", "values", "operation"),
    [
        ("PRODUCER", "x", {}, "send"),
        ("CONSUMER", "x", {}, "process"),
        ("PRODUCER", "x", {"messaging__operation__type": "create"}, "create"),
        ("PRODUCER", "x", {"messaging__operation": "publish"}, "send"),
        ("CONSUMER", "x", {"messaging__operation": "receive"}, "receive"),
        ("CONSUMER", "x", {"messaging__operation": "deliver"}, "process"),
        ("CONSUMER", "x", {"messaging__operation__name": "ack"}, "settle"),
        ("CONSUMER", "orders receive", {}, "receive"),
        ("CONSUMER", "process orders", {}, "process"),
        ("CLIENT", "poll orders", {"messaging__system": "kafka"}, "receive"),
        ("CLIENT", "x", {"messaging__operation__name": "poll", "messaging__system": "kafka"}, "receive"),
        ("CLIENT", "GET /orders", {}, ""),
    ],
)
def test_the_operation_follows_from_attributes_kind_and_name(
    kind: str, name: str, values: dict[str, str], operation: str
) -> None:
    assert with_attributes(name, kind, **values).operation == operation


@pytest.mark.parametrize(
    ("values", "partition", "offset"),
    [
        ({"messaging__destination__partition__id": "3", "kafka__offset": "9"}, "3", "9"),
        ({"messaging__kafka__destination__partition": "3", "messaging__kafka__offset": "9"}, "3", "9"),
        ({"messaging__kafka__source__partition": "3", "messaging__kafka__message__offset": "9"}, "3", "9"),
        ({"messaging__kafka__partition": "0"}, "0", ""),
    ],
)
def test_partition_and_offset_are_found_under_every_name(values: dict[str, str], partition: str, offset: str) -> None:
    span = with_attributes(**values)
    assert (span.partition, span.offset) == (partition, offset)


def test_message_id_system_and_batch_count_are_read() -> None:
    span = with_attributes(
        messaging__message_id="m-1", messaging__system__name="AmazonSQS", messaging__batch__message_count="12"
    )
    assert (span.message_id, span.system, span.batch_count) == ("m-1", "aws_sqs", 12)


def test_an_error_type_is_an_error_unless_the_status_says_ok() -> None:
    failed = attributes(error__type="timeout")
    assert decoded(request(one(attributes=failed)))[0].error is True
    assert decoded(request(one(attributes=failed)))[0].error_type == "timeout"
    assert decoded(request(one(attributes=failed, status={"code": 1})))[0].error is False


def test_an_exception_that_left_the_span_is_an_error_and_a_handled_one_is_not() -> None:
    for escaped, expected in (("true", True), ("false", False)):
        event = {"name": "exception", "attributes": attributes(exception__type="E", exception__escaped=escaped)}
        assert decoded(request(one(events=[event])))[0].error is expected


@pytest.mark.parametrize(
    ("state", "weight"),
    [
        ("", 1.0),
        ("ot=th:0", 1.0),
        ("ot=th:8", 2.0),
        ("ot=th:c", 4.0),
        ("ot=th:e;rv:00000000000001", 8.0),
        ("vendor=1,ot=rv:00000000000001;th:c", 4.0),
        ("ot=p:3;r:5", 8.0),
        ("ot=p:63", 0.0),
        ("ot=th:zz", 1.0),
        ("other=th:c", 1.0),
    ],
)
def test_the_sampling_threshold_gives_the_weight(state: str, weight: float) -> None:
    assert decoded(request(one(traceState=state)))[0].weight == weight


def test_one_in_a_hundred_weighs_about_a_hundred() -> None:
    assert decoded(request(one(traceState="ot=th:fd70a4")))[0].weight == pytest.approx(100, rel=1e-4)


def test_a_request_of_empty_spans_is_refused_and_one_of_short_spans_is_not() -> None:
    empty = message(1, message(2, message(2, b"") * 100_000))
    short = ExportTraceServiceRequest()
    spans = short.resource_spans.add().scope_spans.add().spans
    for number in range(1, 3001):
        spans.add(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), start_time_unix_nano=1)

    with pytest.raises(InputInvalid) as caught:
        decode(empty, PROTOBUF)

    assert caught.value.problems[0].code == "received-too-many"
    assert len(decode(short.SerializeToString(), PROTOBUF).spans) == 3000
