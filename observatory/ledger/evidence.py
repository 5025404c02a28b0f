"""Evidence: the answers of the sources, fit for counting, with the lives of the targets they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from observatory.compile.plan import Leaf, PlannedRequest, plan_leaves
from observatory.errors import Problem, SourceFailed
from observatory.ledger.births import births, newcomers
from observatory.ledger.increments import Birth
from observatory.ledger.replicas import without_replicas
from observatory.ledger.restarts import HiddenRestart, fallen, hidden_restarts
from observatory.ledger.routes import route
from observatory.ledger.samples import fit
from observatory.ledger.targets import Target, TargetKey, Targets, target_of
from observatory.sources.base import Float64, Int64, MetricSource, SampleSet, SeriesRequest, SpanSource, TogetherSource
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
    """

    answers: list[Answer]
    targets: Targets
    failed: set[Leaf]
    problems: list[Problem]

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
    return Material.read(requests, sources, grid).evidence(grid, kinds)


@dataclass(slots=True)
class Material:
    """What the sources answered for a stretch of time, from which the evidence of any part of it is cut.

    Evidence of a part is the same whatever was read around it: nothing is looked at but samples from its lookback to
    its end.

    Attributes:
        failed: Leaves whose request was not answered.
        partial: Whether an answer was incomplete or doubtful.
        requests: How many requests were sent.
    """

    span: TimeRange
    answers: list[tuple[PlannedRequest, Cut, dict[Leaf, Int64]]]
    failed: set[Leaf] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    partial: bool = False
    requests: int = 0
    _sources: dict[str, MetricSource] = field(default_factory=dict)
    _lives: dict[str, list[tuple[str, Cut]]] = field(default_factory=dict)

    @classmethod
    def read(cls, requests: Sequence[PlannedRequest], sources: Sources, grid: Grid) -> Material:
        """Ask the sources once for everything on a grid."""
        found = cls(grid.range, [], _sources={source.name: source for source in sources.metrics})
        asked = [
            SeriesRequest(one.metric, one.matchers, TimeRange(grid.start_ms - one.lookback_ms, grid.end_ms))
            for one in requests
        ]
        together = found._ask_together(requests, asked)
        for number, (request, question) in enumerate(zip(requests, asked, strict=True)):
            samples = together.get(number)
            if number not in together:
                samples = found._ask(request.source, question, request.leaves)
            if samples is not None:
                found.answers.append((request, Cut(samples), route(request, samples)))
        return found

    def _ask_together(
        self, requests: Sequence[PlannedRequest], asked: Sequence[SeriesRequest]
    ) -> dict[int, SampleSet | None]:
        """Answers of sources that take several questions at once, by the number of the question."""
        by_source: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            by_source.setdefault(request.source, []).append(number)
        found: dict[int, SampleSet | None] = {}
        for name, numbers in by_source.items():
            server: object = self._sources.get(name)
            if isinstance(server, TogetherSource):
                leaves = [leaf for number in numbers for leaf in requests[number].leaves]
                with self._noting(leaves, len(numbers)):
                    sets = server.samples_together([asked[number] for number in numbers])
                    found |= {number: self._fit(one, asked[number]) for number, one in zip(numbers, sets, strict=True)}
                for number in numbers:
                    found.setdefault(number, None)
        return found

    @property
    def newest_ms(self) -> dict[str, int]:
        """The newest sample of each source that has any."""
        found: dict[str, int] = {}
        for request, cut, _ in self.answers:
            if (newest := cut.newest_ms) is not None:
                found[request.source] = max(newest, found.get(request.source, newest))
        return found

    def evidence(self, part: Grid, kinds: Mapping[Leaf, SemanticKind]) -> Evidence:
        """What is known about a part of the time that was read."""
        answers = []
        for request, cut, routes in self.answers:
            samples, inside = cut.between(part.start_ms - request.lookback_ms, part.end_ms, routes)
            samples, inside = _one_of_replicas(request, samples, inside)
            answers.append(Answer(request, samples, inside))
        evidence = Evidence(answers, Targets(), self.failed, self.problems)
        evidence.targets.learn([(answer.request.source, answer.samples) for answer in answers])
        self._find_births(evidence, part, kinds)
        _find_restarts(evidence, kinds)
        return evidence

    def _ask(self, source: str, request: SeriesRequest, leaves: Iterable[Leaf]) -> SampleSet | None:
        server = self._sources.get(source)
        if server is None:
            self.failed.update(leaves)
            self.partial = True
            return None
        answers: list[SampleSet] = []
        with self._noting(leaves, 1):
            answers.append(self._fit(server.samples(request), request))
        return answers[0] if answers else None

    @contextmanager
    def _noting(self, leaves: Iterable[Leaf], requests: int) -> Iterator[None]:
        """Count the requests; and where they fail, note what was said and which leaves have no answer."""
        self.requests += requests
        try:
            yield
        except SourceFailed as error:
            self.failed.update(leaves)
            self.problems += error.problems
            self.partial = True

    def _fit(self, samples: SampleSet, request: SeriesRequest) -> SampleSet:
        self.partial = self.partial or bool(samples.problems) or not samples.exact
        return fit(samples, request.range.start_ms, request.range.end_ms)

    def _find_births(self, evidence: Evidence, part: Grid, kinds: Mapping[Leaf, SemanticKind]) -> None:
        candidates: list[tuple[Answer, list[int], int]] = []
        wanted: dict[str, set[TargetKey]] = {}
        for answer in evidence.answers:
            born = [leaf for leaf in answer.routes if kinds.get(leaf) in BORN_KINDS]
            if not born:
                continue
            routed = set(np.concatenate([answer.routes[leaf] for leaf in born]).tolist())
            known_since_ms = part.start_ms - answer.request.lookback_ms
            late = [index for index in newcomers(answer.samples, known_since_ms) if index in routed]
            if late:
                candidates.append((answer, late, known_since_ms))
            # Where one counter fell its process restarted, and others may have passed their old values unseen.
            fell = [index for index in fallen(answer.samples) if index in routed]
            if late or fell:
                keys = wanted.setdefault(answer.request.source, set())
                keys.update(target_of(answer.request.source, answer.samples.labels[index]) for index in (*late, *fell))
        for name in sorted(wanted):
            self._learn_lives(evidence, name, wanted[name], part)
        for answer, late, known_since_ms in candidates:
            answer.births = births(answer.request.source, answer.samples, late, evidence.targets, known_since_ms)

    def _learn_lives(self, evidence: Evidence, source: str, keys: set[TargetKey], part: Grid) -> None:
        """Learn when targets with newcomers were up, and when their processes started."""
        lookback_ms = max((answer.request.lookback_ms for answer in evidence.answers), default=0)
        ups: list[tuple[str, SampleSet]] = []
        for metric, cut in self._lives_of(source, lookback_ms):
            samples = without_replicas(cut.between(part.start_ms - lookback_ms, part.end_ms, {})[0])
            samples = _only(samples, [target_of(source, labels) in keys for labels in samples.labels])
            if metric == UP:
                ups.append((source, samples))
            else:
                _learn_starts(evidence.targets, source, samples)
        if ups:
            evidence.targets.learn(ups)

    def _lives_of(self, source: str, lookback_ms: int) -> list[tuple[str, Cut]]:
        """Scrapes and process starts of all targets of a source, asked once: a fixed number of requests."""
        known = self._lives.get(source)
        if known is not None:
            return known
        found = self._lives[source] = []
        keys = {
            target_of(source, labels)
            for request, cut, _ in self.answers
            if request.source == source
            for labels in cut.samples.labels
        }
        leaves: dict[Leaf, int] = {}
        for _, job, instance in sorted(keys):
            if job or instance:
                matchers = tuple(
                    Matcher(label, (value,)) for label, value in (("job", job), ("instance", instance)) if value
                )
                for metric in (UP, PROCESS_START):
                    leaves[Leaf(source, SeriesSelector(metric, matchers))] = lookback_ms
        for request in plan_leaves(leaves):
            span = TimeRange(self.span.start_ms - request.lookback_ms, self.span.end_ms)
            samples = self._ask(source, SeriesRequest(request.metric, request.matchers, span), ())
            if samples is not None and request.metric == UP:
                # A failed scrape (0) saw nothing.
                samples = fit(
                    replace(samples, values=np.where(samples.values > 0, 1.0, np.nan)), span.start_ms, span.end_ms
                )
            if samples is not None:
                found.append((request.metric, Cut(samples)))
        return found


