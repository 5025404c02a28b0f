"""PromQL of Grafana panels over series of exporters, as the mapping found them.

Channels that the same exporter measures in the same way share one query, in which the filter's variable stands where
each channel's name stood. A channel that its exporter knows by another name gets a query of its own. Either way the
result carries `channel`, and `consumer_group` where it has one, and is filtered by the objectives on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from observatory.compile.names import OBJECTIVE
from observatory.compile.promql import grouping, label_name, matcher, quote, selector
from observatory.compile.terms import bucket_terms, outcome_terms
from observatory.dashboards import Subject
from observatory.export.grafana_queries import Filters, fixed
from observatory.objectives.objective import Objective
from observatory.telemetry.binding import Binding, MappingResult, Matcher, MetricBinding, SeriesSelector, Term
from observatory.telemetry.signals import SIGNALS, is_a_count

MOST_QUERIES = 40
"""Parts of one panel's expression; servers refuse texts without end."""
QUANTILES: Mapping[str, float] = {"p50": 0.5, "p99": 0.99}
SUMMED = frozenset({"rate", "error_rate"})


class Asked(Struct, frozen=True):
    """What a panel asks for.

    Attributes:
        statistic: `rate`, `error_rate`, `level`, `p50`, `p99` or `age`.
        by_part: One line per partition.
    """

    signal: str
    statistic: str
    by_part: bool = False

    @property
    def is_shared(self) -> bool:
        """Whether the signal belongs to a broker or registry, and to no channel."""
        return SIGNALS[self.signal].scope in ("broker", "registry")


class SignalQuery(Struct, frozen=True):
    """An expression, how its lines are called, and how many channels had no room in it."""

    expr: str
    legend: str
    left_out: int = 0


def by_signal(
    signals: Sequence[str], statistic: str, objectives: Sequence[Objective], mapping: MappingResult, subject: Subject
) -> list[tuple[str, list[Objective]]]:
    """Which of a panel's signals to ask for, with the objectives whose channels it measures.

    The first signal that series measure: those that are there before those that might come. On a page about the
    estate that is one for all, so that its lines compare; on a page about a channel or group each has its own.
    """
    alike: dict[str, list[Objective]] = {}
    for one in objectives:
        key = {"channel": one.channel_id, "group": one.consumer_group or one.service, "estate": ""}[subject]
        alike.setdefault(key, []).append(one)
    found: dict[str, list[Objective]] = {}
    for members in alike.values():
        if signal := _first_measured(signals, statistic, members, mapping):
            found.setdefault(signal, []).extend(members)
    return [(signal, found[signal]) for signal in signals if signal in found]


def _first_measured(
    signals: Sequence[str], statistic: str, objectives: Sequence[Objective], mapping: MappingResult
) -> str | None:
    promised: str | None = None
    for signal in signals:
        found = [one for _, one in _bound(Asked(signal, statistic), objectives, mapping)]
        if any(one.liveness != "missing" for one in found):
            return signal
        if found and promised is None:
            promised = signal
    return promised


def signal_query(
    asked: Asked,
    objectives: Sequence[Objective],
    mapping: MappingResult,
    filters: Filters,
    limit: int,
    *,
    alone: bool = True,
) -> SignalQuery | None:
    """The query of a signal for the channels of some objectives; None where no series measure it.

    Args:
        alone: No other query of the panel is about other channels.
    """
    channels: dict[_Part, dict[str, None]] = {}
    for objective, binding in _bound(asked, objectives, mapping):
        part = _part(asked, objective, binding, filters)
        channels.setdefault(part, {})[objective.address or objective.channel_key] = None
    kept = list(channels)[:MOST_QUERIES]
    left_out = {name for part in list(channels)[MOST_QUERIES:] for name in channels[part]}
    if not kept:
        return None
    # An exporter may know channels for which the mapping prefers another one: each is drawn once.
    told_apart = not alone or len(channels) > 1
    texts = [part.text(filters, tuple(channels[part]) if told_apart else ()) for part in kept]
    joined = texts[0] if len(texts) == 1 else " or ".join(f"({text})" for text in texts)
    if asked.is_shared:
        return SignalQuery(joined, SIGNALS[asked.signal].scope, len(left_out))
    legend = "{{channel}} {{consumer_group}}" if _is_of_groups(asked) else "{{channel}}"
    legend += " {{partition}}" if asked.by_part else ""
    return SignalQuery(f"topk({limit}, {joined})", legend, len(left_out))


