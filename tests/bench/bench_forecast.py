"""What forecasts cost beside the rest of judging objectives, in memory.

Run: python tests/bench/bench_forecast.py [objectives]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from counting_cases import END_MS, events
from objective_cases import objective

from observatory.evaluate import reckoning
from observatory.evaluate.judgement import judge
from observatory.evaluate.outlook import outlook
from observatory.ledger.row import Row
from observatory.objectives.policy import load_policies
from observatory.windows import Grid

RUNS = 3


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    grid = Grid.ending_at(END_MS, 30 * 86_400_000)
    random = np.random.default_rng(1)
    rows = []
    for _ in range(min(number, 50)):
        total = random.poisson(100, grid.steps).astype(float)
        good = total - random.binomial(100, 0.0008, grid.steps)
        rows.append(Row(good=good, total=total, observed=np.full(grid.steps, 60.0), series=1, last_sample_ms=END_MS))
    wanted, measurement, policy = objective(target=0.999), events(), load_policies()["google-30d"]
    spent: dict[str, list[float]] = {"without forecasts": [], "with forecasts": []}
    for _ in range(RUNS):
        for name, times in spent.items():
            reckoning.outlook = outlook if name == "with forecasts" else lambda *_: None  # type: ignore[attr-defined]
            began = time.process_time()
            for index in range(number):
                judge(wanted, measurement, rows[index % len(rows)], grid, policy)
            times.append(time.process_time() - began)
    without, together = min(spent["without forecasts"]), min(spent["with forecasts"])
    print(f"judging {number} objectives of 30 days in memory, processor seconds, the best of {RUNS} runs")
    print(f"without forecasts  {without:6.2f} s")
    print(f"with forecasts     {together:6.2f} s  {together / without:.2f} times as much")
    print(f"a forecast         {(together - without) / number * 1000:6.2f} ms")


if __name__ == "__main__":
    main()