class Cut:
    """Fit samples, of which any stretch of time can be taken without looking at the others again."""

    def __init__(self, samples: SampleSet) -> None:
        self.samples = samples

    @property
    def newest_ms(self) -> int | None:
        """The newest sample, None where there is none."""
        return int(self.samples.t_ms.max()) if len(self.samples.t_ms) else None

    def between(
        self, after_ms: int, until_ms: int, routes: Mapping[Leaf, Int64]
    ) -> tuple[SampleSet, dict[Leaf, Int64]]:
        """Samples in (after, until] of those series that have some, and where leaves find them."""
        samples = self.samples
        t_ms, offsets = samples.t_ms, samples.offsets
        count = len(samples)
        begins, ends = np.empty(count, np.int64), np.empty(count, np.int64)
        limits = (after_ms, until_ms)
        for index, (low, high) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
            begins[index], ends[index] = low + np.searchsorted(t_ms[low:high], limits, side="right")
        kept = ends > begins
        if kept.all() and len(t_ms) == int((ends - begins).sum()):
            return samples, dict(routes)
        chosen = np.flatnonzero(kept)
        parts = [slice(begin, end) for begin, end in zip(begins[chosen].tolist(), ends[chosen].tolist(), strict=True)]
        inner = np.zeros(len(chosen) + 1, np.int64)
        np.cumsum(ends[chosen] - begins[chosen], out=inner[1:])
        place = np.cumsum(kept) - 1
        found = SampleSet(
            tuple(samples.labels[index] for index in chosen.tolist()),
            inner,
            np.concatenate([np.empty(0, np.int64), *(t_ms[part] for part in parts)]),
            np.concatenate([np.empty(0), *(samples.values[part] for part in parts)]),
            samples.exact,
            samples.resolution_ms,
        )
        inside = {leaf: place[indexes[kept[indexes]]] for leaf, indexes in routes.items()}
        return found, {leaf: indexes for leaf, indexes in inside.items() if len(indexes)}


