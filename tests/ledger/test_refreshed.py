"""A ledger that was refreshed says what one says that is counted anew at the same instant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from counting_cases import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    Answering,
    Series,
    bound,
    counter,
    events,
    handled,
    scrapes,
    selector,
    slices,
    store_of,
    total,
)

from observatory.compile.plan import Measurement
from observatory.indicators.expression import Since
from observatory.ledger.build import build
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.windows import Grid

OTHER = {"__name__": "other_total", "job": "svc", "instance": "a:1", "outcome": "success"}
FRESH = slices(
    Since("processed_messages"), 1800.0, bound("processed_messages", selector("handled_total"), "cumulative")
)


def both(
    series: Sequence[Series], chain: Sequence[tuple[int, Sequence[Measurement]]], length_ms: int
) -> tuple[Ledger, Ledger]:
    """Ledgers at the last instant of a chain, refreshed all along it and counted anew.

    Args:
        chain: Minutes before the end, and what is asked for then.
    """
    with store_of(series) as store:
        refreshed = None
        for late, wanted in chain:
            grid = Grid.ending_at(END_MS - late * MINUTE_MS, length_ms)
            refreshed = build(wanted, Answering((store,)), grid, previous=refreshed)
        assert refreshed is not None
        return refreshed, build(chain[-1][1], Answering((store,)), refreshed.grid)


def same(one: Row, other: Row) -> None:
    assert one.total.tolist() == other.total.tolist()
    assert one.good.tolist() == other.good.tolist()
    assert one.observed.tolist() == other.observed.tolist()
    assert (one.series, one.last_sample_ms) == (other.series, other.last_sample_ms)


@pytest.mark.parametrize("then", [200, 45])
def test_a_channel_that_is_found_late_is_counted_with_what_others_know_of_its_target(then: int) -> None:
    """Its first five messages are an increment, and it is seen for as long as its target is, not its own series."""
    t = scrapes(END_MS - DAY_MS, END_MS)
    there = (t > END_MS - 3 * HOUR_MS) & (t <= END_MS - 2 * HOUR_MS)
    new = (handled("success"), t[there], 4.0 + np.arange(1, int(there.sum()) + 1))
    chain = [(240, [events("other_total")]), (then, [events("other_total")]), (30, [events(), events("other_total")])]
    refreshed, anew = both([counter(OTHER, t, 1.0), new], chain, 6 * HOUR_MS)
    assert total(anew.rows[events().key]) == 64.0
    assert anew.rows[events().key].observed.sum() == 6 * HOUR_MS / 1000
    same(refreshed.rows[events().key], anew.rows[events().key])


def test_the_end_of_a_gap_is_where_anyone_saw_the_target_again() -> None:
    """Counters that come back are counted again from before the gap: alone, but not with their own scrapes only."""
    series = []
    for labels, phase_ms in ((handled("success"), 187_000), (OTHER, 7_000)):
        t = scrapes(END_MS - 3 * DAY_MS, END_MS, 5 * MINUTE_MS, phase_ms)
        t = t[(t <= END_MS - 20 * HOUR_MS) | (t > END_MS - 15 * MINUTE_MS)]
        series.append(counter(labels, t, 3.0))
    wanted = [events(), events("other_total")]
    refreshed, anew = both(series, [(40, wanted), (9, wanted), (0, wanted)], 47 * HOUR_MS)
    for one in wanted:
        assert total(anew.rows[one.key]) == 3.0 * (27 * 12 + 3), (
            "27 h of scrapes on the grid before the gap, three after it"
        )
        same(refreshed.rows[one.key], anew.rows[one.key])


@pytest.mark.parametrize("days", [0.2, 3.0])
@pytest.mark.parametrize("ended_before", [10, 45])
def test_a_series_that_ended_before_the_grid_is_not_on_it(days: float, ended_before: int) -> None:
    """However far back was read: nothing is known of it, though its target is scraped on."""
    t = scrapes(END_MS - 8 * DAY_MS, END_MS)
    held = t <= END_MS - days * DAY_MS - ended_before * MINUTE_MS
    series = [counter(OTHER, t, 1.0), counter(handled("success"), t[held], 2.0)]
    wanted = [events(), events("other_total")]
    refreshed, anew = both(series, [(60, wanted), (20, wanted), (0, wanted)], round(days * DAY_MS))
    row = anew.rows[events().key]
    assert (row.series, row.last_sample_ms, float(row.observed.sum())) == (0, None, 0.0)
    same(refreshed.rows[events().key], row)


def levels(row: Row) -> list[float]:
    assert row.level is not None
    return np.nan_to_num(row.level, nan=-1.0).tolist()


def test_what_comes_back_with_its_target_is_no_news_by_that() -> None:
    """Dark for 26 hours, and its counter stands where it stood: another one of its target is shown some minutes before
    it, and yet it is not new."""
    series = []
    for labels, phase_ms, each in ((handled("success"), 247_000, 0.0), (OTHER, 7_000, 1.0)):
        t = scrapes(END_MS - 4 * DAY_MS, END_MS, 5 * MINUTE_MS, phase_ms)
        t = t[(t <= END_MS - 30 * HOUR_MS) | (t > END_MS - 4 * HOUR_MS)]
        series.append(counter(labels, t, each, start=40.0))
    wanted = [FRESH, events("other_total")]
    refreshed, anew = both(series, [(60, wanted), (3, wanted), (0, wanted)], 6 * HOUR_MS)
    row = anew.rows[FRESH.key]
    assert (float(row.good.sum()), float(row.total.sum()) > 200) == (0.0, True)
    assert levels(refreshed.rows[FRESH.key]) == levels(row)


def test_an_age_that_is_only_a_least_one_is_the_same_from_wherever_it_is_looked_back() -> None:
    """Nothing has happened since the first scrape, three days ago, with a day in between that nobody saw."""
    t = scrapes(END_MS - 75 * HOUR_MS, END_MS)
    t = t[(t <= END_MS - 60 * HOUR_MS) | (t > END_MS - 30 * HOUR_MS)]
    chain = [(late, [FRESH]) for late in (25 * 60, 17 * 60, 3 * 60, 0)]
    refreshed, anew = both([counter(handled("success"), t, 0.0)], chain, 50 * HOUR_MS)
    row = anew.rows[FRESH.key]
    assert levels(row)[-1] == pytest.approx(75 * 3600, abs=120)
    assert levels(refreshed.rows[FRESH.key]) == levels(row)


def test_a_target_that_ends_just_before_midnight_is_not_seen_until_midnight() -> None:
    """A day that is over is counted for itself, with a scrape at its end under way; the next day knows of no more."""
    t = scrapes(END_MS - DAY_MS, END_MS - 70_000)
    wanted = [events()]
    with store_of([counter(handled("success"), t, 1.0)]) as store:
        ledger = None
        for late in (20, -10, -30, -90):
            grid = Grid.ending_at(END_MS - late * MINUTE_MS, 3 * DAY_MS)
            ledger = build(wanted, Answering((store,)), grid, previous=ledger)
        assert ledger is not None
        anew = build(wanted, Answering((store,)), ledger.grid).rows[events().key]
    assert anew.observed[-93:-88].tolist() == [60.0, 7.0, 0.0, 0.0, 0.0]
    same(ledger.rows[events().key], anew)


def test_a_target_that_is_first_scraped_at_midnight_was_seen_for_its_own_cadence_before() -> None:
    """The day that ends then knows of one scrape, the next one how far apart they are."""
    t = np.arange(END_MS - DAY_MS, END_MS, MINUTE_MS // 2, dtype=np.int64)
    with store_of([counter(handled("success"), t, 1.0)]) as store:
        grid = Grid.ending_at(END_MS - HOUR_MS, 3 * DAY_MS)
        row = build([events()], Answering((store,)), grid).rows[events().key]
    first = (END_MS - DAY_MS - grid.start_ms) // MINUTE_MS
    assert row.observed[first - 2 : first + 1].tolist() == [0.0, 30.0, 60.0]


def test_what_was_taken_to_go_on_is_not_remembered_once_it_has_ended() -> None:
    """A target came back from a gap, and ended just before a refresh: it is counted again from before the gap later."""
    t = scrapes(END_MS - 5 * HOUR_MS, END_MS - 160_000, 2 * MINUTE_MS)
    t = t[(t <= END_MS - 160 * MINUTE_MS) | (t > END_MS - 34 * MINUTE_MS)]
    chain = [(late, [events()]) for late in (120, 37, 32, 2, 0, -5, -10)]
    refreshed, anew = both([counter(handled("success"), t, 3.0)], chain, 40 * HOUR_MS)
    assert total(anew.rows[events().key]) == 3.0 * (70 + 15), "70 scrapes before the gap, 15 after it"
    same(refreshed.rows[events().key], anew.rows[events().key])
