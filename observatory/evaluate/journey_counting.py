"""Which spans join the hops of journeys, and what they count: few questions for all journeys together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from observatory.compile.measure import resolution
from observatory.errors import SourceFailed
from observatory.indicators.standard import DEFAULT_MEASURE
from observatory.ledger.build import HORIZON_MS
from observatory.ledger.traced import LATEST_MS, TracedJourneys, count_journeys, spliced
from observatory.objectives.journeys import Hop, JourneyObjective
from observatory.sources.base import Float64, SpanSource, VisitQuery, Visits, VisitSource
from observatory.telemetry.binding import MappingResult, SpanBinding
from observatory.windows import Grid

SIGNALS = {
    ("availability", "producer"): "published_messages",
    ("availability", "consumer"): "processed_messages",
    ("latency", "consumer"): "end_to_end_latency",
}
"""What spans show, by indicator and side."""


class Traced(Struct, frozen=True):
    """Journeys that spans join.

    Attributes:
        journeys: By id; those that spans cannot count are absent.
        reasons: Why not, by id.
    """

    journeys: Mapping[str, TracedJourneys] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


def trace_journeys(
    journeys: Iterable[JourneyObjective],
    mapping: MappingResult,
    sources: Sequence[SpanSource],
    grid: Grid,
    previous: tuple[Traced, Grid] | None = None,
) -> Traced:
    """Every journey that a source of spans shows hop by hop.

    Args:
        previous: What was known at an earlier refresh, and its grid: only the last day is read anew, for nothing that
            happens later than a day after it began belongs to a journey.
    """
    found: dict[str, TracedJourneys] = {}
    reasons: dict[str, str] = {}
    by_source: dict[str, list[tuple[JourneyObjective, tuple[VisitQuery, ...]]]] = {}
    for journey in journeys:
        queries = {
            one.name: asked
            for one in sources
            if isinstance(one, VisitSource) and (asked := _queries(journey, mapping, one.name)) is not None
        }
        if queries:
            name, asked = next(iter(queries.items()))
            by_source.setdefault(name, []).append((journey, asked))
        else:
            reasons[journey.id] = _reason(journey)
    for source in sources:
        if source.name in by_source:
            _ask(source, by_source[source.name], grid, previous, found, reasons)
    return Traced(found, reasons)


def _ask(
    source: SpanSource,
    asked: Sequence[tuple[JourneyObjective, tuple[VisitQuery, ...]]],
    grid: Grid,
    previous: tuple[Traced, Grid] | None,
    found: dict[str, TracedJourneys],
    reasons: dict[str, str],
) -> None:
    tail = _tail(grid, previous, [journey.id for journey, _ in asked])
    part = tail or grid
    numbers: dict[VisitQuery, int] = {}
    for _, queries in asked:
        for query in queries:
            numbers.setdefault(query, len(numbers))
    assert isinstance(source, VisitSource)
    try:
        visits, presence = source.visits(list(numbers), part.range), source.span_presence(part)
    except SourceFailed as error:
        reasons |= {journey.id: error.problems[0].message for journey, _ in asked}
        return
    for journey, queries in asked:
        own = _own(visits, [numbers[query] for query in queries])
        counted = _counted(journey, own, part, presence)
        if counted is None:
            reasons[journey.id] = "some take several messages at once, which does not tell which of them went on"
        elif tail and previous:
            found[journey.id] = spliced(previous[0].journeys[journey.id], previous[1], counted, tail, grid)
        else:
            found[journey.id] = counted


def _counted(journey: JourneyObjective, visits: Visits, grid: Grid, presence: Float64) -> TracedJourneys | None:
    within_ms = None if journey.within_seconds is None else round(journey.within_seconds * 1000)
    return count_journeys(visits, [hop.optional for hop in journey.hops], within_ms, grid, presence)


def _tail(grid: Grid, previous: tuple[Traced, Grid] | None, wanted: Sequence[str]) -> Grid | None:
    """The part of the grid that is read anew; None where everything has to be."""
    if previous is None or any(one not in previous[0].journeys for one in wanted):
        return None
    old = previous[1]
    shared = old.step_ms == grid.step_ms and (grid.start_ms - old.start_ms) % grid.step_ms == 0
    kept_ms = old.end_ms - -(-(LATEST_MS + HORIZON_MS) // grid.step_ms) * grid.step_ms
    if not shared or old.start_ms > grid.start_ms or not grid.start_ms < kept_ms < grid.end_ms:
        return None
    return Grid(kept_ms, grid.step_ms, (grid.end_ms - kept_ms) // grid.step_ms)


def _queries(journey: JourneyObjective, mapping: MappingResult, source: str) -> tuple[VisitQuery, ...] | None:
    found = [_query(hop, mapping, source) for hop in journey.hops]
    known = tuple(one for one in found if one is not None)
    return known if len(known) == len(found) else None


def _query(hop: Hop, mapping: MappingResult, source: str) -> VisitQuery | None:
    objective = hop.objective
    signal = SIGNALS.get((objective.sli, objective.role))
    resolved = resolution(objective, mapping, signal) if signal else None
    for binding in (resolved.chosen, *resolved.alternatives) if resolved else ():
        if isinstance(binding, SpanBinding) and binding.source == source and binding.liveness == "live":
            selector = replace(binding.selector, measure=objective.measure or DEFAULT_MEASURE)
            bound = objective.threshold.value if objective.sli == "latency" and objective.threshold else None
            return VisitQuery(
                selector=selector,
                role="producer" if objective.role == "producer" else "consumer",
                bound_seconds=bound,
            )
    return None


def _reason(journey: JourneyObjective) -> str:
    silent = [hop.objective for hop in journey.hops if (hop.objective.sli, hop.objective.role) not in SIGNALS]
    if silent:
        return f"spans do not show {silent[0].sli} of {silent[0].operation_key}"
    return "no spans show every hop"


def _own(visits: Visits, numbers: Sequence[int]) -> Visits:
    """The visits of some queries, numbered by their place among them; links of all."""
    place = np.full(max(numbers) + 1 if len(numbers) else 0, -1, np.int64)
    place[list(numbers)] = np.arange(len(numbers))
    query = np.where(visits.query < len(place), place[np.minimum(visits.query, len(place) - 1)], -1)
    kept = query >= 0
    return Visits(
        query=query[kept],
        trace=visits.trace[kept],
        start_ns=visits.start_ns[kept],
        end_ns=visits.end_ns[kept],
        failed=visits.failed[kept],
        weight=visits.weight[kept],
        linked=visits.linked,
    )
