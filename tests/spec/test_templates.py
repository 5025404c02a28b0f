"""Address templates and the patterns that real names match."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.spec.templates import escape, parameters_in, pattern_of


@given(st.text(max_size=30), st.text(max_size=30))
def test_an_escaped_text_matches_itself_and_nothing_else(text: str, other: str) -> None:
    assert re.fullmatch(escape(text), text)
    assert bool(re.fullmatch(escape(text), other)) == (text == other)


@given(st.lists(st.text("abc-_ é+*", min_size=1, max_size=5), min_size=1, max_size=4))
def test_a_filled_template_matches_its_pattern(values: list[str]) -> None:
    names = [f"p{index}" for index in range(len(values))]
    template = ".".join(["fix[ed]", *(f"{{{name}}}" for name in names)])
    pattern = pattern_of(template, "kafka", {})
    assert pattern is not None
    assert re.fullmatch(pattern, ".".join(["fix[ed]", *values]))
    assert not re.fullmatch(pattern, ".".join(["fixe", *values]))


@pytest.mark.parametrize(
    ("address", "protocol", "name", "fits"),
    [
        ("a.{x}.c", "kafka", "a.b.c", True),
        ("a.{x}.c", "kafka", "a.b.b.c", False),
        ("a.{x}.c", "kafka", "axbxc", False),
        ("a/{x}", "mqtt", "a/b.c", True),
        ("a/{x}", "mqtt", "a/b/c", False),
        ("a/#", "mqtt", "a", True),
        ("a/#", "mqtt", "a/b/c", True),
        ("a/#", "mqtt", "ab", False),
        ("a.>", "nats", "a.b.c", True),
        ("a.>", "nats", "a", False),
        ("a.*", "nats", "a.b.c", False),
        ("{x}", "kafka", "", False),
    ],
)
def test_a_parameter_stands_for_one_segment(address: str, protocol: str, name: str, fits: bool) -> None:
    pattern = pattern_of(address, protocol, {})
    assert pattern is not None
    assert bool(re.fullmatch(pattern, name)) == fits


def test_a_plus_that_is_no_wildcard_is_a_plus() -> None:
    assert pattern_of("a+b", "mqtt", {}) is None
    assert pattern_of("a.*", "kafka", {}) is None


def test_parameters_are_listed_once_in_order() -> None:
    assert parameters_in("{b}.{a}.{b}") == ["b", "a"]
