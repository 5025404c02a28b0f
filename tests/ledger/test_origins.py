"""Where newcomers come from: created timestamps, comebacks after long gaps, and histories that nobody saw."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, HOUR_MS, Series, bad, counter, events, handled, ledger_of, row_of, scrapes

from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 12 * HOUR_MS)
times = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
LATE = times > END_MS - 3 * HOUR_MS


def created(labels: dict[str, str], at_ms: float, t_ms: np.ndarray) -> Series:
    return {**labels, "__name__": "handled_created"}, t_ms, np.full(len(t_ms), at_ms / 1000)


@pytest.mark.parametrize(
    ("created_hours_ago", "counted"),
    [
        pytest.param(3.01, 30.0, id="just before its first scrape"),
        pytest.param(6.0, 30.0, id="within what is known"),
        pytest.param(30.0, 0.0, id="before all that is known"),
    ],
)
def test_a_series_of_a_new_target_counts_from_when_it_was_created(created_hours_ago: float, counted: float) -> None:
    labels = handled("error", "new:1")
    series: list[Series] = [
        counter(handled("success", "old:1"), times, 10.0),
        (labels, times[LATE], np.full(int(LATE.sum()), 30.0)),
        created(labels, END_MS - created_hours_ago * HOUR_MS, times[LATE]),
    ]

    row = row_of(series, events(), GRID)

    assert bad(row) == pytest.approx(counted)
    assert row.recovered.births == pytest.approx(counted)


def test_a_series_shown_late_whose_creation_lies_before_the_window_is_a_history() -> None:
    labels = handled("error", kind="rare")
    series: list[Series] = [
        counter(handled("success"), times, 10.0),
        (labels, times[LATE], np.full(int(LATE.sum()), 30.0)),
        created(labels, END_MS - 40 * HOUR_MS, times[LATE]),
    ]
    assert bad(row_of(series, events(), GRID)) == 0.0


def test_a_restart_that_the_values_of_a_rare_counter_do_not_show_is_known_by_its_creation() -> None:
    success, error = handled("success"), handled("error")
    half = len(times) // 2
    busy, _, values = counter(success, times, 10.0)
    values = np.where(np.arange(len(times)) < half, values, values - values[half] + 10.0)
    began = np.where(np.arange(len(times)) < half, times[0], times[half] - 1000) / 1000
    told = [({**one, "__name__": "handled_created"}, times, began) for one in (success, error)]
    series: list[Series] = [(busy, times, values), (error, times, np.ones(len(times)))]

    row = row_of([*series, *told], events(), GRID)

    assert (bad(row), bad(row_of(series, events(), GRID))) == (1.0, 0.0)


def dark_for(hours: float, before: float, after: float) -> list[Series]:
    """An error counter on a target of its own that is not scraped until three hours before the end."""
    old = scrapes(END_MS - 5 * DAY_MS, END_MS)
    seen = (old <= END_MS - (3 + hours) * HOUR_MS) | (old > END_MS - 3 * HOUR_MS)
    values = np.where(old > END_MS - 3 * HOUR_MS, after, before)
    return [
        counter(handled("success", "steady:1"), old, 10.0),
        (handled("error", "dark:1"), old[seen], values[seen]),
    ]


def test_a_series_that_comes_back_after_days_counts_what_fell_into_the_window() -> None:
    row = row_of(dark_for(90.0, 100.0, 190.0), events(), GRID)
    # 90 events over 90 hours, of which nine hours lie in the window before it came back.
    assert bad(row) == pytest.approx(9.0, rel=0.01)
    assert row.recovered.gap_events == pytest.approx(90.0)
    assert row.recovered.births == 0.0


def test_a_series_that_comes_back_lower_began_anew() -> None:
    row = row_of(dark_for(90.0, 100.0, 45.0), events(), GRID)
    assert bad(row) == pytest.approx(4.5, rel=0.01)
    assert row.recovered.resets == 1


def test_the_hours_in_which_a_target_was_dark_are_not_observed() -> None:
    row = row_of(dark_for(90.0, 100.0, 190.0), events(), GRID)
    # Two targets; one of them is seen for three hours of twelve.
    assert float(row.observed.sum()) / GRID.range.seconds == pytest.approx((1 + 0.25) / 2, abs=0.01)


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        pytest.param(900.0, 900.0, id="few enough for any newcomer"),
        pytest.param(90_000.0, 90_000.0, id="within the rates of the source"),
        pytest.param(9_000_000.0, 0.0, id="out of all proportion"),
    ],
)
def test_a_first_value_out_of_all_proportion_is_a_history(value: float, counted: float) -> None:
    series: list[Series] = [
        counter(handled("success"), times, 10_000.0),
        (handled("error"), times[LATE], np.full(int(LATE.sum()), value)),
    ]

    ledger = ledger_of(series, [events()], GRID)

    assert bad(ledger.rows[events().key]) == counted
    said = [(problem.code, problem.severity) for problem in ledger.problems]
    assert said == ([] if counted else [("history-not-counted", "info")])
