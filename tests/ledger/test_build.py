"""The ledger as a whole: few requests, tails only, sources that fail, spans, histograms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from counting_cases import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    Answering,
    bad,
    bound,
    counter,
    events,
    gauge,
    handled,
    measured,
    row_of,
    scrapes,
    selector,
    slices,
    store_of,
    total,
)

from observatory.errors import Problem, SourceFailed
from observatory.indicators.expression import Count, CountAtMost, Level
from observatory.indicators.indicator import Indicator
from observatory.ledger.build import build
from observatory.sources.base import SampleSet, SeriesRequest, Span
from observatory.sources.store import Store
from observatory.telemetry.binding import SpanBinding, SpanSelector
from observatory.windows import Grid, TimeRange

GRID = Grid.ending_at(END_MS, 6 * HOUR_MS)


@dataclass
class Watched:
    """A store that notes what it is asked, and fails when told to."""

    store: Store
    asked: list[SeriesRequest] = field(default_factory=list)
    broken: bool = False
    name: str = "store"

    def samples(self, request: SeriesRequest) -> SampleSet:
        self.asked.append(request)
        if self.broken:
            raise SourceFailed(Problem(code="source-refused", message="no connection"))
        return self.store.samples(request)


def channels(count: int) -> list[tuple[dict[str, str], np.ndarray, np.ndarray]]:
    t = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
    return [
        counter(handled(outcome, channel=f"c{number}"), t, float(number + 1))
        for number in range(count)
        for outcome in ("success", "error")
    ]  # type: ignore[return-value]


@pytest.mark.parametrize("count", [1, 30, 250])
def test_requests_do_not_grow_with_channels(count: int) -> None:
    with store_of(channels(count)) as store:
        source = Watched(store)
        measurements = [events(channel=f"c{number}") for number in range(count)]
        ledger = build(measurements, Answering((source,)), GRID)  # type: ignore[arg-type]
    assert len(source.asked) == 1
    assert [total(ledger.rows[one.key]) for one in measurements] == [720.0 * (n + 1) for n in range(count)]


def test_objectives_that_share_a_measurement_share_its_row() -> None:
    with store_of(channels(1)) as store:
        source = Watched(store)
        ledger = build([events(channel="c0"), events(channel="c0")], Answering((source,)), GRID)  # type: ignore[arg-type]
    assert len(ledger.rows) == 1


def test_a_refresh_reads_the_tail_only_and_gives_the_same_counts() -> None:
    measurement = events(channel="c0")
    earlier = Grid.ending_at(END_MS - 30 * MINUTE_MS, 6 * HOUR_MS)
    with store_of(channels(2)) as store:
        source = Watched(store)
        before = build([measurement], Answering((source,)), earlier)  # type: ignore[arg-type]
        refreshed = build([measurement], Answering((source,)), GRID, previous=before)  # type: ignore[arg-type]
        whole = build([measurement], Answering((store,)), GRID)
    first, second = source.asked
    assert first.range.start_ms == earlier.start_ms - HOUR_MS
    assert second.range == TimeRange(earlier.end_ms - 10 * MINUTE_MS - HOUR_MS, GRID.end_ms)
    row, truth = refreshed.rows[measurement.key], whole.rows[measurement.key]
    assert row.total.tolist() == truth.total.tolist()
    assert row.good.tolist() == truth.good.tolist()
    assert row.observed.tolist() == truth.observed.tolist()


def test_an_earlier_instant_is_counted_anew_and_not_cut_from_a_later_ledger() -> None:
    measurement = events(channel="c0")
    earlier = Grid.ending_at(END_MS - 60 * MINUTE_MS, 6 * HOUR_MS)
    with store_of(channels(1)) as store:
        later = build([measurement], Answering((store,)), GRID)
        back = build([measurement], Answering((store,)), earlier, previous=later)
    assert total(back.rows[measurement.key]) == 2.0 * 360


def test_samples_that_come_late_are_counted_by_the_next_refresh() -> None:
    measurement = events()
    labels, t, values = counter(handled("success"), scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms), 10.0)
    t, values = np.asarray(t), np.asarray(values)
    earlier = Grid.ending_at(END_MS - 5 * MINUTE_MS, 6 * HOUR_MS)
    with Store.open(None) as store:
        early = t <= earlier.end_ms - 4 * MINUTE_MS
        store.append_samples(SampleSet.of([(labels, t[early], values[early])]))
        before = build([measurement], Answering((store,)), earlier)
        store.append_samples(SampleSet.of([(labels, t[~early], values[~early])]))
        after = build([measurement], Answering((store,)), GRID, previous=before)
    assert total(after.rows[measurement.key]) == 10.0 * 360


def test_a_new_objective_is_read_in_full_beside_the_tail_of_the_others() -> None:
    earlier = Grid.ending_at(END_MS - 30 * MINUTE_MS, 6 * HOUR_MS)
    old, new = events(channel="c0"), events(channel="c1")
    with store_of(channels(2)) as store:
        before = build([old], Answering((store,)), earlier)
        after = build([old, new], Answering((store,)), GRID, previous=before)
    assert (total(after.rows[old.key]), total(after.rows[new.key])) == (720.0, 1440.0)


def test_a_source_that_fails_later_keeps_what_was_counted_and_says_so() -> None:
    earlier = Grid.ending_at(END_MS - 60 * MINUTE_MS, 6 * HOUR_MS)
    measurement = events(channel="c0")
    with store_of(channels(1)) as store:
        source = Watched(store)
        before = build([measurement], Answering((source,)), earlier)  # type: ignore[arg-type]
        source.broken = True
        after = build([measurement], Answering((source,)), GRID, previous=before)  # type: ignore[arg-type]
    row = after.rows[measurement.key]
    assert [problem.code for problem in after.problems] == ["source-refused"]
    assert total(row) == 2.0 * (360 - 60)
    assert float(row.observed[-60:].sum()) == 0.0


def test_a_measurement_whose_source_failed_has_no_row() -> None:
    with store_of(channels(1)) as store:
        ledger = build([events(channel="c0")], Answering((Watched(store, broken=True),)), GRID)  # type: ignore[arg-type]
    assert ledger.rows == {}
    assert [problem.code for problem in ledger.problems] == ["source-refused"]


def test_levels_are_kept_and_continued() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    labels = {"__name__": "depth", "job": "r", "instance": "r:1"}
    measurement = gauge("depth", 100.0)
    earlier = Grid.ending_at(END_MS - 30 * MINUTE_MS, 6 * HOUR_MS)
    with store_of([(labels, t, np.arange(len(t), dtype=float))]) as store:
        before = build([measurement], Answering((store,)), earlier)
        after = build([measurement], Answering((store,)), GRID, previous=before)
        whole = build([measurement], Answering((store,)), GRID)
    row, truth = after.rows[measurement.key], whole.rows[measurement.key]
    assert row.level is not None
    assert truth.level is not None
    assert row.level.tolist() == truth.level.tolist()
    assert row.good.tolist() == truth.good.tolist()


def test_an_idle_share_is_judged_by_what_is_in_use() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    idle = np.where(np.arange(len(t)) >= len(t) - 30, 10.0, 80.0)
    series = [
        ({"__name__": "idle", "job": "b", "instance": "b:1"}, t, idle),
        ({"__name__": "idle", "job": "b", "instance": "b:2"}, t, np.full(len(t), 60.0)),
    ]
    measurement = slices(Level("broker_load"), 0.5, bound("broker_load", selector("idle"), "idle_level", scale=0.01))

    row = row_of(series, measurement, GRID)

    assert row.level is not None
    assert row.level[-40:].tolist() == pytest.approx([0.4] * 10 + [0.9] * 30)
    assert row.total.sum() - row.good.sum() == 30


def latency(bound_at: float, scale: float = 1.0) -> tuple[object, ...]:
    binding = bound(
        "process_duration",
        selector("took"),
        "distribution",
        scale=scale,
        boundaries=((0.1, "0.1"), (0.5, "0.5"), (1.0, "1.0"), (1.0, "1")),
    )
    indicator = Indicator(
        sli="latency",
        total=Count("process_duration"),
        good=CountAtMost("process_duration", bound_at),
        measure="processing",
    )
    return (measured(indicator, (binding,)),)


def histogram() -> list[tuple[dict[str, str], np.ndarray, np.ndarray]]:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    own = {"job": "j", "instance": "i"}
    series = [counter({**own, "__name__": "took_count"}, t, 10.0)]
    for le, rate in (("0.1", 2.0), ("0.5", 6.0), ("1.0", 9.0), ("+Inf", 10.0)):
        series.append(counter({**own, "__name__": "took_bucket", "le": le}, t, rate))
    return series  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("bound_at", "good", "upper"),
    [(0.5, 6.0, None), (1.0, 9.0, None), (0.3, 2.0, 6.0), (3.0, 9.0, 10.0), (0.05, 0.0, 2.0)],
)
def test_a_bound_is_counted_exactly_on_a_boundary_and_from_below_between(
    bound_at: float, good: float, upper: float | None
) -> None:
    (measurement,) = latency(bound_at)
    with store_of(histogram()) as store:
        row = build([measurement], Answering((store,)), GRID).rows[measurement.key]  # type: ignore[list-item, attr-defined]
    assert (float(row.good.sum()), total(row)) == (good * 360, 3600.0)
    assert (None if row.upper is None else float(row.upper.sum())) == (None if upper is None else upper * 360)


def test_milliseconds_meet_their_boundary_in_seconds() -> None:
    (measurement,) = latency(0.0005, scale=0.001)
    with store_of(histogram()) as store:
        row = build([measurement], Answering((store,)), GRID).rows[measurement.key]  # type: ignore[list-item, attr-defined]
    assert float(row.good.sum()) == 6.0 * 360


def hop(number: int, seconds: float, failed: bool = False) -> tuple[Span, Span]:
    start = (GRID.start_ms + 60_000 * (number + 1) - 30_000) * 1_000_000
    common = {"trace_id": f"{number + 1:032x}", "system": "kafka", "destination": "orders"}
    producer = Span(
        **common, span_id=f"{number + 1:016x}", parent_span_id="", name="send", kind="producer", service="shop",
        start_ns=start, end_ns=start + 1_000_000,
    )  # fmt: skip
    begin = start + 1_000_000 + round(seconds * 1e9)
    consumer = Span(
        **common, span_id=f"{number + 10_000:016x}", parent_span_id=producer.span_id, name="process", kind="consumer",
        service="billing", start_ns=begin, end_ns=begin + 5_000_000, error=failed,
    )  # fmt: skip
    return producer, consumer


def test_hops_from_spans_are_counted_by_their_latency() -> None:
    binding = SpanBinding(
        signal="end_to_end_latency",
        source="store",
        profile="spans",
        selector=SpanSelector(destinations=("orders",), service="billing"),
        liveness="live",
    )
    indicator = Indicator(
        sli="latency",
        total=Count("end_to_end_latency"),
        good=CountAtMost("end_to_end_latency", 1.0),
        measure="end-start",
    )
    measurement = measured(indicator, (binding,))
    with Store.open(None) as store:
        store.append_spans(span for number in range(20) for span in hop(number, 3.0 if number % 4 == 0 else 0.2))
        row = build([measurement], Answering((store,), (store,)), GRID).rows[measurement.key]
    assert (float(row.good.sum()), total(row)) == (15.0, 20.0)


def test_messages_from_spans_are_counted_by_their_outcome() -> None:
    binding = SpanBinding(
        signal="processed_messages",
        source="store",
        profile="spans",
        selector=SpanSelector(destinations=("orders",), service="billing"),
        liveness="live",
    )
    indicator = Indicator(
        sli="availability",
        total=Count("processed_messages"),
        good=Count("processed_messages", "success"),
        measure="processed without error",
    )
    measurement = measured(indicator, (binding,))
    with Store.open(None) as store:
        store.append_spans(span for number in range(20) for span in hop(number, 0.1, failed=number < 3))
        row = build([measurement], Answering((store,), (store,)), GRID).rows[measurement.key]
    assert (bad(row), total(row)) == (3.0, 20.0)


@pytest.mark.parametrize("gone_hours", [2, 30])
def test_a_series_that_is_gone_from_a_target_that_goes_on_is_seen_alike_by_a_refresh_and_anew(gone_hours: int) -> None:
    """The consumer of a topic ended; its process is scraped on, as another counter of it shows: nothing happened."""
    t = scrapes(END_MS - 3 * DAY_MS, END_MS)
    held = t <= END_MS - gone_hours * HOUR_MS
    other = {"__name__": "other_total", "job": "svc", "instance": "a:1", "outcome": "success"}
    series = [(handled("success"), t[held], np.cumsum(np.ones(int(held.sum())))), counter(other, t, 1.0)]
    wanted = [events(), events("other_total")]
    with store_of(series) as store:
        anew = build(wanted, Answering((store,)), Grid.ending_at(END_MS, 2 * DAY_MS)).rows[wanted[0].key]
        ledger = None
        for late in (80, 40, 5, 0):
            grid = Grid.ending_at(END_MS - late * MINUTE_MS, 2 * DAY_MS)
            ledger = build(wanted, Answering((store,)), grid, previous=ledger)
    assert ledger is not None
    refreshed = ledger.rows[wanted[0].key]
    assert anew.observed.sum() == 2 * DAY_MS / 1000
    assert refreshed.observed.tolist() == anew.observed.tolist()
    assert refreshed.total.tolist() == anew.total.tolist()
