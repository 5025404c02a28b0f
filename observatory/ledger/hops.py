"""Counts from spans: messages of one side, and hops from a producer's span to a consumer's, in few questions.

Spans are already events, so nothing is differenced: one question per kind and source answers for all measurements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct

from observatory.compile.plan import Measurement
from observatory.indicators.expression import Count, CountAtMost, Expression
from observatory.sources.base import Float64, HopQuery, MessageQuery, SpanSource
from observatory.telemetry.binding import SpanBinding
from observatory.windows import Grid

PRODUCER_SIGNALS = frozenset({"published_messages", "publish_duration"})
HOP_SIGNAL = "end_to_end_latency"


class SpanCounts(Struct, frozen=True):
    """Events per step by expression of a measurement, and the seconds in which spans were collected."""

    events: dict[tuple[str, Expression], Float64]
    presence: Float64


def expressions_of(measurement: Measurement, source: str) -> list[tuple[Expression, SpanBinding]]:
    """Expressions of a measurement that spans of a source answer."""
    indicator = measurement.indicator
    found: list[tuple[Expression, SpanBinding]] = []
    for expression in (indicator.total, indicator.good, indicator.bad):
        if isinstance(expression, Count | CountAtMost):
            binding = measurement.binding(expression.signal)
            if isinstance(binding, SpanBinding) and binding.source == source:
                found.append((expression, binding))
    return found


def count_spans(
    source: SpanSource, measurements: Iterable[Measurement], blocks: Sequence[Grid]
) -> tuple[SpanCounts, ...]:
    """Events per step for every expression that this source answers, block by block; empty when it answers none.

    Args:
        blocks: They follow one another without a gap.

    Raises:
        SourceFailed: The source did not answer.
    """
    hops: dict[str, tuple[HopQuery, tuple[str, Expression]]] = {}
    messages: dict[str, tuple[MessageQuery, tuple[str, Expression]]] = {}
    for measurement in measurements:
        for expression, binding in expressions_of(measurement, source.name):
            key = f"{measurement.key}|{expression}"
            name = measurement.key, expression
            if isinstance(expression, CountAtMost):
                hops[key] = HopQuery(key, binding.selector, expression.bound), name
            elif isinstance(expression, Count) and binding.signal == HOP_SIGNAL:
                hops[key] = HopQuery(key, binding.selector), name
            elif isinstance(expression, Count):
                side = "producer" if binding.signal in PRODUCER_SIGNALS else "consumer"
                query = MessageQuery(
                    key, binding.selector, "producer" if side == "producer" else "consumer", expression.outcome
                )
                messages[key] = query, name
    if not hops and not messages:
        return ()
    whole = Grid(blocks[0].start_ms, blocks[0].step_ms, sum(block.steps for block in blocks))
    events: dict[tuple[str, Expression], Float64] = {}
    if hops:
        found = source.count_hops([query for query, _ in hops.values()], whole)
        events |= {name: found[key] for key, (_, name) in hops.items() if key in found}
    if messages:
        # How a group receives its messages is told by the spans of the range that is asked for: so a day at a time.
        queries = [query for query, _ in messages.values()]
        parts = [source.count_messages(queries, block) for block in blocks]
        events |= {
            name: np.concatenate([part[key] for part in parts])
            for key, (_, name) in messages.items()
            if all(key in part for part in parts)
        }
    presence = source.span_presence(whole)
    ends = np.cumsum([block.steps for block in blocks]).tolist()
    steps = [slice(end - block.steps, end) for end, block in zip(ends, blocks, strict=True)]
    return tuple(SpanCounts({name: amount[one] for name, amount in events.items()}, presence[one]) for one in steps)
