"""What `status` says of pods of which nothing tells when they began, on a real Prometheus with a deploy every hour.

Two pods at a time, scraped each minute, first some seconds after they began. One event a second and pod, one in a
hundred fails. On the second channel a job is scraped anew that had counted ten million before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import prometheus_server
import pytest
from observatory_process import observatory

pytestmark = [pytest.mark.integration]

HOUR_MS = 3_600_000
END_MS = 1_795_000_000_000 - 1_795_000_000_000 % HOUR_MS
WINDOW_MS = 48 * HOUR_MS
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Deploys, version: 1.0.0, x-service-name: billing}
x-slo-defaults: {window: 2d}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  invoices: {address: invoices, servers: [{$ref: '#/servers/kafka'}], messages: {one: {payload: {type: object}}}}
  refunds: {address: refunds, servers: [{$ref: '#/servers/kafka'}], messages: {one: {payload: {type: object}}}}
operations:
  readInvoices: {action: receive, channel: {$ref: '#/channels/invoices'}, x-slo: {availability: 98%}}
  readRefunds: {action: receive, channel: {$ref: '#/channels/refunds'}, x-slo: {availability: 98%}}
"""
HOURS = [(hour, pod) for hour in range(-60, 0) for pod in (0, 1)]


def calls(address: str, instance: str, began_ms: int, until_ms: int, late_ms: int, held: float = 0.0) -> list[Any]:
    """Counters of one pod from its first scrape on; one event a second since it began, every hundredth fails."""
    t = np.arange(began_ms + late_ms, until_ms, 60_000, dtype=np.int64)
    every = (t - began_ms) // 1000
    labels = {"__name__": "traces_span_metrics_calls_total", "job": "billing", "instance": instance}
    labels |= {"service_name": "billing", "span_name": f"process {address}", "span_kind": "SPAN_KIND_CONSUMER"}
    bad = np.floor(held / 100) + every // 100
    return [
        (labels | {"status_code": "STATUS_CODE_UNSET"}, t, held + every - bad),
        (labels | {"status_code": "STATUS_CODE_ERROR"}, t, bad),
    ]


def late_ms(hour: int, pod: int) -> int:
    """From its begin to its first scrape."""
    return 1_000 * ((7 * hour + 31 * pod) % 110)


def series() -> Iterator[prometheus_server.Series]:
    for hour, pod in HOURS:
        began_ms = END_MS + hour * HOUR_MS
        for address in ("invoices", "refunds"):
            name = f"{address}-{hour + 60}-{pod}:9464"
            yield from calls(address, name, began_ms, began_ms + HOUR_MS, late_ms(hour, pod))
    yield from calls("refunds", "imported:9464", END_MS - 20 * HOUR_MS, END_MS, 20_000, 1e7)


def first_values() -> tuple[int, int]:
    """Events, and bad ones, that pods counted before their first scrape in the window."""
    held = [late_ms(hour, pod) // 1000 for hour, pod in HOURS if hour >= -48]
    return sum(held), sum(one // 100 for one in held)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Objectives by their channel, counted from the server and from days that were kept; and the text."""
    folder = tmp_path_factory.mktemp("deploys")
    document = folder / "billing.yaml"
    document.write_text(DOCUMENT)
    with prometheus_server.start(folder / "prometheus") as server:
        server.write(series())
        asked = ["status", document, "--prometheus", server.url, "--at", END_MS // 1000]
        kept = [*asked, "--json", "--store", folder / "store.duckdb"]
        observatory(*kept)
        cold, warm, text = (observatory(*one).stdout for one in ([*asked, "--json"], kept, asked))
    return by_channel(cold), by_channel(warm), text


def by_channel(text: str) -> dict[str, Any]:
    return {one["address"]: one for one in json.loads(text)["objectives"]}


def test_what_pods_counted_before_their_first_scrape_is_stated_beside_the_counts(said: Any) -> None:
    invoices = said[0]["invoices"]
    held, bad = first_values()
    missing = invoices["not_counted"]

    assert (missing["events_at_most"], missing["bad_at_most"]) == (held, bad)
    assert missing["large"] == {"first_values": 0, "events_at_most": 0.0, "bad_at_most": 0.0}
    # All pods of the window began in it, so what is stated is what is missing.
    truth = (invoices["good"] + held - bad) / (invoices["total"] + held)
    assert missing["ratio_between"][0] <= truth <= missing["ratio_between"][1]
    assert invoices["interval"][0] <= truth <= invoices["interval"][1]
    assert [problem["code"] for problem in invoices["problems"]] == [], "a deploy every hour is no alarm"


def test_a_new_scrape_job_with_a_history_is_told_by_itself(said: Any) -> None:
    refunds, invoices = said[0]["refunds"], said[0]["invoices"]
    held, bad = first_values()

    assert refunds["not_counted"]["large"] == {
        "first_values": 2,
        "events_at_most": 10_000_020.0,
        "bad_at_most": 100_000.0,
    }
    assert refunds["not_counted"]["events_at_most"] == 10_000_020.0 + held
    assert refunds["not_counted"]["bad_at_most"] == 100_000.0 + bad
    assert refunds["ratio"] == pytest.approx(invoices["ratio"], abs=1e-4)
    assert refunds["interval"] == pytest.approx(invoices["interval"], abs=2e-4)
    (problem,) = refunds["problems"]
    assert (problem["code"], problem["severity"]) == ("first-values-not-counted", "info")
    assert problem["message"].startswith("2 counters began with 10,000,020 events, at targets that were not scraped")


def test_days_that_were_kept_say_the_same(said: Any) -> None:
    cold, warm, _ = said
    for channel in ("invoices", "refunds"):
        assert warm[channel]["not_counted"] == cold[channel]["not_counted"]
        assert warm[channel]["interval"] == cold[channel]["interval"]


def test_the_text_tells_it_below_the_table(said: Any) -> None:
    held, bad = first_values()
    lines = [" ".join(line.split()) for line in said[2].splitlines()]
    begin = lines.index("Not counted are first values of counters of which nothing tells when they began:")
    refunds, invoices = lines[begin + 1 : begin + 3]

    pods = f"105 counters with at most {held:,} events ({bad} bad)"
    assert invoices == f"billing/readInvoices/availability: {pods}, +1.56%"
    history = "a history of 2 counters with 10,000,020 events (100,000 bad)"
    assert refunds == f"billing/readRefunds/availability: {pods}, +1.29%; {history}"
