"""The history of the estate in a store: made once, and continued from where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from observatory.errors import InputInvalid, Problem
from observatory.sources.base import Int64, SampleSet, SeriesRequest
from observatory.sources.simulated.application_counters import contract_tests, schema_registry
from observatory.sources.simulated.incidents import UNDER_WAY_HOURS, Session, schedule
from observatory.sources.simulated.jetstream import jetstream
from observatory.sources.simulated.kafka_exporter import kafka_exporter
from observatory.sources.simulated.load import MINUTE_MS
from observatory.sources.simulated.otel_metrics import services
from observatory.sources.simulated.rabbitmq import rabbitmq
from observatory.sources.simulated.scrape import Exposition, gap, scrape
from observatory.sources.simulated.span_columns import store_columns
from observatory.sources.simulated.spans import LONGEST_JOURNEY_MS, SpanTable, spans
from observatory.sources.simulated.truth import Truth, first_minute_of, simulate
from observatory.windows import TimeRange

if TYPE_CHECKING:
    from observatory.sources.store.store import Store

SEED = 20_260
SESSION_METRIC = "observatory_simulated_session_from_ms"
"""What the simulation remembers about itself, as a series: a sample at each anchor, with the session's start."""
ALL_TIME = TimeRange(0, 4_102_444_800_000)


class Simulation(Struct, frozen=True, kw_only=True):
    """A history that a store holds.

    Attributes:
        days: Length of the history before the first anchor.
        sessions: Oldest first.
    """

    seed: int
    days: float
    sessions: tuple[Session, ...]

    @property
    def first_minute(self) -> int:
        return first_minute_of(self.sessions[0].anchor_ms, self.days)

    @property
    def away(self) -> tuple[int, int]:
        """(start, end] in which Prometheus was away."""
        return gap(self.sessions[0].anchor_ms, self.days)

    def truth(self, end_ms: int) -> Truth:
        """What happened up to an instant, which may lie in the future; rounded up to a full minute."""
        minutes = -(-end_ms // MINUTE_MS) - self.first_minute
        past = self.sessions[0].anchor_ms // MINUTE_MS - self.first_minute
        return simulate(
            seed=self.seed,
            first_minute=self.first_minute,
            minutes=minutes,
            incidents=schedule(self.sessions, self.days),
            past_minutes=past,
        )

    def spans(self, truth: Truth, after_ms: int, until_ms: int) -> SpanTable:
        """Spans that ended in (after, until]."""
        roots = (after_ms - LONGEST_JOURNEY_MS, until_ms)
        return spans(truth, self.seed, self.sessions[0].anchor_ms, roots, (after_ms, until_ms))


def expositions(truth: Truth) -> tuple[Exposition, ...]:
    """Every target of the estate, in the order in which their history is written."""
    return (
        kafka_exporter(truth),
        rabbitmq(truth),
        jetstream(truth),
        *services(truth),
        contract_tests(truth),
        schema_registry(truth),
    )


def prepare(store: Store, end_ms: int, *, days: float = 30, seed: int = SEED) -> Simulation:
    """Fill a store with the estate's history up to an instant, or continue the history that it holds.

    The history is scraped every minute, on the minute. It is written in one transaction: a store never holds half
    of it. Preparing to an instant that the history has already reached changes nothing.

    Args:
        end_ms: Rounded down to a full minute.
        days: Length of a new history; at least a quarter of a day. One that exists keeps its own.

    Raises:
        InputInvalid: `simulation-differs`, the store holds a history of another seed.
    """
    end_ms -= end_ms % MINUTE_MS
    known = remembered(store)
    if known is None:
        first = first_minute_of(end_ms, days) * MINUTE_MS
        simulation = Simulation(seed=seed, days=days, sessions=(Session(end_ms, first),))
        until = first - 1
    else:
        if known.seed != seed:
            raise InputInvalid(
                Problem(
                    code="simulation-differs",
                    message=f"the store holds a simulated history of seed {known.seed}, not of seed {seed}",
                    hint="name another store with --store",
                )
            )
        until = reached(store)
        simulation = _continued(known, until, end_ms)
    if end_ms <= until:
        return simulation
    truth = simulation.truth(end_ms)
    times = _minutes(until, end_ms)
    with store.transaction():
        for exposition in expositions(truth):
            store.append_samples(scrape(truth, exposition, times, simulation.away))
        columns, links = store_columns(simulation.spans(truth, until, end_ms))
        store.append_span_batch(columns, links)
        store.append_samples(_memory(simulation))
    return simulation


def remembered(store: Store) -> Simulation | None:
    """The simulation whose history a store holds; None where there is none."""
    found = store.samples(SeriesRequest(SESSION_METRIC, (), ALL_TIME))
    if not len(found):
        return None
    labels, t_ms, values = found.series(0)
    sessions = tuple(Session(int(t), int(start)) for t, start in zip(t_ms, values, strict=True))
    return Simulation(seed=int(labels["seed"]), days=float(labels["days"]), sessions=sessions)


def reached(store: Store) -> int:
    """The instant of the newest scrape, milliseconds."""
    return int(store.samples(SeriesRequest("up", (), ALL_TIME)).t_ms.max(initial=0))


def _continued(known: Simulation, until: int, end_ms: int) -> Simulation:
    """A new session, unless the last one's incidents are still under way."""
    last = known.sessions[-1]
    if end_ms <= until or end_ms < last.anchor_ms + UNDER_WAY_HOURS * 3_600_000:
        return known
    # What was scraped after the last full minute belongs to the past as well.
    start = -(-until // MINUTE_MS) * MINUTE_MS
    return Simulation(seed=known.seed, days=known.days, sessions=(*known.sessions, Session(end_ms, start)))


def _minutes(after_ms: int, until_ms: int) -> Int64:
    """Full minutes in (after, until]."""
    first = after_ms // MINUTE_MS + 1
    return np.arange(first, until_ms // MINUTE_MS + 1, dtype=np.int64) * MINUTE_MS


def _memory(simulation: Simulation) -> SampleSet:
    labels = {"__name__": SESSION_METRIC, "seed": str(simulation.seed), "days": f"{simulation.days:g}"}
    times = [session.anchor_ms for session in simulation.sessions]
    return SampleSet.of([(labels, times, [float(session.from_ms) for session in simulation.sessions])])
