"""Incidents from running sums are those from the minutes, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_cases import objective

from observatory.evaluate.history import incidents
from observatory.evaluate.known_alerts import KnownAlerts
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.objectives.policy import load_policies
from observatory.windows import Grid

POLICIES = load_policies(None)
STEPS = 5 * 1440 + 7


def row_of(seed: int, events: int, share: float, faults: int) -> Row:
    random = np.random.default_rng(seed)
    total = random.poisson(events, STEPS).astype(np.float64)
    shares = np.full(STEPS, share)
    for at in random.integers(0, STEPS, faults).tolist():
        shares[at : at + int(random.integers(1, 400))] = min(1.0, share * float(random.integers(2, 60)))
    bad = random.binomial(total.astype(np.int64), shares).astype(np.float64)
    return Row(good=total - bad, total=total, observed=np.full(STEPS, 60.0))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    events=st.sampled_from([0, 1, 30, 900]),
    share=st.sampled_from([0.0, 0.0009, 0.001, 0.01, 0.3]),
    faults=st.integers(0, 6),
    target=st.sampled_from([0.9, 0.99, 0.999, 0.997, 0.95]),
    policy=st.sampled_from(sorted(POLICIES)),
    step_ms=st.sampled_from([60_000, 20_000]),
)
def test_sums_show_the_incidents_that_minutes_show(
    seed: int, events: int, share: float, faults: int, target: float, policy: str, step_ms: int
) -> None:
    grid, row = Grid(0, step_ms, STEPS), row_of(seed, events, share, faults)
    one, counts = objective(target=target), Ledger(grid, {"m": row}).whole("m")
    assert counts is not None

    found = KnownAlerts(grid).incidents(counts, one, POLICIES[policy], of_slices=False)

    assert found == incidents(row, grid, one, POLICIES[policy])


@pytest.mark.parametrize(("bad", "count"), [(1.0, 1), (0.0, 0)])
def test_one_bad_slice_of_time_fires_where_one_bad_message_does_not(bad: float, count: int) -> None:
    grid = Grid(0, 60_000, 60)
    total = np.ones(60)
    good = total.copy()
    good[30] -= bad
    counts = Ledger(grid, {"m": Row(good=good, total=total, observed=total * 60)}).whole("m")
    assert counts is not None

    found = [
        KnownAlerts(grid).incidents(counts, objective(target=0.999), POLICIES["google-30d"], of_slices=one)
        for one in (True, False)
    ]

    assert [one.severity for one in found[0] or ()] == ["page"] * count
    assert [one.severity for one in found[1] or ()] == []


def test_more_events_than_sums_can_hold_exactly_are_looked_at_by_the_minute() -> None:
    grid = Grid(0, 60_000, 10)
    row = Row(good=np.zeros(10), total=np.full(10, 2.0**45), observed=np.full(10, 60.0))
    counts = Ledger(grid, {"m": row}).whole("m")
    assert counts is not None

    one, policy = objective(target=0.999), POLICIES["google-30d"]
    assert KnownAlerts(grid).incidents(counts, one, policy, of_slices=False) is None
