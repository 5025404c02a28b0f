"""Exponential buckets: those of schema s end at powers of 2^(2^-s), so that each schema's bounds are among the next's.

The schemas are those of Prometheus' native histograms; OpenTelemetry calls the same number scale.
"""

from __future__ import annotations

import math

LOWEST_SCHEMA, HIGHEST_SCHEMA = -4, 8
_SMALLEST, _LARGEST = -1074, 1024
"""Powers of two between which all numbers lie."""
SAME = 1e-9
"""Bounds that differ by less than this share are one, however they were written."""


def boundary(schema: int, place: int) -> float:
    """The upper bound of a bucket of a schema by its index; infinite or 0 where no number is so large or so small."""
    exponent = place * 2.0**-schema
    return math.inf if exponent >= _LARGEST else float(2.0 ** max(exponent, 2 * _SMALLEST))


def is_place(schema: int, place: int) -> bool:
    """Whether any number falls into the bucket of a schema with this index; infinity has the one above all others."""
    return _SMALLEST <= place * 2.0**-schema <= _LARGEST + 2.0**-schema


def is_boundary(schema: int, bound: float) -> bool:
    """Whether a positive bound is the end of a bucket of the schema."""
    place = math.log2(bound) * 2.0**schema
    return abs(place - round(place)) <= SAME * max(1.0, abs(place))
