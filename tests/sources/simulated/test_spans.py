"""Spans of the estate, and the two forms in which they travel."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from observatory.sources.otlp import decode_traces
from observatory.sources.simulated.history import Simulation
from observatory.sources.simulated.span_columns import otlp_request, store_columns, trace_state
from observatory.sources.simulated.spans import SpanTable
from observatory.sources.simulated.truth import Truth
from observatory.sources.store import Store

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def table(simulation: Simulation, truth: Truth) -> SpanTable:
    return simulation.spans(truth, truth.start_ms, truth.end_ms)


def of(table: SpanTable, kind: str, address: str, service: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    wanted = [
        index
        for index, key in enumerate(table.keys)
        if (key.step.kind, key.step.address, key.step.service) == (kind, address, service)
    ]
    return np.flatnonzero(np.isin(table.key, wanted))


def test_span_ids_are_unique(table: SpanTable) -> None:
    assert len(np.unique(table.span_id)) == len(table)


def test_every_parent_that_ended_in_time_is_among_the_spans(table: SpanTable) -> None:
    children = table.parent[table.parent > 0]
    present = np.isin(children, table.span_id)

    # Some of the earliest parents ended before the table begins.
    assert present.mean() > 0.999


def test_weights_make_sampled_publishes_about_as_many_as_there_were(table: SpanTable, truth: Truth) -> None:
    sampled = table.weight[of(table, "producer", "orders.order.placed.v1", "checkout-api")].sum()
    actual = truth.publishers[("checkout-api", "orders.order.placed.v1")].attempts.sum()

    assert sampled == pytest.approx(actual, rel=0.05)


def test_a_message_in_a_stalled_partition_has_no_consumer_yet(table: SpanTable, truth: Truth) -> None:
    rows = of(table, "consumer", "payments.card.settled.v2", "settlement-writer")
    recent = rows[table.start_ns[rows] > (truth.end_ms - HOUR_MS // 2) * 1_000_000]

    assert len(recent) > 10
    assert set(table.partition[recent].tolist()) <= {0, 2, 4, 5}


def test_a_linked_consumer_begins_a_trace_of_its_own(table: SpanTable) -> None:
    rows = of(table, "consumer", "identity.session.started.v1", "fraud-screening")

    assert (table.parent[rows] == 0).all()
    assert (table.target[rows] > 0).all()
    assert (table.target_lo[rows] != table.trace_lo[rows]).all()


def test_a_child_that_also_links_names_the_same_producer_twice(table: SpanTable) -> None:
    rows = of(table, "consumer", "payments.card.authorized.v1", "fraud-screening")

    assert (table.parent[rows] == table.target[rows]).all()
    assert (table.target_lo[rows] == table.trace_lo[rows]).all()


def test_a_probe_runs_every_minute(table: SpanTable, truth: Truth) -> None:
    probes = [index for index, key in enumerate(table.keys) if key.step.name == "GET /healthz"]

    assert np.isin(table.key, probes).sum() == pytest.approx(truth.minutes, abs=1)


def test_spans_that_were_made_in_two_pieces_are_the_same_as_in_one(
    simulation: Simulation, truth: Truth, table: SpanTable
) -> None:
    middle = truth.end_ms - 7 * HOUR_MS
    first = simulation.spans(truth, truth.start_ms, middle)
    second = simulation.spans(truth, middle, truth.end_ms)

    assert Counter([*first.span_id.tolist(), *second.span_id.tolist()]) == Counter(table.span_id.tolist())


def test_a_span_through_otlp_is_the_span_of_the_columns(simulation: Simulation, truth: Truth) -> None:
    recent = simulation.spans(truth, truth.end_ms - 120_000, truth.end_ms)
    with Store.open() as by_columns, Store.open() as by_otlp:
        by_columns.append_span_batch(*store_columns(recent))
        by_otlp.append_spans(decode_traces(otlp_request(recent), "application/x-protobuf"))

        traces = {f"{hi:016x}{lo:016x}" for hi, lo in zip(recent.trace_hi, recent.trace_lo, strict=True)}
        for trace in traces:
            for column, otlp in zip(by_columns.trace(trace), by_otlp.trace(trace), strict=True):
                assert (otlp.name, otlp.kind, otlp.service, otlp.weight, otlp.links) == (
                    column.name,
                    column.kind,
                    column.service,
                    column.weight,
                    column.links,
                )
                assert (otlp.system, otlp.destination, otlp.consumer_group, otlp.partition) == (
                    column.system,
                    column.destination,
                    column.consumer_group,
                    column.partition,
                )
                assert (otlp.start_ns, otlp.end_ns, otlp.error, otlp.error_type) == (
                    column.start_ns,
                    column.end_ns,
                    column.error,
                    column.error_type,
                )
        assert by_otlp.span_count() == by_columns.span_count() == len(recent)


@pytest.mark.parametrize(("weight", "state"), [(1, "ot=th:0"), (256, "ot=th:ff"), (2048, "ot=th:ffe")])
def test_a_weight_is_told_as_a_sampling_threshold(weight: float, state: str) -> None:
    assert trace_state(weight) == state
