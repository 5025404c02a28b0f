"""A million spans: into the store, joined into hops, counted; and OTLP decoded. Prints seconds and rates.

python tests/bench/bench_spans.py [producer spans, 500000 unless told]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import orjson

from observatory.sources.base import HopQuery, MessageQuery, SampleSet, SeriesRequest
from observatory.sources.otlp import decode
from observatory.sources.store import Store
from observatory.telemetry.binding import SpanSelector
from observatory.windows import Grid, TimeRange

CHANNELS = 200
START_NS = 1_795_000_000 * 10**9
DAY_NS = 86_400 * 10**9
BATCH = 50_000
T = TypeVar("T")


def timed(what: str, items: int, unit: str, work: Callable[[], T]) -> T:
    """Run once and print."""
    begin = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - begin
    print(f"{what:52}{seconds:9.3f} s {items / seconds:14,.0f} {unit}/s")
    return result


def append(store: Store, messages: int) -> int:
    """A day of messages, 70 % joined by parent and 30 % by link."""
    random = np.random.default_rng(1)
    names = np.array([f"orders-{number}" for number in range(CHANNELS)])
    written = 0
    for first in range(0, messages, BATCH):
        size = min(BATCH, messages - first)
        start = START_NS + np.sort(random.integers(0, DAY_NS * BATCH // messages, size)) + DAY_NS * first // messages
        trace_hi, trace_lo, sent, taken, other = random.integers(1, 2**63, (5, size), dtype=np.uint64)
        linked = random.random(size) < 0.3
        latency = (random.exponential(0.2, size) * 1e9).astype(np.int64)
        shared = {"system": "kafka", "destination": names[random.integers(0, CHANNELS, size)], "trace_lo": trace_lo}
        written += store.append_span_batch(
            shared
            | {"trace_hi": trace_hi, "span_id": sent, "kind": "producer", "service": "shop", "name": "send"}
            | {"start_ns": start, "end_ns": start + 10**6}
        )
        own = np.where(linked, other, trace_hi)
        written += store.append_span_batch(
            shared
            | {"trace_hi": own, "span_id": taken, "kind": "consumer", "service": "billing", "name": "process"}
            | {"parent_span_id": np.where(linked, 0, sent).astype(np.uint64), "consumer_group": "billing"}
            | {"start_ns": start + 10**6 + latency, "end_ns": start + 2 * 10**6 + latency},
            {
                "trace_hi": own[linked],
                "trace_lo": trace_lo[linked],
                "span_id": taken[linked],
                "target_trace_hi": trace_hi[linked],
                "target_trace_lo": trace_lo[linked],
                "target_span_id": sent[linked],
            },
        )
    return written


def otlp(spans: int) -> bytes:
    """A request as SDKs send it, with six attributes."""
    attributes = [
        {"key": key, "value": {"stringValue": value}}
        for key, value in {
            "messaging.system": "kafka",
            "messaging.destination.name": "orders",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": "billing",
            "messaging.destination.partition.id": "3",
            "server.address": "broker-1",
        }.items()
    ]
    body = [
        {
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "name": "process orders",
            "kind": 5,
            "startTimeUnixNano": str(START_NS + number),
            "endTimeUnixNano": str(START_NS + number),
            "attributes": attributes,
        }
        for number in range(1, spans + 1)
    ]
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": body}]}]})


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    grid = Grid(START_NS // 10**6, 60_000, 1445)
    selectors = [SpanSelector((f"orders-{number}",), consumer_group="billing") for number in range(CHANNELS)]
    hops = [HopQuery(f"{s.destinations[0]} {bound}", s, bound) for s in selectors for bound in (None, 0.2)]
    asked = [
        MessageQuery(f"{s.destinations[0]} {role} {outcome}", s, role, outcome)
        for s in selectors
        for role in ("producer", "consumer")
        for outcome in (None, "success")
    ]
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "store.duckdb") as store:
        spans = timed("spans appended in columns", 2 * messages, "spans", lambda: append(store, messages))
        counted = timed(f"hops, {len(hops)} queries, 1 statement", spans, "spans", lambda: store.count_hops(hops, grid))
        total = sum(value.sum() for key, value in counted.items() if key.endswith("None"))
        assert total == messages, (total, messages)
        timed(f"messages, {len(asked)} queries, 1 statement", spans, "spans", lambda: store.count_messages(asked, grid))
        tail = Grid.ending_at(grid.end_ms, 600_000)
        timed("hops of the last ten minutes", spans, "spans", lambda: store.count_hops(hops, tail))
        timed("destinations", spans, "spans", lambda: store.destinations(grid.range))
        timed("presence", spans, "spans", lambda: store.span_presence(grid))
        body = otlp(50_000)
        decoded = timed(
            f"OTLP JSON decoded, {len(body) / 1e6:.0f} MB", 50_000, "spans", lambda: decode(body, "application/json")
        )
        timed("decoded spans appended", 50_000, "spans", lambda: store.append_spans(decoded.spans))
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "store.duckdb") as store:
        series, steps = 400, 43_200
        samples = SampleSet(
            tuple({"__name__": "m", "i": str(number)} for number in range(series)),
            np.arange(0, series * steps + 1, steps, dtype=np.int64),
            np.tile(np.arange(1, steps + 1, dtype=np.int64) * 60_000, series),
            np.random.default_rng(1).poisson(5, series * steps).cumsum().astype(np.float64),
        )
        count = series * steps
        timed("samples appended, 30 days at 60 s", count, "samples", lambda: store.append_samples(samples))
        asking = SeriesRequest("m", (), TimeRange(0, 10**13))
        timed("samples read", count, "samples", lambda: store.samples(asking))
        tail_range = TimeRange((steps - 10) * 60_000, 10**13)
        timed(
            "samples of the last ten minutes read",
            series * 10,
            "samples",
            lambda: store.samples(SeriesRequest("m", (), tail_range)),
        )


if __name__ == "__main__":
    main()
