"""Telemetry that comes late: seen within the horizon by refreshes and by kept days, and counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, HOUR_MS, MINUTE_MS, Answering, bad, events, handled, scrapes, total
from eventful_cases import assert_same
from hypothesis import given
from hypothesis import strategies as st

from observatory.errors import Problem, SourceFailed
from observatory.ledger.build import build
from observatory.ledger.ledger import Ledger
from observatory.ledger.marks import Marks
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.windows import Grid, TimeRange

ONE = events(channel="a")
LENGTH_MS = 4 * DAY_MS


def lines(t: np.ndarray) -> SampleSet:
    """Ten a minute since the beginning, of which two fail."""
    number = (t - END_MS + 10 * DAY_MS) // MINUTE_MS
    return SampleSet.of(
        [(handled("success", channel="a"), t, number * 8.0), (handled("error", channel="a"), t, number * 2.0)]
    )


@dataclass
class Server:
    """A metric server that tells how many samples it holds, as Prometheus does; what it holds is in a store."""

    store: Store
    name: str = "store"
    forgotten_ms: int = 0
    tells: bool = True
    asked: list[SeriesRequest] = field(default_factory=list)
    marked: int = 0

    def samples(self, request: SeriesRequest) -> SampleSet:
        self.asked.append(request)
        found = self.store.samples(request)
        kept = [found.series(index) for index in range(len(found))]
        return SampleSet.of((labels, t[t > self.forgotten_ms], v[t > self.forgotten_ms]) for labels, t, v in kept)

    def marks(self, requests: Sequence[SeriesRequest], span: TimeRange) -> Mapping[int, int]:
        self.marked += 1
        if not self.tells:
            raise SourceFailed(Problem(code="source-refused", message="no connection"))
        assert {request.range for request in requests} == {span}
        t = np.concatenate([self.samples(request).t_ms for request in requests])
        del self.asked[-len(requests) :]
        hours, counts = np.unique((t - 1) // HOUR_MS, return_counts=True)
        return dict(zip(hours.tolist(), counts.tolist(), strict=True))


@pytest.fixture
def server(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A server without the second half of the day before yesterday, and the folder of a store beside it."""
    t = scrapes(END_MS - 9 * DAY_MS, END_MS + DAY_MS)
    missing = (t > END_MS - 12 * HOUR_MS) & (t <= END_MS - 6 * HOUR_MS)
    with Store.open(None) as store, Store.open(tmp_path / "s.duckdb") as beside:
        store.append_samples(lines(t[~missing]))
        yield Server(store), kept_beside(beside), lines(t[missing])


def asked(server: Server, after_ms: int, keeper=None, previous: Ledger | None = None, **more: int) -> Ledger:  # type: ignore[no-untyped-def]
    server.asked.clear()
    grid = Grid.ending_at(END_MS + after_ms, LENGTH_MS)
    return build([ONE], Answering((server,)), grid, keeper=keeper, previous=previous, **more)  # type: ignore[arg-type]


def observed_hours(ledger: Ledger) -> float:
    return float(ledger.rows[ONE.key].observed.sum()) / 3600


def test_a_kept_day_is_counted_again_when_its_server_has_more_samples_of_it(server) -> None:  # type: ignore[no-untyped-def]
    source, keeper, late = server
    first = asked(source, 5 * HOUR_MS, keeper)
    assert observed_hours(first) == pytest.approx(90, abs=0.1)
    asked(source, 5 * HOUR_MS + MINUTE_MS, keeper)
    assert min(one.range.start_ms for one in source.asked) == END_MS - HOUR_MS, "nothing came, nothing is read again"
    source.store.append_samples(late)
    second = asked(source, 5 * HOUR_MS + 2 * MINUTE_MS, keeper)
    assert observed_hours(second) == pytest.approx(96, abs=0.01)
    assert_same(second, asked(source, 5 * HOUR_MS + 2 * MINUTE_MS))
    asked(source, 5 * HOUR_MS + 3 * MINUTE_MS, keeper)
    assert min(one.range.start_ms for one in source.asked) == END_MS - HOUR_MS, "the day is kept anew"


