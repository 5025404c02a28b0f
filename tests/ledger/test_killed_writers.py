"""A process that writes telemetry and keeps days is killed at random points, two hundred times over."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from counting_cases import DAY_MS, END_MS, HOUR_MS, MINUTE_MS, Answering, bad, events, handled, measured, total
from eventful_cases import assert_same

from observatory.compile.measure import Measurement
from observatory.indicators.expression import Count, CountAtMost
from observatory.indicators.indicator import Indicator
from observatory.ledger.build import build
from observatory.sources.base import SampleSet, SeriesRequest, Span
from observatory.sources.opening import kept_beside
from observatory.sources.store import Store
from observatory.telemetry.binding import SpanBinding, SpanSelector
from observatory.windows import Grid, TimeRange

KILLS = 50
SEEDS = range(20_261_120, 20_261_124)
MEMORY = Path("/dev/shm")
ROOM_BYTES = 2**30
PER_HOUR = 12
HOPS = 4

NURSERY = """
import os, sys
sys.path[:0] = sys.argv[2:]
import pandas, pyarrow.compute
from test_killed_writers import write

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write(sys.argv[1], int(line))
    print("born", child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""
"""Children are forked from a process that has imported everything, so that two hundred of them take seconds.

Arrow imports pandas when it first makes a column of a list.
"""


def write(path: str, first: int) -> None:
    """Write hour after hour, say so, and count now and then; never ends by itself."""
    with Store.open(path) as store:
        for hour in range(first, first + 100_000):
            with store.transaction():
                store.append_samples(samples(hour))
                store.append_spans(hops(hour))
            os.write(1, f"wrote {hour}\n".encode())
            if hour % 7 == 0:
                store.compact()
            if hour % 5 == 0:
                count(store, hour, keep=True)


def samples(hour: int) -> SampleSet:
    """Twelve scrapes in an hour: ten events between two, of which two fail."""
    number = np.arange(hour * PER_HOUR, (hour + 1) * PER_HOUR)
    t = END_MS + (number + 1) * 5 * MINUTE_MS
    own = {"channel": "a"}
    return SampleSet.of([(handled("success", **own), t, number * 8.0), (handled("error", **own), t, number * 2.0)])


def hops(hour: int) -> Iterator[Span]:
    for number in range(hour * HOPS, (hour + 1) * HOPS):
        begin = (END_MS + number * HOUR_MS // HOPS + 1) * 10**6
        for span_id, parent, kind, service, at in (
            ("1", "", "producer", "shop", begin),
            ("2", "1", "consumer", "billing", begin + 10**9),
        ):
            yield Span(
                trace_id=f"{number + 1:032x}",
                span_id=span_id,
                parent_span_id=parent,
                name="m",
                kind=kind,
                service=service,
                system="kafka",
                destination="orders",
                start_ns=at,
                end_ns=at,
            )


def measurements() -> list[Measurement]:
    selected = SpanBinding(
        signal="end_to_end_latency",
        source="store",
        profile="spans",
        selector=SpanSelector(("orders",)),
        liveness="live",
    )
    latency = Indicator(
        sli="latency",
        total=Count("end_to_end_latency"),
        good=CountAtMost("end_to_end_latency", 5.0),
        measure="end-start",
    )
    return [events(channel="a"), measured(latency, (selected,))]


def count(store: Store, hour: int, *, keep: bool):  # type: ignore[no-untyped-def]
    grid = Grid.ending_at(END_MS + (hour + 1) * HOUR_MS, 3 * DAY_MS)
    keeper = kept_beside(store) if keep else None
    return build(measurements(), Answering((store,), (store,)), grid, keeper=keeper)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is room: what a killed process had written is the kernel's, whatever lies below.

    A disk that takes half a second for each of the thousands of commits would only make the test slow.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as made:
        yield Path(made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("seed", SEEDS)
def test_writers_killed_two_hundred_times_lose_nothing_and_count_nothing_twice(folder: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    path = folder / "s.duckdb"
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(path), str(Path(__file__).parent), str(Path(__file__).parent.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    lines = _Lines(nursery.stdout.fileno())
    written, kept = 0, 0
    try:
        for kill in range(KILLS):
            nursery.stdin.write(f"{written}\n".encode())
            nursery.stdin.flush()
            acknowledged = written - 1
            child = None
            until = None
            # Most are killed while they write and count, every fifth perhaps while it opens the file.
            mark = "born" if kill % 5 == 4 else "wrote"
            while until is None or (left := until - time.monotonic()) > 0:
                line = lines.next(60.0 if until is None else left)
                assert line or until, "the writer does not begin"
                if line and line[0] == "wrote":
                    acknowledged = int(line[1])
                elif line and line[0] == "born":
                    child = int(line[1])
                if line and line[0] == mark and until is None:
                    until = time.monotonic() + float(random.uniform(0.0, 0.1))
            assert child is not None
            os.kill(child, signal.SIGKILL)
            while (line := lines.next(60.0)) and line[0] != "gone":
                acknowledged = int(line[1])
            with Store.open(path) as store:
                found = store.samples(SeriesRequest("handled_total", (), TimeRange(0, 10**14)))
                hours = {size / PER_HOUR for size in np.diff(found.offsets).tolist()}
                assert len(hours) <= 1, "an hour is there for one series and not for the other"
                now = round(hours.pop()) if hours else 0
                # One more may have been committed in the moment before it could be acknowledged.
                assert now in (acknowledged + 1, acknowledged + 2)
                assert store.span_count() == 2 * HOPS * now
                if now and kill % 20 == 19:
                    ledger = count(store, now - 1, keep=True)
                    assert_same(ledger, count(store, now - 1, keep=False))
                    counted = min(now * PER_HOUR - 1, 3 * 24 * PER_HOUR)
                    availability, latency = (ledger.rows[one.key] for one in measurements())
                    assert (total(availability), bad(availability)) == (10.0 * counted, 2.0 * counted)
                    assert total(latency) == min(now, 3 * 24) * HOPS
                written = now
        kept = len(list(folder.rglob("*.day")))
    finally:
        nursery.kill()
        nursery.wait()
    assert written > KILLS / 4, "the writers came to nothing"
    assert kept >= written // 24 - 1


class _Lines:
    """Lines of a pipe, as words, each waited for no longer than is said."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def next(self, seconds: float) -> list[str] | None:
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._descriptor], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return None
            read = os.read(self._descriptor, 65536)
            assert read, "the nursery is gone"
            self._rest += read
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode().split()
