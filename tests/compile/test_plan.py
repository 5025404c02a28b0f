"""The plan: what is measured by what, and in how few requests."""

from __future__ import annotations

import pytest
from counting_cases import bound, events, selector
from msgspec.structs import replace
from objective_cases import objective

from observatory.compile.plan import SHARD_VALUES, Leaf, Measurement, make_plan, measure, measurement_key, plan_leaves
from observatory.compile.terms import at_most, outcome_terms
from observatory.errors import Problem
from observatory.indicators.expression import Count
from observatory.spec.catalog import Threshold
from observatory.telemetry.binding import (
    MappingResult,
    Matcher,
    MetricBinding,
    Resolution,
    SeriesSelector,
    SpanBinding,
    SpanSelector,
    Term,
)


def mapping(*bindings: MetricBinding | SpanBinding, subject: str = "svc/op", **missing: str) -> MappingResult:
    found = {(subject, one.signal): Resolution(signal=one.signal, chosen=one) for one in bindings}
    for signal, reason in missing.items():
        found[subject, signal] = Resolution(signal=signal, code="not-provided", reason=reason)
    return MappingResult(found)


def by_outcome(signal: str = "processed_messages", **more: object) -> MetricBinding:
    all_of = bound(signal, selector("done_total", topic="a"))
    error = (Term(1, selector("done_total", outcome="error", topic="a")),)
    return replace(all_of, error=error, **more)  # type: ignore[arg-type]


def taken(found: Measurement | Problem) -> Measurement:
    assert isinstance(found, Measurement)
    return found


def test_success_is_derived_where_only_errors_are_counted() -> None:
    found = taken(measure(objective(), mapping(by_outcome())))
    assert found.indicator.good == Count("processed_messages", "success")
    assert [term.sign for term in outcome_terms(by_outcome(), "success")] == [1, -1]


def test_a_binding_that_cannot_tell_outcomes_apart_does_not_do() -> None:
    found = measure(objective(), mapping(bound("processed_messages", selector("done_total"))))
    assert isinstance(found, Problem)


def test_a_live_proxy_is_taken_before_a_missing_direct_one() -> None:
    missing = by_outcome(liveness="missing")
    delivered, dead = bound("delivered_messages", selector("d")), bound("dead_lettered_messages", selector("x"))
    found = taken(measure(objective(), mapping(missing, delivered, dead)))
    assert found.proxy
    assert found.liveness == "live"


def test_a_missing_one_is_kept_when_there_is_nothing_better() -> None:
    found = taken(measure(objective(), mapping(by_outcome(liveness="missing", reason="no such series"))))
    assert (found.liveness, found.reason) == ("missing", "no such series")


def test_an_error_counter_that_others_have_counts_as_none_yet() -> None:
    processed = bound("processed_messages", selector("p_total", topic="a"))
    dead = replace(bound("dead_lettered_messages", selector("dead_total", topic="a")), liveness="missing")
    names = {"store": frozenset({"p_total", "dead_total"})}
    there = taken(measure(objective("dead_letters"), mapping(processed, dead), names))
    nowhere = taken(measure(objective("dead_letters"), mapping(processed, dead), {"store": frozenset({"p_total"})}))
    assert (there.liveness, nowhere.liveness) == ("live", "missing")


def test_what_is_not_measured_says_what_to_switch_on() -> None:
    found = measure(objective(), mapping(processed_messages="emit messaging.process.duration"))
    assert isinstance(found, Problem)
    assert found.code == "not-provided"
    assert "emit messaging.process.duration" in found.message


def test_signals_of_the_channel_are_found_for_its_operations() -> None:
    tests = replace(by_outcome("contract_tests"))
    found = taken(measure(objective("contract"), mapping(tests, subject="kafka:orders")))
    assert found.subject == "svc/op"


def test_latency_from_spans_takes_the_measure_of_the_objective() -> None:
    spans = SpanBinding(
        signal="end_to_end_latency", source="store", profile="s", selector=SpanSelector(("a",)), liveness="live"
    )
    wanted = objective("latency", threshold=Threshold(value=1.0, unit="second"), measure="start-start")
    found = taken(measure(wanted, mapping(spans)))
    (binding,) = found.bindings
    assert isinstance(binding, SpanBinding)
    assert binding.selector.measure == "start-start"
    assert found.indicator.measure == "start-start"


@pytest.mark.parametrize(
    ("sli", "role", "threshold", "code"),
    [
        ("lag", "producer", Threshold(value=60.0, unit="second"), "sli-not-applicable"),
        ("lag", "consumer", None, "threshold-missing"),
        ("latency", "consumer", Threshold(value=60.0, unit="message"), "sli-not-applicable"),
    ],
)
def test_what_cannot_be_meant_is_said(sli: str, role: str, threshold: Threshold | None, code: str) -> None:
    found = measure(objective(sli, role=role, threshold=threshold), mapping())
    assert isinstance(found, Problem)
    assert found.code == code


@pytest.mark.parametrize(
    ("boundaries", "taken_as_measure"), [(((0.5, "0.5"),), True), (((float("inf"), "+Inf"),), False)]
)
def test_a_histogram_without_buckets_measures_no_latency(
    boundaries: tuple[tuple[float, str], ...], taken_as_measure: bool
) -> None:
    took = bound("process_duration", selector("took"), "distribution", boundaries=boundaries)
    wanted = objective("latency", threshold=Threshold(value=0.5, unit="second"))
    assert isinstance(measure(wanted, mapping(took)), Measurement) == taken_as_measure


