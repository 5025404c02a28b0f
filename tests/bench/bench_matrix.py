"""One large matrix answer to arrays: Observatory's decoder against prometheus-api-client's MetricRangeDataFrame.

Both read the same stored answer, each in a process of its own; memory is the growth of the high-water mark (Linux)
after the bytes were read. Run: python tests/bench/bench_matrix.py [series] [points]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SERIES, POINTS = 200, 4000

PREAMBLE = """
import json, re, sys, time
from pathlib import Path
body = Path(sys.argv[1]).read_bytes()
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
def forget_peak():
    Path("/proc/self/clear_refs").write_text("5")
    return peak()
"""
OURS = (
    PREAMBLE
    + """
from observatory.sources.prometheus.matrix import decode_matrix
before, started, cpu = forget_peak(), time.perf_counter(), time.process_time()
matrix = decode_matrix(body)
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
print(json.dumps([seconds, cpu, peak() - before, len(matrix.t_ms), float(matrix.values.sum())]))
"""
)
THEIRS = (
    PREAMBLE
    + """
from prometheus_api_client import MetricRangeDataFrame
before, started, cpu = forget_peak(), time.perf_counter(), time.process_time()
frame = MetricRangeDataFrame(json.loads(body)["data"]["result"])
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
print(json.dumps([seconds, cpu, peak() - before, len(frame), float(frame["value"].sum())]))
"""
)


def answer(series: int, points: int) -> bytes:
    """A query_range answer as Prometheus writes it."""
    random = np.random.default_rng(1)
    parts = []
    for number in range(series):
        labels = {"__name__": "orders_total", "topic": f"orders.{number:04}", "instance": "10.0.0.1:9308", "job": "app"}
        rates = random.random(points) * 100
        pairs = ",".join(f'[{1_790_000_000 + 300 * i},"{rate:.15g}"]' for i, rate in enumerate(rates.tolist()))
        parts.append(f'{{"metric":{json.dumps(labels, separators=(",", ":"))},"values":[{pairs}]}}')
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{",".join(parts)}]}}}}'.encode()


def measured(program: str, path: Path) -> list[float]:
    """Seconds, seconds of CPU, KiB, samples and their sum, from a fresh process."""
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else SERIES
    points = int(sys.argv[2]) if len(sys.argv) > 2 else POINTS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.json"
        path.write_bytes(answer(series, points))
        size = path.stat().st_size
        ours = min((measured(OURS, path) for _ in range(3)), key=lambda run: run[1])
        theirs = measured(THEIRS, path)
    assert ours[3] == theirs[3], "both must see every sample"
    assert abs(ours[4] - theirs[4]) < 1e-6 * abs(theirs[4]), "both must see the same values"
    print(
        f"matrix {size / 1e6:.0f} MB, {int(ours[3])} samples: observatory {ours[0]:.3f} s, {ours[2] / 1024:.0f} MiB; "
        f"MetricRangeDataFrame {theirs[0]:.2f} s, {theirs[2] / 1024:.0f} MiB; "
        f"ratio {theirs[0] / ours[0]:.0f}x faster ({theirs[1] / ours[1]:.0f}x less CPU), "
        f"{theirs[2] / max(ours[2], 1):.0f}x less memory"
    )


if __name__ == "__main__":
    main()
