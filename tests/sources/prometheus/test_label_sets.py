"""Label sets by few requests: how they are planned, and servers that forbid, cut or refuse a part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus, urlsplit

import prometheus_server
import pytest
import victoria_server
from misbehaving_server import MisbehavingServer, Reply, Request

from observatory.errors import SourceFailed
from observatory.settings import PrometheusSettings
from observatory.sources.prometheus import PrometheusSource, label_sets
from observatory.sources.prometheus.connection import Connection
from observatory.telemetry.binding import Matcher
from observatory.telemetry.inventory import InventoryRequest
from observatory.windows import TimeRange

T0 = 1_760_000_000_000
HOUR = TimeRange(T0 - 3_600_000, T0)
MONTH = TimeRange(T0 - 30 * 86_400_000, T0)
Start = Callable[..., MisbehavingServer]
ODD_TOPIC = 'a"b{c}\n.*|größe\\'


def connection(server: MisbehavingServer) -> Connection:
    return Connection(PrometheusSettings(url=server.url, timeout_seconds=2))


def vector(rows: list[tuple[dict[str, str], int]]) -> bytes:
    result = [{"metric": labels, "value": [0, str(number)]} for labels, number in rows]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def expression(request: Request) -> str:
    text = request.body.decode() if request.method == "POST" else urlsplit(request.path).query
    return parse_qs(text)["query"][0]


def paths(server: MisbehavingServer) -> list[str]:
    return [urlsplit(request.path).path.rpartition("/")[2] for request in server.requests]


def test_large_metrics_that_want_the_same_labels_are_counted_by_one_query(misbehaving: Start) -> None:
    def query(request: Request) -> bytes:
        if "last_over_time" not in expression(request):
            return vector([({"__name__": name}, 9_000) for name in ("a_total", "b_total")] + [({"__name__": "c"}, 3)])
        return vector([({"__name__": name, "topic": "t"}, 9_000) for name in ("a_total", "b_total")])

    series = [{"__name__": "c", "topic": "t"}] * 3
    server = misbehaving(
        Reply(path="/api/v1/query", body=query),
        Reply(path="/api/v1/series", body=json.dumps({"status": "success", "data": series}).encode()),
    )

    found, problems = label_sets.read_label_sets(
        connection(server), dict.fromkeys(("a_total", "b_total", "c"), ("topic",)), (), HOUR
    )

    assert paths(server) == ["query", "series", "query"]
    assert {name: (sets.rows, sets.series) for name, sets in found.items()} == {
        "a_total": ((("t",),), (9_000,)),
        "b_total": ((("t",),), (9_000,)),
        "c": ((("t",),), (3,)),
    }
    assert problems == []
    assert expression(server.requests[2]) == (
        'count by (__name__, topic) (last_over_time({__name__=~"a_total|b_total"}[1h]))'
    )


def test_over_a_month_no_query_reads_every_sample(misbehaving: Start) -> None:
    sizes = [({"__name__": "a_total"}, 9_000), ({"__name__": "b_total"}, 9_000)]
    many = [{"__name__": name} for name in ("a_total", "b_total") for _ in range(9_000)]
    server = misbehaving(
        Reply(path="/api/v1/query", body=vector(sizes)),
        Reply(path="/api/v1/series", body=json.dumps({"status": "success", "data": many}).encode()),
    )

    found, _ = label_sets.read_label_sets(connection(server), {"a_total": (), "b_total": ()}, (), MONTH)

    assert paths(server) == ["query", "series"]
    assert found["a_total"].series == (9_000,)


def test_requests_are_few_for_a_million_series_even_where_every_answer_is_cut(misbehaving: Start) -> None:
    names = [f"m{number}" for number in range(700)]
    sizes = [({"__name__": name}, 1_000_000 // 700) for name in names]
    server = misbehaving(
        Reply(path="/api/v1/query", body=lambda _: vector(sizes)),
        Reply(path="/api/v1/series", body=b'{"status":"success","data":[]}'),
    )
    wanted = {name: (f"label_{number % 40}",) for number, name in enumerate(names)}

    found, problems = label_sets.read_label_sets(connection(server), wanted, (), HOUR)

    assert found.keys() == set(names)
    assert problems == []
    assert paths(server).count("series") == 5
    assert len(server.requests) <= 40


def test_a_server_without_the_series_api_is_counted_by_queries_and_says_so(misbehaving: Start) -> None:
    def query(request: Request) -> bytes:
        return vector([({"__name__": "a_total", "topic": "t"}, 2), ({"__name__": "b_total"}, 1)])

    server = misbehaving(
        Reply(path="/api/v1/query", body=query),
        Reply(path="/api/v1/series", status=403, body=b"no", content_type="text/plain"),
    )

    found, problems = label_sets.read_label_sets(
        connection(server), {"a_total": ("topic",), "b_total": ("topic",)}, (), HOUR
    )

    assert found["a_total"].rows == (("t",),)
    assert found["b_total"].rows == (("",),)
    assert [(problem.code, problem.severity) for problem in problems] == [("series-api-unavailable", "info")]


@pytest.mark.parametrize(
    "broken",
    [
        Reply(path="/api/v1/series", status=429, body=b'{"status":"error","error":"limit"}'),
        Reply(path="/api/v1/series", status=503, body=b"no", content_type="text/plain"),
        Reply(path="/api/v1/series", body=b'{"status":"success","data":[{"__na'),
        Reply(path="/api/v1/series", body=b'{"status":"success"', declared=1000),
    ],
    ids=["limited", "down", "torn", "broken off"],
)
def test_a_series_api_that_never_answers_is_replaced_by_queries(misbehaving: Start, broken: Reply) -> None:
    rows = [({"__name__": f"m{n}", "topic": "t"}, 1) for n in range(8)]
    server = misbehaving(Reply(path="/api/v1/query", body=vector(rows)), broken)

    found, problems = label_sets.read_label_sets(connection(server), {f"m{n}": ("topic",) for n in range(8)}, (), HOUR)

    assert {name: one.rows for name, one in found.items()} == {f"m{n}": (("t",),) for n in range(8)}
    assert [problem.code for problem in problems] == ["series-api-unavailable"]
    assert paths(server).count("series") == 2


def test_a_server_that_parses_no_quoted_labels_is_counted_by_the_others(misbehaving: Start) -> None:
    def query(request: Request) -> bytes:
        if "messaging.destination.name" in expression(request):
            return (
                b'{"status":"error","errorType":"bad_data","error":"parse error: unexpected string in grouping opts"}'
            )
        return vector([({"__name__": name, "span_name": "send orders"}, 2) for name in ("calls", "durations")])

    server = misbehaving(
        Reply(path="/api/v1/query", body=query),
        Reply(path="/api/v1/series", status=403, body=b"no", content_type="text/plain"),
    )
    wanted = dict.fromkeys(("calls", "durations"), ("messaging.destination.name", "span_name"))

    found, problems = label_sets.read_label_sets(connection(server), wanted, (), HOUR)

    assert {name: one.rows for name, one in found.items()} == dict.fromkeys(wanted, (("", "send orders"),))
    assert [problem.code for problem in problems] == ["series-api-unavailable"]


def test_few_series_that_are_missing_are_asked_again_too(misbehaving: Start) -> None:
    """Of small metrics a cut answer may lack all."""

    def query(request: Request) -> bytes:
        labels = {"topic": "t"} if "last_over_time" in expression(request) else {}
        return vector([({"__name__": "a_total", **labels}, 1), ({"__name__": "b_total", **labels}, 1)])

    first = [{"__name__": "a_total", "topic": "t"}]
    server = misbehaving(
        Reply(path="/api/v1/query", body=query),
        Reply(path="/api/v1/series", body=json.dumps({"status": "success", "data": first}).encode()),
    )

    found, problems = label_sets.read_label_sets(
        connection(server), {"a_total": ("topic",), "b_total": ("topic",)}, (), HOUR
    )

    assert (found["b_total"].rows, problems) == ((("t",),), [])


def test_without_the_series_api_a_month_is_partial(misbehaving: Start) -> None:
    server = misbehaving(
        Reply(path="/api/v1/query", body=vector([({"__name__": "a_total"}, 2), ({"__name__": "b_total"}, 1)])),
        Reply(path="/api/v1/series", status=404, body=b"no", content_type="text/plain"),
    )

    _, problems = label_sets.read_label_sets(connection(server), {"a_total": (), "b_total": ()}, (), MONTH)

    assert [(problem.code, problem.severity) for problem in problems] == [("series-api-unavailable", "warning")]
    assert "more than a day ago" in problems[0].message
    assert "[1d1h]" in expression(server.requests[-1])


def test_an_answer_that_was_cut_in_silence_is_asked_again_by_a_query(misbehaving: Start) -> None:
    def query(request: Request) -> bytes:
        whole = [({"__name__": "a_total", "topic": f"t{n}"}, 1) for n in range(100)]
        return vector(whole if "last_over_time" in expression(request) else [({"__name__": "a_total"}, 100)])

    cut = [{"__name__": "a_total", "topic": f"t{n}"} for n in range(30)]
    server = misbehaving(
        Reply(path="/api/v1/query", body=query),
        Reply(path="/api/v1/series", body=json.dumps({"status": "success", "data": cut}).encode()),
    )

    found, problems = label_sets.read_label_sets(connection(server), {"a_total": ("topic",), "b": ()}, (), HOUR)

    assert len(found["a_total"].rows) == 100
    assert problems == []


def test_what_stays_cut_is_a_finding(misbehaving: Start) -> None:
    def query(request: Request) -> bytes:
        shown = 30 if "last_over_time" in expression(request) else 100
        return vector([({"__name__": "a_total", "topic": "t"}, shown)])

    server = misbehaving(
        Reply(path="/api/v1/query", body=query),
        Reply(path="/api/v1/series", body=b'{"status":"success","data":[]}'),
    )

    _, problems = label_sets.read_label_sets(connection(server), {"a_total": ("topic",), "b": ()}, (), HOUR)

    assert [problem.code for problem in problems] == ["inventory-unread"]
    assert "30 of 100 series came" in problems[0].message


def test_a_part_that_times_out_is_unread_and_the_rest_holds(
    misbehaving: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_sets, "METRICS_PER_REQUEST", 1)

    def series(request: Request) -> bytes:
        return b'{"status":"success","data":[{"__name__":"a_total","topic":"t"}]}'

    server = misbehaving(
        Reply(path="/api/v1/query", status=422, body=b'{"status":"error","error":"too many"}'),
        Reply(path="/api/v1/series?match%5B%5D=b_total", hold_seconds=60),
        Reply(path="/api/v1/series", body=series),
    )
    slow = Connection(PrometheusSettings(url=server.url, timeout_seconds=0.3))

    found, problems = label_sets.read_label_sets(slow, {"a_total": ("topic",), "b_total": ("topic",)}, (), HOUR)

    assert found["a_total"].rows == (("t",),)
    assert [problem.code for problem in problems] == ["inventory-unread"]
    assert "b_total" in problems[0].message
    assert "no answer within" in problems[0].message


def test_a_server_that_only_times_out_fails_after_few_requests(misbehaving: Start) -> None:
    server = misbehaving(Reply(path="/", hold_seconds=60))
    slow = Connection(PrometheusSettings(url=server.url, timeout_seconds=0.2))

    with pytest.raises(SourceFailed) as error:
        label_sets.read_label_sets(slow, {f"m{n}": () for n in range(64)}, (), HOUR)

    assert error.value.problems[0].code == "source-timeout"
    assert len(server.requests) <= 8


def test_a_partial_answer_of_thanos_or_victoria_makes_the_source_partial(misbehaving: Start) -> None:
    said = b'{"status":"success","isPartial":true,"warnings":["store down"],"data":[{"__name__":"a_total"}]}'
    server = misbehaving(
        Reply(path="/api/v1/label", body=b'{"status":"success","data":["a_total"]}'),
        Reply(path="/api/v1/series", body=said),
        Reply(path="/api/v1/metadata", status=404, body=b"", content_type="text/plain"),
    )
    source = PrometheusSource(PrometheusSettings(url=server.url))

    found = source.inventory(InventoryRequest({"a_total": ()}), HOUR)

    assert [problem.code for problem in found.problems] == ["source-warning", "source-warning"]
    assert source.state().state == "partial"
    assert any("partial_response=true" in request.path for request in server.requests)


def test_a_server_that_tells_no_names_is_asked_by_a_query(misbehaving: Start) -> None:
    server = misbehaving(
        Reply(path="/api/v1/label", status=403, body=b"", content_type="text/plain"),
        Reply(path="/api/v1/query", body=vector([({"__name__": "a_total"}, 4)])),
    )
    source = PrometheusSource(PrometheusSettings(url=server.url, labels={"env": "x"}))

    assert source.metric_names(HOUR) == {"a_total"}
    assert expression(server.requests[-2]) == 'count by (__name__) ({__name__=~".+",env="x"})'


def test_a_server_with_tenants_says_which_header_it_wants(misbehaving: Start) -> None:
    server = misbehaving(Reply(path="/", status=401, body=b"no org id\n", content_type="text/plain"))

    with pytest.raises(SourceFailed) as error:
        PrometheusSource(PrometheusSettings(url=server.url)).metric_names(HOUR)

    assert "X-Scope-OrgID" in (error.value.problems[0].hint or "")


def test_odd_names_and_values_come_back_whole_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = "a_total"
    with prometheus_server.start(tmp_path) as server:
        server.write([({"__name__": metric, "topic": ODD_TOPIC, "env": 'x"y'}, [T0 - 1000], [1.0])])
        server.write([({"__name__": "b_total", "topic": "b", "env": "z"}, [T0 - 1000], [1.0])])
        here = Connection(PrometheusSettings(url=server.url))
        fixed = (Matcher("env", ('x"y', "z")),)

        listed, _ = label_sets.read_label_sets(here, {metric: ("topic",), "b_total": ("topic",)}, fixed, HOUR)
        monkeypatch.setattr(label_sets, "SMALL", 0)
        counted, problems = label_sets.read_label_sets(here, {metric: ("topic",), "b_total": ("topic",)}, fixed, HOUR)
        places = label_sets.read_places(here, [metric, "b_total"], ("env",), (), T0)

    assert listed == counted
    assert listed[metric].rows == ((ODD_TOPIC,),)
    assert problems == []
    assert places[metric].rows == (('x"y',),)


def test_victoria_metrics_lists_and_counts_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"a_total": ("topic",), "b_total": ("topic",)}
    with victoria_server.start(tmp_path) as url:
        rows = [("a_total", ODD_TOPIC), ("a_total", "t"), ("b_total", "t")]
        labels = ({"__name__": name, "topic": topic, "partition": str(n)} for name, topic in rows for n in (0, 1))
        victoria_server.load(url, [(one, [T0 - 60_000, T0 - 1000], [1.0, 2.0]) for one in labels])
        here = Connection(PrometheusSettings(url=url))

        listed, _ = label_sets.read_label_sets(here, wanted, (), HOUR)
        monkeypatch.setattr(label_sets, "SMALL", 0)
        counted, problems = label_sets.read_label_sets(here, wanted, (), HOUR)

    assert listed == counted
    assert listed["a_total"].series == (2, 2)
    assert problems == []


def test_the_names_in_a_query_are_no_pattern() -> None:
    from observatory.compile import reading

    assert unquote_plus(reading.series_named(['a.b"', "c"], ())) == r'{__name__=~"a\\.b\"|c"}'
