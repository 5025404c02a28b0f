"""Cold start: raw samples of many channels to exact counts, against the same channels' error ratios asked in PromQL.

One real Prometheus holds two counters per channel, a sample each minute. Observatory reads all samples by remote_read
and counts good and total per minute; the other side asks for the ratio of 5 minutes every 5 minutes over the whole
range, as one matrix, and decodes it. A refresh of the tail comes last.
Run: python tests/bench/bench_cold_start.py [channels] [days]
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import prometheus_server as servers
from bench_samples import server_cpu
from counting_cases import Answering, events, scrapes

from observatory.compile.measure import Measurement
from observatory.ledger.build import build
from observatory.settings import PrometheusSettings
from observatory.sources.prometheus import PrometheusSource
from observatory.sources.prometheus.matrix import decode_matrix
from observatory.windows import Grid

RATIO = 'sum by (topic) (rate(handled_total{outcome="error"}[5m])) / sum by (topic) (rate(handled_total[5m]))'
END_MS = 1_795_132_800_000
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Cost:
    """Seconds of wall, of this process and of the server, and by how much this process grew at most, in MiB."""

    wall: float
    here: float
    there: float
    grown: float

    def __str__(self) -> str:
        return (
            f"{self.wall:7.2f} s, client {self.here:6.2f} s, server {self.there:6.2f} s of CPU, +{self.grown:5.0f} MiB"
        )


def measured(pid: int, work) -> tuple[Cost, object]:  # type: ignore[no-untyped-def]
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    there, here, began = server_cpu(pid), time.process_time(), time.perf_counter()
    found = work()
    wall, here = time.perf_counter() - began, time.process_time() - here
    return Cost(wall, here, server_cpu(pid) - there, peak() - before), found


def peak() -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def fill(data: Path, channels: int, grid: Grid) -> int:
    """Blocks of two days and a quarter, each written on its own, so that nothing is compacted while we measure."""
    random = np.random.default_rng(5)
    t = scrapes(grid.start_ms, grid.end_ms)
    block_ms = 54 * 3_600_000
    held = []
    for channel in range(channels):
        for outcome, rate in (("success", 200), ("error", 3)):
            labels = {"__name__": "handled_total", "topic": f"t{channel}", "outcome": outcome}
            values = np.cumsum(random.integers(0, rate, len(t))).astype(np.float64)
            held.append((labels | {"job": "svc", "instance": f"i{channel % 20}"}, values))
    for begin in range(grid.start_ms // block_ms * block_ms, grid.end_ms + 1, block_ms):
        part = slice(*np.searchsorted(t, (begin, begin + block_ms)))
        if part.stop > part.start:
            servers.create_blocks(servers.openmetrics((one, t[part], v[part]) for one, v in held), data, "54h")
    return len(t) * len(held)


def main() -> None:
    channels = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    days = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    grid = Grid.ending_at(END_MS, days * DAY_MS)
    wanted = [events(source="metrics", topic=f"t{channel}") for channel in range(channels)]
    with tempfile.TemporaryDirectory() as folder:
        samples = fill(Path(folder) / "server" / "data", channels, grid)
        with servers.start(Path(folder) / "server") as server:
            compare(server, wanted, grid, f"{channels} channels, {days} days, {samples / 1e6:.1f} million samples")


def compare(server: servers.PrometheusServer, wanted: list[Measurement], grid: Grid, what: str) -> None:
    source = PrometheusSource(PrometheusSettings(url=server.url, timeout_seconds=300))
    sources = Answering((source,))

    def matrix() -> int:
        span = (("start", str(grid.start_ms // 1000 + 300)), ("end", str(grid.end_ms // 1000)), ("step", "300"))
        with source.connection.ask("/api/v1/query_range", (("query", RATIO), *span)) as answer:
            return len(decode_matrix(answer.body()).values)

    cold, ledger = measured(server.pid, lambda: build(wanted, sources, grid))
    asked, _ = measured(server.pid, matrix)
    later = Grid(grid.start_ms + 60_000, grid.step_ms, grid.steps)
    warm, _ = measured(server.pid, lambda: build(wanted, sources, later, previous=ledger))  # type: ignore[arg-type]
    assert {row.counting for row in ledger.rows.values()} == {"exact"}  # type: ignore[attr-defined]
    print(f"{what}, {source.state().detail.split(', ')[1]}")
    print(f"  cold start to exact counts per minute  {cold}")
    print(f"  error ratios of 5m in PromQL           {asked}")
    print(f"  refresh of the tail                    {warm}")
    there = asked.there / max(cold.there, 0.01)
    print(f"  cold start against PromQL: {asked.wall / cold.wall:.1f}x faster, {there:.0f}x less CPU of the server")
    print(f"  refresh against cold start: 1/{cold.wall / warm.wall:.0f}")


if __name__ == "__main__":
    main()
