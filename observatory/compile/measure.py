"""From an objective to what measures it: the best indicator whose signals are bound, chosen once, with the reason.

An indicator is taken when telemetry has all of its signals. Among those a live one wins over one whose series are
missing, and a direct one over a proxy. Where nothing fits, the answer is a problem that says what to switch on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from observatory.compile.terms import outcome_terms
from observatory.errors import Problem
from observatory.indicators.expression import (
    Behind,
    Count,
    CountAtMost,
    Expression,
    Slices,
    SlicesAtMost,
    signals_of,
)
from observatory.indicators.indicator import Indicator
from observatory.indicators.standard import DEFAULT_MEASURE, candidates
from observatory.objectives.objective import Objective
from observatory.telemetry.binding import Binding, Liveness, MappingResult, MetricBinding, Resolution, SpanBinding


class Measurement(Struct, frozen=True, kw_only=True):
    """An indicator bound to the series or spans of one operation; shared by all objectives that need it.

    Attributes:
        key: Stable text made of the indicator and the selectors; equal keys mean equal numbers.
        subject: Operation key or channel id.
        bindings: One per signal of the indicator, in `indicator.signals` order.
        liveness: `missing` when the series of the total are not there, `live` when everything is.
        reason: Why series are missing, in words.
    """

    key: str
    subject: str
    indicator: Indicator
    bindings: tuple[Binding, ...]
    liveness: Liveness = "live"
    reason: str = ""

    def binding(self, signal: str) -> Binding:
        """The binding of one of the indicator's signals."""
        return next(binding for binding in self.bindings if binding.signal == signal)

    @property
    def proxy(self) -> bool:
        """Whether the number stands in for something that telemetry does not show directly."""
        return self.indicator.proxy

    @property
    def profile(self) -> str:
        """Profile of the binding that gives the total."""
        return self.binding(signals_of(self.indicator.total)[0]).profile


def measure(
    objective: Objective, mapping: MappingResult, names: Mapping[str, frozenset[str]] | None = None
) -> Measurement | Problem:
    """What measures the objective.

    Args:
        names: Series names that each source has, by source. With it an error counter that has no series for this
            channel, though others have it, is taken as "no error yet".

    Returns:
        A measurement; or a problem (`sli-not-applicable`, `threshold-missing`, or the mapping's own code:
        `not-provided`, `name-unknown`, `series-missing`) that says why nothing can measure it.
    """
    options = candidates(objective.sli, objective.role, objective.threshold, objective.measure)
    if not options:
        return _not_applicable(objective)
    ranked: list[tuple[int, bool, int, Measurement]] = []
    for order, indicator in enumerate(options):
        bindings = tuple(_binding(objective, mapping, signal) for signal in indicator.signals)
        bound = tuple(binding for binding in bindings if binding is not None)
        if len(bound) < len(bindings) or not _answers(indicator, bound):
            continue
        rank, liveness = _rank(indicator, bound, names)
        reason = _missing_reason(objective, mapping, bound) if liveness == "missing" else ""
        ranked.append((rank, estimated(bound), order, _measurement(objective, indicator, bound, liveness, reason)))
    if ranked:
        return min(ranked, key=lambda entry: entry[:3])[3]
    return _unmapped(objective, mapping, options)


def estimated(bindings: Sequence[Binding]) -> bool:
    """Whether lag in seconds is what an exporter makes of offsets: what follows from the offsets here is surer."""
    return any(
        isinstance(binding, MetricBinding) and binding.proxy and binding.signal == "consumer_lag_time"
        for binding in bindings
    )


def measurement_key(indicator: Indicator, bindings: tuple[Binding, ...]) -> str:
    """A short text that is equal for equal questions: made of the expressions and of what the series are."""
    part = indicator.good if indicator.good is not None else indicator.bad
    parts: list[object] = [indicator.total, "good" if indicator.good is not None else "bad", part]
    for binding in bindings:
        if isinstance(binding, SpanBinding):
            parts += [binding.signal, binding.source, binding.selector]
        else:
            parts += [binding.signal, binding.source, binding.kind, binding.all, binding.success, binding.error]
            parts += [binding.scale, binding.boundaries, binding.partition_label, binding.invalid_below]
            parts += [f"of {period_ms} ms" for period_ms in (_period_ms(binding),) if period_ms]
    return f"{indicator.sli}:{sha256(repr(parts).encode()).hexdigest()[:16]}"


def _period_ms(binding: MetricBinding) -> int:
    return max((term.selector.period_ms for term in (*binding.all, *binding.success, *binding.error)), default=0)


def bound_measurement(
    indicator: Indicator, operation_key: str, channel_id: str, mapping: MappingResult
) -> Measurement | None:
    """An indicator bound for one operation, for views that show more than objectives ask for; None where it is not."""
    found = [mapping.chosen(operation_key, one) or mapping.chosen(channel_id, one) for one in indicator.signals]
    bindings = tuple(binding for binding in found if binding is not None)
    if len(bindings) < len(found) or not _answers(indicator, bindings):
        return None
    _, liveness = _rank(indicator, bindings, None)
    key = measurement_key(indicator, bindings)
    return Measurement(key=key, subject=operation_key, indicator=indicator, bindings=bindings, liveness=liveness)


def _measurement(
    objective: Objective, indicator: Indicator, bindings: tuple[Binding, ...], liveness: Liveness, reason: str
) -> Measurement:
    return Measurement(
        key=measurement_key(indicator, bindings),
        subject=objective.operation_key,
        indicator=indicator,
        bindings=bindings,
        liveness=liveness,
        reason=reason,
    )


