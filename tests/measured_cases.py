"""Objectives with everything filled in, and hand-made bindings that measure them."""

from __future__ import annotations

from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.indicators.standard import candidates
from observatory.objectives.objective import Objective
from observatory.spec.catalog import Owner, SliWord, Threshold
from observatory.telemetry.binding import Matcher, MetricBinding, SemanticKind, SeriesSelector, Term
from observatory.windows import Window

TOPIC = Matcher("topic", ("orders",))
GROUP = Matcher("consumergroup", ("billing",))
FAILED = Matcher("error_type", ("",), negated=True)


def terms(metric: str, *matchers: Matcher) -> tuple[Term, ...]:
    return (Term(1, SeriesSelector(metric, (TOPIC, *matchers))),)


def binding(signal: str, kind: SemanticKind, metric: str, *matchers: Matcher, **more: object) -> MetricBinding:
    plain = MetricBinding(signal=signal, source="metrics", profile="example", kind=kind, all=terms(metric, *matchers))
    return replace(plain, **more)  # type: ignore[arg-type]


BINDINGS = {
    one.signal: one
    for one in (
        binding(
            "processed_messages", "cumulative", "processed_total", GROUP, error=terms("processed_total", GROUP, FAILED)
        ),
        binding("published_messages", "cumulative", "sent_total", error=terms("send_failures_total")),
        binding(
            "end_to_end_latency",
            "distribution",
            "hop_seconds",
            GROUP,
            boundaries=((0.1, "0.1"), (0.5, "0.5"), (1.0, "1.0"), (60.0, "60.0")),
        ),
        binding("process_duration", "distribution", "handling_seconds", GROUP, boundaries=((0.5, "0.5"), (1.0, "1.0"))),
        binding("produced_offset", "position", "log_end_offset", partition_label="partition"),
        binding("committed_offset", "position", "group_offset", GROUP, partition_label="partition", invalid_below=0.0),
        binding("consumer_lag", "level", "group_lag", GROUP, invalid_below=0.0),
        binding("dead_lettered_messages", "cumulative", "dead_letters_total", GROUP),
        binding("queue_depth", "level", "queue_messages"),
        binding("head_timestamp", "timestamp", "queue_head_timestamp_seconds"),
        binding("broker_load", "level", "broker_busy_ratio"),
        binding(
            "validated_messages", "cumulative", "validated_total", GROUP, error=terms("validated_total", GROUP, FAILED)
        ),
    )
}


def objective(
    sli: SliWord = "availability",
    *,
    name: str | None = None,
    target: float = 0.999,
    threshold: Threshold | None = None,
    window: str = "30d",
    role: str = "consumer",
    policy: str = "google-30d",
    document: str = "payments",
    address: str = "orders",
    owner: Owner | None = None,
) -> Objective:
    operation = "onOrder" if role == "consumer" else "sendOrder"
    return Objective(
        id=f"{document}/{operation}/{name or sli}",
        document=document,
        operation=operation,
        operation_key=f"{document}/{operation}",
        channel_id=f"kafka:{address}",
        channel_key="orders",
        address=address,
        protocol="kafka",
        role=role,
        service=document,
        consumer_group="billing" if role == "consumer" else None,
        sli=sli,
        name=name or sli,
        target=target,
        threshold=threshold,
        window=Window.parse(window),
        policy=policy,
        owner=owner or Owner(team="pay-core", runbook="https://runbooks.example/payments"),
        domain="payments",
        criticality="critical",
    )


def measurement(one: Objective) -> Measurement:
    """The first indicator of the objective's word whose signals are among the hand-made bindings."""
    for indicator in candidates(one.sli, one.role, one.threshold, one.measure):
        if all(signal in BINDINGS for signal in indicator.signals):
            found = tuple(BINDINGS[signal] for signal in indicator.signals)
            return Measurement(key=repr(indicator), subject=one.operation_key, indicator=indicator, bindings=found)
    raise AssertionError(f"no hand-made binding for {one.sli}")
