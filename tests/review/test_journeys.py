"""Journeys in the review: their month from the counts of their hops, in every form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from observatory.evaluate.estate_status import Status
from observatory.evaluate.snapshot import Snapshot
from observatory.ledger.ledger import Ledger
from observatory.objectives.journeys import Hop, JourneyObjective
from observatory.objectives.policy import load_policies
from observatory.review.html import html
from observatory.review.markdown import markdown
from observatory.review.month import review_of
from observatory.review.months import Month
from observatory.review.report import Review
from observatory.spec.catalog import Catalog
from observatory.telemetry.binding import MappingResult
from observatory.windows import Window, parse_instant


def review(
    story: Any,
    *,
    unmeasured: bool = False,
    unseen: bool = False,
    entering_until: str = "",
    timezone: str = "UTC",
    at: str = "",
) -> Review:
    """A journey over two hops: 10 a minute, an hour of failures at each, days apart, and ten minutes in September."""
    at_ms = parse_instant(at) if at else story.grid.end_ms
    first = story.objective("orders.v1", bad=(("2026-10-05T12:00", 60, 5.0), ("2026-09-05T12:00", 10, 1.0)))
    second = story.objective("parcels.v1", bad=(("2026-10-09T12:00", 60, 5.0),), measured=not unmeasured)
    if entering_until:
        row, last = story.rows["orders.v1"], story.step(entering_until)
        entered = np.where(np.arange(story.grid.steps) < last, row.total, 0.0)
        story.rows["orders.v1"] = replace(row, good=np.minimum(row.good, entered), total=entered)
    if unseen:
        story.rows["parcels.v1"] = story.rows["parcels.v1"].without(np.ones(story.grid.steps, bool))
    whole = replace(
        first, id="shop/journeys/checkout", operation_key="shop/journeys/checkout", name="checkout", target=0.99
    )
    whole = replace(whole, window=Window.parse("month", timezone))
    hops = tuple(Hop(objective=one, optional=False) for one in (first, second))
    journey = JourneyObjective(objective=whole, document="shop", hops=hops)
    problem = _unmapped()
    snapshot = Snapshot(
        at_ms=story.grid.end_ms,
        catalog=Catalog(),
        objectives=tuple(story.objectives),
        mapping=MappingResult({}),
        measurements=story.measurements,
        ledger=Ledger(story.grid, story.rows),
        status=Status(at_ms=story.grid.end_ms, sources=(), objectives=()),
        journeys=(journey,),
        hops={journey.id: tuple(story.measurements.get(one.id, problem) for one in (first, second))},
    )
    return review_of(snapshot, load_policies(), Month.parse("2026-10"), at_ms)


def _unmapped() -> Any:
    from observatory.errors import Problem

    return Problem(code="not-provided", message="nothing measures it")


def test_a_journey_has_its_month_beside_the_month_before(story: Any) -> None:
    (one,) = review(story).to_json()["journeys"]
    total = 31 * 1440 * 10.0
    # The hours lie days apart, so all 600 failures are of different journeys, whatever chance does.
    assert (one["id"], one["total"], one["good"], one["counting"]) == (
        "shop/journeys/checkout",
        total,
        total - 600,
        "estimated",
    )
    assert one["bounds"] == [total - 600, total - 600]
    assert one["budget"] == {
        "allowed": pytest.approx(total / 100),
        "spent": 600.0,
        "remaining_ratio": pytest.approx(1 - 600 / 4464),
    }
    assert one["before"]["good"] == 30 * 1440 * 10.0 - 10
    assert [(hop["operation_key"], hop["total"] - hop["good"]) for hop in one["steps"]] == [
        ("shop/orders.v1", 300.0),
        ("shop/parcels.v1", 300.0),
    ]
    assert one["verdict"] == "kept"


def test_a_journey_whose_month_has_not_begun_where_it_is_judged_is_not_known_yet(story: Any) -> None:
    """At one in the morning of London it is still September in Sao Paulo."""
    (one,) = review(story, timezone="America/Sao_Paulo", at="2026-10-01T01:00:00Z").to_json()["journeys"]

    assert (one["start"], one["verdict"], one["good"], one["bounds"]) == ("2026-10-01T03:00:00Z", "no_data", None, None)


def test_a_journey_of_which_nothing_was_seen_is_no_nought(story: Any) -> None:
    (one,) = review(story, unseen=True).to_json()["journeys"]

    assert (one["verdict"], one["good"], one["budget"], one["bounds"]) == ("no_data", None, None, None)


def test_failures_of_those_who_entered_before_leave_no_fewer_good_journeys_than_none(story: Any) -> None:
    """Nobody enters in October, while 300 events fail at the second hop."""
    made = review(story, entering_until="2026-10-01T00:00")

    (one,) = made.to_json()["journeys"]
    assert (one["verdict"], one["good"], one["total"]) == ("no_traffic", 0.0, 0.0)


def test_the_documents_show_journeys_with_their_assumption(story: Any) -> None:
    made = review(story)
    for text in (html(made), markdown(made)):
        assert "shop/journeys/checkout" in text
        assert "99.865 %" in text or "99.87 %" in text
        assert "counters do not join the hops" in text
    assert "shop/orders.v1 → shop/parcels.v1" in markdown(made)


def test_a_journey_with_a_hop_that_nothing_measures_is_not_known(story: Any) -> None:
    (one,) = review(story, unmeasured=True).to_json()["journeys"]
    assert (one["verdict"], one["good"], one["bounds"], one["assumption"]) == ("no_data", None, None, None)
    assert one["steps"][1]["total"] is None


def test_a_review_without_journeys_has_no_section(story: Any) -> None:
    story.objective("orders.v1")
    made = story.review()
    assert made.to_json()["journeys"] == []
    assert "Journeys" not in html(made) + markdown(made)
