"""Pages in Debian's Chromium, on a real `serve` process over a small store."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from observatory_server import first_answer

playwright = pytest.importorskip("playwright.sync_api")
from browser.axe import grave_findings  # noqa: E402
from browser.chromium import ARTEFACTS, PATIENCE_MS, Watched, chromium  # noqa: E402
from playwright.sync_api import Browser, expect  # noqa: E402

ROOT = Path(__file__).parents[2]
README_PICTURE = ROOT / "dashboards" / "readme-on-call.png"
AT = "2026-11-20T20:40:00Z"
pytestmark = [pytest.mark.browser]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running demo whose clock stands still, over the thirty days that `make demo` shows."""
    folder = tmp_path_factory.mktemp("site")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "observatory",
            "demo",
            "--port",
            "0",
            "--days",
            "30",
            "--at",
            AT,
            "--store",
            str(folder / "demo.duckdb"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert process.stderr is not None
    said: list[str] = []
    address = ""
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            address = found[0]
            break
    assert address, "".join(said)
    try:
        assert first_answer(f"{address}/api/status") == 200
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


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


PATHS = (
    "/",
    "/executive",
    "/on-call",
    "/debug",
    "/journey",
    "/map",
    "/channel/kafka%3Apayments.card.settled.v2",
    "/group/settlement-writer",
)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_without_complaint_foreign_request_or_grave_finding_of_axe(
    watched: Watched, path: str, theme: str
) -> None:
    page = watched.open(f"{path}?theme={theme}")
    assert page.locator("html").get_attribute("data-theme") == theme
    expect(page.locator(".notice.bad")).to_have_count(0)
    watched.picture(f"demo-{path.strip('/').partition('/')[0] or 'home'}-{theme}")
    assert grave_findings(page) == {}


def test_the_on_call_page_answers_the_first_questions(watched: Watched) -> None:
    watched.page.set_viewport_size({"width": 1600, "height": 816})
    page = watched.open("/on-call?theme=dark")
    first = page.locator(".fire").first
    expect(first).to_contain_text("payments.card.settled.v2")
    expect(first).to_contain_text("threshold 14.4×")
    expect(first).to_contain_text("Owner pay-core")
    expect(first.get_by_role("link", name="Runbook")).to_have_attribute("href", re.compile("^https://"))
    page.mouse.move(5, 5)
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(path=ARTEFACTS / "on-call.png")
    if os.environ.get("OBSERVATORY_UPDATE_PICTURES"):
        README_PICTURE.write_bytes(picture)


def test_a_deep_link_opens_the_same_view_again(watched: Watched) -> None:
    page = watched.open("/on-call?range=6h&q=payments")
    expect(page.locator('[data-range="6h"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#filter")).to_have_value("payments")
    expect(page.locator("#panel-channels")).not_to_contain_text("orders.order")
    before = page.url
    page.reload()
    watched.settled()
    assert page.url == before
    expect(page.locator("#panel-channels")).to_contain_text("payments.card.settled.v2")


def test_keys_open_pages_and_keep_the_range(watched: Watched) -> None:
    page = watched.open("/on-call?range=6h")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_selector("main.page-debug", timeout=PATIENCE_MS)
    watched.settled()
    assert page.url.endswith("/debug?range=6h")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_selector("main.page-executive", timeout=PATIENCE_MS)
    watched.settled()


def test_keys_choose_and_open_a_channel(watched: Watched) -> None:
    page = watched.open("/on-call")
    page.keyboard.press("j")
    expect(page.locator(".chosen")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_selector("main.page-channel", timeout=PATIENCE_MS)
    expect(watched.settled().locator("h1")).to_contain_text("payments.card.settled.v2")


def test_keys_filter_change_the_theme_and_show_help(watched: Watched) -> None:
    page = watched.open("/on-call?theme=dark")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.keyboard.press("/")
    page.keyboard.type("shipping")
    page.wait_for_url("**q=shipping**")
    expect(page.locator("#panel-channels")).not_to_contain_text("payments.card")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator("#age")).to_contain_text("paused")


def test_a_narrow_window_does_not_scroll_sideways(watched: Watched) -> None:
    for width in (1280, 390):
        watched.page.set_viewport_size({"width": width, "height": 800})
        page = watched.open("/on-call")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_load_is_small(watched: Watched) -> None:
    sizes: list[int] = []
    watched.page.on("requestfinished", lambda asked: sizes.append(asked.sizes()["responseBodySize"]))
    watched.open("/on-call")
    assert sum(max(0, size) for size in sizes) < 2_200_000


def test_the_map_is_walked_by_keys_and_opens_a_channel(watched: Watched) -> None:
    page = watched.open("/map")
    settled = page.locator("a.map-node", has_text="payments.card.settled.v2").first
    settled.focus()
    expect(page.locator("svg.map")).to_have_class(re.compile("lit"))
    # Its producer stands on its left, and the arrow between them is lit.
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.node") == "service payment-gateway"
    expect(page.locator('.arrow.lit[data-head="channel kafka:payments.card.settled.v2"]')).to_have_count(1)
    settled.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("main.page-channel", timeout=PATIENCE_MS)
    expect(watched.settled().locator("h1")).to_contain_text("payments.card.settled.v2")


def test_the_map_is_narrowed_by_its_choices_and_the_chip_shows_all_again(watched: Watched) -> None:
    page = watched.open("/map")
    page.get_by_label("Domain").select_option("payments")
    page.wait_for_url("**domain=payments**")
    expect(page.locator("a.map-node.channel", has_text="notify.email")).to_have_count(0)
    expect(page.locator("a.map-node.channel", has_text="payments.card.settled.v2").first).to_be_visible()
    page.locator("#domain-chip").click()
    expect(page.locator("a.map-node.channel", has_text="notify.sms")).to_have_count(1)


def test_the_map_says_the_same_as_a_table(watched: Watched) -> None:
    page = watched.open("/map")
    page.locator("#map-table summary").click()
    row = page.locator("#map-table tr", has_text="payments.card.settled.v2").first
    expect(row).to_contain_text("Breached")
    expect(row).to_contain_text("payment-gateway")
    expect(row).to_contain_text("settlement-writer")


def test_a_journey_leads_from_the_channel_to_its_hops(watched: Watched) -> None:
    page = watched.open("/channel/kafka%3Aorders.order.placed.v1")
    page.locator("#panel-facts").get_by_role("link", name="order-confirmed").click()
    page.wait_for_selector("main.page-journey", timeout=PATIENCE_MS)
    hops = watched.settled().locator("#panel-hops li.hop:not(.head)")
    expect(hops).to_have_count(4)
    expect(hops.nth(1)).to_contain_text("order-service receives from orders.order.placed.v1")
    expect(page.locator("#panel-hops .lost")).to_contain_text("journeys were lost; most at hop")


def test_what_was_deployed_just_before_stands_beside_what_burns(watched: Watched) -> None:
    page = watched.open("/on-call")
    expect(page.locator(".fire").first).to_contain_text("Just before: settlement-writer 4.18.0 deployed at 19:41")
    expect(page.locator("#panel-causes .changes")).to_contain_text("shipping-service 2.31.0 deployed")
