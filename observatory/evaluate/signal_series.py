"""Signals over time for panels: throughput, levels, quantiles, ages and seconds behind, at the step a panel wants.

The same counting as for objectives, on a coarser grid; one plan for all subjects of a panel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from observatory.compile.measure import Measurement, bound_measurement, estimated
from observatory.compile.plan import LOOKBACK_MS, Leaf, leaves_of, plan_leaves
from observatory.compile.terms import bucket_terms, outcome_terms
from observatory.errors import SourceFailed
from observatory.evaluate.snapshot import SignalSeries, Statistic
from observatory.indicators.expression import Outcome, Slices, SlicesAtMost
from observatory.indicators.standard import candidates
from observatory.ledger import levels
from observatory.ledger.evidence import Evidence, Line, Sources, gather
from observatory.ledger.histograms import quantiles, sample_quantiles
from observatory.ledger.increments import tally
from observatory.ledger.levels import on_grid, worst_of
from observatory.ledger.slices import read_level, waiting_together
from observatory.sources.base import Float64, Int64, MessageQuery, SampleSet, SpanSource
from observatory.spec.catalog import Catalog, Threshold
from observatory.telemetry.binding import Binding, MappingResult, MetricBinding, SemanticKind, SpanBinding, Term
from observatory.telemetry.signals import SIGNALS, is_a_count
from observatory.windows import Grid, TimeRange

QUANTILE_OF: dict[str, float] = {"p50": 0.5, "p99": 0.99}


def signal_series(
    catalog: Catalog,
    mapping: MappingResult,
    sources: Sources,
    signal: str,
    subjects: Sequence[str],
    span: TimeRange,
    step_ms: int,
    statistic: Statistic,
    by_part: bool = False,
) -> tuple[SignalSeries, ...]:
    """One line per subject (and part), in the order of subjects; see `Estate.series`."""
    grid = Grid.ending_at(span.end_ms, span.end_ms - span.start_ms, step_ms)
    if statistic == "behind":
        return tuple(_behind(catalog, mapping, sources, subjects, grid))
    bound = {subject: one for subject in subjects if (one := _bound(catalog, mapping, subject, signal)) is not None}
    if not bound:
        return ()
    kinds: dict[Leaf, SemanticKind] = {}
    for binding in bound.values():
        if isinstance(binding, MetricBinding):
            for term in _terms(binding, statistic):
                kinds[Leaf(binding.source, term.selector)] = _counted_as(binding)
    evidence = gather(plan_leaves(dict.fromkeys(kinds, LOOKBACK_MS)), sources, grid, kinds)
    _raise_failures(evidence)
    found: list[SignalSeries] = []
    spans = {source.name: source for source in sources.spans}
    for subject, binding in bound.items():
        if isinstance(binding, MetricBinding):
            parts = _metric_parts(binding, statistic, evidence, grid, by_part)
        elif binding.source in spans:
            parts = _span_parts(binding, statistic, spans[binding.source], grid)
        else:
            parts = {}
        found += [
            _line(subject, signal, statistic, part, grid, value)
            for part, value in sorted(parts.items())
            if not np.isnan(value).all()
        ]
    return tuple(found)


def _bound(catalog: Catalog, mapping: MappingResult, subject: str, signal: str) -> Binding | None:
    """The binding of a subject; an operation falls back to its channel, for what belongs to the channel."""
    binding = mapping.chosen(subject, signal)
    if binding is None:
        channel_id = next((one.channel_id for one in catalog.operations if one.key == subject), None)
        binding = mapping.chosen(channel_id, signal) if channel_id else None
    return binding if binding is not None and binding.liveness != "missing" else None


def _counted_as(binding: MetricBinding) -> SemanticKind:
    return "cumulative" if binding.kind == "distribution" else binding.kind


def _terms(binding: MetricBinding, statistic: Statistic) -> tuple[Term, ...]:
    if statistic in QUANTILE_OF:
        return bucket_terms(binding) if binding.kind == "distribution" else ()
    return outcome_terms(binding, "error" if statistic == "error_rate" else None)


def _raise_failures(evidence: Evidence) -> None:
    if evidence.failed and evidence.problems:
        raise SourceFailed(evidence.problems)


def _line(subject: str, signal: str, statistic: Statistic, part: str, grid: Grid, value: Float64) -> SignalSeries:
    word = SIGNALS.get(signal)
    unit: str = word.unit if word else ""
    if statistic in ("p50", "p99", "age", "behind"):
        unit = "second"
    t_ms = grid.start_ms + grid.step_ms * np.arange(1, grid.steps + 1, dtype=np.int64)
    return SignalSeries(
        subject=subject, signal=signal, statistic=statistic, part=part, unit=unit, t_ms=t_ms, value=value
    )


def _metric_parts(
    binding: MetricBinding, statistic: Statistic, evidence: Evidence, grid: Grid, by_part: bool
) -> dict[str, Float64]:
    """Values per step by part; one part with an empty name unless parts are asked for."""
    signed = [
        (term.sign, line)
        for term in _terms(binding, statistic)
        for line in evidence.lines(Leaf(binding.source, term.selector))
    ]
    if not signed or (statistic in ("rate", "error_rate") and binding.kind == "time_position"):
        return {}
    groups: dict[str, list[tuple[int, Line]]] = {}
    for sign, line in signed:
        groups.setdefault(_part_of(binding, line.labels) if by_part else "", []).append((sign, line))
    match statistic:
        case "rate" | "error_rate":
            return {part: _rate(binding, lines, grid, evidence) for part, lines in groups.items()}
        case "p50" | "p99":
            return {part: _quantile(binding, lines, grid, QUANTILE_OF[statistic]) for part, lines in groups.items()}
        case _:
            return {part: _level(binding, lines, grid, statistic) for part, lines in groups.items()}


def _part_of(binding: MetricBinding, labels: Mapping[str, str]) -> str:
    if binding.partition_label:
        return labels.get(binding.partition_label, "")
    return labels.get("instance", "")


def _increments(binding: MetricBinding, lines: Sequence[Line], grid: Grid) -> Float64:
    samples = SampleSet.of([(line.labels, line.t_ms, line.values) for line in lines])
    period_ms = binding.all[0].selector.period_ms if binding.all else 0
    gaps = np.asarray([period_ms or line.target.gap_ms for line in lines], dtype=np.int64)
    born = {index: line.birth for index, line in enumerate(lines) if line.birth is not None}
    groups = np.zeros(len(lines), dtype=np.int64)
    amount: Float64 = tally(samples, groups, 1, grid, _counted_as(binding), gaps, born).amount[0]
    return amount


def _rate(binding: MetricBinding, signed: Sequence[tuple[int, Line]], grid: Grid, evidence: Evidence) -> Float64:
    """Events per second; NaN where none of the targets was seen."""
    amount = np.zeros(grid.steps)
    for sign in (1, -1):
        lines = [line for one, line in signed if one == sign]
        if lines:
            amount += sign * _increments(binding, lines, grid)
    scale = 1.0 if binding.kind == "distribution" else binding.scale
    targets = frozenset(line.target.key for _, line in signed)
    seen = evidence.targets.lives(grid.end_ms).observed_seconds(targets, grid) > 0
    rate: Float64 = np.where(seen, amount * scale / (grid.step_ms / 1000), np.nan)
    return rate


def _level(binding: MetricBinding, signed: Sequence[tuple[int, Line]], grid: Grid, statistic: Statistic) -> Float64:
    parts = []
    for _, line in signed:
        t_ms, value = levels.valid(line.t_ms, line.values, binding)
        if statistic == "age":
            shown = value > 0
            t_ms, value = t_ms[shown], np.maximum(t_ms[shown] / 1000 - value[shown], 0.0)
        parts.append(replace(line, t_ms=t_ms, values=value))
    if statistic == "level" and is_a_count(binding.signal):
        return waiting_together(parts, binding.partition_label, grid).worst
    return worst_of([on_grid(levels.Level(one.t_ms, one.values), grid, one.target.gap_ms) for one in parts], grid).worst


def _quantile(binding: MetricBinding, signed: Sequence[tuple[int, Line]], grid: Grid, quantile: float) -> Float64:
    by_bound: dict[float, list[Line]] = {}
    for _, line in signed:
        try:
            bound = float(line.labels.get("le", ""))
        except ValueError:
            continue
        by_bound.setdefault(bound, []).append(line)
    bounds = sorted(by_bound)
    if not bounds:
        return np.full(grid.steps, np.nan)
    counts = np.vstack([_increments(binding, by_bound[bound], grid) for bound in bounds])
    return quantiles(bounds, counts, quantile) * binding.scale


def _span_parts(binding: SpanBinding, statistic: Statistic, source: SpanSource, grid: Grid) -> dict[str, Float64]:
    if statistic in QUANTILE_OF:
        t_ms, seconds = source.hop_latencies(binding.selector, grid.range)
        steps: Int64 = (t_ms - grid.start_ms - 1) // grid.step_ms
        return {"": sample_quantiles(steps, seconds, grid.steps, QUANTILE_OF[statistic])}
    if statistic not in ("rate", "error_rate"):
        return {}
    side = "producer" if binding.signal.startswith("publish") else "consumer"
    outcome: Outcome | None = "error" if statistic == "error_rate" else None
    query = MessageQuery("rate", binding.selector, "producer" if side == "producer" else "consumer", outcome)
    counts = source.count_messages([query], grid).get("rate")
    if counts is None:
        return {}
    return {"": np.where(source.span_presence(grid) > 0, counts / (grid.step_ms / 1000), np.nan)}


def _behind(
    catalog: Catalog, mapping: MappingResult, sources: Sources, subjects: Sequence[str], grid: Grid
) -> Iterator[SignalSeries]:
    """Seconds behind the head of each consumer, by the best evidence that its lag objective would use."""
    measured: dict[str, Measurement] = {}
    operations = {operation.key: operation for operation in catalog.operations}
    options = candidates("lag", "consumer", Threshold(value=60.0, unit="second"))
    for subject in subjects:
        operation = operations.get(subject)
        if operation is None:
            continue
        found = (bound_measurement(indicator, subject, operation.channel_id, mapping) for indicator in options)
        there = [one for one in found if one is not None and one.liveness != "missing"]
        if there:
            measured[subject] = min(there, key=lambda one: estimated(one.bindings))
    wanted: dict[Leaf, int] = {}
    kinds: dict[Leaf, SemanticKind] = {}
    for one in measured.values():
        wanted |= dict(leaves_of(one))
        for binding in one.bindings:
            if isinstance(binding, MetricBinding) and binding.kind == "cumulative":
                kinds |= {Leaf(binding.source, term.selector): binding.kind for term in binding.all}
    evidence = gather(plan_leaves(wanted), sources, grid, kinds)
    _raise_failures(evidence)
    for subject, one in measured.items():
        assert isinstance(one.indicator.total, Slices | SlicesAtMost)
        reading = read_level(one, one.indicator.total.level, evidence, grid)
        if reading.series:
            yield _line(subject, "consumer_lag_time", "behind", "", grid, reading.steps.worst)
