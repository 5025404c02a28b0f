"""Days once counted and kept give the numbers that counting anew gives, whatever was added in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from counting_cases import (
    DAY_MS,
    END_MS,
    HOUR_MS,
    MINUTE_MS,
    Answering,
    Series,
    bad,
    counter,
    events,
    handled,
    measured,
    scrapes,
    selector,
    total,
)
from eventful_cases import EVERY_MS, assert_same, batches, measurements, series, spans
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.errors import Problem, SourceFailed
from observatory.indicators.expression import Count, CountAtMost
from observatory.indicators.indicator import Indicator
from observatory.ledger.blocks import RULES
from observatory.ledger.build import build
from observatory.ledger.ledger import Ledger
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.sources.store.kept_days import KeptFolder
from observatory.telemetry.binding import MetricBinding, Term
from observatory.windows import Grid

DAYS = 6
START_MS = END_MS - DAYS * DAY_MS


def count(store: Store, grid: Grid, keeper: KeptFolder | None) -> Ledger:
    return build(measurements(), Answering((store,), (store,)), grid, keeper=keeper)


INSTANTS = st.tuples(
    st.integers(2 * 24 * 60, DAYS * 24 * 60),  # minutes after the start
    st.integers(2 * 24 * 60, 3 * 24 * 60),  # minutes of the grid
    st.sampled_from([0, 0, 0, 7_000]),  # milliseconds off the minute
    st.sampled_from([60_000, 60_000, 30_000]),
)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), asked=st.lists(INSTANTS, min_size=2, max_size=3))
def test_kept_days_and_days_counted_anew_agree_to_the_last_bit(
    seed: int, asked: list[tuple[int, int, int, int]]
) -> None:
    random = np.random.default_rng(seed)
    telemetry = batches(random, series(random, START_MS, END_MS), 2 * len(asked))
    traces = spans(random, START_MS, END_MS)
    random.shuffle(traces)  # type: ignore[arg-type]
    with TemporaryDirectory() as folder, Store.open(Path(folder) / "s.duckdb") as store:
        keeper = kept_beside(store)
        for number, (after, length, off_ms, step_ms) in enumerate(asked):
            for part in telemetry[2 * number : 2 * number + 2]:
                store.append_samples(part)
            store.append_spans(traces[number :: len(asked)])
            grid = Grid.ending_at(START_MS + after * MINUTE_MS + off_ms, length * MINUTE_MS, step_ms)
            assert_same(count(store, grid, keeper), count(store, grid, None))
        for part in telemetry:  # a repeat of everything changes nothing
            assert store.append_samples(part) == 0
        assert_same(count(store, grid, keeper), count(store, grid, None))


def known_series() -> list[Series]:
    """A restart, a gap over midnight, newcomers of all sorts, a consumer that is stuck for hours; nothing by chance."""
    t = scrapes(START_MS, END_MS, EVERY_MS)
    number = np.arange(len(t))
    gap = (t <= END_MS - 2 * DAY_MS - HOUR_MS) | (t > END_MS - 2 * DAY_MS + 3 * HOUR_MS)
    restarted = np.where(number < 900, number * 7.0, (number - 900) * 7.0)
    own = {"job": "broker", "instance": "b:1", "partition": "0"}
    return [
        (handled("success", channel="a"), t[gap], restarted[gap]),
        (handled("error", channel="a"), t[700:], np.floor(number[700:] / 9) - 76.0),
        (handled("success", channel="b", instance="y:1"), t, number * 3.0),
        (handled("error", channel="b", instance="y:1", topic="o-1"), t[:1000], 5e4 + number[:1000] * 2.0),
        (handled("error", channel="b", instance="y:1", topic="o.1"), t[1000:], 5e4 + number[1000:] * 2.0),
        (handled("success", channel="b", instance="y:1", shown="late"), t[700:], 1e8 + number[700:] * 1.0),
        (handled("success", channel="a", instance="z:1", replica="one"), t[:900], number[:900] * 5.0),
        (handled("success", channel="a", instance="z:1", replica="two"), t, number * 5.0),
        ({"__name__": "end", **own}, t, number * 11.0),
        (
            {"__name__": "done", **own, "group": "g"},
            t,
            np.where((number > 800) & (number < 900), 8800.0, number * 11.0),
        ),
        ({"__name__": "depth", **own}, t, number % 13.0),
    ]


def test_other_rules_of_counting_take_another_number() -> None:
    """Fails when known telemetry is counted in another way: then `RULES` must grow, and the digest here with it."""
    with Store.open(None) as store:
        store.append_samples(SampleSet.of(known_series()))
        ledger = count(store, Grid.ending_at(END_MS - 6 * HOUR_MS, 4 * DAY_MS), None)
    digest = sha256()
    for key in sorted(ledger.rows):
        row = ledger.rows[key]
        for part in (row.good, row.total, row.observed, row.level, row.findings.births, row.findings.gap):
            digest.update(b"" if part is None else part.tobytes())
    assert (RULES, digest.hexdigest()[:16]) == (9, "d8d67d65ec36f196")


@dataclass
class Watched:
    """A store that notes what it is asked and fails when told to."""

    store: Store
    asked: list[SeriesRequest] = field(default_factory=list)
    broken: bool = False
    doubtful: bool = False
    until_ms: int | None = None
    without: str = ""
    name: str = "store"

    def samples(self, request: SeriesRequest) -> SampleSet:
        self.asked.append(request)
        if self.broken or request.metric == self.without:
            raise SourceFailed(Problem(code="source-refused", message="no connection"))
        found = self.store.samples(request)
        if self.until_ms is not None:
            kept = [found.series(index) for index in range(len(found))]
            found = SampleSet.of((labels, t[t <= self.until_ms], v[t <= self.until_ms]) for labels, t, v in kept)
        if self.doubtful:
            problem = Problem(code="source-warning", message="partial", severity="warning")
            return SampleSet(found.labels, found.offsets, found.t_ms, found.values, problems=(problem,))
        return found


@pytest.fixture
def kept(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A server whose counter rises by ten a minute, and the folder of a store that is another file."""
    t = scrapes(END_MS - 5 * DAY_MS, END_MS)
    with Store.open(None) as store, Store.open(tmp_path / "s.duckdb") as beside:
        store.append_samples(
            SampleSet.of(
                [counter(handled("success", channel="a"), t, 8.0), counter(handled("error", channel="a"), t, 2.0)]
            )
        )
        yield Watched(store), kept_beside(beside), beside


