"""Where a journey loses messages: per hop those that failed there, and those that never came to it.

Failed events are turned into journeys by the events that a journey has at the hop (three parcels of one order that all
fail are one lost order at best; here a hop's failures are divided evenly). Journeys that a hop does not see are lost
between it and the hop before, unless it is optional: then they went elsewhere, and so they may be missing at every
later hop too. Hops may fail the same journey, so losses add up to the journeys that were lost, or to more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from observatory.compile.plan import Measurement
from observatory.evaluate.journey_status import JourneyStatus
from observatory.evaluate.journeys import JourneyEvidence, JourneyRow, journey_row
from observatory.evaluate.reckoning import steps_of
from observatory.evaluate.snapshot import Snapshot
from observatory.ledger.row import Row
from observatory.objectives.journeys import JourneyObjective
from observatory.sources.base import Float64


class HopLoss(Struct, frozen=True, kw_only=True):
    """What a journey loses at one hop, in its window.

    Attributes:
        failed: Journeys that failed there.
        missing: Journeys that came to the hop before, did not fail there, and never came to this one.
        share: Of all that is lost at any hop; 0 where nothing is.
    """

    failed: float
    missing: float
    share: float

    @property
    def lost(self) -> float:
        return self.failed + self.missing


def hop_losses(one: JourneyStatus) -> tuple[HopLoss | None, ...]:
    """What is lost at each hop, in the order of the hops; None for a hop that nothing counts."""
    found: list[tuple[float, float] | None] = []
    absent = failed_before = 0.0
    for hop in one.hops:
        counts = hop.status.counts
        if counts is None:
            found.append(None)
            continue
        failed = max(0.0, counts.bad) / max(1.0, hop.events_per_journey or 1.0)
        # From counters `unarrived` is already without those that failed before; spans say who did not come at all.
        unarrived = max(0.0, (hop.unarrived or 0.0) - (failed_before if one.joined else 0.0))
        missing = 0.0 if hop.optional else max(0.0, unarrived - absent)
        absent = max(absent, unarrived)
        failed_before += failed
        found.append((failed, missing))
    whole = sum(failed + missing for failed, missing in (pair for pair in found if pair))
    return tuple(
        HopLoss(failed=pair[0], missing=pair[1], share=sum(pair) / whole if whole > 0 else 0.0) if pair else None
        for pair in found
    )


def worst_hop(losses: Sequence[HopLoss | None]) -> int | None:
    """Index of the hop that loses most, the first of equals; None where nothing is lost."""
    known = [(loss.lost, -index) for index, loss in enumerate(losses) if loss and loss.lost > 0]
    return -max(known)[1] if known else None


def row_of(snapshot: Snapshot, journey: JourneyObjective) -> JourneyRow | None:
    """The journey's counts on the ledger's whole grid, as the status counts its window; None where they are not known.

    How many events a journey has at each hop is what the window says, so that cells and curves end where the status is.
    """
    measured = snapshot.hops.get(journey.id, ())
    if len(measured) != len(journey.hops):
        return None
    evidence = JourneyEvidence(
        measured=measured,
        rows=tuple(_row(snapshot, one) for one in measured),
        failed=(False,) * len(measured),
        traced=snapshot.traced.journeys.get(journey.id),
    )
    grid = snapshot.ledger.grid
    return journey_row(journey, evidence, grid, steps_of(grid, journey.objective.window.range_at(grid.end_ms)))


def failures(snapshot: Snapshot, hop: int, journey: JourneyObjective) -> Float64 | None:
    """Failed events of a hop per step of the ledger's grid, NaN where nothing was observed; None without a row."""
    measured = snapshot.hops.get(journey.id, ())
    row = _row(snapshot, measured[hop]) if hop < len(measured) else None
    if row is None:
        return None
    return np.where(row.observed > 0, np.maximum(row.total - row.good, 0.0), np.nan)


def _row(snapshot: Snapshot, measured: object) -> Row | None:
    return snapshot.ledger.rows.get(measured.key) if isinstance(measured, Measurement) else None
