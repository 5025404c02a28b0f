"""Fixtures of the tests of rules."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from measured_cases import measurement, objective

from observatory.compile.plan import Measurement
from observatory.objectives.objective import Objective


@pytest.fixture
def promtool(tmp_path: Path) -> Callable[..., str]:
    """Write files and run promtool on one of them: its output, after it has succeeded."""

    def run(files: dict[str, str], *command: str) -> str:
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        done = subprocess.run(["promtool", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    return run


@pytest.fixture
def make_objective() -> Callable[..., Objective]:
    return objective


@pytest.fixture
def measured_by() -> Callable[[Objective], Measurement]:
    return measurement
