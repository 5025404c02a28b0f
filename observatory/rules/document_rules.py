"""Recording and alert rules of one document, in groups by channel.

Two groups per channel: what pages is evaluated every minute beside the counts it needs; tickets, budgets and whatever
looks back for days every four minutes, for it costs more and hurries less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from observatory.compile.names import (
    ALERT_BUDGET_SPENT,
    ALERT_BURN_RATE,
    ALERT_TELEMETRY_ABSENT,
    ENOUGH_EVENTS,
    ERROR_BUDGET_REMAINING,
    OBJECTIVE,
    PLANNED_WORK,
    SLI_GOOD,
    SLI_GOOD_UNPLANNED,
    SLI_TOTAL,
    SLI_TOTAL_UNPLANNED,
)
from observatory.compile.names import error_ratio as error_ratio_name
from observatory.compile.plan import Measurement
from observatory.compile.promql import good_total
from observatory.indicators.expression import Slices
from observatory.objectives.budget import budget_ratio
from observatory.objectives.burn import is_reachable
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Pair, Policy
from observatory.rules.annotations import absent_annotations, burn_annotations, spent_annotations
from observatory.rules.labels import literal, measured_labels, objective_labels
from observatory.rules.planned import Guard
from observatory.rules.sums import RECORD, Records, bad_events, decimal, error_ratio, events, series
from observatory.units import compact_duration

FAST_INTERVAL, SLOW_INTERVAL = "1m", "4m"
"""A series is gone five minutes after its last sample: a record of the slow group must be renewed before, with the time
that its evaluation takes, or alerts and dashboards that read it would miss it for a moment, again and again."""
HOUR = 3600.0
ERROR_1H = error_ratio_name("1h")
ABSENT_FOR = 900.0
"""Seconds without a record before the telemetry counts as absent; a record ends five minutes after its last sample."""
TICKET_SPENT, PAGE_SPENT = 0.25, 1.0
"""Shares of the error budget: a quarter is worth a ticket, all of it a page."""

Rule = dict[str, Any]


class Measured(Struct, frozen=True, kw_only=True):
    """An objective whose events are counted by series, with its policy and the planned work that concerns it."""

    objective: Objective
    measurement: Measurement
    policy: Policy
    guard: Guard | None = None


def rule_groups(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """The groups of one document's rule file, by channel and then by objective id; same input, same order."""
    by_channel: dict[str, list[Measured]] = {}
    for one in sorted(measured, key=lambda one: (one.objective.channel_id, one.objective.id)):
        by_channel.setdefault(one.objective.channel_id, []).append(one)
    groups: list[dict[str, Any]] = planned_groups(measured)
    for channel_id, members in by_channel.items():
        name = f"{members[0].objective.document} {channel_id}"
        labels = shared_labels(members)
        fast: list[Rule] = []
        slow: list[Rule] = []
        recorded: set[str] = set()
        unplanned: set[tuple[str, str]] = set()
        for one in members:
            own = labels[one.measurement.key]
            if one.measurement.key not in recorded:
                recorded.add(one.measurement.key)
                fast += count_rules(one, own)
            if one.guard and (both := (one.measurement.key, one.guard.key)) not in unplanned:
                unplanned.add(both)
                fast += unplanned_rules(one.guard, own)
            fast += ratio_rule(one, own) + burn_rules(one, own, "page")
            slow += enough_rules(one, own) + burn_rules(one, own, "ticket") + budget_rules(one, own)
        groups.append({"name": name, "interval": FAST_INTERVAL, "rules": fast})
        groups.append({"name": f"{name} slow", "interval": SLOW_INTERVAL, "rules": slow})
    return groups


