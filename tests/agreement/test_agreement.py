"""One stream of events, told three ways: counters in a real Prometheus, the same counters in the embedded store, and
spans in the embedded store. Good and total must be the same, in every step.

Scrapes lie on the edges of the steps' fractions, so that an event is counted in the step in which it happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import prometheus_server
import pytest
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.indicators.standard import candidates
from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.base import SampleSet, Span
from observatory.sources.opening import Sources
from observatory.sources.prometheus import PrometheusSource
from observatory.sources.store import Store
from observatory.telemetry.binding import (
    Binding,
    Matcher,
    MetricBinding,
    SeriesSelector,
    SpanBinding,
    SpanSelector,
    Term,
)
from observatory.windows import Grid

START_MS = 1_795_000_020_000
SCRAPE_MS = 15_000
MINUTES = 40
GRID = Grid(START_MS, 60_000, MINUTES)
GROUPS = ("billing", "mail")
CHANNELS = ("orders", "refunds")
METRICS = {"producer": "published_total", "consumer": "processed_total"}
SIGNALS = {"producer": "published_messages", "consumer": "processed_messages"}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a message: published, or processed by a group."""

    at_ms: int
    message: int
    channel: str
    role: str
    group: str
    failed: bool


def stream(seed: int) -> list[Event]:
    """Publishes of uneven load; of the accepted ones each group processes each, now and then with an error."""
    random = np.random.default_rng(seed)
    events = []
    instants = np.sort(random.integers(START_MS + 1, START_MS + (MINUTES - 5) * 60_000, 2000))
    for message, at_ms in enumerate(instants.tolist(), 1):
        channel = CHANNELS[int(random.random() < 0.2)]
        refused = bool(random.random() < 0.01)
        events.append(Event(at_ms, message, channel, "producer", "", refused))
        for group in () if refused else GROUPS:
            later = at_ms + int(random.exponential(4000)) + 1
            events.append(Event(later, message, channel, "consumer", group, bool(random.random() < 0.05)))
    return events


def counters(events: list[Event]) -> SampleSet:
    """The events as scraped counters, known at zero before the first of them."""
    scrapes = np.arange(START_MS - 2 * SCRAPE_MS, START_MS + MINUTES * 60_000 + 1, SCRAPE_MS)
    series = []
    for role, metric in METRICS.items():
        for channel in CHANNELS:
            for group in GROUPS if role == "consumer" else ("",):
                for outcome in ("success", "error"):
                    happened = sorted(
                        event.at_ms
                        for event in events
                        if (event.role, event.channel, event.group) == (role, channel, group)
                        and event.failed == (outcome == "error")
                    )
                    labels = {"__name__": metric, "channel": channel, "outcome": outcome, "job": "x", "instance": "y"}
                    values = np.searchsorted(happened, scrapes, side="right").astype(float)
                    series.append((labels | ({"group": group} if group else {}), scrapes, values))
    return SampleSet.of(series)


def spans(events: list[Event]) -> Iterator[Span]:
    """The events as spans: one group consumes by parent, the other by link."""
    for event in events:
        producer = f"{event.message:032x}", f"{event.message:016x}"
        number = 10_000 * (1 + (GROUPS.index(event.group) if event.group else -1)) + event.message
        span = Span(
            trace_id=producer[0],
            span_id=f"{number:016x}",
            parent_span_id="",
            name=event.role,
            kind=event.role,
            service=event.group or "shop",
            start_ns=event.at_ms * 10**6,
            end_ns=event.at_ms * 10**6 + 1000,
            error=event.failed,
            system="kafka",
            destination=event.channel,
            consumer_group=event.group,
        )
        if event.group == "billing":
            yield replace(span, parent_span_id=producer[1], span_id=f"{number + 100_000:016x}")
        elif event.group == "mail":
            yield replace(span, trace_id=f"{10**6 + event.message:032x}", links=(producer,))
        else:
            yield span


