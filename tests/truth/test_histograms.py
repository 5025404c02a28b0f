"""Latency by classic histograms against the truth: on a boundary exact, between two or after a change within bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, Answering, Series, measured, scrapes, selector, store_of
from prometheus_server import PrometheusServer, openmetrics

from observatory.indicators.expression import Count, CountAtMost
from observatory.indicators.indicator import Indicator
from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.base import MetricSource, SampleSet, SeriesRequest
from observatory.sources.prometheus import PrometheusSource
from observatory.telemetry.binding import MetricBinding, Term
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 48 * HOUR_MS)
TIMES = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
HALF = len(TIMES) // 2
BOUND = 0.5
LATENCIES = np.array([0.05, 0.2, 0.3, 0.45, 0.6, 0.9, 2.0, 9.0])
"""Of every eight messages one of each: half of them are in time."""


def exposed(
    t_ms: np.ndarray, boundaries: Sequence[float], *, instance: str = "a:1", start: float = 0.0, texts: str = "g"
) -> list[Series]:
    """A histogram with these boundaries that takes eight messages until each scrape, from `start` earlier ones on."""
    scraped = start / 8 + np.arange(1, len(t_ms) + 1)
    labels = {"job": "svc", "instance": instance}
    series: list[Series] = [
        (
            {"__name__": "seconds_bucket", "le": format(le, texts), **labels},
            t_ms,
            scraped * float((le >= LATENCIES).sum()),
        )
        for le in boundaries
    ]
    series.append(({"__name__": "seconds_bucket", "le": "+Inf", **labels}, t_ms, scraped * 8.0))
    series.append(({"__name__": "seconds_count", **labels}, t_ms, scraped * 8.0))
    return series


def latency(*boundaries: float, texts: str = "g", source: str = "store") -> MetricBinding:
    known = [*sorted({(value, format(value, texts)) for value in boundaries}), (float("inf"), "+Inf")]
    return MetricBinding(
        signal="processing_latency",
        source=source,
        profile="test",
        kind="distribution",
        all=(Term(1, selector("seconds")),),
        boundaries=tuple(known),
        liveness="live",
    )


def row_of(series: list[Series], binding: MetricBinding, grid: Grid = GRID, bound: float = BOUND) -> Row:
    with store_of(series) as store:
        return counted(store, binding, grid, bound)


def counted(source: MetricSource, binding: MetricBinding, grid: Grid = GRID, bound: float = BOUND) -> Row:
    signal = "processing_latency"
    indicator = Indicator(sli="latency", total=Count(signal), good=CountAtMost(signal, bound), measure="in time")
    measurement = measured(indicator, (binding,))
    return build([measurement], Answering((source,)), grid).rows[measurement.key]


SEEN = int(((GRID.start_ms < TIMES) & (GRID.end_ms >= TIMES)).sum())
TRUTH, TOTAL = 4.0 * SEEN, 8.0 * SEEN


def test_a_threshold_on_a_boundary_is_exact() -> None:
    row = row_of(exposed(TIMES, (0.1, 0.5, 1.0)), latency(0.1, 0.5, 1.0))

    assert (float(row.good.sum()), float(row.total.sum()), row.upper) == (TRUTH, TOTAL, None)


def test_between_two_boundaries_the_truth_lies_between_both_counts() -> None:
    row = row_of(exposed(TIMES, (0.1, 0.25, 1.0)), latency(0.1, 0.25, 1.0))

    assert row.upper is not None
    assert (float(row.good.sum()), float(row.upper.sum())) == (2.0 * SEEN, 6.0 * SEEN)


def changed(before: Sequence[float], after: Sequence[float]) -> tuple[list[Series], MetricBinding]:
    """A new release in mid-window: the process begins anew, with other boundaries."""
    series = exposed(TIMES[:HALF], before, start=8e5) + exposed(TIMES[HALF:], after)
    return series, latency(*before, *after)


EARLY = int((TIMES[:HALF] > GRID.start_ms).sum())
LATE = SEEN - EARLY


@pytest.mark.parametrize(
    ("before", "after", "least", "most"),
    [
        ((0.1, 1.0, 2.5), (0.25, 0.5, 1.0), 1 * EARLY + 4 * LATE, 6 * EARLY + 4 * LATE),
        ((0.1, 0.5, 1.0), (0.25, 0.4, 3.0), 4 * EARLY + 3 * LATE, 4 * EARLY + 7 * LATE),
        ((0.1, 0.5, 1.0), (0.25, 0.5, 0.75), 4 * SEEN, 4 * SEEN),
        ((0.1,), (1.0,), 1 * EARLY, 8 * EARLY + 6 * LATE),
        ((1.0, 2.0), (0.5,), 4 * LATE, 6 * EARLY + 4 * LATE),
    ],
)
def test_a_histogram_that_changes_its_buckets_counts_each_part_by_the_buckets_it_had(
    before: Sequence[float], after: Sequence[float], least: float, most: float
) -> None:
    row = row_of(*changed(before, after))

    upper = row.good if row.upper is None else row.upper
    assert float(row.total.sum()) == TOTAL
    assert (float(row.good.sum()), float(upper.sum())) == (least, most)
    assert least <= TRUTH <= most


@pytest.mark.integration
def test_a_histogram_that_changes_its_buckets_on_a_real_prometheus(
    prometheus_server: Callable[..., PrometheusServer],
) -> None:
    before, after = (0.1, 0.5, 1.0), (0.25, 0.4, 3.0)
    series, _ = changed(before, after)
    server = prometheus_server(history=openmetrics(series), block="486h")
    source = PrometheusSource(PrometheusSettings(url=server.url))

    row = counted(source, latency(*before, *after, source="metrics"))

    assert row.upper is not None
    assert float(row.total.sum()) == TOTAL
    assert (float(row.good.sum()), float(row.upper.sum())) == (4.0 * EARLY + 3 * LATE, 4.0 * EARLY + 7 * LATE)


@pytest.mark.integration
def test_pods_of_other_buckets_leave_what_a_server_counts_within_bounds(
    prometheus_server: Callable[..., PrometheusServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pod lacks the bucket in the second half: of the sum of both nothing shows it."""
    series = [*exposed(TIMES, (0.1, 0.5)), *exposed(TIMES[:HALF], (0.1, 0.5), instance="b:1")]
    series += exposed(TIMES[HALF:], (0.1, 0.25), instance="b:1", start=8.0 * HALF)
    source = PrometheusSource(PrometheusSettings(url=prometheus_server(history=openmetrics(series), block="486h").url))

    def refuse(request: SeriesRequest) -> SampleSet:
        raise source._refuse_size(request.metric)

    monkeypatch.setattr(source, "samples", refuse)

    row = counted(source, latency(0.1, 0.25, 0.5, source="metrics"))

    assert row.counting == "pushdown"
    assert row.upper is not None
    good, upper, total = (float(line.sum()) for line in (row.good, row.upper, row.total))
    assert total == pytest.approx(2 * TOTAL, abs=2 * 5 * 16)
    assert good == pytest.approx(TRUTH + 4.0 * EARLY, abs=2 * 5 * 8)
    assert good < 2 * TRUTH < upper
    before = slice(0, 60 * (int(TIMES[HALF] - GRID.start_ms) // HOUR_MS))
    assert (row.upper[before] == row.good[before]).all()


def test_a_bucket_that_a_relabelling_drops_leaves_the_rest_of_the_window_within_bounds() -> None:
    series = [
        (labels, t[:HALF], values[:HALF]) if labels.get("le") == "0.5" else (labels, t, values)
        for labels, t, values in exposed(TIMES, (0.1, 0.25, 0.5, 1.0), start=8e5)
    ]

    row = row_of(series, latency(0.1, 0.25, 0.5, 1.0))

    assert row.upper is not None
    assert (float(row.good.sum()), float(row.upper.sum())) == (4 * EARLY + 2 * LATE, 4 * EARLY + 6 * LATE)


def test_a_bucket_that_appears_while_its_histogram_goes_on_brings_no_history() -> None:
    series = [
        (labels, t[HALF:], values[HALF:]) if labels.get("le") == "0.5" else (labels, t, values)
        for labels, t, values in exposed(TIMES, (0.1, 0.25, 0.5, 1.0), start=8e5)
    ]

    row = row_of(series, latency(0.1, 0.25, 0.5, 1.0))

    assert row.upper is not None
    # The scrape that shows the bucket first says nothing about what it counted since the one before.
    unknown = EARLY + 1
    assert float(row.good.sum()) == 2 * unknown + 4 * (SEEN - unknown)
    assert float(row.upper.sum()) == 6 * unknown + 4 * (SEEN - unknown)


def test_two_releases_side_by_side_are_each_counted_by_their_own_buckets() -> None:
    series = exposed(TIMES, (0.1, 0.5, 1.0)) + exposed(TIMES, (0.25, 1.0), instance="b:1")

    row = row_of(series, latency(0.1, 0.25, 0.5, 1.0))

    assert row.upper is not None
    assert (float(row.good.sum()), float(row.upper.sum())) == ((4 + 2) * SEEN, (4 + 6) * SEEN)


def test_a_boundary_that_a_new_client_library_writes_otherwise_is_the_same() -> None:
    series = exposed(TIMES[:HALF], (0.5, 1.0), start=8e5) + exposed(TIMES[HALF:], (0.5, 1.0), texts=".2f")
    binding = latency(0.5, 1.0)
    both = MetricBinding(
        signal=binding.signal,
        source=binding.source,
        profile=binding.profile,
        kind=binding.kind,
        all=binding.all,
        boundaries=(*latency(0.5, 1.0, texts=".2f").boundaries, *binding.boundaries),
        liveness="live",
    )

    row = row_of(series, both)

    assert (float(row.good.sum()), row.upper) == (TRUTH, None)


def test_a_gap_across_the_change_spreads_what_the_new_process_counted() -> None:
    series, binding = changed((0.1, 1.0), (0.5, 1.0))
    kept = [
        (labels, t[keep], values[keep])
        for labels, t, values in series
        if len(t[keep := (t <= TIMES[HALF - 1]) | (t > TIMES[HALF] + 3 * HOUR_MS)])
    ]

    row = row_of(kept, binding)

    assert row.upper is not None
    assert (float(row.good.sum()), float(row.upper.sum())) == pytest.approx(
        (1 * EARLY + 4 * LATE, 6 * EARLY + 4 * LATE), rel=1e-9
    )


def test_what_a_changed_histogram_counted_before_it_came_back_may_be_good() -> None:
    """It was dark for longer than is read with its buckets; its count is known to have gone on meanwhile."""
    series, binding = changed((0.1, 1.0), (0.5, 1.0))
    away = (TIMES[10] < TIMES) & (GRID.start_ms + 3 * HOUR_MS >= TIMES)
    kept = [(labels, t[~(inside := np.isin(t, TIMES[away]))], values[~inside]) for labels, t, values in series]

    row = row_of(kept, binding)

    assert row.upper is not None
    assert float(row.total.sum()) == pytest.approx(TOTAL, abs=8.0)
    missed = int(((GRID.start_ms < TIMES) & (GRID.start_ms + 3 * HOUR_MS >= TIMES)).sum())
    least = 1 * (EARLY - missed) + 4 * LATE
    assert least - 1 <= float(row.good.sum()) <= TRUTH <= float(row.upper.sum())


@pytest.mark.parametrize("away_hours", [0.0, 0.5, 5.0])
def test_a_histogram_begins_anew_as_a_whole(away_hours: float) -> None:
    """Its count fell from 3 to 2, and the bucket in time rose from 1 to 2: two new messages, both in time."""
    early = GRID.end_ms - 8 * HOUR_MS >= TIMES
    seen = early | (GRID.end_ms - round((8 - away_hours) * HOUR_MS) < TIMES)
    labels = {"job": "svc", "instance": "a:1"}
    count, fast = np.where(early, 3.0, 2.0)[seen], np.where(early, 1.0, 2.0)[seen]
    series: list[Series] = [
        ({"__name__": "seconds_count", **labels}, TIMES[seen], count),
        ({"__name__": "seconds_bucket", "le": "+Inf", **labels}, TIMES[seen], count),
        ({"__name__": "seconds_bucket", "le": "0.5", **labels}, TIMES[seen], fast),
    ]
    row = row_of(series, latency(0.5))
    assert (row.total.sum(), row.good.sum()) == (2.0, 2.0)
