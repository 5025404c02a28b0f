"""The indicators of the field: for each word of `x-slo`, what is counted, best evidence first.

Every word has a list of candidates. The first ones measure the thing itself; proxies stand in where telemetry shows
only a neighbour of it, and say so in `measure`. Which candidate is used is decided in `compile.plan`, where it is
known what each channel really has.

M8, the burn rate, is no word of its own: it is derived from all of them.
"""

from __future__ import annotations

from observatory.indicators.expression import (
    Age,
    Behind,
    Count,
    CountAtMost,
    Level,
    LevelExpression,
    Since,
    Slices,
    SlicesAtMost,
    Utilisation,
)
from observatory.indicators.indicator import Indicator
from observatory.spec.catalog import Measure, SliWord, Threshold

PRODUCER, CONSUMER = "producer", "consumer"
DEFAULT_MEASURE: Measure = "end-start"


def candidates(
    sli: SliWord, role: str, threshold: Threshold | None = None, measure: Measure | None = None
) -> tuple[Indicator, ...]:
    """Ways to measure a word for one side of a channel, direct ones first, proxies after.

    Args:
        sli: The word.
        role: `producer` or `consumer`, the side of the operation.
        threshold: The bound of latency, lag, saturation and freshness; other words ignore it.
        measure: Latency only; `end-start` unless the objective says otherwise.

    Returns:
        An empty tuple where the word has no meaning for that side (the lag of a producer), where a bound is needed
        and not given, or where its unit does not fit the word.
    """
    match sli:
        case "availability":
            return _availability(role)
        case "latency":
            return _latency(role, threshold, measure or DEFAULT_MEASURE)
        case "lag":
            return _lag(threshold) if role == CONSUMER else ()
        case "validation":
            return _outcomes(sli, "validated_messages", "passed validation")
        case "duplicates":
            return _duplicates() if role == CONSUMER else ()
        case "authorization":
            return _outcomes(sli, "authorization_attempts", "attempts that were authorised")
        case "saturation":
            return _saturation(threshold)
        case "contract":
            return _outcomes(sli, "contract_tests", "contract test runs that passed")
        case "dead_letters":
            return _dead_letters() if role == CONSUMER else ()
        case "freshness":
            return _freshness(role, threshold)


def _outcomes(sli: SliWord, signal: str, measure: str) -> tuple[Indicator, ...]:
    """Success of all; and all without errors, for telemetry that counts failures and not successes."""
    return (
        Indicator(sli=sli, total=Count(signal), good=Count(signal, "success"), measure=measure),
        Indicator(sli=sli, total=Count(signal), bad=Count(signal, "error"), measure=measure),
    )


def _availability(role: str) -> tuple[Indicator, ...]:
    if role == PRODUCER:
        return (
            *_outcomes("availability", "published_messages", "publishes accepted"),
            *_outcomes("availability", "publish_duration", "publishes accepted"),
            Indicator(
                sli="availability",
                total=Count("published_messages"),
                bad=Count("unroutable_messages"),
                measure="publishes that reached a queue or subscriber",
                proxy=True,
            ),
            Indicator(
                sli="availability",
                total=Count("enqueued_messages"),
                bad=Count("unroutable_messages"),
                measure="messages that reached a queue or subscriber",
                proxy=True,
            ),
        )
    processed = "processed without error"
    return (
        *_outcomes("availability", "processed_messages", processed),
        *_outcomes("availability", "process_duration", processed),
        Indicator(
            sli="availability",
            total=Count("processed_messages"),
            bad=Count("dead_lettered_messages"),
            measure="processed and not dead-lettered",
            proxy=True,
        ),
        Indicator(
            sli="availability",
            total=Count("delivered_messages"),
            good=Count("acknowledged_messages"),
            measure="deliveries that were acknowledged",
            proxy=True,
        ),
        Indicator(
            sli="availability",
            total=Count("delivered_messages"),
            bad=Count("dead_lettered_messages"),
            measure="delivered and not dead-lettered",
            proxy=True,
        ),
    )


def _at_most(signal: str, bound: float, measure: str, *, proxy: bool = False) -> Indicator:
    return Indicator(sli="latency", total=Count(signal), good=CountAtMost(signal, bound), measure=measure, proxy=proxy)


