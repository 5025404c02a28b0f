"""What a source of telemetry is: a few methods and the arrays that they hand over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from observatory.errors import Problem
from observatory.telemetry.binding import Matcher, SpanSelector
from observatory.telemetry.inventory import Inventory, InventoryRequest
from observatory.windows import Grid, TimeRange

Int64 = NDArray[np.int64]
UInt64 = NDArray[np.uint64]
Float64 = NDArray[np.float64]
SourceHealth = Literal["ok", "partial", "failed"]
PUSHDOWN_STEP_MS = 300_000
"""Resolution of what a server counts: long enough for a few scrapes, as short as the shortest burn window."""


class SeriesRequest(Struct, frozen=True):
    """Raw samples of every series with this name whose labels satisfy all matchers, in (start, end]."""

    metric: str
    matchers: tuple[Matcher, ...]
    range: TimeRange


class SampleSet(Struct, frozen=True):
    """Raw samples of many series, laid end to end.

    Attributes:
        labels: One mapping per series, `__name__` included.
        offsets: int64, length n+1; series i owns samples offsets[i]:offsets[i+1].
        t_ms: int64, strictly increasing within a series.
        values: float64. NaN is a stale marker and nothing else: the series ended there.
        exact: True for samples as scraped; False when they were read on a query grid and may repeat.
        resolution_ms: Distance of grid points when not exact, else 0.
        pushdown: True where the server counted: values are running sums of the increments of many series together.
        problems: What is missing from the set or doubtful in it, such as a server's warnings.
    """

    labels: tuple[Mapping[str, str], ...]
    offsets: Int64
    t_ms: Int64
    values: Float64
    exact: bool = True
    resolution_ms: int = 0
    problems: tuple[Problem, ...] = ()
    pushdown: bool = False

    @classmethod
    def of(
        cls, series: Iterable[tuple[Mapping[str, str], Sequence[int] | Int64, Sequence[float] | Float64]]
    ) -> SampleSet:
        """A set from (labels, times, values) triples; for sources that hold series one by one, and for tests."""
        labels: list[Mapping[str, str]] = []
        times: list[Int64] = []
        values: list[Float64] = []
        for one, t_ms, value in series:
            labels.append(one)
            times.append(np.asarray(t_ms, dtype=np.int64))
            values.append(np.asarray(value, dtype=np.float64))
        offsets = np.zeros(len(labels) + 1, dtype=np.int64)
        np.cumsum([len(t) for t in times], out=offsets[1:])
        empty_t, empty_v = np.empty(0, np.int64), np.empty(0, np.float64)
        return cls(tuple(labels), offsets, np.concatenate([empty_t, *times]), np.concatenate([empty_v, *values]))

    @classmethod
    def from_rows(cls, labels: Sequence[Mapping[str, str]], owner: Int64, t_ms: Int64, values: Float64) -> SampleSet:
        """A set from samples in any order, `owner` being the series of each; of repeats the first stays."""
        order = np.lexsort((t_ms, owner))  # stable: of repeats the first stays first
        owner, t_ms, values = owner[order], t_ms[order], values[order]
        keep = np.ones(len(owner), bool)
        keep[1:] = (np.diff(owner) != 0) | (np.diff(t_ms) != 0)
        owner = owner[keep]
        offsets = np.searchsorted(owner, np.arange(len(labels) + 1)).astype(np.int64)
        return cls(tuple(labels), offsets, t_ms[keep], values[keep])

    def __len__(self) -> int:
        return len(self.labels)

    def series(self, index: int) -> tuple[Mapping[str, str], Int64, Float64]:
        """Labels, times and values of one series, as views."""
        part = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return self.labels[index], self.t_ms[part], self.values[part]


def are_among(places: Int64, ascending: Int64) -> bool:
    """Whether every one of some places is among others."""
    return bool(
        (np.searchsorted(ascending, places, side="right") > np.searchsorted(ascending, places, side="left")).all()
    )


class Record(Struct, frozen=True):
    """Plain arrays by name, and a header that JSON can hold: what a store of records keeps without understanding it.

    Attributes:
        floats: Also whole numbers in any unsigned type; they come back as floats.
        small: Bytes: small whole numbers, and texts.
    """

    header: Mapping[str, Any]
    floats: Mapping[str, NDArray[Any]]
    ints: Mapping[str, Int64]
    small: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)


Join = Callable[[Record, Record], Record]
"""Of the record that is there and the one that is added, what is kept."""


class SourceState(Struct, frozen=True):
    """How a source is doing, for the status and for people; `detail` never holds credentials."""

    name: str
    kind: str
    state: SourceHealth
    detail: str = ""
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, str]:
        """The entry of `sources` in the status."""
        return {"name": self.name, "kind": self.kind, "state": self.state} | (
            {"detail": self.detail} if self.detail else {}
        )


class MetricSource(Protocol):
    """A server of series."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def state(self) -> SourceState:
        """What the last requests showed; asks nothing itself."""
        ...

    def metric_names(self, span: TimeRange) -> frozenset[str]:
        """Names of all series in the range."""
        ...

    def inventory(self, request: InventoryRequest, span: TimeRange) -> Inventory:
        """Label combinations of the named series in the range; silent ones count while the range holds them."""
        ...

    def samples(self, request: SeriesRequest) -> SampleSet:
        """Raw samples.

        Raises:
            SourceFailed: No usable answer.
        """
        ...

    def earliest_ms(self) -> int | None:
        """The oldest instant the server still holds, None when it does not say."""
        ...


