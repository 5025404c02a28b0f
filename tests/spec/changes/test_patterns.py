"""Languages of regular expressions, against the engine that the validator uses."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from observatory.spec.changes.json_schema.cleaning import NotDecidable
from observatory.spec.changes.json_schema.patterns import beyond, example

INFINITY = float("inf")

_atoms = st.sampled_from(
    ["a", "b", "0", ".", "[ab]", "[^a]", r"\d", r"\w", r"\.", "(?:ab)", "(a|b0)", "(a|)", r"[\w-]"]
)
_parts = st.builds(lambda atom, times: atom + times, _atoms, st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}"]))
_sequences = st.lists(_parts, min_size=1, max_size=4).map("".join)
_anchored = st.builds(
    lambda begin, body, end: begin + body + end, st.sampled_from(["", "^"]), _sequences, st.sampled_from(["", "$"])
)
expressions = st.one_of(_anchored, st.builds(lambda one, other: f"{one}|{other}", _anchored, _anchored))


def matches(pattern: str, text: str) -> bool:
    """What the validator says, where Python's engine says the same: the validator takes `a+a*a+` for `a+`."""
    found = bool(jsonschema_rs.Draft7Validator({"pattern": pattern}).is_valid(text))
    if found != bool(re.search(pattern, text, re.ASCII)):
        assume(False)
    return found


@settings(max_examples=120, deadline=None)
@given(expressions, expressions, st.integers(0, 3), st.sampled_from([2, 3, 5, INFINITY]))
def test_a_text_beyond_matches_the_one_and_not_the_other(one: str, other: str, least: int, most: float) -> None:
    found = beyond([one], least, most, other)
    if found is not None:
        assert matches(one, found)
        assert not matches(other, found)
        assert least <= len(found) <= most


@settings(max_examples=120, deadline=None)
@given(expressions, expressions, st.lists(st.text("ab0._-é", max_size=5), max_size=30))
def test_where_nothing_is_beyond_no_text_is(one: str, other: str, texts: list[str]) -> None:
    if beyond([one], 0, INFINITY, other) is None:
        assert [text for text in texts if matches(one, text) and not matches(other, text)] == []


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("^[A-Z]{3}$", "^[A-Z]+$"),
        ("^ord-[0-9]{6}$", "^ord-"),
        (r"^\d{4}-\d{2}-\d{2}$", r"^[\d-]{10}$"),
        ("^(red|green)$", "^(green|red|blue)$"),
        ("^[0-9a-f]{8}-[0-9a-f]{4}$", "^[0-9a-fA-F-]{13}$"),
        ("^ab?$", "^a"),
        ("^$", "^a*$"),
        ("a$", "a"),
    ],
)
def test_a_narrow_expression_lies_within_a_wide_one_and_not_the_other_way_round(narrow: str, wide: str) -> None:
    assert beyond([narrow], 0, INFINITY, wide) is None
    found = beyond([wide], 0, INFINITY, narrow)
    assert found is not None
    assert matches(wide, found)
    assert not matches(narrow, found)


def test_the_text_is_a_shortest_one() -> None:
    assert beyond(["^[a-z]+$"], 0, INFINITY, "^[a-c]{1,2}$") == "d"
    assert beyond([], 0, 255, "^a{0,3}$") == "A"
    assert beyond(["^a*$"], 0, INFINITY, "^a{0,3}$") == "aaaa"
    assert beyond(["^a*$"], 0, 3, "^a{0,3}$") is None


def test_an_example_is_within_the_lengths() -> None:
    assert example(("^[a-z]+$", "z$"), 3, 5) == "aaz"
    assert example(("^a{4}$",), 0, 3) is None
    assert example((r"^[0-9]{3}-[A-Z]{2}$",), 0, INFINITY) == "000-AA"


@pytest.mark.parametrize(
    "pattern", [r"(?=a)a", r"(a)\1", r"\bword\b", "(?i)a", r"\p{L}", "(", "a**", "[a", "a{9999}", "(a{0,60}){0,60}"]
)
def test_what_is_not_regular_is_not_decided(pattern: str) -> None:
    with pytest.raises(NotDecidable) as caught:
        beyond(["^a$"], 0, INFINITY, pattern)
    assert caught.value.keyword == "pattern"
