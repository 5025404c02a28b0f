"""From measurements and sources to the ledger: ask, count, and keep what was counted before.

Past steps do not change, so a refresh reads the tail only; late samples are met by reading the last ten minutes anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from observatory.compile.plan import Leaf, Measurement, leaves_of, make_plan, plan_leaves
from observatory.compile.terms import at_most, outcome_terms
from observatory.errors import Problem, SourceFailed
from observatory.indicators.expression import Count, CountAtMost, Expression, Slices, SlicesAtMost
from observatory.ledger import buckets
from observatory.ledger.evidence import Evidence, Sources
from observatory.ledger.gathering import gather
from observatory.ledger.hops import SpanCounts, count_spans, expressions_of
from observatory.ledger.ledger import Counting, Findings, Ledger, Row
from observatory.ledger.levels import judge
from observatory.ledger.slices import Reading, read_level
from observatory.ledger.tallies import Events, nothing, of_terms, tally_leaves
from observatory.sources.base import Float64
from observatory.telemetry.binding import MetricBinding, SemanticKind, SpanBinding, Term
from observatory.windows import Grid, TimeRange

HORIZON_MS = 600_000
"""Steps this near to the end of the previous ledger are counted again, for samples that came late."""


def build(
    measurements: Iterable[Measurement], sources: Sources, grid: Grid, *, previous: Ledger | None = None
) -> Ledger:
    """Good and total per step for every measurement.

    Args:
        previous: The ledger of an earlier refresh; its steps are kept when both grids share their edges. Measurements
            that it does not hold are read in full.

    Returns:
        A ledger with a row for each measurement that could be asked for. Where a source failed, what is known from
        before is kept, its new steps are not observed, and `problems` says so.
    """
    wanted = {measurement.key: measurement for measurement in measurements}
    tail = _tail(grid, previous)
    warm = {key: one for key, one in wanted.items() if tail and previous and key in previous.rows}
    cold = {key: one for key, one in wanted.items() if key not in warm}
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    requests = 0
    if cold:
        counting = _count(cold, sources, grid)
        rows, problems, requests = counting.rows, counting.problems, counting.requests
    if warm and tail and previous:
        for part, keys, fresh in _refreshed(warm, sources, tail, grid):
            problems += fresh.problems
            requests += fresh.requests
            for key in keys:
                rows[key] = splice(previous.rows[key], previous.grid, fresh.rows.get(key), part, grid)
    ordered = {key: rows[key] for key in sorted(rows)}
    return Ledger(grid, ordered, tuple(dict.fromkeys(problems)), requests)


def _tail(grid: Grid, previous: Ledger | None) -> Grid | None:
    """The part of the grid to be read anew; None when nothing of the previous ledger can be kept."""
    if previous is None or previous.grid.step_ms != grid.step_ms:
        return None
    old = previous.grid
    if (grid.start_ms - old.start_ms) % grid.step_ms or old.start_ms > grid.start_ms:
        return None
    horizon = -(-HORIZON_MS // grid.step_ms) * grid.step_ms
    kept_ms = old.end_ms - horizon
    if not grid.start_ms < kept_ms < grid.end_ms:
        return None
    return Grid(kept_ms, grid.step_ms, (grid.end_ms - kept_ms) // grid.step_ms)


def _refreshed(
    warm: Mapping[str, Measurement], sources: Sources, tail: Grid, grid: Grid
) -> Iterable[tuple[Grid, Iterable[str], _Counting]]:
    """The tail counted anew, and from further back what had gone dark before the tail and has come back in it.

    What counters counted while nobody scraped them belongs to steps that were held as unseen until now.
    """
    fresh = _count(warm, sources, tail)
    yield tail, warm, fresh
    by_part: dict[Grid, dict[str, Measurement]] = {}
    for key, since_ms in fresh.seen_before.items():
        kept_ms = grid.start_ms + max(0, (since_ms - grid.start_ms) // grid.step_ms) * grid.step_ms
        if kept_ms < tail.start_ms:
            part = Grid(kept_ms, grid.step_ms, (grid.end_ms - kept_ms) // grid.step_ms)
            by_part.setdefault(part, {})[key] = warm[key]
    for part, returned in by_part.items():
        yield part, returned, _count(returned, sources, part)


def splice(old: Row, old_grid: Grid, new: Row | None, tail: Grid, grid: Grid) -> Row:
    """The old row up to the start of the tail, the new one from there on; without a new one the tail is unseen."""
    first = (grid.start_ms - old_grid.start_ms) // grid.step_ms
    kept = slice(first, first + grid.steps - tail.steps)
    empty = np.zeros(tail.steps)

    def joined(before: Float64 | None, after: Float64 | None, filler: Float64) -> Float64 | None:
        if before is None and after is None:
            return None
        head = before[kept] if before is not None else np.full(grid.steps - tail.steps, filler[:1])
        return np.concatenate((head, after if after is not None else filler))

    def counted(before: Float64, after: Float64 | None) -> Float64:
        return np.concatenate((before[kept], after if after is not None else empty))

    findings = old.findings.cut(TimeRange(grid.start_ms, tail.start_ms))
    findings += new.findings if new else Findings.of()
    least = None
    if old.at_least is not None:
        unknown = np.zeros(tail.steps, dtype=bool)
        least = np.concatenate((old.at_least[kept], new.at_least if new and new.at_least is not None else unknown))
    return Row(
        good=counted(old.good, new.good if new else None),
        total=counted(old.total, new.total if new else None),
        observed=counted(old.observed, new.observed if new else None),
        counting=new.counting if new and new.series else old.counting,
        level=joined(old.level, new.level if new else None, np.full(max(1, tail.steps), np.nan)[: tail.steps]),
        level_error=joined(old.level_error, new.level_error if new else None, empty),
        series=max(old.series, new.series if new else 0),
        last_sample_ms=new.last_sample_ms if new and new.last_sample_ms is not None else old.last_sample_ms,
        recovered=findings.between(grid.range),
        findings=findings,
        upper=_spliced_upper(old, new, kept, empty),
        at_least=least,
        problems=new.problems if new and new.series else old.problems,
    )


def _spliced_upper(old: Row, new: Row | None, kept: slice, empty: Float64) -> Float64 | None:
    """Good events at most; where one part knows them exactly, its good ones are that."""
    if old.upper is None and (new is None or new.upper is None):
        return None
    head = old.upper if old.upper is not None else old.good
    tail = empty if new is None else new.upper if new.upper is not None else new.good
    return np.concatenate((head[kept], tail))


@dataclass(frozen=True, slots=True)
class _Counted:
    """What all measurements have in common."""

    evidence: Evidence
    tallied: Mapping[Leaf, Events]
    spans: Mapping[str, SpanCounts]
    bounded: Mapping[str, tuple[Float64, Float64]]
    grid: Grid


@dataclass(frozen=True, slots=True)
class _Counting:
    """What one pass over the sources gave.

    Attributes:
        seen_before: By measurement when series that came back had been seen last.
    """

    rows: dict[str, Row]
    problems: list[Problem]
    requests: int
    seen_before: dict[str, int]


def _count(measurements: Mapping[str, Measurement], sources: Sources, grid: Grid) -> _Counting:
    plan = make_plan(measurements.values())
    kinds = _kinds(measurements.values())
    evidence = gather(plan.requests, sources, grid, kinds)
    tallied = tally_leaves(evidence, kinds, grid)
    bounded = _bounds_of_changed(measurements, evidence, sources, grid)
    spans: dict[str, SpanCounts] = {}
    failed_spans: set[str] = set()
    for source in sources.spans:
        try:
            counts = count_spans(source, measurements.values(), grid)
        except SourceFailed as error:
            evidence.problems += error.problems
            failed_spans.add(source.name)
        else:
            if counts is not None:
                spans[source.name] = counts
                evidence.requests += 2
    counted = _Counted(evidence, tallied, spans, bounded, grid)
    rows: dict[str, Row] = {}
    seen_before: dict[str, int] = {}
    for key, measurement in measurements.items():
        if any(leaf in evidence.failed for leaf, _ in leaves_of(measurement)):
            continue
        if any(expressions_of(measurement, name) for name in failed_spans):
            continue
        rows[key] = _row(measurement, counted)
        found = [evidence.seen_before(leaf, grid.start_ms) for leaf, _ in leaves_of(measurement)]
        if known := [since_ms for since_ms in found if since_ms is not None]:
            seen_before[key] = min(known)
    return _Counting(rows, evidence.problems, evidence.requests, seen_before)


def _bounds_of_changed(
    measurements: Mapping[str, Measurement], evidence: Evidence, sources: Sources, grid: Grid
) -> dict[str, tuple[Float64, Float64]]:
    """Where histograms changed their buckets, what all of them together say; asked for only then."""
    changed = buckets.by_measurement(measurements, evidence)
    if not changed:
        return {}
    wanted = {leaf: ms for binding, _ in changed.values() for leaf, ms in buckets.bucket_leaves(binding).items()}
    every = gather(plan_leaves(wanted), sources, grid, {})
    evidence.requests += every.requests
    evidence.problems += every.problems
    return {
        key: buckets.least_and_most(binding, bound, evidence, every, grid)
        for key, (binding, bound) in changed.items()
        if every.failed.isdisjoint(buckets.bucket_leaves(binding))
    }


def _kinds(measurements: Iterable[Measurement]) -> dict[Leaf, SemanticKind]:
    """How each leaf that is counted is read; leaves of levels are absent, arrivals of a queue are there for births."""
    kinds: dict[Leaf, SemanticKind] = {}
    for measurement in measurements:
        indicator = measurement.indicator
        for expression in (indicator.total, indicator.good, indicator.bad):
            if isinstance(expression, Count | CountAtMost):
                binding = measurement.binding(expression.signal)
                if isinstance(binding, MetricBinding):
                    kind: SemanticKind = "cumulative" if binding.kind == "distribution" else binding.kind
                    for term in _all_terms(binding, expression):
                        kinds[Leaf(binding.source, term.selector)] = kind
            elif isinstance(expression, Slices | SlicesAtMost):
                for binding in measurement.bindings:
                    if isinstance(binding, MetricBinding) and binding.kind == "cumulative":
                        kinds |= {Leaf(binding.source, term.selector): binding.kind for term in binding.all}
    return kinds


def _all_terms(binding: MetricBinding, expression: Count | CountAtMost) -> tuple[Term, ...]:
    if isinstance(expression, Count):
        return outcome_terms(binding, expression.outcome)
    chosen = at_most(binding, expression.bound)
    return (*chosen.lower, *chosen.upper)


def _row(measurement: Measurement, counted: _Counted) -> Row:
    total = measurement.indicator.total
    if isinstance(total, Slices | SlicesAtMost):
        good = measurement.indicator.good
        assert isinstance(good, SlicesAtMost)
        return _slice_row(read_level(measurement, good.level, counted.evidence, counted.grid), good.bound, counted.grid)
    return _event_row(measurement, total, counted)


def _slice_row(reading: Reading, bound: float, grid: Grid) -> Row:
    good, known = judge(reading.steps, bound)
    return Row(
        good=good.astype(np.float64),
        total=known.astype(np.float64),
        observed=known.astype(np.float64) * (grid.step_ms / 1000),
        counting="exact" if reading.exact else "estimated",
        level=reading.steps.worst,
        level_error=reading.steps.error,
        at_least=reading.steps.at_least,
        series=reading.series,
        last_sample_ms=reading.last_ms,
    )


def _events(measurement: Measurement, expression: Expression, counted: _Counted) -> Events:
    assert isinstance(expression, Count | CountAtMost)
    binding = measurement.binding(expression.signal)
    if isinstance(binding, SpanBinding):
        found = counted.spans.get(binding.source)
        amount = found.events.get((measurement.key, expression)) if found else None
        if amount is None:
            return nothing(counted.grid)
        seen = np.flatnonzero(amount)
        last_ms = counted.grid.start_ms + (int(seen[-1]) + 1) * counted.grid.step_ms if len(seen) else None
        return Events(amount, Findings.of(), 1 if binding.liveness != "missing" else 0, frozenset(), last_ms, True)
    if isinstance(expression, CountAtMost):
        terms = at_most(binding, expression.bound).lower
    else:
        terms = outcome_terms(binding, expression.outcome)
    scale = 1.0 if binding.kind == "distribution" else binding.scale
    return of_terms(binding.source, terms, scale, counted.tallied, counted.grid)


def _event_row(measurement: Measurement, expression: Expression, counted: _Counted) -> Row:
    indicator, grid = measurement.indicator, counted.grid
    total = _events(measurement, expression, counted)
    part_expression = indicator.good if indicator.good is not None else indicator.bad
    assert part_expression is not None
    part = _events(measurement, part_expression, counted)
    good = part.amount if indicator.good is not None else total.amount - part.amount
    assert isinstance(expression, Count)
    binding = measurement.binding(expression.signal)
    if isinstance(binding, SpanBinding):
        spans = counted.spans.get(binding.source)
        observed = spans.presence if spans else np.zeros(grid.steps)
    else:
        observed = counted.evidence.targets.observed_seconds(total.targets, grid)
    # Series of the part are usually among those of the total, so recoveries are not added but the larger is told.
    findings = max(total.findings, part.findings, key=lambda one: float(one.births.sum() + one.gap.sum()))
    ends = [one for one in (total.last_ms, part.last_ms) if one is not None]
    row = Row(
        good=good,
        total=total.amount,
        observed=observed,
        counting=_counting(total, part),
        series=total.series,
        last_sample_ms=max(ends, default=None),
        recovered=findings.between(grid.range),
        findings=findings,
    )
    if isinstance(part_expression, CountAtMost):
        return _bounded(measurement, part_expression, row, counted)
    return row


def _counting(*parts: Events) -> Counting:
    if any(part.pushdown for part in parts):
        return "pushdown"
    return "exact" if all(part.exact for part in parts) else "estimated"


def _bounded(measurement: Measurement, expression: CountAtMost, row: Row, counted: _Counted) -> Row:
    """A latency row whose threshold lies between two buckets gets the upper bound beside the lower one."""
    binding = measurement.binding(expression.signal)
    if isinstance(binding, SpanBinding):
        return row
    if measurement.key in counted.bounded:
        least, most = counted.bounded[measurement.key]
        return replace(row, good=least, upper=most if (most > least).any() else None)
    chosen = at_most(binding, expression.bound)
    if chosen.exact:
        return row
    upper = (
        of_terms(binding.source, chosen.upper, 1.0, counted.tallied, counted.grid).amount if chosen.upper else row.total
    )
    return replace(row, upper=upper)
