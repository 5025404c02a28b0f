"""What is too much to be read raw is counted by the server: the same, up to a step at either edge of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import prometheus_server
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, Answering, Series, bad, counter, events, handled, scrapes, total

from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.opening import kept_beside
from observatory.sources.prometheus import PrometheusSource, sample_buffer
from observatory.sources.store import Store
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 24 * HOUR_MS)
TIMES = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
LIMIT = 5_000
"""Samples; a day of four series at a minute is more, one of sums at five minutes is not."""


def pods() -> list[Series]:
    """Pods that restart, that appear, and that fail once at birth; `up` says that they were scraped."""
    random = np.random.default_rng(4)
    series: list[Series] = []
    for pod in range(5):
        instance = f"pod-{pod}:1"
        series.append(({"__name__": "up", "job": "svc", "instance": instance}, TIMES, np.ones(len(TIMES))))
        rises = random.integers(0, 30, len(TIMES)).astype(np.float64)
        values = np.cumsum(rises)
        restart = 300 + 150 * pod
        values[restart:] -= values[restart - 1]
        series.append((handled("success", instance), TIMES, values))
        born = 500 + 101 * pod
        series.append((handled("error", instance), TIMES[born:], np.ones(len(TIMES) - born)))
    return series


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[prometheus_server.PrometheusServer]:
    with prometheus_server.start(tmp_path_factory.mktemp("pushdown")) as started:
        started.write([*pods(), *lonely(), *lasting(), *(one for case in CASES.values() for one in case)])
        yield started


def lonely() -> list[Series]:
    return [counter({"__name__": "single_total", "job": "svc", "instance": "a:1"}, TIMES, 3.0)]


def of(case: str, outcome: str, t_ms: np.ndarray, *, start: float = 1e6, every: int = 1, **more: str) -> Series:
    """Three events a minute, of which every so manieth is in this series; what it came to at some instants."""
    labels = {"__name__": f"{case}_total", "job": case, "instance": "a:1", "outcome": outcome} | more
    return labels, t_ms, start + (t_ms - TIMES[0]) // MINUTE_MS * 3 // every


def seen(case: str, t_ms: np.ndarray, **more: str) -> Series:
    return {"__name__": "up", "job": case, "instance": "a:1"} | more, t_ms, np.ones(len(t_ms))


def without(begin: float, end: float, t_ms: np.ndarray = TIMES) -> np.ndarray:
    """Instants but for those between two hours of the window."""
    hours = (t_ms - GRID.start_ms) / HOUR_MS
    return t_ms[(hours <= begin) | (hours > end)]


def looping(case: str) -> Series:
    """A counter whose process begins anew every three minutes."""
    labels, t_ms, _ = of(case, "success", TIMES)
    return labels, t_ms, 3.0 * (1 + np.arange(len(t_ms)) % 3)


RARE = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms, 15 * MINUTE_MS)
ERRORS = {"start": 600.0, "every": 30}
CASES: dict[str, list[Series]] = {
    # An exporter that loses sight of what it counts, and shows it again as it was.
    "blinking": [
        seen("blinking", TIMES),
        of("blinking", "success", without(3.2, 3.7)),
        of("blinking", "error", without(9, 12), **ERRORS),
    ],
    "renamed": [
        seen("renamed", TIMES),
        *(of("renamed", "success", times, zone=zone) for zone, times in (("a", TIMES[:500]), ("b", TIMES[500:]))),
        *(of("renamed", "error", times, zone=z, **ERRORS) for z, times in (("a", TIMES[:500]), ("b", TIMES[500:]))),
    ],
    "rarely": [
        seen("rarely", RARE),
        of("rarely", "success", RARE),
        of("rarely", "error", RARE[40:], start=-2.0 - (RARE[40] - TIMES[0]) // MINUTE_MS * 3 // 30 + 3, every=30),
    ],
    "paired": [
        one
        for name, times in (("a", without(5, 7)), ("b", without(15, 16, TIMES + 31_000)))
        for one in (
            seen("paired", times, prometheus_replica=name),
            of("paired", "success", times, prometheus_replica=name),
            of("paired", "error", times, prometheus_replica=name, **ERRORS),
        )
    ],
    "looping": [seen("looping", TIMES), looping("looping")],
    # Nothing was scraped as the window began; what was counted meanwhile is spread over that time.
    "dark": [of("dark", "success", without(-1.5, 2)), of("dark", "error", without(-1.5, 2), **ERRORS)],
}


@pytest.mark.integration
@pytest.mark.parametrize(("case", "apart"), [(case, 0.17 if case == "looping" else 0.0) for case in CASES])
def test_what_disturbs_series_is_counted_by_the_server_as_it_is_from_samples(
    case: str, apart: float, server: prometheus_server.PrometheusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to two steps at the edges; of counters that begin anew more often than once in a step a share is estimated."""
    raw = row_of(PrometheusSource(PrometheusSettings(url=server.url)), metric=f"{case}_total")
    source = PrometheusSource(PrometheusSettings(url=server.url))
    monkeypatch.setattr(source, "samples", refusing(source))

    counted = row_of(source, metric=f"{case}_total")

    assert (raw.counting, counted.counting) == ("exact", "pushdown")
    assert total(raw) > 3900
    assert abs(total(counted) - total(raw)) <= 2 * 5 * 3 + apart * total(raw)
    assert abs(bad(counted) - bad(raw)) <= 2
    assert float(counted.observed.sum()) == pytest.approx(float(raw.observed.sum()), abs=2 * 900)


