"""Laws that counting keeps on any series: parts add up to the whole, order is nothing, a refresh forgets nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from counting_cases import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    Answering,
    Series,
    bad,
    counter,
    events,
    handled,
    ledger_of,
    scrapes,
    store_of,
    total,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from observatory.indicators.counts import Counts
from observatory.ledger.build import build
from observatory.objectives.budget import remaining_ratio
from observatory.objectives.burn import budget_spent, burn_rate
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 24 * HOUR_MS)
AVAILABILITY = events()


@dataclass(frozen=True)
class Life:
    """What happens to one series: where it is born, restarts, and cannot be scraped (in scrapes)."""

    born: int
    restarts: tuple[int, ...]
    dark: tuple[int, int]
    rate: int


lives = st.builds(
    Life,
    born=st.integers(0, 1300),
    restarts=st.lists(st.integers(1, 1500), max_size=4).map(tuple),
    dark=st.tuples(st.integers(0, 1400), st.sampled_from([0, 0, 2, 4, 30, 90, 400])),
    rate=st.integers(0, 40),
)


def series_of(found: list[Life], seed: int) -> list[Series]:
    """A steady target, and the lives beside it on that target or on their own."""
    random = np.random.default_rng(seed)
    t = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
    series: list[Series] = [counter(handled("success"), t, 7.0)]
    for number, life in enumerate(found):
        rises = random.integers(0, life.rate + 1, len(t)).astype(np.float64)
        values = np.cumsum(rises)
        for at in life.restarts:
            if at < len(t):
                values[at:] -= values[at - 1]
        # Nobody saw it before it was born: a history of thousands is judged by its surroundings, see `births`.
        values = values - (values[life.born - 1] if life.born else 0.0)
        index = np.arange(len(t))
        begin, length = life.dark
        seen = (index >= life.born) & ~((index >= begin) & (index < begin + length))
        labels = handled("error", ("a:1", f"b{number}:1")[number % 2], kind=f"k{number}")
        if seen.any():
            series.append((labels, t[seen], values[seen]))
    return series


def in_a_gap(t_ms: np.ndarray, at_ms: int) -> bool:
    after = int(np.searchsorted(t_ms, at_ms))
    return 0 < after < len(t_ms) and int(t_ms[after] - t_ms[after - 1]) > MINUTE_MS


@given(st.lists(lives, min_size=1, max_size=4), st.integers(1, 24 * 3600 - 1), st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_a_range_cut_anywhere_counts_in_its_parts_what_it_counts_whole(
    found: list[Life], cut_s: int, seed: int
) -> None:
    """But for a cut inside a gap: until counters are seen again, nobody knows what they counted in it."""
    at_ms = GRID.start_ms + cut_s * 1000 + 1
    series = series_of(found, seed)
    assume(not any(in_a_gap(np.asarray(t_ms), at_ms) for _, t_ms, _ in series))
    with store_of(series) as store:
        counted = [
            build([AVAILABILITY], Answering((store,)), grid).rows[AVAILABILITY.key]
            for grid in (
                Grid(GRID.start_ms, GRID.end_ms - GRID.start_ms, 1),
                Grid(GRID.start_ms, at_ms - GRID.start_ms, 1),
                Grid(at_ms, GRID.end_ms - at_ms, 1),
            )
        ]
    whole, *parts = counted
    assert sum(map(total, parts)) == pytest.approx(total(whole), rel=1e-9)
    assert sum(map(bad, parts)) == pytest.approx(bad(whole), rel=1e-9, abs=1e-6)


@given(st.lists(lives, min_size=1, max_size=3), st.integers(0, 2**31), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_in_which_samples_arrive_is_nothing(found: list[Life], seed: int, random: object) -> None:
    series = series_of(found, seed)
    shuffled = []
    for labels, t_ms, values in series:
        order = np.random.default_rng(random.randrange(2**31)).permutation(len(t_ms))  # type: ignore[attr-defined]
        # Some samples arrive twice.
        order = np.concatenate((order, order[: len(order) // 5]))
        shuffled.append((labels, np.asarray(t_ms)[order], np.asarray(values)[order]))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    straight = ledger_of(series, [AVAILABILITY], GRID).rows[AVAILABILITY.key]
    crooked = ledger_of(shuffled, [AVAILABILITY], GRID).rows[AVAILABILITY.key]
    assert crooked.total.tolist() == pytest.approx(straight.total.tolist(), rel=1e-12)
    assert crooked.good.tolist() == pytest.approx(straight.good.tolist(), rel=1e-12)
    assert crooked.recovered == straight.recovered


@given(st.lists(lives, min_size=1, max_size=3), st.integers(2, 700), st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_refreshing_the_tail_again_and_again_counts_what_one_look_counts(
    found: list[Life], minutes: int, seed: int
) -> None:
    with store_of(series_of(found, seed)) as store:
        ledger = None
        for late in range(3 * minutes, -1, -minutes):
            # A refresh sees what was scraped until then.
            grid = Grid.ending_at(END_MS - late * MINUTE_MS, 12 * HOUR_MS)
            ledger = build([AVAILABILITY], Answering((store,)), grid, previous=ledger)
        once = build([AVAILABILITY], Answering((store,)), grid)
    assert ledger is not None
    refreshed, whole = ledger.rows[AVAILABILITY.key], once.rows[AVAILABILITY.key]
    assert total(refreshed) == pytest.approx(total(whole), rel=1e-9)
    assert bad(refreshed) == pytest.approx(bad(whole), rel=1e-9, abs=1e-6)


def test_a_target_that_was_dark_for_a_day_is_counted_by_a_refresh_as_by_one_look() -> None:
    t = scrapes(END_MS - 3 * DAY_MS, END_MS)
    dark = (t > END_MS - 25 * HOUR_MS) & (t <= END_MS - HOUR_MS)
    series = [
        counter(handled("success", "steady:1"), t, 5.0),
        (handled("error"), t[~dark], np.cumsum(np.full(len(t), 2.0))[~dark]),
    ]
    with store_of(series) as store:
        ledger = None
        for late_hours in (2.0, 1.5, 0.9, 0.8, 0.0):
            grid = Grid.ending_at(END_MS - round(late_hours * HOUR_MS), 2 * DAY_MS)
            ledger = build([AVAILABILITY], Answering((store,)), grid, previous=ledger)
    assert ledger is not None
    row = ledger.rows[AVAILABILITY.key]
    assert bad(row) == pytest.approx(2.0 * 2 * 1440)
    assert row.recovered.gap_events == pytest.approx(2.0 * 1441)


def test_a_refresh_after_days_counts_what_one_look_counts() -> None:
    """What was dark as the process fell asleep belongs to steps that were held as unseen."""
    t = scrapes(END_MS - 7 * DAY_MS, END_MS)
    dark = (t > END_MS - 75 * HOUR_MS) & (t <= END_MS - 70 * HOUR_MS)
    series = [
        counter(handled("success", "steady:1"), t, 5.0),
        (handled("error"), t[~dark], np.cumsum(np.full(len(t), 2.0))[~dark]),
    ]
    with store_of(series) as store:
        ledger = None
        for late_hours in (72, 0):
            grid = Grid.ending_at(END_MS - late_hours * HOUR_MS, 5 * DAY_MS)
            ledger = build([AVAILABILITY], Answering((store,)), grid, previous=ledger)
    assert ledger is not None
    assert bad(ledger.rows[AVAILABILITY.key]) == pytest.approx(2.0 * 5 * 1440)
    assert ledger.rows[AVAILABILITY.key].recovered.gap_events == pytest.approx(2.0 * 301)


def test_a_refresh_goes_back_as_far_as_what_came_back_had_been_dark() -> None:
    """One counter comes back now, and while it was dark another one did, which had begun anew in between."""
    t = scrapes(END_MS - 3 * DAY_MS, END_MS)
    seen = (t <= END_MS - 5 * HOUR_MS) | (t > END_MS - HOUR_MS / 2)
    held = (t <= END_MS - 13 * HOUR_MS) | (t > END_MS - 4 * HOUR_MS)
    number = np.arange(len(t), dtype=np.float64)
    series = [
        (handled("success"), t, np.where(t > END_MS - 12 * HOUR_MS, number, number + 4_000.0)),
        (handled("error", kind="rare"), t[held], np.ones(held.sum())),
        (handled("error", "other:1"), t[seen], 2.0 * number[seen]),
    ]
    with store_of(series) as store:
        ledger = None
        for late_hours in (4.5, 0.0):
            grid = Grid.ending_at(END_MS - round(late_hours * HOUR_MS), 2 * DAY_MS)
            ledger = build([AVAILABILITY], Answering((store,)), grid, previous=ledger)
        once = build([AVAILABILITY], Answering((store,)), grid)
    assert ledger is not None
    assert bad(once.rows[AVAILABILITY.key]) == pytest.approx(2.0 * 2 * 1440 + 1.0)
    assert bad(ledger.rows[AVAILABILITY.key]) == pytest.approx(2.0 * 2 * 1440 + 1.0)


@given(st.floats(0.5, 0.99999), st.integers(1, 10**9), st.lists(st.integers(1, 10**6), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_burn_rate_one_over_the_window_spends_the_budget_exactly(
    target: float, events_in_window: int, parts_s: list[int]
) -> None:
    errors = (1 - target) * events_in_window
    counts = Counts(good=events_in_window - errors, total=float(events_in_window))
    burn = burn_rate(counts.bad, counts.total, target)
    window_s = float(sum(parts_s))

    assert burn == pytest.approx(1.0, rel=1e-9)
    assert remaining_ratio(counts, target) == pytest.approx(0.0, abs=1e-9)
    assert sum(budget_spent(1.0, float(part), window_s) for part in parts_s) == pytest.approx(1.0, rel=1e-12)
