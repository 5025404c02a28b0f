"""A span table in the two forms in which spans travel: columns for the store, OTLP protobuf for a receiver."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from observatory.sources.simulated.estate import channel_model, group_model
from observatory.sources.simulated.spans import SpanTable, StepKey

if TYPE_CHECKING:
    import pyarrow as pa

OPERATION = {"producer": "send", "consumer": "process"}
OTLP_KIND = {"server": 2, "client": 3, "producer": 4, "consumer": 5}


def store_columns(table: SpanTable) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns of spans and of links, under the names of the store's span tables."""
    import pyarrow as pa

    described = [_described(key) for key in table.keys]
    number = pa.array(table.key)

    def text(field: str) -> pa.Array:
        return pa.array([one[field] for one in described], pa.string()).take(number)

    attributes = pa.array([list(key.step.attributes) for key in table.keys], pa.map_(pa.string(), pa.string()))
    partition = pa.array(["", *[str(p) for p in range(int(table.partition.max(initial=0)) + 1)]]).take(
        pa.array(table.partition + 1)
    )
    columns: dict[str, Any] = {
        "trace_hi": table.trace_hi,
        "trace_lo": table.trace_lo,
        "span_id": table.span_id,
        "parent_span_id": table.parent,
        "partition_id": partition,
        "start_ns": table.start_ns,
        "end_ns": table.end_ns,
        "weight": table.weight,
        "error": pa.array([bool(key.error_type) for key in table.keys]).take(number),
        "attributes": attributes.take(number),
    }
    names = ("kind", "operation", "operation_name", "name", "service", "system", "destination", "consumer_group")
    columns |= {name: text(name) for name in (*names, "error_type")}
    linked = np.flatnonzero(table.target)
    links: dict[str, Any] = {
        "trace_hi": table.trace_hi[linked],
        "trace_lo": table.trace_lo[linked],
        "span_id": table.span_id[linked],
        "target_trace_hi": table.target_hi[linked],
        "target_trace_lo": table.target_lo[linked],
        "target_span_id": table.target[linked],
    }
    return columns, links


def _described(key: StepKey) -> dict[str, str]:
    step = key.step
    told = {
        "kind": step.kind,
        "service": step.service,
        "name": step.name,
        "operation": "",
        "operation_name": "",
        "system": "",
        "destination": "",
        "consumer_group": "",
        "error_type": key.error_type,
    }
    if step.address:
        channel = channel_model(step.address)
        operation = OPERATION[step.kind]
        told |= {
            "name": f"{operation} {key.destination}",
            "operation": operation,
            "operation_name": operation,
            "system": channel.system,
            "destination": key.destination,
        }
        if step.kind == "consumer" and channel.system != "rabbitmq":
            told["consumer_group"] = group_model(step.service, step.address).group
    return told


def trace_state(weight: float) -> str:
    """The sampling threshold of a weight that is a power of two, as a `tracestate` entry."""
    threshold = (1 << 56) - round((1 << 56) / weight)
    return f"ot=th:{threshold:014x}".rstrip("0") if threshold else "ot=th:0"


def otlp_request(table: SpanTable) -> bytes:
    """An ExportTraceServiceRequest in protobuf, grouped by service as real SDKs send it."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    by_service: dict[str, list[int]] = defaultdict(list)
    for row, number in enumerate(table.key.tolist()):
        by_service[table.keys[number].step.service].append(row)
    for service in sorted(by_service):
        resource = request.resource_spans.add()
        _set(resource.resource.attributes, "service.name", service)
        scope = resource.scope_spans.add()
        scope.scope.name = "observatory.simulated"
        for row in by_service[service]:
            _fill(scope.spans.add(), table, row)
    return bytes(request.SerializeToString())


def _fill(span: Any, table: SpanTable, row: int) -> None:
    key = table.keys[int(table.key[row])]
    told = _described(key)
    span.trace_id = _bytes(table.trace_hi[row]) + _bytes(table.trace_lo[row])
    span.span_id = _bytes(table.span_id[row])
    if table.parent[row]:
        span.parent_span_id = _bytes(table.parent[row])
    span.trace_state = trace_state(float(table.weight[row]))
    span.name = told["name"]
    span.kind = OTLP_KIND[key.step.kind]
    span.start_time_unix_nano = int(table.start_ns[row])
    span.end_time_unix_nano = int(table.end_ns[row])
    for name, value in key.step.attributes:
        _set(span.attributes, name, value)
    for name, field in (
        ("messaging.system", "system"),
        ("messaging.destination.name", "destination"),
        ("messaging.operation.name", "operation_name"),
        ("messaging.operation.type", "operation"),
        ("messaging.consumer.group.name", "consumer_group"),
        ("error.type", "error_type"),
    ):
        if told[field]:
            _set(span.attributes, name, told[field])
    if table.partition[row] >= 0:
        _set(span.attributes, "messaging.destination.partition.id", str(int(table.partition[row])))
    if key.error_type:
        span.status.code = 2
    if table.target[row]:
        link = span.links.add()
        link.trace_id = _bytes(table.target_hi[row]) + _bytes(table.target_lo[row])
        link.span_id = _bytes(table.target[row])


def _set(attributes: Any, name: str, value: str) -> None:
    entry = attributes.add()
    entry.key = name
    entry.value.string_value = value


def _bytes(number: Any) -> bytes:
    return int(number).to_bytes(8, "big")
