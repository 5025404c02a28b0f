"""Days in a real ClickHouse: shared by instances, replaced and never doubled, and never needed for an answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import chdb_server
import clickhouse_server
import numpy as np
import pytest
import requests
from counting_cases import DAY_MS, END_MS, HOUR_MS, Answering, counter, events, handled, scrapes, store_of
from eventful_cases import assert_same
from misbehaving_server import MisbehavingServer, Reply

from observatory.ledger.build import build
from observatory.settings.clickhouse import clickhouse_at
from observatory.sources.base import Record, SampleSet, SeriesRequest
from observatory.sources.clickhouse import SharedDays
from observatory.sources.clickhouse.shared_days import TABLE, _length, _rows_of
from observatory.sources.layered_days import LayeredDays
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.windows import Grid, TimeRange

pytestmark = [pytest.mark.integration]
DAY = 20_000
READ = TimeRange(DAY * DAY_MS - HOUR_MS, (DAY + 1) * DAY_MS + HOUR_MS)
ENGINES = {"Debian's ClickHouse": clickhouse_server.start, "chDB": chdb_server.start}


@pytest.fixture(scope="module", params=ENGINES)
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ENGINES[request.param](tmp_path_factory.mktemp("clickhouse") / "server") as url:
        yield url


@pytest.fixture
def instance(address: str) -> Iterator[Callable[..., SharedDays]]:
    """Makes instances that share an empty ledger."""
    made: list[SharedDays] = []

    def make(**more: object) -> SharedDays:
        made.append(SharedDays(clickhouse_at(address), **more))  # type: ignore[arg-type]
        return made[-1]

    rows(address, f"DROP TABLE IF EXISTS {TABLE}")
    yield make
    for one in made:
        one.close()


def rows(address: str, statement: str) -> str:
    told = requests.post(address, params={"query": statement}, timeout=30)
    assert told.ok, told.text
    return told.text.strip()


def record(number: float = 1.0, size: int = 4) -> Record:
    floats = np.concatenate([[number, np.nan, -0.0, 5e-324], np.random.default_rng(1).random(size)])
    return Record({"told": [1, None, "ü'\\", 0.1]}, {"a": floats}, {"t": np.asarray([1, 2**62], np.int64)})


@pytest.mark.parametrize("size", [0, 300_000])
def test_what_one_instance_keeps_another_finds_bit_by_bit(instance: Callable[..., SharedDays], size: int) -> None:
    one, other = instance().days("plan", 60_000), instance().days("plan", 60_000)
    assert other.load(DAY) is None
    one.keep(DAY, record(size=size), READ)
    found = other.load(DAY)
    assert found is not None
    assert found.header == record().header
    assert found.floats["a"].tobytes() == record(size=size).floats["a"].tobytes()
    assert found.ints["t"].tolist() == [1, 2**62]
    assert (one.problems, other.problems) == ((), ())
    assert instance().days("other", 60_000).load(DAY) is None
    assert instance(servers="elsewhere").days("plan", 60_000).load(DAY) is None
    assert other.load(DAY + 1) is None


def test_a_day_that_is_kept_again_replaces_the_one_before(instance: Callable[..., SharedDays], address: str) -> None:
    now = [1000.0]
    days = instance(clock=lambda: now[0]).days("plan", 60_000)
    for number in range(5):
        now[0] += 1
        days.keep(DAY, record(number), READ)
        found = days.load(DAY)
        assert found is not None
        assert found.floats["a"][0] == number
    behind = instance(clock=lambda: now[0] - 3).days("plan", 60_000)
    assert behind.load(DAY) is not None
    behind.keep(DAY, record(99.0), READ)
    found = days.load(DAY)
    assert found is not None
    assert found.floats["a"][0] == 99, "who counted a day again knows more of it, whatever its clock says"
    rows(address, f"OPTIMIZE TABLE {TABLE} FINAL")
    assert rows(address, f"SELECT count() FROM {TABLE}") == "1"
    again = days.load(DAY)
    assert again is not None
    assert again.floats["a"][0] == 99


def both(before: Record, now: Record) -> Record:
    return Record({**before.header, **now.header}, {"a": now.floats["a"]}, {})


def test_what_instances_add_to_a_day_at_the_same_time_is_all_there(
    instance: Callable[..., SharedDays], address: str
) -> None:
    def added(name: str) -> Record:
        return Record({name: 1}, {"a": np.zeros(1)}, {})

    others = ["b"]

    def clock() -> float:
        # Asked between the look at what is there and the writing: just then somebody else writes.
        if others:
            instance().history(60_000, both).add(DAY, added(others.pop()), READ)
        return 1000.0

    history = instance(clock=clock).history(60_000, both)
    assert history.lacks([DAY, DAY + 1]) == {DAY, DAY + 1}
    history.add(DAY, added("a"), READ)
    rows(address, f"OPTIMIZE TABLE {TABLE} FINAL")
    found = instance().history(60_000, both).load(DAY)
    assert found is not None
    assert sorted(found.header) == ["a", "b"]
    assert history.lacks([DAY, DAY + 1]) == {DAY + 1}
    for name in ("c", "d"):
        instance(clock=lambda: 0.0).history(60_000, both).add(DAY, added(name), READ)
    found = history.load(DAY)
    assert found is not None
    assert sorted(found.header) == ["a", "b", "c", "d"]
    rows(address, f"OPTIMIZE TABLE {TABLE} FINAL")
    assert rows(address, f"SELECT countIf(length(record) > 0) FROM {TABLE}") == "1", "what is joined is emptied"


def test_days_that_are_to_be_counted_anew_are_found_by_nobody(instance: Callable[..., SharedDays]) -> None:
    shared = instance(clock=lambda: 1.0)  # far behind those of the instances that kept days
    assert shared.forget(0) == 0
    days = instance().days("plan", 60_000)
    for day in (DAY, DAY + 1, DAY + 2):
        days.keep(day, record(), READ)
    assert shared.forget((DAY + 1) * DAY_MS) == 2
    assert [days.load(day) is not None for day in (DAY, DAY + 1, DAY + 2)] == [True, False, False]
    assert shared.forget((DAY + 1) * DAY_MS) == 0


def test_telemetry_of_a_store_is_its_own(instance: Callable[..., SharedDays], tmp_path: Path) -> None:
    with Store.open(tmp_path / "a.duckdb") as one, Store.open(tmp_path / "b.duckdb") as other:
        for store in (one, other):
            store.append_samples(SampleSet.of([({"__name__": "m"}, [DAY * DAY_MS + HOUR_MS], [1.0])]))
        instance(writes=one.writes).days("plan", 60_000).keep(DAY, record(), READ)
        assert instance(writes=other.writes).days("plan", 60_000).load(DAY) is None
        assert instance(writes=one.writes).days("plan", 60_000).load(DAY) is not None
        one.append_samples(SampleSet.of([({"__name__": "m"}, [DAY * DAY_MS + 5], [1.0])]))
        assert instance(writes=one.writes).days("plan", 60_000).load(DAY) is None


def test_an_instance_reads_from_the_server_only_what_no_other_has_counted(
    instance: Callable[..., SharedDays], tmp_path: Path
) -> None:
    grid = Grid.ending_at(END_MS - 6 * HOUR_MS, 4 * DAY_MS)
    t, asked = scrapes(END_MS - 6 * DAY_MS, END_MS), []
    with store_of(
        [counter(handled("success", channel="a"), t, 8.0), counter(handled("error", channel="a"), t, 2.0)]
    ) as held:

        class Server:
            name = "store"

            def samples(self, request: SeriesRequest) -> SampleSet:
                asked.append(request.range)
                return held.samples(request)

        def count(keeper: object) -> object:
            asked.clear()
            return build([events(channel="a")], Answering((Server(),)), grid, keeper=keeper)  # type: ignore[arg-type]

        first = count(instance())
        assert min(span.start_ms for span in asked) < grid.start_ms
        with Store.open(tmp_path / "s.duckdb") as beside:
            layered = LayeredDays((kept_beside(beside), instance()))  # type: ignore[arg-type]
            for keeper in (instance(), layered):
                assert_same(count(keeper), first)  # type: ignore[arg-type]
                assert [span.start_ms for span in asked] == [END_MS - DAY_MS - HOUR_MS]


def test_a_reader_that_may_not_write_says_so_and_counts(address: str) -> None:
    if "default" not in address:
        pytest.skip("not run here: chDB has no users")
    reader = SharedDays(clickhouse_at(address.replace("default:p%40ss", "reader")))
    days = reader.days("plan", 60_000)
    days.keep(DAY, record(), READ)
    assert [one.code for one in days.problems] == ["ledger-unavailable"]
    assert "p%40ss" not in str(days.problems)
    reader.close()
    wrong = SharedDays(clickhouse_at(address.replace("p%40ss", "wrong-secret")))
    days = wrong.days("plan", 60_000)
    assert days.load(DAY) is None
    assert [one.code for one in days.problems] == ["ledger-unavailable"]
    assert "wrong-secret" not in str(days.problems)
    wrong.close()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(close_at_once=True),
        Reply(b"no", status=503),
        Reply(b"", status=302, headers={"Location": "http://192.0.2.1/"}),
        Reply(b"\x05abc"),
        Reply(b"\xff" * 30),
        Reply(b"abc", declared=999),
        Reply(b"<html>a proxy</html>", content_type="text/html"),
    ],
)
def test_whatever_a_server_answers_the_day_is_counted_again(reply: Reply) -> None:
    server = MisbehavingServer([reply])
    days = SharedDays(clickhouse_at(server.url)).days("plan", 60_000)
    assert days.load(DAY) is None
    for _ in range(30):
        days.load(DAY)
    if days.problems:
        assert {one.code for one in days.problems} == {"ledger-unavailable"}
        assert len(server.requests) == 1, "after the first failure nobody waits for it again"
    server.stop()


def test_lengths_are_read_as_they_are_written() -> None:
    for size in (0, 1, 127, 128, 16_383, 16_384, 70_000):
        row = b"\1p" + (7).to_bytes(8, "little") + _length(size) + bytes(size)
        assert _rows_of(row * 3) == [(b"p", 7, bytes(size))] * 3
        assert _rows_of(row + row[:-1]) == [(b"p", 7, bytes(size))], "what is not whole is no row"


DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Refunds, version: 1.0.0, x-service-name: ledger}
x-slo-defaults: {window: 3d}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {refunds: {address: refunds.v1, messages: {refund: {payload: {type: object}}}}}
operations:
  writeRefunds: {action: send, channel: {$ref: '#/channels/refunds'}, x-slo: {availability: 99.9%}}
"""


