"""`observatory` as a user starts it: a process of its own, what it printed, and how it ended.

The process is forked from one that has imported what commands need, once for all tests of a worker: they wait for the
command, not for Python. How Python itself starts is looked at in tests/package.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

NURSERY = Path(__file__).with_name("nursery.py")
PATIENCE_SECONDS = 300.0


def observatory(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """The command with these arguments, ended or given up after five minutes.

    Args:
        env: The whole environment; that of the test where there is none.
    """
    words = [str(one) for one in arguments]
    with tempfile.TemporaryDirectory(prefix="observatory-") as name:
        files = {one: Path(name) / one for one in ("stdin", "stdout", "stderr")}
        for one, path in files.items():
            path.write_bytes(stdin if one == "stdin" else b"")
        code = _nursery().run(
            {
                "arguments": words,
                "folder": str(cwd or Path.cwd()),
                "environment": dict(os.environ if env is None else env),
                **{one: str(path) for one, path in files.items()},
            }
        )
        return subprocess.CompletedProcess(
            ["observatory", *words], code, files["stdout"].read_text("utf-8"), files["stderr"].read_text("utf-8")
        )


class _Nursery:
    """The process that forks; it ends with the worker that started it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._rest = b""
        atexit.register(self.process.kill)

    def run(self, asked: Mapping[str, object]) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()
        child = self._answer()
        assert child is not None, "commands cannot be forked"
        if (code := self._answer()) is None:
            os.kill(child, signal.SIGKILL)
            self._answer()
            raise subprocess.TimeoutExpired(["observatory", *map(str, asked["arguments"])], PATIENCE_SECONDS)  # type: ignore[call-overload]
        return code

    def _answer(self) -> int | None:
        """The next number that it says; None where it says nothing for too long, or is gone."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self._rest:
            ready, _, _ = select.select([descriptor], [], [], PATIENCE_SECONDS)
            read = os.read(descriptor, 4096) if ready else b""
            if not read:
                return None
            self._rest += read
        line, self._rest = self._rest.split(b"\n", 1)
        return int(line)


@cache
def _nursery() -> _Nursery:
    return _Nursery()
