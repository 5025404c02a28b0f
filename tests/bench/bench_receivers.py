"""Pushed metrics: points into the store, against decoding alone and against a real Prometheus' receiver.

python tests/bench/bench_receivers.py [series, 2000 unless told] [requests, 30 unless told]

Every request carries one point of each series, as a push once a minute does. Rates are by CPU time, of this process or
of the server. What is received is committed before it is answered, so the store's time that passed holds one write to
disk for each request; Prometheus writes its log without waiting.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import prometheus_server
from bench_samples import server_cpu
from engines import prometheus_3
from otlp_metric_writer import CUMULATIVE, DELTA, Request
from write_request_writer import Series, compressed, write_request

from observatory.sources.batch import Batch
from observatory.sources.receiving import otlp_metrics, write_messages
from observatory.sources.receiving import remote_write as receiver
from observatory.sources.store import Store

MINUTE = 60_000
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
MOST = 10**9


def timed(
    what: str,
    points: int,
    bodies: Sequence[bytes],
    work: Callable[[bytes], object],
    cpu: Callable[[], float] = time.process_time,
) -> float:
    """CPU seconds that all requests take where the work is done, printed with the rate and the time that passed."""
    begin, used = time.perf_counter(), cpu()
    for body in bodies:
        work(body)
    seconds, used = time.perf_counter() - begin, cpu() - used
    print(f"  {what:40}{used:7.2f} CPU s {points / max(used, 0.01):9,.0f} points/CPU s   {seconds:6.2f} s passed")
    return used


def into_store(what: str, points: int, bodies: Sequence[bytes], decode: Callable[[bytes], Batch]) -> None:
    """Decoding alone, then decoding and keeping."""
    alone = timed(f"{what}, decoded", points, bodies, decode)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "bench.duckdb") as store:
        kept = timed(f"{what}, decoded and in the store", points, bodies, lambda body: store.append_batch(decode(body)))
        again = timed(f"{what}, all of it repeated", points, bodies, lambda body: store.append_batch(decode(body)))
    print(f"  {'kept / decoded alone, repeated / kept':40}{kept / alone:8.1f}x{again / kept:8.1f}x")


def small_and_late(requests: int, start_ms: int) -> None:
    """Requests of ten counters: in order, then each a minute before what came last, then among chunks of long ago."""

    def small(number: float) -> Batch:
        one = (start_ms + int(number * MINUTE), 1.0, 0)
        series = (Series({"__name__": "m_total", "n": str(n)}, [one]) for n in range(10))
        return receiver.decode(compressed(write_request(series)), write_messages.V2, max_bytes=MOST)

    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "bench.duckdb") as store:
        used = []
        for what, first, step in (("in order", 0.0, 1.0), ("late", -0.5, -1.0), ("late among chunks", 0.25, 1.0)):
            if what == "late among chunks":
                store.compact()
            begun = requests if what == "late" else 0
            batches = [small(begun + first + step * number) for number in range(requests)]
            begin = time.process_time()
            for batch in batches:
                store.append_batch(batch)
            used.append((time.process_time() - begin) / requests)
    told = "".join(f"{1000 * one:8.1f} ms" for one in used)
    print(f"  {'ten samples: in order, late, in chunks':40}{told} of CPU a request")
    print(f"  {'late / in order, in chunks / in order':40}{used[1] / used[0]:8.1f}x{used[2] / used[0]:8.1f}x")


def otlp_bodies(series: int, requests: int, temporality: int, start_ms: int) -> list[bytes]:
    """Counters and, for each tenth series, a histogram of ten bounds."""
    bodies = []
    for number in range(requests):
        begun = start_ms + (number if temporality == DELTA else 0) * MINUTE
        t_ms, times = start_ms + (number + 1) * MINUTE, 1 if temporality == DELTA else number + 1
        request = Request()
        for one in range(series):
            where = {"messaging__destination__name": f"topic-{one}"}
            request.counter("messaging.client.sent.messages", begun, t_ms, 7 * times, temporality=temporality, **where)
            if one % 10 == 0:
                request.histogram(
                    "messaging.process.duration", begun, t_ms, BOUNDS, [times] * 11, temporality=temporality, **where
                )
        bodies.append(request.body())
    return bodies


def write_bodies(series: int, requests: int, start_ms: int) -> tuple[list[bytes], list[bytes]]:
    """The same counters by remote-write 1.0 and 2.0."""
    labels = [
        {"__name__": "messaging_client_sent_messages_total", "job": "shop", "messaging_destination_name": f"topic-{n}"}
        for n in range(series)
    ]
    first, second = [], []
    for number in range(requests):
        t_ms, value = start_ms + (number + 1) * MINUTE, 7.0 * (number + 1)
        first.append(
            compressed(prometheus_server._write_request([(one, np.array([t_ms]), np.array([value])) for one in labels]))
        )
        second.append(compressed(write_request(Series(one, [(t_ms, value, start_ms)]) for one in labels)))
    return first, second


def prometheus_receives(first: Sequence[bytes], second: Sequence[bytes], otlp: Sequence[bytes], points: int) -> None:
    """The receivers of a real Prometheus, over HTTP on loopback."""
    import requests

    for program, name in ((prometheus_server.required("prometheus"), "Debian"), (prometheus_3(), "3")):
        if program is None:
            print("  Prometheus 3 is not run here: build it with .ci/prometheus-3")
            continue
        newer = name == "3"
        flags = ["--web.enable-otlp-receiver"] if newer else []
        with (
            tempfile.TemporaryDirectory() as folder,
            prometheus_server.start(Path(folder), program=program, flags=flags) as server,
            requests.Session() as session,
        ):
            kinds = {"1.0": (first, "/api/v1/write", "application/x-protobuf", len(first) * points)}
            if newer:
                v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                kinds["2.0"] = (second, "/api/v1/write", v2, len(second) * points)
                kinds["OTLP"] = (otlp, "/api/v1/otlp/v1/metrics", "application/x-protobuf", len(otlp) * points)
            for kind, (bodies, path, media, total) in kinds.items():
                headers = {"Content-Type": media} | ({} if kind == "OTLP" else {"Content-Encoding": "snappy"})

                def post(body: bytes, url: str = server.url + path, headers: dict[str, str] = headers) -> None:
                    session.post(url, body, headers=headers, timeout=60).raise_for_status()

                cpu = partial(server_cpu, server.pid)
                timed(f"Prometheus {name} receives {kind}", total, bodies, post, cpu)


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    start_ms = int(time.time() * 1000) - (requests + 1) * MINUTE
    print(f"{requests} requests of {series:,} counters and {series // 10:,} histograms; of remote-write, counters only")
    cumulative = otlp_bodies(series, requests, CUMULATIVE, start_ms)
    delta = otlp_bodies(series, requests, DELTA, start_ms)
    first, second = write_bodies(series, requests, start_ms)
    points = requests * (series + series // 10)
    with Store.open() as warm:
        # The first use of a library takes longer, of any of the ways.
        warm.append_batch(otlp_metrics.decode(delta[0], "application/x-protobuf"))
    for what, bodies in (("OTLP cumulative", cumulative), ("OTLP delta", delta)):
        into_store(what, points, bodies, lambda body: otlp_metrics.decode(body, "application/x-protobuf"))
    for what, bodies, message in (
        ("remote-write 1.0", first, write_messages.V1),
        ("remote-write 2.0", second, write_messages.V2),
    ):
        into_store(
            what,
            requests * series,
            bodies,
            lambda body, message=message: receiver.decode(body, message, max_bytes=MOST),
        )
    small_and_late(10 * requests, start_ms - 400 * MINUTE)
    prometheus_receives(first, second, cumulative, series)
    print(f"  most memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