@runtime_checkable
class TogetherSource(Protocol):
    """A server of series that answers several requests faster together than one by one."""

    def samples_together(self, requests: Sequence[SeriesRequest]) -> list[SampleSet]:
        """What `samples` gives for each request.

        Raises:
            SourceFailed: No usable answer to any of them.
        """
        ...


@runtime_checkable
class CountingSource(Protocol):
    """A server that can count increments itself, for what is too much to be read raw; every `PUSHDOWN_STEP_MS`."""

    def increments(self, request: SeriesRequest, by: tuple[str, ...]) -> SampleSet:
        """Running sums of the events of all series with equal labels `by`; a pushdown set.

        Raises:
            SourceFailed: No usable answer.
        """
        ...

    def series_counts(self, request: SeriesRequest, by: tuple[str, ...]) -> SampleSet:
        """How many series with equal labels `by` had samples in each hour of a range, by the end of the hour.

        Raises:
            SourceFailed: No usable answer.
        """
        ...


@runtime_checkable
class MarkedSource(Protocol):
    """A source that can say cheaply how much it holds of each hour, by which late telemetry is found."""

    def marks(self, requests: Sequence[SeriesRequest], span: TimeRange) -> Mapping[int, int]:
        """By hour since the epoch, a number that grows when something is added to the hour; hours are left-open.

        Args:
            requests: What is counted; a source may tell of more than that.
            span: Whole hours.

        Raises:
            SourceFailed: No usable answer.
        """
        ...


class HopQuery(Struct, frozen=True):
    """Hops of one channel and consumer to be counted; `bound_seconds` None counts all."""

    key: str
    selector: SpanSelector
    bound_seconds: float | None = None


class MessageQuery(Struct, frozen=True):
    """Messages that spans show on one side; `outcome` None counts all."""

    key: str
    selector: SpanSelector
    role: Literal["producer", "consumer"]
    outcome: Literal["success", "error"] | None = None


class Span(Struct, frozen=True, kw_only=True):
    """One span, whatever convention its attributes followed. Times in nanoseconds since the epoch.

    Attributes:
        trace_id, span_id, parent_span_id: Lower-case hexadecimal; an empty parent means a root.
        links: (trace id, span id) of each link.
        operation: What was done to messages: create, send, receive, process, settle; empty when nothing was.
        operation_name: The system's own word for it, such as `poll` or `ack`.
        batch_count: Messages of a batch; None when the span does not say.
        weight: How many spans this one stands for; 1 where the sampler left no word.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str  # producer, consumer, client, server, internal
    service: str
    start_ns: int
    end_ns: int
    error: bool = False
    error_type: str = ""
    system: str = ""
    destination: str = ""
    consumer_group: str = ""
    links: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    operation: str = ""
    operation_name: str = ""
    partition: str = ""
    offset: str = ""
    message_id: str = ""
    batch_count: int | None = None
    weight: float = 1.0


class VisitQuery(Struct, frozen=True, kw_only=True):
    """One side of a channel that traces come by; with a bound in seconds a hop to consumers, which must be as short."""

    selector: SpanSelector
    role: Literal["producer", "consumer"]
    bound_seconds: float | None = None


class Visits(Struct, frozen=True, kw_only=True):
    """Which traces came by, once for each query and trace. Arrays of one length, and those of links of another.

    Attributes:
        query: Index of the query.
        trace: The trace, (n, 2): upper and lower half of its id.
        start_ns, end_ns: Of its spans there.
        failed: Whether any of them failed, or took too long.
        weight: Traces that it stands for.
        linked: (m, 4): a trace whose consumer span links to another trace, and that other one.
    """

    query: Int64
    trace: UInt64
    start_ns: Int64
    end_ns: Int64
    failed: NDArray[np.bool_]
    weight: Float64
    linked: UInt64


@runtime_checkable
class VisitSource(Protocol):
    """A store of spans that can say which traces came by several channels."""

    def visits(self, queries: Sequence[VisitQuery], span: TimeRange) -> Visits:
        """Visits that began in (start, end].

        Raises:
            SourceFailed: No usable answer.
        """
        ...


class SpanSource(Protocol):
    """A store of spans."""

    @property
    def name(self) -> str: ...

    def count_hops(self, queries: Sequence[HopQuery], grid: Grid) -> dict[str, Float64]:
        """Per key the number of hops in each step, by the consumer's instant; sampling weights applied."""
        ...

    def count_messages(self, queries: Sequence[MessageQuery], grid: Grid) -> dict[str, Float64]:
        """Per key the number of messages in each step, by the span's start; sampling weights applied."""
        ...

    def hop_latencies(self, selector: SpanSelector, span: TimeRange) -> tuple[Int64, Float64]:
        """Consumer instant in ms and latency in seconds of each hop, oldest first."""
        ...

    def span_presence(self, grid: Grid) -> Float64:
        """Per step the seconds in which span collection is known to have worked."""
        ...

    def destinations(self, span: TimeRange) -> Inventory:
        """Producers and consumers that spans show."""
        ...

    def sample_traces(self, selector: SpanSelector | None, span: TimeRange, limit: int) -> list[str]:
        """Trace ids to look at: errors first, then slow ones, then recent ones."""
        ...

    def trace(self, trace_id: str) -> list[Span]:
        """All spans of a trace and of the traces linked to it, by start time."""
        ...
