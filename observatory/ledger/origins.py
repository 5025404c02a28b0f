"""Origins: where newcomers among the series come from, and which counters began anew.

What the planned answers do not tell is asked after, once for all the time that was read: whether targets were up, when
their processes and when they themselves started. Whether a series was there long before is settled where days are
joined, see `pages` and `returns`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from observatory.compile.plan import Leaf, PlannedRequest, plan_leaves
from observatory.ledger.answers import BORN_KINDS, RESTARTED_KINDS, Answer, Cut
from observatory.ledger.births import births, newcomers
from observatory.ledger.dips import Fallen, no_restarts, small_falls
from observatory.ledger.rates import Rates, highest
from observatory.ledger.replicas import without_replicas
from observatory.ledger.restarts import Candidates, falls_by_target, hidden_restarts
from observatory.ledger.samples import fit
from observatory.ledger.targets import Target, TargetKey, Targets, target_of
from observatory.sources.base import Int64, SampleSet, SeriesRequest
from observatory.telemetry.binding import Matcher, SemanticKind, SeriesSelector
from observatory.windows import Grid, TimeRange

UP, PROCESS_START, CREATED = "up", "process_start_time_seconds", "_created"
_PARTS_OF_A_NAME = ("_total", "_bucket", "_count", "_sum")
_PARTS_OF_A_METRIC = frozenset({"__name__", "le", "quantile"})

Asking = Callable[[str, SeriesRequest], SampleSet | None]
"""Ask a source by its name; None where there is no answer."""


class _Candidates(Struct, frozen=True):
    """Newcomers of one answer that may have counted, and since when it is known what series there were."""

    answer: Answer
    indexes: list[int]
    restarted: bool
    known_since_ms: int


class Origins:
    """What is asked after for a stretch of time, each question once, from which every part of it takes its share."""

    def __init__(self, span: TimeRange, asked: Sequence[tuple[PlannedRequest, Cut, Mapping[Leaf, Int64]]]) -> None:
        self._span = span
        self._asked = asked
        self._lives: dict[str, list[tuple[str, Cut]]] = {}
        self._creations: dict[PlannedRequest, Cut | None] = {}

    def find_births(
        self, answers: Sequence[Answer], targets: Targets, part: Grid, kinds: Mapping[Leaf, SemanticKind], ask: Asking
    ) -> None:
        """Decide for every newcomer of a part what its first value counts from.

        Args:
            ask: Given with each call and not kept: who asks holds the samples, which must go when they are counted.
        """
        candidates: list[_Candidates] = []
        wanted: dict[str, set[TargetKey]] = {}
        restarted_targets: set[TargetKey] = set()
        for answer in answers:
            born = [leaf for leaf in answer.routes if kinds.get(leaf) in BORN_KINDS]
            if not born or answer.samples.pushdown:
                continue
            routed = set(np.concatenate([answer.routes[leaf] for leaf in born]).tolist())
            known_since_ms = part.start_ms - answer.request.lookback_ms
            late = [index for index in newcomers(answer.samples, known_since_ms) if index in routed]
            if late:
                restarted = any(kinds[leaf] in RESTARTED_KINDS for leaf in born)
                candidates.append(_Candidates(answer, late, restarted, known_since_ms))
            # Where one counter fell its process restarted, and others may have passed their old values unseen.
            fell = list(answer.falls)
            fell_keys = {target_of(answer.request.source, answer.samples.labels[index]) for index in fell}
            restarted_targets |= fell_keys
            if late or fell:
                keys = wanted.setdefault(answer.request.source, set())
                keys |= fell_keys
                keys.update(target_of(answer.request.source, answer.samples.labels[index]) for index in late)
        lookback_ms = max((answer.request.lookback_ms for answer in answers), default=0)
        for name in sorted(wanted):
            self._learn_lives(targets, name, wanted[name], part, lookback_ms, ask)
        for answer in answers:
            self._find_recreated(answer, restarted_targets, part, kinds, ask)
        rates: dict[str, list[Rates]] = {}
        for answer in answers if candidates else ():
            if any(kinds.get(leaf) in BORN_KINDS for leaf in answer.routes):
                rates.setdefault(answer.request.source, []).append(Rates(answer.samples))
        for one in candidates:
            source = one.answer.request.source
            found = births(
                source,
                one.answer.samples,
                one.indexes,
                targets,
                one.known_since_ms,
                self._created(one, part, ask),
                highest(rates[source]),
                from_zero=one.restarted,
            )
            one.answer.births, one.answer.earlier, one.answer.histories = found

    def _learn_lives(
        self, targets: Targets, source: str, keys: set[TargetKey], part: Grid, lookback_ms: int, ask: Asking
    ) -> None:
        """Learn when targets with newcomers were up, and when their processes started."""
        ups: list[tuple[str, SampleSet]] = []
        for metric, cut in self._lives_of(source, lookback_ms, ask):
            samples = without_replicas(cut.between(part.start_ms - lookback_ms, part.end_ms, {})[0])
            if metric == UP:
                ups.append((source, _only(samples, [target_of(source, labels) in keys for labels in samples.labels])))
            else:
                # Of others as well: a target under a new name has the process of one that has gone.
                _learn_starts(targets, source, samples)
        if ups:
            targets.learn(ups)

    def _lives_of(self, source: str, lookback_ms: int, ask: Asking) -> list[tuple[str, Cut]]:
        """Scrapes and process starts of all targets of a source, asked once: a fixed number of requests."""
        known = self._lives.get(source)
        if known is not None:
            return known
        found = self._lives[source] = []
        keys = {
            target_of(source, labels)
            for request, cut, _ in self._asked
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
            span = TimeRange(self._span.start_ms - request.lookback_ms, self._span.end_ms)
            samples = ask(source, SeriesRequest(request.metric, request.matchers, span))
            if samples is not None and request.metric == UP:
                # A failed scrape (0) saw nothing.
                samples = fit(
                    replace(samples, values=np.where(samples.values > 0, 1.0, np.nan)), span.start_ms, span.end_ms
                )
            if samples is not None:
                found.append((request.metric, Cut(samples)))
        return found

    def _find_recreated(
        self,
        answer: Answer,
        restarted: set[TargetKey],
        part: Grid,
        kinds: Mapping[Leaf, SemanticKind],
        ask: Asking,
    ) -> None:
        """When counters of targets that restarted were first seen to have been created anew, where that is told."""
        request, samples = answer.request, answer.samples
        counters = [indexes for leaf, indexes in answer.routes.items() if kinds.get(leaf) in RESTARTED_KINDS]
        mine = [index for index in _together(counters) if target_of(request.source, samples.labels[index]) in restarted]
        if not mine or samples.pushdown:
            return
        known, places = self._creations_between(request, part.start_ms - request.lookback_ms, part.end_ms, ask)
        for index in mine:
            place = places.get(_apart_from_parts(samples.labels[index]))
            if place is not None:
                _, t_ms, values = known.series(place)
                answer.recreated[index] = tuple(t_ms[1:][np.diff(values) > 0].tolist())

    def _created(self, candidates: _Candidates, part: Grid, ask: Asking) -> dict[int, int]:
        """When newcomers were created, where the client library exports it beside them (`x_created` of `x_total`)."""
        samples, request = candidates.answer.samples, candidates.answer.request
        if not candidates.restarted:
            return {}
        known, places = self._creations_between(request, candidates.known_since_ms, part.end_ms, ask)
        found: dict[int, int] = {}
        for index in candidates.indexes:
            place = places.get(_apart_from_parts(samples.labels[index]))
            if place is not None:
                _, t_ms, values = known.series(place)
                at = int(np.searchsorted(t_ms, samples.t_ms[samples.offsets[index]], side="right")) - 1
                if at >= 0:
                    found[index] = round(float(values[at]) * 1000)
        return found

    def _creations_between(
        self, request: PlannedRequest, after_ms: int, until_ms: int, ask: Asking
    ) -> tuple[SampleSet, dict[frozenset[tuple[str, str]], int]]:
        """What is told of the creation of a request's series, asked once, and where that of which series is."""
        nothing = SampleSet.of(()), dict[frozenset[tuple[str, str]], int]()
        if request.metric.endswith(CREATED):
            return nothing
        if request not in self._creations:
            base = next((one for one in _PARTS_OF_A_NAME if request.metric.endswith(one)), "")
            matchers = tuple(one for one in request.matchers if one.label not in _PARTS_OF_A_METRIC)
            span = TimeRange(self._span.start_ms - request.lookback_ms, self._span.end_ms)
            answer = ask(request.source, SeriesRequest(request.metric.removesuffix(base) + CREATED, matchers, span))
            self._creations[request] = Cut(answer) if answer is not None else None
        cut = self._creations[request]
        if cut is None:
            return nothing
        known = without_replicas(cut.between(after_ms, until_ms, {})[0])
        return known, {_apart_from_parts(labels): place for place, labels in enumerate(known.labels)}


