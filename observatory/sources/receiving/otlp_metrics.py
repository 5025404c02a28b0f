"""OTLP metrics, protobuf and JSON, read into a batch; names and labels as Prometheus' own OTLP receiver gives them.

`service.name`, behind its namespace, becomes `job` and `service.instance.id` becomes `instance`; the other attributes
of the resource stand once, on `target_info`. Metrics get unit and type as suffixes (see `telemetry.otel_names`). What
the scope says of itself is kept as `otel_scope_...`: two libraries may count under one name.

A stream of OpenTelemetry is known by its whole resource, its scope and its attributes, and none of that may get lost:
two streams would become one counter that jumps between them. So a process that does not name its instance is told from
others by the rest of its resource, and an attribute that has the name of another label is kept as `exported_...`.

A cumulative point says since when it counts, a delta what happened since its start; both are handed on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from observatory.sources.batch import Batch, Labels
from observatory.sources.otlp import JSON, MAX_BODY_BYTES, media_of, proto_attributes
from observatory.sources.otlp_bodies import inflated
from observatory.sources.otlp_raw import Parts, check_objects, undecodable
from observatory.sources.receiving.builder import (
    MAX_MS,
    MOST_LABELS,
    MOST_VALUE_CHARACTERS,
    Builder,
    PointRejected,
    check_labels,
)
from observatory.sources.receiving.histograms import (
    Exponential,
    Part,
    bound_text,
    explicit_parts,
    exponential_parts,
    summary_parts,
)
from observatory.telemetry.inventory import MetricMetadata
from observatory.telemetry.otel_names import TRANSLATIONS

EXPECTED = "a metrics export request: resourceMetrics"
TARGET_INFO = "target_info"
_NAMES = TRANSLATIONS[0]
_DELTA, _CUMULATIVE = 1, 2
_NO_RECORDED_VALUE = 1
_IDENTIFYING = ("service.name", "service.namespace", "service.instance.id")
_PLACES = ("k8s.pod.name", "container.id", "host.name")
"""Where a process runs, as people know it; the first that is told."""
_OF_LIBRARY = "telemetry."
_TYPES = {"histogram": "histogram", "exponential_histogram": "histogram", "summary": "summary"}
_OF_PARTS = {"histogram": "le", "exponential_histogram": "le", "summary": "quantile"}
"""The label that tells the parts of a metric apart."""


def decode(
    body: bytes,
    content_type: str,
    *,
    encoding: str = "",
    max_bytes: int = MAX_BODY_BYTES,
    shown_as: str = "OTLP",
    latest_ms: int = MAX_MS,
    after_ms: int = 0,
) -> Batch:
    """Decode a metrics export request.

    Args:
        content_type: `application/x-protobuf` or `application/json`, parameters allowed.
        encoding: See `otlp_bodies.inflated`.
        latest_ms, after_ms: Points after the one and up to the other are rejected.

    Raises:
        InputInvalid: `otlp-type-unknown`, `otlp-too-large`, `received-too-many`, or `otlp-undecodable` for the body as
            a whole.
    """
    media = media_of(content_type, shown_as)
    body = inflated(body, encoding, max_bytes, shown_as)
    if media == JSON:
        check_objects(body, shown_as)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise undecodable(shown_as, f"{where}: not JSON ({error.msg})", EXPECTED) from error
        return _batch(_from_json(document, shown_as), shown_as, Builder(latest_ms, after_ms))
    return _batch(_from_protobuf(body, shown_as), shown_as, Builder(latest_ms, after_ms))


def decode_document(document: Any, shown_as: str = "OTLP") -> Batch:
    """The same for JSON that is parsed already, whenever its points were.

    Raises:
        InputInvalid: As `decode`.
    """
    return _batch(_from_json(document, shown_as), shown_as, Builder())


def _from_json(document: Any, shown_as: str) -> Any:
    from google.protobuf.json_format import ParseDict, ParseError
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    if not isinstance(document, dict) or (document and not {"resourceMetrics", "resource_metrics"} & document.keys()):
        raise undecodable(shown_as, "the JSON holds no resourceMetrics", EXPECTED)
    try:
        return ParseDict(document, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
    except (ParseError, RecursionError, ValueError, TypeError) as error:
        raise undecodable(shown_as, f"the JSON is no metrics export request: {str(error)[:200]}", EXPECTED) from error


def holds_metrics(body: bytes) -> bool:
    """Whether a protobuf body reads as a metrics export request with something in it."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    request = ExportMetricsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        return False
    return any(
        metric.name and metric.WhichOneof("data")
        for group in request.resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
    )


