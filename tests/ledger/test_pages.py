"""Pages of kept days are joined and counted as they lie packed, to the same numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from counting_cases import END_MS, MINUTE_MS, events, selector
from hypothesis import given
from hypothesis import strategies as st

from observatory.compile.plan import Leaf
from observatory.ledger.packed import PackedRows, pack
from observatory.ledger.pages import Counted, Page, join
from observatory.ledger.row import Findings
from observatory.ledger.rows import packed_row_of, row_of
from observatory.ledger.tallies import PartEvents
from observatory.ledger.targets import Lives
from observatory.ledger.unsettled import Before
from observatory.windows import Grid

STEPS = 5
LEAVES = [Leaf("store", selector("handled_total")), Leaf("store", selector("handled_total", outcome="error"))]
VALUES = st.sampled_from([0.0, 1.0, 3.0, 255.0, 256.0, 65_536.0, 2.0**32, 0.25])
AMOUNTS = st.lists(st.one_of(VALUES, st.just(0.0)), min_size=STEPS, max_size=STEPS).map(np.asarray)
PAGES = st.lists(
    st.tuples(st.one_of(st.none(), AMOUNTS), st.one_of(st.none(), AMOUNTS), st.booleans()), min_size=1, max_size=5
)
Told = Sequence[tuple[np.ndarray | None, np.ndarray | None, bool]]


def joined(pages: Told, grid: Grid, *, packed: bool) -> Counted:
    """Pages of five minutes with all events and the bad ones; those that are kept lie packed."""
    made = []
    for number, (*amounts, kept) in enumerate(pages):
        block = Grid(END_MS + number * STEPS * MINUTE_MS, MINUTE_MS, STEPS)
        parts = {
            leaf: PartEvents(pack(amount) if packed and kept else amount, Findings.of(), True)
            for leaf, amount in zip(LEAVES, amounts, strict=True)
            if amount is not None
        }
        made.append(Page(block, block.start_ms, parts, lives=Lives({})))
    return join(made, (), grid, Before())


@given(pages=PAGES, skipped=st.integers(0, STEPS - 1))
def test_packed_pages_are_joined_step_for_step_to_what_plain_ones_are(pages: Told, skipped: int) -> None:
    grid = Grid(END_MS + skipped * MINUTE_MS, MINUTE_MS, len(pages) * STEPS - skipped)
    for number, leaf in enumerate(LEAVES):
        told = np.concatenate([np.zeros(STEPS) if one[number] is None else one[number] for one in pages])[skipped:]
        found = joined(pages, grid, packed=True).events.get(leaf)
        assert (found.amount.astype(np.float64) if found else np.zeros(grid.steps)).tolist() == told.tolist()


@given(pages=PAGES)
def test_a_row_that_is_never_unpacked_is_that_of_its_events(pages: Told) -> None:
    measurement, grid = events(), Grid(END_MS, MINUTE_MS, len(pages) * STEPS)
    counted, plain = joined(pages, grid, packed=True), PackedRows()
    plain["row"] = row_of(measurement, joined(pages, grid, packed=False))

    lying = packed_row_of(measurement, counted)

    if lying is None:
        assert any(one.amount.dtype.kind == "f" for one in counted.events.values())
        return
    rows = PackedRows()
    rows.put("row", *lying, grid.steps)
    assert rows["row"].good.tolist() == plain["row"].good.tolist()
    assert rows["row"].total.tolist() == plain["row"].total.tolist()
    assert rows.nbytes == plain.nbytes


@pytest.mark.parametrize(("most", "taken"), [(200, 1), (256, 2), (65_536, 4)])
def test_days_that_lie_in_bytes_stay_bytes_until_a_larger_number_comes(most: int, taken: int) -> None:
    quiet, loud = np.arange(STEPS, dtype=np.float64), np.full(STEPS, float(most))
    pages = [(quiet, None, True), (loud, None, True), (quiet, None, False)]
    grid = Grid(END_MS, MINUTE_MS, 3 * STEPS)
    assert joined(pages, grid, packed=True).events[LEAVES[0]].amount.dtype.itemsize == taken
