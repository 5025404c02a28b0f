"""What a month of one objective, one domain or the whole estate comes to. Values only; `reckoning` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from observatory.evaluate.not_counted import NotCounted
from observatory.evaluate.planned import LeftOut
from observatory.evaluate.snapshot import Incident
from observatory.indicators.counts import Counts
from observatory.objectives.budget import Budget
from observatory.objectives.objective import Objective
from observatory.windows import TimeRange, format_instant

Verdict = Literal["kept", "missed", "no_traffic", "no_data", "unmapped"]
VERDICTS: tuple[Verdict, ...] = ("missed", "no_data", "unmapped", "no_traffic", "kept")
"""Worst first, the order of tables."""


class Day(Struct, frozen=True, kw_only=True):
    """One day: its date in the account's time zone, its counts, and the burn rate that they come to."""

    date: str
    counts: Counts
    burn_rate: float | None

    def to_json(self) -> dict[str, Any]:
        """The entry of `days`."""
        return {"date": self.date, "good": self.counts.good, "total": self.counts.total, "burn_rate": self.burn_rate}


class ObjectiveAccount(Struct, frozen=True, kw_only=True):
    """One objective in one month.

    Attributes:
        counts: None when nothing measures it or nothing was found.
        budget: In events; None without counts.
        counts_before, budget_before, incidents_before: The same for the month before; None where that is not known.
        course: Share of the month's budget left at the end of each day, None for days that were not seen yet.
        measurement: Key of the ledger row; objectives with the same key count the same events.
        not_counted: First values that may hold events of the month; None where nothing can be said of them.
        left_out: Planned work of the month, and the numbers with and without it; None where there was none.
    """

    objective: Objective
    range: TimeRange
    timezone: str
    verdict: Verdict
    counts: Counts | None = None
    budget: Budget | None = None
    incidents: tuple[Incident, ...] = ()
    counts_before: Counts | None = None
    budget_before: Budget | None = None
    incidents_before: int | None = None
    days: tuple[Day, ...] = ()
    course: tuple[float | None, ...] = ()
    measurement: str | None = None
    counting: str | None = None
    measure: str | None = None
    profile: str | None = None
    proxy: bool = False
    not_counted: NotCounted | None = None
    left_out: LeftOut | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry of `objectives`; what cannot be known is null."""
        o = self.objective
        return {
            "id": o.id,
            "document": o.document,
            "channel_id": o.channel_id,
            "address": o.address,
            "operation": o.operation,
            "consumer_group": o.consumer_group,
            "sli": o.sli,
            "threshold": {"value": o.threshold.value, "unit": o.threshold.unit} if o.threshold else None,
            "target": o.target,
            "owner": o.owner.team if o.owner else None,
            "domain": o.domain,
            "criticality": o.criticality,
            "timezone": self.timezone,
            "start": format_instant(self.range.start_ms),
            "end": format_instant(self.range.end_ms),
            "verdict": self.verdict,
            **counts_json(self.counts),
            "counting": self.counting,
            "not_counted": self.not_counted.to_json() if self.not_counted else None,
            "measure": self.measure,
            "profile": self.profile,
            "proxy": self.proxy,
            "budget": self.budget.to_json() if self.budget else None,
            "incidents": [incident_json(incident) for incident in self.incidents],
            "before": {
                **counts_json(self.counts_before),
                "budget": self.budget_before.to_json() if self.budget_before else None,
                "incidents": self.incidents_before,
            },
            "days": [day.to_json() for day in self.days],
            "exclusions": self.left_out.to_json() if self.left_out else None,
        }


class Total(Struct, frozen=True, kw_only=True):
    """Several objectives together: their events added up, never their ratios averaged.

    Attributes:
        name: The domain; `None` for channels without one, and for the whole estate.
        availability: Events of the availability objectives, whose events can be added.
        spent_ratio: Bad events over allowed ones of those objectives that count events; None without any.
    """

    name: str | None
    objectives: int
    kept: int
    missed: int
    unknown: int
    availability: Counts
    availability_before: Counts
    spent_ratio: float | None
    spent_ratio_before: float | None
    incidents: int
    incidents_before: int | None
    daily_burn: tuple[float | None, ...] = ()
    course: tuple[float | None, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The entry of `domains`, and `estate`."""
        return {
            "domain": self.name,
            "objectives": self.objectives,
            "kept": self.kept,
            "missed": self.missed,
            "unknown": self.unknown,
            "availability": counts_json(self.availability),
            "availability_before": counts_json(self.availability_before),
            "budget_spent_ratio": self.spent_ratio,
            "budget_spent_ratio_before": self.spent_ratio_before,
            "incidents": self.incidents,
            "incidents_before": self.incidents_before,
            "daily_burn_rates": list(self.daily_burn),
        }


def counts_json(counts: Counts | None) -> dict[str, float | None]:
    """Good, total, ratio and coverage; all null without counts."""
    return {
        "good": counts.good if counts else None,
        "total": counts.total if counts else None,
        "ratio": counts.ratio if counts else None,
        "coverage": counts.coverage if counts else None,
    }


def incident_json(incident: Incident) -> dict[str, Any]:
    """The entry of `incidents`."""
    return {
        "severity": incident.severity,
        "start": format_instant(incident.start_ms),
        "end": format_instant(incident.end_ms),
        "peak_burn_rate": incident.peak_burn_rate,
        "bad": incident.bad,
    }


def added(accounts: Sequence[Counts]) -> Counts:
    """Counts added up."""
    return sum(accounts, Counts())
