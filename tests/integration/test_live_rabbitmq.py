"""From documents and a living broker to numbers that equal the truth.

5,000 orders go through RabbitMQ; 40 fail in billing, 10 of these are dead-lettered; the consumer pauses for 20 s and
is restarted once, so that its counters are born again at non-zero values. The services write down what they did;
Observatory sees only what Prometheus scraped and the spans that the services kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import prometheus_server
import pytest
import requests
from integration.live_shop import (
    MESSAGES,
    PAUSE_SECONDS,
    Story,
    declare_topology,
    scrape_config,
    tell_the_story,
    write_documents,
)
from integration.rabbitmq_server import free_port, rabbitmq
from observatory_process import observatory
from observatory_server import first_answer, serving

from observatory.units import compact_duration

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
SCRAPE_SECONDS = 1.0
# The window must begin after the first scrapes: it reaches 35 s before the first order where the machine is quick.
LEAD_SECONDS = 44.0


@dataclass
class Shop:
    """Everything that the tests look at."""

    story: Story
    documents: Path
    server: prometheus_server.PrometheusServer
    store: Path
    status: dict[str, Any]
    exit_code: int
    rules: Path
    folder: Path

    def objective(self, ending: str) -> dict[str, Any]:
        (found,) = [entry for entry in self.status["objectives"] if entry["id"].endswith(ending)]
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    ports = (free_port(), free_port())
    with rabbitmq(folder / "rabbitmq") as broker:
        declare_topology(broker)
        (folder / "prometheus" / "rules").mkdir(parents=True)
        config = scrape_config(broker, *ports)
        with prometheus_server.start(folder / "prometheus", config=config) as server:
            story = tell_the_story(broker, ports, folder, LEAD_SECONDS)
            documents = write_documents(folder / "documents", story.window_seconds)
            store = folder / "store.duckdb"
            ingested = observatory("ingest", story.spans, "--store", store)
            assert ingested.returncode == 0, ingested.stderr
            ended = observatory(
                "status", documents, "--prometheus", server.url, "--store", store, "--at", story.at_ms / 1000, "--json"
            )
            assert ended.stdout, ended.stderr
            rules = folder / "prometheus" / "rules"
            yield Shop(story, documents, server, store, json.loads(ended.stdout), ended.returncode, rules, folder)


def scraped_seconds(shop: Shop, job: str) -> float:
    """Seconds of the window that ended with a successful scrape of the job, from Prometheus's own `up`."""
    (series,) = shop.server.query(f'sum_over_time(up{{job="{job}"}}[{shop.story.window_seconds}s])', shop.story.at_ms)
    return float(series["value"][1]) * SCRAPE_SECONDS  # type: ignore[index]


def test_the_story_went_as_planned(shop: Shop) -> None:
    assert len(shop.story.journal) == MESSAGES
    assert shop.story.failed == 40


def test_every_publish_is_counted(shop: Shop) -> None:
    placed = shop.objective("placeOrder/availability")

    assert (placed["good"], placed["total"]) == (5000.0, 5000.0)
    assert placed["counting"] == "exact"
    assert placed["profile"] == "otel_semconv_messaging"


def test_every_failure_is_counted_across_the_restart(shop: Shop) -> None:
    charged = shop.objective("chargeOrder/availability")

    assert (charged["good"], charged["total"]) == (4960.0, 5000.0)
    assert charged["recovered"]["resets"] > 0


def test_dead_letters_are_counted(shop: Shop) -> None:
    dead = shop.objective("chargeOrder/dead_letters")

    assert (dead["good"], dead["total"]) == (4990.0, 5000.0)


def test_latency_equals_what_the_spans_say(shop: Shop) -> None:
    latency = shop.objective("chargeOrder/latency")
    slow = sum(1 for seconds in hop_seconds(shop.story.spans) if seconds > 1.0)

    assert slow > 500, "the pause must show"
    assert (latency["good"], latency["total"]) == (MESSAGES - slow, MESSAGES)
    assert latency["measure"] == "end-start"


def hop_seconds(path: Path) -> list[float]:
    """From the end of each producer span to the start of the consumer span below it, read without Observatory."""
    ends: dict[str, int] = {}
    starts: list[tuple[str, int]] = []
    for line in path.read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    if span["kind"] == "SPAN_KIND_PRODUCER":
                        ends[span["spanId"]] = int(span["endTimeUnixNano"])
                    elif span["kind"] == "SPAN_KIND_CONSUMER":
                        starts.append((span["parentSpanId"], int(span["startTimeUnixNano"])))
    return [max(0, start - ends[parent]) / 1e9 for parent, start in starts]


