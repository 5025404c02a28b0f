"""The receivers of pushed metrics as their senders meet them: status codes, headers, what is kept."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from flask.testing import FlaskClient
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from otlp_metric_writer import DELTA, Request
from web.factories import AT_MS, HandMadeEstate
from werkzeug.test import TestResponse
from write_request_writer import V1, V2, Series, compressed, write_request

from observatory.errors import Problem, SourceFailed
from observatory.sources.base import SeriesRequest, Span
from observatory.sources.batch import Batch, Kept
from observatory.sources.store import Store
from observatory.sources.store import store as store_module
from observatory.web import receivers as receivers_module
from observatory.web.receivers import MOST_BODY, MOST_TAKEN, MOST_WAITING
from observatory.web.server import build_site
from observatory.windows import TimeRange

NOW_MS = AT_MS + 12_000
PROTOBUF = "application/x-protobuf"
SENT = {"__name__": "sent_total", "job": "shop"}


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open() as opened:
        yield opened


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return client_of(store)


def client_of(sink: object) -> FlaskClient:
    site = build_site(HandMadeEstate(), clock=lambda: NOW_MS, sink=sink)  # type: ignore[arg-type]
    return site.server.test_client()


def values(store: Store, metric: str = "sent_total") -> list[float]:
    return store.samples(SeriesRequest(metric, (), TimeRange(0, 10**14))).values.tolist()


def otlp(value: int = 7, t_ms: int = AT_MS) -> Request:
    return Request().counter("sent", t_ms - 60_000, t_ms, value)


def written(*series: Series) -> bytes:
    return compressed(write_request(series))


def told(answer: TestResponse) -> dict[str, str]:
    prefix = "X-Prometheus-Remote-Write-"
    return {name.removeprefix(prefix): value for name, value in answer.headers if name.startswith(prefix)}


def own_metric(client: FlaskClient, name: str, protocol: str, result: str) -> float:
    line = f'{name}{{protocol="{protocol}",result="{result}"}} '
    text = client.get("/metrics").get_data(as_text=True)
    return next(float(one.removeprefix(line)) for one in text.splitlines() if one.startswith(line))


def test_metrics_by_otlp_are_kept_in_either_encoding(client: FlaskClient, store: Store) -> None:
    document = MessageToDict(otlp(8, AT_MS + 1000).message)
    first = client.post("/v1/metrics", data=otlp().body(), content_type=PROTOBUF)
    second = client.post(
        "/v1/metrics", data=gzip.compress(json.dumps(document).encode()), content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )  # fmt: skip

    assert (first.status_code, first.content_type, first.data) == (200, PROTOBUF, b"")
    assert (second.status_code, second.content_type, second.get_json()) == (200, "application/json", {})
    assert values(store) == [7.0, 8.0]
    assert own_metric(client, "observatory_received_points_total", "otlp", "kept") == 2


def test_points_that_were_left_out_are_told_as_partial_success(client: FlaskClient, store: Store) -> None:
    request = otlp().gauge("late", NOW_MS + 700_000, 1)

    answer = client.post("/v1/metrics", data=request.body(), content_type=PROTOBUF)

    partial = ExportMetricsServiceResponse.FromString(answer.data).partial_success
    assert (answer.status_code, partial.rejected_data_points) == (200, 1)
    assert partial.error_message == "late: a point lies more than ten minutes in the future"
    assert values(store) == [7.0]
    assert own_metric(client, "observatory_received_points_total", "otlp", "rejected") == 1


def test_a_delta_that_is_sent_again_counts_once(client: FlaskClient, store: Store) -> None:
    body = Request().counter("sent", AT_MS - 60_000, AT_MS, 7, temporality=DELTA).body()

    codes = [client.post("/v1/metrics", data=body, content_type=PROTOBUF).status_code for _ in range(3)]

    assert (codes, values(store)) == ([200, 200, 200], [0.0, 7.0])


@pytest.mark.parametrize(("headers", "begun"), [(V1, []), (V2, [(AT_MS - 5000) / 1000])])
def test_remote_write_is_answered_with_what_was_written(
    client: FlaskClient, store: Store, headers: dict[str, str], begun: list[float]
) -> None:
    body = written(Series(SENT, [(AT_MS, 7.0, AT_MS - 5000), (AT_MS + 1, 8.0, 0)]))
    if headers is V1:
        from prometheus_server import _write_request

        body = compressed(_write_request([(SENT, np.array([AT_MS, AT_MS + 1]), np.array([7.0, 8.0]))]))

    answer = client.post("/api/v1/write", data=body, headers=headers)

    assert (answer.status_code, answer.data) == (204, b"")
    assert told(answer) == {"Samples-Written": "2", "Histograms-Written": "0", "Exemplars-Written": "0"}
    assert values(store) == [7.0, 8.0]
    assert values(store, "sent_created") == begun
    assert own_metric(client, "observatory_received_points_total", "remote_write", "kept") == 2


def test_what_is_well_formed_is_written_and_the_rest_told(client: FlaskClient, store: Store) -> None:
    body = written(Series({"job": "nameless"}, [(AT_MS, 1.0, 0)]), Series(SENT, [(AT_MS, 7.0, 0)]))

    answer = client.post("/api/v1/write", data=body, headers=V2)

    assert answer.status_code == 400
    assert answer.get_data(as_text=True) == "1 of 2 samples were left out; the first: a series has no metric name\n"
    assert told(answer)["Samples-Written"] == "1"
    assert values(store) == [7.0]


@pytest.mark.parametrize(
    ("path", "body", "headers", "code"),
    [
        ("/v1/metrics", b"{", {"Content-Type": "application/json"}, 400),
        ("/v1/metrics", b"\xff\xff", {"Content-Type": PROTOBUF}, 400),
        ("/v1/metrics", b"{}", {"Content-Type": "text/plain"}, 415),
        ("/v1/metrics", b"{}", {"Content-Type": "application/json", "Content-Encoding": "br"}, 415),
        ("/v1/metrics", b" " * (MOST_BODY + 1), {"Content-Type": PROTOBUF}, 413),
        (
            "/v1/metrics",
            gzip.compress(b" " * (MOST_BODY + 1), mtime=0),
            {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"},
            413,
        ),
        ("/api/v1/write", b"plain", V1, 400),
        ("/api/v1/write", compressed(b"\xff\xff"), V2, 400),
        ("/api/v1/write", compressed(b""), {"Content-Type": "application/json", "Content-Encoding": "snappy"}, 415),
        ("/api/v1/write", b"", {"Content-Type": PROTOBUF}, 415),
        ("/api/v1/write", V2["Content-Type"].encode(), {**V2, "Content-Type": V2["Content-Type"] + "s"}, 415),
        ("/api/v1/write", compressed(b" " * (MOST_BODY + 1)), V2, 413),
        ("/api/v1/write", b" " * (MOST_BODY + 1), V2, 413),
    ],
)
def test_an_unusable_request_is_refused_whole(
    client: FlaskClient, store: Store, path: str, body: bytes, headers: dict[str, str], code: int
) -> None:
    assert client.post(path, data=body, headers=headers).status_code == code
    assert store.metric_names(TimeRange(0, 10**14)) == frozenset()


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/traces"])
def test_a_refusal_is_told_in_the_encoding_of_the_request(client: FlaskClient, path: str) -> None:
    binary = client.post(path, data=b"\xff", content_type=PROTOBUF)
    text = client.post(path, data=b"{", content_type="application/json")

    status = Status.FromString(binary.data)
    assert (binary.status_code, binary.content_type, status.code) == (400, PROTOBUF, 3)
    assert status.message == "OTLP: the body is not a protobuf message, or is cut off [otlp-undecodable]"
    assert (text.status_code, text.content_type, text.get_json()["code"]) == (400, "application/json", 3)


def test_nothing_is_acknowledged_of_a_time_that_was_counted_and_removed(client: FlaskClient, store: Store) -> None:
    midnight = AT_MS // 86_400_000 * 86_400_000
    client.post("/v1/metrics", data=otlp(5, midnight - 1000).body(), content_type=PROTOBUF)
    store.prune(midnight, midnight)
    old, new = otlp(6, midnight).body(), otlp(7, midnight + 1).body()

    by_otlp = client.post("/v1/metrics", data=old, content_type=PROTOBUF)
    delta = Request().counter("sent", midnight - 60_000, midnight, 7, temporality=DELTA).body()
    by_delta = client.post("/v1/metrics", data=delta, content_type=PROTOBUF)
    by_write = client.post("/api/v1/write", data=written(Series(SENT, [(midnight, 7.0, 0)])), headers=V2)
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": "1" * 32, "spanId": f"{number}" * 16, "startTimeUnixNano": (midnight - 2 + number) * 10**6}
        for number in (1, 2)
    ]}]}]}  # fmt: skip
    by_traces = client.post("/v1/traces", json=spans)

    for answer in (by_otlp, by_delta):
        assert ExportMetricsServiceResponse.FromString(answer.data).partial_success.rejected_data_points == 1
    assert (by_write.status_code, told(by_write)["Samples-Written"]) == (400, "0")
    assert "older than what is kept" in by_write.get_data(as_text=True)
    assert by_traces.get_json()["partialSuccess"] == {
        "rejectedSpans": "1", "errorMessage": "a span is older than what is kept",
    }  # fmt: skip
    assert client.post("/v1/metrics", data=new, content_type=PROTOBUF).data == b""


def test_spans_of_a_clock_far_ahead_are_left_out_and_told(client: FlaskClient, store: Store) -> None:
    ahead = NOW_MS + 600_000
    times = [(ahead - 1, ahead), (ahead - 1, ahead + 1), (ahead + 1, 0), (10 * ahead, 10 * ahead)]
    spans = [
        {
            "traceId": "1" * 32,
            "spanId": f"{number}" * 16,
            "startTimeUnixNano": start * 10**6,
            "endTimeUnixNano": end * 10**6,
        }
        for number, (start, end) in enumerate(times, 1)
    ]

    answer = client.post("/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})

    assert answer.get_json()["partialSuccess"]["rejectedSpans"] == "3"
    assert store.span_count() == 1


def test_an_empty_request_is_fine(client: FlaskClient) -> None:
    assert client.post("/v1/metrics", data=b"", content_type=PROTOBUF).status_code == 200
    assert client.post("/v1/metrics", data=b"{}", content_type="application/json").status_code == 200
    assert client.post("/api/v1/write", data=compressed(b""), headers=V2).status_code == 204


@pytest.mark.parametrize("path", ["/v1/metrics", "/api/v1/write"])
def test_without_a_store_the_receivers_say_how_to_get_one(path: str) -> None:
    answer = client_of(None).post(path, data=b"", headers=V2)

    assert answer.status_code == 501
    assert "otlp-no-store" in answer.get_data(as_text=True)


class EmptySink:
    """A store from which nothing was ever removed."""

    def append_spans(self, spans: Iterable[Span]) -> int:
        raise AssertionError("not asked")

    def pruned_until_ms(self) -> tuple[int, int]:
        return 0, 0


class FailingSink(EmptySink):
    """A store whose disk is full."""

    def append_batch(self, batch: Batch) -> Kept:
        raise SourceFailed(Problem(code="store-write-failed", message="nothing was written: no space left"))


def test_what_could_not_be_written_is_asked_for_again() -> None:
    client = client_of(FailingSink())
    answers = [
        client.post("/v1/metrics", data=otlp().body(), content_type=PROTOBUF),
        client.post("/api/v1/write", data=written(Series(SENT, [(AT_MS, 7.0, 0)])), headers=V2),
    ]

    assert [(one.status_code, one.headers["Retry-After"]) for one in answers] == [(503, "5"), (503, "5")]
    assert told(answers[1])["Samples-Written"] == "0"
    assert own_metric(client, "observatory_received_requests_total", "otlp", "failed") == 1
    assert own_metric(client, "observatory_received_points_total", "otlp", "kept") == 0


def test_a_full_store_takes_no_new_series_and_goes_on_with_the_others(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = Request().histogram("wait", AT_MS - 60_000, AT_MS, [0.5], [3, 4])
    client.post("/api/v1/write", data=written(Series(SENT, [(AT_MS, 7.0, 0)])), headers=V2)
    client.post("/v1/metrics", data=wait.body(), content_type=PROTOBUF)
    full = len(store._series.labels) + 1
    monkeypatch.setattr(store_module, "MOST_SERIES", full)
    both = [Series({**SENT, "id": str(n)}, [(AT_MS + 1, 1.0, 0)]) for n in range(3)]
    later = Request().histogram("wide", AT_MS - 60_000, AT_MS + 1, [0.5, 0.7, 0.9], [5, 4, 1, 1])
    later.histogram("wait", AT_MS - 60_000, AT_MS + 1, [0.5], [4, 4])
    later.counter("new", AT_MS - 60_000, AT_MS + 1, 1, temporality=DELTA)

    by_write = client.post("/api/v1/write", data=written(Series(SENT, [(AT_MS + 1, 8.0, 0)]), *both), headers=V2)
    by_otlp = client.post("/v1/metrics", data=later.body(), content_type=PROTOBUF)

    partial = ExportMetricsServiceResponse.FromString(by_otlp.data).partial_success
    assert (by_write.status_code, told(by_write)["Samples-Written"]) == (400, "2")
    assert by_write.get_data(as_text=True) == (
        f"2 of 4 samples were left out; the first: the store has {full - 1} series, and no room for new ones"
        " [store-full]\n"
    )
    assert (by_otlp.status_code, partial.rejected_data_points) == (200, 2)
    assert len(store._series.labels) == full
    assert values(store) == [7.0, 8.0, 1.0]
    assert values(store, "wait_seconds_count") == [7.0, 8.0]
    assert values(store, "wide_seconds_count") == values(store, "new_total") == []
    assert own_metric(client, "observatory_received_points_total", "remote_write", "rejected") == 2


def test_a_clock_that_is_set_back_is_told_and_nothing_is_counted_twice(client: FlaskClient, store: Store) -> None:
    """Of the process itself, and of one that has started anew since: neither fits among what was sent before."""
    minute = 60_000
    for number in range(10):
        request = otlp(100 + number, AT_MS - (10 - number) * minute)
        client.post("/v1/metrics", data=request.body(), content_type=PROTOBUF)
    labels = {**SENT, "instance": "shop-1"}
    answers = [
        client.post("/v1/metrics", data=otlp(110, AT_MS - 299_000).body(), content_type=PROTOBUF),
        client.post("/api/v1/write", data=written(Series(labels, [(AT_MS - 239_000, 111.0, 0)])), headers=V2),
        client.post("/api/v1/write", data=written(Series(labels, [(AT_MS - 179_000, 2.0, 0)])), headers=V2),
    ]
    overtaken = client.post("/v1/metrics", data=otlp(105, AT_MS - 290_000).body(), content_type=PROTOBUF)
    gone_on = client.post("/v1/metrics", data=otlp(115, AT_MS + 1000).body(), content_type=PROTOBUF)

    partial = ExportMetricsServiceResponse.FromString(answers[0].data).partial_success
    assert partial.rejected_data_points == 1
    assert partial.error_message == (
        "sent_total: it does not fit between earlier and later values that came before it; was a clock set back?"
    )
    assert [(one.status_code, told(one)["Samples-Written"]) for one in answers[1:]] == [(400, "0")] * 2
    assert (overtaken.data, gone_on.data) == (b"", b"")
    assert values(store) == [100, 101, 102, 103, 104, 105, 105, 106, 107, 108, 109, 115]


def test_two_values_of_one_instant_are_told_and_the_first_stays(client: FlaskClient, store: Store) -> None:
    first = client.post("/v1/metrics", data=otlp(7).counter("sent", 1, AT_MS, 9).body(), content_type=PROTOBUF)
    other = client.post("/v1/metrics", data=otlp(8).gauge("depth", AT_MS, 1).body(), content_type=PROTOBUF)
    again = client.post("/v1/metrics", data=otlp(7).body(), content_type=PROTOBUF)

    partial = [ExportMetricsServiceResponse.FromString(one.data).partial_success for one in (first, other, again)]
    assert [one.rejected_data_points for one in partial] == [1, 1, 0]
    assert partial[0].error_message == "sent_total: two values of one instant"
    assert partial[1].error_message == "sent_total: another value came earlier for the same instant"
    assert (values(store), values(store, "depth")) == ([7.0], [1.0])


class SlowSink(EmptySink):
    """A store that takes its time: it holds every request until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def append_batch(self, batch: Batch) -> Kept:
        assert self.go_on.wait(300)
        return Kept(batch, 1)


