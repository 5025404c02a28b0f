"""Servers of the test's own as child processes, and exposition text over HTTP from a function."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

import pytest

READY_SECONDS = 20


def missing(*programs: str) -> str | None:
    """What this machine lacks, None when all is there; Debian keeps some servers out of the way of users."""
    absent = [program for program in programs if which(program, path="/usr/sbin:/usr/bin:/usr/local/bin") is None]
    return f"not run here: {', '.join(absent)} from Debian's packages of these names" if absent else None


def absent(*programs: str) -> str | None:
    """Which of these is not on the path, None when all are."""
    lacking = [program for program in programs if which(program) is None]
    return f"not run here: there is no {', '.join(lacking)}" if lacking else None


def both_ways(*exporters: str) -> list[object]:
    """Values of a fixture that takes metrics from what stands for exporters (False), and from themselves (True)."""
    lacking = absent(*exporters)
    return [
        pytest.param(False, id="by-their-rules"),
        pytest.param(True, id="by-themselves", marks=pytest.mark.skipif(lacking is not None, reason=lacking or "")),
    ]


@contextmanager
def running(
    command: Sequence[str], folder: Path, ready: Callable[[], object], environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Start a program in a folder, wait until `ready` raises nothing, and stop it by its pid.

    Args:
        environ: What it is told besides the path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("w") as out:
        path = f"/usr/sbin:/usr/bin:/bin:{os.environ.get('PATH', '')}"
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env={"PATH": path, **(environ or {})})
    try:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                ready()
                break
            except OSError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()[-3000:]}") from error
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def exposed(text: Callable[[], str]) -> Iterator[int]:
    """Serve what a function answers at every scrape, on a free loopback port, which is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are no news."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
