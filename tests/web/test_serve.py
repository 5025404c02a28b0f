"""The command: what it refuses, and that it stops cleanly."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from web.factories import DOCUMENT


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    path = tmp_path / "orders.yaml"
    path.write_text(DOCUMENT, encoding="utf-8")
    return path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "observatory", "serve", *arguments],
        capture_output=True,
        check=False,
        text=True,
        cwd=folder,
        timeout=60,
    )


def test_without_documents_it_says_which_flag_is_missing(tmp_path: Path) -> None:
    done = run(tmp_path, "--store", "x.duckdb")
    assert done.returncode == 2
    assert "observatory serve PATH" in done.stderr


def test_without_a_source_it_says_which_flag_is_missing(tmp_path: Path, documents: Path) -> None:
    done = run(tmp_path, str(documents))
    assert done.returncode == 2
    assert "--prometheus URL or --store PATH" in done.stderr


def test_an_address_that_others_reach_must_be_asked_for(tmp_path: Path, documents: Path) -> None:
    done = run(tmp_path, str(documents), "--store", "x.duckdb", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "error[access-open]: --host 0.0.0.0 opens the dashboards to other machines" in done.stderr
    assert "observatory users add NAME" in done.stderr
    assert "--allow-anonymous" in done.stderr


@pytest.mark.parametrize(
    ("users", "says"),
    [
        (None, "users.txt:1:1: error[file-missing]: there is no file users.txt"),
        ("alice:hunter2\n", "users.txt:1: error[users-invalid]"),
    ],
)
def test_a_file_of_users_that_cannot_be_used_ends_the_start(
    tmp_path: Path, documents: Path, users: str | None, says: str
) -> None:
    (tmp_path / "observatory.yaml").write_text("serve: {users: users.txt}\n", encoding="utf-8")
    if users is not None:
        (tmp_path / "users.txt").write_text(users, encoding="utf-8")
    done = run(tmp_path, str(documents), "--store", "x.duckdb", "--host", "0.0.0.0")
    assert done.returncode == 3
    assert says in done.stderr
    assert "hint: write it with: observatory users add NAME" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_faulty_dashboard_ends_the_start_with_its_place(tmp_path: Path, documents: Path) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "team.yaml").write_text(
        "title: T\npath: /team\npanels:\n  - {id: a, kind: lagg, title: A}\n", encoding="utf-8"
    )
    done = run(tmp_path, str(documents), "--store", "x.duckdb", "--dashboards", str(folder))
    assert done.returncode == 3
    assert "team.yaml:4:19: error[panel-kind-unknown]" in done.stderr
    assert "did you mean 'lag'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_serves_the_status_and_stops_cleanly_when_told_to(tmp_path: Path, documents: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "observatory", "serve", str(documents), "--store", "x.duckdb", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
                address = found[0]
                break
        with urllib.request.urlopen(f"{address}healthz", timeout=30) as answer:
            assert json.load(answer)["state"] == "ok"
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest.rstrip().endswith("stopped")
