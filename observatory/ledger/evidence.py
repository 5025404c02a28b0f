"""Evidence: the answers of the sources, fit for counting, with the lives of the targets they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from observatory.compile.plan import Leaf, PlannedRequest, plan_leaves
from observatory.errors import Problem, SourceFailed
from observatory.ledger.births import births, highest_rate, newcomers
from observatory.ledger.increments import Birth
from observatory.ledger.replicas import without_replicas
from observatory.ledger.restarts import HiddenRestart, fallen, hidden_restarts
from observatory.ledger.routes import route
from observatory.ledger.samples import fit
from observatory.ledger.targets import Target, TargetKey, Targets, target_of
from observatory.sources.base import Float64, Int64, MetricSource, SampleSet, SeriesRequest, SpanSource
from observatory.telemetry.binding import Matcher, SemanticKind, SeriesSelector
from observatory.windows import Grid, TimeRange

BORN_KINDS: frozenset[SemanticKind] = frozenset({"cumulative", "distribution", "rising_level"})
"""Kinds whose first value can be an increment. A position first seen is a place in a log, not a number of events."""
RESTARTED_KINDS: frozenset[SemanticKind] = frozenset({"cumulative", "distribution"})
"""Kinds that begin at zero with their process."""
UP, PROCESS_START = "up", "process_start_time_seconds"


class Sources(Protocol):
    """Who answers."""

    @property
    def metrics(self) -> tuple[MetricSource, ...]: ...

    @property
    def spans(self) -> tuple[SpanSource, ...]: ...


@dataclass(slots=True)
class Answer:
    """One request's answer.

    Attributes:
        routes: Per leaf the indexes of its series.
        births: Series whose first value counts.
        restarts: Series that began anew without a fall.
    """

    request: PlannedRequest
    samples: SampleSet
    routes: dict[Leaf, Int64]
    births: dict[int, Birth] = field(default_factory=dict)
    restarts: dict[int, tuple[HiddenRestart, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One series."""

    labels: Mapping[str, str]
    t_ms: Int64
    values: Float64
    target: Target
    birth: Birth | None
    exact: bool = True


@dataclass(slots=True)
class Evidence:
    """All answers.

    Attributes:
        failed: Leaves whose request was not answered.
        requests: How many requests were sent.
    """

    answers: list[Answer]
    targets: Targets
    failed: set[Leaf]
    problems: list[Problem]
    requests: int

    def lines(self, leaf: Leaf) -> list[Line]:
        """The series of a leaf that have samples."""
        found: list[Line] = []
        for answer in self.answers:
            for index in answer.routes.get(leaf, np.empty(0, np.int64)).tolist():
                labels, t_ms, values = answer.samples.series(index)
                if len(t_ms):
                    target = self.targets[target_of(leaf.source, labels)]
                    exact = answer.samples.exact
                    found.append(Line(labels, t_ms, values, target, answer.births.get(index), exact))
        return found


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
        samples = _ask(evidence, source, SeriesRequest(request.metric, request.matchers, span), request.leaves)
        if samples is not None:
            evidence.answers.append(Answer(request, samples, route(request, samples)))
    evidence.targets.learn([(answer.request.source, answer.samples) for answer in evidence.answers])
    _find_births(evidence, by_name, grid, kinds)
    _find_restarts(evidence, kinds)
    return evidence


def _ask(
    evidence: Evidence, source: MetricSource | None, request: SeriesRequest, leaves: Iterable[Leaf]
) -> SampleSet | None:
    if source is None:
        evidence.failed.update(leaves)
        return None
    evidence.requests += 1
    try:
        samples = source.samples(request)
    except SourceFailed as error:
        evidence.failed.update(leaves)
        evidence.problems += error.problems
        return None
    return without_replicas(fit(samples, request.range.start_ms, request.range.end_ms))


