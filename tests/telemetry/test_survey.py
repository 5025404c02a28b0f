"""A survey asks each source once, goes on without those that fail, and fails when none answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from shipped_profiles import PROFILES
from telemetry.documents import catalog, channel, names, override
from telemetry.exposition import answer

from observatory.errors import Problem, SourceFailed
from observatory.telemetry.discovery import APART
from observatory.telemetry.inventory import Inventory, InventoryRequest, SpanDestination
from observatory.telemetry.survey import survey
from observatory.windows import TimeRange

SPAN = TimeRange(0, 3_600_000)
ORDERS = channel("kafka", names(topic="orders.v1"), telemetry=override(cluster="eu-1"))
SERIES = [("kafka_topic_partitions", {"topic": "orders.v1", "cluster": "eu-1"}), ("unrelated", {"topic": "orders.v1"})]


@dataclass
class Server:
    """A server of series that writes down what it is asked."""

    name: str = "metrics"
    requests: list[InventoryRequest] = field(default_factory=list)

    def metric_names(self, span: TimeRange) -> frozenset[str]:
        return frozenset(name for name, _ in SERIES)

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory:
        self.requests.append(request)
        return answer(SERIES, request, self.name)


@dataclass
class Gone:
    """A server that does not answer."""

    name: str = "gone"

    def metric_names(self, span: TimeRange) -> frozenset[str]:
        raise SourceFailed(Problem(code="source-unavailable", message="nobody listens"))

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory:
        raise AssertionError("it has already failed")


@dataclass
class Spans:
    """A store of spans."""

    name: str = "store"

    def destinations(self, span: TimeRange) -> Inventory:
        row = SpanDestination(
            role="producer", system="kafka", destination="orders.v1", service="shop", consumer_group="",
            messages=1.0, first_ms=1, last_ms=1,
        )  # fmt: skip
        return Inventory(source=self.name, destinations=(row,))


def test_only_known_metrics_and_identifying_labels_are_asked_for_once() -> None:
    server = Server()

    survey(catalog([ORDERS]), PROFILES, [server], [], SPAN)

    columns = tuple(sorted({*APART, "topic"}))
    assert [dict(request.labels) for request in server.requests] == [{"kafka_topic_partitions": columns}]


def test_metrics_and_spans_are_mapped_together() -> None:
    documents = catalog([ORDERS], sends={"shop": ORDERS.id})

    found = survey(documents, PROFILES, [Server()], [Spans()], SPAN)

    assert [(seen.source, seen.profile) for seen in found.recognised] == [
        ("metrics", "kafka_exporter"),
        ("store", "otel_spans"),
    ]
    published = found.mapping.chosen("shop/send", "published_messages")
    assert published is not None
    assert (published.source, published.liveness) == ("store", "live")


def test_a_source_that_fails_is_named_and_the_rest_is_used() -> None:
    found = survey(catalog([ORDERS]), PROFILES, [Gone(), Server()], [], SPAN)

    partitions = found.mapping.chosen(ORDERS.id, "partitions")
    assert partitions is not None
    assert (found.failed, [problem.code for problem in found.problems]) == (("gone",), ["source-unavailable"])
    assert partitions.liveness == "live"


def test_when_no_source_answers_there_is_no_survey() -> None:
    with pytest.raises(SourceFailed) as caught:
        survey(catalog([ORDERS]), PROFILES, [Gone()], [], SPAN)

    assert [problem.code for problem in caught.value.problems] == ["source-unavailable"]


def test_the_names_of_each_source_are_known() -> None:
    found = survey(catalog([ORDERS]), PROFILES, [Server()], [Spans()], SPAN)

    assert found.names == {"metrics": frozenset({"kafka_topic_partitions", "unrelated"}), "store": frozenset()}
