"""Laws of windows at any instant: parts add up to the whole, and a burn rate of one spends the budget exactly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from counting_cases import END_MS, events
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import objective

from observatory.evaluate.history import budget_history, burn_history, counts_between, days
from observatory.evaluate.judgement import judge
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.windows import CALENDAR_UNITS, Grid, TimeRange, Window

MINUTE_MS, DAY_MS = 60_000, 86_400_000
ZONES = ("UTC", "Europe/London", "America/New_York", "Asia/Kathmandu", "America/Havana", "Australia/Lord_Howe")
instants = st.integers(END_MS // MINUTE_MS - 500_000, END_MS // MINUTE_MS).map(lambda minute: minute * MINUTE_MS)
windows = st.one_of(
    st.sampled_from(["1h", "91m", "1d", "7d", "10d"]).map(Window.parse),
    st.builds(Window.parse, st.sampled_from(CALENDAR_UNITS[:3]), st.sampled_from(ZONES)),
)


def row_of(grid: Grid, seed: int) -> Row:
    random = np.random.default_rng(seed)
    total = random.integers(0, 50, grid.steps).astype(float)
    bad = np.floor(total * random.random(grid.steps) * 0.2)
    observed = np.where(random.random(grid.steps) < 0.9, 60.0, 0.0)
    return Row(good=total - bad, total=total, observed=observed, series=1)


@given(instants, windows, st.integers(0, 2**31), st.lists(st.floats(0, 1), max_size=5))
@settings(max_examples=25, deadline=None)
def test_a_window_cut_into_parts_adds_up_to_what_its_status_counts(
    at_ms: int, window: Window, seed: int, cuts: list[float]
) -> None:
    grid = Grid.ending_at(at_ms, 32 * DAY_MS)
    row = row_of(grid, seed)
    span = window.range_at(at_ms)
    edges = sorted({span.start_ms + round(cut * span.seconds / 60) * MINUTE_MS for cut in (0, *cuts, 1)})
    parts = [counts_between(row, grid, TimeRange(begin, end)) for begin, end in pairwise(edges)]
    wanted = objective(window=str(window).split()[0], timezone=window.timezone)
    assert judge(wanted, events(), row, grid, None).counts == sum(parts, Counts())


@given(instants, st.sampled_from(ZONES), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_the_local_days_of_a_month_add_up_to_the_month_also_where_clocks_change(
    at_ms: int, zone: str, seed: int
) -> None:
    month = Window.parse("month", zone).range_at(at_ms)
    grid = Grid.ending_at(at_ms, month.end_ms - month.start_ms)
    row = row_of(grid, seed)
    found = days(row, grid, zone)
    whole = sum((day.counts for day in found), Counts())
    assert whole == row.counts(grid, month)
    assert [day.range.end_ms for day in found[:-1]] == [day.range.start_ms for day in found[1:]]


@given(instants, windows, st.integers(0, 2**31), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
@settings(max_examples=25, deadline=None)
def test_burn_rate_one_over_the_window_spends_its_budget_exactly(
    at_ms: int, window: Window, seed: int, target: float
) -> None:
    grid = Grid.ending_at(at_ms, 32 * DAY_MS)
    total = np.random.default_rng(seed).integers(1, 50, grid.steps) * 1000.0
    wanted = objective(window=str(window).split()[0], timezone=window.timezone, target=target)
    row = Row(good=total * target, total=total, observed=np.full(grid.steps, 60.0), series=1)
    status = judge(wanted, events(), row, grid, None)
    assert status.burn_rates[str(window)] == pytest.approx(1.0, rel=1e-9)
    assert status.budget is not None
    assert status.budget.remaining_ratio == pytest.approx(0.0, abs=1e-9)
    assert status.budget.spent == pytest.approx(status.budget.allowed, rel=1e-9)


@given(instants, st.integers(0, 2**31), st.sampled_from([61, 1440, 7 * 1440]))
@settings(max_examples=15, deadline=None)
def test_a_status_for_any_past_instant_is_the_history_at_that_instant(at_ms: int, seed: int, minutes: int) -> None:
    later = Grid.ending_at(at_ms, 20 * DAY_MS)
    row = row_of(later, seed)
    back = int(np.random.default_rng(seed).integers(0, 10 * 1440))
    grid = Grid(later.start_ms, later.step_ms, later.steps - back)
    then = Row(
        good=row.good[: grid.steps], total=row.total[: grid.steps], observed=row.observed[: grid.steps], series=1
    )
    window = Window("rolling", length_seconds=minutes * 60.0)
    status = judge(objective(window=str(window), target=0.99), events(), then, grid, None)
    assert status.budget is not None
    assert burn_history(row, later, 0.99, minutes * 60.0)[grid.steps - 1] == pytest.approx(
        status.burn_rates[str(window)]
    )
    assert budget_history(row, later, 0.99, window)[grid.steps - 1] == pytest.approx(status.budget.remaining_ratio)
