"""Marks: one number for each hour of each source, which grows when telemetry is added to the hour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from observatory.windows import TimeRange

HOUR_MS = 3_600_000


class Marks(Struct, frozen=True):
    """What sources held, as of one reading.

    Attributes:
        from_hour, until_hour: Hours since the epoch that were asked for, the last one excluded. Hour h is (h, h + 1].
        held: By source that told, by hour; hours without anything may be absent.
    """

    from_hour: int
    until_hour: int
    held: Mapping[str, Mapping[int, int]]

    @property
    def start_ms(self) -> int:
        """Where the first hour begins."""
        return self.from_hour * HOUR_MS

    @property
    def end_ms(self) -> int:
        """Where the last hour ends."""
        return self.until_hour * HOUR_MS

    def within(self, span: TimeRange) -> Marks:
        """Those of the hours that reach into a range."""
        first = max(self.from_hour, span.start_ms // HOUR_MS)
        after = max(first, min(self.until_hour, -(-span.end_ms // HOUR_MS)))
        part = {
            name: {hour: count for hour, count in hours.items() if first <= hour < after}
            for name, hours in self.held.items()
        }
        return Marks(first, after, part)

    def grown_since(self, before: Marks) -> bool:
        """Whether a source holds more of an hour that both readings are about.

        One that did not tell before may have been without what it holds now.
        """
        both = range(max(self.from_hour, before.from_hour), min(self.until_hour, before.until_hour))
        return any(
            hours.get(hour, 0) > before.held.get(name, {}).get(hour, 0)
            for name, hours in self.held.items()
            for hour in both
        )

    def read_again_from_ms(self, before: Marks | None) -> int | None:
        """Since when everything is to be read again; None for nowhere.

        That is the first hour with more than before, or not known before, and the hour before it: a gap that is filled
        now began at some sample there.
        """
        again = [
            hour
            for name, hours in self.held.items()
            for hour in range(self.from_hour, self.until_hour)
            if before is None
            or name not in before.held
            or hour >= before.until_hour
            or hours.get(hour, 0) > before.held[name].get(hour, 0)
        ]
        return (min(again) - 1) * HOUR_MS if again else None

    def to_json(self) -> dict[str, Any]:
        """For the header of a record."""
        held = {name: [hours.get(hour, 0) for hour in self._hours()] for name, hours in self.held.items()}
        return {"from": self.from_hour, "until": self.until_hour, "held": held}

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Marks:
        """What `to_json` wrote."""
        marks = cls(told["from"], told["until"], {})
        held = {name: dict(zip(marks._hours(), counts, strict=True)) for name, counts in told["held"].items()}
        return cls(marks.from_hour, marks.until_hour, held)

    def _hours(self) -> range:
        return range(self.from_hour, self.until_hour)
