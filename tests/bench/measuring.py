"""What benches measure by: wall and processor time of both sides, and how much memory this process took at most."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """Seconds of wall, of this process and of the server; memory of this process at most, and what it grew by, MiB."""

    wall: float
    here: float
    there: float
    most: float
    grown: float

    def __str__(self) -> str:
        return (
            f"{self.wall:8.2f} s   client {self.here:7.2f} s, server {self.there:7.2f} s of CPU   "
            f"{self.most:6.0f} MiB, +{self.grown:.0f}"
        )


def server_cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def peak() -> float:
    """The most memory that this process held since `forget_peak`, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def forget_peak() -> float:
    """Begin to look for the peak anew; what is held now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def measured(work: Callable[[], T], pid: int | None = None) -> tuple[Cost, T]:
    """What a piece of work costs here and in the process of a server, and what it gave."""
    before = forget_peak()
    there = server_cpu(pid) if pid else 0.0
    here, began = time.process_time(), time.perf_counter()
    found = work()
    wall, here = time.perf_counter() - began, time.process_time() - here
    most = peak()
    return Cost(wall, here, server_cpu(pid) - there if pid else 0.0, most, most - before), found