ONE = events(channel="a")
FOUR_DAYS = Grid.ending_at(END_MS - 6 * HOUR_MS, 4 * DAY_MS)


def asked_for(source: Watched, grid: Grid, keeper: KeptFolder | None, one=ONE) -> Ledger:  # type: ignore[no-untyped-def]
    source.asked.clear()
    return build([one], Answering((source,)), grid, keeper=keeper)  # type: ignore[arg-type]


def test_a_second_count_asks_the_server_for_the_tail_only(kept) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = kept
    first = asked_for(source, FOUR_DAYS, keeper)
    spans_of_first = [request.range for request in source.asked]
    second = asked_for(source, FOUR_DAYS, keeper)

    midnight = END_MS - DAY_MS
    assert spans_of_first[0].start_ms == midnight - 4 * DAY_MS - HOUR_MS
    assert [(request.range.start_ms, request.range.end_ms) for request in source.asked] == [
        (midnight - HOUR_MS, FOUR_DAYS.end_ms)
    ]
    assert_same(first, second)
    assert total(second.rows[ONE.key]) == 4 * 1440 * 10.0


def test_an_hour_after_midnight_the_day_before_is_kept_too(kept) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = kept
    midnight = END_MS - DAY_MS
    asked_for(source, Grid.ending_at(midnight + 30 * MINUTE_MS, 3 * DAY_MS), keeper)
    asked_for(source, Grid.ending_at(midnight + 40 * MINUTE_MS, 3 * DAY_MS), keeper)
    assert source.asked[0].range.start_ms == midnight - DAY_MS - HOUR_MS
    asked_for(source, Grid.ending_at(midnight + 70 * MINUTE_MS, 3 * DAY_MS), keeper)
    asked_for(source, Grid.ending_at(midnight + 71 * MINUTE_MS, 3 * DAY_MS), keeper)
    assert source.asked[0].range.start_ms == midnight - HOUR_MS


