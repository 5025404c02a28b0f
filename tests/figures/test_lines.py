"""Figures: what a line, a stack, a bar and a heat cell carry."""

from __future__ import annotations

import numpy as np
import pytest

from observatory.figures.curve import Curve, alone, axis_arrays, thinned
from observatory.figures.heat import skew_figure
from observatory.figures.layout import Guide, Marker
from observatory.figures.lines import bar_figure, line_figure
from observatory.figures.scale import scale_for, units_of
from observatory.figures.theme import DARK, LIGHT, contrast
from observatory.windows import TimeRange

SPAN = TimeRange(0, 3_600_000)
T_MS = np.arange(1, 61, dtype=np.int64) * 60_000


def test_equal_steps_travel_as_a_start_and_a_step() -> None:
    arrays = axis_arrays(T_MS, np.ones(60))
    assert (arrays["x0"], arrays["dx"]) == (60_000, 60_000)
    assert arrays["y"].dtype == np.float32
    assert "x" not in arrays


def test_unequal_steps_travel_as_milliseconds() -> None:
    assert axis_arrays(np.array([1, 2, 4], dtype=np.int64), np.ones(3))["x"].tolist() == [1, 2, 4]


def test_thinning_keeps_the_peak_and_the_hole() -> None:
    value = np.zeros(20_000)
    value[12_345] = 9.0
    value[3000:3100] = np.nan
    t_ms, thin = thinned(np.arange(20_000, dtype=np.int64), value, 500)
    assert len(thin) < 520
    assert np.nanmax(thin) == 9.0
    assert t_ms[np.isnan(thin)].tolist()[0] == 3000


def test_a_value_without_neighbours_is_a_dot_of_its_lines_colour() -> None:
    value = np.full(60, np.nan)
    value[[3, 20, 21, 59]] = 2.0
    assert np.flatnonzero(alone(value)).tolist() == [3, 59]
    figure = line_figure([Curve(name="a", t_ms=T_MS, value=value)], theme=DARK, span=SPAN, unit="")
    line, dots = figure.data
    assert (line.mode, dots.mode) == ("lines", "markers")
    assert (list(dots.x), list(dots.y)) == ([T_MS[3], T_MS[59]], [2.0, 2.0])
    assert dots.marker.color == line.line.color
    whole = line_figure([Curve(name="a", t_ms=T_MS, value=np.ones(60))], theme=DARK, span=SPAN, unit="")
    assert len(whole.data) == 1


def test_words_of_a_marker_stand_where_there_is_room_and_whole_when_pointed_at() -> None:
    long = "settlement-writer-of-the-card-team 4.18.0"
    figure = line_figure(
        [Curve(name="a", t_ms=T_MS, value=np.ones(60))],
        theme=DARK,
        span=SPAN,
        unit="",
        markers=[Marker(600_000, "cart 1.2"), Marker(3_000_000, long)],
    )
    early, late = figure.layout.annotations
    assert (early.text, early.xanchor, early.hovertext) == ("cart 1.2", "left", None)
    assert (late.text, late.xanchor) == ("settlement-writer-of-the-…", "right")
    assert (early.yshift, late.yshift) == (None, -15)
    assert late.hovertext == "settlement-writer-of-the-card-team 4.18…"


def test_a_latency_axis_is_in_milliseconds_and_its_guide_too() -> None:
    figure = line_figure(
        [Curve(name="a", t_ms=T_MS, value=np.full(60, 0.12))],
        theme=DARK,
        span=SPAN,
        unit="second",
        statistic="p99",
        guides=[Guide(0.5, "objective 500 ms")],
    )
    assert figure.layout.yaxis.ticksuffix == " ms"
    assert figure.data[0].y[0] == pytest.approx(120)
    assert figure.layout.shapes[0].y0 == pytest.approx(500)


@pytest.mark.parametrize(
    ("unit", "statistic", "largest", "suffix", "factor"),
    [
        ("second", "p99", 0.05, " ms", 1000.0),
        ("second", "level", 12.0, " s", 1.0),
        ("second", "behind", 600.0, " min", 1 / 60),
        ("message", "rate", 30.0, "/s", 1.0),
        ("message", "rate", 0.05, "/min", 60.0),
        ("ratio", "level", 0.9, " %", 100.0),
        ("message", "level", 5.0, "", 1.0),
        ("byte", "level", 3 * 2.0**30, " GiB", 2.0**-30),
        ("byte", "level", 12.0, " B", 1.0),
    ],
)
def test_axes_choose_a_unit_with_short_numbers(
    unit: str, statistic: str, largest: float, suffix: str, factor: float
) -> None:
    scale = scale_for(unit, statistic, [largest])
    assert scale.suffix == suffix
    assert scale.factor == pytest.approx(factor)


def test_an_axis_is_written_in_the_unit_that_was_asked_for_where_that_fits() -> None:
    assert scale_for("second", "p99", [0.05], "s").suffix == " s"
    assert scale_for("message", "rate", [30.0], "/min").factor == 60.0
    assert scale_for("message", "level", [30.0], "ms").suffix == ""
    assert units_of("second", "level") == ("d", "h", "min", "s", "ms", "µs")
    assert units_of("message", "level") == ()


def test_names_from_documents_are_no_markup_in_a_legend() -> None:
    figure = line_figure(
        [Curve(name="<b>x</b> & y", t_ms=T_MS, value=np.ones(60))], theme=DARK, span=SPAN, unit="message"
    )
    assert figure.data[0].name == "&lt;b&gt;x&lt;/b&gt; &amp; y"


def test_lines_differ_in_dash_as_well_as_in_colour() -> None:
    figure = line_figure(
        [Curve(name=name, t_ms=T_MS, value=np.ones(60)) for name in "abc"], theme=LIGHT, span=SPAN, unit="message"
    )
    assert len({(line.line.dash, line.line.color) for line in figure.data}) == 3
    assert len({line.line.dash for line in figure.data}) == 3


def test_bars_stand_on_their_step() -> None:
    figure = bar_figure(
        [Curve(name="failed", t_ms=T_MS, value=np.ones(60), meaning="breached")], theme=DARK, span=SPAN, unit="request"
    )
    assert figure.data[0].x0 == 30_000
    assert figure.data[0].marker.color == DARK.breached


def test_a_hot_cell_is_written_in_a_colour_that_can_be_read() -> None:
    figure = skew_figure(["orders"], ["p0", "p1"], np.array([[0.4, 3.2]]), theme=DARK)
    shown = {note.text: note.font.color for note in figure.layout.annotations}
    assert contrast(shown["3.2"], DARK.heat[4]) >= 4.5
    assert contrast(shown["0.4"], DARK.heat[0]) >= 4.5


def test_a_partition_that_is_not_there_has_no_number() -> None:
    figure = skew_figure(["orders"], ["p0", "p1"], np.array([[1.0, np.nan]]), theme=DARK)
    assert [note.text for note in figure.layout.annotations] == ["1.0"]
