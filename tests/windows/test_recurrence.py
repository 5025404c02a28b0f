"""Recurring spans: days by RRULE, time of the day by the wall clock, length by time that passes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.recurrence import Recurrence
from observatory.windows import TimeRange, format_instant, parse_instant


def rule(text: str, start: str = "2026-01-04T02:00:00", *, minutes: float = 90, timezone: str = "UTC") -> Recurrence:
    return Recurrence(rule=text, start=datetime.fromisoformat(start), duration_seconds=minutes * 60, timezone=timezone)


def within(start: str, end: str) -> TimeRange:
    return TimeRange(parse_instant(start), parse_instant(end))


def shown(spans: tuple[TimeRange, ...]) -> list[str]:
    return [f"{format_instant(one.start_ms)} {one.seconds / 60:g}" for one in spans]


def test_every_sunday_at_two_on_the_clock_of_london() -> None:
    """Clocks went forward on 29 March 2026 at 01:00 UTC: two o'clock is 02:00 UTC before and 01:00 UTC after."""
    found = rule("FREQ=WEEKLY;BYDAY=SU", timezone="Europe/London").spans(
        within("2026-03-20T00:00:00Z", "2026-04-06T00:00:00Z")
    )
    assert shown(found) == ["2026-03-22T02:00:00Z 90", "2026-03-29T01:00:00Z 90", "2026-04-05T01:00:00Z 90"]


def test_a_start_that_the_clock_skips_is_taken_with_the_offset_from_before() -> None:
    """01:30 does not exist in London on 29 March 2026; RFC 5545 takes it as 01:30 GMT."""
    found = rule("FREQ=DAILY", "2026-03-28T01:30:00", timezone="Europe/London").spans(
        within("2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z")
    )
    assert shown(found) == ["2026-03-28T01:30:00Z 90", "2026-03-29T01:30:00Z 90", "2026-03-30T00:30:00Z 90"]


def test_a_start_that_comes_twice_is_the_first() -> None:
    """On 25 October 2026 half past one comes in summer time, 00:30 UTC, and again an hour later."""
    found = rule("FREQ=DAILY", "2026-10-25T01:30:00", timezone="Europe/London").spans(
        within("2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z")
    )
    assert shown(found) == ["2026-10-25T00:30:00Z 90"]


def test_a_span_that_began_before_the_range_is_given_whole() -> None:
    found = rule("FREQ=DAILY", minutes=120).spans(within("2026-02-01T03:00:00Z", "2026-02-01T12:00:00Z"))
    assert shown(found) == ["2026-02-01T02:00:00Z 120"]


def test_a_span_that_only_touches_the_range_is_left_out() -> None:
    assert rule("FREQ=DAILY", minutes=60).spans(within("2026-02-01T03:00:00Z", "2026-02-02T02:00:00Z")) == ()


@pytest.mark.parametrize(
    ("text", "first", "last", "count"),
    [
        ("FREQ=DAILY;COUNT=3", "2026-01-04T02:00:00Z", "2026-01-06T02:00:00Z", 3),
        ("FREQ=DAILY;UNTIL=20260106", "2026-01-04T02:00:00Z", "2026-01-06T02:00:00Z", 3),
        ("FREQ=DAILY;UNTIL=20260106T015959Z", "2026-01-04T02:00:00Z", "2026-01-05T02:00:00Z", 2),
        ("RRULE:FREQ=MONTHLY;BYDAY=-1SA;COUNT=2", "2026-01-31T02:00:00Z", "2026-02-28T02:00:00Z", 2),
        ("freq=monthly;byday=1sa;count=2", "2026-02-07T02:00:00Z", "2026-03-07T02:00:00Z", 2),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=2", "2028-02-29T02:00:00Z", "2032-02-29T02:00:00Z", 2),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;COUNT=2", "2026-01-13T02:00:00Z", "2026-01-27T02:00:00Z", 2),
    ],
)
def test_the_days_of_a_rule(text: str, first: str, last: str, count: int) -> None:
    found = rule(text).spans(within("2026-01-01T00:00:00Z", "2040-01-01T00:00:00Z"))
    assert (format_instant(found[0].start_ms), format_instant(found[-1].start_ms), len(found)) == (first, last, count)


