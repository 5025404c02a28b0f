"""Rows: from the counts of leaves, levels and spans to good, total and time seen of one measurement."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.compile.terms import at_most, outcome_terms
from observatory.indicators.expression import Count, CountAtMost, Expression, Slices, SlicesAtMost
from observatory.indicators.indicator import Indicator
from observatory.ledger.apart import Apart, Outcome, Owner, judged, may_be_apart, outcome_of
from observatory.ledger.levels import judge
from observatory.ledger.packed import NOTHING, PackedCounts, pack
from observatory.ledger.pages import Counted
from observatory.ledger.row import Counting, Findings, Row
from observatory.ledger.slices import Reading
from observatory.ledger.summed import Summed
from observatory.ledger.tallies import Events, nothing, of_terms
from observatory.ledger.targets import TargetKey
from observatory.ledger.uncounted import Uncounted
from observatory.sources.base import Float64
from observatory.telemetry.binding import SpanBinding
from observatory.windows import Grid

MOST_TARGETS = 1000
"""Of one row, from one refresh to the next."""
UNTOLD = 1e-9
"""Of the events of a step: less than this is what adding in another order changes."""


def row_of(
    measurement: Measurement, counted: Counted, apart: Apart | None = None, before: frozenset[TargetKey] = frozenset()
) -> Row:
    """The row of a measurement whose sources have all answered.

    Args:
        before: Targets that counted its events before what was read. While they are scraped it is observed, whether
            they show a series of it or not, as it is where the past is read as well.
        apart: When the outcome of its events was seen, where others count it.
    """
    total = measurement.indicator.total
    if isinstance(total, Slices | SlicesAtMost):
        good = measurement.indicator.good
        assert isinstance(good, SlicesAtMost)
        return _slice_row(counted.levels[measurement.key], good.bound, counted.grid)
    return _event_row(measurement, total, counted, apart, before)


def packed_row_of(
    measurement: Measurement, counted: Counted, before: frozenset[TargetKey] = frozenset()
) -> tuple[Row, PackedCounts] | None:
    """As `row_of` a row of events, without its counts, and these as they are packed; unpacks nothing.

    None where any of it does not lie packed, or more than counts is asked for.
    """
    total, indicator = measurement.indicator.total, measurement.indicator
    if not isinstance(total, Count) or isinstance(measurement.binding(total.signal), SpanBinding):
        return None
    part_expression = _part_of(measurement)
    if isinstance(part_expression, CountAtMost) and _untold(measurement, part_expression):
        return None
    every, part = (_events(measurement, one, counted) for one in (total, part_expression))
    if every.amount.dtype.kind != "u" or part.amount.dtype.kind != "u":
        return None
    bad = part.amount
    if indicator.good is not None:
        if bool((part.amount > every.amount).any()):
            return None
        bad = every.amount - part.amount
    targets = _scraped(every, before, counted)
    observed = counted.lives.packed_seconds(targets, counted.grid)
    about = _about(indicator, every, part, counted.grid, targets)
    return about, PackedCounts(Summed(pack(every.amount)), Summed(pack(bad)), observed)


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


def apart_outcomes(
    measurements: Mapping[str, Measurement], counted: Counted, known: Mapping[str, frozenset[Owner]]
) -> dict[str, Outcome]:
    """Measurements of which others count the outcome than all events.

    Args:
        known: Who was seen to count it before, by measurement.
    """
    found: dict[str, Outcome] = {}
    for key, one in measurements.items():
        if may_be_apart(one):
            total, part = (_events(one, of, counted) for of in (one.indicator.total, _part_of(one)))
            if (outcome := outcome_of(one, total, part, known.get(key, frozenset()))) is not None:
                found[key] = outcome
    return found


def _event_row(
    measurement: Measurement,
    expression: Expression,
    counted: Counted,
    apart: Apart | None,
    before: frozenset[TargetKey],
) -> Row:
    indicator, grid = measurement.indicator, counted.grid
    part_expression = _part_of(measurement)
    total, part = (_events(measurement, one, counted) for one in (expression, part_expression))
    amount, of_part = (one.amount.astype(np.float64, copy=False) for one in (total, part))
    assert isinstance(expression, Count)
    binding = measurement.binding(expression.signal)
    targets = _scraped(total, before, counted)
    if isinstance(binding, SpanBinding):
        spans = counted.spans.get(binding.source)
        observed = spans.presence if spans else np.zeros(grid.steps)
    else:
        observed = counted.lives.observed_seconds(targets, grid)
    row = replace(
        _about(indicator, total, part, grid, targets),
        good=of_part if indicator.good is not None else amount - of_part,
        total=amount,
        observed=observed,
    )
    if apart is not None:
        return judged(row, apart, measurement, total, part)
    if isinstance(part_expression, CountAtMost) and _untold(measurement, part_expression):
        return _bounded(measurement, part_expression, row, counted)
    return row


def _scraped(total: Events, before: frozenset[TargetKey], counted: Counted) -> frozenset[TargetKey]:
    """Where events are counted: targets that show series of them, and those of before, which may be scraped without.

    Of more than anybody runs, as processes come and go for months, those that are scraped now.
    """
    if len(before) > MOST_TARGETS:
        return total.targets.union(one for one in before if one in counted.lives.spans)
    return total.targets | before


def _part_of(measurement: Measurement) -> Expression:
    """What is counted beside all events: the good ones, or the bad."""
    indicator = measurement.indicator
    part = indicator.good if indicator.good is not None else indicator.bad
    assert part is not None
    return part


def _about(indicator: Indicator, total: Events, part: Events, grid: Grid, targets: frozenset[TargetKey]) -> Row:
    """A row without its counts."""
    # Series of the part are usually among those of the total, so recoveries are not added but the larger is told.
    findings = total.findings
    if len(part.findings.t_ms):
        findings = max(findings, part.findings, key=lambda one: float(one.births.sum() + one.gap.sum()))
    ends = [one for one in (total.last_ms, part.last_ms) if one is not None]
    return Row(
        good=NOTHING,
        total=NOTHING,
        observed=NOTHING,
        counting=_counting(total, part),
        series=total.series,
        last_sample_ms=max(ends, default=None),
        recovered=findings.between(grid.range),
        findings=findings,
        uncounted=Uncounted.of(total.uncounted, part.uncounted, part_is_good=indicator.good is not None),
        targets=_shared(targets),
    )


@lru_cache(maxsize=4096)
def _shared(targets: frozenset[TargetKey]) -> frozenset[TargetKey]:
    """The same object for all rows of the same targets."""
    return targets


def _counting(*parts: Events) -> Counting:
    if any(part.pushdown for part in parts):
        return "pushdown"
    return "exact" if all(part.exact for part in parts) else "estimated"


def within(measurement: Measurement, row: Row, told: tuple[Float64, Float64, Float64], counted: Counted) -> Row:
    """A row whose histogram changed its buckets, by what all of them say; what they do not tell may be good.

    Args:
        told: Good events at least and at most, and all events that this is told of, per step.
    """
    least, most, seen = told
    untold = row.total - seen
    most = most + np.where(untold > UNTOLD * row.total, untold, 0.0)
    least = np.minimum(least, row.total)
    most = np.clip(most, least, row.total)
    # A bucket that begins while its histogram goes on is no birth.
    findings = _events(measurement, measurement.indicator.total, counted).findings
    return replace(
        row,
        good=least,
        upper=most if (most > least).any() else None,
        recovered=findings.between(counted.grid.range),
        findings=findings,
    )


def _untold(measurement: Measurement, expression: CountAtMost) -> bool:
    """Whether the threshold lies between two buckets."""
    binding = measurement.binding(expression.signal)
    return not isinstance(binding, SpanBinding) and not at_most(binding, expression.bound).exact


def _bounded(measurement: Measurement, expression: CountAtMost, row: Row, counted: Counted) -> Row:
    """A latency row whose threshold lies between two buckets gets the upper bound beside the lower one."""
    binding = measurement.binding(expression.signal)
    assert not isinstance(binding, SpanBinding)
    buckets = at_most(binding, expression.bound)
    upper = (
        of_terms(binding.source, buckets.upper, 1.0, counted.events, counted.grid).amount.astype(np.float64, copy=False)
        if buckets.upper
        else row.total
    )
    return replace(row, upper=upper)
