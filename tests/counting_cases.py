"""Measurements and sources for tests of counting: a counter by outcome, loaded into a real store or handed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from observatory.compile.measure import Measurement, measurement_key
from observatory.indicators.expression import Count, CountAtMost, Level, LevelExpression, Slices, SlicesAtMost
from observatory.indicators.indicator import Indicator
from observatory.ledger.build import build
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.sources.base import MetricSource, SampleSet, SeriesRequest, SpanSource
from observatory.sources.store import Store
from observatory.telemetry.binding import Binding, Matcher, MetricBinding, SemanticKind, SeriesSelector, Term
from observatory.telemetry.inventory import InventoryRequest
from observatory.windows import Grid

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
END_MS = 1_795_132_800_000
"""2026-11-20T00:00:00Z."""
Series = tuple[Mapping[str, str], Sequence[int] | np.ndarray, Sequence[float] | np.ndarray]


@dataclass(frozen=True)
class Answering:
    """What the ledger needs of a set of sources."""

    metrics: tuple[MetricSource, ...] = ()
    spans: tuple[SpanSource, ...] = ()


class Forgetful:
    """A server that keeps nothing older than an instant."""

    name = "store"

    def __init__(self, store: Store, since_ms: int = 0) -> None:
        self.store, self.since_ms = store, since_ms

    def samples(self, request: SeriesRequest) -> SampleSet:
        found = self.store.samples(request)
        kept = [found.series(index) for index in range(len(found))]
        return SampleSet.of((labels, t[t > self.since_ms], v[t > self.since_ms]) for labels, t, v in kept)


def selector(metric: str, **labels: str) -> SeriesSelector:
    return SeriesSelector(metric, tuple(Matcher(name, (value,)) for name, value in sorted(labels.items())))


def bound(
    signal: str, all_of: SeriesSelector, kind: SemanticKind = "cumulative", source: str = "store", **more: object
) -> MetricBinding:
    term = (Term(1, all_of),)
    return MetricBinding(signal=signal, source=source, profile="test", kind=kind, all=term, liveness="live", **more)  # type: ignore[arg-type]


def events(metric: str = "handled_total", source: str = "store", **labels: str) -> Measurement:
    """Handled messages by `outcome`: success of all."""
    binding = MetricBinding(
        signal="processed_messages",
        source=source,
        profile="test",
        kind="cumulative",
        all=(Term(1, selector(metric, **labels)),),
        success=(Term(1, selector(metric, outcome="success", **labels)),),
        error=(Term(1, selector(metric, outcome="error", **labels)),),
        liveness="live",
    )
    total = Count("processed_messages")
    indicator = Indicator(
        sli="availability", total=total, bad=Count("processed_messages", "error"), measure="processed without error"
    )
    return measured(indicator, (binding,))


def slices(level: LevelExpression, bound_at: float, *bindings: Binding) -> Measurement:
    indicator = Indicator(sli="lag", total=Slices(level), good=SlicesAtMost(level, bound_at), measure="level")
    return measured(indicator, bindings)


def gauge(metric: str, bound_at: float, source: str = "store", **labels: str) -> Measurement:
    return slices(Level("queue_depth"), bound_at, bound("queue_depth", selector(metric, **labels), "level", source))


def measured(indicator: Indicator, bindings: tuple[Binding, ...]) -> Measurement:
    return Measurement(
        key=measurement_key(indicator, bindings), subject="test/op", indicator=indicator, bindings=bindings
    )


def latency_of(source: MetricSource, name: str, bound_at: float, grid: Grid) -> Measurement:
    """Events of a histogram at or under a bound, by the buckets that its source shows on the grid."""
    shown = source.inventory(InventoryRequest({f"{name}_bucket": ("job", "le")}), grid.range).label_sets
    boundaries = tuple(sorted((float(text), text) for _, text in shown[f"{name}_bucket"].rows))
    signal = "processing_latency"
    binding = bound(signal, selector(name, job="svc"), "distribution", source.name, boundaries=boundaries)
    good = CountAtMost(signal, bound_at)
    return measured(Indicator(sli="latency", total=Count(signal), good=good, measure="in time"), (binding,))


def counter(labels: Mapping[str, str], t_ms: np.ndarray, per_scrape: np.ndarray | float, start: float = 0.0) -> Series:
    """A counter that rises by `per_scrape` until each scrape, the first one included."""
    rises = np.full(len(t_ms), per_scrape) if np.isscalar(per_scrape) else np.asarray(per_scrape, dtype=np.float64)
    return labels, t_ms, start + np.cumsum(rises)


def handled(outcome: str, instance: str = "a:1", **more: str) -> dict[str, str]:
    return {"__name__": "handled_total", "job": "svc", "instance": instance, "outcome": outcome, **more}


def scrapes(start_ms: int, end_ms: int, every_ms: int = MINUTE_MS, phase_ms: int = 7_000) -> np.ndarray:
    """Scrape times in (start, end], off the minute."""
    return np.arange(start_ms + phase_ms, end_ms + 1, every_ms, dtype=np.int64)


def store_of(series: Iterable[Series]) -> Store:
    store = Store.open(None)
    store.append_samples(SampleSet.of(series))
    return store


def row_of(series: Iterable[Series], measurement: Measurement, grid: Grid) -> Row:
    """Count one measurement on series held by a store."""
    with store_of(series) as store:
        return build([measurement], Answering((store,)), grid).rows[measurement.key]


def ledger_of(series: Iterable[Series], measurements: Iterable[Measurement], grid: Grid) -> Ledger:
    with store_of(series) as store:
        return build(measurements, Answering((store,)), grid)


def bad(row: Row) -> float:
    return float((row.total - row.good).sum())


def total(row: Row) -> float:
    return float(row.total.sum())
