"""promtool unit tests that go with a rule file: every objective is put through the same stories.

    clean, then silent    nothing fires; without samples `SLITelemetryAbsent` does, and nothing else pages
    outage                the page comes when the formula says: factor x budget x long window / error ratio
    slow burn             a ticket, and no page
    born                  the first failure ever, in a series that did not exist before, is counted
    planned work          everything fails while the guard says so, and nothing fires, then or afterwards
    too few events        everything fails, and there are fewer events than the objective is judged from

Objectives whose measurements share series are told in different tests, for one series has one course.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from observatory.compile.measure import Measurement
from observatory.compile.names import ALERT_BUDGET_SPENT, ALERT_BURN_RATE, SLI_GOOD, SLI_TOTAL
from observatory.compile.promql import quote
from observatory.indicators.expression import Behind, Slices, SlicesAtMost, signals_of
from observatory.objectives.budget import budget_ratio
from observatory.rules.document_rules import (
    ABSENT_FOR,
    SHORT_OF_AN_EVENT,
    Measured,
    asks_for_events,
    identity,
    min_bad,
    reachable_pairs,
    shared_labels,
)
from observatory.rules.example_levels import level_examples
from observatory.rules.example_series import Events, ExampleSeries, event_examples, per_minute, target_of
from observatory.rules.slow_burn import slow_minutes, slow_shares
from observatory.rules.sums import RECORD, series
from observatory.telemetry.binding import MetricBinding

PER_MINUTE = 600.0
WARM = 70
"""Minutes of clean traffic before a failure: more than the hour that the fastest pair looks back."""
LONGEST = 720
"""Minutes that a test may last; an objective that needs more to burn slowly goes without that story."""
CLEAN = 12
"""Minutes of traffic where nothing but its presence matters."""
BORN_AT, BORN_WITH = 12, 120.0
ENOUGH_AFTER = 10.0
"""Minutes until alerts know that there are enough events."""
OUTAGE = 30
"""Minutes of an outage in planned work: longer than the fastest page takes."""
SHORT_STORY = 6
"""Minutes that a story of too few events lasts at least, so that there is something to see."""
SEAM = 1.4
"""How much more than one an event may weigh at the seam of the sums."""

Values = Mapping[ExampleSeries, list[float | None]]
Test = dict[str, Any]


def test_file(members: Sequence[Measured], rules: str, groups: Sequence[str]) -> dict[str, Any]:
    """The content of a promtool test file for one document's rules.

    Args:
        rules: Name of the rule file.
        groups: Names of its groups, as they stand there. Without an order promtool evaluates groups in a random one,
            and alerts that compare records of another group would see them now fresh and now a minute old.
    """
    members = sorted(members, key=lambda one: (one.objective.channel_id, one.objective.id))
    carriers = {one.measurement.key: one.objective.id for one in reversed(members)}
    tests: list[Test] = []
    for told in _rounds(members):
        first = [one for one in told if carriers[one.measurement.key] == one.objective.id]
        tests += [_clean_then_silent(told, first)]
        stories = (_outage(told), _slow_burn(told), _born(first), _planned(told), _too_few(told))
        tests += [test for test in stories if test]
    return {
        "rule_files": [rules],
        "evaluation_interval": "1m",
        "group_eval_order": list(groups),
        "tests": tests,
    }


test_file.__test__ = False  # type: ignore[attr-defined]  # a noun here, and no test of ours


def detection_minutes(one: Measured, severity: str, error_ratio: float, per_minute: float, warm: float) -> float | None:
    """When an alert fires after a sudden, lasting error ratio that follows `warm` clean minutes; None for never.

    A pair fires when both windows hold factor x budget: after factor x budget x window / error ratio in a full window
    (SRE Workbook, "Alerting on SLOs"); sooner in one that holds less than its length of history.
    """
    found: list[float] = []
    for pair in reachable_pairs(one, severity):
        share = pair.factor * budget_ratio(one.objective.target) / error_ratio
        if share >= 1:
            continue
        waits = [max(0.0, min_bad(one, pair) - SHORT_OF_AN_EVENT) / (error_ratio * per_minute)]
        for minutes in (pair.long / 60, pair.short / 60):
            full = share * minutes
            waits.append(full if warm + full >= minutes else warm * share / (1 - share))
        found.append(max(waits))
    least = _least_events(one)
    # Whether there are enough events is recorded every four minutes, after the group that asks.
    enough = least / per_minute - warm + ENOUGH_AFTER if least else 0.0
    return max(min(found), enough) if found else None


def _least_events(one: Measured) -> float:
    """Events from which on rules let its alerts fire."""
    return one.objective.min_events if asks_for_events(one.objective) else 0.0


def _rounds(members: Sequence[Measured]) -> Iterator[list[Measured]]:
    """Members in as few rounds as needed, so that no two in a round give one series two courses."""
    left = [one for one in members if _course(one, [0.0, 0.0]) is not None]
    while left:
        chosen: list[Measured] = []
        taken: set[ExampleSeries] = set()
        for one in left:
            touched = set(_course(one, [0.0, 0.0]) or ())
            if taken.isdisjoint(touched):
                chosen.append(one)
                taken |= touched
        yield chosen
        left = [one for one in left if one not in chosen]


def _course(one: Measured, shares: Sequence[float]) -> Values | None:
    """Per series one value per minute, for a share of bad events per minute; minute 0 is where counters start."""
    events = event_examples(one.measurement)
    if events is None:
        levels = level_examples(one.measurement, [share == 0 for share in shares])
        return None if levels is None else {series_: list(values) for series_, values in levels.items()}
    return _counted(one.measurement, events, shares)


def _counted(measurement: Measurement, events: Events, shares: Sequence[float]) -> Values:
    totals = dict.fromkeys((*events.good, *events.bad), 0.0)
    courses: dict[ExampleSeries, list[float | None]] = {series_: [] for series_ in totals}
    for minute, share in enumerate(shares):
        if minute:
            for series_ in events.good:
                totals[series_] += PER_MINUTE * (1 - share)
            for series_ in events.bad:
                totals[series_] += PER_MINUTE * share
        for series_, course in courses.items():
            course.append(round(totals[series_], 6))
    for series_, course in courses.items():
        shown = per_minute(measurement, series_)
        if shown is not None:
            rises = [0.0, *(after - before for before, after in pairwise(value or 0.0 for value in course))]
            courses[series_] = [round(rise * shown, 6) for rise in rises]
    return courses


def _is_slices(one: Measured) -> bool:
    return isinstance(one.measurement.indicator.total, Slices)


def _unjudged(one: Measured) -> int:
    """Minutes from the first sample until a lag in seconds can be judged: it looks back by its bound."""
    part = one.measurement.indicator.good or one.measurement.indicator.bad
    if isinstance(part, SlicesAtMost) and isinstance(part.level, Behind):
        return math.ceil(part.bound / 60)
    return 0


def _outlives(one: Measured) -> int:
    """Minutes by which the total of a long period is still looked at when a gauge is not any more."""
    periods = [
        term.selector.period_ms / 60_000
        for binding in one.measurement.bindings
        if isinstance(binding, MetricBinding)
        for term in binding.all
    ]
    return max(0, round(max(periods, default=0.0) - RECORD / 60))


def _rate(one: Measured) -> float:
    return 1.0 if _is_slices(one) else PER_MINUTE


def _clean_then_silent(told: Sequence[Measured], first: Sequence[Measured]) -> Test:
    """The alert on absent telemetry belongs to the `first` objective of those that share a measurement."""
    # A gauge outlives its last sample by five minutes, a record of it by five more, and then the alert waits.
    clean = CLEAN + max(map(_unjudged, told))
    silent = clean + round((2 * RECORD + ABSENT_FOR) / 60) + 3 + max(map(_outlives, told))
    checks = [_expect(one, clean, "", 0) for one in told]
    for one in told:
        checks += [_expect(one, silent, 'alertname="SLITelemetryAbsent",', int(one in first))]
        checks += [_expect(one, silent, 'severity="page",', 0)]
    return _test(
        "clean traffic, then no telemetry", told, {one.objective.id: [0.0] * (clean + 1) for one in told}, checks
    )


def _outage(told: Sequence[Measured]) -> Test | None:
    checks: list[dict[str, Any]] = []
    shares: dict[str, list[float]] = {}
    warm = WARM + max(map(_unjudged, told))
    for one in told:
        after = detection_minutes(one, "page", 1.0, _rate(one), warm - _unjudged(one))
        if after is None or after > LONGEST:
            continue
        begin = warm + max(0, math.floor(after * 0.85) - 1)
        fires = warm + math.ceil(after) + 2
        checks.append(_expect(one, begin, 'alertname="SLOBurnRate",severity="page",', 0))
        checks.append(_expect(one, fires, 'alertname="SLOBurnRate",severity="page",', 1))
        shares[one.objective.id] = [0.0] * (warm + 1) + [1.0] * (fires - warm)
    return _test("everything fails", told, shares, checks) if checks else None


def _slow_burn(told: Sequence[Measured]) -> Test | None:
    checks: list[dict[str, Any]] = []
    shares: dict[str, list[float]] = {}
    for one in told:
        course = slow_minutes(one) if _is_slices(one) else slow_shares(one, PER_MINUTE)
        if course is None or len(course) > LONGEST or len(course) - 2 - ENOUGH_AFTER < _least_events(one) / _rate(one):
            continue
        course = [0.0] * _unjudged(one) + course
        shares[one.objective.id] = course
        checks.append(_expect(one, len(course) - 1, 'alertname="SLOBurnRate",severity="ticket",', 1))
        checks.append(_expect(one, len(course) - 1, 'alertname="SLOBurnRate",severity="page",', 0))
    return _test("a slow burn", told, shares, checks) if checks else None


def _planned(told: Sequence[Measured]) -> Test | None:
    """Work is under way from the failure on, and ends when all is well again; the guard is given, as time would."""
    spared = [one for one in told if one.guard]
    if not spared:
        return None
    warm = WARM + max(map(_unjudged, spared))
    # Without a stale marker, which promtool does not write, the guard's last sample is seen five minutes longer.
    ends = warm + OUTAGE + round(2 * RECORD / 60) + 2
    course = [0.0] * (warm + 1) + [1.0] * OUTAGE + [0.0] * (ends - warm - OUTAGE + 6)
    checks: list[dict[str, Any]] = []
    for one in spared:
        # Where planned work costs the budget, a spent budget is told once the work is over.
        quiet = "" if one.guard and one.guard.use == "budget" else f'alertname!="{ALERT_BUDGET_SPENT}",'
        checks.append(_expect(one, warm + OUTAGE, "", 0))
        checks += [] if _unjudged(one) else [_expect(one, ends + 4, quiet, 0)]
    test = _test("everything fails in planned work", spared, {one.objective.id: course for one in spared}, checks)
    guards = sorted({one.guard.series() for one in spared if one.guard})
    active = f"_x{warm - 1} 1+0x{OUTAGE + round(RECORD / 60)}"
    test["input_series"] += [{"series": guard, "values": active} for guard in guards]
    return test


def _too_few(told: Sequence[Measured]) -> Test | None:
    """Nothing but failures, from the first minute on, as long as they are too few to judge."""
    checks: list[dict[str, Any]] = []
    shares: dict[str, list[float]] = {}
    for one in told:
        # Extrapolation and the seam of the sums may show a few events more than there were.
        lasts = min(LONGEST, math.floor(_least_events(one) / _rate(one) / SEAM) - 1)
        if lasts < SHORT_STORY or _unjudged(one):
            continue
        shares[one.objective.id] = [1.0] * (lasts + 1)
        checks += [_expect(one, lasts, f'alertname="{name}",', 0) for name in (ALERT_BURN_RATE, ALERT_BUDGET_SPENT)]
    return _test("too few events to judge", told, shares, checks) if checks else None


def _born(told: Sequence[Measured]) -> Test | None:
    """A series that only failures have appears with a value above zero; its value is counted."""
    checks: list[dict[str, Any]] = []
    courses: list[Values] = []
    for one in told:
        events = event_examples(one.measurement)
        own = set(events.bad) - set(events.good) if events else set()
        if events is None or not own or _first_value_is_old(one.measurement):
            continue
        course = dict(_counted(one.measurement, events, [0.0] * (BORN_AT + 6)))
        for series_ in events.bad:
            rise = [None if series_ in own else course[series_][m] for m in range(BORN_AT)]
            course[series_] = rise + [
                (0.0 if series_ in own else course[series_][m] or 0.0) + BORN_WITH for m in range(BORN_AT, BORN_AT + 6)
            ]
        courses.append(course)
        labels = identity(shared_labels(told)[one.measurement.key])
        bad = f"sum({series(SLI_TOTAL, labels)}) - sum({series(SLI_GOOD, labels)})"
        checks.append(
            {
                "expr": f"{bad} >= bool {BORN_WITH * 0.99:g}",
                "eval_time": f"{BORN_AT + 1}m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        )
    if not checks:
        return None
    return {
        "name": "a failure series is born",
        "interval": "1m",
        "input_series": _inputs(courses),
        "promql_expr_test": checks,
    }


def _first_value_is_old(measurement: Measurement) -> bool:
    """Whether a first value says nothing about events: a place in a log or the depth of a queue is no count."""
    part = measurement.indicator.good if measurement.indicator.good is not None else measurement.indicator.bad
    assert part is not None
    found = [measurement.binding(signal) for signal in signals_of(part)]
    counted = any(
        isinstance(one, MetricBinding) and one.kind in ("period_total", "rate") for one in measurement.bindings
    )
    return counted or any(
        isinstance(one, MetricBinding) and one.kind not in ("cumulative", "distribution") for one in found
    )


def _expect(one: Measured, minute: int, matchers: str, alerts: int) -> dict[str, Any]:
    """How many alerts of the objective fire at a minute."""
    expr = f'count(ALERTS{{alertstate="firing",{matchers}slo={quote(one.objective.id)}}})'
    return {
        "expr": expr,
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": "{}", "value": alerts}] if alerts else [],
    }


def _test(
    name: str, told: Sequence[Measured], shares: Mapping[str, Sequence[float]], checks: list[dict[str, Any]]
) -> Test:
    courses = [_course(one, shares[one.objective.id]) for one in told if one.objective.id in shares]
    inputs = _inputs([course for course in courses if course is not None])
    return {"name": name, "interval": "1m", "input_series": inputs, "promql_expr_test": checks}


def _inputs(courses: Sequence[Values]) -> list[dict[str, str]]:
    joined: dict[ExampleSeries, list[float | None]] = {}
    for course in courses:
        for series_, values in course.items():
            if len(values) >= len(joined.get(series_, [])):
                joined[series_] = values
    for series_, values in list(joined.items()):
        up = target_of(series_)
        if len(values) >= len(joined.get(up, [])):
            joined[up] = [1.0] * len(values)
    return [{"series": series_.notation(), "values": notation(joined[series_])} for series_ in sorted(joined)]


def notation(values: Sequence[float | None]) -> str:
    """Values as promtool writes them, runs of equal steps as `start+stepxcount`."""
    parts: list[str] = []
    index = 0
    while index < len(values):
        start = values[index]
        if start is None:
            parts.append("_")
            index += 1
            continue
        end, step = index, None
        while end + 1 < len(values) and (after := values[end + 1]) is not None:
            before = values[end]
            assert before is not None
            rise = round(after - before, 6)
            if step is not None and rise != step:
                break
            step, end = rise, end + 1
        if step is None:
            parts.append(_number(start))
        else:
            parts.append(f"{_number(start)}{'-' if step < 0 else '+'}{_number(abs(step))}x{end - index}")
        index = end + 1
    return " ".join(parts)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
