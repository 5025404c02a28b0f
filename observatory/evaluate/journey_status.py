"""Journeys at one instant: what the status shows of them beside its objectives."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from observatory.errors import Problem
from observatory.evaluate.composite import Bounds
from observatory.evaluate.status import ObjectiveStatus
from observatory.indicators.counts import Counts
from observatory.objectives.interval import wilson
from observatory.objectives.journeys import JourneyObjective

SAME_KEYS = (
    *("good", "total", "coverage", "counting", "ratio", "budget", "burn_rates", "firing", "state", "exhausts_at"),
    *("last_sample_at", "target", "window", "owner", "domain", "criticality", "forecast"),
    *("min_events", "exclusions"),
)
"""Keys that a journey has as an objective has them."""


class HopStatus(Struct, frozen=True, kw_only=True):
    """One hop of a journey.

    Attributes:
        status: The hop by itself, with the journey's target and window.
        optional: Messages may go elsewhere before it.
        events_per_journey: Its events over journeys; None where no journey is known.
        unarrived: Journeys that did not reach it beyond those that failed before; None where that is not known.
    """

    status: ObjectiveStatus
    optional: bool
    events_per_journey: float | None = None
    unarrived: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry of `steps`."""
        one = self.status.to_json()
        keys = ("channel", "channel_id", "address", "operation", "role", "service", "consumer_group", "sli")
        counted = ("good", "total", "ratio", "coverage", "counting", "state", "measure", "proxy", "profile", "problems")
        return {
            **{key: one[key] for key in keys},
            "operation_key": self.status.objective.operation_key,
            "threshold_seconds": one["threshold_seconds"],
            "optional": self.optional,
            **{key: one[key] for key in counted},
            "events_per_journey": self.events_per_journey,
            "unarrived": self.unarrived,
        }


class JourneyStatus(Struct, frozen=True, kw_only=True):
    """One journey at one instant.

    Attributes:
        status: The journey as an objective: counts, budget, burn rates, state. Counts are exact where spans join the
            hops, else the estimate that lies within `bounds`.
        bounds: Good journeys at least and at most; None without counts.
        assumption: What the numbers rest on, in words.
        joined: Whether spans join the hops, so that each journey is counted by itself.
    """

    journey: JourneyObjective
    status: ObjectiveStatus
    hops: tuple[HopStatus, ...]
    bounds: Bounds | None
    assumption: str
    joined: bool = False

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Of the journey, not of its hops by themselves."""
        return self.status.problems

    def to_json(self) -> dict[str, Any]:
        """The entry of `journeys`; a field that cannot be known is null and `problems` says why."""
        one, counts = self.status.to_json(), self.status.counts
        return {
            "id": self.journey.id,
            "document": self.journey.document,
            "name": self.status.objective.name,
            "within_seconds": self.journey.within_seconds,
            **{key: one[key] for key in SAME_KEYS},
            "assumption": self.assumption,
            "bounds": _bounds(counts, self.bounds),
            "interval": _interval(counts, self.bounds),
            "steps": [hop.to_json() for hop in self.hops],
            "problems": one["problems"],
        }


def _bounds(counts: Counts | None, bounds: Bounds | None) -> dict[str, list[float] | None] | None:
    """Good journeys and their share, at least and at most."""
    if counts is None or bounds is None:
        return None
    ratio = [bounds.least / counts.total, bounds.most / counts.total] if counts.total > 0 else None
    return {"good": [bounds.least, bounds.most], "ratio": ratio}


def _interval(counts: Counts | None, bounds: Bounds | None) -> list[float] | None:
    """How sure the share is: the bounds, each with what the number of journeys leaves open (95 %)."""
    if counts is None or bounds is None:
        return None
    low, high = (wilson(Counts(good, counts.total)) for good in (bounds.least, bounds.most))
    return [low[0], high[1]] if low and high else None
