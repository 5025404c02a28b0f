"""Sums that go on from those of a refresh before are those that adding step by step gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.ledger.milestones import Milestones
from observatory.ledger.packed import PackedRows
from observatory.ledger.row import Row
from observatory.ledger.summed import FURTHEST, Summed, sums_at
from observatory.windows import Grid

STEPS = 200
STEP_MS = 60_000


def moved(random: np.random.Generator, before: np.ndarray, shift: int, fresh: int, most: int) -> np.ndarray:
    """The steps a refresh later: some have gone, and the last ones were counted anew."""
    kept = before[shift : STEPS - fresh + shift]
    kinds = [one for one in (np.uint8, np.uint16, np.uint32) if most <= np.iinfo(one).max]
    return np.concatenate((kept, random.integers(0, most + 1, fresh).astype(kinds[0])))


@given(
    seed=st.integers(0, 2**32),
    places=st.lists(st.integers(0, STEPS), max_size=12),
    lines=st.integers(1, 4),
    moves=st.lists(st.tuples(st.integers(0, FURTHEST + 2), st.integers(0, 50)), min_size=1, max_size=5),
    most=st.sampled_from([0, 1, 255, 65_535, 2**32 - 1]),
    is_asked=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_sums_that_go_on_are_those_of_adding_step_by_step(
    seed: int, places: list[int], lines: int, moves: list[tuple[int, int]], most: int, is_asked: bool
) -> None:
    random = np.random.default_rng(seed)
    milestones = Milestones.of(STEPS, places)
    held = [Summed(random.integers(0, 200, STEPS).astype(np.uint8)) for _ in range(lines)]
    for number, (shift, more) in enumerate(moves):
        if number != 1 or is_asked:
            sums_at(held, milestones)
        fresh = min(STEPS, shift + more)
        held = [one.gone_on(moved(random, one.values, shift, fresh, most), shift, STEPS - fresh) for one in held]

    found, fit = sums_at([*held, held[0]], milestones)

    assert fit.all()
    for one, sums in zip([*held, held[0]], found.tolist(), strict=True):
        assert sums == [float(one.values[:place].sum(dtype=np.int64)) for place in places]


def test_sums_that_are_known_are_not_made_again() -> None:
    milestones = Milestones.of(3, [1, 3])
    line = Summed(np.array([1, 2, 3], np.uint8))
    sums_at([line], milestones)

    assert milestones is Milestones.of(3, [1, 3])
    assert (known := line.known(milestones)) is not None
    assert known.tolist() == [1, 6]
    assert line.known(Milestones.of(3, [2])) is None


def test_lines_of_fractions_have_no_sums_and_do_not_keep_the_others_from_theirs() -> None:
    lines = [Summed(np.array([0.5, 1.0])), Summed(np.array([3.0])), Summed(np.array([1, 2], np.uint8))]

    found, fit = sums_at(lines, Milestones.of(2, [2]))

    assert fit.tolist() == [False, True, True]
    assert found[1:].tolist() == [[6.0], [3.0]]


def test_seconds_seen_are_shared_by_rows_and_take_a_single_value_once_all_are_alike() -> None:
    old_grid, grid = Grid(0, STEP_MS, 4), Grid(STEP_MS, STEP_MS, 4)
    tail = Grid(3 * STEP_MS, STEP_MS, 2)
    late, whole = np.array([53.0, 60.0, 60.0, 60.0]), np.full(2, 60.0)
    before = PackedRows({name: row(late, 4) for name in "ab"} | {"c": row(late[::-1].copy(), 4)})
    after = PackedRows({name: row(whole, 2) for name in "abc"})
    rows = PackedRows()
    for name in "abc":
        rows.splice(name, before, after, old_grid, tail, grid)

    seen = {name: counts.observed for name in "abc" if (counts := rows.packed(name)) is not None}

    assert seen["a"] is seen["b"]
    assert seen["a"].values.tolist() == [60.0]
    assert [rows[name].observed.tolist() for name in "ac"] == [[60.0] * 4, [60.0, 60.0, 60.0, 60.0]]


def row(observed: np.ndarray, steps: int) -> Row:
    total = np.arange(float(steps))
    return Row(good=total, total=total, observed=observed)
