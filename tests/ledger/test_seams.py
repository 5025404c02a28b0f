"""Where two days meet: nothing is lost between them, nothing is counted in both."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from counting_cases import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    Series,
    bad,
    bound,
    counter,
    events,
    handled,
    measured,
    row_of,
    scrapes,
    selector,
    slices,
    total,
)
from msgspec.structs import replace

from observatory.indicators.expression import Behind, Count
from observatory.indicators.indicator import Indicator
from observatory.ledger.days import blocks_of, is_day
from observatory.ledger.row import Row
from observatory.windows import Grid, TimeRange

DAYS = 5
GRID = Grid.ending_at(END_MS, DAYS * DAY_MS)
START_MS = GRID.start_ms
T = scrapes(START_MS - 2 * HOUR_MS, END_MS)
MIDNIGHT = END_MS - 2 * DAY_MS
ONE = events(channel="a")


def success(t: np.ndarray = T, per_scrape: np.ndarray | float = 10.0, **labels: str) -> Series:
    return counter(handled("success", channel="a", **labels), t, per_scrape)


def without(t: np.ndarray, start_ms: int, end_ms: int) -> np.ndarray:
    return (t <= start_ms) | (t > end_ms)


def gone(line: Series, start_ms: int, end_ms: int) -> Series:
    """A series that was not scraped for a while and counted on meanwhile."""
    labels, t, values = line
    kept = without(np.asarray(t), start_ms, end_ms)
    return labels, np.asarray(t)[kept], np.asarray(values)[kept]


def counted(*lines: Series, grid: Grid = GRID) -> Row:
    return row_of(lines, ONE, grid)


def at(row: Row, grid: Grid, instant_ms: int) -> int:
    return (instant_ms - grid.start_ms) // grid.step_ms


@pytest.mark.parametrize(
    ("end_ms", "length_ms", "expected"),
    [
        (END_MS + HOUR_MS, 3 * DAY_MS, [24.0, 24.0, 24.0, 1.0]),
        (END_MS + HOUR_MS - 1000, 3 * DAY_MS, [24.0, 24.0, 25 - 1 / 3600]),
        (END_MS, 2 * DAY_MS, [24.0, 24.0]),
        (END_MS, 2 * DAY_MS - MINUTE_MS, [48 - 1 / 60]),
        (END_MS + 12 * HOUR_MS + 7_000, 2 * DAY_MS, [24.0, 24.0, 12.0]),
    ],
)
def test_a_grid_is_cut_into_days_that_are_over_and_a_rest(end_ms: int, length_ms: int, expected: list[float]) -> None:
    grid = Grid.ending_at(end_ms, length_ms, 1000 if end_ms % MINUTE_MS and end_ms < END_MS + HOUR_MS else MINUTE_MS)
    blocks = blocks_of(grid)
    assert [block.steps * block.step_ms / HOUR_MS for block in blocks] == pytest.approx(expected)
    assert blocks[-1].end_ms == grid.end_ms
    assert blocks[0].start_ms <= grid.start_ms
    assert all(one.end_ms == other.start_ms for one, other in pairwise(blocks))


def test_only_days_by_the_clock_can_be_kept() -> None:
    on, off = (blocks_of(Grid.ending_at(END_MS + phase, 4 * DAY_MS)) for phase in (0, 7_000))
    assert [is_day(block) for block in on] == [True] * 4
    assert [is_day(block) for block in off] == [False] * 4


def test_a_steady_counter_counts_the_same_on_every_day() -> None:
    row = counted(success())
    assert row.total.reshape(DAYS, -1).sum(axis=1).tolist() == [14_400.0] * DAYS
    assert row.observed.tolist() == [60.0] * GRID.steps
    assert (row.recovered.births, row.recovered.resets, row.recovered.gap_events) == (0.0, 0, 0.0)


@pytest.mark.parametrize("off_ms", [0, 1, 7_000, 31_337])
def test_a_window_off_the_minute_counts_the_samples_inside_it(off_ms: int) -> None:
    grid = Grid.ending_at(END_MS - 6 * HOUR_MS + off_ms, 3 * DAY_MS)
    rises = np.arange(len(T), dtype=np.float64) % 17
    row = counted(success(T, rises), grid=grid)
    inside = (grid.start_ms < T) & (grid.end_ms >= T)
    assert total(row) == rises[inside].sum()
    assert row.total[-60:].sum() == rises[(grid.end_ms - HOUR_MS < T) & (grid.end_ms >= T)].sum()


@pytest.mark.parametrize("hours", [(-2, 1), (-1, 2), (-0.5, 0.25), (-30, 1), (-3, 30), (-60, 20)])
def test_a_gap_over_midnight_is_counted_in_full_and_spread(hours: tuple[float, float]) -> None:
    first, last = MIDNIGHT + round(hours[0] * HOUR_MS), MIDNIGHT + round(hours[1] * HOUR_MS)
    row = counted(gone(success(), first, last))
    assert total(row) == pytest.approx(DAYS * 14_400.0, rel=1e-12)
    scraped = T[without(T, first, last)]
    before, after = scraped[scraped <= first][-1], scraped[scraped > last][0]
    missed = 10.0 * (after - before) / MINUTE_MS
    assert row.recovered.gap_events == missed
    inside = row.total[at(row, GRID, int(before)) + 1 : at(row, GRID, int(after))]
    assert inside.tolist() == pytest.approx([10.0] * len(inside))
    assert row.observed[at(row, GRID, int(before)) + 2 : at(row, GRID, int(after)) - 2].sum() == 0.0
    assert row.observed.sum() == pytest.approx((DAYS * DAY_MS - (after - MINUTE_MS - before)) / 1000)


def test_a_counter_that_comes_back_after_days_goes_on_and_is_no_newcomer() -> None:
    """Another counter of the target was there all the time, so a newcomer would count in full."""
    row = counted(
        gone(success(), MIDNIGHT - 30 * HOUR_MS, MIDNIGHT + 30 * HOUR_MS),
        counter(handled("error", channel="a"), T, 1.0),
    )
    assert total(row) == pytest.approx(DAYS * 1440 * 11.0, rel=1e-12)
    assert row.recovered.births == 0.0


def test_a_counter_that_comes_back_lower_began_anew_meanwhile() -> None:
    labels, t, values = gone(success(), MIDNIGHT - 30 * HOUR_MS, MIDNIGHT + 2 * HOUR_MS)
    anew = np.asarray(t) > MIDNIGHT
    lower = np.asarray(values) - np.where(anew, np.asarray(values)[anew][0] - 7.0, 0.0)
    row = counted((labels, t, lower))
    away = 10.0 * (np.asarray(t)[anew][0] - np.asarray(t)[~anew][-1]) / MINUTE_MS
    assert total(row) == pytest.approx(DAYS * 14_400.0 - away + 7.0)
    assert row.recovered.resets == 1


@pytest.mark.parametrize("minutes", [-30, -1, 0, 1, 30])
def test_a_newcomer_around_midnight_counts_its_first_value_once(minutes: int) -> None:
    born = T[MIDNIGHT + minutes * MINUTE_MS < T]
    row = counted(counter(handled("error", channel="a"), born, 3.0), success())
    assert bad(row) == 3.0 * len(born)
    assert row.recovered.births == 3.0


@pytest.mark.parametrize("minutes", [-1, 0, 1])
def test_a_restart_at_midnight_is_counted_once(minutes: int) -> None:
    labels, t, values = success()
    at_ms = MIDNIGHT + minutes * MINUTE_MS
    values = np.asarray(values)
    lost = values[t <= at_ms][-1]
    row = counted((labels, t, np.where(np.asarray(t) <= at_ms, values, values - lost)))
    assert total(row) == DAYS * 14_400.0
    assert row.recovered.resets == 1


def test_a_missed_scrape_at_midnight_is_no_gap() -> None:
    row = counted(gone(success(), MIDNIGHT - MINUTE_MS, MIDNIGHT))
    assert total(row) == DAYS * 14_400.0
    assert row.recovered.gap_events == 0.0
    assert row.observed.tolist() == [60.0] * GRID.steps


def test_a_gap_that_began_before_what_is_read_counts_what_fell_into_the_window() -> None:
    row = counted(gone(success(), START_MS - 90 * MINUTE_MS, START_MS + 6 * HOUR_MS))
    assert total(row) == pytest.approx(DAYS * 14_400.0, abs=10.0)
    assert row.recovered.gap_events == pytest.approx(451 * 10.0)


def test_what_a_window_cannot_know_is_not_counted() -> None:
    """A gap that began more than a week before: the first value after it is where counting begins."""
    old = scrapes(START_MS - 9 * DAY_MS, END_MS)
    row = counted(gone(success(old), START_MS - 8 * DAY_MS, START_MS + 6 * HOUR_MS))
    assert total(row) == pytest.approx(DAYS * 14_400.0 - 361 * 10.0, abs=10.0)


@pytest.mark.parametrize("minutes", [-30, -1, 0, 1, 30])
def test_a_rewritten_label_around_midnight_is_no_birth(minutes: int) -> None:
    labels, t, values = success(per_scrape=7.0)
    new = np.asarray(t) > MIDNIGHT + minutes * MINUTE_MS
    values = 1e5 + np.asarray(values)
    row = counted(
        ({**labels, "topic": "orders-v1"}, np.asarray(t)[~new], values[~new]),
        ({**labels, "topic": "orders.v1"}, np.asarray(t)[new], values[new]),
    )
    assert total(row) == DAYS * 1440 * 7.0
    assert row.recovered.births == 0.0


@pytest.mark.parametrize("hours", [-30, -0.5, 0.5, 30])
def test_a_series_created_before_its_day_counts_since_then_when_that_lies_in_the_window(hours: float) -> None:
    """A new target shows it first hours later; whether the day of its creation is read does not depend on its day."""
    born = T[T > MIDNIGHT + 2 * HOUR_MS]
    own = handled("error", "new:1", channel="a")
    created_ms = MIDNIGHT + hours * HOUR_MS
    created = (
        {"__name__": "handled_created", "job": "svc", "instance": "new:1"},
        born,
        np.full(len(born), created_ms / 1e3),
    )
    created[0].update(own | {"__name__": "handled_created"})
    row = counted(success(), (own, born, np.full(len(born), 30.0)), created)
    assert bad(row) == pytest.approx(30.0 if created_ms < born[0] else 0.0)


GAPS = [(2, 7), (-2, 5), (-30, 20)]
"""Hours around a midnight: a gap inside a day, and others that reach farther back than a day's lookback."""


