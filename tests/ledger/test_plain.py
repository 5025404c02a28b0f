"""Leaves of kept days that lie side by side are joined as they would be one by one."""

from __future__ import annotations

import numpy as np

from observatory.compile.plan import Leaf
from observatory.ledger.plain import Plain, joined
from observatory.telemetry.binding import SeriesSelector
from observatory.windows import Grid

A, B, C, D = (Leaf("prometheus", SeriesSelector(name)) for name in "abcd")
LEAVES = (A, B, C, D)
MINUTE_MS = 60_000


def block(number: int) -> Grid:
    return Grid(number * 3 * MINUTE_MS, MINUTE_MS, 3)


def plain(number: int, amounts: object, *leaves: Leaf) -> Plain:
    return Plain(block(number), LEAVES, np.asarray([LEAVES.index(one) for one in leaves]), np.asarray(amounts))


def places(of: Grid) -> tuple[slice, slice] | None:
    """On a grid that begins with the second step of the first block and ends with the second."""
    shift = of.start_ms // MINUTE_MS - 1
    return (slice(max(0, -shift), 3), slice(max(0, shift), shift + 3)) if shift < 5 else None


def test_each_leaf_has_its_counts_where_it_was_counted_and_none_elsewhere() -> None:
    found = joined(
        [
            plain(0, np.array([[1, 2, 3], [4, 5, 6]], np.uint8), A, C),
            plain(1, np.array([[300, 0, 7]], np.uint16), C),
            plain(1, np.array([[9.0], [0.5]]), A, B),
            plain(2, np.array([[8, 8, 8]], np.uint8), A),
        ],
        5,
        places,
    )
    assert {leaf: line.tolist() for leaf, line in found.items()} == {
        A: [2, 3, 9, 9, 9],
        B: [0.0, 0.0, 0.5, 0.5, 0.5],
        C: [5, 6, 300, 0, 7],
    }


def test_a_line_has_the_smallest_type_that_holds_all_of_its_blocks() -> None:
    found = joined(
        [
            plain(0, np.array([[255.0], [256.0], [70_000.0], [-1.0]]), A, B, C, D),
            plain(1, np.array([[1, 1, 1]] * 4, np.uint8), *LEAVES),
        ],
        5,
        places,
    )
    assert [str(found[leaf].dtype) for leaf in LEAVES] == ["uint8", "uint16", "uint32", "float64"]


def test_nothing_kept_is_nothing_joined() -> None:
    assert joined([], 5, places) == {}
