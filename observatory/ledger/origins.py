"""Origins: where newcomers among the series come from, and which counters began anew.

What the planned answers do not tell is asked after, in few requests for all newcomers together: whether the same
series was there long before, whether their targets were up, when their processes and they themselves started. A series
that comes back after a gap longer than what was read goes on from its last value then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from observatory.compile.plan import SHARD_VALUES, Leaf, plan_leaves
from observatory.errors import Problem
from observatory.ledger.births import births, highest_rate, newcomers
from observatory.ledger.evidence import BORN_KINDS, RESTARTED_KINDS, Answer, Evidence, ask
from observatory.ledger.increments import Birth
from observatory.ledger.restarts import fallen, hidden_restarts
from observatory.ledger.samples import fit
from observatory.ledger.targets import TargetKey, Targets, target_of
from observatory.sources.base import MetricSource, SampleSet, SeriesRequest
from observatory.telemetry.binding import Matcher, SemanticKind, SeriesSelector
from observatory.windows import Grid, TimeRange

UP, PROCESS_START, CREATED = "up", "process_start_time_seconds", "_created"
EARLIER_MS = 7 * 86_400_000
"""How long before what was read a series that comes back is looked for."""
_PARTS_OF_A_NAME = ("_total", "_bucket", "_count", "_sum")
_PARTS_OF_A_METRIC = frozenset({"__name__", "le", "quantile"})


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Newcomers of one answer that may have counted, and since when it is known what series there were."""

    answer: Answer
    indexes: list[int]
    known_since_ms: int
    kind: SemanticKind


def find_births(
    evidence: Evidence, by_name: Mapping[str, MetricSource], grid: Grid, kinds: Mapping[Leaf, SemanticKind]
) -> None:
    """Decide for every newcomer what its first value counts from."""
    wanted: dict[str, set[TargetKey]] = {}
    born: list[_Candidates] = []
    placed: list[_Candidates] = []
    for answer in evidence.answers:
        if answer.samples.pushdown:
            continue
        known_since_ms = grid.start_ms - answer.request.lookback_ms
        late = newcomers(answer.samples, known_since_ms)
        for kind, routed in _counted(answer, kinds).items():
            mine = [index for index in late if index in routed]
            if mine:
                (born if kind in BORN_KINDS else placed).append(_Candidates(answer, mine, known_since_ms, kind))
            # Where one counter fell its process restarted, and others may have passed their old values unseen.
            fell = [index for index in fallen(answer.samples) if index in routed] if kind in BORN_KINDS else []
            if fell or (mine and kind in BORN_KINDS):
                keys = wanted.setdefault(answer.request.source, set())
                keys.update(target_of(answer.request.source, answer.samples.labels[index]) for index in (*mine, *fell))
    for name in sorted(wanted):
        _learn_lives(evidence, by_name[name], wanted[name], grid)
    for candidates in (*born, *placed):
        _find_returns(evidence, by_name[candidates.answer.request.source], candidates)
    rates = _Rates(evidence, kinds)
    for candidates in born:
        answer, name = candidates.answer, candidates.answer.request.source
        new = [index for index in candidates.indexes if index not in answer.births]
        created = _created(evidence, by_name[name], candidates, new, grid)
        found, histories = births(
            name,
            answer.samples,
            new,
            evidence.targets,
            candidates.known_since_ms,
            created,
            partial(rates.highest, name),
        )
        answer.births |= found
        if histories:
            evidence.problems.append(_history(answer, histories))


def _history(answer: Answer, indexes: Sequence[int]) -> Problem:
    samples = answer.samples
    held = sum(float(samples.values[int(samples.offsets[index])]) for index in indexes)
    return Problem(
        code="history-not-counted",
        severity="info",
        message=f"{len(indexes)} series of {answer.request.metric} appeared with {held:.0f} events, more than can have "
        "happened since they were not there yet; they are taken as counted before",
        hint="when these events are real, let the target export when its counters were created",
    )


def _counted(answer: Answer, kinds: Mapping[Leaf, SemanticKind]) -> dict[SemanticKind, set[int]]:
    """The series of an answer whose rises are events, by how they are read; rates carry no history."""
    found: dict[SemanticKind, set[int]] = {}
    for leaf, indexes in answer.routes.items():
        kind = kinds.get(leaf)
        if kind is not None and (kind in BORN_KINDS or kind == "position"):
            found.setdefault(kind, set()).update(indexes.tolist())
    return found


class _Rates:
    """The highest rate of any counter of a source, found out when first asked for."""

    def __init__(self, evidence: Evidence, kinds: Mapping[Leaf, SemanticKind]) -> None:
        self._evidence = evidence
        self._kinds = kinds
        self._known: dict[str, float] = {}

    def highest(self, source: str) -> float:
        if source not in self._known:
            mine = (
                one.samples
                for one in self._evidence.answers
                if one.request.source == source and any(self._kinds.get(leaf) in BORN_KINDS for leaf in one.routes)
            )
            self._known[source] = max((highest_rate(samples) for samples in mine), default=0.0)
        return self._known[source]


