"""Every way of failing has its own code, names the server without credentials, and ends in bounded time."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from misbehaving_server import MisbehavingServer, Reply, Request
from prometheus_server import free_port

from observatory.errors import InputInvalid, Problem, SourceFailed
from observatory.settings import PrometheusSettings
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.prometheus import PrometheusSource, remote_read
from observatory.sources.prometheus import session as http
from observatory.telemetry.inventory import Inventory, InventoryRequest
from observatory.units import parse_duration
from observatory.windows import TimeRange

SPAN = TimeRange(1_790_000_000_000, 1_790_000_600_000)
Start = Callable[..., MisbehavingServer]
EMPTY = json.dumps({"status": "success", "data": []}).encode()
NO_MATRIX = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": []}}).encode()
ONE_SERIES = json.dumps(
    {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "x"}, "values": [[1_790_000_060, "5"]]}]},
    }
).encode()


def names(url: str, **options: object) -> frozenset[str]:
    return source(url, **options).metric_names(SPAN)


def source(url: str, **options: object) -> PrometheusSource:
    return PrometheusSource(PrometheusSettings(url=url, **{"timeout_seconds": 2.0, **options}))  # type: ignore[arg-type]


def samples(url: str, **options: object) -> SampleSet:
    return source(url, **options).samples(SeriesRequest("x", (), SPAN))


def inventory(url: str, **options: object) -> Inventory:
    return source(url, **options).inventory(InventoryRequest({"x": ("a",)}), SPAN)


def problem_of(ask: Callable[..., object], url: str, **options: object) -> Problem:
    with pytest.raises(SourceFailed) as raised:
        ask(url, **options)
    (problem,) = raised.value.problems
    return problem


ASKED = pytest.mark.parametrize("ask", [names, samples, inventory])


@ASKED
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=401, body=b"Unauthorized"), "source-unauthorized"),
        (Reply(status=403, body=b"no"), "source-forbidden"),
        (Reply(status=404, body=b"404 page not found", content_type="text/plain"), "source-not-found"),
        (Reply(status=429, body=b"slow down"), "source-busy"),
        (Reply(status=500, body=b'{"status":"error","error":"storage broke"}'), "source-server-error"),
        (Reply(status=503, body=b"Service Unavailable"), "source-unavailable"),
        (Reply(status=418, body=b""), "source-status"),
        (Reply(body=b"<!doctype html><h1>Welcome</h1>", content_type="text/html"), "source-other-product"),
        (Reply(body=b'{"hello":"world"}'), "source-answer-invalid"),
        (Reply(body=b'["status"]'), "source-answer-invalid"),
        (Reply(body=b"not json"), "source-answer-invalid"),
        (Reply(body=b'{"status":"success","data":{"resultType":"scalar"}}'), "source-answer-invalid"),
        (Reply(body=b'{"status":"success","data":{"resultType":"matrix","result":{}}}'), "source-answer-invalid"),
        (Reply(body=b'{"status":"error","errorType":"x","error":"parse error"}'), "source-query-refused"),
        (Reply(status=422, body=b'{"status":"error","error":"bad matcher"}'), "source-query-refused"),
        (Reply(body=b'{"status":"success","data":{"resultType":"mat', declared=5000), "source-truncated"),
        (Reply(close_at_once=True), "source-truncated"),
        (Reply(status=302, headers={"Location": "http://elsewhere.example/login"}), "source-redirected"),
    ],
)
def test_each_failure_has_its_code_and_place(misbehaving: Start, ask: Callable, reply: Reply, code: str) -> None:
    server = misbehaving(reply)

    problem = problem_of(ask, server.url, remote_read="never")

    assert problem.code == code
    assert problem.url is not None
    assert problem.url.startswith(server.url)
    assert problem.severity == "error"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=401), "source-unauthorized"),
        (Reply(status=500, body=b"storage broke", content_type="text/plain"), "source-server-error"),
        (Reply(status=503), "source-unavailable"),
        (Reply(close_at_once=True), "source-truncated"),
    ],
)
def test_remote_read_that_fails_is_not_mistaken_for_one_that_is_absent(
    misbehaving: Start, reply: Reply, code: str
) -> None:
    server = misbehaving(reply)

    problem = problem_of(samples, server.url)

    assert problem.code == code
    assert [request.path for request in server.requests] == ["/api/v1/read"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(path=remote_read.PATH, status=404),
        Reply(path=remote_read.PATH, status=400, body=b"unsupported path requested"),
        Reply(path=remote_read.PATH, status=403),
        Reply(path=remote_read.PATH, status=405),
        Reply(path=remote_read.PATH, body=b"<html>", content_type="text/html"),
    ],
)
def test_a_server_without_remote_read_is_asked_by_query_and_remembered(misbehaving: Start, reply: Reply) -> None:
    server = misbehaving(reply, Reply(path="/api/v1/query", body=ONE_SERIES))
    asked = source(server.url)
    request = SeriesRequest("x", (), SPAN)

    found = [asked.samples(request), asked.samples(request)]

    assert [one.values.tolist() for one in found] == [[5.0], [5.0]]
    assert [request.path.split("?")[0] for request in server.requests] == [
        "/api/v1/read",
        "/api/v1/export",
        "/api/v1/query",
        "/api/v1/query",
    ]
    assert asked.state().state == "ok"
    assert "range vectors" in asked.state().detail


def test_a_server_that_exports_is_remembered_and_its_refusal_then_means_the_request(misbehaving: Start) -> None:
    line = b'{"metric":{"__name__":"x"},"values":[5],"timestamps":[%d]}\n' % (SPAN.end_ms - 1)
    exporting = Reply(path="/api/v1/export", body=line, content_type="application/stream+json; charset=utf-8")
    server = misbehaving(Reply(path=remote_read.PATH, status=400), exporting)
    asked = source(server.url)
    request = SeriesRequest("x", (), SPAN)

    found = [asked.samples(request), asked.samples(request)]
    server.replies = [Reply(status=400, body=b"too many series", content_type="text/plain")]

    assert [one.values.tolist() for one in found] == [[5.0], [5.0]]
    assert [one.path.split("?")[0] for one in server.requests] == [remote_read.PATH, *["/api/v1/export"] * 2]
    assert asked.state().detail.endswith("samples by export")
    assert problem_of(samples, server.url).code == "source-query-refused"
    with pytest.raises(SourceFailed):
        asked.samples(request)


@pytest.mark.parametrize("status", [302, 401, 404, 500, 502])
def test_a_gateway_that_stumbles_over_the_export_is_asked_by_query(misbehaving: Start, status: int) -> None:
    server = misbehaving(
        Reply(path=remote_read.PATH, status=404),
        Reply(path="/api/v1/export", status=status, body=b"what is this"),
        Reply(path="/api/v1/query", body=ONE_SERIES),
    )

    assert samples(server.url).values.tolist() == [5.0]


def test_a_server_that_refuses_range_vectors_is_read_by_a_grid(misbehaving: Start) -> None:
    server = misbehaving(
        Reply(path="/api/v1/query?", status=400, body=b'{"status":"error","error":"no range vectors here"}'),
        Reply(path="/api/v1/query_range", body=ONE_SERIES),
    )

    found = samples(server.url)

    assert (found.values.tolist(), found.exact, found.resolution_ms) == ([5.0], False, 60_000)


@ASKED
def test_a_closed_port_is_refused(ask: Callable) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    problem = problem_of(ask, url)

    assert problem.code == "source-refused"
    assert problem.hint


def test_an_unknown_host_is_unresolved() -> None:
    assert problem_of(names, "http://nowhere.invalid:9090").code == "source-unresolved"


def test_https_to_a_plain_server_is_a_matter_of_tls(misbehaving: Start) -> None:
    server = misbehaving(Reply(body=EMPTY))

    assert problem_of(names, server.url.replace("http:", "https:")).code == "source-tls"


@ASKED
@pytest.mark.parametrize("reply", [Reply(hold_seconds=60), Reply(body=EMPTY * 1000, drip_seconds=0.05)])
def test_a_slow_server_ends_in_a_timeout(
    misbehaving: Start, ask: Callable, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "WHOLE_ANSWER_FACTOR", 2)
    server = misbehaving(reply)
    started = time.monotonic()

    problem = problem_of(ask, server.url, timeout_seconds=0.3, remote_read="never")

    assert problem.code == "source-timeout"
    assert time.monotonic() - started < 20


def test_an_endless_body_is_cut_off(misbehaving: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = misbehaving(Reply(body=b" " * 200_000))
    connection = source(server.url).connection

    with pytest.raises(SourceFailed) as raised, connection.ask("/api/v1/query", [], limit_bytes=100_000) as answer:
        answer.body()

    assert raised.value.problems[0].code == "source-too-large"


def test_a_compressed_body_counts_by_its_real_length(misbehaving: Start) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    server = misbehaving(Reply(body=bomb, headers={"Content-Encoding": "gzip"}))
    connection = source(server.url).connection

    with pytest.raises(SourceFailed) as raised, connection.ask("/api/v1/query", [], limit_bytes=1_000_000) as answer:
        answer.body()

    assert raised.value.problems[0].code == "source-too-large"


def test_gzip_is_not_asked_for_and_understood_all_the_same(misbehaving: Start) -> None:
    server = misbehaving(Reply(body=gzip.compress(ONE_SERIES), headers={"Content-Encoding": "gzip"}))

    found = samples(server.url, remote_read="never")

    assert found.values.tolist() == [5.0]
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_credentials_do_not_follow_a_redirect_to_another_host(misbehaving: Start) -> None:
    other = misbehaving(Reply(body=EMPTY))
    server = misbehaving(Reply(status=307, headers={"Location": f"{other.url}/api/v1/label/__name__/values"}))

    problem = problem_of(names, server.url, headers={"X-Api-Key": "hush"})

    assert problem.code == "source-redirected"
    assert other.requests == []


def test_a_redirect_on_the_same_host_is_followed(misbehaving: Start) -> None:
    server = misbehaving(
        Reply(path="/api", status=301, headers={"Location": "/prometheus/names"}),
        Reply(path="/prometheus", body=json.dumps({"status": "success", "data": ["a"]}).encode()),
    )

    assert names(server.url, headers={"X-Api-Key": "hush"}) == {"a"}
    assert server.requests[1].headers["x-api-key"] == "hush"


def test_a_redirect_in_a_circle_ends(misbehaving: Start) -> None:
    server = misbehaving(Reply(status=302, headers={"Location": "/again"}))

    assert problem_of(names, server.url).code == "source-redirected"


def test_credentials_in_the_url_are_sent_and_never_shown(misbehaving: Start) -> None:
    server = misbehaving(Reply(status=500))
    asked = source(server.url.replace("http://", "http://ada:love%40lace@"))

    with pytest.raises(SourceFailed) as raised:
        asked.metric_names(SPAN)

    shown = f"{raised.value} {asked.state()} {asked.connection.url}"
    assert server.requests[0].headers["authorization"] == "Basic YWRhOmxvdmVAbGFjZQ=="
    assert "love" not in shown


def test_headers_reach_every_kind_of_request_and_no_message(misbehaving: Start) -> None:
    server = misbehaving(Reply(path=remote_read.PATH, status=404), Reply(status=500))
    asked = source(server.url, headers={"Authorization": "Bearer hush"})
    shown = ""

    for ask in (lambda: asked.metric_names(SPAN), lambda: asked.samples(SeriesRequest("x", (), SPAN))):
        with pytest.raises(SourceFailed) as raised:
            ask()
        shown += f"{raised.value}"

    assert {request.headers["authorization"] for request in server.requests} == {"Bearer hush"}
    assert "hush" not in shown + repr(asked.state())


def test_an_entry_in_netrc_does_not_replace_configured_credentials(
    misbehaving: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login mallory password x\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = misbehaving(Reply(body=EMPTY))

    names(server.url, headers={"Authorization": "Bearer hush"})

    assert server.requests[0].headers["authorization"] == "Bearer hush"


def test_a_header_that_http_cannot_carry_is_named_without_its_value() -> None:
    problem = problem_of(names, "http://127.0.0.1:9", headers={"Authorization": "Bearer a\r\nX: hush"})

    assert problem.code == "source-header-invalid"
    assert "hush" not in problem.render()


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://host", "http://", "http://host:port", ""])
def test_a_url_that_is_none_is_invalid_input(url: str) -> None:
    with pytest.raises(InputInvalid) as raised:
        source(url)

    assert raised.value.problems[0].code == "source-url-invalid"


@pytest.mark.parametrize(
    "extra", [{"warnings": ["store eu-2 is unreachable"]}, {"isPartial": True}], ids=["warnings", "partial"]
)
def test_a_warning_makes_the_source_partial_until_a_clean_answer(misbehaving: Start, extra: dict) -> None:
    server = misbehaving(Reply(body=json.dumps({**json.loads(NO_MATRIX), **extra}).encode()))
    asked = source(server.url, remote_read="never")

    found = asked.samples(SeriesRequest("x", (), SPAN))
    warned = asked.state()
    server.replies[:] = [Reply(body=NO_MATRIX)]
    asked.samples(SeriesRequest("x", (), SPAN))

    assert [problem.code for problem in found.problems] == ["source-warning"]
    assert (warned.state, [problem.code for problem in warned.problems]) == ("partial", ["source-warning"])
    assert asked.state().state == "ok"


def test_a_server_that_comes_back_is_ok_again(misbehaving: Start) -> None:
    server = misbehaving(Reply(status=503))
    asked = source(server.url)
    with pytest.raises(SourceFailed):
        asked.metric_names(SPAN)
    failed = asked.state()
    server.replies[:] = [Reply(body=EMPTY)]

    asked.metric_names(SPAN)

    assert (failed.state, [problem.code for problem in failed.problems]) == ("failed", ["source-unavailable"])
    assert (asked.state().state, asked.state().problems) == ("ok", ())


def test_text_of_a_server_is_cut_and_cleaned(misbehaving: Start) -> None:
    error = "bad \x1b[31mquery\n" + "x" * 5000
    server = misbehaving(Reply(status=400, body=json.dumps({"status": "error", "error": error}).encode()))

    problem = problem_of(names, server.url)

    assert "\x1b" not in problem.message
    assert "\n" not in problem.message
    assert len(problem.message) < 400


def test_what_reached_the_server_is_not_sent_twice(misbehaving: Start) -> None:
    server = misbehaving(Reply(close_at_once=True))

    problem_of(names, server.url)

    assert len(server.requests) == 1


def test_long_matchers_are_sent_as_a_form(misbehaving: Start) -> None:
    def refuse_long_lines(request: Request) -> bytes:
        return ONE_SERIES if request.method == "POST" and b"query=" in request.body else b"{}"

    server = misbehaving(Reply(body=refuse_long_lines))
    from observatory.telemetry.binding import Matcher

    request = SeriesRequest("x", (Matcher("topic", tuple(f"topic-{i}" for i in range(1000))),), SPAN)

    found = source(server.url, remote_read="never").samples(request)

    assert found.values.tolist() == [5.0]


def parts_asked(server: MisbehavingServer) -> list[int]:
    """The lengths of the range vectors that were asked for, in minutes."""
    texts = [unquote(request.path) for request in server.requests if "/api/v1/query?" in request.path]
    return [minutes(text) for text in texts]


def minutes(path: str) -> int:
    return round(parse_duration(re.findall(r"\[(\w+)\]", path)[0]) / 60)


MONTH = SeriesRequest("x", (), TimeRange(1_790_000_000_000, 1_790_000_000_000 + 30 * 86_400_000))


def test_small_answers_make_the_next_parts_longer(misbehaving: Start) -> None:
    server = misbehaving(Reply(body=NO_MATRIX))

    source(server.url, remote_read="never").samples(MONTH)

    assert parts_asked(server) == [6 * 60, 48 * 60, 384 * 60, 30 * 24 * 60 - 438 * 60]


def test_a_part_over_the_limit_of_the_server_is_asked_in_halves(misbehaving: Start) -> None:
    refusal = json.dumps({"status": "error", "error": "query processing would load too many samples"}).encode()

    def answer(request: Request) -> bytes:
        return refusal if minutes(unquote(request.path)) > 40 else NO_MATRIX

    server = misbehaving(Reply(body=answer))
    hour = TimeRange(MONTH.range.start_ms, MONTH.range.start_ms + 3_600_000)

    source(server.url, remote_read="never").samples(SeriesRequest("x", (), hour))

    assert parts_asked(server) == [60, 30, 30]


def test_parts_do_not_grow_to_a_size_that_was_refused(misbehaving: Start) -> None:
    refusal = json.dumps({"status": "error", "error": "query processing would load too many samples"}).encode()

    def answer(request: Request) -> bytes:
        return refusal if minutes(unquote(request.path)) > 2000 else NO_MATRIX

    server = misbehaving(Reply(body=answer))
    week = TimeRange(MONTH.range.start_ms, MONTH.range.start_ms + 7 * 86_400_000)

    source(server.url, remote_read="never").samples(SeriesRequest("x", (), week))

    assert parts_asked(server) == [360, 2880, *[1440] * 6, 1080]


def test_a_first_part_that_times_out_on_the_server_is_asked_in_halves(misbehaving: Start) -> None:
    def twice(request: Request) -> bytes:
        if len(server.requests) == 2:
            server.replies[:] = [Reply(body=NO_MATRIX)]
        return b'{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}'

    server = misbehaving(Reply(body=twice, status=503))
    morning = TimeRange(MONTH.range.start_ms, MONTH.range.start_ms + 6 * 3_600_000)

    source(server.url, remote_read="never").samples(SeriesRequest("x", (), morning))

    assert parts_asked(server) == [360, 180, 90, 180, 90]


def test_native_histograms_that_a_gateway_does_not_show_are_said(misbehaving: Start) -> None:
    """It refuses range vectors and remote_read, and shows classic series on a grid."""
    grid = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"le":"1"},"values":[[60,"9"]]}]}}'
    server = misbehaving(
        Reply(path="/api/v1/query_range", body=grid),
        Reply(path="/api/v1/query", body=b'{"status":"error","errorType":"bad_data","error":"no"}', status=422),
        Reply(path="/api/v1/", status=404),
    )
    asked = source(server.url)
    asked._native.learn(frozenset({"x", "x_bucket", "x_count"}), {})

    found = asked.samples(SeriesRequest("x_bucket", (), TimeRange(0, 120_000)))

    assert found.values.tolist() == [9.0]
    assert [problem.code for problem in found.problems] == ["native-histogram-unread"]


def test_a_server_that_became_slow_is_not_asked_forever(misbehaving: Start) -> None:
    def then_unavailable(request: Request) -> bytes:
        server.replies[:] = [Reply(status=503)]
        return NO_MATRIX

    server = misbehaving(Reply(body=then_unavailable))

    with pytest.raises(SourceFailed) as raised:
        source(server.url, remote_read="never").samples(MONTH)

    assert raised.value.problems[0].code == "source-unavailable"
    assert parts_asked(server) == [360, 2880, 1440, 720, 360]


def test_a_server_that_refuses_every_series_is_not_asked_for_each(misbehaving: Start) -> None:
    many = [f"m{i}_total" for i in range(100)]
    server = misbehaving(
        Reply(path="/api/v1/label", body=json.dumps({"status": "success", "data": many}).encode()),
        Reply(status=422, body=b'{"status":"error","error":"no"}'),
    )

    with pytest.raises(SourceFailed) as raised:
        source(server.url).inventory(InventoryRequest(dict.fromkeys(many, ("topic",))), SPAN)

    assert raised.value.problems[0].code == "source-query-refused"
    assert len(server.requests) < 30
