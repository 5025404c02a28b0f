"""Freshness: how old the newest message is, by the rises of counters, with its error bar."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, bound, row_of, scrapes, selector, slices

from observatory.indicators.expression import Since
from observatory.ledger.freshness import rises_of, seconds_since
from observatory.ledger.levels import Level
from observatory.ledger.row import Row
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, HOUR_MS)


def since(*series: list[tuple[int, float]], born_at: float | None = None) -> list[tuple[float, float, bool]]:
    """Age, error and whether it is only at least that, at each sample; seconds."""
    times = [np.asarray([1000 * t for t, _ in one], np.int64) for one in series]
    rises = [
        rises_of(t_ms, np.asarray([value for _, value in one], float), born_at)
        for t_ms, one in zip(times, series, strict=True)
    ]
    found: Level = seconds_since(times, rises, [25_000] * len(times))
    assert found.error is not None
    assert found.at_least is not None
    return list(zip(found.value.tolist(), found.error.tolist(), found.at_least.tolist(), strict=True))


def test_a_rise_happened_half_way_between_two_scrapes_give_or_take() -> None:
    assert since([(0, 5), (10, 6), (20, 6), (30, 6)]) == [
        (0.0, 0.0, True),
        (5.0, 5.0, False),
        (15.0, 5.0, False),
        (25.0, 5.0, False),
    ]


def test_before_the_first_rise_the_age_is_at_least_the_time_that_was_seen() -> None:
    assert since([(0, 5), (10, 5), (20, 5)]) == [(0.0, 0.0, True), (10.0, 0.0, True), (20.0, 0.0, True)]


def test_the_newest_rise_of_any_partition_counts() -> None:
    ages = [age for age, *_ in since([(0, 5), (10, 6), (20, 6), (30, 6)], [(0, 1), (10, 1), (20, 2), (30, 2)])]
    assert ages == [0.0, 5.0, 5.0, 15.0]


def test_a_restart_that_has_counted_again_is_news_and_one_at_zero_is_not() -> None:
    assert [age for age, *_ in since([(0, 50), (10, 51), (20, 0), (30, 3)])] == [0.0, 5.0, 15.0, 5.0]


def test_a_series_that_is_born_with_a_message_is_news() -> None:
    assert since([(0, 1), (10, 1)], born_at=0.0) == [(5.0, 5.0, False), (15.0, 5.0, False)]


def test_a_gap_makes_the_error_as_wide_as_it_is() -> None:
    assert since([(0, 5), (10, 6), (310, 9)])[-1] == (150.0, 150.0, False)


def test_a_busy_series_is_not_old_because_an_idle_one_is_read_between_its_scrapes() -> None:
    busy = [(t, float(t)) for t in range(0, 301, 20)]
    idle = [(t, 0.0) for t in range(19, 301, 20)]
    ages = since(busy, idle)[2:]
    # Half a scrape at most by its rises; the bar holds everything from "just now" to "right after the scrape before".
    assert max(age for age, *_ in ages) == 10.0
    assert all(age - error <= 0.1 and age + error >= 19 for age, error, _ in ages if age != 10.0)


def test_while_one_of_two_is_not_scraped_the_bar_holds_what_it_may_have_seen() -> None:
    away = [(0, 1), (10, 2), (20, 3), (200, 90), (210, 91)]
    here = [(t, float(t == 210)) for t in range(0, 211, 10)]
    found = dict(zip(range(0, 211, 10), since(away, here), strict=True))
    age, error, _ = found[190]
    assert age - error <= 0.0
    assert age + error >= 170.0


def test_nothing_is_nothing() -> None:
    assert since([]) == []


def silent(minutes: range, threshold: float) -> Row:
    """A message a second, but for some minutes of the hour; scraped once a minute."""
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    quiet = (t > GRID.start_ms + minutes.start * MINUTE_MS) & (t <= GRID.start_ms + minutes.stop * MINUTE_MS)
    labels = {"__name__": "handled_total", "job": "b", "instance": "b:1"}
    measurement = slices(
        Since("processed_messages"), threshold, bound("processed_messages", selector("handled_total"), "cumulative")
    )
    return row_of([(labels, t, np.cumsum(np.where(quiet, 0.0, 60.0)))], measurement, GRID)


def test_slices_are_bad_once_silence_has_lasted_for_the_bound() -> None:
    row = silent(range(20, 30), 300.0)
    assert row.level is not None
    # Half a minute old at any scrape while messages come; then a minute more each minute, ten times.
    assert row.level[18:32].tolist() == pytest.approx([30, 30, *(30 + 60 * k for k in range(1, 11)), 30, 30])
    assert (float(row.good.sum()), float(row.total.sum())) == (60.0 - 6.0, 60.0)


def test_a_stream_that_never_stops_is_fresh_all_the_time() -> None:
    assert float(silent(range(0), 60.0).good.sum()) == 60.0


def test_a_dead_stream_is_bad_although_nobody_saw_its_last_message() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
    labels = {"__name__": "handled_total", "job": "b", "instance": "b:1"}
    measurement = slices(
        Since("processed_messages"), 300.0, bound("processed_messages", selector("handled_total"), "cumulative")
    )
    row = row_of([(labels, t, np.full(len(t), 7.0))], measurement, GRID)
    assert (float(row.good.sum()), float(row.total.sum())) == (0.0, 60.0)
