"""Planned work in the review: who approved it, and every number with it and without it."""

from __future__ import annotations

from typing import Any

import pytest

from observatory.review.html import html
from observatory.review.markdown import markdown

MINUTES = 31 * 24 * 60


def migrated(story: Any, use: str) -> Any:
    """An hour of outage in two hours of planned work, and an objective that the same work changes nothing for."""
    orders = story.objective("orders", bad=(("2026-10-05T12:00", 60, 10.0),))
    quiet = story.objective("quiet")
    for one in (orders, quiet):
        story.plan(one, "2026-10-05T11:30", 120, use)
    return story.review()


def test_where_the_budget_leaves_it_out_the_month_is_counted_without_it(story: Any) -> None:
    one, quiet = migrated(story, "budget").objectives
    assert (one.verdict, one.counts.total, one.counts.bad) == ("kept", (MINUTES - 120) * 10.0, 0.0)
    assert one.counts.coverage == 1.0
    assert one.incidents == ()
    assert one.days[4].counts.total == (24 * 60 - 120) * 10.0
    out = one.to_json()["exclusions"]
    assert out["without"]["budget"]["remaining_ratio"] == pytest.approx(1 - 600 / 446.4)
    assert quiet.left_out is not None


def test_where_only_alerts_leave_it_out_the_month_is_counted_in_full_and_has_no_incident(story: Any) -> None:
    one = migrated(story, "alerts").objectives[0]
    assert (one.verdict, one.counts.total, one.counts.bad) == ("missed", MINUTES * 10.0, 600.0)
    assert one.incidents == ()


def test_the_summary_says_what_was_kept_by_planned_work_alone(story: Any) -> None:
    said = [one.sentence for one in migrated(story, "budget").findings if one.rule == "R13"]
    sentence = (
        "availability of orders for billing was kept because planned work, approved by ana, is not counted; with "
        "everything counted it would have been missed."
    )
    assert said == [sentence]
    assert not [one for one in migrated(story, "alerts").findings if one.rule == "R13"]


def test_the_table_names_reason_approver_time_and_both_numbers(story: Any) -> None:
    text = markdown(migrated(story, "budget"))
    lines = text[text.index("## Planned work (UTC)") :].splitlines()
    assert lines[4] == (
        "| Kafka 4 \\<CHG-1\\> | ana | 05 Oct 11:30, 2 h | orders | availability for billing · shop/orders | "
        "not in the budget | 100 % | -34.4 % |"
    )
    assert lines[5].startswith(
        "| Kafka 4 \\<CHG-1\\> | ana | 05 Oct 11:30, 2 h |  | 1 objective that it changes nothing"
    )
    page = html(migrated(story, "budget"))
    assert "approved by ana" in page
    assert "Kafka 4 &lt;CHG-1&gt;" in page


def test_a_month_without_planned_work_has_no_such_table(story: Any) -> None:
    story.objective("orders")
    assert "Planned work" not in markdown(story.review())
    assert "Planned work" not in html(story.review())
