"""Times on the reader's clock: texts, figures, and what happens when clocks are set."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.test_pages import drawn

import observatory.web.panels
from observatory.figures.clock import known_zone, offset_ms, on_the_clock, set_clock, zone_of
from observatory.figures.curve import Curve
from observatory.figures.lines import Marker, line_figure
from observatory.figures.theme import DARK
from observatory.web.parts import clock
from observatory.web.view import View
from observatory.windows import TimeRange, parse_instant

HOUR_MS = 3_600_000
NOON = parse_instant("2026-11-20T12:00:00Z")
BERLIN_BACK = parse_instant("2026-10-25T01:00:00Z")
"""Clocks in Berlin go from 03:00 back to 02:00."""
PANELS = Path(observatory.web.panels.__file__).parent


def figure(start_ms: int, hours: int) -> go.Figure:
    t_ms = start_ms + np.arange(1, hours + 1, dtype=np.int64) * HOUR_MS
    curve = Curve(name="lag", t_ms=t_ms, value=np.arange(hours, dtype=np.float64))
    span = TimeRange(start_ms, start_ms + hours * HOUR_MS)
    marker = Marker(start_ms + HOUR_MS, "deploy")
    return line_figure([curve], theme=DARK, span=span, unit="message", markers=[marker])


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("UTC", "12:00"), ("Europe/Berlin", "13:00"), ("Asia/Kolkata", "17:30"), ("America/St_Johns", "08:30")],
)
def test_a_time_is_read_on_the_clock_of_its_zone(zone: str, shown: str) -> None:
    assert clock(NOON, NOON, zone) == shown


def test_a_day_is_the_readers_day() -> None:
    assert clock(parse_instant("2026-11-19T23:30:00Z"), NOON, "UTC") == "11-19 23:30"
    assert clock(parse_instant("2026-11-19T23:30:00Z"), NOON, "Europe/Berlin") == "00:30"


@given(st.text(max_size=100))
def test_a_zone_that_nobody_knows_is_utc(name: str) -> None:
    assert known_zone(name) in (name, "UTC")
    assert zone_of(known_zone(name)) is zone_of(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/localtime", "Europe", "Europe/Berlin\0", "browser", ""])
def test_a_zone_from_the_address_never_is_a_path(name: str) -> None:
    assert zone_of(name) is zone_of("UTC")


def test_an_absolute_range_is_told_with_the_zone() -> None:
    view = View.parse("?from=2026-11-20T10:00:00Z&to=2026-11-20T12:00:00Z&tz=Europe/Berlin")
    assert view.words == "2026-11-20 11:00 to 13:00 CET"


def test_a_figure_is_written_whole_on_the_readers_clock() -> None:
    made = figure(NOON, 24)
    set_clock(made, "Asia/Kolkata")
    assert made.data[0].x0 == "2026-11-20 18:30:00"
    assert made.data[0].dx == HOUR_MS
    assert list(made.layout.xaxis.range) == ["2026-11-20 17:30:00", "2026-11-21 17:30:00"]
    assert made.layout.shapes[0].x0 == "2026-11-20 18:30:00"
    assert made.layout.annotations[0].x == "2026-11-20 18:30:00"


def test_an_hour_that_comes_twice_comes_twice_in_the_figure() -> None:
    made = figure(BERLIN_BACK - 2 * HOUR_MS, 4)
    set_clock(made, "Europe/Berlin")
    assert [at[11:13] for at in made.data[0].x] == ["02", "02", "03", "04"]


def test_no_number_is_left_for_the_browsers_own_zone_to_read() -> None:
    made = figure(NOON + 250, 4)
    set_clock(made, "UTC")
    assert made.data[0].x0 == "2026-11-20 13:00:00.250"
    assert str(NOON)[:6] not in made.to_json()


def test_figures_without_times_stay_as_they_are() -> None:
    bars = go.Figure(go.Bar(x=["p0", "p1"], y=[1, 2]))
    set_clock(bars, "Asia/Kolkata")
    assert list(bars.data[0].x) == ["p0", "p1"]


@given(st.integers(min_value=0, max_value=2_000_000_000_000), st.sampled_from(["Asia/Kolkata", "Europe/Berlin"]))
def test_the_clock_is_the_offset_of_each_instant(start_ms: int, zone: str) -> None:
    t_ms = start_ms + np.arange(100, dtype=np.int64) * HOUR_MS * 24
    moved = on_the_clock(t_ms, zone)
    assert [int(at) for at in moved - t_ms] == [offset_ms(int(at), zone) for at in t_ms]


def test_no_panel_shows_a_time_but_on_the_readers_clock() -> None:
    for path in PANELS.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?<![.\w])clock\(|format_instant\(|strftime|isoformat", text), path.name


def test_a_panel_tells_its_times_in_the_zone_of_the_view() -> None:
    assert "11:38" in drawn("on-call", "firing")
    assert "20:38" in drawn("on-call", "firing", search="?range=24h&tz=Asia/Tokyo")
