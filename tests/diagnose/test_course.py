"""A course knows its usual value, its present one, and when the change began."""

from __future__ import annotations

import math

import numpy as np

from observatory.diagnose.course import Course

MINUTE = 60_000


def course(values: list[float], unit: str = "message") -> Course:
    return Course(
        subject="billing/on_order",
        name="billing",
        unit=unit,
        t_ms=np.arange(1, len(values) + 1, dtype=np.int64) * MINUTE,
        value=np.array(values, dtype=np.float64),
    )


def test_now_is_the_mean_of_the_newest_quarter_of_an_hour_and_usual_the_median_before() -> None:
    one = course([10.0] * 60 + [90.0] * 15)

    assert (one.now, one.usual) == (90.0, 10.0)


def test_steps_without_observation_are_left_out() -> None:
    one = course([10.0] * 60 + [math.nan] * 10 + [30.0] * 5)

    assert one.now == 30.0


def test_nothing_recent_is_unknown_and_no_zero() -> None:
    one = course([10.0] * 60 + [math.nan] * 15)

    assert one.now is None
    assert one.rose() is None
    assert one.fell() is None
    assert one.since() is None


def test_a_rise_needs_both_the_factor_and_the_floor() -> None:
    one = course([1.0] * 60 + [5.0] * 15)

    assert one.rose(factor=2) is True
    assert one.rose(factor=6) is False
    assert one.rose(factor=2, floor=50) is False


def test_a_series_born_with_the_failure_rose_when_it_is_above_the_floor() -> None:
    one = course([math.nan] * 60 + [5.0] * 15)

    assert one.rose(floor=1) is True
    assert one.since() == 61 * MINUTE


def test_a_fall_from_zero_cannot_be_known() -> None:
    assert course([0.0] * 75).fell() is None


def test_a_change_began_at_the_first_step_beyond_the_midpoint() -> None:
    one = course([10.0] * 50 + [90.0] * 25)

    assert one.since() == 51 * MINUTE


def test_one_noisy_step_does_not_restart_a_change() -> None:
    one = course([10.0] * 50 + [90.0] * 5 + [10.0] + [90.0] * 19)

    assert one.since() == 51 * MINUTE


def test_a_change_is_written_from_usual_to_now_with_its_unit() -> None:
    assert course([4100.0] * 60 + [212000.0] * 15).change() == "4,100 → 212,000 messages"
    assert course([0.05] * 60 + [2.0] * 15, unit="second").change() == "50 ms → 2 s"
    assert course([0.25] * 60 + [0.9] * 15, unit="ratio").change() == "25 % → 90 %"
