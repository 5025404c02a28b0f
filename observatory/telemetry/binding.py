"""A binding: the exact series (or spans) that measure one signal of one channel, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from msgspec import Struct

from observatory.errors import Problem
from observatory.spec.catalog import Measure

SemanticKind = Literal[
    "cumulative",  # counts up, whatever its TYPE line says: increments
    "position",  # an offset or sequence number: increments, but a drop means a re-created topic, not a restart
    "time_position",  # a position that is a time, such as the id of a Redis entry: its rises are no number of events
    "level",  # a gauge
    "idle_level",  # a gauge of the share that is not in use: one minus its value is the level
    "rising_level",  # a gauge whose rises are the events and whose falls count nothing: the depth of a dead-letter
    # queue on a broker that does not count what it dead-letters (RabbitMQ before 4)
    "timestamp",  # Unix seconds of something
    "distribution",  # classic histogram: name_bucket, name_count, name_sum
    "period_total",  # count of one finished period, shown until the next one is over: CloudWatch, Azure Monitor
    "rate",  # per second already
]
Liveness = Literal["live", "missing", "unknown"]


class Matcher(Struct, frozen=True):
    """A condition on one label: one of `values`, or not one of them when `negated`; or a regular expression.

    An empty string among the values stands for an absent label, as in PromQL. Exactly one of `values` and
    `pattern` is used; a pattern is RE2, fully anchored.
    """

    label: str
    values: tuple[str, ...] = ()
    pattern: str | None = None
    negated: bool = False


class SeriesSelector(Struct, frozen=True, cache_hash=True, dict=True):
    """Series with one exact name whose labels satisfy every matcher. Its text is remembered: plans are sorted by it.

    Attributes:
        period_ms: Length of the periods whose totals the values are; 0 where they are no period's totals.
    """

    metric: str
    matchers: tuple[Matcher, ...] = ()
    period_ms: int = 0

    def __repr__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        return f"SeriesSelector(metric={self.metric!r}, matchers={self.matchers!r})"


class SpanSelector(Struct, frozen=True):
    """Messages that spans show.

    Attributes:
        destinations: Destination names that mean this channel, exact; RabbitMQ has several spellings.
        system: `kafka`, `rabbitmq`, ...; None accepts any.
        service: Restricts to one service's side, where that is meant.
        consumer_group: Restricts to one group; spans without a group match by `service`.
        measure: Between which instants a hop's latency lies.
    """

    destinations: tuple[str, ...]
    system: str | None = None
    service: str | None = None
    consumer_group: str | None = None
    measure: Measure = "end-start"


class Term(Struct, frozen=True):
    """One signed part of a count: successes may be all minus errors."""

    sign: Literal[1, -1]
    selector: SeriesSelector


class MetricBinding(Struct, frozen=True, kw_only=True):
    """Series that measure a signal.

    Attributes:
        signal: Name in the closed vocabulary.
        source: Name of the source that has them.
        profile: Id of the profile, and `variant` the naming variant found (`with-suffixes`, `per-object`).
        kind: How to read the values; governs counting, not the TYPE line.
        all, success, error: Terms for all events and for each outcome; an outcome that the exporter does not
            tell apart is an empty tuple. Level, position and timestamp signals use `all` with one term.
            For a distribution the selectors name the base (without `_bucket`), see `bucket_of`.
        scale: Factor from the exporter's unit to the signal's base unit (0.001 for milliseconds).
        boundaries: Upper bounds of a distribution's buckets in the exporter's unit, as the `le` texts by value.
        partition_label: Label that tells partitions apart, where there is one.
        invalid_below: Values below this mean "unknown", not a measurement (kafka_exporter's -1).
        proxy: It stands in for what the signal means, as an exporter's estimate of a time does.
        liveness: `live` when the inventory has the series, `missing` when it does not, `unknown` without one.
        series: How many series stand behind it.
        reason: Why this binding, in words.
        caveats: What makes the numbers differ from what one expects.
        discovered_group: The consumer group, where telemetry alone names it and it is the only one there.
    """

    signal: str
    source: str
    profile: str
    variant: str = ""
    kind: SemanticKind
    all: tuple[Term, ...]
    success: tuple[Term, ...] = ()
    error: tuple[Term, ...] = ()
    scale: float = 1.0
    boundaries: tuple[tuple[float, str], ...] = ()
    partition_label: str | None = None
    invalid_below: float | None = None
    proxy: bool = False
    liveness: Liveness = "unknown"
    series: int = 0
    reason: str = ""
    caveats: tuple[str, ...] = ()
    discovered_group: str | None = None


class SpanBinding(Struct, frozen=True, kw_only=True):
    """Spans that measure a signal; `signal` is published_messages, processed_messages or end_to_end_latency."""

    signal: str
    source: str
    profile: str
    selector: SpanSelector
    liveness: Liveness = "unknown"
    messages: float = 0.0
    reason: str = ""
    caveats: tuple[str, ...] = ()


Binding = MetricBinding | SpanBinding


class Resolution(Struct, frozen=True, kw_only=True):
    """The outcome of mapping one signal for one subject; subjects of which the same is to be said may share one.

    Attributes:
        chosen: The binding in use; None when nothing measures the signal.
        alternatives: Other bindings, best first.
        code: Problem code when `chosen` is None or not live (`series-missing`, `not-provided`, `name-unknown`).
        reason: In words: why this one, or why none and what to switch on.
        later: For each alternative why it came after the chosen one.
        switches: What to switch on, for a signal that nothing measures.
    """

    signal: str
    chosen: Binding | None = None
    alternatives: tuple[Binding, ...] = ()
    code: str | None = None
    reason: str = ""
    later: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()


class MappingResult(Struct, frozen=True):
    """Every (subject, signal) that was asked for, and what is wrong with the asking (an override of a profile that
    does not exist). A subject is an operation's key, or a channel's id for what belongs to the channel as a whole."""

    resolutions: Mapping[tuple[str, str], Resolution]
    problems: tuple[Problem, ...] = ()

    def chosen(self, subject: str, signal: str) -> Binding | None:
        """The binding in use, None when the signal is not measured there."""
        resolution = self.resolutions.get((subject, signal))
        return resolution.chosen if resolution else None


def bucket_of(selector: SeriesSelector, suffix: Literal["_bucket", "_count", "_sum"]) -> SeriesSelector:
    """The selector of a classic histogram's part, from the selector of its base name."""
    return SeriesSelector(selector.metric + suffix, selector.matchers)


_META = frozenset("\\.+*?()|[]{}^$")


def literal(text: str) -> str:
    """A regular expression (RE2 and Python alike) that matches exactly this text."""
    return "".join("\\" + char if char in _META else char for char in text)
