"""Which objectives planned work concerns."""

from __future__ import annotations

import pytest
from objective_cases import objective

from observatory.objectives.exclusions import concerns, planned_work, unmatched
from observatory.settings.exclusions import Exclusion, Scope
from observatory.spec.catalog import Owner
from observatory.windows import TimeRange

ORDERS = objective(domain="payments", owner=Owner(team="pay-core"), address="orders.v1", name="fast")


def planned(start_ms: int = 0, end_ms: int = 1000, **scope: tuple[str, ...]) -> Exclusion:
    return Exclusion(reason="r", approver="a", scope=Scope(**scope), when=TimeRange(start_ms, end_ms))


@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        ({}, True),
        ({"channels": ("orders.*",)}, True),
        ({"channels": ("orders",)}, True),
        ({"channels": ("kafka:*",)}, True),
        ({"channels": ("order",)}, False),
        ({"channels": ("ORDERS.*",)}, False),
        ({"channels": ("invoices", "orders.v[12]")}, True),
        ({"domains": ("pay*",)}, True),
        ({"domains": ("payments",), "slis": ("latency",)}, False),
        ({"domains": ("payments",), "slis": ("availability",)}, True),
        ({"slis": ("fast",)}, True),
        ({"owners": ("pay-core",)}, True),
        ({"owners": ("pay-cor?",), "documents": ("svc",)}, True),
        ({"documents": ("s",)}, False),
        ({"objectives": ("svc/op/*",)}, True),
    ],
)
def test_an_objective_matches_one_pattern_of_every_kind_that_is_named(
    scope: dict[str, tuple[str, ...]], inside: bool
) -> None:
    assert concerns(planned(**scope), ORDERS) is inside


def test_an_objective_without_a_domain_is_in_no_domain() -> None:
    assert not concerns(planned(domains=("*",)), objective())


def test_what_does_not_overlap_is_left_out() -> None:
    early, inside = planned(0, 1000), planned(1500, 9000)
    assert [one.exclusion for one in planned_work([early, inside], TimeRange(1000, 2000))] == [inside]


def test_an_exclusion_that_concerns_nothing_is_warned_about() -> None:
    (told,) = unmatched([planned(domains=("payment",)), planned()], [ORDERS])
    assert (told.code, told.severity) == ("exclusion-unmatched", "warning")
    assert unmatched([planned(domains=("payment",))], []) == ()
