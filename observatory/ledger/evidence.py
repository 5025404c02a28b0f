"""Evidence: the answers of the sources, fit for counting, with the lives of the targets they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

import msgspec
import numpy as np
from msgspec import Struct

from observatory.compile.plan import Leaf, PlannedRequest
from observatory.errors import Problem, SourceFailed
from observatory.ledger.answers import RESTARTED_KINDS, Answer, Cut
from observatory.ledger.chosen import Chosen, Heads, chosen_of
from observatory.ledger.dips import without_dips
from observatory.ledger.increments import Birth
from observatory.ledger.origins import Origins, find_restarts
from observatory.ledger.replicas import REPLICA_LABELS, without_replicas
from observatory.ledger.routes import route
from observatory.ledger.samples import fit
from observatory.ledger.targets import Lives, Target, Targets, slower, target_of
from observatory.sources.base import (
    CountingSource,
    Float64,
    Int64,
    MetricSource,
    SampleSet,
    SeriesRequest,
    SpanSource,
    TogetherSource,
)
from observatory.telemetry.binding import SemanticKind
from observatory.windows import Grid, TimeRange

T = TypeVar("T")
NOT_REMEMBERED = Lives({})
ASKED_AT_ONCE = 2
"""Questions under way at a time: while one answer arrives another is decoded, and a server has little to bear."""


class Sources(Protocol):
    """Who answers."""

    @property
    def metrics(self) -> tuple[MetricSource, ...]: ...

    @property
    def spans(self) -> tuple[SpanSource, ...]: ...


class Line(Struct, frozen=True):
    """One series."""

    labels: Mapping[str, str]
    t_ms: Int64
    values: Float64
    target: Target
    birth: Birth | None
    exact: bool = True


class Evidence(Struct):
    """All answers.

    Attributes:
        failed: Leaves whose request was not answered.
        heads: Of series that were met before, in other parts of the same material.
    """

    answers: list[Answer]
    targets: Targets
    failed: set[Leaf]
    problems: list[Problem]
    heads: Heads = msgspec.field(default_factory=Heads)

    def gaps_ms(self, answer: Answer) -> Int64:
        """Per series of an answer, how far apart samples must be for a gap between them."""
        known = {key: self.targets[key].gap_ms for key in dict.fromkeys(answer.targets)}
        found = np.asarray([known[key] for key in answer.targets], dtype=np.int64)
        return slower(answer.samples, found)

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
    return Material.read(requests, sources, grid, kinds).evidence(grid, kinds)


class _Note(Struct):
    """What went wrong with some questions, and how many there were."""

    failed: set[Leaf] = msgspec.field(default_factory=set)
    problems: list[Problem] = msgspec.field(default_factory=list)
    partial: bool = False
    requests: int = 0

    @contextmanager
    def of(self, leaves: Iterable[Leaf], requests: int) -> Iterator[None]:
        """Count the requests; and where they fail, note what was said and which leaves have no answer."""
        self.requests += requests
        try:
            yield
        except SourceFailed as error:
            self.failed.update(leaves)
            self.problems += error.problems
            self.partial = True


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
    answers: list[tuple[PlannedRequest, Cut, Mapping[Leaf, Int64]]]
    failed: set[Leaf] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    partial: bool = False
    requests: int = 0
    _sources: dict[str, MetricSource] = field(default_factory=dict)
    _heads: Heads = field(default_factory=Heads)
    _chosen: dict[int, Chosen] = field(default_factory=dict)
    _origins: Origins = field(init=False)

    def __post_init__(self) -> None:
        self._origins = Origins(self.span, self.answers)

    @classmethod
    def read(
        cls,
        requests: Sequence[PlannedRequest],
        sources: Sources,
        grid: Grid,
        kinds: Mapping[Leaf, SemanticKind] | None = None,
    ) -> Material:
        """Ask the sources once for everything on a grid.

        Args:
            kinds: How leaves are counted; with it a source may count what is too much to be read raw.
        """
        found = cls(grid.range, [], _sources={source.name: source for source in sources.metrics})
        asked = [
            SeriesRequest(one.metric, one.matchers, TimeRange(grid.start_ms - one.lookback_ms, grid.end_ms))
            for one in requests
        ]
        together = found._ask_together(requests, asked)

        def answer(number: int) -> tuple[SampleSet | None, _Note]:
            if number in together:
                return together[number], _Note()
            request = requests[number]
            by = _labels_to_count_by(request, kinds or {})
            return found._answer(request.source, asked[number], request.leaves, by)

        for request, (samples, note) in zip(requests, _in_pairs(answer, len(requests)), strict=True):
            found._add(note)
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
                note = _Note()
                with note.of(leaves, len(numbers)):
                    sets = server.samples_together([asked[number] for number in numbers])
                    found |= {number: _fit(one, asked[number], note) for number, one in zip(numbers, sets, strict=True)}
                self._add(note)
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

    def evidence(self, part: Grid, kinds: Mapping[Leaf, SemanticKind], remembered: Lives = NOT_REMEMBERED) -> Evidence:
        """What is known about a part of the time that was read.

        Args:
            remembered: When targets were seen, as others know that were counted before.
        """
        answers = []
        for number, (request, cut, routes) in enumerate(self.answers):
            samples, inside = cut.between(part.start_ms - request.lookback_ms, part.end_ms, routes)
            samples, inside = _one_of_replicas(request, samples, inside)
            chosen = self._chosen.get(number)
            if chosen is None or chosen.labels != samples.labels:
                chosen = self._chosen[number] = chosen_of(request, samples.labels, inside)
            samples, falls = without_dips(samples, partial(chosen.indexes_of, RESTARTED_KINDS, kinds))
            answers.append(Answer(request, samples, chosen, falls=falls))
        evidence = Evidence(answers, Targets(), self.failed, self.problems, self._heads)
        evidence.targets.learn([(answer.request.source, answer.samples) for answer in answers])
        if remembered.spans:
            lookback_ms = max((answer.request.lookback_ms for answer in answers), default=0)
            evidence.targets.remember(remembered, TimeRange(part.start_ms - lookback_ms, part.end_ms))
        self._origins.find_births(answers, evidence.targets, part, kinds, self.ask)
        find_restarts(answers, evidence.targets, kinds)
        return evidence

    def ask(
        self, source: str, request: SeriesRequest, leaves: Iterable[Leaf] = (), by: tuple[str, ...] | None = None
    ) -> SampleSet | None:
        """One more answer, fit for counting; None where the source is not there or fails, which is noted.

        Args:
            by: Labels by which the source may count itself where the samples are too many to be read; None forbids it.
        """
        samples, note = self._answer(source, request, leaves, by)
        self._add(note)
        return samples

    def _answer(
        self, source: str, request: SeriesRequest, leaves: Iterable[Leaf], by: tuple[str, ...] | None
    ) -> tuple[SampleSet | None, _Note]:
        """One answer and what there is to note about it; changes nothing here, so several may be asked at a time."""
        note = _Note()
        server = self._sources.get(source)
        if server is None:
            note.failed.update(leaves)
            note.partial = True
            return None, note
        found: list[SampleSet] = []
        with note.of(leaves, 1):
            found.append(_fit(_samples(server, request, by, note), request, note))
        return (found[0] if found else None), note

    def _add(self, note: _Note) -> None:
        self.failed |= note.failed
        self.problems += note.problems
        self.partial = self.partial or note.partial
        self.requests += note.requests


def _samples(server: MetricSource, request: SeriesRequest, by: tuple[str, ...] | None, note: _Note) -> SampleSet:
    try:
        return server.samples(request)
    except SourceFailed as error:
        if by is None or error.problems[0].code != "source-too-large" or not isinstance(server, CountingSource):
            raise
        note.requests += 1
        return server.increments(request, by)


def _fit(samples: SampleSet, request: SeriesRequest, note: _Note) -> SampleSet:
    note.partial = note.partial or bool(samples.problems) or not samples.exact
    if samples.pushdown:
        return samples  # sums that begin a step before the range, so that its first events are an increment
    return fit(samples, request.range.start_ms, request.range.end_ms)


def _in_pairs(answer: Callable[[int], T], count: int) -> Iterator[T]:
    """Answers to questions 0 to count - 1 in their order, two asked at a time.

    The first is asked alone, because from it a source learns how it can be asked.
    """
    if count:
        yield answer(0)
    if count > 1:
        with ThreadPoolExecutor(ASKED_AT_ONCE, "asking") as threads:
            yield from threads.map(answer, range(1, count))


def _one_of_replicas(
    request: PlannedRequest, samples: SampleSet, routes: Mapping[Leaf, Int64]
) -> tuple[SampleSet, Mapping[Leaf, Int64]]:
    merged = without_replicas(samples)
    return (samples, routes) if merged is samples else (merged, route(request, merged))


def _labels_to_count_by(request: PlannedRequest, kinds: Mapping[Leaf, SemanticKind]) -> tuple[str, ...] | None:
    """Labels that tell the leaves of a request apart, their targets, and servers of a pair; None where a server cannot
    count them at all."""
    if not all(kinds.get(leaf) in RESTARTED_KINDS for leaf in request.leaves):
        return None
    return tuple(
        sorted({"job", *REPLICA_LABELS, *(one.label for leaf in request.leaves for one in leaf.selector.matchers)})
    )
