"""Stores of every earlier version are brought up to date and say what they said; those of later ones are left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import store_versions

from observatory.errors import SourceFailed
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.store import Store
from observatory.sources.store.schema import VERSION
from observatory.telemetry.binding import SpanSelector
from observatory.windows import TimeRange

ALL = TimeRange(0, 10**7)
OLD = [version for version in store_versions.VERSIONS if version < VERSION]
READS = pytest.mark.parametrize("read_only", [True, False], ids=["reader", "writer"])


def columns(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as file:
        told = "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() ORDER BY 1, column_index"
        return file.execute(told).fetchall()


def test_every_version_that_was_ever_written_is_tried_here() -> None:
    assert sorted(store_versions.VERSIONS) == list(range(1, VERSION + 1))


@READS
@pytest.mark.parametrize("version", store_versions.VERSIONS)
def test_an_older_store_says_what_it_said(tmp_path: Path, version: int, read_only: bool) -> None:
    path = tmp_path / "s.duckdb"
    store_versions.write(path, version)
    with Store.open(path, read_only=read_only) as store:
        found = store.samples(SeriesRequest("m", (), ALL))
        assert [dict(labels).get("i") for labels in found.labels] == [None, "1"]
        assert (found.t_ms.tolist(), found.values.tolist()) == ([1000, 2000, 3000, 3000], [3.0, 4.0, 5.0, 6.0])
        (link,) = store.trace("1")[1].links
        assert link == (f"{1:032x}", f"{1:016x}")
        latency = store.hop_latencies(SpanSelector(("orders",)), ALL)[1]
        assert latency.tolist() == [1.5]
    Store.open(tmp_path / "new.duckdb").close()
    assert columns(path) == columns(tmp_path / "new.duckdb")


@pytest.mark.parametrize("version", store_versions.VERSIONS)
def test_an_older_store_goes_on_being_written(tmp_path: Path, version: int) -> None:
    path = tmp_path / "s.duckdb"
    store_versions.write(path, version)
    again = SampleSet.of([({"__name__": "m"}, [1000, 2000, 2500, 3000, 4000], [0.0, 0.0, 4.5, 0.0, 7.0])])
    with Store.open(path) as store:
        assert store.append_samples(again) == 2
    with Store.open(path, read_only=True) as store:
        found = store.samples(SeriesRequest("m", (), ALL))
        assert found.values.tolist() == [3.0, 4.0, 4.5, 5.0, 7.0, 6.0]


def test_what_a_store_of_the_present_version_noted_of_its_writes_stays(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    store_versions.write(path, 2)
    with Store.open(path) as store:
        assert store.writes() == {-1: 77, 0: 11}


@pytest.mark.parametrize("version", OLD)
def test_an_upgrade_that_fails_leaves_the_file_to_its_own_version(
    tmp_path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from observatory.sources.store import database

    path = tmp_path / "s.duckdb"
    store_versions.write(path, version)
    before = columns(path)
    broken = (*database.STEPS[:-1], f"{database.STEPS[-1]}; SELECT error('the power went')")
    monkeypatch.setattr(database, "STEPS", broken)
    with pytest.raises(SourceFailed, match="store-unreadable"):
        Store.open(path)
    assert columns(path) == before
    monkeypatch.undo()
    with Store.open(path) as store:
        assert len(store.samples(SeriesRequest("m", (), ALL)).t_ms) == 4


def test_a_store_of_a_later_version_ends_a_command_with_its_code_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    store_versions.write(path, VERSION)
    with duckdb.connect(str(path)) as file:
        file.execute("INSERT INTO store_version VALUES (999)")
    before = path.read_bytes()
    (tmp_path / "m.om").write_text("# TYPE x gauge\nx 1 1\n# EOF\n", encoding="utf-8")
    for arguments in (["ingest", "m.om"], ["status", "m.om"]):
        command = [sys.executable, "-m", "observatory", *arguments, "--store", str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
        assert ended.returncode == 4
        assert f"the store has version 999, and this Observatory knows up to {VERSION}" in ended.stderr
        assert "error[store-newer]" in ended.stderr
    assert path.read_bytes() == before
