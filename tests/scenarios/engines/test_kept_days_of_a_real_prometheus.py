"""`status` with a store beside a real Prometheus: days that are over are asked for once, and never again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import prometheus_server
import pytest
from observatory_process import observatory

pytestmark = [pytest.mark.integration]
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_795_132_800_000
"""2026-11-20T00:00:00Z."""
AT_MS = MIDNIGHT_MS + 6 * 3_600_000
EVERY_MS = 60_000
DOCUMENT = """\
asyncapi: 3.0.0
info: {title: Refunds, version: 1.0.0, x-service-name: ledger}
x-slo-defaults: {window: 3d}
servers:
  kafka: {host: 'kafka.example:9092', protocol: kafka}
channels:
  refunds:
    address: refunds.v1
    messages: {refund: {payload: {type: object}}}
operations:
  writeRefunds:
    action: send
    channel: {$ref: '#/channels/refunds'}
    x-slo: {availability: 99.9%}
"""


def series(from_ms: int) -> Iterator[prometheus_server.Series]:
    """Ten messages a minute, one of them failed at every full hour."""
    t = np.arange(MIDNIGHT_MS - 4 * DAY_MS + 7_000, AT_MS + 1, EVERY_MS, dtype=np.int64)
    failures = np.cumsum(((t - 7_000) % 3_600_000 == 0).astype(np.float64))
    own = {"job": "ledger", "instance": "ledger-0:9464", "messaging_destination_name": "refunds.v1"}
    sent = own | {"__name__": "messaging_client_sent_messages_total", "messaging_system": "kafka"}
    kept = t > from_ms
    yield sent, t[kept].tolist(), (10.0 * np.arange(len(t)) - failures)[kept].tolist()
    yield sent | {"error_type": "Timeout"}, t[kept].tolist(), failures[kept].tolist()
    yield {"__name__": "up", "job": "ledger", "instance": "ledger-0:9464"}, t[kept].tolist(), [1.0] * int(kept.sum())


def status(folder: Path, url: str, *more: str) -> dict[str, Any]:
    arguments = ["status", str(folder / "ledger.yaml"), "--prometheus", url, "--at", str(AT_MS // 1000), "--json"]
    ended = observatory(*arguments, *more)
    assert ended.stdout, ended.stderr
    (found,) = json.loads(ended.stdout)["objectives"]
    assert isinstance(found, dict)
    return found


def test_days_that_the_server_has_forgotten_since_are_still_counted(tmp_path: Path) -> None:
    (tmp_path / "ledger.yaml").write_text(DOCUMENT, encoding="utf-8")
    store = tmp_path / "counts.duckdb"
    with prometheus_server.start(tmp_path / "before") as server:
        server.write(series(0))
        port = server.port
        without = status(tmp_path, server.url)
        first = status(tmp_path, server.url, "--store", str(store))
    with prometheus_server.start(tmp_path / "after", port=port) as server:
        server.write(series(MIDNIGHT_MS - DAY_MS))
        forgotten = status(tmp_path, server.url)
        second = status(tmp_path, server.url, "--store", str(store))

    assert (without["total"], without["total"] - without["good"]) == (10.0 * 3 * 1440, 3.0 * 24)
    assert first == without
    assert forgotten["total"] == 10.0 * (1440 + 6 * 60 - 1)
    assert second == without
    days = sorted(path.stem for path in (tmp_path / "counts.duckdb.days").rglob("*.day"))
    assert days == ["2026-11-17", "2026-11-18", "2026-11-19"]