@given(
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 5),
    st.lists(st.sampled_from(["MO", "WE", "SA"]), unique=True, max_size=2),
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
)
@settings(max_examples=60, deadline=None)
def test_days_are_those_of_the_rule_library_at_the_time_it_was_written_for(
    frequency: str, interval: int, days: list[str], start: datetime
) -> None:
    """The calendar that rules are run on is 400 years multiples later; the days must be the same."""
    interval = 1 if frequency == "DAILY" and days else interval
    text = f"FREQ={frequency};INTERVAL={interval}" + (f";BYDAY={','.join(days)}" if days else "")
    start = start.replace(microsecond=0)
    expected = [one for one, _ in zip(rrulestr(text, dtstart=start), range(20), strict=False)]
    zone = ZoneInfo("UTC")
    end = expected[-1].replace(tzinfo=zone) + timedelta(seconds=1)
    reach = TimeRange(round(start.replace(tzinfo=zone).timestamp() * 1000), round(end.timestamp() * 1000))
    found = Recurrence(rule=text, start=start, duration_seconds=60).spans(reach)
    assert [one.start_ms for one in found] == [round(one.replace(tzinfo=zone).timestamp() * 1000) for one in expected]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weekly", "'WEEKLY' is no part of a rule; write FREQ=WEEKLY;BYDAY=SU"),
        ("BYDAY=SU", "a rule says FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=SECONDLY", "a rule says FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("FREQ=WEEKLY;BYHOUR=2,3", "BYHOUR cannot be used: the time of the day is that of the start"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY cannot be used with FREQ=WEEKLY"),
        ("FREQ=WEEKLY;BYDAYS=SU", "a rule has no part BYDAYS; did you mean BYDAY?"),
        ("FREQ=WEEKLY;BYDAY=1SU", "BYDAY=1SU counts weekdays, which needs FREQ=MONTHLY or YEARLY"),
        ("FREQ=MONTHLY;BYDAY=9SU", "there is no such weekday in a month"),
        ("FREQ=MONTHLY;BYDAY=SO", "'SO' is no weekday"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL is a whole number from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=SU", "use FREQ=WEEKLY"),
        ("FREQ=DAILY;COUNT=5;UNTIL=20270101", "a rule ends by COUNT or by UNTIL, not by both"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL=20260230 is no time"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ is said twice"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH takes numbers from 1 to 12, not '13'"),
        ("FREQ=YEARLY;BYWEEKNO=99", "BYWEEKNO takes numbers from 1 to 53, not '99'"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS chooses among days"),
        ("FREQ=DAILY;BYMONTH=" + ",".join("1" * 300), "a rule has at most 500 characters"),
    ],
)
def test_a_rule_that_cannot_be_used_says_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        rule(text)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=99",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
        "FREQ=DAILY;UNTIL=20200101",
    ],
)
def test_a_rule_that_names_no_day_ends_soon_and_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no day in the fifty years from 2026-01-04 on"):
        rule(text)


def test_what_recurs_is_bounded() -> None:
    with pytest.raises(ValueError, match="at most 31 days"):
        rule("FREQ=DAILY", minutes=32 * 1440)
    with pytest.raises(ValueError, match="starts in the years 2000 to 2199"):
        rule("FREQ=DAILY", "1970-01-01T00:00:00")


def test_until_in_utc_is_an_instant_in_the_hour_that_comes_twice() -> None:
    """At 01:45 summer time it is 00:45 UTC, before 01:30 UTC; the clock, which shows 01:30 twice, does not tell."""
    found = rule(
        "FREQ=DAILY;UNTIL=20261025T013000Z", "2026-10-24T01:45:00", minutes=10, timezone="Europe/London"
    ).spans(within("2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z"))
    assert shown(found) == ["2026-10-24T00:45:00Z 10", "2026-10-25T00:45:00Z 10"]
