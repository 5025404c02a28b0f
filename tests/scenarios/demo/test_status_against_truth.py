"""The status of the demo estate equals what really happened in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from observatory.evaluate.status import ObjectiveStatus
from observatory.sources.simulated.application_counters import REFUSALS
from observatory.sources.simulated.truth import Truth

if TYPE_CHECKING:
    from .conftest import Demo

UNSEEN = {"identity.account.updated.v1", "fleet/{vehicleId}/doors"}
"""Channels that no telemetry shows, on purpose."""


def objectives(demo: Demo, sli: str) -> list[ObjectiveStatus]:
    return [
        one
        for one in demo.snapshot.status.objectives
        if one.objective.sli == sli and one.objective.address not in UNSEEN
    ]


def expected(truth: Truth, one: ObjectiveStatus) -> tuple[float, float]:
    """Good and total over the whole history."""
    objective = one.objective
    address, key = str(objective.address), f"{objective.service}/{objective.address}"
    span = (truth.start_ms, truth.end_ms)

    def refused() -> tuple[float, float]:
        publisher = truth.publishers[(objective.service, address)]
        bad = sum(int(publisher.failures[error].sum()) for error in REFUSALS if error in publisher.failures)
        return float(publisher.attempts.sum() - bad), float(publisher.attempts.sum())

    def processed_without(bad: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[float, float]:
        total = float(truth.groups[key].processed.sum())
        return total - float(bad.sum()), total

    def contract() -> tuple[float, float]:
        runs = float(truth.contract_runs[address].sum())
        return runs - float(truth.contract_failures[address].sum()), runs

    answers: dict[str, Callable[[], tuple[float, float]]] = {
        "availability": lambda: (
            truth.consumed(objective.service, address, *span)
            if objective.role == "consumer"
            else truth.published(objective.service, address, *span)
        ),
        "validation": lambda: processed_without(truth.groups[key].invalid),
        "duplicates": lambda: processed_without(truth.groups[key].duplicates),
        "dead_letters": lambda: processed_without(truth.groups[key].dead_lettered),
        "authorization": refused,
        "contract": contract,
    }
    return answers[objective.sli]()


@pytest.mark.parametrize(
    ("sli", "count"),
    [
        ("availability", 43),
        ("validation", 4),
        ("duplicates", 2),
        ("dead_letters", 3),
        ("authorization", 3),
        ("contract", 3),
    ],
)
def test_good_and_total_are_exactly_what_happened(demo: Demo, sli: str, count: int) -> None:
    found = [one for one in objectives(demo, sli) if one.state != "no_traffic"]

    assert len(found) == count
    for one in found:
        assert one.counts is not None, one.objective.id
        assert (one.counts.good, one.counts.total) == expected(demo.truth, one), one.objective.id


def test_every_lag_in_seconds_is_within_its_error_bar(demo: Demo) -> None:
    found = [
        one
        for one in objectives(demo, "lag")
        if one.objective.threshold is not None and one.objective.threshold.unit == "second"
    ]

    assert len(found) == 19
    for one in found:
        row = demo.snapshot.row(one.objective.id)
        assert row is not None
        assert row.level is not None
        assert row.level_error is not None
        behind = demo.truth.behind_seconds(one.objective.service, str(one.objective.address))
        level, error = row.level[-len(behind) :], row.level_error[-len(behind) :]
        known = ~np.isnan(level)
        # While the broker or Prometheus is away nothing is shown, and what was shown last is all that can be known.
        known[list(demo.truth.down["rabbitmq"])] = False
        known[demo.truth.part(*demo.simulation.away)] = False
        assert known.mean() > 0.95, one.objective.id
        assert (np.abs(level - behind)[known] <= error[known] + 1e-6).all(), one.objective.id


def test_the_stalled_consumer_is_as_far_behind_as_it_really_is(demo: Demo) -> None:
    (one,) = [o for o in objectives(demo, "lag") if o.objective.id == "settlement-writer/onCardSettled/lag"]

    assert one.level is not None
    assert one.level.last == pytest.approx(
        demo.truth.behind_seconds("settlement-writer", "payments.card.settled.v2")[-1], abs=60
    )


def test_messages_that_wait_are_counted_as_they_are(demo: Demo) -> None:
    (one,) = [o for o in objectives(demo, "lag") if o.objective.id == "settlement-writer/onCardSettled/backlog"]
    row = demo.snapshot.row(one.objective.id)
    assert row is not None
    assert row.level is not None

    waiting = demo.truth.groups["settlement-writer/payments.card.settled.v2"].waiting[-1]

    assert row.level[-1] in (waiting.max(), waiting.sum())


def test_latency_counts_the_messages_whose_spans_were_kept(demo: Demo) -> None:
    table = demo.simulation.spans(demo.truth, demo.truth.start_ms, demo.truth.end_ms)
    place = {int(span): row for row, span in enumerate(table.span_id)}
    for one in objectives(demo, "latency"):
        objective = one.objective
        assert one.counts is not None
        assert objective.threshold is not None
        good = total = 0.0
        seen: set[int] = set()
        for row, number in enumerate(table.key.tolist()):
            step = table.keys[number].step
            if (step.kind, step.service, step.address) != ("consumer", objective.service, objective.address):
                continue
            sent = place.get(int(table.parent[row]))
            if sent is None or sent in seen:
                continue  # sent before the history began, or delivered a second time
            seen.add(sent)
            total += table.weight[row]
            if table.start_ns[row] - table.end_ns[sent] <= objective.threshold.value * 1e9:
                good += table.weight[row]
        assert (one.counts.good, one.counts.total) == (good, total), objective.id


def test_restarts_and_births_were_recovered(demo: Demo) -> None:
    (one,) = [
        o
        for o in objectives(demo, "availability")
        if o.objective.id == "payment-gateway/publishRefundIssued/availability"
    ]

    assert one.recovered.resets >= len(demo.truth.down["payment-gateway"])
    assert one.recovered.births > 0
    assert one.counting == "exact"


def test_the_forty_minutes_without_prometheus_are_not_observed(demo: Demo) -> None:
    (one,) = [o for o in objectives(demo, "lag") if o.objective.id == "order-service/onOrderPlaced/lag"]
    row = demo.snapshot.row(one.objective.id)
    assert row is not None
    start, end = demo.simulation.away
    grid = demo.snapshot.ledger.grid
    steps = slice((start - grid.start_ms) // grid.step_ms, (end - grid.start_ms) // grid.step_ms)

    # The last scrape speaks for a few minutes after it; then there is silence.
    assert row.total[steps][5:].sum() == 0
    assert row.total[steps].size == 40


def test_the_estate_shows_every_state_as_designed(demo: Demo) -> None:
    states = {one.objective.id: one.state for one in demo.snapshot.status.objectives}

    assert states["settlement-writer/onCardSettled/lag"] == "breached"
    assert states["settlement-writer/onChargebackRaised/availability"] == "no_traffic"
    assert states["notification-service/onAccountUpdated/availability"] == "no_data"
    assert states["identity-service/publishAccountUpdated/availability"] == "no_data"
    assert states["fleet-gateway/onDoors/lag"] == "unmapped"
    assert states["checkout-api/publishOrderPlaced/availability"] == "meeting"


def test_the_stalled_consumer_pages_and_the_invalid_messages_do_not(demo: Demo) -> None:
    firing = {one.objective.id: one.firing for one in demo.snapshot.status.objectives if one.firing}

    assert "page" in firing["settlement-writer/onCardSettled/lag"]
    assert "page" in firing["settlement-writer/onCardSettled/latency"]
    assert firing["notification-service/onParcelDispatched/validation"] == ("ticket",)
    assert {key.split("/")[0] for key, severities in firing.items() if "page" in severities} == {"settlement-writer"}


def test_the_catalogue_of_the_demo_is_without_fault(demo: Demo) -> None:
    catalog = demo.estate.catalog

    assert [problem.render() for problem in catalog.problems] == []
    assert (len(catalog.documents), len(catalog.channels), len(catalog.operations)) == (12, 26, 49)
    assert {document.version for document in catalog.documents} == {"2.6.0", "3.0.0", "3.1.0"}
    assert {document.domain for document in catalog.documents} == {
        "ordering",
        "payments",
        "inventory",
        "shipping",
        "notifications",
        "identity",
    }
    assert {channel.protocol for channel in catalog.channels} == {"kafka", "amqp", "mqtt", "nats"}


def test_every_word_of_x_slo_is_asked_for_somewhere(demo: Demo) -> None:
    assert {one.sli for one in demo.estate.objectives} == {
        "availability",
        "latency",
        "lag",
        "validation",
        "duplicates",
        "authorization",
        "saturation",
        "contract",
        "dead_letters",
    }