def _find_births(
    evidence: Evidence, by_name: Mapping[str, MetricSource], grid: Grid, kinds: Mapping[Leaf, SemanticKind]
) -> None:
    candidates: list[tuple[Answer, list[int], int]] = []
    wanted: dict[str, set[TargetKey]] = {}
    for answer in evidence.answers:
        born = [leaf for leaf in answer.routes if kinds.get(leaf) in BORN_KINDS]
        if not born:
            continue
        routed = set(np.concatenate([answer.routes[leaf] for leaf in born]).tolist())
        known_since_ms = grid.start_ms - answer.request.lookback_ms
        late = [index for index in newcomers(answer.samples, known_since_ms) if index in routed]
        if late:
            candidates.append((answer, late, known_since_ms))
        # Where one counter fell its process restarted, and others may have passed their old values unseen.
        fell = [index for index in fallen(answer.samples) if index in routed]
        if late or fell:
            keys = wanted.setdefault(answer.request.source, set())
            keys.update(target_of(answer.request.source, answer.samples.labels[index]) for index in (*late, *fell))
    for name in sorted(wanted):
        _learn_lives(evidence, by_name[name], wanted[name], grid)
    rates: dict[str, float] = {}

    def busiest(source: str) -> float:
        if source not in rates:
            mine = (one for one in evidence.answers if one.request.source == source and _counts_events(one, kinds))
            rates[source] = max((highest_rate(answer.samples) for answer in mine), default=0.0)
        return rates[source]

    for answer, late, known_since_ms in candidates:
        name = answer.request.source
        answer.births = births(
            name, answer.samples, late, evidence.targets, known_since_ms, lambda name=name: busiest(name)
        )


def _counts_events(answer: Answer, kinds: Mapping[Leaf, SemanticKind]) -> bool:
    return any(kinds.get(leaf) in BORN_KINDS for leaf in answer.routes)


def _find_restarts(evidence: Evidence, kinds: Mapping[Leaf, SemanticKind]) -> None:
    """Where the starts of processes are known, find the restarts that values do not show."""
    candidates = []
    for answer in evidence.answers:
        counters = [indexes for leaf, indexes in answer.routes.items() if kinds.get(leaf) in RESTARTED_KINDS]
        routed = np.unique(np.concatenate(counters)) if counters else np.empty(0, np.int64)
        candidates.append((answer.samples, answer.request.source, routed.tolist()))
    for answer, found in zip(evidence.answers, hidden_restarts(candidates, evidence.targets), strict=True):
        answer.restarts = found


def _learn_lives(evidence: Evidence, source: MetricSource, keys: set[TargetKey], grid: Grid) -> None:
    """Ask when targets with newcomers were up, and when their processes started: a fixed number of requests."""
    leaves: dict[Leaf, int] = {}
    lookback_ms = max((answer.request.lookback_ms for answer in evidence.answers), default=0)
    for _, job, instance in sorted(keys):
        if job or instance:
            matchers = tuple(
                Matcher(label, (value,)) for label, value in (("job", job), ("instance", instance)) if value
            )
            for metric in (UP, PROCESS_START):
                leaves[Leaf(source.name, SeriesSelector(metric, matchers))] = lookback_ms
    ups: list[tuple[str, SampleSet]] = []
    for request in plan_leaves(leaves):
        span = TimeRange(grid.start_ms - request.lookback_ms, grid.end_ms)
        samples = _ask(evidence, source, SeriesRequest(request.metric, request.matchers, span), ())
        if samples is None:
            continue
        if request.metric == UP:
            # A failed scrape (0) saw nothing.
            seen = fit(replace(samples, values=np.where(samples.values > 0, 1.0, np.nan)), span.start_ms, span.end_ms)
            ups.append((source.name, seen))
        else:
            _learn_starts(evidence.targets, source.name, samples)
    if ups:
        evidence.targets.learn(ups)


def _learn_starts(targets: Targets, source: str, samples: SampleSet) -> None:
    for index in range(len(samples)):
        labels, t_ms, values = samples.series(index)
        target = targets.find(target_of(source, labels))
        if target is not None and len(t_ms):
            changes = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
            found = [(int(t_ms[at]), round(float(values[at]) * 1000)) for at in changes.tolist()]
            target.starts_ms = sorted([*target.starts_ms, *found])