@pytest.mark.parametrize("fault", ["broken", "doubtful"])
def test_what_a_source_answered_in_part_is_not_kept(kept, fault: str) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = kept
    setattr(source, fault, True)
    asked_for(source, FOUR_DAYS, keeper)
    setattr(source, fault, False)

    assert not keeper.folder.exists()
    assert total(asked_for(source, FOUR_DAYS, keeper).rows[ONE.key]) == 4 * 1440 * 10.0


def test_a_clock_that_runs_ahead_keeps_no_day_that_has_not_come(kept) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = kept
    wrong = asked_for(source, Grid.ending_at(END_MS + 30 * DAY_MS, 33 * DAY_MS), keeper)
    assert total(wrong.rows[ONE.key]) == 3 * 1440 * 10.0
    days = sorted(path.stem for path in keeper.folder.rglob("*.day"))
    assert days[-1] == "2026-11-18"

    t = scrapes(END_MS, END_MS + 2 * DAY_MS)
    source.store.append_samples(SampleSet.of([counter(handled("success", channel="a"), t, 8.0, 8.0 * 5 * 1440)]))
    right = asked_for(source, Grid.ending_at(END_MS + 2 * DAY_MS, 4 * DAY_MS), keeper)
    assert total(right.rows[ONE.key]) == 2 * 1440 * 10.0 + 2 * 1440 * 8.0


def test_a_source_that_is_behind_and_catches_up_loses_nothing(kept) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = kept
    source.until_ms = END_MS - 2 * DAY_MS - 5 * HOUR_MS
    asked_for(source, FOUR_DAYS, keeper)
    source.until_ms = None
    assert total(asked_for(source, FOUR_DAYS, keeper).rows[ONE.key]) == 4 * 1440 * 10.0


def test_a_source_that_comes_and_goes_counts_each_event_once(kept) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = kept
    for hour in range(12):
        source.broken = hour % 3 == 1
        source.doubtful = hour % 3 == 2
        grid = Grid.ending_at(FOUR_DAYS.end_ms - (11 - hour) * HOUR_MS, 3 * DAY_MS)
        ledger = asked_for(source, grid, keeper)
        if source.broken:
            assert ONE.key not in ledger.rows
        else:
            assert (total(ledger.rows[ONE.key]), bad(ledger.rows[ONE.key])) == (3 * 1440 * 10.0, 3 * 1440 * 2.0)


def test_another_measurement_or_step_finds_nothing_of_this_one(kept) -> None:  # type: ignore[no-untyped-def]
    source, keeper, _ = kept
    asked_for(source, FOUR_DAYS, keeper)
    other = events(channel="a", job="svc")
    assert total(asked_for(source, FOUR_DAYS, keeper, other).rows[other.key]) == 4 * 1440 * 10.0
    assert source.asked[0].range.start_ms == END_MS - 5 * DAY_MS - HOUR_MS
    assert len(list(keeper.folder.iterdir())) == 2
    asked_for(source, Grid.ending_at(FOUR_DAYS.end_ms, 4 * DAY_MS, 30_000), keeper)
    assert source.asked[0].range.start_ms == END_MS - 5 * DAY_MS - HOUR_MS


def test_an_older_sample_makes_the_days_around_it_count_anew_and_no_others(tmp_path: Path) -> None:
    t = scrapes(END_MS - 5 * DAY_MS, END_MS)
    late = (t > END_MS - 2 * DAY_MS - 5 * HOUR_MS) & (t <= END_MS - 2 * DAY_MS - 4 * HOUR_MS)
    labels, _, values = counter(handled("success", channel="a"), t, 8.0)
    with Store.open(tmp_path / "s.duckdb") as store:
        source, keeper = Watched(store), kept_beside(store)
        store.append_samples(SampleSet.of([(labels, t[~late], np.asarray(values)[~late])]))
        before = asked_for(source, FOUR_DAYS, keeper)
        store.append_samples(SampleSet.of([(labels, t[late], np.asarray(values)[late])]))
        after = asked_for(source, FOUR_DAYS, keeper)
        ranges = sorted({request.range for request in source.asked if request.metric == "handled_total"})
        assert_same(after, asked_for(source, FOUR_DAYS, None))
    assert (before.rows[ONE.key].findings.gap.sum(), after.rows[ONE.key].findings.gap.sum()) == (61 * 8.0, 0.0)
    assert [(one.start_ms - END_MS, one.end_ms - END_MS) for one in ranges] == [
        (-3 * DAY_MS - HOUR_MS, -2 * DAY_MS),
        (-DAY_MS - HOUR_MS, -6 * HOUR_MS),
    ]


