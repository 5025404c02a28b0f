"""Native histograms to counts at or under a bound, as a classic histogram would have them.

Buckets of schema s end at powers of 2^(2^-s), those with custom bounds at the bounds they name. Where a bound lies
inside a bucket that holds values, the samples do not tell how many of them were at or under it, and neither does this.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64
from observatory.sources.exponential import SAME, boundary, is_boundary

CUSTOM = -53
"""The schema of histograms whose buckets end where they say."""
MOST_BUCKETS = 10_000
COARSE = range(-20, 31)
"""Powers of two that are boundaries whatever values there are: a microsecond to 34 years, in seconds."""
FINE_OCTAVES = 4
"""Between powers of two that are so many apart boundaries are fine where there are values, so that they seldom change
from one look to the next."""
MOST_FINE = 512
Layout = tuple[int, tuple[float, ...]]
"""A schema, and the bounds of custom buckets."""


def has_boundary(layout: Layout, bound: float) -> bool:
    """Whether no bucket of a layout lies on both sides of a bound."""
    schema, custom = layout
    if math.isinf(bound):
        return True
    if schema == CUSTOM:
        return any(abs(one - bound) <= SAME * abs(bound) for one in custom)
    return bound > 0 and is_boundary(schema, bound)


class Histograms(Struct, frozen=True):
    """The samples of one chunk. Arrays have one line per sample.

    Attributes:
        schema: Resolution, or `CUSTOM`.
        zero_threshold: Values up to this are in the zero bucket.
        lowers, uppers: Bounds of the positive buckets, ascending; a value at its upper bound is in a bucket.
        custom: All bounds that custom buckets know, those of empty ones included; else empty.
        count, sum: Of all values; NaN at a stale marker, as all the rest.
        negative, zero: Values in the negative buckets and in the zero bucket.
        buckets: Values in each positive bucket.
        gauge: Whether it counts down as well, so that increments mean nothing.
    """

    schema: int
    zero_threshold: float
    lowers: Float64
    uppers: Float64
    custom: Float64
    t_ms: Int64
    count: Float64
    sum: Float64
    negative: Float64
    zero: Float64
    buckets: Float64
    gauge: bool

    def at_most(self, bound: float) -> tuple[Float64, NDArray[np.bool_]]:
        """Values at or under a bound, per sample, and which samples tell; stale markers do. Infinity counts all."""
        if math.isinf(bound):
            return self.count, np.ones(len(self.count), bool)
        if bound <= 0:
            return self.count, np.zeros(len(self.count), bool)
        under: NDArray[np.bool_] = self.uppers <= bound * (1 + SAME)
        astride = ~under & (self.lowers < bound * (1 - SAME))
        found: Float64 = self.negative + self.zero + self.buckets[:, under].sum(axis=1)
        unknown: NDArray[np.bool_] = self.buckets[:, astride].sum(axis=1) > 0
        if bound < self.zero_threshold:
            unknown |= self.zero > 0
        return found, ~unknown

    @property
    def layout(self) -> Layout:
        """What says which bounds are boundaries."""
        return self.schema, tuple(self.custom.tolist())

    def boundaries(self) -> list[float]:
        """Boundaries to count by, ascending: all custom ones; else powers of two, and all where there are values.

        Of a very high resolution those of a lower one are told.
        """
        if self.schema == CUSTOM:
            return [float(bound) for bound in self.custom if bound > 0]
        octaves = max(1, round(2.0**-self.schema))
        found = {boundary(0, power) for power in COARSE if power % octaves == 0}
        held = (self.lowers > 0) & np.isfinite(self.uppers)
        if held.any() and self.schema > 0:
            low, high = math.log2(float(self.lowers[held][0])), math.log2(float(self.uppers[held][-1]))
            first, last = math.floor(low / FINE_OCTAVES) * FINE_OCTAVES, math.ceil(high / FINE_OCTAVES) * FINE_OCTAVES
            schema = self.schema
            while schema > 0 and (last - first) << schema > MOST_FINE:
                schema -= 1
            found |= {boundary(schema, place) for place in range(first << schema, (last << schema) + 1)}
        return sorted(found)
