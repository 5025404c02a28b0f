"""The rest of a budget in single cases: what is said, and when nothing can be."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import objective

from observatory.evaluate.outlook import DAY_MS, Outlook, outlook
from observatory.ledger.row import Row
from observatory.windows import Grid

DAY = 1440
GRID = Grid.ending_at(END_MS, 30 * DAY_MS)


def row(bad: np.ndarray | float = 0.0, total: np.ndarray | float = 10.0, steps: int = GRID.steps) -> Row:
    events, failed = np.broadcast_to(total, steps).astype(float), np.broadcast_to(bad, steps)
    return Row(good=events - failed, total=events, observed=np.full(steps, 60.0), series=1)


def foretold(
    one: Row, *, target: float = 0.99, window: str = "30d", grid: Grid = GRID, timezone: str = "UTC"
) -> Outlook | None:
    return outlook(one, grid, objective(target=target, window=window, timezone=timezone))


def fault(minutes: int, each: float, ago: int = 0) -> np.ndarray:
    bad = np.zeros(GRID.steps)
    bad[GRID.steps - minutes - ago : GRID.steps - ago] = each
    return bad


def test_a_clean_record_does_not_end_and_keeps_its_budget() -> None:
    said = foretold(row())
    assert said is not None
    assert (said.earliest_ms, said.exhausts_at_ms, said.latest_ms) == (None, None, None)
    assert (said.most, said.remaining) == (1.0, pytest.approx(1.0, abs=0.01))
    assert said.until_ms == END_MS + 30 * DAY_MS


def test_a_ratio_that_grows_every_day_may_go_on_or_stay_where_it_is() -> None:
    """It has come to 0.45 %, of 1 % that may be: a month more of it spends 103 %, and where it stays now 45 %."""
    day = np.repeat(np.arange(30), DAY)
    said = foretold(row(10.0 * 0.001 * np.exp(0.05 * day)))
    assert said is not None
    assert said.least < -0.03 < 0.55 < said.most


def test_a_budget_that_is_spent_has_no_end_ahead_and_its_depth_is_foretold() -> None:
    """Two per cent are bad all month where one is allowed: at the end of the month it is overspent by its size."""
    said = foretold(row(0.2), target=0.99, window="month")
    assert said is not None
    assert (said.probability, said.exhausts_at_ms, said.earliest_ms, said.latest_ms) == (1.0, None, None, None)
    assert said.remaining == pytest.approx(-1.0, abs=0.15)


def test_half_a_month_that_burns_too_fast_may_end_the_budget_before_the_month_ends() -> None:
    """1,728 of 2,016 allowed events are spent, all in the last ten of twenty days; ten more days are to come."""
    bad = np.zeros(GRID.steps)
    bad[-10 * DAY :] = 0.12
    said = foretold(row(bad), target=0.993, window="month")
    assert said is not None
    assert 0.2 < said.probability < 0.8
    assert said.earliest_ms is not None
    assert END_MS + DAY_MS < said.earliest_ms < said.until_ms


def test_a_fault_under_way_ends_the_budget_in_about_the_time_that_its_pace_says() -> None:
    """Ten of ten fail since an hour: 600 of 900 allowed events are gone, and the rest would be gone in 30 minutes."""
    said = foretold(row(fault(60, 10.0)), target=1 - 900 / 432_000)
    assert said is not None
    assert said.earliest_ms is not None
    assert said.exhausts_at_ms is not None
    assert END_MS + 15 * MINUTE_MS <= said.earliest_ms <= END_MS + 30 * MINUTE_MS
    assert END_MS + 30 * MINUTE_MS <= said.exhausts_at_ms <= END_MS + 60 * MINUTE_MS
    # It may as well end before it has spent everything.
    assert said.latest_ms is None or said.latest_ms > END_MS + HOUR_MS


def test_a_fault_that_has_ended_does_not_go_on() -> None:
    going, over = foretold(row(fault(60, 5.0))), foretold(row(fault(60, 5.0, ago=60)))
    assert going is not None
    assert over is not None
    assert going.probability > 2 * over.probability
    assert going.least < over.least


def test_what_a_rolling_window_loses_is_given_back() -> None:
    """A day of failures that leaves the window tomorrow weighs less than one that stays in it for a month."""
    old, new = np.zeros(GRID.steps), np.zeros(GRID.steps)
    old[:DAY] = new[-3 * DAY : -2 * DAY] = 0.19
    leaves, stays = foretold(row(old), target=0.999), foretold(row(new), target=0.999)
    assert leaves is not None
    assert stays is not None
    assert leaves.probability < stays.probability


def test_planned_work_in_the_past_is_not_foretold() -> None:
    one = row(fault(600, 10.0, ago=3000))
    steps = np.zeros(GRID.steps, dtype=bool)
    steps[GRID.steps - 3600 : GRID.steps - 3000] = True
    assert foretold(one.without(steps)) == foretold(row().without(steps))
    assert foretold(one) != foretold(row())


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(row(total=0.0), id="no events"),
        pytest.param(row().without(np.arange(GRID.steps) < GRID.steps - 2 * DAY), id="two days that count"),
    ],
)
def test_too_little_tells_nothing(one: Row) -> None:
    assert foretold(one) is None


def test_a_short_past_tells_nothing_and_three_blocks_of_four_hours_do() -> None:
    for hours, told in ((11, False), (12, True)):
        grid = Grid.ending_at(END_MS, hours * HOUR_MS)
        assert (foretold(row(steps=grid.steps), grid=grid, window="1h") is not None) is told


def test_a_unit_that_ends_now_has_no_rest() -> None:
    assert foretold(row(), window="day") is None
    grid = Grid.ending_at(END_MS + MINUTE_MS, 30 * DAY_MS)
    said = foretold(row(), window="day", grid=grid)
    assert said is not None
    assert said.until_ms == END_MS + DAY_MS


def test_the_end_of_a_month_is_that_of_its_time_zone() -> None:
    said = foretold(row(), window="month", timezone="America/New_York")
    assert said is not None
    assert said.to_json()["until"] == "2026-12-01T05:00:00Z"


def test_the_json_names_the_level_and_both_intervals() -> None:
    said = foretold(row(fault(60, 10.0)))
    assert said is not None
    shown = said.to_json()
    assert list(shown) == [
        "until",
        "probability",
        "exhausts_at",
        "interval",
        "remaining_ratio_at_end",
        "remaining_interval",
    ]
    assert (shown["interval"]["level"], shown["remaining_interval"]["level"]) == (0.8, 0.8)


@given(st.integers(0, 2**31), st.sampled_from(["7d", "30d", "month", "day"]), st.floats(0.9, 0.9999))
@settings(max_examples=40, deadline=None)
def test_whatever_the_counts_the_answer_is_in_order_and_the_same_again(seed: int, window: str, target: float) -> None:
    random = np.random.default_rng(seed)
    total = random.poisson(random.uniform(0, 3), GRID.steps).astype(float)
    bad = random.binomial(total.astype(int), random.uniform(0, 0.02)).astype(float)
    grid = Grid.ending_at(END_MS + 7 * HOUR_MS, 30 * DAY_MS)
    said = foretold(row(bad, total), window=window, target=target, grid=grid)
    if said is None:
        assert total.sum() < 5 * GRID.steps
        return
    assert said == foretold(row(bad, total), window=window, target=target, grid=grid)
    moments = [at for at in (said.earliest_ms, said.exhausts_at_ms, said.latest_ms) if at is not None]
    assert all(one <= other for one, other in pairwise([grid.end_ms + 1, *moments, said.until_ms]))
    assert said.least <= said.remaining <= said.most <= 1
    assert 0 <= said.probability <= 1
    assert said.earliest_ms is not None or said.probability <= 0.21 or said.probability == 1