@pytest.mark.parametrize(("late_ms", "hours"), [(23 * HOUR_MS, 96), (8 * HOUR_MS, 90), (0, 90)])
def test_the_horizon_decides_how_far_back_a_kept_day_is_looked_at(server, late_ms: int, hours: int) -> None:  # type: ignore[no-untyped-def]
    source, keeper, late = server
    asked(source, 5 * HOUR_MS, keeper, late_ms=late_ms)
    source.store.append_samples(late)
    found = asked(source, 5 * HOUR_MS + MINUTE_MS, keeper, late_ms=late_ms)
    assert observed_hours(found) == pytest.approx(hours, abs=0.1)


def test_what_came_within_the_horizon_is_found_however_long_nobody_asked(server) -> None:  # type: ignore[no-untyped-def]
    source, keeper, late = server
    asked(source, 2 * HOUR_MS, keeper)
    source.store.append_samples(late)
    found = asked(source, 23 * HOUR_MS, keeper)
    assert observed_hours(found) == pytest.approx(96, abs=0.1)
    assert_same(found, asked(source, 23 * HOUR_MS))


def test_a_refresh_after_a_long_pause_finds_what_came_meanwhile(server) -> None:  # type: ignore[no-untyped-def]
    source, _, late = server
    ledger = asked(source, 2 * HOUR_MS)
    ledger = asked(source, 2 * HOUR_MS + 5 * MINUTE_MS, previous=ledger)
    source.store.append_samples(late)
    found = asked(source, 23 * HOUR_MS, previous=ledger)
    assert observed_hours(found) == pytest.approx(96, abs=0.1)
    source.marked = 0
    asked(source, 23 * HOUR_MS + 5 * MINUTE_MS, previous=found)
    assert source.marked == 1, "without a pause there is one look"


def test_a_day_kept_while_its_server_did_not_tell_is_looked_at_once_it_does(server) -> None:  # type: ignore[no-untyped-def]
    source, keeper, late = server
    source.tells = False
    asked(source, 5 * HOUR_MS, keeper)
    source.store.append_samples(late)
    source.tells = True
    assert observed_hours(asked(source, 5 * HOUR_MS + MINUTE_MS, keeper)) == pytest.approx(96, abs=0.1)
    asked(source, 5 * HOUR_MS + 2 * MINUTE_MS, keeper)
    assert min(one.range.start_ms for one in source.asked) == END_MS - HOUR_MS, "the day is kept, and known to be whole"


def test_a_server_that_forgets_makes_no_day_to_be_counted_again(server) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = server
    first = asked(source, 5 * HOUR_MS, keeper)
    source.forgotten_ms = END_MS - 10 * HOUR_MS
    second = asked(source, 5 * HOUR_MS, keeper)
    assert_same(first, second)


def test_a_refresh_finds_what_came_hours_late_and_reads_no_more_than_that(server) -> None:  # type: ignore[no-untyped-def]
    source, _, late = server
    ledger = asked(source, HOUR_MS)
    ledger = asked(source, HOUR_MS + 5 * MINUTE_MS, previous=ledger)
    assert ledger.marks is not None, "the first look only learns what there is"
    source.store.append_samples(late)
    for minutes in (6, 7, 8, 9):
        ledger = asked(source, HOUR_MS + minutes * MINUTE_MS, previous=ledger)
        assert source.asked[0].range.start_ms == END_MS + (minutes - 11) * MINUTE_MS
    ledger = asked(source, HOUR_MS + 10 * MINUTE_MS, previous=ledger)
    assert source.asked[0].range.start_ms == END_MS - 14 * HOUR_MS, "the hour before the first late one, its lookback"
    row, fresh = ledger.rows[ONE.key], asked(source, HOUR_MS + 10 * MINUTE_MS).rows[ONE.key]
    for name in ("good", "total", "observed"):
        assert getattr(row, name).tolist() == getattr(fresh, name).tolist()
    asked(source, HOUR_MS + 15 * MINUTE_MS, previous=ledger)
    assert source.asked[0].range.start_ms == END_MS, "the tail of ten minutes, and its lookback"


