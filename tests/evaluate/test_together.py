"""Objectives reckoned together come to what each of them comes to alone, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from counting_cases import END_MS
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from objective_cases import objective

from observatory.evaluate.reckoning import SeenSteps, reckon, steps_of
from observatory.evaluate.together import reckon_together
from observatory.ledger.ledger import Ledger
from observatory.ledger.milestones import Milestones
from observatory.ledger.packed import PackedRows
from observatory.ledger.row import Row
from observatory.objectives.objective import Objective
from observatory.objectives.policy import load_policies
from observatory.windows import Grid

DAY_MS = 86_400_000
POLICIES = load_policies()
Rows = dict[str, Row]


def made(random: np.random.Generator, grid: Grid) -> Row:
    """Counts of a service as they come: busy or quiet, with faults, gaps, and now and then one that goes on."""
    total = random.poisson(random.uniform(0, 6) * random.choice([0.01, 1, 60]), grid.steps)
    bad = random.binomial(total, random.uniform(0, 0.02) * random.choice([0, 0.1, 1]))
    if random.random() < 0.5:
        part = slice(grid.steps - int(random.integers(1, grid.steps)), grid.steps - int(random.integers(0, 2)) * 40)
        bad[part] = np.maximum(bad[part], np.minimum(total[part], random.poisson(2, len(bad[part]))))
    observed = np.full(grid.steps, grid.step_ms / 1000)
    if random.random() < 0.3:
        first, last = sorted(random.integers(0, grid.steps, 2).tolist())
        observed[first:last] = total[first:last] = bad[first:last] = 0
    return Row(good=(total - bad).astype(float), total=total.astype(float), observed=observed, series=1)


def agree(objectives: Sequence[tuple[Objective, str]], rows: Rows, grid: Grid) -> int:
    """How many were reckoned together; all of them as alone."""
    return reckoned_as_alone(objectives, Ledger(grid, rows))


def reckoned_as_alone(objectives: Sequence[tuple[Objective, str]], ledger: Ledger) -> int:
    grid = ledger.grid
    found = reckon_together(objectives, ledger, POLICIES)
    for one, key in objectives:
        row, policy = ledger.rows[key], POLICIES[one.policy]
        if one.id in found:
            alone = reckon(row, row, grid, one, policy)
            assert replace(found[one.id], seen=None) == alone
            assert found[one.id].seen == SeenSteps.of(row.observed[steps_of(grid, one.window.range_at(grid.end_ms))])
    return len(found)


WINDOWS = ("30d", "28d", "7d", "1d", "6h", "1h", "61m", "day", "week", "month", "quarter")


@given(
    seed=st.integers(0, 2**31),
    windows=st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=3),
    targets=st.lists(st.sampled_from([0.9, 0.99, 0.995, 0.999, 0.9993]), min_size=2, max_size=5),
    days=st.sampled_from([0.3, 1, 3.25, 6, 30, 35]),
    step_ms=st.sampled_from([60_000, 60_000, 30_000, 300_000]),
    after=st.integers(0, 20_000),
)
@settings(max_examples=60, deadline=None)
def test_together_is_as_alone(
    seed: int, windows: list[str], targets: list[float], days: float, step_ms: int, after: int
) -> None:
    random = np.random.default_rng(seed)
    grid = Grid.ending_at(END_MS + after * 60_000, int(days * DAY_MS), step_ms)
    names = sorted(POLICIES)
    rows = {f"k{number}": made(random, grid) for number in range(len(targets))}
    wanted = [
        (
            objective(
                id=f"{window}/{number}",
                window=window,
                target=target,
                policy=names[number % len(names)],
                min_events=0 if number % 2 else 20,
            ),
            f"k{number}",
        )
        for window in windows
        for number, target in enumerate(targets)
    ]
    assert agree(wanted, rows, grid) == len({one.id for one, _ in wanted})


@given(
    seed=st.integers(0, 2**31),
    windows=st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=3, unique=True),
    days=st.sampled_from([1, 6, 30]),
    moves=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30)), min_size=2, max_size=4),
)
@settings(max_examples=15, deadline=None)
def test_rows_that_go_on_from_refresh_to_refresh_are_reckoned_as_alone(
    seed: int, windows: list[str], days: int, moves: list[tuple[int, int]]
) -> None:
    random = np.random.default_rng(seed)
    grid = Grid.ending_at(END_MS, days * DAY_MS)
    ledger = Ledger(grid, {f"k{number}": made(random, grid) for number in range(3)})
    wanted = [
        (objective(id=f"{window}/{key}", window=window, target=0.99), key) for window in windows for key in ledger.rows
    ]
    for shift, more in moves:
        reckoned_as_alone(wanted, ledger)
        old = ledger
        grid = Grid(old.grid.start_ms + shift * old.grid.step_ms, old.grid.step_ms, old.grid.steps)
        steps = max(2, shift + more)
        tail = Grid(grid.end_ms - steps * grid.step_ms, grid.step_ms, steps)
        before, fresh, rows = old.rows, PackedRows({key: made(random, tail) for key in old.rows}), PackedRows()
        assert isinstance(before, PackedRows)
        for key in before:
            rows.splice(key, before, fresh, old.grid, tail, grid)
        ledger = Ledger(grid, rows)
    assert reckoned_as_alone(wanted, ledger) == len(wanted)


@pytest.mark.parametrize(
    "unfit",
    [
        pytest.param(lambda row: replace(row, total=row.total + 0.25), id="events of a gap"),
        pytest.param(lambda row: replace(row, level=row.total), id="slices of a level"),
        pytest.param(lambda row: replace(row, upper=row.total), id="a threshold between buckets"),
        pytest.param(lambda row: replace(row, good=row.total + np.arange(len(row.total)) % 2), id="more good than all"),
        pytest.param(lambda row: row.without(row.total > 3), id="planned work"),
    ],
)
def test_rows_of_anything_but_whole_events_are_left_to_be_reckoned_alone(unfit: Callable[[Row], Row]) -> None:
    grid = Grid.ending_at(END_MS, 4 * DAY_MS)
    random = np.random.default_rng(3)
    rows = {"fit": made(random, grid), "unfit": unfit(made(random, grid))}
    wanted = [(objective(id=key, window="1d"), key) for key in rows]
    assert list(reckon_together(wanted, Ledger(grid, rows), POLICIES)) == ["fit"]


def test_a_measurement_without_a_row_is_left_out() -> None:
    grid = Grid.ending_at(END_MS, DAY_MS)
    assert reckon_together([(objective(window="1h"), "gone")], Ledger(grid, {}), POLICIES) == {}


@given(
    st.integers(0, 2**31),
    st.integers(1, 300),
    st.sampled_from([(np.uint8, 255), (np.uint16, 65_535), (np.uint32, 2**32 - 1)]),
)
@settings(max_examples=40, deadline=None)
def test_milestones_hold_what_adding_step_by_step_gives(seed: int, steps: int, kind: tuple[type, int]) -> None:
    random = np.random.default_rng(seed)
    packed = np.where(random.random(steps) < 0.5, kind[1], random.integers(0, kind[1] + 1, steps)).astype(kind[0])
    places = np.append(random.integers(0, steps + 1, 20), (0, steps))
    sums = Milestones.of(steps, places).sums(packed)
    assert sums is not None
    assert sums.tolist() == [float(packed[:place].sum(dtype=np.int64)) for place in places]


def test_milestones_of_fractions_and_of_sums_that_no_float_holds_are_none() -> None:
    milestones = Milestones.of(3, [3])
    assert milestones.sums(np.array([1.0, 2.0, 3.0])) is None
    assert milestones.sums(np.array([0.5])) is None
    assert milestones.sums(np.array([2.0**52])) is None
    assert milestones.sums(np.array([2.0])) == pytest.approx([6.0], abs=0)
