"""What a person sees when something is wrong: one coded message with a place, the right exit code, no traceback."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from observatory_process import observatory

GOOD = """\
asyncapi: 3.0.0
info: {title: Payments, version: 1.0.0, x-service-name: payments}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  orders: {address: orders.v1, messages: {order: {payload: {type: object}}}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99.9%}
"""
AT = "2026-11-20T12:00:00Z"
CODE = re.compile(r"(?:error|warning)\[([a-z0-9-]+)\]")


def codes(text: str) -> list[str]:
    return CODE.findall(text)


BROKEN_DOCUMENTS = {
    # what is wrong: (replace, by, the line that the message points at)
    "unparseable YAML": ("channels:\n  orders:", "channels:\n  orders: [", 7),
    "an unknown key of x-slo": ("x-slo: {availability: 99.9%}", "x-slo: [{sli: availability, targt: 99.9%}]", 11),
    "a target that is no ratio": ("{availability: 99.9%}", "{availability: 99.9}", 11),
    "a latency without a threshold": ("{availability: 99.9%}", "{latency: {target: 99%}}", 11),
    "a threshold without a unit": ("{availability: 99.9%}", "{latency: {target: 99%, threshold: 500}}", 11),
    "an indicator that does not exist": ("{availability: 99.9%}", "{availabilty: 99.9%}", 11),
    "a reference to nothing": ("'#/channels/orders'", "'#/channels/oders'", 10),
    "a version of the past": ("asyncapi: 3.0.0", "asyncapi: 1.2.0", 1),
}


@pytest.mark.parametrize("fault", BROKEN_DOCUMENTS)
def test_a_broken_document_is_named_with_its_line(fault: str, tmp_path: Path) -> None:
    old, new, line = BROKEN_DOCUMENTS[fault]
    assert old in GOOD
    (tmp_path / "payments.yaml").write_text(GOOD.replace(old, new))

    ended = observatory("validate", "payments.yaml", cwd=tmp_path)

    assert ended.returncode == 3, ended.stdout + ended.stderr
    said = ended.stdout + ended.stderr
    places = [int(found) for found in re.findall(r"payments\.yaml:(\d+):\d+: error\[", said)]
    assert places, said
    assert min(abs(place - line) for place in places) <= 1, said
    assert "Traceback" not in said


def test_every_fault_has_a_code_of_its_own(tmp_path: Path) -> None:
    found = {}
    for fault, (old, new, _) in BROKEN_DOCUMENTS.items():
        (tmp_path / "payments.yaml").write_text(GOOD.replace(old, new))
        ended = observatory("validate", "payments.yaml", cwd=tmp_path)
        found[fault] = set(codes(ended.stdout + ended.stderr))
    assert sorted(len(own) for own in found.values()) == [1] * len(found), found
    assert len(set().union(*found.values())) == len(found), found


def test_an_alert_that_can_never_fire_is_named_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(GOOD.replace("99.9%", "90%"))

    ended = observatory("validate", "payments.yaml", cwd=tmp_path)

    assert "payments.yaml:11:" in ended.stdout + ended.stderr
    assert codes(ended.stdout + ended.stderr) == ["threshold-unreachable"]


def test_every_code_that_was_shown_is_explained(tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(GOOD.replace("99.9%", "99.9"))
    ended = observatory("validate", "payments.yaml", cwd=tmp_path)
    code = codes(ended.stdout + ended.stderr)[0]

    explained = observatory("explain", code, cwd=tmp_path)

    assert explained.returncode == 0
    assert "99.9%" in explained.stdout or "0.999" in explained.stdout


def test_all_faults_of_a_document_are_shown_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("{availability: 99.9%}", "[{sli: availability, target: 99.9}, {sli: latency, target: 99%}]")
    (tmp_path / "payments.yaml").write_text(text.replace("#/channels/orders", "#/channels/oders"))

    ended = observatory("validate", "payments.yaml", cwd=tmp_path)

    assert len(set(codes(ended.stdout + ended.stderr))) >= 3, ended.stdout + ended.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    ended = observatory("validate", "nowhere.yaml", cwd=tmp_path)

    assert ended.returncode == 3
    assert "nowhere.yaml" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("words", ["validate", "catalog", "map", "ready", "generate rules -o made"])
def test_a_folder_without_documents_ends_as_invalid_input_and_says_what_was_looked_at(
    words: str, tmp_path: Path
) -> None:
    (tmp_path / "values.yaml").write_text("replicas: 1\n")

    ended = observatory(*words.split(), tmp_path, cwd=tmp_path)

    assert ended.returncode == 3
    assert "1 YAML or JSON file, without the key asyncapi" in " ".join((ended.stderr + ended.stdout).split())


def test_a_time_that_is_none_is_a_matter_of_usage(tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(GOOD)

    ended = observatory("status", "payments.yaml", "--at", "yesterday", cwd=tmp_path)

    assert ended.returncode == 2
    assert "2026-11-20T12:00:00Z" in ended.stderr


class Misbehaving(BaseHTTPRequestHandler):
    """A server on the right port that is not what it should be; `behaviour` says in which way."""

    behaviour = "500"

    def do_GET(self) -> None:
        self.misbehave()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.misbehave()

    def misbehave(self) -> None:
        match self.behaviour:
            case "500":
                self.say(500, b'{"status":"error","errorType":"internal","error":"storage broke"}')
            case "401":
                self.say(401, b"Unauthorized")
            case "page of another product":
                self.say(200, b"<!doctype html><title>Grafana</title><h1>Welcome</h1>", "text/html")
            case "other json":
                self.say(200, b'{"hello":"world"}')
            case "slow":
                time.sleep(8)
                self.say(200, b"{}")
            case "truncated":
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "5000")
                self.end_headers()
                self.wfile.write(b'{"status":"success","data":{"resultType":"vec')

    def say(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def misbehaving(behaviour: str) -> Iterator[str]:
    handler = type("Handler", (Misbehaving,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def status_with(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "payments.yaml").write_text(GOOD)
    (folder / "observatory.yaml").write_text(
        f"documents: [payments.yaml]\nprometheus:\n  - {{name: metrics, url: '{url}', timeout_seconds: 1}}\n"
    )
    return observatory("status", "--json", "--at", AT, cwd=folder)


BEHAVIOURS = ["500", "401", "page of another product", "other json", "slow", "truncated"]


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_failing_server_ends_in_exit_code_4_with_its_address(behaviour: str, tmp_path: Path) -> None:
    with misbehaving(behaviour) as url:
        ended = status_with(url, tmp_path)

    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert url in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_each_way_of_failing_has_a_code_of_its_own(tmp_path: Path) -> None:
    found = {}
    for behaviour in BEHAVIOURS:
        with misbehaving(behaviour) as url:
            ended = status_with(url, tmp_path)
        found[behaviour] = codes(ended.stderr)[0]
    found["refused"] = codes(status_with("http://127.0.0.1:9", tmp_path).stderr)[0]

    assert len(set(found.values())) == len(found), found


def test_with_the_server_gone_the_json_still_says_what_is_unknown(tmp_path: Path) -> None:
    ended = status_with("http://127.0.0.1:9", tmp_path)

    answer = json.loads(ended.stdout)
    (objective,) = answer["objectives"]
    assert objective["state"] in ("no_data", "unmapped")
    assert (objective["good"], objective["total"], objective["ratio"]) == (None, None, None)
    assert answer["sources"][0]["state"] == "failed"


def test_a_password_in_the_address_is_never_shown(tmp_path: Path) -> None:
    ended = status_with("http://ada:lovelace@127.0.0.1:9", tmp_path)

    assert ended.returncode == 4
    assert "lovelace" not in ended.stdout + ended.stderr


def test_rules_are_not_written_halfway_when_the_server_is_gone(tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(GOOD)

    ended = observatory(
        "generate", "rules", "payments.yaml", "-o", "rules", "--prometheus", "http://127.0.0.1:9", cwd=tmp_path
    )

    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert list(tmp_path.glob("rules/*")) == []
