"""OTLP metrics become the series that Prometheus' own receiver makes of them."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from typing import Any

import cramjam
import numpy as np
import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from otlp_metric_writer import DELTA, SHOP, Request
from xor_chunk_writer import message

from observatory.errors import InputInvalid
from observatory.sources.batch import Batch
from observatory.sources.receiving.builder import MOST_SAMPLES
from observatory.sources.receiving.otlp_metrics import decode, holds_metrics, metrics_response

T_MS = 1_790_000_000_000
START_MS = T_MS - 60_000
PROTOBUF = "application/x-protobuf"


def read(request: Request, **options: Any) -> Batch:
    return decode(request.body(), PROTOBUF, **options)


def series(batch: Batch) -> dict[str, list[float]]:
    """Values by the text of the labels that are not the same everywhere."""
    found = {}
    for index in range(len(batch.samples)):
        labels, _, values = batch.samples.series(index)
        shown = {name: value for name, value in labels.items() if name not in ("__name__", "job", "instance")}
        if len(values):
            found[labels["__name__"] + (json.dumps(shown) if shown else "")] = values.tolist()
    return found


def only(batch: Batch) -> dict[str, str]:
    assert len(batch.samples) == 1
    return dict(batch.samples.labels[0])


def test_a_counter_gets_the_name_and_the_labels_that_profiles_look_for() -> None:
    request = Request(scope="shop.kafka").counter(
        "messaging.client.sent.messages", START_MS, T_MS, 7, unit="{message}", messaging__destination__name="orders.v1"
    )

    batch = read(request)

    assert only(batch) == {
        "__name__": "messaging_client_sent_messages_total",
        "job": "shop",
        "instance": "shop-1",
        "otel_scope_name": "shop.kafka",
        "messaging_destination_name": "orders.v1",
    }
    assert batch.samples.t_ms.tolist() == [T_MS]
    assert batch.metadata["messaging_client_sent_messages_total"].type == "counter"


def test_the_start_of_a_cumulative_point_says_when_its_series_began() -> None:
    begun = read(Request().counter("sent", START_MS, T_MS, 7)).beginnings

    assert [labels["__name__"] for labels in begun.labels] == ["sent_created"]
    assert (begun.start_ms.tolist(), begun.t_ms.tolist()) == ([START_MS], [T_MS])


def test_a_point_that_begins_when_it_is_seen_does_not_know_its_beginning() -> None:
    assert read(Request().counter("sent", T_MS, T_MS, 7)).beginnings.labels == ()


def test_the_namespace_stands_before_the_service_and_the_rest_on_target_info() -> None:
    resource = {**SHOP, "service.namespace": "eu", "host.name": "h1", "service.version": "2"}

    batch = read(Request(resource).gauge("depth", T_MS, 3))

    assert [dict(labels) for labels in batch.samples.labels] == [
        {"__name__": "depth", "job": "eu/shop", "instance": "shop-1"},
        {
            "__name__": "target_info", "job": "eu/shop", "instance": "shop-1", "host_name": "h1",
            "service_version": "2",
        },
    ]  # fmt: skip


def test_attributes_that_become_one_label_are_joined() -> None:
    request = Request().gauge("depth", T_MS, 3)
    point = request.message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    for key, value in (("a.b", "second"), ("a-b", "first"), ("empty", "")):
        point.attributes.add(key=key).value.string_value = value

    assert only(read(request))["a_b"] == "first;second"
    assert "empty" not in only(read(request))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"doubleValue": 3.0}, "3"),
        ({"doubleValue": 1e20}, "100000000000000000000"),
        ({"doubleValue": 1e21}, "1e+21"),
        ({"doubleValue": 1.5e-6}, "0.0000015"),
        ({"doubleValue": 1e-7}, "1e-7"),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": "-Infinity"}, "-Infinity"),
        ({"intValue": "-5"}, "-5"),
        ({"boolValue": True}, "true"),
        ({"bytesValue": "AP9hYg=="}, "AP9hYg=="),
        ({"arrayValue": {"values": [{"doubleValue": 1.0}, {"stringValue": "x"}]}}, '[1,"x"]'),
        (
            {"kvlistValue": {"values": [{"key": key, "value": {"stringValue": key}} for key in ("b", "a")]}},
            '{"a":"a","b":"b"}',
        ),
    ],
)
def test_an_attribute_has_the_text_that_prometheus_gives_it(value: dict[str, Any], text: str) -> None:
    document = MessageToDict(Request().gauge("depth", T_MS, 3).message)
    point = document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0]
    point["attributes"] = [{"key": "partition", "value": value}]

    assert only(decode(orjson.dumps(document), "application/json"))["partition"] == text


def counter_of(resource: dict[str, Any], **attributes: Any) -> Request:
    return Request(resource, scope="shop.kafka").counter("sent", START_MS, T_MS, 7, **attributes)


def scoped(version: str = "", schema_url: str = "", **attributes: str) -> Request:
    request = counter_of(SHOP)
    group = request.message.resource_metrics[0].scope_metrics[0]
    group.scope.version, group.schema_url = version, schema_url
    for key, value in attributes.items():
        group.scope.attributes.add(key=key).value.string_value = value
    return request


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            counter_of({"service.name": "shop", "host.name": "h1"}),
            counter_of({"service.name": "shop", "host.name": "h2"}),
        ),
        (counter_of({"process.pid": 1}), counter_of({"process.pid": 2})),
        (scoped("1.0"), scoped("2.0")),
        (scoped(schema_url="https://a"), scoped()),
        (scoped(zone="a"), scoped(zone="b")),
        *(
            (counter_of(SHOP, **{name: "a"}), counter_of(SHOP, **{name: "b"}))
            for name in ("job", "instance", "otel_scope_name", "exported_job", "le")
        ),
        tuple(Request().histogram("wait", START_MS, T_MS, [1.0], [3, 4], le=le) for le in ("1", "2")),
    ],
)
def test_streams_that_differ_in_anything_share_no_series(one: Request, other: Request) -> None:
    first, second = (
        {frozenset(labels.items()) for labels in read(request).samples.labels if labels["__name__"] != "target_info"}
        for request in (one, other)
    )

    assert first
    assert not first & second


def test_a_point_keeps_its_own_word_for_a_label_of_its_target() -> None:
    labels = only(read(Request().gauge("depth", T_MS, 3, job="nightly", exported_job="older")))

    assert (labels["job"], labels["exported_job"], labels["exported_exported_job"]) == ("shop", "older", "nightly")


def test_an_instance_without_a_name_is_where_it_runs_and_a_number_for_all_that_is_said_of_it() -> None:
    def instance(**resource: str) -> str | None:
        told = {name.replace("__", "."): value for name, value in resource.items()}
        return read(Request({"service.name": "shop"} | told).gauge("depth", T_MS, 1)).samples.labels[0].get("instance")

    class_of_one = {"telemetry__sdk__language": "python"}

    assert instance(**class_of_one) is None
    assert str(instance(k8s__pod__name="shop-7f", host__name="node-1")).startswith("shop-7f-")
    assert instance(host__name="h") == instance(host__name="h", **class_of_one)


def test_an_explicit_histogram_counts_up_to_each_bound() -> None:
    request = Request().histogram("wait", START_MS, T_MS, [0.5, 2.0], [3, 4, 1], total=9.5)

    assert series(read(request)) == {
        "wait_seconds_count": [8.0],
        'wait_seconds_bucket{"le": "+Inf"}': [8.0],
        "wait_seconds_sum": [9.5],
        'wait_seconds_bucket{"le": "0.5"}': [3.0],
        'wait_seconds_bucket{"le": "2"}': [7.0],
    }


def test_bounds_are_written_without_exponent() -> None:
    batch = read(Request().histogram("size", START_MS, T_MS, [1e-7, 2.5, 1e16], [1, 1, 1, 1], unit=""))

    found = {labels.get("le") for labels in batch.samples.labels} - {None}
    assert found == {"0.0000001", "2.5", "10000000000000000", "+Inf"}


def test_an_exponential_histogram_keeps_its_buckets_apart_in_the_schemas_of_prometheus() -> None:
    # Of scale 9, one finer than any schema: (2^(3/512), 2^(4/512)] and the next two; schema 8 has upper ends 2 and 3.
    request = Request().exponential("wait", START_MS, T_MS, 9, 3, [5, 6, 7], zero=2)

    assert {name: values for name, values in series(read(request)).items() if "__bucket__" in name} == {
        'wait_seconds_bucket{"__bucket__": "8/zero/0.0"}': [2.0],
        'wait_seconds_bucket{"__bucket__": "8/positive/2"}': [5.0],
        'wait_seconds_bucket{"__bucket__": "8/positive/3"}': [13.0],
    }


def test_a_summary_has_quantiles_a_count_and_a_sum() -> None:
    request = Request()
    summary = request.message.resource_metrics[0].scope_metrics[0].metrics.add(name="wait", unit="s").summary
    point = summary.data_points.add(time_unix_nano=T_MS * 10**6, count=4, sum=2.0)
    point.quantile_values.add(quantile=0.5, value=0.25)
    point.quantile_values.add(quantile=0.99, value=math.nan)

    assert series(read(request)) == {
        'wait_seconds{"quantile": "0.5"}': [0.25],
        "wait_seconds_count": [4.0],
        "wait_seconds_sum": [2.0],
    }


def test_deltas_are_handed_on_with_their_interval() -> None:
    deltas = read(Request().counter("sent", START_MS, T_MS, 7, temporality=DELTA)).deltas

    assert [deltas.labels[owner]["__name__"] for owner in deltas.owner] == ["sent_total"]
    assert (deltas.start_ms.tolist(), deltas.t_ms.tolist(), deltas.values.tolist()) == ([START_MS], [T_MS], [7.0])


def test_no_recorded_value_is_a_stale_marker() -> None:
    request = Request().counter("sent", START_MS, T_MS, 7)
    request.message.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].flags = 1

    assert np.isnan(read(request).samples.values).tolist() == [True]


def test_json_says_the_same_as_protobuf() -> None:
    request = (
        Request(scope="s")
        .counter("sent", START_MS, T_MS, 7, a__b="x")
        .histogram("wait", START_MS, T_MS, [0.5], [1, 2], total=2.5)
        .exponential("size", START_MS, T_MS, 3, -2, [1, 0, 4])
        .gauge("depth", T_MS, 0.5)
    )
    as_protobuf = read(request)

    for names in (False, True):
        document = MessageToDict(request.message, preserving_proto_field_name=names)
        as_json = decode(orjson.dumps(document), "application/json; charset=utf-8")
        assert series(as_json) == series(as_protobuf)
        assert as_json.points == as_protobuf.points == 4


COMPRESSED = {
    "gzip": gzip.compress,
    "zstd": lambda body: bytes(cramjam.zstd.compress(body)),
    "deflate": zlib.compress,
    "zlib": zlib.compress,
}


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_a_request_may_be_compressed_as_collectors_offer(encoding: str) -> None:
    compress = COMPRESSED[encoding]
    body = Request().gauge("depth", T_MS, 3).body()

    assert series(decode(compress(body), PROTOBUF, encoding=encoding.upper())) == {"depth": [3.0]}
    for faulty, code in (
        (compress(body)[:-5], "otlp-undecodable"),
        (body, "otlp-undecodable"),
        (compress(body) + b"more", "otlp-undecodable"),
        (compress(bytes(1001)), "otlp-too-large"),
        (compress(bytes(100_000)), "otlp-too-large"),
    ):
        with pytest.raises(InputInvalid) as caught:
            decode(faulty, PROTOBUF, encoding=encoding, max_bytes=1000)
        assert caught.value.problems[0].code == code


def faulty() -> dict[str, Request]:
    requests = {
        "a point has no time": Request().gauge("bad", 0, 1),
        "ten minutes in the future": Request().gauge("bad", T_MS + 600_001, 1),
        "has no temporality": Request().counter("bad", START_MS, T_MS, 1, temporality=0),
        "no usable name": Request().gauge("...", T_MS, 1),
        "a sum that only grows is negative": Request().counter("bad", START_MS, T_MS, -1),
        "an increment is infinite": Request().counter("bad", START_MS, T_MS, math.inf, temporality=DELTA),
        "beyond all numbers": Request().exponential("bad", START_MS, T_MS, 0, 1025, [1]),
        "has no breadth": Request().exponential("bad", START_MS, T_MS, 0, 0, [1], zero_threshold=math.nan),
        "not one bucket more": Request().histogram("bad", START_MS, T_MS, [1.0, 2.0], [1, 2]),
        "bounds of a histogram do not grow": Request().histogram("bad", START_MS, T_MS, [2.0, 2.0], [1, 2, 3]),
        "more than 1024 buckets": Request().histogram("bad", START_MS, T_MS, range(1, 1026), [1] * 1026),
        "has the scale -5": Request().exponential("bad", START_MS, T_MS, -5, 0, [1]),
        "the attribute text is too long": Request().gauge("bad", T_MS, 1, text="x" * 5000),
        "more than 64 attributes": Request().gauge("bad", T_MS, 1, **{f"a{i}": "x" for i in range(65)}),
        "nnnn of bad is too long": Request().gauge("bad", T_MS, 1, **{"n" * 600: "x"}),
        "a point has no value": Request().gauge("bad", T_MS, 1),
    }
    point = requests["a point has no value"].message.resource_metrics[0].scope_metrics[0].metrics[0].gauge
    point.data_points[0].ClearField("as_int")
    return requests


@pytest.mark.parametrize("why", faulty())
def test_a_faulty_point_is_left_out_and_told_and_the_others_stay(why: str) -> None:
    request = faulty()[why].gauge("good", T_MS, 5)

    batch = read(request, latest_ms=T_MS + 600_000)

    assert series(batch) == {"good": [5.0]}
    assert (batch.points, batch.rejected) == (1, 1)
    assert why in batch.reason
    told = orjson.loads(metrics_response(batch, "application/json"))["partialSuccess"]
    assert (told["rejectedDataPoints"], told["errorMessage"]) == ("1", batch.reason)


def test_a_point_that_is_no_number_is_ignored() -> None:
    batch = read(Request().gauge("depth", T_MS, math.nan))

    assert (batch.points, batch.rejected, batch.ignored, series(batch)) == (0, 0, 1, {})


def test_full_success_has_an_empty_answer() -> None:
    batch = read(Request().gauge("depth", T_MS, 3))

    assert (metrics_response(batch, "application/json"), metrics_response(batch, PROTOBUF)) == (b"{}", b"")


def test_a_request_of_too_many_samples_is_refused() -> None:
    request = Request()
    bounds, counts = [float(n) for n in range(1, 1025)], [1] * 1025
    for number in range(MOST_SAMPLES // 1024 + 1):
        request.histogram(f"h{number}", START_MS, T_MS, bounds, counts)

    with pytest.raises(InputInvalid) as caught:
        read(request)

    assert caught.value.problems[0].code == "received-too-many"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (message(1, b"") * 600_000, PROTOBUF),
        (message(1, message(2, b"") * 600_000), PROTOBUF),
        (message(1, message(2, message(2, b"") * 600_000)), PROTOBUF),
        (
            message(1, message(2, message(2, message(1, b"a") + message(7, message(1, b"") * 600_000 + b"\x10\x02")))),
            PROTOBUF,
        ),
        (b'{"resourceMetrics": [' + b"{}," * 1_000_000 + b"{}]}", "application/json"),
        (b'{"resourceMetrics": [' + b"0," * 2_000_001 + b"0]}", "application/json"),
    ],
    ids=["resources", "scopes", "metrics", "points", "objects", "values"],
)
def test_a_few_bytes_that_hold_a_great_many_things_are_refused_before_these_are_looked_at(
    body: bytes, kind: str
) -> None:
    with pytest.raises(InputInvalid) as caught:
        decode(body, kind)

    assert caught.value.problems[0].code == "received-too-many"


@pytest.mark.parametrize("body", [b"[]", b'{"resourceSpans": []}', b'{"resourceMetrics": 3}', b"{", b'"text"'])
def test_json_that_is_no_metrics_request_is_refused(body: bytes) -> None:
    with pytest.raises(InputInvalid) as caught:
        decode(body, "application/json")

    assert caught.value.problems[0].code == "otlp-undecodable"


def test_metrics_are_told_from_other_bodies() -> None:
    assert holds_metrics(Request().gauge("depth", T_MS, 3).body())
    assert not holds_metrics(b"")
    assert not holds_metrics(b"\xff\xff")
