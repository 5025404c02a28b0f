"""A real Prometheus behind a line that works, is cut, is torn halfway or answers errors, in any order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import prometheus_server
import pytest
import requests
from counting_cases import DAY_MS, END_MS, HOUR_MS, MINUTE_MS, scrapes
from misbehaving_server import MisbehavingServer, Reply, Request
from observatory_process import observatory
from one_channel import BILLED, BILLING, PROCESSED

from observatory.evaluate.estate import Estate
from observatory.settings import PrometheusSettings, Settings
from observatory.sources.opening import open_sources
from observatory.web.service import Service

pytestmark = [pytest.mark.integration]
CHUNKS = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
WHOLE = 3 * 1440 * 10.0
STATES = ["works", "cut", "torn", "errors"]


@dataclass
class Line:
    """What lies between Observatory and the server."""

    proxy: MisbehavingServer
    target: str

    def becomes(self, state: str) -> None:
        fault = {
            "works": Reply(self.passed),
            "cut": Reply(close_at_once=True),
            "torn": Reply(lambda request: self.passed(request)[:-7] or b"{", declared=10**8),
            "errors": Reply(b"upstream is gone", status=502, content_type="text/plain"),
        }[state]
        self.proxy.replies[:] = [replace(fault, path="/api/v1/read", content_type=CHUNKS), fault]

    def passed(self, request: Request) -> bytes:
        kept = {name: value for name, value in request.headers.items() if name not in ("host", "connection")}
        kept["accept-encoding"] = "identity"
        answer = requests.request(
            request.method, self.target + request.path, data=request.body, headers=kept, timeout=30
        )
        return answer.content


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[prometheus_server.PrometheusServer]:
    t = scrapes(END_MS - 4 * DAY_MS, END_MS + 2 * HOUR_MS)
    since = np.arange(len(t))
    with prometheus_server.start(tmp_path_factory.mktemp("prometheus")) as started:
        started.write(
            [
                ({**BILLED, "__name__": PROCESSED}, t, since * 9.0),
                ({**BILLED, "__name__": PROCESSED, "error_type": "Timeout"}, t, since * 1.0),
            ]
        )
        yield started


@pytest.fixture
def line(server: prometheus_server.PrometheusServer) -> Iterator[Line]:
    proxy = MisbehavingServer([])
    made = Line(proxy, server.url)
    made.becomes("works")
    yield made
    proxy.stop()


@pytest.mark.parametrize("seed", [1])
def test_refreshes_over_a_flapping_line_show_the_last_whole_count_and_lose_nothing(
    line: Line, tmp_path: Path, seed: int
) -> None:
    (tmp_path / "billing.yaml").write_text(BILLING)
    settings = Settings(
        documents=(tmp_path / "billing.yaml",),
        prometheus=(PrometheusSettings(url=line.proxy.url, timeout_seconds=5),),
        store=tmp_path / "s.duckdb",
    )
    random, now, last_whole = np.random.default_rng(seed), [END_MS], END_MS
    states = ["works", *random.choice(STATES, 9).tolist(), "works"]
    with open_sources(settings) as sources:
        service = Service(Estate(settings, sources, keeper=sources.kept), clock=lambda: now[0])
        for minutes, state in enumerate(states):
            now[0] = END_MS + 3 * minutes * MINUTE_MS
            line.becomes(state)
            standing = service.refresh()
            if state == "works":
                last_whole = now[0]
            assert standing.snapshot
            (one,) = standing.snapshot.status.objectives
            assert one.counts
            assert (one.counts.total, one.counts.total - one.counts.good) == (WHOLE, WHOLE / 10), (minutes, state)
            assert (standing.problems == ()) == (state == "works"), (minutes, state)
            assert standing.age_seconds(now[0]) == (now[0] - last_whole) / 1000, (minutes, state)
        row = standing.snapshot.row("billing/onOrder/availability")
        assert row is not None
        assert set(row.total.tolist()) == {10.0}, "a minute is missing, or counted twice"


def test_status_says_what_it_could_not_ask_and_keeps_no_day_of_it(line: Line, tmp_path: Path) -> None:
    (tmp_path / "billing.yaml").write_text(BILLING)
    command = ["status", "billing.yaml", "--json", "--store", "s.duckdb"]
    command += ["--prometheus", line.proxy.url, "--at", str(END_MS // 1000 + 6000)]

    def status() -> tuple[int, float | None, str]:
        ended = observatory(*command, cwd=tmp_path)
        (found,) = json.loads(ended.stdout)["objectives"]
        return ended.returncode, found["total"], ended.stderr

    for state, code in (("cut", "source-"), ("torn", "source-"), ("errors", "502")):
        line.becomes(state)
        exit_code, total, said = status()
        assert (exit_code, total) == (5, None), (state, said)  # the store, which is a source too, answers
        assert code in said
        assert list(tmp_path.rglob("*.day")) == []
    line.becomes("works")
    assert status()[:2] == (0, WHOLE)
    kept = len(list(tmp_path.rglob("*.day")))
    line.becomes("cut")
    assert status()[0] == 5
    line.becomes("works")
    assert status()[:2] == (0, WHOLE)
    assert (kept, len(list(tmp_path.rglob("*.day")))) == (3, 3)
