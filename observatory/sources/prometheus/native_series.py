"""Native histograms shown as the classic series that they stand for: `x_count`, `x_sum` and `x_bucket` of `x`.

So they are found, mapped and counted as any other histogram. Of the buckets those are shown whose bound is a boundary
of the samples at hand; where a server lowered their resolution, a bucket ends and others go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.prometheus import remote_read
from observatory.sources.prometheus.connection import Connection
from observatory.sources.prometheus.native_histograms import Histograms
from observatory.sources.prometheus.sample_buffer import STALE_NAN_BITS, SampleBuffer
from observatory.telemetry.inventory import LabelSets
from observatory.windows import TimeRange

SUFFIXES = ("_bucket", "_count", "_sum")
RECENT_MS = 3_600_000
"""Of so much the buckets are looked at that an inventory shows."""
_INFINITE = "+Inf"


class NativeNames(Struct):
    """Names of metrics that a server has as native histograms only, with the boundaries seen of each."""

    bases: frozenset[str] = frozenset()
    boundaries: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def part(self, metric: str) -> tuple[str, str] | None:
        """Base name and suffix of a classic series' name that a native histogram stands behind."""
        for suffix in SUFFIXES:
            base = metric.removesuffix(suffix)
            if base != metric and base in self.bases:
                return base, suffix
        return None


def native_bases(names: frozenset[str], types: Mapping[str, str]) -> frozenset[str]:
    """Histograms that have series under their bare name, which classic ones never have."""
    return frozenset(
        name
        for name, kind in types.items()
        if kind == "histogram" and name in names and names.isdisjoint(name + suffix for suffix in SUFFIXES)
    )


def read(connection: Connection, request: SeriesRequest, base: str, suffix: str, known: Sequence[str]) -> SampleSet:
    """The classic series of one suffix, from the histograms under the base name.

    Args:
        known: Boundaries to show where the request names none by its `le`.

    Raises:
        NotOffered: The server does not speak remote_read in chunks.
        SourceFailed: It does, and failed.
    """
    bounds = _bounds(request, known) if suffix == "_bucket" else ()
    matchers = tuple(one for one in request.matchers if one.label != "le")
    found = remote_read.read_histograms(connection, replace(request, metric=base, matchers=matchers))
    buffer = SampleBuffer(request.range)
    shown: list[Mapping[str, str]] = []
    for labels, histograms in found:
        named = {**labels, "__name__": base + suffix}
        for le in bounds if suffix == "_bucket" else ("",):
            shown.append(named | ({"le": le} if le else {}))
            for one in histograms:
                values = _values(one, suffix, le)
                if values is None or one.gauge:
                    continue
                stale = np.isnan(values)
                if stale.any():
                    values = np.where(stale, STALE_NAN_BITS, values.view(np.uint64)).view(np.float64)
                buffer.append(np.array([len(shown) - 1]), np.array([len(values)]), one.t_ms, values)
    return buffer.sample_set(shown)


def _values(histograms: Histograms, suffix: str, le: str) -> np.typing.NDArray[np.float64] | None:
    match suffix:
        case "_count":
            return histograms.count.copy()
        case "_sum":
            return histograms.sum.copy()
        case _:
            found = histograms.at_most(float(le))
            return None if found is None else found.copy()


def _bounds(request: SeriesRequest, known: Sequence[str]) -> list[str]:
    wanted = [value for one in request.matchers if one.label == "le" and not one.negated for value in one.values]
    return [text for text in dict.fromkeys(wanted or [*known, _INFINITE]) if _is_number(text)]


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def boundaries(connection: Connection, base: str, request: SeriesRequest) -> tuple[str, ...]:
    """The boundaries of a metric's histograms in the last hour of a range, as texts of `le`.

    Raises:
        NotOffered, SourceFailed: As `read`.
    """
    end_ms = request.range.end_ms
    recent = TimeRange(max(request.range.start_ms, end_ms - RECENT_MS), end_ms)
    found = remote_read.read_histograms(connection, replace(request, metric=base, range=recent))
    every = {bound for _, histograms in found for one in histograms for bound in one.boundaries()}
    return tuple(format(bound, ".12g") for bound in sorted(every))


def label_sets(of_base: LabelSets, labels: Sequence[str], texts: Sequence[str]) -> LabelSets:
    """The label sets of classic series, from those of the histogram and its boundaries."""
    with_le = "le" in labels
    counts: Counter[tuple[str, ...]] = Counter()
    for (row, count), le in product(
        zip(of_base.rows, of_base.series, strict=True), (*texts, _INFINITE) if with_le else ("",)
    ):
        values = dict(zip(of_base.labels, row, strict=True)) | {"le": le}
        counts[tuple(values.get(label, "") for label in labels)] += count
    return LabelSets(tuple(labels), tuple(counts), tuple(counts.values()))


def without_le(labels: Iterable[str]) -> tuple[str, ...]:
    """The labels that the histogram itself can have."""
    return tuple(label for label in labels if label != "le")
