"""Debian's VictoriaMetrics on a free loopback port, started for a test and loaded by its import."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import orjson
import requests
from prometheus_server import Series, free_port

PROGRAM = "victoria-metrics"


@contextmanager
def start(folder: Path) -> Iterator[str]:
    """The URL of an empty server whose data lies in the folder."""
    program = shutil.which(PROGRAM)
    assert program, f"{PROGRAM} is missing; on Debian: apt-get install {PROGRAM}"
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{(port := free_port())}"
    log = folder / "victoria.log"
    command = [
        program,
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-search.latencyOffset=0s",
        "-search.disableCache",
        "-loggerLevel=ERROR",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        _wait_until_ready(url, process, log)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"VictoriaMetrics did not become ready:\n{log.read_text(errors='replace')[-4000:]}")


def load(url: str, series: Iterable[Series]) -> None:
    """Import samples and make them visible to queries."""
    lines = b"\n".join(
        orjson.dumps(
            {
                "metric": dict(labels),
                "values": np.asarray(values, np.float64).tolist(),
                "timestamps": np.asarray(t_ms, np.int64).tolist(),
            }
        )
        for labels, t_ms, values in series
        if len(t_ms)
    )
    requests.post(f"{url}/api/v1/import", data=lines, timeout=60).raise_for_status()
    requests.get(f"{url}/internal/force_flush", timeout=30).raise_for_status()
