"""A fleet for benches: documents with one objective per channel, and its two counters in a real Prometheus.

Every channel has validated messages by outcome, a sample each minute, in twenty instances.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import prometheus_server as servers
from counting_cases import DAY_MS, END_MS, scrapes

from observatory.settings import PrometheusSettings, Settings
from observatory.windows import Grid

METRIC = "messaging_validated_messages_total"
BLOCK_MS = 54 * 3_600_000
PER_DOCUMENT = 100


@dataclass(frozen=True)
class Fleet:
    """Where everything is.

    Attributes:
        grid: Of the days that the server holds; the last minute of them is that of the benches.
        samples: How many the server holds.
    """

    folder: Path
    server: servers.PrometheusServer
    channels: int
    grid: Grid
    samples: int

    @property
    def settings(self) -> Settings:
        server = PrometheusSettings(url=self.server.url, timeout_seconds=1200)
        return Settings(documents=(self.folder / "documents",), prometheus=(server,))

    def __str__(self) -> str:
        days = self.grid.range.seconds / 86_400
        return f"{self.channels} channels x 2 counters x {days:g} days, {self.samples / 1e6:.1f} million samples"


def arguments(about: str, channels: int, days: int) -> argparse.Namespace:
    """What all benches of a fleet can be told."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--channels", type=int, default=channels)
    parser.add_argument("--days", type=int, default=days)
    parser.add_argument("--full", action="store_true", help="1,000 channels over 30 days: fill for some minutes, 4 GiB")
    parser.add_argument("--folder", type=Path, help="where to keep the data, and to find it again")
    told = parser.parse_args()
    if told.full:
        told.channels, told.days = 1000, 30
    return told


@contextmanager
def fleet(told: argparse.Namespace) -> Iterator[Fleet]:
    """A fleet, its documents written and its server running."""
    grid = Grid.ending_at(END_MS, told.days * DAY_MS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (told.folder or Path(temporary)) / f"{told.channels}-{told.days}"
        filled = folder / "samples"
        if not filled.exists():
            write_documents(folder / "documents", told.channels, told.days)
            filled.write_text(str(fill(folder / "server" / "data", told.channels, grid)))
        # PromQL over a month of a thousand channels may take longer than the two minutes that servers grant.
        with servers.start(folder / "server", flags=("--query.timeout=20m",)) as server:
            yield Fleet(folder, server, told.channels, grid, int(filled.read_text()))


def write_documents(folder: Path, channels: int, days: int, *, calm: bool = False) -> None:
    """Documents of a hundred channels each, every one with an objective over these days.

    Args:
        calm: Nine objectives in ten have budgets that their errors leave alone; else all are at the edge of theirs, and
            alerts that look for slow burns fire half of the time.
    """
    folder.mkdir(parents=True)
    for number in range(0, channels, PER_DOCUMENT):
        some = range(number, min(number + PER_DOCUMENT, channels))
        document = {
            "asyncapi": "3.0.0",
            "info": {"title": f"part {number}", "version": "1", "x-service-name": "svc"},
            "servers": {"main": {"host": "kafka:9092", "protocol": "kafka"}},
            "channels": {f"c{one}": {"address": address(one)} for one in some},
            "operations": {
                f"on{one}": {
                    "action": "receive",
                    "channel": {"$ref": f"#/channels/c{one}"},
                    "bindings": {"kafka": {"groupId": {"type": "string", "enum": ["readers"]}}},
                    "x-slo": [
                        {"sli": "validation", "target": 0.9 if calm and one % 10 else 0.99, "window": f"{days}d"}
                    ],
                }
                for one in some
            },
        }
        (folder / f"part-{number}.json").write_text(json.dumps(document))


def address(channel: int) -> str:
    return f"orders.{channel}"


def labels_of(channel: int, outcome: str) -> dict[str, str]:
    return {
        "__name__": METRIC,
        "channel": address(channel),
        "consumer_group": "readers",
        "outcome": outcome,
        "job": "svc",
        "instance": f"i{channel % 20}",
    }


def fill(data: Path, channels: int, grid: Grid) -> int:
    """Blocks of two days and a quarter, each written on its own, so that nothing is compacted while we measure."""
    random = np.random.default_rng(5)
    t = scrapes(grid.start_ms, grid.end_ms)
    held = []
    for channel in range(channels):
        for outcome, rate in (("success", 200), ("error", 3)):
            values = np.cumsum(random.integers(0, rate, len(t))).astype(np.float64)
            held.append((labels_of(channel, outcome), values))
    for begin in range(grid.start_ms // BLOCK_MS * BLOCK_MS, grid.end_ms + 1, BLOCK_MS):
        part = slice(*np.searchsorted(t, (begin, begin + BLOCK_MS)))
        if part.stop > part.start:
            servers.create_blocks(servers.openmetrics((one, t[part], v[part]) for one, v in held), data, "54h")
    return len(t) * len(held)
