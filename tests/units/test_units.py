"""Durations, percentages and counts, read and shown."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.units import (
    compact_duration,
    format_count,
    format_duration,
    format_percentage,
    format_whole_percentage,
    number_of,
    parse_duration,
    parse_message_count,
    parse_percentage,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("60s", 60.0), ("1m30s", 90.0), ("1h 30m", 5400.0), ("30d", 2_592_000.0), ("2w", 1_209_600.0),
     ("0.25s", 0.25), ("1.5h", 5400.0)],
)  # fmt: skip
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "500", "5 minutes", "-5s", "1y", "s", "1e3s", "5S", "1,5s", "5s!", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.integers(0, 10**11))
def test_a_compact_duration_survives_reading(milliseconds: int) -> None:
    assert round(parse_duration(compact_duration(milliseconds / 1000)) * 1000) == milliseconds


@given(st.decimals(0, 100, allow_nan=False, places=4))
def test_a_percentage_is_the_nearest_float_of_its_ratio(number: Decimal) -> None:
    assert parse_percentage(f"{number}%") == float(number / 100)


@pytest.mark.parametrize(
    ("text", "ratio"), [("99.9%", 0.999), ("99.99 %", 0.9999), ("1e1%", 0.1), ("0%", 0.0), ("-1%", -0.01)]
)
def test_percentages_are_read_exactly(text: str, ratio: float) -> None:
    assert parse_percentage(text) == ratio


@pytest.mark.parametrize("text", ["99.9", "%", "a%", "99,9%", "99.9%%", "nan%", "inf%", "1_0%", "٩%"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a percentage"):
        parse_percentage(text)


@pytest.mark.parametrize(
    ("text", "count"), [("10000 messages", 10000.0), ("1 message", 1.0), ("5events", 5.0), (" 7 messages ", 7.0)]
)
def test_counts_are_read(text: str, count: float) -> None:
    assert parse_message_count(text) == count


@pytest.mark.parametrize("text", ["10000", "messages", "-1 messages", "1,000 messages"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a count"):
        parse_message_count(text)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 ms"),
        (0.12, "120 ms"),
        (0.9999, "1 s"),
        (59.4, "59.4 s"),
        (59.96, "1 min"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (2280, "38 min"),
        (3599, "1 h"),
        (3600, "1 h"),
        (4800, "1 h 20 min"),
        (86399, "1 d"),
        (777600, "9 d"),
        (788400, "9 d 3 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_durations_are_shown_as_people_read_them(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown


@given(st.floats(0, 1, exclude_max=True), st.sampled_from([None, 0.9, 0.99, 0.999, 0.99999]))
def test_only_a_clean_record_reads_100_percent(ratio: float, target: float | None) -> None:
    assert float(format_percentage(ratio, target=target).removesuffix(" %")) < 100


@pytest.mark.parametrize(
    ("ratio", "target", "shown"),
    [(1.0, 0.999, "100.000 %"), (0.99996, 0.999, "99.996 %"), (0.999999, 0.99, "99.99 %"), (0.5, None, "50.00 %")],
)
def test_a_percentage_has_the_digits_that_its_target_needs(ratio: float, target: float | None, shown: str) -> None:
    assert format_percentage(ratio, target=target) == shown


@pytest.mark.parametrize(("value", "shown"), [(1234567.0, "1,234,567"), (0.5, "0.50"), (0, "0")])
def test_counts_have_their_thousands_apart(value: float, shown: str) -> None:
    assert format_count(value) == shown


@pytest.mark.parametrize(("number", "text"), [(0, "0 channels"), (1, "1 channel"), (2, "2 channels")])
def test_a_number_of_things_is_told_in_words(number: int, text: str) -> None:
    assert number_of(number, "channel") == text


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.0, "100 %"),
        (0.999_999, "99.9 %"),
        (0.996, "99.6 %"),
        (0.994, "99 %"),
        (0.004, "0.4 %"),
        (1e-6, "0.1 %"),
        (0.0, "0 %"),
        (-1e-15, "0 %"),
        (-0.0001, "-0.1 %"),
        (-0.384, "-38 %"),
        (1.004, "100 %"),
    ],
)
def test_whole_per_cents_keep_what_was_touched_apart_from_what_was_not(ratio: float, words: str) -> None:
    assert format_whole_percentage(ratio) == words
