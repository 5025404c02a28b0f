"""A store that one process owns and writes is read by others: over its socket, with the answers of the file."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, Answering
from eventful_cases import assert_same, measurements, series, spans
from hypothesis import given
from hypothesis import strategies as st

from observatory.errors import Problem, SourceFailed
from observatory.ledger.build import build
from observatory.location import Location
from observatory.settings import Settings
from observatory.sources.base import HopQuery, MessageQuery, SampleSet, SeriesRequest, VisitQuery, Visits
from observatory.sources.opening import kept_beside, open_sources
from observatory.sources.store import Store, wire
from observatory.sources.store.lending import QUESTIONS, Lending, socket_of
from observatory.sources.store.lent import LentStore
from observatory.telemetry.binding import Matcher, SpanSelector
from observatory.telemetry.inventory import InventoryRequest, MetricMetadata
from observatory.windows import Grid, TimeRange

SPAN = TimeRange(END_MS - 4 * DAY_MS, END_MS)
GRID = Grid.ending_at(END_MS, 3 * DAY_MS)
SELECTOR = SpanSelector(("orders",))
REQUEST = SeriesRequest("handled_total", (Matcher("channel", ("a",)),), SPAN)
ASKED: dict[str, tuple[Any, ...]] = {
    "clamped_hops": (SELECTOR, SPAN),
    "contents": (),
    "count_hops": ([HopQuery("k", SELECTOR, 60.0), HopQuery("all", SELECTOR)], GRID),
    "count_messages": ([MessageQuery("k", SELECTOR, "consumer", "error")], GRID),
    "destinations": (SPAN,),
    "earliest_ms": (),
    "hop_latencies": (SELECTOR, SPAN),
    "inventory": (InventoryRequest({"handled_total": ("outcome", "channel"), "none": ("x",)}), SPAN),
    "marks": ([REQUEST], SPAN),
    "metric_names": (SPAN,),
    "oldest_ms": (),
    "sample_traces": (None, SPAN, 5),
    "samples": (REQUEST,),
    "samples_together": ([REQUEST, SeriesRequest("depth", (), SPAN)],),
    "span_count": (),
    "span_presence": (GRID,),
    "trace": (f"{7:032x}",),
    "visits": ([VisitQuery(selector=SELECTOR, role="producer"), VisitQuery(selector=SELECTOR, role="consumer")], SPAN),
    "writes": (),
}
WRITING = {
    "open",
    "close",
    "transaction",
    "compact",
    "prune",
    "append_samples",
    "append_batch",
    "append_metadata",
    "checkpoint",
}
WRITING |= {"append_spans", "append_span_batch"}
NOT_ASKED = {"path", "kind", "state", "pruned_until_ms"}


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Path]]:
    random, path = np.random.default_rng(5), tmp_path_factory.mktemp("lent") / "s.duckdb"
    with Store.open(path) as store, Lending(store):
        store.append_samples(SampleSet.of(series(random, END_MS - 4 * DAY_MS, END_MS)))
        store.append_spans(spans(random, END_MS - 4 * DAY_MS, END_MS))
        store.append_metadata({"handled_total": MetricMetadata("counter", "", "All.")})
        yield store, path


def borrowed(path: Path) -> LentStore:
    store = LentStore.borrow(path)
    assert store is not None
    return store


def test_all_that_may_be_asked_is_tried_here_and_is_all_that_a_store_answers() -> None:
    assert set(ASKED) == QUESTIONS
    assert {name for name in vars(Store) if not name.startswith("_")} - WRITING - NOT_ASKED == QUESTIONS


@pytest.mark.parametrize("question", ASKED)
def test_every_question_has_the_answer_of_the_store_itself(lent: tuple[Store, Path], question: str) -> None:
    store, path = lent
    own = getattr(store, question)(*ASKED[question])
    other = borrowed(path)
    np.testing.assert_equal(_plain(other._ask(question, *ASKED[question])), _plain(own))
    if hasattr(other, question):
        np.testing.assert_equal(_plain(getattr(other, question)(*ASKED[question])), _plain(own))
    other.close()


def _plain(value: Any) -> Any:
    if isinstance(value, SampleSet):
        return [dict(one) for one in value.labels], value.offsets, value.t_ms, value.values
    if isinstance(value, Visits):
        return [getattr(value, one) for one in Visits.__struct_fields__]
    return [_plain(one) for one in value] if isinstance(value, list) else value


def test_a_ledger_of_a_lent_store_is_the_ledger_of_the_store(lent: tuple[Store, Path]) -> None:
    store, path = lent
    other = borrowed(path)
    keeper = kept_beside(other)
    for _ in range(2):
        assert_same(
            build(measurements(), Answering((other,), (other,)), GRID, keeper=keeper),
            build(measurements(), Answering((store,), (store,)), GRID),
        )
    assert len(list(path.parent.rglob("*.day"))) == 2
    other.close()


def test_nothing_can_be_written_and_nothing_else_be_called(lent: tuple[Store, Path]) -> None:
    other = borrowed(lent[1])
    for name in ("append_spans", "prune", "close", "__init__", "_reload"):
        with pytest.raises(SourceFailed, match="there is no such question"):
            other._ask(name)
    with pytest.raises(SourceFailed, match="does not understand the question"):
        other._ask("samples", 1, 2, 3)
    with pytest.raises(SourceFailed, match="matcher-invalid"):
        other.samples(SeriesRequest("handled_total", (Matcher("channel", pattern="("),), SPAN))
    assert other._ask("span_count") == lent[0].span_count()
    other.close()


@pytest.mark.parametrize("noise", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 40, b"\5" + b"\0" * 7 + b'{"$"}', b"\1"])
def test_a_visitor_who_talks_nonsense_disturbs_nobody(lent: tuple[Store, Path], noise: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(socket_of(lent[1])))
        visitor.sendall(noise)
    other = borrowed(lent[1])
    assert other._ask("span_count") == lent[0].span_count()
    other.close()


def test_readers_see_whole_appends_while_the_owner_writes(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    stop, torn, seen = threading.Event(), [], []
    with Store.open(path) as store, Lending(store):

        def read() -> None:
            other = borrowed(path)
            while not stop.is_set():
                found = other.samples(SeriesRequest("m", (), TimeRange(0, 10**9)))
                if len(set(np.diff(found.offsets).tolist())) > 1:
                    torn.append(found)
                seen.append(len(found.t_ms))
            other.close()

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for number in range(1, 60):
            store.append_samples(SampleSet.of(({"__name__": "m", "i": str(i)}, [number], [1.0]) for i in range(10)))
        stop.set()
        for reader in readers:
            reader.join()
    assert torn == []
    assert seen


def test_a_socket_that_a_dead_owner_left_is_no_owner(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    script = (
        "import os, sys\nfrom observatory.sources.store import Store\n"
        "from observatory.sources.store.lending import Lending\n"
        "with Store.open(sys.argv[1]) as store, Lending(store): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False, capture_output=True)
    assert socket_of(path).exists()
    with open_sources(Settings(store=path), read_only_store=True) as sources:
        assert isinstance(sources.store, Store)
    with Store.open(path) as store, Lending(store), open_sources(Settings(store=path), read_only_store=True) as sources:
        assert isinstance(sources.store, LentStore)
    assert not socket_of(path).exists()


def test_a_path_longer_than_the_address_of_a_socket_can_be_lent(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 30)
    folder.mkdir()
    with Store.open(folder / "s.duckdb") as store, Lending(store):
        other = borrowed(folder / "s.duckdb")
        assert other._ask("span_count") == 0
        other.close()


def test_an_owner_that_goes_away_is_a_source_that_fails(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s.duckdb") as store:
        with Lending(store):
            other = borrowed(tmp_path / "s.duckdb")
        other._connection.shutdown(socket.SHUT_RDWR)
        with pytest.raises(SourceFailed, match="store-read-failed"):
            other.writes()
        other.close()


def test_a_writer_waits_for_a_command_that_reads(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    Store.open(path).close()
    script = (
        "import sys, time\nfrom observatory.sources.store import Store\n"
        "with Store.open(sys.argv[1], read_only=True):\n    print('reading', flush=True)\n    sys.stdin.readline()"
    )
    reader = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"reading\n"
    timer = threading.Timer(0.5, lambda: reader.communicate(b"\n"))
    timer.start()
    with Store.open(path) as store:
        assert store.span_count() == 0
    timer.join()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=4)
        | st.builds(lambda a, b: TimeRange(min(a, b), max(a, b)), st.integers(0, 99), st.integers(0, 99))
    ),
    max_leaves=12,
)


@given(VALUES, st.lists(st.floats(), max_size=5), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_values_come_back_as_they_were(value: Any, floats: list[float], whole: list[int]) -> None:
    arrays = (np.asarray(floats, np.float64), np.asarray(whole, np.int64), np.asarray([True, False]))
    problem = Problem(code="c", message="m", severity="warning", location=Location("a.yaml", 3, 1))
    one, other = socket.socketpair()
    with one, other:
        sender = threading.Thread(target=wire.send, args=(one, [value, arrays, problem, frozenset({"x"})]))
        sender.start()
        found = wire.receive(other)
        sender.join()
    assert found[0] == value
    assert [array.tobytes() for array in found[1]] == [array.tobytes() for array in arrays]
    assert found[2:] == [problem, frozenset({"x"})]
