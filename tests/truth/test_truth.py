"""Counted against the truth: every scenario from the store, and from a real Prometheus by its raw samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import prometheus_server
import pytest
from counting_cases import DAY_MS, END_MS, Answering, bad, events, gauge, row_of, scrapes, total
from prometheus_server import PrometheusServer
from truth import peers
from truth.disturbances import DISTURBANCES
from truth.scenario import Scenario, grid_of, hour_of_day
from truth.scenarios import SCENARIOS, a_gap_with_errors, pods_that_fail_once

from observatory.ledger.build import build
from observatory.ledger.ledger import Row
from observatory.settings import PrometheusSettings
from observatory.sources.prometheus import PrometheusSource
from observatory.windows import Grid

EXACT = 1e-9
EVERY = {**SCENARIOS, **DISTURBANCES}


def check(row: Row, scenario: Scenario) -> None:
    assert bad(row) == pytest.approx(scenario.bad, rel=EXACT, abs=1e-6)
    assert total(row) == pytest.approx(scenario.total, rel=EXACT)
    if scenario.observed is not None:
        share = float(row.observed.sum()) / scenario.grid.range.seconds
        assert share == pytest.approx(scenario.observed, abs=0.002)


@pytest.mark.parametrize("name", EVERY)
def test_counts_from_the_store_are_the_truth(name: str) -> None:
    scenario = EVERY[name]()

    row = row_of(scenario.series, events(), scenario.grid)

    check(row, scenario)


def named(labels: Mapping[str, str], case: str) -> dict[str, str]:
    """Labels by which the scenarios of one server are told apart, and their targets too."""
    jobs = {label: f"{labels[label]}-{case}" for label in ("job", "exported_job") if label in labels}
    return {**labels, **jobs, "case": case}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """One server that holds every scenario, told apart by a label, in blocks that promtool wrote."""
    held = ((named(labels, name), *samples) for name, make in EVERY.items() for labels, *samples in make().series)
    history = prometheus_server.openmetrics(held)
    folder = tmp_path_factory.mktemp("truth") / "prometheus"
    with prometheus_server.start(folder, history=history, block="54h") as started:
        yield started


@pytest.mark.integration
@pytest.mark.xdist_group("truth")
@pytest.mark.parametrize("name", EVERY)
def test_counts_from_a_real_prometheus_are_the_truth(
    name: str, server: PrometheusServer, record_property: Callable[[str, object], None]
) -> None:
    scenario = EVERY[name]()
    measurement = events(source="metrics", case=name)
    source = PrometheusSource(PrometheusSettings(url=server.url))

    row = build([measurement], Answering((source,)), scenario.grid).rows[measurement.key]

    seconds = round(scenario.grid.range.seconds)
    theirs = peers.ask(server, name, f"{seconds}s")
    record_property(peers.TITLE, peers.row(name, scenario.bad, scenario.total, (bad(row), total(row)), theirs))
    check(row, scenario)
    assert row.counting == "exact"


@pytest.mark.integration
@pytest.mark.xdist_group("truth")
def test_a_server_that_was_really_started_anew_counts_the_same(tmp_path: Path) -> None:
    scenario = EVERY["births_in_bulk"]()
    rows = []
    with prometheus_server.start(tmp_path / "prometheus") as first:
        first.write(scenario.series)
        rows.append(counted(first, scenario))
    with prometheus_server.start(tmp_path / "prometheus") as again:
        rows.append(counted(again, scenario))

    for row in rows:
        check(row, scenario)
    assert rows[0].total.tolist() == rows[1].total.tolist()


def counted(server: PrometheusServer, scenario: Scenario) -> Row:
    source = PrometheusSource(PrometheusSettings(url=server.url))
    measurement = events(source="metrics")
    return build([measurement], Answering((source,)), scenario.grid).rows[measurement.key]


OFF_THE_GRID = [(0, 30 * 86_400_000), (7_000, 6 * 3_600_000), (123_457, 86_399_999), (5_021_003, 3_600_001)]
"""How long before the end of the data a window ends, and its length, in milliseconds: on scrapes and between them."""


@pytest.mark.integration
@pytest.mark.xdist_group("truth")
@pytest.mark.parametrize(("early_ms", "length_ms"), OFF_THE_GRID)
def test_a_window_that_ends_anywhere_counts_the_scrapes_inside(
    early_ms: int, length_ms: int, server: PrometheusServer
) -> None:
    source = PrometheusSource(PrometheusSettings(url=server.url))
    measurement = events(source="metrics", case="an_idle_hour_a_day")
    grid = Grid(END_MS - early_ms - length_ms, length_ms, 1)

    row = build([measurement], Answering((source,)), grid).rows[measurement.key]

    t = scrapes(grid.start_ms - 40 * DAY_MS, END_MS)
    inside = t[(t > grid.start_ms) & (t <= grid.end_ms)]
    busy = int((hour_of_day(inside) != 3).sum())
    assert (bad(row), total(row)) == (3.0 * busy, 6000.0 * busy)


def test_every_error_of_a_pod_that_fails_once_is_found_and_reported() -> None:
    scenario = pods_that_fail_once()

    row = row_of(scenario.series, events(), scenario.grid)

    assert bad(row) == 240.0
    assert row.recovered.births == 240.0


def test_events_of_a_gap_are_spread_over_the_gap_and_reported() -> None:
    scenario = a_gap_with_errors()

    row = row_of(scenario.series, events(), scenario.grid)

    errors = row.total - row.good
    inside = errors[-30 * 60 + 1 : -24 * 60 - 1]
    assert inside == pytest.approx(np.full(len(inside), 300.0), rel=0.01)
    assert errors[-24 * 60 + 2 :].sum() == 0
    assert row.recovered.gap_events == pytest.approx(361 * 600.0)


def test_a_probe_that_is_silent_for_three_days_counts_what_was_seen() -> None:
    """F: 43 failing minutes in 27 days of samples; the three silent days are neither good nor bad."""
    grid = grid_of(30)
    t = scrapes(grid.start_ms, grid.end_ms)
    silent = (t > END_MS - 10 * DAY_MS) & (t <= END_MS - 7 * DAY_MS)
    failing = np.zeros(len(t))
    failing[5_000:5_043] = 1.0
    labels = {"__name__": "probe_failing", "job": "probe", "instance": "p:1"}

    row = row_of([(labels, t[~silent], failing[~silent])], gauge("probe_failing", 0.0), grid)

    assert bad(row) == 43.0
    assert total(row) == pytest.approx(27 * 1440, abs=3)
    assert float(row.observed.sum()) / grid.range.seconds == pytest.approx(0.9, abs=0.001)
