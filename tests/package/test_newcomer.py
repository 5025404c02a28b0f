"""The README's first commands in a fresh copy of the checkout, each with a virtual environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from observatory_server import first_answer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PATIENCE_SECONDS = 840

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What git tracks, and nothing that an earlier command left behind."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            copy = tmp_path / "observatory" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy)
    return tmp_path / "observatory"


def environment(**more: str) -> dict[str, str]:
    """The environment of somebody who has not entered a virtual environment.

    pip does not compile everything that it installs: what the commands import is compiled when they import it.
    """
    kept = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS")}
    return kept | {"PIP_COMPILE": "0"} | more


def block_with(word: str) -> str:
    (block,) = [block for block in BLOCKS if word in block]
    return block


def test_the_demo_command_ends_in_a_page_that_answers(checkout: Path) -> None:
    # A reader gets port 8050, which a test cannot claim, and thirty days, which tests/browser looks at.
    process = subprocess.Popen(
        ["bash", "-euc", block_with("make demo")],
        cwd=checkout,
        env=environment(PORT="0", DAYS="2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    watchdog = threading.Timer(PATIENCE_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    said: list[str] = []
    answers: dict[str, int] = {}
    try:
        for line in process.stderr:
            said.append(line)
            if address := re.search(r"http://127\.0\.0\.1:\d+/", line):
                answers = {
                    path: first_answer(address[0] + path, PATIENCE_SECONDS)
                    for path in ("on-call", "api/status", "healthz")
                }
                break
    finally:
        watchdog.cancel()
        os.killpg(process.pid, signal.SIGINT)
        said += process.stderr
        process.wait(60)

    assert answers == {"on-call": 200, "api/status": 200, "healthz": 200}, "".join(said)
    assert "stopped\n" in said
    assert (checkout / ".observatory" / "demo.duckdb").stat().st_size > 1_000_000


def test_the_installation_block_ends_with_the_version(checkout: Path) -> None:
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block_with("pip install .")],
        cwd=checkout,
        env=environment(PIP_DISABLE_PIP_VERSION_CHECK="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )

    assert ended.returncode == 0, ended.stderr
    import observatory

    assert ended.stdout.strip().endswith(observatory.__version__)
    assert (checkout / "observatory-venv" / "bin" / "observatory").is_file()


def test_the_test_command_is_what_continuous_integration_runs() -> None:
    assert block_with("make test") == "make test\n"
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test"
