"""`status` of the demo estate end to end: counting every day, finding days that were kept, and refreshing the tail.

Makes the simulated estate's 30 days once, in a temporary folder. Run: python tests/bench/bench_status.py [days]
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from observatory.evaluate.estate import Estate
from observatory.evaluate.snapshot import Snapshot
from observatory.settings import Settings
from observatory.sources.opening import open_sources
from observatory.sources.simulated import history
from observatory.sources.store import Store

END_MS = 1_795_132_800_000 + 12 * 3_600_000
DOCUMENTS = Path(history.__file__).with_name("documents")
RUNS = 3
Spent = tuple[float, float]
"""Wall and processor seconds."""


def command(store: Path) -> Spent:
    """One run of the command."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    arguments = ["status", str(DOCUMENTS), "--store", str(store), "--at", str(END_MS // 1000), "--json"]
    ended = subprocess.run([sys.executable, "-m", "observatory", *arguments], capture_output=True, check=False)
    wall = time.perf_counter() - began
    assert ended.stdout, ended.stderr.decode()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def inside(make: Callable[[], Snapshot]) -> tuple[Spent, Snapshot]:
    """One snapshot in this process."""
    began = time.perf_counter(), time.process_time()
    made = make()
    return (time.perf_counter() - began[0], time.process_time() - began[1]), made


def main() -> None:
    days = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.duckdb"
        with Store.open(path) as store:
            history.prepare(store, END_MS, days=days)
        kept = path.with_name(f"{path.name}.days")
        runs: dict[str, list[Spent]] = {}
        for _ in range(RUNS):
            shutil.rmtree(kept, ignore_errors=True)
            runs.setdefault("command, every day counted and kept", []).append(command(path))
            runs.setdefault("command, days found", []).append(command(path))
        settings = Settings(documents=(DOCUMENTS,), store=path)
        with open_sources(settings, read_only_store=True) as sources:
            for _ in range(RUNS):
                every, first = inside(lambda: Estate(settings, sources).snapshot(END_MS))
                found, second = inside(lambda: Estate(settings, sources, keeper=sources.kept).snapshot(END_MS))
                estate = Estate(settings, sources, keeper=sources.kept)
                before = estate.snapshot(END_MS)
                tail, _ = inside(lambda e=estate, b=before: e.snapshot(END_MS + 60_000, previous=b))  # type: ignore[misc]
                runs.setdefault("snapshot, every day counted", []).append(every)
                runs.setdefault("snapshot, days found", []).append(found)
                runs.setdefault("refresh of a snapshot", []).append(tail)
            assert first.status.to_json() == second.status.to_json()
        size = sum(one.stat().st_size for one in kept.rglob("*.day"))
        print(f"status of {len(first.objectives)} objectives over {days:g} days, the best of {RUNS} runs")
        print(f"{'':38}{'wall':>8}{'processor':>12}{'of it':>8}")
        most = None
        for name, spent in runs.items():
            wall, used = min(one[0] for one in spent), min(one[1] for one in spent)
            most = used if "every" in name else most
            print(f"{name:38}{wall:7.2f}s{used:11.2f}s{used / (most or used):8.0%}")
        print(f"store {path.stat().st_size / 1e6:.0f} MB, kept days {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
