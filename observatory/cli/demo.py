"""`observatory demo`: the whole product on a simulated estate, on loopback."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.cli import console, options
from observatory.errors import UsageError
from observatory.windows import STEP_MS, format_instant

if TYPE_CHECKING:
    from observatory.evaluate.estate import Estate
    from observatory.sources.simulated import Simulation
    from observatory.sources.store import Store

DEFAULT_STORE = Path(".observatory") / "demo.duckdb"
"""In the working directory, so that it is found again, is seen, and is removed by deleting one folder."""


@console.command
def demo(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on loopback; 0 takes a free one.")] = 8050,
    store: Annotated[
        Path | None, typer.Option("--store", help=f"File that keeps the simulated history; else {DEFAULT_STORE}.")
    ] = None,
    days: Annotated[
        float, typer.Option("--days", min=0.25, max=90, help="Days of history, where none is there yet.")
    ] = 30.0,
    at: options.At = None,
    no_live: Annotated[bool, typer.Option("--no-live", help="Show the history only; nothing is added to it.")] = False,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Write the history, print its file and end.")
    ] = False,
) -> None:
    """Serve the dashboards on a simulated order-to-delivery estate with 30 days of history and incidents.

    The history is kept: a second start reads it and simulates what is missing up to now. With --at the clock stands
    still at that instant.
    """
    now_ms = round(time.time() * 1000)
    at_ms = options.instant(at, now_ms)
    if at_ms > now_ms - now_ms % STEP_MS:
        raise UsageError(f"--at: {format_instant(at_ms)} has not come yet")
    path = store or DEFAULT_STORE

    from observatory.sources.store import Store

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {path.parent}: {error.strerror}; name a file with --store") from None
    from observatory.sources.store.lending import Lending

    with Store.open(path) as opened, Lending(opened):
        simulation = _prepare(opened, path, at_ms, days)
        if prepare_only:
            # Counted once now, the days that are over are kept for whoever asks next.
            _estate(opened).snapshot(at_ms - at_ms % STEP_MS)
        else:
            _serve(opened, simulation, port, frozen_ms=at_ms if at is not None else None, live=not no_live)
    if prepare_only:
        console.answer(str(path))


def _prepare(store: Store, path: Path, at_ms: int, days: float) -> Simulation:
    from observatory.sources.simulated import prepare
    from observatory.sources.simulated.history import reached, remembered

    if remembered(store) is None:
        console.say(f"simulating {days:g} days of history into {path}, once; this takes some seconds")
    elif reached(store) < at_ms - at_ms % STEP_MS:
        console.say(f"continuing the history in {path} from {format_instant(reached(store))}")
    began = time.monotonic()
    simulation = prepare(store, at_ms, days=days)
    console.say(f"history to {format_instant(reached(store))}, ready after {time.monotonic() - began:.1f} s")
    return simulation


def _estate(store: Store) -> Estate:
    from observatory.evaluate.estate import Estate
    from observatory.settings import Settings
    from observatory.settings.deploys import DeployMetric
    from observatory.sources.opening import Sources, kept_beside
    from observatory.sources.simulated import documents_folder
    from observatory.sources.simulated.application_counters import DEPLOYED

    sources = Sources(metrics=(store,), spans=(store,), store=store, kept=kept_beside(store))
    told = DeployMetric(metric=DEPLOYED, marks="value", version="version")
    settings = Settings(documents=(documents_folder(),), deploys=(told,))
    return Estate(settings, sources, keeper=sources.keeper)


def _serve(store: Store, simulation: Simulation, port: int, *, frozen_ms: int | None, live: bool) -> None:
    from observatory.sources.simulated.live import Live
    from observatory.web.server import build_site, listen

    def clock() -> int:
        return frozen_ms if frozen_ms is not None else round(time.time() * 1000)

    site = build_site(_estate(store), clock=clock, sink=store)
    going_on: list[Live] = []

    def ready(url: str) -> None:
        if live and frozen_ms is None:
            going_on.append(Live(simulation, store, traces_url=f"{url}v1/traces", clock=clock))
            going_on[0].start()
        console.say(f"Observatory is at {url} (Ctrl-C ends it)")

    try:
        listen(site, host="127.0.0.1", port=port, ready=ready)
    finally:
        for one in going_on:
            one.stop()
    console.say("stopped")


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command("demo")(demo)
