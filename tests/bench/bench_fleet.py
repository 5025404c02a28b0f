"""Status and monthly review of a fleet on one Prometheus, cold and on a warm store; status against slo-generator.

slo-generator runs in a virtual environment of its own, made when it is needed, and computes for every SLO the windows
that a status has, at the same instant: the seven of burn rates and the objective's own. Two comparisons are printed.

- Process against process: a command of each side, from the start of Python to its end, in turn and several times; costs
  and ratios are the medians.
- In process: what either side does for the next answer when it is running already. Ours is the refresh of `serve`,
  which asks the server for the tail and judges every objective anew; theirs is `slo_generator.compute` of every SLO.

Run: python tests/bench/bench_fleet.py [--channels 100] [--days 30] [--full] [--folder FOLDER]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from fleet import METRIC, Fleet, address, arguments, fleet, write_documents
from measuring import Cost, measured, server_cpu
from msgspec.structs import replace

from observatory.evaluate.estate import Estate
from observatory.reading import without_collection
from observatory.review.month import make_review
from observatory.settings import Settings
from observatory.sources.opening import open_sources
from observatory.units import parse_duration
from observatory.windows import BURN_WINDOWS

PEER = ("slo-generator[prometheus]==2.6.0", "setuptools<80")
IN_PROCESS = """
import logging, sys, time
from slo_generator import utils
from slo_generator.compute import compute
logging.disable(logging.CRITICAL)
slos = utils.load_configs(sys.argv[1], kind="ServiceLevelObjective")
config, at = utils.load_config(sys.argv[2]), float(sys.argv[3])
compute(slos[0], config, timestamp=at)
began, used = time.perf_counter(), time.process_time()
reports = sum(len(compute(slo, config, timestamp=at)) for slo in slos)
print(time.perf_counter() - began, time.process_time() - used, reports)
"""
"""Everything that is imported and read once lies before what is measured."""
ROUNDS = 3
"""How often the commands of both sides are run in turn; a machine is not equally quick from one second to the next."""
REFRESHES = 5
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
    ours(one, folder / "unmeasured", compiled)  # so that modules are compiled
    peers = min(one.channels, MOST_PEERS)
    again = refresh(one)
    peer = Peer.of(one, folder, peers)
    rounds = [
        (peer.command_run(one), *(ours(one, folder / f"measured-{number}", compiled) for _ in range(2)))
        for number in range(ROUNDS)
    ]
    inside = peer.inside_run(one)
    refreshed = told_times([inside.times(again, peers, one.channels)])
    command, cold, warm = (Spent.median(runs) for runs in zip(*rounds, strict=True))
    print(f"  status of {one.channels} SLOs, per SLO: wall, processor of the client and of the server")
    print("    process against process")
    print(f"      slo-generator, {peers:4} SLOs     {command.per(peers)}")
    for name, mine, place in (("observatory, nothing kept", cold, 1), ("observatory, days kept", warm, 2)):
        times = [one_round[0].times(one_round[place], peers, one.channels) for one_round in rounds]
        print(f"      {name:28} {mine.per(one.channels)}   {told_times(times)}")
    print("    in process")
    print(f"      slo-generator, {peers:4} SLOs     {inside.per(peers)}")
    print(f"      observatory, a refresh       {again.per(one.channels)}   {refreshed}")


@dataclass(frozen=True)
class Spent:
    """Seconds of wall, of the client's processor and of the server's."""

    wall: float
    client: float
    server: float

    def per(self, count: int) -> str:
        return "".join(f"{1000 * one / count:9.2f} ms" for one in (self.wall, self.client, self.server))

    def times(self, ours: Spent, peers: int, count: int) -> tuple[float, float]:
        """How many times as much this is, per SLO: by the clock, and by the processor of both ends."""
        clock = self.wall / peers / (ours.wall / count)
        work = (self.client + self.server) / peers / ((ours.client + ours.server) / count)
        return clock, work

    @classmethod
    def median(cls, several: Sequence[Spent]) -> Spent:
        """Of several runs, each kind of cost by itself."""
        return cls(*(median(getattr(one, name) for one in several) for name in ("wall", "client", "server")))


def told_times(times: Sequence[tuple[float, float]]) -> str:
    clock, work = (median(each) for each in zip(*times, strict=True))
    return f"{clock:6.1f}x by the clock, {work:.1f}x by processor"


def as_command(command: list[str], one: Fleet, environment: dict[str, str] | None = None) -> tuple[Spent, str]:
    """What a command costs at both ends, and what it said."""
    before, there = resource.getrusage(resource.RUSAGE_CHILDREN), server_cpu(one.server.pid)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout or done.returncode == 0, done.stderr[-2000:]
    here = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, here, server_cpu(one.server.pid) - there), done.stdout + done.stderr


def ours(one: Fleet, kept: Path, compiled: Path) -> Spent:
    """One `observatory status`; see `our_command`."""
    spent, said = our_command(["status", str(one.folder / "documents")], one, kept, compiled)
    objectives = said["objectives"]
    assert len(objectives) == one.channels
    assert {objective["counting"] for objective in objectives} == {"exact"}
    return spent


def our_command(words: list[str], one: Fleet, kept: Path, compiled: Path) -> tuple[Spent, Any]:
    """One command of `observatory`, and its answer.

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
    more = ["--store", str(kept / "store.duckdb"), "--at", str(one.grid.end_ms // 1000), "--json"]
    spent, said = as_command([sys.executable, "-m", "observatory", *words, *more], one, environment)
    return spent, json.loads(said)


def refresh(one: Fleet) -> Spent:
    """The next minute in a process that stays, the median of some."""
    spent: list[Spent] = []
    with open_sources(one.settings) as sources:
        estate = Estate(one.settings, sources)
        before = estate.snapshot(one.grid.end_ms - REFRESHES * 60_000)
        for number in range(REFRESHES - 1, -1, -1):
            at_ms = one.grid.end_ms - number * 60_000
            cost, after = measured(lambda a=at_ms, b=before: estate.snapshot(a, previous=b), one.server.pid)  # type: ignore[misc]
            spent.append(Spent(cost.wall, cost.here, cost.there))
            newest = [row.last_sample_ms for row in after.ledger.rows.values()]
            assert all(at is not None and at > at_ms - 60_000 for at in newest), "the tail was fetched"
            before = after
        fresh = Estate(one.settings, sources).snapshot(one.grid.end_ms)
        assert fresh.status.to_json() == before.status.to_json(), "a refresh says what counting everything says"
    return Spent.median(spent)


@dataclass(frozen=True)
class Peer:
    """slo-generator on the same SLOs.

    Attributes:
        command: One `slo-generator compute` over all of them.
        inside: The same computed in a process that has begun.
        reports: How many the latter makes.
    """

    command: list[str]
    inside: list[str]
    last: str
    reports: int

    def command_run(self, one: Fleet) -> Spent:
        spent, said = as_command(self.command, one)
        assert self.last in said
        return spent

    def inside_run(self, one: Fleet) -> Spent:
        there = server_cpu(one.server.pid)
        done = subprocess.run(self.inside, capture_output=True, text=True, check=True)
        wall, here, reports = (float(word) for word in done.stdout.split()[-3:])
        assert reports == self.reports
        return Spent(wall, here, server_cpu(one.server.pid) - there)

    @classmethod
    def of(cls, one: Fleet, folder: Path, count: int) -> Peer:
        """Installed, and its files written."""
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
        at = str(one.grid.end_ms // 1000)
        return cls(
            [str(program), "compute", "-f", str(slos), "-c", str(settings), "-t", at],
            [str(program.with_name("python")), "-c", IN_PROCESS, str(slos), str(settings), at],
            f"slo-{count - 1}",
            count * len(steps),
        )


def installed(folder: Path) -> Path:
    """slo-generator in a virtual environment of its own."""
    environment = folder / "peer"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *PEER]
    subprocess.run(pip, check=True)
    return environment / "bin" / "slo-generator"


def review(one: Fleet, folder: Path) -> None:
    """The review of the month in which the data end: cold, and with days kept."""
    calm = folder / "calm"
    write_documents(calm, one.channels, round(one.grid.range.seconds / 86_400), calm=True)
    for name, about, settings in (
        ("edge", "all at the edge of their budgets", one.settings),
        ("calm", "one in ten is", replace(one.settings, documents=(calm,))),
    ):
        month = f"{datetime.fromtimestamp(one.grid.end_ms / 1000, UTC):%Y-%m}"
        found = numbers_of(one, month, replace(settings, store=folder / f"{name}.duckdb"))
        print(f"  review of {month}, {one.channels} objectives, {about}: {found.incidents:.1f} incidents each")
        print(f"    nothing kept   {found.cold}")
        print(f"    days kept      {found.warm}")
        print(f"    warm: 1/{found.cold.wall / found.warm.wall:.1f} of cold")
        command_of(one, month, settings, folder, folder / f"command-{name}")


@dataclass(frozen=True)
class Numbers:
    """What the numbers of a review cost a process that has read the documents.

    Attributes:
        incidents: Of an objective, on average.
    """

    cold: Cost
    warm: Cost
    incidents: float


def numbers_of(one: Fleet, month: str, settings: Settings) -> Numbers:
    costs = []
    for _ in range(1 + ROUNDS):
        with open_sources(settings, read_only_store=True) as sources:
            estate = Estate(settings, sources, keeper=sources.keeper)
            with without_collection():
                cost, made = measured(lambda e=estate: make_review(e, month, one.grid.end_ms), one.server.pid)  # type: ignore[misc]
        assert len(made.objectives) == one.channels
        costs.append(cost)
    incidents = sum(len(each.incidents) for each in made.objectives) / one.channels
    return Numbers(costs[0], sorted(costs[1:], key=lambda cost: cost.wall)[ROUNDS // 2], incidents)


def command_of(one: Fleet, month: str, settings: Settings, folder: Path, kept: Path) -> None:
    """The same as a command that writes all of it as JSON, from the start of Python to its end."""
    words = ["review", *map(str, settings.documents), "--month", month]
    costs = []
    for _ in range(1 + ROUNDS):
        cost, said = our_command(words, one, kept, folder / "compiled")
        assert len(said["objectives"]) == one.channels
        costs.append(cost)
    cold, warm = costs[0], Spent.median(costs[1:])
    times = f"1/{cold.wall / warm.wall:.1f} by the clock, 1/{cold.client / warm.client:.1f} by processor"
    print(f"    as a command   {cold.wall:.2f} s, and {warm.wall:.2f} s with days kept: {times}")


if __name__ == "__main__":
    main()
