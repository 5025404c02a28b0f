"""From documents and a store to a snapshot, its refresh, and signals over time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, Answering, counter, scrapes, store_of
from msgspec.structs import replace

from observatory.evaluate.estate import Estate, everything_failed, is_partial
from observatory.settings import PrometheusSettings, Settings
from observatory.settings.exclusions import Exclusion, Scope
from observatory.sources.base import SampleSet
from observatory.sources.opening import open_sources
from observatory.sources.store import Store
from observatory.windows import TimeRange

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0, x-service-name: billing, x-domain: money}
x-slo-defaults: {window: 6h}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  orders: {address: orders.v1, messages: {order: {payload: {type: object}}}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-consumer-group: billing
    x-slo:
      - {sli: availability, target: 99%}
      - {sli: latency, threshold: 500ms, target: 95%}
      - {sli: lag, threshold: 60s, target: 99%}
      - {sli: validation, target: 99%}
"""
TIMES = scrapes(END_MS - 8 * HOUR_MS, END_MS)
LABELS = {
    "job": "billing",
    "instance": "b:1",
    "messaging_destination_name": "orders.v1",
    "messaging_consumer_group_name": "billing",
    "messaging_system": "kafka",
}


def series() -> Iterator[tuple[dict[str, str], np.ndarray, np.ndarray]]:
    base = "messaging_process_duration_seconds"
    for outcome, each in (({}, 10.0), ({"error_type": "Timeout"}, 0.5)):
        yield counter({**LABELS, **outcome, "__name__": f"{base}_count"}, TIMES, each)  # type: ignore[misc]
        yield counter({**LABELS, **outcome, "__name__": f"{base}_sum"}, TIMES, each * 0.2)  # type: ignore[misc]
        for le, share in (("0.1", 0.0), ("0.5", 0.8), ("1", 1.0), ("+Inf", 1.0)):
            labels = {**LABELS, **outcome, "__name__": f"{base}_bucket", "le": le}
            yield counter(labels, TIMES, each * share)  # type: ignore[misc]
    own = {"job": "kafka", "instance": "k:1", "topic": "orders.v1"}
    produced = 30.0 * np.arange(len(TIMES))
    for partition in ("0", "1"):
        at = {**own, "partition": partition}
        yield {**at, "__name__": "kafka_topic_partition_current_offset"}, TIMES, produced
        late = (
            produced if partition == "0" else np.where(np.arange(len(TIMES)) > len(TIMES) - 6, produced - 90, produced)
        )
        group = {**at, "consumergroup": "billing"}
        yield {**group, "__name__": "kafka_consumergroup_current_offset"}, TIMES, late
        yield {**group, "__name__": "kafka_consumergroup_lag"}, TIMES, produced - late


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "billing.yaml").write_text(DOCUMENT)
    return Settings(documents=(tmp_path / "billing.yaml",))


@pytest.fixture
def store() -> Iterator[Store]:
    with store_of(series()) as filled:
        yield filled


def test_a_snapshot_answers_every_objective(settings: Settings, store: Store) -> None:
    snapshot = Estate(settings, Answering((store,), (store,))).snapshot(END_MS)
    found = {one.objective.name: one for one in snapshot.status.objectives}

    availability = found["availability"]
    assert availability.counts is not None
    assert (availability.counts.good, availability.counts.total) == (3600.0, 3780.0)
    assert (availability.state, availability.profile) == ("breached", "otel_semconv_messaging")
    latency = found["latency"]
    assert latency.counts is not None
    assert (latency.counts.good, latency.counts.total, latency.proxy) == (pytest.approx(3024.0), 3780.0, True)
    lag = found["lag"]
    assert lag.level is not None
    assert (lag.level.last, lag.level.worst) == (180.0, 180.0)
    assert found["validation"].state == "unmapped"
    assert "messaging_validated_messages_total" in found["validation"].problems[0].message
    assert snapshot.row("billing/onOrder/lag") is not None
    assert snapshot.row("billing/onOrder/validation") is None