@contextmanager
def occupied(monkeypatch: pytest.MonkeyPatch, patience_seconds: float) -> Iterator[tuple[FlaskClient, list[int]]]:
    """A server that reads and writes as many requests as it takes at a time; they are through when the block ends."""
    sink = SlowSink()
    client = client_of(sink)
    codes: list[int] = []
    taken = threading.Semaphore(0)
    read_body = receivers_module._body

    def tell_and_read() -> bytes:
        taken.release()
        return read_body()

    def send() -> None:
        one = client.application.test_client()
        codes.append(one.post("/v1/metrics", data=otlp().body(), content_type=PROTOBUF).status_code)

    monkeypatch.setattr(receivers_module, "_body", tell_and_read)
    monkeypatch.setattr(receivers_module, "PATIENCE_SECONDS", patience_seconds)
    threads = [threading.Thread(target=send) for _ in range(MOST_TAKEN)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert taken.acquire(timeout=300)
    try:
        yield client, codes
    finally:
        sink.go_on.set()
        for thread in threads:
            thread.join(300)


def test_more_requests_than_are_taken_at_a_time_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with occupied(monkeypatch, patience_seconds=0.0) as (client, codes):
        by_otlp = client.post("/v1/metrics", data=otlp().body(), content_type=PROTOBUF)
        by_prometheus = client.post("/api/v1/write", data=written(Series(SENT, [(AT_MS, 7.0, 0)])), headers=V2)

    # Prometheus and some exporters of OpenTelemetry drop what they are told by a 429, and repeat upon a 503.
    for answer in (by_otlp, by_prometheus):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert own_metric(client, "observatory_received_requests_total", "otlp", "refused") == 1
    assert codes == [200] * MOST_TAKEN


def test_some_more_wait_until_others_are_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with occupied(monkeypatch, patience_seconds=300.0) as (client, codes):

        def send() -> None:
            one = client.application.test_client()
            codes.append(one.post("/v1/metrics", data=otlp().body(), content_type=PROTOBUF).status_code)

        waiting = [threading.Thread(target=send) for _ in range(MOST_WAITING)]
        for thread in waiting:
            thread.start()
    for thread in waiting:
        thread.join(300)

    assert codes == [200] * (MOST_TAKEN + MOST_WAITING)
