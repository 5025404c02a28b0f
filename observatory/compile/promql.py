"""The indicator tree said in PromQL, for alert rules, dashboards and one-off queries.

The status does not come from here: it is counted from raw samples by the ledger. PromQL estimates the same counts on
the server, and these texts keep its known traps shut:

- A counter that appears inside the window while its target was already scraped has counted everything since its birth
  in it; `increase` alone would lose its first value, and a counter born at 1 altogether.
- A good or bad series that does not exist yet is 0 as long as the total exists, and nothing when that does not.
- Terms are added and subtracted one by one, so that a missing one does not empty the sum.
- Bucket bounds are matched as `1` and as `1.0`.

Every expression is parsed before it is handed out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from observatory.compile.measure import Measurement
from observatory.compile.terms import at_most, outcome_terms
from observatory.errors import InputInvalid, Problem
from observatory.indicators.expression import (
    Age,
    Behind,
    Count,
    CountAtMost,
    Expression,
    Level,
    LevelExpression,
    Since,
    Slices,
    SlicesAtMost,
    Utilisation,
)
from observatory.telemetry.binding import (
    Matcher,
    MetricBinding,
    SemanticKind,
    SeriesSelector,
    Term,
    bucket_of,
    literal,
)
from observatory.telemetry.signals import is_a_count
from observatory.units import compact_duration, parse_duration

TARGET = "up"
"""Series that says whether a target was scraped; Prometheus writes it by itself."""
SLICE = "1m"
"""Length of the time slices by which levels are judged."""
SHORTEST_INCREASE = 120.0
"""Seconds: a few scrapes must lie in a range before it shows an increase."""
WITHIN_SLICE = "59s999ms"
"""A slice without its left end, which Prometheus 2 would include and which belongs to the slice before."""

_LEGACY_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LEGACY_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(text: str) -> str:
    """A PromQL string literal of any text.

    Control characters are written as escapes, so that an expression stays on one line; what is no character at all
    (a lone surrogate) becomes U+FFFD, which is what servers store in its place.
    """
    return '"' + "".join(_ESCAPES.get(char) or _visible(char) for char in text) + '"'


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    point = ord(char)
    if 0xD800 <= point <= 0xDFFF:
        return "\N{REPLACEMENT CHARACTER}"
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def label_name(name: str) -> str:
    """A label's name, in quotes where only servers with UTF-8 names can have it."""
    return name if _LEGACY_LABEL.fullmatch(name) else quote(name)


def grouping(labels: Sequence[str]) -> str:
    """The labels of `by (...)` or `on (...)`, separated by commas."""
    return ", ".join(label_name(label) for label in labels)


def matcher(condition: Matcher) -> str:
    """One label condition."""
    name = label_name(condition.label)
    if condition.pattern is not None:
        return f"{name}{'!~' if condition.negated else '=~'}{quote(condition.pattern)}"
    if len(condition.values) == 1:
        return f"{name}{'!=' if condition.negated else '='}{quote(condition.values[0])}"
    alternatives = "|".join(literal(value) for value in condition.values)
    return f"{name}{'!~' if condition.negated else '=~'}{quote(alternatives)}"


def selector(chosen: SeriesSelector, extra: Sequence[Matcher] = ()) -> str:
    """An instant vector selector; `extra` conditions are added, such as those of a shared server."""
    conditions = [matcher(condition) for condition in (*chosen.matchers, *extra)]
    if _LEGACY_METRIC.fullmatch(chosen.metric):
        return chosen.metric + ("{" + ",".join(conditions) + "}" if conditions else "")
    return "{" + ",".join([quote(chosen.metric), *conditions]) + "}"


def increase(terms: Sequence[Term], window: str, kind: SemanticKind = "cumulative", *, target: str = TARGET) -> str:
    """Events of signed terms in a window, one number; nothing where no term has a series.

    Args:
        terms: Counters, or `_count` and `_bucket` series of distributions.
        window: PromQL duration, `5m`.
        kind: How the values behave; a position that falls begins anew and its fall counts nothing.
        target: Series of the scrape's success, by which births are told from new targets.

    Raises:
        InputInvalid: `promql-invalid` for a kind that cannot be counted in PromQL.
    """
    return checked(_sum_of([(term.sign, _events(term.selector, window, kind, target)) for term in terms]))


