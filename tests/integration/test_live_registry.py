"""A living Apicurio registry: requests, their duration, and refused schemas, as the mapping and the ledger see them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import prometheus_server
import pytest
import requests
from integration import registry_server
from telemetry.documents import catalog, channel, names

from observatory.compile.measure import bound_measurement
from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.ledger.build import build
from observatory.settings import PrometheusSettings
from observatory.sources.opening import Sources
from observatory.sources.prometheus import PrometheusSource
from observatory.telemetry.binding import MetricBinding
from observatory.telemetry.profile import load_profiles
from observatory.telemetry.survey import Survey, survey
from observatory.windows import Grid

ORDERS = channel("kafka", names(topic="orders.v1"))
GOOD, REFUSED, READ = 4, 3, 5

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def record(*fields: str) -> dict[str, str]:
    """An Avro record whose fields have no default, so that one more breaks compatibility backwards."""
    body = {"type": "record", "name": "order", "fields": [{"name": one, "type": "int"} for one in fields]}
    return {"schema": json.dumps(body)}


def tell_the_story(port: int) -> None:
    api = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    requests.put(f"{api}/config", json={"compatibility": "BACKWARD"}, timeout=30).raise_for_status()
    for number in range(GOOD):
        versions = f"{api}/subjects/orders-{number}/versions"
        requests.post(versions, json=record("x"), timeout=30).raise_for_status()
        if number < REFUSED:
            assert requests.post(versions, json=record("x", "y"), timeout=30).status_code == 409
    for _ in range(READ):
        requests.get(f"{api}/subjects", timeout=30).raise_for_status()


class Seen:
    """The server, surveyed, and the ledger's counts of the registry's signals."""

    def __init__(self, source: PrometheusSource) -> None:
        at_ms = time.time_ns() // 1_000_000
        self.source, self.grid = source, Grid.ending_at(at_ms, 600_000, 60_000)
        self.survey: Survey = survey(catalog([ORDERS]), load_profiles(), [source], [], self.grid.range)

    def counts(self, signal: str) -> tuple[float, float]:
        """(failed, all)."""
        every, failed = Count(signal), Count(signal, "error")
        indicator = Indicator(sli="availability", total=every, bad=failed, measure=signal)
        one = bound_measurement(indicator, ORDERS.id, ORDERS.id, self.survey.mapping)
        assert one is not None
        row = build([one], Sources(metrics=(self.source,)), self.grid).rows[one.key]
        return float(np.sum(row.total - row.good)), float(np.sum(row.total))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    if lacking := registry_server.missing():
        pytest.skip(lacking)
    folder: Path = tmp_path_factory.mktemp("registry")
    with registry_server.registry(folder) as port:
        target = {"targets": [f"127.0.0.1:{port}"]}
        jobs = [{"job_name": "registry", "static_configs": [target]}]
        config = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
        with prometheus_server.start(folder / "prometheus", config=config) as server:
            # The registry is scraped before the first request of the story.
            server.wait_for("count_over_time(up[1m]) >= 3")
            tell_the_story(port)
            server.wait_for(f'sum(rest_requests_seconds_count{{method="GET",path=~".*ccompat.*"}}) >= {READ}')
            server.wait_for(f'sum(rest_requests_seconds_count{{status_code_group="4xx"}}) >= {REFUSED}')
            yield Seen(PrometheusSource(PrometheusSettings(url=server.url)))


def test_the_registry_is_recognised(seen: Seen) -> None:
    assert [one.profile for one in seen.survey.recognised] == ["schema_registry_apicurio"]


def test_refused_schemas_are_counted_apart_from_failures(seen: Seen) -> None:
    failed, every = seen.counts("registry_requests")

    assert failed == 0
    # Asked whether it answers before it was scraped, which its start time tells to be new; then the rule was set.
    assert every == 1 + 1 + GOOD + REFUSED + READ
    assert seen.counts("registry_checks") == (REFUSED, GOOD + REFUSED)


def test_the_duration_of_requests_has_buckets(seen: Seen) -> None:
    chosen = seen.survey.mapping.chosen(ORDERS.id, "registry_request_duration")

    assert isinstance(chosen, MetricBinding)
    assert (chosen.liveness, chosen.profile) == ("live", "schema_registry_apicurio")
    assert [bound for bound, _ in chosen.boundaries] == [0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0]
