"""Example series for the unit tests of rules: what a good and a bad event look like in a measurement's own series.

Series are invented from the selectors that the rules read, so that a test fails when a rule looks elsewhere. An event
is a set of series that rise by one together: an exporter that counts all and failed messages apart shows a failure in
both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import combinations

from msgspec import Struct

from observatory.compile.plan import Measurement
from observatory.compile.promql import TARGET
from observatory.indicators.expression import Count, CountAtMost, Expression
from observatory.telemetry.binding import Binding, Matcher, MetricBinding, SeriesSelector, Term, bucket_of

INVENTED = "example"
TARGET_LABELS = {"instance": "example:9090", "job": "example"}
"""Labels that a scrape adds; births of counters are told from new targets by them."""
MOST_TOGETHER = 3
"""No exporter known raises more counters than this for one event."""


class ExampleSeries(Struct, frozen=True, order=True):
    """One series with concrete labels, sorted by name."""

    metric: str
    labels: tuple[tuple[str, str], ...]

    def notation(self) -> str:
        """As promtool reads it."""
        inner = ",".join(f'{label}="{_escape(value)}"' for label, value in self.labels)
        return f"{self.metric}{{{inner}}}"


def target_of(one: ExampleSeries) -> ExampleSeries:
    """The series that says whether the target was scraped."""
    return ExampleSeries(TARGET, tuple((label, value) for label, value in one.labels if label in TARGET_LABELS))


class Events(Struct, frozen=True, kw_only=True):
    """What rises by one with a good and with a bad event."""

    good: tuple[ExampleSeries, ...]
    bad: tuple[ExampleSeries, ...]


def event_examples(measurement: Measurement) -> Events | None:
    """Examples for an event indicator; None where none can be invented, such as for an unusual pattern."""
    indicator = measurement.indicator
    part = indicator.good if indicator.good is not None else indicator.bad
    assert part is not None
    if isinstance(part, CountAtMost):
        return _distribution_events(measurement, part)
    candidates = sorted(
        {
            found
            for binding in measurement.bindings
            if isinstance(binding, MetricBinding)
            for selector in _counted(binding, (*binding.all, *binding.success, *binding.error))
            if (found := example_of(selector)) is not None
        }
    )
    wanted = (1, 0) if indicator.good is not None else (0, 1)
    good, bad = (_event(measurement, part, candidates, share) for share in wanted)
    return Events(good=good, bad=bad) if good and bad else None


def per_minute(measurement: Measurement, one: ExampleSeries) -> float | None:
    """What a series that does not count up shows for one event a minute; None for one that does.

    The total of a finished period shows all events of the period, a rate those of a second.
    """
    for binding in measurement.bindings:
        if not isinstance(binding, MetricBinding):
            continue
        for term in (*binding.all, *binding.success, *binding.error):
            if matches(term.selector, one):
                if binding.kind == "period_total":
                    return term.selector.period_ms / 60_000
                return 1 / 60 if binding.kind == "rate" else None
    return None


def _event(
    measurement: Measurement, part: Expression, candidates: Sequence[ExampleSeries], share: int
) -> tuple[ExampleSeries, ...]:
    """The fewest series that count one in total and `share` in the part; empty when there are none."""
    for size in range(1, MOST_TOGETHER + 1):
        for chosen in combinations(candidates, size):
            total = sum(coefficient(measurement, measurement.indicator.total, one) for one in chosen)
            counted = sum(coefficient(measurement, part, one) for one in chosen)
            if total == 1 and counted == share:
                return chosen
    return ()


def coefficient(measurement: Measurement, expression: Expression, one: ExampleSeries) -> int:
    """By how much the expression rises when the series rises by one."""
    if not isinstance(expression, Count):
        return 0
    binding = measurement.binding(expression.signal)
    if not isinstance(binding, MetricBinding):
        return 0

    def among(terms: Iterable[Term]) -> int:
        return sum(term.sign for term in terms if any(matches(s, one) for s in _counted(binding, (term,))))

    match expression.outcome:
        case None:
            return among(binding.all)
        case "success":
            return among(binding.success) if binding.success else among(binding.all) - among(binding.error)
        case "error":
            return among(binding.error) if binding.error else among(binding.all) - among(binding.success)


def _counted(binding: Binding, terms: Iterable[Term]) -> list[SeriesSelector]:
    selectors = [term.selector for term in terms]
    if isinstance(binding, MetricBinding) and binding.kind == "distribution":
        return [bucket_of(selector, "_count") for selector in selectors]
    return selectors


def _distribution_events(measurement: Measurement, part: CountAtMost) -> Events | None:
    """A histogram's buckets below and above the bound: one value under all of them, one above all."""
    binding = measurement.binding(part.signal)
    if not isinstance(binding, MetricBinding):
        return None
    base = example_of(binding.all[0].selector)
    if base is None:
        return None
    count, total = ExampleSeries(base.metric + "_count", base.labels), ExampleSeries(base.metric + "_sum", base.labels)
    # Nobody has seen the buckets of series that are missing: one at the bound is what the objective asks for.
    known = [text for _, text in sorted(binding.boundaries)] or [format(part.bound / binding.scale, ".12g")]
    texts = list(dict.fromkeys([*known, "+Inf"]))
    buckets = [ExampleSeries(base.metric + "_bucket", tuple(sorted((*base.labels, ("le", text))))) for text in texts]
    return Events(good=(*buckets, count, total), bad=(buckets[-1], count, total))


def example_of(selector: SeriesSelector) -> ExampleSeries | None:
    """Concrete labels that satisfy every matcher; None when no value can be found for one of them."""
    labels: dict[str, str] = dict(TARGET_LABELS)
    for label in dict.fromkeys(matcher.label for matcher in selector.matchers):
        matchers = [matcher for matcher in selector.matchers if matcher.label == label]
        tried = [value for matcher in matchers for value in _candidates(matcher)] + [
            labels.get(label, ""),
            "",
            INVENTED,
        ]
        value = next((value for value in tried if all(accepts(matcher, value) for matcher in matchers)), None)
        if value is None:
            return None
        labels[label] = value
    labels = {label: value for label, value in labels.items() if value}
    return ExampleSeries(selector.metric, tuple(sorted(labels.items())))


def matches(selector: SeriesSelector, one: ExampleSeries) -> bool:
    """Whether the selector reads the series."""
    labels = dict(one.labels)
    return selector.metric == one.metric and all(
        accepts(matcher, labels.get(matcher.label, "")) for matcher in selector.matchers
    )


def accepts(matcher: Matcher, value: str) -> bool:
    """Whether a label value satisfies the matcher; an absent label is the empty string."""
    if matcher.pattern is not None:
        try:
            found = re.fullmatch(matcher.pattern, value) is not None
        except re.error:
            return False
    else:
        found = value in matcher.values
    return found != matcher.negated


def _candidates(matcher: Matcher) -> list[str]:
    if matcher.negated:
        return []
    if matcher.pattern is None:
        return sorted(matcher.values, key=lambda value: (value == "", value))
    # Whatever a pattern leaves open becomes a letter or a digit; the result is checked against the pattern.
    opened = re.sub(r"\(\?[:Pi][^)]*?\)|\\[dw][+*]?|\[[^\]]*\](?:[+*]|\{[^}]*\})?|\.[+*]", "1", matcher.pattern)
    plain = re.sub(r"\\(.)", r"\1", opened.replace("(?:", "").replace("(", "").replace(")", ""))
    return [plain, *plain.split("|"), "1"]


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
