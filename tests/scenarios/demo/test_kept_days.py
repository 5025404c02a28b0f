"""The demo estate with days kept and with every day counted: one status, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from observatory_process import observatory

from observatory.evaluate.estate import Estate
from observatory.sources.simulated import documents_folder
from observatory.sources.store.kept_days import KeptFolder

if TYPE_CHECKING:
    from .conftest import Demo

MINUTE_MS = 60_000
BACK_MS = [0, -1, *(int(minutes) * MINUTE_MS for minutes in np.random.default_rng(11).integers(1, 36 * 60, 1))]
"""Before the end of the history; one of them off the minute, which no kept day can serve."""


def test_any_instant_gives_the_same_status_with_and_without_kept_days(demo: Demo, tmp_path: Path) -> None:
    store = demo.estate.sources.metrics[0]
    keeper = KeptFolder(tmp_path / "days", store.writes)  # type: ignore[attr-defined]
    kept = Estate(demo.estate.settings, demo.estate.sources, demo.estate.catalog, keeper=keeper)
    for back_ms in BACK_MS:
        at_ms = demo.snapshot.at_ms - back_ms
        counted = demo.estate.snapshot(at_ms)
        for _ in range(2):
            found = kept.snapshot(at_ms)
            assert orjson.dumps(found.status.to_json()) == orjson.dumps(counted.status.to_json())
    assert len(list(tmp_path.rglob("*.day"))) > 25


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("demo") / "demo.duckdb"
    words = ["--prepare-only", "--store", store, "--days", "1.5", "--at", "2026-11-20T12:00:00Z"]
    observatory("demo", *words).check_returncode()
    return store


def status(store: Path, at: str) -> str:
    ended = observatory("status", documents_folder(), "--store", store, "--json", "--at", at)
    assert json.loads(ended.stdout)["objectives"], ended.stderr
    return ended.stdout


def test_the_first_status_after_preparing_finds_the_days_that_are_over(prepared: Path) -> None:
    folder = prepared.with_name(f"{prepared.name}.days")
    days = {path: path.stat().st_mtime_ns for path in folder.rglob("*.day")}
    found = status(prepared, "2026-11-20T12:00:00Z")

    assert max(path.stem for path in days) == "2026-11-19"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.day")} == days, "a day was counted again"
    folder.rename(folder.with_name("elsewhere"))
    assert status(prepared, "2026-11-20T12:00:00Z") == found
