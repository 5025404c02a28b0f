"""A table that fits its terminal, each cell measured once.

rich measures and wraps every cell several times, so that columns can give way; where all of them have room the table is
the same without. Ten thousand rows take as long as rich needs for a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.control import strip_control_codes
from rich.segment import Segment, Segments
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

Cell = str | Text
Side = Literal["left", "right"]
BETWEEN = "   "
EDGE = " "
RULE = "─"


def fitted(head: Sequence[str], sides: Sequence[Side], rows: Sequence[Sequence[Cell]], out: Console) -> Segments | None:
    """The table as rich draws it with `box.SIMPLE_HEAD`; None where it does not fit, and columns have to give way.

    Args:
        sides: Where the cells of each column stand.
        rows: A cell may have several lines; plain text is shown as it is.
    """
    if not out.encoding.lower().startswith("utf"):
        return None
    table = [[_parts(cell, out) for cell in row] for row in rows]
    title = [[_Line([Segment(name, out.get_style("table.header"))], cell_len(name))] for name in head]
    widths = [max(line.cells for row in (title, *table) for line in row[number]) for number in range(len(head))]
    full = sum(widths) + len(BETWEEN) * (len(widths) - 1) + 2 * len(EDGE)
    if full > out.width:
        return None
    drawn = [Segment(" " * full), Segment.line()]
    drawn += _drawn(title, widths, sides)
    drawn += [Segment(EDGE + RULE * (full - 2 * len(EDGE)) + EDGE), Segment.line()]
    for row in table:
        drawn += _drawn(row, widths, sides)
    drawn += [Segment(" " * full), Segment.line()]
    return Segments(drawn)


class _Line:
    """One line of a cell.

    Attributes:
        cells: How many cells of the terminal it takes.
    """

    __slots__ = ("cells", "segments")

    def __init__(self, segments: list[Segment], cells: int) -> None:
        self.segments, self.cells = segments, cells


def _parts(cell: Cell, out: Console) -> list[_Line]:
    if isinstance(cell, str):
        return [_Line([Segment(line)], cell_len(line)) for line in strip_control_codes(cell).split("\n")]
    style = out.get_style(cell.style)
    return [
        _Line(list(Segment.apply_style(line.render(out), style)), cell_len(line.plain))
        for line in cell.split("\n", allow_blank=True)
    ]


def _drawn(row: Sequence[Sequence[_Line]], widths: Sequence[int], sides: Sequence[Side]) -> list[Segment]:
    """A row on as many lines as its tallest cell has."""
    drawn: list[Segment] = []
    for number in range(max(len(cell) for cell in row)):
        drawn.append(Segment(EDGE))
        for place, (cell, width, side) in enumerate(zip(row, widths, sides, strict=True)):
            line = cell[number] if number < len(cell) else _Line([], 0)
            blank = Segment(" " * (width - line.cells))
            drawn += [blank, *line.segments] if side == "right" else [*line.segments, blank]
            drawn.append(Segment(BETWEEN if place < len(widths) - 1 else EDGE))
        drawn.append(Segment.line())
    return drawn
