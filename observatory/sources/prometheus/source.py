"""A Prometheus-compatible server as a source of metrics.

How samples are fetched is tried once per server and then remembered: remote_read where it is offered, the export of
VictoriaMetrics, range vectors otherwise, a query grid as the last resort. All methods may be called from several
threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

from msgspec.structs import replace

from observatory.compile import reading
from observatory.errors import Problem, SourceFailed
from observatory.settings import PrometheusSettings
from observatory.sources.base import PUSHDOWN_STEP_MS, SampleSet, SeriesRequest, SourceState
from observatory.sources.health import Health
from observatory.sources.histogram_kinds import as_one, label_sets_of_both
from observatory.sources.prometheus import export, failures, native_series, remote_read, xor
from observatory.sources.prometheus.chunk_memory import ChunkMemory
from observatory.sources.prometheus.connection import Connection
from observatory.sources.prometheus.foreseen import foreseen_bytes
from observatory.sources.prometheus.label_sets import (
    NOT_OFFERED,
    range_parameters,
    read_label_sets,
    read_names,
    read_places,
)
from observatory.sources.prometheus.matchers import with_fixed_labels
from observatory.sources.prometheus.metadata import read_metadata
from observatory.sources.prometheus.native_series import NativeSeries, NotShown
from observatory.sources.prometheus.range_vectors import (
    count_samples,
    read_grid,
    read_increments,
    read_range_vectors,
    read_series_counts,
)
from observatory.sources.prometheus.sample_buffer import MOST_SAMPLES, SamplesTooMany
from observatory.telemetry.binding import Matcher
from observatory.telemetry.inventory import Inventory, InventoryRequest, LabelSets
from observatory.windows import STEP_MS, TimeRange

Route = Literal["remote_read", "export", "range vectors", "query grid"]
T = TypeVar("T")

_LOWEST = re.compile(rb"^prometheus_tsdb_lowest_timestamp(?:\{[^}\n]*\})? ([0-9.eE+]+)\s*$", re.MULTILINE)
LONGEST_MATCHER = 12_000
"""Characters of the values of one label in a query that counts samples."""
TAIL_MS = 3 * 3_600_000
"""Chunks of ranges that are as short as those of refreshes are remembered; longer ones are read once."""
MARK_MS = 3_600_000
"""Late samples are looked for hour by hour."""
MARKS_AT_ONCE = 2
"""Questions for them under way at a time: as many as for samples."""
_METRICS_LIMIT_BYTES = 16 << 20
_LATEST_MS = 1 << 52


class PrometheusSource:
    """One server.

    Raises:
        InputInvalid: The URL is none of http or https.
    """

    kind = "prometheus"

    def __init__(self, settings: PrometheusSettings) -> None:
        self.name = settings.name
        self.connection = Connection(settings)
        self._fixed = tuple(Matcher(name, (value,)) for name, value in sorted(settings.labels.items()))
        self._labels = settings.labels
        self._health = Health(settings.name, self.kind)
        self._route: Route | None = "range vectors" if settings.remote_read == "never" else None
        self._proven = False
        self._step_ms: int | None = None
        self._pushed_down = False
        self._too_large: dict[str, int] = {}
        self._native = NativeSeries(self.connection, in_chunks=settings.remote_read != "never")
        self._chunks = ChunkMemory()
        self._metadata: list[dict[str, str]] | None = None
        self._names: tuple[TimeRange, frozenset[str]] | None = None
        self._known: Mapping[str, LabelSets] = {}

    def state(self) -> SourceState:
        """What the last requests showed; asks nothing itself."""
        route = f", samples by {self._route}" if self._route else ""
        if self._pushed_down:
            route += ", large signals counted by the server"
        return self._health.state(self.connection.url + route)

    def metric_names(self, span: TimeRange) -> frozenset[str]:
        """Names of all series in the range.

        Raises:
            SourceFailed: No usable answer.
        """
        parameters: dict[str, object] = dict(range_parameters(span))
        if self._fixed:
            parameters["match[]"] = reading.series_with(self._labels)
        names, _ = self._noted("names", lambda: (self._read_names(parameters, span), ()))
        names |= self._native.learn(names, self._types())
        self._names = (span, names)
        return names

    def _read_names(self, parameters: dict[str, object], span: TimeRange) -> frozenset[str]:
        try:
            return frozenset(self.connection.label_values("__name__", parameters))
        except SourceFailed as error:
            # Some gateways let queries through and nothing else; these know the series of just now.
            if error.problems[0].code not in NOT_OFFERED:
                raise
            try:
                return read_names(self.connection, self._fixed, span.end_ms)
            except SourceFailed:
                raise error from None

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory:
        """Label combinations of the named series in the range; silent ones count while the range holds them.

        Raises:
            SourceFailed: No usable answer.
        """
        known = self._names
        names = known[1] if known and known[0] == span else self.metric_names(span)
        wanted = {metric: labels for metric, labels in request.labels.items() if metric in names}

        def ask() -> tuple[Inventory, Sequence[Problem]]:
            plain = {metric: labels for metric, labels in wanted.items() if not self._native.alone(metric)}
            label_sets, unread = read_label_sets(self.connection, plain, self._fixed, span) if plain else ({}, [])
            native, failed = self._native.label_sets(wanted, self._fixed, span)
            for metric, sets in native.items():
                classic = label_sets.get(metric)
                label_sets[metric] = label_sets_of_both(classic, sets) if classic is not None else sets
            unread = [*unread, *failed]
            self._known = label_sets
            metadata, untyped = read_metadata(self.connection, list(wanted), self._metadata) if wanted else ({}, [])
            problems = [*unread, *untyped]
            placed = [metric for metric in request.placed if metric in plain]
            found = Inventory(
                source=self.name,
                names=names,
                label_sets=label_sets,
                metadata=metadata,
                places=read_places(self.connection, placed, request.places, self._fixed, span.end_ms),
                problems=tuple(problems),
            )
            return found, problems

        found, problems = self._noted("inventory", ask)
        return replace(found, problems=problems)

    def increments(self, request: SeriesRequest, by: tuple[str, ...]) -> SampleSet:
        """Running sums of events as the server counts them, every five minutes, for what is too much to be read raw.

        At each edge of a window up to five minutes of events belong to the neighbouring one. What counters counted
        while they were missing comes when they are back, and is lost after half a day, see `reading.increments`.

        Raises:
            SourceFailed: No usable answer.
        """
        whole = replace(request, matchers=with_fixed_labels(request.matchers, self._labels))

        def ask() -> tuple[SampleSet, Sequence[Problem]]:
            native = self._native.pushed_down(whole)
            return read_increments(self.connection, whole, by, PUSHDOWN_STEP_MS, native), ()

        found, problems = self._noted(f"increments of {request.metric}", ask)
        self._pushed_down = True
        return replace(found, problems=problems)

    def series_counts(self, request: SeriesRequest, by: tuple[str, ...]) -> SampleSet:
        """How many series with equal labels had samples in each hour, by the end of the hour.

        Raises:
            SourceFailed: No usable answer.
        """
        whole = replace(request, matchers=with_fixed_labels(request.matchers, self._labels))
        found, problems = self._noted(
            f"series of {request.metric}",
            lambda: (read_series_counts(self.connection, whole, by, MARK_MS, self._native.pushed_down(whole)), ()),
        )
        return replace(found, problems=problems)

    def marks(self, requests: Sequence[SeriesRequest], span: TimeRange) -> dict[int, int]:
        """How many samples the server holds of each hour, of everything that is asked for together.

        Raises:
            SourceFailed: No usable answer.
        """
        found: dict[int, int] = {}
        asked: dict[SeriesRequest, None] = {}
        for request in requests:
            # VictoriaMetrics takes no query above 16 KiB: then more is counted than was asked for.
            short = tuple(
                one for one in request.matchers if sum(map(len, one.values)) + len(one.pattern or "") < LONGEST_MATCHER
            )
            if not self._native.alone(request.metric):
                asked[SeriesRequest(request.metric, with_fixed_labels(short, self._labels), span)] = None
            if (native := self._native.part(request.metric)) is not None:
                without_le = tuple(one for one in short if one.label != "le")
                asked[SeriesRequest(native[0], with_fixed_labels(without_le, self._labels), span)] = None
        with ThreadPoolExecutor(MARKS_AT_ONCE, "marks") as threads:
            for counts in threads.map(lambda whole: count_samples(self.connection, whole, MARK_MS), asked):
                for end_ms, count in counts.items():
                    hour = end_ms // MARK_MS - 1
                    found[hour] = found.get(hour, 0) + count
        return found

    def _types(self) -> dict[str, str]:
        """The type of each metric, where the server tells."""
        try:
            self._metadata = self.connection.metadata()
            return {entry["metric_name"]: entry["type"] for entry in self._metadata}
        except (SourceFailed, KeyError, TypeError):
            self._metadata = None
            return {}

    def samples(self, request: SeriesRequest) -> SampleSet:
        """Raw samples in (start, end].

        Sets that come by a query grid say so (`exact=False`); sets by range vectors lack the stale markers that
        remote_read shows, for no query shows them.

        Raises:
            SourceFailed: No usable answer.
        """
        if request.range.start_ms == request.range.end_ms:
            return SampleSet.of([])
        whole = replace(request, matchers=with_fixed_labels(request.matchers, self._labels))
        length_ms = request.range.end_ms - request.range.start_ms
        if length_ms >= self._too_large.get(request.metric, length_ms + 1):
            raise self._refuse_size(request.metric)
        read = self._read if self._native.part(request.metric) is None else self._read_kinds
        try:
            found, problems = self._noted(f"samples of {request.metric}", lambda: read(whole))
        except SourceFailed as error:
            if error.problems[0].code == "source-too-large":
                self._too_large[request.metric] = length_ms
            raise
        return replace(found, problems=problems)

    def _read_kinds(self, request: SeriesRequest) -> tuple[SampleSet, Sequence[Problem]]:
        """What native histograms stand for, and the classic series beside them."""
        # Which names there are is known of one range: before it there may have been classic series.
        known = self._names is not None and self._names[0].start_ms <= request.range.start_ms
        alone = known and self._native.alone(request.metric)
        classic, problems = (SampleSet.of([]), ()) if alone else self._read(request)
        try:
            native = self._native.read(request)
        except NotShown:
            return classic, (*problems, *self._left_out(request.metric, 1))
        if alone:
            return native, problems
        texts = self._native.spelled(request) if request.metric.endswith("_bucket") else ()
        return as_one(classic, native, texts), problems

    def _read(self, request: SeriesRequest) -> tuple[SampleSet, Sequence[Problem]]:
        if self._route in (None, "remote_read"):
            xor.LOADER.foresee(foreseen_bytes(self._known.get(request.metric), request))
            try:
                short = request.range.end_ms - request.range.start_ms <= TAIL_MS
                memory = self._chunks if short else None
                read = remote_read.read(self.connection, request, proven=self._proven, memory=memory)
            except (remote_read.NotOffered, remote_read.ChunksUnknown):
                pass
            except SourceFailed as error:
                # A limit of remote_read itself (such as its number of samples) does not bind queries.
                if error.problems[0].code != "source-query-refused":
                    raise
                found = read_range_vectors(self.connection, request)
                return found.samples, self._left_out(request.metric, found.histograms)
            else:
                self._route, self._proven = "remote_read", True
                return read.samples, self._left_out(request.metric, read.histograms)
        if self._route in (None, "export"):
            try:
                samples = export.read(self.connection, request, proven=self._proven)
            except remote_read.NotOffered:
                pass
            else:
                self._route, self._proven = "export", True
                return samples, ()
        if self._route != "query grid":
            try:
                found = read_range_vectors(self.connection, request)
            except SourceFailed as error:
                if self._proven or error.problems[0].code not in ("source-query-refused", "source-answer-invalid"):
                    raise
                found = read_grid(self.connection, request, self._scrape_interval_ms())
                self._route, self._proven = "query grid", True
            else:
                self._route, self._proven = "range vectors", True
        else:
            found = read_grid(self.connection, request, self._scrape_interval_ms())
        return found.samples, self._left_out(request.metric, found.histograms)

    def _left_out(self, metric: str, histograms: int) -> list[Problem]:
        return [native_series.unread(metric, self.connection.url)] if histograms else []

    def _scrape_interval_ms(self) -> int:
        """The shortest scrape interval of the server's targets; a minute where it does not tell."""
        if self._step_ms is None:
            try:
                intervals = [str(target.get("scrapeInterval", "")) for target in self.connection.targets()]
            except SourceFailed:
                intervals = []
            self._step_ms = min([ms for text in intervals if (ms := _duration_ms(text))], default=STEP_MS)
        return self._step_ms

    def earliest_ms(self) -> int | None:
        """The oldest instant the server still holds, from its own metrics page; None when it does not say."""
        url = f"{self.connection.url}/metrics"
        try:
            with self.connection.session.open("GET", url, limit_bytes=_METRICS_LIMIT_BYTES) as answer:
                said = _LOWEST.search(bytes(answer.body()))
        except SourceFailed:
            return None
        if said is None:
            return None
        lowest = float(said.group(1))
        return int(lowest) if 0 < lowest < _LATEST_MS else None

    def close(self) -> None:
        """Close idle connections."""
        self.connection.close()

    def _noted(self, asked: str, ask: Callable[[], tuple[T, Sequence[Problem]]]) -> tuple[T, tuple[Problem, ...]]:
        """The answer to a question, with its outcome and the server's warnings recorded."""
        self.connection.session.take_warnings()
        try:
            found, problems = self._bounded(ask)
        except SourceFailed as error:
            self._health.note(asked, error.problems, failed=True)
            raise
        warnings = [failures.warning(text, self.connection.url) for text in self.connection.session.take_warnings()]
        every = (*problems, *warnings)
        self._health.note(asked, every)
        return found, every

    def _bounded(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except SamplesTooMany:
            raise self._refuse_size() from None

    def _refuse_size(self, metric: str = "") -> SourceFailed:
        what = f"the samples of {failures.shown(metric)} are" if metric else "the answer holds"
        return failures.failed(
            "source-too-large",
            f"{what} more than {MOST_SAMPLES} samples",
            self.connection.url,
            "ask for a shorter range or narrow the source with labels",
        )


def _duration_ms(text: str) -> int:
    from observatory.units import parse_duration

    try:
        return round(parse_duration(text) * 1000)
    except ValueError:
        return 0
