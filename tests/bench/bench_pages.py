"""Speed of a page with 1,000 channels and 4 figures x 10 series x 8,640 points, in Debian's Chromium.

Prints what must hold, what would be good and what was measured, side by side. Bytes do not depend on the machine; times
do, so processor time stands beside them. Fifty browsers are played by threads that ask what the one real browser asked.
Run: python tests/bench/bench_pages.py [--channels 1000] [--loads 3] [--browsers 50]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import requests

sys.path.insert(0, str(Path(__file__).parents[1]))
from browser.chromium import chromium
from measuring import server_cpu
from playwright.sync_api import Browser, Page

CALLBACK = "/_dash-update-component"
ENTRIES = f"performance.getEntriesByType('resource').filter(one => one.name.includes('{CALLBACK}'))"
POLL_SECONDS = 30.0
FIGURES = 4
WATCH = """
window.seen = {row: null, grid: null, figures: null, busy: 0};
new PerformanceObserver(list => list.getEntries().forEach(e => { window.seen.busy = e.startTime + e.duration; }))
  .observe({type: 'longtask', buffered: true});
new MutationObserver(() => {
  const grid = document.querySelector('.ag-center-cols-container .ag-row');
  if (window.seen.row === null && (grid || document.querySelector('.first-rows .line:not(.head)'))) {
    window.seen.row = performance.now();
  }
  if (window.seen.grid === null && grid) {
    window.seen.grid = performance.now();
  }
  const lines = document.querySelectorAll('.js-plotly-plot .scatterlayer .trace').length;
  if (window.seen.figures === null && lines >= FIGURES * 10) {
    window.seen.figures = performance.now();
  }
}).observe(document, {childList: true, subtree: true});
""".replace("FIGURES", str(FIGURES))


@dataclass(frozen=True)
class Serving:
    """A process that serves the large page."""

    url: str
    pid: int
    ledger_bytes: int

    @property
    def memory(self) -> float:
        """What the process holds beside its ledger, MB."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return (int(found[1]) * 1024 - self.ledger_bytes) / 1e6


@dataclass
class Load:
    """One first visit of the page, with an empty cache."""

    bytes: int = 0
    callback_bytes: int = 0
    row_ms: float = 0.0
    grid_ms: float = 0.0
    interactive_ms: float = 0.0
    callback_ms: list[float] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    server_cpu: float = 0.0
    browser_cpu: float = 0.0
    bytes_by_name: dict[str, int] = field(default_factory=dict)


