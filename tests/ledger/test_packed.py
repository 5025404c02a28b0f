"""Rows lie packed and come out value for value as they were put in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from observatory.ledger.ledger import Ledger
from observatory.ledger.packed import PackedRows, pack, unpack
from observatory.ledger.row import Row
from observatory.windows import Grid, TimeRange

COUNTS = st.one_of(
    st.integers(0, 300).map(float),
    st.integers(0, 1 << 53).map(float),
    st.floats(0, 1e9, allow_nan=False),
    st.sampled_from([255.0, 256.0, 65_535.0, 65_536.0, 4_294_967_295.0, 4_294_967_296.0, -3.0]),
)


@given(arrays(np.float64, st.integers(0, 40), elements=COUNTS))
def test_values_come_out_as_they_went_in(values: np.ndarray) -> None:
    assert unpack(pack(values), len(values)).tolist() == values.tolist()


@given(arrays(np.float64, 20, elements=COUNTS), arrays(np.float64, 20, elements=COUNTS), st.data())
def test_a_part_of_a_row_counts_what_the_row_counts_there(
    good: np.ndarray, total: np.ndarray, data: st.DataObject
) -> None:
    grid = Grid(0, 60_000, 20)
    first, last = sorted((data.draw(st.integers(-3, 24)), data.draw(st.integers(-3, 24))))
    span = TimeRange(first * 60_000, last * 60_000)
    ledger = Ledger(grid, {"a": Row(good=good, total=total, observed=np.full(20, 60.0), level=total)})
    part, cut = ledger.part("a", span)
    assert part.counts(cut, span) == ledger.rows["a"].counts(grid, span)
    assert part.level is None


@given(
    arrays(np.float64, 20, elements=COUNTS),
    arrays(np.float64, 20, elements=COUNTS),
    arrays(np.float64, 20, elements=st.sampled_from([0.0, 53.0, 60.0])),
)
def test_a_row_comes_out_as_it_went_in(good: np.ndarray, total: np.ndarray, observed: np.ndarray) -> None:
    row = PackedRows({"a": Row(good=good, total=total, observed=observed, series=3)})["a"]

    assert row.good.tolist() == good.tolist()
    assert row.total.tolist() == total.tolist()
    assert row.observed.tolist() == observed.tolist()
    assert row.series == 3


def test_counts_of_a_quiet_channel_take_a_byte_a_step() -> None:
    assert pack(np.array([0.0, 200.0, 17.0])).nbytes == 3
    assert pack(np.array([0.0, 70_000.0])).nbytes == 8
    assert pack(np.full(43_200, 60.0)).nbytes == 8


def row_of(total: float) -> Row:
    return Row(good=np.zeros(2), total=np.array([total, 1.0]), observed=np.full(2, 60.0))


def test_a_ledger_gives_up_rows_and_takes_others_in_their_place() -> None:
    ledger = Ledger(Grid(0, 60_000, 2), {"a": row_of(1.0), "b": row_of(2.0)})

    changed = ledger.only(["b", "missing"]).with_rows({"b": row_of(5.0), "a0": row_of(3.0)})

    assert list(changed.rows) == ["a0", "b"]
    assert [float(row.total[0]) for row in changed.rows.values()] == [3.0, 5.0]
    assert list(ledger.rows) == ["a", "b"]


def test_two_tails_of_one_refresh_that_were_seen_alike_are_spliced_each_where_it_begins() -> None:
    minutes = np.ones(20)
    old = PackedRows({"a": Row(good=minutes, total=minutes, observed=minutes * 60.0)})
    grid, found = Grid(0, 60_000, 20), PackedRows()
    for steps in (5, 10):
        unseen = np.zeros(steps)
        tail = Grid(grid.end_ms - steps * 60_000, 60_000, steps)
        found.splice("a", old, PackedRows({"a": Row(good=unseen, total=unseen, observed=unseen)}), grid, tail, grid)
        assert found["a"].observed.tolist() == [60.0] * (20 - steps) + [0.0] * steps