def metrics_of(mapping: MappingResult) -> frozenset[str]:
    """Names of all series that the mapping's bindings may be asked for."""
    bindings = [one.chosen for one in mapping.resolutions.values() if isinstance(one.chosen, MetricBinding)]
    names: set[str] = set()
    for binding in bindings:
        ends = ("_bucket", "_count") if binding.kind == "distribution" else ("",)
        terms = (*binding.all, *binding.success, *binding.error)
        names |= {term.selector.metric + end for term in terms for end in ends}
    return frozenset(names)


def _is_of_groups(asked: Asked) -> bool:
    return SIGNALS[asked.signal].scope == "consumer"


def _bound(
    asked: Asked, objectives: Sequence[Objective], mapping: MappingResult
) -> list[tuple[Objective, MetricBinding]]:
    """Objectives whose operation or channel has a binding that can say the statistic, one each, by channel."""
    scope = SIGNALS[asked.signal].scope
    found: dict[str, tuple[Objective, MetricBinding]] = {}
    for one in sorted(objectives, key=lambda one: (one.channel_id, one.operation_key, one.id)):
        if scope in ("producer", "consumer") and one.role != scope:
            continue
        key = one.operation_key if scope in ("producer", "consumer") else one.channel_id
        if key in found:
            continue
        binding: Binding | None = mapping.chosen(key, asked.signal) or mapping.chosen(one.channel_id, asked.signal)
        if isinstance(binding, MetricBinding) and _can_say(binding, asked):
            found[key] = (one, binding)
    return list(found.values())


def _can_say(binding: MetricBinding, asked: Asked) -> bool:
    if asked.by_part and not binding.partition_label:
        return False
    if asked.statistic in QUANTILES:
        return binding.kind == "distribution"
    if asked.statistic in SUMMED:
        counted = binding.kind in ("cumulative", "distribution", "position", "rising_level", "rate", "period_total")
        return counted and bool(_terms(binding, asked.statistic))
    if asked.statistic == "age":
        return binding.kind == "timestamp"
    return asked.statistic == "level" and binding.kind in ("level", "idle_level", "rising_level")


def _terms(binding: MetricBinding, statistic: str) -> tuple[Term, ...]:
    if statistic in QUANTILES:
        return bucket_terms(binding)
    return outcome_terms(binding, "error" if statistic == "error_rate" else None)


class _Part(Struct, frozen=True):
    """The lines of one exporter's series, under the labels that filters know.

    Attributes:
        lines: PromQL without the filter by objectives.
        on: Labels by which lines and objectives find each other; none for what belongs to no channel.
    """

    lines: str
    on: tuple[str, ...] = ()

    def text(self, filters: Filters, channels: Sequence[str]) -> str:
        """The lines of those channels, or of all, as far as the filters let them through."""
        if not self.on:
            return self.lines
        more = [fixed(matcher(Matcher("channel", tuple(channels))))] if channels else []
        return f"{self.lines} and on ({', '.join(self.on)}) {filters.series(OBJECTIVE, *more)}"


def _part(asked: Asked, objective: Objective, binding: MetricBinding, filters: Filters) -> _Part:
    if asked.is_shared:
        return _Part(_aggregated(asked, binding, (), {}, filters))
    wanted = {"channel": objective.address or objective.channel_key}
    if _is_of_groups(asked) and objective.consumer_group:
        wanted["consumer_group"] = objective.consumer_group
    terms = _terms(binding, asked.statistic)
    labels = {name: _labels_of(terms, value) for name, value in wanted.items()}
    varied: dict[str, str] = {}
    for name, found in labels.items():
        # A queue may stand for the channel and for its group at once.
        varied |= {label: name for label in found if label not in varied}
    by = [found[0] for found in labels.values() if found]
    if asked.by_part and binding.partition_label:
        by.append(binding.partition_label)
    text = _aggregated(asked, binding, tuple(dict.fromkeys(by)), varied, filters)
    # The group first: renaming the channel may write over a label that it is read from.
    for name, value in reversed(wanted.items()):
        text = _renamed(text, name, labels[name][0]) if labels[name] else _named(text, name, value)
    if asked.by_part and binding.partition_label:
        text = _renamed(text, "partition", binding.partition_label)
    return _Part(text, tuple(wanted))


