"""First values that are not counted: bounds, what they leave open of the share, and when that is worth a word."""

from __future__ import annotations

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, events
from msgspec.structs import replace
from objective_cases import objective

from observatory.evaluate.comparison import as_before
from observatory.evaluate.judgement import judge
from observatory.evaluate.not_counted import NotCounted
from observatory.evaluate.planned import Planned, touched_steps
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.ledger.uncounted import FirstValue, Uncounted
from observatory.objectives.exclusions import PlannedWork
from observatory.objectives.policy import load_policies
from observatory.settings.exclusions import Exclusion, Scope
from observatory.windows import Grid, TimeRange

GRID = Grid.ending_at(END_MS, 24 * HOUR_MS)
POLICY = load_policies()["google-30d"]
PER_STEP = 10.0


def pods(*held: tuple[float, float], every_ms: int = 20 * MINUTE_MS) -> Uncounted:
    """Of each pod all events and bad ones in its first scrape, one after the other from the start of the grid on."""
    times = [GRID.start_ms + 30_000 + number * every_ms for number in range(len(held))]
    targets = [("metrics", "svc", f"pod-{number}") for number in range(len(held))]
    found = list(zip(times, targets, held, strict=True))
    return Uncounted.of(
        [FirstValue(at, target, total) for at, target, (total, _) in found],
        [FirstValue(at, target, bad) for at, target, (_, bad) in found],
        part_is_good=False,
    )


def row(uncounted: Uncounted, bad: float = 0.01) -> Row:
    total = np.full(GRID.steps, PER_STEP)
    return Row(
        good=total * (1 - bad),
        total=total,
        observed=np.full(GRID.steps, 60.0),
        series=1,
        last_sample_ms=END_MS,
        uncounted=uncounted,
    )


def judged(uncounted: Uncounted, target: float = 0.98, **more: float) -> ObjectiveStatus:
    return judge(objective(window="1d", target=target), events(), row(uncounted, **more), GRID, POLICY)


def said(status: ObjectiveStatus) -> list[tuple[str, str]]:
    return [(one.severity, one.message) for one in status.problems if one.code == "first-values-not-counted"]


def test_a_few_pods_are_told_as_numbers_and_raise_no_word() -> None:
    status = judged(pods(*[(9.0, 1.0)] * 10))

    assert status.to_json()["not_counted"] == {
        "first_values": 10,
        "events_at_most": 90.0,
        "bad_at_most": 10.0,
        "large": {"first_values": 0, "events_at_most": 0.0, "bad_at_most": 0.0},
        "ratio_between": [pytest.approx(14_256 / 14_410), pytest.approx((14_256 + 80) / (14_400 + 80))],
    }
    assert said(status) == []


def test_the_interval_holds_what_first_values_leave_open() -> None:
    none, some = judged(pods(), bad=0.5), judged(pods(*[(100.0, 100.0)] * 7), bad=0.5)

    assert none.interval is not None
    assert some.interval is not None
    assert some.interval[1] == none.interval[1]
    assert some.interval[0] == pytest.approx(7_200 / 15_100)
    assert some.interval[0] < none.interval[0]


def test_more_than_a_twentieth_beside_what_is_counted_is_a_warning() -> None:
    ((severity, message),) = said(judged(pods(*[(100.0, 1.0)] * 8)))

    assert severity == "warning"
    assert message == (
        "first values of 8 counters are not counted, for nothing says when they began: they hold at most 800 events "
        "beside the 14,400 that are counted, so the share lies between 98.9450% and 99.0521%"
    )
    assert said(judged(pods(*[(100.0, 1.0)] * 7))) == []


@pytest.mark.parametrize(("target", "told"), [(0.985, []), (0.9899, ["warning"]), (0.99003, ["warning"]), (0.995, [])])
def test_first_values_that_decide_about_the_target_are_a_warning(target: float, told: list[str]) -> None:
    found = said(judged(pods((50.0, 3.0), (40.0, 0.0)), target=target))

    assert [severity for severity, _ in found] == told
    assert all(message.endswith(f", on either side of the target of {target * 100:g} %") for _, message in found)


