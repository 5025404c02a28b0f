"""First values that nothing dates: the truth lies between what is counted and the bound that is stated beside it."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import HOUR_MS, MINUTE_MS, Series, bad, counter, events, handled, row_of, scrapes, total
from truth import test_histograms as histograms
from truth.scenario import grid_of

from observatory.evaluate.not_counted import NotCounted
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.windows import Grid

GRID = grid_of(4)
STEADY = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
LATE = STEADY[-30 * 60 :]
UP: Series = counter(handled("success", "steady:1"), STEADY, 30.0)
"""A target that was scraped all the time, so that nothing of the rest is the start of a server."""


def counts_of(row: Row) -> Counts:
    return row.counts(GRID, GRID.range)


def not_counted(row: Row) -> NotCounted:
    return NotCounted.of(row.uncounted, counts_of(row))


def deploys(random: np.random.Generator) -> tuple[list[Series], float, float]:
    """Pods of an hour each, two at a time, that fail most as they start; and what truly happened in the window."""
    series: list[Series] = []
    failed = happened = 0.0
    for number in range(2 * 4 * 24):
        began_ms = GRID.start_ms + number // 2 * HOUR_MS + int(random.integers(0, MINUTE_MS))
        t = np.arange(began_ms + int(random.integers(0, MINUTE_MS)), began_ms + HOUR_MS, MINUTE_MS, dtype=np.int64)
        rate = float(random.integers(1, 20))
        done = np.floor((t - began_ms) / 1000 * rate)
        errors = np.floor(np.minimum(done, random.integers(0, 30)) + done / random.integers(90, 5000))
        pod = f"pod-{number}:1"
        series += [(handled("success", pod), t, done - errors), (handled("error", pod), t, errors)]
        inside = t <= GRID.end_ms
        happened, failed = happened + float(done[inside][-1]), failed + float(errors[inside][-1])
    return series, failed, happened


@pytest.mark.parametrize("seed", range(5))
def test_deploys_every_hour_leave_the_truth_within_what_is_stated(seed: int) -> None:
    series, failed, happened = deploys(np.random.default_rng(seed))
    steady = 30.0 * GRID.steps

    row = row_of([UP, *series], events(), GRID)
    missing, counts = not_counted(row), counts_of(row)

    # Every pod began in the window, so that nothing but first values is missing: the bounds are the truth itself.
    assert counts.total + missing.all.events == happened + steady
    assert counts.bad + missing.all.bad == failed
    assert 0 < missing.all.events < 0.05 * counts.total
    assert missing.large.first_values == 0
    assert missing.share is not None
    low, high = missing.share
    assert low <= 1 - failed / (happened + steady) <= high
    assert high - low < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_lies_between_the_bounds_whatever_part_of_first_values_is_old(seed: int) -> None:
    random = np.random.default_rng(seed)
    series, _, _ = deploys(random)
    row = row_of([UP, *series], events(), GRID)
    counts, missing = counts_of(row), not_counted(row)
    assert missing.share is not None
    low, high = missing.share
    for _ in range(50):
        # Some pods are older than the window, and their first values as well, each outcome by itself.
        held = row.uncounted.good, row.uncounted.bad
        good, wrong = (float(np.floor(one * random.random(len(one))).sum()) for one in held)
        truth = (counts.good + good) / (counts.total + good + wrong)
        assert low - 1e-12 <= truth <= high + 1e-12


def test_latency_states_which_of_the_missing_ones_may_be_late() -> None:
    series = histograms.exposed(STEADY, [0.5]) + histograms.exposed(LATE, [0.5], instance="new:1", start=32.0)

    missing = not_counted(histograms.row_of(series, histograms.latency(0.5), GRID))

    # Five scrapes of eight messages, half of which are in time, before the first one that is counted from.
    assert (missing.all.first_values, missing.all.events, missing.all.bad) == (1, 40.0, 20.0)


def test_a_scrape_job_that_is_new_is_told_as_a_history_and_leaves_the_share_alone() -> None:
    series = [
        UP,
        counter(handled("success", "old:1"), LATE, 50.0, start=1e7),
        counter(handled("error", "old:1"), LATE, 1.0, start=4e5),
    ]

    row = row_of(series, events(), GRID)
    missing = not_counted(row)

    assert (bad(row), total(row)) == (len(LATE) - 1, 30.0 * GRID.steps + 51.0 * (len(LATE) - 1))
    assert (missing.large.first_values, missing.large.events, missing.large.bad) == (2, 1e7 + 4e5 + 51.0, 4e5 + 1.0)
    assert missing.new.first_values == 0
    assert missing.share == (counts_of(row).ratio, counts_of(row).ratio)


def test_deploys_beside_a_new_scrape_job_are_bounded_as_they_are_without_it() -> None:
    series, _, _ = deploys(np.random.default_rng(1))
    old = counter(handled("success", "old:1"), LATE, 50.0, start=1e7)

    with_it = not_counted(row_of([UP, *series, old], events(), GRID))
    without = not_counted(row_of([UP, *series], events(), GRID))

    assert with_it.new == without.new
    assert with_it.large.first_values == 1


def late(instance: str, value: float = 500.0, **more: str) -> Series:
    return handled("success", instance, **more), LATE, value + 10.0 * np.arange(len(LATE))


def starts(labels: Series, seconds_before: float) -> Series:
    """When the process of a series started."""
    held, t, _ = labels
    own = {"job": held["job"], "instance": held["instance"]}
    return {"__name__": "process_start_time_seconds", **own}, t, np.full(len(t), t[0] / 1000 - seconds_before)


def created(labels: Series, seconds_before: float) -> Series:
    held, t, _ = labels
    return {**held, "__name__": "handled_created"}, t, np.full(len(t), t[0] / 1000 - seconds_before)


NEW = late("new:1")
FEW: Series = (handled("error", "steady:1", topic="new"), LATE, np.full(len(LATE), 3.0))
SEEN: Series = ({"__name__": "up", "job": "svc", "instance": "new:1"}, STEADY, np.ones(len(STEADY)))


@pytest.mark.parametrize(
    "series",
    [
        pytest.param([UP, NEW, starts(NEW, 20.0)], id="its process says that it has just started"),
        pytest.param([UP, NEW, created(NEW, 20.0)], id="it says itself that it was just created"),
        pytest.param([UP, NEW, SEEN], id="its target was scraped before"),
        pytest.param([UP, late("steady:1", 500.0, topic="new")], id="other counters of its target were there"),
        pytest.param([UP, late("steady:1", 9e8, topic="new")], id="what it shows is a history by the rates known"),
        pytest.param([UP, late("steady:1", 9e8, topic="new"), FEW], id="what its scrape showed beside it is a history"),
    ],
)
def test_a_first_value_that_something_dates_is_not_told(series: list[Series]) -> None:
    assert not_counted(row_of(series, events(), GRID)) == NotCounted()


@pytest.mark.parametrize("told", [starts(NEW, 30 * 86_400.0), created(NEW, 30 * 86_400.0)], ids=["process", "series"])
def test_a_process_older_than_all_that_is_known_may_have_counted_some_of_it_in_the_window(told: Series) -> None:
    missing = not_counted(row_of([UP, NEW, told], events(), GRID))

    assert (missing.all.first_values, missing.all.events) == (1, 500.0)


@pytest.mark.parametrize("began_hours", [0.0, 30.0], ids=["the edge of retention", "the start of a server"])
def test_nothing_is_told_of_what_was_there_before_anything_was_known(began_hours: float) -> None:
    begin_ms = GRID.end_ms - 40 * HOUR_MS
    series: list[Series] = []
    for number in range(20):
        # A server begins with its targets one by one, over four minutes; what it forgets goes from all at once.
        first_ms = begin_ms + (13_000 * number if began_hours else 0)
        t = np.arange(first_ms, GRID.end_ms, MINUTE_MS, dtype=np.int64)
        series.append((handled("success", f"pod-{number}:1"), t, 7e5 + 10.0 * np.arange(len(t))))

    row = row_of(series, events(), GRID)

    assert total(row) == sum(10.0 * (len(t) - 1) for _, t, _ in series)
    assert not_counted(row) == NotCounted()


def test_targets_that_are_scraped_every_ten_minutes_are_no_newcomers_as_the_server_starts() -> None:
    begin_ms = GRID.end_ms - 40 * HOUR_MS
    series: list[Series] = []
    for number in range(10):
        t = np.arange(begin_ms + number * MINUTE_MS, GRID.end_ms, 10 * MINUTE_MS, dtype=np.int64)
        series.append((handled("success", f"pod-{number}:1"), t, 7e5 + 10.0 * np.arange(len(t))))

    assert not_counted(row_of(series, events(), GRID)) == NotCounted()


def test_first_values_before_the_window_are_not_told() -> None:
    series = [UP, counter(handled("success", "new:1"), LATE, 10.0, start=500.0)]

    assert not_counted(row_of(series, events(), Grid.ending_at(GRID.end_ms, 20 * HOUR_MS))) == NotCounted()