def _labels_of(terms: Sequence[Term], value: str) -> tuple[str, ...]:
    """Labels that hold exactly the name in every term."""
    found = [
        {one.label for one in term.selector.matchers if one.values == (value,) and not one.negated} for term in terms
    ]
    return tuple(sorted(set.intersection(*found))) if found else ()


def _aggregated(
    asked: Asked, binding: MetricBinding, by: Sequence[str], varied: Mapping[str, str], filters: Filters
) -> str:
    """Terms added up (or the worst of them), one line per combination of the labels in `by`."""
    terms = _terms(binding, asked.statistic)
    if asked.statistic in QUANTILES:
        added = _added(
            terms, "sum", ["le", *by], lambda one: f"rate({_series(one, varied, filters)}[$__rate_interval])"
        )
        # Without events a quantile is NaN, which no comparison lets through.
        known = f"(histogram_quantile({QUANTILES[asked.statistic]:g}, {added}) >= 0)"
        return _scaled(known, binding.scale)
    if asked.statistic in SUMMED:
        added = _added(terms, "sum", by, lambda one: _per_second(one, binding, _series(one, varied, filters)))
        return _scaled(added, 1.0 if binding.kind == "distribution" else binding.scale)
    how = "sum" if is_a_count(asked.signal) and asked.statistic == "level" else "max"
    return _added(terms[:1], how, by, lambda one: _level(asked, binding, _series(one, varied, filters)))


def _added(terms: Sequence[Term], how: str, by: Sequence[str], said: Callable[[SeriesSelector], str]) -> str:
    grouped = f" by ({grouping(by)})" if by else ""
    if len(terms) == 1 and terms[0].sign == 1:
        return f"{how}{grouped} ({said(terms[0].selector)})"
    # A label per term keeps equal label sets of different metrics apart until they are added.
    signed = (f"{'-' if term.sign < 0 else ''}{how}{grouped} ({said(term.selector)})" for term in terms)
    told_apart = [f'label_replace({one}, "term", "{index}", "", "")' for index, one in enumerate(signed)]
    return f"clamp_min({how}{grouped} ({' or '.join(told_apart)}), 0)"


def _per_second(chosen: SeriesSelector, binding: MetricBinding, series: str) -> str:
    match binding.kind:
        case "position" | "rising_level":
            return f"clamp_min(deriv({series}[$__rate_interval]), 0)"
        case "rate":
            return series
        case "period_total":
            return f"{series} / {chosen.period_ms / 1000:g}"
        case _:
            return f"rate({series}[$__rate_interval])"


def _level(asked: Asked, binding: MetricBinding, series: str) -> str:
    valid = f"({series} >= {binding.invalid_below:g})" if binding.invalid_below is not None else series
    value = _scaled(valid, binding.scale)
    if asked.statistic == "age":
        return f"time() - ({value} > 0)"
    return f"1 - {value}" if binding.kind == "idle_level" else value


def _series(chosen: SeriesSelector, varied: Mapping[str, str], filters: Filters) -> str:
    """A selector in which variables stand for the names of the channel and the group."""
    kept: tuple[Matcher, ...] = tuple(one for one in chosen.matchers if one.label not in varied)
    text = fixed(selector(SeriesSelector(chosen.metric, kept)))
    more = ",".join(
        filters.condition(label_name(one.label), varied[one.label]) for one in chosen.matchers if one.label in varied
    )
    if not more:
        return text
    return f"{text[:-1]},{more}}}" if text.endswith("}") else f"{text}{{{more}}}"


def _renamed(text: str, name: str, label: str) -> str:
    return text if label == name else f'label_replace({text}, "{name}", "$1", {quote(label)}, "(.*)")'


def _named(text: str, name: str, value: str) -> str:
    # A dollar sign in a replacement stands for a group of the pattern; two are the sign itself.
    return f'label_replace({text}, "{name}", {fixed(quote(value.replace("$", "$$")))}, "", "")'


def _scaled(text: str, scale: float) -> str:
    return text if scale == 1 else f"{text} * {scale:.12g}"
