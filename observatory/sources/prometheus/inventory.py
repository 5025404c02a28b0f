"""What a server has: label combinations by few requests, silent series included.

The series API answers from the index and reads no sample, so one request for many metrics over a month is cheap for
the server (a counting query would read every sample of the month). Where its answer would be too long, the metrics
are asked in halves, and a single metric that is still too long is counted by a query, which answers with the
combinations only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from observatory.compile import reading
from observatory.errors import Problem, SourceFailed
from observatory.sources.prometheus import failures
from observatory.sources.prometheus.connection import Connection
from observatory.sources.prometheus.session import envelope_warnings
from observatory.telemetry.binding import Matcher, SeriesSelector
from observatory.telemetry.inventory import LabelSets, MetricMetadata
from observatory.windows import TimeRange

SERIES_LIMIT = 500_000
BODY_LIMIT_BYTES = 128 << 20
METRICS_PER_REQUEST = 200
MOST_UNREAD = 5
"""Metrics that may fail one by one before a server that has answered none counts as failed."""
_SUFFIXES = ("_bucket", "_count", "_sum", "_total")


def read_label_sets(
    connection: Connection, wanted: Mapping[str, tuple[str, ...]], matchers: tuple[Matcher, ...], span: TimeRange
) -> tuple[dict[str, LabelSets], list[Problem]]:
    """Label combinations per metric; metrics without a series in the range are absent.

    Raises:
        SourceFailed: No usable answer at all.
    """
    found: dict[str, LabelSets] = {}
    problems: list[Problem] = []
    names = sorted(wanted)
    waiting = [names[low : low + METRICS_PER_REQUEST] for low in range(0, len(names), METRICS_PER_REQUEST)]
    while waiting:
        batch = waiting.pop()
        try:
            found |= _from_series(connection, {name: wanted[name] for name in batch}, matchers, span)
        except SourceFailed as error:
            if error.problems[0].code not in ("source-too-large", "source-query-refused"):
                raise
            if len(batch) > 1:  # one metric may be too much, or unknown to the server's grammar; the rest holds
                waiting += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
                continue
            try:
                found |= _from_query(connection, batch[0], wanted[batch[0]], matchers, span)
            except SourceFailed as refused:
                problems.append(_unread(batch[0], refused, connection.url))
                if len(problems) > MOST_UNREAD and not found:
                    raise
    return found, problems


def _unread(metric: str, error: SourceFailed, url: str) -> Problem:
    return Problem(
        code="inventory-unread",
        severity="warning",
        message=f"the label sets of {failures.shown(metric)} could not be read: {error.problems[0].message}",
        url=failures.without_credentials(url),
        hint="narrow the source with labels, so that fewer series answer",
    )


def _from_series(
    connection: Connection, wanted: Mapping[str, tuple[str, ...]], matchers: tuple[Matcher, ...], span: TimeRange
) -> dict[str, LabelSets]:
    selectors = [("match[]", reading.series(SeriesSelector(name, matchers))) for name in wanted]
    parameters = [*selectors, *range_parameters(span), ("limit", str(SERIES_LIMIT))]
    with connection.ask("/api/v1/series", parameters, BODY_LIMIT_BYTES) as answer:
        body = answer.body()
    if "json" not in answer.content_type:
        raise failures.other_product(answer.content_type, answer.url)
    data = _data(bytes(body), connection, answer.url)
    if not isinstance(data, list):
        raise failures.answer_invalid("the series are no list", answer.url)
    counts: dict[str, Counter[tuple[str, ...]]] = {}
    for series in data:
        if not isinstance(series, dict):
            raise failures.answer_invalid("a series is no set of labels", answer.url)
        name = series.get("__name__", "")
        labels = wanted.get(name)
        if labels is not None:
            counts.setdefault(name, Counter())[tuple([str(series.get(label, "")) for label in labels])] += 1
    return {name: _label_sets(wanted[name], combinations) for name, combinations in counts.items()}


def _from_query(
    connection: Connection, metric: str, labels: tuple[str, ...], matchers: tuple[Matcher, ...], span: TimeRange
) -> dict[str, LabelSets]:
    expression = reading.label_sets(SeriesSelector(metric, matchers), labels, span.end_ms - span.start_ms)
    parameters = (("query", expression), ("time", f"{span.end_ms / 1000:.3f}"))
    with connection.ask("/api/v1/query", parameters, BODY_LIMIT_BYTES) as answer:
        body = answer.body()
    data = _data(bytes(body), connection, answer.url)
    counts: Counter[tuple[str, ...]] = Counter()
    try:
        for one in data["result"]:
            counts[tuple([str(one["metric"].get(label, "")) for label in labels])] += round(float(one["value"][1]))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise failures.answer_invalid("the counts of series are no vector", answer.url) from None
    return {metric: _label_sets(labels, counts)} if counts else {}


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
    return LabelSets(labels, tuple(rows), tuple(counts[row] for row in rows))


def range_parameters(span: TimeRange) -> list[tuple[str, str]]:
    """`start` and `end` of the metadata APIs, which include both."""
    return [("start", f"{(span.start_ms + 1) / 1000:.3f}"), ("end", f"{span.end_ms / 1000:.3f}")]


def read_metadata(
    connection: Connection, names: Sequence[str], entries: Sequence[Mapping[str, str]] | None = None
) -> tuple[dict[str, MetricMetadata], list[Problem]]:
    """TYPE, UNIT and HELP of the named series, under their full and their base names; a hint, so never a failure.

    Args:
        entries: What the server said when it was last asked; it is asked only without.
    """
    wanted = set(names) | {name.removesuffix(suffix) for name in names for suffix in _SUFFIXES}
    try:
        entries = connection.metadata() if entries is None else entries
    except SourceFailed as error:
        if error.problems[0].code == "source-not-found":
            return {}, []
        return {}, [
            Problem(
                code="inventory-unread",
                severity="warning",
                message=f"the types of metrics could not be read: {error.problems[0].message}",
                url=failures.without_credentials(connection.url),
            )
        ]
    found: dict[str, MetricMetadata] = {}
    for entry in entries:
        name = entry["metric_name"]
        if name in wanted and name not in found:
            found[name] = MetricMetadata(entry["type"], entry["unit"], entry["help"])
    return found, []
