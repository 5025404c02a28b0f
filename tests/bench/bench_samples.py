"""Raw samples from a real Prometheus to arrays: remote_read chunks, range vectors, and prometheus-api-client.

Starts Debian's Prometheus, fills it, and reads the same range three ways in one run.
Run: python tests/bench/bench_samples.py [series] [points]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import prometheus_server as servers
from measuring import server_cpu

from observatory.settings import PrometheusSettings
from observatory.sources.base import SeriesRequest
from observatory.sources.prometheus import PrometheusSource
from observatory.windows import TimeRange

START = 1_790_000_000_000


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    points = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    random = np.random.default_rng(3)
    t_ms = START + 60_000 * np.arange(points) + 137
    span = TimeRange(START, int(t_ms[-1]))
    with tempfile.TemporaryDirectory() as folder, servers.start(Path(folder) / "server") as server:
        server.write(
            ({"__name__": "b_total", "topic": f"t{i}"}, t_ms, np.cumsum(random.integers(0, 200, points)))
            for i in range(series)
        )
        rows = []
        for label, mode in (("remote_read", "auto"), ("range vectors", "never")):
            source = PrometheusSource(PrometheusSettings(url=server.url, remote_read=mode))
            source.samples(SeriesRequest("b_total", (), TimeRange(START, START + 600_000)))
            rows.append(
                timed(label, server.pid, lambda s=source: len(s.samples(SeriesRequest("b_total", (), span)).t_ms))
            )
        rows.append(timed("prometheus-api-client", server.pid, lambda: theirs(server.url, span)))
    wanted = series * points
    for label, seconds, cpu, there, count in rows:
        assert count == wanted, (label, count, wanted)
        print(
            f"{label:22} {count} samples {seconds:6.2f} s ({count / seconds / 1e6:5.2f} M/s), "
            f"client CPU {cpu:5.2f} s, server CPU {there:5.2f} s, {rows[-1][1] / seconds:5.1f}x"
        )


def timed(label: str, pid: int, ask) -> tuple[str, float, float, float, int]:  # type: ignore[no-untyped-def]
    there, cpu, started = server_cpu(pid), time.process_time(), time.perf_counter()
    count = ask()
    return label, time.perf_counter() - started, time.process_time() - cpu, server_cpu(pid) - there, count


def theirs(url: str, span: TimeRange) -> int:
    """The same samples in the library's own way: an instant query, then its data frame."""
    from prometheus_api_client import MetricRangeDataFrame, PrometheusConnect

    client = PrometheusConnect(url=url)
    result = client.custom_query(
        f"b_total[{span.end_ms - span.start_ms}ms]", params={"time": f"{span.end_ms / 1000:.3f}"}
    )
    return len(MetricRangeDataFrame(result))


if __name__ == "__main__":
    main()
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
