"""Debian's Chromium for tests and benches: headless, no graphics processor, nothing of its own on the network.

The headless shell is the same engine without the window around the page, which costs as much again as the page.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "/usr/bin/chromium-headless-shell"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What breathes while it loads is drawn by the processor here, sixty times a second.
    "--force-prefers-reduced-motion",
]
PATIENCE_MS = 90_000
LATE_ANSWERS = (
    "ReferenceError: A nonexistent object was used in an `Output` of a Dash callback.",
    "{argument,page,panel,type: Array(",
)
"""What Dash writes where a panel is left while it is drawn anew: the answer comes to a page that is gone."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that ends with the block."""
    with sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@dataclass
class Watched:
    """A page and what it complained about: errors of the console, failed answers, requests to anybody else."""

    page: Page
    site: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, context: BrowserContext, site: str) -> Watched:
        """A new page of a site, watched from its first request on."""
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        made = cls(page, site)
        page.on(
            "console",
            lambda said: (
                made.complaints.append(said.text)
                if said.type == "error" and not said.text.startswith(LATE_ANSWERS)
                else None
            ),
        )
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.on("dialog", lambda asked: (made.complaints.append(f"dialog: {asked.message}"), asked.dismiss()))
        page.on(
            "request",
            lambda asked: (
                made.complaints.append(f"foreign: {asked.url}")
                if not asked.url.startswith((f"{site}/", "data:", "blob:"))
                else None
            ),
        )
        page.on(
            "response",
            lambda answer: made.complaints.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
        )
        return made

    def open(self, path: str) -> Page:
        self.page.goto(self.site + path)
        return self.settled()

    def settled(self) -> Page:
        """The page once every panel shows something, and every grid its rows."""
        self.page.wait_for_selector("main .panel", timeout=PATIENCE_MS)
        expect(self.page.locator("main .skeleton")).to_have_count(0, timeout=PATIENCE_MS)
        for grid in self.page.locator("main .channel-grid").all():
            grid.locator(".ag-row, .ag-overlay-no-rows-center").first.wait_for(timeout=PATIENCE_MS)
        expect(self.page.locator("main .first-rows")).to_have_count(0, timeout=PATIENCE_MS)
        return self.page

    def picture(self, name: str) -> bytes:
        """Keep what is seen now; people look at these pictures, nothing compares them."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        return self.page.screenshot(path=ARTEFACTS / f"{name}.png")
