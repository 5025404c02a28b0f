"""The queries behind numbers, whole, and the links that run them where they belong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from observatory.compile import sql
from observatory.compile.plan import Measurement
from observatory.compile.promql import good_total, selector
from observatory.compile.promql_signals import by_partition, signal_expression, with_labels
from observatory.errors import InputInvalid
from observatory.indicators.expression import Count, CountAtMost
from observatory.settings import Settings
from observatory.sources.base import HopQuery, MessageQuery
from observatory.telemetry.binding import Binding, MetricBinding, SpanBinding
from observatory.units import compact_duration
from observatory.web.board import Board
from observatory.web.explain.explanation import Query
from observatory.windows import Grid, TimeRange, format_instant

EXTRAPOLATED = (
    "The numbers here are counted from raw samples, or from spans. A server that is asked in PromQL extrapolates to "
    "the ends of the range and may come out a little differently."
)


class Link(Struct, frozen=True):
    """Where a query can be run."""

    words: str
    href: str


def measurement_queries(board: Board, measurement: Measurement, span: TimeRange) -> tuple[Query, ...]:
    """Good and total of a measurement in a range; PromQL where series measure it, SQL where spans do.

    Empty where neither can say it: the series behind it are named by `evidence`.
    """
    bindings = measurement.bindings
    if all(isinstance(one, MetricBinding) for one in bindings):
        return _promql(board, measurement, span)
    return _sql(board, measurement, span)


def _promql(board: Board, measurement: Measurement, span: TimeRange) -> tuple[Query, ...]:
    bound = tuple(_asked(board, one) for one in measurement.bindings)
    try:
        good, total = good_total(replace(measurement, bindings=bound), compact_duration(span.seconds))
    except InputInvalid:
        return ()
    source = next((one.source for one in bound), "")
    return tuple(
        Query(name=name, text=text, source=source, at_ms=span.end_ms, seconds=span.seconds)
        for name, text in (("good", good), ("total", total))
    )


def _asked(board: Board, binding: Binding) -> Binding:
    """The binding with the labels that every request to its server carries."""
    if not isinstance(binding, MetricBinding):
        return binding
    server = next((one for one in settings_of(board).prometheus if one.name == binding.source), None)
    return with_labels(binding, dict(server.labels)) if server else binding


def _sql(board: Board, measurement: Measurement, span: TimeRange) -> tuple[Query, ...]:
    """What the store is asked, with the values of its parameters as a comment."""
    grid = Grid.ending_at(span.end_ms, span.end_ms - span.start_ms, board.snapshot.ledger.grid.step_ms)
    found: list[Query] = []
    part = measurement.indicator.good or measurement.indicator.bad
    parts = (
        ("good" if measurement.indicator.good is not None else "bad", part),
        ("total", measurement.indicator.total),
    )
    for name, expression in parts:
        if not isinstance(expression, Count | CountAtMost):
            continue
        binding = measurement.binding(expression.signal)
        if not isinstance(binding, SpanBinding):
            continue
        if binding.signal == "end_to_end_latency":
            bound = expression.bound if isinstance(expression, CountAtMost) else None
            statement = sql.hop_counts([HopQuery(name, binding.selector, bound)], grid)
        else:
            role: Literal["producer", "consumer"] = "producer" if binding.signal == "published_messages" else "consumer"
            outcome = expression.outcome if isinstance(expression, Count) else None
            statement = sql.message_counts([MessageQuery(name, binding.selector, role, outcome)], grid)
        found.append(statement_query(f"{name} by step", statement, span, binding.source))
    return tuple(found)


def statement_query(name: str, statement: sql.Statement, span: TimeRange, source: str = "") -> Query:
    """A statement as it is sent, with the values of its parameters as comments."""
    values = "\n".join(f"-- ${key} = {value!r}" for key, value in sorted(statement.parameters.items()))
    text = f"{values}\n{statement.text.strip()}"
    return Query(name=name, text=text, language="SQL", source=source, at_ms=span.end_ms, seconds=span.seconds)


def signal_query(
    board: Board,
    binding: MetricBinding,
    statistic: str,
    span: TimeRange,
    step_ms: int,
    name: str,
    *,
    parts: bool = False,
) -> Query | None:
    """The query of one line of a figure; None where PromQL cannot say it."""
    asked = _asked(board, binding)
    assert isinstance(asked, MetricBinding)
    # A few scrapes must lie in a window before it shows an increase.
    window = compact_duration(max(120.0, step_ms / 1000))
    try:
        text = signal_expression(asked, statistic, window)
    except InputInvalid:
        return None
    text = by_partition(text, asked) if parts else text
    return Query(name=name, text=text, source=binding.source, at_ms=span.end_ms, seconds=span.seconds)


def evidence(measurement: Measurement) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """By binding of a measurement: why it was chosen, and its series or spans."""
    return tuple(binding_evidence(one) for one in measurement.bindings)


def binding_evidence(binding: Binding) -> tuple[str, tuple[str, ...]]:
    """Why a binding was chosen, and its series or spans as text."""
    name = binding.signal.replace("_", " ")
    if isinstance(binding, MetricBinding):
        terms = (*binding.all, *binding.success, *binding.error)
        return f"{name} from {binding.source}: {binding.reason}", tuple(
            dict.fromkeys(selector(one.selector) for one in terms)
        )
    chosen = binding.selector
    lines = [f"destination: {one}" for one in chosen.destinations]
    lines += [f"system: {chosen.system}"] if chosen.system else []
    lines += [f"service: {chosen.service}"] if chosen.service else []
    lines += [f"consumer group: {chosen.consumer_group}"] if chosen.consumer_group else []
    return f"{name} from spans in {binding.source}: {binding.reason}", tuple(lines)


def run_links(board: Board, query: Query) -> tuple[Link, ...]:
    """Where a query can be run: the Prometheus that it is for, and the Grafana that settings name; none for SQL."""
    if query.language != "PromQL":
        return ()
    settings = settings_of(board)
    links: list[Link] = []
    server = next((one for one in settings.prometheus if one.name == query.source), None)
    if server:
        links.append(Link("Run in Prometheus", _graph(server.url, query)))
    if settings.grafana and server:
        links.append(Link("Explore in Grafana", _explore(settings.grafana.url, settings.grafana.datasource, query)))
    return tuple(links)


def settings_of(board: Board) -> Settings:
    """The settings of the estate."""
    return board.estate.settings


def _graph(url: str, query: Query) -> str:
    """The page of Prometheus on which an expression is asked at one instant, in UTC as that page reads it."""
    at = (format_instant(query.at_ms) or "")[:19].replace("T", " ")
    asked = {
        "g0.expr": query.text,
        "g0.tab": "1",
        "g0.moment_input": at,
        "g0.end_input": at,
        "g0.range_input": compact_duration(query.seconds),
    }
    return f"{url}/graph?{urlencode(asked)}"


def _explore(url: str, datasource: str, query: Query) -> str:
    pane = {
        "datasource": datasource,
        "queries": [
            {
                "refId": "A",
                "datasource": {"type": "prometheus", "uid": datasource},
                "expr": query.text,
                "instant": True,
                "range": True,
            }
        ],
        "range": {"from": str(query.at_ms - round(query.seconds * 1000)), "to": str(query.at_ms)},
    }
    panes = json.dumps({"observatory": pane}, ensure_ascii=False, separators=(",", ":"))
    return f"{url}/explore?{urlencode({'schemaVersion': '1', 'panes': panes, 'orgId': '1'})}"


def joined(queries: Sequence[Query], name: str) -> Query | None:
    """The sum of several PromQL counts of one source; None where they are not of one kind."""
    sources = {one.source for one in queries}
    if not queries or len(sources) != 1 or any(one.language != "PromQL" for one in queries):
        return None
    if len(queries) == 1:
        return replace(queries[0], name=name)
    # A label per part keeps equal (empty) label sets apart until they are added; a part without series adds nothing.
    parts = [f'label_replace({one.text}, "part", "{index}", "", "")' for index, one in enumerate(queries)]
    return replace(queries[0], name=name, text=f"sum({' or '.join(parts)})")
