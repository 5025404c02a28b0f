"""Level expressions on the grid: gauges, shares, ages and lag in seconds.

Messages that wait are added over partitions; seconds and shares never are: there the worst partition counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from observatory.compile.plan import Leaf, Measurement
from observatory.compile.terms import outcome_terms
from observatory.indicators.expression import Age, Behind, Level, LevelExpression, Since, Utilisation
from observatory.ledger import levels
from observatory.ledger.evidence import Evidence, Line
from observatory.ledger.freshness import rises_of, seconds_since
from observatory.ledger.lag import age_seconds, arrivals_curve, seconds_behind
from observatory.ledger.levels import LevelSteps, on_grid, worst_of
from observatory.sources.base import Float64, Int64
from observatory.telemetry.binding import MetricBinding
from observatory.telemetry.signals import is_a_count
from observatory.windows import Grid

_OWN_LABELS = frozenset({"__name__", "job", "instance"})


@dataclass(frozen=True, slots=True)
class Reading:
    """A level on the grid and how many series stood behind it."""

    steps: LevelSteps
    series: int
    last_ms: int | None
    exact: bool = True


def read_level(measurement: Measurement, level: LevelExpression, evidence: Evidence, grid: Grid) -> Reading:
    """The level in each step; where several partitions, queues or brokers are behind it the sum of messages, or the
    worst of anything else."""
    match level:
        case Level(signal=signal):
            lines = _lines(measurement, signal, evidence)
            plain = [(levels.Level(line.t_ms, line.values), line.target.gap_ms) for line in lines]
            if is_a_count(signal) and plain:
                together = on_grid(levels.total_of(plain), grid, max(gap_ms for _, gap_ms in plain))
                return _reading([together], lines, grid)
            return _reading([on_grid(one, grid, gap_ms) for one, gap_ms in plain], lines, grid)
        case Utilisation(used=used, limit=limit):
            lines = _lines(measurement, used, evidence)
            pairs = _joined(lines, _lines(measurement, limit, evidence), own_labels=True)
            return _reading([_share(one, other, grid) for one, other in pairs], lines, grid)
        case Age(timestamp=timestamp, depth=depth):
            return _read_age(measurement, timestamp, depth, evidence, grid)
        case Behind():
            return _read_behind(measurement, level, evidence, grid)
        case Since(counter=counter):
            return _read_since(measurement, counter, evidence, grid)


def _read_behind(measurement: Measurement, level: Behind, evidence: Evidence, grid: Grid) -> Reading:
    produced = _lines(measurement, level.produced, evidence)
    if level.committed is not None:
        committed = _lines(measurement, level.committed, evidence)
        parts = [
            on_grid(_behind(one.t_ms, one.values, other), grid, other.target.gap_ms)
            for other, ones in _matched(committed, produced)
            for one in [_merged(ones)]
        ]
        return _reading(parts, committed, grid)
    assert level.depth is not None
    depth = _lines(measurement, level.depth, evidence)
    binding = measurement.binding(level.produced)
    arrives = isinstance(binding, MetricBinding) and binding.kind not in ("position",)
    parts = []
    for waiting, ones in _matched(depth, produced):
        if arrives:
            t_ms, amount = _arrivals(ones)
            t_e, e, c = arrivals_curve(t_ms, amount, waiting.t_ms, waiting.values)
            lag = seconds_behind(t_e, e, t_e, c, fresh_ms=waiting.target.gap_ms)
        else:
            one = _merged(ones)
            head = np.searchsorted(one.t_ms, waiting.t_ms, side="right") - 1
            kept = head >= 0
            position = one.values[head[kept]] - waiting.values[kept]
            lag = seconds_behind(
                one.t_ms, one.values, waiting.t_ms[kept], np.maximum(position, 0.0), fresh_ms=waiting.target.gap_ms
            )
        parts.append(on_grid(lag, grid, waiting.target.gap_ms))
    return _reading(parts, depth, grid)


def _read_since(measurement: Measurement, counter: str, evidence: Evidence, grid: Grid) -> Reading:
    lines = _lines(measurement, counter, evidence)
    if not lines:
        return _reading([], lines, grid)
    rises = [rises_of(line.t_ms, line.values, None if line.birth is None else line.birth.base) for line in lines]
    found = seconds_since([line.t_ms for line in lines], rises)
    return _reading([on_grid(found, grid, max(line.target.gap_ms for line in lines))], lines, grid)


def _behind(t_ms: Int64, produced: Float64, committed: Line) -> levels.Level:
    return seconds_behind(t_ms, produced, committed.t_ms, committed.values, fresh_ms=committed.target.gap_ms)


def _read_age(measurement: Measurement, timestamp: str, depth: str | None, evidence: Evidence, grid: Grid) -> Reading:
    stamps = _lines(measurement, timestamp, evidence)
    if depth is None:
        parts = [
            on_grid(age_seconds(one.t_ms, one.values, None, None, fresh_ms=one.target.gap_ms), grid, one.target.gap_ms)
            for one in stamps
        ]
        return _reading(parts, stamps, grid)
    waiting = _lines(measurement, depth, evidence)
    parts = []
    for other, ones in _matched(waiting, stamps, lonely=True):
        one = _merged(ones) if ones else None
        t_ms = one.t_ms if one else np.empty(0, np.int64)
        values = one.values if one else np.empty(0)
        age = age_seconds(t_ms, values, other.t_ms, other.values, fresh_ms=other.target.gap_ms)
        parts.append(on_grid(age, grid, other.target.gap_ms))
    return _reading(parts, waiting, grid)


def _share(used: Line, limit: Line, grid: Grid) -> LevelSteps:
    """Used over limit at the samples of `used`; a limit of zero or none at all is unknown."""
    head = np.searchsorted(limit.t_ms, used.t_ms, side="right") - 1
    kept = (head >= 0) & (used.t_ms - limit.t_ms[np.maximum(head, 0)] <= limit.target.gap_ms)
    of = limit.values[np.maximum(head, 0)]
    kept &= of > 0
    return on_grid(levels.Level(used.t_ms[kept], used.values[kept] / of[kept]), grid, used.target.gap_ms)


def _lines(measurement: Measurement, signal: str, evidence: Evidence) -> list[Line]:
    """Series of a signal in its base unit, without values that mean "unknown"."""
    binding = measurement.binding(signal)
    if not isinstance(binding, MetricBinding):
        return []
    found: list[Line] = []
    for term in outcome_terms(binding, None):
        for line in evidence.lines(Leaf(binding.source, term.selector)):
            t_ms, values = levels.valid(line.t_ms, line.values, binding)
            found.append(Line(line.labels, t_ms, values, line.target, line.birth, line.exact))
    return found


def _reading(parts: Sequence[LevelSteps], lines: Sequence[Line], grid: Grid) -> Reading:
    steps = parts[0] if len(parts) == 1 else worst_of(parts, grid)
    ends = [int(line.t_ms[-1]) for line in lines if len(line.t_ms)]
    return Reading(steps, len(lines), max(ends, default=None), all(line.exact for line in lines))


def _shared_labels(ones: Sequence[Line], others: Sequence[Line], own_labels: bool = False) -> tuple[str, ...]:
    """Labels that every series of both sides has: topic, partition, queue; where it was scraped does not matter."""
    if not ones or not others:
        return ()
    common = set(ones[0].labels).intersection(*(line.labels for line in (*ones, *others)))
    return tuple(sorted(common - (frozenset({"__name__"}) if own_labels else _OWN_LABELS)))


def _matched(
    lines: Sequence[Line], partners: Sequence[Line], *, lonely: bool = False
) -> Iterable[tuple[Line, list[Line]]]:
    """Each series with those of the other side that agree on all shared labels; alone only where `lonely`."""
    names = _shared_labels(lines, partners)
    by_key: dict[tuple[str, ...], list[Line]] = {}
    for partner in partners:
        by_key.setdefault(_key(partner.labels, names), []).append(partner)
    for line in lines:
        found = by_key.get(_key(line.labels, names), [])
        if found or lonely:
            yield line, found


def _joined(ones: Sequence[Line], others: Sequence[Line], *, own_labels: bool) -> list[tuple[Line, Line]]:
    names = _shared_labels(ones, others, own_labels)
    by_key = {_key(other.labels, names): other for other in others}
    return [(one, by_key[key]) for one in ones if (key := _key(one.labels, names)) in by_key]


def _key(labels: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(labels[name] for name in names)


def _merged(lines: Sequence[Line]) -> Line:
    """Several exporters that show the same position, as one series; the higher value wins at equal instants."""
    if len(lines) == 1:
        return lines[0]
    t_ms = np.concatenate([line.t_ms for line in lines])
    values = np.concatenate([line.values for line in lines])
    order = np.lexsort((values, t_ms))
    t_ms, values = t_ms[order], values[order]
    last = np.append(np.diff(t_ms) != 0, True)
    return Line(lines[0].labels, t_ms[last], values[last], lines[0].target, None, all(line.exact for line in lines))


def _arrivals(lines: Sequence[Line]) -> tuple[Int64, Float64]:
    """Increments of arrival counters at the instants they were seen, all series together, ascending."""
    times: list[Int64] = []
    amounts: list[Float64] = []
    for line in lines:
        rise = np.diff(line.values)
        times.append(line.t_ms[1:])
        amounts.append(np.where(rise < 0, line.values[1:], rise))
        if line.birth is not None:
            times.append(line.t_ms[:1])
            amounts.append(line.values[:1] - line.birth.base)
    t_ms = np.concatenate([np.empty(0, np.int64), *times])
    amount = np.concatenate([np.empty(0), *amounts])
    order = np.argsort(t_ms, kind="stable")
    return t_ms[order], amount[order]
