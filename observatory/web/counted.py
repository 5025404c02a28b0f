"""Numbers of objectives and of journeys, all counted from the snapshot's ledger: no source is asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from observatory.evaluate.history import burn_rate_now, firing_now
from observatory.evaluate.journey_losses import row_of
from observatory.evaluate.snapshot import Incident
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.ledger.row import Row
from observatory.objectives.policy import Pair, Policy
from observatory.sources.base import Float64
from observatory.web.channel_standing import urgency
from observatory.web.memory import Memory
from observatory.web.scope import Scope
from observatory.windows import TimeRange

if TYPE_CHECKING:
    from observatory.evaluate.journey_status import JourneyStatus

MOST_OBJECTIVES = 20_000


class FiringPair(Struct, frozen=True, kw_only=True):
    """A pair of a policy that fires, and how fast its two windows burn.

    Attributes:
        without_planned: Whether that is counted without planned work, which the status' burn rates hold.
    """

    pair: Pair
    long: float | None
    short: float | None
    without_planned: bool


class Counted(Scope, frozen=True, kw_only=True):
    """A scope with the numbers of its objectives."""

    def counts(self, status: ObjectiveStatus, span: TimeRange) -> Counts | None:
        """Good and total of a range; None where nothing was measured."""
        if status.measurement is None or status.measurement not in self.snapshot.ledger.rows:
            return None
        if status.objective.id not in self.snapshot.planned:
            part, grid = self.snapshot.ledger.part(status.measurement, span)
            return part.counts(grid, span)
        row = self.snapshot.row(status.objective.id)
        return row.counts(self.snapshot.ledger.grid, span) if row else None

    def policy(self, status: ObjectiveStatus) -> Policy | None:
        return self.policies.get(status.objective.policy)

    def firing_pair(self, status: ObjectiveStatus) -> FiringPair | None:
        """The fastest pair that fires, of an objective or of a journey; None when none does."""
        policy, row = self.policy(status), self._alerting_row(status) if status.firing else None
        if policy is None or row is None:
            return None
        grid, target = self.snapshot.ledger.grid, status.objective.target
        pair = next((one for one in firing_now(row, grid, target, policy) if one.severity in status.firing), None)
        if pair is None:
            return None
        long, short = (burn_rate_now(row, grid, target, seconds) for seconds in (pair.long, pair.short))
        planned = self.snapshot.planned.get(status.objective.id)
        apart = planned is not None and planned.use == "alerts" and bool(planned.steps.any())
        return FiringPair(pair=pair, long=long, short=short, without_planned=apart)

    def _alerting_row(self, status: ObjectiveStatus) -> Row | None:
        """What the alerts of an objective or of a journey count."""
        one = next((each for each in self.snapshot.journeys if each.id == status.objective.id), None)
        if one is None:
            return self.snapshot.alerting_row(status.objective.id)
        found, planned = row_of(self.snapshot, one), self.snapshot.planned.get(one.id)
        return planned.alerting(found.row) if found and planned else found.row if found else None

    def burn(self, status: ObjectiveStatus, window_seconds: float) -> Float64:
        """Burn rate over a window at every step of the ledger's grid; empty where nothing was measured."""
        from observatory.evaluate.history import burn_history

        row = self.snapshot.row(status.objective.id)
        if row is None:
            return np.empty(0)
        target = status.objective.target
        counted = status.objective.id if status.objective.id in self.snapshot.planned else status.measurement
        return self.memory.get(
            ("burn", counted, target, window_seconds),
            lambda: burn_history(row, self.snapshot.ledger.grid, target, window_seconds),
        )

    def cell_counts(self, status: ObjectiveStatus, span: TimeRange, cells: int) -> tuple[Float64, Float64]:
        """Good and total of each of `cells` equal parts of a range, oldest first; zeros where nothing was measured."""
        ledger, step_ms = self.snapshot.ledger, self.snapshot.ledger.grid.step_ms
        width = max(1, (span.end_ms - span.start_ms) // step_ms // cells)
        counts = np.zeros((2, cells * width))
        if status.measurement is not None and status.measurement in ledger.rows:
            part, cut = ledger.part(status.measurement, span)
            good, total = part.good, part.total
            if status.objective.id in self.snapshot.planned and (row := self.snapshot.row(status.objective.id)):
                first = (cut.start_ms - ledger.grid.start_ms) // step_ms
                good, total = row.good[first : first + cut.steps], row.total[first : first + cut.steps]
            begin = max(0, (cut.start_ms - span.start_ms) // step_ms)
            length = max(0, min(cut.steps, cells * width - begin))
            counts[:, begin : begin + length] = good[:length], total[:length]
        every = counts.reshape(2, cells, width).sum(axis=2)
        return every[0], every[1]

    def burn_cells(self, status: ObjectiveStatus, cells: int, cell_seconds: float) -> tuple[float, ...]:
        """Burn rate of each of the last `cells` spans of equal length, oldest first; NaN where not observed."""
        from observatory.evaluate.history import burn_cells
        from observatory.evaluate.rolling import window_steps

        ledger, target = self.snapshot.ledger, status.objective.target
        if status.measurement is None or status.measurement not in ledger.rows:
            return (float("nan"),) * cells
        if status.objective.id not in self.snapshot.planned:
            length = cells * window_steps(cell_seconds, ledger.grid.step_ms) * ledger.grid.step_ms
            part, grid = ledger.part(status.measurement, TimeRange(ledger.grid.end_ms - length, ledger.grid.end_ms))
            return burn_cells(part, grid, target, cells, cell_seconds)
        row = self.snapshot.row(status.objective.id)
        assert row is not None
        return burn_cells(row, ledger.grid, target, cells, cell_seconds)

    # journeys

    def journeys(self) -> tuple[JourneyStatus, ...]:
        """Journeys that come by a channel which the filters let through, the most urgent first."""
        kept = {one.channel.id for one in self.channel_standings()}
        found = [
            one
            for one in self.snapshot.status.journeys
            if any(hop.status.objective.channel_id in kept for hop in one.hops)
        ]
        return tuple(sorted(found, key=lambda one: (*urgency(one.status), one.journey.id)))

    def journey(self) -> JourneyStatus | None:
        """The journey that the view names, else the most urgent one that the filters let through."""
        named = next((one for one in self.snapshot.status.journeys if one.journey.id == self.view.journey), None)
        return named or next(iter(self.journeys()), None)

    def journey_burn_cells(self, one: JourneyStatus, cells: int, cell_seconds: float) -> tuple[float, ...]:
        """As `burn_cells`, of a journey."""
        from observatory.evaluate.history import burn_cells

        def ask() -> tuple[float, ...]:
            found, planned = row_of(self.snapshot, one.journey), self.snapshot.planned.get(one.journey.id)
            if found is None:
                return (float("nan"),) * cells
            row = planned.counted(found.row) if planned else found.row
            return burn_cells(row, self.snapshot.ledger.grid, one.journey.objective.target, cells, cell_seconds)

        return self.memory.get(("journey burn", one.journey.id, cells, cell_seconds), ask)

    def incidents(self, status: ObjectiveStatus) -> tuple[Incident, ...]:
        """Incidents of an objective on the whole grid, oldest first."""
        from observatory.evaluate.history import incidents

        def find() -> tuple[Incident, ...]:
            row, policy = self.snapshot.alerting_row(status.objective.id), self.policy(status)
            if row is None or policy is None:
                return ()
            return tuple(incidents(row, self.snapshot.ledger.grid, status.objective, policy))

        # Small values of every objective: among those of panels they would push each other out.
        found: Memory = self.memory.get("incidents", lambda: Memory(MOST_OBJECTIVES))
        return found.get(status.objective.id, find)
