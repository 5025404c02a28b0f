"""How busy the estate is from minute to minute, and random numbers that do not depend on when one looks.

Draws come from generators keyed by seed, stream and day, one number per minute in order of time. So a history that
is continued later repeats its past exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64

MINUTE_MS = 60_000
MINUTES_PER_DAY = 1440
WEEKDAY_FACTOR = (1.0, 0.97, 0.98, 1.02, 1.12, 1.08, 0.86)
"""Monday first: people shop on Friday and Saturday."""


def load_factor(minutes: Int64) -> Float64:
    """Load relative to the mean of a week, for minutes since the epoch (UTC).

    Low at night, a shoulder at noon and a peak in the evening; between 0.25 and 1.9.
    """
    hour = (minutes % MINUTES_PER_DAY) / 60.0
    day = (
        0.25
        + 0.95 * np.exp(-(((hour - 12.5) / 3.6) ** 2))
        + 1.35 * np.exp(-(((hour - 19.5) / 2.6) ** 2))
        + 0.30 * np.exp(-(((hour - 8.0) / 1.8) ** 2))
    )
    # The first of January 1970 was a Thursday.
    weekday = ((minutes // MINUTES_PER_DAY) + 3) % 7
    return np.asarray(day * np.asarray(WEEKDAY_FACTOR)[weekday] / 0.85, dtype=np.float64)


class Dice:
    """Random numbers for a span of minutes, the same for a minute whatever span it is drawn in.

    Args:
        seed: Of the estate.
        first: First minute since the epoch; draws are exact repeats only when it starts a day.
        minutes: How many.
    """

    def __init__(self, seed: int, first: int, minutes: int) -> None:
        self._seed = seed
        self._first = first
        self._minutes = minutes

    def draw(self, stream: str, one_day: Callable[[np.random.Generator, slice], Int64 | Float64]) -> NDArray[Any]:
        """Concatenated draws of all days; `one_day` gets a generator and the part of the span that the day covers."""
        parts: list[NDArray[Any]] = []
        position = 0
        while position < self._minutes:
            day, into = divmod(self._first + position, MINUTES_PER_DAY)
            length = min(MINUTES_PER_DAY - into, self._minutes - position)
            generator = np.random.Generator(np.random.PCG64([self._seed, crc32(stream.encode()), day]))
            parts.append(one_day(generator, slice(position, position + length)))
            position += length
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def poisson(self, stream: str, mean: Float64) -> Int64:
        """Counts per minute with the given means."""
        return np.asarray(self.draw(stream, lambda rng, part: rng.poisson(mean[part])), dtype=np.int64)

    def binomial(self, stream: str, count: Int64, share: Float64) -> Int64:
        """How many of `count` are drawn at `share`, per minute."""
        return np.asarray(self.draw(stream, lambda rng, part: rng.binomial(count[part], share[part])), dtype=np.int64)

    def split(self, stream: str, count: Int64, shares: Float64) -> Int64:
        """`count` per minute divided over the last axis of `shares`, which is one row or one row per minute."""
        rows = np.broadcast_to(shares, (len(count), shares.shape[-1]))
        return np.asarray(self.draw(stream, lambda rng, part: rng.multinomial(count[part], rows[part])), dtype=np.int64)

    def uniform(self, stream: str) -> Float64:
        """One number in [0, 1) per minute."""
        return np.asarray(self.draw(stream, lambda rng, part: rng.random(part.stop - part.start)), dtype=np.float64)
