"""Each rule of the summary says its sentence when it holds, and nothing when it does not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from observatory.errors import Problem
from observatory.ledger.uncounted import FirstValue, Uncounted
from observatory.spec.catalog import Catalog, Owner

DAY_MS = 86_400_000
HOUR_OF_OUTAGE = (("2026-10-05T12:00", 60, 10.0),)


def said(review: Any, rule: str) -> list[str]:
    return [finding.sentence for finding in review.findings if finding.rule == rule]


def test_r1_counts_what_was_kept_of_what_could_be_judged(story: Any) -> None:
    story.objective("orders")
    story.objective("refunds", bad=HOUR_OF_OUTAGE)
    story.objective("unmapped", measured=False)

    assert said(story.review(), "R1") == [
        "1 of 2 objectives that could be judged were kept. 99.933 % of 892,800 events were good."
    ]


def test_r1_says_when_nothing_could_be_judged(story: Any) -> None:
    story.objective("unmapped", measured=False)

    assert said(story.review(), "R1") == ["No objective could be judged this month."]


def test_r2_tells_how_far_a_critical_objective_was_missed(story: Any) -> None:
    story.objective("orders", criticality="critical", bad=HOUR_OF_OUTAGE)
    story.objective("refunds", bad=HOUR_OF_OUTAGE)

    assert said(story.review(), "R2") == [
        (
            "availability of orders for billing (critical) missed its objective of 99.9 %: 600 bad events where 446 "
            "were allowed, in 1 incident."
        ),
        "Also missed: availability of refunds for billing.",
    ]


def test_r3_names_the_channel_that_spent_its_domains_budget(story: Any) -> None:
    story.objective("orders", bad=(("2026-10-05T12:00", 120, 10.0),))
    story.objective("refunds", bad=(("2026-10-06T12:00", 10, 10.0),))

    assert said(story.review(), "R3") == [
        "payments spent 146 % of its error budget; orders alone had 1,200 of its 1,300 failed messages."
    ]


def test_r4_names_what_got_worse_most(story: Any) -> None:
    story.objective("orders", bad=(("2026-09-05T12:00", 10, 3.0), ("2026-10-05T12:00", 100, 3.0)))

    assert said(story.review(), "R4") == [
        "availability of orders for billing got worse: it spent 67 % of its budget, after 6.9 % the month before."
    ]


def test_r5_names_what_came_back(story: Any) -> None:
    story.objective("orders", bad=(("2026-09-05T12:00", 60, 10.0),))

    assert said(story.review(), "R5") == [
        "availability of orders for billing was missed the month before and kept in this one."
    ]


def test_r6_counts_incidents_from_three_on(story: Any) -> None:
    story.objective("orders", bad=tuple((f"2026-10-{day:02}T12:00", 20, 3.0) for day in (3, 10, 17)))

    assert said(story.review(), "R6") == ["availability of orders for billing had 3 incidents this month."]


def test_r7_finds_room_where_two_months_spent_almost_nothing(story: Any) -> None:
    story.objective("orders")

    assert said(story.review(), "R7") == [
        (
            "1 objective spent under 5 % of the budget in two months running: there is room to ship faster, or to "
            "promise more."
        )
    ]


def test_r8_lists_what_is_not_known(story: Any) -> None:
    story.objective("unmapped", measured=False)

    assert said(story.review(), "R8") == ["1 objective is measured by nothing: shop/unmapped/availability."]


def test_r9_tells_what_was_seen_in_part(story: Any) -> None:
    story.objective("orders", unseen=(("2026-10-10T00:00", 1440 * 3),))

    assert said(story.review(), "R9") == [
        "1 objective was seen for less than 98 % of the time; availability of orders for billing for 90 %."
    ]


def test_r10_tells_a_budget_of_less_than_one_event(story: Any) -> None:
    story.objective("rare", per_minute=0.001)

    assert said(story.review(), "R10") == [
        "availability of rare for billing: one bad event spends more than the whole budget."
    ]


def test_r11_names_who_is_missing(story: Any) -> None:
    story.objective("orphan", owner=None)
    story.objective("unprepared", owner=Owner(team="pay-core"), criticality="critical")

    assert said(story.review(), "R11") == ["Nobody owns orphan.", "Critical without a runbook: unprepared."]


def test_r12_counts_what_the_documents_get_wrong(story: Any) -> None:
    story.objective("orders")
    catalog = Catalog(problems=(Problem(code="binding-invalid", message="x", severity="warning"),))

    assert said(story.review(catalog=catalog), "R12") == ["The documents have 1 finding: binding-invalid (1)."]


@pytest.mark.parametrize("rule", ["R2", "R3", "R4", "R5", "R6", "R8", "R9", "R10", "R11", "R12"])
def test_a_good_month_leaves_most_rules_silent(rule: str, story: Any) -> None:
    story.objective("orders")

    assert said(story.review(), rule) == []


def test_r14_tells_whose_first_values_are_not_counted(story: Any) -> None:
    story.objective("orders")
    story.objective("refunds")
    pods = [FirstValue(story.grid.end_ms - 2 * DAY_MS, ("s", "svc", f"pod-{number}"), 100.0) for number in range(90)]
    uncounted = Uncounted.of(pods, [one._replace(events=99.0) for one in pods], part_is_good=True)
    story.rows["refunds"] = replace(story.rows["refunds"], uncounted=uncounted)

    review = story.review()

    (sentence,) = said(review, "R14")
    assert sentence == (
        "1 objective may lack first values of counters, for nothing tells when these began; availability of refunds "
        "for billing at most 9,000 events, 90 of them bad, which is 2.0 % of those that are counted."
    )
    orders, refunds = (one["not_counted"] for one in review.to_json()["objectives"])
    assert (orders["events_at_most"], refunds["events_at_most"], refunds["bad_at_most"]) == (0.0, 9_000.0, 90.0)
