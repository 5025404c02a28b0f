"""Quantiles for panels."""

from __future__ import annotations

import numpy as np
import pytest

from observatory.ledger.histograms import quantiles, sample_quantiles

BOUNDS = [0.1, 0.5, 1.0, float("inf")]


def one(counts: list[float], quantile: float) -> float:
    return float(quantiles(BOUNDS, np.asarray(counts, dtype=float).reshape(-1, 1), quantile)[0])


def test_a_quantile_is_interpolated_inside_its_bucket() -> None:
    assert one([0, 10, 10, 10], 0.5) == pytest.approx(0.3)


def test_the_first_bucket_begins_at_zero() -> None:
    assert one([10, 10, 10, 10], 0.5) == pytest.approx(0.05)


def test_above_the_last_boundary_nothing_more_is_known() -> None:
    assert one([0, 0, 1, 100], 0.99) == 1.0


def test_without_events_there_is_no_quantile() -> None:
    assert np.isnan(one([0, 0, 0, 0], 0.5))


def test_the_quantile_of_single_values_is_one_of_them() -> None:
    steps = np.asarray([0, 0, 0, 0, 2, 9])
    values = np.asarray([4.0, 1.0, 3.0, 2.0, 7.0, 8.0])
    found = sample_quantiles(steps, values, 3, 0.5)
    assert found[0] == 2.0
    assert np.isnan(found[1])
    assert found[2] == 7.0
