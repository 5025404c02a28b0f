"""Histograms as series of floats: cumulative counts by `le`, and single buckets where these are exponential.

Explicit bounds become what Prometheus calls a classic histogram: `x_bucket`, `x_count`, `x_sum`. Exponential buckets
come and go, so a cumulative count for each of their bounds would be a series that is born with a history. They are kept
one by one instead, under `x_bucket` with a label that says which bucket it is, and are added up when they are read; see
`store.sparse_buckets`. Count, sum and the infinite bucket are plain series in both cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from observatory.sources.batch import Labels
from observatory.sources.exponential import HIGHEST_SCHEMA, LOWEST_SCHEMA, is_place
from observatory.sources.receiving.builder import PointRejected
from observatory.sources.store.sparse_buckets import BUCKET, Side, bucket_name

MOST_BUCKETS = 1024
"""Of one point."""
RUNNING_SCHEMA = 3
"""Increments come in a schema of their own each time; the finest kept has eight buckets to each power of two."""

Part = tuple[Labels, float]
"""A label set and its value."""


class Exponential(Struct, frozen=True, kw_only=True):
    """Counts in buckets of a schema that end at powers of 2^(2^-schema), by the index of their upper bound.

    Attributes:
        positive, negative: By index; of negative values the index is that of their magnitude.
    """

    schema: int
    zero: float
    zero_threshold: float
    positive: Mapping[int, float]
    negative: Mapping[int, float]


def bound_text(bound: float) -> str:
    """A bound as `le` has it: the shortest number that reads back the same, without exponent or needless fraction."""
    if math.isinf(bound):
        return "+Inf" if bound > 0 else "-Inf"
    return format(Decimal(repr(bound)), "f").removesuffix(".0")


def summary_parts(base: str, labels: Labels, count: float, total: float | None) -> Iterator[Part]:
    """What every histogram has: its count, its sum where it has one, and the bucket that holds everything."""
    yield {**labels, "__name__": f"{base}_count"}, count
    yield {**labels, "__name__": f"{base}_bucket", "le": "+Inf"}, count
    if total is not None:
        yield {**labels, "__name__": f"{base}_sum"}, total


def explicit_parts(base: str, labels: Labels, bounds: Sequence[float], counts: Sequence[float]) -> Iterator[Part]:
    """Cumulative counts by finite bound.

    Args:
        counts: One for each bound, and one for what lies above the last; nothing where only the count is known.

    Raises:
        PointRejected: Bounds and counts do not fit together.
    """
    if not bounds and len(counts) <= 1:
        return
    if len(bounds) > MOST_BUCKETS:
        raise PointRejected(f"a histogram has more than {MOST_BUCKETS} buckets")
    if len(counts) != len(bounds) + 1:
        raise PointRejected("a histogram has not one bucket more than it has bounds")
    if any(not low < high for low, high in pairwise(bounds)) or math.isnan(bounds[0]):
        raise PointRejected("the bounds of a histogram do not grow")
    at_most = 0.0
    for bound, count in zip(bounds, counts, strict=False):
        at_most += count
        if not math.isinf(bound):
            yield {**labels, "__name__": f"{base}_bucket", "le": bound_text(bound)}, at_most


def exponential_parts(base: str, labels: Labels, one: Exponential, *, running: bool = False) -> Iterator[Part]:
    """Each bucket by itself; the zero bucket always, for it says that the others are empty where they are not there.

    Args:
        running: The counts are increments.

    Raises:
        PointRejected: The schema is coarser than any that is known, there are too many buckets, or impossible ones.
    """
    if not one.zero_threshold >= 0:
        raise PointRejected("the zero bucket of an exponential histogram has no breadth")
    if one.schema < LOWEST_SCHEMA:
        raise PointRejected(f"an exponential histogram has the scale {one.schema}, below {LOWEST_SCHEMA}")
    if len(one.positive) + len(one.negative) > MOST_BUCKETS:
        raise PointRejected(f"a histogram has more than {MOST_BUCKETS} buckets")
    named = {**labels, "__name__": f"{base}_bucket"}
    schema = min(one.schema, RUNNING_SCHEMA if running else HIGHEST_SCHEMA)
    yield {**named, BUCKET: bucket_name(schema, "zero", one.zero_threshold, running=running)}, one.zero
    sides: tuple[tuple[Side, Mapping[int, float]], ...] = (("positive", one.positive), ("negative", one.negative))
    for side, buckets in sides:
        if not all(is_place(one.schema, index) for index in (min(buckets, default=0), max(buckets, default=0))):
            raise PointRejected("an exponential histogram has a bucket beyond all numbers")
        for index, count in sorted(_coarser(buckets, one.schema - schema).items()):
            if count:
                yield {**named, BUCKET: bucket_name(schema, side, index, running=running)}, count


def _coarser(buckets: Mapping[int, float], steps: int) -> Mapping[int, float]:
    """The buckets of a schema lower by some steps: each two with a common upper bound become one."""
    if steps <= 0:
        return buckets
    merged: dict[int, float] = {}
    for index, count in buckets.items():
        upper = -(-index >> steps) if steps < 64 else int(index > 0)
        merged[upper] = merged.get(upper, 0.0) + count
    return merged
