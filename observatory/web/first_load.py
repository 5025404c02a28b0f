"""The document that a browser opens: what is loaded for a page, and in which order.

A table is read before a figure is, so what draws tables comes first and at once. The library of figures is the largest
script of all; it is fetched early and run when the first table stands (`assets/figures.js`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dash import Dash

ASSETS = Path(__file__).resolve().parent / "assets"
FIGURES = "plotly-cartesian.min.js"
"""The library of figures, among the assets."""
UNUSED = "/dash_table/"
"""A component library that Dash always loads and no page has."""
SOON = (
    "/_dash-component-suites/dash_ag_grid/async-community.js",
    "/_dash-component-suites/dash/dcc/async-graph.js",
)
"""Parts that would be asked for only once the first grid or figure is there; they are run while the page is fetched."""
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<link rel="icon" type="image/svg+xml" href="/assets/icon.svg">
<link rel="preload" as="font" type="font/woff2" href="/assets/fonts/inter-regular.woff2" crossorigin>
<script src="/assets/theme.js"></script>
{%css%}
</head>
<body>
{%app_entry%}
<footer hidden>
{%config%}
{%scripts%}
{%renderer%}
SOON
<link rel="preload" as="script" fetchpriority="low" href="FIGURES" id="library-of-figures">
</footer>
</body>
</html>""".replace("SOON", "\n".join(f'<script src="{one}"></script>' for one in SOON)).replace(
    "FIGURES", f"/assets/{FIGURES}?m={round((ASSETS / FIGURES).stat().st_mtime)}"
)
_SCRIPT = re.compile(r'<script src="([^"]*)"></script>\n?')


class Pages(Dash):  # type: ignore[misc]
    """Dash whose document loads what the pages use."""

    def interpolate_index(self, **parts: Any) -> str:
        """The document; as Dash makes it, with other scripts."""
        written: str = super().interpolate_index(**{**parts, "scripts": scripts(parts["scripts"])})
        return written


def scripts(markup: str) -> str:
    """Dash's script elements without what no page uses."""
    return _SCRIPT.sub(lambda found: "" if UNUSED in found[1] else found[0], markup)
