"""The server's metrics about itself, in a registry of its own."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from observatory.sources.batch import Batch
from observatory.web.service import Standing

ROUTES = (
    "/healthz",
    "/metrics",
    "/api/status",
    "/v1/traces",
    "/v1/metrics",
    "/api/v1/write",
    "/_dash-update-component",
)
REFUSALS = ("host", "login", "login_limit", "origin", "rate", "size")
STATE_VALUES = {"ok": 1.0, "partial": 0.5, "failed": 0.0}


class OwnMetrics:
    """Counts what the server does. Labels are a closed set: a path that was made up by a client is `page`."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """`clock` gives milliseconds since the epoch."""
        self._clock = clock
        self._registry = CollectorRegistry(auto_describe=True)
        self._at_ms: int | None = None
        self._refresh_seconds = Histogram(
            "observatory_refresh_seconds",
            "Duration of a refresh of the snapshot.",
            registry=self._registry,
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )
        self._refreshes = Counter("observatory_refreshes", "Refreshes by result.", ["result"], registry=self._registry)
        self._age = Gauge(
            "observatory_snapshot_age_seconds", "Age of the numbers that pages show.", registry=self._registry
        )
        self._age.set_function(self._seconds_old)
        self._objectives = Gauge("observatory_objectives", "Objectives by state.", ["state"], registry=self._registry)
        self._sources = Gauge(
            "observatory_source_up",
            "1 when the source answered, 0.5 in part, 0 when not.",
            ["source", "kind"],
            registry=self._registry,
        )
        self._requests = Counter(
            "observatory_http_requests", "HTTP requests.", ["method", "route", "code"], registry=self._registry
        )
        self._spans = Counter("observatory_otlp_spans", "Spans received by OTLP.", ["result"], registry=self._registry)
        self._exports = Counter(
            "observatory_otlp_requests", "OTLP export requests by result.", ["result"], registry=self._registry
        )
        self._points = Counter(
            "observatory_received_points",
            "Points of pushed metrics: kept, rejected as faulty, ignored as of no use.",
            ["protocol", "result"],
            registry=self._registry,
        )
        self._pushes = Counter(
            "observatory_received_requests",
            "Requests of pushed metrics by result.",
            ["protocol", "result"],
            registry=self._registry,
        )
        self._refusals = Counter(
            "observatory_http_refusals",
            "Requests that were not let in: wrong name of this server, no login, another site's page, too often.",
            ["reason"],
            registry=self._registry,
        )
        for reason in REFUSALS:
            self._refusals.labels(reason)
        for result in ("ok", "failed"):
            self._refreshes.labels(result)
            self._exports.labels(result)
        for protocol in ("otlp", "remote_write"):
            for result in ("ok", "invalid", "refused", "failed"):
                self._pushes.labels(protocol, result)
            for result in ("kept", "rejected", "ignored"):
                self._points.labels(protocol, result)
        for result in ("kept", "rejected"):
            self._spans.labels(result)

    @property
    def content_type(self) -> str:
        return CONTENT_TYPE_LATEST

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)

    def refreshed(self, seconds: float, standing: Standing) -> None:
        """Note a refresh; part of `service.Observer`."""
        self._refresh_seconds.observe(max(0.0, seconds))
        self._refreshes.labels("failed" if standing.problems else "ok").inc()
        if standing.snapshot is None:
            return
        self._at_ms = standing.oldest_ms
        states = [one.state for one in standing.snapshot.status.objectives]
        for state in ("meeting", "at_risk", "breached", "no_traffic", "no_data", "unmapped"):
            self._objectives.labels(state).set(states.count(state))
        for source in standing.snapshot.status.sources:
            self._sources.labels(source.name, source.kind).set(STATE_VALUES[source.state])

    def received_points(self, protocol: str, batch: Batch | None, result: str) -> None:
        """Note a request of pushed metrics and its points; None where the request was not taken."""
        self._pushes.labels(protocol, result).inc()
        if batch is not None:
            self._points.labels(protocol, "kept").inc(batch.points)
            self._points.labels(protocol, "rejected").inc(batch.rejected)
            self._points.labels(protocol, "ignored").inc(batch.ignored)

    def received_spans(self, kept: int, rejected: int, result: str) -> None:
        """Note an export request and its spans."""
        self._exports.labels(result).inc()
        self._spans.labels("kept").inc(kept)
        self._spans.labels("rejected").inc(rejected)

    def refused(self, reason: str) -> None:
        """Note a request that the gate did not let in; `reason` is one of `REFUSALS`."""
        self._refusals.labels(reason).inc()

    def answered(self, method: str, path: str, code: int) -> None:
        """Note an HTTP answer."""
        route = (
            path if path in ROUTES else "asset" if path.startswith(("/assets/", "/_dash-component-suites/")) else "page"
        )
        known = method if method in ("GET", "HEAD", "POST", "OPTIONS") else "other"
        self._requests.labels(known, route, str(code)).inc()

    def _seconds_old(self) -> float:
        return float("nan") if self._at_ms is None else max(0.0, (self._clock() - self._at_ms) / 1000)