@contextmanager
def serving(channels: int, seconds: float = POLL_SECONDS) -> Iterator[Serving]:
    """The large page on a free port, until the block ends."""
    script = Path(__file__).parents[1] / "web" / "large_estate.py"
    process = subprocess.Popen(
        [sys.executable, str(script), str(channels), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        url, ledger = process.stdout.readline().split()
        yield Serving(url.rstrip("/"), process.pid, int(ledger))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def visit(browser: Browser, site: Serving, *, ranges: tuple[str, ...] = ()) -> Load:
    """Open the page with an empty cache; then choose each range and wait until all is drawn anew."""
    found = Load()
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    page = context.new_page()
    page.add_init_script(WATCH)
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    names: dict[str, str] = {}
    bodies: dict[str, str] = {}

    def sent(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["request"]["url"]
        bodies[event["requestId"]] = event["request"].get("postData", "")

    def done(event: dict[str, Any]) -> None:
        name = names.get(event["requestId"], "").removeprefix(site.url).split("?")[0]
        size = round(event["encodedDataLength"])
        found.bytes += size
        found.bytes_by_name[name] = found.bytes_by_name.get(name, 0) + size
        found.callback_bytes += size if name == CALLBACK else 0

    wire.on("Network.requestWillBeSent", sent)
    wire.on("Network.loadingFinished", done)
    before_server, before_browser = server_cpu(site.pid), children_cpu()
    page.goto(f"{site.url}/large")
    until(page, "window.seen.grid !== null && window.seen.figures !== null")
    until(page, "performance.now() - Math.max(window.seen.busy, window.seen.figures) > 500")
    seen = page.evaluate("window.seen")
    found.row_ms, found.grid_ms = seen["row"], seen["grid"]
    found.interactive_ms = max(seen["figures"], seen["busy"], seen["grid"])
    found.server_cpu = server_cpu(site.pid) - before_server
    found.browser_cpu = children_cpu() - before_browser
    found.asked = [json.loads(bodies[key]) for key, url in names.items() if CALLBACK in url and bodies[key]]
    size, callbacks = found.bytes, found.callback_bytes
    for name in ranges:
        page.evaluate("performance.clearResourceTimings()")
        page.click(f'[data-range="{name}"]')
        until(page, f"{ENTRIES}.length >= {FIGURES + 1}")
        found.callback_ms += callback_times(page)
    found.bytes, found.callback_bytes = size, callbacks
    context.close()
    return found


def callback_times(page: Page) -> list[float]:
    """Milliseconds that callbacks took, as the browser saw them."""
    times: list[float] = page.evaluate(f"{ENTRIES}.map(e => e.responseEnd - e.startTime)")
    return times


def until(page: Page, condition: str) -> None:
    """Wait in the page, by an evaluation that the page's own policy does not forbid."""
    page.evaluate(
        f"new Promise(done => {{ const look = () => ({condition}) ? done() : setTimeout(look, 25); look(); }})"
    )


def children_cpu() -> float:
    """Seconds of CPU of all processes below this one."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        used[int(folder.name)] = (int(fields[11]) + int(fields[12])) / 100
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(used[pid] for pid in ours - {os.getpid()} if "python" not in _name(pid))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def many_browsers(site: Serving, asked: list[dict[str, Any]], browsers: int, seconds: float) -> list[float]:
    """Milliseconds of every callback while browsers poll, each at a time of its own, and draw what is new.

    Each polls as the timer of a page does; where the version is new it asks for all panels at once.
    """
    polls = [one for one in asked if any(part["id"] == "tick" for part in one["inputs"])][:1]
    panels = {json.dumps(one["outputs"], sort_keys=True): one for one in asked if "view" in json.dumps(one["inputs"])}
    drawn = [one for one in panels.values() if '"panel"' in json.dumps(one["outputs"])]
    assert polls, "the page did not poll"
    assert len(drawn) == FIGURES + 1
    times: list[float] = []
    lock = Lock()

    def ask(session: requests.Session, body: dict[str, Any]) -> requests.Response:
        began = time.perf_counter()
        answer = session.post(f"{site.url}{CALLBACK}", json=body, headers={"Accept-Encoding": "gzip, br"}, timeout=60)
        assert answer.status_code in (200, 204), answer.text[:300]
        with lock:
            times.append(1000 * (time.perf_counter() - began))
        return answer

    def live(number: int) -> None:
        session, version = requests.Session(), None
        began = time.monotonic()
        time.sleep(POLL_SECONDS * number / browsers)
        with ThreadPoolExecutor(6) as connections:
            while time.monotonic() - began < seconds:
                poll = json.loads(json.dumps(polls[0]))
                for part in poll["state"]:
                    part["value"] = version if part["id"] == "version" else part.get("value")
                answer = ask(session, poll)
                new = answer.json()["response"].get("version", {}).get("data") if answer.status_code == 200 else None
                if new is not None and new != version:
                    version = new
                    for one in drawn:
                        for part in one["inputs"]:
                            part["value"] = version if part["id"] == "version" else part["value"]
                    list(connections.map(lambda body: ask(session, body), drawn))
                time.sleep(POLL_SECONDS)

    with ThreadPoolExecutor(browsers) as crowd:
        list(crowd.map(live, range(browsers)))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--channels", type=int, default=1000)
    parser.add_argument("--loads", type=int, default=3)
    parser.add_argument("--browsers", type=int, default=50)
    parser.add_argument("--names", action="store_true", help="print the bytes of each file of a first load")
    told = parser.parse_args()
    with serving(told.channels) as site:
        with chromium() as browser:
            visit(browser, site)
            loads = [visit(browser, site, ranges=("6h", "24h", "7d", "6h")) for _ in range(told.loads)]
        memory = site.memory
        before = server_cpu(site.pid)
        crowd = many_browsers(site, loads[0].asked, told.browsers, 2 * POLL_SECONDS + 5) if told.browsers else [0.0]
        crowd_cpu = server_cpu(site.pid) - before
        memory = max(memory, site.memory)
    best = min(loads, key=lambda one: one.interactive_ms)
    times = [one for load in loads for one in load.callback_ms]
    print(f"{told.channels} channels, {FIGURES} figures x 10 series; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"{'':44}{'must':>10}{'stretch':>10}{'measured':>10}")
    line("first load, compressed", "MB", 2.2, 1.2, best.bytes / 1e6)
    line("callback bytes on load, compressed", "KB", 350, 150, best.callback_bytes / 1e3)
    line("first table row", "s", 1.5, 0.8, min(one.row_ms for one in loads) / 1e3)
    line("interactive", "s", 3.0, 1.5, best.interactive_ms / 1e3)
    line("callback, median", "ms", 100, 40, float(np.percentile(times, 50)))
    line("callback, 95 of 100 under", "ms", 250, 100, float(np.percentile(times, 95)))
    line("server memory beyond the ledger", "MB", 250, 180, memory)
    line(f"{told.browsers} browsers polling, 95 of 100 under", "ms", 500, 250, float(np.percentile(crowd, 95)))
    print(f"  the first row can be sorted after {min(one.grid_ms for one in loads) / 1e3:.2f} s")
    print(f"  CPU of a first load: server {best.server_cpu:.2f} s, browser {best.browser_cpu:.2f} s;", end=" ")
    print(f"of {len(crowd)} callbacks of the crowd: server {crowd_cpu:.2f} s")
    if told.names:
        for name, size in sorted(best.bytes_by_name.items(), key=lambda one: -one[1]):
            print(f"  {size / 1e3:8.1f} KB {name}")


def line(what: str, unit: str, must: float, stretch: float, measured: float) -> None:
    """One row of the table; a star is stretch, a minus misses what must hold."""
    mark = "*" if measured <= stretch else "-" if measured > must else ""
    print(f"  {what:40}{unit:>4}{must:10.3g}{stretch:10.3g}{measured:10.3g} {mark}")


if __name__ == "__main__":
    main()