def _latency(role: str, threshold: Threshold | None, measure: Measure) -> tuple[Indicator, ...]:
    if threshold is None or threshold.unit != "second":
        return ()
    bound = threshold.value
    if role == PRODUCER:
        return (_at_most("publish_duration", bound, "duration of the publish call", proxy=True),)
    return (
        _at_most("end_to_end_latency", bound, measure),
        _at_most("process_duration", bound, "duration of processing, without the wait before it", proxy=True),
    )


def _slices(sli: SliWord, level: LevelExpression, bound: float, measure: str, *, proxy: bool = False) -> Indicator:
    return Indicator(sli=sli, total=Slices(level), good=SlicesAtMost(level, bound), measure=measure, proxy=proxy)


def _lag(threshold: Threshold | None) -> tuple[Indicator, ...]:
    if threshold is None or threshold.unit == "ratio":
        return ()
    bound = threshold.value
    if threshold.unit == "message":
        return (
            _slices("lag", Level("consumer_lag"), bound, "messages that wait for the group"),
            _slices("lag", Level("queue_depth"), bound, "messages in the queue"),
        )
    return (
        _slices("lag", Level("consumer_lag_time"), bound, "age of the group's position, as exported"),
        _slices("lag", Behind("produced_offset", "committed_offset"), bound, "seconds behind the head, from offsets"),
        _slices(
            "lag",
            Behind("produced_offset", depth="consumer_lag"),
            bound,
            "seconds behind the head, from offsets and lag",
        ),
        _slices(
            "lag",
            Behind("enqueued_messages", depth="queue_depth"),
            bound,
            "seconds behind the head, from arrivals and depth",
        ),
        _slices("lag", Age("head_timestamp", "queue_depth"), bound, "age of the oldest waiting message"),
    )


def _duplicates() -> tuple[Indicator, ...]:
    return (
        Indicator(
            sli="duplicates",
            total=Count("processed_messages"),
            bad=Count("duplicate_messages"),
            measure="messages that had not been processed before",
        ),
        Indicator(
            sli="duplicates",
            total=Count("delivered_messages"),
            bad=Count("duplicate_messages"),
            measure="deliveries that had not been processed before",
        ),
        Indicator(
            sli="duplicates",
            total=Count("delivered_messages"),
            bad=Count("redelivered_messages"),
            measure="deliveries that were no repeats",
            proxy=True,
        ),
    )


def _saturation(threshold: Threshold | None) -> tuple[Indicator, ...]:
    if threshold is None or threshold.unit == "second":
        return ()
    bound = threshold.value
    if threshold.unit == "message":
        return (_slices("saturation", Level("queue_depth"), bound, "messages in the queue"),)
    return (
        _slices("saturation", Level("broker_load"), bound, "share of the broker's scarcest resource in use"),
        _slices(
            "saturation",
            Utilisation("broker_memory_used", "broker_memory_limit"),
            bound,
            "broker memory as a share of the level at which it blocks publishers",
        ),
    )


def _freshness(role: str, threshold: Threshold | None) -> tuple[Indicator, ...]:
    """How old the newest message is: of a producer the last it published, of a consumer the last it handled."""
    if threshold is None or threshold.unit != "second":
        return ()
    published, handled = "seconds since the last publish", "seconds since the last message was handled"
    counters = (
        (
            ("published_messages", published),
            ("publish_duration", published),
            ("produced_offset", "seconds since the log last grew"),
            ("enqueued_messages", "seconds since the last arrival"),
        )
        if role == PRODUCER
        else (
            ("processed_messages", handled),
            ("process_duration", handled),
            ("delivered_messages", "seconds since the last delivery"),
            ("committed_offset", "seconds since the group's position last moved"),
        )
    )
    return tuple(_slices("freshness", Since(signal), threshold.value, measure) for signal, measure in counters)


def _dead_letters() -> tuple[Indicator, ...]:
    def without_dead_letters(total: str, *, proxy: bool = False) -> Indicator:
        return Indicator(
            sli="dead_letters",
            total=Count(total),
            bad=Count("dead_lettered_messages"),
            measure=f"{total.replace('_', ' ')} that were not dead-lettered",
            proxy=proxy,
        )

    return (
        without_dead_letters("processed_messages"),
        without_dead_letters("delivered_messages"),
        Indicator(
            sli="dead_letters",
            total=Count("process_duration"),
            bad=Count("dead_lettered_messages"),
            measure="processed messages that were not dead-lettered",
        ),
        without_dead_letters("enqueued_messages", proxy=True),
    )
