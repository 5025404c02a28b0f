"""Why an objective has no rules, or fewer than one would expect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from observatory.compile.names import ALERT_TELEMETRY_ABSENT
from observatory.compile.plan import Measurement
from observatory.compile.promql import good_total
from observatory.errors import InputInvalid, Problem, Severity
from observatory.indicators.expression import Slices
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Policy
from observatory.rules.document_rules import Measured, asks_for_events, told_by_records
from observatory.rules.sums import RECORD
from observatory.telemetry.binding import MetricBinding, SpanBinding
from observatory.units import compact_duration


def measured(
    objective: Objective, measurement: Measurement | None, policies: Mapping[str, Policy]
) -> Measured | Problem:
    """The objective ready for rules, or why it can have none."""
    none = f"no rules for {objective.id}"
    if measurement is None:
        return _about(
            objective,
            "rules-unmapped",
            f"{none}: nothing measures it",
            "`observatory map` tells which series would measure it",
        )
    if any(isinstance(binding, SpanBinding) for binding in measurement.bindings):
        return _about(
            objective,
            "rules-need-series",
            f"{none}: it is counted from spans, and rules need series",
            "have the collector's span metrics connector make series, or export the consumer's own metrics",
        )
    try:
        good_total(measurement, compact_duration(RECORD))
    except InputInvalid as error:
        first = error.problems[0]
        return _about(objective, first.code, f"{none}: {first.message}", first.hint)
    policy = policies.get(objective.policy)
    if policy is None:
        hint = f"policies: {', '.join(sorted(policies))}"
        return _about(objective, "policy-unknown", f"{none}: no policy is called {objective.policy!r}", hint, "error")
    return Measured(objective=objective, measurement=measurement, policy=policy)


def left_out(one: Measured, seconds_apart: float | None = None) -> Iterator[Problem]:
    """Rules that will not see anything, and those that one would expect and that recorded counts cannot say.

    Args:
        seconds_apart: How far apart the samples are that it is counted from, where that is known.
    """
    objective, window = one.objective, one.objective.window
    if one.measurement.liveness == "missing":
        # Right for an exporter that is only silent.
        reason = one.measurement.reason or "its series are not there"
        yield _about(
            objective,
            "series-missing",
            f"the rules of {objective.id} wait for series that are not there: {reason}; until they are, "
            f"{ALERT_TELEMETRY_ABSENT} fires",
            "observatory map shows which series are looked for and which are there",
        )
    if seconds_apart is not None and 2 * seconds_apart > RECORD and _counts_increases(one.measurement):
        yield _about(
            objective,
            "rules-scrapes-rare",
            f"the rules of {objective.id} see little or nothing: its series have a sample every "
            f"{compact_duration(round(seconds_apart))}, and an increase over five minutes takes two",
            "scrape the target at least every two minutes; `status` and `review` count what is there all the same",
        )
    if window.kind == "calendar":
        yield _about(
            objective,
            "rules-calendar-budget",
            f"no budget rules for {objective.id}: a {window.unit} has no fixed length in PromQL",
            "burn-rate alerts are generated; `status` and `review` count the budget of the calendar window",
            "info",
        )
    if objective.min_events and not asks_for_events(objective):
        yield _about(
            objective,
            "rules-min-events",
            f"alerts of {objective.id} fire below its {objective.min_events:g} events too: a {window} has no length "
            "that recorded counts could be added over",
            "give it a rolling window such as 30d, or a policy whose pairs ask for bad events",
            "info",
        )
    spans = [(pair.short, f"the {pair.severity} alert over {pair.short_text}") for pair in one.policy.pairs]
    if window.kind == "rolling":
        spans.append((window.length_seconds, f"the budget over {window}"))
    for seconds, what in spans:
        if not told_by_records(seconds):
            yield _about(
                objective,
                "rules-window-short",
                f"{objective.id} goes without {what}: counts are recorded for five minutes at a time",
                "choose windows of five minutes or more",
            )


def _counts_increases(measurement: Measurement) -> bool:
    """Whether events are told from two samples; a level or a rate speaks for itself."""
    rising = ("cumulative", "distribution", "position", "rising_level")
    of_slices = isinstance(measurement.indicator.total, Slices)
    kinds = (one.kind for one in measurement.bindings if isinstance(one, MetricBinding))
    return not of_slices and any(kind in rising for kind in kinds)


def _about(objective: Objective, code: str, message: str, hint: str | None, severity: Severity = "warning") -> Problem:
    return Problem(
        code=code, severity=severity, message=message, location=objective.location, hint=hint, subject=objective.id
    )
