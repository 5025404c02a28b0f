"""Exclusions as people write them: planned work, who approved it, what it concerns and when. In settings or a file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from observatory.errors import InputInvalid, Problem
from observatory.location import Location, Placed
from observatory.reading import Reading, read
from observatory.recurrence import FIRST_YEAR, LAST_YEAR, Recurrence
from observatory.settings.unknown_keys import unknown_keys
from observatory.units import parse_duration
from observatory.windows import TimeRange

MAX_EXCLUSIONS = 1000
MAX_FILES = 100
MAX_TEXT = 500
MAX_PATTERNS = 500
MAX_ONCE_SECONDS = 366 * 86_400.0
KEYS = ("reason", "approver", "scope", "start", "end", "duration", "recurs", "except", "timezone")
SCOPE_KEYS = ("channels", "groups", "domains", "documents", "owners", "slis", "objectives")
EXAMPLE = (
    "{reason: Kafka 4 migration, approver: ana, scope: {domains: [payments]}, start: 2026-11-20T22:00:00Z, end: ...}"
)


class Scope(Struct, frozen=True, kw_only=True):
    """Which objectives planned work concerns: patterns (`*`, `?`, `[a-c]`) by what they are compared with.

    An objective must match one pattern of every kind that is named; without any pattern it is the whole estate.
    """

    channels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    slis: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()


class Exclusion(Placed, frozen=True, kw_only=True):
    """Planned work.

    Attributes:
        when: Once, or again and again.
        location: Where it is written.
    """

    reason: str
    approver: str
    scope: Scope
    when: TimeRange | Recurrence
    location: Location | None = None

    def spans(self, within: TimeRange) -> tuple[TimeRange, ...]:
        """What of it overlaps a range, oldest first, each span whole."""
        if isinstance(self.when, Recurrence):
            return self.when.spans(within)
        once = self.when
        return (once,) if once.start_ms < within.end_ms and once.end_ms > within.start_ms else ()


def read_exclusions(reading: Reading, folder: Path, problems: list[Problem]) -> tuple[Exclusion, ...]:
    """What stands under `exclusions` in a settings file: entries, and paths of files with more.

    Args:
        folder: What paths are relative to.
        problems: Where faults go; entries with faults are left out.
    """
    reader = _Reader(reading, problems)
    found: list[Exclusion] = []
    files = 0
    value = reading.data["exclusions"]
    for at, item in reader.items(value, ("exclusions",)):
        if not isinstance(item, str):
            found += reader.entry(item, at)
            continue
        files += 1
        if files > MAX_FILES:
            reader.add("exclusion-value", f"there are more than {MAX_FILES} files of exclusions", at)
            break
        try:
            found += _of_file(folder / Path(item).expanduser(), problems)
        except (InputInvalid, ValueError) as error:
            problems += error.problems if isinstance(error, InputInvalid) else []
            reader.add("exclusion-value", f"the exclusions of {item!r} cannot be read", at)
    if len(found) > MAX_EXCLUSIONS:
        hint = "write what comes again as one entry with recurs"
        reader.add("exclusion-value", f"there are more than {MAX_EXCLUSIONS} exclusions", ("exclusions",), hint)
    return tuple(found)


def _of_file(path: Path, problems: list[Problem]) -> list[Exclusion]:
    """A file holds a list of entries, bare or under `exclusions`."""
    reading = read(path)
    reader = _Reader(reading, problems)
    data: Any = reading.data
    at: tuple[str, ...] = ()
    if isinstance(data, dict):
        reader.known(data, ("exclusions",), (), "a file of exclusions")
        data, at = data.get("exclusions"), ("exclusions",)
    return [one for where, item in reader.items(data, at) for one in reader.entry(item, where)]


class _Reader(Struct):
    """Entries of one file; faults go to `problems` with their place."""

    reading: Reading
    problems: list[Problem]

    def items(self, value: Any, at: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
        """Items of a list, or the one thing that is none, with their places."""
        if isinstance(value, list):
            return [((*at, str(index)), item) for index, item in enumerate(value[: MAX_EXCLUSIONS + 1])]
        if value is None:
            self.add("exclusion-value", "exclusions are a list", at, f"write {EXAMPLE}")
            return []
        return [(at, value)]

    def entry(self, item: Any, at: tuple[str, ...]) -> list[Exclusion]:
        """An exclusion, or nothing where it has faults."""
        before = len(self.problems)
        if not isinstance(item, dict):
            self.add("exclusion-value", "an exclusion is a mapping", at, f"write {EXAMPLE}")
            return []
        self.known(item, KEYS, at, "an exclusion")
        reason, approver = (
            self._text(item, key, at, hint)
            for key, hint in (
                ("reason", "say what is done, and where it is written down: reason: Kafka 4 migration, CHG-1234"),
                ("approver", "say who allowed it: approver: ana@example.com"),
            )
        )
        scope = self._scope(item, at)
        when = self._when(item, at)
        if len(self.problems) > before or scope is None or when is None:
            return []
        return [Exclusion(reason=reason, approver=approver, scope=scope, when=when, location=self.reading.at(at))]

    def _text(self, item: dict[str, Any], key: str, at: tuple[str, ...], hint: str) -> str:
        value = item.get(key)
        if value is None or (isinstance(value, str) and not value.strip()):
            self.add("exclusion-incomplete", f"an exclusion needs {'an' if key[0] in 'aeiou' else 'a'} {key}", at, hint)
            return ""
        if not isinstance(value, str | int) or isinstance(value, bool) or len(str(value)) > MAX_TEXT:
            self.add("exclusion-value", f"{key} is text of at most {MAX_TEXT} characters", (*at, key))
            return ""
        return " ".join(str(value).split())

    def _scope(self, item: dict[str, Any], at: tuple[str, ...]) -> Scope | None:
        value = item.get("scope")
        hint = "write scope: {channels: ['orders.*']}, or scope: all"
        if value is None:
            self.add("exclusion-incomplete", "an exclusion needs a scope", at, hint)
            return None
        if value == "all":
            return Scope()
        if not isinstance(value, dict) or not value:
            self.add("exclusion-scope", "a scope is all, or says what is concerned", (*at, "scope"), hint)
            return None
        self.known(value, SCOPE_KEYS, (*at, "scope"), "a scope")
        return Scope(
            **{key: self._patterns(value[key], (*at, "scope", key)) for key in SCOPE_KEYS if key in value},
        )

    def _patterns(self, value: Any, at: tuple[str, ...]) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        if not items or len(items) > MAX_PATTERNS:
            self.add("exclusion-scope", f"{at[-1]} are one to {MAX_PATTERNS} names or patterns", at)
            return ()
        for index, one in enumerate(items):
            if not isinstance(one, str) or not one.strip() or len(one) > MAX_TEXT:
                where = (*at, str(index)) if isinstance(value, list) else at
                self.add("exclusion-scope", f"a pattern of {at[-1]} is text, such as 'orders.*'", where)
        return tuple(str(one) for one in items)

    def _when(self, item: dict[str, Any], at: tuple[str, ...]) -> TimeRange | Recurrence | None:
        zone = self._zone(item, at)
        start = self._time(item, "start", at, zone)
        if start is None:
            return None
        seconds = self._duration(item, at)
        if "recurs" in item:
            return self._recurring(item, at, start, seconds, zone)
        if "except" in item:
            self.add("exclusion-time", "only what recurs has days without it", (*at, "except"))
            return None
        if ("end" in item) == ("duration" in item):
            message = "an exclusion ends by end or by duration, " + ("not by both" if "end" in item else "and has none")
            self.add("exclusion-time", message, at, "write end: 2026-11-21T02:00:00Z, or duration: 4h")
            return None
        start_ms = round(start.timestamp() * 1000)
        if "end" in item:
            end = self._time(item, "end", at, zone)
            seconds = None if end is None else (round(end.timestamp() * 1000) - start_ms) / 1000
        if seconds is None:
            return None
        key = "end" if "end" in item else "duration"
        if seconds <= 0:
            self.add("exclusion-time", "an exclusion ends after it starts", (*at, key))
            return None
        if seconds > MAX_ONCE_SECONDS:
            hint = "an objective that is left out for so long is better taken out of the document"
            self.add("exclusion-time", "an exclusion lasts at most 366 days", (*at, key), hint)
            return None
        return TimeRange(start_ms, start_ms + round(seconds * 1000))

    def _recurring(
        self, item: dict[str, Any], at: tuple[str, ...], start: datetime, seconds: float | None, zone: str | None
    ) -> Recurrence | None:
        if "end" in item or "duration" not in item:
            where = (*at, "end") if "end" in item else at
            message = "what recurs says how long it lasts, by duration"
            self.add("exclusion-time", message, where, "write duration: 90m; UNTIL or COUNT in recurs end the series")
            return None
        without = self._days(item, at)
        if seconds is None or without is None:
            return None
        local = start.astimezone(ZoneInfo(zone or "UTC")).replace(tzinfo=None)
        try:
            return Recurrence(
                rule=str(item["recurs"]),
                start=local,
                duration_seconds=seconds,
                timezone=zone or "UTC",
                without=without,
            )
        except ValueError as error:
            hint = "write an RRULE of RFC 5545, such as FREQ=WEEKLY;BYDAY=SU or FREQ=MONTHLY;BYDAY=1SA"
            self.add("exclusion-rule", str(error), (*at, "recurs"), hint)
            return None

    def _days(self, item: dict[str, Any], at: tuple[str, ...]) -> tuple[date, ...] | None:
        """Days on which what recurs does not take place, in order; None where one cannot be read."""
        value = item.get("except", [])
        items = value if isinstance(value, list) else [value]
        if len(items) > MAX_PATTERNS:
            self.add("exclusion-time", f"at most {MAX_PATTERNS} days can be left out", (*at, "except"))
            return None
        found: set[date] = set()
        for index, one in enumerate(items):
            try:
                written = str(one).strip()
                if len(written) != len("2026-12-27"):
                    raise ValueError(written)
                found.add(date.fromisoformat(written))
            except ValueError:
                where = (*at, "except", str(index)) if isinstance(value, list) else (*at, "except")
                self.add("exclusion-time", f"{one!r} is no day", where, "write except: [2026-12-27]")
                return None
        return tuple(sorted(found))

    def _zone(self, item: dict[str, Any], at: tuple[str, ...]) -> str | None:
        """The time zone; None where none is written or it is wrong."""
        name = item.get("timezone")
        if name is None:
            return None
        try:
            return ZoneInfo(str(name)).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"{name!r} is not a time zone of the IANA database, such as Europe/London"
            self.add("exclusion-time", message, (*at, "timezone"))
            return None

    def _time(self, item: dict[str, Any], key: str, at: tuple[str, ...], zone: str | None) -> datetime | None:
        """An instant: as written with its offset, or on the clock of the time zone."""
        written = item.get(key)
        if written is None:
            hint = "write start: 2026-11-20T22:00:00Z, or a local time and timezone: Europe/London"
            self.add("exclusion-incomplete", f"an exclusion needs a {key}", at, hint)
            return None
        try:
            moment = datetime.fromisoformat(written.strip()) if isinstance(written, str) else None
        except ValueError:
            moment = None
        if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
            hint = "write 2026-11-20T22:00:00Z, or 2026-11-20T22:00:00 with a timezone"
            self.add("exclusion-time", f"{written!r} is no time from {FIRST_YEAR} on", (*at, key), hint)
            return None
        if moment.tzinfo is not None:
            return moment
        if zone is None and "timezone" not in item:
            hint = f"write {written}Z, or add timezone: Europe/London"
            self.add("exclusion-time", f"{written!r} has no offset, and there is no timezone", (*at, key), hint)
            return None
        return moment.replace(tzinfo=ZoneInfo(zone or "UTC"))

    def _duration(self, item: dict[str, Any], at: tuple[str, ...]) -> float | None:
        written = item.get("duration")
        if written is None:
            return None
        try:
            return parse_duration(str(written))
        except (ValueError, OverflowError):
            self.add("exclusion-time", f"{written!r} is no duration", (*at, "duration"), "write duration: 90m")
            return None

    def known(self, data: dict[str, Any], known: Sequence[str], at: tuple[str, ...], whose: str) -> None:
        """Report keys that are not known, with the nearest that is."""
        self.problems += unknown_keys(data, known, at, self.reading, code="exclusion-key", whose=whose)

    def add(self, code: str, message: str, at: tuple[str, ...], hint: str | None = None) -> None:
        """Report a fault at its place."""
        self.problems.append(Problem(code=code, message=message, location=self.reading.at(at), hint=hint))
