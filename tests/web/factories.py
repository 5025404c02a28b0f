"""A small estate made by hand: four channels, known numbers, and spans of one message. No source is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.errors import Problem, SourceFailed
from observatory.evaluate.deploys import Deploy
from observatory.evaluate.estate_status import Status
from observatory.evaluate.history import burn_history, firing_now
from observatory.evaluate.snapshot import SignalSeries, Snapshot, Statistic
from observatory.evaluate.status import LevelNow, ObjectiveStatus, State
from observatory.indicators.counts import Counts
from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.location import Location
from observatory.objectives.budget import Budget, allowed_events, remaining_ratio
from observatory.objectives.objective import Objective
from observatory.objectives.policy import load_policies
from observatory.settings import Settings
from observatory.sources.base import SourceState, Span
from observatory.spec.catalog import Catalog, Channel, Document, Operation, Owner, RuntimeName
from observatory.telemetry.binding import (
    MappingResult,
    Matcher,
    MetricBinding,
    Resolution,
    SeriesSelector,
    SpanSelector,
    Term,
)
from observatory.telemetry.inventory import Inventory, SpanDestination
from observatory.telemetry.profile import load_profiles
from observatory.telemetry.recipe import Profile
from observatory.windows import BURN_WINDOWS, Grid, TimeRange, Window

AT_MS = 1_795_176_000_000  # 2026-11-20T12:00:00Z
DAY_MS = 86_400_000
TARGET = 0.999
OWNER = Owner(team="pay-core", contact="#pay", runbook="https://runbooks.example/payments")
POLICIES = load_policies()
HOSTILE = "<script>alert(1)</script> & <img src=x onerror=alert(2)>"
TRACE = "0af7651916cd43dd8448eb211c80319c"
DOCUMENT = """asyncapi: 3.0.0
info: {title: Orders, version: 1.0.0, x-service-name: shop}
channels:
  orders: {address: orders.v1}