def by_counters(role: str, channel: str, group: str, source: str) -> MetricBinding:
    def term(*matchers: Matcher) -> tuple[Term, ...]:
        chosen = (Matcher("channel", (channel,)), *matchers)
        return (Term(1, SeriesSelector(METRICS[role], chosen + ((Matcher("group", (group,)),) if group else ()))),)

    return MetricBinding(
        signal=SIGNALS[role],
        source=source,
        profile="test",
        kind="cumulative",
        all=term(),
        success=term(Matcher("outcome", ("success",))),
        error=term(Matcher("outcome", ("error",))),
    )


def by_spans(role: str, channel: str, group: str, source: str) -> SpanBinding:
    return SpanBinding(
        signal=SIGNALS[role],
        source=source,
        profile="otel_spans",
        selector=SpanSelector((channel,), system="kafka", consumer_group=group or None),
    )


def count(sources: Sources, bound: type[Binding], source: str) -> dict[tuple[str, str, str], Row]:
    """Availability of every producer and consumer, by the ledger."""
    binder = by_counters if bound is MetricBinding else by_spans
    subjects = [("producer", channel, "") for channel in CHANNELS]
    subjects += [("consumer", channel, group) for channel in CHANNELS for group in GROUPS]
    measurements = [
        Measurement(
            key="/".join(subject),
            subject="/".join(subject),
            indicator=candidates("availability", subject[0])[0],
            bindings=(binder(*subject, source),),
        )
        for subject in subjects
    ]
    ledger = build(measurements, sources, GRID)
    return {subject: ledger.rows["/".join(subject)] for subject in subjects}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return stream(20261120)


@pytest.fixture(scope="module")
def truth(events: list[Event]) -> dict[tuple[str, str, str], tuple[list[int], list[int]]]:
    found = {}
    for subject in {(event.role, event.channel, event.group) for event in events}:
        mine = [event for event in events if (event.role, event.channel, event.group) == subject]
        steps = np.array([(event.at_ms - START_MS - 1) // 60_000 for event in mine])
        failed = np.array([event.failed for event in mine])
        total = np.bincount(steps, minlength=MINUTES)
        found[subject] = (total - np.bincount(steps[failed], minlength=MINUTES)).tolist(), total.tolist()
    return found


def told(rows: dict[tuple[str, str, str], Row]) -> dict[tuple[str, str, str], tuple[list[float], list[float]]]:
    return {subject: (row.good.tolist(), row.total.tolist()) for subject, row in rows.items()}


def test_counters_in_prometheus_agree_with_the_events(
    tmp_path: Path, events: list[Event], truth: dict[tuple[str, str, str], tuple[list[int], list[int]]]
) -> None:
    with prometheus_server.start(tmp_path) as server:
        samples = counters(events)
        server.write(samples.series(index) for index in range(len(samples)))
        source = PrometheusSource(PrometheusSettings(url=server.url))
        assert told(count(Sources(metrics=(source,)), MetricBinding, source.name)) == truth


def test_counters_in_the_store_agree_with_the_events(
    tmp_path: Path, events: list[Event], truth: dict[tuple[str, str, str], tuple[list[int], list[int]]]
) -> None:
    with Store.open(tmp_path / "store.duckdb") as store:
        store.append_samples(counters(events))
        assert told(count(Sources(metrics=(store,)), MetricBinding, store.name)) == truth


def test_counters_that_trickled_into_the_store_agree_with_the_events(
    events: list[Event], truth: dict[tuple[str, str, str], tuple[list[int], list[int]]]
) -> None:
    samples = counters(events)
    scrapes = len(samples.series(0)[1])
    with Store.open() as store:
        for scrape in np.random.default_rng(1).permutation(scrapes).tolist():
            part = (
                (labels, times[scrape : scrape + 1], values[scrape : scrape + 1])
                for labels, times, values in (samples.series(index) for index in range(len(samples)))
            )
            store.append_samples(SampleSet.of(part))
        assert told(count(Sources(metrics=(store,)), MetricBinding, store.name)) == truth


def test_spans_in_the_store_agree_with_the_events(
    tmp_path: Path, events: list[Event], truth: dict[tuple[str, str, str], tuple[list[int], list[int]]]
) -> None:
    with Store.open(tmp_path / "store.duckdb") as store:
        store.append_spans(spans(events))
        assert told(count(Sources(spans=(store,)), SpanBinding, store.name)) == truth