def error(t: np.ndarray, values: np.ndarray | float, **labels: str) -> Series:
    return handled("error", channel="a", **labels), t, np.broadcast_to(np.asarray(values, np.float64), len(t))


def back(hours: float) -> np.ndarray:
    """Scrapes from the end of a gap on."""
    return T[MIDNIGHT + round(hours * HOUR_MS) < T]


@pytest.mark.parametrize(("first", "last"), GAPS)
def test_errors_that_begin_in_a_gap_count_whether_a_midnight_lies_in_it_or_not(first: float, last: float) -> None:
    steady = gone(success(), MIDNIGHT + first * HOUR_MS, MIDNIGHT + last * HOUR_MS)
    row = counted(steady, error(back(last), 645.0))
    assert bad(row) == pytest.approx(645.0)
    assert row.recovered.births == 645.0


@pytest.mark.parametrize(("first", "last"), GAPS)
@pytest.mark.parametrize(("old", "new"), [({}, {"region": "eu"}), ({"topic": "o-1"}, {"topic": "o.1"})])
def test_a_label_that_changes_in_a_gap_is_no_event(
    first: float, last: float, old: dict[str, str], new: dict[str, str]
) -> None:
    labels, t, values = success(per_scrape=7.0)
    before, after = t <= MIDNIGHT + first * HOUR_MS, t > MIDNIGHT + last * HOUR_MS
    values = 5e4 + np.asarray(values)
    row = counted(({**labels, **old}, t[before], values[before]), ({**labels, **new}, t[after], values[after]))
    assert total(row) == pytest.approx(DAYS * 1440 * 7.0)
    assert row.recovered.births == 0.0


