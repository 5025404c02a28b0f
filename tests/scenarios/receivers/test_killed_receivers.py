"""`serve` killed while it receives: a sender that repeats what was not acknowledged is counted exactly once."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
import requests
from observatory_server import serving
from otlp_metric_writer import DELTA, Request

from observatory.sources.base import SeriesRequest
from observatory.sources.store import Store
from observatory.windows import TimeRange

pytestmark = [pytest.mark.integration]
T_MS = 1_790_000_000_000
MINUTE = 60_000
EACH_LIFE = 12
LIVES = 3
DOCUMENT = "asyncapi: 3.0.0\ninfo: {title: Shop, version: 1.0.0}\nchannels: {}\n"


def increment(number: int) -> bytes:
    start_ms = T_MS + number * MINUTE
    request = Request().counter("sent", start_ms, start_ms + MINUTE, number % 5, temporality=DELTA)
    return request.histogram(
        "wait", start_ms, start_ms + MINUTE, [0.5], [number % 5, 1], temporality=DELTA, total=0.5
    ).body()  # fmt: skip


def send(url: str, number: int) -> bool:
    """Whether it was acknowledged; each request in five is sent twice."""
    headers = {"Content-Type": "application/x-protobuf"}
    try:
        codes = {
            requests.post(f"{url}/v1/metrics", increment(number), headers=headers, timeout=30).status_code
            for _ in range(2 if number % 5 == 0 else 1)
        }
    except requests.RequestException:
        return False
    assert codes == {200}
    return True


def test_a_server_that_is_killed_while_it_receives_counts_every_increment_once(tmp_path: Path) -> None:
    document = tmp_path / "document.yaml"
    document.write_text(DOCUMENT, encoding="utf-8")
    when = random.Random(5)
    number = 0
    for life in range(1, LIVES + 1):
        with serving(document, tmp_path / "store.duckdb") as server:
            while number < life * EACH_LIFE:
                if number == life * EACH_LIFE - 5 and life < LIVES:
                    threading.Timer(when.uniform(0, 0.02), server.process.kill).start()
                if not send(server.url, number):
                    break
                number += 1
            if life < LIVES:
                server.process.kill()

    with Store.open(tmp_path / "store.duckdb") as store:
        found = {
            metric: store.samples(SeriesRequest(metric, (), TimeRange(0, 10**14)))
            for metric in ("sent_total", "wait_seconds_count", "wait_seconds_bucket", "wait_seconds_sum")
        }
    every = sum(one % 5 for one in range(number))
    assert number == LIVES * EACH_LIFE
    assert found["sent_total"].values.max() == every
    assert found["wait_seconds_count"].values.max() == every + number
    assert sorted(float(found["wait_seconds_bucket"].series(place)[2].max()) for place in range(2)) == [
        every,
        every + number,
    ]
    assert found["wait_seconds_sum"].values.max() == 0.5 * number
