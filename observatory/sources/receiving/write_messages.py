"""The messages of Prometheus remote-write 1.0 and 2.0, described to the protobuf library without generated code.

Field numbers are those of `prompb/types.proto`, `prompb/remote.proto` and `io/prometheus/write/v2/types.proto`. Fields
that are not listed are passed over, as protobuf demands.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

V1, V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
_Fields = tuple[tuple[str, int, str], ...]
"""Name, number and type of each field; a star before the type means several, a capital letter another message."""

_HISTOGRAM: _Fields = (
    ("count_int", 1, "uint64"),
    ("count_float", 2, "double"),
    ("sum", 3, "double"),
    ("schema", 4, "sint32"),
    ("zero_threshold", 5, "double"),
    ("zero_count_int", 6, "uint64"),
    ("zero_count_float", 7, "double"),
    ("negative_spans", 8, "*BucketSpan"),
    ("negative_deltas", 9, "*sint64"),
    ("negative_counts", 10, "*double"),
    ("positive_spans", 11, "*BucketSpan"),
    ("positive_deltas", 12, "*sint64"),
    ("positive_counts", 13, "*double"),
    ("reset_hint", 14, "int32"),
    ("timestamp", 15, "int64"),
    ("custom_values", 16, "*double"),
    ("start_timestamp", 17, "int64"),
)
_SPAN: _Fields = (("offset", 1, "sint32"), ("length", 2, "uint32"))
_MESSAGES: dict[str, dict[str, _Fields]] = {
    "prometheus": {
        "WriteRequest": (("timeseries", 1, "*TimeSeries"), ("metadata", 3, "*MetricMetadata")),
        "MetricMetadata": (
            ("type", 1, "int32"),
            ("metric_family_name", 2, "string"),
            ("help", 4, "string"),
            ("unit", 5, "string"),
        ),
        "TimeSeries": (("labels", 1, "*Label"), ("samples", 2, "*Sample"), ("histograms", 4, "*Histogram")),
        "Label": (("name", 1, "string"), ("value", 2, "string")),
        "Sample": (("value", 1, "double"), ("timestamp", 2, "int64")),
        "Histogram": _HISTOGRAM,
        "BucketSpan": _SPAN,
    },
    "io.prometheus.write.v2": {
        "Request": (("symbols", 4, "*string"), ("timeseries", 5, "*TimeSeries")),
        "TimeSeries": (
            ("labels_refs", 1, "*uint32"),
            ("samples", 2, "*Sample"),
            ("histograms", 3, "*Histogram"),
            ("metadata", 5, "Metadata"),
            ("created_timestamp", 6, "int64"),
        ),
        "Sample": (("value", 1, "double"), ("timestamp", 2, "int64"), ("start_timestamp", 3, "int64")),
        "Metadata": (("type", 1, "int32"), ("help_ref", 3, "uint32"), ("unit_ref", 4, "uint32")),
        "Histogram": _HISTOGRAM,
        "BucketSpan": _SPAN,
    },
}


@lru_cache(maxsize=1)
def message_classes() -> dict[str, Any]:
    """The class of each of the two requests, by the name that content types carry."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    for package, messages in _MESSAGES.items():
        file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
        for name, fields in messages.items():
            message = file.message_type.add(name=name)
            for field, number, kind in fields:
                message.field.add(name=field, number=number, **_described(package, kind))
        pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in (V1, V2)}


def _described(package: str, kind: str) -> dict[str, Any]:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto

    word = kind.removeprefix("*")
    many = FieldDescriptorProto.LABEL_REPEATED if kind != word else FieldDescriptorProto.LABEL_OPTIONAL
    if word[0].isupper():
        return {"label": many, "type": FieldDescriptorProto.TYPE_MESSAGE, "type_name": f".{package}.{word}"}
    return {"label": many, "type": getattr(FieldDescriptorProto, f"TYPE_{word.upper()}")}
