"""`observatory ingest`: files of every format, kept once, whole or not at all."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typer.testing import CliRunner, Result

from observatory.cli import ingest, status
from observatory.sources.base import SeriesRequest
from observatory.sources.store import Store
from observatory.windows import TimeRange

ALWAYS = TimeRange(0, 10**15)


def observatory(*arguments: object, stdin: bytes | None = None) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    ingest.register(app)
    return CliRunner().invoke(app, ["ingest", *map(str, arguments)], input=stdin, env={"OBSERVATORY_STORE": ""})


def request(*numbers: int) -> dict[str, Any]:
    spans = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "name": "send orders",
            "kind": 4,
            "startTimeUnixNano": str(number * 10**9),
            "endTimeUnixNano": str(number * 10**9),
        }
        for number in numbers
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def microcks_result(**more: Any) -> dict[str, Any]:
    """What Microcks answers of a test: three messages of one channel, one of them refused; none of another."""
    steps = [{"success": good, "elapsedTime": 3, "requestName": "", "message": ""} for good in (True, True, False)]
    return {
        "id": "5919d9014cedfd0001a5b61c",
        "testNumber": 1,
        "testDate": 1_795_132_000_000,
        "testedEndpoint": "kafka://kafka:9092/user-signedup",
        "serviceId": "591463bed6018000012d1272",
        "elapsedTime": 5019,
        "success": False,
        "inProgress": False,
        "runnerType": "ASYNC_API_SCHEMA",
        "testCaseResults": [
            {"success": False, "operationName": "SUBSCRIBE user/signedup", "testStepResults": steps},
            {"success": False, "operationName": "SEND publishOrder", "testStepResults": []},
        ],
    } | more


def protobuf(number: int) -> bytes:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.start_time_unix_nano = number.to_bytes(16), number.to_bytes(8), number * 10**9
    return message.SerializeToString()


def files_of(result: Result) -> list[dict[str, Any]]:
    answer = json.loads(result.stdout)
    assert answer["schema"] == "observatory.ingest/1"
    return answer["files"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


@pytest.mark.parametrize(
    ("content", "kind", "spans", "samples"),
    [
        (json.dumps(request(1, 2)).encode(), "otlp-json", 2, 0),
        (json.dumps(request(1, 2), indent=2).encode(), "otlp-json", 2, 0),
        (b"\n".join(json.dumps(request(n)).encode() for n in (1, 2, 3)) + b"\n", "otlp-json-lines", 3, 0),
        (protobuf(1), "otlp-protobuf", 1, 0),
        (b'a{x="1"} 1 1700000000\na{x="1"} 2 1700000060\n# EOF\n', "openmetrics", 0, 2),
        (b"\xef\xbb\xbfa 1 1700000000000\n", "openmetrics", 0, 1),
        (
            b'<testsuite name="orders" timestamp="2026-11-20T12:00:00"><testcase name="x"/></testsuite>',
            "junit",
            0,
            4,
        ),
        (json.dumps(microcks_result()).encode(), "microcks", 0, 8),
        (json.dumps([microcks_result()], indent=2).encode(), "microcks", 0, 8),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_format_is_known_by_its_content_and_a_repeat_adds_nothing(
    tmp_path: Path, store: Path, content: bytes, kind: str, spans: int, samples: int, packed: bool
) -> None:
    path = tmp_path / "telemetry"
    path.write_bytes(gzip.compress(content) if packed else content)
    expected = {"file": str(path), "format": kind, "spans": spans, "samples": samples}
    first = observatory(path, "--store", store, "--json")
    assert first.exit_code == 0, first.stderr
    assert files_of(first) == [expected | {"new_spans": spans, "new_samples": samples}]
    assert files_of(observatory(path, "--store", store, "--json")) == [expected | {"new_spans": 0, "new_samples": 0}]


def test_counts_are_told_to_people_and_standard_input_is_read(store: Path) -> None:
    result = observatory("-", "--store", store, stdin=json.dumps(request(1, 2)).encode())
    assert result.stdout == "<stdin>: 2 spans, 2 new (otlp-json)\n"


def test_a_fault_in_a_late_line_keeps_nothing_and_names_the_line(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "spans.jsonl"
    path.write_text(json.dumps(request(1)) + "\n" + json.dumps(request(2)) + '\n{"resourceSpans": [\n')
    result = observatory(path, "--store", store)
    assert result.exit_code == 3
    assert f"{path}:3:" in result.stderr
    assert "otlp-undecodable" in result.stderr
    with Store.open(store) as kept:
        assert kept.span_count() == 0


def test_a_faulty_file_does_not_keep_the_others_out(tmp_path: Path, store: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("a 1 1000\n")
    bad.write_text("a 1 1000\nb b b\n")
    result = observatory(bad, good, tmp_path / "none.txt", "--store", store, "--json")
    assert result.exit_code == 3
    assert [one["file"] for one in files_of(result)] == [str(good)]
    problems = {(p["code"], p["location"]) for p in json.loads(result.stdout)["problems"]}
    assert problems == {("openmetrics-invalid", f"{bad}:2:1"), ("file-missing", f"{tmp_path / 'none.txt'}:1:1")}


def test_bad_spans_are_left_out_and_told(tmp_path: Path, store: Path) -> None:
    document = request(1, 2)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = "short"
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(document))
    result = observatory(path, "--store", store, "--json")
    assert result.exit_code == 0
    assert files_of(result)[0]["new_spans"] == 1
    assert "1 of 2 spans" in result.stderr


def test_lines_of_other_signals_are_left_out_and_told(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text(json.dumps({"resourceLogs": [{}]}) + "\n" + json.dumps(request(1)) + "\n")
    result = observatory(path, "--store", store, "--json")
    assert (files_of(result)[0]["new_spans"], result.exit_code) == (1, 0)
    assert "otlp-signal-ignored" in result.stderr


def metrics(value: int = 3, name: str = "sent") -> dict[str, Any]:
    point = {"asInt": value, "startTimeUnixNano": str(10**9), "timeUnixNano": str(61 * 10**9)}
    total = {"isMonotonic": True, "aggregationTemporality": 2, "dataPoints": [point]}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [{"name": name, "sum": total}]}]}]}


def kept_values(store: Path, metric: str) -> list[float]:
    with Store.open(store) as kept:
        return kept.samples(SeriesRequest(metric, (), ALWAYS)).values.tolist()


def test_lines_of_metrics_and_spans_are_kept_together(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text(json.dumps(metrics()) + "\n" + json.dumps(request(1)) + "\n")

    result = observatory(path, "--store", store)

    assert result.stdout == f"{path}: 1 spans, 1 new; 1 samples, 1 new (otlp-json-lines)\n"
    assert kept_values(store, "sent_total") == [3.0]
    assert kept_values(store, "sent_created") == [1.0]


def test_protobuf_files_of_metrics_are_told_from_those_of_spans(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "metrics.pb"
    path.write_bytes(ParseDict(metrics(), ExportMetricsServiceRequest()).SerializeToString())

    first, again = observatory(path, "--store", store), observatory(path, "--store", store)

    assert first.stdout == f"{path}: 1 samples, 1 new (otlp-protobuf)\n"
    assert again.stdout == f"{path}: 1 samples, 0 new (otlp-protobuf)\n"


def test_points_that_cannot_be_used_are_left_out_and_told(tmp_path: Path, store: Path) -> None:
    document = metrics()
    points = document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"]
    points.append({"asInt": 4})
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(document))

    result = observatory(path, "--store", store, "--json")

    assert result.exit_code == 0
    assert "1 of 2 points were left out; the first: sent: a point has no time" in result.stderr


def test_a_file_with_a_faulty_line_of_metrics_is_kept_not_at_all(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps(metrics()) + "\n" + json.dumps({"resourceMetrics": [{"scopeMetrics": 3}]}) + "\n")

    result = observatory(path, "--store", store, "--json")

    assert result.exit_code == 3
    assert [one["location"] for one in json.loads(result.stdout)["problems"]] == [f"{path}:2:1"]
    assert not store.exists()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "ingest-unrecognised"),
        (b"   \n", "ingest-unrecognised"),
        (b"\x00\x01\x02\xff", "otlp-undecodable"),
        (b'{"a": 1}', "otlp-undecodable"),
        (b"{", "otlp-undecodable"),
        (b"<html><body/></html>", "junit-invalid"),
        (b"<testsuite><testcase/>", "junit-invalid"),
        (b'<!DOCTYPE x [<!ENTITY a "aa">]><testsuite><testcase name="&a;"/></testsuite>', "junit-invalid"),
        (b"<testsuite name='x'><testcase/></testsuite>", "sample-without-time"),
        (b"a 1\n", "sample-without-time"),
        (json.dumps(microcks_result(testDate="yesterday")).encode(), "microcks-invalid"),
        (json.dumps(microcks_result(testCaseResults={})).encode(), "microcks-invalid"),
        (json.dumps(microcks_result(testCaseResults=[{"success": True}])).encode(), "microcks-invalid"),
        (gzip.compress(b"a 1 1\n" * 1000, mtime=0)[:-10], "ingest-unrecognised"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_code(tmp_path: Path, store: Path, content: bytes, code: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    result = observatory(path, "--store", store, "--json")
    assert result.exit_code == 3
    assert [p["code"] for p in json.loads(result.stdout)["problems"]] == [code]


def test_files_that_are_all_faulty_leave_no_store_behind(tmp_path: Path, store: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\x00\x01")
    assert observatory(tmp_path / "bad.txt", "--store", store).exit_code == 3
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bad.txt"]


def test_a_faulty_file_leaves_a_store_that_was_there_as_it_was(tmp_path: Path, store: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(request(1)))
    observatory(tmp_path / "good.json", "--store", store)
    (tmp_path / "bad.txt").write_bytes(b"\x00\x01")
    assert observatory(tmp_path / "bad.txt", "--store", store).exit_code == 3
    with Store.open(store) as kept:
        assert kept.span_count() == 1


def test_contract_tests_count_for_their_channels_and_runs_add_up(tmp_path: Path, store: Path) -> None:
    for run in (1, 2):
        (tmp_path / f"{run}.xml").write_text(
            f"""<testsuites><testsuite name="contract" timestamp="2026-11-{run:02}T12:00:00Z" time="2.5">
            <properties><property name="channel" value="orders"/></properties>
            <testcase name="a"/><testcase name="b"><failure message="no"/></testcase>
            <testcase name="c"><skipped/></testcase>
            <testcase name="d"><properties><property name="channel" value="refunds"/></properties></testcase>
            </testsuite></testsuites>"""
        )
        assert observatory(tmp_path / f"{run}.xml", "--store", store).exit_code == 0
    with Store.open(store) as kept:
        found = kept.samples(SeriesRequest("messaging_contract_tests_total", (), ALWAYS))
    totals: dict[tuple[str, str], float] = {}
    for index in range(len(found)):
        labels, times, values = found.series(index)
        assert times[1] - times[0] == 2500
        key = labels["channel"], labels["outcome"]
        totals[key] = totals.get(key, 0) + values[1] - values[0]
    assert totals == {
        ("orders", "success"): 2,
        ("orders", "error"): 2,
        ("refunds", "success"): 2,
        ("refunds", "error"): 0,
    }


def test_a_time_for_samples_without_one_can_be_given(tmp_path: Path, store: Path) -> None:
    path = tmp_path / "m.txt"
    path.write_text("a 1\n")
    assert observatory(path, "--store", store, "--at", "2026-11-20T12:00:00Z").exit_code == 0
    with Store.open(store) as kept:
        assert kept.earliest_ms() == 1_795_176_000_000


def test_a_time_that_is_none_and_a_missing_store_are_usage_errors(tmp_path: Path, store: Path) -> None:
    (tmp_path / "m.txt").write_text("a 1\n")
    assert observatory(tmp_path / "m.txt", "--store", store, "--at", "noon").exit_code == 2
    assert observatory(tmp_path / "m.txt").exit_code == 2


def test_a_store_in_use_is_a_source_that_failed(tmp_path: Path, store: Path) -> None:
    (tmp_path / "m.txt").write_text("a 1 1\n")
    with Store.open(store):
        result = observatory(tmp_path / "m.txt", "--store", store)
    assert result.exit_code == 4
    assert "store-locked" in result.stderr


def test_results_of_microcks_and_junit_are_one_objective_of_the_contract(tmp_path: Path, store: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps([microcks_result(), microcks_result(id="later", inProgress=True)]))
    (tmp_path / "verifier.xml").write_text(
        """<testsuite name="user/signedup" timestamp="2026-11-19T23:30:00Z"><testcase name="a"/></testsuite>"""
    )
    (tmp_path / "api.yaml").write_text(
        """asyncapi: 2.6.0
info: {title: Accounts, version: 1.0.0, x-service-name: accounts}
x-slo-defaults: {window: 1d}
servers: {kafka: {url: 'kafka.example:9092', protocol: kafka}}
channels:
  user/signedup:
    subscribe:
      operationId: signedUp
      x-slo: [{sli: contract, target: 99%}]
      message: {payload: {type: object}}
"""
    )
    taken = observatory(tmp_path / "result.json", tmp_path / "verifier.xml", "--store", store)
    assert taken.exit_code == 0, taken.stderr

    asked = ["status", str(tmp_path / "api.yaml"), "--store", str(store), "--at", "2026-11-20T00:00:00Z", "--json"]
    app = typer.Typer()
    app.callback()(lambda: None)
    status.register(app)
    answer = CliRunner().invoke(app, asked)
    (found,) = json.loads(answer.stdout)["objectives"]

    assert (found["good"], found["total"], found["profile"]) == (3.0, 4.0, "application_counters")
