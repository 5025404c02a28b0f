"""Packed rows are continued as rows are, value for value."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.ledger.packed import PackedRows
from observatory.ledger.row import Findings, Row
from observatory.ledger.splicing import splice
from observatory.windows import Grid

STEP_MS = 60_000
COUNTS = st.sampled_from(["none", "alike", "few", "many", "huge", "fractions"])


def counts_of(random: np.random.Generator, kind: str, steps: int) -> np.ndarray:
    whole = random.integers(0, {"few": 200, "many": 60_000, "huge": 2**31}.get(kind, 9), steps).astype(np.float64)
    return {"none": np.zeros(steps), "alike": np.full(steps, 7.0), "fractions": whole + random.random(steps)}.get(
        kind, whole
    )


def row_of(random: np.random.Generator, total_kind: str, seen_kind: str, steps: int, level: bool) -> Row:
    total = counts_of(random, total_kind, steps)
    good = total - np.floor(total * random.random(steps) ** 3)
    seen = {"none": np.zeros(steps), "alike": np.full(steps, 60.0)}.get(seen_kind, random.random(steps) * 60)
    return Row(
        good=good,
        total=total,
        observed=seen,
        level=random.random(steps) if level else None,
        level_error=random.random(steps) if level else None,
        series=int(random.integers(0, 4)),
        last_sample_ms=int(random.integers(1, 10**6)),
        findings=Findings.of([(int(t), 1.0, 0.0, 2.0) for t in random.integers(0, steps * STEP_MS, 3)]),
    )


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    kinds=st.tuples(COUNTS, COUNTS, COUNTS, COUNTS),
    shift=st.integers(0, 20),
    tail_steps=st.integers(1, 40),
    level=st.booleans(),
    is_counted=st.booleans(),
)
def test_packed_rows_are_spliced_as_rows_are(
    seed: int, kinds: tuple[str, str, str, str], shift: int, tail_steps: int, level: bool, is_counted: bool
) -> None:
    random = np.random.default_rng(seed)
    old_grid, grid = Grid(0, STEP_MS, 60), Grid(shift * STEP_MS, STEP_MS, 60)
    tail_steps = max(tail_steps, shift)
    tail = Grid(grid.end_ms - tail_steps * STEP_MS, STEP_MS, tail_steps)
    old = row_of(random, kinds[0], kinds[1], 60, level)
    new = row_of(random, kinds[2], kinds[3], tail_steps, level) if is_counted else None
    rows = PackedRows()

    rows.splice("m", PackedRows({"m": old}), PackedRows({"m": new} if new else {}), old_grid, tail, grid)

    found, expected = rows["m"], splice(old, old_grid, new, tail, grid)
    for one in Row.__struct_fields__:
        if one != "findings":
            np.testing.assert_array_equal(getattr(found, one), getattr(expected, one), one)
    for one in Findings.__struct_fields__:
        np.testing.assert_array_equal(getattr(found.findings, one), getattr(expected.findings, one))
