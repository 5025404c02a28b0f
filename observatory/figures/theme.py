"""Colours of the themes: the one place that figures take them from. The style sheet holds the same values.

Each of dark and light has a colour-blind-safe twin: status and series colours lie far apart under protan, deutan and
tritan simulation, and the steps of heat strips are ordered by lightness alone, so that they read in grey too.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from observatory.evaluate.judgement import AT_RISK_REMAINING

ThemeName = Literal["dark", "light", "dark-safe", "light-safe"]
Tone = Literal["meeting", "at_risk", "breached", "no_data"]
"""A status word whose colour something takes."""


class Theme(Struct, frozen=True, kw_only=True):
    """One set of colours as `#rrggbb`.

    Attributes:
        heat: Five steps of a burn rate: under 1, 1-3, 3-6, 6-14.4, from 14.4.
        series: Categorical colours, for lines and services; none of them means a status.
    """

    name: ThemeName
    background: str
    panel: str
    line: str
    text: str
    muted: str
    faint: str
    accent: str
    meeting: str
    at_risk: str
    breached: str
    no_data: str
    track: str
    heat: tuple[str, str, str, str, str]
    series: tuple[str, ...]


DARK = Theme(
    name="dark",
    background="#0d1117",
    panel="#141a22",
    line="#262f3d",
    text="#e6ebf2",
    muted="#9aa7b8",
    faint="#8894a6",
    accent="#93a9ff",
    meeting="#3aa7c4",
    at_risk="#f5d04c",
    breached="#ef5b6c",
    no_data="#b3b3b3",
    track="#202a36",
    heat=("#202a36", "#465263", "#7a6426", "#e3bd43", "#ef5b6c"),
    series=("#93a9ff", "#4cc2b4", "#e0b65a", "#c58df0", "#8fbf6a", "#f0a07a", "#b4c0d0", "#5fa8e6"),
)
LIGHT = Theme(
    name="light",
    background="#f4f6f9",
    panel="#ffffff",
    line="#dbe1e9",
    text="#141b26",
    muted="#4c5a6d",
    faint="#5d6b7f",
    accent="#3a4fc9",
    meeting="#006f8f",
    at_risk="#806200",
    breached="#8f1230",
    no_data="#6c6c6c",
    track="#e6eaf0",
    heat=("#e6eaf0", "#c6cfda", "#edd37c", "#c39a1c", "#8f1230"),
    series=("#3a4fc9", "#0f7b70", "#94640a", "#7c3bb3", "#4a7a1f", "#b5531c", "#55647a", "#1d6fb5"),
)
DARK_SAFE = replace(
    DARK,
    name="dark-safe",
    meeting="#56b4e9",
    at_risk="#f0e442",
    breached="#ff7a2e",
    heat=("#202a36", "#2f5075", "#4b86a8", "#b8b45a", "#fff05a"),
    series=("#6be5ff", "#ff9809", "#be61bd", "#fdff00", "#82978d", "#2d7fff", "#bca974", "#fd2436"),
)
LIGHT_SAFE = replace(
    LIGHT,
    name="light-safe",
    meeting="#0068a8",
    at_risk="#846700",
    breached="#6a1000",
    no_data="#666a71",
    heat=("#e6eaf0", "#b5cbe0", "#7ba3c9", "#33679e", "#0a2f5c"),
    series=("#3063ff", "#cb3f07", "#1e524f", "#855eaf", "#651700", "#000609", "#410095", "#490057"),
)
THEMES: dict[str, Theme] = {theme.name: theme for theme in (DARK, LIGHT, DARK_SAFE, LIGHT_SAFE)}
DASHES: tuple[str, ...] = (
    "solid",
    "7px,4px",
    "2px,3px",
    "9px,3px,2px,3px",
    "12px,5px",
    "1px,4px",
    "5px,2px",
    "3px,6px",
)
"""Lines differ in dash as well as in colour."""


def budget_tone(remaining_ratio: float | None) -> Tone:
    """Which colour an error budget takes: nothing left is breached, under a quarter at risk; None is not known."""
    if remaining_ratio is None:
        return "no_data"
    return "breached" if remaining_ratio <= 0 else "at_risk" if remaining_ratio < AT_RISK_REMAINING else "meeting"


def readable_on(colour: str) -> str:
    """Black or white, whichever is easier to read on a `#rrggbb` colour, by relative luminance (WCAG 2.2)."""
    return "#0b0f14" if luminance(colour) > 0.19 else "#ffffff"


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, 0..1, as WCAG 2.2 defines it."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1..21, as WCAG 2.2 defines it."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