operations:
  publishOrder:
    action: send
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99.9%}
"""
"""One channel with one objective, for servers that read documents."""


def channel(name: str, *, domain: str = "payments", criticality: str = "critical", description: str = "") -> Channel:
    """A Kafka channel of that address."""
    return Channel(
        id=f"kafka:{name}",
        address=name,
        protocol="kafka",
        names=(RuntimeName(kind="topic", value=name, provenance="address"),),
        broker="kafka-1.example",
        owner=OWNER,
        domain=domain,
        criticality=criticality,  # type: ignore[arg-type]
        description=description,
        operations=(f"shop/publish {name}", f"billing/on {name}"),
        documents=("billing", "shop"),
        location=Location("shop.yaml", 12, 3),
    )


def operations(one: Channel) -> tuple[Operation, Operation]:
    """A producer and a consumer."""
    common = {
        "channel_id": one.id,
        "channel_key": one.address,
        "owner": OWNER,
        "domain": one.domain,
        "criticality": one.criticality,
    }
    return (
        Operation(
            key=f"shop/publish {one.address}",
            document="shop",
            name=f"publish {one.address}",
            service="shop",
            action="send",
            **common,
        ),  # type: ignore[arg-type]
        Operation(
            key=f"billing/on {one.address}",
            document="billing",
            name=f"on {one.address}",
            service="billing",
            action="receive",
            consumer_group="billing-v1",
            **common,  # type: ignore[arg-type]
        ),
    )


def objective(one: Channel, target: float = TARGET) -> Objective:
    """Availability of the consumer."""
    return Objective(
        id=f"billing/on {one.address}/availability",
        document="billing",
        operation=f"on {one.address}",
        operation_key=f"billing/on {one.address}",
        channel_id=one.id,
        channel_key=one.address or "",
        address=one.address,
        protocol="kafka",
        role="consumer",
        service="billing",
        consumer_group="billing-v1",
        sli="availability",
        name="availability",
        target=target,
        threshold=None,
        window=Window.parse("30d"),
        policy="google-30d",
        owner=OWNER,
        domain=one.domain,
        criticality=one.criticality,
        location=Location("billing.yaml", 31, 7),
    )


def row(bad_per_minute: Sequence[tuple[int, int, float]] = (), *, per_minute: float = 600.0, days: int = 30) -> Row:
    """Even traffic; `bad_per_minute` holds (first minute from the end, minutes, bad events in each)."""
    steps = days * 1440
    total = np.full(steps, per_minute)
    bad = np.zeros(steps)
    for before_end, minutes, count in bad_per_minute:
        first = steps - before_end
        bad[first : first + minutes] = count
    return Row(good=total - bad, total=total, observed=np.full(steps, 60.0), series=3, last_sample_ms=AT_MS - 4000)


def measurement(one: Channel) -> Measurement:
    """A counter with outcomes."""
    name = f"billing/on {one.address}"
    return Measurement(
        key=f"{name} processed",
        subject=name,
        indicator=Indicator(
            sli="availability",
            total=Count("processed_messages"),
            good=Count("processed_messages", "success"),
            measure="processed without error",
        ),
        bindings=(
            MetricBinding(
                signal="processed_messages",
                source="metrics",
                profile="otel_semconv_messaging",
                kind="cumulative",
                all=(Term(1, SeriesSelector("messages_total", (Matcher("topic", (one.address or "",)),))),),
                success=(
                    Term(
                        1,
                        SeriesSelector(
                            "messages_total", (Matcher("topic", (one.address or "",)), Matcher("error_type", ("",)))
                        ),
                    ),
                ),
                liveness="live",
                series=3,
                reason="service and topic agree",
            ),
        ),
    )


def status_of(one: Objective, ledger_row: Row, grid: Grid, key: str) -> ObjectiveStatus:
    """The status that the rooms below would give, from the same arithmetic."""
    policy = POLICIES["google-30d"]
    counts = Counts(
        float(ledger_row.good.sum()), float(ledger_row.total.sum()), float(ledger_row.observed.sum()), 30 * 86_400.0
    )
    left = remaining_ratio(counts, one.target)
    seconds = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21_600, "1d": 86_400, "3d": 259_200}
    rates: dict[str, float | None] = {
        name: float(burn_history(ledger_row, grid, one.target, seconds[name])[-1]) for name in BURN_WINDOWS
    }
    fires = tuple(dict.fromkeys(pair.severity for pair in firing_now(ledger_row, grid, one.target, policy)))
    state: State = "breached" if left is not None and left <= 0 else "at_risk" if fires else "meeting"
    return ObjectiveStatus(
        objective=one,
        state=state,
        counts=counts,
        counting="exact",
        budget=Budget(allowed_events(counts, one.target), counts.bad, left),
        burn_rates=rates,
        firing=fires,
        measure="processed without error",
        profile="otel_semconv_messaging",
        measurement=key,
        last_sample_ms=AT_MS - 4000,
    )


def silent_status(one: Objective) -> ObjectiveStatus:
    """An objective that nothing measures."""
    problem = Problem(
        code="series-missing",
        severity="warning",
        message="no series messages_total for this topic",
        hint="switch on the consumer's metrics",
        location=Location("billing.yaml", 31, 7),
    )
    return ObjectiveStatus(
        objective=one,
        state="no_data",
        counts=None,
        counting=None,
        budget=None,
        burn_rates=dict.fromkeys(BURN_WINDOWS),
        problems=(problem,),
    )


CARD = channel("payments.card.settled")
REFUND = channel("payments.refund.failed", criticality="high")
LABEL = channel("shipping.label.created", domain="shipping", description=HOSTILE)
QUIET = channel("notify.email.bounced", domain="notify")
CHANNELS = (QUIET, CARD, REFUND, LABEL)


def snapshot(*, at_ms: int = AT_MS, sources: Sequence[SourceState] | None = None) -> Snapshot:
    """One channel burns, one is overspent, one is well, one has no data."""
    grid = Grid.ending_at(at_ms, 30 * DAY_MS)
    rows = {
        CARD.id: row([(40, 40, 30.0), (12 * 1440, 60, 60.0)]),
        REFUND.id: row([(5 * 1440, 120, 300.0)]),
        LABEL.id: row([(900, 3, 20.0)]),
    }
    catalog = Catalog(
        documents=(
            Document(name="billing", path="billing.yaml", version="3.0.0", title="Billing", service="billing"),
            Document(name="shop", path="shop.yaml", version="2.6.0", title="Shop", service="shop"),
        ),
        channels=CHANNELS,
        operations=tuple(sorted((one for each in CHANNELS for one in operations(each)), key=lambda one: one.key)),
    )
    objectives = tuple(objective(one) for one in CHANNELS)
    measurements = {objective(one).id: measurement(one) for one in CHANNELS if one.id in rows}
    statuses = [
        status_of(objective(one), rows[one.id], grid, measurement(one).key)
        if one.id in rows
        else silent_status(objective(one))
        for one in CHANNELS
    ]
    resolutions = {
        (f"billing/on {one.address}", "processed_messages"): Resolution(
            signal="processed_messages",
            chosen=measurement(one).bindings[0] if one.id in rows else None,
            code=None if one.id in rows else "series-missing",
            reason="" if one.id in rows else "no series messages_total for this topic",
        )
        for one in CHANNELS
    }
    return Snapshot(
        at_ms=at_ms,
        catalog=catalog,
        objectives=objectives,
        mapping=MappingResult(resolutions),
        measurements=measurements,
        ledger=Ledger(grid, {measurement(one).key: rows[one.id] for one in CHANNELS if one.id in rows}),
        status=Status(
            at_ms=at_ms,
            sources=tuple(sources if sources is not None else (SourceState("metrics", "prometheus", "ok"),)),
            objectives=tuple(sorted(statuses, key=lambda one: one.objective.id)),
        ),
    )


def spans() -> tuple[Span, ...]:
    """One message: published by the shop, waiting 400 ms, handled by billing with a failing look-up."""
    base = (AT_MS - 60_000) * 1_000_000
    ms = 1_000_000
    return (
        Span(
            trace_id=TRACE,
            span_id="a1",
            parent_span_id="",
            name="POST /checkout",
            kind="server",
            service="shop",
            start_ns=base,
            end_ns=base + 120 * ms,
        ),
        Span(
            trace_id=TRACE,
            span_id="a2",
            parent_span_id="a1",
            name="publish payments.card.settled",
            kind="producer",
            service="shop",
            start_ns=base + 90 * ms,
            end_ns=base + 100 * ms,
            system="kafka",
            destination="payments.card.settled",
        ),
        Span(
            trace_id="ffff",
            span_id="b1",
            parent_span_id="",
            name="process payments.card.settled",
            kind="consumer",
            service="billing",
            start_ns=base + 500 * ms,
            end_ns=base + 700 * ms,
            system="kafka",
            destination="payments.card.settled",
            consumer_group="billing-v1",
            links=((TRACE, "a2"),),
            error=True,
            error_type="SchemaError",
            attributes={"note": HOSTILE},
        ),
        Span(
            trace_id="ffff",
            span_id="b2",
            parent_span_id="b1",
            name="GET schema",
            kind="client",
            service="billing",
            start_ns=base + 510 * ms,
            end_ns=base + 560 * ms,
        ),
    )


@dataclass
class Spans:
    """A span source that holds one trace."""

    name: str = "store"

    def destinations(self, span: TimeRange) -> Inventory:
        return Inventory(
            source="store",
            destinations=(
                SpanDestination(
                    role="producer",
                    system="kafka",
                    destination="payments.card.settled",
                    service="shop",
                    consumer_group="",
                    messages=1200.0,
                    first_ms=span.start_ms,
                    last_ms=span.end_ms,
                ),
                SpanDestination(
                    role="consumer",
                    system="kafka",
                    destination="payments.card.settled",
                    service="spy",
                    consumer_group="spy-1",
                    messages=7.0,
                    first_ms=span.end_ms - 1000,
                    last_ms=span.end_ms,
                ),
            ),
        )

    def sample_traces(self, selector: SpanSelector | None, span: TimeRange, limit: int) -> list[str]:
        return [TRACE][:limit] if selector is None or "payments.card.settled" in selector.destinations else []

    def trace(self, trace_id: str) -> list[Span]:
        return list(spans()) if trace_id == TRACE else []


@dataclass
class HandMadeSources:
    """What `Board` looks at in an estate's sources."""

    spans: tuple[Spans, ...] = (Spans(),)
    metrics: tuple[object, ...] = ()
    store: object | None = None