def resolution(objective: Objective, mapping: MappingResult, signal: str) -> Resolution | None:
    """How a signal was resolved for the objective's operation, else for its channel."""
    for subject in (objective.operation_key, objective.channel_id):
        found = mapping.resolutions.get((subject, signal))
        if found is not None and (found.chosen is not None or subject == objective.channel_id):
            return found
    return mapping.resolutions.get((objective.operation_key, signal))


def _binding(objective: Objective, mapping: MappingResult, signal: str) -> Binding | None:
    found = resolution(objective, mapping, signal)
    binding = found.chosen if found else None
    if isinstance(binding, SpanBinding) and signal == "end_to_end_latency":
        return replace(binding, selector=replace(binding.selector, measure=objective.measure or DEFAULT_MEASURE))
    return binding


def _answers(indicator: Indicator, bindings: tuple[Binding, ...]) -> bool:
    """Whether the bindings can tell what the expressions ask: outcomes apart, and values below a bound."""
    by_signal = {binding.signal: binding for binding in bindings}
    part = indicator.good if indicator.good is not None else indicator.bad
    assert part is not None
    return _tells(indicator.total, by_signal) and _tells(part, by_signal)


def _tells(expression: Expression, by_signal: Mapping[str, Binding]) -> bool:
    match expression:
        case Count(signal=signal, outcome=outcome):
            binding = by_signal[signal]
            return isinstance(binding, SpanBinding) or bool(outcome_terms(binding, outcome))
        case CountAtMost(signal=signal):
            binding = by_signal[signal]
            return isinstance(binding, SpanBinding) or _has_buckets(binding)
        case Slices(level=Behind() as level) | SlicesAtMost(level=Behind() as level):
            # Totals of periods do not say when in the period messages arrived, so nobody's delay follows from them;
            # and a number of messages is no distance between two times.
            arrivals = by_signal[level.produced]
            unfit = ("rate", "period_total", *(("time_position",) if level.depth is not None else ()))
            if isinstance(arrivals, MetricBinding) and arrivals.kind in unfit:
                return False
            return all(isinstance(by_signal[signal], MetricBinding) for signal in signals_of(expression))
        case _:
            return all(isinstance(by_signal[signal], MetricBinding) for signal in signals_of(expression))


def _has_buckets(binding: MetricBinding) -> bool:
    """Whether a histogram can tell values apart; a live one with nothing but +Inf cannot."""
    finite = any(value != float("inf") for value, _ in binding.boundaries)
    return binding.kind == "distribution" and (finite or binding.liveness != "live")


def _rank(
    indicator: Indicator, bindings: tuple[Binding, ...], names: Mapping[str, frozenset[str]] | None
) -> tuple[int, Liveness]:
    """0 all live, 1 unknown, 2 live but for an error counter that exists elsewhere, 3 missing."""
    missing = [binding for binding in bindings if binding.liveness == "missing"]
    if not missing:
        known = all(binding.liveness == "live" for binding in bindings)
        return (0, "live") if known else (1, "unknown")
    of_total = set(signals_of(indicator.total))
    if indicator.bad is not None and all(binding.signal not in of_total for binding in missing):
        quiet = all(isinstance(one, MetricBinding) and _named(one, names) for one in missing)
        if quiet:
            return 2, "live"
    return 3, "missing"


def _named(binding: MetricBinding, names: Mapping[str, frozenset[str]] | None) -> bool:
    known = (names or {}).get(binding.source, frozenset())
    terms = outcome_terms(binding, None) or binding.error
    return bool(terms) and any(term.selector.metric in known for term in terms)


def _missing_reason(objective: Objective, mapping: MappingResult, bindings: tuple[Binding, ...]) -> str:
    for binding in bindings:
        if binding.liveness == "missing":
            found = resolution(objective, mapping, binding.signal)
            reason = (found.reason if found else "") or binding.reason
            return reason or f"no series of {binding.profile} for {binding.signal}"
    return ""


def _not_applicable(objective: Objective) -> Problem:
    needs_threshold = objective.sli in ("latency", "lag", "saturation", "freshness")
    if needs_threshold and objective.threshold is None:
        return Problem(
            code="threshold-missing",
            message=f"{objective.sli} of {objective.operation_key} has no threshold to compare with",
            hint="add one, such as threshold: 500ms, 60s, 10000 messages or 70%",
            location=objective.location,
            subject=objective.id,
        )
    side = "sends" if objective.role == "producer" else "receives"
    reason = (
        f"a threshold in {objective.threshold.unit}s does not fit it"
        if needs_threshold and objective.threshold is not None and objective.role == "consumer"
        else f"it has no meaning for an operation that {side}"
    )
    return Problem(
        code="sli-not-applicable",
        severity="warning",
        message=f"{objective.sli} cannot be measured for {objective.operation_key}: {reason}",
        hint="move the objective to the operation on the other side of the channel, or change its threshold",
        location=objective.location,
        subject=objective.id,
    )


def _unmapped(objective: Objective, mapping: MappingResult, options: tuple[Indicator, ...]) -> Problem:
    """Why nothing fits: the reason of the first signal of the best candidate that is not bound."""
    for indicator in options:
        for signal in indicator.signals:
            found = resolution(objective, mapping, signal)
            if found is not None and found.chosen is None and found.reason:
                return Problem(
                    code=found.code or "not-provided",
                    severity="warning",
                    message=f"{objective.sli} of {objective.operation_key} is not measured: {found.reason}",
                    location=objective.location,
                    subject=objective.id,
                )
    return Problem(
        code="not-provided",
        severity="warning",
        message=f"{objective.sli} of {objective.operation_key} is not measured: no telemetry that was found shows "
        f"{options[0].signals[0]}",
        hint="observatory map says which exporters would show it",
        location=objective.location,
        subject=objective.id,
    )
