"""`observatory` as a user starts it: a process of its own, what it printed, and how it ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def observatory(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command with these arguments, ended or given up after five minutes."""
    command = [sys.executable, "-m", "observatory", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=300)
