"""A store that another process owns: asked over the socket beside the file, it answers as the file itself would."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from observatory.errors import Problem, SourceFailed
from observatory.sources.base import (
    Float64,
    HopQuery,
    Int64,
    MessageQuery,
    SampleSet,
    SeriesRequest,
    SourceState,
    Span,
    VisitQuery,
    Visits,
)
from observatory.sources.health import Health
from observatory.sources.store import wire
from observatory.sources.store.contents import StoreContents
from observatory.sources.store.lending import address_of, socket_of
from observatory.telemetry.binding import SpanSelector
from observatory.telemetry.inventory import Inventory, InventoryRequest
from observatory.windows import Grid, TimeRange

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 300.0


class LentStore:
    """Samples and spans of a store in another process; every question is answered from its last committed state.

    Raises:
        SourceFailed: In every method: `store-read-failed`; the owner has gone or could not answer.
    """

    kind = "store"

    def __init__(self, path: Path, connection: socket.socket, name: str) -> None:
        self.name = name
        self.path = path
        self._connection = connection
        self._lock = Lock()
        self._health = Health(name, self.kind)

    @classmethod
    def borrow(cls, path: Path, name: str = "store") -> LentStore | None:
        """The store as its owner lends it; None where nobody does."""
        place = socket_of(path)
        if not hasattr(socket, "AF_UNIX") or not place.exists():
            return None
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(CONNECT_SECONDS)
        try:
            with address_of(place) as address:
                connection.connect(address)
        except OSError:
            connection.close()
            return None
        connection.settimeout(ANSWER_SECONDS)
        return cls(path, connection, name)

    def close(self) -> None:
        """End the connection; the store goes on without us."""
        self._connection.close()

    def state(self) -> SourceState:
        """How the owner answered questions."""
        return self._health.state(f"{self.path}, by the process that owns it")

    def _ask(self, question: str, *arguments: object) -> Any:
        try:
            found = self._answer(question, *arguments)
        except SourceFailed as error:
            self._health.note(question, error.problems, failed=True)
            raise
        self._health.note(question)
        return found

    def _answer(self, question: str, *arguments: object) -> Any:
        with self._lock:
            try:
                wire.send(self._connection, {"ask": question, "with": list(arguments)})
                told = wire.receive(self._connection)
            except OSError as error:
                raise SourceFailed(self._gone(str(error))) from error
        if told is None:
            raise SourceFailed(self._gone("it ended the connection"))
        if "problems" in told:
            raise SourceFailed(told["problems"])
        return told["answer"]

    def _gone(self, why: str) -> Problem:
        return Problem(
            code="store-read-failed",
            message=f"the process that owns the store did not answer: {why}",
            url=str(self.path),
            hint="has it ended? ask again",
        )

    def metric_names(self, span: TimeRange) -> frozenset[str]:
        """As `Store.metric_names`."""
        found: frozenset[str] = self._ask("metric_names", span)
        return found

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory:
        """As `Store.inventory`."""
        found: Inventory = self._ask("inventory", request, span)
        return found

    def samples(self, request: SeriesRequest) -> SampleSet:
        """As `Store.samples`."""
        found: SampleSet = self._ask("samples", request)
        return found

    def samples_together(self, requests: Sequence[SeriesRequest]) -> list[SampleSet]:
        """As `Store.samples_together`."""
        found: list[SampleSet] = self._ask("samples_together", list(requests))
        return found

    def marks(self, requests: Sequence[SeriesRequest], span: TimeRange) -> dict[int, int]:
        """As `Store.marks`."""
        found: dict[int, int] = self._ask("marks", list(requests), span)
        return found

    def writes(self) -> Mapping[int, int]:
        """As `Store.writes`."""
        found: dict[int, int] = self._ask("writes")
        return found

    def contents(self) -> StoreContents:
        """As `Store.contents`."""
        found: StoreContents = self._ask("contents")
        return found

    def earliest_ms(self) -> int | None:
        """As `Store.earliest_ms`."""
        found: int | None = self._ask("earliest_ms")
        return found

    def count_hops(self, queries: Sequence[HopQuery], grid: Grid) -> dict[str, Float64]:
        """As `Store.count_hops`."""
        found: dict[str, Float64] = self._ask("count_hops", list(queries), grid)
        return found

    def count_messages(self, queries: Sequence[MessageQuery], grid: Grid) -> dict[str, Float64]:
        """As `Store.count_messages`."""
        found: dict[str, Float64] = self._ask("count_messages", list(queries), grid)
        return found

    def visits(self, queries: Sequence[VisitQuery], span: TimeRange) -> Visits:
        """As `Store.visits`."""
        found: Visits = self._ask("visits", list(queries), span)
        return found

    def hop_latencies(self, selector: SpanSelector, span: TimeRange) -> tuple[Int64, Float64]:
        """As `Store.hop_latencies`."""
        found: tuple[Int64, Float64] = self._ask("hop_latencies", selector, span)
        return found

    def clamped_hops(self, selector: SpanSelector, span: TimeRange) -> tuple[int, int]:
        """As `Store.clamped_hops`."""
        found: tuple[int, int] = self._ask("clamped_hops", selector, span)
        return found

    def span_presence(self, grid: Grid) -> Float64:
        """As `Store.span_presence`."""
        found: Float64 = self._ask("span_presence", grid)
        return found

    def destinations(self, span: TimeRange) -> Inventory:
        """As `Store.destinations`."""
        found: Inventory = self._ask("destinations", span)
        return found

    def sample_traces(self, selector: SpanSelector | None, span: TimeRange, limit: int) -> list[str]:
        """As `Store.sample_traces`."""
        found: list[str] = self._ask("sample_traces", selector, span, limit)
        return found

    def trace(self, trace_id: str) -> list[Span]:
        """As `Store.trace`."""
        found: list[Span] = self._ask("trace", trace_id)
        return found
