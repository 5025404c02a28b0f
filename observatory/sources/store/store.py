"""The face of the embedded store: a source of samples and of spans, and the place where telemetry is appended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from observatory.sources.base import SampleSet, SeriesRequest, SourceState
from observatory.sources.store import samples as sample_table
from observatory.sources.store.database import Database
from observatory.sources.store.series import SeriesDictionary
from observatory.telemetry.inventory import Inventory, InventoryRequest, LabelSets
from observatory.windows import TimeRange


class Store:
    """Samples and spans in one DuckDB file, or in memory.

    One process owns the file, and its threads may read and write at the same time: readers see the last committed
    state. Every append is one transaction and harmless to repeat.
    """

    kind = "store"

    def __init__(self, database: Database, name: str = "store") -> None:
        self.name = name
        self._database = database
        self._series = SeriesDictionary()
        self._head_samples = 0
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

    def state(self) -> SourceState:
        """A store that is open answers."""
        return SourceState(self.name, self.kind, "ok", str(self.path) if self.path else "in memory")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several appends as one: all of them are kept, or none."""
        try:
            with self._database.writing():
                yield
        except BaseException:
            self._reload()
            raise

    def _reload(self) -> None:
        """Read what memory mirrors anew, after opening and after a transaction that was given up."""
        with self._database.reading() as cursor:
            self._series.load(cursor)
            self._head_samples = int(cursor.execute("SELECT count(*) FROM sample_head").fetchall()[0][0])

    # samples

    def append_samples(self, samples: SampleSet) -> int:
        """Keep what is new; order does not matter, and of one series and timestamp the first value stays.

        Returns:
            Samples that were new.
        """
        with self.transaction(), self._database.writing() as cursor:
            written = sample_table.append(cursor, self._series, samples)
            self._head_samples += written
            if self._head_samples > sample_table.HEAD_SAMPLES:
                sample_table.fold_head(cursor, self._series)
                self._head_samples = 0
        return written

    def compact(self) -> int:
        """Fold live samples into chunks now; returns how many."""
        with self.transaction(), self._database.writing() as cursor:
            self._head_samples = 0
            return sample_table.fold_head(cursor, self._series)

    def metric_names(self, span: TimeRange) -> frozenset[str]:
        """Names of series whose samples reach into the range."""
        return frozenset(self._series.labels[n].get("__name__", "") for n in self._live(span))

    def _live(self, span: TimeRange) -> set[int]:
        with self._database.reading() as cursor:
            rows = cursor.execute(
                "SELECT DISTINCT series_id FROM sample_chunks WHERE last_ms > $1 AND first_ms <= $2"
                " UNION SELECT DISTINCT series_id FROM sample_head WHERE t_ms > $1 AND t_ms <= $2",
                [span.start_ms, span.end_ms],
            ).fetchall()
        return {row[0] for row in rows}

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory:
        """Label combinations of the named metrics; names of all that reach into the range."""
        live = self._live(span)
        found: dict[str, LabelSets] = {}
        with self._database.reading() as cursor:
            for metric, labels in request.labels.items():
                rows: dict[tuple[str, ...], int] = {}
                for number in self._series.matching(cursor, metric):
                    if number in live:
                        row = tuple(self._series.labels[number].get(label, "") for label in labels)
                        rows[row] = rows.get(row, 0) + 1
                if rows:
                    ordered = sorted(rows)
                    found[metric] = LabelSets(tuple(labels), tuple(ordered), tuple(rows[row] for row in ordered))
        names = frozenset(self._series.labels[n].get("__name__", "") for n in live)
        return Inventory(source=self.name, names=names, label_sets=found)

    def samples(self, request: SeriesRequest) -> SampleSet:
        """Samples in (start, end] of every matching series that has some, series in order of entry."""
        with self._database.reading() as cursor:
            numbers = self._series.matching(cursor, request.metric, request.matchers)
            if not numbers:
                return SampleSet.of(())
            owner, t_ms, values = sample_table.read(cursor, numbers, request.range.start_ms, request.range.end_ms)
        starts = np.flatnonzero(np.concatenate([[True], np.diff(owner) != 0])) if len(owner) else np.empty(0, np.int64)
        offsets = np.append(starts, len(owner)).astype(np.int64)
        labels = tuple(self._series.labels[int(owner[start])] for start in starts)
        return SampleSet(labels, offsets, t_ms, values)

    def earliest_ms(self) -> int | None:
        """The oldest sample."""
        with self._database.reading() as cursor:
            row = cursor.execute(
                "SELECT min(t) FROM (SELECT min(first_ms) AS t FROM sample_chunks"
                " UNION ALL SELECT min(t_ms) FROM sample_head)"
            ).fetchall()[0]
        return None if row[0] is None else int(row[0])
