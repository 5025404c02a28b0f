"""The address bar as a value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.web.panels.lag import movement
from observatory.web.parts import heat_values, milliseconds_text, outward, short_duration, spark_values, whole_percent
from observatory.web.view import View, step_for
from observatory.windows import TimeRange

DAY_MS = 86_400_000


def test_a_relative_range_ends_at_the_snapshot() -> None:
    assert View.parse("?range=6h").span(DAY_MS) == TimeRange(DAY_MS - 21_600_000, DAY_MS)


def test_a_frozen_range_does_not_move() -> None:
    view = View.parse("?from=2026-11-20T10:00:00Z&to=2026-11-20T12:00:00Z")
    assert view.span(0).seconds == 7200
    assert view.words == "2026-11-20 10:00 to 12:00 UTC"


def test_a_range_that_ends_before_it_starts_is_ignored() -> None:
    assert View.parse("?from=2026-11-20T12:00:00Z&to=2026-11-20T10:00:00Z").absolute is None


@given(st.text(max_size=200))
def test_any_query_string_gives_a_view(search: str) -> None:
    view = View.parse(search)
    assert view.span(40 * DAY_MS).seconds > 0
    assert view.theme in ("dark", "light")


def test_a_link_holds_what_differs_from_the_default() -> None:
    assert View.parse("?range=7d&q=a b").link("/debug") == "/debug?range=7d&q=a+b"
    assert View.parse("?range=24h").link("/debug") == "/debug"
    narrowed = View.parse("?owner=pay-core&broker=kafka%3A9092&journey=shop%2Fjourneys%2Fpaid")
    assert (narrowed.owner, narrowed.broker, narrowed.journey) == ("pay-core", "kafka:9092", "shop/journeys/paid")
    assert narrowed.link("/map") == "/map?owner=pay-core&broker=kafka%3A9092&journey=shop%2Fjourneys%2Fpaid"


@given(st.integers(min_value=1000, max_value=400 * DAY_MS))
def test_steps_keep_a_line_within_its_points(length: int) -> None:
    assert math.ceil(length / step_for(TimeRange(0, length))) <= 420


def test_a_sparkline_keeps_holes_and_peaks() -> None:
    assert spark_values([0, 1, math.nan, 2]) == "0050..99"
    assert spark_values([1.0] * 3) == "505050"
    assert spark_values([math.nan]) == ""
    spike = [0.0] * 200
    spike[101] = 5.0
    assert "99" in spark_values(spike)


def test_heat_cells_change_at_the_alert_thresholds() -> None:
    assert heat_values([0.99, 1, 3, 6, 14.4, math.nan]) == "01234x"


def test_an_overspent_budget_has_a_true_minus() -> None:
    assert whole_percent(-0.384) == "−38 %"
    assert whole_percent(-0.003) == "−0.3 %"
    assert whole_percent(None) == "–"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (-9.994, "−999 %"),
        (-9.996, "−10×"),
        (-999.0, "−999×"),
        (-9999.4, "−9999×"),
        (-99_999.0, "−100k×"),
        (11.6, "12×"),
    ],
)
def test_a_budget_overspent_many_times_is_written_as_a_multiple(left: float, words: str) -> None:
    assert whole_percent(left) == words


def test_durations_have_one_unit() -> None:
    assert [short_duration(one) for one in (12, 2280, 21_600, 777_600)] == ["12 s", "38 min", "6 h", "9 d"]
    assert [milliseconds_text(one) for one in (0.184, 1.84, 0.9996, 59.0, 300.0, 7300.0)] == [
        "184 ms",
        "1.84 s",
        "1000 ms",
        "59 s",
        "5 min",
        "2.03 h",
    ]


def test_an_address_that_is_no_web_page_is_no_link() -> None:
    assert outward("runbook", "javascript:alert(1)").__class__.__name__ == "Span"
    assert outward("runbook", "https://runbooks.example/a").href == "https://runbooks.example/a"


def test_a_backlog_is_judged_by_where_it_goes() -> None:
    calm = np.full(200, 5.0)
    rising = np.concatenate([np.full(180, 5.0), np.linspace(5, 5000, 20)])
    falling = np.concatenate([np.full(150, 5.0), np.linspace(5000, 1000, 50)])
    assert movement(calm) == "keeping up"
    assert movement(rising) == "stalled"
    assert movement(falling) == "draining"
    assert movement(np.full(10, np.nan)) == "unknown"
