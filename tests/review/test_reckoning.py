"""A month's numbers are sums of counts that a person can check."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from observatory.review.markdown import markdown
from observatory.windows import parse_instant

MINUTES = 31 * 24 * 60


def test_good_total_budget_and_coverage_of_the_month(story: Any) -> None:
    story.objective("orders", bad=(("2026-10-05T12:00", 60, 2.0),))

    one = story.review().objectives[0]

    assert (one.counts.total, one.counts.bad, one.counts.coverage) == (MINUTES * 10.0, 120.0, 1.0)
    assert one.budget.allowed == pytest.approx(446.4)
    assert one.budget.spent == 120.0
    assert one.budget.remaining_ratio == pytest.approx(1 - 120 / 446.4)
    assert one.verdict == "kept"


def test_the_month_before_stands_beside_it(story: Any) -> None:
    story.objective("orders", bad=(("2026-09-30T23:00", 60, 1.0), ("2026-10-01T00:00", 60, 3.0)))

    one = story.review().objectives[0]

    assert (one.counts.bad, one.counts_before.bad) == (180.0, 60.0)


def test_an_overspent_budget_is_missed(story: Any) -> None:
    story.objective("orders", bad=(("2026-10-05T12:00", 100, 5.0),))

    one = story.review().objectives[0]

    assert (one.verdict, one.budget.spent) == ("missed", 500.0)


def test_an_incident_is_found_with_its_month(story: Any) -> None:
    story.objective("orders", bad=(("2026-09-05T12:00", 60, 5.0), ("2026-10-05T12:00", 60, 5.0)))

    one = story.review().objectives[0]

    assert (len(one.incidents), one.incidents_before) == (1, 1)
    assert one.incidents[0].severity == "page"


def test_days_without_telemetry_lower_the_coverage_and_count_neither_way(story: Any) -> None:
    story.objective("orders", unseen=(("2026-10-10T00:00", 1440),))

    one = story.review().objectives[0]

    assert one.counts.coverage == pytest.approx(30 / 31)
    assert one.counts.total == 30 * 1440 * 10.0
    assert one.days[9].burn_rate is None
    assert one.verdict == "kept"


def test_no_data_no_traffic_and_no_measurement_are_three_things(story: Any) -> None:
    story.objective("silent", per_minute=0.0)
    story.objective("gone", unseen=(("2026-08-31T00:00", 64 * 1440),))
    story.objective("unmapped", measured=False)

    made = story.review()

    found = {one.objective.operation: (one.verdict, one.to_json()["total"]) for one in made.objectives}
    assert found == {"silent": ("no_traffic", 0.0), "gone": ("no_data", None), "unmapped": ("unmapped", None)}


def test_a_day_that_was_not_seen_reads_as_null_and_a_quiet_one_as_nought(story: Any) -> None:
    story.objective("silent", per_minute=0.0, unseen=(("2026-10-10T00:00", 1440),))

    one = story.review(at_ms=parse_instant("2026-10-12T00:00:00Z")).objectives[0]

    assert [(day["good"], day["total"]) for day in one.to_json()["days"][8:12]] == [
        (0.0, 0.0),
        (None, None),
        (0.0, 0.0),
        (None, None),
    ]


def test_days_within_a_gap_hold_the_events_that_fall_into_it(story: Any) -> None:
    one = story.objective("orders", bad=(("2026-10-10T12:00", 60, 1.0),))
    first = story.step("2026-10-10T00:00")
    observed = story.rows["orders"].observed.copy()
    observed[first : first + 1440] = 0.0
    story.rows["orders"] = replace(story.rows["orders"], observed=observed)

    (found,) = story.review().objectives

    assert found.objective == one
    assert (found.days[9].counts.total, found.days[9].counts.bad) == (14_400.0, 60.0)
    assert found.days[9].burn_rate == pytest.approx(60 / 14.4)
    assert sum(day.counts.total for day in found.days) == found.counts.total


def test_fewer_events_than_the_objective_asks_for_are_neither_kept_nor_missed(story: Any) -> None:
    events = MINUTES * 10
    story.objectives = [
        replace(story.objective(name, bad=(("2026-10-05T12:00", 100, 5.0),)), min_events=least)
        for name, least in (("enough", events), ("few", events + 1))
    ]

    made = story.review()

    assert {one.objective.operation: one.verdict for one in made.objectives} == {
        "enough": "missed",
        "few": "no_traffic",
    }
    assert made.objectives[1].counts.total == events
    assert "too few events" in markdown(made)


def test_a_budget_that_is_spent_to_the_last_event_is_kept(story: Any) -> None:
    story.objective("orders", per_minute=0.7, bad=(("2026-10-05T12:00", 100, 0.31248),))

    (one,) = story.review().objectives

    assert one.budget.remaining_ratio == pytest.approx(0.0, abs=1e-12)
    assert one.verdict == "kept"


def test_each_objective_keeps_its_own_clock_unless_one_is_asked_for(story: Any) -> None:
    story.objective("london", timezone="Europe/London", bad=(("2026-09-30T23:30", 10, 1.0),))

    assert story.review().objectives[0].counts.bad == 10.0
    assert story.review(timezone="UTC").objectives[0].counts.bad == 0.0


def test_a_running_month_reaches_to_the_instant_and_says_so(story: Any) -> None:
    story.objective("orders")
    at_ms = parse_instant("2026-10-11T00:00:00Z")

    review = story.review(at_ms=at_ms)

    assert review.complete is False
    assert review.objectives[0].counts.total == 10 * 1440 * 10.0
    assert review.objectives[0].course[9] == 1.0
    assert review.objectives[0].course[10] is None


def test_domains_add_events_and_never_average_ratios(story: Any) -> None:
    story.objective("busy", per_minute=100.0)
    story.objective("quiet", per_minute=1.0, bad=(("2026-10-05T12:00", 1440, 1.0),))

    total = story.review().domains[0]

    assert total.availability.total == MINUTES * 101.0
    assert total.availability.ratio == pytest.approx(1 - 1440 / (MINUTES * 101.0))
    assert total.spent_ratio == pytest.approx(1440 / (MINUTES * 101.0 * 0.001))


def test_objectives_on_the_same_events_are_added_once(story: Any) -> None:
    story.objective("orders", key="same")
    story.objective("orders2", key="same")

    assert story.review().estate.availability.total == MINUTES * 10.0


def test_the_same_events_by_the_clocks_of_two_places_are_added_once(story: Any) -> None:
    story.objective("london", key="same", timezone="Europe/London")
    story.objective("orders", key="same")

    assert story.review().estate.availability.total == MINUTES * 10.0


def test_the_worst_comes_first(story: Any) -> None:
    story.objective("fine")
    story.objective("missed", bad=(("2026-10-05T12:00", 100, 5.0),))
    story.objective("unmapped", measured=False)

    assert [one.objective.operation for one in story.review().objectives] == ["missed", "unmapped", "fine"]


def test_the_course_falls_by_what_each_day_spent(story: Any) -> None:
    story.objective("orders", bad=(("2026-10-02T12:00", 60, 2.0),))

    course = story.review().objectives[0].course

    assert course[0] == 1.0
    assert course[1] == course[30] == pytest.approx(1 - 120 / 446.4)


def test_the_course_of_the_estate_adds_what_each_objective_spent_until_then(story: Any) -> None:
    story.objective("orders", bad=(("2026-10-02T12:00", 60, 2.0),))
    story.objective("refunds", bad=(("2026-10-03T12:00", 30, 1.0), ("2026-10-31T12:00", 30, 1.0)))

    course = story.review().estate.course

    assert course[0] == 1.0
    assert course[1] == pytest.approx(1 - 120 / 892.8)
    assert course[2] == course[29] == pytest.approx(1 - 150 / 892.8)
    assert course[30] == pytest.approx(1 - 180 / 892.8)
