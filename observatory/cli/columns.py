"""Text in columns of a given width, for names of any length and in any script.

Widths are cells of a terminal: a Chinese character takes two, a combining accent none. Nothing is cut off; what does
not fit goes on in the next line, broken at a separator where there is one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rich.cells import cell_len

GAP = 2
NARROWEST = 8
_BREAKS = frozenset(" ./-_:,;@")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE = "\u2066", "\u2069"


def wrapped(text: str, width: int | None) -> list[str]:
    """Text in lines of at most so many cells; one line when the width is None."""
    if width is None or cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    line, taken, last_break = "", 0, 0
    for char in text:
        cells = cell_len(char)
        while taken + cells > width and line:
            cut = last_break or len(line)
            lines.append(line[:cut].rstrip())
            line = line[cut:].lstrip()
            taken, last_break = cell_len(line), 0
        line += char
        taken += cells
        if char in _BREAKS:
            last_break = len(line)
    return [*lines, line] if line else lines


def isolated(text: str) -> str:
    """Text that reads from left to right and whose direction does not spill over, whatever names stand in it."""
    if text.isascii() or not any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return text
    return f"{LEFT_TO_RIGHT_ISOLATE}{text}{POP_ISOLATE}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Rows under a head, as wide as they need, or as the width allows.

    Where they need more, columns that say nothing in any row are left out and the widest ones are broken.
    """
    natural = [max(cell_len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    shown = list(range(len(head)))
    if width is not None and sum(natural) + GAP * (len(head) - 1) > width:
        said = [{row[column] for row in rows} for column in shown]
        # A single row says something in every column that is not empty.
        shown = [
            column
            for column in shown
            if column == 0 or (said[column] - {"", "-"} and (len(rows) == 1 or len(said[column]) > 1)) or not rows
        ]
    room = None if width is None else width - GAP * (len(shown) - 1)
    widths = _shared_out([natural[column] for column in shown], room)
    blocks = [[wrapped(row[column], size) for column, size in zip(shown, widths, strict=True)] for row in (head, *rows)]
    tall = any(len(cell) > 1 for block in blocks[1:] for cell in block)
    lines = _lines(blocks[0], widths)
    lines.append((" " * GAP).join("-" * size for size in widths))
    for number, block in enumerate(blocks[1:]):
        lines += [""] if tall and number else []
        lines += _lines(block, widths)
    return "\n".join(lines)


def _shared_out(natural: Sequence[int], room: int | None) -> list[int]:
    """Widths that fit into the room: the widest columns give way first, none below what can be read."""
    if room is None or sum(natural) <= room:
        return list(natural)
    most = max(natural)
    while most > NARROWEST and sum(min(size, most) for size in natural) > room:
        most -= 1
    return [min(size, most) for size in natural]


def side_by_side(rows: Sequence[Sequence[str]], widths: Sequence[int | None], gap: int = GAP) -> list[str]:
    """Lines of rows without a head; cells may hold several lines; a column of width None is as wide as it needs."""
    blocks = [
        [
            [part for line in cell.split("\n") for part in wrapped(line, width)]
            for cell, width in zip(row, widths, strict=True)
        ]
        for row in rows
    ]
    sizes = [
        width if width is not None else max((cell_len(part) for block in blocks for part in block[column]), default=0)
        for column, width in enumerate(widths)
    ]
    return [line for block in blocks for line in _lines(block, sizes, gap)]


def _lines(cells: Sequence[Sequence[str]], widths: Sequence[int], gap: int = GAP) -> list[str]:
    height = max(len(cell) for cell in cells)
    rows = [[cell[line] if line < len(cell) else "" for cell in cells] for line in range(height)]
    return [
        (" " * gap)
        .join(isolated(part) + " " * (size - cell_len(part)) for part, size in zip(row, widths, strict=True))
        .rstrip()
        for row in rows
    ]
