"""Numbers that open, and all that a person does with a page, in Debian's Chromium on a site with a clock of ours."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import promql_parser
import pytest
import requests
from observatory_process import observatory

pytest.importorskip("playwright.sync_api")
from browser.chromium import ARTEFACTS, PATIENCE_MS, Watched, chromium
from playwright.sync_api import Browser, Download, Locator, Page, expect

from observatory.evaluate.estate import Estate
from observatory.settings import Settings
from observatory.sources.opening import Sources
from observatory.sources.simulated import documents_folder, prepare
from observatory.sources.store import Store
from observatory.sources.store.lending import Lending
from observatory.units import format_count
from observatory.web.parts import percent, whole_percent
from observatory.web.server import Site, build_site
from observatory.windows import parse_instant

AT = "2026-11-20T20:40:00Z"
AT_MS = parse_instant(AT)
CARD = "payments.card.settled.v2"
CARD_PAGE = "/channel/kafka%3Apayments.card.settled.v2"
pytestmark = [pytest.mark.browser]


@dataclass
class Served:
    """A running site over a simulated day, and the hands of its clock."""

    url: str
    site: Site
    store: Path
    now_ms: int = AT_MS


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A site in this process: its clock moves when a test moves it."""
    from waitress.server import create_server

    path = tmp_path_factory.mktemp("explaining") / "day.duckdb"
    with Store.open(path) as store, Lending(store):
        prepare(store, AT_MS, days=1)
        estate = Estate(
            Settings(documents=(documents_folder(),)), Sources(metrics=(store,), spans=(store,), store=store)
        )
        made = Served("", None, path)  # type: ignore[arg-type]
        made.site = build_site(estate, clock=lambda: made.now_ms)
        made.site.service.refresh()
        server: Any = create_server(made.site.server, host="127.0.0.1", port=0, threads=8)
        made.url = f"http://127.0.0.1:{server.effective_port}"
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.close()
            server.task_dispatcher.shutdown()
            thread.join(timeout=10)


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def kept(opened: Browser, served: Served) -> Iterator[Watched]:
    """One page for the module: what it loaded once it has."""
    context = opened.new_context(viewport={"width": 1600, "height": 900}, timezone_id="America/St_Johns")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield Watched.of(context, served.url)
    context.close()


@pytest.fixture
def watched(kept: Watched) -> Iterator[Watched]:
    """That page as it was at first: nothing complained about, nothing kept in the browser."""
    kept.complaints.clear()
    kept.page.set_viewport_size({"width": 1600, "height": 900})
    kept.page.emulate_media(color_scheme="dark", media="screen")
    yield kept
    kept.page.evaluate("window.localStorage.clear()")
    assert kept.complaints == []


def drawer(page: Page) -> Locator:
    """The open drawer, once it holds what was asked for."""
    found = page.locator("#drawer")
    expect(found).to_be_visible()
    expect(found).to_have_attribute("aria-busy", "false", timeout=PATIENCE_MS)
    return found


def fact(page: Page, name: str) -> str:
    row = drawer(page).locator(".drawer-facts > div", has=page.locator("dt", has_text=re.compile(f"^{name}$")))
    return row.locator("dd").inner_text()


def view_of(page: Page) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(urlsplit(page.url).query).items()}


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def saved(page: Page, panel: str, item: str) -> Download:
    page.locator(f"#panel-{panel} .panel-menu").click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name=item).click()
    return waiting.value


def table_of(download: Download) -> list[list[str]]:
    return list(csv.reader(io.StringIO(download.path().read_text(encoding="utf-8-sig"))))


def test_a_number_opens_by_a_press_and_by_enter_closes_by_escape_and_gives_the_focus_back(watched: Watched) -> None:
    page = watched.open("/on-call")
    number = page.locator(".fire .explained").first
    reference = number.get_attribute("data-explain")
    number.click()
    expect(drawer(page)).to_be_focused()
    assert view_of(page)["explain"] == reference
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(number).to_be_focused()
    assert "explain" not in view_of(page)
    page.keyboard.press("Enter")
    expect(drawer(page).locator(".head-figure .figure")).to_have_text(number.inner_text())
    page.go_back()
    expect(page.locator("#drawer")).to_be_hidden()
    page.locator(f"[data-explain='channel.cells-24x3600:kafka:{CARD}'] rect").nth(23).click()
    expect(drawer(page)).to_contain_text("burn rate, 19:40 to 20:40")
    expect(drawer(page).locator("tr.chosen-cell")).to_contain_text("19:40 to 20:40")


