"""One truth about a Kafka topic, as nine exporters show it on one Prometheus: by each profile the counts are the same,
within what its caveats allow.

Every exporter is scraped four times a minute, on the edges of the steps, so that what happened in a step is counted
there. Partition 0 changes its leader in the middle, and the group rebalances then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import prometheus_server
import pytest
from measured_cases import objective
from msgspec.structs import replace
from shipped_profiles import PROFILES
from telemetry.documents import catalog, channel, names

from observatory.compile.measure import Measurement, bound_measurement, measure
from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.indicators.standard import candidates
from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.opening import Sources
from observatory.sources.prometheus import PrometheusSource
from observatory.spec.catalog import Threshold
from observatory.telemetry.binding import MappingResult
from observatory.telemetry.discovery import recognise
from observatory.telemetry.profile import Profile
from observatory.telemetry.survey import survey
from observatory.windows import Grid

START_MS = 1_795_000_020_000
SCRAPE_MS, MINUTES, BEFORE = 15_000, 40, 10
GRID = Grid(START_MS, 60_000, MINUTES)
SCRAPES = np.arange(START_MS - BEFORE * 60_000, START_MS + MINUTES * 60_000 + 1, SCRAPE_MS, dtype=np.int64)
MIDDLE = len(SCRAPES) // 2
BY_ID = {profile.id: profile for profile in PROFILES}
ORDERS = channel("kafka", names(topic="orders.v1"))
CATALOG = catalog([ORDERS], receives={"billing": (ORDERS.id, "billing")})
POSITIONS = (
    "kafka_exporter",
    "kminion",
    "kafka_lag_exporter",
    "burrow",
    "burrow_exporter",
    "otel_kafkametrics_receiver",
)
EXPORTERS = (*POSITIONS, "kafka_jmx_strimzi", "kafka_msk_open_monitoring", "confluent_cloud", "msk_cloudwatch_yace")


@dataclass(frozen=True)
class Truth:
    """Positions at the scrapes, one line per partition."""

    produced: np.ndarray
    committed: np.ndarray

    @property
    def enqueued(self) -> np.ndarray:
        """Messages per step."""
        return self._per_step(self.produced)

    @property
    def acknowledged(self) -> np.ndarray:
        return self._per_step(self.committed)

    @property
    def at_the_rebalance(self) -> float:
        """What was committed between the last scrape before the rebalance and the first after it."""
        return float((self.committed[:, MIDDLE] - self.committed[:, MIDDLE - 1]).sum())

    @staticmethod
    def _per_step(positions: np.ndarray) -> np.ndarray:
        whole = positions.sum(axis=0)[BEFORE * 4 :: 4]
        return np.diff(whole)


@pytest.fixture(scope="module")
def truth() -> Truth:
    random = np.random.default_rng(20261129)
    arriving = random.poisson([[40.0], [25.0]], (2, len(SCRAPES)))
    produced = 8000 + np.cumsum(arriving, axis=1)
    # The group is one scrape late, and stands still for five minutes.
    seen = np.concatenate([produced[:, :1], produced[:, :-1]], axis=1)
    at = np.arange(len(SCRAPES))
    held = np.where((at >= 120) & (at < 140), 119, at)
    return Truth(produced.astype(float), seen[:, held].astype(float))


def positions(truth: Truth) -> Iterator[tuple[str, dict[str, str], np.ndarray]]:
    """(metric, labels, values at the scrapes) of exporters that show offsets."""
    group = "billing"
    for number in range(2):
        at, place = str(number), {"topic": "orders.v1", "partition": str(number)}
        head, done = truth.produced[number], truth.committed[number]
        yield "kafka_topic_partition_current_offset", place, head
        yield "kafka_consumergroup_current_offset", {**place, "consumergroup": group}, done
        yield "kafka_consumergroup_lag", {**place, "consumergroup": group}, head - done
        minion = {"topic_name": "orders.v1", "partition_id": at}
        yield "kminion_kafka_topic_partition_high_water_mark", minion, head
        yield "kminion_kafka_consumer_group_topic_partition_lag", {**minion, "group_id": group}, head - done
        yield "kafka_partition_latest_offset", {**place, "cluster_name": "c"}, head
        yield "burrow_kafka_topic_partition_offset", {**place, "cluster": "c"}, head
        watched = {**place, "cluster": "c", "consumer_group": group}
        yield "burrow_kafka_consumer_current_offset", watched, done
        yield "burrow_kafka_consumer_partition_lag", watched, head - done
        yield "kafka_burrow_topic_partition_offset", {**place, "cluster": "c"}, head
        watched = {**place, "cluster": "c", "group": group}
        yield "kafka_burrow_partition_current_offset", watched, done
        yield "kafka_burrow_partition_lag", watched, head - done
        yield "kafka_partition_current_offset_ratio", place, head
        yield "kafka_consumer_group_offset_ratio", {**place, "group": group}, done
        yield "kafka_consumer_group_lag_ratio", {**place, "group": group}, head - done
        for member, from_, to in (("a", 0, MIDDLE), ("b", MIDDLE, len(SCRAPES))):
            labels = {**place, "cluster_name": "c", "group": group, "consumer_id": member, "client_id": member}
            shown = np.full(len(SCRAPES), np.nan)
            shown[from_:to] = done[from_:to]
            lag = np.where(np.isnan(shown), np.nan, head - done)
            if to < len(SCRAPES):
                shown[to] = lag[to] = prometheus_server.STALE
            yield "kafka_consumergroup_group_offset", labels, shown
            yield "kafka_consumergroup_group_lag", labels, lag
            # The exporter's own estimate, off by an hour as it is after a quiet night.
            yield "kafka_consumergroup_group_lag_seconds", labels, np.where(np.isnan(shown), np.nan, 3600.0)
    offsets = truth.committed.sum(axis=0)
    yield "kminion_kafka_consumer_group_topic_offset_sum", {"topic_name": "orders.v1", "group_id": "billing"}, offsets


def brokers(truth: Truth) -> Iterator[tuple[str, dict[str, str], np.ndarray]]:
    """Counters of two brokers by topic: partition 0 moves from the first, which had counted it, to the second."""
    first, second = (line - line[0] for line in truth.produced)
    moved = np.arange(len(SCRAPES)) >= MIDDLE
    by_one = np.where(moved, first[MIDDLE - 1], first)
    by_two = second + np.where(moved, first - first[MIDDLE - 1], 0.0)
    for broker, counted in (("1", by_one), ("2", by_two)):
        yield (
            "kafka_server_brokertopicmetrics_messagesin_total",
            {"topic": "orders.v1", "instance": broker, "job": "kafka_jmx_strimzi"},
            counted,
        )
        msk = {"name": "MessagesInPerSec", "topic": "orders.v1", "instance": broker, "job": "kafka_msk_open_monitoring"}
        yield "kafka_server_BrokerTopicMetrics_Count", msk, counted


def periods(truth: Truth) -> Iterator[tuple[dict[str, str], np.ndarray, np.ndarray]]:
    """Cloud services: totals of minutes at their ends, and a rate of five minutes that is shown for the next five."""
    whole = truth.produced.sum(axis=0)
    minutes = SCRAPES[::4]
    # A minute without messages has no sample; here that is every seventh, whose messages are in the next one.
    told = np.append(np.arange(1, len(minutes)) % 7 != 0, True)[1:]
    ends = np.concatenate([[0], np.flatnonzero(told[: len(minutes) - 1]) + 1])
    labels = {"__name__": "confluent_kafka_server_received_records", "kafka_id": "lkc-1", "topic": "orders.v1"}
    yield labels | {"job": "confluent_cloud", "instance": "x"}, minutes[ends[1:]], np.diff(whole[::4][ends])
    rates = np.diff(whole[::20]) / 300
    shown = np.repeat(rates, 20)
    labels = {"__name__": "aws_kafka_messages_in_per_sec_average", "dimension_Broker_ID": "1"}
    labels |= {"dimension_Topic": "orders.v1", "job": "msk_cloudwatch_yace", "instance": "x"}
    yield labels, SCRAPES[20 : 20 + len(shown)], shown[: len(SCRAPES) - 20]


@dataclass
class Seen:
    """What one profile alone makes of the server."""

    mapping: MappingResult
    source: PrometheusSource
    profile: Profile

    def row(self, *indicators: Indicator) -> Row:
        for indicator in indicators:
            one = bound_measurement(indicator, "billing/receive", ORDERS.id, self.mapping)
            if one is not None and one.liveness == "live":
                return self._counted(one)
        raise AssertionError(f"{self.profile.id} measures none of {[one.measure for one in indicators]}")

    def lag_seconds(self) -> Row:
        """As an objective about lag in seconds is measured."""
        wanted = objective("lag", threshold=Threshold(value=60.0, unit="second"))
        one = measure(replace(wanted, operation_key="billing/receive", channel_id=ORDERS.id), self.mapping)
        assert isinstance(one, Measurement)
        return self._counted(one)

    def count(self, signal: str) -> np.ndarray:
        counted = Count(signal)
        return self.row(Indicator(sli="throughput", total=counted, good=counted, measure=signal)).total

    def _counted(self, one: Measurement) -> Row:
        return build([one], Sources(metrics=(self.source,)), GRID).rows[one.key]


@pytest.fixture(scope="module")
def seen(truth: Truth, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Seen]]:
    with prometheus_server.start(tmp_path_factory.mktemp("prometheus")) as server:
        series: list[Any] = []
        for metric, labels, values in positions(truth):
            there = ~np.isnan(values) | (values.view(np.uint64) == prometheus_server.STALE_BITS)
            owner = {"__name__": metric, "job": "exporters", "instance": "x"}
            series.append((owner | labels, SCRAPES[there], values[there]))
        series += [({"__name__": metric} | labels, SCRAPES, values) for metric, labels, values in brokers(truth)]
        series += list(periods(truth))
        targets = {(labels["job"], labels["instance"]) for labels, _, _ in series}
        up = [{"__name__": "up", "job": job, "instance": instance} for job, instance in sorted(targets)]
        series += [(labels, SCRAPES, np.ones(len(SCRAPES))) for labels in up]
        server.write(series)
        source = PrometheusSource(PrometheusSettings(url=server.url))
        found = {}
        for name in EXPORTERS:
            answer = survey(CATALOG, [BY_ID[name]], [source], [], GRID.range)
            found[name] = Seen(answer.mapping, source, BY_ID[name])
        yield found


def test_all_exporters_are_recognised_side_by_side(seen: Mapping[str, Seen]) -> None:
    source = seen["kafka_exporter"].source
    (inventory,) = survey(CATALOG, list(BY_ID.values()), [source], [], GRID.range).inventories

    assert {one.profile for one in recognise(list(BY_ID.values()), inventory)} == set(EXPORTERS)


@pytest.mark.parametrize("name", [one for one in EXPORTERS if one not in ("confluent_cloud", "msk_cloudwatch_yace")])
def test_messages_that_were_written_are_counted_alike_in_every_minute(
    seen: Mapping[str, Seen], truth: Truth, name: str
) -> None:
    assert seen[name].count("enqueued_messages").tolist() == truth.enqueued.tolist()


def test_totals_of_minutes_add_up_to_the_same_messages(seen: Mapping[str, Seen], truth: Truth) -> None:
    """Caveat: a minute that has no sample had no messages; none is invented for it and none lost."""
    counted = seen["confluent_cloud"].count("enqueued_messages")

    assert counted.sum() == truth.enqueued.sum()
    assert int((counted != truth.enqueued).sum()) <= 2 * (MINUTES // 7 + 1)


def test_a_rate_over_five_minutes_is_right_to_within_a_period_at_the_edges(
    seen: Mapping[str, Seen], truth: Truth
) -> None:
    """Caveat: a rate, averaged over the period: to within one period at the edges of a window."""
    counted = seen["msk_cloudwatch_yace"].count("enqueued_messages")

    later = counted[5:].sum()
    assert later == pytest.approx(truth.enqueued[:-5].sum(), rel=0.01)
    assert abs(counted.sum() - truth.enqueued.sum()) <= truth.enqueued[:5].sum()


@pytest.mark.parametrize("name", POSITIONS)
def test_messages_that_were_read_are_counted_alike(seen: Mapping[str, Seen], truth: Truth, name: str) -> None:
    counted = seen[name].count("acknowledged_messages")

    # Caveat of kafka-lag-exporter: a rebalance gives a partition another series.
    lost = truth.at_the_rebalance if name == "kafka_lag_exporter" else 0.0
    assert truth.acknowledged.sum() - counted.sum() == lost
    assert int((counted != truth.acknowledged).sum()) == (1 if lost else 0)


@pytest.mark.parametrize("name", POSITIONS)
def test_lag_in_messages_is_judged_alike(seen: Mapping[str, Seen], truth: Truth, name: str) -> None:
    row = seen[name].row(*candidates("lag", "consumer", Threshold(value=300.0, unit="message")))

    lag = (truth.produced - truth.committed).sum(axis=0)
    worst = [lag[(BEFORE + minute) * 4 + 1 : (BEFORE + minute + 1) * 4 + 1].max() for minute in range(MINUTES)]
    assert row.level is not None
    # Right after a rebalance kafka-lag-exporter shows a partition in two series, of which one counts.
    assert row.level.tolist() == worst
    assert row.good.sum() == sum(one <= 300.0 for one in worst) < MINUTES


@pytest.mark.parametrize("name", POSITIONS)
def test_lag_in_seconds_is_told_alike(seen: Mapping[str, Seen], truth: Truth, name: str) -> None:
    """Five minutes of standing still are five minutes behind, to within a scrape; estimates of exporters stand back."""
    row = seen[name].lag_seconds()

    assert row.level is not None
    assert np.nanmax(row.level) == pytest.approx(20 * SCRAPE_MS / 1000, abs=2 * SCRAPE_MS / 1000)
    reference = seen["kafka_exporter"].lag_seconds()
    assert reference.level is not None
    assert np.abs(row.level - reference.level).max() <= SCRAPE_MS / 1000
