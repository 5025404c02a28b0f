"""Files of kept days: whole or not there, for any number of processes, and never needed for an answer."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from observatory.sources.base import Record, SampleSet, Span
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.sources.store.kept_days import MOST_DAYS, MOST_PLANS, KeptFolder
from observatory.windows import TimeRange

HOUR_MS = 3_600_000
DAY = 20_000
READ = TimeRange(DAY * 24 * HOUR_MS - HOUR_MS, (DAY + 1) * 24 * HOUR_MS + HOUR_MS)


def record(number: float = 1.0) -> Record:
    return Record(
        {"told": [1, None, "ü", 0.1]},
        floats={"a": np.asarray([number, np.nan, -0.0, 5e-324]), "none": np.empty(0)},
        ints={"t": np.asarray([1, 2**62], np.int64)},
    )


def folder(path: Path, writes: dict[int, int] | None = None, servers: str = "") -> KeptFolder:
    return KeptFolder(path / "s.days", lambda: writes if writes is not None else {-1: 7}, servers)


def test_a_record_comes_back_bit_by_bit(tmp_path: Path) -> None:
    days = folder(tmp_path).days("plan", 60_000)
    days.keep(DAY, record(), READ)
    found = days.load(DAY)
    assert found is not None
    assert found.header == {"told": [1, None, "ü", 0.1]}
    assert found.floats["a"].tobytes() == record().floats["a"].tobytes()
    assert (found.floats["none"].tolist(), found.ints["t"].tolist()) == ([], [1, 2**62])
    assert [path.name for path in (tmp_path / "s.days").rglob("*.day")] == ["2024-10-04.day"]


@pytest.mark.parametrize(
    ("plan", "step_ms", "servers"), [("other", 60_000, ""), ("plan", 30_000, ""), ("plan", 60_000, "elsewhere")]
)
def test_another_plan_step_or_server_finds_nothing(tmp_path: Path, plan: str, step_ms: int, servers: str) -> None:
    folder(tmp_path).days("plan", 60_000).keep(DAY, record(), READ)
    assert folder(tmp_path, servers=servers).days(plan, step_ms).load(DAY) is None
    assert folder(tmp_path).days("plan", 60_000).load(DAY + 1) is None


@pytest.mark.parametrize(
    ("hour", "counts"),
    [(-1, False), (DAY * 24 - 2, True), (DAY * 24 - 1, False), (DAY * 24 + 24, False), (DAY * 24 + 25, True)],
)
def test_a_record_counts_while_nothing_was_written_into_what_it_was_made_of(
    tmp_path: Path, hour: int, counts: bool
) -> None:
    writes = {-1: 7, DAY * 24 + 3: 11}
    folder(tmp_path, writes).days("plan", 60_000).keep(DAY, record(), READ)
    writes[hour] = writes.get(hour, 0) + 5
    assert (folder(tmp_path, writes).days("plan", 60_000).load(DAY) is not None) == counts


def test_a_damaged_file_is_no_file(tmp_path: Path) -> None:
    days = folder(tmp_path).days("plan", 60_000)
    days.keep(DAY, record(), READ)
    (path,) = tmp_path.rglob("*.day")
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        torn = bytearray(whole)
        torn[place] ^= 0xFF
        path.write_bytes(torn)
        found = days.load(DAY)
        assert found is None or found.floats["a"].tobytes() == record().floats["a"].tobytes()
        path.write_bytes(whole[:place])
        assert days.load(DAY) is None
    days.keep(DAY, record(2.0), READ)
    found = days.load(DAY)
    assert found is not None
    assert found.floats["a"][0] == 2.0


@pytest.mark.parametrize("obstacle", ["file", "full"])
def test_what_cannot_be_kept_is_no_error_and_leaves_nothing(
    tmp_path: Path, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if obstacle == "file":
        (tmp_path / "s.days").write_text("in the way", encoding="utf-8")
    else:

        def full(self: Path, target: Path) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
    days = folder(tmp_path).days("plan", 60_000)
    days.keep(DAY, record(), READ)
    assert days.load(DAY) is None
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "s.days"] == []


def test_old_plans_old_days_and_unfinished_files_go(tmp_path: Path) -> None:
    plans: list[Path] = []
    for number in range(MOST_PLANS + 3):
        folder(tmp_path).days(f"plan {number}", 60_000).keep(DAY, record(), READ)
        plans += [one for one in (tmp_path / "s.days").iterdir() if one not in plans]
        os.utime(plans[-1], (number, number))
    oldest = f"plan {MOST_PLANS + 2}"
    left, under_way = (plans[-1] / name for name in ("a.day.1-ab", "b.day.2-cd"))
    for path in (left, under_way, *(plans[-1] / f"{year}-01-01.day" for year in range(1000, 1000 + MOST_DAYS))):
        path.touch()
    os.utime(left, (0, 0))
    folder(tmp_path).days(oldest, 60_000).keep(DAY, record(), READ)

    assert sorted(one for one in (tmp_path / "s.days").iterdir()) == sorted(plans[3:])
    assert sorted(path.name for path in plans[-1].iterdir() if path.suffix != ".day") == ["b.day.2-cd"]
    days = sorted(path.name for path in plans[-1].iterdir() if path.suffix == ".day")
    assert (len(days), days[0]) == (MOST_DAYS, "1001-01-01.day")


def named(name: str) -> Record:
    return Record({name: 1}, {}, {})


def test_what_processes_add_to_a_day_at_the_same_time_is_all_there(tmp_path: Path) -> None:
    others = ["c", "d"]

    def joined(before: Record, now: Record) -> Record:
        # Between the look at what is there and the writing: just then somebody else writes.
        if others:
            folder(tmp_path).history(60_000, joined).add(DAY, named(others.pop()), READ)
        return Record({**before.header, **now.header}, {}, {})

    history = folder(tmp_path).history(60_000, joined)
    assert history.lacks([DAY, DAY + 1]) == {DAY, DAY + 1}
    for name in ("a", "b"):
        history.add(DAY, named(name), READ)
    found = history.load(DAY)
    assert found is not None
    assert sorted(found.header) == ["a", "b", "c", "d"]
    assert history.lacks([DAY, DAY + 1]) == {DAY + 1}
    assert [path.suffix for path in (tmp_path / "s.history").rglob("*.*")] == [".rows"]


def test_a_day_that_is_kept_again_has_to_be_noted_again(tmp_path: Path) -> None:
    days = folder(tmp_path).days("plan", 60_000)
    for day in (DAY, DAY + 1):
        days.keep(day, record(), READ)
    days.note([DAY, DAY + 1])
    assert folder(tmp_path).days("plan", 60_000).unnoted([DAY, DAY + 1]) == set()
    days.keep(DAY, record(2.0), READ)
    assert days.unnoted([DAY, DAY + 1]) == {DAY}


def test_what_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    history = folder(tmp_path).history(60_000, lambda before, _: before)
    history.add(DAY, named("a"), READ)
    (path,) = (tmp_path / "s.history").rglob("*.rows")
    path.rename(tmp_path / "kept")
    path.symlink_to(path.name)  # a link to itself can be written over, and not be read
    history.add(DAY, named("b"), READ)
    assert [one.code for one in history.problems] == ["days-not-kept"]
    (tmp_path / "kept").rename(path)
    found = history.load(DAY)
    assert found is not None
    assert list(found.header) == ["a"]


def test_what_days_came_to_is_not_forgotten_for_other_servers(tmp_path: Path) -> None:
    for number in range(MOST_PLANS + 2):
        folder(tmp_path, servers=f"server {number}").history(60_000, lambda _, now: now).add(DAY, record(), READ)
    assert folder(tmp_path, servers="server 0").history(60_000, lambda _, now: now).load(DAY) is not None


def test_appends_leave_their_mark_on_the_hours_they_add_to() -> None:
    def sample(t_ms: int) -> SampleSet:
        return SampleSet.of([({"__name__": "m"}, [t_ms], [1.0])])

    with Store.open() as store:
        empty = store.writes()
        store.append_samples(sample(5 * HOUR_MS))
        one = store.writes()
        store.append_samples(sample(5 * HOUR_MS))
        assert store.writes() == one, "a repeat adds nothing"
        store.append_samples(sample(3 * HOUR_MS + 1))
        two = store.writes()
        store.compact()
        assert store.writes() == two, "compaction changes no telemetry"
    assert set(empty) == {-1}
    assert (set(one), set(two)) == ({-1, 4}, {-1, 3, 4})  # on the hour: the hour that ends there
    assert one[4] == two[4]


def span(number: int, start_ms: int, length_ms: int = 0) -> Span:
    start = start_ms * 10**6
    return Span(
        trace_id=f"{number:032x}", span_id="1", parent_span_id="", name="", kind="producer", service="s",
        start_ns=start, end_ns=start + length_ms * 10**6,
    )  # fmt: skip


def test_spans_mark_the_hours_of_both_ends_and_late_ones_everything() -> None:
    with Store.open() as store:
        store.append_spans([span(1, 100 * HOUR_MS + 1, 2 * HOUR_MS)])
        one = store.writes()
        store.append_spans([span(2, 79 * HOUR_MS + 1)])
        two = store.writes()
        store.append_spans([span(3, 75 * HOUR_MS + 1)])
        three = store.writes()
    assert set(one) == {-1, 100, 102}
    assert (two[-1], set(two)) == (one[-1], {-1, 79, 100, 102})
    assert three[-1] != two[-1]


def test_an_append_that_is_given_up_leaves_no_mark() -> None:
    with Store.open() as store:
        before = store.writes()
        with suppress(RuntimeError), store.transaction():
            store.append_samples(SampleSet.of([({"__name__": "m"}, [1], [1.0])]))
            raise RuntimeError
        assert store.writes() == before


def test_a_file_in_the_place_of_another_finds_none_of_its_days(tmp_path: Path) -> None:
    marks = []
    for _ in range(2):
        path = tmp_path / "s.duckdb"
        path.unlink(missing_ok=True)
        with Store.open(path) as store:
            keeper = kept_beside(store)
            assert keeper is not None
            days = keeper.days("plan", 60_000)
            assert days.load(DAY) is None
            days.keep(DAY, record(), READ)
            assert keeper.days("plan", 60_000).load(DAY) is not None
            marks.append(store.writes()[-1])
    assert marks[0] != marks[1]


LIMITED = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from observatory.sources.base import Record
from observatory.sources.store.kept_days import KeptFolder
from observatory.windows import TimeRange

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
days = KeptFolder(Path(sys.argv[1]), lambda: {-1: 7}).days("plan", 60_000)
small, large = (Record({}, {"a": np.random.default_rng(1).random(count)}, {}) for count in (10, 100_000))
days.keep(1, small, TimeRange(0, 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
days.keep(1, large, TimeRange(0, 1))
days.keep(2, large, TimeRange(0, 1))
print(len(days.load(1).floats["a"]), days.load(2))
"""


def test_a_full_disk_keeps_the_day_that_was_there_and_leaves_no_torn_one(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "s.days")], capture_output=True, text=True, check=False
    )
    assert ended.stdout.split() == ["10", "None"], ended.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["1970-01-02.day"]


KEEPER = """
import sys
import numpy as np
from pathlib import Path
from observatory.sources.base import Record
from observatory.sources.store.kept_days import KeptFolder
from observatory.windows import TimeRange

days = KeptFolder(Path(sys.argv[1]), lambda: {-1: 7}).days("plan", 60_000)
for number in range(150):
    days.keep(20_000, Record({"n": 1}, {"a": np.arange(50_000.0)}, {}), TimeRange(0, 1))
    found = days.load(20_000)
    assert found is not None and found.floats["a"].sum() == 50_000 * 49_999 / 2
"""


def test_processes_that_keep_and_read_the_same_day_see_it_whole(tmp_path: Path) -> None:
    folder_of_all = tmp_path / "s.days"
    running = [
        subprocess.Popen([sys.executable, "-c", KEEPER, str(folder_of_all)], stderr=subprocess.PIPE) for _ in range(3)
    ]
    for one in running:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said.decode()
    assert len([path for path in folder_of_all.rglob("*") if path.is_file()]) == 1
