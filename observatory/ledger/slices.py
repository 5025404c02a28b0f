"""Level expressions on the grid: gauges, shares, ages and lag in seconds.

Messages that wait are added over partitions; seconds and shares never are: there the worst partition counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from observatory.compile.plan import LOOKBACK_MS, Leaf, Measurement
from observatory.compile.terms import outcome_terms
from observatory.indicators.expression import Age, Behind, Level, LevelExpression, Since, Utilisation
from observatory.ledger import levels
from observatory.ledger.evidence import Evidence, Line
from observatory.ledger.freshness import rises_of, seconds_since
from observatory.ledger.lag import seconds_behind
from observatory.ledger.levels import LevelSteps, on_grid, worst_of
from observatory.ledger.queue_lag import Arrivals, age_seconds, seconds_waited
from observatory.sources.base import Float64, Int64
from observatory.telemetry.binding import MetricBinding
from observatory.telemetry.signals import is_a_count
from observatory.windows import Grid

_OWN_LABELS = frozenset(
    {
        *("__name__", "job", "instance", "service", "endpoint", "container", "node"),
        *("pod", "pod_name", "kubernetes_pod_name", "kubernetes_pod_node_name"),
    }
)
"""Where and how a series was scraped; an exporter that starts anew in another pod shows the same things."""

MISSED_MS = LOOKBACK_MS
"""How long a partition is missed after its last sample; every level looks back at least as far."""


class Reading(Struct, frozen=True):
    """A level on the grid and how many series stood behind it.

    Attributes:
        reaches_back: Whether more samples from before would tell more.
    """

    steps: LevelSteps
    series: int
    last_ms: int | None
    exact: bool = True
    reaches_back: bool = False


def read_level(measurement: Measurement, level: LevelExpression, evidence: Evidence, grid: Grid) -> Reading:
    """The level in each step; where several partitions, queues or brokers are behind it the sum of messages, or the
    worst of anything else."""
    match level:
        case Level(signal=signal):
            lines = _lines(measurement, signal, evidence)
            partition = _partition_label(measurement, signal)
            if is_a_count(signal) and lines:
                return _reading([waiting_together(lines, partition, grid)], lines, grid, partition)
            parts = [on_grid(levels.Level(one.t_ms, one.values), grid, one.target.gap_ms) for one in lines]
            return _reading(parts, lines, grid, partition)
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
            on_grid(_behind(_curve(ones), other), grid, other.target.gap_ms)
            for other, ones in _matched(committed, produced)
        ]
        return _reading(parts, committed, grid, _partition_label(measurement, level.committed))
    assert level.depth is not None
    depth = _lines(measurement, level.depth, evidence)
    binding = measurement.binding(level.produced)
    arrives = isinstance(binding, MetricBinding) and binding.kind not in ("position",)
    parts = []
    for waiting, ones in _matched(depth, produced):
        if arrives:
            lag = seconds_waited(_arrivals(ones), waiting.t_ms, waiting.values)
        else:
            lag = _behind_by_depth(_curve(ones), waiting)
        parts.append(on_grid(lag, grid, waiting.target.gap_ms))
    return _reading(parts, depth, grid, _partition_label(measurement, level.depth))


def _behind_by_depth(one: Line, waiting: Line) -> levels.Level:
    """Lag of a group that shows how many messages wait for it; where these were read after the produced position, it
    stands somewhere between what that was before and after."""
    head = np.searchsorted(one.t_ms, waiting.t_ms, side="right") - 1
    kept = head >= 0
    head, t_ms, depth = head[kept], waiting.t_ms[kept], waiting.values[kept]
    following = np.minimum(np.where(one.t_ms[head] < t_ms, head + 1, head), len(one.t_ms) - 1)
    fresh_ms = max(one.target.gap_ms, waiting.target.gap_ms)
    least, most = (
        seconds_behind(one.t_ms, one.values, t_ms, np.maximum(one.values[at] - depth, 0.0), fresh_ms=fresh_ms)
        for at in (head, following)
    )
    if (following == head).all() or len(least.t_ms) != len(most.t_ms):
        return least
    assert least.error is not None
    assert most.error is not None
    return replace(least, error=np.maximum(least.error, least.value - most.value + most.error))


def _read_since(measurement: Measurement, counter: str, evidence: Evidence, grid: Grid) -> Reading:
    lines = _lines(measurement, counter, evidence)
    if not lines:
        return _reading([], lines, grid)
    rises = [rises_of(line.t_ms, line.values, None if line.birth is None else line.birth.base) for line in lines]
    gaps_ms = [line.target.gap_ms for line in lines]
    found = seconds_since([line.t_ms for line in lines], rises, gaps_ms)
    reading = _reading([on_grid(found, grid, max(gaps_ms))], lines, grid)
    return replace(reading, reaches_back=reading.reaches_back or any(_came_with_its_target(line) for line in lines))


def _came_with_its_target(line: Line) -> bool:
    """Whether a series is taken for new on a target that is new itself, or was dark, and the series with it."""
    if line.birth is None or line.birth.created or not len(line.t_ms) or line.target.first_ms is None:
        return False
    return bool(line.t_ms[0] - line.target.first_ms <= line.target.gap_ms)


def _behind(one: Line, committed: Line) -> levels.Level:
    fresh_ms = max(one.target.gap_ms, committed.target.gap_ms)
    return seconds_behind(one.t_ms, one.values, committed.t_ms, committed.values, fresh_ms=fresh_ms)


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


def _reading(parts: Sequence[LevelSteps], lines: Sequence[Line], grid: Grid, partition: str | None = None) -> Reading:
    steps = parts[0] if len(parts) == 1 else worst_of(parts, grid)
    reaches_back = bool(steps.at_least.any())
    if partition is not None and len(lines) > 1:
        steps = replace(steps, at_least=steps.at_least | (_missed(lines, partition, grid) & ~np.isnan(steps.worst)))
    ends = [int(line.t_ms[-1]) for line in lines if len(line.t_ms)]
    return Reading(steps, len(lines), max(ends, default=None), all(line.exact for line in lines), reaches_back)


def _partition_label(measurement: Measurement, signal: str) -> str | None:
    binding = measurement.binding(signal)
    return binding.partition_label if isinstance(binding, MetricBinding) else None


def _by_partition(lines: Sequence[Line], partition: str | None) -> list[list[Line]]:
    """Series of the same partition together, whoever exports them; others are each something of their own."""
    groups: dict[object, list[Line]] = {}
    for number, line in enumerate(lines):
        value = line.labels.get(partition, "") if partition else ""
        groups.setdefault(value or number, []).append(line)
    return list(groups.values())


def waiting_together(lines: Sequence[Line], partition: str | None, grid: Grid) -> LevelSteps:
    """Messages of all series together, each partition once, whoever exports it."""
    parts = []
    for ones in _by_partition(lines, partition):
        same = [(levels.Level(one.t_ms, one.values), one.target.gap_ms) for one in ones]
        parts.append((levels.highest_of(same), max(gap_ms for _, gap_ms in same)))
    return on_grid(levels.total_of(parts), grid, max(gap_ms for _, gap_ms in parts))


def _missed(lines: Sequence[Line], partition: str, grid: Grid) -> levels.Bools:
    """Steps in which a partition is not seen that was there within the hour before: an exporter leaves out what has no
    leader. After that it is taken to be gone."""
    missed = np.zeros(grid.steps, dtype=bool)
    edges = grid.start_ms + grid.step_ms * np.arange(1, grid.steps + 1)
    for ones in _by_partition(lines, partition):
        t_ms = np.unique(np.concatenate([one.t_ms for one in ones]))
        if len(t_ms):
            last = np.searchsorted(t_ms, edges, side="right") - 1
            age_ms = np.where(last >= 0, edges - t_ms[np.maximum(last, 0)], 0)
            missed |= (age_ms > max(grid.step_ms, *(one.target.gap_ms for one in ones))) & (age_ms <= MISSED_MS)
    return missed


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


def _curve(ones: Sequence[Line]) -> Line:
    """What was produced, as one series: of parts that are counted together, as partitions are where the other side
    shows only their sum, the sum; of several exporters that show the same, all samples."""
    things: dict[tuple[str, ...], list[Line]] = {}
    names = _telling_apart(ones)
    for one in ones:
        things.setdefault(tuple(one.labels.get(name, "") for name in names), []).append(one)
    curves = [_merged(members) for members in things.values()]
    if len(curves) == 1:
        return curves[0]
    total = levels.total_of([(levels.Level(one.t_ms, one.values), one.target.gap_ms) for one in curves])
    return replace(curves[0], t_ms=total.t_ms, values=total.value, birth=None, exact=all(one.exact for one in curves))


def _telling_apart(ones: Sequence[Line]) -> tuple[str, ...]:
    """Labels by which series differ that one target shows at the same time: they are different things."""
    names: set[str] = set()
    by_target: dict[int, list[Line]] = {}
    for one in ones:
        if len(one.t_ms):
            by_target.setdefault(id(one.target), []).append(one)
    for members in by_target.values():
        members.sort(key=lambda one: int(one.t_ms[0]))
        for one, other in pairwise(members):
            if other.t_ms[0] <= one.t_ms[-1]:
                every = (one.labels.keys() | other.labels.keys()) - {"__name__"}
                names.update(name for name in every if one.labels.get(name) != other.labels.get(name))
    return tuple(sorted(names))


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


def _arrivals(lines: Sequence[Line]) -> Arrivals:
    """Increments of arrival counters, all series together."""
    before: list[Int64] = [np.empty(0, np.int64)]
    shown: list[Int64] = [np.empty(0, np.int64)]
    amounts: list[Float64] = [np.empty(0)]
    for line in lines:
        rise = np.diff(line.values)
        before.append(line.t_ms[:-1])
        shown.append(line.t_ms[1:])
        amounts.append(np.where(rise < 0, line.values[1:], rise))
        if line.birth is not None and len(line.t_ms):
            before.append(np.asarray([min(line.birth.since_ms, int(line.t_ms[0]))], np.int64))
            shown.append(line.t_ms[:1])
            amounts.append(line.values[:1] - line.birth.base)
    return Arrivals(np.concatenate(before), np.concatenate(shown), np.concatenate(amounts))