def test_the_pause_is_the_worst_lag_within_two_scrapes(shop: Shop) -> None:
    lag = shop.objective("chargeOrder/lag")

    assert lag["level"]["worst"] == pytest.approx(PAUSE_SECONDS, abs=2 * SCRAPE_SECONDS)
    assert 0 < lag["total"] - lag["good"] < lag["total"]


@pytest.mark.parametrize(
    ("objective", "job"), [("placeOrder/availability", "order-publisher"), ("chargeOrder/availability", "billing")]
)
def test_coverage_is_the_share_of_the_window_that_was_scraped(shop: Shop, objective: str, job: str) -> None:
    expected = scraped_seconds(shop, job) / shop.story.window_seconds

    assert shop.objective(objective)["coverage"] == pytest.approx(
        expected, abs=2 * SCRAPE_SECONDS / shop.story.window_seconds
    )


def test_nothing_is_left_to_complain_about(shop: Shop) -> None:
    found = shop.status["problems"] + [problem for entry in shop.status["objectives"] for problem in entry["problems"]]

    assert found == []
    assert {source["state"] for source in shop.status["sources"]} == {"ok"}
    assert shop.exit_code == 0


def test_the_generated_rules_are_loaded_and_one_of_them_fires(shop: Shop) -> None:
    at = shop.story.at_ms / 1000
    made = observatory(
        "generate",
        "rules",
        shop.documents,
        "-o",
        shop.rules,
        "--prometheus",
        shop.server.url,
        "--store",
        shop.store,
        "--at",
        at,
    )
    assert made.returncode == 0, made.stderr
    files = sorted(shop.rules.glob("*.rules.yaml"))
    assert len(files) == 2
    assert prometheus_server.check_rules(*files).returncode == 0
    tested = prometheus_server.test_rules(*sorted(shop.rules.glob("*.tests.yaml")))
    assert tested.returncode == 0, tested.stdout + tested.stderr

    shop.server.reload()

    loaded = requests.get(f"{shop.server.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
    assert {rule["health"] for group in loaded for rule in group["rules"]} <= {"ok", "unknown"}
    firing = shop.server.wait_for('ALERTS{alertname="SLOBurnRate",alertstate="firing"}', seconds=120)
    assert {alert["metric"]["owner"] for alert in firing} == {"pay-core"}  # type: ignore[index]


def test_the_map_names_the_series_that_were_used(shop: Shop) -> None:
    ended = observatory(
        "map",
        shop.documents,
        "--prometheus",
        shop.server.url,
        "--store",
        shop.store,
        "--at",
        shop.story.at_ms / 1000,
        "--json",
    )
    mapped = json.loads(ended.stdout)

    assert "messaging_process_duration_seconds" in ended.stdout
    assert mapped["schema"] == "observatory.map/1"


def test_telemetry_shows_the_producer_and_the_consumer(shop: Shop) -> None:
    ended = observatory("catalog", shop.documents, "--store", shop.store, "--json")
    channels = json.loads(ended.stdout)["channels"]
    observed = {
        (side, entry["service"], entry["observed"]["messages"])
        for channel in channels
        for side in ("producers", "consumers")
        for entry in channel[side]
        if entry["observed"]
    }

    assert observed == {("producers", "order-publisher", 5000.0), ("consumers", "billing", 5000.0)}


@pytest.mark.browser
def test_its_pages_show_it_in_both_themes_and_again_by_their_address(shop: Shop) -> None:
    from browser.axe import grave_findings
    from browser.chromium import Watched, chromium

    queue = quote(shop.objective("chargeOrder/availability")["channel_id"], safe="")
    window = compact_duration(shop.story.window_seconds)
    paths = ("/executive", "/on-call", "/debug", "/map", f"/channel/{queue}")
    with (
        serving(shop.documents, shop.store, "--prometheus", shop.server.url) as server,
        chromium() as browser,
    ):
        assert first_answer(f"{server.url}/api/status") == 200
        for theme in ("dark", "light"):
            context = browser.new_context(viewport={"width": 1600, "height": 900})
            watched = Watched.of(context, server.url)
            for path in paths:
                page = watched.open(f"{path}?theme={theme}")
                assert page.locator("html").get_attribute("data-theme") == theme
                assert page.locator(".notice.bad").count() == 0
                watched.picture(f"rabbitmq-{path.strip('/').partition('/')[0]}-{theme}")
                assert grave_findings(page) == {}, path
            again = Watched.of(context, server.url)
            again.page.goto(page.url)
            for shown in (page, again.settled()):
                for name in (
                    "99.9 % availability",
                    "99 % latency under 1 s",
                    "99 % lag under 5 s",
                    "99.9 % dead letters",
                ):
                    assert f"{name} over {window}" in shown.locator("#panel-objectives .body").inner_text()
            assert watched.complaints == again.complaints == []
            context.close()