def _sum_of(parts: Sequence[tuple[int, str]]) -> str:
    if len(parts) == 1 and parts[0][0] == 1:
        return f"sum({parts[0][1]})"
    # A label per term keeps equal label sets of different metrics apart until they are added.
    told_apart = [
        f'label_replace({"-" if sign < 0 else ""}sum({text}), "term", "{index}", "", "")'
        for index, (sign, text) in enumerate(parts)
    ]
    joined = f"sum({' or '.join(told_apart)})"
    return f"clamp_min({joined}, 0)" if any(sign < 0 for sign, _ in parts) else joined


def _events(chosen: SeriesSelector, window: str, kind: SemanticKind, target: str) -> str:
    series = selector(chosen)
    match kind:
        case "cumulative" | "distribution":
            born = f"last_over_time({series}[{window}]) unless {series} offset {window}"
            scraped = f"{target} offset {window} == 1"
            return f"({born} and on (job, instance) {scraped}) or increase({series}[{window}])"
        case "position":
            # A fall is a re-created topic; what it held before is not counted again.
            return f"clamp_min({series} - {series} offset {window}, 0)"
        case "rising_level":
            length = f"{compact_duration(parse_duration(window) - 0.001)}:{SLICE}"
            return f"sum_over_time(clamp_min({series} - {series} offset {SLICE}, 0)[{length}])"
        case "rate":
            return f"avg_over_time({series}[{window}]) * {_number(parse_duration(window))}"
        case "period_total":
            # However often a total is scraped while it is shown, each of its minutes has an equal share in it.
            length = f"{compact_duration(parse_duration(window) - 0.001)}:{SLICE}"
            # Without its left end, like a slice: that belongs to the period before.
            shown = f"last_over_time({series}[{compact_duration((chosen.period_ms - 1) / 1000)}])"
            share = parse_duration(SLICE) * 1000 / chosen.period_ms
            return f"sum_over_time({shown}[{length}])" + ("" if share == 1 else f" * {_number(share)}")
        case _:
            raise _refused(f"a {kind} has no events to count", "promql-invalid")


def slices_at_most(measurement: Measurement, level: LevelExpression, bound: float | None, window: str) -> str:
    """Minutes of a window in which a level was seen and at or under a bound; None counts all that were seen.

    Nothing where the level was never seen.
    """
    return checked(_Slices(measurement).counted(level, bound, window))


def good_total(measurement: Measurement, window: str) -> tuple[str, str]:
    """PromQL for the good and for all events of a measurement in a window; two counts, never a ratio.

    Raises:
        InputInvalid: `promql-spans` when spans measure it, `threshold-off-boundary` when a distribution has no bucket
            at the bound, `promql-invalid` when the parser refuses the text.
    """
    indicator = measurement.indicator
    total = _counted(measurement, indicator.total, window)
    part = indicator.good if indicator.good is not None else indicator.bad
    assert part is not None
    counted = _counted(measurement, part, window)
    # A series without events yet does not exist: as long as the total does, that is zero and not unknown.
    guarded = f"({counted} or 0 * {total})"
    good = guarded if indicator.good is not None else f"clamp_min({total} - {guarded}, 0)"
    return checked(good), checked(total)


def _counted(measurement: Measurement, expression: Expression, window: str) -> str:
    match expression:
        case Count(signal=signal, outcome=outcome):
            binding = _series_of(measurement, signal)
            return increase(outcome_terms(binding, outcome), window, binding.kind)
        case CountAtMost(signal=signal, bound=bound):
            binding = _series_of(measurement, signal)
            return increase(_bucket_terms(measurement, binding, bound), window)
        case SlicesAtMost(level=level, bound=bound):
            return slices_at_most(measurement, level, bound, window)
        case Slices(level=level):
            return slices_at_most(measurement, level, None, window)


