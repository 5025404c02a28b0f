"""Names, label sets, types and the oldest instant, from a real Prometheus and from odd ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import numpy as np
import pytest
from misbehaving_server import MisbehavingServer, Reply, Request
from sample_cases import T0, Loaded, cases

from observatory.settings import PrometheusSettings
from observatory.sources.base import SeriesRequest
from observatory.sources.prometheus import PrometheusSource, failures, label_sets
from observatory.telemetry.inventory import InventoryRequest
from observatory.windows import TimeRange

DAY = TimeRange(T0 - 1, T0 + 86_400_000)
ALL = TimeRange(T0 - 1, T0 + 400 * 86_400_000)
Start = Callable[..., MisbehavingServer]


def test_names_are_those_of_the_range(loaded: Loaded) -> None:
    source = loaded.source()

    assert source.metric_names(DAY) == {"case_total", "old_total", "quantile"}


def test_label_sets_count_series_and_show_absent_labels_as_empty(loaded: Loaded) -> None:
    wanted = InventoryRequest({"case_total": ("tier", "zone"), "old_total": ("channel",), "nowhere": ("x",)})

    found = loaded.source().inventory(wanted, DAY)

    assert found.source == "metrics"
    assert set(found.label_sets) == {"case_total", "old_total"}
    assert found.label_sets["case_total"].rows == (("a", ""),)
    assert found.label_sets["case_total"].series == (len(cases()),)
    assert found.label_sets["old_total"].rows == (("gone",),)
    assert found.problems == ()


def test_a_series_that_fell_silent_counts_while_the_range_holds_it(loaded: Loaded) -> None:
    wanted = InventoryRequest({"old_total": ("channel",)})

    month = loaded.source().inventory(wanted, TimeRange(T0 - 1, T0 + 30 * 86_400_000))

    assert month.label_sets["old_total"].series == (1,)


def test_fixed_labels_narrow_names_and_label_sets(loaded: Loaded) -> None:
    source = loaded.source(labels={"tier": "a"})

    found = source.inventory(InventoryRequest({"case_total": ("tier",), "old_total": ("channel",)}), DAY)

    assert found.names == {"case_total"}
    assert set(found.label_sets) == {"case_total"}


def _forbidden(*_: object) -> None:
    raise failures.failed("source-forbidden", "no", "http://here")


def test_a_query_counts_the_same_label_sets_as_the_series_api(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    source = loaded.source()
    wanted = {"case_total": ("case", "tier", "zone")}
    by_series, _ = label_sets.read_label_sets(source.connection, wanted, (), ALL)
    monkeypatch.setattr(label_sets._Reader, "_series", _forbidden)

    by_query, problems = label_sets.read_label_sets(source.connection, wanted, (), DAY)

    assert [(problem.code, problem.severity) for problem in problems] == [("series-api-unavailable", "info")]

    assert by_query == by_series
    assert len(by_series["case_total"].rows) == len(cases())


def test_too_many_series_are_asked_in_halves_and_then_counted(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_sets, "BODY_LIMIT_BYTES", 600)
    source = loaded.source()

    found = source.inventory(InventoryRequest({"case_total": ("tier",), "old_total": ("channel",)}), DAY)

    assert found.label_sets["case_total"].series == (len(cases()),)
    assert found.label_sets["old_total"].series == (1,)


def test_a_metric_that_cannot_be_read_is_a_problem_and_the_rest_holds(
    misbehaving: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_sets, "BODY_LIMIT_BYTES", 1_000_000)

    def series(request: Request) -> bytes:
        long = "big_total" in request.path
        return json.dumps(
            {"status": "success", "data": [{"__name__": "small_total", "a": "1"}] * (4_000_000 // 20 if long else 1)}
        ).encode()

    server = misbehaving(
        Reply(path="/api/v1/label", body=b'{"status":"success","data":["big_total","small_total"]}'),
        Reply(path="/api/v1/series", body=series),
        Reply(path="/api/v1/query", status=422, body=b'{"status":"error","error":"too many samples"}'),
    )
    source = PrometheusSource(PrometheusSettings(url=server.url))

    found = source.inventory(InventoryRequest({"big_total": ("a",), "small_total": ("a",)}), DAY)

    assert found.label_sets["small_total"].rows == (("1",),)
    assert [problem.code for problem in found.problems] == ["inventory-unread"]
    assert "big_total" in found.problems[0].message
    assert source.state().state == "partial"


def test_requests_do_not_grow_with_metrics(misbehaving: Start) -> None:
    names = [f"m{i}_total" for i in range(150)]
    server = misbehaving(
        Reply(path="/api/v1/label", body=json.dumps({"status": "success", "data": names}).encode()),
        Reply(path="/api/v1/series", body=b'{"status":"success","data":[]}'),
        Reply(path="/api/v1/metadata", body=b'{"status":"success","data":{}}'),
    )
    source = PrometheusSource(PrometheusSettings(url=server.url))
    source.metric_names(DAY)

    source.inventory(InventoryRequest(dict.fromkeys(names, ("topic",))), DAY)

    assert len(server.requests) == 4


def test_metadata_is_a_hint_for_full_and_base_names(misbehaving: Start) -> None:
    metadata = {
        "lag_seconds": [{"type": "histogram", "unit": "seconds", "help": "Lag."}],
        "other": [{"type": "gauge", "unit": "", "help": ""}],
    }
    server = misbehaving(
        Reply(path="/api/v1/label", body=b'{"status":"success","data":["lag_seconds_bucket"]}'),
        Reply(path="/api/v1/series", body=b'{"status":"success","data":[]}'),
        Reply(path="/api/v1/metadata", body=json.dumps({"status": "success", "data": metadata}).encode()),
    )
    source = PrometheusSource(PrometheusSettings(url=server.url))

    found = source.inventory(InventoryRequest({"lag_seconds_bucket": ("topic",)}), DAY)

    assert set(found.metadata) == {"lag_seconds"}
    assert found.metadata["lag_seconds"].unit == "seconds"


def test_a_server_without_metadata_is_not_partial(misbehaving: Start) -> None:
    server = misbehaving(
        Reply(path="/api/v1/label", body=b'{"status":"success","data":["a_total"]}'),
        Reply(path="/api/v1/series", body=b'{"status":"success","data":[]}'),
    )
    source = PrometheusSource(PrometheusSettings(url=server.url))

    found = source.inventory(InventoryRequest({"a_total": ("topic",)}), DAY)

    assert found.problems == ()
    assert source.state().state == "ok"


def test_utf8_names_are_asked_for_in_a_form_that_every_server_parses(misbehaving: Start) -> None:
    from urllib.parse import parse_qs, urlsplit

    server = misbehaving(
        Reply(path="/api/v1/label", body='{"status":"success","data":["messaging.größe"]}'.encode()),
        Reply(path="/api/v1/series", body=b'{"status":"success","data":[{"__name__":"messaging.gr\\u00f6\\u00dfe"}]}'),
        Reply(path="/api/v1/metadata", body=b'{"status":"success","data":{}}'),
    )
    source = PrometheusSource(PrometheusSettings(url=server.url))

    found = source.inventory(InventoryRequest({"messaging.größe": ("a.b",)}), DAY)

    asked = parse_qs(urlsplit(next(r.path for r in server.requests if "series" in r.path)).query)
    assert asked["match[]"] == ['{__name__="messaging.größe"}']
    assert found.label_sets["messaging.größe"].rows == (("",),)


def test_the_oldest_instant_comes_from_the_server_itself(loaded: Loaded) -> None:
    earliest = loaded.source().earliest_ms()

    assert earliest is not None
    assert T0 - 7_200_000 <= earliest <= T0


def test_an_empty_server_or_another_product_has_no_oldest_instant(prometheus_server, misbehaving: Start) -> None:
    empty = PrometheusSource(PrometheusSettings(url=prometheus_server().url))
    other = PrometheusSource(PrometheusSettings(url=misbehaving(Reply(body=b"up 1\n")).url))

    assert (empty.earliest_ms(), other.earliest_ms()) == (None, None)


def test_threads_share_a_source_without_mixing_answers(loaded: Loaded) -> None:
    from observatory.telemetry.binding import Matcher

    source = loaded.source()
    found: dict[str, list[int]] = {}

    def ask(case: str) -> None:
        for _ in range(5):
            samples = source.samples(SeriesRequest("case_total", (Matcher("case", (case,)),), ALL))
            found.setdefault(case, []).append(len(samples.t_ms))
            source.metric_names(DAY)
            source.state()

    threads = [threading.Thread(target=ask, args=(case,)) for case in cases()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {case: [len(t)] * 5 for case, (t, _) in cases().items()}


def test_connections_are_used_again(loaded: Loaded) -> None:
    source = loaded.source()
    request = SeriesRequest("case_total", (), ALL)
    source.samples(request)
    before = np.array(open_connections(source))

    for _ in range(5):
        source.samples(request)
        source.metric_names(DAY)

    assert open_connections(source) == before.tolist()


def open_connections(source: PrometheusSource) -> list[int]:
    pools = source.connection.session.get_adapter(source.connection.url).poolmanager.pools
    return [pools[key].num_connections for key in pools.keys()]  # noqa: SIM118
