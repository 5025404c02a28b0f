"""Histograms that change their kind while they are counted, in real servers against the truth.

Classic series give way to native histograms, or the other way round, or stand beside them for a while: one measured
thing, of which each event counts once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import prometheus_server
import pytest
from counting_cases import DAY_MS, END_MS, HOUR_MS, Answering, Series, latency_of, scrapes
from engines import prometheus_3
from native_histogram_writer import Sample, write_request

from observatory.compile.measure import Measurement
from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.opening import kept_beside
from observatory.sources.prometheus import PrometheusSource
from observatory.sources.store import Store
from observatory.telemetry.inventory import InventoryRequest
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 6 * HOUR_MS)
TIMES = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
INSIDE = np.int64(GRID.start_ms) < TIMES
EVERY = range(len(TIMES))
HALF = len(TIMES) // 2
VALUES = (0.098, 0.3, 0.7, 2.0)
"""Durations of events. Native buckets of schema 3 around the first end at 0.0964 and 0.1051: 0.1 is no boundary."""
CLASSIC = (0.1, 0.5, 1.0)
EVENTS = np.random.default_rng(5).integers(1, 9, (len(TIMES), len(VALUES)))
"""Per scrape and duration."""
CUSTOM = -53
DAYS = Grid.ending_at(END_MS - DAY_MS + 4 * HOUR_MS, 2 * DAY_MS + 4 * HOUR_MS)
"""Of the estate that changes its kind on the second of them."""


@dataclass(frozen=True)
class Estate:
    """Which kinds of a histogram are scraped when, where its process begins anew, and how its buckets are made.

    Attributes:
        schemas: Of native histograms, from one scrape to another.
        written: The `le` of the classic buckets.
    """

    classic: range = range(0)
    native: range = range(0)
    restart: int | None = None
    schemas: Sequence[tuple[range, int]] = ((EVERY, 3),)
    written: Sequence[str] = ("0.1", "0.5", "1")


ESTATES = {
    "migrated": Estate(EVERY[: HALF + 30], EVERY[HALF - 30 :]),
    "rolled_back": Estate(EVERY[HALF - 30 :], EVERY[: HALF + 30]),
    "switched": Estate(EVERY[:HALF], EVERY[HALF:]),
    "switched_back": Estate(EVERY[HALF:], EVERY[:HALF]),
    "restarted": Estate(EVERY[:HALF], EVERY[HALF:], restart=HALF),
    "after_a_gap": Estate(EVERY[: HALF - 60], EVERY[HALF:]),
    "at_once": Estate(EVERY, EVERY),
    "in_between": Estate(EVERY, EVERY[HALF - 90 : HALF - 30]),
    "written_anew": Estate(EVERY[: HALF + 30], EVERY[HALF - 30 :], written=("0.10", "0.5", "1.0")),
    "coarser": Estate(native=EVERY, schemas=((EVERY[:HALF], 3), (EVERY[HALF:], 1))),
    "coarser_later": Estate(EVERY[:90], EVERY[90:], schemas=((EVERY[:HALF], 3), (EVERY[HALF:], 1))),
}
NEWEST = {
    "custom": Estate(EVERY[:HALF], EVERY[HALF:], schemas=((EVERY, CUSTOM),)),
    "custom_then_native": Estate(native=EVERY, schemas=((EVERY[:HALF], CUSTOM), (EVERY[HALF:], 3))),
}
"""Custom buckets came with Prometheus 3."""
LABELS = {"job": "svc", "instance": "a:1"}


def counted(estate: Estate) -> np.ndarray:
    """What the process has counted at each scrape, by duration."""
    sums = np.cumsum(EVENTS, axis=0)
    if estate.restart is not None:
        sums[estate.restart :] -= sums[estate.restart - 1]
    return sums


def classic(
    name: str, t_ms: np.ndarray, sums: np.ndarray, written: Sequence[str] = ("0.1", "0.5", "1")
) -> list[Series]:
    found: list[Series] = [({"__name__": f"{name}_count", **LABELS}, t_ms, sums.sum(axis=1))]
    for upper, le in zip((*CLASSIC, math.inf), (*written, "+Inf"), strict=True):
        under = np.array(VALUES) <= upper
        found.append(({"__name__": f"{name}_bucket", **LABELS, "le": le}, t_ms, sums[:, under].sum(axis=1)))
    return found


def native(
    name: str, t_ms: np.ndarray, sums: np.ndarray, schemas: Sequence[int]
) -> tuple[dict[str, str], list[Sample]]:
    samples = [
        histogram(at, counts, schema) for at, counts, schema in zip(t_ms.tolist(), sums.tolist(), schemas, strict=True)
    ]
    return {"__name__": name, **LABELS}, samples


def histogram(t_ms: int, counts: Sequence[int], schema: int) -> Sample:
    if schema == CUSTOM:
        return Sample(t_ms, ((0, len(VALUES)),), counts, schema=CUSTOM, zero_threshold=0.0, custom=CLASSIC)
    of_place: dict[int, int] = {}
    for value, count in zip(VALUES, counts, strict=True):
        place = math.ceil(math.log2(value) * 2.0**schema)
        of_place[place] = of_place.get(place, 0) + count
    spans, end = [], 0
    for place in sorted(of_place):
        spans.append((place - end, 1))
        end = place + 1
    return Sample(t_ms, spans, [of_place[place] for place in sorted(of_place)], schema=schema)


def load(server: prometheus_server.PrometheusServer, estates: dict[str, Estate]) -> None:
    """Histograms first, those of earlier days before others: old servers take none out of order."""
    natives = [native("over_days", *days(late=True), [3] * len(days(late=True)[0]))]
    floats = classic("over_days", *days(late=False))
    for name, estate in estates.items():
        at, sums = list(estate.native), counted(estate)
        schemas = [schema for part, schema in estate.schemas for scrape in part if scrape in estate.native]
        natives.append(native(name, TIMES[at], sums[at], schemas))
        floats += classic(name, TIMES[list(estate.classic)], sums[list(estate.classic)], estate.written)
    server.post(write_request([one for one in natives if one[1]]))
    server.write(floats)


def days(*, late: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scrapes of the estate of several days: classic up to noon of the second, native from two hours before."""
    t_ms = scrapes(DAYS.start_ms - HOUR_MS, DAYS.end_ms, 180_000)
    noon_ms = DAYS.end_ms - 4 * HOUR_MS - DAY_MS // 2
    here = t_ms > noon_ms - 2 * HOUR_MS if late else t_ms <= noon_ms
    sums = np.cumsum(np.random.default_rng(6).integers(1, 9, (len(t_ms), len(VALUES))), axis=0)
    return t_ms[here], sums[here]