def find_restarts(answers: Sequence[Answer], targets: Targets, kinds: Mapping[Leaf, SemanticKind]) -> None:
    """Where the starts of processes are known, find the restarts that values do not show."""
    if not any(answer.falls for answer in answers):
        return
    candidates = []
    for answer in answers:
        counters = [indexes for leaf, indexes in answer.routes.items() if kinds.get(leaf) in RESTARTED_KINDS]
        candidates.append(
            Candidates(answer.samples, answer.request.source, _together(counters), answer.recreated, answer.falls)
        )
    small = [replace(one, falls=small_falls(one.samples, one.falls)) for one in candidates if one.falls]
    small_ms = {key: set(instants) for key, instants in falls_by_target(small).items()}
    fallen = [(answer.samples, answer.falls, partial(_target_of, targets, answer)) for answer in answers]
    none = no_restarts([Fallen(*one) for one in fallen], small_ms)
    for answer, found, others in zip(answers, hidden_restarts(candidates, targets), none, strict=True):
        for index, some in others.items():
            found[index] = (*found.get(index, ()), *some)
        answer.restarts = found


def _target_of(targets: Targets, answer: Answer, index: int) -> Target:
    return targets[answer.targets[index]]


def falls_of_targets(answers: Sequence[Answer]) -> dict[TargetKey, list[int]]:
    """When any counter of a target fell, ascending."""
    return falls_by_target(
        [Candidates(one.samples, one.request.source, (), falls=one.falls) for one in answers if one.falls]
    )


def _together(indexes: Sequence[Int64]) -> list[int]:
    """Indexes that any of these hold, ascending."""
    return sorted({index for some in indexes for index in some.tolist()})


def _only(samples: SampleSet, wanted: Sequence[bool]) -> SampleSet:
    """Some of the series."""
    if all(wanted):
        return samples
    return SampleSet.of(samples.series(index) for index, one in enumerate(wanted) if one)


def _learn_starts(targets: Targets, source: str, samples: SampleSet) -> None:
    for index in range(len(samples)):
        labels, t_ms, values = samples.series(index)
        target = targets.find(target_of(source, labels))
        if target is not None and len(t_ms):
            changes = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
            found = [(int(t_ms[at]), round(float(values[at]) * 1000)) for at in changes.tolist()]
            target.starts_ms = sorted([*target.starts_ms, *found])


def _apart_from_parts(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name not in _PARTS_OF_A_METRIC)
