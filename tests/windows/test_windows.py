"""Windows, ranges, grids and instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.windows import CALENDAR_UNITS, Grid, TimeRange, Window, format_instant, parse_instant


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_a_rolling_window_ends_at_the_instant() -> None:
    assert Window.parse("30d").range_at(ms("2026-11-20T12:00:00Z")) == TimeRange(
        ms("2026-10-21T12:00:00Z"), ms("2026-11-20T12:00:00Z")
    )


@pytest.mark.parametrize(
    ("unit", "zone", "at", "start", "end"),
    [
        ("day", "UTC", "2026-11-20T12:00:00Z", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
        ("week", "UTC", "2026-11-20T12:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
        ("month", "UTC", "2026-11-20T12:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("quarter", "UTC", "2026-11-20T12:00:00Z", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("year", "UTC", "2026-11-20T12:00:00Z", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        # A day in March in London has 23 hours, a day in October 25.
        ("day", "Europe/London", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"),
        ("day", "Europe/London", "2026-10-25T12:00:00Z", "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"),
        ("month", "America/New_York", "2026-11-01T03:00:00Z", "2026-10-01T04:00:00Z", "2026-11-01T04:00:00Z"),
        # What starts at the instant has just ended there: ranges are closed on the right.
        ("month", "UTC", "2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("month", "UTC", "2026-11-01T00:00:00.001Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
    ],
)
def test_a_calendar_unit_begins_and_ends_in_its_time_zone(unit: str, zone: str, at: str, start: str, end: str) -> None:
    assert Window.parse(unit, zone).calendar_period(ms(at)) == TimeRange(ms(start), ms(end))


@given(
    st.sampled_from(CALENDAR_UNITS),
    st.sampled_from(
        [
            "UTC",
            "Europe/London",
            "Asia/Kathmandu",
            "America/St_Johns",
            "Pacific/Apia",
            "Africa/Cairo",
            "America/Havana",
            "America/Sao_Paulo",
            "Asia/Beirut",
            "Australia/Lord_Howe",
        ]
    ),
    st.integers(ms("2001-01-01T00:00:00Z"), ms("2040-01-01T00:00:00Z")),
)
def test_calendar_periods_hold_their_instant_and_meet_without_a_gap(unit: str, zone: str, at: int) -> None:
    window = Window.parse(unit, zone)
    period = window.calendar_period(at)
    assert period.start_ms < at <= period.end_ms
    assert window.calendar_period(period.end_ms + 1).start_ms == period.end_ms
    assert window.calendar_period(period.start_ms).end_ms == period.start_ms
    local = datetime.fromtimestamp(period.start_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    assert (local.minute, local.second) == (0, 0)


@pytest.mark.parametrize("text", ["", "30", "59s", "fortnight", "0d", "-30d", "800d", "1000000000w"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|shorter than a minute|longer than two years"):
        Window.parse(text)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "/etc/localtime", "", "\0"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        Window.parse("month", zone)


@pytest.mark.parametrize(
    ("text", "zone", "shown"), [("30d", "UTC", "30d"), ("720h", "UTC", "30d"), ("month", "UTC", "month"),
                                ("week", "Europe/London", "week Europe/London")]
)  # fmt: skip
def test_a_window_shows_itself(text: str, zone: str, shown: str) -> None:
    assert str(Window.parse(text, zone)) == shown


def test_a_window_as_json() -> None:
    assert Window.parse("30d").to_json() == {"kind": "rolling", "length": "30d"}
    assert Window.parse("month", "Europe/London").to_json() == {
        "kind": "calendar",
        "unit": "month",
        "timezone": "Europe/London",
    }


@given(st.integers(0, 10**13), st.integers(1, 10**9), st.integers(1, 10**6))
def test_a_grid_ends_at_its_instant_and_covers_the_length(end_ms: int, length_ms: int, step_ms: int) -> None:
    grid = Grid.ending_at(end_ms, length_ms, step_ms)
    assert grid.end_ms == end_ms
    assert length_ms <= end_ms - grid.start_ms < length_ms + step_ms


def test_a_range_does_not_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        TimeRange(2, 1)


@given(st.integers(-(10**12), 10**13))
def test_an_instant_survives_writing_and_reading(at_ms: int) -> None:
    text = format_instant(at_ms)
    assert text is not None
    assert parse_instant(text) == at_ms


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-11-20T12:00:00Z", 1795176000000),
        ("2026-11-20T13:00:00.5+01:00", 1795176000500),
        ("1795176000", 1795176000000),
        ("1795176000.25", 1795176000250),
    ],
)
def test_instants_are_read(text: str, at_ms: int) -> None:
    assert parse_instant(text) == at_ms


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-20T12:00:00", "2026-11-20", "2026-13-01T00:00:00Z", "nan", "inf"]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no time|has no offset"):
        parse_instant(text)


@pytest.mark.parametrize(
    "text", ["99999999999999999999", "253402300800", "-62135596801", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_an_instant_that_no_calendar_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="lies outside the years 10 to 9990"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["0010-01-01T00:00:00Z", "9990-12-31T23:59:59Z"])
@pytest.mark.parametrize("unit", ["732d", *CALENDAR_UNITS])
def test_every_instant_that_is_taken_has_a_window_in_every_zone(text: str, unit: str) -> None:
    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        span = Window.parse(unit, zone).range_at(parse_instant(text))
        assert format_instant(span.start_ms) is not None


def test_no_instant_is_none() -> None:
    assert format_instant(None) is None


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_an_instant_is_written_as_rfc_3339_in_utc(at_ms: int) -> None:
    moment = datetime(1970, 1, 1) + timedelta(milliseconds=at_ms)

    written = moment.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds") + "Z"

    assert format_instant(at_ms) == written
