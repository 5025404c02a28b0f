"""Spans of time: SLO windows, half-open ranges and the grid of steps that the ledger counts on.

All instants are integers, milliseconds since the Unix epoch, and named `..._ms`. Ranges are left-open,
right-closed, (start, end], as in Prometheus 3: a sample that lies on the start belongs to the range before.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from observatory.units import compact_duration, parse_duration

CalendarUnit = Literal["day", "week", "month", "quarter", "year"]
CALENDAR_UNITS: tuple[CalendarUnit, ...] = ("day", "week", "month", "quarter", "year")
STEP_MS = 60_000
_MINUTE_MS, _DAY_MS = 60_000, 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
MAX_WINDOW_SECONDS = 732 * 86_400
BURN_WINDOWS: tuple[str, ...] = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


class TimeRange(Struct, frozen=True, order=True):
    """(start_ms, end_ms], both milliseconds since the epoch."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if self.end_ms < self.start_ms:
            raise ValueError(f"a range cannot end ({self.end_ms}) before it starts ({self.start_ms})")

    @property
    def seconds(self) -> float:
        return (self.end_ms - self.start_ms) / 1000


class Grid(Struct, frozen=True):
    """Equal steps that end exactly at `end_ms`; step i covers (edge i, edge i+1].

    Steps end at the asked instant instead of at full minutes, so that a status for any `--at` is exact.
    """

    start_ms: int
    step_ms: int
    steps: int

    @classmethod
    def ending_at(cls, end_ms: int, length_ms: int, step_ms: int = STEP_MS) -> Grid:
        """The grid that ends at `end_ms` and covers at least `length_ms` before it."""
        steps = -(-length_ms // step_ms)
        return cls(end_ms - steps * step_ms, step_ms, steps)

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.steps * self.step_ms

    @property
    def range(self) -> TimeRange:
        return TimeRange(self.start_ms, self.end_ms)


class Window(Struct, frozen=True):
    """How long an objective looks back: rolling (`30d`) or a calendar unit in a time zone (`month`).

    Attributes:
        kind: `rolling` or `calendar`.
        length_seconds: Of a rolling window; 0 for calendar windows, whose length depends on the date.
        unit: Of a calendar window.
        timezone: IANA name; matters to calendar windows only.
    """

    kind: Literal["rolling", "calendar"]
    length_seconds: float = 0.0
    unit: CalendarUnit | None = None
    timezone: str = "UTC"

    @classmethod
    def parse(cls, text: str, timezone: str = "UTC") -> Window:
        """A window from `30d` or `month`.

        Raises:
            ValueError: Neither a duration from a minute to two years nor a calendar unit, or an unknown time zone.
        """
        word = text.strip()
        if word in CALENDAR_UNITS:
            try:
                ZoneInfo(timezone)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(
                    f"{timezone!r} is not a time zone of the IANA database, such as Europe/London"
                ) from error
            return cls("calendar", unit=word, timezone=timezone)
        seconds = parse_duration(word)
        if seconds < 60:
            raise ValueError(f"a window of {word} is shorter than a minute")
        if seconds > MAX_WINDOW_SECONDS:
            raise ValueError(f"a window of {word} is longer than two years")
        return cls("rolling", length_seconds=seconds)

    def range_at(self, at_ms: int) -> TimeRange:
        """What the window covers at an instant. A calendar window runs from its start to `at_ms`."""
        if self.kind == "rolling":
            return TimeRange(at_ms - round(self.length_seconds * 1000), at_ms)
        return TimeRange(self.calendar_period(at_ms).start_ms, at_ms)

    def calendar_period(self, at_ms: int) -> TimeRange:
        """The whole calendar unit that holds the instant; one that starts at `at_ms` has just ended there."""
        assert self.unit is not None
        zone = ZoneInfo(self.timezone)
        moment = datetime.fromtimestamp((at_ms - 1) / 1000, UTC).astimezone(zone)
        start = _unit_start(moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0), self.unit)
        return TimeRange(_epoch_ms(start), _epoch_ms(_unit_end(start, self.unit)))

    def full_seconds(self, at_ms: int) -> float:
        """The window's whole length; for a calendar unit the length of the one that holds the instant."""
        return self.length_seconds if self.kind == "rolling" else self.calendar_period(at_ms).seconds

    def __str__(self) -> str:
        if self.kind == "rolling":
            return compact_duration(self.length_seconds)
        return str(self.unit) if self.timezone == "UTC" else f"{self.unit} {self.timezone}"

    def to_json(self) -> dict[str, str]:
        """`{"kind": "rolling", "length": "30d"}` or `{"kind": "calendar", "unit": "month", "timezone": ...}`."""
        if self.kind == "rolling":
            return {"kind": "rolling", "length": compact_duration(self.length_seconds)}
        return {"kind": "calendar", "unit": str(self.unit), "timezone": self.timezone}


def _unit_start(day: datetime, unit: CalendarUnit) -> datetime:
    match unit:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)


def _unit_end(start: datetime, unit: CalendarUnit) -> datetime:
    match unit:
        case "day":
            return start + timedelta(days=1)
        case "week":
            return start + timedelta(days=7)
        case "month" | "quarter":
            months = start.month - 1 + (1 if unit == "month" else 3)
            return start.replace(year=start.year + months // 12, month=months % 12 + 1)
        case "year":
            return start.replace(year=start.year + 1)


def _epoch_ms(local: datetime) -> int:
    return round(local.timestamp() * 1000)


EARLIEST_SECONDS, END_OF_TIME_SECONDS = -61_851_600_000, 253_118_390_400
"""From the beginning of the year 10 to that of 9991: what RFC 3339 can write, with room for windows on either side."""


def parse_instant(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time or of epoch seconds.

    Raises:
        ValueError: Neither, or outside the years 10 to 9990; an RFC 3339 time without an offset is refused, for it
            means a different instant in each place.
    """
    word = text.strip()
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", word, re.ASCII):
        seconds = float(word)
        return _within_calendar(text, seconds, "; epoch seconds are meant, as in 1795176000")
    try:
        moment = datetime.fromisoformat(word)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time; write 2026-11-20T12:00:00Z or epoch seconds") from error
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write {word}Z or {word}+01:00")
    return _within_calendar(text, moment.timestamp())


def _within_calendar(text: str, seconds: float, hint: str = "") -> int:
    if not EARLIEST_SECONDS <= seconds < END_OF_TIME_SECONDS:
        raise ValueError(f"{text!r} lies outside the years 10 to 9990{hint}")
    return round(seconds * 1000)


def format_instant(at_ms: int | None) -> str | None:
    """RFC 3339 in UTC, with milliseconds only where there are some; None stays None."""
    if at_ms is None:
        return None
    days, of_day = divmod(int(at_ms), _DAY_MS)
    minute, rest = divmod(of_day, _MINUTE_MS)
    second, ms = divmod(rest, 1000)
    return f"{_date(days)}T{_clock(minute)}:{second:02}{f'.{ms:03}' if ms else ''}Z"


@lru_cache(maxsize=1024)
def _date(days: int) -> str:
    """The day that begins so many days after the epoch."""
    return date.fromordinal(_EPOCH + days).isoformat()


@lru_cache(maxsize=1440)
def _clock(minute: int) -> str:
    """A minute of the day."""
    return f"{minute // 60:02}:{minute % 60:02}"
