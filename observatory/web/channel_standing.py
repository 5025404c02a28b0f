"""A channel with its objectives, and the order in which channels and objectives want attention."""

from __future__ import annotations

from msgspec import Struct

from observatory.evaluate.status import STATES, ObjectiveStatus, State
from observatory.spec.catalog import CRITICALITIES, Channel


class ChannelStanding(Struct, frozen=True, kw_only=True):
    """A channel with its objectives, worst first.

    Attributes:
        worst: The objective that needs attention first; None where nothing is promised.
    """

    channel: Channel
    statuses: tuple[ObjectiveStatus, ...] = ()

    @property
    def worst(self) -> ObjectiveStatus | None:
        return self.statuses[0] if self.statuses else None

    @property
    def state(self) -> State:
        return self.statuses[0].state if self.statuses else "unmapped"

    def of(self, sli: str) -> ObjectiveStatus | None:
        """The worst objective of one SLI."""
        return next((one for one in self.statuses if one.objective.sli == sli), None)

    @property
    def owner(self) -> str:
        """The team that answers: the channel's, else that of the worst objective."""
        if self.channel.owner:
            return self.channel.owner.team
        return next((one.objective.owner.team for one in self.statuses if one.objective.owner), "")


def urgency(status: ObjectiveStatus) -> tuple[int, int, float]:
    """Sort key: what fires first, then the worst state, then the fastest burn."""
    fires = 0 if "page" in status.firing else 1 if status.firing else 2
    return fires, STATES.index(status.state), -(burn_of(status, "1h") or 0.0)


def burn_of(status: ObjectiveStatus, window: str) -> float | None:
    """Burn rate over a named window, None where it is not known."""
    return status.burn_rates.get(window)


def criticality_of(one: ChannelStanding) -> str:
    """The highest criticality of the channel and of its objectives."""
    levels = [one.channel.criticality, *(status.objective.criticality for status in one.statuses)]
    return min(levels, key=CRITICALITIES.index)
