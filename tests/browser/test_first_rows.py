"""The first thing that is read on a page of a thousand channels: rows that come with the page, before the grid does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api")
from browser.chromium import PATIENCE_MS, Watched, chromium  # noqa: E402
from playwright.sync_api import Browser, Route, expect  # noqa: E402

ESTATE = Path(__file__).parents[1] / "web" / "large_estate.py"
pytestmark = [pytest.mark.browser]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of a page of 60 channels: what it does not depend on is how many there are."""
    process = subprocess.Popen([sys.executable, str(ESTATE), "60", "600"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().split()[0].rstrip("/")
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def watched(browser: Browser, site: str) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1600, "height": 900})
    made = Watched.of(context, site)
    yield made
    context.close()
    assert made.complaints == []


def hold(watched: Watched, part: str) -> list[Route]:
    """Callbacks whose question contains a text wait from now on."""
    held: list[Route] = []

    def look(route: Route) -> None:
        if part in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    watched.page.route("**/_dash-update-component*", look)
    return held


def test_the_first_rows_stand_before_the_table_was_asked_for_and_say_what_it_says(watched: Watched) -> None:
    held = hold(watched, '"panel":"channels"')
    page = watched.page
    page.goto(f"{watched.site}/large")
    lines = page.locator(".first-rows .line:not(.head)")
    expect(lines).to_have_count(14, timeout=PATIENCE_MS)
    assert page.locator(".ag-row").count() == 0
    name = lines.first.locator("a").inner_text()
    told = {cell: lines.first.locator(f".of-{cell}").inner_text() for cell in ("state", "burn", "budget", "gone")}
    assert told["state"].endswith("Breached")
    # No dash says that there is no latency: nobody asked for it yet.
    expect(lines.first.locator(".of-p99 > *")).to_be_hidden()
    place = lines.first.bounding_box()
    for route in held:
        route.continue_()
    watched.settled()
    row = page.locator(".ag-center-cols-container .ag-row[row-index='0']")
    assert row.locator("a").inner_text() == name
    assert {cell: row.locator(f"[col-id={cell}]").inner_text() for cell in told} == told
    # The grid takes the very place of the rows, so nothing jumps under the eye.
    grid = row.bounding_box()
    assert place
    assert grid
    assert (abs(place["y"] - grid["y"]), abs(place["x"] - grid["x"])) < (3, 3)


def test_on_a_phone_the_first_rows_have_the_columns_of_the_grid_in_their_places(watched: Watched) -> None:
    page = watched.page
    page.set_viewport_size({"width": 390, "height": 844})
    held = hold(watched, '"panel":"channels"')
    page.goto(f"{watched.site}/large")
    cells = page.locator(".first-rows .line:not(.head)").first.locator(".cell")
    expect(cells).to_have_count(10, timeout=PATIENCE_MS)
    seen = "all => all.filter(one => one.offsetWidth).map(one => Math.round(one.getBoundingClientRect().left / 4))"
    places = cells.evaluate_all(seen)
    expect(page.locator(".first-rows .word").first).to_be_hidden()
    for route in held:
        route.continue_()
    watched.settled()
    grid = page.locator(".ag-center-cols-container .ag-row[row-index='0'] [role=gridcell]")
    expect(grid).to_have_count(4, timeout=PATIENCE_MS)
    assert grid.evaluate_all(seen) == places


def test_a_table_in_an_order_of_its_own_shows_no_rows_in_another(watched: Watched) -> None:
    held = hold(watched, '"panel":"channels"')
    page = watched.page
    page.goto(f"{watched.site}/large?sort=channel:asc")
    expect(page.locator("#panel-channels .skeleton.table i")).to_have_count(6, timeout=PATIENCE_MS)
    assert page.locator(".first-rows").count() == 0
    for route in held:
        route.continue_()
    watched.settled()
    first = page.locator(".ag-row[row-index='0'] a")
    expect(first).to_have_text("domain0.orders.event-0000.v1", timeout=PATIENCE_MS)


def test_figures_are_drawn_after_the_table(watched: Watched) -> None:
    page = watched.page
    page.add_init_script(
        "window.order = [];"
        "const parts = [['table', '.ag-row'], ['figure', '.scatterlayer .trace']];"
        "new MutationObserver(() => { for (const [name, what] of parts)"
        "  if (!window.order.includes(name) && document.querySelector(what)) window.order.push(name); })"
        ".observe(document, {childList: true, subtree: true});"
    )
    page.goto(f"{watched.site}/large")
    expect(page.locator(".js-plotly-plot .scatterlayer .trace")).to_have_count(40, timeout=PATIENCE_MS)
    assert page.evaluate("window.order") == ["table", "figure"]
