"""Roll-ups: events weigh the same, wherever they happened."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from objective_cases import objective

from observatory.evaluate.rollup import by_domain, by_owner, estate, roll_up
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.objectives.budget import Budget
from observatory.spec.catalog import Owner


def status(good: float, total: float, *, key: str, **more: object) -> ObjectiveStatus:
    return ObjectiveStatus(
        objective=objective(id=key, **more),  # type: ignore[arg-type]
        state="meeting",
        counts=Counts(good, total, 60, 60),
        counting="exact",
        budget=Budget(0, 0, None),
        burn_rates={},
        measurement=key,
    )


def test_a_busy_channel_weighs_more_than_a_quiet_one() -> None:
    together = roll_up("all", [status(999_000, 1_000_000, key="busy"), status(0, 10, key="quiet")])
    assert together.counts.ratio == pytest.approx(999_000 / 1_000_010)


def test_the_budget_is_added_in_events_each_by_its_own_target() -> None:
    together = roll_up("all", [status(990, 1000, key="a", target=0.9), status(999, 1000, key="b", target=0.999)])
    assert (together.allowed, together.spent) == (pytest.approx(101.0), 11.0)
    assert together.remaining_ratio == pytest.approx(1 - 11 / 101)


def test_a_measurement_that_objectives_share_is_counted_once() -> None:
    one = status(90, 100, key="a")
    other = replace(one, objective=objective(id="b", target=0.5))
    assert roll_up("all", [one, other]).counts.total == 100.0


def test_a_measurement_over_two_windows_is_counted_once_over_the_longer_one() -> None:
    month = replace(status(900, 1000, key="a"), counts=Counts(900, 1000, 600, 600))
    hour = replace(status(90, 100, key="a"), objective=objective(id="b", window="1h"))
    for order in ([month, hour], [hour, month]):
        assert roll_up("all", order).counts.total == 1000.0


def test_a_budget_that_objectives_share_is_counted_once_by_the_strictest_target() -> None:
    loose = replace(status(90, 100, key="a"), objective=objective(id="loose", target=0.5))
    strict = replace(status(90, 100, key="a"), objective=objective(id="strict", target=0.99))
    for order in ([loose, strict], [strict, loose]):
        together = roll_up("all", order)
        assert (together.allowed, together.spent) == (pytest.approx(1.0), 10.0)


def test_a_message_with_two_kinds_of_objective_is_one_event() -> None:
    processed = status(90, 100, key="processed", domain="pay")
    in_time = status(70, 100, key="in time", domain="pay", sli="latency")
    minutes = status(500, 600, key="minutes", domain="pay", sli="lag")
    (found,) = by_domain([processed, in_time, minutes])
    assert (found.counts.good, found.counts.total, found.objectives) == (90.0, 100.0, 3)
    assert estate([processed, in_time, minutes]).to_json()["total"] == 100.0


def test_a_domain_without_availability_has_states_and_no_events() -> None:
    (found,) = by_domain([status(5, 6, key="c", domain="pay", sli="latency")])
    assert found.to_json() == {
        "name": "pay",
        "objectives": 1,
        "states": {"meeting": 1},
        "worst": "meeting",
        "good": 0.0,
        "total": 0.0,
        "ratio": None,
        "coverage": None,
        "budget": {"allowed": 0.0, "spent": 0.0, "remaining_ratio": None},
    }


def test_domains_are_told_apart_and_only_one_word_is_added() -> None:
    found = by_domain(
        [
            status(1, 2, key="a", domain="pay"),
            status(3, 4, key="b", domain="ship"),
            status(5, 6, key="c", domain="pay", sli="latency"),
            status(7, 8, key="d"),
        ]
    )
    assert [(one.name, one.counts.total) for one in found] == [("no domain", 8.0), ("pay", 2.0), ("ship", 4.0)]


def test_the_worst_state_of_a_group_is_known() -> None:
    unknown = replace(status(0, 0, key="b"), state="no_data", counts=None)
    found = estate([status(1, 1, key="a"), unknown])
    assert (found.worst, found.objectives, found.states) == ("no_data", 2, {"meeting": 1, "no_data": 1})


def test_teams_are_named_by_their_owner() -> None:
    (one,) = by_owner([status(1, 1, key="a", owner=Owner(team="core"))])
    assert one.name == "core"


def test_nothing_is_nothing() -> None:
    found = roll_up("none", [])
    assert (found.counts.ratio, found.remaining_ratio, found.worst) == (None, None, None)
