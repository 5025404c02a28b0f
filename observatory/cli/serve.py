"""`observatory serve`: dashboards, status API, OTLP receiver, health and own metrics."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from observatory.cli import options
from observatory.cli.chosen import Choose, choosing
from observatory.cli.console import command, report, say


@command
@choosing("observatory serve PATH...", clickhouse=True)
def serve(
    choose: Choose,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8050,
    dashboards: options.Dashboards = None,
    refresh: Annotated[int, typer.Option("--refresh", min=5, max=3600, help="Seconds between refreshes.")] = 30,
    allow_anonymous: Annotated[
        bool,
        typer.Option("--allow-anonymous", help="Let everybody read who reaches --host, without a login."),
    ] = False,
) -> None:
    """Serve the dashboards, /api/status, /healthz and /metrics; receive OTLP and Prometheus remote-write."""
    from observatory.evaluate.estate import Estate
    from observatory.sources.opening import open_sources
    from observatory.sources.store import Store
    from observatory.sources.store.lending import Lending
    from observatory.sources.store.upkeep import Upkeep
    from observatory.web.access import open_access
    from observatory.web.server import build_site, listen

    def clock() -> int:
        return round(time.time() * 1000)

    settings = choose()
    access = open_access(settings.serve, host, anonymous=allow_anonymous)
    if not access.local and access.logins is not None and not settings.serve.proxies:
        say("passwords and tokens travel as they are written: let a proxy with TLS stand before this server")
    folders = [*([settings.dashboards_dir] if settings.dashboards_dir else []), *(dashboards or [])]
    with open_sources(settings) as sources:
        own = sources.store if isinstance(sources.store, Store) else None
        estate = Estate(settings, sources, keeper=sources.keeper)
        # Channels that can be read are served; what is wrong with the others is said and does not end the server.
        report(estate.problems)
        site = build_site(
            estate,
            clock=clock,
            dashboards=folders,
            policies_dir=settings.policies_dir,
            sink=own,
            interval_seconds=refresh,
            access=access,
        )
        with Lending(own), Upkeep(own, sources.kept, settings.keeping, clock):
            listen(site, host=host, port=port, ready=lambda url: say(f"Observatory is at {url} (Ctrl-C ends it)"))
        say("stopped")


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command("serve")(serve)
