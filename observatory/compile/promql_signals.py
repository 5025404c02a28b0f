"""A signal over time said in PromQL, for one line of a figure: what a reader would ask the server to see the same.

Figures are counted from raw samples, as objectives are; these texts give what the server computes for the same series.
"""

from __future__ import annotations

from msgspec.structs import replace

from observatory.compile.promql import checked, grouping, increase, selector, summed
from observatory.compile.terms import bucket_terms, outcome_terms
from observatory.errors import InputInvalid, Problem
from observatory.telemetry.binding import Matcher, MetricBinding, Term
from observatory.telemetry.signals import is_a_count
from observatory.units import parse_duration

QUANTILES = {"p50": 0.5, "p99": 0.99}


def signal_expression(binding: MetricBinding, statistic: str, window: str) -> str:
    """The value of a signal's statistic at an instant, over a window where it needs one.

    Args:
        statistic: `rate`, `error_rate`, `level`, `p50`, `p99` or `age`; base units, per second for rates.
        window: PromQL duration, the step of the figure.

    Raises:
        InputInvalid: `promql-invalid` when the statistic has no PromQL form for this binding.
    """
    if statistic in ("rate", "error_rate"):
        counted = increase(outcome_terms(binding, "error" if statistic == "error_rate" else None), window, binding.kind)
        return checked(f"({counted}) / {parse_duration(window):g}")
    if statistic in QUANTILES and binding.kind == "distribution":
        parts = [f"rate({selector(term.selector)}[{window}])" for term in bucket_terms(binding)]
        return checked(_scaled(f"histogram_quantile({QUANTILES[statistic]:g}, sum by (le) ({parts[0]}))", binding))
    if statistic in ("level", "age") and binding.all:
        series = selector(binding.all[0].selector)
        valid = f"({series} >= {binding.invalid_below:g})" if binding.invalid_below is not None else series
        value = _scaled(valid, binding)
        if statistic == "age":
            return checked(f"max(time() - ({value} > 0))")
        value = f"1 - {value}" if binding.kind == "idle_level" else value
        return checked(summed(value, binding) if is_a_count(binding.signal) else f"max({value})")
    problem = Problem(code="promql-invalid", message=f"{statistic} of {binding.signal} has no PromQL form here")
    raise InputInvalid(problem)


def by_partition(expression: str, binding: MetricBinding) -> str:
    """The same with one line per partition, where the binding tells partitions apart."""
    if not binding.partition_label or not expression.startswith("(sum("):
        return expression
    return checked(expression.replace("(sum(", f"(sum by ({grouping([binding.partition_label])}) (", 1))


def with_labels(binding: MetricBinding, labels: dict[str, str]) -> MetricBinding:
    """The binding with the conditions that every request to its server carries."""
    if not labels:
        return binding
    more = tuple(Matcher(name, (value,)) for name, value in sorted(labels.items()))

    def narrowed(terms: tuple[Term, ...]) -> tuple[Term, ...]:
        return tuple(
            replace(term, selector=replace(term.selector, matchers=(*term.selector.matchers, *more))) for term in terms
        )

    return replace(binding, all=narrowed(binding.all), success=narrowed(binding.success), error=narrowed(binding.error))


def _scaled(text: str, binding: MetricBinding) -> str:
    return text if binding.scale == 1 else f"{text} * {binding.scale:.12g}"
