"""Services whose future is known, for forecasts to be judged by: load by day and week, bursts, incidents, drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

STEP_MS = 300_000
DAY = 86_400_000 // STEP_MS
HOUR = DAY // 24
PAST_DAYS, AHEAD_DAYS = 35, 31
Random = np.random.Generator
Ratio = Callable[[Random, int], np.ndarray]


@dataclass(frozen=True)
class Service:
    """Events per minute at the mean, their weekend share and daily swing, and the error ratio per step."""

    per_minute: float
    ratio: Ratio
    weekend: float = 0.5
    swing: float = 0.6

    def counts(self, random: Random, days: int = PAST_DAYS + AHEAD_DAYS) -> tuple[np.ndarray, np.ndarray]:
        """Good and total events of each step."""
        step = np.arange(days * DAY)
        weekday = (step // DAY + int(random.integers(7))) % 7
        level = np.where(weekday >= 5, self.weekend, 1.0) * np.exp(random.normal(0, 0.08, days))[step // DAY]
        level *= 1 + self.swing * np.sin(2 * np.pi * ((step % DAY) / DAY - 0.3))
        total = random.poisson(self.per_minute * STEP_MS / 60_000 * level)
        bad = random.binomial(total, np.minimum(self.ratio(random, days), 1.0))
        return (total - bad).astype(np.float64), total.astype(np.float64)


def base(low: float, high: float, shape: float = 0.0, hours: int = 1) -> Ratio:
    """A steady ratio, 10 to the power of somewhere between; with a shape it varies by Gamma from hour to hour."""

    def ratio(random: Random, days: int) -> np.ndarray:
        steady = np.full(days * DAY, 10 ** random.uniform(low, high))
        if shape:
            steady *= np.repeat(random.gamma(shape, 1 / shape, days * 24 // hours), hours * HOUR)
        return steady

    return ratio


def bursts(low: float, high: float) -> Ratio:
    """A ratio that wanders by the hour, so that bad hours come together."""

    def ratio(random: Random, days: int) -> np.ndarray:
        wander = np.zeros(days * 24)
        for hour, chance in enumerate(random.normal(0, np.sqrt(1 - 0.81), days * 24)):
            wander[hour] = 0.9 * wander[hour - 1] + chance
        return 10 ** random.uniform(low, high) * np.repeat(np.exp(1.2 * wander), HOUR)

    return ratio


def drift(low: float, high: float) -> Ratio:
    """A ratio that is another one every day, not far from the last."""

    def ratio(random: Random, days: int) -> np.ndarray:
        return 10 ** random.uniform(low, high) * np.repeat(np.exp(np.cumsum(random.normal(0, 0.12, days))), DAY)

    return ratio


def growing(low: float, high: float, slowest: float, fastest: float) -> Ratio:
    """A ratio that grows, or shrinks, by the same share every day."""

    def ratio(random: Random, days: int) -> np.ndarray:
        day = np.repeat(np.arange(days), DAY)
        return 10 ** random.uniform(low, high) * np.exp(random.uniform(slowest, fastest) * day)

    return ratio


def with_incidents(
    calm: Ratio, a_month: float, minutes: float, spread: float, low: float = -1.5, high: float = 0.0
) -> Ratio:
    """Incidents of log-normal length, with error ratios of 10 to the power of somewhere between."""

    def ratio(random: Random, days: int) -> np.ndarray:
        found = calm(random, days)
        for _ in range(random.poisson(a_month / 30 * days)):
            begin = int(random.integers(days * DAY))
            length = max(1, round(minutes * 60_000 / STEP_MS * np.exp(random.normal(0, spread))))
            part = slice(begin, begin + length)
            found[part] = np.maximum(found[part], 10 ** random.uniform(low, high))
        return found

    return ratio


def nightly(random: Random, days: int) -> np.ndarray:
    """A batch that fails in some nights."""
    found = np.full(days * DAY, 1e-4)
    for day in np.flatnonzero(random.random(days) < 0.3):
        begin = int(day) * DAY + 2 * HOUR
        found[begin : begin + int(random.integers(1, HOUR))] = 10 ** random.uniform(-2, -0.5)
    return found


SERVICES: dict[str, Service] = {
    "steady": Service(300, with_incidents(base(-4, -2.5, shape=4), 2, 20, 1.0)),
    "bursty": Service(100, with_incidents(bursts(-4, -3), 6, 15, 1.0)),
    "incidents": Service(200, with_incidents(base(-5, -5), 8, 25, 1.2)),
    "rare outages": Service(500, with_incidents(base(-6, -6), 3, 30, 0.7, -0.1, 0.0), weekend=0.2),
    "storms": Service(60, with_incidents(base(-4.7, -4.7), 20, 8, 1.5), swing=0.9),
    "long faults": Service(150, with_incidents(base(-4.5, -3.5), 4, 600, 1.0, -2.3, -1.3)),
    "drifting": Service(150, with_incidents(drift(-4, -3), 2, 20, 1.0)),
    "nightly": Service(80, nightly),
    "12 an hour": Service(0.2, with_incidents(base(-2.3, -1.3), 1, 60, 0.8)),
    "one an hour": Service(0.02, base(-2, -1)),
    "growing": Service(150, with_incidents(growing(-4, -3, -0.02, 0.05), 2, 20, 1.0)),
}