@pytest.mark.parametrize(("first", "last"), GAPS)
@pytest.mark.parametrize(("began", "counts"), [(0.5, True), (-40 * 24.0, False)])
def test_a_process_first_seen_at_the_end_of_a_gap_counts_from_its_start_when_that_is_known(
    first: float, last: float, began: float, counts: bool
) -> None:
    """It began half an hour after the gap did, or before all that is known."""
    t = back(last)
    start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": "new:1"}
    began_s = (MIDNIGHT + (first + began) * HOUR_MS) / 1000
    steady = gone(success(), MIDNIGHT + first * HOUR_MS, MIDNIGHT + last * HOUR_MS)
    row = counted(steady, error(t, 30.0, instance="new:1"), (start, t, np.full(len(t), began_s)))
    assert bad(row) == pytest.approx(30.0 if counts else 0.0)


@pytest.mark.parametrize(("first", "last"), GAPS)
def test_a_target_renamed_in_a_gap_whose_process_lives_on_brings_no_history(first: float, last: float) -> None:
    labels, t, values = success(per_scrape=7.0)
    before, after = t <= MIDNIGHT + first * HOUR_MS, t > MIDNIGHT + last * HOUR_MS
    began = np.full(len(t), START_MS / 1000 + 3600)
    alive = t > START_MS + HOUR_MS
    values = np.cumsum(np.where(alive, 7.0, 0.0))
    lines: list[Series] = []
    for name, part in (("a:1", before & alive), ("b:1", after)):
        lines.append(({**labels, "instance": name}, t[part], values[part]))
        start = {"__name__": "process_start_time_seconds", "job": "svc", "instance": name}
        lines.append((start, t[part], began[part]))
    assert total(counted(*lines)) == pytest.approx(7.0 * alive.sum())


