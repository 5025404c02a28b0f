"""Days in which everything happens: restarts, births, long gaps, a stuck consumer, replicas' clocks, late spans."""

from __future__ import annotations

import numpy as np
from counting_cases import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Series,
    bound,
    events,
    gauge,
    handled,
    measured,
    selector,
    slices,
)

from observatory.compile.measure import Measurement
from observatory.indicators.expression import Behind, Count, CountAtMost
from observatory.indicators.indicator import Indicator
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Findings, Row
from observatory.ledger.uncounted import Uncounted
from observatory.sources.base import SampleSet, Span
from observatory.telemetry.binding import SpanBinding, SpanSelector

EVERY_MS = 5 * MINUTE_MS


def measurements() -> list[Measurement]:
    """One of every family: counters, a gauge, lag in seconds by offsets, hops and messages by spans."""
    selected = SpanSelector(destinations=("orders",))
    spans = {"source": "store", "profile": "spans", "selector": selected, "liveness": "live"}
    hops = Indicator(
        sli="latency",
        total=Count("end_to_end_latency"),
        good=CountAtMost("end_to_end_latency", 60.0),
        measure="end-start",
    )
    messages = Indicator(
        sli="availability",
        total=Count("processed_messages"),
        good=Count("processed_messages", "success"),
        measure="processed without error",
    )
    return [
        events(channel="a"),
        events(channel="b"),
        gauge("depth", 6.0),
        slices(
            Behind("produced_offset", "committed_offset"),
            1800.0,
            bound("produced_offset", selector("end"), "position"),
            bound("committed_offset", selector("done"), "position"),
        ),
        measured(hops, (SpanBinding(signal="end_to_end_latency", **spans),)),  # type: ignore[arg-type]
        measured(messages, (SpanBinding(signal="processed_messages", **spans),)),  # type: ignore[arg-type]
    ]


def series(random: np.random.Generator, start_ms: int, end_ms: int) -> list[Series]:
    """Series of two services and a broker's exporter, scraped every five minutes with outages and restarts."""
    found: list[Series] = []
    for instance in ("x:1", "y:1"):
        t = _scrapes(random, start_ms, end_ms)
        starts = np.sort(random.choice(t, 3, replace=False))
        own = {"job": "svc", "instance": instance}
        found.append(({"__name__": "up", **own}, t, np.ones(len(t))))
        born_ms = starts[np.maximum(np.searchsorted(starts, t, side="right") - 1, 0)]
        found.append(({"__name__": "process_start_time_seconds", **own}, t, born_ms / 1000))
        for channel in ("a", "b"):
            for outcome, most in (("success", 9), ("error", 2)):
                alive = t[t >= random.choice(t)] if random.random() < 0.5 else t
                if random.random() < 0.4:
                    alive = alive[random.random(len(alive)) < 0.9]
                if random.random() < 0.3 and len(alive) > 10:
                    away = random.integers(0, len(alive) - 5)
                    alive = np.delete(alive, slice(away, away + int(random.integers(5, 400))))
                values = np.cumsum(random.integers(0, most, len(alive))).astype(np.float64)
                for restart in starts:
                    at = int(np.searchsorted(alive, restart))
                    if 0 < at < len(alive):
                        values[at:] -= values[at] - random.integers(0, most)
                labels = handled(outcome, instance=instance, channel=channel)
                found += _told(random, labels, alive, np.maximum(values, 0.0))
    t = _scrapes(random, start_ms, end_ms)
    produced = np.cumsum(random.integers(0, 50, len(t))).astype(np.float64)
    behind = np.maximum(produced - random.integers(0, 40, len(t)), 0.0)
    stuck = int(random.integers(0, len(t)))
    until = stuck + int(random.integers(10, 500))
    behind[stuck:until] = behind[stuck]
    own = {"job": "broker", "instance": "b:1", "partition": "0"}
    found.append(({"__name__": "end", **own}, t, produced))
    found.append(({"__name__": "done", **own, "group": "g"}, t, np.maximum.accumulate(behind)))
    found.append(({"__name__": "depth", **own}, t, random.integers(0, 9, len(t)).astype(np.float64)))
    return found + _pods(random, start_ms, end_ms)


def _pods(random: np.random.Generator, start_ms: int, end_ms: int) -> list[Series]:
    """Pods of which nothing says when they began: some are new, one has counted for months."""
    found: list[Series] = []
    for number in range(9):
        begin_ms = int(random.integers(start_ms, end_ms - HOUR_MS))
        t = _scrapes(random, begin_ms, min(end_ms, begin_ms + int(random.integers(HOUR_MS, 30 * HOUR_MS))))
        for outcome, most in (("success", 40), ("error", 3)):
            values = np.cumsum(random.integers(0, most, len(t))).astype(np.float64) + (1e7 if number == 4 else 0.0)
            labels = handled(outcome, instance=f"pod-{number}:1", channel="ab"[number % 2])
            found.append((labels, t, values))
    return found


