"""Burn rates over 8 windows at every minute of 30 days for 200 objectives: cumulative sums against pandas rolling.

Both sides compute the same 8 x 43,200 burn rates per objective from the same arrays and are compared before the times
are printed: wall seconds, the cumulative sums on one thread and on two, the best of three. Rolling by pandas has
no use for a second thread. Run: python tests/bench/bench_burn.py [objectives]
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from observatory.evaluate.rolling import BurnRates

STEPS, TARGET = 30 * 1440, 0.999
WINDOWS = (5, 30, 60, 120, 360, 1440, 3 * 1440, 30 * 1440)


def inputs(objectives: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    total = rng.poisson(40.0, (objectives, STEPS)).astype(np.float64)
    bad = rng.binomial(total.astype(np.int64), 0.002).astype(np.float64)
    return total - bad, total


def ours(good: np.ndarray, total: np.ndarray, threads: int) -> tuple[float, np.ndarray]:
    check = np.zeros((len(good), len(WINDOWS)))

    def work(numbers: range) -> None:
        rates = BurnRates(STEPS, WINDOWS)
        out = np.empty((len(WINDOWS), STEPS))
        for number in numbers:
            rates.of(good[number], total[number], TARGET, out)
            check[number] = out[:, -1]

    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, [range(first, len(good), threads) for first in range(threads)]))
        best = min(best, time.perf_counter() - began)
    return best, check


def pandas_rolling(good: np.ndarray, total: np.ndarray) -> tuple[float, np.ndarray]:
    began = time.perf_counter()
    check = np.zeros((len(good), len(WINDOWS)))
    for number in range(len(good)):
        frame = pd.DataFrame({"bad": total[number] - good[number], "total": total[number]})
        for column, window in enumerate(WINDOWS):
            sums = frame.rolling(window, min_periods=1).sum()
            rate = sums["bad"] / sums["total"] / (1 - TARGET)
            check[number, column] = rate.iloc[-1]
    return time.perf_counter() - began, check


def main() -> None:
    objectives = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    good, total = inputs(objectives)
    slow, theirs = pandas_rolling(good, total)
    print(f"burn rates, {objectives} objectives x {len(WINDOWS)} windows x {STEPS} minutes")
    print(f"  pandas rolling              {slow:8.3f} s")
    for threads in (1, 2):
        fast, mine = ours(good, total, threads)
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
        print(f"  cumulative sums, {threads} threads   {fast:8.3f} s  {slow / fast:6.1f} x faster")


if __name__ == "__main__":
    main()
