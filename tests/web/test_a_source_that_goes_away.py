"""The metric server goes away while the store of spans stays: the last numbers remain, and their age is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, Answering, counter, scrapes, store_of
from flask import Flask
from msgspec.structs import replace

from observatory.errors import Problem, SourceFailed
from observatory.evaluate.estate import Estate
from observatory.settings import Settings
from observatory.sources.base import SourceState
from observatory.sources.store import Store
from observatory.web.access import Access
from observatory.web.app import poll
from observatory.web.http import add_routes, health
from observatory.web.own_metrics import OwnMetrics
from observatory.web.service import Service, Standing

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Billing, version: 1.0.0, x-service-name: billing}
x-slo-defaults: {window: 6h}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {orders: {address: orders.v1}, notes: {address: notes.v1}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: {availability: 99%}
  onNote:
    action: receive
    channel: {$ref: '#/channels/notes'}
    x-slo: {availability: 99%}
x-slo-journeys: [{name: told, target: 99%, steps: [{operation: onOrder}, {operation: onNote}]}]
"""
TIMES = scrapes(END_MS - 8 * HOUR_MS, END_MS + HOUR_MS)


def handled(topic: str, instance: str, each: float) -> tuple[dict[str, str], Any, Any]:
    labels = {"job": "billing", "instance": instance, "messaging_destination_name": topic, "messaging_system": "kafka"}
    return counter({**labels, "__name__": "messaging_process_duration_seconds_count"}, TIMES, each)  # type: ignore[return-value]


@dataclass
class Server:
    """A metric server that can be switched off; what it holds is in a store."""

    store: Store
    name: str = "metrics"
    kind: str = "prometheus"
    down: bool = False
    without_samples: bool = False
    """Answers what there is, and fails when samples are asked for."""

    def state(self) -> SourceState:
        health = "failed" if self.down else "partial" if self.without_samples else "ok"
        return SourceState(self.name, self.kind, health, problems=self._why())

    def _why(self) -> tuple[Problem, ...]:
        return (
            (Problem(code="source-refused", message="no connection", url="http://m"),)
            if self.down or self.without_samples
            else ()
        )

    def __getattr__(self, name: str) -> Any:
        answer = getattr(self.store, name)

        def asked(*arguments: Any) -> Any:
            if self.down or (self.without_samples and name == "samples"):
                raise SourceFailed(self._why())
            found = answer(*arguments)
            return replace(found, source=self.name) if name == "inventory" else found

        return asked


@dataclass
class Lab:
    server: Server
    other: Server
    service: Service
    metrics: OwnMetrics
    now: list[int]

    def at(self, minutes: int) -> Standing:
        self.now[0] = END_MS + minutes * MINUTE_MS
        return self.service.refresh()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    (tmp_path / "billing.yaml").write_text(DOCUMENT)
    now = [END_MS]
    with store_of([handled("orders.v1", "a:1", 10.0)]) as one, store_of([handled("notes.v1", "b:1", 4.0)]) as two:
        server, other = Server(one), Server(two, "other")
        estate = Estate(Settings(documents=(tmp_path / "billing.yaml",)), Answering((server, other), ()))  # type: ignore[arg-type]
        metrics = OwnMetrics(lambda: now[0])
        yield Lab(server, other, Service(estate, clock=lambda: now[0], observer=metrics), metrics, now)


def counts(standing: Standing) -> dict[str, float | None]:
    assert standing.snapshot
    return {
        one.objective.operation: one.counts.total if one.counts else None for one in standing.snapshot.status.objectives
    }


WHOLE = {"onOrder": 3600.0, "onNote": 1440.0}


def test_the_last_numbers_of_a_server_that_is_gone_stay_however_long_it_is_gone(lab: Lab) -> None:
    assert counts(lab.at(0)) == WHOLE
    lab.server.down = True

    for minutes in (1, 4, 20):
        standing = lab.at(minutes)
        assert counts(standing) == WHOLE
        assert standing.snapshot
        assert standing.snapshot.row("billing/onOrder/availability") is not None


def test_a_journey_over_a_server_that_is_gone_keeps_its_last_numbers(lab: Lab) -> None:
    def told(standing: Standing) -> tuple[float | None, str, list[str]]:
        assert standing.snapshot
        (one,) = standing.snapshot.status.journeys
        codes = [problem.code for problem in one.problems if problem.code.startswith("source")]
        return one.status.counts.total if one.status.counts else None, one.status.state, codes

    assert told(lab.at(0)) == (3600.0, "meeting", [])
    lab.other.down = True
    assert told(lab.at(20)) == (3600.0, "meeting", ["source-unanswered"])
    lab.other.down = False
    assert told(lab.at(21)) == (3600.0, "meeting", [])


