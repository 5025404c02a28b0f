"""axe-core in a page: the script of the test dependency, given to the browser by the test and loaded from nowhere."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

GRAVE = ("serious", "critical")
SCRIPT = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def grave_findings(page: Page) -> dict[str, list[str]]:
    """Serious and critical findings by rule, each with the elements that it is about."""
    # Evaluated by the browser's debugger: the page's own policy would refuse a script that the test puts into it.
    page.evaluate(SCRIPT)
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return {
        f"{one['id']} ({one['impact']})": [
            f"{node['target']}: {' '.join(part['message'] for part in node['any'][:1])}" for node in one["nodes"][:6]
        ]
        for one in found["violations"]
        if one["impact"] in GRAVE
    }
