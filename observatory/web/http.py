"""What the server answers beside pages: health, its own metrics, the status as JSON, headers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, g, request
from msgspec.structs import replace

from observatory.errors import Problem
from observatory.web.access import Access
from observatory.web.own_metrics import OwnMetrics
from observatory.web.service import Service

STUCK_INTERVALS = 20


def add_routes(server: Flask, service: Service, metrics: OwnMetrics, access: Access) -> None:
    """`/healthz`, `/metrics` and `/api/status`."""

    @server.get("/healthz")
    def healthz() -> Response:
        body, code = health(service)
        # Probes have no password, and need none for the state alone.
        return _json(body if access.tells_all(g.client) else {"state": body["state"]}, code)

    @server.get("/metrics")
    def own_metrics() -> Response:
        return Response(metrics.text(), content_type=metrics.content_type)

    @server.get("/api/status")
    def status() -> Response:
        standing = service.standing
        if standing.snapshot is None:
            problems = standing.problems or (
                Problem(code="no-snapshot", message="the first snapshot is being made", severity="info"),
            )
            return _json({"schema": "observatory.problem/1", "problems": [one.to_json() for one in problems]}, 503)
        known = standing.snapshot.status
        # Where the last refresh failed the numbers are old ones; a reader must be able to tell.
        return _json(replace(known, problems=tuple(dict.fromkeys((*known.problems, *standing.problems)))).to_json())


def health(service: Service) -> tuple[dict[str, Any], int]:
    """The process's own health: 200 while the refreshing thread runs, also when sources are down.

    A source that fails is no reason to restart this process, so it is told in the body and in `/metrics` only.
    """
    standing = service.standing
    now = service.clock()
    silent = service.silent_seconds
    stuck = silent is not None and silent > STUCK_INTERVALS * service.interval_seconds
    well = service.alive and not stuck
    body = {
        "state": "ok" if well else "failed",
        "snapshot_age_seconds": standing.age_seconds(now),
        "refresh": "failing" if standing.problems else "starting" if standing.snapshot is None else "ok",
        "sources": [source.to_json() for source in standing.snapshot.status.sources] if standing.snapshot else [],
    }
    return body, 200 if well else 503


def add_headers(server: Flask, metrics: OwnMetrics, script_hashes: Callable[[], Iterable[str]]) -> None:
    """Security headers on every answer, cache headers on assets, and the count of requests.

    Args:
        script_hashes: Hashes of the inline scripts that Dash writes, asked once at the first request.
    """
    policy: list[str] = []

    @server.after_request
    def _headers(response: Response) -> Response:
        if not policy:
            policy.append(content_policy(script_hashes()))
        response.headers["Content-Security-Policy"] = policy[0]
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        if "client" in g and g.client.secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        path = request.path
        if path.startswith("/assets/fonts/") or (path.startswith("/assets/") and "m" in request.args):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        elif not path.startswith(("/assets/", "/_dash-component-suites/")):
            response.headers["Cache-Control"] = "no-store"
        metrics.answered(request.method, path, response.status_code)
        return response


def content_policy(script_hashes: Iterable[str]) -> str:
    """Everything from this server only. Inline scripts by hash; styles inline, for plotly and the grid set them."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {' '.join(script_hashes)}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _json(body: Any, code: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    return Response(text, code, content_type="application/json")
