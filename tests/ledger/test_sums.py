"""Running sums say of any span what adding its steps says, to the last bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.ledger.sums import running
from observatory.windows import Grid, TimeRange

GRID = Grid(0, 60_000, 300)


def ledger_of(seed: int, most: int, seen: str) -> Ledger:
    random = np.random.default_rng(seed)
    total = np.floor(random.random(GRID.steps) * (most + 1))
    bad = np.floor(total * random.random(GRID.steps) ** 4)
    observed = {
        "all": np.full(GRID.steps, 60.0),
        "none": np.zeros(GRID.steps),
        "some": random.integers(0, 2, GRID.steps) * 60.0,
        "parts": random.random(GRID.steps) * 60,
        "alike": np.full(GRID.steps, 59.7),
    }[seen]
    return Ledger(GRID, {"m": Row(good=total - bad, total=total, observed=observed)})


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    most=st.sampled_from([0, 1, 200, 70_000, 2**32 - 1]),
    seen=st.sampled_from(["all", "none", "some", "parts", "alike"]),
    first=st.integers(-30, 320),
    length=st.integers(0, 400),
)
def test_sums_of_any_span_are_those_of_its_minutes(seed: int, most: int, seen: str, first: int, length: int) -> None:
    ledger = ledger_of(seed, most, seen)
    span = TimeRange(first * 60_000, (first + length) * 60_000)

    sums = ledger.whole("m")

    assert sums is not None
    assert sums.counts(GRID, span) == ledger.rows["m"].counts(GRID, span)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_parts_of_a_range_add_to_the_whole_however_it_is_cut(seed: int, cuts: list[int]) -> None:
    sums = ledger_of(seed, 70_000, "some").whole("m")
    assert sums is not None
    edges = [0, *sorted(cuts), 300]

    parts = [sums.counts(GRID, TimeRange(a * 60_000, b * 60_000)) for a, b in pairwise(edges)]

    whole = sums.counts(GRID, GRID.range)
    assert (sum(one.good for one in parts), sum(one.total for one in parts)) == (whole.good, whole.total)
    assert sum(one.observed_seconds for one in parts) == whole.observed_seconds


@pytest.mark.parametrize("share", [0.1, 1e-9])
def test_a_row_with_fractions_has_no_sums(share: float) -> None:
    total = np.full(GRID.steps, 3.0)
    total[7] += share

    ledger = Ledger(GRID, {"m": Row(good=total, total=total, observed=total)})

    assert ledger.whole("m") is None
    assert ledger.whole("another") is None


def test_a_row_is_told_about_without_its_counts() -> None:
    row = Row(good=np.ones(300), total=np.ones(300), observed=np.ones(300), counting="estimated", series=7)

    about = Ledger(GRID, {"m": row}).about("m")

    assert about is not None
    assert (about.counting, about.series, len(about.total)) == ("estimated", 7, 0)


def test_counts_too_large_to_be_exact_have_no_running_sums() -> None:
    assert running(np.array([2.0**52]), 3) is None
    assert running(np.array([2.0**50]), 3) is not None


@pytest.mark.parametrize(("counted", "bits"), [([2**30, 2**30 - 1], 64), ([2**30 - 1, 2**30 - 1], 32)])
def test_sums_take_32_bits_where_they_surely_fit(counted: list[int], bits: int) -> None:
    sums = running(np.asarray(counted, np.uint32), 2)
    assert sums is not None
    assert sums.tolist() == [0, counted[0], sum(counted)]
    assert sums.dtype.itemsize * 8 == bits
