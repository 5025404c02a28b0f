"""Label combinations of many metrics by few requests, silent series included.

One counting query tells how many series stand behind each metric, and by these sizes the rest is planned. Small
metrics are asked together of the series API, which answers from the index and reads no sample. Large ones are counted
by queries, one for all metrics that want the same labels, whose answer holds the combinations and not every partition
and replica; over a long range, where a query would read every sample, the series API answers for these too.

Requests grow by steps of many thousand series, never with channels. What a server refuses is asked in smaller parts
and in the other way; what it does not answer is said, and the rest holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct, field

from observatory.compile import reading
from observatory.errors import Problem, SourceFailed
from observatory.sources.prometheus import failures
from observatory.sources.prometheus.connection import Connection
from observatory.sources.prometheus.session import envelope_warnings
from observatory.telemetry.binding import Matcher, SeriesSelector
from observatory.telemetry.inventory import LabelSets
from observatory.windows import TimeRange

SERIES_LIMIT = 500_000
BODY_LIMIT_BYTES = 64 << 20
METRICS_PER_REQUEST = 200
SERIES_PER_REQUEST = 20_000
"""Series of one answer of the series API; VictoriaMetrics gives 30,000 and no more unless it is told to."""
SERIES_PER_LONG_REQUEST = 100_000
SERIES_BUDGET = 100_000
"""Series that are read one by one over a short range; beyond that queries count."""
SMALL = 5_000
COUNTED_PER_REQUEST = 120_000
MOST_GROUPS = 12
"""Label sets that are asked for on their own; metrics of the smallest ones share a wider one."""
SHORT_MS = 2 * 3_600_000
"""Ranges up to which a query may read every sample."""
REACH_MS = 25 * 3_600_000
"""How far back queries look where the series API is not there to ask."""
MOST_FAILED = 3
"""Requests that may time out or break off before no more is asked."""
MOST_UNREAD = 5
"""Metrics that may be refused one by one before a server that has answered none counts as failed."""
SHOWN_METRICS = 5

_TOO_MUCH = ("source-too-large", "source-query-refused")
NOT_OFFERED = ("source-forbidden", "source-not-found", "source-status")
"""How servers and gateways answer for an API that they have not, or do not give to everybody."""
_BROKEN = (
    "source-timeout",
    "source-truncated",
    "source-unavailable",
    "source-server-error",
    "source-busy",
    "source-answer-invalid",
)
# A server of Thanos is to answer with what it has and to say so; others do not know the word.
_PARTIAL = ("partial_response", "true")


def read_label_sets(
    connection: Connection, wanted: Mapping[str, tuple[str, ...]], matchers: tuple[Matcher, ...], span: TimeRange
) -> tuple[dict[str, LabelSets], list[Problem]]:
    """Label combinations per metric; metrics without a series in the range are absent.

    Raises:
        SourceFailed: No usable answer at all.
    """
    reader = _Reader(connection, wanted, matchers, span)
    reader.read()
    return reader.found, reader.problems


def read_names(connection: Connection, matchers: tuple[Matcher, ...], at_ms: int) -> frozenset[str]:
    """Names of all series just now, by a query; for servers that tell names in no other way.

    Raises:
        SourceFailed: No usable answer.
    """
    data = _ask(connection, reading.every_name(matchers), at_ms)
    return frozenset(_counted(data, (), connection)) - {""}


def read_places(
    connection: Connection, metrics: Sequence[str], labels: Sequence[str], matchers: tuple[Matcher, ...], at_ms: int
) -> dict[str, LabelSets]:
    """By which jobs and clusters metrics come just now; a hint, so a server that refuses leaves it open."""
    if not metrics:
        return {}
    try:
        data = _ask(connection, reading.series_counts(metrics, labels, matchers), at_ms)
        return {name: _label_sets(tuple(labels), counts) for name, counts in _counted(data, labels, connection).items()}
    except SourceFailed:
        return {}


class _Task(Struct):
    names: list[str]
    by_query: bool


class _Reader(Struct):
    connection: Connection
    wanted: Mapping[str, tuple[str, ...]]
    matchers: tuple[Matcher, ...]
    span: TimeRange
    found: dict[str, LabelSets] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    offered: bool = True
    listed: bool = False
    quoted: bool = True
    failed: int = 0
    refused: int = 0
    answered: int = 0

    def read(self) -> None:
        """Ask until everything is answered or refused.

        Raises:
            SourceFailed: No usable answer at all.
        """
        self.sizes = self._sizes()
        waiting = self._plan(sorted(self.wanted))
        cut: list[str] = []
        while waiting or cut:
            if not waiting:
                waiting, cut = self._by_queries(cut), []
            task = waiting.pop(0)
            if not self.offered and not task.by_query:
                task = _Task(task.names, by_query=True)
            try:
                cut += self._counted(task.names) if task.by_query else self._listed(task.names)
                self.answered += 1
                self.listed |= not task.by_query
            except SourceFailed as error:
                waiting = self._after(error, task, waiting)

    def _sizes(self) -> dict[str, int]:
        """How many series each metric has just now; nothing where the server does not say."""
        names = sorted(self.wanted)
        if len(names) < 2:
            return {}
        try:
            counts = _ask(self.connection, reading.series_counts(names, (), self.matchers), self.span.end_ms)
            return {name: sum(one.values()) for name, one in _counted(counts, (), self.connection).items()}
        except SourceFailed as error:
            if error.problems[0].code in (*_TOO_MUCH, *NOT_OFFERED, *_BROKEN):
                return {}
            raise

    def _plan(self, names: Sequence[str]) -> list[_Task]:
        short = self.span.end_ms - self.span.start_ms <= SHORT_MS
        listed: list[str] = []
        counted: list[str] = []
        spent = 0
        for name in sorted(names, key=lambda one: (self.sizes.get(one, 0), one)):
            size = self.sizes.get(name, 0)
            spent += size
            (counted if short and (size > SMALL or spent > SERIES_BUDGET) else listed).append(name)
        most = SERIES_PER_REQUEST if short else SERIES_PER_LONG_REQUEST
        tasks = [_Task(batch, by_query=False) for batch in self._batches(listed, most)]
        return [*tasks, *self._by_queries(counted)]

    def _by_queries(self, names: Sequence[str]) -> list[_Task]:
        batches = [batch for group in self._groups(names) for batch in self._batches(group, COUNTED_PER_REQUEST)]
        return [_Task(batch, by_query=True) for batch in batches]

    def _batches(self, names: Sequence[str], most: int) -> list[list[str]]:
        batches: list[list[str]] = []
        held = 0
        for name in names:
            size = self.sizes.get(name, 0)
            if not batches or held + size > most or len(batches[-1]) == METRICS_PER_REQUEST:
                batches.append([])
                held = 0
            batches[-1].append(name)
            held += size
        return batches

    def _groups(self, names: Iterable[str]) -> list[list[str]]:
        """Metrics that want the same labels; the smallest groups together where there are too many."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for name in names:
            groups.setdefault(self.wanted[name], []).append(name)
        ordered = sorted(groups.values(), key=lambda group: -sum(self.sizes.get(name, 0) for name in group))
        rest = [name for group in ordered[MOST_GROUPS - 1 :] for name in group]
        return [*ordered[: MOST_GROUPS - 1], *([rest] if rest else [])]

    def _listed(self, names: Sequence[str]) -> list[str]:
        """Ask the series API; metrics of which fewer series came than there are."""
        counts: dict[str, Counter[tuple[str, ...]]] = {}
        texts: dict[str, str] = {}
        for series in self._series(names):
            name = series.get("__name__", "")
            labels = self.wanted.get(name)
            if labels is not None:
                row = tuple(
                    [texts.setdefault(text, text) for label in labels for text in (str(series.get(label, "")),)]
                )
                counts.setdefault(name, Counter())[row] += 1
        self.found |= {name: _label_sets(self.wanted[name], rows) for name, rows in counts.items()}
        # What is there now lies in the range as well, so that fewer series are a cut answer, however few are missing.
        return [name for name in names if sum(counts.get(name, Counter()).values()) < self.sizes.get(name, 0)]

    def _series(self, names: Sequence[str]) -> list[dict[str, Any]]:
        selectors = [("match[]", reading.series(SeriesSelector(name, self.matchers))) for name in names]
        parameters = [*selectors, *range_parameters(self.span), ("limit", str(SERIES_LIMIT)), _PARTIAL]
        with self.connection.ask("/api/v1/series", parameters, BODY_LIMIT_BYTES) as answer:
            body = answer.body()
        if "json" not in answer.content_type:
            raise failures.other_product(answer.content_type, answer.url)
        data = _data(bytes(body), self.connection, answer.url)
        if not isinstance(data, list):
            raise failures.answer_invalid("the series are no list", answer.url)
        if not all(isinstance(series, dict) for series in data):
            raise failures.answer_invalid("a series is no set of labels", answer.url)
        if len(data) >= SERIES_LIMIT:
            raise failures.failed("source-too-large", f"the answer holds {SERIES_LIMIT} series or more", answer.url)
        return data

    def _counted(self, names: Sequence[str]) -> list[str]:
        """Ask a query; metrics of which fewer series were counted than there are become a finding."""
        labels = tuple(sorted({label for name in names for label in self.wanted[name]}))
        length_ms = self.span.end_ms - self.span.start_ms
        if not self.offered:
            length_ms = min(length_ms, REACH_MS)
        data, labels = self._by_labels(names, labels, length_ms)
        for name, counts in _counted(data, labels, self.connection).items():
            if name not in names:
                continue
            own = self.wanted[name]
            kept: Counter[tuple[str, ...]] = Counter()
            columns = [labels.index(label) if label in labels else None for label in own]
            for row, number in counts.items():
                kept[tuple(["" if column is None else row[column] for column in columns])] += number
            self.found[name] = _label_sets(own, kept)
        for name in names:
            came = sum(self.found[name].series) if name in self.found else 0
            if _fewer(came, self.sizes.get(name, 0)):
                self.problems.append(self._unread([name], f"{came:,} of {self.sizes[name]:,} series came"))
        return []

    def _by_labels(self, names: Sequence[str], labels: tuple[str, ...], length_ms: int) -> tuple[Any, tuple[str, ...]]:
        """The answer to a query, and the labels by which it counts: a server that parses no quotes has no others.

        Raises:
            SourceFailed: No usable answer.
        """
        classic = tuple(label for label in labels if reading.is_classic(label))
        if self.quoted or classic == labels:
            try:
                return self._counts_by(names, labels, length_ms), labels
            except SourceFailed as error:
                if classic == labels or error.problems[0].code != "source-query-refused":
                    raise
        data = self._counts_by(names, classic, length_ms)
        self.quoted = False
        return data, classic

    def _counts_by(self, names: Sequence[str], labels: tuple[str, ...], length_ms: int) -> Any:
        return _ask(self.connection, reading.label_sets(names, labels, self.matchers, length_ms), self.span.end_ms)

    def _after(self, error: SourceFailed, task: _Task, waiting: list[_Task]) -> list[_Task]:
        """What is still to be asked after a request that failed.

        Raises:
            SourceFailed: The same, where nothing else can be hoped for.
        """
        code, names = error.problems[0].code, task.names
        # An API that has answered nothing, twice, is taken for one that is not there: queries may still be answered.
        dead = code in _BROKEN and not self.listed and self.failed > 0
        if (code in NOT_OFFERED or dead) and not task.by_query and self.offered:
            self.offered, self.failed = False, 0
            everything = [*names, *(name for one in waiting if not one.by_query for name in one.names)]
            self.problems.append(self._not_offered(error))
            return [*(one for one in waiting if one.by_query), *self._by_queries(everything)]
        broken = code in _BROKEN
        if not (broken or code in _TOO_MUCH or (code in NOT_OFFERED and self.answered)):
            raise error
        self.failed += broken
        if broken and self.failed > MOST_FAILED:
            rest = [name for one in waiting for name in one.names]
            if not self.answered:
                raise error
            self.problems.append(self._unread([*names, *rest], error.problems[0].message))
            return []
        if len(names) > 1:  # one metric may be too much, or unknown to the server's grammar; the rest holds
            half = len(names) // 2
            return [_Task(names[half:], task.by_query), _Task(names[:half], task.by_query), *waiting]
        if not task.by_query and not broken:
            return [_Task(names, by_query=True), *waiting]
        self.problems.append(self._unread(names, error.problems[0].message))
        self.refused += 1
        if not self.answered and (self.refused > MOST_UNREAD or not waiting):
            raise error
        return waiting

    def _unread(self, names: Sequence[str], why: str) -> Problem:
        shown = ", ".join(failures.shown(name) for name in names[:SHOWN_METRICS])
        more = f" and {len(names) - SHOWN_METRICS} more metrics" if len(names) > SHOWN_METRICS else ""
        return Problem(
            code="inventory-unread",
            severity="warning",
            message=f"the label sets of {shown}{more} could not be read: {why}",
            url=failures.without_credentials(self.connection.url),
            hint="narrow the source with labels, so that fewer series answer",
        )

    def _not_offered(self, error: SourceFailed) -> Problem:
        far = self.span.end_ms - self.span.start_ms > REACH_MS
        lost = "; series that fell silent more than a day ago are not seen" if far else ""
        return Problem(
            code="series-api-unavailable",
            severity="warning" if far else "info",
            message=f"the series API does not answer ({error.problems[0].message}), so queries counted series{lost}",
            url=failures.without_credentials(self.connection.url),
            hint="allow /api/v1/series for this account, which costs the server less" if far else None,
        )


