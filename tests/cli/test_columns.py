"""Names of any length and script in the width of a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from observatory.cli.columns import isolated, side_by_side, table, wrapped

HEAD = ("channel", "owner", "domain")


def test_a_table_that_fits_is_as_wide_as_it_needs() -> None:
    assert table(HEAD, [("kafka:a", "red", "-"), ("kafka:orders", "blue", "shop")], 80).splitlines() == [
        "channel       owner  domain",
        "------------  -----  ------",
        "kafka:a       red    -",
        "kafka:orders  blue   shop",
    ]


def test_long_names_are_broken_at_separators_and_columns_that_say_nothing_left_out() -> None:
    rows = [("kafka:orders.placed.in.the.shop", "pay-core", "-"), ("kafka:a", "shop-team-of-the-north", "-")]
    assert table(HEAD, rows, 36).splitlines() == [
        "channel            owner",
        "-----------------  -----------------",
        "kafka:orders.      pay-core",
        "placed.in.the.",
        "shop",
        "",
        "kafka:a            shop-team-of-the-",
        "                   north",
    ]


def test_a_table_for_no_terminal_is_not_broken() -> None:
    line = table(HEAD, [("x" * 200, "o", "-")]).splitlines()[2]
    assert line == "x" * 200 + "  o      -"


def test_right_to_left_names_are_set_apart() -> None:
    assert isolated("kafka:orders") == "kafka:orders"
    assert isolated("kafka:طلبات") == "\u2066kafka:طلبات\u2069"
    lines = table(HEAD, [("kafka:طلبات", "red", "-"), ("kafka:orders", "red", "x")], 80).splitlines()
    assert lines[2:] == ["\u2066kafka:طلبات\u2069   red    -", "kafka:orders  red    x"]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("orders.placed", 8, ["orders.", "placed"]),
        ("ordersplaced", 8, ["orderspl", "aced"]),
        ("注文が確定した", 6, ["注文が", "確定し", "た"]),
        ("a b", 2, ["a", "b"]),
        ("/00文", 3, ["/", "00", "文"]),
        ("", 5, [""]),
        ("x" * 5, 5, ["xxxxx"]),
    ],
)
def test_text_is_broken_at_the_last_separator(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width) == lines


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])), st.integers(2, 30))
def test_broken_text_fits_and_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(
    st.lists(st.tuples(*[st.text(st.characters(categories=["L", "N", "P"]), min_size=1)] * 3), min_size=1, max_size=4),
    st.integers(40, 200),
)
def test_a_table_fits_any_terminal(rows: list[tuple[str, ...]], width: int) -> None:
    lines = table(HEAD, rows, width).splitlines()
    assert all(cell_len(line.replace("\u2066", "").replace("\u2069", "")) <= width for line in lines)


def test_cells_side_by_side_hold_several_lines_and_columns_without_a_width_are_as_wide_as_they_need() -> None:
    rows = [("a", "first\nsecond", "x"), ("bb", "日本", "y\nz")]

    assert side_by_side(rows, [3, None, 1], 1) == ["a   first  x", "    second", "bb  日本   y", "           z"]


def test_a_cell_that_is_wider_than_its_column_goes_on_below() -> None:
    assert side_by_side([("a.long.name", "why")], [6, None], 2) == ["a.      why", "long.", "name"]
