"""How long the command takes to say anything: CPU seconds of whole processes, beside a bare interpreter."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

RUNS = 7


def cpu_seconds(*command: str) -> float:
    """Median user and system seconds of a finished process, children included; the first run warms the caches."""
    spent = []
    for _ in range(RUNS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(spent[1:])


def main() -> None:
    """Print a line per command."""
    bare = cpu_seconds(sys.executable, "-c", "pass")
    print(f"{'bare interpreter':28} {bare:6.3f} s")
    for arguments in (["--version"], ["--help"], ["status", "--help"], ["explain", "series-missing"]):
        spent = cpu_seconds(sys.executable, "-m", "observatory", *arguments)
        print(f"{'observatory ' + ' '.join(arguments):28} {spent:6.3f} s  {spent / bare:5.1f} x bare")


if __name__ == "__main__":
    main()