def metrics_response(batch: Batch, content_type: str) -> bytes:
    """The body of the answer: partial success where points were left out, else success."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

    from observatory.sources.otlp import export_response

    return export_response(ExportMetricsServiceResponse(), "data_points", batch.rejected, batch.reason, content_type)


def _from_protobuf(body: bytes, shown_as: str) -> Any:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    request = ExportMetricsServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise undecodable(shown_as, "the body is not a protobuf message, or is cut off", EXPECTED) from error
    return request


def _batch(request: Any, shown_as: str, builder: Builder) -> Batch:
    parts = Parts(shown_as)
    for group in parts.of(request.resource_metrics):
        resource = _Resource(proto_attributes(group.resource.attributes), builder)
        for scope in parts.of(group.scope_metrics):
            own = _scope_labels(scope) | resource.target
            for metric in parts.of(scope.metrics):
                resource.take(metric, own, parts)
                builder.check_size(shown_as)
        resource.describe()
    return builder.batch()


class _Resource:
    """The metrics of one process."""

    def __init__(self, attributes: Mapping[str, str], builder: Builder) -> None:
        self._builder = builder
        self._newest_ms = 0
        name, namespace = attributes.get("service.name", ""), attributes.get("service.namespace", "")
        self._others = {key: value for key, value in attributes.items() if key not in _IDENTIFYING}
        target = {
            "job": f"{namespace}/{name}" if namespace and name else name,
            "instance": attributes.get("service.instance.id", "") or _instance_of(self._others),
        }
        self.target = {label: value for label, value in target.items() if value}

    def take(self, metric: Any, own: Labels, parts: Parts) -> None:
        """All points of a metric; a faulty one does not spoil the others.

        Args:
            own: Labels of the scope and of the target.
        """
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(metric, kind)
        points = parts.of(data.data_points)
        counter = kind == "sum" and data.is_monotonic
        base = _metric_name(metric.name, metric.unit, counter, kind == "gauge")
        temporality = getattr(data, "aggregation_temporality", _CUMULATIVE)
        if not base or temporality not in (_DELTA, _CUMULATIVE):
            why = "a metric has no usable name" if not base else f"{metric.name[:80]} has no temporality"
            self._builder.reject(why, len(points))
            return
        self._builder.metadata[base] = MetricMetadata(
            _TYPES.get(kind, "counter" if counter else "gauge"), metric.unit[:64], metric.description[:1024]
        )
        is_delta = temporality == _DELTA
        for point in points:
            try:
                self._add(point, kind, base, own, is_delta=is_delta, counter=counter)
            except PointRejected as error:
                self._builder.reject(f"{metric.name[:80]}: {error}")

    def _add(self, point: Any, kind: str, base: str, own: Labels, *, is_delta: bool, counter: bool) -> None:
        builder = self._builder
        t_ms, start_ms = point.time_unix_nano // 1_000_000, _start_ms(point)
        builder.check_instant(t_ms)
        labels = _beside(own, _OF_PARTS.get(kind, ""), _point_labels(point.attributes))
        check_labels(labels | {"__name__": base})
        gone = bool(point.flags & _NO_RECORDED_VALUE)
        if gone and is_delta:
            builder.ignored += 1
            return
        parts = list(_PARTS[kind](base, labels, point, is_delta))
        if gone:
            parts = [(part, math.nan) for part, _ in parts if part.get("le", "+Inf") == "+Inf"]
        elif any(math.isnan(value) for _, value in parts):
            builder.ignored += 1
            return
        if counter and any(value < 0 for _, value in parts):
            raise PointRejected("a sum that only grows is negative")
        if is_delta:
            if any(math.isinf(value) for _, value in parts):
                raise PointRejected("an increment is infinite")
            for part, value in parts:
                builder.add_delta(builder.series(part), start_ms, t_ms, value)
        else:
            for part, value in parts:
                builder.add(builder.series(part), t_ms, value)
            if counter or kind in _TYPES:
                builder.add_beginning(base.removesuffix("_total") if counter else base, labels, start_ms, t_ms)
        builder.end_point()
        self._newest_ms = max(self._newest_ms, t_ms)

    def describe(self) -> None:
        """The other attributes of the resource, on a series of its own, at the time of the newest point."""
        others = _translated(self._others)
        if not (self.target and others and self._newest_ms):
            return
        labels = {**others, **self.target, "__name__": TARGET_INFO}
        try:
            check_labels(labels)
        except PointRejected:
            return
        self._builder.add_besides(self._builder.series(labels), self._newest_ms, 1.0)
        self._builder.metadata[TARGET_INFO] = MetricMetadata("gauge", "", "Target metadata")


def _instance_of(others: Mapping[str, str]) -> str:
    """What stands for an instance that has no name: where it runs, and a number for all that its resource says.

    Empty where the resource says nothing but which library speaks.
    """
    telling = {key: value for key, value in others.items() if not key.startswith(_OF_LIBRARY)}
    if not telling:
        return ""
    number = sha256(orjson.dumps(telling, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]
    place = next((telling[key] for key in _PLACES if telling.get(key)), "")
    return f"{place[:128]}-{number}" if place else number


def _scope_labels(group: Any) -> dict[str, str]:
    """What a scope says of itself."""
    scope = group.scope
    labels = {f"otel_scope_{name}": text for name, text in _translated(proto_attributes(scope.attributes)).items()}
    named = {"name": scope.name, "version": scope.version, "schema_url": group.schema_url}
    return labels | {f"otel_scope_{name}": text for name, text in named.items() if text}


def _beside(own: Labels, of_parts: str, labels: dict[str, str]) -> dict[str, str]:
    """The labels of a point with those of its scope and its target, which keep their names."""
    for name in sorted([name for name in labels if name in own or name == of_parts]):
        other = f"exported_{name}"
        while other in labels or other in own:
            other = f"exported_{other}"
        labels[other] = labels.pop(name)
    labels |= own
    return labels


def _start_ms(point: Any) -> int:
    """When a point's interval began, in milliseconds before its end; 0 where that is unknown.

    By the specification a cumulative series whose start is unknown begins with a point that has no extent in time.
    """
    start_ns, end_ns = point.start_time_unix_nano, point.time_unix_nano
    if not 0 < start_ns < end_ns:
        return 0
    return int(min(start_ns // 1_000_000, end_ns // 1_000_000 - 1))


@lru_cache(maxsize=4096)
def _metric_name(name: str, unit: str, counter: bool, gauge: bool) -> str:
    return _NAMES.metric(name, unit, counter=counter, gauge=gauge)


_label_name = lru_cache(maxsize=4096)(_NAMES.label)


def _point_labels(attributes: Any) -> dict[str, str]:
    """The attributes of a point as labels, refused where there are too many: to cut them could make two series one."""
    if len(attributes) > MOST_LABELS:
        raise PointRejected(f"a point has more than {MOST_LABELS} attributes")
    labels: dict[str, str] = {}
    plain = True
    for pair in attributes:
        value, label = pair.value.string_value, _label_name(pair.key)
        if len(value) > MOST_VALUE_CHARACTERS:
            raise PointRejected(f"the attribute {pair.key[:80]} is too long")
        if not value or not label or label in labels:
            plain = False  # Something other than a plain text, or two attributes that become one label.
        labels[label] = value
    return labels if plain else _translated(proto_attributes(attributes))


def _translated(attributes: Mapping[str, str]) -> dict[str, str]:
    """Attributes as labels; the values of several that become one label are joined, in the order of their names."""
    labels: dict[str, str] = {}
    for key in sorted(attributes):
        label, value = _label_name(key), attributes[key]
        if label and value:
            labels[label] = f"{labels[label]};{value}" if label in labels else value
    return labels


def _number(base: str, labels: Labels, point: Any, _is_delta: bool) -> Iterator[Part]:
    which = point.WhichOneof("value")
    if which is None and not point.flags & _NO_RECORDED_VALUE:
        raise PointRejected("a point has no value")
    yield {**labels, "__name__": base}, float(getattr(point, which)) if which else math.nan


def _explicit(base: str, labels: Labels, point: Any, _is_delta: bool) -> Iterator[Part]:
    yield from summary_parts(base, labels, float(point.count), _sum(point))
    yield from explicit_parts(base, labels, list(point.explicit_bounds), list(point.bucket_counts))


def _exponential(base: str, labels: Labels, point: Any, is_delta: bool) -> Iterator[Part]:
    found = Exponential(
        schema=point.scale,
        zero=float(point.zero_count),
        zero_threshold=point.zero_threshold,
        positive=_buckets(point.positive),
        negative=_buckets(point.negative),
    )
    yield from summary_parts(base, labels, float(point.count), _sum(point))
    yield from exponential_parts(base, labels, found, running=is_delta)


def _buckets(side: Any) -> dict[int, float]:
    """Counts by the index of the upper bound, where OTLP counts from that of the lower one."""
    return {side.offset + 1 + place: float(count) for place, count in enumerate(side.bucket_counts) if count}


def _sum(point: Any) -> float | None:
    """None where there is none, or where a value that is no number spoiled it."""
    return float(point.sum) if point.HasField("sum") and not math.isnan(point.sum) else None


def _summary(base: str, labels: Labels, point: Any, _is_delta: bool) -> Iterable[Part]:
    found: list[Part] = [
        ({**labels, "__name__": base, "quantile": bound_text(one.quantile)}, float(one.value))
        for one in point.quantile_values
        # A quantile of no values is NaN, which says nothing.
        if not math.isnan(one.value)
    ]
    return [
        *found,
        ({**labels, "__name__": f"{base}_count"}, float(point.count)),
        ({**labels, "__name__": f"{base}_sum"}, float(point.sum)),
    ]


_PARTS = {
    "gauge": _number,
    "sum": _number,
    "histogram": _explicit,
    "exponential_histogram": _exponential,
    "summary": _summary,
}
