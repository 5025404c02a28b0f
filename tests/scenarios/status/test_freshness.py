"""Freshness from a document to the JSON: the counters of one consumer, as its profile names them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from counting_cases import END_MS, HOUR_MS, MINUTE_MS, scrapes

from observatory.evaluate.estate import Estate
from observatory.settings import Settings
from observatory.sources.base import SampleSet
from observatory.sources.opening import Sources
from observatory.sources.store import Store

DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Payments, version: '1', x-service-name: payments}
servers: {kafka: {host: 'kafka.example:9092', protocol: kafka}}
channels: {orders: {address: orders.v1}}
operations:
  onOrder:
    action: receive
    channel: {$ref: '#/channels/orders'}
    x-slo: [{sli: freshness, threshold: 10m, target: 90%, window: 6h}]
"""


def test_an_hour_of_silence_is_fifty_minutes_of_stale_data(tmp_path: Path) -> None:
    (tmp_path / "payments.yaml").write_text(DOCUMENT)
    t = scrapes(END_MS - 8 * HOUR_MS, END_MS)
    quiet = (t > END_MS - 90 * MINUTE_MS) & (t <= END_MS - 30 * MINUTE_MS)
    labels = {
        "__name__": "messaging_process_duration_seconds_count",
        "job": "payments",
        "instance": "p:1",
        "messaging_destination_name": "orders.v1",
        "messaging_system": "kafka",
    }
    with Store.open() as store:
        store.append_samples(SampleSet.of([(labels, t, np.cumsum(np.where(quiet, 0.0, 10.0)))]))
        settings, sources = Settings(documents=(tmp_path,)), Sources(metrics=(store,), spans=(store,), store=store)
        (one,) = Estate(settings, sources).snapshot(END_MS).status.to_json()["objectives"]
    # Half a minute old as silence begins, data is stale once ten minutes have passed: 51 minutes, and perhaps 50.
    assert (one["sli"], one["total"], one["good"], one["counting"]) == ("freshness", 360.0, 309.0, "exact")
    assert one["measure"] == "seconds since the last message was handled"
    assert one["level"] == {"unit": "second", "last": 30.0, "worst": 3630.0, "error": 30.0}
    assert one["interval"] == [pytest.approx(309 / 360), pytest.approx(310 / 360)]
    assert (one["state"], one["budget"]["allowed"]) == ("breached", 36.0)