def test_every_hour_is_read_once_more_when_it_is_over(server) -> None:  # type: ignore[no-untyped-def]
    source, _, _ = server
    ledger = asked(source, HOUR_MS)
    for minutes in range(5, 130, 5):
        ledger = asked(source, HOUR_MS + minutes * MINUTE_MS, previous=ledger)
        if minutes in (70, 130):
            assert source.asked[0].range.start_ms == END_MS + (minutes // 60 - 2) * HOUR_MS


def test_what_could_not_be_read_again_is_tried_again(server) -> None:  # type: ignore[no-untyped-def]
    source, _, late = server
    ledger = asked(source, HOUR_MS + 5 * MINUTE_MS, previous=asked(source, HOUR_MS))
    source.store.append_samples(late)
    source.tells = False
    ledger = asked(source, HOUR_MS + 10 * MINUTE_MS, previous=ledger)
    assert observed_hours(ledger) == pytest.approx(90, abs=0.1)
    source.tells = True
    ledger = asked(source, HOUR_MS + 15 * MINUTE_MS, previous=ledger)
    assert observed_hours(ledger) == pytest.approx(96, abs=0.01)


def test_a_store_shows_late_samples_and_repeats_count_nothing(server) -> None:  # type: ignore[no-untyped-def]
    source, _, late = server

    def seen(minutes: int, previous: Ledger | None) -> Ledger:
        grid = Grid.ending_at(END_MS + minutes * MINUTE_MS, LENGTH_MS)
        return build([ONE], Answering((source.store,)), grid, previous=previous)

    ledger = seen(65, seen(60, None))
    for turn in range(3):
        source.store.append_samples(late)
        ledger = seen(70 + 5 * turn, ledger)
        assert observed_hours(ledger) == pytest.approx(96, abs=0.01)
        assert (total(ledger.rows[ONE.key]), bad(ledger.rows[ONE.key])) == (10.0 * 5760, 2.0 * 5760)


def test_a_day_that_ends_while_refreshes_go_on_is_kept_once(server) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = server
    ledger = asked(source, -2 * HOUR_MS, keeper)
    for minutes in range(-110, 100, 10):
        before = sorted(path.stem for path in keeper.folder.rglob("*.day"))
        ledger = asked(source, minutes * MINUTE_MS, keeper, ledger)
        after = sorted(path.stem for path in keeper.folder.rglob("*.day"))
        assert [day for day in after if day not in before] == (["2026-11-19"] if minutes == 70 else [])
        if minutes != 70 and minutes % 60 not in (10, 70):
            assert source.asked[0].range.start_ms >= END_MS + (minutes - 90) * MINUTE_MS, minutes
    row, fresh = ledger.rows[ONE.key], asked(source, 90 * MINUTE_MS).rows[ONE.key]
    for name in ("good", "total", "observed"):
        assert getattr(row, name).tolist() == getattr(fresh, name).tolist()


HOURS = st.dictionaries(st.integers(0, 9), st.integers(0, 5), max_size=6)


@given(HOURS, HOURS, st.integers(0, 9), st.integers(0, 9))
def test_marks_come_back_from_a_header_and_grow_only_where_something_was_added(
    before: dict[int, int], added: dict[int, int], first: int, after: int
) -> None:
    first, after = min(first, after), max(first, after)
    then = Marks(first, after, {"m": before}).within(TimeRange(first * HOUR_MS, after * HOUR_MS))
    more = {hour: before.get(hour, 0) + added.get(hour, 0) for hour in range(10)}
    now = Marks(0, 10, {"m": more})
    grown = [hour for hour in range(first, after) if added.get(hour, 0)]
    assert Marks.of_json(then.to_json()).grown_since(now) is False
    assert now.grown_since(Marks.of_json(then.to_json())) == bool(grown)
    known_less = [
        hour for hour in range(10) if hour >= after or more[hour] > (before.get(hour, 0) if hour >= first else 0)
    ]
    assert now.read_again_from_ms(then) == ((min(known_less) - 1) * HOUR_MS if known_less else None)
