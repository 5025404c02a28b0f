"""`observatory serve` on a free loopback port, started for a test with a store of its own, stopped by its process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import typer
from typer.testing import CliRunner

from observatory.cli import status as status_command


@dataclass(frozen=True)
class ObservatoryServer:
    """A running server and the store that it owns."""

    url: str
    store: Path
    process: subprocess.Popen[str]

    def own_metric(self, line: str) -> float:
        """The value of a line of its own metrics, named with its labels; 0 where there is none."""
        text = requests.get(f"{self.url}/metrics", timeout=30).text
        found = re.search(rf"^{re.escape(line)} (.*)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def wait_for(self, line: str, value: float, seconds: float = 60.0) -> None:
        """Return once a line of its own metrics has reached a value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.own_metric(line) >= value:
                return
            time.sleep(0.1)
        raise AssertionError(f"{line} stayed at {self.own_metric(line)} for {seconds} s")


def first_answer(url: str, seconds: float = 600.0) -> int:
    """The status of a page, asked again while the server says that its first data are on their way."""
    deadline = time.monotonic() + seconds
    while (status := requests.get(url, timeout=60).status_code) == 503 and time.monotonic() < deadline:
        time.sleep(0.2)
    return status


@contextmanager
def serving(documents: Path, store: Path, *arguments: str) -> Iterator[ObservatoryServer]:
    """A server on documents and a store, without any other source."""
    process = subprocess.Popen(
        [*_COMMAND, "serve", str(documents), "--store", str(store), "--port", "0", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        url = next((found[1] for line in process.stderr if (found := re.search(r"(http://[^/]+)/", line))), None)
        assert url, "the server did not start"
        yield ObservatoryServer(url, store, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def status(document: Path, at_ms: int, *source: str) -> dict[str, dict[str, Any]]:
    """Objectives by the end of their id, as the command `status --json` gives them."""
    app = typer.Typer()
    app.callback()(lambda: None)
    status_command.register(app)
    ended = CliRunner().invoke(app, ["status", str(document), *source, "--json", "--at", str(at_ms // 1000)])
    assert ended.stdout, ended.output
    answer = json.loads(ended.stdout)
    assert answer["schema"] == "observatory.status/1"
    return {entry["id"].split("/", 1)[1]: entry for entry in answer["objectives"]}


_COMMAND = [sys.executable, "-m", "observatory"]
