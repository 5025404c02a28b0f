"""One truth about a living Kafka, as five exporters show it on one Prometheus: the counts by each profile are the same.

The shop writes 200 orders, billing reads them all; both are Java clients that show their own metrics. The ledger reads
150 orders and leaves 50, and reads 30 of 45 refunds. kafka_exporter, KMinion and the collector ask the broker, which
shows its own metrics by the JMX exporter.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prometheus_server
import pytest
from engines import ENGINES_TITLE
from integration import kafka_exporters, kafka_server
from integration.kafka_exporters import EXPORTERS
from integration.wrong_documents import job, scraping
from observatory_process import observatory
from shipped_profiles import PROFILES

from observatory.compile.measure import bound_measurement
from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.indicators.standard import candidates
from observatory.ledger.build import build
from observatory.ledger.row import Row
from observatory.settings import PrometheusSettings
from observatory.sources.opening import Sources
from observatory.sources.prometheus import PrometheusSource
from observatory.spec.catalog import Catalog, Threshold
from observatory.spec.load import load_catalog
from observatory.telemetry.survey import survey
from observatory.windows import Grid

HERE = Path(__file__).parent / "kafka"
DOCUMENTS = [HERE / "five.yaml", HERE / "five-shop.yaml", HERE / "five-billing.yaml"]
JARS = kafka_server.CACHE / "kafka-clients-3.9.1"
ORDERS, REFUNDS, GROUP = "orders.v1", "refunds.v1", "ledger-v1"
WRITTEN = {ORDERS: 200, REFUNDS: 45}
READ = {ORDERS: 150, REFUNDS: 30}
PARTITIONS = {ORDERS: 3, REFUNDS: 1}
BY_ID = {profile.id: profile for profile in PROFILES}
BROKER, CLIENTS = "kafka_jmx_strimzi", "kafka_client_micrometer"
STEP_MS = 5_000

# (subject, signal): what each profile counts of it. None: it cannot know, and says so.
EXPECTED: Mapping[tuple[str, str], Mapping[str, float | None]] = {
    ("kafka:orders.v1", "enqueued_messages"): {**dict.fromkeys(EXPORTERS, 200.0), BROKER: 200.0, CLIENTS: None},
    ("kafka:refunds.v1", "enqueued_messages"): {**dict.fromkeys(EXPORTERS, 45.0), BROKER: 45.0, CLIENTS: None},
    ("ledger/onOrder", "acknowledged_messages"): {**dict.fromkeys(EXPORTERS, 150.0), BROKER: None, CLIENTS: None},
    ("ledger/onRefund", "acknowledged_messages"): {**dict.fromkeys(EXPORTERS, 30.0), BROKER: None, CLIENTS: None},
    ("shop/sendOrder", "published_messages"): {**dict.fromkeys(EXPORTERS), BROKER: None, CLIENTS: 200.0},
    ("billing/onOrder", "delivered_messages"): {**dict.fromkeys(EXPORTERS), BROKER: None, CLIENTS: 200.0},
}
LAG: Mapping[str, Mapping[str, float | None]] = {
    "ledger/onOrder": {**dict.fromkeys(EXPORTERS, 50.0), BROKER: None, CLIENTS: None},
    "ledger/onRefund": {**dict.fromkeys(EXPORTERS, 15.0), BROKER: None, CLIENTS: None},
    "billing/onOrder": {**dict.fromkeys(EXPORTERS, 0.0), BROKER: None, CLIENTS: 0.0},
}

BY_RANK, STANDS_IN = "a later profile by rank", "stands in for what the signal means"
THE_OTHERS = [("kminion", BY_RANK), ("otel_kafkametrics_receiver", BY_RANK)]
# The best first, then the others with the reason why they came later.
BEST: Mapping[tuple[str, str], list[Any]] = {
    ("kafka:orders.v1", "enqueued_messages"): ["kafka_exporter", *THE_OTHERS, (BROKER, BY_RANK)],
    ("kafka:orders.v1", "produced_offset"): ["kafka_exporter", *THE_OTHERS, (BROKER, BY_RANK)],
    ("kafka:orders.v1", "partitions"): ["kafka_exporter"],
    ("kafka:orders.v1", "broker_load"): [BROKER],
    ("ledger/onOrder", "consumer_lag"): ["kafka_exporter", *THE_OTHERS],
    ("billing/onOrder", "consumer_lag"): ["kafka_exporter", *THE_OTHERS, (CLIENTS, STANDS_IN)],
    ("billing/onOrder", "delivered_messages"): [CLIENTS],
    ("billing/onOrder", "group_members"): ["kafka_exporter", *THE_OTHERS],
    ("shop/sendOrder", "published_messages"): [CLIENTS],
}

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def application(name: str, port: int) -> dict[str, object]:
    """Where an application's own metrics are, with its name in the label that Micrometer's users give it."""
    targets = [{"targets": [f"127.0.0.1:{port}"], "labels": {"application": name}}]
    return {"job_name": name, "metrics_path": f"/{name}", "static_configs": targets}


def missing() -> str | None:
    """The first of all that this machine lacks for the five, None when all is there."""
    lacking = [kafka_server.missing_broker(), *(one.missing() for one in EXPORTERS.values())]
    lacking.append(kafka_exporters.missing_own("jmx"))
    if not JARS.is_dir() or not shutil.which("javac"):
        lacking.append("not run here: `make live` brings the jars of the clients, and a JDK runs them")
    return next((one for one in lacking if one), None)


class Ledger:
    """A consumer group that reads as many messages of a topic as it is told, and commits them."""

    def __init__(self, bootstrap: str) -> None:
        from kafka import KafkaConsumer, TopicPartition

        self.client = KafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, enable_auto_commit=False)
        self.places = [TopicPartition(topic, number) for topic, many in PARTITIONS.items() for number in range(many)]
        self.client.assign(self.places)
        for place in self.places:
            self.client.seek(place, 0)
        self.at = dict.fromkeys(self.places, 0)
        self.commit()

    def commit(self) -> None:
        from kafka.structs import OffsetAndMetadata

        self.client.commit({place: OffsetAndMetadata(offset, "", -1) for place, offset in self.at.items()})

    def read(self, seconds: float = 90) -> None:
        """Read from the start, and stand still where enough was read."""
        left, deadline = dict(READ), time.monotonic() + seconds
        while any(left.values()):
            assert time.monotonic() < deadline, f"not read: {left}"
            for place, records in self.client.poll(500).items():
                taken = min(len(records), left[place.topic])
                left[place.topic] -= taken
                self.at[place] += taken
            self.commit()


@dataclass
class Estate:
    """Where all is scraped, from when to when, and what it was declared to be."""

    url: str
    grid: Grid
    catalog: Catalog

    def counted(self, subject: str, profile: str, *indicators: Indicator) -> Row | None:
        """What a profile alone counts; None where none of its series is live."""
        source = PrometheusSource(PrometheusSettings(url=self.url))
        mapping = survey(self.catalog, [BY_ID[profile]], [source], [], self.grid.range).mapping
        channel = next((one.channel_id for one in self.catalog.operations if one.key == subject), subject)
        for indicator in indicators:
            one = bound_measurement(indicator, subject, channel, mapping)
            if one is not None and one.liveness == "live":
                return build([one], Sources(metrics=(source,)), self.grid).rows[one.key]
        return None

    def count(self, subject: str, profile: str, signal: str) -> float | None:
        every = Count(signal)
        row = self.counted(subject, profile, Indicator(sli="throughput", total=every, good=every, measure=signal))
        return None if row is None else float(row.total.sum())

    def lag(self, subject: str, profile: str) -> float | None:
        row = self.counted(subject, profile, *candidates("lag", "consumer", Threshold(value=10.0, unit="message")))
        assert row is None or row.level is not None
        return None if row is None else float(row.level[-1])


def live(bootstrap: str, server: prometheus_server.PrometheusServer, clients: Callable[[], object]) -> None:
    """Everything is written and read, and every exporter has seen it."""
    from kafka import KafkaAdminClient, KafkaProducer
    from kafka.admin import NewTopic

    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, many, 1) for topic, many in PARTITIONS.items()])
    admin.close()
    ledger = Ledger(bootstrap)
    # A counter of the broker begins with the first message: what was scraped before it tells that nothing is lost.
    server.wait_for('sum_over_time(up{job="broker"}[5m]) >= 2', seconds=90)
    for one in EXPORTERS.values():
        server.wait_for(f"{one.position(ORDERS)} == 0", seconds=90)
        server.wait_for(f"{one.group(GROUP)} == 0", seconds=90)
    clients()
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for _ in range(WRITTEN[REFUNDS]):
        producer.send(REFUNDS, b"{}")
    producer.flush()
    ledger.read()
    written = [
        f'kafka_producer_topic_record_send_total{{topic="{ORDERS}"}} >= {WRITTEN[ORDERS]}',
        f'kafka_consumer_fetch_manager_records_consumed_total{{job="billing"}} >= {WRITTEN[ORDERS]}',
        f'sum(kafka_topic_partition_current_offset{{topic="{ORDERS}"}}) == {WRITTEN[ORDERS]}',
        'sum(kafka_consumergroup_lag{consumergroup="billing-v1"}) == 0',
        # Kafka Streams commits every thirty seconds.
        f'sum(kafka_consumergroup_current_offset{{consumergroup="audit-v1"}}) == {WRITTEN[ORDERS]}',
    ]
    for condition in written:
        server.wait_for(condition, seconds=120)
    producer.close()
    ledger.client.close()


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    if lacking := missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("five")
    applications = kafka_server.free_port()
    with ExitStack() as stack:
        bootstrap, own = stack.enter_context(kafka_exporters.measured_broker(folder / "broker", "jmx"))
        jobs = [
            job("broker", own, scrape_interval="2s"),
            application("shop", applications),
            application("billing", applications),
        ]
        for name, one in EXPORTERS.items():
            jobs.append(job(name, stack.enter_context(one.start(bootstrap, folder / name))))
        server = stack.enter_context(scraping(folder / "prometheus", *jobs))
        command = ["java", "-Xmx256m", "-cp", f"{JARS}/*", str(HERE / "Clients.java"), bootstrap, str(applications)]
        command += [ORDERS, str(WRITTEN[ORDERS])]

        def clients() -> None:
            stack.enter_context(kafka_server.running(command, folder / "clients.log"))

        start_ms = time.time_ns() // 1_000_000 // STEP_MS * STEP_MS
        live(bootstrap, server, clients)
        # The last step holds scrapes of all exporters after the last message.
        time.sleep(2 * STEP_MS / 1000)
        steps = (time.time_ns() // 1_000_000 - start_ms) // STEP_MS
        yield Estate(server.url, Grid(start_ms, STEP_MS, int(steps)), load_catalog(DOCUMENTS))


def asked(estate: Estate, command: str, *more: object) -> dict[str, Any]:
    at = estate.grid.range.end_ms // 1000
    ended = observatory(command, *more, "--prometheus", estate.url, "--at", at, "--json")
    assert ended.stdout, ended.stderr
    return dict(json.loads(ended.stdout))


@pytest.mark.parametrize(("subject", "signal"), list(EXPECTED))
def test_all_that_know_of_a_message_count_the_same(estate: Estate, subject: str, signal: str) -> None:
    counted = {profile: estate.count(subject, profile, signal) for profile in EXPECTED[subject, signal]}

    # A counter that is born is spread over the time since the scrape before, whose parts add up but for rounding.
    assert counted == pytest.approx(EXPECTED[subject, signal], abs=1e-6)


@pytest.mark.parametrize("subject", list(LAG))
def test_all_that_know_of_a_group_show_the_same_messages_left(estate: Estate, subject: str) -> None:
    assert {profile: estate.lag(subject, profile) for profile in LAG[subject]} == LAG[subject]


def test_the_map_takes_the_best_and_tells_why_the_others_came_later(
    estate: Estate, record_property: Callable[[str, object], None]
) -> None:
    answer = asked(estate, "map", *DOCUMENTS)

    signals = {(one["subject"], one["signal"]): one for channel in answer["channels"] for one in channel["signals"]}
    for (subject, signal), (first, *later) in BEST.items():
        told = signals[subject, signal]
        assert (told["state"], told["profile"]) == ("live", first)
        others = dict.fromkeys((other["profile"], other["later_because"]) for other in told["alternatives"])
        assert list(others) == later
    record_property(ENGINES_TITLE, f"ran: five exporters of one living Kafka {kafka_server.VERSION}, counts compared")


def test_the_same_series_is_told_once(estate: Estate) -> None:
    answer = asked(estate, "map", *DOCUMENTS)

    for one in (one for channel in answer["channels"] for one in channel["signals"]):
        told = [tuple(one["series"]), *(tuple(other["series"]) for other in one["alternatives"])]
        assert len(told) == len(set(told)), one["signal"]


def test_drift_finds_who_writes_and_who_reads_undeclared_and_nothing_else(estate: Estate) -> None:
    answer = asked(estate, "drift", HERE / "five.yaml", HERE / "five-billing.yaml", "--since", "15m")

    # The ledger assigns its partitions itself: no exporter shows a member of its group, and it commits all the same.
    assert [(one["kind"], one["subject"]) for one in answer["findings"]] == [
        ("undeclared-producer", "shop on kafka:orders.v1"),
        ("undeclared-consumer", "audit-v1 on kafka:orders.v1"),
    ]
    (audit,) = [one for one in answer["findings"] if one["consumer_group"] == "audit-v1"]
    assert audit["observed"]["first_seen"] < audit["observed"]["last_seen"]
