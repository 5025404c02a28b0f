"""Counts over spans, said in SQL: one statement for any number of channels, every value a parameter.

What a message and a hop are stands in `span_tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from observatory.compile.span_tables import ASK, EVERY_DESTINATION, HOPS, MESSAGES, NAMED, VISITS
from observatory.telemetry.binding import SpanSelector
from observatory.windows import Grid, TimeRange

NEAR_NS = 3_600 * 10**9
"""Spans of one publish or one poll lie within an hour of each other."""
REPEAT_NS = 86_400 * 10**9
"""A message consumed again within a day is a repeat and no second hop."""


class Statement(Struct, frozen=True):
    """SQL text and the values of its named parameters."""

    text: str
    parameters: dict[str, Any] = field(default_factory=dict)


class HopAsk(Protocol):
    """Hops of one channel and group, at most a bound long; None counts all."""

    @property
    def key(self) -> str: ...
    @property
    def selector(self) -> SpanSelector: ...
    @property
    def bound_seconds(self) -> float | None: ...


class MessageAsk(Protocol):
    """Messages on one side of one channel."""

    @property
    def key(self) -> str: ...
    @property
    def selector(self) -> SpanSelector: ...
    @property
    def role(self) -> str: ...
    @property
    def outcome(self) -> str | None: ...


class VisitAsk(Protocol):
    """One side of a channel that traces come by; a bound is of the hop to consumers."""

    @property
    def selector(self) -> SpanSelector: ...
    @property
    def role(self) -> str: ...
    @property
    def bound_seconds(self) -> float | None: ...


def hop_counts(asks: Sequence[HopAsk], grid: Grid) -> Statement:
    """Rows (number of the ask, step, hops): weighted, zero steps left out; clamped latencies are within any bound."""
    text = _with(
        (ASK, HOPS),
        """SELECT number, (at_ns - $from_ns - 1) // $step_ns AS step, sum(weight) AS hops FROM hop
WHERE at_ns > $from_ns AND at_ns <= $until_ns AND (bound_ns IS NULL OR latency_ns <= bound_ns)
GROUP BY ALL""",
    )
    selectors = [ask.selector for ask in asks]
    bounds = [None if ask.bound_seconds is None else round(ask.bound_seconds * 1e9) for ask in asks]
    return Statement(
        text,
        _asked(selectors, bounds=bounds)
        | _between(grid.range, "near_ns", "repeat_ns")
        | {"step_ns": grid.step_ms * 10**6},
    )


def hop_latencies(selector: SpanSelector, span: TimeRange) -> Statement:
    """Rows (at_ms, latency in seconds, weight, clamped), oldest first; a latency below zero is clamped to zero."""
    text = _with(
        (ASK, HOPS),
        """SELECT (at_ns + 999999) // 1000000 AS at_ms, greatest(latency_ns, 0) / 1e9 AS latency_seconds, weight,
    latency_ns < 0 AS clamped
FROM hop WHERE at_ns > $from_ns AND at_ns <= $until_ns ORDER BY at_ns, latency_ns""",
    )
    return Statement(text, _asked([selector], bounds=[None]) | _between(span, "near_ns", "repeat_ns"))


def message_counts(asks: Sequence[MessageAsk], grid: Grid) -> Statement:
    """Rows (number of the ask, step, messages): weighted, zero steps left out."""
    text = _with(
        (ASK, NAMED, MESSAGES),
        """SELECT ask.number, (start_ns - $from_ns - 1) // $step_ns AS step, sum(messages) AS messages
FROM message JOIN spelling ON spelling.destination = message.destination JOIN ask ON ask.number = spelling.number
WHERE ask.role = message.role AND (ask.system IS NULL OR ask.system = message.system)
    AND (ask.service IS NULL OR ask.service = message.service)
    AND (ask.role = 'producer' OR ask.party IS NULL OR ask.party = message.party)
    AND (ask.failed IS NULL OR ask.failed = message.error)
GROUP BY ALL HAVING sum(messages) > 0""",
    )
    asked = _asked(
        [ask.selector for ask in asks],
        roles=[ask.role for ask in asks],
        failed=[None if ask.outcome is None else ask.outcome == "error" for ask in asks],
    )
    return Statement(text, asked | _between(grid.range, "near_ns") | {"step_ns": grid.step_ms * 10**6})


def visits(asks: Sequence[VisitAsk], span: TimeRange) -> Statement:
    """Rows (number of the ask, trace in halves, first start, last end, whether any span failed, weight): which traces
    came by one side of a channel. Where a group has process spans its receive spans say nothing.
    """
    text = _with(
        (ASK, VISITS),
        """SELECT ask.number, trace_hi, trace_lo, min(start_ns) AS start_ns, max(end_ns) AS end_ns,
    bool_or(error) AS failed, max(weight) AS weight
