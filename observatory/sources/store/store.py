"""The face of the embedded store: a source of samples and of spans, and the place where telemetry is appended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from observatory.compile import sql
from observatory.errors import SourceFailed
from observatory.sources.base import (
    Float64,
    HopQuery,
    Int64,
    MessageQuery,
    SampleSet,
    SeriesRequest,
    SourceState,
    Span,
    VisitQuery,
    Visits,
)
from observatory.sources.batch import Batch, Kept
from observatory.sources.health import Health
from observatory.sources.store import pruning, sample_answers, span_answers, writes
from observatory.sources.store import samples as sample_table
from observatory.sources.store import spans as span_table
from observatory.sources.store.contents import StoreContents, contents_of
from observatory.sources.store.database import DAMAGED_HINT, Database, registered
from observatory.sources.store.pushes import Pushes
from observatory.sources.store.room import with_room
from observatory.sources.store.series import NEVER_MS, SeriesDictionary
from observatory.sources.store.visits import visits
from observatory.telemetry.binding import SpanSelector
from observatory.telemetry.inventory import Inventory, InventoryRequest, MetricMetadata
from observatory.windows import Grid, TimeRange

MOST_SERIES = 1_000_000
"""Series of pushed metrics beyond which no new ones are taken."""


class Store:
    """Samples and spans in one DuckDB file, or in memory.

    One process owns the file, and its threads may read and write at the same time: readers see the last committed
    state. Every append is one transaction and harmless to repeat.
    """

    kind = "store"

    def __init__(self, database: Database, name: str = "store") -> None:
        self.name = name
        self._database = database
        self._health = Health(name, self.kind)
        self._mirrors = False
        self._reload()

    @classmethod
    def open(cls, path: Path | str | None = None, *, read_only: bool = False, name: str = "store") -> Store:
        """Open a store, or create it; without a path it lives in memory.

        Raises:
            SourceFailed: See `Database`.
        """
        return cls(Database(Path(path) if path is not None else None, read_only=read_only), name)

    def close(self) -> None:
        """Give the file free for the next owner."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path | None:
        return self._database.path

    def checkpoint(self) -> None:
        """Write everything into the file itself, and leave no log beside it."""
        self._database.checkpoint()

    def state(self) -> SourceState:
        """How questions were answered: parts of a damaged file cannot be read."""
        return self._health.state(str(self.path) if self.path else "in memory")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several appends as one: all of them are kept, or none."""
        with self._database.exclusive():
            if not self._mirrors:
                self._reload()
            try:
                with self._database.writing():
                    yield
            except BaseException:
                self._mirrors = False
                with suppress(SourceFailed):
                    self._reload()
                raise

    def _reload(self) -> None:
        """Read what memory mirrors anew, after opening and after a transaction that was given up.

        Where that fails nothing is written before it has succeeded: series would get numbers that others have.
        """
        self._pushes = Pushes()
        with self._database.reading() as cursor:
            self._series = SeriesDictionary.load(cursor)
            self._head_samples = int(cursor.execute("SELECT count(*) FROM sample_head").fetchall()[0][0])
            self._pruned_ms: tuple[int, int] = cursor.execute("SELECT * FROM pruned").fetchall()[0]
        self._mirrors = True

    @contextmanager
    def _answering(self, asked: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor to answer a question with; how that ended is part of the state."""
        try:
            with self._database.reading() as cursor:
                yield cursor
        except SourceFailed as error:
            # What is damaged stays so until the same is asked again; anything else has passed with the next answer.
            lasting = any(problem.hint == DAMAGED_HINT for problem in error.problems)
            self._health.note(asked if lasting else "", error.problems, failed=True)
            raise
        self._health.note("")
        self._health.note(asked)

    # samples

    def append_samples(self, samples: SampleSet) -> int:
        """Keep what is new; order does not matter, and of one series and timestamp the first value stays.

        What is older than all that was pruned is not taken in again.

        Returns:
            Samples that were new.
        """
        with self.transaction(), self._database.writing() as cursor:
            written = sample_table.append(cursor, self._series, samples, self._pruned_ms[0] or NEVER_MS)
            self._grown(cursor, written)
        return written

    def _grown(self, cursor: duckdb.DuckDBPyConnection, written: int) -> None:
        """Fold the head once it has become large."""
        self._head_samples += written
        if self._head_samples > sample_table.HEAD_SAMPLES:
            sample_table.fold_head(cursor, self._series)
            writes.fold(cursor)
            self._head_samples = 0

    def append_batch(self, batch: Batch) -> Kept:
        """Keep a request of pushed metrics; repeats do no harm.

        Points that contradict what is kept are left out, and so are those of new series once there are `MOST_SERIES`.
        All of the rest is kept, or nothing.

        Raises:
            SourceFailed: See `Database`.
        """
        with self.transaction(), self._database.writing() as cursor:
            if len(self._series.labels) + len(batch.samples.labels) + len(batch.beginnings.labels) > MOST_SERIES:
                batch = with_room(batch, self._series, MOST_SERIES)
            after_ms = self._pruned_ms[0] or NEVER_MS
            kept, written = self._pushes.append(cursor, self._series, batch, after_ms)
            self.append_metadata(self._pushes.news(batch.metadata))
            self._grown(cursor, written)
        return kept

    def compact(self) -> int:
        """Fold live samples into chunks now; returns how many."""
        with self.transaction(), self._database.writing() as cursor:
            self._head_samples = 0
            writes.fold(cursor)
            return sample_table.fold_head(cursor, self._series)

    def prune(self, samples_until_ms: int | None, spans_until_ms: int | None) -> tuple[int, int]:
        """Remove raw telemetry up to these midnights, for good; returns how many samples and spans went.

        Days that were counted of it stay as good as they were: see `writes`.
        """
        samples_ms, spans_ms = samples_until_ms or 0, spans_until_ms or 0
        if samples_ms <= self._pruned_ms[0] and spans_ms <= self._pruned_ms[1]:
            return 0, 0
        with self.transaction(), self._database.writing() as cursor:
            samples = pruning.prune_samples(cursor, self._series, samples_ms) if samples_ms else 0
            spans = pruning.prune_spans(cursor, spans_ms) if spans_ms else 0
            bounds = max(samples_ms, self._pruned_ms[0]), max(spans_ms, self._pruned_ms[1])
            cursor.execute("UPDATE pruned SET samples_until_ms = $1, spans_until_ms = $2", list(bounds))
            self._pruned_ms, self._head_samples = bounds, 0
        self._database.checkpoint()
        return samples, spans

    def pruned_until_ms(self) -> tuple[int, int]:
        """Up to when samples, and spans, were removed and are not taken in again; 0 where none were."""
        return self._pruned_ms

    def oldest_ms(self) -> int | None:
        """The oldest sample or span, whichever is older."""
        with self._answering("oldest_ms") as cursor:
            row = cursor.execute("SELECT min(start_ns) // 1000000 FROM spans").fetchall()[0]
        found = [one for one in (self.earliest_ms(), row[0]) if one is not None]
        return int(min(found)) if found else None

    def contents(self) -> StoreContents:
        """How much there is of what."""
        with self._answering("contents") as cursor:
            return contents_of(cursor, self._pruned_ms)

    def writes(self) -> dict[int, int]:
        """A number for each hour since the epoch that was written into, which changes when something is added to it."""
        with self._answering("writes") as cursor:
            return writes.sums(cursor)

    def marks(self, requests: Sequence[SeriesRequest], span: TimeRange) -> dict[int, int]:  # noqa: ARG002
        """The same for the hours of a range, whichever series and spans were written."""
        hours = range(span.start_ms // writes.HOUR_MS, -(-span.end_ms // writes.HOUR_MS))
        return {hour: count for hour, count in self.writes().items() if hour in hours}

    def append_metadata(self, metadata: Mapping[str, MetricMetadata]) -> None:
        """Keep what TYPE, UNIT and HELP lines say of metrics; later words replace earlier ones."""
        if not metadata:
            return
        columns = {
            "metric": list(metadata),
            "type": [one.type for one in metadata.values()],
            "unit": [one.unit for one in metadata.values()],
            "help": [one.help for one in metadata.values()],
        }
        table = pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
        with self._database.writing() as cursor, registered(cursor, {"told": table}):
            cursor.execute("DELETE FROM metric_metadata USING told WHERE metric_metadata.metric = told.metric")
            cursor.execute("INSERT INTO metric_metadata SELECT * FROM told")

    def metric_names(self, span: TimeRange) -> frozenset[str]:
        """Names of series whose samples reach into the range."""
        series = self._series
        with self._answering("metric_names") as cursor:
            live = sample_answers.live(cursor, series, span)
        return frozenset(series.labels[n].get("__name__", "") for n in live)

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory:
        """Label combinations of the named metrics; names of all that reach into the range."""
        with self._answering("inventory") as cursor:
            return sample_answers.inventory(cursor, self.name, self._series, request, span)

    def samples(self, request: SeriesRequest) -> SampleSet:
        """Samples in (start, end] of every matching series that has some, series in order of entry."""
        with self._answering("samples") as cursor:
            return sample_answers.samples(cursor, self._series, request)

    def samples_together(self, requests: Sequence[SeriesRequest]) -> list[SampleSet]:
        """The same for several requests; those for few days in one go, which unpacks each stretch of the file once."""
        with self._answering("samples_together") as cursor:
            return sample_answers.samples_together(cursor, self._series, requests)

    def earliest_ms(self) -> int | None:
        """The oldest sample."""
        with self._answering("earliest_ms") as cursor:
            row = cursor.execute(
                "SELECT min(t) FROM (SELECT min(first_ms) AS t FROM sample_chunks"
                " UNION ALL SELECT min(t_ms) FROM sample_head)"
            ).fetchall()[0]
        return None if row[0] is None else int(row[0])

    # spans

    def append_spans(self, spans: Iterable[Span]) -> int:
        """Keep spans whose trace and span ids are new; returns how many that were.

        Raises:
            SourceFailed: `span-invalid`; an id is not hexadecimal.
        """
        return self._append(*span_table.batch_of(spans))

    def append_span_batch(
        self, columns: Mapping[str, span_table.Column], links: Mapping[str, span_table.Column] | None = None
    ) -> int:
        """The same from columns, for sources of millions of spans: see `spans.COLUMNS` and `spans.LINK_COLUMNS`.

        Ids are unsigned 64-bit integers, a trace id two of them. A single value holds for all spans.
        """
        return self._append(*span_table.batch_from(columns, links))

    def _append(self, spans: pa.Table, links: pa.Table) -> int:
        if self._pruned_ms[1]:
            import pyarrow.compute as pc

            spans = spans.filter(pc.field("start_ns") >= self._pruned_ms[1] * 10**6)
        with self._database.writing() as cursor:
            return span_table.append(cursor, spans, links)

    def span_count(self) -> int:
        """How many spans are stored."""
        with self._answering("span_count") as cursor:
            return int(cursor.execute("SELECT count(*) FROM spans").fetchall()[0][0])

    def count_hops(self, queries: Sequence[HopQuery], grid: Grid) -> dict[str, Float64]:
        """Hops per step by the consumer's instant, for all queries in one statement."""
        with self._answering("count_hops") as cursor:
            return span_answers.per_step(cursor, sql.hop_counts(queries, grid), queries, grid)

    def count_messages(self, queries: Sequence[MessageQuery], grid: Grid) -> dict[str, Float64]:
        """Messages per step by the span's start, for all queries in one statement."""
        with self._answering("count_messages") as cursor:
            return span_answers.per_step(cursor, sql.message_counts(queries, grid), queries, grid)

    def visits(self, queries: Sequence[VisitQuery], span: TimeRange) -> Visits:
        """Which traces came by which channels, and how they are linked."""
        with self._answering("visits") as cursor:
            return visits(cursor, queries, span)

    def hop_latencies(self, selector: SpanSelector, span: TimeRange) -> tuple[Int64, Float64]:
        """Consumer instant in ms and latency in seconds of each hop, oldest first; below zero is clamped to zero."""
        rows = self._hops(selector, span)
        return np.asarray(rows["at_ms"], np.int64), np.asarray(rows["latency_seconds"], np.float64)

    def clamped_hops(self, selector: SpanSelector, span: TimeRange) -> tuple[int, int]:
        """How many hops ended before they began, and how many there are: clocks differ, or the producer's span was
        still open when the message arrived.
        """
        clamped = np.asarray(self._hops(selector, span)["clamped"], bool)
        return int(clamped.sum()), len(clamped)

    def _hops(self, selector: SpanSelector, span: TimeRange) -> dict[str, np.ndarray[Any, Any]]:
        with self._answering("hops") as cursor:
            return span_answers.hops(cursor, selector, span)

    def span_presence(self, grid: Grid) -> Float64:
        """Seconds per step in which spans are known to have arrived.

        A step counts as a whole when any span of the store began or ended in it, or within the five minutes before
        it and also within the five minutes after it: short silences are no outage, and nothing is known beyond the
        last span. Spans of any service count, for it is the collection that is asked about.
        """
        with self._answering("span_presence") as cursor:
            return span_answers.presence(cursor, grid)

    def destinations(self, span: TimeRange) -> Inventory:
        """Producers and consumers that spans show, with their messages in the range."""
        with self._answering("destinations") as cursor:
            found = span_answers.destinations(cursor, span)
        return Inventory(source=self.name, destinations=found)

    def sample_traces(self, selector: SpanSelector | None, span: TimeRange, limit: int) -> list[str]:
        """Trace ids to look at: those with errors first, then slow ones, then recent ones."""
        with self._answering("sample_traces") as cursor:
            return span_table.sample_traces(cursor, selector, span, limit)

    def trace(self, trace_id: str) -> list[Span]:
        """All spans of a trace and of the traces linked to it, by start time; empty for an unknown id."""
        with self._answering("trace") as cursor:
            return span_table.trace(cursor, trace_id)
