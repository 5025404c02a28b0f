"""Telemetry that is pushed to the server: OTLP traces and metrics, Prometheus remote-write.

What is acknowledged is in the store, committed. A request is kept as a whole or not at all; points that are faulty by
themselves are left out, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Protocol

from flask import Flask, Response, request

from observatory.errors import InputInvalid, Problem, ProblemsError
from observatory.sources.base import Span
from observatory.web.otlp_status import status_response
from observatory.web.own_metrics import OwnMetrics

if TYPE_CHECKING:
    from observatory.sources.batch import Batch, Kept

MOST_BODY = 16 * 2**20
"""Bytes of a request body, before and after decompression."""
MOST_TAKEN = 4
"""Requests that are read or written at a time, for each may take the memory of its whole body."""
MOST_WAITING = 4
PATIENCE_SECONDS = 1.0
"""Requests that may wait for others to be through, and how long; the other threads stay free for pages."""
RETRY_SECONDS = 5
BUSY_SECONDS = 1
"""Until the next try, where a disk has to become free, and where a few others have to be through."""
_UNSUPPORTED = frozenset({"otlp-type-unknown", "write-type-unknown"})
_TOO_LARGE = frozenset({"otlp-too-large", "write-too-large", "received-too-many"})
_RESULTS = {400: "invalid", 413: "too_large", 415: "unsupported", 501: "no_store", 503: "failed"}


class Sink(Protocol):
    """Where received telemetry goes: the embedded store."""

    def append_spans(self, spans: Iterable[Span]) -> int:
        """Keep spans; the number kept."""
        ...

    def append_batch(self, batch: Batch) -> Kept:
        """Keep metrics, less points that cannot be kept beside what is there."""
        ...

    def pruned_until_ms(self) -> tuple[int, int]:
        """Up to when samples, and spans, were removed and are not taken in again; 0 where none were."""
        ...


class Refused(Exception):
    """A request is not taken, with the HTTP status that says so."""

    def __init__(self, code: int, problem: Problem) -> None:
        super().__init__(problem.message)
        self.code = code
        self.problem = problem
        self.busy = problem.code == "receiver-busy"
        self.result = "refused" if self.busy else _RESULTS[code]


def add_receivers(server: Flask, metrics: OwnMetrics, sink: Sink | None, clock: Callable[[], int]) -> None:
    """`POST /v1/traces`, `/v1/metrics` and `/api/v1/write`; without a store they say how to get one.

    Args:
        clock: Milliseconds since the epoch, now; points of the future are refused.
    """
    receivers = Receivers(metrics, sink, clock)
    server.post("/v1/traces", endpoint="receive_traces")(receivers.traces)
    server.post("/v1/metrics", endpoint="receive_metrics")(receivers.otlp_metrics)
    server.post("/api/v1/write", endpoint="receive_remote_write")(receivers.remote_write)


class Receivers:
    """The three receivers; each call answers the request at hand."""

    def __init__(self, metrics: OwnMetrics, sink: Sink | None, clock: Callable[[], int]) -> None:
        self._metrics = metrics
        self._sink = sink
        self._clock = clock
        self._line = BoundedSemaphore(MOST_TAKEN + MOST_WAITING)
        self._room = BoundedSemaphore(MOST_TAKEN)
        self._one_writer = Lock()

    def traces(self) -> Response:
        """An OTLP/HTTP export request for traces: protobuf or JSON, plain or gzip.

        200 with a partial success where single spans are unusable; 400, 413 or 415 where the whole request is; 501
        without a store; 503 where it cannot write, and while too many requests are under way.
        """
        from observatory.sources.otlp import decode, traces_response
        from observatory.sources.receiving.builder import FUTURE_MS

        try:
            with self._taking() as (sink, body):
                kind, encoding = request.content_type or "", request.headers.get("Content-Encoding", "")
                decoded = decode(body, kind, encoding=encoding, max_bytes=MOST_BODY)
                decoded = decoded.within(sink.pruned_until_ms()[1], self._clock() + FUTURE_MS)
                with self._writing():
                    sink.append_spans(decoded.spans)
        except Refused as refused:
            self._metrics.received_spans(0, 0, refused.result)
            return _otlp_refusal(refused)
        self._metrics.received_spans(len(decoded.spans), decoded.rejected, "ok")
        return Response(traces_response(decoded, kind), content_type=kind.partition(";")[0].strip())

    def otlp_metrics(self) -> Response:
        """The same for metrics; points of new series are left out where the store has no room for them."""
        from observatory.sources.receiving.builder import FUTURE_MS
        from observatory.sources.receiving.otlp_metrics import decode, metrics_response

        try:
            with self._taking() as (sink, body):
                kind, encoding = request.content_type or "", request.headers.get("Content-Encoding", "")
                latest_ms, (after_ms, _) = self._clock() + FUTURE_MS, sink.pruned_until_ms()
                batch = decode(
                    body, kind, encoding=encoding, max_bytes=MOST_BODY, latest_ms=latest_ms, after_ms=after_ms
                )
                with self._writing():
                    batch = sink.append_batch(batch).batch
        except Refused as refused:
            self._metrics.received_points("otlp", None, refused.result)
            return _otlp_refusal(refused)
        self._metrics.received_points("otlp", batch, "ok")
        return Response(metrics_response(batch, kind), content_type=kind.partition(";")[0].strip())

    def remote_write(self) -> Response:
        """A Prometheus remote-write request, 1.0 or 2.0.

        204 when all of it was written; 400 when it is unusable, or when part of it is: then the rest is written, and
        the headers say how much that was. 413, 415, 501 and 503 as for OTLP.
        """
        from observatory.sources.receiving.builder import FUTURE_MS
        from observatory.sources.receiving.remote_write import decode, message_of

        try:
            with self._taking() as (sink, body):
                message = message_of(request.content_type or "", request.headers.get("Content-Encoding", ""))
                latest_ms, (after_ms, _) = self._clock() + FUTURE_MS, sink.pruned_until_ms()
                batch = decode(body, message, max_bytes=MOST_BODY, latest_ms=latest_ms, after_ms=after_ms)
                with self._writing():
                    batch = sink.append_batch(batch).batch
        except Refused as refused:
            self._metrics.received_points("remote_write", None, refused.result)
            return _come_again(_written(Response(_text(refused.problem), refused.code), None), refused)
        self._metrics.received_points("remote_write", batch, "ok")
        if batch.rejected:
            total = batch.points + batch.rejected + batch.ignored
            told = f"{batch.rejected} of {total} samples were left out; the first: {batch.reason}\n"
            return _written(Response(told, 400), batch)
        return _written(Response(status=204), batch)

    @contextmanager
    def _taking(self) -> Iterator[tuple[Sink, bytes]]:
        """The body of the request and where to put it, and an HTTP status for whatever goes wrong with them.

        What may go well in a moment is answered with 503: that is what every sender repeats. Prometheus, and some of
        OpenTelemetry's exporters, drop what is answered with 429.

        Raises:
            Refused: It is not taken.
        """
        if self._sink is None:
            raise Refused(
                501,
                Problem(
                    code="otlp-no-store",
                    message="this server has no store for telemetry",
                    hint="start it with --store FILE",
                ),
            )
        with self._place():
            try:
                yield self._sink, _body()
            except InputInvalid as error:
                code = error.problems[0].code
                raise Refused(
                    415 if code in _UNSUPPORTED else 413 if code in _TOO_LARGE else 400, error.problems[0]
                ) from error

    @contextmanager
    def _place(self) -> Iterator[None]:
        """A place among those that are taken, after a short wait in line.

        Raises:
            Refused: There is none.
        """
        if not self._line.acquire(blocking=False):
            raise _busy()
        try:
            if not self._room.acquire(timeout=PATIENCE_SECONDS):
                raise _busy()
            try:
                yield
            finally:
                self._room.release()
        finally:
            self._line.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time: the store has one connection that writes.

        Raises:
            Refused: The store cannot be written.
        """
        try:
            with self._one_writer:
                yield
        except ProblemsError as error:
            raise Refused(503, error.problems[0]) from error


