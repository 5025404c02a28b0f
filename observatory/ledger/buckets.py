"""Buckets that change: events at or under a bound while a histogram's boundaries come and go.

A new release has other boundaries, a relabelling drops some, and while pods are replaced both layouts are there at
once. Then no single bucket tells the whole window. So each series is walked scrape by scrape beside its `_count`: the
widest bucket under the bound that was there gives the least, the narrowest one over it the most, and where a bucket
lies at the bound both are the same. A bucket that appears while its histogram goes on carries a history; its first
value is no number of events, unless the histogram began anew in that scrape.

Whether a histogram changed is seen day by day. Where it did, the whole window is read again with all its buckets: that
is never kept with a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from observatory.compile.plan import LOOKBACK_MS, Leaf, Measurement
from observatory.compile.terms import AtMost, at_most, bucket_terms, outcome_terms
from observatory.indicators.expression import CountAtMost
from observatory.ledger.evidence import Evidence, Line
from observatory.ledger.increments import place
from observatory.sources.base import Float64, Int64
from observatory.telemetry.binding import Matcher, MetricBinding, SeriesSelector, Term
from observatory.windows import Grid

MISSED_SCRAPES = 2
"""By so many samples a bucket may differ from its `_count` and still count as one that was always there."""
_SAME = 1e-9
_Name = frozenset[tuple[str, str]]


def bounded_binding(measurement: Measurement) -> tuple[MetricBinding, float] | None:
    """The distribution and the bound by which a measurement judges; None where it judges otherwise."""
    indicator = measurement.indicator
    part = indicator.good if indicator.good is not None else indicator.bad
    if not isinstance(part, CountAtMost):
        return None
    binding = measurement.binding(part.signal)
    if isinstance(binding, MetricBinding) and binding.kind == "distribution":
        return binding, part.bound
    return None


def has_changed(binding: MetricBinding, bound: float, evidence: Evidence) -> bool:
    """Whether a bucket that was chosen to judge by was missing while its histogram was there."""
    chosen = at_most(binding, bound)
    if not binding.boundaries or len({value for value, _ in binding.boundaries}) < 2:
        return False
    counted = _sizes(binding, outcome_terms(binding, None), evidence)
    for terms in chosen_terms(chosen):
        found = _sizes(binding, terms, evidence)
        if any(abs(size - found.get(name, 0)) > MISSED_SCRAPES for name, size in counted.items()):
            return True
    return False


def chosen_terms(chosen: AtMost) -> Iterable[tuple[Term, ...]]:
    """The buckets on either side of a bound, or the one on it, each in all its spellings."""
    yield from (terms for terms in dict.fromkeys((chosen.lower, chosen.upper)) if terms)


def _sizes(binding: MetricBinding, terms: Sequence[Term], evidence: Evidence) -> dict[_Name, int]:
    found: dict[_Name, int] = {}
    for term in terms:
        for line in evidence.lines(Leaf(binding.source, term.selector)):
            # Two spellings of one boundary ("1" and "1.0") are one bucket.
            name = _base(line)
            found[name] = found.get(name, 0) + len(line.t_ms)
    return found


def bucket_leaves(binding: MetricBinding) -> dict[Leaf, int]:
    """Every bucket of a distribution, each with its lookback, for a second request."""
    le = Matcher("le", tuple(dict.fromkeys(text for _, text in binding.boundaries)))
    return {
        Leaf(binding.source, SeriesSelector(term.selector.metric, (*term.selector.matchers, le))): LOOKBACK_MS
        for term in bucket_terms(binding)
    }


def count_leaves(binding: MetricBinding) -> dict[Leaf, int]:
    """The `_count` series of a distribution, each with its lookback."""
    return {Leaf(binding.source, term.selector): LOOKBACK_MS for term in outcome_terms(binding, None)}


def least_and_most(
    binding: MetricBinding, bound: float, evidence: Evidence, grid: Grid
) -> tuple[Float64, Float64, Float64]:
    """Events at or under the bound, per step: at least, and at most; and all events that this is told of.

    Args:
        evidence: The series of `count_leaves`, with their births, and of `bucket_leaves`.
    """
    least, most, seen = np.zeros(grid.steps), np.zeros(grid.steps), np.zeros(grid.steps)
    of_base: dict[tuple[str, _Name], list[tuple[float, Line]]] = {}
    for leaf in bucket_leaves(binding):
        for line in evidence.lines(leaf):
            upper = float(line.labels.get("le", "nan")) * binding.scale
            if np.isfinite(upper):
                of_base.setdefault((leaf.selector.metric, _base(line)), []).append((upper, line))
    for count_term, bucket_term in zip(outcome_terms(binding, None), bucket_terms(binding), strict=True):
        for count in evidence.lines(Leaf(binding.source, count_term.selector)):
            mine = of_base.get((bucket_term.selector.metric, _base(count)), [])
            _add((least, most, seen), count_term.sign, count, mine, bound, grid)
    return least, most, seen


def _base(line: Line) -> _Name:
    return frozenset((name, value) for name, value in line.labels.items() if name not in ("__name__", "le"))


def _add(
    lines: tuple[Float64, Float64, Float64],
    sign: int,
    count: Line,
    buckets: Sequence[tuple[float, Line]],
    bound: float,
    grid: Grid,
) -> None:
    """Add one histogram's events, increment by increment."""
    rises, anew = _rises_of_count(count)
    low, high = np.zeros(len(rises)), rises.copy()
    for upper, bucket in buckets:
        found = _rises_of_bucket(count.t_ms, bucket, anew)
        known = ~np.isnan(found)
        if upper <= bound * (1 + _SAME):
            low[known] = np.maximum(low[known], found[known])
        if upper >= bound * (1 - _SAME):
            high[known] = np.minimum(high[known], found[known])
    low = np.minimum(low, rises)
    high = np.clip(high, low, rises)
    since = np.concatenate(([count.birth.since_ms if count.birth else count.t_ms[0]], count.t_ms[:-1]))
    spread = count.t_ms - since > count.target.gap_ms
    for index in np.flatnonzero((rises > 0) & (count.t_ms > grid.start_ms)).tolist():
        at = int(count.t_ms[index])
        begin = int(since[index]) if spread[index] else at
        for line, amount in zip(lines, (low[index], high[index], rises[index]), strict=True):
            if amount:
                place(line, grid, begin, at, sign * float(amount))


def _rises_of_count(count: Line) -> tuple[Float64, np.typing.NDArray[np.bool_]]:
    """Per sample the events since the one before, and whether the histogram began anew there."""
    first = count.values[0] - count.birth.base if count.birth else 0.0
    rises = np.concatenate(([max(0.0, float(first))], np.diff(count.values)))
    anew = rises < 0
    rises[anew] = count.values[anew]
    anew[0] = count.birth is not None and count.birth.base == 0
    return rises, anew


def _rises_of_bucket(t_ms: Int64, bucket: Line, anew: np.typing.NDArray[np.bool_]) -> Float64:
    """The bucket's events at the same samples; NaN where it was not there, or was not there before."""
    at = np.searchsorted(t_ms, bucket.t_ms)
    here = at < len(t_ms)
    here[here] = t_ms[at[here]] == bucket.t_ms[here]
    values = np.full(len(t_ms), np.nan)
    values[at[here]] = bucket.values[here]
    rises = np.diff(values, prepend=np.nan)
    begun = anew | (rises < 0)
    rises[begun] = values[begun]
    return rises
