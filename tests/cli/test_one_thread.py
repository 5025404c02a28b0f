"""Commands add with one thread: a second one of OpenBLAS waits at full speed for longer than it works."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASKED = """
import os, sys
import observatory.cli.main
assert "numpy" not in sys.modules, "it is too late once numpy is there"
import numpy as np
np.ones((600, 600)) @ np.ones((600, 600))
print(os.environ["OPENBLAS_NUM_THREADS"], len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are listed in /proc")
@pytest.mark.parametrize(("said", "threads"), [(None, "1 1"), ("2", "2 2")])
def test_a_command_has_one_thread_unless_the_environment_says_otherwise(said: str | None, threads: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    if said is not None:
        environment["OPENBLAS_NUM_THREADS"] = said
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == (threads if (os.cpu_count() or 1) > 1 else f"{said or 1} 1")
