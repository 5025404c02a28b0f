"""An objective: a target for an indicator of one operation over a window."""

from __future__ import annotations

from observatory.location import Location, Placed
from observatory.objectives.budget import budget_ratio
from observatory.spec.catalog import Criticality, ExclusionUse, Measure, Owner, SliWord, Threshold
from observatory.windows import Window


class Objective(Placed, frozen=True, kw_only=True):
    """A target for one operation's indicator.

    Attributes:
        id: `document/operation/name`; stable under reordering of documents.
        role: `producer` for a send operation, `consumer` for a receive operation.
        target: Share of good events wanted, in (0, 1); 99.9 % is 0.999.
        policy: Name of the burn-rate policy.
        exclusions: What planned work does: `alerts` silences alerts, `budget` leaves the budget untouched as well,
            `none` does nothing.
        min_events: Events that the window must hold before it is judged; 0 judges any.
        location: Where the user wrote it.
    """

    id: str
    document: str
    operation: str
    operation_key: str
    channel_id: str
    channel_key: str
    address: str | None
    protocol: str | None
    role: str
    service: str
    consumer_group: str | None
    sli: SliWord
    name: str
    target: float
    threshold: Threshold | None
    window: Window
    policy: str
    measure: Measure | None = None
    exclusions: ExclusionUse = "alerts"
    min_events: int = 0
    owner: Owner | None = None
    domain: str | None = None
    criticality: Criticality = "normal"
    location: Location | None = None

    @property
    def budget_ratio(self) -> float:
        """Share of events that may be bad."""
        return budget_ratio(self.target)
