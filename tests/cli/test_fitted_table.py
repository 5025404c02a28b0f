"""A table that fits is what rich draws."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from observatory.cli.fitted_table import Cell, Side, fitted

HEAD = ("State", "Objective", "Left")
SIDES: tuple[Side, ...] = ("left", "left", "right")
WORDS = st.text("ab/-é漢 ", max_size=9).map(str.strip)


class _Out(io.TextIOWrapper):
    """A file of bytes in an encoding."""


def console(width: int, encoding: str = "utf-8", colour: bool = False) -> Console:
    file = _Out(io.BytesIO(), encoding=encoding, newline="")
    return Console(
        file=file, width=width, highlight=False, force_terminal=colour, color_system="standard" if colour else None
    )


def drawn(out: Console, thing: object) -> str:
    out.print(thing, crop=False)
    assert isinstance(out.file, _Out)
    out.file.flush()
    raw = out.file.buffer
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode()


def by_rich(rows: list[list[Cell]], width: int) -> str:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for name, side in zip(HEAD, SIDES, strict=True):
        table.add_column(name, justify=side, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return drawn(console(width), table)


@given(st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3), WORDS), min_size=1, max_size=4))
def test_a_table_that_fits_is_what_rich_draws(rows: list[tuple[str, list[str], str]]) -> None:
    cells: list[list[Cell]] = [[Text(state, "red"), Text("\n".join(lines)), left] for state, lines, left in rows]
    out = console(200)

    fitting = fitted(HEAD, SIDES, cells, out)

    assert fitting is not None
    assert drawn(out, fitting) == by_rich(cells, 200)


@pytest.mark.parametrize(("width", "fits"), [(25, False), (26, True)])
def test_a_table_wider_than_the_terminal_is_left_to_rich(width: int, fits: bool) -> None:
    # Columns of 5, 9 and 4 cells, three between two of them, and one at each edge.
    rows: list[list[Cell]] = [["meets", "orders/a", "1 %"]]

    assert (fitted(HEAD, SIDES, rows, console(width)) is not None) is fits


def test_a_terminal_without_lines_is_left_to_rich() -> None:
    assert fitted(HEAD, SIDES, [["a", "b", "c"]], console(80, encoding="ascii")) is None


def test_styles_of_cells_and_heads_are_kept() -> None:
    out = console(80, colour=True)
    rows: list[list[Cell]] = [[Text("breached", "bold red"), "[red]a[/]", Text.assemble(("##", "green"), " 9 %")]]

    text = drawn(out, fitted(HEAD, SIDES, rows, out))

    assert "\x1b[1mState\x1b[0m" in text
    assert "\x1b[1;31mbreached\x1b[0m" in text
    assert "\x1b[32m##\x1b[0m 9 %" in text
    assert "[red]a[/]" in text, "a name is no markup"


def test_what_steers_a_terminal_is_taken_out_of_names() -> None:
    out = console(80)

    assert re.findall(r"[\x07\x08\x0b\x0c\r]", drawn(out, fitted(HEAD, SIDES, [["a\r", "b\x07", "c"]], out))) == []