def _series_of(measurement: Measurement, signal: str) -> MetricBinding:
    binding = measurement.binding(signal)
    if not isinstance(binding, MetricBinding):
        raise _refused(
            f"{signal} of {measurement.subject} is measured by spans, which PromQL cannot read",
            "promql-spans",
            hint="record its counts from the status, or let the application export a histogram",
        )
    return binding


def _bucket_terms(measurement: Measurement, binding: MetricBinding, bound: float) -> tuple[Term, ...]:
    """The bucket at a bound, whatever way its `le` is written."""
    buckets = at_most(binding, bound)
    if binding.boundaries and not buckets.exact:
        near = [format(value, "g") for value in (buckets.lower_bound, buckets.upper_bound) if value is not None]
        raise _refused(
            f"{binding.signal} of {measurement.subject} has no bucket at {bound:g} s",
            "threshold-off-boundary",
            hint=f"the nearest boundaries: {', '.join(near)} s" if near else None,
        )
    texts = [text for value, text in binding.boundaries if math.isclose(value * binding.scale, bound, rel_tol=1e-9)]
    le = Matcher("le", tuple(dict.fromkeys([*texts, *_bound_texts(bound / binding.scale)])))
    return tuple(
        Term(term.sign, SeriesSelector(part.metric, (*part.matchers, le)))
        for term in binding.all
        for part in [bucket_of(term.selector, "_bucket")]
    )


def _bound_texts(value: float) -> tuple[str, ...]:
    """Ways in which client libraries write a bucket's bound: `1`, `1.0`; never with a rounding error's digits."""
    rounded = float(format(value, ".12g"))
    plain = format(rounded, "f").rstrip("0").rstrip(".") if 1e-4 <= rounded < 1e15 else repr(rounded)
    return tuple(dict.fromkeys((repr(rounded), plain, format(rounded, "g"))))