@dataclass
class HandMadeEstate:
    """Hands out snapshots and series made by hand; fails on demand, as a server that went away would."""

    sources: HandMadeSources = field(default_factory=HandMadeSources)
    failing: bool = False
    profiles: tuple[Profile, ...] = field(default_factory=load_profiles)
    settings: Settings = field(default_factory=Settings)
    asked: list[tuple[str, str]] = field(default_factory=list)
    deployed: tuple[Deploy, ...] = ()

    def deploys(self, span: TimeRange) -> tuple[tuple[Deploy, ...], tuple[Problem, ...]]:
        return tuple(one for one in self.deployed if span.start_ms < one.at_ms <= span.end_ms), ()

    def snapshot(self, at_ms: int, previous: Snapshot | None = None) -> Snapshot:
        if self.failing:
            raise SourceFailed(
                Problem(code="source-unreachable", message="connection refused", url="http://127.0.0.1:9090")
            )
        made = snapshot(at_ms=at_ms)
        return replace(made, catalog=previous.catalog, objectives=previous.objectives) if previous else made

    def series(
        self,
        snapshot: Snapshot,
        signal: str,
        subjects: Sequence[str],
        span: TimeRange,
        step_ms: int,
        statistic: Statistic,
        by_part: bool = False,
    ) -> tuple[SignalSeries, ...]:
        self.asked.append((signal, statistic))
        if self.failing:
            raise SourceFailed(
                Problem(code="source-unreachable", message="connection refused", url="http://127.0.0.1:9090")
            )
        steps = (span.end_ms - span.start_ms) // step_ms
        t_ms = span.start_ms + np.arange(1, steps + 1, dtype=np.int64) * step_ms
        wave = 1 + 0.3 * np.sin(np.arange(steps) / steps * 6.28)
        found: list[SignalSeries] = []
        for index, subject in enumerate(subjects):
            if "notify" in subject or signal in (
                "end_to_end_latency",
                "queue_ready",
                "queue_depth",
                "registry_requests",
                "contract_tests",
            ):
                continue
            size = {"process_duration": 0.12, "consumer_lag": 40.0, "dead_lettered_messages": 0.02}.get(
                signal, 10.0
            ) * (index + 1)
            parts = (
                ("0", "1", "2")
                if by_part and signal == "produced_offset"
                else ("error", "success")
                if by_part
                else ("",)
            )
            found += [
                SignalSeries(
                    subject=subject,
                    signal=signal,
                    statistic=statistic,
                    part=part,
                    t_ms=t_ms,
                    value=wave * size * (2.0 if part == "1" else 1.0),
                )
                for part in parts
            ]
        return tuple(found)


LEVEL = LevelNow(unit="second", last=12.0, worst=90.0, error=1.0)
