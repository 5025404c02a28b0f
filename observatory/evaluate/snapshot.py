"""A snapshot: everything that is known at one instant, immutable, shared by pages, reviews, rules and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from observatory.compile.plan import Measurement
from observatory.errors import Problem
from observatory.evaluate.estate_status import Status
from observatory.evaluate.journey_counting import Traced
from observatory.evaluate.planned import Planned
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.objectives.journeys import JourneyObjective
from observatory.objectives.objective import Objective
from observatory.sources.base import Float64, Int64
from observatory.spec.catalog import Catalog
from observatory.telemetry.binding import MappingResult


class Snapshot(Struct, frozen=True, kw_only=True):
    """All that views need.

    Attributes:
        at_ms: The instant the numbers are for; the ledger's grid ends here.
        measurements: By objective id; objectives that nothing measures are absent.
        hops: By journey id what measures each of its hops, or why nothing does.
        traced: Journeys that spans join, on the grid of the ledger.
        planned: By objective or journey id the planned work that falls into the ledger's time; those that refuse it,
            and those that have none, are absent.
    """

    at_ms: int
    catalog: Catalog
    objectives: tuple[Objective, ...]
    mapping: MappingResult
    measurements: Mapping[str, Measurement]
    ledger: Ledger
    status: Status
    journeys: tuple[JourneyObjective, ...] = ()
    hops: Mapping[str, tuple[Measurement | Problem, ...]] = field(default_factory=dict)
    traced: Traced = field(default_factory=Traced)
    planned: Mapping[str, Planned] = field(default_factory=dict)

    def asked(self) -> tuple[Measurement, ...]:
        """Everything that was measured, for objectives and for hops of journeys."""
        of_hops = (one for found in self.hops.values() for one in found if isinstance(one, Measurement))
        return *self.measurements.values(), *of_hops

    def row(self, objective_id: str) -> Row | None:
        """What an objective's budget counts: the ledger row without planned work, where the objective says so.

        None when it is unmapped or nothing was found.
        """
        row, planned = self._row(objective_id), self.planned.get(objective_id)
        return row if row is None or planned is None else planned.counted(row)

    def alerting_row(self, objective_id: str) -> Row | None:
        """What an objective's alerts and incidents count: the ledger row without planned work."""
        row, planned = self._row(objective_id), self.planned.get(objective_id)
        return row if row is None or planned is None else planned.alerting(row)

    def _row(self, objective_id: str) -> Row | None:
        measurement = self.measurements.get(objective_id)
        return self.ledger.rows.get(measurement.key) if measurement else None


class Incident(Struct, frozen=True):
    """A span in which an objective burned its budget faster than its policy allows.

    Attributes:
        severity: `page` or `ticket`, the worse one reached.
        end_ms: None while it lasts.
        peak_burn_rate: Highest long-window burn rate of the pair that fired.
        bad: Bad events inside the span.
    """

    objective_id: str
    severity: Literal["page", "ticket"]
    start_ms: int
    end_ms: int | None
    peak_burn_rate: float
    bad: float


Statistic = Literal["rate", "error_rate", "level", "p50", "p99", "age", "behind"]
"""Per second; failed ones per second; worst value; quantiles of a distribution; seconds since a timestamp; seconds
behind the head."""


class SignalSeries(Struct, frozen=True, kw_only=True):
    """A signal over time for one line of a panel.

    Attributes:
        subject: Operation key or channel id; `part` tells partitions, outcomes or instances apart.
        t_ms: Ends of the steps, oldest first.
        value: Same length, in the signal's base unit (per second for `rate`); NaN where nothing was observed.
    """

    subject: str
    signal: str
    statistic: Statistic
    part: str = ""
    unit: str = ""
    t_ms: Int64
    value: Float64
