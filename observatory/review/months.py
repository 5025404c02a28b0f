"""Months as people name them, and where they begin in a time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from observatory.windows import TimeRange, Window

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Month(Struct, frozen=True, order=True):
    """A month of the calendar, no place on earth implied."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """The month in `2026-10`.

        Raises:
            ValueError: It is written differently, or is outside the years 1970 to 9998.
        """
        match = _MONTH.fullmatch(text.strip())
        if not match or not 1970 <= int(match[1]) <= 9998:
            raise ValueError(f"{text!r} is no month; write it as 2026-10")
        return cls(int(match[1]), int(match[2]))

    @property
    def before(self) -> Month:
        return Month(self.year - 1, 12) if self.number == 1 else Month(self.year, self.number - 1)

    @property
    def title(self) -> str:
        """`October 2026`."""
        return f"{datetime(self.year, self.number, 1, tzinfo=UTC):%B} {self.year}"

    def range_in(self, timezone: str) -> TimeRange:
        """From the first midnight of the month to that of the next, in a time zone of the IANA database.

        Raises:
            ValueError: The time zone is unknown.
        """
        return _range_of(self, timezone)

    def days_in(self, timezone: str) -> tuple[tuple[str, TimeRange], ...]:
        """Each day as (`2026-10-25`, range): 23 or 25 hours long where clocks change."""
        return _days_of(self, timezone)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


@lru_cache(maxsize=64)
def _range_of(month: Month, timezone: str) -> TimeRange:
    """Found once for all objectives of a review."""
    window = Window.parse("month", timezone)
    noon = datetime(month.year, month.number, 15, 12, tzinfo=ZoneInfo(timezone))
    return window.calendar_period(round(noon.timestamp() * 1000))


@lru_cache(maxsize=64)
def _days_of(month: Month, timezone: str) -> tuple[tuple[str, TimeRange], ...]:
    zone, span = ZoneInfo(timezone), month.range_in(timezone)
    days: list[tuple[str, TimeRange]] = []
    day = datetime(month.year, month.number, 1, tzinfo=zone)
    while (start := round(day.timestamp() * 1000)) < span.end_ms:
        after = day + timedelta(days=1)
        days.append((day.date().isoformat(), TimeRange(start, round(after.timestamp() * 1000))))
        day = after
    return tuple(days)
