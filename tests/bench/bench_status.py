"""`status` of the demo estate end to end: as a command, as a first snapshot in memory, and as a refresh of the tail.

Makes the simulated estate's 30 days once, in a temporary folder. Run: python tests/bench/bench_status.py [days]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from observatory.evaluate.estate import Estate
from observatory.settings import Settings
from observatory.sources.opening import open_sources
from observatory.sources.simulated import history
from observatory.sources.store import Store

END_MS = 1_795_132_800_000
DOCUMENTS = Path(history.__file__).with_name("documents")


def command(store: Path) -> tuple[float, float]:
    """Wall and processor seconds of one run of the command."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    arguments = ["status", str(DOCUMENTS), "--store", str(store), "--at", str(END_MS // 1000), "--json"]
    ended = subprocess.run([sys.executable, "-m", "observatory", *arguments], capture_output=True, check=False)
    wall = time.perf_counter() - began
    assert ended.stdout, ended.stderr.decode()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main() -> None:
    days = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.duckdb"
        with Store.open(path) as store:
            history.prepare(store, END_MS, days=days)
        wall, used = min(command(path) for _ in range(3))
        settings = Settings(documents=(DOCUMENTS,), store=path)
        with open_sources(settings, read_only_store=True) as sources:
            estate = Estate(settings, sources)
            began = time.perf_counter(), time.process_time()
            first = estate.snapshot(END_MS)
            cold = time.perf_counter() - began[0], time.process_time() - began[1]
            began = time.perf_counter(), time.process_time()
            estate.snapshot(END_MS + 60_000, previous=first)
            warm = time.perf_counter() - began[0], time.process_time() - began[1]
    print(f"status of {len(first.objectives)} objectives over {days:g} days, {first.ledger.requests} requests")
    print(f"  command          {wall:7.2f} s  {used:7.2f} s of processor")
    print(f"  first snapshot   {cold[0]:7.2f} s  {cold[1]:7.2f} s of processor")
    print(f"  refresh          {warm[0]:7.2f} s  {warm[1]:7.2f} s of processor")
    print(f"  first / refresh  {cold[1] / warm[1]:7.1f}x")


if __name__ == "__main__":
    main()