def test_a_snapshot_for_its_ledger_alone_counts_the_same_and_judges_nothing(settings: Settings, store: Store) -> None:
    estate = Estate(settings, Answering((store,), (store,)))
    whole, counted = estate.snapshot(END_MS), estate.snapshot(END_MS, judged=False)
    for key, row in whole.ledger.rows.items():
        assert counted.ledger.rows[key].good.tolist() == row.good.tolist()
        assert counted.ledger.rows[key].total.tolist() == row.total.tolist()
    assert (counted.status.objectives, counted.status.journeys) == ((), ())
    assert (counted.status.sources, counted.status.problems) == (whole.status.sources, whole.status.problems)


def test_the_first_telemetry_of_an_empty_store_is_counted_by_the_next_refresh(settings: Settings) -> None:
    with Store.open() as empty:
        estate = Estate(settings, Answering((empty,), (empty,)))
        before = estate.snapshot(END_MS - MINUTE_MS)
        empty.append_samples(SampleSet.of(series()))
        after = estate.snapshot(END_MS, previous=before)

    states = [
        {one.objective.name: one.state for one in snapshot.status.objectives}["availability"]
        for snapshot in (before, after)
    ]
    assert states == ["unmapped", "breached"]


def test_the_same_instant_gives_the_same_answer(settings: Settings, store: Store) -> None:
    estate = Estate(settings, Answering((store,), (store,)))
    assert estate.snapshot(END_MS).status.to_json() == estate.snapshot(END_MS).status.to_json()


def test_a_refresh_agrees_with_a_fresh_start_and_asks_for_no_more(settings: Settings, store: Store) -> None:
    estate = Estate(settings, Answering((store,), (store,)))
    early = estate.snapshot(END_MS - 3 * MINUTE_MS)
    refreshed = estate.snapshot(END_MS, previous=early)
    fresh = Estate(settings, Answering((store,), (store,))).snapshot(END_MS)
    assert refreshed.status.to_json() == fresh.status.to_json()
    assert refreshed.ledger.requests <= fresh.ledger.requests


def test_a_server_that_is_gone_leaves_everything_unknown(settings: Settings) -> None:
    gone = Settings(documents=settings.documents, prometheus=(PrometheusSettings(url="http://127.0.0.1:9"),))
    with open_sources(gone) as sources:
        status = Estate(gone, sources).snapshot(END_MS).status
    assert {one.state for one in status.objectives} == {"no_data"}
    assert all(one.counts is None for one in status.objectives)
    assert everything_failed(status)
    assert is_partial(status)


def test_one_of_two_servers_that_is_gone_leaves_the_rest(settings: Settings, store: Store) -> None:
    gone = Settings(documents=settings.documents, prometheus=(PrometheusSettings(url="http://127.0.0.1:9"),))
    with open_sources(gone) as sources:
        both = Answering((*sources.metrics, store), (store,))
        status = Estate(gone, both).snapshot(END_MS).status
    states = {one.objective.name: one.state for one in status.objectives}
    assert states["availability"] == "breached"
    assert states["validation"] == "no_data", "the server that is gone may have had it"
    assert is_partial(status)
    assert not everything_failed(status)


def test_steps_fit_the_shortest_window(tmp_path: Path, store: Store) -> None:
    (tmp_path / "b.yaml").write_text(DOCUMENT.replace("window: 6h", "window: 90s"))
    estate = Estate(Settings(documents=(tmp_path / "b.yaml",)), Answering((store,), (store,)))
    grid = estate.grid(END_MS)
    assert grid.step_ms == 30_000
    assert grid.range.seconds == 3 * 86_400


def test_a_longer_history_can_be_asked_for(settings: Settings, store: Store) -> None:
    estate = Estate(settings, Answering((store,), (store,)))
    assert estate.snapshot(END_MS, length_seconds=5 * 86_400).ledger.grid.range.seconds == 5 * 86_400


