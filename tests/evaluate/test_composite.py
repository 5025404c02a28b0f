"""Journeys from counts: the bounds hold the truth, and the number in between is what independence gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.evaluate.composite import compose, shares
from observatory.ledger.row import Row
from observatory.windows import Grid

STEPS = 120
GRID = Grid.ending_at(1_795_176_000_000, STEPS * 60_000)
ALL = slice(0, STEPS)


def hop(total: object, bad: object = 0.0) -> Row:
    events = np.broadcast_to(np.asarray(total, dtype=float), (STEPS,)).copy()
    return Row(good=events - bad, total=events, observed=np.full(STEPS, 60.0), series=1, last_sample_ms=1)


def at(step: int, count: float) -> np.ndarray:
    line = np.zeros(STEPS)
    line[step] = count
    return line


def total_bad(*hops: Row) -> tuple[float, float, float]:
    """Failed journeys at least, in between, and at most."""
    found = compose(hops, GRID, ALL)
    bounds, entering = found.bounds(ALL), float(found.entering.sum())
    return entering - bounds.most, float(found.bad.sum()), entering - bounds.least


def test_one_failing_hop_is_counted_exactly() -> None:
    assert total_bad(hop(100.0), hop(100.0, at(5, 7.0)), hop(100.0)) == (7.0, 7.0, 7.0)


def test_failures_of_one_minute_overlap_by_chance_and_may_overlap_wholly_or_not_at_all() -> None:
    # 50 of 100 fail at each of two hops: at best the same 50, by chance 75, at worst all.
    assert total_bad(hop(100.0, at(5, 50.0)), hop(100.0, at(5, 50.0))) == (50.0, 75.0, 100.0)


def test_failures_hours_apart_are_of_different_journeys() -> None:
    # The grid ends on a full hour: its steps 0 to 59 are one hour, 60 to 119 the next.
    assert total_bad(hop(100.0, at(5, 50.0)), hop(100.0, at(100, 50.0))) == (100.0, 100.0, 100.0)
    assert total_bad(hop(100.0, at(5, 50.0)), hop(100.0, at(50, 50.0))) == (50.0, 100.0, 100.0)


def test_failures_of_one_journey_on_either_side_of_a_full_hour_may_be_the_same() -> None:
    # 15:59 at the first hop, 16:01 at the second: the same 50 at best.
    assert total_bad(hop(100.0, at(59, 50.0)), hop(100.0, at(61, 50.0))) == (50.0, 100.0, 100.0)


def test_incidents_that_are_far_apart_are_added_however_many_fail_in_between() -> None:
    """Twelve hours with one failure a minute at each hop, and an incident of another hop at either end."""
    steps = 12 * 60
    grid = Grid.ending_at(1_795_176_000_000, steps * 60_000)
    entering, noise = np.full(steps, 100.0), np.full(steps, 1.0)
    first, second = noise.copy(), noise.copy()
    first[30], second[690] = 81.0, 61.0
    hops = [
        Row(good=entering - bad, total=entering, observed=np.full(steps, 60.0), series=1) for bad in (first, second)
    ]
    fewest = float(entering.sum()) - compose(hops, grid, slice(0, steps)).bounds(slice(0, steps)).most
    # All but the noise of one hour between the two stretches: 660 of the noise, and both incidents.
    assert fewest == 660.0 + 80.0 + 60.0


def test_what_failed_in_several_parcels_is_one_journey_that_does_not_arrive() -> None:
    """100 journeys of three parcels; 10 lose all three and so do not come to the third hop, 20 more never come."""
    third = shares([hop(at(5, 100.0)), hop(at(5, 300.0), at(5, 30.0)), hop(at(6, 70.0))], ALL)[2]
    assert third.unarrived == 20.0


def test_averaged_ratios_would_say_something_else() -> None:
    # A quiet minute in which all fail weighs as many journeys as it has.
    quiet = hop(np.where(np.arange(STEPS) == 3, 1.0, 1000.0), at(3, 1.0))
    found = compose([quiet, hop(quiet.total)], GRID, ALL)
    assert float(found.bad.sum()) == 1.0
    assert float(found.entering.sum()) == 119_001.0


def test_a_journey_with_three_parcels_fails_when_one_of_them_does() -> None:
    # 300 events for 100 journeys, 30 fail: at best 10 journeys lose all three, at worst 30 lose one each.
    low, middle, high = total_bad(hop(100.0), hop(300.0, at(5, 30.0)))
    assert (low, high) == (10.0, 30.0)
    assert middle == pytest.approx(100 * (1 - 0.9**3))


def test_what_takes_another_way_has_not_failed_and_is_told() -> None:
    part, failed = hop(40.0, at(5, 4.0)), hop(100.0, at(5, 10.0))
    assert total_bad(failed, part) == (10.0, pytest.approx(10 + 4 - 0.4), 14.0)
    first, second = shares([failed, part], ALL)
    assert (first.events_per_journey, first.unarrived) == (1.0, 0.0)
    # 12,000 entered, 4,800 arrived, 10 had failed before.
    assert (second.events_per_journey, second.unarrived) == (0.4, 7190.0)


def test_failures_after_everybody_went_in_are_counted() -> None:
    # A backlog that is worked off at night fails while nobody enters.
    entering = np.where(np.arange(STEPS) < 60, 100.0, 0.0)
    assert total_bad(hop(entering), hop(entering[::-1].copy(), at(100, 30.0))) == (30.0, 30.0, 30.0)


def test_nothing_entering_is_no_journey() -> None:
    found = compose([hop(0.0), hop(0.0)], GRID, ALL)
    assert (float(found.entering.sum()), float(found.bad.sum())) == (0.0, 0.0)
    assert shares([hop(0.0), hop(0.0)], ALL)[1].events_per_journey is None


def test_a_step_is_seen_where_every_hop_was() -> None:
    dark = hop(10.0)
    dark.observed[:30] = 0.0
    row = compose([hop(10.0), dark], GRID, ALL).row([hop(10.0), dark])
    assert float(row.observed.sum()) == 90 * 60.0
    assert row.counting == "estimated"


@st.composite
def joint_journeys(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """For each journey the step in which it passes, and at which of three hops it fails; any joint distribution."""
    count = draw(st.integers(1, 60))
    step = np.asarray(draw(st.lists(st.integers(0, STEPS - 1), min_size=count, max_size=count)))
    failed = np.asarray(draw(st.lists(st.tuples(*[st.booleans()] * 3), min_size=count, max_size=count)))
    return step, failed


@given(joint_journeys())
def test_the_truth_lies_within_the_bounds_however_failures_hang_together(
    journeys: tuple[np.ndarray, np.ndarray],
) -> None:
    step, failed = journeys
    totals = np.bincount(step, minlength=STEPS).astype(float)
    hops = [hop(totals, np.bincount(step[failed[:, one]], minlength=STEPS)) for one in range(3)]
    low, middle, high = total_bad(*hops)
    truth = int(failed.any(axis=1).sum())
    assert low - 1e-9 <= truth <= high + 1e-9
    assert low - 1e-9 <= middle <= high + 1e-9


@given(joint_journeys(), st.integers(0, STEPS))
def test_bounds_of_two_parts_are_no_tighter_together_than_those_of_the_whole_are_wide(
    journeys: tuple[np.ndarray, np.ndarray], cut: int
) -> None:
    step, failed = journeys
    totals = np.bincount(step, minlength=STEPS).astype(float)
    found = compose([hop(totals, np.bincount(step[failed[:, one]], minlength=STEPS)) for one in range(3)], GRID, ALL)
    whole, left, right = found.bounds(ALL), found.bounds(slice(0, cut)), found.bounds(slice(cut, STEPS))
    assert left.least + right.least >= whole.least - 1e-9
    assert left.most + right.most <= whole.most + 1e-9


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=STEPS))
def test_the_order_of_hops_after_the_first_does_not_matter(counts: list[tuple[int, int]]) -> None:
    one, other = np.zeros(STEPS), np.zeros(STEPS)
    one[: len(counts)], other[: len(counts)] = zip(*counts, strict=True)
    first, second, third = hop(100.0), hop(100.0, one), hop(100.0, other)
    assert total_bad(first, second, third) == pytest.approx(total_bad(first, third, second))