def test_a_history_is_told_by_itself_and_widens_nothing() -> None:
    plain, status = judged(pods()), judged(pods((1e7, 3e5), (9.0, 1.0)))

    assert status.not_counted is not None
    assert (status.not_counted.large.events, status.not_counted.large.bad) == (1e7, 3e5)
    assert (status.not_counted.new.events, status.not_counted.new.bad) == (9.0, 1.0)
    assert status.interval == plain.interval
    assert status.state == plain.state
    ((severity, message),) = said(status)
    assert severity == "info"
    assert message == (
        "1 counter began with 10,000,000 events, at targets that were not scraped before and do not say since when "
        "they count; too many for new processes, they are taken as counted before"
    )


@pytest.mark.parametrize(
    ("total", "seconds", "new", "large"),
    [
        pytest.param(1e6, 30 * 86_400.0, 10_000.0, 10_001.0, id="a hundredth of all events"),
        pytest.param(3_600.0, 3_600.0, 300.0, 301.0, id="five minutes of a short window"),
        pytest.param(50.0, 30 * 86_400.0, 10.0, 11.0, id="ten events, however few there are"),
        pytest.param(60.0, 60.0, 60.0, 61.0, id="all there was in a minute that was seen"),
    ],
)
def test_what_one_scrape_may_show_of_a_new_process(total: float, seconds: float, new: float, large: float) -> None:
    counts = Counts(total, total, seconds, seconds)

    assert NotCounted.of(pods((new, 0.0)), counts).large.first_values == 0
    assert NotCounted.of(pods((large, 0.0)), counts).large.first_values == 1


def test_only_those_of_the_window_are_told() -> None:
    held = pods(*[(9.0, 1.0)] * 60)  # for twenty hours
    status = judge(objective(window="12h", target=0.98), events(), row(held), GRID, POLICY)

    assert status.not_counted is not None
    assert status.not_counted.all.events == 9.0 * 24


def test_planned_work_that_is_not_in_the_budget_takes_its_first_values_out() -> None:
    span = TimeRange(GRID.start_ms, GRID.start_ms + 2 * HOUR_MS)
    work = (PlannedWork(Exclusion(reason="Kafka 4", approver="ana", scope=Scope(), when=span), (span,)),)
    planned = Planned("budget", work, touched_steps(work, GRID))

    status = judge(objective(window="1d"), events(), row(pods(*[(9.0, 1.0)] * 10)), GRID, POLICY, planned=planned)

    assert status.not_counted is not None
    assert status.not_counted.all.events == 9.0 * 4


def test_where_the_server_counted_nothing_can_be_said_of_first_values() -> None:
    one = replace(row(pods()), counting="pushdown")

    status = judge(objective(window="1d"), events(), one, GRID, POLICY)

    assert status.to_json()["not_counted"] is None


def test_nothing_is_said_of_the_window_before() -> None:
    assert as_before(judged(pods((9.0, 1.0)))).not_counted is None


T, A, B = GRID.start_ms + 1, ("s", "all", "a"), ("s", "outcome", "b")


@pytest.mark.parametrize(
    ("good_counted", "uncounted", "between"),
    [
        pytest.param(80.0, Uncounted.of([FirstValue(T, A, 20.0)], [], part_is_good=True), (80 / 120, 0.8), id="events"),
        pytest.param(80.0, Uncounted.of([FirstValue(T, A, 20.0)], [], part_is_good=False), (0.8, 100 / 120), id="with"),
        pytest.param(80.0, Uncounted.of([], [FirstValue(T, B, 5.0)], part_is_good=True), (0.8, 0.85), id="good ones"),
        pytest.param(80.0, Uncounted.of([], [FirstValue(T, B, 5.0)], part_is_good=False), (0.75, 0.8), id="bad ones"),
    ],
)
def test_an_outcome_that_another_target_counts_may_be_that_of_events_that_are_counted(
    good_counted: float, uncounted: Uncounted, between: tuple[float, float]
) -> None:
    share = NotCounted.of(uncounted, Counts(good_counted, 100.0, 300.0, 300.0)).share

    assert share == pytest.approx(between)
