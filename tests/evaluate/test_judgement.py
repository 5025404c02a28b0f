"""States, budget, forecast and levels of one objective."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, events, gauge
from msgspec.structs import replace
from objective_cases import objective

from observatory.compile.plan import Measurement
from observatory.errors import Problem
from observatory.evaluate.judgement import judge
from observatory.evaluate.status import ObjectiveStatus
from observatory.ledger.row import Row
from observatory.objectives.objective import Objective
from observatory.objectives.policy import load_policies
from observatory.spec.catalog import Threshold
from observatory.telemetry.binding import SpanBinding, SpanSelector
from observatory.windows import Grid

DAY = 1440
GRID = Grid.ending_at(END_MS, 4 * DAY * 60_000)
POLICY = load_policies()["google-30d"]


def judged(total: np.ndarray, bad: np.ndarray, wanted: Objective | None = None, grid: Grid = GRID) -> ObjectiveStatus:
    one = Row(
        good=total - bad,
        total=total,
        observed=np.full(len(total), grid.step_ms / 1000),
        series=1,
        last_sample_ms=END_MS,
    )
    return judge(wanted or objective(window="4d", target=0.999), events(), one, grid, POLICY)


def flat(value: float) -> np.ndarray:
    return np.full(4 * DAY, value)


def failing(minutes: int, each: float, ago: int) -> np.ndarray:
    bad = flat(0.0)
    bad[len(bad) - ago - minutes : len(bad) - ago] = each
    return bad


def test_a_clean_record_is_meeting() -> None:
    status = judged(flat(10), flat(0))
    assert status.state == "meeting"
    assert status.budget is not None
    assert (status.budget.spent, status.budget.remaining_ratio) == (0.0, 1.0)
    assert set(status.burn_rates.values()) == {0.0}
    assert list(status.burn_rates) == ["5m", "30m", "1h", "2h", "6h", "1d", "3d", "4d"]


def test_a_window_that_begins_inside_a_step_is_no_exact_count() -> None:
    grid = Grid.ending_at(END_MS + 6 * 3_600_000 + 11_000, 4 * DAY * 60_000)
    status = judged(flat(10), flat(0), objective(window="day"), grid)
    assert status.counting == "estimated"
    (said,) = [problem.message for problem in status.problems if problem.code == "window-inside-step"]
    assert said.startswith("the window of day begins 11 s before the first of the steps of 1 min that are counted")


def test_a_window_that_begins_with_a_step_is_an_exact_count() -> None:
    status = judged(flat(10), flat(0), objective(window="day"))
    assert status.counting == "exact"
    assert "window-inside-step" not in {problem.code for problem in status.problems}


def test_more_bad_than_allowed_is_breached() -> None:
    status = judged(flat(10), failing(60, 1.0, ago=3 * DAY))
    assert status.state == "breached"
    assert status.counts is not None
    assert status.counts.bad == 60.0
    assert status.exhausts_at_ms is None


def test_exactly_the_budget_is_not_breached() -> None:
    status = judged(flat(10), failing(4, 14.4, ago=3 * DAY), objective(window="4d", target=0.999))
    assert status.budget is not None
    assert status.budget.remaining_ratio == pytest.approx(0.0)
    assert status.state == "at_risk"


def test_under_a_quarter_of_the_budget_is_at_risk() -> None:
    assert judged(flat(10), failing(44, 1.0, ago=3 * DAY + 60)).state == "at_risk"
    assert judged(flat(10), failing(42, 1.0, ago=3 * DAY + 60)).state == "meeting"


def test_a_pair_that_fires_is_at_risk() -> None:
    status = judged(flat(10), failing(10, 1.0, ago=0))
    assert status.state == "at_risk"
    assert "page" in status.firing
    assert status.burn_rates["5m"] == pytest.approx(100.0)
    assert status.burn_rates["1h"] == pytest.approx(10 / 600 / 0.001)


def test_the_budget_ends_when_the_present_pace_has_spent_it() -> None:
    """0.5 bad of 10 a minute; 57.6 are allowed in four days, 30 are spent: 27.6 / 0.5 = 55.2 minutes."""
    status = judged(flat(10), failing(60, 0.5, ago=0))
    assert status.exhausts_at_ms == END_MS + 56 * 60_000


def test_a_pace_below_the_budget_never_ends_it() -> None:
    assert judged(flat(1000), flat(0.5)).exhausts_at_ms is None


def test_what_leaves_a_rolling_window_is_given_back() -> None:
    """0.36 events are left and 0.009 go each minute, but the old failures leave first, and the pace is sustainable."""
    bad = failing(60, 0.009, ago=0)
    bad[:30] = 1.89
    status = judged(flat(10), bad)
    assert status.budget is not None
    assert status.budget.remaining_ratio == pytest.approx(1 - 57.24 / 57.6)
    assert status.exhausts_at_ms is None


def test_a_calendar_budget_that_outlasts_its_unit_does_not_end() -> None:
    wanted = objective(window="day", target=0.99)
    grid = Grid.ending_at(END_MS - 2 * 3_600_000, 4 * DAY * 60_000)
    slow, fast = failing(60, 0.12, ago=0), failing(60, 2.0, ago=0)
    assert judged(flat(10), slow, wanted, grid).exhausts_at_ms is None
    assert judged(flat(10), fast, wanted, grid).exhausts_at_ms is not None


def test_a_calendar_window_counts_from_its_start() -> None:
    grid = Grid.ending_at(END_MS - 2 * 3_600_000, 4 * DAY * 60_000)
    status = judged(flat(10), flat(0), objective(window="day"), grid)
    assert status.counts is not None
    assert status.counts.total == 10.0 * 22 * 60
    assert status.counts.coverage == 1.0


def test_a_month_in_a_time_zone_begins_at_its_midnight() -> None:
    grid = Grid.ending_at(END_MS, 25 * DAY * 60_000)
    total = np.full(grid.steps, 1.0)
    wanted = objective(window="month", timezone="Asia/Tokyo")
    status = judged(total, np.zeros(grid.steps), wanted, grid)
    assert status.counts is not None
    assert status.counts.total == (19 * 24 + 9) * 60.0
    assert "month Asia/Tokyo" in status.burn_rates


def test_what_burns_goes_on_firing_in_the_first_minute_of_a_calendar_window() -> None:
    """Nothing was seen yet of the day that has just begun; what alerts look back on is longer."""
    grid = Grid.ending_at(END_MS + 60_000, 4 * DAY * 60_000)
    total, bad, observed = flat(10), failing(60, 5.0, ago=1), flat(60.0)
    total[-1] = observed[-1] = 0.0
    one = Row(good=total - bad, total=total, observed=observed, series=1, last_sample_ms=END_MS)
    status = judge(objective(window="day", target=0.999), events(), one, grid, POLICY)
    assert (status.state, status.counts, status.budget) == ("no_data", None, None)
    assert "page" in status.firing
    assert status.burn_rates["1h"] == pytest.approx(500.0)
    assert status.burn_rates["day"] is None


def test_no_telemetry_at_all_is_no_data() -> None:
    one = Row(good=flat(0), total=flat(0), observed=flat(0), series=1)
    status = judge(objective(window="4d"), events(), one, GRID, POLICY)
    assert status.state == "no_data"
    assert status.counts is None


def test_a_source_that_did_not_answer_is_said() -> None:
    status = judge(objective(window="4d"), events(), None, GRID, POLICY, source_failed=True)
    assert status.state == "no_data"
    assert [problem.code for problem in status.problems] == ["source-unanswered"]
    assert "store did not answer" in status.problems[0].message


def test_unmapped_keeps_the_reason() -> None:
    why = Problem(code="not-provided", message="switch it on")
    status = judge(objective(), why, None, GRID, POLICY)
    assert (status.state, status.problems) == ("unmapped", (why,))
    assert status.to_json()["good"] is None


def test_a_budget_below_one_event_is_mentioned() -> None:
    total = flat(0)
    total[::1440] = 1.0
    codes = [problem.code for problem in judged(total, flat(0)).problems]
    assert codes == ["budget-smaller-than-one-event"]


def test_a_young_history_is_mentioned() -> None:
    observed = np.full(4 * DAY, 60.0)
    observed[: 2 * DAY] = 0
    total = np.where(observed > 0, 10.0, 0.0)
    one = Row(good=total, total=total, observed=observed, series=1, last_sample_ms=END_MS)
    status = judge(objective(window="4d"), events(), one, GRID, POLICY)
    assert [problem.code for problem in status.problems] == ["history-short"]
    assert status.counts is not None
    assert status.counts.coverage == pytest.approx(0.5)


def test_the_level_now_and_at_its_worst() -> None:
    level = flat(3.0)
    level[100], level[-1] = 90.0, 7.0
    error = flat(0.0)
    error[-1] = 2.5
    good = (level <= 60).astype(float)
    one = Row(good=good, total=flat(1), observed=flat(60), level=level, level_error=error, series=1)
    wanted = objective("lag", window="4d", threshold=Threshold(value=60.0, unit="second"))
    status = judge(wanted, gauge("x", 60.0), one, GRID, POLICY)
    assert status.level is not None
    assert (status.level.unit, status.level.last, status.level.worst, status.level.error) == ("second", 7.0, 90.0, 2.5)


def test_slices_whose_bound_lies_within_the_error_bar_widen_the_interval() -> None:
    level, error = flat(3.0), flat(30.0)
    # 5 good at 40 +- 30, 3 bad at 80 +- 30, 2 bad at 100 +- 30, and 4 that are only known to be above 65.
    level[10:15], level[20:23], level[30:32], level[40:44] = 40.0, 80.0, 100.0, 65.0
    least = np.zeros(len(level), dtype=bool)
    least[40:44] = True
    one = Row(
        good=(level <= 60).astype(float),
        total=flat(1),
        observed=flat(60),
        level=level,
        level_error=error,
        at_least=least,
        series=1,
    )
    wanted = objective("lag", window="4d", threshold=Threshold(value=60.0, unit="second"))
    answer = judge(wanted, gauge("x", 60.0), one, GRID, POLICY).to_json()
    minutes = 4 * DAY
    assert answer["good"] == minutes - 9
    assert answer["interval"] == [(minutes - 9 - 5) / minutes, (minutes - 9 + 3) / minutes]


def test_a_level_that_is_old_is_not_shown_as_now() -> None:
    level = flat(3.0)
    level[-30:] = np.nan
    known = (~np.isnan(level)).astype(float)
    one = Row(good=known, total=known, observed=known * 60, level=level, level_error=flat(0), series=1)
    wanted = objective("lag", window="4d", threshold=Threshold(value=60.0, unit="second"))
    status = judge(wanted, gauge("x", 60.0), one, GRID, POLICY)
    assert status.level is not None
    assert (status.level.last, status.level.worst) == (None, 3.0)
    assert "telemetry-stopped" in [problem.code for problem in status.problems]


def gap_told(measured: Measurement, level: np.ndarray | None = None) -> str:
    observed = np.full(4 * DAY, 60.0)
    observed[DAY : 3 * DAY] = 0.0
    one = Row(good=flat(1), total=flat(1), observed=observed, series=1, last_sample_ms=END_MS, level=level)
    status = judge(objective(window="4d"), measured, one, GRID, POLICY)
    (told,) = [problem.message for problem in status.problems if problem.code == "coverage-low"]
    return told


def test_only_counters_count_what_happened_in_a_gap() -> None:
    spans = SpanBinding(
        signal="processed_messages", source="store", profile="otel_spans", selector=SpanSelector(destinations=("c",))
    )

    told = gap_told(events())
    assert told.startswith("only 50.0% of the time since ")
    assert told.endswith("what happened in the gaps is counted where counters survived")
    assert gap_told(replace(events(), bindings=(spans,))).endswith("what happened in the gaps is not known")
    assert gap_told(gauge("depth", 1.0), flat(0.0)).endswith("what happened in the gaps is not known")


def test_spans_that_stopped_send_nobody_to_the_scrape_targets() -> None:
    spans = SpanBinding(
        signal="processed_messages", source="store", profile="otel_spans", selector=SpanSelector(destinations=("c",))
    )
    observed = np.full(4 * DAY, 60.0)
    observed[-60:] = 0.0
    one = Row(good=flat(1), total=flat(1), observed=observed, series=1, last_sample_ms=END_MS)
    status = judge(objective(window="4d"), replace(events(), bindings=(spans,)), one, GRID, POLICY)

    (told,) = [problem for problem in status.problems if problem.code == "telemetry-stopped"]
    assert told.hint == "check that spans still arrive, and that their destination has not changed"
