"""OTLP metric requests for tests, from a few words; times in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

DELTA, CUMULATIVE = 1, 2
SHOP = {"service.name": "shop", "service.instance.id": "shop-1"}


class Request:
    """One export request under construction; a point is added by each method that is named for its kind."""

    def __init__(self, resource: Mapping[str, Any] = SHOP, scope: str = "") -> None:
        self.message = ExportMetricsServiceRequest()
        group = self.message.resource_metrics.add()
        _attributes(group.resource.attributes, resource)
        self._scope = group.scope_metrics.add()
        self._scope.scope.name = scope

    def counter(
        self, name: str, start_ms: int, t_ms: int, value: float, *, temporality: int = CUMULATIVE, unit: str = "",
        monotonic: bool = True, **attributes: Any,
    ) -> Request:  # fmt: skip
        metric = self._scope.metrics.add(name=name, unit=unit)
        metric.sum.is_monotonic, metric.sum.aggregation_temporality = monotonic, temporality
        _number(metric.sum.data_points, start_ms, t_ms, value, attributes)
        return self

    def gauge(self, name: str, t_ms: int, value: float, unit: str = "", **attributes: Any) -> Request:
        _number(self._scope.metrics.add(name=name, unit=unit).gauge.data_points, 0, t_ms, value, attributes)
        return self

    def histogram(
        self, name: str, start_ms: int, t_ms: int, bounds: Sequence[float], counts: Sequence[int], *,
        temporality: int = CUMULATIVE, unit: str = "s", total: float | None = None, **attributes: Any,
    ) -> Request:  # fmt: skip
        metric = self._scope.metrics.add(name=name, unit=unit)
        metric.histogram.aggregation_temporality = temporality
        point = _timed(metric.histogram.data_points, start_ms, t_ms, attributes)
        point.explicit_bounds.extend(bounds)
        point.bucket_counts.extend(counts)
        point.count = sum(counts)
        if total is not None:
            point.sum = total
        return self

    def exponential(
        self, name: str, start_ms: int, t_ms: int, scale: int, offset: int, counts: Sequence[int], *, zero: int = 0,
        zero_threshold: float = 0.0, temporality: int = CUMULATIVE, unit: str = "s", **attributes: Any,
    ) -> Request:  # fmt: skip
        metric = self._scope.metrics.add(name=name, unit=unit)
        metric.exponential_histogram.aggregation_temporality = temporality
        point = _timed(metric.exponential_histogram.data_points, start_ms, t_ms, attributes)
        point.scale, point.positive.offset, point.zero_count = scale, offset, zero
        point.zero_threshold = zero_threshold
        point.positive.bucket_counts.extend(counts)
        point.count = sum(counts) + zero
        point.sum = float(point.count)
        return self

    def body(self) -> bytes:
        return bytes(self.message.SerializeToString())


def _number(points: Any, start_ms: int, t_ms: int, value: float, attributes: Mapping[str, Any]) -> None:
    point = _timed(points, start_ms, t_ms, attributes)
    if isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value


def _timed(points: Any, start_ms: int, t_ms: int, attributes: Mapping[str, Any]) -> Any:
    point = points.add(start_time_unix_nano=start_ms * 10**6, time_unix_nano=t_ms * 10**6)
    _attributes(point.attributes, {name.replace("__", "."): value for name, value in attributes.items()})
    return point


def _attributes(pairs: Any, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        pair = pairs.add(key=key)
        if isinstance(value, bool):
            pair.value.bool_value = value
        elif isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value
