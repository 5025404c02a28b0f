"""`status --json` on a real Prometheus that holds series of four exporters, compared with counts known beforehand.

Two hours at a 15 s scrape that lies off the minute; every objective has a window of one hour.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
from four_exporters import (
    BEFORE,
    COMMITTED_0,
    COMMITTED_1,
    DOCUMENT,
    END_MS,
    FAILURES,
    INSIDE,
    PRODUCED,
    RESTART,
    SENT,
    STALL,
    STEPS,
    TIMES,
    series,
)
from observatory_process import observatory

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def objectives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("exporters")
    document = folder / "ledger.yaml"
    document.write_text(DOCUMENT)
    with prometheus_server.start(folder / "prometheus") as server:
        server.write(series())
        return status(document, server.url)


def status(document: Path, url: str) -> dict[str, dict[str, Any]]:
    """Objectives by the end of their id."""
    ended = observatory("status", document, "--prometheus", url, "--json", "--at", END_MS // 1000)
    assert ended.stdout, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["schema"] == "observatory.status/1"
    return {entry["id"].split("/", 1)[1]: entry for entry in answer["objectives"]}


def bad_slices(level: list[float], bound: float) -> int:
    """Minutes of the window in which the level was above the bound at any scrape."""
    return len({-(-(TIMES[step] - END_MS) // 60_000) for step in INSIDE if level[step] > bound})


def test_lag_in_seconds_is_the_time_since_the_group_was_at_the_head(objectives: dict[str, dict[str, Any]]) -> None:
    # 400 messages at ten a second are 40 s of the other partition; the worst one counts, and seconds are never added.
    seconds = [max(40.0, 15.0 * (step - STALL[0])) if step in STALL else 40.0 for step in STEPS]
    lag = objectives["readOrders/lag"]

    assert lag["total"] == 60.0
    assert lag["good"] == 60.0 - bad_slices(seconds, 60.0)
    assert lag["level"]["worst"] == pytest.approx(585.0, abs=15.0)
    assert lag["profile"] == "kafka_exporter"


def test_lag_in_messages_is_the_sum_over_partitions_of_what_waits(objectives: dict[str, dict[str, Any]]) -> None:
    messages = [float(2 * PRODUCED[step] - COMMITTED_0[step] - COMMITTED_1[step]) for step in STEPS]
    backlog = objectives["readOrders/backlog"]

    assert backlog["good"] == 60.0 - bad_slices(messages, 1000.0)
    assert backlog["level"]["worst"] == max(messages)


def test_a_failure_series_that_is_born_later_is_counted_from_its_first_value(
    objectives: dict[str, dict[str, Any]],
) -> None:
    failed = FAILURES[-1] - FAILURES[BEFORE]
    handled = 30 * (len(TIMES) - 1 - BEFORE)
    invoices = objectives["readInvoices/availability"]

    assert invoices["total"] == handled + failed
    assert invoices["good"] == handled
    assert invoices["profile"] == "otel_spanmetrics"


def test_a_threshold_on_a_bucket_boundary_in_milliseconds_is_exact(objectives: dict[str, dict[str, Any]]) -> None:
    scrapes = len(TIMES) - 1 - BEFORE
    latency = objectives["readInvoices/latency"]

    assert (latency["good"], latency["total"]) == (24.0 * scrapes, 30.0 * scrapes)
    assert latency["proxy"] is True


def test_a_restart_inside_the_window_loses_nothing_that_was_scraped(objectives: dict[str, dict[str, Any]]) -> None:
    refunds = objectives["writeRefunds/availability"]
    expected = SENT[RESTART - 1] - SENT[BEFORE] + SENT[-1]

    assert (refunds["good"], refunds["total"]) == (expected, expected)
    assert refunds["state"] == "meeting"
    assert refunds["recovered"]["resets"] == 1


def test_the_age_of_the_head_is_the_lag_of_a_queue(objectives: dict[str, dict[str, Any]]) -> None:
    age = [300.0 if step in STALL else 10.0 for step in STEPS]
    audit = objectives["readAudit/lag"]

    assert audit["good"] == 60.0 - bad_slices(age, 120.0)
    assert audit["profile"] == "rabbitmq"


def test_a_channel_without_series_has_no_data_and_says_which_is_missing(objectives: dict[str, dict[str, Any]]) -> None:
    nowhere = objectives["readNowhere/availability"]

    assert nowhere["state"] in ("no_data", "unmapped")
    assert (nowhere["good"], nowhere["total"], nowhere["ratio"]) == (None, None, None)
    assert nowhere["problems"]
    assert nowhere["budget"] is None or nowhere["budget"]["remaining_ratio"] is None


def test_coverage_is_whole_where_every_scrape_succeeded(objectives: dict[str, dict[str, Any]]) -> None:
    assert objectives["writeRefunds/availability"]["coverage"] == pytest.approx(1.0, abs=0.01)
