"""Inline SVG is well-formed, safe with any text, and draws what the numbers say."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from observatory.figures.svg import element, escaped, hatching, number, segments, words
from observatory.figures.svg_line import Line, line_chart, round_ticks
from observatory.figures.svg_strips import budget_bar, heat_step, heat_strip, sparkline

SVG = "{http://www.w3.org/2000/svg}"


@given(st.text())
def test_any_text_gives_well_formed_markup(text: str) -> None:
    svg = f"<g>{words(0, 0, text)}{element('a', {'title': text})}</g>"

    assert ElementTree.fromstring(svg).tag == "g"


def test_markup_in_text_is_shown_and_not_obeyed() -> None:
    assert escaped('<script>"&\x00') == "&lt;script&gt;&quot;&amp;"


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (1.005, "1"), (2.5, "2.5"), (-0.001, "0"), (10.0, "10")])
def test_coordinates_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_a_coordinate_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="no coordinate"):
        number(math.nan)


def test_a_line_breaks_where_nothing_was_observed() -> None:
    assert segments([math.nan, 1.0, 2.0, math.nan, 3.0]) == [(1, 3), (4, 5)]


def test_a_sparkline_starts_low_and_ends_high_for_rising_values() -> None:
    root = ElementTree.fromstring(sparkline([0.0, 1.0], width=12, height=14))

    assert root.find(f"{SVG}path").get("d") == "M1 12L11 2"  # type: ignore[union-attr]


def test_equal_values_draw_a_line_in_the_middle() -> None:
    assert "M1 10L" in sparkline([5.0, 5.0], width=12, height=20)


def test_a_sparkline_without_values_says_no_data() -> None:
    assert ElementTree.fromstring(sparkline([math.nan])).get("aria-label") == "no data"


def test_half_a_budget_fills_half_the_bar() -> None:
    root = ElementTree.fromstring(budget_bar(0.5, width=100, even=0.25))
    _, fill, tick = root.findall(f"{SVG}rect")

    assert (fill.get("width"), tick.get("x")) == ("50", "24.62")
    assert root.get("aria-label") == "50.00 % of the error budget left"


def test_an_overspent_budget_is_hatched_and_says_by_how_much() -> None:
    root = ElementTree.fromstring(budget_bar(-0.38, width=100))

    assert root.get("aria-label") == "error budget overspent by 38.00 %"
    assert root.findall(f"{SVG}rect")[1].get("width") == "38"
    assert root.find(f"{SVG}path") is not None


def test_an_unknown_budget_is_neither_full_nor_empty() -> None:
    assert ElementTree.fromstring(budget_bar(None)).get("aria-label") == "error budget not known"


@pytest.mark.parametrize(("burn", "step"), [(0.0, 0), (0.99, 0), (1.0, 1), (3.0, 2), (6.0, 3), (14.39, 3), (14.4, 4)])
def test_heat_changes_at_the_factors_of_the_alert_policy(burn: float, step: int) -> None:
    assert heat_step(burn) == step


def test_a_missing_day_in_the_heat_strip_is_hatched() -> None:
    root = ElementTree.fromstring(heat_strip([0.5, math.nan], titles=["1 Oct", "2 Oct"]))

    assert [title.text for title in root.iter(f"{SVG}title")] == ["1 Oct: burn rate under 1×", "2 Oct: no data"]
    assert root.find(f"{SVG}path") is not None


@example(low=232096729.515162, length=1e-06)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_span_the_values(low: float, length: float) -> None:
    ticks = round_ticks(low, low + length)

    # As close as floats of this size lie.
    dust = length * 1e-6 + 4 * math.ulp(max(abs(low), abs(low + length)))
    assert ticks[0] <= low + dust
    assert ticks[-1] >= (low + length) - dust
    assert 2 <= len(ticks) <= 7


def test_hatching_stays_inside_its_rectangle() -> None:
    path = hatching(10, 0, 20, 8, "breached")
    numbers = [float(part) for part in path.split('d="')[1].split('"')[0].replace("M", " ").replace("L", " ").split()]

    assert min(numbers[::2]) >= 10
    assert max(numbers[::2]) <= 30
    assert (min(numbers[1::2]), max(numbers[1::2])) == (0, 8)


def test_a_line_chart_names_its_lines_and_keeps_holes() -> None:
    chart = line_chart(
        [Line(name="payments", values=[1.0, math.nan, 0.5]), Line(name="<b>", values=[1.0, 1.0, 1.0])],
        ticks=[(0.0, "1 Oct"), (1.0, "31 Oct")],
        label="budget",
        show=lambda value: f"{value:.0%}",
    )
    root = ElementTree.fromstring(chart)
    texts = [text.text for text in root.iter(f"{SVG}text")]

    assert {"payments", "<b>", "1 Oct", "31 Oct", "100%"} <= set(texts)
    assert root.get("aria-label") == "budget"


def test_a_line_chart_without_values_says_so() -> None:
    chart = line_chart([Line(name="a", values=[math.nan])], ticks=[], label="budget", show=str)

    assert ElementTree.fromstring(chart).get("aria-label") == "budget: no data"
