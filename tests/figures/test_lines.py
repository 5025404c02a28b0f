"""Figures: what a line, a stack, a bar and a heat cell carry."""

from __future__ import annotations

import numpy as np
import pytest

from observatory.figures.curve import Curve, axis_arrays, thinned
from observatory.figures.heat import skew_figure
from observatory.figures.layout import Guide
from observatory.figures.lines import bar_figure, line_figure
from observatory.figures.scale import scale_for, units_of
from observatory.figures.theme import DARK, LIGHT, THEMES, contrast, readable_on
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


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_of_state_can_be_read_on_a_panel(theme: type) -> None:
    for name in ("text", "muted", "faint", "accent", "meeting", "at_risk", "breached", "no_data"):
        assert contrast(getattr(theme, name), theme.panel) >= 4.5, name  # type: ignore[attr-defined]


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_numbers_can_be_read_on_every_heat_colour(theme: type) -> None:
    for colour in theme.heat:  # type: ignore[attr-defined]
        assert contrast(readable_on(colour), colour) >= 4.5, colour


VISION = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB."""


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_states_differ_for_every_eye(theme: type, vision: str) -> None:
    seen = [_lab(getattr(theme, name), VISION[vision]) for name in ("meeting", "at_risk", "breached")]
    nearest = min(float(np.linalg.norm(a - b)) for index, a in enumerate(seen) for b in seen[:index])
    assert nearest >= 20


def _lab(colour: str, matrix: tuple[tuple[float, ...], ...]) -> np.ndarray:
    encoded = np.array([int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    shown = np.clip(np.array(matrix) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ shown
    scaled = xyz / np.array([0.95047, 1.0, 1.08883])
    root = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])
