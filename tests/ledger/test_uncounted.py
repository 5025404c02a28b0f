"""First values that are not counted: the same from kept days, from a refresh and from one cold read, and for good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from counting_cases import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    Answering,
    Forgetful,
    Series,
    counter,
    events,
    handled,
    scrapes,
)
from eventful_cases import assert_same

from observatory.ledger.build import build
from observatory.ledger.ledger import Ledger
from observatory.ledger.uncounted import FirstValue, Uncounted
from observatory.sources.base import SampleSet
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.windows import Grid, TimeRange

GRID = Grid.ending_at(END_MS - 6 * HOUR_MS, 5 * DAY_MS)
MEASUREMENT = events()
STEADY = scrapes(GRID.start_ms - 2 * HOUR_MS, END_MS)


def deploys() -> list[Series]:
    """A pod every hour of which nothing says when it began, with 30 events and one error before its first scrape."""
    series = [counter(handled("success", "steady:1"), STEADY, 30.0)]
    for number in range(5 * 24 + 5):
        begin_ms = GRID.start_ms + number * HOUR_MS
        t = scrapes(begin_ms, begin_ms + HOUR_MS)
        series.append(counter(handled("success", f"pod-{number}:1"), t, 20.0, start=9.0))
        series.append((handled("error", f"pod-{number}:1"), t, np.ones(len(t))))
    return series


def uncounted(ledger: Ledger) -> Uncounted:
    return ledger.rows[MEASUREMENT.key].uncounted


def test_kept_days_and_refreshes_say_what_one_cold_read_says(tmp_path: Path) -> None:
    earlier = Grid(GRID.start_ms - 3 * HOUR_MS, GRID.step_ms, GRID.steps)
    with Store.open(tmp_path / "s.duckdb") as store:
        store.append_samples(SampleSet.of(deploys()))
        keeper, sources = kept_beside(store), Answering((store,))
        cold = build([MEASUREMENT], sources, GRID)
        before = build([MEASUREMENT], sources, earlier, keeper=keeper)
        refreshed = build([MEASUREMENT], sources, GRID, previous=before, late_ms=0)
        kept = build([MEASUREMENT], sources, GRID, keeper=keeper)

    assert_same(kept, cold)
    found = uncounted(cold)
    assert (len(found.t_ms), found.events.sum(), found.bad.sum()) == (120, 120 * 30.0, 120.0)
    for one in (uncounted(refreshed), uncounted(kept)):
        assert [part.tolist() for part in one.columns()] == [part.tolist() for part in found.columns()]


def test_days_that_the_server_has_forgotten_still_say_it(tmp_path: Path) -> None:
    with Store.open(None) as store, Store.open(tmp_path / "s.duckdb") as beside:
        store.append_samples(SampleSet.of(deploys()))
        source, keeper = Forgetful(store), kept_beside(beside)
        before = build([MEASUREMENT], Answering((source,)), GRID, keeper=keeper)
        source.since_ms = END_MS - 2 * DAY_MS + HOUR_MS
        # Another objective makes another plan, so days are counted anew as far as there is telemetry.
        both = [MEASUREMENT, events(instance="steady:1")]
        after = build(both, Answering((source,)), GRID, keeper=keeper)

    days = TimeRange(GRID.start_ms, END_MS - 2 * DAY_MS)
    then, now = (uncounted(one).cut(days) for one in (before, after))
    assert len(then.t_ms) == 78
    assert [part.tolist() for part in now.columns()[1:]] == [part.tolist() for part in then.columns()[1:]]
    assert np.abs(now.t_ms - then.t_ms).max() < MINUTE_MS, "a day keeps the minute of it"


def test_what_several_targets_show_in_one_step_is_kept_as_their_sum() -> None:
    grid = Grid(GRID.start_ms, MINUTE_MS, 10)
    at_ms = grid.start_ms + 3 * MINUTE_MS
    total = [FirstValue(at_ms, ("s", "svc", name), 10.0) for name in "ab"]
    part = [FirstValue(at_ms, ("s", "svc", "a"), 4.0)]
    found = Uncounted.of(total, part, part_is_good=True)

    again = Uncounted.of_steps(found.by_step(grid), grid)

    assert [one.tolist() for one in found.columns()] == [[at_ms] * 2, [1.0] * 2, [10.0] * 2, [4.0, 0.0], [6.0, 10.0]]
    assert [one.tolist() for one in again.columns()] == [[at_ms], [2.0], [20.0], [4.0], [16.0]]


def test_a_difference_of_counters_holds_what_is_left_of_it() -> None:
    target = ("s", "svc", "a")
    total = [FirstValue(5, target, 10.0), FirstValue(5, target, -4.0), FirstValue(7, target, -3.0)]

    found = Uncounted.of(total, [], part_is_good=False)

    assert [one.tolist() for one in found.columns()] == [[5], [1.0], [6.0], [6.0], [0.0]]
