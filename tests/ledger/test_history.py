"""Days whose telemetry has gone stand as they were counted, whatever plan asks for them; others are counted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from counting_cases import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    Answering,
    Forgetful,
    bad,
    counter,
    events,
    gauge,
    handled,
    scrapes,
    total,
)
from eventful_cases import assert_same
from msgspec.structs import replace

from observatory.compile.measure import Measurement
from observatory.ledger import blocks
from observatory.ledger.build import build
from observatory.ledger.history import Columns, DayRow, day_rows, packed, together, unpacked
from observatory.ledger.ledger import Ledger
from observatory.ledger.packed import PackedRows
from observatory.ledger.row import Row
from observatory.settings import KeepingSettings
from observatory.sources.base import Record, SampleSet, SeriesRequest
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.sources.store.upkeep import prune
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS - 6 * HOUR_MS, 8 * DAY_MS)
A, B, DEPTH = events(channel="a"), events(channel="b"), gauge("depth", 6.0)


@pytest.fixture
def held():  # type: ignore[no-untyped-def]
    t = scrapes(END_MS - 12 * DAY_MS, END_MS)
    with Store.open(None) as store:
        for channel in ("a", "b"):
            store.append_samples(
                SampleSet.of(
                    [
                        counter(handled("success", channel=channel), t, 8.0),
                        counter(handled("error", channel=channel), t, 2.0),
                    ]
                )
            )
        store.append_samples(SampleSet.of([({"__name__": "depth", "job": "b"}, t, np.arange(len(t)) % 13.0)]))
        yield store


def count(source: Forgetful, keeper, *wanted: Measurement, grid: Grid = GRID) -> Ledger:  # type: ignore[no-untyped-def]
    return build(wanted, Answering((source,)), grid, keeper=keeper)  # type: ignore[arg-type]


def rows(ledger: Ledger, one: Measurement) -> list[object]:
    row = ledger.rows[one.key]
    return [row.good.tolist(), row.total.tolist(), row.observed.tolist(), str(row.level), row.counting]


@pytest.fixture
def keeper(tmp_path: Path):  # type: ignore[no-untyped-def]
    with Store.open(tmp_path / "s.duckdb") as beside:
        yield kept_beside(beside)


def test_a_changed_document_keeps_the_days_that_the_server_has_forgotten(held: Store, keeper) -> None:  # type: ignore[no-untyped-def]
    source = Forgetful(held)
    before = count(source, keeper, A, DEPTH)
    source.since_ms = END_MS - 3 * DAY_MS - 5 * HOUR_MS
    after = count(source, keeper, A, B, DEPTH)
    for one in (A, DEPTH):
        assert rows(after, one) == rows(before, one)
    assert total(after.rows[A.key]) == 8 * 1440 * 10.0
    assert total(after.rows[B.key]) == pytest.approx(10.0 * (2 * 1440 + 23 * 60), abs=11), "nobody counted it before"
    assert float(after.rows[B.key].observed.sum()) == pytest.approx((2 * 24 + 23) * 3600, abs=61)
    for _ in range(2):
        assert_same(count(source, keeper, A, B, DEPTH), after)
    assert rows(count(source, keeper, A), A) == rows(before, A)


def test_another_version_does_the_same(held: Store, keeper, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    source = Forgetful(held)
    before = count(source, keeper, A)
    source.since_ms = END_MS
    monkeypatch.setattr(blocks, "__version__", "99")
    after = count(source, keeper, A)
    midnight = -18 * 60
    assert after.rows[A.key].total[:midnight].tolist() == before.rows[A.key].total[:midnight].tolist()
    assert after.rows[A.key].total[midnight:].sum() == 0, "the day that was not over yet has gone with its telemetry"


def test_days_whose_telemetry_is_there_are_counted_and_not_remembered(held: Store, keeper) -> None:  # type: ignore[no-untyped-def]
    source = Forgetful(held)
    count(source, keeper, A)
    t = scrapes(END_MS - 12 * DAY_MS, END_MS)
    with Store.open(None) as other:
        other.append_samples(SampleSet.of([counter(handled("success", channel="a"), t, 1.0)]))
        found = count(Forgetful(other), keeper, A, B)
        assert total(found.rows[A.key]) == 8 * 1440 * 1.0
        assert rows(found, A) == rows(count(Forgetful(other), None, A), A)


def test_a_store_that_was_pruned_keeps_its_numbers_when_documents_change(held: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "own.duckdb") as store:
        store.append_samples(held.samples(SeriesRequest("handled_total", (), replace(GRID.range, start_ms=0))))
        keeper = kept_beside(store)
        assert keeper is not None
        before = count(Forgetful(store), keeper, A)
        done = prune(store, keeper, KeepingSettings(samples_seconds=3 * 86_400), GRID.end_ms)
        assert done.samples > 0
        after = count(Forgetful(store), keeper, A, B)
        assert rows(after, A) == rows(before, A)


@pytest.mark.parametrize("others", [False, True])
def test_who_ended_before_it_was_noted_what_its_days_came_to_leaves_it_to_the_next(
    held: Store,
    keeper,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    others: bool,
) -> None:
    source = Forgetful(held)
    before = count(source, keeper, A)
    shutil.rmtree(tmp_path / "s.duckdb.history")  # as a process leaves it that is killed in between
    for noted in (tmp_path / "s.duckdb.days").rglob("*.noted"):
        noted.unlink()
    if others:
        count(source, keeper, B)
    assert rows(count(source, keeper, A), A) == rows(before, A)
    source.since_ms = END_MS - 3 * DAY_MS - 5 * HOUR_MS
    assert rows(count(source, keeper, A, DEPTH), A) == rows(before, A)


def test_days_go_from_history_with_their_own_retention(held: Store, keeper) -> None:  # type: ignore[no-untyped-def]
    source = Forgetful(held)
    count(source, keeper, A)
    with Store.open(None) as nothing:
        prune(nothing, keeper, KeepingSettings(days_seconds=5 * 86_400), GRID.end_ms)
    source.since_ms = END_MS - 2 * DAY_MS
    found = count(source, keeper, A, B).rows[A.key]
    assert bad(found) / 2 == pytest.approx(total(found) / 10)
    assert float(found.observed.sum()) == pytest.approx((5 * 24 + 18) * 3600, abs=120)


@pytest.mark.parametrize("began_ms", [END_MS - HOUR_MS, END_MS - DAY_MS - 7 * HOUR_MS], ids=["later", "on-the-day"])
def test_who_asks_of_the_time_before_a_counter_began_hears_the_same_as_if_nobody_had_asked_later(
    began_ms: int, tmp_path: Path
) -> None:
    always, t = scrapes(END_MS - 6 * DAY_MS, END_MS), scrapes(began_ms, END_MS)
    with Store.open(tmp_path / "own.duckdb") as store:
        own = {"job": "svc", "instance": "x:1"}
        up = ({"__name__": "up", **own}, always, np.ones(len(always)))
        begun = (counter(handled("success", channel="a", **own), t, 8.0),)
        store.append_samples(SampleSet.of([up, counter(handled("success", channel="b", **own), always, 8.0), *begun]))
        source, keeper = Forgetful(store), kept_beside(store)
        later = count(source, keeper, A, B, grid=Grid.ending_at(END_MS, 3 * DAY_MS)).rows[A.key]
        assert float(later.observed.sum()) == 3 * 86_400, "its target was there all the time"
        store.append_samples(SampleSet.of([counter(handled("error", channel="b", **own), always, 1.0)]))
        grid = Grid.ending_at(began_ms - HOUR_MS, 3 * DAY_MS)
        assert_same(count(source, keeper, A, B, grid=grid), count(source, None, A, B, grid=grid))


def of_day(rows: dict[str, Row], grid: Grid, block: Grid) -> dict[str, DayRow]:
    kept = PackedRows(rows)
    return day_rows({key: Columns.of(kept, key) for key in kept}, grid, block)


def test_rows_of_a_day_come_back_and_the_count_that_saw_more_stands() -> None:
    grid = Grid(0, 60_000, 2880)
    seen = np.where(np.arange(2880) % 7 == 0, 0.0, 60.0)
    row = Row(
        good=np.arange(2880.0),
        total=np.arange(2880.0) + 1,
        observed=seen,
        level=np.full(2880, np.nan),
        upper=np.arange(2880.0) + 0.5,
        at_least=np.arange(2880) % 2 == 0,
        counting="estimated",
        series=3,
    )
    block = Grid(DAY_MS, 60_000, 1440)
    found = unpacked(packed(of_day({"k": row, "unseen": replace(row, observed=np.zeros(2880))}, grid, block)))
    assert list(found) == ["k"]
    assert (found["k"].counting, found["k"].series) == ("estimated", 3)
    assert found["k"].parts["bad"].tolist() == [1.0] * 1440
    assert found["k"].parts["at_least"].tolist() == [1.0, 0.0] * 720
    less = of_day({"k": replace(row, observed=seen / 2), "other": row}, grid, block)
    both = together(found, less)
    assert (both["k"].seen_seconds, sorted(both)) == (found["k"].seen_seconds, ["k", "other"])
    assert together(less, found)["k"].seen_seconds == found["k"].seen_seconds


@pytest.mark.parametrize("most", [200, 60_000, 4_000_000_000])
def test_counts_of_a_day_are_kept_in_the_type_that_they_lie_in(most: int) -> None:
    grid = block = Grid(DAY_MS, 60_000, 1440)
    total = np.floor(np.arange(1, 1441.0) * most / 1440)
    row = Row(good=total - np.arange(1440) % 2, total=total, observed=np.full(1440, 60.0))

    record = packed(of_day({"k": row, "same": row}, grid, block))

    kind = f"u{np.min_scalar_type(most).itemsize}"
    assert len(record.small[kind]) == 2 * 1440 * np.dtype(kind).itemsize + (2 * 1440 if kind == "u1" else 0)
    assert unpacked(record)["same"].parts["total"].tolist() == total.tolist()
    assert unpacked(record)["k"].parts["bad"].tolist() == [0.0, 1.0] * 720


def test_a_record_from_before_counts_had_types_of_their_own_is_still_read() -> None:
    parts = [["total", "all", 3, 3], ["bad", "few", 3, 1], ["observed", "one", 3, 60.0]]
    told = {"rows": [["k", "exact", 2, parts]]}
    before = Record(told, {"values": np.array([7.0, 9.0, 8.0, 4.0])}, {"places": np.array([1])})

    found = unpacked(before)["k"]

    assert (found.counting, found.series, found.steps) == ("exact", 2, 3)
    assert {name: part.tolist() for name, part in found.parts.items()} == {
        "total": [7.0, 9.0, 8.0],
        "bad": [0.0, 4.0, 0.0],
        "observed": [60.0, 60.0, 60.0],
    }
