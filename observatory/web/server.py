"""The whole site put together, and the listening: used by `serve` and by `demo`."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from flask import Flask
from msgspec import Struct

from observatory.errors import UsageError
from observatory.objectives.policy import load_policies
from observatory.web.access import Access, add_gate
from observatory.web.app import create_app
from observatory.web.heap import share_arenas
from observatory.web.http import add_headers, add_routes
from observatory.web.load import load_pages, shipped_folder
from observatory.web.own_metrics import OwnMetrics
from observatory.web.panels import KINDS
from observatory.web.receivers import MOST_BODY, Sink, add_receivers
from observatory.web.service import Service

if TYPE_CHECKING:
    from observatory.evaluate.estate import Estate

THREADS = 12
"""Request threads: a page asks for eight panels at once, and as many may be with the receivers or wait for them."""
MOST_CONNECTIONS = 1000


class Site(Struct, frozen=True, kw_only=True):
    """Pages, routes and the service behind them. `server` is the WSGI callable for any server of your choice."""

    service: Service
    server: Flask
    metrics: OwnMetrics
    access: Access


def build_site(
    estate: Estate,
    *,
    clock: Callable[[], int],
    dashboards: Sequence[Path] = (),
    policies_dir: Path | None = None,
    sink: Sink | None = None,
    interval_seconds: float = 30.0,
    access: Access | None = None,
) -> Site:
    """Everything but the listening.

    Args:
        clock: Milliseconds since the epoch, now.
        dashboards: Folders layered over the shipped dashboards, last wins.
        sink: Where received telemetry goes.
        access: Who may ask; everybody on this machine, by loopback names, where None.

    Raises:
        InputInvalid: A dashboard or a policy is wrong.
    """
    # plotly asks whether pandas is loaded while other threads load it; half of it is worse than none.
    import_module("pandas")
    pages = load_pages([shipped_folder(), *dashboards], KINDS)
    metrics = OwnMetrics(clock)
    service = Service(estate, clock=clock, interval_seconds=interval_seconds, observer=metrics)
    app = create_app(service, pages, policies=load_policies(policies_dir))
    server: Flask = app.server
    chosen = access or Access()
    add_gate(server, chosen, metrics)
    add_routes(server, service, metrics, chosen)
    add_receivers(server, metrics, sink, clock)
    add_headers(server, metrics, app.csp_hashes)
    return Site(service=service, server=server, metrics=metrics, access=chosen)


def listen(site: Site, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then stop cleanly. Port 0 takes a free one; `ready` is told the URL.

    Raises:
        UsageError: The address cannot be bound.
    """
    from waitress.server import create_server

    share_arenas()
    # A page asks for all its panels at once; that some of them wait for a thread is no news for the terminal.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        server: Any = create_server(
            site.server,
            host=host,
            port=port,
            threads=THREADS,
            ident=None,
            # A browser keeps six connections open, so fifty people are three hundred.
            connection_limit=MOST_CONNECTIONS,
            asyncore_use_poll=True,
            # The gate believes them from listed proxies only; waitress knows one proxy at most.
            clear_untrusted_proxy_headers=not site.access.settings.proxies,
            # Bodies are put aside before anybody is asked who they are.
            max_request_body_size=2 * MOST_BODY,
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}") from None
    stop = Event()
    before = {sign: signal.signal(sign, lambda *_: stop.set()) for sign in (signal.SIGTERM, signal.SIGINT)}
    site.service.start()
    thread = Thread(target=server.run, name="observatory-http", daemon=True)
    thread.start()
    shown = f"[{host}]" if ":" in host else host
    ready(f"http://{shown}:{server.effective_port}/")
    try:
        # Short waits let Python run the signal's handler on every platform.
        while thread.is_alive() and not stop.wait(0.5):
            pass
    finally:
        server.close()
        # Idle request threads would keep the last request, and with it the store, beyond the end of the interpreter.
        server.task_dispatcher.shutdown()
        thread.join(timeout=5)
        site.service.stop()
        for sign, handler in before.items():
            signal.signal(sign, handler)
