"""The value that travels: two counts and how much of the time was seen. Ratios are made at the edge."""

from __future__ import annotations

from msgspec import Struct


class Counts(Struct, frozen=True):
    """Good and total events of a span of time.

    Attributes:
        good: Events that were good; 0 <= good <= total.
        total: All events that count.
        observed_seconds: Time in which telemetry was seen.
        expected_seconds: Time in which it could have been seen.
    """

    good: float = 0.0
    total: float = 0.0
    observed_seconds: float = 0.0
    expected_seconds: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        """Counts of two spans of time, partitions or channels together."""
        return Counts(
            self.good + other.good,
            self.total + other.total,
            self.observed_seconds + other.observed_seconds,
            self.expected_seconds + other.expected_seconds,
        )

    @property
    def bad(self) -> float:
        return self.total - self.good

    @property
    def ratio(self) -> float | None:
        """Share of good events, unrounded; None without events, for no events are neither good nor bad."""
        return self.good / self.total if self.total > 0 else None

    @property
    def error_ratio(self) -> float | None:
        return self.bad / self.total if self.total > 0 else None

    @property
    def coverage(self) -> float | None:
        """Share of the time that was seen, 0..1; None for an empty span."""
        return self.observed_seconds / self.expected_seconds if self.expected_seconds > 0 else None
