"""Recording and alert rules of one document, in groups by channel.

Two groups per channel: what pages is evaluated every minute beside the counts it needs; tickets, budgets and whatever
looks back for days every five minutes, for it costs more and hurries less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from observatory.compile.names import (
    ALERT_BUDGET_SPENT,
    ALERT_BURN_RATE,
    ALERT_TELEMETRY_ABSENT,
    ERROR_BUDGET_REMAINING,
    OBJECTIVE,
    SLI_GOOD,
    SLI_TOTAL,
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
from observatory.rules.sums import RECORD, bad_events, decimal, error_ratio, series
from observatory.units import compact_duration

FAST_INTERVAL, SLOW_INTERVAL = "1m", "5m"
HOUR = 3600.0
ERROR_1H = error_ratio_name("1h")
ABSENT_FOR = 900.0
"""Seconds without a record before the telemetry counts as absent; a record ends five minutes after its last sample."""
TICKET_SPENT, PAGE_SPENT = 0.25, 1.0
"""Shares of the error budget: a quarter is worth a ticket, all of it a page."""

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An objective whose events are counted by series, with its policy."""

    objective: Objective
    measurement: Measurement
    policy: Policy


def rule_groups(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """The groups of one document's rule file, by channel and then by objective id; same input, same order."""
    by_channel: dict[str, list[Measured]] = {}
    for one in sorted(measured, key=lambda one: (one.objective.channel_id, one.objective.id)):
        by_channel.setdefault(one.objective.channel_id, []).append(one)
    groups: list[dict[str, Any]] = []
    for channel_id, members in by_channel.items():
        name = f"{members[0].objective.document} {channel_id}"
        labels = shared_labels(members)
        fast: list[Rule] = []
        slow: list[Rule] = []
        recorded: set[str] = set()
        for one in members:
            if one.measurement.key not in recorded:
                recorded.add(one.measurement.key)
                fast += count_rules(one, labels[one.measurement.key])
            own = labels[one.measurement.key]
            fast += ratio_rule(one.objective, own) + burn_rules(one, own, "page")
            slow += burn_rules(one, own, "ticket") + budget_rules(one.objective, own)
        groups.append({"name": name, "interval": FAST_INTERVAL, "rules": fast})
        groups.append({"name": f"{name} slow", "interval": SLOW_INTERVAL, "rules": slow})
    return groups


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
            "expr": f"absent({series(SLI_TOTAL, identity(labels))})",
            "for": waited,
            "labels": {"severity": "ticket"} | alert_labels,
            "annotations": absent_annotations(one.objective, waited),
        },
    ]


def identity(labels: Mapping[str, str]) -> dict[str, str]:
    """The label that finds a measured thing's counts."""
    return {"measured": labels["measured"]}


def ratio_rule(objective: Objective, labels: Mapping[str, str]) -> list[Rule]:
    """The error ratio of the last hour, for dashboards and for the pair that looks back an hour."""
    expr = "sum(" + error_ratio(identity(labels), HOUR) + ")"
    return [{"record": ERROR_1H, "expr": expr, "labels": objective_labels(objective)}]


def burn_rules(one: Measured, labels: Mapping[str, str], severity: str) -> list[Rule]:
    """`SLOBurnRate` of one severity: any of its pairs burns over both of its windows. Its value is the burn rate.

    One alert for all pairs of a severity, so that an incident that moves from the fast pair to the slow one stays one
    alert; its description asks which of them burns.
    """
    pairs = reachable_pairs(one, severity)
    if not pairs:
        return []
    objective, own = one.objective, identity(labels)
    burns = [pair_condition(pair, objective, own, min_bad(one, pair)) for pair in pairs]
    joined = "\nor on ()\n".join(f"(\n{indented(burn)}\n)" for burn in burns)
    names = {name: literal(value) for name, value in objective_labels(objective).items()}
    return [
        {
            "alert": ALERT_BURN_RATE,
            "expr": f"sum(\n{indented(joined)}\n) / {decimal(budget_ratio(objective.target))}",
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


def pair_condition(pair: Pair, objective: Objective, labels: Mapping[str, str], least: float) -> str:
    """PromQL that holds, with the long window's error ratio as its value, while a pair burns over both windows."""
    limit = decimal(pair.factor * budget_ratio(objective.target))
    hour = series(ERROR_1H, {"slo": objective.id})
    long = hour if pair.long == HOUR else error_ratio(labels, pair.long)
    lines = [f"{long} >= {limit}", f"and on () {error_ratio(labels, pair.short)} >= {limit}"]
    if least > 0:
        lines.append(f"and on () {bad_events(labels, pair.long)} > {decimal(least - SHORT_OF_AN_EVENT)}")
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


def budget_rules(objective: Objective, labels: Mapping[str, str]) -> list[Rule]:
    """Objective, error budget left, and the two alerts on it.

    A calendar window has no budget rules: a range selector has one length, and months have four. The review and the
    status count its budget.
    """
    own = objective_labels(objective)
    rules: list[Rule] = [{"record": OBJECTIVE, "expr": f"vector({decimal(objective.target)})", "labels": own}]
    length = objective.window.length_seconds
    if objective.window.kind == "calendar" or not told_by_records(length):
        return rules
    spent = f"({error_ratio(identity(labels), length)}) / {decimal(budget_ratio(objective.target))}"
    rules.append({"record": ERROR_BUDGET_REMAINING, "expr": f"sum(1 - {spent})", "labels": own})
    spent_share = f"1 - {series(ERROR_BUDGET_REMAINING, {'slo': objective.id})}"
    ticket, page = decimal(TICKET_SPENT), decimal(PAGE_SPENT)
    limits = (
        ("ticket", f"{spent_share} >= {ticket} and {spent_share} < {page}", TICKET_SPENT),
        ("page", f"{spent_share} >= {page}", PAGE_SPENT),
    )
    for severity, expr, share in limits:
        rules.append(
            {
                "alert": ALERT_BUDGET_SPENT,
                "expr": expr,
                "labels": {"severity": severity} | {name: literal(value) for name, value in own.items()},
                "annotations": spent_annotations(objective, f"{share:.0%}".replace("%", " %")),
            }
        )
    return rules
