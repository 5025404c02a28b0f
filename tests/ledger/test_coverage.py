"""Missing data is a state: the table of {no traffic, no error series, gap, target gone, wrong name, total < good}."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, Series, counter, events, handled, ledger_of, row_of, scrapes
from objective_cases import objective

from observatory.evaluate.judgement import judge
from observatory.evaluate.status import ObjectiveStatus
from observatory.objectives.policy import load_policies
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 24 * HOUR_MS)
times = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)


def judged(series: list[Series], metric: str = "handled_total") -> ObjectiveStatus:
    measurement = events(metric)
    ledger = ledger_of(series, [measurement], GRID)
    return judge(
        objective(window="1d"),
        measurement,
        ledger.rows.get(measurement.key),
        GRID,
        load_policies()["google-30d"],
    )


def codes(status: ObjectiveStatus) -> list[str]:
    return [problem.code for problem in status.problems]


def test_no_traffic_is_not_the_same_as_no_data() -> None:
    status = judged([counter(handled("success"), times, 0.0)])
    assert status.state == "no_traffic"
    assert status.counts is not None
    assert (status.counts.total, status.counts.ratio) == (0.0, None)
    assert status.counts.coverage == pytest.approx(1.0)
    assert codes(status) == []


def test_no_error_series_means_no_error() -> None:
    status = judged([counter(handled("success"), times, 5.0)])
    assert status.state == "meeting"
    assert status.counts is not None
    assert (status.counts.good, status.counts.total) == (5.0 * 1440, 5.0 * 1440)
    assert codes(status) == []


def test_a_gap_lowers_coverage_and_says_so() -> None:
    gap = (times > GRID.end_ms - 10 * HOUR_MS) & (times <= GRID.end_ms - 4 * HOUR_MS)
    labels, _, values = counter(handled("success"), times, 5.0)
    status = judged([(labels, times[~gap], np.asarray(values)[~gap])])
    assert status.state == "meeting"
    assert status.counts is not None
    assert status.counts.total == 5.0 * 1440
    assert status.counts.coverage == pytest.approx(18 / 24, abs=0.002)
    assert codes(status) == ["coverage-low"]


def test_a_target_that_is_gone_has_stopped() -> None:
    kept = times <= GRID.end_ms - 6 * HOUR_MS
    labels, _, values = counter(handled("success"), times, 5.0)
    status = judged([(labels, times[kept], np.asarray(values)[kept])])
    assert codes(status) == ["telemetry-stopped"]
    assert status.burn_rates["5m"] is None
    assert status.burn_rates["1d"] == 0.0
    assert status.counts is not None
    assert status.counts.coverage == pytest.approx(18 / 24, abs=0.002)


def test_a_wrong_name_has_no_data() -> None:
    status = judged([counter(handled("success"), times, 5.0)], metric="handeld_total")
    assert status.state == "no_data"
    assert (status.counts, status.budget) == (None, None)
    assert codes(status) == ["series-missing"]


def test_more_good_than_all_is_held_at_all_and_reported() -> None:
    series = [
        counter({**handled("success"), "__name__": "all_total"}, times, 5.0),
        counter({**handled("success"), "__name__": "good_total"}, times, 7.0),
    ]
    from counting_cases import bound, measured, selector

    from observatory.indicators.expression import Count
    from observatory.indicators.indicator import Indicator

    bindings = (
        bound("delivered_messages", selector("all_total")),
        bound("acknowledged_messages", selector("good_total")),
    )
    indicator = Indicator(
        sli="availability",
        total=Count("delivered_messages"),
        good=Count("acknowledged_messages"),
        measure="acknowledged",
    )
    measurement = measured(indicator, bindings)
    ledger = ledger_of(series, [measurement], GRID)
    status = judge(objective(window="1d"), measurement, ledger.rows[measurement.key], GRID, None)
    assert status.counts is not None
    assert status.counts.ratio == 1.0
    assert codes(status) == ["good-exceeds-total"]


def test_pods_that_come_and_go_leave_no_hole() -> None:
    series = [
        counter(handled("success", f"pod-{hour}:1"), scrapes(begin, begin + HOUR_MS), 3.0)
        for hour in range(-2, 24)
        for begin in [GRID.start_ms + hour * HOUR_MS]
    ]
    row = row_of(series, events(), GRID)
    assert row.observed.sum() / GRID.range.seconds == pytest.approx(1.0, abs=0.001)


def test_one_of_two_targets_that_is_silent_halves_the_coverage_of_that_time() -> None:
    other = scrapes(GRID.start_ms - 2 * HOUR_MS, GRID.end_ms)
    away = (other > GRID.end_ms - 12 * HOUR_MS) & (other <= GRID.end_ms - 6 * HOUR_MS)
    labels, _, values = counter(handled("success", "b:1"), other, 3.0)
    row = row_of(
        [counter(handled("success"), times, 3.0), (labels, other[~away], np.asarray(values)[~away])], events(), GRID
    )
    assert row.observed.sum() / GRID.range.seconds == pytest.approx(1 - 0.5 * 6 / 24, abs=0.002)


def test_a_failed_scrape_is_not_observed() -> None:
    """`up` is 0 while the error series is born late, so the target's life is asked for."""
    late = times > GRID.end_ms - 2 * HOUR_MS
    up = np.where((times > GRID.end_ms - 8 * HOUR_MS) & ~late, 0.0, 1.0)
    series: list[Series] = [
        ({"__name__": "up", "job": "svc", "instance": "a:1"}, times, up),
        (handled("success"), times[late], np.arange(late.sum(), dtype=float)),
    ]
    row = row_of(series, events(), GRID)
    assert row.observed.sum() / GRID.range.seconds == pytest.approx(18 / 24, abs=0.002)


