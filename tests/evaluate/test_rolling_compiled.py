"""The compiled burn rates are what numpy says, bit for bit; they are loaded when that pays, and not needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba_cases import hide_numba

from observatory.evaluate import rolling
from observatory.evaluate.rolling import BurnRates, Workspace
from observatory.machine_code import Loader

NUMBA = "the extra `fast` is not installed"
STEP = st.tuples(st.floats(0, 1e6), st.floats(0, 1) | st.just(0.0) | st.just(float("nan")))


@pytest.fixture(autouse=True)
def loader() -> Iterator[None]:
    shared = rolling.LOADER
    yield
    rolling.LOADER = shared


def rates_of(steps: list[tuple[float, float]], windows: list[int], target: float, *, compiled: bool) -> list[int]:
    """The bits of burn rates at each step; `steps` are all events and which share of them is bad."""
    rolling.LOADER = Loader(rolling.compiled, 0 if compiled else 1 << 60)
    total = np.asarray([events for events, _ in steps])
    good = total - total * np.asarray([share for _, share in steps])
    out = np.full((len(windows), len(steps)), 7.0)
    found = BurnRates(len(steps), windows).of(good, total, target, out)
    assert rolling.LOADER.is_loaded == compiled
    # There are many NaNs, and which of them is written says nothing.
    return np.where(np.isnan(found), np.nan, found).view(np.uint64).tolist()


@given(
    st.lists(STEP, min_size=1, max_size=80),
    st.lists(st.integers(1, 100), min_size=1, max_size=5),
    st.sampled_from([0.999, 0.9, 0.93]),
)
@example([(3.0, 0.5)] * 9, [9, 10, 8, 1], 0.999)
@settings(max_examples=150, deadline=None)
def test_a_row_comes_out_as_numpy_reckons_it(
    steps: list[tuple[float, float]], windows: list[int], target: float
) -> None:
    pytest.importorskip("numba", reason=NUMBA)
    plain = rates_of(steps, windows, target, compiled=False)
    assert rates_of(steps, windows, target, compiled=True) == plain


def test_a_row_of_several_passes_comes_out_as_numpy_reckons_it() -> None:
    pytest.importorskip("numba", reason=NUMBA)
    rng = np.random.default_rng(3)
    count = BurnRates.TILE + 4096 + 5
    steps = list(zip(rng.random(count).tolist(), rng.random(count).tolist(), strict=True))
    windows = [1, 4095, 4096, 4097, BurnRates.TILE, BurnRates.TILE + 1, count - 1, count, count + 1]
    plain = rates_of(steps, windows, 0.93, compiled=False)
    assert rates_of(steps, windows, 0.93, compiled=True) == plain


def test_the_kernel_takes_over_in_the_middle_of_rows_that_share_a_workspace() -> None:
    pytest.importorskip("numba", reason=NUMBA)
    rolling.LOADER = Loader(rolling.compiled, 50)
    shared, total = Workspace(), np.full(40, 4.0)
    good = np.where(np.arange(40) % 2, 4.0, 3.0)
    loaded = []
    for _ in range(3):
        out = shared.burn_rates(40, [2]).of(good, total, 0.75, np.empty((1, 40)))
        loaded.append(rolling.LOADER.is_loaded)
        assert out[0].tolist() == [1.0, *[0.5] * 39]
    assert loaded == [False, False, False]
    shared.burn_rates(40, [2]).of(good, total, 0.75, out)
    assert rolling.LOADER.is_loaded
    assert out[0].tolist() == [1.0, *[0.5] * 39]


def test_rows_that_nobody_may_write_or_that_lie_apart_are_taken_as_they_are() -> None:
    pytest.importorskip("numba", reason=NUMBA)
    rolling.LOADER = Loader(rolling.compiled, 0)
    both = np.asarray([[3.0, 4.0], [4.0, 4.0]])
    both.flags.writeable = False
    out = BurnRates(2, [1]).of(both[:, 0], both[:, 1], 0.75, np.empty((1, 2)))
    assert out.tolist() == [[1.0, 0.0]]
    good, total = both.copy()
    good.flags.writeable = total.flags.writeable = False
    assert BurnRates(2, [1]).of(good, total, 0.75, out).tolist() == [[1.0, 0.0]]


def test_burn_rates_that_do_not_pay_for_the_kernel_leave_it_alone() -> None:
    """Three times what pays, because nobody said that more would come."""
    loader = Loader(lambda: "kernel", 100)
    assert [loader.kernel(more) for more in (100, 199, 1)] == [None, None, "kernel"]


def test_a_kernel_is_loaded_before_work_that_pays_for_it() -> None:
    loader = Loader(lambda: "kernel", 100)
    loader.foresee(99)
    assert not loader.is_loaded
    loader.foresee(100)
    assert loader.is_loaded


def test_without_numba_burn_rates_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_numba(monkeypatch, "observatory.evaluate.rolling_compiled")
    rolling.LOADER = Loader(rolling.compiled, 0)

    out = BurnRates(1, [1]).of(np.asarray([3.0]), np.asarray([4.0]), 0.75, np.empty((1, 1)))
    assert out.tolist() == [[1.0]]
    assert not rolling.LOADER.is_loaded
