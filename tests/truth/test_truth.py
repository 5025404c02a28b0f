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
from truth.scenario import Scenario, hour_of_day
from truth.scenarios import PROBE, SCENARIOS, a_gap_with_errors, a_probe_that_goes_dark, pods_that_fail_once

from observatory.compile.measure import Measurement
from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.prometheus import PrometheusSource
from observatory.windows import Grid

EXACT = 1e-9
README = Path(__file__).parents[2] / "README.md"
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
    """One server that holds every scenario, told apart by a label, in blocks that promtool wrote.

    It reads the whole text anew for each block, so there are few.
    """
    held = [(named(labels, name), *samples) for name, make in EVERY.items() for labels, *samples in make().series]
    history = prometheus_server.openmetrics([*held, *a_probe_that_goes_dark().series])
    folder = tmp_path_factory.mktemp("truth") / "prometheus"
    with prometheus_server.start(folder, history=history, block="486h") as started:
        yield started


@pytest.mark.integration
@pytest.mark.parametrize("name", EVERY)
def test_counts_from_a_real_prometheus_are_the_truth(
    name: str, server: PrometheusServer, record_property: Callable[[str, object], None]
) -> None:
    scenario = EVERY[name]()

    row = counted(server, scenario, events(source="metrics", case=name))

    seconds = round(scenario.grid.range.seconds)
    theirs = peers.ask(server, name, f"{seconds}s")
    record_property(peers.TITLE, peers.row(name, scenario.bad, scenario.total, (bad(row), total(row)), theirs))
    check(row, scenario)
    assert row.counting == "exact"


@pytest.mark.integration
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


def counted(server: PrometheusServer, scenario: Scenario, measurement: Measurement | None = None) -> Row:
    source = PrometheusSource(PrometheusSettings(url=server.url))
    measurement = measurement or events(source="metrics")
    return build([measurement], Answering((source,)), scenario.grid).rows[measurement.key]


OFF_THE_GRID = [(0, 30 * 86_400_000), (7_000, 6 * 3_600_000), (123_457, 86_399_999), (5_021_003, 3_600_001)]
"""How long before the end of the data a window ends, and its length, in milliseconds: on scrapes and between them."""


@pytest.mark.integration
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
    scenario = a_probe_that_goes_dark()

    check_probe(row_of(scenario.series, gauge(PROBE, 0.0), scenario.grid), scenario)


def check_probe(row: Row, scenario: Scenario) -> None:
    """A minute that begins with a value may count although its own sample is missing, so the total may be one off."""
    assert bad(row) == scenario.bad
    assert total(row) == pytest.approx(scenario.total, abs=1)
    assert float(row.observed.sum()) / scenario.grid.range.seconds == pytest.approx(scenario.observed, abs=0.001)


TABLE = {
    "busy_days_with_errors": "A. 0.2 % errors by day, none in quiet nights",
    "quiet_nights_with_errors": "A2. clean days, 1 % errors in quiet nights",
    "an_idle_hour_a_day": "B. one idle hour a day",
    "errors_that_begin_late": "C. the error series appears on day 29",
    "pods_that_fail_once": "D. 240 pods, each logs one error, born at 1",
    "a_gap_with_errors": "E. six hours without scrapes, half of all fails",
}
WINDOW = f"{30 * 86_400}s"


@pytest.mark.integration
def test_the_table_in_the_readme_is_what_this_run_counts(
    server: PrometheusServer, request: pytest.FixtureRequest
) -> None:
    """`pytest tests/truth -k table -s` prints it; `--update-golden` writes it."""
    lines = [peers.MARKDOWN_HEAD]
    for name, what in TABLE.items():
        scenario = EVERY[name]()
        row = counted(server, scenario, events(source="metrics", case=name))
        ours = bad(row), total(row), float(row.observed.sum()) / scenario.grid.range.seconds
        theirs = peers.ask(server, name, WINDOW)
        lines.append(peers.markdown(what, scenario.bad / scenario.total, ours, theirs))
    probe = a_probe_that_goes_dark()
    row = counted(server, probe, gauge(PROBE, 0.0, "metrics"))
    check_probe(row, probe)
    ours = bad(row), total(row), float(row.observed.sum()) / probe.grid.range.seconds
    theirs = peers.ask_of_gauge(server, PROBE, WINDOW)
    lines.append(peers.markdown("F. a probe, three days without samples", probe.bad / probe.total, ours, theirs))
    table = "\n".join(lines)
    print(f"\n{table}")

    before, after = (f"<!-- truth: {word} -->" for word in ("begin", "end"))
    head, _, rest = README.read_text(encoding="utf-8").partition(f"{before}\n")
    held, _, tail = rest.partition(f"\n{after}")
    if request.config.getoption("--update-golden"):
        README.write_text(f"{head}{before}\n{table}\n{after}{tail}", encoding="utf-8")
    else:
        assert held == table
