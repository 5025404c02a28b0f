"""The same samples in every engine give the same counts: Debian's Prometheus, the newest Prometheus 3 where it could be
built, VictoriaMetrics and the embedded store. Which of them were there is printed at the end of the run.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cramjam
import numpy as np
import prometheus_server
import pytest
import requests
import victoria_server
from counting_cases import Answering, Series, events, row_of
from engines import ENGINES_TITLE, prometheus_3
from truth.disturbances import DISTURBANCES
from truth.scenario import Scenario
from truth.scenarios import SCENARIOS

from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.prometheus import PrometheusSource, chunk_frames, wire
from observatory.windows import TimeRange

SHORT = {
    name: make
    for name, make in {**SCENARIOS, **DISTURBANCES}.items()
    if name.removesuffix("_and_say_when_they_started")
    in {
        "restarts_every_ten_minutes",
        "a_reset_inside_a_gap",
        "births_in_bulk",
        "scrapes_that_jitter",
        "a_server_that_restarts",
        "a_retention_cut",
        "a_target_with_a_history",
        "a_label_is_added",
        "two_replicas",
        "federated_beside_the_original",
        "a_label_value_is_rewritten",
        "an_exporter_moves",
        "an_exporter_warms_up",
        "a_server_restart_with_new_pods",
        "a_job_is_renamed_whose_process_says_its_start",
    }
}
XOR2 = prometheus_server.DEFAULT_CONFIG + "    chunk_encoding:\n      floats: xor2\n"


@dataclass(frozen=True)
class Engine:
    """A running server, what it calls itself, and how samples are expected to come from it."""

    url: str
    name: str
    route: str


def version_of(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=20)
    return (done.stdout or done.stderr).splitlines()[0].split(" (")[0]


def loaded() -> list[Series]:
    return [
        (named(labels, name), t_ms, values) for name, make in SHORT.items() for labels, t_ms, values in make().series
    ]


def named(labels: dict[str, str], case: str) -> dict[str, str]:
    jobs = {label: f"{labels[label]}-{case}" for label in ("job", "exported_job") if label in labels}
    return {**labels, **jobs, "case": case}


def victoria(folder: Path) -> Iterator[Engine]:
    with victoria_server.start(folder) as url:
        victoria_server.load(url, loaded())
        yield Engine(url, "VictoriaMetrics of Debian", "export")


def prometheus(folder: Path, program: str, config: str, chunks: int) -> Iterator[Engine]:
    with prometheus_server.start(folder, program=program, config=config) as server:
        server.write(loaded())
        kinds = chunk_kinds(server.url)
        assert kinds == {chunks}, "the server does not store samples as it was told to"
        yield Engine(server.url, f"{version_of(program)}, chunks of kind {chunks}", "remote_read")


def chunk_kinds(url: str) -> set[int]:
    """Encodings of the chunks that the server sends for one of the scenarios."""
    end_ms = SHORT["births_in_bulk"]().grid.end_ms
    body = wire.read_request([(wire.EQUAL, "case", "births_in_bulk")], end_ms - 86_400_000, end_ms)
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    answer = requests.post(f"{url}/api/v1/read", data=bytes(cramjam.snappy.compress_raw(body)), headers=headers)
    batch = chunk_frames.FrameBatch(chunk_frames.SeriesIndex(), 8)
    for frame in chunk_frames.frames([answer.content]):
        batch.add(frame)
    return set(batch.table().kinds.tolist())


def start(name: str, folder: Path) -> Iterator[Engine]:
    if name == "VictoriaMetrics":
        if shutil.which(victoria_server.PROGRAM) is None:
            pytest.skip(f"VictoriaMetrics is not run here: apt-get install {victoria_server.PROGRAM}")
        yield from victoria(folder)
    elif name == "Prometheus of Debian":
        program = prometheus_server.required("prometheus")
        yield from prometheus(folder, program, prometheus_server.DEFAULT_CONFIG, chunk_frames.XOR)
    else:
        program = prometheus_3()
        if program is None:
            pytest.skip("Prometheus 3 is not run here: build it with .ci/prometheus-3")
        newer = "XOR2" in name
        config = XOR2 if newer else prometheus_server.DEFAULT_CONFIG
        yield from prometheus(folder, program, config, chunk_frames.XOR2 if newer else chunk_frames.XOR)


@pytest.fixture(
    scope="module", params=["Prometheus of Debian", "Prometheus 3", "Prometheus 3 with XOR2 chunks", "VictoriaMetrics"]
)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    yield from start(request.param, tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="module")
def by_the_store() -> Callable[[str], tuple[Scenario, Row]]:
    known: dict[str, tuple[Scenario, Row]] = {}

    def counted(name: str) -> tuple[Scenario, Row]:
        if name not in known:
            scenario = SHORT[name]()
            series = [(named(labels, name), t_ms, values) for labels, t_ms, values in scenario.series]
            known[name] = scenario, row_of(series, events(case=name), scenario.grid)
        return known[name]

    return counted


@pytest.mark.integration
@pytest.mark.parametrize("name", SHORT)
def test_an_engine_counts_what_the_store_counts(
    name: str, engine: Engine, by_the_store: Callable[[str], tuple[Scenario, Row]]
) -> None:
    scenario, expected = by_the_store(name)
    source = PrometheusSource(PrometheusSettings(url=engine.url))
    measurement = events(source="metrics", case=name)

    row = build([measurement], Answering((source,)), scenario.grid).rows[measurement.key]

    np.testing.assert_allclose(row.total, expected.total, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(row.good, expected.good, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(row.observed, expected.observed, rtol=1e-9, atol=1e-9)
    assert row.recovered == expected.recovered
    assert (row.counting, row.series) == ("exact", expected.series)
    assert source.state().detail.endswith(f"samples by {engine.route}")


@pytest.mark.integration
def test_an_engine_is_asked_in_the_way_it_offers(
    engine: Engine, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    source = PrometheusSource(PrometheusSettings(url=engine.url))
    end_ms = SHORT["births_in_bulk"]().grid.end_ms
    build([events(source="metrics", case="births_in_bulk")], Answering((source,)), SHORT["births_in_bulk"]().grid)

    record_property(ENGINES_TITLE, f"ran: {engine.name}, samples by {engine.route}")
    assert source.state().detail.endswith(f"samples by {engine.route}")
    assert "handled_total" in source.metric_names(TimeRange(end_ms - 86_400_000, end_ms))
