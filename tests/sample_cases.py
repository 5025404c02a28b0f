"""Series of every kind that a Prometheus may hold, and a server that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import prometheus_server as servers

from observatory.settings import PrometheusSettings
from observatory.sources.prometheus import PrometheusSource

T0 = 1_790_000_000_000
"""Not on a full minute, and long enough ago for blocks and head to differ."""


@dataclass(frozen=True)
class Loaded:
    """A server and what was put into it, by the value of the label `case`."""

    server: servers.PrometheusServer
    series: Mapping[str, tuple[np.ndarray, np.ndarray]]

    def source(self, remote_read: str = "auto", **options: object) -> PrometheusSource:
        return PrometheusSource(PrometheusSettings(url=self.server.url, remote_read=remote_read, **options))  # type: ignore[arg-type]


def grid(count: int, step_ms: int = 15_000, start_ms: int = T0) -> np.ndarray:
    return start_ms + np.arange(count, dtype=np.int64) * step_ms


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(7)
    long = grid(2500)  # 10.4 hours: several blocks of two hours, and a head
    jitter = long + random.integers(-400, 400, len(long))
    walk = np.cumsum(random.integers(0, 9, len(long))).astype(np.float64)
    resets = walk.copy()
    for at in (700, 1300, 1301, 2000):
        resets[at:] -= resets[at]
    stale = walk.copy()
    stale[[500, 1500, 2499]] = servers.STALE
    stale_bits = stale.view(np.uint64).copy()
    stale_bits[[500, 1500, 2499]] = servers.STALE_BITS
    odd = np.array(
        [0.0, -0.0, -1.5, 5e-324, -5e-324, 1.7976931348623157e308, np.inf, -np.inf, 2.0**53 + 2, 1e-7, 0.1, 123456789.0]
    )
    gap = np.r_[long[:300], long[900:]]
    return {
        "steady": (long, np.arange(2500, dtype=np.float64)),
        "constant": (long, np.full(2500, 42.0)),
        "jitter": (jitter, walk),
        "resets": (long, resets),
        "stale": (long, stale_bits.view(np.float64)),
        "odd": (grid(len(odd) * 30, 60_000), np.tile(odd, 30)),
        "noise": (long, random.normal(0, 1e6, 2500)),
        "gap": (gap, np.arange(len(gap), dtype=np.float64)),
        "one": (grid(1), np.array([7.0])),
        "chunk_exactly": (grid(120), np.arange(120.0)),
        "chunk_and_one": (grid(121), np.arange(121.0)),
        "rare": (grid(9, 3_900_000), np.arange(9.0)),
        "uneven": (T0 + np.cumsum(random.integers(1, 700_000, 100)), random.normal(size=100)),
    }
