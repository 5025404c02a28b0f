"""Prometheus remote-write, 1.0 and 2.0, read into a batch: samples, native histograms, stale markers, metadata, starts.

What is well-formed is kept even where other series of the request are faulty; the answer says how much that was.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import cramjam

from observatory.errors import InputInvalid, Problem
from observatory.sources.batch import Batch, Labels
from observatory.sources.otlp_raw import Parts
from observatory.sources.receiving.builder import MAX_MS, Builder, PointRejected, check_labels
from observatory.sources.receiving.histograms import (
    Exponential,
    Part,
    explicit_parts,
    exponential_parts,
    summary_parts,
)
from observatory.sources.receiving.write_messages import V1, V2, message_classes
from observatory.telemetry.inventory import MetricMetadata

MEDIA = "application/x-protobuf"
SHOWN_AS = "remote-write"
_SAYING = {V1: ("timeseries", "metadata"), V2: ("symbols", "timeseries")}
CUSTOM = -53
GAUGE = 3
_STALE = struct.pack("<Q", 0x7FF0000000000002)
_TYPES = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
_PARTS_OF_A_NAME = ("_total", "_bucket", "_count", "_sum")
_PARTS_OF_A_METRIC = frozenset({"__name__", "le", "quantile"})


def message_of(content_type: str, encoding: str) -> str:
    """Which message a request says that it carries; without a word on it, that of 1.0.

    Raises:
        InputInvalid: `write-type-unknown`.
    """
    media, *parameters = (part.strip() for part in content_type.split(";"))
    said = dict(part.partition("=")[::2] for part in parameters)
    message = said.get("proto", V1).strip('"')
    if media.lower() not in ("", MEDIA) or message not in (V1, V2):
        raise _unknown(f"{content_type[:120]!r} is not a content type of remote-write", f"send {MEDIA}")
    if encoding.strip().lower() != "snappy":
        raise _unknown(f"the content encoding {encoding[:40]!r} is not that of remote-write", "send snappy")
    return message


def _unknown(message: str, hint: str) -> InputInvalid:
    return InputInvalid(Problem(code="write-type-unknown", message=f"remote-write: {message}", hint=hint))


def decode(body: bytes, message: str, *, max_bytes: int, latest_ms: int = MAX_MS, after_ms: int = 0) -> Batch:
    """Decode a request.

    Args:
        message: From `message_of`.
        max_bytes: Most of it after decompression.
        latest_ms, after_ms: Samples after the one and up to the other are rejected.

    Raises:
        InputInvalid: `write-too-large`, `received-too-many`, or `write-undecodable` for the body as a whole.
    """
    from google.protobuf.message import DecodeError

    request = message_classes()[message]()
    plain = _inflated(body, max_bytes)
    try:
        request.ParseFromString(plain)
    except DecodeError as error:
        raise _undecodable("the body is not a protobuf message, or is cut off") from error
    if plain and not any(len(getattr(request, field)) for field in _SAYING[message]):
        # The messages of the two versions share no field, so that the one read as the other is empty.
        raise _undecodable(f"the body holds nothing of a {message}")
    builder = Builder(latest_ms, after_ms)
    if message == V1:
        _take_v1(request, builder)
    else:
        _take_v2(request, builder)
    return builder.batch()


def _inflated(body: bytes, max_bytes: int) -> bytes:
    """The body without its compression, refused before it grows beyond the limit."""
    try:
        # The block format begins with the length that comes out.
        if cramjam.snappy.decompress_raw_len(body) > max_bytes:
            raise InputInvalid(
                Problem(
                    code="write-too-large",
                    message=f"remote-write: more than {max_bytes // 2**20} MiB in one request",
                    hint="lower max_samples_per_send of the sender's queue",
                )
            )
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise _undecodable("the body is not compressed with snappy, or is cut off") from error


def _undecodable(why: str) -> InputInvalid:
    return InputInvalid(
        Problem(
            code="write-undecodable",
            message=f"remote-write: {why}",
            hint=f"send a {V1} or {V2}, compressed with snappy's block format",
        )
    )


def _take_v1(request: Any, builder: Builder) -> None:
    parts = Parts(SHOWN_AS)
    for one in parts.of(request.timeseries):
        _take(one, ((pair.name, pair.value) for pair in one.labels), builder, parts)
        builder.check_size(SHOWN_AS)
    for told in parts.of(request.metadata):
        if told.metric_family_name:
            builder.metadata[told.metric_family_name] = _metadata(told.type, told.unit, told.help)


def _take_v2(request: Any, builder: Builder) -> None:
    symbols = list(request.symbols)

    def text(reference: int) -> str:
        if reference >= len(symbols):
            raise PointRejected("a reference lies beyond the table of symbols")
        return str(symbols[reference])

    parts = Parts(SHOWN_AS)
    for one in parts.of(request.timeseries):
        _take(one, _pairs(one.labels_refs, text), builder, parts, one.created_timestamp)
        builder.check_size(SHOWN_AS)
        if one.HasField("metadata"):
            try:
                name = dict(_pairs(one.labels_refs, text)).get("__name__", "")
                told = _metadata(one.metadata.type, text(one.metadata.unit_ref), text(one.metadata.help_ref))
            except PointRejected:
                continue
            if name and told != MetricMetadata():
                builder.metadata[name] = told


def _pairs(references: Sequence[int], text: Callable[[int], str]) -> Iterator[tuple[str, str]]:
    """Names and values of labels, one after the other.

    Raises:
        PointRejected: While they are read; a label is not whole.
    """
    if len(references) % 2:
        raise PointRejected("a label has a name and no value")
    for place in range(0, len(references), 2):
        yield text(references[place]), text(references[place + 1])


def _metadata(kind: int, unit: str, text: str) -> MetricMetadata:
    return MetricMetadata(_TYPES[kind] if 0 <= kind < len(_TYPES) else "unknown", unit[:64], text[:1024])


def _take(one: Any, pairs: Iterable[tuple[str, str]], builder: Builder, parts: Parts, begun: int = 0) -> None:
    """All samples and histograms of one series, whose labels are read only here: a fault of theirs rejects it."""
    samples, histograms = parts.of(one.samples), parts.of(one.histograms)
    if not samples and not histograms:
        return
    try:
        labels = _label_set(pairs)
    except PointRejected as error:
        builder.reject(str(error), len(samples) + len(histograms))
        return
    name = labels["__name__"]
    number = builder.series(labels) if samples else -1
    for sample in samples:
        try:
            builder.check_instant(sample.timestamp)
        except PointRejected as error:
            builder.reject(f"{name[:80]}: {error}")
            continue
        value = sample.value
        if math.isnan(value) and struct.pack("<d", value) != _STALE:
            builder.end_point()  # a quantile of nothing, which says nothing
            continue
        builder.add(number, sample.timestamp, value)
        start_ms = getattr(sample, "start_timestamp", 0) or begun
        if start_ms:
            base = next((name.removesuffix(part) for part in _PARTS_OF_A_NAME if name.endswith(part)), name)
            plain = {label: text for label, text in labels.items() if label not in _PARTS_OF_A_METRIC}
            builder.add_beginning(base, plain, start_ms, sample.timestamp)
        builder.end_point()
    for histogram in histograms:
        try:
            _add_histogram(builder, labels, histogram, begun)
        except PointRejected as error:
            builder.reject(f"{name[:80]}: {error}")


def _label_set(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for name, value in pairs:
        if name in labels:
            raise PointRejected(f"the label {name[:80]} appears twice")
        labels[name] = value
    check_labels(labels)
    return {name: value for name, value in labels.items() if value}


def _add_histogram(builder: Builder, labels: Labels, one: Any, begun: int) -> None:
    builder.check_instant(one.timestamp)
    if one.reset_hint == GAUGE:
        builder.ignored += 1  # it counts down as well, so that increments mean nothing
        return
    base = labels["__name__"]
    plain = {label: text for label, text in labels.items() if label != "__name__"}
    stale = struct.pack("<d", one.sum) == _STALE
    parts = list(_parts(base, plain, one, stale))
    for part, value in parts:
        builder.add(builder.series(part), one.timestamp, value)
    builder.add_beginning(base, plain, one.start_timestamp or begun, one.timestamp)
    builder.end_point(histogram=True)


def _parts(base: str, labels: Labels, one: Any, stale: bool) -> Iterable[Part]:
    if stale:
        return list(summary_parts(base, labels, math.nan, math.nan))
    count = float(one.count_float or one.count_int)
    parts = list(summary_parts(base, labels, count, None if math.isnan(one.sum) else one.sum))
    positive = _counts(one.positive_spans, one.positive_deltas, one.positive_counts)
    if one.schema == CUSTOM:
        bounds = list(one.custom_values)
        if any(not 0 <= place <= len(bounds) for place in positive):
            raise PointRejected("a bucket of a histogram lies beyond its bounds")
        counts = [positive.get(place, 0.0) for place in range(len(bounds) + 1)]
        return [*parts, *explicit_parts(base, labels, bounds, counts)]
    found = Exponential(
        schema=one.schema,
        zero=float(one.zero_count_float or one.zero_count_int),
        zero_threshold=one.zero_threshold,
        positive=positive,
        negative=_counts(one.negative_spans, one.negative_deltas, one.negative_counts),
    )
    return [*parts, *exponential_parts(base, labels, found)]


def _counts(spans: Iterable[Any], deltas: Sequence[int], counts: Sequence[float]) -> Mapping[int, float]:
    """Counts by bucket: given outright, or each as the difference to the one before.

    Raises:
        PointRejected: There are more or fewer counts than buckets.
    """
    values = list(counts)
    if not values:
        total = 0
        for delta in deltas:
            total += delta
            values.append(float(total))
    found: dict[int, float] = {}
    place, taken = 0, 0
    for span in spans:
        place += span.offset
        if span.length > len(values) - taken:
            raise PointRejected("a histogram has more buckets than counts")
        for count in values[taken : taken + span.length]:
            found[place] = count
            place += 1
        taken += span.length
    if taken != len(values):
        raise PointRejected("a histogram has more counts than buckets")
    return found
