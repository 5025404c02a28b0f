"""Values that were read from files say the same wherever they stand."""

from __future__ import annotations

from observatory.location import Location
from observatory.settings.values import TelemetrySettings
from observatory.spec.catalog import Owner, RuntimeName

HERE, THERE = Location("a.yaml", 3, 5), Location("b.yaml", 9, 1)


def test_a_value_is_equal_to_one_that_says_the_same_elsewhere() -> None:
    here, there = (Owner(team="pay-core", location=at) for at in (HERE, THERE))

    assert here == there
    assert len({here, there}) == 1
    assert here != Owner(team="pay-edge", location=HERE)


def test_what_stands_beside_a_name_is_no_part_of_it() -> None:
    plain = RuntimeName(kind="topic", value="orders", provenance="address")

    assert plain == RuntimeName(
        kind="topic", value="orders", provenance="address", template="{a}", choices={"a": ("x",)}
    )
    assert plain != RuntimeName(kind="topic", value="orders", provenance="overlay")


def test_values_of_two_kinds_are_never_equal() -> None:
    assert Owner(team="a") != TelemetrySettings(profile="a")
