"""`observatory demo` as people start it: once, again, and with what cannot be meant."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest
from observatory_process import observatory

AT = "2026-11-20T12:00:00Z"
QUARTER_DAY = ("--days", "0.25", "--at", AT)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "observatory", "demo", *arguments]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return observatory("demo", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of a first start, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run("--prepare-only", *QUARTER_DAY, cwd=folder)


@pytest.fixture
def begun(first: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> Path:
    """A folder in which a demo was started before."""
    return shutil.copytree(first[0], tmp_path / "begun")


def test_preparing_writes_the_history_and_prints_where(
    first: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = first

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(Path(".observatory") / "demo.duckdb")
    assert (folder / ".observatory" / "demo.duckdb").stat().st_size > 100_000
    assert "simulating 0.25 days of history into .observatory" in done.stderr
    assert "history to 2026-11-20T12:00:00Z" in done.stderr


def test_a_second_start_continues_the_history(begun: Path) -> None:
    done = run("--prepare-only", "--at", "2026-11-20T13:00:00Z", cwd=begun)

    assert done.returncode == 0, done.stderr
    assert "continuing the history in .observatory/demo.duckdb from 2026-11-20T12:00:00Z" in done.stderr
    assert "history to 2026-11-20T13:00:00Z" in done.stderr


def test_a_start_at_the_same_instant_has_nothing_to_do(begun: Path) -> None:
    before = (begun / ".observatory" / "demo.duckdb").stat().st_size
    done = run("--prepare-only", *QUARTER_DAY, cwd=begun)

    assert "simulating" not in done.stderr
    assert "continuing" not in done.stderr
    assert (begun / ".observatory" / "demo.duckdb").stat().st_size == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--at", "2999-01-01T00:00:00Z"), "2999-01-01T00:00:00Z has not come yet"),
        (("--at", "yesterday"), "no time; write 2026-11-20T12:00:00Z or epoch seconds"),
        (("--store", "/proc/version/demo.duckdb"), "cannot make the folder /proc/version"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run("--prepare-only", *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_store_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("dear reader", encoding="utf-8")
    done = run("--prepare-only", "--store", str(file), *QUARTER_DAY, cwd=tmp_path)

    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert file.read_text(encoding="utf-8") == "dear reader"


class Running:
    """A demo that serves, with what it says on stderr."""

    def __init__(self, cwd: Path, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command("--port", "0", *arguments), cwd=cwd, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.said: list[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)

    def wait_for(self, pattern: str, seconds: float = 120) -> re.Match[str]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                line = self._lines.get(timeout=1)
            except Empty:
                assert self.process.poll() is None, "".join(self.said)
                continue
            self.said.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"never said {pattern}: {''.join(self.said)}")

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        while not self._lines.empty():
            self.said.append(self._lines.get())
        return code


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        return bytes(response.read())


def wait_until(url: str, wanted: str, seconds: float = 120) -> bytes:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            body = get(url)
        except OSError:
            body = b""
        if re.search(wanted, body.decode("utf-8", "replace")):
            return body
        time.sleep(0.2)
    raise AssertionError(f"{url} never answered {wanted}")


@pytest.fixture
def standing_still(begun: Path) -> Iterator[tuple[Running, str]]:
    running = Running(begun, *QUARTER_DAY)
    try:
        yield running, running.wait_for(r"Observatory is at (http://\S+/)")[1]
    finally:
        running.end()


def test_with_at_the_dashboards_show_that_instant_and_end_cleanly(standing_still: tuple[Running, str]) -> None:
    running, url = standing_still
    status = json.loads(wait_until(f"{url}api/status", '"objectives": \\['))

    assert status["schema"] == "observatory.status/1"
    assert status["at"] == AT
    firing = {one["id"] for one in status["objectives"] if "page" in one["firing"]}
    assert "settlement-writer/onCardSettled/lag" in firing
    assert b"Observatory" in get(f"{url}on-call")
    assert running.end() == 0
    assert running.said[-1].strip() == "stopped"


def test_live_spans_arrive_through_the_receiver_of_the_demo_itself(tmp_path: Path) -> None:
    running = Running(tmp_path, "--days", "0.25")
    try:
        url = running.wait_for(r"Observatory is at (http://\S+/)")[1]
        assert url.startswith("http://127.0.0.1:")
        wait_until(f"{url}metrics", r'observatory_otlp_spans_total\{result="kept"\} [1-9]')
    finally:
        assert running.end() == 0