def find_restarts(evidence: Evidence, kinds: Mapping[Leaf, SemanticKind]) -> None:
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
    for key in sorted(keys):
        matchers = _of_target(key)
        for metric in (UP, PROCESS_START) if matchers else ():
            leaves[Leaf(source.name, SeriesSelector(metric, matchers))] = lookback_ms
    ups: list[tuple[str, SampleSet]] = []
    for request in plan_leaves(leaves):
        span = TimeRange(grid.start_ms - request.lookback_ms, grid.end_ms)
        samples = ask(evidence, source, SeriesRequest(request.metric, request.matchers, span), ())
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


def _of_target(key: TargetKey) -> tuple[Matcher, ...]:
    _, job, instance = key
    return tuple(Matcher(label, (value,)) for label, value in (("job", job), ("instance", instance)) if value)


def _learn_starts(targets: Targets, source: str, samples: SampleSet) -> None:
    for index in range(len(samples)):
        labels, t_ms, values = samples.series(index)
        target = targets.find(target_of(source, labels))
        if target is not None and len(t_ms):
            changes = np.flatnonzero(np.diff(values, prepend=np.nan) != 0)
            found = [(int(t_ms[at]), round(float(values[at]) * 1000)) for at in changes.tolist()]
            target.starts_ms = sorted([*target.starts_ms, *found])


def _find_returns(evidence: Evidence, source: MetricSource, candidates: _Candidates) -> None:
    """Newcomers that were there long before what was read: they had gone dark, or their target had."""
    answer, samples = candidates.answer, candidates.answer.samples
    wanted = {frozenset(samples.labels[index].items()): index for index in candidates.indexes}
    last: list[tuple[Mapping[str, str], Sequence[int], Sequence[float]]] = []
    span = TimeRange(candidates.known_since_ms - EARLIER_MS, candidates.known_since_ms)
    for matchers in _narrowed(answer.request.matchers, [samples.labels[index] for index in candidates.indexes]):
        earlier = ask(evidence, source, SeriesRequest(answer.request.metric, matchers, span), ())
        for place in range(len(earlier) if earlier is not None else 0):
            assert earlier is not None
            labels, t_ms, values = earlier.series(place)
            found = wanted.get(frozenset(labels.items()))
            if found is not None and len(t_ms):
                value = float(values[-1])
                last.append((labels, [int(t_ms[-1])], [value]))
                answer.births[found] = _return(
                    int(t_ms[-1]), value, float(samples.values[int(samples.offsets[found])]), candidates.kind
                )
    if last:
        evidence.targets.learn([(source.name, SampleSet.of(last))])


def _return(last_ms: int, before: float, after: float, kind: SemanticKind) -> Birth:
    """What a series that comes back counts from; one that began anew meanwhile counts from zero."""
    if after >= before or (kind == "position" and after >= before / 2) or kind == "rising_level":
        return Birth(last_ms, min(before, after), new=False)
    return Birth(last_ms, 0.0, new=False, anew=kind in RESTARTED_KINDS)


def _narrowed(
    matchers: tuple[Matcher, ...], wanted: Sequence[Mapping[str, str]], leave_out: frozenset[str] = frozenset()
) -> Iterable[tuple[Matcher, ...]]:
    """The conditions of a request and the labels of some series, so that little else answers; not too many at once."""
    held = {matcher.label for matcher in matchers} | leave_out | {"__name__"}
    ordered = sorted(wanted, key=lambda labels: sorted(labels.items()))
    for begin in range(0, len(ordered), SHARD_VALUES):
        part = ordered[begin : begin + SHARD_VALUES]
        shared = set.intersection(*(set(labels) for labels in part)) - held
        narrow = (Matcher(label, tuple(sorted({labels[label] for labels in part}))) for label in sorted(shared))
        yield (*matchers, *narrow)


def _created(
    evidence: Evidence, source: MetricSource, candidates: _Candidates, indexes: Sequence[int], grid: Grid
) -> dict[int, int]:
    """When series were created, where the client library exports it beside them (`x_created` of `x_total`)."""
    samples, request = candidates.answer.samples, candidates.answer.request
    if not indexes or request.metric.endswith(CREATED) or candidates.kind not in RESTARTED_KINDS:
        return {}
    base = next((request.metric.removesuffix(part) for part in _PARTS_OF_A_NAME if request.metric.endswith(part)), None)
    metric = (base or request.metric) + CREATED
    wanted: dict[frozenset[tuple[str, str]], list[int]] = {}
    for index in indexes:
        wanted.setdefault(_apart_from_parts(samples.labels[index]), []).append(index)
    matchers = tuple(one for one in request.matchers if one.label not in _PARTS_OF_A_METRIC)
    found: dict[int, int] = {}
    span = TimeRange(candidates.known_since_ms, grid.end_ms)
    for narrow in _narrowed(matchers, [samples.labels[index] for index in indexes], _PARTS_OF_A_METRIC):
        answer = ask(evidence, source, SeriesRequest(metric, narrow, span), ())
        for place in range(len(answer) if answer is not None else 0):
            assert answer is not None
            labels, t_ms, values = answer.series(place)
            for index in wanted.get(_apart_from_parts(labels), ()):
                first_ms = int(samples.t_ms[int(samples.offsets[index])])
                at = int(np.searchsorted(t_ms, first_ms, side="right")) - 1
                if at >= 0:
                    found[index] = round(float(values[at]) * 1000)
    return found


def _apart_from_parts(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name not in _PARTS_OF_A_METRIC)
