"""Scraping the estate: what samples determine is exactly what happened."""

from __future__ import annotations

import numpy as np
import pytest

from observatory.sources.base import Float64, Int64, SampleSet
from observatory.sources.simulated.history import Simulation, expositions
from observatory.sources.simulated.scrape import Curve, Exposition, Target, scrape, totals
from observatory.sources.simulated.truth import Truth

NEVER = (0, 0)


def edges(truth: Truth) -> Int64:
    return truth.start_ms + np.arange(1, truth.minutes + 1, dtype=np.int64) * 60_000


def events(values: Float64) -> float:
    """Events that a counter's samples show, read by hand: rises, and the whole value after a fall or a gap."""
    found, before = 0.0, 0.0
    for value in values.tolist():
        if np.isnan(value):
            before = 0.0
        else:
            found += value - before if value >= before else value
            before = value
    return found


def find(samples: SampleSet, name: str, **labels: str) -> list[Float64]:
    wanted = {"__name__": name, **labels}
    return [
        samples.series(i)[2]
        for i in range(len(samples))
        if all(samples.labels[i].get(key, "") == value for key, value in wanted.items())
    ]


@pytest.fixture(scope="module")
def scraped(simulation: Simulation, truth: Truth) -> dict[str, SampleSet]:
    return {one.target.job: scrape(truth, one, edges(truth), simulation.away) for one in expositions(truth)}


def test_sent_messages_add_up_to_the_accepted_ones_over_restarts_and_the_gap(
    scraped: dict[str, SampleSet], truth: Truth
) -> None:
    (values,) = find(
        scraped["payment-gateway"],
        "messaging_client_sent_messages_total",
        messaging_destination_name="payments.card.settled.v2",
        error_type="",
    )

    assert len(truth.down["payment-gateway"]) >= 2
    assert events(values) == truth.publishers[("payment-gateway", "payments.card.settled.v2")].accepted.sum()


def test_handling_times_count_every_outcome_once(scraped: dict[str, SampleSet], truth: Truth) -> None:
    series = find(
        scraped["notification-service"],
        "messaging_process_duration_seconds_count",
        messaging_destination_name="shipping.parcel.dispatched.v1",
    )
    group = truth.groups["notification-service/shipping.parcel.dispatched.v1"]

    assert len(series) == 1 + sum(1 for failures in group.errors.values() if failures.any())
    assert sum(events(values) for values in series) == group.processed.sum()


def test_failures_of_a_kind_have_a_series_from_their_first_event_on(
    scraped: dict[str, SampleSet], truth: Truth
) -> None:
    (values,) = find(
        scraped["payment-gateway"],
        "messaging_client_sent_messages_total",
        error_type="TopicAuthorizationException",
    )
    refused = truth.publishers[("payment-gateway", "payments.refund.issued.v1")].failures["TopicAuthorizationException"]

    assert values[0] > 0
    assert len(values) < truth.minutes
    assert events(values) == refused.sum()


def test_committed_offsets_and_lag_agree_with_the_end_offsets(scraped: dict[str, SampleSet], truth: Truth) -> None:
    labels = {"topic": "payments.card.settled.v2", "partition": "3"}
    group = {**labels, "consumergroup": "settlement-writer"}
    (end,) = find(scraped["kafka-exporter"], "kafka_topic_partition_current_offset", **labels)
    (committed,) = find(scraped["kafka-exporter"], "kafka_consumergroup_current_offset", **group)
    (lag,) = find(scraped["kafka-exporter"], "kafka_consumergroup_lag", **group)

    assert np.array_equal(lag, end - committed)
    assert lag[-1] == truth.groups["settlement-writer/payments.card.settled.v2"].waiting[-1, 3]


def test_the_depth_of_a_queue_is_what_waits(scraped: dict[str, SampleSet], truth: Truth) -> None:
    (depth,) = find(scraped["rabbitmq"], "rabbitmq_queue_messages", queue="notify.sms")

    assert depth[-1] == truth.groups["notification-service/notify.sms"].waiting[-1, 0]


def test_a_target_that_restarts_fails_one_scrape_and_ends_its_series(truth: Truth) -> None:
    minute = truth.down["order-service"][0]
    target = Target(job="order-service", instance="a", process="order-service")
    curve = Curve(labels={"__name__": "x_total"}, kind="counter", values=totals(np.ones(truth.minutes, np.int64)))
    at = truth.start_ms + np.array([minute, minute + 1, minute + 2], np.int64) * 60_000

    samples = scrape(truth, Exposition(target=target, curves=(curve,)), at, NEVER)

    assert find(samples, "up")[0].tolist() == [1, 0, 1]
    before, during, after = find(samples, "x_total")[0].tolist()
    assert (before, after) == (minute, 1)
    assert np.isnan(during)
    started = find(samples, "process_start_time_seconds")[0]
    assert started[2] == (truth.start_ms + (minute + 1) * 60_000) / 1000 + 1


def test_between_full_minutes_a_counter_shows_whole_events(truth: Truth) -> None:
    curve = Curve(labels={"__name__": "x_total"}, kind="counter", values=totals(np.array([10] * truth.minutes)))
    at = truth.start_ms + np.array([60_000, 75_000, 90_000, 105_000, 120_000], np.int64)

    samples = scrape(truth, Exposition(target=Target(job="j", instance="i"), curves=(curve,)), at, NEVER)

    assert find(samples, "x_total")[0].tolist() == [10, 12, 15, 17, 20]


def test_nothing_is_scraped_while_prometheus_is_away(scraped: dict[str, SampleSet], simulation: Simulation) -> None:
    start, end = simulation.away
    for samples in scraped.values():
        assert not ((samples.t_ms > start) & (samples.t_ms <= end)).any()
    assert end - start == 40 * 60_000


def test_a_channel_without_telemetry_is_nowhere(scraped: dict[str, SampleSet]) -> None:
    for samples in scraped.values():
        for labels in samples.labels:
            assert "identity.account.updated.v1" not in labels.values()
            assert "fleet/{vehicleId}/doors" not in labels.values()


def test_a_misspelt_topic_appears_with_its_first_message(scraped: dict[str, SampleSet], truth: Truth) -> None:
    series = find(scraped["kafka-exporter"], "kafka_topic_partition_current_offset", topic="orders.order-cancelled.v1")

    assert len(series) == 3
    assert sum(values[-1] for values in series) == truth.twins["orders.order-cancelled.v1"].sum()


def test_the_buckets_of_a_histogram_appear_together(scraped: dict[str, SampleSet]) -> None:
    labels = {
        "messaging_destination_name": "shipping.parcel.dispatched.v1",
        "error_type": "SchemaValidationError",
    }
    buckets = find(scraped["notification-service"], "messaging_process_duration_seconds_bucket", **labels)
    (count,) = find(scraped["notification-service"], "messaging_process_duration_seconds_count", **labels)

    assert len(buckets) == 5
    assert {len(values) for values in buckets} == {len(count)}


def test_ci_tells_what_was_deployed_four_minutes_before_it_broke(truth: Truth, simulation: Simulation) -> None:
    ci = next(one for one in expositions(truth) if one.target.job == "ci")
    told = {
        (one.labels["service"], one.labels["version"]): one.values
        for one in ci.curves
        if one.labels["__name__"] == "ci_deployed_timestamp_seconds"
    }
    stalled = next(one for one in truth.incidents if one.under_way and one.mode == "F7")
    values = told["settlement-writer", "4.18.0"]
    edge = (stalled.start_ms - truth.start_ms) // 60_000
    assert values[edge] == stalled.start_ms / 1000 - 240
    assert values[edge - 5] == 0
