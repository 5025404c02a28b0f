"""Address templates and the patterns that real names match."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.spec.expansion import MAX_EXPANSION, expansions, parameters_in
from observatory.spec.templates import MAX_PATTERN, pattern_of, runtime_name, subscription_of
from observatory.spec.wildcards import escape

SPECIAL = "abc.+*?()|[]^$\\/-_\"' éñ漢#>{}"


@pytest.fixture(scope="module")
def re2() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB matches with RE2, the engine whose syntax PromQL has."""
    with duckdb.connect() as connection:
        yield connection


def by_re2(connection: duckdb.DuckDBPyConnection, pattern: str, names: list[str]) -> list[bool]:
    rows = connection.execute(
        "select regexp_full_match(name, $pattern) from (select unnest($names::varchar[]) as name)",
        {"pattern": pattern, "names": names},
    ).fetchall()
    return [bool(row[0]) for row in rows]


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


literals = st.text("".join(set(SPECIAL) - set("{}")), max_size=6)
choices = st.lists(st.text(SPECIAL, min_size=1, max_size=5), min_size=1, max_size=4, unique=True)


@settings(max_examples=150)
@given(
    st.lists(literals, min_size=3, max_size=3),
    st.lists(choices, min_size=2, max_size=2),
    st.sampled_from(["kafka", "sqs", "jms", None]),
)
def test_a_pattern_matches_the_listed_names_and_nothing_that_differs_in_a_character(
    re2: duckdb.DuckDBPyConnection, texts: list[str], values: list[list[str]], protocol: str | None
) -> None:
    template = f"{texts[0]}{{one}}{texts[1]}{{two}}{texts[2]}"
    enums = {"one": values[0], "two": values[1]}
    expected = [f"{texts[0]}{one}{texts[1]}{two}{texts[2]}" for one, two in product(*values)]
    assert expansions(template, enums) == (tuple(expected), len(expected))
    pattern = pattern_of(template, protocol, enums)
    if len(expected) == 1:
        assert pattern is None
        assert runtime_name("topic", template, "address", protocol=protocol, enums=enums).value == expected[0]
        return
    assert pattern is not None
    near = [name[:at] + "Z" + name[at + 1 :] for name in expected for at in range(len(name))]
    near += [name + "Z" for name in expected] + ["Z" + name for name in expected]
    near += [name[:at] + name[at + 1 :] for name in expected for at in range(len(name))]
    names = [*expected, *near]
    wanted = [name in expected for name in names]
    assert [re.fullmatch(pattern, name) is not None for name in names] == wanted
    assert by_re2(re2, pattern, names) == wanted


def test_an_open_parameter_changes_only_where_it_stands(re2: duckdb.DuckDBPyConnection) -> None:
    pattern = pattern_of('a(b)|c.{x}."d"', "kafka", {})
    assert pattern == r'a\(b\)\|c\.[^./]+\."d"'
    names = ['a(b)|c.é1."d"', 'a(b)|cX1."d"', 'a(b)|c.1.2."d"', 'ab|c.1."d"', 'a(b)|c..d"', 'a(b)|c.1."d']
    assert by_re2(re2, pattern, names) == [True, False, False, False, False, False]


def test_long_lists_multiply_to_a_bounded_number_of_names_and_the_rest_is_counted() -> None:
    enums = {"a": [f"a{number}" for number in range(100)], "b": [f"b{number}" for number in range(100)]}
    name = runtime_name("topic", "t.{a}.{b}", "address", protocol="kafka", enums=enums)
    assert (len(name.expansions), name.left_out) == (MAX_EXPANSION, 10_000 - MAX_EXPANSION)
    assert name.expansions[:2] == ("t.a0.b0", "t.a0.b1")
    assert name.pattern is not None
    assert re.fullmatch(name.pattern, "t.a99.b99")
    assert not re.fullmatch(name.pattern, "t.a99.b100")


def test_a_list_longer_than_the_bound_is_any_segment() -> None:
    enums = {"a": [str(number) for number in range(MAX_EXPANSION + 1)]}
    name = runtime_name("topic", "t.{a}", "address", protocol="kafka", enums=enums)
    assert (name.pattern, len(name.expansions), name.left_out) == (r"t\.[^./]+", MAX_EXPANSION, 1)


def test_lists_do_not_make_expressions_without_end() -> None:
    long = ["x" * 1000 + str(number) for number in range(50)]
    pattern = pattern_of(
        ".".join(f"{{p{number}}}" for number in range(400)), "kafka", {f"p{n}": long for n in range(400)}
    )
    assert pattern is not None
    assert len(pattern) < MAX_PATTERN + 5000
    assert pattern.endswith(r"\.[^./]+")


def test_a_parameter_that_stands_twice_has_one_value() -> None:
    assert pattern_of("{x}.to.{x}", "kafka", {"x": ["eu", "us"]}) == r"eu\.to\.eu|us\.to\.us"


def test_a_list_beside_an_open_parameter_makes_no_list_of_names() -> None:
    name = runtime_name("topic", "t.{a}.{b}", "address", protocol="kafka", enums={"a": ["x", "y"]})
    assert (name.pattern, name.expansions) == (r"t\.(?:x|y)\.[^./]+", ())


@pytest.mark.parametrize(
    ("address", "protocol", "name", "fits"),
    [
        ("a.{x}.c", "kafka", "a.b.c", True),
        ("a.{x}.c", "kafka", "a.b.b.c", False),
        ("a.{x}.c", "kafka", "axbxc", False),
        ("a/{x}", "mqtt", "a/b.c", True),
        ("a/{x}", "mqtt", "a/b/c", False),
        ("persistent://t/n/{x}", "pulsar", "persistent://t/n/orders.v1", True),
        ("persistent://t/n/{x}", "pulsar", "persistent://t/n/a/b", False),
        ("projects/{p}/topics/a", "googlepubsub", "projects/my.org:p/topics/a", True),
        ("{x}", "kafka", "", False),
    ],
)
def test_a_parameter_stands_for_one_segment(address: str, protocol: str, name: str, fits: bool) -> None:
    pattern = pattern_of(address, protocol, {})
    assert pattern is not None
    assert bool(re.fullmatch(pattern, name)) == fits


def test_a_subscription_asks_for_any_value_of_every_parameter() -> None:
    assert subscription_of("a/{x}/b/{y}", "mqtt") == "a/+/b/+"
    assert subscription_of("a/v{x}/b", "mqtt") == "a/+/b"
    assert subscription_of("a/b", "mqtt") == "a/b"
    assert subscription_of("a/{x/y}/b", "mqtt") == "a/+/b"


def test_parameters_are_listed_once_in_order() -> None:
    assert parameters_in("{b}.{a}.{b}") == ["b", "a"]


def test_empty_braces_are_text() -> None:
    assert parameters_in("a.{}.b") == []
    assert pattern_of("a.{}.b", "kafka", {}) is None
