"""Increments: resets, births, gaps, edges; and the laws that any counting must keep."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import (
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    bad,
    bound,
    counter,
    events,
    handled,
    ledger_of,
    measured,
    row_of,
    scrapes,
    selector,
    total,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.ledger.increments import tally
from observatory.ledger.row import Row
from observatory.ledger.samples import fit
from observatory.sources.base import SampleSet
from observatory.telemetry.binding import SemanticKind
from observatory.windows import Grid, TimeRange

GRID = Grid.ending_at(END_MS, 2 * HOUR_MS)


def count(t_ms: list[int], values: list[float], kind: SemanticKind = "cumulative", grid: Grid = GRID) -> np.ndarray:
    samples = fit(SampleSet.of([({"__name__": "x"}, t_ms, values)]), 0, grid.end_ms)
    gaps = np.asarray([150_000])
    return tally(samples, np.zeros(1, np.int64), 1, grid, kind, gaps, {}).amount[0]


def minutes(*numbers: float) -> list[int]:
    return [GRID.start_ms + round(number * MINUTE_MS) for number in numbers]


def test_an_increment_belongs_to_the_step_of_the_later_sample() -> None:
    steps = count(minutes(0.9, 1.9, 2.9), [5, 8, 8])
    assert steps[:4].tolist() == [0, 3, 0, 0]


def test_a_sample_on_an_edge_belongs_to_the_step_that_ends_there() -> None:
    steps = count(minutes(0, 1, 2), [0, 1, 11])
    assert steps[:3].tolist() == [1, 10, 0]


def test_a_sample_on_the_start_of_the_grid_belongs_to_what_lies_before() -> None:
    steps = count(minutes(-1, 0, 1), [0, 50, 51])
    assert steps.sum() == 1


def test_a_reset_counts_the_new_value() -> None:
    steps = count(minutes(1, 2, 3), [100, 4, 6])
    assert steps[:3].tolist() == [0, 4, 2]


def test_a_reset_to_zero_counts_nothing() -> None:
    assert count(minutes(1, 2), [100, 0]).sum() == 0


def test_a_position_that_falls_a_little_is_no_event() -> None:
    assert count(minutes(1, 2, 3), [1000, 990, 1000], "position").tolist()[:3] == [0, 0, 10]


def test_a_position_that_falls_to_less_than_half_starts_from_zero() -> None:
    assert count(minutes(1, 2, 3), [1000, 12, 20], "position").tolist()[:3] == [0, 12, 8]


def test_only_rises_of_a_rising_level_count() -> None:
    assert count(minutes(1, 2, 3, 4), [3, 5, 1, 2], "rising_level").tolist()[:4] == [0, 2, 0, 1]


def test_a_rate_counts_its_value_times_the_time() -> None:
    assert count(minutes(1, 2), [7, 2], "rate").tolist()[:2] == [0, 120]


def test_a_rate_after_a_gap_stands_for_one_scrape_and_not_for_the_gap() -> None:
    assert count(minutes(1, 2, 3, 33, 34), [10, 10, 10, 500, 500], "rate").tolist()[30:34] == [0, 0, 30_000, 30_000]


def test_a_rate_below_zero_takes_no_events_back() -> None:
    assert count(minutes(1, 2, 3), [7, -2, 2], "rate").tolist()[:3] == [0, 0, 120]


def test_events_of_a_gap_are_spread_evenly_and_none_is_lost() -> None:
    steps = count(minutes(1, 11), [0, 100])
    assert steps[:12].tolist() == pytest.approx([0, *[10] * 10, 0])


def test_a_gap_that_begins_before_the_grid_counts_in_proportion() -> None:
    assert count(minutes(-30, 30), [0, 60]).sum() == pytest.approx(30)


def test_a_stale_marker_ends_nothing_that_goes_on() -> None:
    assert count(minutes(1, 2, 3), [5, float("nan"), 9]).sum() == 4


def test_samples_out_of_order_and_repeated_are_put_right() -> None:
    assert count(minutes(3, 1, 2, 2), [9, 1, 4, 4]).tolist()[:3] == [0, 3, 5]


@pytest.mark.parametrize("first", [4, 7])
def test_of_two_values_at_one_instant_the_higher_counts_whichever_came_first(first: int) -> None:
    assert count(minutes(1, 2, 2, 3), [1, first, 11 - first, 9]).sum() == 8


def errors_born(at: int, value: float, *, target: str = "a:1") -> list[tuple[dict[str, str], np.ndarray, np.ndarray]]:
    t = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
    return [
        counter(handled("success"), t, 10.0),
        (handled("error", target), t[at:], np.full(len(t[at:]), value)),
    ]  # type: ignore[list-item]


def test_a_counter_born_at_one_is_one_event() -> None:
    row = row_of(errors_born(-30, 1.0), events(), GRID)
    assert bad(row) == 1.0
    assert row.recovered.births == 1.0


def test_a_counter_of_a_target_never_scraped_before_is_no_event() -> None:
    row = row_of(errors_born(-30, 4000.0, target="new:1"), events(), GRID)
    assert bad(row) == 0.0


def test_a_series_that_is_there_when_knowledge_begins_is_no_newcomer() -> None:
    t = scrapes(GRID.end_ms - HOUR_MS, GRID.end_ms)
    row = row_of([counter(handled("error"), t, 1.0, start=500.0)], events(), GRID)
    assert bad(row) == len(t) - 1


def test_a_series_born_in_a_gap_of_its_target_is_spread_over_the_gap() -> None:
    t = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
    away = (t > GRID.end_ms - HOUR_MS) & (t <= GRID.end_ms - HOUR_MS // 2)
    late = t > GRID.end_ms - HOUR_MS // 2
    series = [
        counter(handled("success"), t[~away], 10.0),
        (handled("error"), t[late], np.full(late.sum(), 60.0)),
    ]
    row = row_of(series, events(), GRID)
    errors = row.total - row.good
    assert errors.sum() == pytest.approx(60.0)
    assert errors[-55:-35] == pytest.approx(np.full(20, 60 / 31), rel=0.05)


def test_a_new_partition_is_a_place_in_a_log_and_no_event() -> None:
    t = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
    labels = {"__name__": "offset", "job": "k", "instance": "k:1"}
    series = [
        ({**labels, "partition": "0"}, t, 10.0 * np.arange(len(t))),
        ({**labels, "partition": "1"}, t[-40:], 9_000_000.0 + np.arange(40)),
    ]
    binding = bound("enqueued_messages", selector("offset"), "position")
    indicator = Indicator(
        sli="availability", total=Count("enqueued_messages"), good=Count("enqueued_messages"), measure="x"
    )
    row = row_of(series, measured(indicator, (binding,)), GRID)
    assert total(row) == 10.0 * 120 + 39


def test_success_is_all_without_errors_where_only_these_are_exported() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    all_of = {"__name__": "all_total", "job": "j", "instance": "i"}
    wrong = {"__name__": "wrong_total", "job": "j", "instance": "i"}
    binding = bound("published_messages", selector("all_total"), error=(bound("x", selector("wrong_total")).all[0],))
    indicator = Indicator(
        sli="availability",
        total=Count("published_messages"),
        good=Count("published_messages", "success"),
        measure="x",
    )
    row = row_of([counter(all_of, t, 10.0), counter(wrong, t, 1.0)], measured(indicator, (binding,)), GRID)
    assert (float(row.good.sum()), total(row)) == (9.0 * 120, 10.0 * 120)


increases = st.lists(st.integers(0, 1000), min_size=3, max_size=120)


@given(increases, st.integers(1, 119), st.integers(0, 59_999))
@settings(max_examples=60, deadline=None)
def test_parts_of_a_range_add_up_to_the_whole(rises: list[int], cut: int, phase: int) -> None:
    t = [GRID.start_ms - 60_000 + phase + index * MINUTE_MS for index in range(len(rises))]
    values = np.cumsum(rises).astype(float).tolist()
    early = Grid(GRID.start_ms, MINUTE_MS, cut)
    late = Grid(early.end_ms, MINUTE_MS, GRID.steps - cut)
    whole = count(t, values)
    parts = np.concatenate((count(t, values, grid=early), count_after(t, values, late)))
    assert parts.tolist() == whole.tolist()


def count_after(t_ms: list[int], values: list[float], grid: Grid) -> np.ndarray:
    return count([t for t in t_ms if t <= grid.end_ms], values[: len([t for t in t_ms if t <= grid.end_ms])], grid=grid)


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=40), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_samples_does_not_matter(values: list[int], random: object) -> None:
    pairs = [(GRID.start_ms + (index + 1) * MINUTE_MS, float(value)) for index, value in enumerate(values)]
    straight = count([t for t, _ in pairs], [v for _, v in pairs])
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert count([t for t, _ in pairs], [v for _, v in pairs]).tolist() == straight.tolist()


@given(st.lists(st.integers(0, 50), min_size=5, max_size=100), st.lists(st.integers(1, 99), max_size=5))
@settings(max_examples=60, deadline=None)
def test_restarts_lose_nothing_that_was_scraped(rises: list[int], restarts: list[int]) -> None:
    value, values = 0.0, []
    seen = 0.0
    for index, rise in enumerate(rises):
        restarted = index in restarts and rise < value
        value = float(rise) if restarted else value + rise
        seen += rise if index else 0.0
        values.append(value)
    t = [GRID.start_ms + (index + 1) * MINUTE_MS for index in range(len(values))]
    assert count(t, values).sum() == seen


def test_the_findings_of_a_row_can_be_told_for_any_part() -> None:
    row: Row = row_of(errors_born(-30, 1.0), events(), GRID)
    half = TimeRange(GRID.start_ms, GRID.start_ms + HOUR_MS)
    assert row.findings.between(half).births == 0.0
    assert row.findings.between(GRID.range).births == 1.0


FIVE_MINUTES = 5 * MINUTE_MS


def count_totals(t_ms: list[int], values: list[float], period_ms: int = FIVE_MINUTES) -> np.ndarray:
    samples = fit(SampleSet.of([({"__name__": "sent_sum"}, t_ms, values)]), 0, GRID.end_ms)
    groups, periods = np.zeros(1, np.int64), np.asarray([period_ms])
    return tally(samples, groups, 1, GRID, "period_total", periods, {}).amount[0]


def test_the_total_of_a_period_counts_once_however_often_it_is_scraped() -> None:
    # Two periods of equal totals cannot be told apart by their values: their time can.
    shown = [7, *[100] * 5, *[100] * 5, *[40] * 5]
    steps = count_totals(minutes(*range(1, 17)), shown)
    assert steps.sum() == pytest.approx(240)
    assert steps[1:4].tolist() == [20, 20, 20]


def test_totals_that_carry_the_time_of_their_period_count_whole() -> None:
    steps = count_totals(minutes(5, 10, 15), [7, 100, 40])
    assert steps.sum() == 140
    assert (steps[9], steps[14]) == (100, 40)


def test_a_total_after_an_idle_hour_counts_once_and_not_for_the_hour() -> None:
    assert count_totals(minutes(5, 65), [7, 3]).sum() == 3


def test_a_total_that_falls_is_no_reset() -> None:
    assert count_totals(minutes(1, 2, 3), [50, 50, 10], MINUTE_MS).tolist()[:3] == [0, 50, 10]


@given(
    totals=st.lists(st.integers(0, 1000), min_size=1, max_size=12),
    scrape_s=st.sampled_from([15, 30, 60, 100, 150, 300]),
)
@settings(max_examples=50, deadline=None)
def test_any_scrape_interval_that_divides_the_period_counts_every_total(totals: list[int], scrape_s: int) -> None:
    per_period = 300 // scrape_s
    values = [0.0, *(float(total) for total in totals for _ in range(per_period))]
    t_ms = [GRID.start_ms + 1000 * (1 + scrape_s * index) for index in range(len(values))]
    assert count_totals(t_ms, values).sum() == pytest.approx(sum(totals))


def shaken(history: float, lows: dict[int, float], lasting: bool = False) -> Row:
    """Ten events a minute upon a history, with some samples lower than they should be, or all from one on."""
    t = scrapes(END_MS - 25 * HOUR_MS, END_MS)
    values = history + 10.0 * np.arange(len(t))
    for at, low in lows.items():
        values[slice(at, None) if lasting else at] -= low if low >= 0 else values[at]
    grid = Grid.ending_at(END_MS, 24 * HOUR_MS)
    return row_of([(handled("success"), t, values)], events(), grid)


@pytest.mark.parametrize("history", [300.0, 5e6])
@pytest.mark.parametrize(
    "lows",
    [{700: 3.0}, {700: -1.0}, dict.fromkeys(range(100, 1400, 7), 12.0), dict.fromkeys((700, 701, 702, 703), -1.0)],
)
def test_a_counter_that_is_lower_for_a_moment_did_not_begin_anew(history: float, lows: dict[int, float]) -> None:
    """Two servers that write one series, an old answer, a target that shows nothing for once, or while it warms up."""
    row = shaken(history, lows)
    assert total(row) == 10.0 * 1440
    assert row.recovered.resets == 0


def test_a_sum_that_loses_a_part_counts_on_from_there() -> None:
    row = shaken(5e6, {700: 800.0}, lasting=True)
    assert total(row) == 10.0 * 1439
    assert row.recovered.resets == 0


def test_a_process_that_counts_on_from_zero_is_no_moment_however_soon_it_has_passed_the_old_value() -> None:
    t = scrapes(END_MS - 25 * HOUR_MS, END_MS)
    values = 10.0 * np.arange(len(t))
    values[700:] -= values[700]
    values[:700] -= values[:700].max() - 45.0
    row = row_of([(handled("success"), t, np.maximum(values, 0.0))], events(), Grid.ending_at(END_MS, 24 * HOUR_MS))
    assert (total(row), row.recovered.resets) == (45.0 + 10.0 * (len(t) - 701), 1)


def test_a_restart_that_is_soon_as_high_as_before_counts_in_full() -> None:
    """What restarts every other scrape counts fast enough to be back at once."""
    t = scrapes(END_MS - 25 * HOUR_MS, END_MS)
    values = np.resize([400.0, 100.0, 450.0], len(t))
    row = row_of([(handled("success"), t, values)], events(), Grid.ending_at(END_MS, 24 * HOUR_MS))
    assert total(row) == (100.0 + 350.0 + 400.0) * 480


def test_two_servers_that_take_turns_in_one_series_count_what_one_of_them_sees() -> None:
    """The second one is read a moment earlier than its samples say, all the time."""
    t = scrapes(END_MS - 25 * HOUR_MS, END_MS, 30_000)
    values = 4_000.0 + 5.0 * np.arange(len(t)) - np.where(np.arange(len(t)) % 2, 8.0, 0.0)
    row = row_of([(handled("success"), t, values)], events(), Grid.ending_at(END_MS, 24 * HOUR_MS))
    assert total(row) == pytest.approx(10.0 * 1440, abs=10)


def test_a_zero_that_a_server_notes_for_when_a_counter_began_is_a_restart() -> None:
    """Prometheus can write it between two scrapes; one error before it and one after it are two."""
    t = scrapes(END_MS - 25 * HOUR_MS, END_MS)
    values = np.where(np.arange(len(t)) < 700, 0.0, 1.0)
    noted = int(t[700]) + 20_000
    row = row_of(
        [(handled("error"), np.insert(t, 701, noted), np.insert(values, 701, 0.0))],
        events(),
        Grid.ending_at(END_MS, 24 * HOUR_MS),
    )
    assert total(row) == 2.0


@pytest.mark.parametrize("told", ["by another counter", "by its process", "not at all"])
def test_a_new_process_may_go_through_a_backlog_at_once(told: str) -> None:
    """It handles five thousand in its first minute, where ten were usual; that it is new must be told otherwise."""
    t = scrapes(END_MS - 25 * HOUR_MS, END_MS)
    new = t > END_MS - 10 * HOUR_MS
    values = np.where(new, 5_000.0 - 10.0 * (~new).sum(), 50_000.0) + 10.0 * np.arange(len(t))
    series = [(handled("success"), t, values)]
    if told == "by another counter":
        series.append((handled("error"), t, np.where(new, 0.0, 12.0)))
    if told == "by its process":
        start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": "a:1"}
        series.append((start, t, np.where(new, END_MS / 1000 - 36_030, END_MS / 1000 - 1e6)))
    row = row_of(series, events(), Grid.ending_at(END_MS, 24 * HOUR_MS))
    assert total(row) == 10.0 * 1439 + (0.0 if told == "not at all" else 5_000.0)


@pytest.mark.parametrize(
    ("rises", "told"),
    [
        (np.random.default_rng(1).integers(0, 50, 1500).astype(float), True),  # a gauge
        (np.random.default_rng(2).poisson(60, 1500).astype(float), True),  # events since the last scrape
        (np.arange(1500.0) % 10, False),  # restarts every ten minutes
    ],
)
def test_a_counter_that_falls_in_many_scrapes_is_doubted_aloud(rises: np.ndarray, told: bool) -> None:
    t = scrapes(END_MS - 25 * HOUR_MS, END_MS)
    half = t > END_MS - 12 * HOUR_MS
    values = np.where(half, rises[: len(t)], 5.0 * np.arange(len(t)))
    found = ledger_of([(handled("success"), t, values)], [events()], Grid.ending_at(END_MS, 24 * HOUR_MS)).problems
    assert [problem.code for problem in found] == (["counter-falls"] if told else [])
    for problem in found:
        assert problem.message.startswith("counters of svc at a:1 (handled_total) fell in ")
        assert " of the 60 scrapes of the hour since 2026-11-19T" in problem.message
