"""Native histograms shown as the classic series that they stand for: `x_count`, `x_sum` and `x_bucket` of `x`.

So they are found, mapped and counted as any other histogram. Of the buckets those are shown whose bound is a boundary
of the samples at hand; where a server lowered their resolution, a bucket ends and others go on. Where a metric has
classic series too, as before a migration, both kinds are one measured thing, see `histogram_kinds`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from observatory.compile.reading import NativePart
from observatory.errors import Problem, SourceFailed
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.histogram_kinds import by_boundary
from observatory.sources.prometheus import failures, range_vectors, remote_read
from observatory.sources.prometheus.connection import Connection
from observatory.sources.prometheus.label_sets import read_label_sets
from observatory.sources.prometheus.native_histograms import Histograms, Layout, has_boundary
from observatory.sources.prometheus.sample_buffer import STALE_NAN_BITS, SampleBuffer
from observatory.telemetry.binding import Matcher, SeriesSelector
from observatory.telemetry.inventory import LabelSets
from observatory.windows import TimeRange

SUFFIXES = ("_bucket", "_count", "_sum")
LOOK_MS = 3_600_000
"""Of so much at either end the buckets are looked at that an inventory shows."""
AGAIN_MS = 6 * 3_600_000
"""A server that goes on is looked at again, for its histograms may change."""
_INFINITE = "+Inf"
_REFUSED = ("source-query-refused", "source-answer-invalid", "source-forbidden", "source-not-found", "source-status")


class NotShown(Exception):
    """The server has native histograms and hands them out in no way that is known."""


class NativeSeries:
    """What a server has as native histograms.

    Attributes:
        bases: Names of metrics that have native histograms.
        beside_classic: Those of them that have classic series as well, at any time.
        boundaries: Of each that was looked at, its boundaries as texts of `le`.
    """

    def __init__(self, connection: Connection, *, in_chunks: bool) -> None:
        self._connection = connection
        self._in_chunks = in_chunks
        self.bases: frozenset[str] = frozenset()
        self.beside_classic: frozenset[str] = frozenset()
        self.boundaries: dict[str, tuple[str, ...]] = {}
        self._typed: frozenset[str] = frozenset()
        self._layouts: dict[str, set[Layout]] = {}
        self._looked_ms: dict[str, int] = {}

    def learn(self, names: frozenset[str], types: Mapping[str, str]) -> frozenset[str]:
        """Names of the classic series that native histograms stand for, of all names and the types of some.

        Classic histograms never have series under their bare name. A server may have forgotten the type of a metric
        that is scraped no more: then its classic series tell what it may be, and a look at its samples what it is.
        """
        self.beside_classic = frozenset(
            base
            for name in names
            if (base := name.removesuffix("_bucket")) != name
            and base in names
            and types.get(base, "histogram") in ("histogram", "unknown")
            and f"{base}_count" in names
        )
        alone = frozenset(name for name, kind in types.items() if kind == "histogram" and name in names)
        self.bases, self._typed = alone | self.beside_classic, alone
        return frozenset(base + suffix for base in self.bases for suffix in SUFFIXES)

    def part(self, metric: str) -> tuple[str, str] | None:
        """Base name and suffix of a classic series' name that a native histogram stands behind."""
        for suffix in SUFFIXES:
            base = metric.removesuffix(suffix)
            if base != metric and base in self.bases:
                return base, suffix
        return None

    def alone(self, metric: str) -> bool:
        """Whether a name is that of classic series which only native histograms stand behind."""
        part = self.part(metric)
        return part is not None and part[0] not in self.beside_classic

    def spelled(self, request: SeriesRequest) -> list[str]:
        """Texts of `le` that a request for buckets is about, each boundary once; those that are known where it names
        none."""
        wanted = [value for one in request.matchers if one.label == "le" and not one.negated for value in one.values]
        part = self.part(request.metric)
        known = self.boundaries.get(part[0], ()) if part else ()
        return list(by_boundary(filter(_is_number, wanted or (*known, _INFINITE))).values())

    def pushed_down(self, request: SeriesRequest) -> NativePart | None:
        """What a server counts of native histograms for a request; None where there are none.

        It tells buckets whose boundaries all histograms have that were seen; of others it would guess.
        """
        part = self.part(request.metric)
        if part is None:
            return None
        base, suffix = part
        selector = SeriesSelector(base, tuple(one for one in request.matchers if one.label != "le"))
        if suffix != "_bucket":
            return NativePart(selector, None)
        wanted = [value for one in request.matchers if one.label == "le" for value in one.values if _is_number(value)]
        layouts, texts = self._layouts.get(base, set()), by_boundary(wanted)
        told = [bound for bound in texts if layouts and all(has_boundary(one, bound) for one in layouts)]
        bounds = tuple(tuple(text for text in wanted if float(text) == bound) for bound in told)
        return NativePart(selector, bounds, tuple(text for text in wanted if float(text) not in told))

    def read(self, request: SeriesRequest) -> SampleSet:
        """The classic series of a name that native histograms stand behind.

        Raises:
            NotShown: The server shows no native histograms.
            SourceFailed: It failed.
        """
        part = self.part(request.metric)
        assert part is not None
        base, suffix = part
        bounds = self.spelled(request) if suffix == "_bucket" else []
        matchers = tuple(one for one in request.matchers if one.label != "le")
        buffer = SampleBuffer(request.range)
        shown: list[Mapping[str, str]] = []
        numbers: dict[frozenset[tuple[str, str]], int] = {}

        def take(labels: Mapping[str, str], histograms: Histograms) -> None:
            first = numbers.setdefault(frozenset(labels.items()), len(shown))
            if first == len(shown):
                named = {**labels, "__name__": base + suffix}
                shown.extend([named | {"le": le} for le in bounds] if suffix == "_bucket" else [named])
            if histograms.gauge:
                return
            for number, le in enumerate(bounds if suffix == "_bucket" else ("",), first):
                values, known = _values(histograms, suffix, le)
                if (stale := np.isnan(values)).any():
                    values = np.where(stale, STALE_NAN_BITS, values.view(np.uint64)).view(np.float64)
                t_ms = histograms.t_ms
                if not known.all():
                    t_ms, values = t_ms[known], values[known]
                buffer.append(np.array([number]), np.array([len(t_ms)]), t_ms, values)

        self._histograms(replace(request, metric=base, matchers=matchers), take)
        return buffer.sample_set(shown)

    def label_sets(
        self, wanted: Mapping[str, tuple[str, ...]], fixed: tuple[Matcher, ...], span: TimeRange
    ) -> tuple[dict[str, LabelSets], list[Problem]]:
        """Label sets of those of the wanted classic series that native histograms stand behind.

        Raises:
            SourceFailed: No usable answer.
        """
        parts = {metric: part[0] for metric in wanted if (part := self.part(metric)) is not None}
        own: dict[str, set[str]] = {}
        for metric, base in parts.items():
            own.setdefault(base, set()).update(label for label in wanted[metric] if label != "le")
        if not own:
            return {}, []
        asked = {base: tuple(sorted(labels)) for base, labels in own.items()}
        of_base, problems = read_label_sets(self._connection, asked, fixed, span)
        found: dict[str, LabelSets] = {}
        for metric, base in parts.items():
            try:
                if "le" in wanted[metric] or base not in self._typed:
                    self._look_at_boundaries(base, SeriesRequest(base, fixed, span))
            except NotShown:
                problems.append(unread(base, self._connection.url))
                continue
            if base in of_base and (base in self._typed or self._layouts.get(base)):
                found[metric] = _label_sets(of_base[base], wanted[metric], self.boundaries.get(base, ()))
        return found, problems

    def _histograms(self, request: SeriesRequest, take: remote_read.TakeHistograms) -> None:
        if self._in_chunks:
            try:
                return remote_read.read_histograms(self._connection, request, take)
            except remote_read.NotOffered:
                self._in_chunks = False
        try:
            return range_vectors.read_histograms(self._connection, request, take)
        except SourceFailed as error:
            if error.problems[0].code in _REFUSED:
                raise NotShown from None
            raise

    def _look_at_boundaries(self, base: str, request: SeriesRequest) -> None:
        """Learn the boundaries of a metric's histograms where a range ends, and at first where it begins.

        Where one of these has none, they are looked for where the server says that the metric was there. What is known
        stays known: what is measured by it goes on.

        Raises:
            NotShown, SourceFailed: As `read`.
        """
        first, last = request.range.start_ms, request.range.end_ms
        if base in self._looked_ms and abs(last - self._looked_ms[base]) < AGAIN_MS:
            return
        looks = [TimeRange(max(first, last - LOOK_MS), last)]
        if base not in self._looked_ms and last - first > LOOK_MS:
            looks.append(TimeRange(first, first + LOOK_MS))
        ask = self._boundaries_of(replace(request, metric=base))
        seen = [ask(one) for one in looks]
        if not all(seen) and (there := self._there(replace(request, metric=base))):
            seen += [ask(one) for one in dict.fromkeys((there[-1], there[0])) if one not in looks]
        every = {*self.boundaries.get(base, ()), *(format(bound, ".12g") for bounds in seen for bound in bounds)}
        self.boundaries[base] = tuple(sorted(every, key=float))
        if any(seen):
            self._looked_ms[base] = last

    def _boundaries_of(self, request: SeriesRequest) -> Callable[[TimeRange], set[float]]:
        def ask(span: TimeRange) -> set[float]:
            found: set[float] = set()
            layouts = self._layouts.setdefault(request.metric, set())

            def take(_: Mapping[str, str], histograms: Histograms) -> None:
                found.update(histograms.boundaries())
                layouts.add(histograms.layout)

            self._histograms(replace(request, range=span), take)
            return found

        return ask

    def _there(self, request: SeriesRequest) -> list[TimeRange]:
        """Hours of a range in which a metric had samples, as far as the server says."""
        span = request.range
        whole = TimeRange(span.start_ms // LOOK_MS * LOOK_MS, -(-span.end_ms // LOOK_MS) * LOOK_MS)
        try:
            counts = range_vectors.count_samples(self._connection, replace(request, range=whole), LOOK_MS)
        except SourceFailed:
            return []
        hours = sorted(end_ms for end_ms, count in counts.items() if count)
        return [TimeRange(max(span.start_ms, end - LOOK_MS), min(span.end_ms, end)) for end in hours]


def _values(
    histograms: Histograms, suffix: str, le: str
) -> tuple[np.typing.NDArray[np.float64], np.typing.NDArray[np.bool_]]:
    """One value per sample, and which samples have it."""
    match suffix:
        case "_count":
            return histograms.count, np.ones(len(histograms.t_ms), bool)
        case "_sum":
            return histograms.sum, np.ones(len(histograms.t_ms), bool)
        case _:
            return histograms.at_most(float(le))


def _is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def _label_sets(of_base: LabelSets, labels: Sequence[str], texts: Sequence[str]) -> LabelSets:
    """The label sets of classic series, from those of the histogram and its boundaries."""
    counts: Counter[tuple[str, ...]] = Counter()
    places = [of_base.labels.index(label) if label in of_base.labels else None for label in labels]
    bounds = (*texts, _INFINITE) if "le" in labels else ()
    for row, count in zip(of_base.rows, of_base.series, strict=True):
        own = tuple(["" if place is None else row[place] for place in places])
        if bounds:
            before, after = own[: labels.index("le")], own[labels.index("le") + 1 :]
            for le in bounds:
                counts[(*before, le, *after)] += count
        else:
            counts[own] += count
    return LabelSets(tuple(labels), tuple(counts), tuple(counts.values()))


def unread(metric: str, url: str) -> Problem:
    """What is said where a metric has native histograms that a server does not show."""
    return Problem(
        code="native-histogram-unread",
        severity="warning",
        message=f"{failures.shown(metric)} has native histograms, which this server does not hand out",
        url=url,
        hint="let the server keep classic buckets too (always_scrape_classic_histograms in Prometheus 3)",
    )
