"""The view: what the address bar says about range, filters and theme. The address is its only store."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from msgspec import Struct
from msgspec.structs import replace

from observatory.figures.clock import DEFAULT_ZONE, abbreviation, known_zone, wall
from observatory.figures.theme import THEMES, Theme, ThemeName
from observatory.windows import TimeRange, format_instant, parse_instant

RANGES: dict[str, int] = {"1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000}
"""Relative ranges, in seconds, in the order of the buttons."""
DEFAULT_RANGE = "24h"
STEPS_MS = (15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000)
MOST_STEPS = 420
LONGEST_MS = 400 * 86_400_000


class View(Struct, frozen=True):
    """What a person looks at.

    Attributes:
        range: One of `RANGES`; counts while `absolute` is None.
        absolute: A fixed range, after zooming or from a link that froze time.
        query: Free text: channels, groups, topics, owners that contain it.
        domain: Only this domain; empty for all.
        owner: Only channels that this team answers for, in whole or for one side of them; empty for all.
        broker: Only channels on this broker; empty for all.
        channel: Only this channel id; empty for all.
        journey: The journey to show hop by hop; empty for the most urgent.
        trace: The sample trace to show; empty for the first.
        theme: One of `THEMES`, as the browser resolved it.
        zone: IANA name of the zone whose clock times are shown on.
    """

    range: str = DEFAULT_RANGE
    absolute: TimeRange | None = None
    query: str = ""
    domain: str = ""
    owner: str = ""
    broker: str = ""
    channel: str = ""
    journey: str = ""
    trace: str = ""
    theme: ThemeName = "dark"
    zone: str = DEFAULT_ZONE

    @classmethod
    def parse(cls, search: str | None) -> View:
        """The view in a query string. What cannot be meant falls back to the default, for a page must open."""
        values = {key: last[-1] for key, last in parse_qs((search or "").lstrip("?"), max_num_fields=20).items()}
        word = values.get("range", DEFAULT_RANGE)
        theme: ThemeName = next((one.name for one in THEMES.values() if one.name == values.get("theme")), "dark")
        return cls(
            range=word if word in RANGES else DEFAULT_RANGE,
            absolute=_absolute(values.get("from"), values.get("to")),
            query=values.get("q", "")[:200].strip(),
            domain=values.get("domain", "")[:200],
            owner=values.get("owner", "")[:200],
            broker=values.get("broker", "")[:200],
            journey=values.get("journey", "")[:1000],
            channel=values.get("ch", "")[:1000],
            trace=values.get("trace", "")[:64],
            theme=theme,
            zone=known_zone(values.get("tz", DEFAULT_ZONE)),
        )

    def span(self, at_ms: int) -> TimeRange:
        """The range that panels show, given the instant of the snapshot."""
        return self.absolute or TimeRange(at_ms - RANGES[self.range] * 1000, at_ms)

    @property
    def colours(self) -> Theme:
        return THEMES[self.theme]

    @property
    def words(self) -> str:
        """The range as people say it: `last 24 h`, `2026-11-20 10:00 to 12:00 UTC`."""
        if self.absolute is None:
            return f"last {self.range[:-1]} {self.range[-1]}"
        first, last = wall(self.absolute.start_ms, self.zone), wall(self.absolute.end_ms, self.zone)
        end = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
        return f"{first:%Y-%m-%d %H:%M} to {end} {abbreviation(self.absolute.end_ms, self.zone)}"

    def link(self, path: str, **changes: str) -> str:
        """A path with this view's query string; `changes` of fields win."""
        view = replace(self, **changes)
        query: dict[str, str] = {}
        if view.absolute:
            query["from"] = format_instant(view.absolute.start_ms) or ""
            query["to"] = format_instant(view.absolute.end_ms) or ""
        elif view.range != DEFAULT_RANGE:
            query["range"] = view.range
        named = (
            ("q", view.query),
            ("domain", view.domain),
            ("owner", view.owner),
            ("broker", view.broker),
            ("ch", view.channel),
            ("journey", view.journey),
        )
        query |= {key: value for key, value in named if value}
        return f"{path}?{urlencode(query)}" if query else path


def step_for(span: TimeRange, most: int = MOST_STEPS) -> int:
    """Milliseconds between points: the finest round step that keeps a line at `most` points or under."""
    length = span.end_ms - span.start_ms
    return next((step for step in STEPS_MS if length <= step * most), -(-length // most))


def _absolute(start: str | None, end: str | None) -> TimeRange | None:
    if not start or not end:
        return None
    try:
        first, last = parse_instant(start), parse_instant(end)
    except (ValueError, OverflowError):
        return None
    return TimeRange(first, last) if 1000 <= last - first <= LONGEST_MS and first > 0 else None
