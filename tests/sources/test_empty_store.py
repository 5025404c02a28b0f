"""A store beside a server that holds nothing is opened once, and again as soon as anything may have been written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from observatory.settings import PrometheusSettings, Settings
from observatory.sources.base import HopQuery, Record, SampleSet, SeriesRequest, SpanSource
from observatory.sources.empty_store import NOTE, EmptyStore, known_empty
from observatory.sources.opening import Sources, kept_folder_of, open_sources
from observatory.sources.store import Store
from observatory.sources.store.kept_days import KeptPlan
from observatory.telemetry.binding import SpanSelector
from observatory.telemetry.inventory import InventoryRequest, MetricMetadata
from observatory.windows import Grid, TimeRange

SPAN = TimeRange(0, 3_600_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts.duckdb"


def opened(path: Path) -> Sources:
    """As commands that only read open it; no server is asked."""
    server = PrometheusSettings(url="http://127.0.0.1:9")
    return open_sources(Settings(prometheus=(server,), store=path), read_only_store=True)


def is_open(path: Path) -> bool:
    """Whether a command has the file open."""
    with opened(path) as sources:
        return sources.store is not None


def test_a_store_that_is_not_there_is_empty_and_is_not_made(path: Path) -> None:
    with opened(path) as sources:
        assert sources.store is None
        assert isinstance(sources.metrics[-1], EmptyStore)
        assert [state.name for state in sources.states()] == ["metrics", "store"]
    assert not path.exists()


def test_days_counted_without_a_store_stand_until_one_holds_something_of_theirs(path: Path) -> None:
    def kept_days() -> KeptPlan:
        with opened(path) as sources:
            assert sources.kept is not None
            return sources.kept.days("plan", 60_000)

    kept_days().keep(0, Record({"of": "no store"}, {}, {}), SPAN)
    assert kept_days().load(0) == Record({"of": "no store"}, {}, {})
    samples(path)
    assert kept_days().load(0) is None


def test_an_empty_store_is_opened_once(path: Path) -> None:
    Store.open(path).close()
    assert [is_open(path) for _ in range(2)] == [True, False]


def test_days_kept_before_are_found_without_opening_it(path: Path) -> None:
    token = made(path)
    with opened(path) as second:
        assert isinstance(second.metrics[-1], EmptyStore)
        assert second.metrics[-1].writes() == token


def made(path: Path) -> dict[int, int]:
    """A store that a command has opened and found empty; what it says of its writes."""
    Store.open(path).close()
    with opened(path) as sources:
        assert sources.store is not None
        return sources.store.writes()


def samples(path: Path) -> None:
    with Store.open(path) as store:
        store.append_samples(SampleSet.of([({"__name__": "up"}, np.asarray([1]), np.asarray([1.0]))]))


def metadata(path: Path) -> None:
    with Store.open(path) as store:
        store.append_metadata({"up": MetricMetadata("gauge", "", "")})


def another_file(path: Path) -> None:
    path.unlink()
    Store.open(path).close()


def lender(path: Path) -> None:
    path.with_name(f"{path.name}.sock").touch()


def log(path: Path) -> None:
    path.with_name(f"{path.name}.wal").touch()


def damage(path: Path) -> None:
    (kept_folder_of(path) / NOTE).write_bytes(b'{"looks"')


@pytest.mark.parametrize("happens", [samples, metadata, another_file, lender, log, damage])
def test_whatever_happens_to_it_it_is_looked_at_again(path: Path, happens: Callable[[Path], None]) -> None:
    made(path)
    assert known_empty(path, kept_folder_of(path)) is not None

    happens(path)

    assert known_empty(path, kept_folder_of(path)) is None


@pytest.mark.parametrize("happens", [samples, metadata])
def test_a_store_that_holds_something_is_opened_every_time(path: Path, happens: Callable[[Path], None]) -> None:
    happens(path)

    assert [is_open(path) for _ in range(2)] == [True, True]


def test_it_answers_what_the_open_store_answers(path: Path) -> None:
    made(path)
    empty = known_empty(path, kept_folder_of(path))
    assert empty is not None
    grid = Grid(0, 60_000, 3)
    selector = SpanSelector(("orders",))
    request = SeriesRequest("up", (), SPAN)

    def answers(source: EmptyStore | Store) -> list[object]:
        spans: SpanSource = source
        found = source.samples(request)
        return [
            source.state(),
            source.writes(),
            source.earliest_ms(),
            source.metric_names(SPAN),
            source.inventory(InventoryRequest({"up": ("job",)}), SPAN),
            (found.labels, found.offsets.tolist(), found.t_ms.tolist(), found.values.tolist()),
            {key: one.tolist() for key, one in spans.count_hops([HopQuery("k", selector)], grid).items()},
            spans.span_presence(grid).tolist(),
            [one.tolist() for one in spans.hop_latencies(selector, SPAN)],
            spans.destinations(SPAN),
            spans.sample_traces(None, SPAN, 3),
            spans.trace("00000000000000000000000000000001"),
        ]

    found = answers(empty)
    with Store.open(path, read_only=True) as store:
        assert found == answers(store)
