"""What the OpenTelemetry SDK really sends, from its tracer to counted hops."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind

from observatory.sources.base import HopQuery, MessageQuery
from observatory.sources.otlp import decode_traces
from observatory.sources.store import Store
from observatory.telemetry.binding import SpanSelector
from observatory.windows import Grid

SECOND = 10**9


@pytest.mark.parametrize("by_link", [False, True])
def test_spans_of_the_sdk_become_hops_and_messages(by_link: bool) -> None:
    exporter = InMemorySpanExporter()

    def tracer(service: str) -> trace.Tracer:
        provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        return provider.get_tracer("test")

    sent = tracer("shop").start_span(
        "send orders",
        kind=SpanKind.PRODUCER,
        start_time=10 * SECOND,
        attributes={"messaging.system": "kafka", "messaging.destination.name": "orders"},
    )
    sent.end(11 * SECOND)
    taken = tracer("billing").start_span(
        "process orders",
        kind=SpanKind.CONSUMER,
        context=None if by_link else trace.set_span_in_context(sent),
        links=[Link(sent.get_span_context())] if by_link else (),
        start_time=12 * SECOND,
        attributes={
            "messaging.system": "kafka",
            "messaging.destination.name": "orders",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": "billing-v1",
        },
    )
    taken.record_exception(ValueError("no"))
    taken.set_status(trace.StatusCode.ERROR)
    taken.end(13 * SECOND)
    body = encode_spans(exporter.get_finished_spans()).SerializeToString()
    selector, grid = SpanSelector(("orders",), consumer_group="billing-v1"), Grid(0, 60_000, 1)
    with Store.open() as store:
        assert store.append_spans(decode_traces(body, "application/x-protobuf")) == 2
        hops = store.count_hops([HopQuery("1 s", selector, 1.0), HopQuery("under 1 s", selector, 0.99)], grid)
        failed = store.count_messages([MessageQuery("failed", selector, "consumer", "error")], grid)
        shown = store.trace(f"{taken.get_span_context().trace_id:032x}")
    assert {key: value.tolist() for key, value in (hops | failed).items()} == {
        "1 s": [1.0],
        "under 1 s": [0.0],
        "failed": [1.0],
    }
    assert [(span.service, span.operation, span.error) for span in shown] == [
        ("shop", "send", False),
        ("billing", "process", True),
    ]
    assert shown[1].error_type == "ValueError"
