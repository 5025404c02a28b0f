"""From measurements and sources to the ledger: ask, count, and keep what was counted before.

Past steps do not change, so a refresh reads the tail only; late samples are met by reading the last ten minutes anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from observatory.compile.plan import Leaf, Measurement, leaves_of, make_plan
from observatory.compile.terms import at_most, outcome_terms
from observatory.errors import Problem, SourceFailed
from observatory.indicators.expression import Count, CountAtMost, Expression, Slices, SlicesAtMost
from observatory.ledger.days import SEALED_AFTER_MS, blocks_of, is_day
from observatory.ledger.evidence import Material, Sources
from observatory.ledger.hops import SpanCounts, count_spans, expressions_of
from observatory.ledger.ledger import Findings, Ledger, Row
from observatory.ledger.keeping import RULES, Keeper, KeptPages
from observatory.ledger.levels import judge
from observatory.ledger.pages import Counted, Page, events_of, join
from observatory.ledger.slices import Reading, read_level
from observatory.ledger.tallies import Events, nothing, of_terms
from observatory.sources.base import Float64
from observatory.telemetry.binding import MetricBinding, SemanticKind, SpanBinding, Term
from observatory.windows import Grid, TimeRange

HORIZON_MS = 600_000
"""Steps this near to the end of the previous ledger are counted again, for samples that came late."""


def build(
    measurements: Iterable[Measurement],
    sources: Sources,
    grid: Grid,
    *,
    previous: Ledger | None = None,
    keeper: Keeper | None = None,
) -> Ledger:
    """Good and total per step for every measurement.

    Args:
        previous: The ledger of an earlier refresh; its steps are kept when both grids share their edges. Measurements
            that it does not hold are read in full.
        keeper: Where days that are over are kept and found again; without one every day is counted anew. The numbers
            are the same.

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
        rows, problems, requests = _count(cold, sources, grid, keeper)
    if warm and tail and previous:
        fresh, found, sent = _count(warm, sources, tail, None)
        problems += found
        requests += sent
        for key in warm:
            rows[key] = splice(previous.rows[key], previous.grid, fresh.get(key), tail, grid)
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
        upper=joined(old.upper, new.upper if new else None, empty),
        at_least=least,
        problems=new.problems if new and new.series else old.problems,
    )


def _count(
    measurements: Mapping[str, Measurement], sources: Sources, grid: Grid, keeper: Keeper | None
) -> tuple[dict[str, Row], list[Problem], int]:
    work = _Work(measurements, sources)
    kept = KeptPages(keeper, work.identity, work.kinds) if keeper is not None else None
    pages: dict[Grid, Page] = {}
    blocks = blocks_of(grid)
    if kept is not None:
        pages = {block: page for block in blocks if is_day(block) and (page := kept.load(block)) is not None}
    # The newest first: how far the sources have come decides which days can be kept.
    for run in reversed(_runs([block for block in blocks if block not in pages])):
        for page in work.pages(run):
            pages[page.block] = page
            if kept is not None and is_day(page.block) and work.is_whole(page):
                kept.keep(page)
    counted = join([pages[block] for block in blocks], grid)
    rows: dict[str, Row] = {}
    for key, measurement in measurements.items():
        if any(leaf in work.failed for leaf, _ in leaves_of(measurement)):
            continue
        if any(expressions_of(measurement, name) for name in work.failed_spans):
            continue
        rows[key] = _row(measurement, counted)
    return rows, work.problems, work.requests


def _runs(blocks: Sequence[Grid]) -> list[list[Grid]]:
    """Blocks in groups that follow one another without a gap: what is read in one go."""
    runs: list[list[Grid]] = []
    for block in blocks:
        if runs and runs[-1][-1].end_ms == block.start_ms:
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs


