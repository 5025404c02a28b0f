"""The series dictionary: every label set has a small number, kept in the file and mirrored in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from observatory.errors import Problem, SourceFailed
from observatory.sources.base import Int64
from observatory.sources.store.database import registered
from observatory.sources.store.sparse_buckets import BUCKET, without_le
from observatory.telemetry.binding import Matcher

NEVER_MS = np.iinfo(np.int64).min


class SeriesDictionary:
    """Series by number, by label set and by metric.

    Attributes:
        labels: Label sets, by number.
        last_ms: Newest sample of each series, `NEVER_MS` before the first.
        sealed_ms: The same, of its chunks alone.
    """

    def __init__(self) -> None:
        self.labels: list[Mapping[str, str]] = []
        self.last_ms: Int64 = np.empty(0, np.int64)
        self.sealed_ms: Int64 = np.empty(0, np.int64)
        self._by_text: dict[bytes, int] = {}
        self._by_metric: dict[str, list[int]] = {}
        self._buckets: dict[str, list[int]] = {}

    @classmethod
    def load(cls, cursor: duckdb.DuckDBPyConnection) -> SeriesDictionary:
        """The dictionary and the newest instants, as the file has them."""
        loaded = cls()
        for (text,) in cursor.execute("SELECT labels FROM series ORDER BY series_id").fetchall():
            loaded._remember(text.encode())
        loaded._grow()
        for target, statement in (
            (loaded.sealed_ms, "SELECT series_id, max(last_ms) FROM sample_chunks GROUP BY series_id"),
            (loaded.last_ms, "SELECT series_id, max(t_ms) FROM sample_head GROUP BY series_id"),
        ):
            number, newest = cursor.execute(statement).fetchnumpy().values()
            target[np.asarray(number, np.int64)] = newest
        np.maximum(loaded.last_ms, loaded.sealed_ms, out=loaded.last_ms)
        return loaded

    def numbers(self, cursor: duckdb.DuckDBPyConnection, label_sets: Sequence[Mapping[str, str]]) -> Int64:
        """The number of each label set; new ones are entered. A label with an empty value is an absent label."""
        fresh: list[int] = []
        result = np.empty(len(label_sets), np.int64)
        for index, labels in enumerate(label_sets):
            text = canonical(labels)
            number = self._by_text.get(text)
            if number is None:
                number = self._remember(text)
                fresh.append(number)
            result[index] = number
        if fresh:
            self._grow()
            table = pa.table(
                {
                    "series_id": pa.array(fresh, pa.int32()),
                    "metric": pa.array([self.labels[number].get("__name__", "") for number in fresh], pa.string()),
                    "labels": pa.array([canonical(self.labels[number]).decode() for number in fresh], pa.string()),
                }
            )
            with registered(cursor, {"new_series": table}):
                cursor.execute("INSERT INTO series SELECT * FROM new_series")
        return result

    def _remember(self, text: bytes) -> int:
        number = len(self.labels)
        labels: dict[str, str] = orjson.loads(text)
        self.labels.append(labels)
        self._by_text[text] = number
        kind = self._buckets if BUCKET in labels else self._by_metric
        kind.setdefault(labels.get("__name__", ""), []).append(number)
        return number

    def _grow(self) -> None:
        missing = len(self.labels) - len(self.last_ms)
        unknown = np.full(missing, NEVER_MS, np.int64)
        self.last_ms = np.concatenate([self.last_ms, unknown])
        self.sealed_ms = np.concatenate([self.sealed_ms, unknown])

    def unknown(self, label_sets: Iterable[Mapping[str, str]]) -> dict[int, bytes]:
        """Those of some label sets that have no number yet: their places, and what tells them apart."""
        return {place: text for place, text in enumerate(map(canonical, label_sets)) if text not in self._by_text}

    def is_counter(self, number: int) -> bool:
        """Whether a series only rises while its process lives, by its name and its siblings."""
        labels = self.labels[number]
        name = labels.get("__name__", "")
        if name.endswith("_bucket"):
            return "le" in labels or BUCKET in labels
        # Many a gauge ends in `_count`; that of a histogram or a summary has a sum beside it.
        return name.endswith("_total") or (
            name.endswith("_count") and f"{name.removesuffix('_count')}_sum" in self._by_metric
        )

    def metrics(self) -> frozenset[str]:
        """All metric names ever stored."""
        return frozenset(self._by_metric)

    def matching(self, cursor: duckdb.DuckDBPyConnection, metric: str, matchers: Sequence[Matcher] = ()) -> list[int]:
        """Numbers of a metric's series whose labels satisfy every matcher, in order of entry.

        Single buckets of exponential histograms are not among them, see `buckets`.

        Raises:
            SourceFailed: `matcher-invalid`; a pattern is not RE2.
        """
        return self._matching(cursor, self._by_metric.get(metric, ()), matchers)

    def buckets(self, cursor: duckdb.DuckDBPyConnection, metric: str, matchers: Sequence[Matcher] = ()) -> list[int]:
        """The same for single buckets of exponential histograms; conditions on `le` are none for them."""
        return self._matching(cursor, self._buckets.get(metric, ()), without_le(matchers))

    def _matching(
        self, cursor: duckdb.DuckDBPyConnection, candidates: Iterable[int], matchers: Iterable[Matcher]
    ) -> list[int]:
        numbers = list(candidates)
        for matcher in matchers:
            accepted = self._accepted(cursor, matcher, {self.labels[n].get(matcher.label, "") for n in numbers})
            numbers = [n for n in numbers if self.labels[n].get(matcher.label, "") in accepted]
        return numbers

    @staticmethod
    def _accepted(cursor: duckdb.DuckDBPyConnection, matcher: Matcher, present: set[str]) -> set[str]:
        """Which of the values that occur satisfy the matcher; a pattern is asked once per value, not per series."""
        if matcher.pattern is None:
            chosen = present & set(matcher.values)
        else:
            try:
                # Option s: a dot matches a line break too, as in Prometheus 3.
                rows = cursor.execute(
                    "SELECT v FROM (SELECT unnest($1::VARCHAR[]) AS v) WHERE regexp_full_match(v, $2, 's')",
                    [sorted(present), matcher.pattern],
                ).fetchall()
            except duckdb.InvalidInputException as error:
                raise SourceFailed(
                    Problem(
                        code="matcher-invalid",
                        message=f"{matcher.pattern!r} is not a regular expression: {str(error).splitlines()[0]}",
                        hint="patterns use RE2 syntax, as in Prometheus",
                    )
                ) from error
            chosen = {row[0] for row in rows}
        return present - chosen if matcher.negated else chosen


def canonical(labels: Mapping[str, str]) -> bytes:
    """A label set as JSON with sorted keys and without empty values: equal sets, equal bytes."""
    kept = {name: value for name, value in labels.items() if value}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
