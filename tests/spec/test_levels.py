"""What the levels of two address patterns tell without a walk through their letters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.spec.levels import levels_of, may_share
from observatory.spec.templates import escape, pattern_of


@pytest.mark.parametrize(
    ("pattern", "separator", "levels"),
    [
        (r"shop/paid/[^/]+/7", "/", ("shop", "paid", None, "7")),
        (r"orders\.[^./]+-eu\.new", ".", ("orders", None, "new")),
        (r"a/[^/]*/b", "/", ("a", None, "b")),
        (r"a/(?:eu|us)/b", "/", ("a", None, "b")),
        (r"a\.b", "/", ("a.b",)),
        (r"/a/", "/", ("", "a", "")),
        (r"a/(?:eu|u/s)/b", "/", None),
        (r"a/[^.]+/b", "/", None),
        (r"a(?:/.*)?", "/", None),
        (r"(?:[^$/][^/]*)?/x", "/", None),
        (r"ab*/c", "/", None),
        (r"a/b|c/d", "/", None),
        (r"a/(?:b)?/c", "/", None),
    ],
)
def test_levels_are_known_where_no_hole_holds_a_separator(
    pattern: str, separator: str, levels: tuple[str | None, ...] | None
) -> None:
    assert levels_of(pattern, separator) == levels


def test_a_different_text_or_another_number_of_levels_rules_a_pair_out() -> None:
    assert not may_share("shop/[^/]+/paid", "shop/[^/]+/late")
    assert not may_share("shop/[^/]+", "shop/[^/]+/late")
    assert not may_share(r"orders\.[^.]+\.new", r"orders\.[^.]+\.old")
    assert may_share("shop/[^/]+/paid", "shop/eu/[^/]+")
    assert may_share("shop/.*", "shop/[^/]+/paid")


ADDRESSES = st.lists(st.sampled_from(["a", "b", ".", "/", "{x}", "{e}", "#", "+", "-"]), min_size=1, max_size=6)


@given(ADDRESSES, ADDRESSES, st.sampled_from(["kafka", "mqtt", "amqp"]), st.text("ab./-", max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_pair_that_a_name_shows_in_common_is_never_ruled_out(
    one: list[str], other: list[str], protocol: str, name: str
) -> None:
    enums = {"e": ["a", "b.a", "b/a"]}
    patterns = [pattern_of("".join(parts), protocol, enums) or escape("".join(parts)) for parts in (one, other)]
    if all(re.fullmatch(pattern, name) for pattern in patterns):
        assert may_share(*patterns)


@given(ADDRESSES, st.sampled_from(["kafka", "mqtt", "amqp"]), st.text("ab./-", max_size=6))
@settings(max_examples=300, deadline=None)
def test_every_name_of_a_pattern_has_its_levels(address: list[str], protocol: str, name: str) -> None:
    pattern = pattern_of("".join(address), protocol, {"e": ["a", "b.a"]}) or escape("".join(address))
    for separator in "/.":
        levels = levels_of(pattern, separator)
        if levels is not None and re.fullmatch(pattern, name):
            parts = name.split(separator)
            assert len(parts) == len(levels)
            assert all(text in (None, part) for text, part in zip(levels, parts, strict=True))