def test_the_drawer_holds_counts_window_counting_state_source_and_a_query_to_copy(watched: Watched) -> None:
    page = watched.open(CARD_PAGE)
    row = page.locator("table.objectives tr", has_text="99.9 % availability").first
    row.locator("[data-explain^='objective.ratio']").click()
    names = drawer(page).locator("dt").all_inner_texts()
    for name in ("Good", "Total", "Coverage", "Window", "Counted", "Budget", "Profile", "Source", "Burn rates", "Id"):
        assert name in names
    expect(drawer(page).locator(".why").first).to_contain_text("More events were bad than the target allows: ")
    expect(drawer(page).locator(".formula")).to_contain_text("good ÷ total = ")
    query = drawer(page).locator("pre.query:not(.formula)").first.inner_text()
    promql_parser.parse(query)
    drawer(page).get_by_role("button", name="Copy as PromQL").first.click()
    expect(page.locator("#toast")).to_have_text("Copied")
    assert clipboard(page) == query
    watched.picture("drawer-objective")


def test_numbers_of_pages_status_and_api_and_the_roll_up_are_the_same(watched: Watched, served: Served) -> None:
    ended = observatory("status", documents_folder(), "--store", served.store, "--json", "--at", AT)
    told = json.loads(ended.stdout)
    answer = requests.get(f"{served.url}/api/status", timeout=60).json()
    assert answer["objectives"] == told["objectives"]
    assert (answer["estate"], answer["domains"]) == (told["estate"], told["domains"])

    page = watched.open("/executive")
    whole = told["estate"]
    tiles = page.locator(".tile .figure").all_inner_texts()
    assert tiles[0].replace("\n", "") == percent(whole["ratio"], 0.999).replace(" ", "")
    assert tiles[1].replace("\n", "").split("/")[0].strip() == str(whole["states"]["meeting"])
    assert tiles[2].replace("\n", "") == whole_percent(whole["budget"]["remaining_ratio"]).replace(" ", "")
    page.locator(".tile .figure").first.click()
    assert fact(page, "Good") == format_count(whole["good"])
    assert fact(page, "Total") == format_count(whole["total"])
    page.keyboard.press("Escape")
    strictest = max(one["target"] for one in told["objectives"])
    for one in told["domains"]:
        cells = page.locator("table.domains tbody tr", has_text=one["name"]).first.locator("td").all_inner_texts()
        assert percent(one["ratio"], strictest) in cells
        assert whole_percent(one["budget"]["remaining_ratio"]) in cells

    page = watched.open(CARD_PAGE)
    mine = [one for one in told["objectives"] if one["channel_id"] == f"kafka:{CARD}"]
    assert len(mine) > 5
    for one in mine:
        shown = page.locator(f'[data-explain="objective.ratio:{one["id"]}"]').inner_text()
        assert shown == percent(one["ratio"], one["target"])
        left = page.locator(f'[data-explain="objective.budget:{one["id"]}"]').inner_text()
        assert left == whole_percent(one["budget"]["remaining_ratio"] if one["budget"] else None)
    chosen = next(one for one in mine if one["sli"] == "latency")
    page.locator(f'[data-explain="objective.ratio:{chosen["id"]}"]').click()
    assert fact(page, "Good") == format_count(chosen["good"])
    assert fact(page, "Total") == format_count(chosen["total"])
    assert fact(page, "Coverage").startswith(percent(chosen["coverage"]))
    expect(drawer(page).locator(".head-figure .status")).to_contain_text(
        chosen["state"].replace("_", " "), ignore_case=True
    )


def test_the_address_holds_range_filter_order_drawer_and_looks(watched: Watched) -> None:
    path = "/on-call?range=6h&q=payments&theme=light&colours=safe&tz=Asia%2FTokyo"
    page = watched.open(path)
    page.locator(".ag-header-cell[col-id='budget']").click()
    page.wait_for_url("**sort=budget%3Aasc**")
    page.locator(f"[data-explain='channel.budget:kafka:{CARD}']").click()
    before = drawer(page).inner_text()
    order = shown_channels(page)
    assert view_of(page) == {
        "range": "6h",
        "q": "payments",
        "theme": "light",
        "colours": "safe",
        "tz": "Asia/Tokyo",
        "sort": "budget:asc",
        "explain": f"channel.budget:kafka:{CARD}",
    }
    page.reload()
    watched.settled()
    assert drawer(page).inner_text() == before
    assert shown_channels(page) == order
    expect(page.locator("html")).to_have_attribute("data-theme", "light-safe")
    expect(page.locator("#zone")).to_have_text("Tokyo")
    expect(page.locator("#filter")).to_have_value("payments")
    expect(page.locator('[data-range="6h"]')).to_have_attribute("aria-pressed", "true")