def planned_groups(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """One group with a guard for each set of planned work, in front of those that obey it; none without any."""
    guards = {one.guard.key: one.guard for one in measured if one.guard}
    if not guards:
        return []
    rules = [
        {"record": PLANNED_WORK, "expr": guard.promql(), "labels": {"planned": key}}
        for key, guard in sorted(guards.items())
    ]
    name = f"{measured[0].objective.document} planned work"
    return [{"name": name, "interval": FAST_INTERVAL, "rules": rules}]


def unplanned_rules(guard: Guard, labels: Mapping[str, str]) -> list[Rule]:
    """The two counts of a measured thing without what planned work touches."""
    names = ((SLI_GOOD_UNPLANNED, SLI_GOOD), (SLI_TOTAL_UNPLANNED, SLI_TOTAL))
    return [
        {
            "record": record,
            "expr": f"{series(counted, identity(labels))} unless on () {guard.series()}",
            "labels": {**labels, "planned": guard.key},
        }
        for record, counted in names
    ]


def alerting(one: Measured, labels: Mapping[str, str]) -> Records:
    """The counts that the objective's alerts look at: without planned work."""
    if one.guard is None:
        return Records(identity(labels))
    return Records(identity(labels) | {"planned": one.guard.key}, SLI_GOOD_UNPLANNED, SLI_TOTAL_UNPLANNED)


def counting(one: Measured, labels: Mapping[str, str]) -> Records:
    """The counts that its budget looks at: without planned work where the objective says so."""
    spares = one.guard is not None and one.guard.use == "budget"
    return alerting(one, labels) if spares else Records(identity(labels))


def shared_labels(members: Sequence[Measured]) -> dict[str, dict[str, str]]:
    """Per measurement key the labels of its two counts: those of the objective that comes first by id."""
    first = {one.measurement.key: one for one in sorted(members, key=lambda one: one.objective.id, reverse=True)}
    return {key: measured_labels(one.objective, one.measurement) for key, one in first.items()}


def count_rules(one: Measured, labels: Mapping[str, str]) -> list[Rule]:
    """The two counts of a measured thing, and the alert for the day when nothing measures it any more."""
    good, total = good_total(one.measurement, compact_duration(RECORD))
    waited = compact_duration(ABSENT_FOR)
    alert_labels = {name: literal(value) for name, value in objective_labels(one.objective).items()}
    return [
        {"record": SLI_GOOD, "expr": good, "labels": dict(labels)},
        {"record": SLI_TOTAL, "expr": total, "labels": dict(labels)},
        {
            "alert": ALERT_TELEMETRY_ABSENT,
            "expr": f"absent({series(SLI_TOTAL, identity(labels))})" + _unless_planned(one),
            "for": waited,
            "labels": {"severity": "ticket"} | alert_labels,
            "annotations": absent_annotations(one.objective, waited),
        },
    ]


def identity(labels: Mapping[str, str]) -> dict[str, str]:
    """The label that finds a measured thing's counts."""
    return {"measured": labels["measured"]}


def ratio_rule(one: Measured, labels: Mapping[str, str]) -> list[Rule]:
    """The error ratio of the last hour, for dashboards and for the pair that looks back an hour."""
    expr = "sum(" + error_ratio(counting(one, labels), HOUR) + ")"
    return [{"record": ERROR_1H, "expr": expr, "labels": objective_labels(one.objective)}]


def _unless_planned(one: Measured) -> str:
    return f" unless on () {one.guard.series()}" if one.guard else ""


def _unless_just_planned(one: Measured) -> str:
    """Silence in planned work for what burned before it, and for a minute more.

    The counts without the work come back after the guard has gone; until then the last ones of before would be asked.
    """
    return f" unless on () max_over_time({one.guard.series()}[2m])" if one.guard else ""


def enough_rules(one: Measured, labels: Mapping[str, str]) -> list[Rule]:
    """A record that is there while the objective's window holds the events that it is judged from.

    Recorded with what is slow, for alerts that are evaluated every minute could not afford to look back so far.
    A calendar window has no fixed length to look back over; there nothing is asked.
    """
    objective, counts = one.objective, counting(one, labels)
    if not asks_for_events(objective):
        return []
    seen = events(counts.total, counts.labels, objective.window.length_seconds)
    expr = f"group({seen} > {decimal(objective.min_events - SHORT_OF_AN_EVENT)})"
    return [{"record": ENOUGH_EVENTS, "expr": expr, "labels": objective_labels(objective)}]


def _if_enough(objective: Objective) -> str:
    return f"and on () {series(ENOUGH_EVENTS, {'slo': objective.id})}" if asks_for_events(objective) else ""


def asks_for_events(objective: Objective) -> bool:
    """Whether rules ask for the objective's least number of events."""
    window = objective.window
    return objective.min_events > 0 and window.kind == "rolling" and told_by_records(window.length_seconds)


def burn_rules(one: Measured, labels: Mapping[str, str], severity: str) -> list[Rule]:
    """`SLOBurnRate` of one severity: any of its pairs burns over both of its windows. Its value is the burn rate.

    One alert for all pairs of a severity, so that an incident that moves from the fast pair to the slow one stays one
    alert; its description asks which of them burns.
    """
    pairs = reachable_pairs(one, severity)
    if not pairs:
        return []
    objective = one.objective
    burns = [pair_condition(pair, one, labels) for pair in pairs]
    joined = "\nor on ()\n".join(f"(\n{indented(burn)}\n)" for burn in burns)
    names = {name: literal(value) for name, value in objective_labels(objective).items()}
    budget = decimal(budget_ratio(objective.target))
    return [
        {
            "alert": ALERT_BURN_RATE,
            "expr": f"sum(\n{indented(joined)}\n) / {budget}{_unless_just_planned(one)}",
            "labels": {"severity": severity} | names,
            "annotations": burn_annotations(objective, pairs, burns),
        }
    ]


SHORT_OF_AN_EVENT = 0.15
"""How much less than the fewest bad events still fires.

Increments are extrapolated to the ends of their window, so that three events may read 2.98. At the seam of the sums an
event weighs up to 1.4, or 1.6 in a group that is evaluated just before the newest counts are recorded: two events at
once read 2.8 and must not pass for three, nor one that reads 1.6 for two.
"""


def pair_condition(pair: Pair, one: Measured, labels: Mapping[str, str]) -> str:
    """PromQL that holds, with the long window's error ratio as its value, while a pair burns over both windows."""
    counts, least = alerting(one, labels), min_bad(one, pair)
    limit = decimal(pair.factor * budget_ratio(one.objective.target))
    hour = series(ERROR_1H, {"slo": one.objective.id})
    # The recorded hour is the budget's; alerts may leave out more.
    is_recorded = pair.long == HOUR and counts == counting(one, labels)
    long = hour if is_recorded else error_ratio(counts, pair.long)
    lines = [f"{long} > {limit}", f"and on () {error_ratio(counts, pair.short)} > {limit}"]
    if least > 0:
        lines.append(f"and on () {bad_events(counts, pair.long)} > {decimal(least - SHORT_OF_AN_EVENT)}")
    if enough := _if_enough(one.objective):
        lines.append(enough)
    return "\n".join(lines)


def indented(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


def reachable_pairs(one: Measured, severity: str) -> list[Pair]:
    """The policy's pairs of a severity that can fire under this target and that records can tell, fastest first."""
    pairs = [
        pair
        for pair in one.policy.pairs
        if pair.severity == severity and is_reachable(pair.factor, one.objective.target) and told_by_records(pair.short)
    ]
    return sorted(pairs, key=lambda pair: (pair.long, pair.short))


def min_bad(one: Measured, pair: Pair) -> float:
    """Bad events that the pair asks for; none where time is counted, for a slice is no single message."""
    return 0.0 if isinstance(one.measurement.indicator.total, Slices) else pair.min_bad


def told_by_records(seconds: float) -> bool:
    """Whether a window is long enough for records of five minutes."""
    return seconds >= RECORD


def budget_rules(one: Measured, labels: Mapping[str, str]) -> list[Rule]:
    """Objective, error budget left, and the two alerts on it.

    A calendar window has no budget rules: a range selector has one length, and months have four. The review and the
    status count its budget.
    """
    objective = one.objective
    own = objective_labels(objective)
    rules: list[Rule] = [{"record": OBJECTIVE, "expr": f"vector({decimal(objective.target)})", "labels": own}]
    length = objective.window.length_seconds
    if objective.window.kind == "calendar" or not told_by_records(length):
        return rules
    spent = f"({error_ratio(counting(one, labels), length)}) / {decimal(budget_ratio(objective.target))}"
    rules.append({"record": ERROR_BUDGET_REMAINING, "expr": f"sum(1 - {spent})", "labels": own})
    spent_share = f"1 - {series(ERROR_BUDGET_REMAINING, {'slo': objective.id})}"
    ticket, page = decimal(TICKET_SPENT), decimal(PAGE_SPENT)
    limits = (
        ("ticket", f"{spent_share} >= {ticket} and {spent_share} < {page}", TICKET_SPENT),
        ("page", f"{spent_share} >= {page}", PAGE_SPENT),
    )
    enough = _if_enough(objective)
    guarded = (f"\n{enough}" if enough else "") + (f"\n{_unless_planned(one).strip()}" if one.guard else "")
    for severity, expr, share in limits:
        rules.append(
            {
                "alert": ALERT_BUDGET_SPENT,
                "expr": f"({expr}){guarded}" if guarded else expr,
                "labels": {"severity": severity} | {name: literal(value) for name, value in own.items()},
                "annotations": spent_annotations(objective, f"{share:.0%}".replace("%", " %")),
            }
        )
    return rules