@pytest.mark.parametrize("hours", [5, 30])
@pytest.mark.parametrize("missing", [True, False])
def test_a_counter_that_was_not_there_after_a_restart_counts_from_zero_when_it_comes_back(
    hours: int, missing: bool
) -> None:
    """It held one before and holds one again: the other counter of the process fell meanwhile, and it was missing."""
    labels, t, values = success()
    anew = t > MIDNIGHT - 2 * HOUR_MS
    restarted = np.where(anew, values - values[anew][0], values) if missing else values
    held, again = T[T <= MIDNIGHT - 2 * HOUR_MS], T[MIDNIGHT + (hours - 2) * HOUR_MS < T]
    both = np.concatenate((held[-300:], again))
    row = counted((labels, t, restarted), error(both, 1.0))
    assert bad(row) == pytest.approx(2.0 if missing else 1.0)


def test_a_server_of_a_pair_that_is_away_at_midnight_changes_no_count() -> None:
    both = [
        gone(success(replica=name), MIDNIGHT + start, MIDNIGHT + end)
        for name, start, end in (
            ("one", -2 * HOUR_MS, 3 * HOUR_MS),
            ("two", 5 * HOUR_MS, 9 * HOUR_MS),
        )
    ]
    row = counted(*both)
    assert total(row) == DAYS * 14_400.0
    assert row.recovered.gap_events == 0.0


def stuck_since(hours: float) -> tuple[Series, Series]:
    t = scrapes(START_MS - 2 * HOUR_MS, END_MS, phase_ms=0)
    own = {"job": "broker", "instance": "b:1", "topic": "o", "partition": "0"}
    produced = np.arange(len(t)) * 5.0
    done = np.where(t <= END_MS - hours * HOUR_MS, produced, produced[t <= END_MS - hours * HOUR_MS][-1])
    return ({**own, "__name__": "end"}, t, produced), ({**own, "__name__": "done", "group": "g"}, t, done)


@pytest.mark.parametrize("hours", [2, 26, 50, 100])
def test_a_consumer_that_has_been_stuck_for_days_is_behind_by_just_that(hours: int) -> None:
    measurement = slices(
        Behind("produced_offset", "committed_offset"),
        120.0,
        bound("produced_offset", selector("end"), "position"),
        bound("committed_offset", selector("done"), "position"),
    )
    row = row_of(stuck_since(hours), measurement, GRID)
    assert row.level is not None
    assert row.at_least is not None
    assert row.level[-1] == hours * 3600.0
    assert not row.at_least.any()
    assert (row.level > 0).sum() == hours * 60
    assert row.findings.between(TimeRange(START_MS, END_MS)).births == 0.0


def test_totals_of_periods_are_counted_once_across_midnight() -> None:
    sent = replace(selector("sent_sum", queue="a"), period_ms=5 * MINUTE_MS)
    one = measured(
        Indicator(sli="availability", total=Count("sent"), good=Count("sent"), measure="sent"),
        (bound("sent", sent, "period_total"),),
    )
    labels = {"__name__": "sent_sum", "queue": "a", "job": "yace", "instance": "y:1"}
    shown = (labels, T, np.repeat(60.0, len(T)))
    grid = Grid(MIDNIGHT - HOUR_MS, MINUTE_MS, 120)
    assert total(row_of([shown], one, grid)) == pytest.approx(24 * 60)

    # Idle over midnight: the first total of the day counts whole, and no more than that.
    idle = (labels, np.asarray([MIDNIGHT - 3 * HOUR_MS, MIDNIGHT + HOUR_MS]), [5.0, 8.0])
    assert total(row_of([idle], one, Grid(MIDNIGHT - DAY_MS, MINUTE_MS, 2 * 1440))) == 8.0
