"""Whether two address patterns have a name in common."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.spec.languages import Effort, EffortSpentError, have_common_name, literal_start, matches
from observatory.spec.templates import escape, pattern_of


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (r"a\.[^.]+\.c", r"a\.b\.[^.]+", True),
        (r"a\.[^.]+", r"b\.[^.]+", False),
        (r"a\.[^.]+", r"a\.b\.[^.]+", False),
        (r"a\.(?:eu|us)", r"a\.(?:us|asia)", True),
        (r"a\.(?:eu|us)", r"a\.(?:asia)", False),
        (r"s(?:/.*)?", "s", True),
        (r"s(?:/.*)?", r"s/[^/]+/x", True),
        (r"s(?:/.*)?", "sx", False),
        (r"orders\..+", r"orders\.", False),
        (r"[^./]+-dlq", r"orders-[^./]+", True),
        (r"a*b+c?", "bb", True),
        (r"(?:[^.]+\.)*placed", r"orders\.eu\.placed", True),
        (r"orders(?:\.[^.]+)*", r"(?:[^.]+\.)*orders", True),
        (r"(?:[^$/][^/]*)?/x", r"\$SYS/x", False),
        ("a|bc", "bc", True),
        (r"a{2}", "aa", False),
        (r"(a)", "a", False),
    ],
)
def test_two_patterns_are_walked_side_by_side(one: str, other: str, common: bool) -> None:
    assert have_common_name(one, other) is common
    assert have_common_name(other, one) is common


def test_comparing_ends_when_the_effort_is_spent() -> None:
    """Two hundred wildcards on both sides meet in every state of one with every state of the other."""
    one, other = ("[^.]+" * 200 + end for end in ("x", "y"))
    with pytest.raises(EffortSpentError):
        have_common_name(one, other, Effort(10_000))
    assert have_common_name("a[^.]+", "[^.]+b", Effort(10_000)) is True


PARTS = st.lists(st.sampled_from(["a", "b", ".", "{x}", "{e}", "-"]), min_size=1, max_size=6).map("".join)
ENUMS = {"e": ["a", "b.a"]}


@given(PARTS, PARTS)
@settings(max_examples=200, deadline=None)
def test_what_names_show_in_common_is_found(one: str, other: str) -> None:
    """Every name of up to five letters, tried one by one."""
    patterns = [pattern_of(text, "kafka", ENUMS) or escape(text) for text in (one, other)]
    names = ("".join(letters) for size in range(1, 6) for letters in product("ab.-", repeat=size))
    if any(all(re.fullmatch(pattern, name) for pattern in patterns) for name in names):
        assert have_common_name(*patterns)


@given(PARTS, st.text("ab.-", max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_name_matches_as_regular_expressions_say(address: str, name: str) -> None:
    pattern = pattern_of(address, "kafka", ENUMS) or escape(address)
    assert matches(pattern, name) is (re.fullmatch(pattern, name) is not None)


def test_a_pattern_of_many_repetitions_is_matched_in_bounded_time() -> None:
    assert matches("[^.]+" * 40 + "x", "a" * 200) is False
    assert matches("[^.]+" * 40 + "x", "a" * 200 + "x") is True


@pytest.mark.parametrize(
    ("pattern", "start"),
    [
        (r"orders\.[^.]+", "orders."),
        ("[^.]+", ""),
        (r"s(?:/.*)?", "s"),
        ("abc", "abc"),
        ("ab*c", "a"),
        (r"a\+", "a+"),
        ("ab|cd", ""),
        (r"a\|b", "a|b"),
        (r"x(?:a|b)", "x"),
    ],
)
def test_the_text_before_the_first_hole(pattern: str, start: str) -> None:
    assert literal_start(pattern) == start
