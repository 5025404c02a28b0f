"""Planned work in the numbers: which steps it takes out, and what the status says with it and without it."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, events
from hypothesis import given
from hypothesis import strategies as st
from objective_cases import objective

from observatory.evaluate.judgement import judge
from observatory.evaluate.planned import Planned, touched_steps
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.objectives.exclusions import PlannedWork
from observatory.objectives.policy import load_policies
from observatory.settings.exclusions import Exclusion, Scope
from observatory.spec.catalog import ExclusionUse
from observatory.windows import Grid, TimeRange

GRID = Grid.ending_at(END_MS, 24 * HOUR_MS)
POLICY = load_policies()["google-30d"]


def work(*spans: tuple[int, int]) -> tuple[PlannedWork, ...]:
    """Spans in milliseconds before the end of the grid."""
    ranges = tuple(TimeRange(END_MS - begin, END_MS - end) for begin, end in spans)
    exclusion = Exclusion(reason="Kafka 4", approver="ana", scope=Scope(), when=ranges[0])
    return (PlannedWork(exclusion, ranges),)


def judged(
    bad: np.ndarray,
    use: ExclusionUse,
    *spans: tuple[int, int],
    seen: np.ndarray | None = None,
    window: str = "1d",
) -> ObjectiveStatus:
    observed = np.full(GRID.steps, 60.0) if seen is None else seen
    total = np.where(observed > 0, 10.0, 0.0)
    row = Row(good=total - bad, total=total, observed=observed, series=1, last_sample_ms=END_MS)
    mine = work(*spans)
    planned = Planned(use, mine, touched_steps(mine, GRID))
    return judge(objective(window=window, target=0.99), events(), row, GRID, POLICY, planned=planned)


def outage(begin_minutes: int, end_minutes: int, each: float = 10.0) -> np.ndarray:
    """Bad events in the steps between so many minutes before the end."""
    bad = np.zeros(GRID.steps)
    bad[GRID.steps - begin_minutes : GRID.steps - end_minutes] = each
    return bad


def codes(status: ObjectiveStatus) -> list[str]:
    return [problem.code for problem in status.problems]


def test_steps_on_the_grid_are_taken_out_to_the_step() -> None:
    steps = touched_steps(work((120 * MINUTE_MS, 60 * MINUTE_MS)), GRID)
    assert np.flatnonzero(steps).tolist() == list(range(GRID.steps - 120, GRID.steps - 60))


@pytest.mark.parametrize(
    ("begin_ms", "end_ms", "touched"),
    [
        (2 * MINUTE_MS, MINUTE_MS, 1),
        (2 * MINUTE_MS + 1, MINUTE_MS, 2),
        (2 * MINUTE_MS, MINUTE_MS - 1, 2),
        (2 * MINUTE_MS - 1, MINUTE_MS + 1, 1),
        (90_000, 30_000, 2),
    ],
)
def test_a_step_that_is_touched_at_all_is_taken_out_whole(begin_ms: int, end_ms: int, touched: int) -> None:
    assert int(touched_steps(work((begin_ms, end_ms)), GRID).sum()) == touched


def test_what_lies_outside_the_grid_takes_nothing_out() -> None:
    steps = touched_steps(work((30 * HOUR_MS, 25 * HOUR_MS), (-HOUR_MS, -2 * HOUR_MS)), GRID)
    assert not steps.any()


def test_where_the_objective_says_so_the_budget_is_left_untouched() -> None:
    """An hour of outage in planned work: 600 of 14,400 events, where 1 % is allowed."""
    status = judged(outage(180, 120), "budget", (180 * MINUTE_MS, 120 * MINUTE_MS))
    assert status.counts == Counts(13_800.0, 13_800.0, 82_800.0, 82_800.0)
    assert (status.state, status.firing) == ("meeting", ())
    assert set(status.burn_rates.values()) == {0.0}
    out = status.to_json()["exclusions"]
    assert (out["use"], out["seconds"], out["silenced"]) == ("budget", 3600.0, ["ticket"])
    assert (out["with"]["good"], out["with"]["total"], out["with"]["ratio"]) == (13_800.0, 13_800.0, 1.0)
    assert (out["without"]["good"], out["without"]["total"]) == (13_800.0, 14_400.0)
    assert out["without"]["budget"] == {
        "allowed": 144.0,
        "spent": 600.0,
        "remaining_ratio": pytest.approx(1 - 600 / 144),
    }
    assert (out["with"]["coverage"], out["without"]["coverage"]) == (1.0, 1.0)
    assert out["work"] == [
        {
            "reason": "Kafka 4",
            "approver": "ana",
            "location": None,
            "spans": [{"start": "2026-11-19T21:00:00Z", "end": "2026-11-19T22:00:00Z"}],
        }
    ]


def test_by_default_alerts_are_silent_and_the_budget_counts_everything() -> None:
    status = judged(outage(180, 120), "alerts", (180 * MINUTE_MS, 120 * MINUTE_MS))
    assert status.counts == Counts(13_800.0, 14_400.0, 86_400.0, 86_400.0)
    assert status.state == "breached"
    assert status.firing == ()
    assert status.left_out is not None
    assert status.left_out.silenced == ("ticket",)


def test_what_fires_outside_planned_work_still_fires() -> None:
    status = judged(outage(30, 0), "alerts", (180 * MINUTE_MS, 120 * MINUTE_MS))
    assert "page" in status.firing
    assert status.left_out is not None
    assert status.left_out.silenced == ()


def test_an_outage_that_outlasts_the_work_pages_by_what_lies_outside() -> None:
    status = judged(outage(60, 0), "budget", (60 * MINUTE_MS, 30 * MINUTE_MS))
    assert status.counts is not None
    assert status.counts.bad == 300.0
    assert "page" in status.firing


def test_telemetry_that_is_gone_during_the_work_is_no_gap() -> None:
    seen = np.full(GRID.steps, 60.0)
    seen[GRID.steps - 300 : GRID.steps - 60] = 0.0
    span = (300 * MINUTE_MS, 60 * MINUTE_MS)
    without = judged(np.zeros(GRID.steps), "alerts", span, seen=seen)
    status = judged(np.zeros(GRID.steps), "budget", span, seen=seen)
    assert (codes(without), codes(status)) == (["exclusion-applied", "coverage-low"], ["exclusion-applied"])
    assert status.counts is not None
    assert status.counts.coverage == 1.0
    assert status.left_out is not None
    assert status.left_out.all.counts.coverage == pytest.approx(1200 / 1440)


def test_a_window_that_is_planned_work_from_end_to_end_has_no_numbers() -> None:
    status = judged(np.zeros(GRID.steps), "budget", (30 * HOUR_MS, 0))
    assert (status.state, codes(status)) == ("no_data", ["window-excluded"])
    assert status.counts is None
    assert status.left_out is not None
    assert status.left_out.all.counts.total == 14_400.0


def test_work_before_the_window_changes_nothing() -> None:
    status = judged(np.zeros(GRID.steps), "budget", (20 * HOUR_MS, 10 * HOUR_MS), window="6h")
    assert status.left_out is None
    assert codes(status) == []


def test_the_finding_names_who_approved_and_both_numbers() -> None:
    status = judged(outage(180, 120), "budget", (180 * MINUTE_MS, 120 * MINUTE_MS))
    (said,) = [problem.message for problem in status.problems if problem.code == "exclusion-applied"]
    assert said == (
        "1 h of the window are planned work and nothing of them is counted: Kafka 4 (ana); of the budget 100.0 % are "
        "left with the exclusion, and -316.7 % when all is counted"
    )


@given(st.lists(st.tuples(st.integers(0, 1440), st.integers(1, 400)), max_size=4), st.integers(1, 50))
def test_what_is_taken_out_and_what_is_left_add_up_to_the_whole(spans: list[tuple[int, int]], seed: int) -> None:
    random = np.random.default_rng(seed)
    total = random.integers(0, 20, GRID.steps).astype(float)
    row = Row(good=np.floor(total * 0.9), total=total, observed=np.full(GRID.steps, 60.0), series=1)
    ranges = [((begin + length) * MINUTE_MS, begin * MINUTE_MS) for begin, length in spans]
    steps = touched_steps(work(*ranges), GRID) if ranges else np.zeros(GRID.steps, dtype=bool)
    left = row.without(steps).counts(GRID, GRID.range)
    out = row.without(~steps).counts(GRID, GRID.range)
    assert left + out == row.counts(GRID, GRID.range)