class _Work:
    """Counting of some measurements: what is asked for them, and what went wrong on the way."""

    def __init__(self, measurements: Mapping[str, Measurement], sources: Sources) -> None:
        self.measurements = measurements
        self.sources = sources
        self.requests_planned = make_plan(measurements.values()).requests
        self.kinds = _kinds(measurements.values())
        self.failed: set[Leaf] = set()
        self.failed_spans: set[str] = set()
        self.problems: list[Problem] = []
        self.requests = 0
        self._newest_ms: dict[str, int] = {}
        self._partial = False

    @property
    def identity(self) -> str:
        """Everything that a page of these measurements follows from, except for the telemetry itself."""
        parts = (RULES, sorted(self.measurements), self.requests_planned, sorted(self.kinds.items(), key=repr))
        return repr(parts)

    def pages(self, blocks: Sequence[Grid]) -> Iterator[Page]:
        """Read blocks that follow one another in one go, and count each."""
        span = Grid(blocks[0].start_ms, blocks[0].step_ms, sum(block.steps for block in blocks))
        material = Material.read(self.requests_planned, self.sources, span)
        lookback_ms = max((request.lookback_ms for request in self.requests_planned), default=0)
        for name, newest_ms in material.newest_ms.items():
            self._newest_ms[name] = max(newest_ms, self._newest_ms.get(name, newest_ms))
        spans = self._spans(blocks)
        for number, block in enumerate(blocks):
            evidence = material.evidence(block, self.kinds)
            events, seams = events_of(evidence, self.kinds, block)
            levels = {
                key: read_level(one, one.indicator.good.level, evidence, block)
                for key, one in self.measurements.items()
                if isinstance(one.indicator.good, SlicesAtMost)
            }
            self._partial = self._partial or material.partial or bool(self.failed_spans)
            yield Page(
                block=block,
                read_from_ms=block.start_ms - lookback_ms,
                events=events,
                seams=seams,
                lives=evidence.targets.lives(block.end_ms),
                levels=levels,
                spans={name: parts[number] for name, parts in spans.items()},
            )
        self.failed |= material.failed
        self.problems += material.problems
        self.requests += material.requests

    def is_whole(self, page: Page) -> bool:
        """Whether nothing is missing from a page, and nothing is expected to come: its sources are well past its end.

        It is their newest sample that tells, not the clock: a source may be behind, and a clock may jump.
        """
        if self._partial or (self.requests_planned and not self._newest_ms):
            return False
        return all(newest >= page.block.end_ms + SEALED_AFTER_MS for newest in self._newest_ms.values())

    def _spans(self, blocks: Sequence[Grid]) -> dict[str, tuple[SpanCounts, ...]]:
        """What each source of spans counts in each block; sources that are not asked for anything are absent."""
        found: dict[str, tuple[SpanCounts, ...]] = {}
        for source in self.sources.spans:
            if source.name in self.failed_spans:
                continue
            try:
                parts = count_spans(source, self.measurements.values(), blocks)
            except SourceFailed as error:
                self.problems += error.problems
                self.failed_spans.add(source.name)
            else:
                if parts:
                    found[source.name] = parts
                    self.requests += 2
        return found


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
    buckets = at_most(binding, expression.bound)
    return (*buckets.lower, *buckets.upper)


def _row(measurement: Measurement, counted: Counted) -> Row:
    total = measurement.indicator.total
    if isinstance(total, Slices | SlicesAtMost):
        good = measurement.indicator.good
        assert isinstance(good, SlicesAtMost)
        return _slice_row(counted.levels[measurement.key], good.bound, counted.grid)
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


def _events(measurement: Measurement, expression: Expression, counted: Counted) -> Events:
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
    return of_terms(binding.source, terms, scale, counted.events, counted.grid)


def _event_row(measurement: Measurement, expression: Expression, counted: Counted) -> Row:
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
        observed = counted.lives.observed_seconds(total.targets, grid)
    # Series of the part are usually among those of the total, so recoveries are not added but the larger is told.
    findings = max(total.findings, part.findings, key=lambda one: float(one.births.sum() + one.gap.sum()))
    ends = [one for one in (total.last_ms, part.last_ms) if one is not None]
    row = Row(
        good=good,
        total=total.amount,
        observed=observed,
        counting="exact" if total.exact and part.exact else "estimated",
        series=total.series,
        last_sample_ms=max(ends, default=None),
        recovered=findings.between(grid.range),
        findings=findings,
    )
    if isinstance(part_expression, CountAtMost):
        return _bounded(measurement, part_expression, row, counted)
    return row


def _bounded(measurement: Measurement, expression: CountAtMost, row: Row, counted: Counted) -> Row:
    """A latency row whose threshold lies between two buckets gets the upper bound beside the lower one."""
    binding = measurement.binding(expression.signal)
    if isinstance(binding, SpanBinding):
        return row
    buckets = at_most(binding, expression.bound)
    if buckets.exact:
        return row
    upper = (
        of_terms(binding.source, buckets.upper, 1.0, counted.events, counted.grid).amount
        if buckets.upper
        else row.total
    )
    return replace(row, upper=upper)