@pytest.fixture(scope="module", params=["Prometheus of Debian", "Prometheus 3"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[prometheus_server.PrometheusServer]:
    newest = request.param == "Prometheus 3"
    program = prometheus_3() if newest else prometheus_server.required("prometheus")
    if program is None:
        pytest.skip("Prometheus 3 is not run here: build it with .ci/prometheus-3")
    flags = [] if newest else ["--enable-feature=native-histograms"]
    with prometheus_server.start(tmp_path_factory.mktemp("kinds"), program=program, flags=flags) as found:
        load(found, ESTATES | (NEWEST if newest else {}))
        yield found


@pytest.fixture(params=["remote_read", "queries"])
def source(request: pytest.FixtureRequest, server: prometheus_server.PrometheusServer) -> PrometheusSource:
    """The two ways in which samples come. Metrics that are written remotely have no types."""
    way = "auto" if request.param == "remote_read" else "never"
    found = PrometheusSource(PrometheusSettings(url=server.url, remote_read=way))
    found._types = lambda: dict.fromkeys(("coarser", "custom_then_native"), "histogram")  # type: ignore[method-assign]
    return found


def measurement(source: PrometheusSource, name: str, bound: float, grid: Grid = GRID) -> Measurement:
    if f"{name}_bucket" not in source.metric_names(grid.range):
        pytest.skip("custom buckets came with Prometheus 3")
    return latency_of(source, name, bound, grid)


def row_of(source: PrometheusSource, name: str, bound: float) -> Row:
    one = measurement(source, name, bound)
    return build([one], Answering((source,)), GRID).rows[one.key]


def true(bound: float, part: range = EVERY) -> float:
    """Events at or under a bound that the window saw in some scrapes."""
    inside = [scrape for scrape in part if INSIDE[scrape]]
    return float(EVENTS[inside][:, np.array(VALUES) <= bound].sum())


@pytest.mark.integration
@pytest.mark.parametrize("bound", [0.5, 1.0])
@pytest.mark.parametrize("name", [*ESTATES, *NEWEST])
def test_a_boundary_of_both_kinds_counts_each_event_once(source: PrometheusSource, name: str, bound: float) -> None:
    row = row_of(source, name, bound)

    assert (float(row.good.sum()), float(row.total.sum())) == (true(bound), true(math.inf))
    assert (row.upper, row.counting, row.recovered.births) == (None, "exact", 0.0)
    assert row.recovered.resets == (1 if name == "restarted" else 0)
    assert float(row.observed.sum()) / 3600 == pytest.approx(5.0 if name == "after_a_gap" else 6.0, abs=0.02)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "bound", "least", "most"),
    [
        # 98 ms lie in the native bucket that 100 ms lie in too, and 300 ms in the classic one that 250 ms lie in.
        ("migrated", 0.1, true(0.1, EVERY[: HALF + 30]), true(0.1)),
        ("migrated", 0.25, true(0.1), true(0.1) + true(0.3, EVERY[: HALF - 29]) - true(0.1, EVERY[: HALF - 29])),
        ("rolled_back", 0.1, true(0.1, EVERY[HALF - 29 :]), true(0.1)),
        ("written_anew", 0.1, true(0.1, EVERY[: HALF + 30]), true(0.1)),
        ("at_once", 0.1, true(0.1), true(0.1)),
        ("at_once", 0.25, true(0.1), true(0.1)),
        # Across the seam the buckets of either kind say nothing: what was counted in that one scrape is left open.
        (
            "switched",
            0.1,
            true(0.1, EVERY[:HALF]),
            true(0.1) + true(0.3, EVERY[HALF : HALF + 1]) - true(0.1, EVERY[HALF : HALF + 1]),
        ),
        ("coarser", 0.1, 0.0, true(0.1)),
        ("custom", 0.1, true(0.1), true(0.1)),
        (
            "custom_then_native",
            0.1,
            true(0.1, EVERY[:HALF]),
            true(0.1) + true(0.3, EVERY[HALF : HALF + 1]) - true(0.1, EVERY[HALF : HALF + 1]),
        ),
    ],
)
def test_a_boundary_of_one_kind_bounds_the_part_of_the_other(
    source: PrometheusSource, name: str, bound: float, least: float, most: float
) -> None:
    row = row_of(source, name, bound)

    upper = row.good if row.upper is None else row.upper
    assert float(row.total.sum()) == true(math.inf)
    assert (float(row.good.sum()), float(upper.sum())) == (least, most)
    assert least <= true(bound) <= most
    assert row.recovered.births == 0.0


