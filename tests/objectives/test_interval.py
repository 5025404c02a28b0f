"""Wilson's interval against published values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.indicators.counts import Counts
from observatory.objectives.interval import wilson


@pytest.mark.parametrize(
    ("good", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_newcombes_examples(good: float, total: float, low: float, high: float) -> None:
    assert wilson(Counts(good, total)) == pytest.approx((low, high), abs=5e-5)


def test_without_events_nothing_is_said() -> None:
    assert wilson(Counts()) is None


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_the_share_lies_inside_and_the_ends_within_zero_and_one(good: int, total: int) -> None:
    share = min(good, total) / total
    interval = wilson(Counts(float(min(good, total)), float(total)))
    assert interval is not None
    assert 0 <= interval[0] <= share + 1e-12
    assert share - 1e-12 <= interval[1] <= 1
