"""Ten thousand objectives in memory: how long their status takes and what they take, against a thousand.

The ledger is made up: a month of minutes per objective, counted, no two alike. Status is judged for each: window,
budget, seven burn rates, forecast, firing policies.
Run: python tests/bench/bench_memory.py [objectives, 10000 unless given]
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from counting_cases import END_MS, events
from measuring import Cost, measured
from objective_cases import objective

from observatory.evaluate.judgement import judge
from observatory.evaluate.status import ObjectiveStatus
from observatory.ledger.ledger import Ledger
from observatory.ledger.packed import PackedRows
from observatory.ledger.row import Row
from observatory.objectives.policy import load_policies
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 30 * 86_400_000)


def ledger(objectives: int) -> Ledger:
    random = np.random.default_rng(11)
    rows = PackedRows()
    for number in range(objectives):
        total = random.integers(0, 2000, GRID.steps).astype(np.float64)
        bad = (random.random(GRID.steps) < 0.01) * np.minimum(total, random.integers(0, 30, GRID.steps))
        observed = np.full(GRID.steps, 60.0)
        rows[f"m{number}"] = Row(
            good=total - bad, total=total, observed=observed, series=2, last_sample_ms=GRID.end_ms - 20_000
        )
    return Ledger(GRID, rows)


def statuses(held: Ledger) -> list[ObjectiveStatus]:
    policies = load_policies(None)
    wanted, measured_by = objective(), events()
    return [judge(wanted, measured_by, row, GRID, policies[wanted.policy]) for row in held.rows.values()]


def run(objectives: int) -> tuple[Cost, Cost]:
    """What making the ledger and what judging it took."""
    made, held = measured(lambda: ledger(objectives))
    cost, found = measured(lambda: statuses(held))
    assert {one.state for one in found} <= {"meeting", "at_risk", "breached"}
    return made, cost


def main() -> None:
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    few = max(1, most // 10)
    costs = {}
    for objectives in (few, most):
        made, costs[objectives] = run(objectives)
        grown = made.grown * 1024 / objectives
        print(f"{objectives:6} objectives  status {costs[objectives]}   rows {grown:.0f} KiB each")
        gc.collect()
    print(
        f"  {most} against {few}: {costs[most].here / costs[few].here:.1f}x the CPU, {costs[most].most:.0f} MiB at most"
    )


if __name__ == "__main__":
    main()