class TestSignalsOverTime:
    SPAN = TimeRange(END_MS - HOUR_MS, END_MS)
    KEY = "billing/onOrder"

    @pytest.fixture
    def estate(self, settings: Settings, store: Store) -> Estate:
        return Estate(settings, Answering((store,), (store,)))

    def test_throughput_is_per_second(self, estate: Estate) -> None:
        (one,) = estate.series(
            estate.snapshot(END_MS), "processed_messages", [self.KEY], self.SPAN, 5 * MINUTE_MS, "rate"
        )
        assert len(one.t_ms) == 12
        assert one.t_ms[-1] == END_MS
        np.testing.assert_allclose(one.value, 10.5 / 60)

    def test_throughput_of_each_partition(self, estate: Estate) -> None:
        snapshot = estate.snapshot(END_MS)
        found = estate.series(snapshot, "produced_offset", ["kafka:orders.v1"], self.SPAN, 600_000, "rate", True)
        assert [one.part for one in found] == ["0", "1"]
        np.testing.assert_allclose(found[0].value, 0.5)

    def test_messages_that_wait(self, estate: Estate) -> None:
        (one,) = estate.series(estate.snapshot(END_MS), "consumer_lag", [self.KEY], self.SPAN, 600_000, "level")
        assert one.value.tolist() == [0, 0, 0, 0, 0, 90]

    def test_seconds_behind(self, estate: Estate) -> None:
        (one,) = estate.series(estate.snapshot(END_MS), "consumer_lag", [self.KEY], self.SPAN, 600_000, "behind")
        assert one.value.tolist() == [0, 0, 0, 0, 0, 180]
        assert one.unit == "second"

    def test_quantiles_of_a_histogram(self, estate: Estate) -> None:
        (one,) = estate.series(estate.snapshot(END_MS), "process_duration", [self.KEY], self.SPAN, 600_000, "p50")
        np.testing.assert_allclose(one.value, 0.35)

    def test_what_nothing_measures_has_no_line(self, estate: Estate) -> None:
        snapshot = estate.snapshot(END_MS)
        assert estate.series(snapshot, "duplicate_messages", [self.KEY], self.SPAN, 600_000, "rate") == ()


def planned(**scope: tuple[str, ...]) -> Exclusion:
    """Planned work in the last hour."""
    when = TimeRange(END_MS - HOUR_MS, END_MS)
    return Exclusion(reason="Kafka 4", approver="ana", scope=Scope(**scope), when=when)


def test_planned_work_concerns_the_objectives_in_its_scope_that_do_not_refuse_it(
    settings: Settings, store: Store
) -> None:
    (path,) = settings.documents
    text = path.read_text().replace(
        "sli: availability, target: 99%", "sli: availability, target: 99%, exclusions: budget"
    )
    path.write_text(text.replace("threshold: 60s, target: 99%", "threshold: 60s, target: 99%, exclusions: none"))
    here = replace(settings, exclusions=(planned(channels=("orders.*",)), planned(domains=("nowhere",))))
    estate = Estate(here, Answering((store,)))
    snapshot = estate.snapshot(END_MS)
    uses = {one.objective.name: one.left_out and one.left_out.use for one in snapshot.status.objectives}
    assert uses == {"availability": "budget", "lag": None, "latency": "alerts", "validation": None}
    by_name = {one.objective.name: one for one in snapshot.status.objectives}
    assert by_name["availability"].counts is not None
    assert by_name["latency"].counts is not None
    assert by_name["availability"].counts.expected_seconds == 5 * 3600
    assert by_name["latency"].counts.expected_seconds == 6 * 3600
    counted, alerting = (one("billing/onOrder/availability") for one in (snapshot.row, snapshot.alerting_row))
    assert counted is not None
    assert alerting is not None
    assert (counted.total[-60:].sum(), counted.total[-61]) == (0.0, 10.5)
    assert [problem.code for problem in snapshot.status.problems] == ["exclusion-unmatched"]
