"""What the windows before cost beside a refresh: counted for the first time, from kept days, and once an hour.

Each channel has two counters, a sample each minute, and an objective over 30 days; its ledger holds 30 days, so the
window before is counted anew, day by day, and kept beside. The source is in this process and hands over arrays.
Run: python tests/bench/bench_before.py [channels, 300 unless given]
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench_growth import Made
from counting_cases import DAY_MS, END_MS, HOUR_MS, Answering, events
from measuring import Cost, measured
from objective_cases import objective

from observatory.evaluate.estate_status import Status
from observatory.evaluate.judgement import judge
from observatory.evaluate.lookback import Lookback
from observatory.evaluate.snapshot import Snapshot
from observatory.ledger.build import build
from observatory.ledger.ledger import Ledger
from observatory.objectives.policy import load_policies
from observatory.sources.store.kept_days import KeptFolder
from observatory.spec.catalog import Catalog
from observatory.telemetry.binding import MappingResult
from observatory.windows import Grid

POLICIES = load_policies(None)


@dataclass
class Counting:
    """Many objectives over a source that makes up what it is asked for."""

    channels: int
    folder: Path
    source: Made = field(default_factory=Made)

    def __post_init__(self) -> None:
        self.objectives = tuple(objective(id=f"svc/{number}/availability") for number in range(self.channels))
        self.measured = {
            one.id: events(source="made", topic=f"t{number}") for number, one in enumerate(self.objectives)
        }
        self.keeper = KeptFolder(self.folder / "telemetry.days", dict)

    def counted(self, _snapshot: Snapshot | None, grid: Grid, previous: Ledger | None = None) -> Ledger:
        return build(
            self.measured.values(),
            Answering((self.source,)),  # type: ignore[arg-type]
            grid,
            keeper=self.keeper,
            previous=previous,
        )

    def planned(self, _grid: Grid) -> dict[str, Any]:
        return {}

    def snapshot(self, at_ms: int, previous: Ledger | None = None) -> Snapshot:
        """Thirty days, counted and judged."""
        ledger = self.counted(None, Grid.ending_at(at_ms, 30 * DAY_MS), previous)
        judged = tuple(
            judge(one, self.measured[one.id], ledger.rows[self.measured[one.id].key], ledger.grid, POLICIES[one.policy])
            for one in self.objectives
        )
        return Snapshot(
            at_ms=at_ms,
            catalog=Catalog(documents=(), channels=(), operations=()),
            objectives=self.objectives,
            mapping=MappingResult({}),
            measurements=self.measured,
            ledger=ledger,
            status=Status(at_ms=at_ms, sources=(), objectives=judged),
        )


def looked_back(looking: Lookback, snapshot: Snapshot) -> Cost:
    def work() -> int:
        while looking.go_on(snapshot):
            pass
        return len(looking.before(snapshot))

    cost, count = measured(work)
    assert count == len(snapshot.objectives)
    return cost


def main() -> None:
    channels = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as folder:
        one = Counting(channels, Path(folder))
        at_ms = END_MS + 30 * 60_000
        cold, snapshot = measured(lambda: one.snapshot(at_ms))
        refresh, _ = measured(lambda: one.snapshot(at_ms + 60_000, snapshot.ledger))
        looking = Lookback(one)
        first = looked_back(looking, snapshot)
        hourly = looked_back(looking, replace(snapshot, at_ms=at_ms + HOUR_MS))
        kept = looked_back(Lookback(one), snapshot)
        told, _ = measured(lambda: looking.before(snapshot))
    print(f"{channels} channels, 30 days of samples a minute, and 30 days before")
    for name, cost in (
        ("cold start of the present windows", cold),
        ("a refresh, a minute later", refresh),
        ("windows before, first counted", first),
        ("windows before, from kept days", kept),
        ("windows before, an hour later", hourly),
        ("their sums, with each refresh", told),
    ):
        print(f"  {name:36}{cost}")
    print(f"  first counted / cold start: {first.here / cold.here:.2f} of its CPU")
    print(f"  an hour's / an hour of refreshes: {hourly.here / (120 * refresh.here):.3f}")
    print(f"  sums / refresh: {told.here / refresh.here:.3f}")


if __name__ == "__main__":
    main()
