"""Raw telemetry goes when it is old enough and its days are kept; the numbers stay, whatever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, HOUR_MS, Answering, bad, counter, events, gauge, handled, scrapes, total
from eventful_cases import assert_same

from observatory.compile.measure import Measurement
from observatory.errors import SourceFailed
from observatory.ledger.build import build
from observatory.ledger.ledger import Ledger
from observatory.settings import KeepingSettings
from observatory.sources.base import SampleSet, SeriesRequest, Span
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store, upkeep
from observatory.sources.store.compaction import compact
from observatory.sources.store.kept_plans import forget
from observatory.sources.store.upkeep import prune
from observatory.windows import Grid, TimeRange

ALL = TimeRange(0, 10**14)
GRID = Grid.ending_at(END_MS - 12 * HOUR_MS, 10 * DAY_MS)
THREE_DAYS = KeepingSettings(samples_seconds=3 * 86_400, spans_seconds=3 * 86_400)


def filled(path: Path) -> Store:
    """Twelve days of a counter, and a span an hour."""
    store = Store.open(path)
    t = scrapes(END_MS - 12 * DAY_MS, END_MS - 12 * HOUR_MS)
    store.append_samples(
        SampleSet.of([counter(handled("success", channel="a"), t, 8.0), counter(handled("error", channel="a"), t, 2.0)])
    )
    store.append_spans(
        Span(
            trace_id=f"{hour + 1:032x}",
            span_id="1",
            parent_span_id="",
            name="m",
            kind="producer",
            service="s",
            start_ns=(END_MS - 12 * DAY_MS + hour * HOUR_MS) * 10**6,
            end_ns=(END_MS - 12 * DAY_MS + hour * HOUR_MS) * 10**6,
            links=(("2", "3"),),
        )
        for hour in range(11 * 24)
    )
    return store


def count(store: Store, *, keep: bool = True) -> Ledger:
    keeper = kept_beside(store) if keep else None
    return build([events(channel="a")], Answering((store,)), GRID, keeper=keeper)


def oldest(store: Store) -> int:
    return int(store.samples(SeriesRequest("handled_total", (), ALL)).t_ms.min())


def pruned(store: Store, keeping: KeepingSettings = THREE_DAYS, now_ms: int = END_MS - 6 * HOUR_MS):  # type: ignore[no-untyped-def]
    kept = kept_beside(store)
    assert kept is not None
    return prune(store, kept, keeping, now_ms)


def test_what_is_old_and_counted_goes_and_every_number_stays(tmp_path: Path) -> None:
    with filled(tmp_path / "s.duckdb") as store:
        before = count(store)
        done = pruned(store)
        assert (done.samples, done.spans, done.waiting) == (2 * 8 * 1440, 8 * 24, 0)
        assert done.samples_until_ms == END_MS - 4 * DAY_MS
        assert oldest(store) == END_MS - 4 * DAY_MS + 7_000
        assert_same(count(store), before)
        assert total(count(store).rows[events(channel="a").key]) == 10 * 1440 * 10.0
        assert pruned(store).samples == 0
    with Store.open(tmp_path / "s.duckdb") as store:
        assert_same(count(store), before)
        assert total(count(store, keep=False).rows[events(channel="a").key]) < 5 * 1440 * 10.0, "it has really gone"


def test_raw_telemetry_of_days_that_nobody_counted_stays(tmp_path: Path) -> None:
    with filled(tmp_path / "s.duckdb") as store:
        done = pruned(store)
        assert (done.samples, done.spans, done.waiting) == (0, 0, 8)
        assert oldest(store) == END_MS - 12 * DAY_MS + 7_000


def test_raw_telemetry_stays_up_to_two_days_before_the_first_day_that_has_to_be_counted_again(tmp_path: Path) -> None:
    with filled(tmp_path / "s.duckdb") as store:
        count(store)
        late = END_MS - 7 * DAY_MS + 5 * HOUR_MS + 1
        store.append_samples(SampleSet.of([({"__name__": "other"}, [late], [1.0])]))
        done = pruned(store)
        assert (done.samples_until_ms, done.waiting) == (END_MS - 9 * DAY_MS, 5)
        count(store)
        assert pruned(store).samples_until_ms == END_MS - 4 * DAY_MS


def test_what_was_removed_is_not_taken_in_again_and_makes_no_day_to_be_counted_again(tmp_path: Path) -> None:
    with filled(tmp_path / "s.duckdb") as store:
        before = count(store)
        pruned(store)
    with filled(tmp_path / "s.duckdb") as store:  # the sender repeats all of it
        assert oldest(store) == END_MS - 4 * DAY_MS + 7_000
        assert store.span_count() == 3 * 24
        assert_same(count(store), before)


def test_a_silent_series_keeps_its_last_day_for_when_it_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with filled(path) as store:
        for days, name in ((6, "lately"), (14, "long_ago")):
            t = scrapes(END_MS - (days + 2) * DAY_MS, END_MS - days * DAY_MS)
            store.append_samples(SampleSet.of([({"__name__": name}, t, np.arange(len(t)))]))
        count(store)
        pruned(store)
        held = [store.samples(SeriesRequest(name, (), ALL)).t_ms for name in ("lately", "long_ago")]
    assert (held[0].min() > END_MS - 7 * DAY_MS, len(held[0]), len(held[1])) == (True, 1440, 0)


def test_a_rare_counter_goes_on_from_days_that_were_kept_where_its_telemetry_was_removed(tmp_path: Path) -> None:
    """Failures that are pushed have samples only when they happen: often the first of a day comes late in it."""
    measurement = events(channel="a")
    t = scrapes(END_MS - 12 * DAY_MS, END_MS - 12 * HOUR_MS)
    failed = np.arange(t[0] + 5 * HOUR_MS, t[-1], 9 * HOUR_MS)
    totals = np.arange(len(failed))
    pairs = np.stack([failed - 60_000, failed], axis=1).ravel(), np.stack([totals, totals + 1], axis=1).ravel()
    week = Grid.ending_at(END_MS - DAY_MS, 6 * DAY_MS)
    truth = int(((failed > week.start_ms) & (failed <= week.end_ms)).sum())
    with Store.open(tmp_path / "s.duckdb") as store:
        success = counter(handled("success", channel="a"), t, 8.0)
        store.append_samples(SampleSet.of([success, (handled("error", channel="a"), *pairs)]))
        count(store)

        def failures(*others: Measurement) -> float:
            found = build([measurement, *others], Answering((store,)), week, keeper=kept_beside(store))
            return bad(found.rows[measurement.key])

        assert failures() == pytest.approx(truth)
        assert pruned(store).samples_until_ms == END_MS - 4 * DAY_MS
        assert failures() == pytest.approx(truth), "and not all that the counter ever counted"
        assert failures(gauge("depth", 5.0)) == pytest.approx(truth), "also of days that another plan counts anew"


def test_kept_days_that_may_not_be_removed_are_told(tmp_path: Path) -> None:
    plan = tmp_path / "s.duckdb.days" / "plan"
    (plan / "2026-11-19.day").mkdir(parents=True)  # a folder is no file to remove, even for root
    with pytest.raises(SourceFailed) as told:
        forget(plan.parent)
    (problem,) = told.value.problems
    assert (problem.code, problem.url) == ("store-write-failed", str(plan))
    assert problem.message.startswith("kept days could not be removed: ")


def test_days_that_were_counted_go_after_their_own_time(tmp_path: Path) -> None:
    with filled(tmp_path / "s.duckdb") as store:
        count(store)
        done = pruned(store, KeepingSettings(days_seconds=5 * 86_400))
    left = sorted(path.stem for path in tmp_path.rglob("*.day"))
    assert (done.days, done.samples, left) == (
        5,
        0,
        ["2026-11-14", "2026-11-15", "2026-11-16", "2026-11-17", "2026-11-18"],
    )


def test_a_clock_that_is_years_ahead_removes_no_day_that_was_counted(tmp_path: Path) -> None:
    with filled(tmp_path / "s.duckdb") as store:
        count(store)
        before = sorted(tmp_path.rglob("*.day")), sorted(tmp_path.rglob("*.rows"))
        kept = kept_beside(store)
        assert kept is not None
        assert prune(store, kept, KeepingSettings(days_seconds=60 * 86_400), END_MS + 9 * 365 * DAY_MS).days == 0
    assert before == (sorted(tmp_path.rglob("*.day")), sorted(tmp_path.rglob("*.rows")))


def test_serve_prunes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "FIRST_SECONDS", 0.0)
    asked = threading.Event()

    def clock() -> int:
        asked.set()
        return END_MS - 6 * HOUR_MS

    with filled(tmp_path / "s.duckdb") as store:
        count(store)
        with upkeep.Upkeep(store, kept_beside(store), THREE_DAYS, clock):
            assert asked.wait(60)
        assert oldest(store) == END_MS - 4 * DAY_MS + 7_000


def scattered(path: Path) -> None:
    """The same telemetry in many small appends, and a series that is empty in the end."""
    with Store.open(path) as store:
        t = scrapes(END_MS - 12 * DAY_MS, END_MS - 12 * HOUR_MS)
        for number, part in enumerate(np.array_split(t, 40)):
            first = float(np.searchsorted(t, part[0]))
            store.append_samples(
                SampleSet.of(
                    [
                        counter(handled("success", channel="a"), part, 8.0, 8.0 * first),
                        counter(handled("error", channel="a"), part, 2.0, 2.0 * first),
                        counter(handled("success", channel="b", i=str(number)), part[:20], 1.0),
                    ]
                )
            )


def test_a_compacted_store_is_the_same_to_everybody(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    scattered(path)
    with Store.open(path) as store:
        before, marks = count(store), store.writes()
        found = store.samples(SeriesRequest("handled_total", (), ALL))
        samples = {
            str(sorted(labels.items())): (t.tolist(), v.tolist())
            for labels, t, v in map(found.series, range(len(found)))
        }
    kept = {day: day.stat().st_mtime_ns for day in tmp_path.rglob("*.day")}
    assert compact(path)[1] == path.stat().st_size
    with Store.open(path) as store:
        found = store.samples(SeriesRequest("handled_total", (), ALL))
        assert samples == {
            str(sorted(labels.items())): (t.tolist(), v.tolist())
            for labels, t, v in map(found.series, range(len(found)))
        }
        assert store.writes() == marks
        assert_same(count(store), before)
        assert store.append_samples(SampleSet.of([(handled("success", channel="a"), [END_MS], [1.0])])) == 1
    assert {day: day.stat().st_mtime_ns for day in tmp_path.rglob("*.day")} == kept, "a day was counted again"
    assert [one.name for one in tmp_path.iterdir() if "compacting" in one.name or "wal" in one.name] == []


def test_many_small_appends_take_less_than_half_the_room_when_compacted(tmp_path: Path) -> None:
    path, random = tmp_path / "s.duckdb", np.random.default_rng(1)
    t = scrapes(END_MS - 10 * DAY_MS, END_MS)
    with Store.open(path) as store:
        for part in np.array_split(t, 12):
            names = ({"__name__": "m", "i": str(number)} for number in range(30))
            store.append_samples(
                SampleSet.of((name, part, np.cumsum(random.integers(0, 50, len(part)))) for name in names)
            )
    before, after = compact(path)
    assert after < before / 2


WORKER = """
import sys
from pathlib import Path
from observatory.settings import KeepingSettings
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.sources.store.compaction import compact
from observatory.sources.store.kept_plans import forget
from observatory.sources.store.upkeep import prune

