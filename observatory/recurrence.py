"""Spans of time that come again: the RRULE of RFC 5545, on the wall clock of a time zone.

A rule says on which days; the start says at what time of the day, and a duration how long. So a span begins at most
once a day, and what a rule can cost is bounded. Where clocks change, RFC 5545 decides: a start that the clock skips is
taken with the offset from before, one that comes twice is the first, and a duration is time that passes, so 90 minutes
are 90 minutes on every night of the year.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from msgspec import Struct

from observatory.windows import TimeRange

FIRST_YEAR, LAST_YEAR = 2000, 2199
MAX_RULE_CHARACTERS = 500
MAX_INTERVAL = 1000
MAX_COUNT = 100_000
MAX_DURATION_SECONDS = 31 * 86_400.0
_BY = {
    "DAILY": ("BYDAY", "BYMONTH"),
    "WEEKLY": ("BYDAY", "BYMONTH"),
    "MONTHLY": ("BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"),
    "YEARLY": ("BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"),
}
_NUMBERS = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_ALWAYS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST")
_UNTIL = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)
_CALENDAR_YEARS = 400
_LATE_YEARS = (9999 - LAST_YEAR) // _CALENDAR_YEARS * _CALENDAR_YEARS
"""The calendar repeats after 400 years, weekdays included. Rules are run this much later, because a rule that names no
day at all is followed to the year 9999 before it ends: from there that is near."""


class Recurrence(Struct, frozen=True, kw_only=True):
    """A span of time that comes again.

    Attributes:
        rule: As written, `FREQ=WEEKLY;BYDAY=SU`.
        start: Wall-clock time of the zone, without offset: nothing happens before, and each span begins at its time
            of the day. Unlike in a calendar, it is a first occurrence only where the rule names its day.
        duration_seconds: How long each lasts, in time that passes.
        without: Days of the zone on which none begins, though the rule names them; they count for COUNT.
    """

    rule: str
    start: datetime
    duration_seconds: float
    timezone: str = "UTC"
    without: tuple[date, ...] = ()

    def __repr__(self) -> str:
        # Without the days on which it does not happen: they may be many, and who tells work apart adds them.
        parts = (self.rule, self.start, self.duration_seconds, self.timezone)
        return "Recurrence(rule={!r}, start={!r}, duration_seconds={!r}, timezone={!r})".format(*parts)

    def __post_init__(self) -> None:
        """Check all of it.

        Raises:
            ValueError: The rule or the duration cannot be used, or the rule names no day within fifty years.
        """
        _parts(self.rule)
        if not FIRST_YEAR <= self.start.year <= LAST_YEAR:
            raise ValueError(f"a rule starts in the years {FIRST_YEAR} to {LAST_YEAR}, not in {self.start.year}")
        if not 0 < self.duration_seconds <= MAX_DURATION_SECONDS:
            raise ValueError("what recurs lasts longer than nothing and at most 31 days")
        try:
            first = next(self._starts(), None)
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"{self.rule!r} is no rule of RFC 5545: {error}") from error
        if first is None or first.year > self.start.year + 50:
            raise ValueError(f"{self.rule!r} names no day in the fifty years from {self.start:%Y-%m-%d} on")

    def spans(self, within: TimeRange) -> tuple[TimeRange, ...]:
        """What of it overlaps a range, oldest first, each whole; where two overlap, both are given."""
        zone = ZoneInfo(self.timezone)
        length_ms = round(self.duration_seconds * 1000)
        found: list[TimeRange] = []
        starts = _starts_through(self, min(LAST_YEAR, _wall_clock(within.end_ms).year + 1))
        # Two days are more than any zone is away from UTC.
        earliest = _wall_clock(within.start_ms - length_ms) - timedelta(days=2)
        for start in starts[bisect_left(starts, earliest) :]:
            if start.date() in self.without:
                continue
            start_ms = round(start.replace(tzinfo=zone).timestamp() * 1000)
            if start_ms >= within.end_ms:
                break
            if start_ms + length_ms > within.start_ms:
                found.append(TimeRange(start_ms, start_ms + length_ms))
        return tuple(found)

    def _starts(self) -> Iterator[datetime]:
        """Wall-clock starts, oldest first."""
        from dateutil.rrule import rrulestr

        parts = _parts(self.rule)
        until = _until(parts["UNTIL"]) if "UNTIL" in parts else None
        count = int(parts["COUNT"]) if "COUNT" in parts else None
        days = ";".join(f"{key}={value}" for key, value in parts.items() if key not in ("UNTIL", "COUNT"))
        late = self.start.replace(year=self.start.year + _LATE_YEARS, microsecond=0, tzinfo=None)
        for found in islice(rrulestr(days, dtstart=late), count):
            start = found.replace(year=found.year - _LATE_YEARS)
            if until is not None and self._is_after(start, until):
                return
            yield start

    def _is_after(self, start: datetime, until: datetime) -> bool:
        """By the clock of the zone; by instants where the rule says UTC, for clocks show an hour of autumn twice."""
        return start > until if until.tzinfo is None else start.replace(tzinfo=ZoneInfo(self.timezone)) > until


@lru_cache(maxsize=256)
def _starts_through(recurrence: Recurrence, year: int) -> tuple[datetime, ...]:
    """Wall-clock starts up to the end of a year; remembered, for a status is asked again and again."""
    return tuple(takewhile(lambda start: start.year <= year, recurrence._starts()))


def _wall_clock(at_ms: int) -> datetime:
    """The clock of UTC, as far as rules reach and a little further."""
    return datetime(1970, 1, 1) + timedelta(milliseconds=min(max(at_ms, 0), 7_500_000_000_000))  # noqa: DTZ001


def _parts(rule: str) -> dict[str, str]:
    """The parts of a rule by name.

    Raises:
        ValueError: It is not made of parts that may be used here.
    """
    if len(rule) > MAX_RULE_CHARACTERS:
        raise ValueError(f"a rule has at most {MAX_RULE_CHARACTERS} characters")
    parts: dict[str, str] = {}
    for piece in rule.strip().removeprefix("RRULE:").upper().rstrip(";").split(";"):
        key, equals, value = piece.strip().partition("=")
        if not equals or not value:
            raise ValueError(f"{piece.strip()!r} is no part of a rule; write FREQ=WEEKLY;BYDAY=SU")
        if key in parts:
            raise ValueError(f"{key} is said twice")
        parts[key] = value
    known = _BY.get(parts.get("FREQ", ""))
    if known is None:
        raise ValueError("a rule says FREQ=DAILY, WEEKLY, MONTHLY or YEARLY; the time of the day is that of the start")
    for key in parts:
        if key not in (*_ALWAYS, *known):
            _refuse(key, parts["FREQ"], known)
    _check_numbers(parts)
    _check_weekdays(parts)
    if parts["FREQ"] == "DAILY" and "BYDAY" in parts and parts.get("INTERVAL", "1") != "1":
        raise ValueError("BYDAY and an INTERVAL of days do not go together; use FREQ=WEEKLY")
    if "BYSETPOS" in parts and not any(key.startswith("BY") and key != "BYSETPOS" for key in parts):
        raise ValueError("BYSETPOS chooses among days; say which with BYDAY")
    return parts


def _refuse(key: str, frequency: str, known: tuple[str, ...]) -> None:
    if key in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        raise ValueError(f"{key} cannot be used: the time of the day is that of the start; write an entry for each")
    if any(key in others for others in _BY.values()):
        raise ValueError(f"{key} cannot be used with FREQ={frequency}")
    near = get_close_matches(key, (*_ALWAYS, *known), 1)
    raise ValueError(f"a rule has no part {key}" + (f"; did you mean {near[0]}?" if near else ""))


def _check_numbers(parts: dict[str, str]) -> None:
    for key, most in (("INTERVAL", MAX_INTERVAL), ("COUNT", MAX_COUNT)):
        value = parts.get(key, "1")
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not 1 <= int(value) <= most:
            raise ValueError(f"{key} is a whole number from 1 to {most}")
    for key, most in _NUMBERS.items():
        for value in parts[key].split(",") if key in parts else ():
            signed = re.fullmatch(r"[+-]?\d{1,3}" if key != "BYMONTH" else r"\d{1,2}", value, re.ASCII)
            if not signed or not 1 <= abs(int(value)) <= most:
                raise ValueError(f"{key} takes numbers from 1 to {most}, not {value!r}")
    if "UNTIL" in parts:
        _until(parts["UNTIL"])
        if "COUNT" in parts:
            raise ValueError("a rule ends by COUNT or by UNTIL, not by both")


def _check_weekdays(parts: dict[str, str]) -> None:
    monthly = parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts
    for day in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        match = _WEEKDAY.fullmatch(day)
        if not match:
            raise ValueError(f"{day!r} is no weekday; write MO, TU, WE, TH, FR, SA or SU, or -1SU for the last Sunday")
        if match[1] and parts["FREQ"] in ("DAILY", "WEEKLY"):
            raise ValueError(f"BYDAY={day} counts weekdays, which needs FREQ=MONTHLY or YEARLY")
        if match[1] and not 1 <= abs(int(match[1])) <= (5 if monthly else 53):
            raise ValueError(f"BYDAY={day}: there is no such weekday in a {'month' if monthly else 'year'}")
    wkst = parts.get("WKST", "MO")
    if not re.fullmatch("MO|TU|WE|TH|FR|SA|SU", wkst):
        raise ValueError(f"WKST={wkst} is no weekday")


def _until(text: str) -> datetime:
    """The last wall-clock time of a rule, or the last instant in UTC; a date alone holds its whole day."""
    match = _UNTIL.fullmatch(text)
    if not match:
        raise ValueError(f"UNTIL={text} is no time; write 20261231 or 20261231T230000Z")
    try:
        day = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
        at = time(int(match[4]), int(match[5]), int(match[6])) if match[4] else time.max
    except ValueError as error:
        raise ValueError(f"UNTIL={text} is no time: {error}") from error
    moment = datetime.combine(day.date(), at)
    if not match[7]:
        return moment
    return moment.replace(tzinfo=UTC)
