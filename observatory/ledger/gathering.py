"""Gathering: all planned requests are asked, and what they do not tell about the origin of series is asked after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from observatory.compile.plan import Leaf, PlannedRequest
from observatory.ledger.evidence import RESTARTED_KINDS, Answer, Evidence, Sources, ask
from observatory.ledger.origins import find_births, find_restarts
from observatory.ledger.routes import route
from observatory.ledger.targets import Targets
from observatory.sources.base import SeriesRequest
from observatory.telemetry.binding import SemanticKind
from observatory.windows import Grid, TimeRange


def gather(
    requests: Sequence[PlannedRequest], sources: Sources, grid: Grid, kinds: Mapping[Leaf, SemanticKind]
) -> Evidence:
    """Ask the sources and learn what was scraped when.

    A source that fails is noted, and the leaves it should have answered; the others are answered all the same.

    Args:
        kinds: How each leaf is counted; births are looked for where the kind has them.
    """
    by_name = {source.name: source for source in sources.metrics}
    evidence = Evidence([], Targets(), set(), [], 0)
    for request in requests:
        source = by_name.get(request.source)
        span = TimeRange(grid.start_ms - request.lookback_ms, grid.end_ms)
        asked = SeriesRequest(request.metric, request.matchers, span)
        samples = ask(evidence, source, asked, request.leaves, _pushdown_labels(request, kinds))
        if samples is not None:
            evidence.answers.append(Answer(request, samples, route(request, samples)))
    evidence.targets.learn([(answer.request.source, answer.samples) for answer in evidence.answers])
    find_births(evidence, by_name, grid, kinds)
    find_restarts(evidence, kinds)
    return evidence


def _pushdown_labels(request: PlannedRequest, kinds: Mapping[Leaf, SemanticKind]) -> tuple[str, ...] | None:
    """Labels that tell the leaves of a request apart and their targets, where a server can count them at all."""
    if not all(kinds.get(leaf) in RESTARTED_KINDS for leaf in request.leaves):
        return None
    return tuple(sorted({"job", *(one.label for leaf in request.leaves for one in leaf.selector.matchers)}))
