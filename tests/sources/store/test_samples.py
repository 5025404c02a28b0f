"""Samples of the embedded store: every sample once, sorted, whatever the order in which they came."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import SourceFailed
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.store import Store
from observatory.telemetry.binding import Matcher
from observatory.telemetry.inventory import InventoryRequest, LabelSets, MetricMetadata
from observatory.windows import TimeRange

ALWAYS = TimeRange(0, 10**15)


def one(metric: str, t_ms: list[int], values: list[float], **labels: str) -> SampleSet:
    return SampleSet.of([({"__name__": metric, **labels}, t_ms, values)])


def read(store: Store, metric: str = "m", *matchers: Matcher, span: TimeRange = ALWAYS) -> SampleSet:
    return store.samples(SeriesRequest(metric, matchers, span))


def test_a_bulk_load_comes_back_as_it_was() -> None:
    t_ms, values = np.arange(10_000) * 15_000 + 1, np.arange(10_000) * 2.0
    with Store.open() as store:
        assert store.append_samples(one("m", t_ms, values, topic="orders")) == 10_000
        labels, times, found = read(store).series(0)
    assert labels == {"__name__": "m", "topic": "orders"}
    assert (times == t_ms).all()
    assert (found == values).all()


def test_many_days_of_many_series_come_back_whole_and_by_their_tail() -> None:
    t_ms = np.arange(1, 9 * 144 + 1) * 600_000
    values = {str(i): t_ms * (i + 1.0) for i in range(5)}
    with Store.open() as store:
        store.append_samples(SampleSet.of(({"__name__": "m", "i": i}, t_ms, v) for i, v in values.items()))
        store.append_samples(one("other", t_ms, t_ms * 1.0))
        whole, tail = read(store), read(store, span=TimeRange(int(t_ms[-3]), int(t_ms[-1])))
    assert [(labels["i"], v.tolist()) for labels, _, v in map(whole.series, range(5))] == [
        (i, v.tolist()) for i, v in values.items()
    ]
    assert [v.tolist() for _, _, v in map(tail.series, range(5))] == [v[-2:].tolist() for v in values.values()]


def test_a_repeated_load_adds_nothing() -> None:
    samples = one("m", np.arange(1000) * 1000, np.arange(1000))
    with Store.open() as store:
        store.append_samples(samples)
        assert store.append_samples(samples) == 0
        assert len(read(store).t_ms) == 999  # the first lies on the open start of the range


def test_of_one_series_and_timestamp_the_first_value_stays() -> None:
    with Store.open() as store:
        store.append_samples(one("m", [1000, 2000], [1, 2]))
        assert store.append_samples(one("m", [2000, 3000], [99, 3])) == 1
        assert read(store).values.tolist() == [1, 2, 3]


def test_a_late_sample_takes_its_place_in_time() -> None:
    with Store.open() as store:
        store.append_samples(one("m", [1000, 4000], [1, 4]))
        assert store.append_samples(one("m", [3000, 2000], [3, 2])) == 2
        assert read(store).t_ms.tolist() == [1000, 2000, 3000, 4000]


def test_late_samples_wait_with_the_others_until_chunks_are_written_anyway() -> None:
    day = 86_400_000
    with Store.open() as store:
        store.append_samples(one("m", np.arange(1, 101) * 3_600_000, np.arange(1.0, 101)))
        assert store.append_samples(one("m", [5, 2 * day + 7, 100 * 3_600_000 - 1], [0.5, 48.5, 99.5])) == 3
        waiting = read(store)
        assert store.compact() == 3
        merged = read(store)

    assert (waiting.t_ms.tolist(), waiting.values.tolist()) == (merged.t_ms.tolist(), merged.values.tolist())
    assert waiting.values.tolist() == sorted([*range(1, 101), 0.5, 48.5, 99.5])


def test_a_late_sample_at_the_start_of_a_day_does_not_span_what_came_between() -> None:
    parts = [np.arange(first, first + 40) * 60_000 for first in (0, 100, 200, 300)]
    late, repeated = parts[0][7:8], np.concatenate(parts[1:3])
    with Store.open() as store:
        store.append_samples(one("m", np.delete(parts[0], 7), np.zeros(39)))
        for part in parts[1:3]:
            store.append_samples(one("m", part, np.zeros(40)))
        both = np.concatenate([late, parts[3]])
        assert store.append_samples(one("m", both, np.zeros(41))) == 41
        assert store.append_samples(one("m", repeated, np.zeros(80))) == 0
        _, times, _ = read(store).series(0)
    assert times.tolist() == np.concatenate(parts)[1:].tolist()


def test_a_range_leaves_its_start_out_and_takes_its_end_in() -> None:
    with Store.open() as store:
        store.append_samples(one("m", [1000, 2000, 3000, 4000], [1, 2, 3, 4]))
        assert read(store, span=TimeRange(1000, 3000)).t_ms.tolist() == [2000, 3000]


def test_a_stale_marker_stays_a_stale_marker() -> None:
    with Store.open() as store:
        store.append_samples(one("m", np.arange(1, 101), [1.0] * 99 + [np.nan]))
        assert np.isnan(read(store).values).tolist() == [False] * 99 + [True]


def test_live_samples_survive_compaction_and_the_next_day() -> None:
    day = 86_400_000
    with Store.open() as store:
        for step in range(5):
            store.append_samples(one("m", [day - 2000 + step * 1000], [step]))
        assert store.compact() == 5
        store.append_samples(one("m", [day + 9000], [9]))
        assert read(store).values.tolist() == [0, 1, 2, 3, 4, 9]


def test_a_label_with_an_empty_value_is_an_absent_label() -> None:
    with Store.open() as store:
        store.append_samples(one("m", [1], [1], topic=""))
        store.append_samples(one("m", [2], [2]))
        assert read(store).labels == ({"__name__": "m"},)


@pytest.mark.parametrize(
    ("matcher", "topics"),
    [
        (Matcher("topic", ("a",)), ["a"]),
        (Matcher("topic", ("a", "ab")), ["a", "ab"]),
        (Matcher("topic", ("",)), [""]),
        (Matcher("topic", ("a",), negated=True), ["ab", ""]),
        (Matcher("topic", ("",), negated=True), ["a", "ab"]),
        (Matcher("topic", pattern="a"), ["a"]),
        (Matcher("topic", pattern="a.*"), ["a", "ab"]),
        (Matcher("topic", pattern="a.+", negated=True), ["a", ""]),
        (Matcher("topic", pattern=".*"), ["a", "ab", ""]),
        (Matcher("absent", pattern=".+"), []),
    ],
)
def test_a_matcher_chooses_as_in_promql(matcher: Matcher, topics: list[str]) -> None:
    with Store.open() as store:
        for topic in ("a", "ab", ""):
            store.append_samples(one("m", [1], [1], topic=topic))
        assert [labels.get("topic", "") for labels in read(store, "m", matcher).labels] == topics


def test_a_pattern_that_is_no_regular_expression_is_a_coded_failure() -> None:
    with Store.open() as store:
        store.append_samples(one("m", [1], [1], topic="a"))
        with pytest.raises(SourceFailed, match="matcher-invalid"):
            read(store, "m", Matcher("topic", pattern="(?=a)"))


def test_names_and_inventory_know_what_reaches_into_the_range() -> None:
    with Store.open() as store:
        store.append_samples(one("old", [1000], [1]))
        for topic, partition in (("a", "0"), ("a", "1"), ("b", "0")):
            store.append_samples(one("new", [5000], [1], topic=topic, partition=partition))
        span = TimeRange(2000, 9000)
        assert store.metric_names(span) == {"new"}
        inventory = store.inventory(InventoryRequest({"new": ("topic", "group"), "old": ("topic",)}), span)
    assert inventory.label_sets == {"new": LabelSets(("topic", "group"), (("a", ""), ("b", "")), (2, 1))}
    assert inventory.names == {"new"}


def test_what_an_exporter_says_of_a_metric_is_kept_and_the_last_word_counts() -> None:
    with Store.open() as store:
        store.append_metadata({"m": MetricMetadata("gauge"), "n": MetricMetadata("counter", "messages", "all")})
        store.append_metadata({"m": MetricMetadata("counter")})
        found = store.inventory(InventoryRequest({}), ALWAYS).metadata
    assert found == {"m": MetricMetadata("counter"), "n": MetricMetadata("counter", "messages", "all")}


def test_the_oldest_instant_is_known_and_an_empty_store_has_none() -> None:
    with Store.open() as store:
        assert store.earliest_ms() is None
        store.append_samples(one("m", [7000, 8000], [1, 1]))
        assert store.earliest_ms() == 7000


def append_and_fail(store: Store) -> None:
    with store.transaction():
        store.append_samples(one("m", [1], [1]))
        read(store, "m", Matcher("__name__", pattern="("))


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s.duckdb") as store:
        with pytest.raises(SourceFailed):
            append_and_fail(store)
        assert store.metric_names(ALWAYS) == frozenset()
        assert store.append_samples(one("m", [1], [1])) == 1


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s.duckdb") as store:
        store.append_samples(one("m", np.arange(1, 101), np.arange(100)))
        store.append_samples(one("m", [200], [7]))
    with Store.open(tmp_path / "s.duckdb", read_only=True) as store:
        assert len(read(store).t_ms) == 101
        with pytest.raises(SourceFailed, match="store-write-failed"):
            store.append_samples(one("m", [300], [7]))


def test_a_second_owner_in_this_process_is_turned_away(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s.duckdb"), pytest.raises(SourceFailed, match="store-locked"):
        Store.open(tmp_path / "s.duckdb")
    Store.open(tmp_path / "s.duckdb").close()


def test_a_second_owner_in_another_process_is_turned_away(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom observatory.sources.store import Store\nfrom observatory.errors import SourceFailed\n"
        "try: Store.open(sys.argv[1])\nexcept SourceFailed as error: print(error.problems[0].code)"
    )
    with Store.open(tmp_path / "s.duckdb"):
        result = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "s.duckdb")], capture_output=True, text=True, check=True
        )
    assert result.stdout.strip() == "store-locked"


def test_a_missing_store_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="store-missing"):
        Store.open(tmp_path / "none.duckdb", read_only=True)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but a text that is long enough to be read as a header of one\n" * 200)
    with pytest.raises(SourceFailed, match="store-unreadable"):
        Store.open(path)
    assert path.read_text().startswith("not a database")


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "theirs.duckdb")) as theirs:
        theirs.execute("CREATE TABLE customers (name VARCHAR)")
    with pytest.raises(SourceFailed, match="not a store of Observatory"):
        Store.open(tmp_path / "theirs.duckdb")
    with duckdb.connect(str(tmp_path / "theirs.duckdb")) as theirs:
        assert theirs.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("customers",)]


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path / "s.duckdb").close()
    with duckdb.connect(str(tmp_path / "s.duckdb")) as file:
        file.execute("INSERT INTO store_version VALUES (999)")
    with pytest.raises(SourceFailed, match="store-newer"):
        Store.open(tmp_path / "s.duckdb")


batches = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 300)), min_size=1, max_size=80), min_size=1, max_size=6
)


example_numbers = count(1)


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    """One store for all examples, each with a metric of its own: opening takes longer than appending."""
    with Store.open() as opened:
        yield opened


@settings(deadline=None, max_examples=60)
@given(batches, st.sets(st.integers(0, 5)))
def test_any_order_of_appends_gives_every_sample_once_and_sorted(
    shared: Store, appends: list[list[tuple[int, int]]], compacted: set[int]
) -> None:
    unit = 3_600_000  # 300 hours: chunks of many days
    metric = f"m{next(example_numbers)}"
    expected: dict[str, dict[int, float]] = {}
    for number, batch in enumerate(appends):
        new = 0
        for series, t in batch:
            values = expected.setdefault(str(series), {})
            new += t * unit not in values
            values.setdefault(t * unit, float(number))
        samples = SampleSet.of(({"__name__": metric, "i": str(s)}, [t * unit], [float(number)]) for s, t in batch)
        assert shared.append_samples(samples) == new
        if number in compacted:
            shared.compact()
    found = read(shared, metric)
    result = {
        labels["i"]: dict(zip(times.tolist(), values.tolist(), strict=True))
        for labels, times, values in (found.series(i) for i in range(len(found)))
    }
    assert result == expected
    assert all((np.diff(found.series(i)[1]) > 0).all() for i in range(len(found)))


@pytest.mark.parametrize("days", [1, 5])
def test_requests_together_are_answered_as_one_by_one(days: int) -> None:
    """Bulk and live samples, series that two requests share, others that none has, ranges that differ."""
    end = days * 86_400_000
    random = np.random.default_rng(4)
    with Store.open() as store:
        for name in ("a", "b", "c"):
            for number in range(3):
                times = np.unique(random.integers(1, end, 200))
                labels = {"__name__": name, "number": str(number)}
                store.append_samples(SampleSet.of([(labels, times, random.random(len(times)))]))
                store.append_samples(SampleSet.of([(labels, [end + number], [1.0])]))
        requests = [
            SeriesRequest("b", (), TimeRange(end // 3, end + 1)),
            SeriesRequest("a", (Matcher("number", ("1", "2")),), TimeRange(0, end)),
            SeriesRequest("b", (Matcher("number", ("2",)),), TimeRange(end // 2, end + 2)),
            SeriesRequest("nothing", (), TimeRange(0, end)),
            SeriesRequest("c", (), TimeRange(end + 1, end + 2)),
        ]
        together = store.samples_together(requests)
        for request, found in zip(requests, together, strict=True):
            alone = store.samples(request)
            assert found.labels == alone.labels
            assert found.offsets.tolist() == alone.offsets.tolist()
            assert found.t_ms.tolist() == alone.t_ms.tolist()
            assert found.values.tolist() == alone.values.tolist()
        assert [len(found) for found in together] == [3, 2, 1, 0, 1]
        assert store.samples_together([]) == []
