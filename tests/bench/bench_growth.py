"""How the cost of a cold start grows with objectives and days, and how many requests it sends: a table, and a fit.

The source is in this process and hands over arrays, so what is measured is planning, counting and judging alone; what
a server adds is in `bench_cold_start`. Sizes beyond the limit of samples are left out.
Run: python tests/bench/bench_growth.py [most million samples, 30 unless given]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from counting_cases import DAY_MS, END_MS, Answering, events, scrapes
from measuring import measured
from objective_cases import objective

from observatory.compile.plan import MOST_SHARDS
from observatory.evaluate.judgement import judge
from observatory.evaluate.together import reckon_together
from observatory.ledger.build import build
from observatory.objectives.policy import load_policies
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.windows import Grid

OBJECTIVES, DAYS = (100, 1_000, 10_000), (1, 7, 30, 90)
METRIC = "handled_total"


class Made:
    """A source that makes up what it is asked for: two counters per channel, a sample each minute."""

    name, kind = "made", "made"

    def __init__(self) -> None:
        self.asked = 0

    def samples(self, request: SeriesRequest) -> SampleSet:
        self.asked += 1
        names = next((one.values for one in request.matchers if one.label == "topic"), ())
        if request.metric != METRIC:
            return SampleSet.of([])
        t = scrapes(request.range.start_ms, request.range.end_ms)
        labels, lines = [], []
        since = (t - (END_MS - 400 * DAY_MS)) // 60_000
        for number, topic in enumerate(names):
            for outcome, rate in (("success", 90 + number % 20), ("error", 1)):
                labels.append({"__name__": METRIC, "topic": topic, "outcome": outcome, "job": "svc", "instance": "i"})
                lines.append(since * float(rate))
        offsets = np.arange(len(lines) + 1, dtype=np.int64) * len(t)
        return SampleSet(tuple(labels), offsets, np.tile(t, len(lines)), np.concatenate(lines))


def run(objectives: int, days: int) -> tuple[float, float, int]:
    """Seconds of CPU, MiB at most, requests."""
    wanted = [events(source="made", topic=f"t{number}") for number in range(objectives)]
    grid, source, policies = Grid.ending_at(END_MS, days * DAY_MS), Made(), load_policies(None)
    targets = [objective(id=one.key, window=f"{days}d") for one in wanted]

    def status() -> int:
        ledger = build(wanted, Answering((source,)), grid)  # type: ignore[arg-type]
        reckoned = reckon_together([(one, one.id) for one in targets], ledger, policies)
        judged = [
            judge(target, one, ledger.about(one.key), grid, policies[target.policy], reckoned=reckoned[target.id])
            for target, one in zip(targets, wanted, strict=True)
        ]
        return len(judged)

    cost, count = measured(status)
    assert count == objectives
    return cost.here, cost.most, source.asked


def fitted(sizes: Sequence[tuple[int, int]], seconds: Sequence[float]) -> tuple[float, float]:
    """Exponents of objectives and of days that fit the seconds best."""
    table = np.log([(1 * np.e, objectives, days) for objectives, days in sizes])
    _, by_objectives, by_days = np.linalg.lstsq(table, np.log(seconds), rcond=None)[0]
    return float(by_objectives), float(by_days)


def main() -> None:
    most = float(sys.argv[1]) * 1e6 if len(sys.argv) > 1 else 30e6
    sizes = [(o, d) for o in OBJECTIVES for d in DAYS if o * d * 2 * 1440 <= most]
    print(f"{'objectives':>10}{'days':>6}{'samples':>12}{'CPU':>10}{'memory':>10}{'requests':>10}")
    found = []
    for objectives, days in sizes:
        seconds, mib, requests = run(objectives, days)
        found.append(seconds)
        samples = objectives * days * 2 * 1440 / 1e6
        print(f"{objectives:10}{days:6}{samples:10.1f} M{seconds:8.2f} s{mib:6.0f} MiB{requests:10}")
    if len(sizes) >= 3:
        by_objectives, by_days = fitted(sizes, found)
        print(
            f"CPU grows as objectives^{by_objectives:.2f} x days^{by_days:.2f}; {MOST_SHARDS} requests a signal at most"
        )


if __name__ == "__main__":
    main()
