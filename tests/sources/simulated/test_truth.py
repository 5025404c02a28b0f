"""The estate's truth: honest queues, and a past that does not change when time goes on."""

from __future__ import annotations

import numpy as np
import pytest

from observatory.sources.simulated.history import Simulation
from observatory.sources.simulated.incidents import schedule
from observatory.sources.simulated.load import Dice, load_factor
from observatory.sources.simulated.truth import Truth, behind_head

HOUR_MS = 3_600_000
SETTLEMENT = "settlement-writer/payments.card.settled.v2"


def test_a_history_that_runs_on_keeps_its_past(simulation: Simulation, truth: Truth) -> None:
    longer = simulation.truth(truth.end_ms + 2 * HOUR_MS)

    for key, group in truth.groups.items():
        assert np.array_equal(longer.groups[key].served[: truth.minutes], group.served)
        assert np.array_equal(longer.groups[key].failed[: truth.minutes], group.failed)
    for key, publisher in truth.publishers.items():
        assert np.array_equal(longer.publishers[key].attempts[: truth.minutes], publisher.attempts)


def test_the_same_seed_gives_the_same_truth_and_another_seed_another(simulation: Simulation, truth: Truth) -> None:
    other = Simulation(seed=6, days=simulation.days, sessions=simulation.sessions).truth(truth.end_ms)
    same = simulation.truth(truth.end_ms)

    key = ("checkout-api", "orders.order.placed.v1")
    assert np.array_equal(same.publishers[key].attempts, truth.publishers[key].attempts)
    assert not np.array_equal(other.publishers[key].attempts, truth.publishers[key].attempts)


def test_what_arrived_was_taken_or_waits(truth: Truth) -> None:
    for group in truth.groups.values():
        arrived = truth.produced[group.model.address].sum(axis=0)
        assert np.array_equal(arrived, group.served.sum(axis=0) + group.waiting[-1]), group.model.key


def test_nothing_is_taken_before_it_arrived(truth: Truth) -> None:
    for group in truth.groups.values():
        arrived = truth.produced[group.model.address].cumsum(axis=0)
        assert (group.served.cumsum(axis=0) <= arrived).all(), group.model.key
        assert (group.served >= 0).all(), group.model.key


def test_a_consumer_that_took_half_of_the_first_minute_is_ninety_seconds_behind() -> None:
    # 60 messages a minute; after two minutes 30 were taken: the 31st was published 30 s after the start.
    behind = behind_head(np.array([[60], [60]]), np.array([[30], [0]]))

    assert behind[:, 0].tolist() == [30.0, 90.0]


def test_a_consumer_at_the_head_of_an_idle_log_is_not_behind() -> None:
    behind = behind_head(np.array([[60], [0], [0]]), np.array([[60], [0], [0]]))

    assert behind[:, 0].tolist() == [0.0, 0.0, 0.0]


def test_one_message_after_an_idle_hour_counts_from_its_own_minute() -> None:
    arrived = np.array([[60], *[[0]] * 60, [1]])
    served = np.array([[60], *[[0]] * 60, [0]])

    assert behind_head(arrived, served)[-1, 0] == 60.0


def test_the_stalled_consumer_is_nearly_an_hour_behind_and_its_neighbour_is_not(truth: Truth) -> None:
    assert 54 * 60 < truth.behind_seconds("settlement-writer", "payments.card.settled.v2")[-1] <= 56 * 60
    assert truth.behind_seconds("order-service", "payments.card.settled.v2")[-1] < 30


def test_only_two_partitions_are_stalled(truth: Truth) -> None:
    behind = truth.groups[SETTLEMENT].behind[-1]

    assert np.flatnonzero(behind > 3000).tolist() == [1, 3]


def test_misrouted_messages_arrive_at_the_twin_and_nowhere_else(truth: Truth) -> None:
    publisher = truth.publishers[("order-service", "orders.order.cancelled.v1")]

    assert publisher.misrouted.sum() > 0
    assert truth.twins["orders.order-cancelled.v1"].sum() == publisher.misrouted.sum()
    assert truth.produced["orders.order.cancelled.v1"].sum() == (publisher.accepted - publisher.misrouted).sum()


@pytest.mark.parametrize("mode", ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8"])
def test_every_failure_mode_happens(truth: Truth, mode: str) -> None:
    assert any(incident.mode == mode and incident.start_ms < truth.end_ms for incident in truth.incidents)


def test_two_incidents_are_under_way_at_the_end(truth: Truth) -> None:
    now = [(one.mode, one.channel) for one in truth.incidents if one.start_ms < truth.end_ms < one.end_ms]

    assert sorted(now) == [("F1", "shipping.parcel.dispatched.v1"), ("F7", "payments.card.settled.v2")]


def test_the_round_of_incidents_begins_again_after_the_anchor(simulation: Simulation) -> None:
    first, *later = [one.start_ms for one in schedule(simulation.sessions, simulation.days) if one.mode == "F2"]

    assert later == [first + 2 * 24 * HOUR_MS]


def test_a_service_that_restarts_takes_and_publishes_nothing_in_that_minute(truth: Truth) -> None:
    for minute in truth.down["payment-gateway"]:
        assert truth.publishers[("payment-gateway", "payments.card.settled.v2")].attempts[minute] == 0
        assert truth.groups["payment-gateway/orders.order.placed.v1"].served[minute].sum() == 0


def test_counts_of_a_range_are_sums_of_its_minutes(truth: Truth) -> None:
    start = truth.end_ms - HOUR_MS
    good, total = truth.consumed("payment-gateway", "orders.order.placed.v1", start, truth.end_ms)
    group = truth.groups["payment-gateway/orders.order.placed.v1"]

    assert total == group.processed[-60:].sum()
    assert total - good == group.failed[-60:].sum()


def test_a_range_that_is_not_made_of_minutes_is_refused(truth: Truth) -> None:
    with pytest.raises(ValueError, match="not made of minutes"):
        truth.part(truth.start_ms + 1, truth.end_ms)


def test_the_evening_is_busier_than_the_night() -> None:
    monday = (18_000 // 7 * 7 + 4) * 1440
    night, evening = load_factor(np.array([monday + 3 * 60, monday + 19 * 60 + 30]))

    assert night < 0.4
    assert evening > 1.5


def test_draws_of_a_shorter_span_are_the_beginning_of_those_of_a_longer_one() -> None:
    mean = np.full(3000, 20.0)
    short = Dice(1, 1440 * 7, 2000).poisson("x", mean[:2000])
    long = Dice(1, 1440 * 7, 3000).poisson("x", mean)

    assert np.array_equal(short, long[:2000])
