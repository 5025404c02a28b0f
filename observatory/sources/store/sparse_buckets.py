"""Exponential histograms in the store: buckets kept one by one, shown as the classic series that they stand for.

A bucket is a series `x_bucket` whose label `__bucket__` says which it is: schema, side, and index of its upper bound
(of the zero bucket its breadth). Buckets that were empty have no sample. The zero bucket always has one, so it tells
when there was a histogram of that schema, whose other buckets were empty where they have none.

Where a histogram was sent as increments each of its buckets is a running total of its own, marked so; a bucket that
nothing was added to has no new sample, and keeps its total.

Shown are the bounds of the coarsest schema at hand, for these all the others have too. (Buckets of schema s end at
powers of 2^(2^-s).)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from observatory.sources.base import Float64, Int64
from observatory.sources.exponential import SAME, boundary, is_boundary
from observatory.telemetry.binding import Matcher

BUCKET = "__bucket__"
_RUNNING = "running"
Side = Literal["zero", "positive", "negative"]


class Bucket(Struct, frozen=True):
    """Which bucket a series counts.

    Attributes:
        place: Index of the upper bound; of the zero bucket its breadth.
        running: Its values are running totals of increments.
    """

    schema: int
    side: str
    place: float
    running: bool


class BucketSeries(Struct, frozen=True):
    """The samples of one bucket; `before` is its last value ahead of them, None where it has none."""

    bucket: Bucket
    t_ms: Int64
    values: Float64
    before: float | None = None


def bucket_name(schema: int, side: Side, place: float, *, running: bool = False) -> str:
    """The value of the label."""
    shown = repr(float(place)) if side == "zero" else str(int(place))
    return f"{schema}/{side}/{shown}" + (f"/{_RUNNING}" if running else "")


def bucket_of(name: str) -> Bucket:
    """The bucket that a label's value stands for."""
    schema, side, place, *more = name.split("/")
    return Bucket(int(schema), side, float(place), more == [_RUNNING])


def boundaries(names: Iterable[str]) -> tuple[str, ...]:
    """Bounds that all the named buckets share, from the lowest to the highest of them, as texts of `le`."""
    buckets = [bucket_of(name) for name in names]
    if not buckets:
        return ()
    coarsest = min(one.schema for one in buckets)
    places = [math.ceil(one.place / 2.0 ** (one.schema - coarsest)) for one in buckets if one.side == "positive"]
    if not places:
        return ()
    bounds = (boundary(coarsest, place) for place in range(min(places) - 1, max(places) + 1))
    return tuple(format(bound, ".12g") for bound in bounds if 0 < bound < math.inf)


def at_most(series: Sequence[BucketSeries], bound: float) -> tuple[Int64, Float64]:
    """Values at or under a bound over time, from all buckets of one histogram; nothing where they do not tell."""
    parts = [
        _exact(of_schema, bound)
        for schema in sorted({one.bucket.schema for one in series})
        if (of_schema := [one for one in series if one.bucket.schema == schema and not one.bucket.running])
    ]
    parts.append(_running([one for one in series if one.bucket.running], bound))
    t_ms, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(t_ms, kind="stable")
    return t_ms[order], values[order]


def _exact(series: Sequence[BucketSeries], bound: float) -> tuple[Int64, Float64]:
    """Histograms of one schema that were sent whole: a bucket without a sample was empty."""
    times = _times(series)
    values = np.zeros(len(times))
    if not len(times) or not _tells(series, bound):
        return np.empty(0, np.int64), np.empty(0)
    for one in series:
        if _is_under(one.bucket, bound):
            at = np.minimum(np.searchsorted(times, one.t_ms), len(times) - 1)
            here = times[at] == one.t_ms
            values[at[here]] += one.values[here]
    return times, values


def _running(series: Sequence[BucketSeries], bound: float) -> tuple[Int64, Float64]:
    """Running totals of any schema: a bucket without a sample has the total that it had."""
    times = _times(series)
    values = np.zeros(len(times))
    if not len(times) or not all(_tells([one], bound) for one in series):
        return np.empty(0, np.int64), np.empty(0)
    for one in series:
        if _is_under(one.bucket, bound) and len(one.t_ms):
            # What it held before the oldest sample that is kept is no event of now.
            first = one.before if one.before is not None else float(one.values[0])
            held = np.concatenate(([first], one.values))
            values += held[np.searchsorted(one.t_ms, times, side="right")]
        elif _is_under(one.bucket, bound):
            values += one.before or 0.0
    return times, values


def _times(series: Iterable[BucketSeries]) -> Int64:
    zeros = [one.t_ms for one in series if one.bucket.side == "zero"]
    return np.unique(np.concatenate(zeros)) if zeros else np.empty(0, np.int64)


def _tells(series: Iterable[BucketSeries], bound: float) -> bool:
    """Whether a bound is a boundary of the buckets and not inside the zero bucket."""
    if bound <= 0:
        return False
    return all(
        is_boundary(one.bucket.schema, bound) and not (one.bucket.side == "zero" and bound < one.bucket.place)
        for one in series
    )


def _is_under(bucket: Bucket, bound: float) -> bool:
    return bucket.side != "positive" or boundary(bucket.schema, int(bucket.place)) <= bound * (1 + SAME)


def without_le(matchers: Iterable[Matcher]) -> tuple[Matcher, ...]:
    """The conditions that a bucket's own series can meet."""
    return tuple(one for one in matchers if one.label != "le")


def asked_bounds(matchers: Iterable[Matcher], known: Iterable[str]) -> list[str]:
    """The finite bounds that a request names by its `le`, else all known ones."""
    named = [one for one in matchers if one.label == "le"]
    if any(one.negated or one.pattern is not None for one in named):
        return []
    chosen = dict.fromkeys(text for one in named for text in one.values) if named else dict.fromkeys(known)
    return [text for text in chosen if _is_finite(text)]


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def group_of(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """What the buckets of one histogram have in common."""
    return frozenset(entry for entry in labels.items() if entry[0] != BUCKET)
