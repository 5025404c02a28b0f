"""Pushed counters against the truth: a service that restarts every ten minutes and fails now and then.

Nobody scrapes it; its SDK pushes once a minute. After a restart it tells of failures only once there is one, so that 1
follows upon 1. And a collector hands on the counters of a broker, which its own restarts do not touch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, Answering, bad, events, total
from otlp_metric_writer import CUMULATIVE, DELTA, Request

from observatory.ledger.build import build
from observatory.sources.receiving.otlp_metrics import decode
from observatory.sources.store import Store
from observatory.windows import Grid

GRID = Grid.ending_at(END_MS, 4 * HOUR_MS)
SERVICE = {"service.name": "svc", "service.instance.id": "svc-0"}
COLLECTOR = {"service.name": "collector", "service.instance.id": "collector-0"}
LIFE = 10


@dataclass
class Truth:
    """What happened on the grid."""

    total: int = 0
    failed: int = 0


def pushes(temporality: int, truth: Truth, random: np.random.Generator) -> Iterator[Request]:
    """One request a minute, from an hour before the grid to its end."""
    minutes = (GRID.end_ms - GRID.start_ms + HOUR_MS) // MINUTE_MS
    begun = GRID.start_ms - HOUR_MS
    seen = {"success": 0, "error": 0}
    last_ms = begun
    for minute in range(minutes):
        t_ms = GRID.start_ms - HOUR_MS + minute * MINUTE_MS + 41_000
        if minute % LIFE == 0 and minute:
            # The new process has started half a minute ago.
            seen, begun, last_ms = {"success": 0, "error": 0}, t_ms - 30_000, t_ms - 30_000
        # Of a failure after a silence nobody can say on which side of the grid's edge it lies, so there is no silence.
        at_edge = abs(t_ms - GRID.start_ms) < MINUTE_MS
        new = {"success": int(random.integers(5, 30)), "error": int(random.random() < 0.15 or at_edge)}
        if GRID.start_ms < t_ms:
            truth.total += sum(new.values())
            truth.failed += new["error"]
        request = Request(SERVICE, scope="svc")
        for outcome, count in new.items():
            seen[outcome] += count
            if temporality == DELTA and count:
                request.counter("handled", last_ms, t_ms, count, temporality=DELTA, outcome=outcome)
            elif temporality == CUMULATIVE and seen[outcome]:
                request.counter("handled", begun, t_ms, seen[outcome], outcome=outcome)
        last_ms = t_ms
        yield request


def broker(minute: int) -> Request:
    """Counters of a broker, which began long before, handed on by a collector that starts anew every hour."""
    t_ms = GRID.start_ms - HOUR_MS + minute * MINUTE_MS + 17_000
    begun = t_ms - (minute % 60) * MINUTE_MS - 5_000
    request = Request(COLLECTOR)
    for outcome, count in (("success", 2_000_000 + 10 * minute), ("error", 40_000 + minute)):
        request.counter("handled", begun, t_ms, count, outcome=outcome, broker="b")
    return request


def counted(requests: Iterator[Request]) -> tuple[float, float]:
    measurement = events()
    with Store.open() as store:
        for one in requests:
            store.append_batch(decode(one.body(), "application/x-protobuf"))
        row = build([measurement], Answering((store,)), GRID).rows[measurement.key]
    return total(row), bad(row)


@pytest.mark.parametrize("temporality", [CUMULATIVE, DELTA], ids=["cumulative", "delta"])
@pytest.mark.parametrize("seed", range(2))
def test_every_event_of_a_service_that_restarts_is_counted_once(temporality: int, seed: int) -> None:
    truth = Truth()

    found = counted(pushes(temporality, truth, np.random.default_rng(seed)))

    assert found == pytest.approx((truth.total, truth.failed), rel=1e-9)
    assert truth.failed > 15


def test_requests_that_overtake_each_other_change_nothing() -> None:
    """As a collector sends them, several at once; here the first after a restart, too, by the second."""
    truth = Truth()
    requests = list(pushes(CUMULATIVE, truth, np.random.default_rng(3)))
    for place in range(LIFE, len(requests) - 1, 3):
        requests[place : place + 2] = requests[place + 1], requests[place]

    assert counted(iter(requests)) == pytest.approx((truth.total, truth.failed), rel=1e-9)


def test_counters_that_a_collector_hands_on_are_not_counted_anew_when_it_restarts() -> None:
    hours = range((GRID.end_ms - GRID.start_ms + HOUR_MS) // MINUTE_MS)

    assert counted(broker(minute) for minute in hours) == (11.0 * 240, 240.0)


@pytest.mark.parametrize("temporality", [CUMULATIVE, DELTA], ids=["cumulative", "delta"])
def test_replicas_that_do_not_name_their_instance_are_counted_apart(temporality: int) -> None:
    """As SDKs come: the resource says on which host a process runs, and nothing says `service.instance.id`."""

    begun = GRID.start_ms - HOUR_MS

    def replicas() -> Iterator[Request]:
        for minute in range((GRID.end_ms - begun) // MINUTE_MS):
            for replica, rate in enumerate((5, 11)):
                t_ms = begun + minute * MINUTE_MS + 41_000 + replica
                request = Request({"service.name": "svc", "host.name": f"host-{replica}", "process.pid": 1})
                count, since_ms = rate * (minute + 1), begun
                if temporality == DELTA:
                    count, since_ms = rate, t_ms - MINUTE_MS
                yield request.counter("handled", since_ms, t_ms, count, temporality=temporality, outcome="success")

    assert counted(replicas()) == pytest.approx((16.0 * 240, 0.0), rel=1e-9)