def _one_of_replicas(
    request: PlannedRequest, samples: SampleSet, routes: dict[Leaf, Int64]
) -> tuple[SampleSet, dict[Leaf, Int64]]:
    merged = without_replicas(samples)
    return (samples, routes) if merged is samples else (merged, route(request, merged))


def _only(samples: SampleSet, wanted: Sequence[bool]) -> SampleSet:
    """Some of the series."""
    if all(wanted):
        return samples
    return SampleSet.of(samples.series(index) for index, one in enumerate(wanted) if one)


def _find_restarts(evidence: Evidence, kinds: Mapping[Leaf, SemanticKind]) -> None:
    """Where the starts of processes are known, find the restarts that values do not show."""
    candidates = []
    for answer in evidence.answers:
        counters = [indexes for leaf, indexes in answer.routes.items() if kinds.get(leaf) in RESTARTED_KINDS]
        routed = np.unique(np.concatenate(counters)) if counters else np.empty(0, np.int64)
        candidates.append((answer.samples, answer.request.source, routed.tolist()))
    for answer, found in zip(evidence.answers, hidden_restarts(candidates, evidence.targets), strict=True):
        answer.restarts = found


def _learn_starts(targets: Targets, source: str, samples: SampleSet) -> None:
    for index in range(len(samples)):
        labels, t_ms, values = samples.series(index)
        target = targets.find(target_of(source, labels))
        if target is not None and len(t_ms):
            changes = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
            found = [(int(t_ms[at]), round(float(values[at]) * 1000)) for at in changes.tolist()]
            target.starts_ms = sorted([*target.starts_ms, *found])
