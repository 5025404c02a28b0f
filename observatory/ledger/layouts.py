"""Layouts: whether all histograms behind what a server counted had the buckets by which they are judged.

A server adds the same bucket of many histograms. Where some of them lack it, as while pods are replaced by ones with
other boundaries, the sum is too small and nothing in it tells. So it is asked hour by hour how many series of the
bucket there were, and how many histograms. In hours where these differ, events that the bucket did not tell may have
been good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from observatory.compile.plan import Leaf, PlannedRequest, plan_leaves
from observatory.compile.terms import at_most
from observatory.errors import Problem, SourceFailed
from observatory.ledger.buckets import chosen_terms, count_leaves
from observatory.ledger.routes import route
from observatory.ledger.row import Row
from observatory.sources.base import CountingSource, Float64, MetricSource, SeriesRequest
from observatory.telemetry.binding import MetricBinding
from observatory.windows import Grid

HOUR_MS = 3_600_000
Judged = tuple[MetricBinding, float]
"""A distribution, and the bound that it is judged by."""
Doubtful = NDArray[np.bool_]
"""Per step."""


def doubtful_steps(
    judged: Mapping[str, Judged], sources: Sequence[MetricSource], grid: Grid
) -> tuple[dict[str, Doubtful], list[Problem], int]:
    """By measurement the steps in which some histograms lacked a bucket that it is judged by, where there are any;
    what went wrong with asking, and how many questions that were. What could not be asked is doubtful throughout.
    """
    leaves: dict[Leaf, int] = {}
    for binding, bound in judged.values():
        leaves |= dict.fromkeys((*count_leaves(binding), *_chosen(binding, bound)), 0)
    requests = plan_leaves(leaves)
    counts: dict[Leaf, Float64] = {}
    problems: list[Problem] = []
    for request in requests:
        try:
            counts |= _series_per_hour(request, sources, grid)
        except SourceFailed as error:
            problems += error.problems
    found: dict[str, Doubtful] = {}
    steps_ms = grid.start_ms + grid.step_ms * np.arange(grid.steps, dtype=np.int64)
    hours = steps_ms // HOUR_MS - grid.start_ms // HOUR_MS
    for key, (binding, bound) in judged.items():
        differ = _differ(binding, bound, counts, grid)[hours]
        if differ.any():
            found[key] = differ
    return found, problems, len(requests)


def widened(row: Row, doubtful: Doubtful) -> Row:
    """A row in whose doubtful steps everything may have been good."""
    upper = row.good if row.upper is None else row.upper
    return replace(row, upper=np.where(doubtful, np.maximum(row.total, upper), upper))


def _chosen(binding: MetricBinding, bound: float) -> list[Leaf]:
    return [Leaf(binding.source, term.selector) for terms in chosen_terms(at_most(binding, bound)) for term in terms]


def _hours(grid: Grid) -> int:
    return -(-grid.end_ms // HOUR_MS) - grid.start_ms // HOUR_MS


def _series_per_hour(request: PlannedRequest, sources: Sequence[MetricSource], grid: Grid) -> dict[Leaf, Float64]:
    server: object = next((one for one in sources if one.name == request.source), None)
    if not isinstance(server, CountingSource):
        return {}
    by = tuple(sorted({one.label for leaf in request.leaves for one in leaf.selector.matchers}))
    samples = server.series_counts(SeriesRequest(request.metric, request.matchers, grid.range), by)
    found = {leaf: np.zeros(_hours(grid)) for leaf in request.leaves}
    for leaf, indexes in route(request, samples).items():
        for index in indexes.tolist():
            _, t_ms, values = samples.series(index)
            found[leaf][t_ms // HOUR_MS - 1 - grid.start_ms // HOUR_MS] += values
    return found


def _differ(binding: MetricBinding, bound: float, counts: Mapping[Leaf, Float64], grid: Grid) -> Doubtful:
    """Per hour whether any bucket had another number of series than there were histograms."""
    wanted = count_leaves(binding)
    different = np.zeros(_hours(grid), bool)
    for terms in chosen_terms(at_most(binding, bound)):
        buckets = [Leaf(binding.source, term.selector) for term in terms]
        if any(leaf not in counts for leaf in (*wanted, *buckets)):
            return np.ones(_hours(grid), bool)
        different |= sum(counts[leaf] for leaf in wanted) != sum(counts[leaf] for leaf in buckets)
    return different