def test_a_question_without_an_answer_leaves_the_others_joined_to_their_past(tmp_path: Path) -> None:
    """A counter that was away around midnight is no newcomer, though the numbers of what is asked have gaps now."""
    t = scrapes(END_MS - 5 * DAY_MS, END_MS)
    away = (t <= FOUR_DAYS.end_ms - 20 * HOUR_MS) | (t > FOUR_DAYS.end_ms - 15 * HOUR_MS)
    labels, _, values = counter({**handled("success", channel="a"), "__name__": "later_total"}, t, 8.0)
    series = [
        counter({**handled("success", channel="a"), "__name__": name}, t, 1.0) for name in ("first_total", "up_x")
    ]
    several = [events(name, channel="a") for name in ("first_total", "later_total", "up_x")]
    with Store.open(tmp_path / "s.duckdb") as store:
        store.append_samples(SampleSet.of([*series, (labels, t[away], np.asarray(values)[away])]))
        source, keeper = Watched(store), kept_beside(store)
        whole = build(several, Answering((source,)), FOUR_DAYS, keeper=keeper)  # type: ignore[arg-type]
        source.without = "first_total"
        part = build(several, Answering((source,)), FOUR_DAYS, keeper=keeper)  # type: ignore[arg-type]
    key = several[1].key
    assert several[0].key not in part.rows
    assert total(whole.rows[key]) == pytest.approx(4 * 1440 * 8.0, rel=1e-12)
    assert part.rows[key].total.tobytes() == whole.rows[key].total.tobytes()


def test_a_histogram_that_changed_its_buckets_days_ago_counts_the_same_from_kept_days(tmp_path: Path) -> None:
    """Of every eight messages four are in time; the new release has no bucket at the bound. A gap lies on midnight."""
    t = scrapes(END_MS - 5 * DAY_MS, END_MS)
    new = t > END_MS - 2 * DAY_MS - HOUR_MS
    away = new & (t <= END_MS - 2 * DAY_MS + 2 * HOUR_MS)
    number = np.where(new, np.cumsum(new), np.arange(len(t))).astype(np.float64)
    lines: list[Series] = []
    for name, le, share, there in (
        ("seconds_count", None, 8.0, ~away),
        ("seconds_bucket", "+Inf", 8.0, ~away),
        ("seconds_bucket", "0.25", 2.0, ~away),
        ("seconds_bucket", "0.5", 4.0, ~new),
        ("seconds_bucket", "1", 6.0, new & ~away),
    ):
        labels = {"__name__": name, "job": "svc", "instance": "a:1"} | ({"le": le} if le else {})
        lines.append((labels, t[there], number[there] * share))
    binding = MetricBinding(
        signal="processing_latency",
        source="store",
        profile="test",
        kind="distribution",
        all=(Term(1, selector("seconds")),),
        boundaries=((0.25, "0.25"), (0.5, "0.5"), (1.0, "1"), (float("inf"), "+Inf")),
        liveness="live",
    )
    of_signal = binding.signal
    indicator = Indicator(sli="latency", total=Count(of_signal), good=CountAtMost(of_signal, 0.5), measure="in time")
    judged = measured(indicator, (binding,))
    with Store.open(tmp_path / "s.duckdb") as store:
        store.append_samples(SampleSet.of(lines))
        source, keeper = Watched(store), kept_beside(store)
        first, second, plain = (asked_for(source, FOUR_DAYS, one, judged) for one in (keeper, keeper, None))
    assert_same(first, second)
    assert_same(first, plain)
    row = first.rows[judged.key]
    late = int(number[t <= FOUR_DAYS.end_ms][-1])
    early = int((~new & (t > FOUR_DAYS.start_ms)).sum())
    assert row.upper is not None
    assert total(row) == pytest.approx(8 * (early + late))
    assert (row.good.sum(), row.upper.sum()) == pytest.approx((4 * early + 2 * late, 4 * early + 6 * late))
