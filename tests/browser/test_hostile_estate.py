"""Channels whose documents and spans mean harm, among more than a page shows, and a metric server that is gone.

Documents and spans are real input: files that the command reads, spans that it ingests. Nothing of them may run, break
out of its place, or ask another server: the pages hold.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests
from integration.rabbitmq_server import free_port
from observatory_process import observatory
from observatory_server import ObservatoryServer, serving

pytest.importorskip("playwright.sync_api")
from browser.axe import grave_findings
from browser.chromium import PATIENCE_MS, Watched, chromium
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser]
MARKUP = (
    '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script><a href="javascript:window.harmed=1">x</a>'
)
LONG = "n" * 200
ARABIC = "طلبات.الدفع.تمت"
EMOJI = "🔥orders.👩‍🚒.placed"
OVERRIDE = "safe\u202egnp.exe"
BREAKING = "\"'`>{{7*7}}${7*7}%00;--"
NAMES = (MARKUP, LONG, ARABIC, EMOJI, OVERRIDE, BREAKING)
CHANNELS = 200
SERVICE = f"shop {MARKUP}"


def document() -> dict[str, object]:
    """The hostile names first, then harmless ones until a grid scrolls; these nobody measures."""
    addresses = [*NAMES, *(f"orders.{number:04d}.v1" for number in range(CHANNELS - len(NAMES)))]
    channels, operations = {}, {}
    for number, address in enumerate(addresses):
        channels[f"c{number}"] = {"address": address, "description": MARKUP, "title": MARKUP}
        operations[f"on{number}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/c{number}"},
            "x-criticality": "critical" if number < 40 else "normal",
            "x-slo": {"availability": "99.9%"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": MARKUP,
            "version": "1.0.0",
            "description": MARKUP,
            "x-service-name": SERVICE,
            "x-domain": MARKUP,
            "x-owner": {"team": MARKUP, "contact": MARKUP, "runbook": "javascript:window.harmed=1"},
        },
        "servers": {"main": {"host": "kafka.example:9092", "protocol": "kafka"}},
        "channels": channels,
        "operations": operations,
    }


def traces(now_ns: int) -> dict[str, object]:
    """A message on each hostile channel, handled with an error that means harm too."""
    found = []
    for number, name in enumerate(NAMES):
        for kind, role, begin in ((4, "publish", 0), (5, "process", 40)):
            found.append(
                {
                    "traceId": f"{number + 1:032x}",
                    "spanId": f"{10 * number + kind:016x}",
                    **({"parentSpanId": f"{10 * number + 4:016x}"} if kind == 5 else {}),
                    "name": f"{role} {MARKUP}",
                    "kind": kind,
                    "startTimeUnixNano": str(now_ns + begin * 1_000_000),
                    "endTimeUnixNano": str(now_ns + (begin + 30) * 1_000_000),
                    "status": {"code": 2, "message": MARKUP} if kind == 5 else {},
                    "attributes": [
                        {"key": key, "value": {"stringValue": value}}
                        for key, value in (
                            ("messaging.system", "kafka"),
                            ("messaging.destination.name", name),
                            ("messaging.operation.type", role),
                            ("messaging.consumer.group.name", MARKUP),
                            ("error.type", MARKUP),
                        )
                    ],
                }
            )
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": found}]}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservatoryServer]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "documents").mkdir()
    (folder / "documents" / "shop.json").write_text(json.dumps(document()), encoding="utf-8")
    sent = folder / "traces.json"
    sent.write_text(json.dumps(traces(time.time_ns() - 120_000_000_000)), encoding="utf-8")
    observatory("ingest", sent, "--store", folder / "store.duckdb").check_returncode()
    dead = f"http://127.0.0.1:{free_port()}"
    # What a refresh changes is looked at elsewhere; here each would count every channel anew.
    with serving(folder / "documents", folder / "store.duckdb", "--prometheus", dead, "--refresh", "3600") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def watched(browser: Browser, server: ObservatoryServer) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    made = Watched.of(context, server.url)
    # Whatever the server answers before its first snapshot is another test's matter.
    made.page.goto(f"{server.url}/healthz")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not requests.get(f"{server.url}/api/status", timeout=30).ok:
        assert time.monotonic() < deadline
    yield made
    context.close()
    assert made.complaints == []


def held(page: Page) -> None:
    """Nothing ran, nothing broke out, and no element came to be that the product did not make."""
    assert page.evaluate("window.harmed === undefined")
    assert page.locator("main img, main script, main iframe, main [onerror]").count() == 0
    assert page.locator('a[href^="javascript"]').count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    spilled = page.evaluate(
        """[...document.querySelectorAll('main .panel')].filter(one => {
          const box = one.getBoundingClientRect();
          return box.width > 0 && (box.right > window.innerWidth + 1 || box.left < -1);
        }).map(one => one.id)"""
    )
    assert spilled == []


@pytest.mark.parametrize(
    "path",
    [
        "/on-call",
        "/executive",
        "/debug",
        f"/channel/{quote(f'kafka:{LONG}', safe='')}",
        f"/channel/{quote(f'kafka:{MARKUP}', safe='')}",
    ],
    ids=["on-call", "executive", "debug", "long", "markup"],
)
def test_a_page_of_a_hostile_estate_holds(watched: Watched, path: str, request: pytest.FixtureRequest) -> None:
    page = watched.open(f"{path}?theme=dark")
    held(page)
    watched.picture(f"hostile-{request.node.callspec.id}")


def test_the_source_that_is_gone_is_named_and_the_rest_is_shown(watched: Watched) -> None:
    page = watched.open("/on-call")
    expect(page.locator("#alarm")).to_contain_text("127.0.0.1")
    expect(page.locator("#panel-channels")).to_contain_text(f"of {CHANNELS}")
    held(page)


def test_a_name_cannot_turn_its_letters_round_to_look_like_another(watched: Watched) -> None:
    page = watched.open("/on-call?q=safe")
    expect(page.locator(".ag-row .cell-channel a")).to_have_text("safe\ufffdgnp.exe")


def test_names_in_every_script_are_found_and_shown_as_they_are(watched: Watched) -> None:
    for name in (ARABIC, EMOJI, BREAKING):
        page = watched.open(f"/on-call?q={quote(name)}")
        expect(page.locator(".ag-row")).to_have_count(1)
        expect(page.locator(".ag-row .cell-channel a")).to_have_text(name)
        held(page)


def test_a_narrow_window_holds_too_and_axe_finds_nothing_grave(watched: Watched) -> None:
    watched.page.set_viewport_size({"width": 390, "height": 800})
    page = watched.open("/on-call?theme=light")
    held(page)
    watched.picture("hostile-phone")
    assert grave_findings(page) == {}


def test_a_number_of_the_grid_is_whole_and_a_name_that_is_cut_says_so(watched: Watched) -> None:
    page = watched.open("/on-call")
    row = page.locator(".channel-grid .ag-row", has_text="safe").first
    left = row.locator("[col-id=budget]")
    # One event, and it was bad: a thousand times what 99.9 % allow, of which the budget was one.
    expect(left).to_have_text("−999×")
    expect(left.locator(".cell-budget")).to_have_attribute("title", re.compile("−99\u202f900 % left$"))
    for cell in row.locator("[role=gridcell]").all():
        cut = cell.evaluate(
            """one => [one, ...one.querySelectorAll('*')].filter(each => each.scrollWidth > each.clientWidth + 1
              && each.clientWidth > 0 && getComputedStyle(each).overflow !== 'visible'
              && getComputedStyle(each).textOverflow !== 'ellipsis').map(each => each.outerHTML.slice(0, 120))"""
        )
        assert cut == [], cell.get_attribute("col-id")
    owner = row.locator("[col-id=owner] .cell-words")
    assert owner.evaluate("one => one.scrollWidth > one.clientWidth")
    assert owner.evaluate("one => getComputedStyle(one).textOverflow") == "ellipsis"
    expect(owner).to_have_attribute("title", MARKUP)


def test_a_value_between_two_holes_is_a_dot(watched: Watched) -> None:
    page = watched.open("/on-call")
    drawn = page.evaluate(
        """[['50'], ['..', '50', '..'], ['10', '20', '..', '99']].map(values => {
          const paths = [...observatoryDrawings.spark(values.join(''), 84).querySelectorAll('path')];
          return paths.map(one => [one.classList.contains('dots'), one.getAttribute('d')]);
        })"""
    )
    assert drawn == [
        [[True, "M2.5 9.9h.01"]],
        [[True, "M42.0 9.9h.01"]],
        [[True, "M81.5 2.0h.01"], [False, "M1.0 16.4L28.3 14.8"]],
    ]
