"""Budget and burn rates against the published tables, and the law that ties them together."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.indicators.counts import Counts
from observatory.objectives import budget, burn

HOUR, DAY = 3600.0, 86_400.0
PAIRS = ((14.4, HOUR, 300.0), (6.0, 6 * HOUR, 1800.0), (3.0, DAY, 2 * HOUR), (1.0, 3 * DAY, 6 * HOUR))


def test_the_budget_of_three_nines_is_a_thousandth_without_dust() -> None:
    assert budget.budget_ratio(0.999) == 0.001
    assert budget.budget_ratio(0.99) == 0.01
    assert budget.budget_ratio(0.9995) == 0.0005


def test_the_budget_in_events() -> None:
    counts = Counts(41_234.0, 41_401.0)
    assert budget.allowed_events(counts, 0.99) == pytest.approx(414.01)
    assert budget.spent_events(counts) == 167.0
    assert budget.remaining_ratio(counts, 0.99) == pytest.approx(0.5966, abs=5e-5)


def test_without_events_there_is_no_budget_to_speak_of() -> None:
    assert budget.remaining_ratio(Counts(), 0.99) is None
    assert burn.burn_rate(0, 0, 0.99) is None


def test_an_overspent_budget_is_negative() -> None:
    assert budget.remaining_ratio(Counts(97.0, 100.0), 0.99) == pytest.approx(-2.0)


def test_a_budget_below_one_event_is_known() -> None:
    assert budget.smaller_than_one_event(Counts(120, 120), 0.999)
    assert not budget.smaller_than_one_event(Counts(1000, 1000), 0.999)
    assert not budget.smaller_than_one_event(Counts(), 0.999)


@pytest.mark.parametrize(
    ("error_ratio", "minutes"),
    [(1.0, 0.864), (0.1, 8.64), (0.02, 43.2), (0.01, 216.0), (0.006, 720.0), (0.002, 2160.0)],
)
def test_the_first_pair_to_notice_does_so_when_the_workbook_says(error_ratio: float, minutes: float) -> None:
    times = [burn.detection_seconds(factor, 0.999, long, error_ratio) for factor, long, _ in PAIRS]
    assert min(time for time in times if time is not None) == pytest.approx(minutes * 60)


@pytest.mark.parametrize(
    ("error_ratio", "minutes"), [(1.0, (4.928, 29.82, 119.64, 359.64)), (0.02, (1.4, 21, 102, 342))]
)
def test_short_windows_reset_in_time(error_ratio: float, minutes: tuple[float, ...]) -> None:
    resets = [burn.reset_seconds(factor, 0.999, short, error_ratio) for factor, _, short in PAIRS]
    assert resets == pytest.approx([60 * minute for minute in minutes])


def test_a_fault_too_mild_for_a_factor_is_never_noticed_by_it() -> None:
    assert burn.detection_seconds(14.4, 0.999, HOUR, 0.014) is None
    assert burn.reset_seconds(14.4, 0.999, 300.0, 0.014) is None


@pytest.mark.parametrize(("rate", "days"), [(1.0, 30.0), (2.0, 15.0), (10.0, 3.0), (1000.0, 0.03)])
def test_the_budget_ends_after_the_window_over_the_rate(rate: float, days: float) -> None:
    assert burn.exhaustion_seconds(rate, 30 * DAY) == pytest.approx(days * DAY)


def test_a_spent_budget_ends_now_and_without_burn_never() -> None:
    assert burn.exhaustion_seconds(5.0, DAY, remaining=-0.1) == 0.0
    assert burn.exhaustion_seconds(0.0, DAY) is None


@pytest.mark.parametrize(("factor", "target"), [(14.4, 0.93), (6.0, 0.83), (3.0, 0.66)])
def test_factors_beyond_a_total_outage_are_unreachable(factor: float, target: float) -> None:
    assert not burn.is_reachable(factor, target)
    assert burn.is_reachable(factor, target + 0.01)


@given(st.integers(1, 10**9), st.integers(1, 9999), st.floats(60.0, 90 * DAY))
def test_a_burn_rate_of_one_over_the_window_spends_the_budget_exactly(total: int, basis: int, window: float) -> None:
    target = 1 - basis / 10_000
    bad = total * budget.budget_ratio(target)
    rate = burn.burn_rate(bad, total, target)
    assert rate == pytest.approx(1.0)
    assert burn.budget_spent(rate or 0.0, window, window) == pytest.approx(1.0)
    assert budget.remaining_ratio(Counts(total - bad, total), target) == pytest.approx(0.0, abs=1e-9)


@given(st.integers(0, 2**53) | st.floats(0, 1e12), st.decimals("0.5", "0.9999999", places=7))
def test_what_may_be_bad_is_the_share_in_decimal_rounded_once(total: float, target: Decimal) -> None:
    exact = Decimal(repr(float(total))) * (1 - target)

    assert budget.allowed_events(Counts(0, float(total)), float(target)) == float(exact)