def test_their_age_is_that_of_the_last_answer_and_not_of_the_last_try(lab: Lab) -> None:
    lab.at(0)
    lab.server.down = True
    lab.at(20)

    _, told = poll(lab.service, None)
    assert (told["failing"], told["age"]) == (True, 1200.0)
    assert told["problems"][0]["code"] == "source-refused"
    body, _ = health(lab.service)
    assert (body["refresh"], body["snapshot_age_seconds"]) == ("failing", 1200.0)
    text = lab.metrics.text().decode()
    assert "observatory_snapshot_age_seconds 1200.0" in text
    assert 'observatory_source_up{kind="prometheus",source="metrics"} 0.0' in text
    assert 'observatory_source_up{kind="prometheus",source="other"} 1.0' in text


def test_an_objective_with_old_numbers_says_since_when(lab: Lab) -> None:
    lab.at(0)
    lab.server.down = True
    standing = lab.at(20)

    assert standing.snapshot
    by_name = {one.objective.operation: one for one in standing.snapshot.status.objectives}
    said = [problem for problem in by_name["onOrder"].problems if problem.code == "source-unanswered"]
    assert len(said) == 1
    assert "2026-11-20T00:00:00Z" in said[0].message
    assert "source-unanswered" not in [problem.code for problem in by_name["onNote"].problems]


def test_what_the_other_server_measures_goes_on(lab: Lab) -> None:
    lab.at(0)
    lab.server.down = True
    standing = lab.at(20)

    assert standing.snapshot
    by_name = {one.objective.operation: one for one in standing.snapshot.status.objectives}
    assert by_name["onNote"].last_sample_ms == END_MS + 19 * MINUTE_MS + 7_000


def test_a_server_that_comes_back_leaves_no_hole(lab: Lab) -> None:
    lab.at(0)
    lab.server.down = True
    lab.at(1)
    lab.at(20)
    lab.server.down = False
    standing = lab.at(21)

    assert counts(standing) == WHOLE
    assert standing.problems == ()
    assert standing.age_seconds(lab.now[0]) == 0.0
    assert standing.snapshot
    row = standing.snapshot.row("billing/onOrder/availability")
    assert row is not None
    assert row.total[-60:].tolist() == [10.0] * 60


def test_one_failed_refresh_loses_no_minute(lab: Lab) -> None:
    lab.at(0)
    lab.server.down = True
    lab.at(1)
    lab.server.down = False
    standing = lab.at(2)

    assert standing.snapshot
    row = standing.snapshot.row("billing/onOrder/availability")
    assert row is not None
    assert row.total[-60:].tolist() == [10.0] * 60


def test_a_query_that_failed_for_long_leaves_no_hole_either(lab: Lab) -> None:
    lab.at(0)
    lab.server.without_samples = True
    lab.at(1)
    lab.at(15)
    lab.at(30)
    lab.server.without_samples = False
    standing = lab.at(31)

    assert standing.snapshot
    row = standing.snapshot.row("billing/onOrder/availability")
    assert row is not None
    assert row.total[-60:].tolist() == [10.0] * 60


def test_with_all_servers_gone_the_status_says_that_none_answers(lab: Lab) -> None:
    lab.at(0)
    lab.server.down = lab.other.down = True
    standing = lab.at(20)

    assert counts(standing) == WHOLE
    assert standing.snapshot
    assert [source.state for source in standing.snapshot.status.sources] == ["failed", "failed"]
    assert standing.age_seconds(lab.now[0]) == 1200.0


def test_the_status_names_the_failure_once(lab: Lab) -> None:
    server = Flask(__name__)
    add_routes(server, lab.service, lab.metrics, Access())
    lab.at(0)
    lab.server.down = True
    lab.at(20)

    answer = server.test_client().get("/api/status").get_json()

    assert [one["code"] for one in answer["problems"]] == ["source-refused"]
    assert {one["name"]: one["state"] for one in answer["sources"]} == {"metrics": "failed", "other": "ok"}


def test_a_server_that_never_answered_leaves_no_data_and_no_age(lab: Lab) -> None:
    lab.server.down = lab.other.down = True
    lab.at(0)

    _, told = poll(lab.service, None)
    assert (told["failing"], told["age"]) == (True, None)
    assert told["problems"][0]["code"] == "source-refused"
    assert 'observatory_refreshes_total{result="failed"} 1.0' in lab.metrics.text().decode()

    lab.server.down = lab.other.down = False
    standing = lab.at(1)
    assert counts(standing) == WHOLE
    assert (standing.problems, standing.age_seconds(lab.now[0])) == ((), 0.0)