def shown_channels(page: Page) -> list[str]:
    rows = page.locator(".channel-grid .ag-center-cols-container .ag-row")
    rows.first.wait_for()
    found = rows.evaluate_all(
        "rows => rows.map(row => [Number(row.getAttribute('row-index')), row.getAttribute('row-id')])"
    )
    return [name for _, name in sorted(found)]


def test_copy_link_freezes_the_time_of_the_numbers(watched: Watched) -> None:
    page = watched.open("/on-call?range=6h&q=payments")
    page.keyboard.press("c")
    expect(page.locator("#toast")).to_contain_text("time is frozen")
    link = clipboard(page)
    asked = {key: values[0] for key, values in parse_qs(urlsplit(link).query).items()}
    assert asked == {"q": "payments", "from": "2026-11-20T14:40:00Z", "to": "2026-11-20T20:40:00Z"}
    page.goto(link)
    watched.settled()
    expect(page.locator("#domain-chip")).to_contain_text("11-20 14:40 to 20:40")
    page.keyboard.press("0")
    expect(page.locator("#domain-chip")).to_be_hidden()


def test_keys_move_through_rows_and_their_numbers_and_explain_them(watched: Watched) -> None:
    page = watched.open("/on-call")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".ag-row.chosen")).to_have_attribute("row-index", "1")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".ag-row.chosen")).to_have_attribute("row-index", "0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(":focus")).to_have_attribute("data-explain", f"channel.range:kafka:{CARD}")
    page.keyboard.press("Enter")
    expect(drawer(page)).to_contain_text("good events, last 24 h")
    page.keyboard.press("Escape")
    expect(page.locator(":focus")).to_have_attribute("data-explain", f"channel.range:kafka:{CARD}")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(drawer(page).locator(".head-figure .status")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    for key in ("j  k", "e", "r", "z"):
        expect(page.locator("#help kbd", has_text=re.compile(f"^{re.escape(key)}$"))).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.press("Escape")


def test_a_dragged_range_is_asked_again_at_finer_steps_on_the_readers_clock(watched: Watched) -> None:
    page = watched.open("/debug?tz=Asia%2FKolkata")
    step = "document.querySelector('#panel-throughput .js-plotly-plot').data[0].dx"
    first = page.evaluate("document.querySelector('#panel-throughput .js-plotly-plot').layout.xaxis.range[0]")
    assert first == "2026-11-20 02:10:00"
    coarse = page.evaluate(step)
    plot = page.locator("#panel-throughput .nsewdrag").bounding_box()
    assert plot
    page.mouse.move(plot["x"] + plot["width"] / 2, plot["y"] + 40)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.75, plot["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url("**from=**to=**")
    view = view_of(page)
    begin, end = parse_instant(view["from"]), parse_instant(view["to"])
    assert begin == pytest.approx(AT_MS - 43_200_000, abs=300_000)
    assert end - begin == pytest.approx(21_600_000, abs=600_000)
    expect(page.locator("#panel-throughput .note")).to_contain_text("IST")
    assert page.evaluate(step) < coarse
    page.go_back()
    expect(page.locator("#panel-throughput .note")).to_contain_text("last 24 h")


def test_looks_follow_the_system_are_kept_and_have_colours_for_every_eye(watched: Watched) -> None:
    page = watched.open("/executive")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.locator("#display").click()
    page.get_by_role("button", name="Colour-blind safe").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light-safe")
    expect(page.locator("#display")).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark-safe")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark-safe")
    watched.settled()


def test_times_are_in_utc_the_browsers_zone_or_any_other(watched: Watched) -> None:
    page = watched.open("/on-call")
    since = page.locator(".fire time").first
    hour, minute = map(int, since.inner_text().split(":"))
    page.keyboard.press("z")
    expect(page.locator("#zone")).to_have_text("St Johns")
    behind = (hour * 60 + minute - 210) % 1440
    expect(since).to_have_text(f"{behind // 60:02d}:{behind % 60:02d}")
    page.locator("#display").click()
    field = page.get_by_label("Time zone by IANA name")
    field.fill("Mars/Olympus")
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("Asia/Kolkata")
    field.press("Enter")
    expect(page.locator("#zone")).to_have_text("Kolkata")
    ahead = (hour * 60 + minute + 330) % 1440
    expect(since).to_have_text(re.compile(f"{ahead // 60:02d}:{ahead % 60:02d}$"))


def test_a_panel_is_explained_and_saved_as_a_picture_and_as_a_table(watched: Watched) -> None:
    page = watched.open("/on-call?tz=Asia%2FKolkata")
    page.locator("#panel-latency .panel-menu").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Explain these numbers")).to_be_focused()
    page.keyboard.press("Enter")
    expect(drawer(page)).to_contain_text("How long do messages of critical channels take?")
    page.keyboard.press("Escape")
    expect(page.locator("#panel-latency .panel-menu")).to_be_focused()
    picture = saved(page, "channels", "Save as PNG")
    assert picture.suggested_filename == "on-call-critical-channels-2026-11-20-20-40.png"
    data = picture.path().read_bytes()
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    (ARTEFACTS / "panel.png").write_bytes(data)
    size = page.locator("#panel-channels").bounding_box()
    assert size
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (2 * round(size["width"]), 2 * round(size["height"]))
    assert len(data) > 60_000
    rows = table_of(saved(page, "channels", "Save as CSV"))
    assert rows[0][:4] == ["channel", "id", "state", "good share of the range"]
    assert rows[1][:3] == [CARD, f"kafka:{CARD}", "breached"]
    assert 0.9 < float(rows[1][3]) <= 1
    curves = table_of(saved(page, "latency", "Save as CSV"))
    assert curves[0][0] == "time"
    assert re.fullmatch(r"card\.settled\.v2 \[(ms|s|min)\]", curves[0][1])
    assert curves[-1][0] == AT
    groups = table_of(saved(page, "lag", "Save as CSV"))
    assert groups[0] == ["Group", "State", "Lag", "Time behind"]
    assert float(groups[1][2]) > 20
    watched.open("/executive")
    assert table_of(saved(page, "kpis", "Save as CSV"))[1][0] == "Channel availability, all domains"
    assert len(saved(page, "domains", "Save as PNG").path().read_bytes()) > 20_000


def test_a_printed_page_is_light_and_says_what_it_is(watched: Watched) -> None:
    page = watched.open("/on-call?theme=dark")
    page.emulate_media(media="print")
    expect(page.locator(".top")).to_be_hidden()
    expect(page.locator("#printed")).to_contain_text("Observatory · On-call · last 24h · times in UTC")
    expect(page.locator("#panel-lag")).to_have_css("background-color", "rgb(255, 255, 255)")
    assert page.pdf()[:5] == b"%PDF-"


@pytest.mark.parametrize("path", ["/on-call", CARD_PAGE])
def test_nothing_scrolls_sideways_on_a_small_screen_or_on_a_phone(watched: Watched, path: str) -> None:
    watched.page.set_viewport_size({"width": 1280, "height": 800})
    page = watched.open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("main .panel").first).to_have_css("width", "374px")
    expect(page.locator("html")).to_have_js_property("scrollWidth", 390)
    page.locator("main [data-explain]").first.click()
    box = drawer(page).bounding_box()
    assert box
    assert (box["x"], box["width"]) == (0, 390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Escape")
    watched.picture(f"phone{path.partition('%')[0].replace('/', '-')}")


def test_a_paused_page_keeps_its_numbers_tells_their_age_and_resumes(opened: Browser, served: Served) -> None:
    """The last of the module, for it moves the clock."""
    context = opened.new_context()
    watched = Watched.of(context, served.url)
    watched.page.clock.install()
    page = watched.open("/group/settlement-writer?range=1h")
    page.keyboard.press("r")
    expect(page.locator("#freshness")).to_have_attribute("aria-pressed", "true")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "update-component" in one.url else None)
    served.now_ms += 60_000
    served.site.service.refresh()
    page.clock.fast_forward(300_000)
    expect(page.locator("#age")).to_have_text(re.compile(r"^\d+ min ago · paused$"))
    assert asked == []
    page.locator("#freshness").click()
    page.clock.fast_forward(31_000)
    expect(page.locator("#age")).to_have_text(re.compile(r"^\d+ s ago · every 30 s$"))
    assert len(asked) > 1
    context.close()
    assert watched.complaints == []
