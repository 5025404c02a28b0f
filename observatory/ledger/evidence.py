"""Evidence: the answers of the sources, fit for counting, with the lives of the targets they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from observatory.compile.plan import Leaf, PlannedRequest
from observatory.errors import Problem, SourceFailed
from observatory.ledger.increments import Birth
from observatory.ledger.replicas import without_replicas
from observatory.ledger.restarts import HiddenRestart
from observatory.ledger.samples import fit
from observatory.ledger.targets import Target, Targets, target_of
from observatory.sources.base import CountingSource, Float64, Int64, MetricSource, SampleSet, SeriesRequest, SpanSource
from observatory.telemetry.binding import SemanticKind

BORN_KINDS: frozenset[SemanticKind] = frozenset({"cumulative", "distribution", "rising_level"})
"""Kinds whose first value can be an increment. A position first seen is a place in a log, not a number of events."""
RESTARTED_KINDS: frozenset[SemanticKind] = frozenset({"cumulative", "distribution"})
"""Kinds that begin at zero with their process."""


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
        births: Series whose first value counts, for itself or as the continuation of one that lies further back.
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

    def seen_before(self, leaf: Leaf, at_ms: int) -> int | None:
        """When series of a leaf that were dark at an instant, and came back after it, were last seen; None without."""
        found: list[int] = []
        for answer in self.answers:
            for index in answer.routes.get(leaf, np.empty(0, np.int64)).tolist():
                labels, t_ms, _ = answer.samples.series(index)
                after = int(np.searchsorted(t_ms, at_ms, side="right"))
                birth = answer.births.get(index)
                if after == len(t_ms) or (after == 0 and birth is None):
                    continue
                since_ms = int(t_ms[after - 1]) if after or birth is None else birth.since_ms
                if since_ms < at_ms and t_ms[after] - since_ms > self.targets[target_of(leaf.source, labels)].gap_ms:
                    found.append(since_ms)
        return min(found, default=None)

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


def ask(
    evidence: Evidence,
    source: MetricSource | None,
    request: SeriesRequest,
    leaves: Iterable[Leaf],
    by: tuple[str, ...] | None = None,
) -> SampleSet | None:
    """One answer, fit for counting; None where the source is not there or fails, which is noted.

    Args:
        by: Labels by which the source may count itself where the samples are too many to be read; None forbids it.
    """
    if source is None:
        evidence.failed.update(leaves)
        return None
    evidence.requests += 1
    try:
        samples = source.samples(request)
    except SourceFailed as error:
        if by is not None and error.problems[0].code == "source-too-large" and isinstance(source, CountingSource):
            evidence.requests += 1
            try:
                return source.increments(request, by)
            except SourceFailed as failed:
                error = failed
        evidence.failed.update(leaves)
        evidence.problems += error.problems
        return None
    return without_replicas(fit(samples, request.range.start_ms, request.range.end_ms))
