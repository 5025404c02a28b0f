"""Burn rates over 8 windows at every minute of 30 days for 1,000 objectives: running sums against pandas rolling.

Both sides compute the same 8 x 43,200 burn rates per objective from the same arrays and are compared before the times
are printed; the best of three of ours, in numpy alone and, where numba is installed, by the compiled kernel once it is
loaded, each on one core and on both. pandas is written in the three ways that people write it: windows as durations on
a time index, as numbers of rows, and all objectives as one frame. The first is the one that speaks of windows; pandas
uses one core. Run: python tests/bench/bench_burn.py [objectives]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from observatory.evaluate import rolling
from observatory.evaluate.rolling import BurnRates
from observatory.machine_code import Loader

STEPS, TARGET = 30 * 1440, 0.999
WINDOWS = (5, 30, 60, 120, 360, 1440, 3 * 1440, 30 * 1440)
INDEX = pd.date_range("2026-10-01", periods=STEPS, freq="min")


def inputs(objectives: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    total = rng.poisson(40.0, (objectives, STEPS)).astype(np.float64)
    bad = rng.binomial(total.astype(np.int64), 0.002).astype(np.float64)
    return total - bad, total


def ours(good: np.ndarray, total: np.ndarray) -> np.ndarray:
    check = np.zeros((len(good), len(WINDOWS)))
    rates = BurnRates(STEPS, WINDOWS)
    out = np.empty((len(WINDOWS), STEPS))
    for number in range(len(good)):
        rates.of(good[number], total[number], TARGET, out)
        check[number] = out[:, -1]
    return check


def ours_on_both_cores(good: np.ndarray, total: np.ndarray) -> np.ndarray:
    with ThreadPoolExecutor(2) as threads:
        halves = list(threads.map(ours, np.array_split(good, 2), np.array_split(total, 2)))
    return np.concatenate(halves)


def rolling_durations(good: np.ndarray, total: np.ndarray) -> np.ndarray:
    return _rolling(good, total, [f"{window}min" for window in WINDOWS])


def rolling_rows(good: np.ndarray, total: np.ndarray) -> np.ndarray:
    return _rolling(good, total, WINDOWS)


def _rolling(good: np.ndarray, total: np.ndarray, windows: Sequence[int | str]) -> np.ndarray:
    check = np.zeros((len(good), len(WINDOWS)))
    for number in range(len(good)):
        frame = pd.DataFrame({"bad": total[number] - good[number], "total": total[number]}, index=INDEX)
        for column, window in enumerate(windows):
            sums = frame.rolling(window, min_periods=1).sum()
            rate = sums["bad"] / sums["total"] / (1 - TARGET)
            check[number, column] = rate.iloc[-1]
    return check


def rolling_together(good: np.ndarray, total: np.ndarray) -> np.ndarray:
    check = np.zeros((len(good), len(WINDOWS)))
    bad, all_ = pd.DataFrame((total - good).T, index=INDEX), pd.DataFrame(total.T, index=INDEX)
    for column, window in enumerate(WINDOWS):
        rate = bad.rolling(window, min_periods=1).sum() / all_.rolling(window, min_periods=1).sum() / (1 - TARGET)
        check[:, column] = rate.iloc[-1]
    return check


def timed(work: Callable[[], np.ndarray], times: int) -> tuple[float, np.ndarray]:
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - began)
    return best, found


def main() -> None:
    objectives = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    good, total = inputs(objectives)
    print(f"burn rates, {objectives} objectives x {len(WINDOWS)} windows x {STEPS} minutes")
    found = []
    for name, worth in (("numpy", 1 << 60), ("compiled", 0)):
        rolling.LOADER = Loader(rolling.compiled, worth)
        rolling.LOADER.foresee(1)
        if name == "compiled" and not rolling.LOADER.is_loaded:
            print("  compiled: numba is not installed")
            continue
        for cores, work in (("one core", ours), ("both cores", ours_on_both_cores)):
            fast, mine = timed(lambda work=work: work(good, total), 3)  # type: ignore[misc]
            found.append((f"{name}, {cores}", fast, mine))
            print(f"  {f'ours, {name}, {cores}':27} {fast:8.3f} s")
    for name, other in (
        ("pandas rolling, durations", rolling_durations),
        ("pandas rolling, rows", rolling_rows),
        ("pandas rolling, one frame", rolling_together),
    ):
        slow, theirs = timed(lambda other=other: other(good, total), 1)  # type: ignore[misc]
        print(f"  {name:27} {slow:8.3f} s")
        for how, fast, mine in found:
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)
            np.testing.assert_array_equal(mine, found[0][2])
            print(f"    ours is {slow / fast:5.1f} x faster in {how}")


if __name__ == "__main__":
    main()
