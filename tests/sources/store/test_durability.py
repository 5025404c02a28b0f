"""A process that dies while it writes loses nothing that it acknowledged, and leaves no part of a batch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from observatory.sources.base import SampleSet, SeriesRequest, Span
from observatory.sources.store import Store
from observatory.windows import TimeRange

WRITER = """
import sys
from observatory.sources.base import SampleSet, Span
from observatory.sources.store import Store

first = int(sys.argv[2])
with Store.open(sys.argv[1]) as store:
    for number in range(first, first + 100_000):
        with store.transaction():
            store.append_samples(SampleSet.of(
                ({"__name__": "m", "i": str(i)}, [1000 * (number + 1)], [float(number)]) for i in range(20)
            ))
            store.append_spans(
                Span(trace_id=f"{number + 1:032x}", span_id=f"{i + 1:016x}", parent_span_id="", name="n",
                     kind="producer", service="s", start_ns=number + 1, end_ns=number + 1)
                for i in range(20)
            )
        if number % 7 == 0:
            store.compact()
        print(number, flush=True)
"""


def test_a_killed_writer_leaves_every_acknowledged_batch_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    acknowledged = -1
    for kill_after in (1, 4, 9, 16, 27):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(acknowledged + 1)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(kill_after):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split("\n")
        writer.wait()
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1] if line)])
        with Store.open(path) as store:
            found = store.samples(SeriesRequest("m", (), TimeRange(0, 10**12)))
            lengths = set(np.diff(found.offsets).tolist())
            spans = store.span_count()
        assert len(lengths) == 1, "a batch is there for some series and not for others"
        batches = lengths.pop()
        # One more may have been committed in the moment before it could be acknowledged.
        assert batches in (acknowledged + 1, acknowledged + 2)
        assert spans == 20 * batches
        acknowledged = batches - 1


def test_threads_read_whole_appends_while_another_writes() -> None:
    stop, torn = threading.Event(), []
    with Store.open() as store:

        def read() -> None:
            seen = 0
            while not stop.is_set():
                found = store.samples(SeriesRequest("m", (), TimeRange(0, 10**12)))
                if len(set(np.diff(found.offsets).tolist())) > 1 or len(found.t_ms) < seen:
                    torn.append(found)
                seen = len(found.t_ms)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for number in range(1, 80):
                store.append_samples(SampleSet.of(({"__name__": "m", "i": str(i)}, [number], [1.0]) for i in range(10)))
                if number % 2 == 0:
                    store.compact()
        finally:
            stop.set()
            for reader in readers:
                reader.join()
    assert torn == []


@pytest.mark.parametrize("threads", [4])
def test_threads_that_append_the_same_spans_keep_each_once(threads: int) -> None:
    spans = [
        Span(
            trace_id=f"{i + 1:032x}",
            span_id="1",
            parent_span_id="",
            name="",
            kind="producer",
            service="s",
            start_ns=1,
            end_ns=1,
        )
        for i in range(200)
    ]
    with Store.open() as store:
        workers = [threading.Thread(target=store.append_spans, args=(spans,)) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert store.span_count() == 200


FILLER = """
import resource, signal, sys
import numpy as np
from observatory.errors import SourceFailed
from observatory.sources.base import SampleSet
from observatory.sources.store import Store

def samples(number):
    values = np.random.default_rng(number).random(200_000)  # hardly compressible
    return SampleSet.of([({"__name__": "m", "i": str(number)}, np.arange(1, 200_001), values)])

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Store.open(sys.argv[1]) as store:
    store.append_samples(samples(0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, 6_000_000))
    for number in range(1, 50):
        try:
            store.append_samples(samples(number))
        except SourceFailed as error:
            print(error.problems[0].code, number)
            break
"""


def test_a_full_disk_is_told_and_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    ended = subprocess.run([sys.executable, "-c", FILLER, str(path)], capture_output=True, text=True, check=False)
    code, number = ended.stdout.split()
    assert code == "store-write-failed"
    with Store.open(path) as store:
        found = store.samples(SeriesRequest("m", (), TimeRange(0, 10**12)))
        assert np.diff(found.offsets).tolist() == [200_000] * int(number)
        assert store.append_samples(SampleSet.of([({"__name__": "m", "i": "again"}, [1], [1.0])])) == 1
