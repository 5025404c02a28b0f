"""`serve` owns the store and takes in traces; `status`, `map`, `review` and `store info` beside it are answered."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, scrapes
from observatory_process import observatory
from one_channel import REFUNDED, REFUNDS

from observatory.sources.base import SampleSet
from observatory.sources.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ledger.yaml").write_text(REFUNDS, encoding="utf-8")
    t = scrapes(END_MS - 5 * DAY_MS, END_MS)
    number = np.arange(len(t))
    with Store.open(tmp_path / "s.duckdb") as store:
        store.append_samples(
            SampleSet.of([(REFUNDED, t, number * 9.0), (REFUNDED | {"error_type": "Timeout"}, t, number * 1.0)])
        )
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return observatory(*words, "--store", "s.duckdb", cwd=folder)


@pytest.fixture
def serving(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "observatory", "serve", "ledger.yaml", "--store", "s.duckdb", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert process.stderr is not None
    address = next(found[0] for line in process.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))
    yield address
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def trace(number: int) -> bytes:
    span = {"traceId": f"{number + 1:032x}", "spanId": f"{1:016x}", "name": "m", "kind": 4}
    span |= {"startTimeUnixNano": str(END_MS * 10**6), "endTimeUnixNano": str(END_MS * 10**6)}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


AT = ("--at", str(END_MS // 1000), "--json")
COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("status", "ledger.yaml", *AT),
    "map": ("map", "ledger.yaml", *AT),
    "review": ("review", "ledger.yaml", "--month", "2026-11", *AT),
    "diagnose": ("diagnose", "ledger.yaml", *AT),
}


def answer(folder: Path, name: str) -> dict[str, Any]:
    ended = run(folder, *COMMANDS[name])
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert isinstance(told, dict)
    for source in told.get("sources", []):
        if isinstance(source, dict):
            source.pop("detail", None)  # which says who answers
    return told


def test_every_command_that_reads_is_answered_while_serve_writes(folder: Path, serving: str) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            asked = urllib.request.Request(f"{serving}v1/traces", trace(number), {"Content-Type": "application/json"})
            urllib.request.urlopen(asked, timeout=30).close()
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        beside = {name: answer(folder, name) for name in COMMANDS}
        info = json.loads(run(folder, "store", "info", "--json").stdout)
    finally:
        stop.set()
        writer.join()
    (one,) = beside["status"]["objectives"]
    assert (one["total"], one["total"] - one["good"]) == (3 * 1440 * 10.0, 3 * 1440 * 1.0)
    assert info["samples"]["count"] == 2 * 5 * 1440
    assert info["spans"]["count"] > 0

    refused = run(folder, "store", "compact")
    assert (refused.returncode, "store-locked" in refused.stderr) == (4, True)


def test_the_answers_beside_serve_are_those_of_the_file_alone(folder: Path, request: pytest.FixtureRequest) -> None:
    alone = {name: answer(folder, name) for name in COMMANDS}
    request.getfixturevalue("serving")
    assert {name: answer(folder, name) for name in COMMANDS} == alone
