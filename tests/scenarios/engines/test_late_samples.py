"""A real Prometheus that is sent samples a day late: `status` with kept days counts them, as configured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import prometheus_server
import pytest
from counting_cases import DAY_MS, END_MS, HOUR_MS, scrapes
from observatory_process import observatory
from one_channel import REFUNDED, REFUNDS

pytestmark = [pytest.mark.integration]


def series(t: np.ndarray) -> list[prometheus_server.Series]:
    number = (t - END_MS + 10 * DAY_MS) // 60_000
    up = {"__name__": "up", "job": "ledger", "instance": "ledger-0:9464"}
    return [
        (REFUNDED, t, number * 9.0),
        (REFUNDED | {"error_type": "Timeout"}, t, number * 1.0),
        (up, t, np.ones(len(t))),
    ]


def status(folder: Path, url: str) -> tuple[float, float]:
    at = (END_MS + 6 * HOUR_MS) // 1000
    ended = observatory("status", "ledger.yaml", "--json", "--prometheus", url, "--at", at, cwd=folder)
    assert ended.stdout, ended.stderr
    (found,) = json.loads(ended.stdout)["objectives"]
    return found["total"], found["coverage"]


@pytest.mark.parametrize("late", ["2d", "0s"])
def test_samples_that_come_a_day_late_are_counted_within_the_horizon(tmp_path: Path, late: str) -> None:
    (tmp_path / "ledger.yaml").write_text(REFUNDS, encoding="utf-8")
    (tmp_path / "observatory.yaml").write_text(f"store: {{path: counts.duckdb, late: {late}}}\n", encoding="utf-8")
    t = scrapes(END_MS - 4 * DAY_MS, END_MS + 6 * HOUR_MS)
    outage = (t > END_MS - 20 * HOUR_MS) & (t <= END_MS - 8 * HOUR_MS)
    with prometheus_server.start(tmp_path / "prometheus") as server:
        server.write(series(t[~outage]))
        before = status(tmp_path, server.url)
        server.write(series(t[outage]))
        after = status(tmp_path, server.url)
        again = status(tmp_path, server.url)
    whole = 3 * 1440 * 10.0
    assert before == (whole, pytest.approx(60 / 72, abs=0.001)), "what happened in the gap is known from its ends"
    assert after == again == (whole, pytest.approx(1.0 if late == "2d" else 60 / 72, abs=0.001))
