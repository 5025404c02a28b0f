"""Native histograms as queries show them: JSON records with the bounds of each bucket that holds values.

What chunks say in words (the resolution, all custom bounds) is read off the buckets themselves: where each ends at the
same power of two times its beginning, so do those that hold nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from msgspec import Struct

from observatory.sources.exponential import HIGHEST_SCHEMA, LOWEST_SCHEMA
from observatory.sources.prometheus.native_histograms import CUSTOM, MOST_BUCKETS, Histograms

_SAME_EXPONENT = 1e-6
"""Bounds are written with all their digits; what is left is what a logarithm loses."""
_Bounds = tuple[tuple[float, float], ...]


class RecordInvalid(ValueError):
    """A record is no histogram."""


class _Record(Struct, frozen=True):
    """One histogram: bounds of its buckets, ascending, and how many values each holds."""

    t_ms: int
    count: float
    sum: float
    bounds: _Bounds
    held: tuple[float, ...]


def histograms_of(records: Sequence[Any]) -> list[Histograms]:
    """The histograms of one series; those with the same buckets that follow one another are told together.

    Args:
        records: `[seconds, {"count": "3", "sum": "0.7", "buckets": [[rule, "lower", "upper", "count"]]}]`, by time.

    Raises:
        RecordInvalid: One has another form.
    """
    try:
        read = [_read(float(seconds), one) for seconds, one in records]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise RecordInvalid("a native histogram of another form than count, sum and buckets") from None
    every = sorted({bound for one in read for pair in one.bounds for bound in pair})
    custom = np.array([bound for bound in every if math.isfinite(bound)], np.float64)
    return [_of_run(list(run), bounds, custom) for bounds, run in groupby(read, key=lambda one: one.bounds)]


def _read(seconds: float, one: Any) -> _Record:
    buckets = one.get("buckets") or []
    if len(buckets) > MOST_BUCKETS:
        raise RecordInvalid("a histogram of more buckets than any has")
    found = sorted((float(lower), float(upper), float(held)) for _, lower, upper, held in buckets)
    bounds = tuple((lower, upper) for lower, upper, _ in found)
    held = tuple(count for _, _, count in found)
    return _Record(round(seconds * 1000), float(one["count"]), float(one["sum"]), bounds, held)


def _of_run(run: Sequence[_Record], bounds: _Bounds, custom: np.typing.NDArray[np.float64]) -> Histograms:
    lowers, uppers = (np.array([pair[side] for pair in bounds], np.float64) for side in (0, 1))
    held = np.array([one.held for one in run], np.float64).reshape(len(run), len(bounds))
    negative = uppers <= 0
    zero = (lowers < 0) & (uppers > 0) & (lowers == -uppers)
    positive = ~(negative | zero)
    schema = _schema(lowers[positive], uppers[positive])
    return Histograms(
        schema=schema,
        zero_threshold=float(uppers[zero].max(initial=0.0)),
        lowers=lowers[positive],
        uppers=uppers[positive],
        custom=custom if schema == CUSTOM else custom[:0],
        t_ms=np.array([one.t_ms for one in run], np.int64),
        count=np.array([one.count for one in run], np.float64),
        sum=np.array([one.sum for one in run], np.float64),
        negative=held[:, negative].sum(axis=1),
        zero=held[:, zero].sum(axis=1),
        buckets=held[:, positive],
        gauge=False,
    )


def _schema(lowers: np.typing.NDArray[np.float64], uppers: np.typing.NDArray[np.float64]) -> int:
    """The resolution that buckets have in common; `CUSTOM` where they have none."""
    if not len(lowers):
        return LOWEST_SCHEMA
    if (lowers <= 0).any() or not np.isfinite(uppers).all():
        return CUSTOM
    octaves = np.log2(uppers) - np.log2(lowers)
    finest = round(-math.log2(float(octaves[0]))) if octaves[0] > 0 else HIGHEST_SCHEMA + 1
    width = 2.0**-finest
    alike = np.abs(octaves - width) <= _SAME_EXPONENT * max(1.0, width)
    places = np.log2(uppers) / width
    on_grid = np.abs(places - np.rint(places)) <= _SAME_EXPONENT * np.maximum(1.0, np.abs(places))
    return finest if LOWEST_SCHEMA <= finest <= HIGHEST_SCHEMA and bool((alike & on_grid).all()) else CUSTOM
