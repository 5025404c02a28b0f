"""Months begin at midnight where one lives."""

from __future__ import annotations

import pytest

from observatory.review.months import Month
from observatory.windows import format_instant


def test_a_month_is_written_with_year_and_number() -> None:
    assert (Month.parse("2026-10").title, str(Month.parse("2026-10").before)) == ("October 2026", "2026-09")


def test_january_follows_december_of_the_year_before() -> None:
    assert str(Month.parse("2026-01").before) == "2025-12"


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "October", "2026-10-01", "0000-01", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no month; write it as 2026-10"):
        Month.parse(text)


def test_a_month_begins_at_local_midnight_and_changes_clocks_on_the_way() -> None:
    span = Month.parse("2026-10").range_in("Europe/London")

    assert (format_instant(span.start_ms), format_instant(span.end_ms)) == (
        "2026-09-30T23:00:00Z",
        "2026-11-01T00:00:00Z",
    )


def test_the_day_on_which_clocks_go_back_has_25_hours() -> None:
    days = dict(Month.parse("2026-10").days_in("Europe/London"))

    assert len(days) == 31
    assert days["2026-10-25"].seconds == 25 * 3600
    assert sum(day.seconds for day in days.values()) == Month.parse("2026-10").range_in("Europe/London").seconds


@pytest.mark.parametrize(("month", "days"), [("2026-02", 28), ("2028-02", 29), ("2026-04", 30), ("2026-12", 31)])
def test_a_month_has_the_days_of_the_calendar(month: str, days: int) -> None:
    assert len(Month.parse(month).days_in("UTC")) == days


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        Month.parse("2026-10").range_in("Europe/Atlantis")