class _Slices:
    """Levels of one measurement, judged minute by minute."""

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement

    def counted(self, level: LevelExpression, bound: float | None, window: str) -> str:
        # A millisecond less makes the number of minutes the same whether a range holds its left end or not.
        length = f"{compact_duration(parse_duration(window) - 0.001)}:{SLICE}"
        if isinstance(level, Behind):
            kept = self._in_time(level, bound)
            return f"count_over_time(({kept})[{length}])" if bound is None else f"sum_over_time(({kept})[{length}])"
        if isinstance(level, Since):
            kept = self._happened(level, bound)
            return f"count_over_time(({kept})[{length}])" if bound is None else f"sum_over_time(({kept})[{length}])"
        text = self._level(level)
        if bound is None:
            return f"count_over_time(({text})[{length}])"
        return f"sum_over_time((({text}) <= bool {_number(bound)})[{length}])"

    def _level(self, level: Level | Utilisation | Age) -> str:
        match level:
            case Level(signal=signal):
                text = self._worst(signal)
                return summed(text, _series_of(self.measurement, signal)) if is_a_count(signal) else f"max({text})"
            case Utilisation(used=used, limit=limit):
                return f"max({self._worst(used)} / {self._worst(limit)})"
            case Age(timestamp=timestamp, depth=depth):
                binding = _series_of(self.measurement, timestamp)
                age = f"max(time() - ({_scaled(selector(binding.all[0].selector), binding.scale)} > 0))"
                if depth is None:
                    return age
                waiting = f"max({self._worst(depth)})"
                return f"({age} and {waiting} > 0) or 0 * {waiting}"

    def _worst(self, signal: str) -> str:
        """The highest value of each series in the minute, values that mean unknown left out."""
        binding = _series_of(self.measurement, signal)
        idle = binding.kind == "idle_level"
        text = f"{'min' if idle else 'max'}_over_time({selector(binding.all[0].selector)}[{WITHIN_SLICE}])"
        if binding.invalid_below is not None:
            text = f"({text} >= {_number(binding.invalid_below)})"
        scaled = _scaled(text, binding.scale)
        return f"(1 - {scaled})" if idle else scaled

    def _bound(self) -> float | None:
        """The bound that the indicator judges by."""
        parts = (self.measurement.indicator.good, self.measurement.indicator.bad)
        return next((part.bound for part in parts if isinstance(part, SlicesAtMost)), None)

    def _happened(self, level: Since, bound: float | None) -> str:
        """1 where something was counted within the bound, which is a few scrapes at least, and 0 where nothing was."""
        counter = _series_of(self.measurement, level.counter)
        seconds = max(bound or self._bound() or SHORTEST_INCREASE, SHORTEST_INCREASE)
        within = compact_duration(seconds)
        terms = outcome_terms(counter, None)
        counted = [(term.sign, _events(term.selector, within, counter.kind, TARGET)) for term in terms]
        return f"{_sum_of(counted)} > bool 0"

    def _in_time(self, level: Behind, bound: float | None) -> str:
        """1 where the group has read everything that was there `bound` seconds ago, 0 where it has not.

        Exact up to a scrape, and no guess: what had been produced then is compared with what is committed now.
        """
        # Minutes that reach back before the series began are not judged, so all that are seen use the same bound.
        ago = compact_duration(bound or self._bound() or parse_duration(SLICE))
        produced = _series_of(self.measurement, level.produced)
        head = selector(produced.all[0].selector)
        if level.committed is not None:
            committed = _series_of(self.measurement, level.committed)
            by = _shared_partition(produced, committed)
            position = selector(committed.all[0].selector)
            if committed.invalid_below is not None:
                position = f"({position} >= {_number(committed.invalid_below)})"
            return f"max(max {by}({head} offset {ago}) > bool {_on(by)}max {by}({position})) == bool 0"
        assert level.depth is not None
        waiting = _series_of(self.measurement, level.depth)
        if produced.kind == "cumulative":
            # Within a bound shorter than a few scrapes no increase can be seen: there the mean rate stands in.
            seconds = parse_duration(ago)
            within = ago if seconds >= SHORTEST_INCREASE else compact_duration(SHORTEST_INCREASE)
            arrived = _sum_of(
                [(term.sign, _events(term.selector, within, produced.kind, TARGET)) for term in produced.all]
            )
            share = "" if within == ago else f" * {_number(seconds / SHORTEST_INCREASE)}"
            return f"max({self._worst(level.depth)}) <= bool {arrived}{share}"
        by = _shared_partition(produced, waiting)
        arrived = f"max {by}({head}) - {_on(by)}max {by}({head} offset {ago})"
        return f"max(max {by}({self._worst(level.depth)}) > bool {_on(by)}({arrived})) == bool 0"


def summed(text: str, binding: MetricBinding) -> str:
    """Messages of all partitions together; exporters that run as a pair show each of them twice."""
    label = binding.partition_label
    return f"sum(max by ({label_name(label)}) ({text}))" if label else f"sum({text})"


def _shared_partition(first: MetricBinding, second: MetricBinding) -> str:
    """`by (partition) ` where both series know partitions by the same label, else nothing."""
    label = first.partition_label
    return f"by ({label_name(label)}) " if label and label == second.partition_label else ""


def _on(by: str) -> str:
    return by.replace("by", "on", 1)


def _scaled(text: str, scale: float) -> str:
    return text if scale == 1 else f"{text} * {_number(scale)}"


def _number(value: float) -> str:
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _refused(message: str, code: str, hint: str | None = None) -> InputInvalid:
    return InputInvalid(Problem(code=code, message=message, hint=hint))


def checked(expression: str) -> str:
    """The expression, once the parser has accepted it.

    Raises:
        InputInvalid: `promql-invalid`.
    """
    import promql_parser

    try:
        promql_parser.parse(expression)
    except ValueError as error:
        raise _refused(f"{expression} is no PromQL: {error}", "promql-invalid") from error
    return expression