def _told(random: np.random.Generator, labels: dict[str, str], t: np.ndarray, values: np.ndarray) -> list[Series]:
    """A counter as a pair of servers sees it, renamed, saying since when it counts, with a history, or plain."""
    at = int(random.integers(0, len(t))) if len(t) else 0
    match random.integers(0, 6):
        case 0:
            away = random.random(len(t)) < 0.8
            return [({**labels, "replica": "one"}, t, values), ({**labels, "replica": "two"}, t[away], values[away])]
        case 1:
            old, new = ({**labels, "topic": name} for name in ("orders-v1", "orders.v1"))
            return [(old, t[:at], values[:at]), (new, t[at:], values[at:])]
        case 2:
            since = t[at] if len(t) else 0
            told = ({**labels, "__name__": "handled_created"}, t, np.full(len(t), since / 1000))
            return [(labels, t[at + 20 :], values[at + 20 :]), told]
        case 3:
            return [(labels, t[at:], 1e9 + values[at:])]
        case _:
            return [(labels, t, values)]


def _scrapes(random: np.random.Generator, start_ms: int, end_ms: int) -> np.ndarray:
    t = np.arange(start_ms + int(random.integers(0, EVERY_MS)), end_ms + 1, EVERY_MS, dtype=np.int64)
    t += random.integers(-400, 400, len(t))
    for _ in range(int(random.integers(0, 4))):
        away = int(random.integers(start_ms, end_ms))
        t = t[(t < away) | (t > away + int(random.integers(10 * MINUTE_MS, 40 * HOUR_MS)))]
    if random.random() < 0.5:  # on the minute, as some servers scrape
        t = np.unique(t - t % MINUTE_MS)
    return t


def spans(random: np.random.Generator, start_ms: int, end_ms: int) -> list[Span]:
    """Messages, some received before they are processed, some again a day later, some failed."""
    found: list[Span] = []
    sent = np.sort(random.integers(start_ms, end_ms, 150))
    for number, at_ms in enumerate(sent.tolist()):
        trace = f"{number + 1:032x}"
        common = {"trace_id": trace, "name": "m", "system": "kafka", "destination": "orders"}
        begin = at_ms * 10**6
        found.append(
            Span(
                **common, span_id="1", parent_span_id="", kind="producer", service="shop", start_ns=begin, end_ns=begin
            )  # type: ignore[arg-type]
        )
        begin += int(random.integers(0, 90 * 10**9))
        operations = random.choice(["process", "receive+process", "receive"])
        for place, operation in enumerate(operations.split("+")):
            begin += int(random.integers(0, (40 if place else 1) * 60 * 10**9))
            again = [begin]
            if operation == "process" and random.random() < 0.2:
                again.append(begin + int(random.integers(0, 2 * DAY_MS)) * 10**6)
            for turn, begins in enumerate(again):
                found.append(
                    Span(
                        **common,  # type: ignore[arg-type]
                        span_id=f"{2 + 10 * place + turn:x}",
                        parent_span_id="1",
                        kind="consumer",
                        service="billing",
                        operation=operation,
                        start_ns=begins,
                        end_ns=begins + int(random.integers(0, 60 * 10**9)),
                        error=bool(random.random() < 0.1),
                    )
                )
    return found


def batches(random: np.random.Generator, telemetry: list[Series], count: int) -> list[SampleSet]:
    """All samples, dealt out to several appends: mostly by time, but with stragglers, in any order of series."""
    dealt: list[list[Series]] = [[] for _ in range(count)]
    for labels, t_ms, values in telemetry:
        t, v = np.asarray(t_ms, np.int64), np.asarray(values, np.float64)
        if not len(t):
            continue
        turn = np.minimum((t - t[0]) * count // max(1, t[-1] - t[0] + 1), count - 1)
        late = random.random(len(t)) < 0.02
        turn[late] = np.minimum(turn[late] + random.integers(1, count, int(late.sum())), count - 1)
        for number in range(count):
            dealt[number].append((labels, t[turn == number], v[turn == number]))
    for one in dealt:
        random.shuffle(one)  # type: ignore[arg-type]
    return [SampleSet.of(one) for one in dealt]


def assert_same(ledger: Ledger, other: Ledger) -> None:
    """Equal to the last bit: every array, and everything beside them."""
    assert ledger.grid == other.grid
    assert ledger.rows.keys() == other.rows.keys()
    assert ledger.problems == other.problems
    for key, row in ledger.rows.items():
        for one in Row.__struct_fields__:
            _assert_same(getattr(row, one), getattr(other.rows[key], one), f"{key} {one}")


def _assert_same(one: object, other: object, where: str) -> None:
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray), where
        assert one.tobytes() == other.tobytes(), where
    elif isinstance(one, Findings):
        for name in ("t_ms", "births", "resets", "gap"):
            _assert_same(getattr(one, name), getattr(other, name), f"{where}.{name}")
    elif isinstance(one, Uncounted):
        assert isinstance(other, Uncounted), where
        for name, mine, theirs in zip(Uncounted.__struct_fields__, one.columns(), other.columns(), strict=True):
            _assert_same(mine, theirs, f"{where}.{name}")
    else:
        assert one == other, where