@pytest.mark.integration
@pytest.mark.parametrize("source", ["remote_read"], indirect=True)
@pytest.mark.parametrize(
    ("name", "bound"),
    [
        *((name, 0.5) for name in ("migrated", "switched_back", "restarted", "after_a_gap", "at_once", "coarser")),
        ("written_anew", 1.0),
        ("at_once", 0.25),
        ("custom", 0.1),
    ],
)
def test_what_is_too_much_to_be_read_is_counted_by_the_server_whatever_its_kind(
    source: PrometheusSource, name: str, bound: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = pushed_down(source, name, bound, monkeypatch)

    assert row.counting == "pushdown"
    assert (float(row.good.sum()), float(row.total.sum())) == pytest.approx((true(bound), true(math.inf)), abs=1e-6)
    assert row.upper is None


@pytest.mark.integration
@pytest.mark.parametrize("source", ["remote_read"], indirect=True)
@pytest.mark.parametrize(
    ("name", "bound", "good", "loose"),
    [
        ("migrated", 0.1, true(0.1, EVERY[: HALF + 30]), EVERY[HALF - 30 :]),
        ("switched", 0.25, true(0.1, EVERY[HALF + 1 :]), EVERY[: HALF + 60]),
        ("coarser_later", 0.25, true(0.1, EVERY[91:]), EVERY[:150]),
    ],
)
def test_what_a_server_cannot_tell_of_one_kind_has_bounds(
    source: PrometheusSource, name: str, bound: float, good: float, loose: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hour by hour; what lies within five minutes of where the kind changes is not told apart."""
    row = pushed_down(source, name, bound, monkeypatch)

    assert row.upper is not None
    assert float(row.total.sum()) == pytest.approx(true(math.inf), abs=1e-6)
    assert float(row.good.sum()) == pytest.approx(good, abs=5 * 8)
    assert true(bound) <= float(row.upper.sum()) <= true(bound) + true(math.inf, loose)


def pushed_down(source: PrometheusSource, name: str, bound: float, monkeypatch: pytest.MonkeyPatch) -> Row:
    one = measurement(source, name, bound)

    def refuse(request: SeriesRequest) -> SampleSet:
        raise source._refuse_size(request.metric)

    monkeypatch.setattr(source, "samples", refuse)
    return build([one], Answering((source,)), GRID).rows[one.key]


@pytest.mark.integration
@pytest.mark.parametrize("bound", [0.5, 0.1])
def test_kept_days_and_a_refresh_hold_what_is_counted_anew(
    source: PrometheusSource, bound: float, tmp_path: Path
) -> None:
    one = measurement(source, "over_days", bound, DAYS)
    earlier = Grid.ending_at(DAYS.end_ms - 2 * HOUR_MS, 2 * DAY_MS + 2 * HOUR_MS)
    anew = build([one], Answering((source,)), DAYS)
    with Store.open(tmp_path / "s.duckdb") as beside:
        keeper = kept_beside(beside)
        first = build([one], Answering((source,)), earlier, keeper=keeper)
        kept = build([one], Answering((source,)), DAYS, keeper=keeper)
    refreshed = build([one], Answering((source,)), DAYS, previous=first)

    expected = anew.rows[one.key]
    assert float(expected.total.sum()) > 10_000
    for ledger in (kept, refreshed):
        row = ledger.rows[one.key]
        assert np.array_equal(row.total, expected.total)
        assert np.array_equal(row.good, expected.good)
        assert (row.upper is None) == (expected.upper is None) == (bound == 0.5)
        assert row.upper is None or np.array_equal(row.upper, expected.upper)


@pytest.mark.integration
def test_a_time_before_the_names_that_are_known_may_have_been_of_the_other_kind(source: PrometheusSource) -> None:
    """As for the window before this one, when the histogram was still classic."""
    late = Grid.ending_at(GRID.end_ms, HOUR_MS)
    source._types = lambda: {"switched": "histogram"}  # type: ignore[method-assign]
    one = latency_of(source, "switched", 0.5, late)
    assert "switched_count" in source.metric_names(late.range)
    assert source._native.alone("switched_count")

    row = build([one], Answering((source,)), GRID).rows[one.key]

    assert (float(row.good.sum()), float(row.total.sum())) == (true(0.5), true(math.inf))


@pytest.mark.integration
def test_buckets_are_read_where_a_histogram_was_and_not_only_at_the_ends(
    prometheus_server: Callable[..., prometheus_server.PrometheusServer],
) -> None:
    server = prometheus_server(flags=["--enable-feature=native-histograms"])
    middle = EVERY[HALF - 60 : HALF + 60]
    server.post(write_request([native("between", TIMES[middle], np.cumsum(EVENTS, axis=0)[middle], [3] * len(middle))]))
    source = PrometheusSource(PrometheusSettings(url=server.url))
    source._types = lambda: {"between": "histogram"}  # type: ignore[method-assign]

    assert row_of(source, "between", 2.0 ** (-7 / 8)).upper is None


@pytest.mark.integration
def test_classic_series_alone_cost_no_question_more(
    prometheus_server: Callable[..., prometheus_server.PrometheusServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = prometheus_server()
    server.write(classic("plain", TIMES, np.cumsum(EVENTS, axis=0)))
    source = PrometheusSource(PrometheusSettings(url=server.url))
    asked: list[str] = []
    opened = source.connection.session.open

    def noting(method: str, url: str, **options: Any) -> Any:
        asked.append(url.partition("?")[0].removeprefix(server.url))
        return opened(method, url, **options)

    monkeypatch.setattr(source.connection.session, "open", noting)

    row = row_of(source, "plain", 0.5)

    assert float(row.good.sum()) == true(0.5)
    # Names, types and label sets; then one question for the buckets and one for the counts.
    names = ["/api/v1/label/__name__/values", "/api/v1/metadata", "/api/v1/series"]
    assert sorted(asked) == sorted([*names, "/api/v1/read", "/api/v1/read"])


@pytest.mark.integration
def test_a_gauge_by_the_name_of_a_histogram_is_none(
    prometheus_server: Callable[..., prometheus_server.PrometheusServer],
) -> None:
    server = prometheus_server()
    other = ({"__name__": "plain", "job": "other", "instance": "b:1"}, TIMES, np.ones(len(TIMES)))
    server.write([other, *classic("plain", TIMES, np.cumsum(EVENTS, axis=0))])
    source = PrometheusSource(PrometheusSettings(url=server.url))
    source.metric_names(GRID.range)

    sets = source.inventory(InventoryRequest({"plain_count": ("job",), "plain_bucket": ("job", "le")}), GRID.range)

    assert sets.label_sets["plain_count"].rows == (("svc",),)
    assert sets.label_sets["plain_bucket"].rows == tuple(("svc", le) for le in ("+Inf", "0.1", "0.5", "1"))
    assert (float(row_of(source, "plain", 0.5).good.sum()), sets.problems) == (true(0.5), ())