def test_totals_of_periods_do_not_tell_how_long_messages_wait() -> None:
    depth = bound("queue_depth", selector("visible"), "level")
    lag = objective("lag", threshold=Threshold(value=60.0, unit="second"))
    arrivals = bound("enqueued_messages", selector("sent_total"))
    totals = bound("enqueued_messages", selector("sent_sum"), "period_total")

    assert taken(measure(lag, mapping(depth, arrivals))).liveness == "live"
    assert isinstance(measure(lag, mapping(depth, totals)), Problem)


def test_positions_in_time_are_compared_with_each_other_and_not_with_a_number_of_messages() -> None:
    lag = objective("lag", threshold=Threshold(value=60.0, unit="second"))
    head = bound("produced_offset", selector("last_generated_id"), "time_position")
    read = bound("committed_offset", selector("last_delivered_id"), "time_position")
    waiting = bound("consumer_lag", selector("group_lag"), "level")

    assert taken(measure(lag, mapping(head, read, waiting))).liveness == "live"
    assert isinstance(measure(lag, mapping(head, waiting)), Problem)


def test_the_length_of_a_period_is_part_of_the_question() -> None:
    short, long = (
        bound("published_messages", replace(selector("sent_sum"), period_ms=minutes * 60_000), "period_total")
        for minutes in (1, 5)
    )
    indicator = taken(measure(objective(), mapping(by_outcome()))).indicator
    assert measurement_key(indicator, (short,)) != measurement_key(indicator, (long,))


def test_equal_questions_have_equal_keys_and_others_have_not() -> None:
    one, same, other = events(channel="a"), events(channel="a"), events(channel="b")
    assert one.key == same.key
    assert one.key != other.key


def test_what_is_live_does_not_change_the_key() -> None:
    live = taken(measure(objective(), mapping(by_outcome())))
    unknown = taken(measure(objective(), mapping(by_outcome(liveness="unknown", series=7))))
    assert live.key == unknown.key


def topics(count: int) -> dict[Leaf, int]:
    return {
        Leaf("m", SeriesSelector("x_total", (Matcher("topic", (f"t{number}",)), Matcher(*extra)))): 0
        for number in range(count)
        for extra in (("outcome", ("error",)), ("outcome", ("success",)))
    }


def test_leaves_of_one_metric_are_one_request_with_alternatives() -> None:
    (request,) = plan_leaves(topics(3))
    assert request.matchers == (Matcher("outcome", ("error", "success")), Matcher("topic", ("t0", "t1", "t2")))
    assert len(request.leaves) == 6


def test_errors_are_fetched_with_the_total_that_holds_them() -> None:
    all_of = Leaf("m", SeriesSelector("x_total", (Matcher("topic", ("a",)),)))
    errors = Leaf("m", SeriesSelector("x_total", (Matcher("topic", ("a",)), Matcher("outcome", ("error",)))))
    (request,) = plan_leaves({all_of: 0, errors: 0})
    assert request.matchers == (Matcher("topic", ("a",)),)


def test_a_condition_that_all_share_is_kept() -> None:
    absent = Matcher("error", ("",), negated=True)
    leaves = {Leaf("m", SeriesSelector("x", (Matcher("topic", (name,)), absent))): 0 for name in "ab"}
    (request,) = plan_leaves(leaves)
    assert request.matchers == (Matcher("topic", ("a", "b")), absent)


def test_names_and_templates_share_a_request() -> None:
    name = Leaf("m", SeriesSelector("x", (Matcher("topic", ("a.b",)),)))
    template = Leaf("m", SeriesSelector("x", (Matcher("topic", pattern="s\\.[^.]+"),)))
    (request,) = plan_leaves({name: 0, template: 0})
    assert request.matchers == (Matcher("topic", pattern="(?:a\\.b)|(?:s\\.[^.]+)"),)


def test_many_alternatives_become_several_requests_and_no_leaf_is_lost() -> None:
    requests = plan_leaves(topics(2 * SHARD_VALUES + 1))
    assert len(requests) == 3
    assert sum(len(request.leaves) for request in requests) == 2 * (2 * SHARD_VALUES + 1)


@pytest.mark.parametrize(("channels", "requests"), [(100, 1), (300, 1), (301, 2), (1_200, 4), (10_000, 4)])
def test_requests_stop_growing_with_channels(channels: int, requests: int) -> None:
    found = plan_leaves(topics(channels))
    sizes = [len(request.leaves) for request in found]
    assert len(found) == requests
    assert sum(sizes) == 2 * channels
    assert max(sizes) - min(sizes) <= 2 * SHARD_VALUES


def test_the_longest_lookback_of_a_request_counts() -> None:
    leaves = dict(zip(topics(1), (1000, 5000), strict=True))
    (request,) = plan_leaves(leaves)
    assert request.lookback_ms == 5000


def test_the_plan_does_not_depend_on_the_order_of_measurements() -> None:
    measurements = [events(channel=name) for name in "abc"]
    assert make_plan(measurements) == make_plan(reversed(measurements))


def test_boundaries_written_in_two_ways_are_one() -> None:
    binding = bound("process_duration", selector("took"), "distribution", boundaries=((1.0, "1"), (1.0, "1.0")))
    found = at_most(binding, 1.0)
    assert found.exact
    assert found.lower[0].selector.matchers[-1] == Matcher("le", ("1", "1.0"))


def test_between_boundaries_both_neighbours_are_named() -> None:
    binding = bound(
        "process_duration",
        selector("took"),
        "distribution",
        boundaries=((0.1, "0.1"), (1.0, "1"), (float("inf"), "+Inf")),
    )
    found = at_most(binding, 0.4)
    assert (found.exact, found.lower_bound, found.upper_bound) == (False, 0.1, 1.0)
    assert at_most(binding, 7.0).upper == ()
