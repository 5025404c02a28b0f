"""Burn rates, budgets, incidents and days over time, from one row."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import objective

from observatory.evaluate.history import budget_history, burn_cells, burn_history, days, firing_now, incidents
from observatory.evaluate.rolling import BurnRates, Workspace, cumulative, trailing
from observatory.ledger.row import Row
from observatory.objectives.policy import load_policies
from observatory.windows import Grid, Window

GOOGLE = load_policies()["google-30d"]


def row(total: np.ndarray, bad: np.ndarray) -> Row:
    return Row(good=total - bad, total=total.astype(float), observed=np.full(len(total), 60.0), series=1)


def grid(steps: int) -> Grid:
    return Grid.ending_at(END_MS, steps * 60_000)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60), st.integers(1, 80))
@settings(max_examples=80, deadline=None)
def test_trailing_sums_are_sums_of_the_last_steps(values: list[int], width: int) -> None:
    data = np.asarray(values, dtype=float)
    expected = [float(data[max(0, end - width) : end].sum()) for end in range(1, len(data) + 1)]
    assert trailing(cumulative(data), width).tolist() == expected


def test_burn_rates_of_many_windows_agree_with_one_at_a_time() -> None:
    rng = np.random.default_rng(1)
    total = rng.integers(0, 30, 500).astype(float)
    bad = np.floor(total * 0.1)
    one = row(total, bad)
    out = BurnRates(500, [5, 60, 360]).of(one.good, one.total, 0.99, np.empty((3, 500)))
    for line, minutes in enumerate((5, 60, 360)):
        expected = burn_history(one, grid(500), 0.99, minutes * 60.0)
        np.testing.assert_allclose(out[line], expected, rtol=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=60),
    st.integers(1, 8),
    st.integers(1, 9),
)
@settings(max_examples=100, deadline=None)
def test_cells_are_what_the_history_says_at_the_end_of_each(
    events: list[tuple[int, int]], cells: int, minutes: int
) -> None:
    total = np.asarray([float(good + bad) for good, bad in events])
    one = row(total, np.asarray([float(bad) for _, bad in events]))
    steps = grid(len(total))
    history = burn_history(one, steps, 0.99, minutes * 60.0)[::-1][::minutes][:cells][::-1].tolist()
    expected = [float("nan")] * (cells - len(history)) + history
    assert burn_cells(one, steps, 0.99, cells, minutes * 60.0) == pytest.approx(expected, nan_ok=True)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=40),
    st.lists(st.integers(1, 50), min_size=1, max_size=4),
    st.sampled_from([1.0, 0.5, 1e-3, 1e14]),
    st.sampled_from([0.999, 0.9, 0.93]),
)
@settings(max_examples=200, deadline=None)
def test_burn_rates_are_bad_over_total_over_the_budget(
    events: list[tuple[int, int]], windows: list[int], weight: float, target: float
) -> None:
    total = np.asarray([good + bad for good, bad in events]) * weight
    good = np.asarray([good for good, _ in events]) * weight
    out = BurnRates(len(events), windows).of(good, total, target, np.empty((len(windows), len(events))))
    for line, width in zip(out, windows, strict=True):
        for end, rate in enumerate(line, 1):
            bad = sum(bad for _, bad in events[max(0, end - width) : end])
            all_ = sum(sum(pair) for pair in events[max(0, end - width) : end])
            assert rate == pytest.approx(bad / all_ / (1 - target), rel=1e-9) if all_ else np.isnan(rate)


def test_burn_rates_of_rows_longer_than_a_pass_agree_with_sums() -> None:
    steps = BurnRates.TILE * 2 + 7
    total = np.random.default_rng(2).integers(1, 9, steps).astype(float)
    good = np.maximum(total - 1, 0)
    windows = [5, BurnRates.TILE - 1, BurnRates.TILE + 3, steps + 1]
    out = BurnRates(steps, windows).of(good, total, 0.99, np.empty((4, steps)))
    spent, events = cumulative(total - good), cumulative(total)
    for line, width in zip(out, windows, strict=True):
        expected = trailing(spent, width)[4:] / trailing(events, width)[4:] / 0.01
        np.testing.assert_allclose(line[4:], expected, rtol=1e-12)


def test_a_row_with_an_unknown_count_is_unknown_where_the_count_is_in_the_window() -> None:
    total = np.asarray([4.0, np.nan, 4.0])
    out = BurnRates(3, [1]).of(np.asarray([3.0, 1.0, 3.0]), total, 0.75, np.empty((1, 3)))
    assert out[0, 0] == pytest.approx(1.0)
    assert np.isnan(out[0, 1])


def test_a_burn_rate_without_events_is_unknown() -> None:
    one = row(np.asarray([0.0, 10.0, 0.0]), np.asarray([0.0, 1.0, 0.0]))
    rates = burn_history(one, grid(3), 0.9, 60.0)
    assert np.isnan(rates[[0, 2]]).all()
    assert rates[1] == pytest.approx(1.0)


def test_the_budget_of_a_rolling_window_comes_back_when_failures_leave_it() -> None:
    total, bad = np.full(20, 10.0), np.zeros(20)
    bad[2] = 1.0
    left = budget_history(row(total, bad), grid(20), 0.9, Window.parse("5m"))
    assert left[1] == 1.0
    assert left[6] == pytest.approx(0.8)
    assert left[7] == 1.0


def test_the_budget_of_a_calendar_window_begins_anew_with_its_unit() -> None:
    steps = 3 * 1440
    total, bad = np.full(steps, 1.0), np.zeros(steps)
    bad[100] = 72.0
    left = budget_history(row(total, bad), grid(steps), 0.95, Window.parse("day"))
    assert left[1439] == pytest.approx(0.0)
    assert left[1440] == 1.0


def test_a_calendar_window_that_begins_within_a_step_holds_the_whole_steps_after_it() -> None:
    """As the status counts it: what fell into the minute of midnight may be of the day before."""
    g = Grid.ending_at(END_MS + 600_000 + 20_000, 20 * 60_000)
    bad = np.zeros(20)
    bad[[9, 15]] = 1.0
    left = budget_history(row(np.full(20, 10.0), bad), g, 0.9, Window.parse("day"))
    assert np.isnan(left[9])
    assert left[[14, 19]].tolist() == [1.0, pytest.approx(0.9)]


def outage(first: int, last: int, share: float, steps: int = 4 * 1440) -> Row:
    total, bad = np.full(steps, 100.0), np.zeros(steps)
    bad[first:last] = 100.0 * share
    return row(total, bad)


def test_an_outage_is_one_incident_from_its_detection_to_its_reset() -> None:
    """10 % errors against 99.9 %: noticed after 8.64 minutes, over when the slowest page pair has reset."""
    one = outage(2000, 2060, 0.1)
    g = grid(4 * 1440)
    found = [incident for incident in incidents(one, g, objective(target=0.999), GOOGLE) if incident.severity == "page"]
    assert len(found) == 1
    (incident,) = found
    assert incident.start_ms == g.start_ms + (2000 + 9) * 60_000
    assert incident.peak_burn_rate == pytest.approx(100.0, rel=0.01)
    assert incident.bad == 10.0 * (60 - 8)
    assert incident.end_ms is not None


def test_an_incident_that_lasts_has_no_end() -> None:
    one = outage(4 * 1440 - 30, 4 * 1440, 1.0)
    (incident,) = incidents(one, grid(4 * 1440), objective(target=0.999), GOOGLE)
    assert incident.end_ms is None
    assert {pair.severity for pair in firing_now(one, grid(4 * 1440), 0.999, GOOGLE)} == {"page", "ticket"}


@pytest.mark.parametrize(("window", "judged_from"), [("1d", 2080), ("day", 2080)])
def test_an_incident_begins_once_the_window_holds_the_events_that_the_objective_asks_for(
    window: str, judged_from: int
) -> None:
    """A counter that begins at the second midnight: of 100 events a minute, 64,100 are there after 641 minutes."""
    total, bad = np.full(4 * 1440, 100.0), np.zeros(4 * 1440)
    total[:1440], bad[2000:2100] = 0.0, 50.0
    asked = objective(target=0.99, window=window, min_events=64_100)
    (found,) = incidents(row(total, bad), grid(4 * 1440), asked, GOOGLE)
    (plain,) = incidents(row(total, bad), grid(4 * 1440), objective(target=0.99, window=window), GOOGLE)
    start_ms = grid(4 * 1440).start_ms
    assert (found.start_ms - start_ms) // 60_000 == judged_from + 1
    assert (plain.start_ms - start_ms) // 60_000 < judged_from
    assert found.end_ms == plain.end_ms


def test_rows_that_share_a_workspace_have_the_incidents_that_each_has_alone() -> None:
    shared = Workspace()
    rows = [
        outage(1000, 1060, 0.2),
        outage(2000, 2400, 0.01),
        row(np.full(900, 1e16 / 3), np.full(900, 1e14)),
        outage(3000, 3300, 1.0, steps=5 * 1440),
        outage(1000, 1060, 0.2),
    ]
    for one in rows:
        alone = incidents(one, grid(len(one.total)), objective(target=0.999), GOOGLE)
        assert alone
        assert incidents(one, grid(len(one.total)), objective(target=0.999), GOOGLE, shared) == alone


def test_one_error_at_one_request_a_minute_is_no_page_and_no_ticket() -> None:
    total, bad = np.full(4 * 1440, 1.0), np.zeros(4 * 1440)
    bad[-10] = 1.0
    one = row(total, bad)
    assert float(burn_history(one, grid(len(total)), 0.999, 3600.0)[-1]) > 14.4
    assert firing_now(one, grid(len(total)), 0.999, GOOGLE) == ()
    assert incidents(one, grid(len(total)), objective(target=0.999), GOOGLE) == ()


def test_a_quiet_channel_that_fails_for_good_is_still_a_page() -> None:
    total, bad = np.full(4 * 1440, 1.0), np.zeros(4 * 1440)
    bad[-10:] = 1.0
    assert "page" in {pair.severity for pair in firing_now(row(total, bad), grid(len(total)), 0.999, GOOGLE)}


@pytest.mark.parametrize("error_ratio", [1.0, 0.5, 0.1, 0.05, 0.02])
def test_detection_is_within_a_step_of_the_formula(error_ratio: float) -> None:
    from observatory.objectives.burn import detection_seconds

    one = outage(3 * 1440, 4 * 1440, error_ratio)
    g = grid(4 * 1440)
    first = incidents(one, g, objective(target=0.999), GOOGLE)[0]
    times = [detection_seconds(pair.factor, 0.999, pair.long, error_ratio) for pair in GOOGLE.pairs]
    expected = min(time for time in times if time is not None)
    measured = (first.start_ms - (g.start_ms + 3 * 1440 * 60_000)) / 1000
    assert 0 <= measured - expected <= 60.0


def test_days_add_up_to_the_whole_and_know_about_daylight_saving() -> None:
    end = Grid.ending_at(1_793_000_000_000 - 1_793_000_000_000 % 3_600_000, 10 * 24 * HOUR_MS)
    one = row(np.full(end.steps, 2.0), np.full(end.steps, 1.0))
    found = days(one, end, "Europe/London")
    assert sum(day.counts.total for day in found) == 2.0 * end.steps
    long = next(day for day in found if day.date == "2026-10-25")
    assert long.counts.total == 2.0 * 25 * 60
    assert all(day.counts.total == 2.0 * 24 * 60 for day in found[1:-1] if day is not long)