def _busy() -> Refused:
    message = f"{MOST_TAKEN} requests are under way already; send it again"
    return Refused(503, Problem(code="receiver-busy", message=message))


def _body() -> bytes:
    if (request.content_length or 0) > MOST_BODY:
        raise Refused(413, _too_large())
    body = request.stream.read(MOST_BODY + 1)
    if len(body) > MOST_BODY:
        raise Refused(413, _too_large())
    return body


def _too_large() -> Problem:
    return Problem(
        code="otlp-too-large",
        message=f"more than {MOST_BODY // 2**20} MiB in one request",
        hint="let the sender make smaller batches",
    )


def _text(problem: Problem) -> str:
    return f"{problem.message} [{problem.code}]\n"


def _otlp_refusal(refused: Refused) -> Response:
    """A refusal as OTLP has it, and when to come again where that may help."""
    code = 3 if refused.code in (400, 413, 415) else 14
    answer = status_response(refused.code, code, _text(refused.problem).strip(), request.content_type or "")
    return _come_again(answer, refused)


def _written(response: Response, batch: Batch | None) -> Response:
    """The headers by which 2.0 tells how much was written; senders of 1.0 pass over them."""
    response.content_type = "text/plain; charset=utf-8"
    histograms = batch.histograms if batch else 0
    response.headers["X-Prometheus-Remote-Write-Samples-Written"] = str(batch.points - histograms if batch else 0)
    response.headers["X-Prometheus-Remote-Write-Histograms-Written"] = str(histograms)
    # Exemplars are not kept.
    response.headers["X-Prometheus-Remote-Write-Exemplars-Written"] = "0"
    return response


def _come_again(response: Response, refused: Refused) -> Response:
    if refused.code == 503:
        response.headers["Retry-After"] = str(BUSY_SECONDS if refused.busy else RETRY_SECONDS)
    return response