def test_the_last_scrape_before_the_end_covers_what_is_left_of_the_step() -> None:
    t = scrapes(GRID.start_ms - HOUR_MS, GRID.end_ms, phase_ms=30_000)
    row = row_of([counter(handled("success"), t, 1.0)], events(), GRID)
    assert row.observed[-1] == 60.0


def test_steps_of_another_length_are_covered_alike() -> None:
    grid = Grid.ending_at(END_MS, HOUR_MS, MINUTE_MS // 2)
    t = scrapes(grid.start_ms - HOUR_MS, grid.end_ms)
    row = row_of([counter(handled("success"), t, 1.0)], events(), grid)
    assert row.observed.tolist() == [30.0] * 120


@pytest.mark.parametrize("rarer_hours_ago", [20.0, 6.0, 0.2])
def test_scrapes_that_become_rarer_are_no_gaps(rarer_hours_ago: float) -> None:
    """Every 15 s, and every minute since a change of configuration."""
    changed_ms = GRID.end_ms - round(rarer_hours_ago * HOUR_MS)
    t = np.concatenate((scrapes(times[0], changed_ms, 15_000), scrapes(changed_ms, GRID.end_ms)))
    row = row_of([(handled("success"), t, (t - t[0]) / 15_000)], events(), GRID)
    assert row.observed.sum() == pytest.approx(24 * 3600, abs=60)
    assert row.recovered.gap_events == 0.0


def test_gaps_between_single_scrapes_are_gaps_until_they_are_a_habit() -> None:
    early = times <= GRID.end_ms - 10 * HOUR_MS
    single = times[::20][(times[::20] > GRID.end_ms - 10 * HOUR_MS)][:3]
    late = times[times > GRID.end_ms - 8 * HOUR_MS]
    t = np.concatenate((times[early], single, late))
    row = row_of([(handled("success"), t, (t - t[0]) / 60_000)], events(), GRID)
    assert row.observed.sum() == pytest.approx(22 * 3600 + 3 * 60, abs=120)