path = Path(sys.argv[1])
print("ready", flush=True)
days = int(sys.argv[3])
while True:
    with Store.open(path) as store:
        prune(store, kept_beside(store), KeepingSettings(samples_seconds=days * 86_400), int(sys.argv[2]))
    compact(path)
    days = max(3, days - 1)
"""


def test_pruning_and_compaction_that_are_killed_leave_every_number_as_it_was(tmp_path: Path) -> None:
    path, random = tmp_path / "s.duckdb", np.random.default_rng(1)
    filled(path).close()
    with Store.open(path) as store:
        before = count(store)
    for kill in range(8):
        command = [sys.executable, "-c", WORKER, str(path), str(END_MS - 6 * HOUR_MS), str(11 - kill)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        time.sleep(float(random.uniform(0.0, 0.4)))
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()
        with Store.open(path) as store:
            assert_same(count(store), before)
            recent = store.samples(SeriesRequest("handled_total", (), TimeRange(END_MS - 4 * DAY_MS, END_MS)))
            assert np.diff(recent.offsets).tolist() == [3 * 1440 + 720] * 2
    compact(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["s.duckdb", "s.duckdb.days", "s.duckdb.history"]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "observatory", "store", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=60)


def test_the_commands_say_what_there_is_and_what_they_did(tmp_path: Path) -> None:
    with filled(tmp_path / "s.duckdb") as store:
        count(store)
    (tmp_path / "observatory.yaml").write_text("store: {path: s.duckdb, samples: 3d, days: 100d}\n", encoding="utf-8")
    at = str((END_MS - 6 * HOUR_MS) // 1000)
    shown = run(tmp_path, "info").stdout
    assert "s.duckdb: " in shown
    assert "samples    33,120  2 series      2026-11-08T00:00:07Z  2026-11-19T11:59:07Z  3 d" in shown
    assert "kept days  10      plan 1, " in shown
    done = json.loads(run(tmp_path, "prune", "--at", at, "--json").stdout)
    assert (done["schema"], done["samples"], done["samples_until"]) == (
        "observatory.store-prune/1",
        2 * 8 * 1440,
        "2026-11-16T00:00:00Z",
    )
    assert run(tmp_path, "prune", "--at", at).stdout == "removed 0 samples, 0 spans, 0 kept days\n"
    assert json.loads(run(tmp_path, "compact", "--json").stdout)["bytes_after"] > 0
    told = json.loads(run(tmp_path, "info", "--json").stdout)
    assert (told["samples"]["count"], told["samples"]["pruned_until"]) == (2 * 5040, "2026-11-16T00:00:00Z")
    assert (told["kept_days"][0]["days"], told["keeping"]["samples_seconds"]) == (10, 259_200.0)
    again = run(tmp_path, "recount", "--since", "2d", "--at", at)
    assert again.stdout == "2 kept days since 2026-11-17T18:00:00Z will be counted anew\n"


def test_commands_without_a_store_or_without_a_limit_say_what_is_missing(tmp_path: Path) -> None:
    told = run(tmp_path, "info")
    assert (told.returncode, "--store PATH" in told.stderr) == (2, True)
    for words in (("info",), ("compact",)):
        told = run(tmp_path, *words, "--store", "none.duckdb")
        assert (told.returncode, "store-missing" in told.stderr, list(tmp_path.iterdir())) == (4, True, [])
    told = run(tmp_path, "prune", "--store", "none.duckdb")
    assert (told.returncode, "samples: 40d" in told.stderr) == (2, True)