def test_status_keeps_its_days_there_and_a_dead_ledger_is_a_warning(
    instance: Callable[..., SharedDays], address: str, tmp_path: Path
) -> None:
    instance()
    (tmp_path / "ledger.yaml").write_text(DOCUMENT, encoding="utf-8")
    own = {"__name__": "messaging_client_sent_messages_total", "job": "ledger", "instance": "a:1"}
    own |= {"messaging_destination_name": "refunds.v1", "messaging_system": "kafka"}
    with Store.open(tmp_path / "s.duckdb") as store:
        store.append_samples(SampleSet.of([counter(own, scrapes(END_MS - 5 * DAY_MS, END_MS), 10.0)]))

    def status(url: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "observatory", "status", "ledger.yaml", "--store", "s.duckdb"]
        command += ["--clickhouse", url, "--at", str(END_MS // 1000 - 3600)]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=120)

    first = status(address)
    assert (first.returncode, first.stderr) == (0, "")
    assert rows(address, f"SELECT count(), toString(min(step_day)), toString(max(step_day)) FROM {TABLE}").split() == [
        "3",
        "2026-11-16",
        "2026-11-18",
    ]
    for kept in tmp_path.rglob("*.day"):
        kept.unlink()
    dead = status("http://127.0.0.1:9/observatory")
    assert (dead.returncode, dead.stdout) == (0, first.stdout)
    assert "warning[ledger-unavailable]" in dead.stderr
