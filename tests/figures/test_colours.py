"""Colours in all themes: read by everybody, and told apart by eyes of every kind.

Contrast is that of WCAG 2.2: 4.5 for text, 3 for marks that carry a meaning. Distances are ΔE of CIE 1976 between two
colours as an eye sees them; eyes are those of Machado, Oliveira and Fernandes, "A Physiologically-based Model for
Simulation of Color Vision Deficiency" (2009), severity 1.0, applied to linear RGB.
"""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import observatory.figures
from observatory.figures.theme import THEMES, Theme, contrast, readable_on

STYLE = Path(observatory.figures.__file__).parents[1] / "web" / "assets" / "observatory.css"
EYES = {
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
STATES = ("meeting", "at-risk", "breached", "no-data")
GROUNDS = {
    # Which words stand on which ground, as the style sheet has it.
    "panel": ("text", "muted", "faint", "accent", *STATES),
    "background": ("text", "muted", "faint", "accent"),
    "raised": ("text", "muted"),
    "chosen": ("text", "muted", *STATES),
    "accent-soft": ("text",),
    "bad-soft": ("text", "muted", "breached"),
    "late-soft": ("text", "muted", "at-risk"),
    "breached": ("page-ink",),
}
MARKS = ("accent", "meeting", "at-risk", "breached", "muted", *(f"series-{index}" for index in range(8)))


def tokens(theme: Theme) -> dict[str, str]:
    """Every colour that the style sheet gives a theme; a twin has those of its model where it names no other."""
    text = STYLE.read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for name in dict.fromkeys((theme.name.removesuffix("-safe"), theme.name)):
        block = re.search(rf'\[data-theme="{name}"\][^{{]*\{{(.*?)\}}', text, re.S)
        assert block, name
        found |= dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block[1]))
    return found


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_can_be_read_on_every_ground_they_stand_on(theme: Theme) -> None:
    found = tokens(theme)
    faint = {
        f"{ink} on {ground}": round(contrast(found[ink], found[ground]), 2)
        for ground, inks in GROUNDS.items()
        for ink in inks
        if contrast(found[ink], found[ground]) < 4.5
    }
    assert faint == {}


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_marks_can_be_seen_on_a_panel(theme: Theme) -> None:
    found = tokens(theme)
    assert {
        name: contrast(found[name], found["panel"]) for name in MARKS if contrast(found[name], found["panel"]) < 3
    } == {}


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_what_is_left_of_a_budget_can_be_seen_in_its_bar(theme: Theme) -> None:
    found = tokens(theme)
    for state in ("meeting", "at-risk", "breached"):
        assert contrast(found[state], found["track"]) >= 3, state


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_numbers_can_be_read_on_every_heat_colour(theme: Theme) -> None:
    for colour in theme.heat:
        assert contrast(readable_on(colour), colour) >= 4.5, colour


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_states_differ_for_every_eye(theme: Theme, eye: str) -> None:
    found = tokens(theme)
    near = {
        f"{one} and {other}": round(distance(found[one], found[other], eye), 1)
        for one, other in combinations(STATES, 2)
        if distance(found[one], found[other], eye) < 20
    }
    assert near == {}


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_steps_of_heat_that_page_differ_from_those_that_do_not(theme: Theme, eye: str) -> None:
    assert distance(theme.heat[4], theme.heat[2], eye) >= 20
    assert distance(theme.heat[3], theme.heat[1], eye) >= 20
    assert distance(theme.heat[4], theme.heat[3], eye) >= 20


def test_black_and_white_are_a_hundred_apart() -> None:
    assert distance("#000000", "#ffffff", "normal") == pytest.approx(100, abs=0.01)
    # ΔE76 of the primaries red and green of sRGB.
    assert distance("#ff0000", "#00ff00", "normal") == pytest.approx(170.6, abs=0.1)
    assert distance("#ff0000", "#7f6f00", "protan") < distance("#ff0000", "#7f6f00", "normal")


def distance(one: str, other: str, eye: str) -> float:
    """ΔE76 of two colours as an eye sees them."""
    return float(np.linalg.norm(_lab(one, eye) - _lab(other, eye)))


def _lab(colour: str, eye: str) -> np.ndarray:
    encoded = np.array([int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    shown = np.clip(np.array(EYES[eye]) @ linear, 0, 1)
    xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
    )
    scaled = (xyz @ shown) / np.array([0.95047, 1.0, 1.08883])
    root = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])
