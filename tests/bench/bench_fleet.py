"""Status and monthly review of a fleet on one Prometheus, cold and on a warm store; status against slo-generator.

slo-generator runs in a virtual environment of its own, made when it is needed, and computes for every SLO the windows
that a status has: the seven of burn rates and the objective's own. Both sides run as commands, in their own processes.
Run: python tests/bench/bench_fleet.py [--channels 100] [--days 30] [--full] [--folder FOLDER]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fleet import METRIC, Fleet, address, arguments, fleet
from measuring import measured

from observatory.evaluate.estate import Estate
from observatory.review.month import make_review
from observatory.sources.opening import open_sources
from observatory.units import parse_duration
from observatory.windows import BURN_WINDOWS

PEER = ("slo-generator[prometheus]==2.6.0", "setuptools<80")
MOST_PEERS = 100
"""SLOs that slo-generator is given; its cost per SLO is the same for more."""


def main() -> None:
    told = arguments(__doc__ or "", channels=100, days=30)
    with fleet(told) as one, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print(one)
        status(one, folder)
        review(one, folder)


def status(one: Fleet, folder: Path) -> None:
    compiled = folder / "compiled"
    ours(one, folder / "unmeasured", compiled)
    cold, warm = (ours(one, folder / "measured", compiled) / one.channels for _ in range(2))
    peers = min(one.channels, MOST_PEERS)
    again = refresh(one) / one.channels
    theirs = slo_generator(one, folder, peers) / peers
    print(f"  status of {one.channels} SLOs, per SLO, start of the command included")
    print(f"    observatory, nothing kept   {1000 * cold:8.2f} ms")
    print(f"    observatory, days kept      {1000 * warm:8.2f} ms")
    print(f"    observatory, a refresh of serve {1000 * again:4.2f} ms")
    print(f"    slo-generator, {peers:4} SLOs    {1000 * theirs:8.2f} ms")
    print(f"    ratio {theirs / cold:.1f}x cold, {theirs / warm:.1f}x warm, {theirs / again:.0f}x refreshed")


def ours(one: Fleet, kept: Path, compiled: Path) -> float:
    """Seconds of one `observatory status`.

    Args:
        kept: Where it finds and leaves what it keeps between runs.
        compiled: Where modules lie compiled after the first run, as an installation leaves them.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "OBSERVATORY_PROMETHEUS_URL": one.server.url,
        "OBSERVATORY_CACHE_DIR": str(kept / "cache"),
        "PYTHONPYCACHEPREFIX": str(compiled),
    }
    kept.mkdir(exist_ok=True)
    store = kept / "store.duckdb"
    at = str(one.grid.end_ms // 1000)
    command = ["status", str(one.folder / "documents"), "--store", str(store), "--at", at, "--json"]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "observatory", *command], capture_output=True, env=environment, check=False
    )
    seconds = time.perf_counter() - began
    objectives = json.loads(done.stdout)["objectives"]
    assert len(objectives) == one.channels
    assert {objective["counting"] for objective in objectives} == {"exact"}
    return seconds


def refresh(one: Fleet) -> float:
    """Seconds of the next minute in a process that stays."""
    with open_sources(one.settings) as sources:
        estate = Estate(one.settings, sources)
        before = estate.snapshot(one.grid.end_ms - 60_000)
        return measured(lambda: estate.snapshot(one.grid.end_ms, previous=before), one.server.pid)[0].wall


def slo_generator(one: Fleet, folder: Path, count: int) -> float:
    """Seconds of one `slo-generator compute` over as many SLOs."""
    program = installed(folder)
    slos = folder / "slos"
    slos.mkdir()
    own = one.grid.range.seconds
    steps = [
        {
            "name": name,
            "window": round(seconds),
            "burn_rate_threshold": 1,
            "alert": False,
            "message_alert": "alert",
            "message_ok": "fine",
        }
        for name, seconds in [*((word, parse_duration(word)) for word in BURN_WINDOWS), ("own", own)]
    ]
    settings = folder / "config.yaml"
    settings.write_text(
        json.dumps(
            {
                "backends": {"prometheus": {"url": one.server.url}},
                "exporters": {},
                "error_budget_policies": {"default": {"steps": steps}},
            }
        )
    )
    for number in range(count):
        labels = f'channel="{address(number)}"'
        indicator = {
            "filter_good": f'{METRIC}{{{labels},outcome="success"}}',
            "filter_bad": f'{METRIC}{{{labels},outcome="error"}}',
        }
        slo = {
            "apiVersion": "sre.google.com/v2",
            "kind": "ServiceLevelObjective",
            "metadata": {
                "name": f"slo-{number}",
                "labels": {"service_name": "s", "feature_name": "f", "slo_name": "x"},
            },
            "spec": {
                "description": "validation",
                "backend": "prometheus",
                "method": "good_bad_ratio",
                "exporters": [],
                "service_level_indicator": indicator,
                "goal": 0.99,
            },
        }
        (slos / f"slo-{number}.yaml").write_text(json.dumps(slo))
    began = time.perf_counter()
    done = subprocess.run(
        [program, "compute", "-f", str(slos), "-c", str(settings)], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"slo-{count - 1}" in done.stdout + done.stderr
    return seconds


def installed(folder: Path) -> Path:
    """slo-generator in a virtual environment of its own."""
    environment = folder / "peer"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *PEER]
    subprocess.run(pip, check=True)
    return environment / "bin" / "slo-generator"


def review(one: Fleet, folder: Path) -> None:
    """The review of the month in which the data end, as a command counts it: cold, and with days kept."""
    month = f"{datetime.fromtimestamp(one.grid.end_ms / 1000, UTC):%Y-%m}"
    settings = replace(one.settings, store=folder / "review.duckdb")
    costs = []
    for _ in range(2):
        with open_sources(settings, read_only_store=True) as sources:
            estate = Estate(settings, sources, keeper=sources.kept)
            cost, made = measured(lambda e=estate: make_review(e, month, one.grid.end_ms), one.server.pid)  # type: ignore[misc]
        assert len(made.objectives) == one.channels
        costs.append(cost)
    print(f"  review of {month}, {one.channels} objectives")
    print(f"    nothing kept   {costs[0]}")
    print(f"    days kept      {costs[1]}")
    print(f"    warm: 1/{costs[0].wall / costs[1].wall:.1f} of cold")


if __name__ == "__main__":
    main()