def _fewer(came: int, size: int) -> bool:
    """Whether an answer was cut: a tenth may lie in series that came or went between two requests."""
    return came < size - max(10, size // 10) or (size > 0 and not came)


def _ask(connection: Connection, expression: str, at_ms: int) -> Any:
    parameters = (("query", expression), ("time", f"{at_ms / 1000:.3f}"), _PARTIAL)
    with connection.ask("/api/v1/query", parameters, BODY_LIMIT_BYTES) as answer:
        body = answer.body()
    return _data(bytes(body), connection, answer.url)


def _counted(data: Any, labels: Sequence[str], connection: Connection) -> dict[str, Counter[tuple[str, ...]]]:
    """Numbers of series by metric and by values of labels."""
    found: dict[str, Counter[tuple[str, ...]]] = {}
    texts: dict[str, str] = {}
    try:
        for one in data["result"]:
            metric = one["metric"]
            row = tuple([texts.setdefault(text, text) for label in labels for text in (str(metric.get(label, "")),)])
            found.setdefault(str(metric.get("__name__", "")), Counter())[row] += round(float(one["value"][1]))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise failures.answer_invalid("the counts of series are no vector", connection.url) from None
    return found


def _data(body: bytes, connection: Connection, url: str) -> Any:
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise failures.answer_invalid("it is no JSON", url) from None
    if not isinstance(envelope, dict):
        raise failures.answer_invalid("it is no JSON object", url)
    connection.session.hear(envelope_warnings(envelope, url))
    return envelope["data"]


def _label_sets(labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int]) -> LabelSets:
    rows = sorted(counts)
    return LabelSets(labels, tuple(rows), tuple([counts[row] for row in rows]))


def range_parameters(span: TimeRange) -> list[tuple[str, str]]:
    """`start` and `end` of the metadata APIs, which include both."""
    return [("start", f"{(span.start_ms + 1) / 1000:.3f}"), ("end", f"{span.end_ms / 1000:.3f}")]
