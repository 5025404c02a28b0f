"""A trace in reading order: lanes, the time between a producer and its consumer, the critical path, round ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from observatory.figures.svg_line import round_ticks
from observatory.sources.base import Span

DEEPEST = 8
"""Steps of indentation at most."""


class Lane(Struct, frozen=True):
    """One line of the waterfall: a span, or the time that a message waited between two spans.

    Attributes:
        depth: Steps of indentation.
        queued_ns: Nanoseconds that the message waited before this span began; 0 for the span itself.
        on_path: Whether the span lies on the chain that ends last.
    """

    span: Span
    depth: int
    queued_ns: int = 0
    on_path: bool = False

    @property
    def begin_ns(self) -> int:
        """When the span began, or the message began to wait."""
        return self.span.start_ns - self.queued_ns

    @property
    def took_ns(self) -> int:
        """How long the span took, or the message waited; never negative."""
        return self.queued_ns or max(0, self.span.end_ns - self.span.start_ns)


def arrange(spans: Sequence[Span]) -> list[Lane]:
    """Spans in reading order, children under their parent or under the span that they link to.

    A consumer whose producer lies earlier gets a lane of its own above it: the time in the queue. The critical path
    is the chain that ends last.
    """
    by_id = {one.span_id: one for one in spans}
    parents = {one.span_id: _parent(one, by_id) for one in spans}
    children: dict[str, list[Span]] = {}
    for one in sorted(spans, key=lambda span: (span.start_ns, span.span_id)):
        children.setdefault(parents[one.span_id], []).append(one)
    path = _critical(spans, parents)
    lanes: list[Lane] = []
    seen: set[str] = set()
    # Spans in a ring of parents have no root; they come last, and are shown all the same. A stack in place of
    # recursion, for a trace may nest deeper than Python does.
    waiting = [(one, 0) for one in (*children.get("", ()), *spans)][::-1]
    while waiting:
        one, depth = waiting.pop()
        if one.span_id in seen:
            continue
        seen.add(one.span_id)
        producer = by_id.get(parents[one.span_id])
        if producer and producer.kind == "producer" and one.kind == "consumer" and one.start_ns > producer.end_ns:
            lanes.append(Lane(one, depth, one.start_ns - producer.end_ns, one.span_id in path))
        lanes.append(Lane(one, depth, 0, one.span_id in path))
        waiting += [(child, min(depth + 1, DEEPEST)) for child in reversed(children.get(one.span_id, ()))]
    return lanes


def _parent(one: Span, by_id: Mapping[str, Span]) -> str:
    if one.parent_span_id in by_id and one.parent_span_id != one.span_id:
        return one.parent_span_id
    return next((span_id for _, span_id in one.links if span_id in by_id and span_id != one.span_id), "")


def _critical(spans: Sequence[Span], parents: Mapping[str, str]) -> set[str]:
    path: set[str] = set()
    at = max(spans, key=lambda one: (one.end_ns, one.start_ns)).span_id if spans else ""
    while at and at not in path:
        path.add(at)
        at = parents.get(at, "")
    return path


def time_ticks(length_ns: int) -> tuple[tuple[float, str], ...]:
    """Round times on an axis that is `length_ns` long, as (nanoseconds from its start, words): 0 ms, 200 ms, 400 ms."""
    unit, size = _unit(length_ns)
    ticks = [tick for tick in round_ticks(0, length_ns / size, 5) if tick * size <= length_ns * 1.0001]
    return tuple((tick * size, f"{tick:g} {unit}") for tick in ticks)


def span_words(one: Span) -> str:
    """A span in lines of text: who did what, its error, its first attributes."""
    words = [f"{one.service}: {one.name} ({one.kind})"]
    words += [f"error: {one.error_type or 'yes'}"] if one.error else []
    words += [f"{key}: {value}"[:160] for key, value in sorted(one.attributes.items())[:12]]
    return "\n".join(words)


def _unit(length_ns: int) -> tuple[str, float]:
    return next(
        (
            (word, size)
            for word, size in (("h", 3.6e12), ("min", 6e10), ("s", 1e9), ("ms", 1e6))
            if length_ns >= 2 * size
        ),
        ("µs", 1e3),
    )
