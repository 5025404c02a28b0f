"""Outcomes apart: good or bad events that other targets count than those that count all events.

A broker counts what it delivers, a consumer what it acknowledges; what is processed and what is dead-lettered may come
from two exporters. Either may be dark, gone or not there yet while the other is seen. Then the outcome of what was
counted meanwhile is not known: taken as it is, every event would be bad without a counter of good ones, and none
without one of bad ones.

So a step was seen as far as both were. Where nothing of the outcome was seen, its events are left out, unless counters
came back and had gone on: these have counted them, see `increments`. Known bad events stay where all events are known.

A counter of outcomes may be missing because there is nothing to count, as on a pod that has not failed yet. Where `up`
tells that its job was scraped, it was seen. Where it does not, errors that were never shown did not happen, and where
they were shown once, coverage says since when they are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from observatory.compile.plan import LOOKBACK_MS, Measurement
from observatory.indicators.expression import Count
from observatory.ledger.answers import RESTARTED_KINDS
from observatory.ledger.births import EDGE_MS
from observatory.ledger.origins import UP
from observatory.ledger.row import Findings, Row
from observatory.ledger.samples import fit
from observatory.ledger.tallies import Events
from observatory.ledger.targets import Lives, TargetKey, Targets
from observatory.sources.base import Float64, SampleSet, SeriesRequest
from observatory.telemetry.binding import Matcher, MetricBinding
from observatory.windows import Grid, TimeRange

Owner = tuple[str, str]
"""Source and job."""
RETURN_STEPS = 10
"""So many steps after the outcome is seen again it is told whether its counters had gone on."""
Asking = Callable[[str, SeriesRequest], SampleSet | None]


class Apart(Struct, frozen=True):
    """The outcome of a measurement's events, where others count it.

    Attributes:
        seen: Per step the seconds in which it was seen.
        before: Whether it was seen well before the grid, and whether all events were.
        told: Whether `up` tells when its job was scraped.
    """

    grid: Grid
    owners: frozenset[Owner]
    seen: Float64
    before: tuple[bool, bool]
    told: bool


class Outcome(Struct, frozen=True):
    """A measurement whose outcome others count, and the targets that it and all events were seen at."""

    measurement: Measurement
    owners: frozenset[Owner]
    targets: frozenset[TargetKey]
    total_targets: frozenset[TargetKey]


def may_be_apart(measurement: Measurement) -> bool:
    """Whether all events and those of one outcome are two signals, which different targets may have."""
    indicator = measurement.indicator
    part = indicator.good if indicator.good is not None else indicator.bad
    total = indicator.total
    if not isinstance(total, Count) or not isinstance(part, Count) or part.signal == total.signal:
        return False
    return all(isinstance(measurement.binding(one.signal), MetricBinding) for one in (total, part))


def outcome_of(measurement: Measurement, total: Events, part: Events, known: frozenset[Owner]) -> Outcome | None:
    """The outcome of a measurement where other jobs count it than all events; None where the same do.

    Args:
        known: Who counted it before, where that is known: now there may be nothing to be seen of them.
    """
    targets, total_targets = part.targets | part.ended, total.targets | total.ended
    owners = frozenset(key[:2] for key in targets)
    if owners & {key[:2] for key in total_targets} or not owners | known:
        return None
    return Outcome(measurement, owners | known, targets, total_targets)


def find_apart(outcomes: Mapping[str, Outcome], lives: Lives, grid: Grid, ask: Asking) -> dict[str, Apart]:
    """When outcomes were seen; `up` of their jobs is asked only where their own series do not show it."""
    found: dict[str, Apart] = {}
    ups: dict[Owner, tuple[Lives, frozenset[TargetKey]]] = {}
    full = grid.step_ms / 1000
    for key, one in outcomes.items():
        seen = lives.observed_seconds(one.targets, grid).copy()
        told = False
        if bool((seen < full).any()):
            for owner in sorted(one.owners):
                if owner not in ups:
                    ups[owner] = _scraped(owner, grid, ask)
                of_job, targets = ups[owner]
                told = told or bool(targets)
                seen = np.maximum(seen, of_job.observed_seconds(targets, grid))
        before = tuple(
            any(spans[0][0] < grid.start_ms - EDGE_MS for key in targets if (spans := lives.spans.get(key)))
            for targets in (one.targets, one.total_targets)
        )
        if not told and not before[0] and _is_shown_when_it_happens(one.measurement) and bool((seen > 0).any()):
            seen[: int(np.argmax(seen > 0))] = full
        found[key] = Apart(grid, one.owners, seen, (before[0], before[1]), told)
    return found


def _scraped(owner: Owner, grid: Grid, ask: Asking) -> tuple[Lives, frozenset[TargetKey]]:
    """When targets of a job were scraped, and which are known to `up`."""
    source, job = owner
    span = TimeRange(grid.start_ms - LOOKBACK_MS, grid.end_ms)
    samples = ask(source, SeriesRequest(UP, (Matcher("job", (job,)),), span)) if job else None
    targets = Targets()
    if samples is None or not len(samples):
        return targets.lives(grid.end_ms), frozenset()
    up = replace(samples, values=np.where(samples.values > 0, 1.0, np.nan))
    targets.learn([(source, fit(up, span.start_ms, span.end_ms))])
    lives = targets.lives(grid.end_ms)
    return lives, frozenset(lives.spans)


def _is_shown_when_it_happens(measurement: Measurement) -> bool:
    """Whether there may be no series of an outcome as long as there is nothing to count: of errors, where they count
    from zero. Any other says how far it is though nothing happens.
    """
    bad = measurement.indicator.bad
    if not isinstance(bad, Count):
        return False
    binding = measurement.binding(bad.signal)
    return isinstance(binding, MetricBinding) and binding.kind in RESTARTED_KINDS


def judged(row: Row, apart: Apart, measurement: Measurement, total: Events, part: Events) -> Row:
    """A row without the events of steps in which they or their outcome are not known, seen as far as both were.

    Args:
        total, part: All events, and the good or the bad ones.
    """
    good, steps = measurement.indicator.good is not None, len(row.total)
    unknown = np.zeros(steps, bool)
    amount = part.amount.astype(np.float64, copy=False)
    dark = _runs(apart.seen <= 0)
    if not apart.before[0] and not (dark and dark[0][0] == 0):
        dark.insert(0, (0, 0))
    for first, after in dark:
        known = (first > 0 or apart.before[0]) and after < steps and (not good or bool(amount[first:after].any()))
        if known and _went_on(part.findings, apart.grid, after):
            continue
        if after == steps and not apart.told and _is_shown_when_it_happens(measurement):
            continue  # The next error may be shown by another pod, and until then there is none.
        # The first value of a counter of good events is where counting begins: what came just before is not known.
        until = min(steps, after + RETURN_STEPS) if good else after
        late = np.flatnonzero(amount[after:until])
        unknown[first : after + int(late[0]) if len(late) else until] = True
    if not good:
        unknown &= amount == 0
    for first, after in _runs(row.observed <= 0):
        # Nor is there anything to compare an outcome with where nobody saw how many events there were.
        known = (first > 0 or apart.before[1]) and after < steps and bool(row.total[first:after].any())
        if not (known and _went_on(total.findings, apart.grid, after)):
            unknown[first:after] = True
    return replace(
        row,
        good=np.where(unknown, 0.0, row.good),
        total=np.where(unknown, 0.0, row.total),
        observed=np.where(unknown, 0.0, np.minimum(row.observed, apart.seen)),
        outcome_by=tuple(sorted(apart.owners)),
    )


def _runs(unseen: np.typing.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The first step of each stretch of unseen ones, and the first after it."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], unseen.astype(np.int8), [0]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _went_on(findings: Findings, grid: Grid, after: int) -> bool:
    """Whether counters that came back before a step had gone on meanwhile: none began anew or was born as they did."""
    edges = grid.start_ms + np.array([after - 1, after + RETURN_STEPS]) * grid.step_ms
    begin, end = np.searchsorted(findings.t_ms, edges, side="right").tolist()
    back = slice(begin, end)
    return not findings.births[back].any() and not findings.resets[back].any()
