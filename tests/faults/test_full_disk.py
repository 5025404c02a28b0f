"""A disk that is really full: nothing that was acknowledged is lost, nothing comes twice, and it is said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, Answering, counter, events, handled, scrapes, total
from small_disk import SmallDisk, small_disk

from observatory.errors import SourceFailed
from observatory.ledger.build import build
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.windows import Grid, TimeRange

ALL = TimeRange(0, 10**14)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 12) as made:
        yield made


def noise(number: int) -> SampleSet:
    """A batch that hardly compresses."""
    values = np.random.default_rng(number).random(100_000)
    return SampleSet.of([({"__name__": "m", "i": str(number)}, np.arange(1, 100_001), values)])


def lengths(store: Store) -> list[int]:
    return np.diff(store.samples(SeriesRequest("m", (), ALL)).offsets).tolist()  # type: ignore[no-any-return]


def test_a_store_on_a_full_disk_keeps_what_it_acknowledged_and_goes_on_when_there_is_room(disk: SmallDisk) -> None:
    path = disk.folder / "s.duckdb"
    acknowledged = 0
    with Store.open(path) as store:
        for number in range(100):
            try:
                store.append_samples(noise(number))
            except SourceFailed as error:
                (told,) = error.problems
                break
            acknowledged += 1
        assert (told.code, told.hint) == ("store-write-failed", "is the disk full, or the folder read-only?")
        assert 2 < acknowledged < 30
        assert lengths(store) == [100_000] * acknowledged, "readers still see what was written"
    with Store.open(path) as store:
        assert lengths(store) == [100_000] * acknowledged
    disk.resize(64)
    with Store.open(path) as store:
        for number in range(acknowledged + 1):  # the sender repeats everything that it is not sure of
            store.append_samples(noise(number))
        assert lengths(store) == [100_000] * (acknowledged + 1)


def test_a_process_that_found_no_room_reads_and_writes_on_without_a_new_start(disk: SmallDisk) -> None:
    with Store.open(disk.folder / "s.duckdb") as store:
        store.append_samples(noise(0))
        hog = disk.fill()
        with pytest.raises(SourceFailed):
            store.append_samples(noise(1))
        store.checkpoint()  # as every hour; here the engine gives up
        assert lengths(store) == [100_000]
        with pytest.raises(SourceFailed) as refused:
            store.append_samples(noise(1))
        assert refused.value.problems[0].code == "store-write-failed"
        hog.unlink()
        store.append_samples(noise(1))
        assert lengths(store) == [100_000] * 2
        assert store.state().state == "ok"
    with Store.open(disk.folder / "s.duckdb") as store:
        assert lengths(store) == [100_000] * 2


def test_ingest_says_that_the_disk_is_full_and_can_be_repeated(disk: SmallDisk, tmp_path: Path) -> None:
    store = disk.folder / "s.duckdb"
    first, second = tmp_path / "first.om", tmp_path / "second.om"
    values = np.random.default_rng(3).random(60_000)
    for path, name in ((first, "a"), (second, "b")):
        lines = [f"{name}_ratio {value} {number}" for number, value in enumerate(values.tolist(), 1_700_000_000)]
        path.write_text("\n".join([f"# TYPE {name}_ratio gauge", *lines, "# EOF", ""]), encoding="utf-8")

    def ingest(path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "observatory", "ingest", str(path), "--store", str(store)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert ingest(first).returncode == 0
    hog = disk.fill()
    refused = ingest(second)
    assert refused.returncode == 4, refused.stderr
    assert "Traceback" not in refused.stderr
    assert "store-" in refused.stderr
    hog.unlink()
    again = ingest(second)
    assert (again.returncode, "60,000 new" in again.stdout) == (0, True), again.stderr
    with Store.open(store, read_only=True) as opened:
        held = [len(opened.samples(SeriesRequest(f"{name}_ratio", (), ALL)).t_ms) for name in "ab"]
    assert held == [60_000, 60_000]


def test_numbers_do_not_depend_on_room_for_kept_days_and_the_lack_of_it_is_told(disk: SmallDisk) -> None:
    t = scrapes(END_MS - 96 * HOUR_MS, END_MS)
    grid = Grid.ending_at(END_MS - 6 * HOUR_MS, 72 * HOUR_MS)
    with Store.open(None) as source, Store.open(disk.folder / "s.duckdb") as beside:
        source.append_samples(SampleSet.of([counter(handled("success", channel="a"), t, 8.0)]))
        keeper = kept_beside(beside)
        hog = disk.fill()
        found = build([events(channel="a")], Answering((source,)), grid, keeper=keeper)
        assert [total(row) for row in found.rows.values()] == [72 * 60 * 8.0]
        assert [(one.code, one.severity) for one in found.problems] == [("days-not-kept", "warning")]
        assert list(disk.folder.rglob("*.day*")) == [disk.folder / "s.duckdb.days"]
        hog.unlink()
        again = build([events(channel="a")], Answering((source,)), grid, keeper=keeper)
        assert (again.problems, len(list(disk.folder.rglob("*.day")))) == ((), 3)
