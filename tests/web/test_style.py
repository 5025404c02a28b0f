"""The style sheet and the figures are of one colour."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import observatory.web
from observatory.figures.theme import THEMES, Theme

STYLE = (Path(observatory.web.__file__).parent / "assets" / "observatory.css").read_text(encoding="utf-8")
NAMES = (
    "background",
    "panel",
    "line",
    "text",
    "muted",
    "faint",
    "accent",
    "meeting",
    "at_risk",
    "breached",
    "no_data",
    "track",
)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_style_sheet_and_figures_have_the_same_colours(theme: Theme) -> None:
    block = re.search(rf'\[data-theme="{theme.name}"\] \{{(.*?)\}}', STYLE, re.S)
    assert block
    found = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block[1]))
    assert {name: found[name.replace("_", "-")] for name in NAMES} == {name: getattr(theme, name) for name in NAMES}
    assert tuple(found[f"heat-{index}"] for index in range(5)) == theme.heat
    assert tuple(found[f"series-{index}"] for index in range(8)) == theme.series


def test_the_style_sheet_asks_no_other_server() -> None:
    assert not re.search(r"url\(['\"]?(https?:)?//", STYLE)
    assert "@import" not in STYLE