def refusing(source: PrometheusSource) -> Callable[[SeriesRequest], SampleSet]:
    """As `samples` of a source, which are too many."""

    def samples(request: SeriesRequest) -> SampleSet:
        raise source._refuse_size(request.metric)

    return samples


@pytest.mark.integration
def test_a_refresh_goes_on_where_a_step_of_the_server_ends(
    server: prometheus_server.PrometheusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what came between that and the tail would be missing: six events of three a minute."""
    measurement = events("single_total", source="metrics")
    source = PrometheusSource(PrometheusSettings(url=server.url))
    before, now = (Grid.ending_at(END_MS - back * MINUTE_MS, 20 * HOUR_MS) for back in (63, 62))
    with monkeypatch.context() as patch:
        patch.setattr(source, "samples", refusing(source))
        first = build([measurement], Answering((source,)), before)

    row = build([measurement], Answering((source,)), now, previous=first).rows[measurement.key]

    assert row.counting == "pushdown"
    assert float(row.total[-58:].sum()) == 58 * 3.0, "since ten o'clock"


LONG = scrapes(END_MS - 120 * HOUR_MS, END_MS + 3 * HOUR_MS)


def lasting() -> list[Series]:
    """Five days; errors are not shown for some hours about the midnight before the last two days."""
    hours = (LONG - END_MS) / HOUR_MS
    shown = LONG[(hours <= -50) | (hours > -46)]
    return [of("lasting", "success", LONG), of("lasting", "error", shown, every=3)]


@pytest.mark.integration
def test_days_that_were_kept_go_on_from_what_the_server_counted(
    server: prometheus_server.PrometheusServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No series of theirs is taken to have gone on since before the window, and one that comes back in them is."""
    measurement = events("lasting_total", source="metrics")
    source = PrometheusSource(PrometheusSettings(url=server.url))
    samples, many = source.samples, (END_MS - 48 * HOUR_MS, END_MS + 3 * HOUR_MS)
    with Store.open(tmp_path / "s.duckdb") as beside:
        keeper = kept_beside(beside)
        build([measurement], Answering((source,)), Grid.ending_at(many[1], 50 * HOUR_MS), keeper=keeper)
        grid = Grid.ending_at(many[1], 98 * HOUR_MS)
        raw = build([measurement], Answering((source,)), grid).rows[measurement.key]
        monkeypatch.setattr(
            source,
            "samples",
            lambda request: (refusing(source) if request.range.end_ms in many else samples)(request),
        )

        ledger = build([measurement], Answering((source,)), grid, keeper=keeper)

    row = ledger.rows[measurement.key]
    assert (raw.counting, row.counting, ledger.problems) == ("exact", "pushdown", ())
    assert abs(total(row) - total(raw)) <= 2 * 5 * 4
    assert abs(bad(row) - bad(raw)) <= 2 * 5 * 1


def row_of(source: PrometheusSource, grid: Grid = GRID, metric: str = "handled_total") -> Row:
    measurement = events(metric, source="metrics")
    return build([measurement], Answering((source,)), grid).rows[measurement.key]


@pytest.mark.integration
@pytest.mark.parametrize("hours", [24, 60])
def test_a_signal_beyond_the_limit_is_counted_by_the_server(
    hours: int, server: prometheus_server.PrometheusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty hours are counted in days, of which the first has no samples."""
    grid = Grid.ending_at(END_MS, hours * HOUR_MS)
    raw = row_of(PrometheusSource(PrometheusSettings(url=server.url)), grid)
    monkeypatch.setattr(sample_buffer, "MOST_SAMPLES", LIMIT)
    source = PrometheusSource(PrometheusSettings(url=server.url))

    counted = row_of(source, grid)

    assert (raw.counting, counted.counting) == ("exact", "pushdown")
    assert bad(raw) == bad(counted) == 5.0
    # The most that five pods count in five minutes at either edge, and in the scrape that shows a restart.
    assert abs(total(counted) - total(raw)) <= 5 * 30 * (5 + 5 + 1)
    assert total(counted) == pytest.approx(total(raw), rel=0.01)
    assert source.state().detail.endswith("large signals counted by the server")


@pytest.mark.integration
def test_a_signal_that_was_too_much_is_not_read_again_to_find_that_out(
    server: prometheus_server.PrometheusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_buffer, "MOST_SAMPLES", LIMIT)
    source = PrometheusSource(PrometheusSettings(url=server.url))
    row_of(source)
    asked: list[str] = []
    opened = source.connection.session.open
    monkeypatch.setattr(
        source.connection.session, "open", lambda method, url, **rest: asked.append(url) or opened(method, url, **rest)
    )

    row_of(source)
    short = row_of(source, Grid.ending_at(END_MS, 10 * MINUTE_MS))

    assert [url.rsplit("/", 1)[1] for url in asked[:1]] == ["query_range"]
    assert short.counting == "exact"


@pytest.mark.integration
@pytest.mark.parametrize("minutes", [7, 60, 200])
def test_any_window_differs_by_a_step_at_each_edge_at_most(
    minutes: int, server: prometheus_server.PrometheusServer
) -> None:
    source = PrometheusSource(PrometheusSettings(url=server.url))
    span = Grid.ending_at(END_MS - 123_456, minutes * MINUTE_MS).range

    sums = source.increments(SeriesRequest("single_total", (), span), ("job",))

    assert (sums.exact, sums.pushdown, sums.resolution_ms) == (False, True, 300_000)
    assert [dict(labels) for labels in sums.labels] == [{"__name__": "single_total", "job": "svc"}]
    assert abs(float(sums.values[-1]) - 3.0 * minutes) <= 3.0 * 5
    assert (np.diff(sums.values) == 15.0).all()


@pytest.mark.integration
def test_what_the_server_counted_is_not_kept(
    server: prometheus_server.PrometheusServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sample_buffer, "MOST_SAMPLES", LIMIT)
    source = PrometheusSource(PrometheusSettings(url=server.url))
    measurement = events(source="metrics")
    with Store.open(tmp_path / "s.duckdb") as beside:
        keeper = kept_beside(beside)
        grid = Grid.ending_at(END_MS - 2 * HOUR_MS, 60 * HOUR_MS)
        counted = build([measurement], Answering((source,)), grid, keeper=keeper).rows[measurement.key]
        assert counted.counting == "pushdown"
        assert not keeper.folder.exists()
