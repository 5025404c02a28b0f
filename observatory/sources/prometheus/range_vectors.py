"""Raw samples from servers without remote_read: by range vectors, and by a query grid where even these are refused.

A range vector asked for as an instant query is exact: every sample with its own time, stale markers aside, which a
query never shows. A grid repeats and skips samples, so its sets say `exact=False`. Both are read in parts of time
that follow the size of the answers, so that no answer becomes much longer than `TARGET_BYTES` and none runs into
the server's limit of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from observatory.compile import reading
from observatory.errors import SourceFailed
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.sources.prometheus import failures
from observatory.sources.prometheus.connection import Connection, Parameters
from observatory.sources.prometheus.histogram_records import RecordInvalid, histograms_of
from observatory.sources.prometheus.matrix import Matrix, MatrixInvalid, decode_pieces
from observatory.sources.prometheus.remote_read import TakeHistograms
from observatory.sources.prometheus.run_buffer import RunBuffer
from observatory.sources.prometheus.session import envelope_warnings
from observatory.telemetry.binding import SeriesSelector
from observatory.windows import STEP_MS, TimeRange

TARGET_BYTES = 32 << 20
FIRST_PART_MS = 6 * 3_600_000
SHORTEST_PART_MS = 10 * 60_000
GROWTH, SLOW_GROWTH = 8, 2
MOST_POINTS = 10_000
"""Points per series of one grid answer: Prometheus refuses more than 11,000."""
PART_LIMIT_BYTES = 256 << 20
SLOW_ATTEMPTS = 3
_SLOW = frozenset(("source-timeout", "source-unavailable"))


class QueryRead(Struct):
    """Samples by queries, the native histogram samples left out."""

    samples: SampleSet
    histograms: int


class _Collected(Struct):
    """Series of several parts, joined by their labels."""

    buffer: RunBuffer
    labels: list[Mapping[str, str]] = field(default_factory=list)
    numbers: dict[frozenset[tuple[str, str]], int] = field(default_factory=dict)
    histograms: int = 0

    def ask(self, connection: Connection, path: str, parameters: Parameters, part: TimeRange) -> int:
        """Ask for a part of time and take it as it arrives; returns the bytes of the answer.

        Raises:
            SourceFailed: No usable answer; then nothing of it is kept.
        """
        mark, histograms = self.buffer.mark(), self.histograms
        try:
            return _answered(connection, path, parameters, lambda matrix: self._add(matrix, part))
        except SourceFailed:
            self.buffer.back_to(mark)
            self.histograms = histograms
            raise

    def ask_grid(self, connection: Connection, expression: str, part: TimeRange, step_ms: int) -> int:
        """As `ask` of an expression at every `step_ms` in a part of time.

        Raises:
            SourceFailed: No usable answer; then nothing of it is kept.
        """
        first = (part.start_ms // step_ms + 1) * step_ms
        if first > part.end_ms:
            return 0
        grid = (("start", _seconds(first)), ("end", _seconds(part.end_ms)), ("step", _seconds(step_ms)))
        return self.ask(connection, "/api/v1/query_range", (("query", expression), *grid), part)

    def _add(self, matrix: Matrix, part: TimeRange) -> None:
        """Take what lies in the part; its left edge belongs to the part before."""
        numbers: list[int] = []
        for labels in matrix.labels:
            key = frozenset(labels.items())
            if key not in self.numbers:
                self.numbers[key] = len(self.labels)
                self.labels.append(labels)
            numbers.append(self.numbers[key])
        self.buffer.add(numbers, matrix, part)
        self.histograms += matrix.histograms


def read_range_vectors(connection: Connection, request: SeriesRequest) -> QueryRead:
    """Every raw sample in (start, end].

    Raises:
        SourceFailed: No usable answer.
    """
    selector = SeriesSelector(request.metric, request.matchers)
    found = _Collected(RunBuffer(request.range))

    def ask(part: TimeRange) -> int:
        # Up to Prometheus 2 a range vector includes its left edge, from 3 on it does not; the buffer drops it.
        expression = reading.raw_samples(selector, part.end_ms - part.start_ms)
        inside = (("query", expression), ("time", _seconds(part.end_ms)))
        return found.ask(connection, "/api/v1/query", inside, part)

    _in_parts(request.range, ask)
    return QueryRead(found.buffer.sample_set(found.labels), found.histograms)


def read_histograms(connection: Connection, request: SeriesRequest, take: TakeHistograms) -> None:
    """Every native histogram in (start, end] of the requested series, part by part; other samples are left out.

    Args:
        take: Is given the labels of a series and some of its histograms; a sample at the seam of two parts comes twice.

    Raises:
        SourceFailed: No usable answer.
    """
    selector = SeriesSelector(request.metric, request.matchers)

    def ask(part: TimeRange) -> int:
        answers: list[Matrix] = []
        expression = reading.raw_samples(selector, part.end_ms - part.start_ms)
        inside = (("query", expression), ("time", _seconds(part.end_ms)))
        size = _answered(connection, "/api/v1/query", inside, answers.append)
        try:
            told = [(one.labels[number], histograms_of(of)) for one in answers for number, of in one.records.items()]
        except RecordInvalid as error:
            raise failures.answer_invalid(str(error), connection.url) from None
        for labels, histograms in told:
            for some in histograms:
                take(labels, some)
        return size

    _in_parts(request.range, ask, first_ms=SHORTEST_PART_MS)


def read_grid(connection: Connection, request: SeriesRequest, step_ms: int = STEP_MS) -> QueryRead:
    """The series as a query sees them, every `step_ms`, in (start, end].

    Raises:
        SourceFailed: No usable answer.
    """
    selector = reading.series(SeriesSelector(request.metric, request.matchers))
    found = _on_grid(connection, selector, request.range, step_ms)
    return QueryRead(found.buffer.sample_set(found.labels, exact=False, resolution_ms=step_ms), found.histograms)


def read_increments(
    connection: Connection,
    request: SeriesRequest,
    by: tuple[str, ...],
    step_ms: int,
    native: reading.NativePart | None = None,
) -> SampleSet:
    """Events in (start, end] as the server counts them, added by labels: running sums at every `step_ms`.

    Where any were dark as the range began, what they come back with may have been counted before it. So they are looked
    for as far back as the server looks for counters, and their sums begin where they were last.

    Raises:
        SourceFailed: No usable answer.
    """
    expression = reading.increments(SeriesSelector(request.metric, request.matchers), by, step_ms, native)
    before = TimeRange(max(0, request.range.start_ms - reading.MEMORY_MS), request.range.start_ms)
    found = _Collected(RunBuffer(TimeRange(before.start_ms, request.range.end_ms)))

    def ask(part: TimeRange) -> int:
        return found.ask_grid(connection, expression, part, step_ms)

    _in_parts(request.range, ask, longest_ms=MOST_POINTS * step_ms)
    dark = any(first_ms > request.range.start_ms + step_ms for first_ms in found.buffer.firsts_ms)
    if dark:
        _in_parts(before, ask, longest_ms=MOST_POINTS * step_ms)
    sums = _running_sums(found.buffer.sample_set(found.labels), request.metric, step_ms)
    return _since(sums, request.range.start_ms) if dark else sums


def read_series_counts(
    connection: Connection,
    request: SeriesRequest,
    by: tuple[str, ...],
    step_ms: int,
    native: reading.NativePart | None = None,
) -> SampleSet:
    """How many series with equal labels had a sample in each whole step that the range touches, by its end.

    Raises:
        SourceFailed: No usable answer.
    """
    expression = reading.series_count(SeriesSelector(request.metric, request.matchers), by, step_ms, native)
    span = TimeRange(request.range.start_ms // step_ms * step_ms, -(-request.range.end_ms // step_ms) * step_ms)
    found = _on_grid(connection, expression, span, step_ms)
    return found.buffer.sample_set(found.labels, exact=False, resolution_ms=step_ms)


def _on_grid(connection: Connection, expression: str, span: TimeRange, step_ms: int) -> _Collected:
    """What an expression comes to at every step of a range."""
    found = _Collected(RunBuffer(span))
    _in_parts(span, lambda part: found.ask_grid(connection, expression, part, step_ms), MOST_POINTS * step_ms)
    return found


def _since(sums: SampleSet, start_ms: int) -> SampleSet:
    """Running sums from an instant on, each with the last one before it; without those that end there."""
    parts = []
    for index, (begin, end) in enumerate(pairwise(sums.offsets.tolist())):
        first = int(np.searchsorted(sums.t_ms[begin:end], start_ms, side="right"))
        if first < end - begin:
            part = slice(begin + max(0, first - 1), end)
            parts.append((sums.labels[index], sums.t_ms[part], sums.values[part]))
    return replace(SampleSet.of(parts), exact=sums.exact, resolution_ms=sums.resolution_ms, pushdown=sums.pushdown)


def _running_sums(amounts: SampleSet, metric: str, step_ms: int) -> SampleSet:
    """Sums of what each series counted so far. They begin at zero one step before the first events, so that these are
    an increment too."""
    labels = tuple({**one, "__name__": metric} for one in amounts.labels)
    edges, t_ms, values = amounts.offsets.tolist(), amounts.t_ms, amounts.values
    del amounts  # one column is given back before the other is written
    offsets = np.asarray(edges, np.int64) + np.arange(len(edges))
    times = np.empty(int(offsets[-1]), np.int64)
    for number, (begin, end) in enumerate(pairwise(edges)):
        times[begin + number] = t_ms[begin] - step_ms
        times[begin + number + 1 : end + number + 1] = t_ms[begin:end]
    del t_ms
    sums = np.zeros(int(offsets[-1]))
    for number, (begin, end) in enumerate(pairwise(edges)):
        np.cumsum(values[begin:end], out=sums[begin + number + 1 : end + number + 1])
    return SampleSet(labels, offsets, times, sums, exact=False, resolution_ms=step_ms, pushdown=True)


def count_samples(connection: Connection, request: SeriesRequest, step_ms: int) -> dict[int, int]:
    """How many samples the server holds of each step of a range, by the end of the step; steps without any are absent.

    One sample of a series on the edge of two steps may be counted in both: the same each time it is asked.

    Raises:
        SourceFailed: No usable answer.
    """
    expression = reading.sample_count(SeriesSelector(request.metric, request.matchers), step_ms)
    first = request.range.start_ms + step_ms
    grid = (("start", _seconds(first)), ("end", _seconds(request.range.end_ms)), ("step", _seconds(step_ms)))
    found: dict[int, int] = {}

    def take(matrix: Matrix) -> None:
        found.update(zip(matrix.t_ms.tolist(), matrix.values.astype(np.int64).tolist(), strict=True))

    _answered(connection, "/api/v1/query_range", (("query", expression), *grid), take)
    return found


def _in_parts(
    span: TimeRange,
    ask: Callable[[TimeRange], int],
    longest_ms: int | None = None,
    first_ms: int = FIRST_PART_MS,
) -> None:
    """Ask for a range in parts, each sized by the answers before; a part that is too much is asked again in halves.

    Later parts do not grow to a size that was refused, and grow slowly where one took too long.
    """
    longest = longest_ms or max(span.end_ms - span.start_ms, 1)
    length, growth = min(first_ms, longest), GROWTH
    start = span.start_ms
    slow = 0
    while start < span.end_ms:
        part = TimeRange(start, min(start + length, span.end_ms))
        try:
            size = ask(part)
        except SourceFailed as error:
            problem = error.problems[0]
            length = (part.end_ms - part.start_ms) // 2
            if problem.code in _SLOW:
                slow, growth = slow + 1, SLOW_GROWTH
            else:
                longest = length
            first = start == span.start_ms and not _names_a_limit(problem.message)
            if length < SHORTEST_PART_MS or not _smaller_may_help(problem.code, slow, first=first):
                raise
            continue
        slow = 0
        start = part.end_ms
        length = min(longest, max(SHORTEST_PART_MS, int(length * min(growth, TARGET_BYTES / max(size, 1)))))


def _smaller_may_help(code: str, slow: int, *, first: bool) -> bool:
    """Whether a part of half the length may be answered.

    Args:
        slow: How many parts on end took too long.
        first: Nothing worked yet, and the server does not say that it was too much.
    """
    if code in _SLOW:
        return not first and slow <= SLOW_ATTEMPTS
    return code == "source-too-large" or (code == "source-query-refused" and not first)


def _names_a_limit(message: str) -> bool:
    return any(word in message for word in ("too many samples", "limit", "exceed", "maximum", "timed out"))


def _answered(connection: Connection, path: str, parameters: Parameters, take: Callable[[Matrix], None]) -> int:
    """Ask for a matrix and take it part by part; returns its bytes. Warnings are remembered by the session."""
    with connection.ask(path, parameters, PART_LIMIT_BYTES) as answer:
        if "json" not in answer.content_type:
            raise failures.other_product(answer.content_type, answer.url)
        try:
            envelope, size = decode_pieces(answer.pieces(), take)
        except MatrixInvalid as error:
            if error.envelope is not None:
                envelope_warnings(error.envelope, answer.url)
            raise failures.answer_invalid(str(error), answer.url) from None
    connection.session.hear(envelope_warnings(envelope, answer.url))
    return size


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"
