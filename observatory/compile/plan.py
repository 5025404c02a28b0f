"""The plan: every measured thing, reduced to as few requests as the profiles allow.

Cost grows with profiles and not with channels: leaves that share a series name and the same labels become one
request, whose labels are matched here against what comes back (`compile.routes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct, field

from observatory.compile.measure import Measurement, measure, measurement_key
from observatory.compile.terms import at_most, outcome_terms
from observatory.indicators.expression import (
    Behind,
    Count,
    CountAtMost,
    Expression,
    LevelExpression,
    Since,
    Slices,
    SlicesAtMost,
    signals_of,
)
from observatory.telemetry.binding import Matcher, MetricBinding, SeriesSelector, SpanBinding, Term

__all__ = ["Leaf", "Measurement", "Plan", "PlannedRequest", "make_plan", "measure", "measurement_key"]

LOOKBACK_MS = 3_600_000
"""Read before the first step, so that a series that was there already is no newcomer."""
CURVE_LOOKBACK_MS = 6 * 3_600_000
"""Read before the first step for curves of produced positions: lag and silence up to this age are known from the
start."""
SHARD_VALUES = 300
"""Alternatives of one label in one request; more become several requests, `MOST_SHARDS` at most."""
MOST_SHARDS = 4
"""Requests of one signal, however many channels it measures: two are under way at a time, and four keep both busy to
the end. Long ones are sent as bodies, which no URL bounds; memory does, see `MOST_SAMPLES` of a source."""


class Leaf(Struct, frozen=True, cache_hash=True):
    """Series of one source that an expression needs. Its hash is remembered: counts are looked up by leaf all day."""

    source: str
    selector: SeriesSelector


class PlannedRequest(Struct, frozen=True, kw_only=True):
    """One request and the leaves that its answer is for.

    Attributes:
        matchers: At least as wide as every leaf; what leaves ask beyond them is checked on the answer.
        lookback_ms: How long before the grid to begin.
    """

    source: str
    metric: str
    matchers: tuple[Matcher, ...]
    leaves: tuple[Leaf, ...]
    lookback_ms: int


class Plan(Struct, frozen=True):
    """What to ask of metric sources. Measurements by spans need no plan: one question each kind answers all."""

    requests: tuple[PlannedRequest, ...]
    measurements: Mapping[str, Measurement] = field(default_factory=dict)


def make_plan(measurements: Iterable[Measurement]) -> Plan:
    """The requests that answer all measurements; same measurements in any order, same plan."""
    unique = {measurement.key: measurement for measurement in measurements}
    wanted: dict[Leaf, int] = {}
    for measurement in unique.values():
        for leaf, lookback_ms in leaves_of(measurement):
            wanted[leaf] = max(lookback_ms, wanted.get(leaf, 0))
    return Plan(plan_leaves(wanted), {key: unique[key] for key in sorted(unique)})


def plan_leaves(wanted: Mapping[Leaf, int]) -> tuple[PlannedRequest, ...]:
    """Requests for leaves, each with how long before the grid it must begin (milliseconds)."""
    by_metric: dict[tuple[str, str], list[Leaf]] = {}
    for leaf in sorted(wanted, key=repr):
        by_metric.setdefault((leaf.source, leaf.selector.metric), []).append(leaf)
    requests: list[PlannedRequest] = []
    for (source, metric), leaves in sorted(by_metric.items()):
        for group in _groups(leaves):
            requests += [
                PlannedRequest(
                    source=source,
                    metric=metric,
                    matchers=shard.matchers(),
                    leaves=tuple(shard.leaves),
                    lookback_ms=max(wanted[leaf] for leaf in shard.leaves),
                )
                for shard in _shards(group)
            ]
    return tuple(requests)


def leaves_of(measurement: Measurement) -> tuple[tuple[Leaf, int], ...]:
    """Every series selector that a measurement needs, with its lookback in milliseconds."""
    indicator = measurement.indicator
    part = indicator.good if indicator.good is not None else indicator.bad
    assert part is not None
    found: dict[Leaf, int] = {}
    for expression in (indicator.total, part):
        for binding, terms, lookback_ms in _terms(measurement, expression):
            for term in terms:
                leaf = Leaf(binding.source, term.selector)
                found[leaf] = max(lookback_ms, found.get(leaf, 0))
    return tuple(found.items())


def _terms(measurement: Measurement, expression: Expression) -> Iterable[tuple[MetricBinding, tuple[Term, ...], int]]:
    match expression:
        case Count(signal=signal, outcome=outcome):
            binding = measurement.binding(signal)
            if isinstance(binding, MetricBinding):
                yield binding, outcome_terms(binding, outcome), LOOKBACK_MS
        case CountAtMost(signal=signal, bound=bound):
            binding = measurement.binding(signal)
            if isinstance(binding, MetricBinding):
                buckets = at_most(binding, bound)
                yield binding, (*buckets.lower, *buckets.upper), LOOKBACK_MS
        case Slices(level=level) | SlicesAtMost(level=level):
            yield from level_terms(measurement, level)


def level_terms(
    measurement: Measurement, level: LevelExpression
) -> Iterable[tuple[MetricBinding, tuple[Term, ...], int]]:
    """Series behind a level, signal by signal."""
    lookback_ms = CURVE_LOOKBACK_MS if isinstance(level, Behind | Since) else LOOKBACK_MS
    for signal in signals_of(level):
        binding = measurement.binding(signal)
        if isinstance(binding, MetricBinding):
            yield binding, outcome_terms(binding, None), lookback_ms


def span_bindings(measurement: Measurement) -> tuple[SpanBinding, ...]:
    """Those bindings of a measurement that spans answer."""
    return tuple(binding for binding in measurement.bindings if isinstance(binding, SpanBinding))


T = TypeVar("T")
Atom = tuple[str, str]
"""("=", value) or ("~", pattern): one alternative of a label."""


class _Group(Struct):
    """Leaves of one metric that constrain the same labels."""

    atoms: dict[str, dict[Atom, None]]
    leaves: list[Leaf]

    def covers(self, other: _Group) -> bool:
        """Whether everything that `other` asks for is fetched by this group already."""
        return self.atoms.keys() < other.atoms.keys() and all(
            other.atoms[label].keys() <= atoms.keys() for label, atoms in self.atoms.items()
        )

    def add(self, leaf: Leaf, atoms: Mapping[str, Sequence[Atom]]) -> None:
        self.leaves.append(leaf)
        for label, found in atoms.items():
            self.atoms.setdefault(label, {}).update(dict.fromkeys(found))

    def matchers(self) -> tuple[Matcher, ...]:
        """One matcher per label that all leaves constrain, and the conditions that all of them share word for word."""
        positive = tuple(_alternation(label, tuple(atoms)) for label, atoms in sorted(self.atoms.items()))
        shared = set(self.leaves[0].selector.matchers)
        for leaf in self.leaves[1:]:
            shared &= set(leaf.selector.matchers)
        rest = sorted((one for one in shared if one.label not in self.atoms or not _is_positive(one)), key=repr)
        return (*positive, *rest)


def _is_positive(matcher: Matcher) -> bool:
    return not matcher.negated and (matcher.pattern is not None or (bool(matcher.values) and "" not in matcher.values))


def _atoms(leaf: Leaf) -> dict[str, tuple[Atom, ...]]:
    found: dict[str, tuple[Atom, ...]] = {}
    for matcher in leaf.selector.matchers:
        if _is_positive(matcher) and matcher.label not in found:
            pattern = matcher.pattern
            found[matcher.label] = (
                (("~", pattern),) if pattern is not None else tuple(("=", value) for value in matcher.values)
            )
    return found


def _alternation(label: str, atoms: Sequence[Atom]) -> Matcher:
    if all(kind == "=" for kind, _ in atoms):
        return Matcher(label, tuple(sorted(text for _, text in atoms)))
    if len(atoms) == 1:
        return Matcher(label, pattern=atoms[0][1])
    parts = sorted(text if kind == "~" else re.escape(text) for kind, text in atoms)
    return Matcher(label, pattern="|".join(f"(?:{part})" for part in parts))


def _groups(leaves: Iterable[Leaf]) -> list[_Group]:
    by_labels: dict[frozenset[str], _Group] = {}
    for leaf in leaves:
        atoms = _atoms(leaf)
        by_labels.setdefault(frozenset(atoms), _Group({}, [])).add(leaf, atoms)
    groups = sorted(by_labels.values(), key=lambda group: (len(group.atoms), sorted(group.atoms)))
    kept: list[_Group] = []
    for group in groups:
        home = next((one for one in kept if one.covers(group)), None)
        if home is None:
            kept.append(group)
        else:
            home.leaves += group.leaves
    return kept


def _shards(group: _Group) -> list[_Group]:
    widest = max(group.atoms, key=lambda label: (len(group.atoms[label]), label), default=None)
    if widest is None or len(group.atoms[widest]) <= SHARD_VALUES:
        return [group]
    every = sorted(group.atoms[widest])
    wanted = [(leaf, _atoms(leaf)[widest]) for leaf in group.leaves]
    shards: list[_Group] = []
    for some in in_shards(every):
        part = dict.fromkeys(some)
        leaves = [leaf for leaf, atoms in wanted if any(atom in part for atom in atoms)]
        if leaves:
            shards.append(_Group({**group.atoms, widest: part}, leaves))
    return shards


def in_shards(values: Sequence[T]) -> list[Sequence[T]]:
    """Values in as few parts as requests hold, each but the last of one size; never more than `MOST_SHARDS` parts."""
    size = max(SHARD_VALUES, -(-len(values) // MOST_SHARDS))
    return [values[begin : begin + size] for begin in range(0, len(values), size)]
