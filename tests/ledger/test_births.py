"""Newcomers and old series under new names."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import (
    END_MS,
    HOUR_MS,
    Series,
    bad,
    bound,
    counter,
    events,
    handled,
    measured,
    row_of,
    scrapes,
    selector,
    total,
)

from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 4 * HOUR_MS)
times = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms)
NEW = len(times) - 60


def renamed(before: dict[str, str], after: dict[str, str], *, first: float, then: float) -> list[Series]:
    """An error counter that ends at `first` under one set of labels and goes on from `then` under another."""
    return [
        counter(handled("success"), times, 10.0),
        (handled("error", **before), times[:NEW], np.full(NEW, first)),
        (handled("error", **after), times[NEW:], then + np.arange(len(times) - NEW)),
    ]


@pytest.mark.parametrize(
    ("before", "after"), [({}, {"region": "eu"}), ({"region": "eu"}, {}), ({}, {"region": "eu", "zone": "a"})]
)
def test_a_series_under_a_new_name_goes_on_from_its_old_value(before: dict[str, str], after: dict[str, str]) -> None:
    row = row_of(renamed(before, after, first=500.0, then=501.0), events(), GRID)
    assert bad(row) == 60.0


def test_a_smaller_value_under_a_new_name_is_a_newcomer() -> None:
    row = row_of(renamed({}, {"region": "eu"}, first=500.0, then=3.0), events(), GRID)
    assert bad(row) == 3.0 + 59.0


def test_another_value_of_a_label_is_another_series() -> None:
    """AMQP channels come and go: what the new one counts is its own."""
    row = row_of(renamed({"channel": "1"}, {"channel": "2"}, first=2.0, then=5.0), events(), GRID)
    assert bad(row) == 5.0 + 59.0


def test_a_series_that_lives_on_is_not_the_former_name_of_a_newcomer() -> None:
    series: list[Series] = [
        counter(handled("success"), times, 10.0),
        (handled("error"), times, np.full(len(times), 4.0)),
        (handled("error", kind="timeout"), times[NEW:], np.full(len(times) - NEW, 7.0)),
    ]
    assert bad(row_of(series, events(), GRID)) == 7.0


@pytest.mark.parametrize(("started_hours_ago", "counted"), [(2.0, 30.0), (30.0, 0.0)])
def test_the_first_scrape_of_a_target_counts_when_its_process_began_within_what_is_known(
    started_hours_ago: float, counted: float
) -> None:
    late = times > END_MS - HOUR_MS
    start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": "new:1"}
    series: list[Series] = [
        counter(handled("success", "old:1"), times, 10.0),
        (handled("error", "new:1"), times[late], np.full(late.sum(), 30.0)),
        (start, times[late], np.full(late.sum(), END_MS / 1000 - started_hours_ago * 3600)),
    ]
    assert bad(row_of(series, events(), GRID)) == pytest.approx(counted)


def test_three_hundred_series_renamed_at_once_are_no_events() -> None:
    series: list[Series] = []
    for number in range(300):
        old = handled("error", kind=f"k{number}")
        series.append((old, times[:NEW], np.full(NEW, 9.0)))
        series.append(({**old, "region": "eu"}, times[NEW:], np.full(len(times) - NEW, 9.0)))
    assert bad(row_of(series, events(), GRID)) == 0.0


@pytest.mark.parametrize(("scraped_before", "counted"), [(False, 2.0), (True, 32.0)])
def test_what_lay_in_a_queue_when_its_exporter_started_is_no_event(scraped_before: bool, counted: float) -> None:
    late = times > END_MS - HOUR_MS
    labels = {"job": "redis", "instance": "new:1"}
    depth = np.full(late.sum(), 30.0)
    depth[10:] += 2.0
    depths = measured(
        Indicator(sli="dead_letters", total=Count("dead"), good=Count("dead"), measure="dead letters"),
        (bound("dead", selector("depth", queue="a"), "rising_level"),),
    )
    series: list[Series] = [
        ({"__name__": "depth", "queue": "a", **labels}, times[late], depth),
        ({"__name__": "depth", "queue": "b", **labels}, times[late], np.zeros(late.sum())),
        ({"__name__": "process_start_time_seconds", **labels}, times[late], np.full(late.sum(), END_MS / 1000 - 5400)),
        ({"__name__": "depth", "queue": "a", "job": "redis", "instance": "old:1"}, times, np.zeros(len(times))),
    ]
    if scraped_before:
        series[1] = ({"__name__": "up", **labels}, times, np.ones(len(times)))
    row = row_of(series, depths, GRID)
    assert total(row) == counted
    assert not len(row.uncounted.t_ms), "nor one that may be"