FROM visit JOIN spelling ON spelling.destination = visit.destination JOIN ask ON ask.number = spelling.number
WHERE ask.role = visit.role AND (ask.system IS NULL OR ask.system = visit.system)
    AND (ask.service IS NULL OR ask.service = visit.service)
    AND (ask.role = 'producer' OR ask.party IS NULL OR ask.party = visit.party)
GROUP BY ALL ORDER BY ask.number, trace_hi, trace_lo""",
    )
    asked = _asked([ask.selector for ask in asks], roles=[ask.role for ask in asks])
    return Statement(text, asked | _between(span))


def late_visits(asks: Sequence[VisitAsk], span: TimeRange) -> Statement:
    """The same columns for the consumers' side of hops; there a trace failed when a hop took longer than its bound."""
    text = _with(
        (ASK, HOPS),
        """SELECT number, trace_hi, trace_lo, min(start_ns) AS start_ns, max(taken_end_ns) AS end_ns,
    bool_or(latency_ns > bound_ns) AS failed, max(weight) AS weight
FROM hop WHERE start_ns > $from_ns AND start_ns <= $until_ns GROUP BY ALL ORDER BY number, trace_hi, trace_lo""",
    )
    bounds = [None if ask.bound_seconds is None else round(ask.bound_seconds * 1e9) for ask in asks]
    asked = _asked([ask.selector for ask in asks], bounds=bounds)
    return Statement(text, asked | _between(span, "near_ns", "repeat_ns"))


def trace_links(span: TimeRange) -> Statement:
    """Rows (trace in halves, trace that it links to in halves): consumers' spans that began a trace of their own."""
    return Statement(
        """SELECT DISTINCT l.trace_hi, l.trace_lo, l.target_trace_hi, l.target_trace_lo FROM span_links l
    JOIN spans s ON s.span_id = l.span_id AND s.trace_lo = l.trace_lo AND s.trace_hi = l.trace_hi
WHERE s.role = 'consumer' AND l.start_ns > $from_ns AND l.start_ns <= $until_ns
    AND NOT (l.trace_lo = l.target_trace_lo AND l.trace_hi = l.target_trace_hi) ORDER BY ALL""",
        _between(span),
    )


def destinations(span: TimeRange) -> Statement:
    """Rows (role, system, destination, service, consumer group, messages, first ms, last ms) of whoever spans show."""
    text = _with(
        (EVERY_DESTINATION, MESSAGES),
        """SELECT role, system, destination, service, consumer_group, sum(messages) AS messages,
    min(start_ns) // 1000000 AS first_ms, max(start_ns) // 1000000 AS last_ms
FROM message GROUP BY ALL HAVING sum(messages) > 0 ORDER BY ALL""",
    )
    return Statement(text, _between(span, "near_ns"))


def _with(parts: Sequence[str], select: str) -> str:
    return f"WITH {','.join(parts)}\n{select}"


def _between(span: TimeRange, *margins: str) -> dict[str, int]:
    known = {"near_ns": NEAR_NS, "repeat_ns": REPEAT_NS}
    return {"from_ns": span.start_ms * 10**6, "until_ns": span.end_ms * 10**6} | {one: known[one] for one in margins}


def _asked(
    selectors: Sequence[SpanSelector],
    *,
    bounds: Sequence[int | None] | None = None,
    roles: Sequence[str] | None = None,
    failed: Sequence[bool | None] | None = None,
) -> dict[str, list[Any]]:
    """The asks as columns, which is how any number of them fits one statement."""
    nothing = [None] * len(selectors)
    spellings = [(n, name) for n, one in enumerate(selectors) for name in dict.fromkeys(one.destinations)]
    return {
        "number": list(range(len(selectors))),
        "system": [one.system for one in selectors],
        "service": [one.service for one in selectors],
        "consumer_group": [one.consumer_group for one in selectors],
        "from_end": [one.measure.startswith("end-") for one in selectors],
        "to_end": [one.measure.endswith("-end") for one in selectors],
        "bound_ns": list(bounds or nothing),
        "role": list(roles or nothing),
        "failed": list(failed or nothing),
        "spelling_number": [number for number, _ in spellings],
        "spelling": [name for _, name in spellings],
    }
