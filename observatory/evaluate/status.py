"""One objective at one instant: its counts, what they come to, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from observatory.errors import Problem
from observatory.evaluate.before import Before
from observatory.evaluate.not_counted import NotCounted
from observatory.evaluate.outlook import Outlook
from observatory.evaluate.planned import LeftOut
from observatory.indicators.counts import Counts
from observatory.ledger.row import Counting, Recovered
from observatory.objectives.budget import Budget
from observatory.objectives.interval import wilson
from observatory.objectives.objective import Objective
from observatory.windows import format_instant

State = Literal["meeting", "at_risk", "breached", "no_traffic", "no_data", "unmapped"]
STATES: tuple[State, ...] = ("breached", "at_risk", "no_data", "unmapped", "no_traffic", "meeting")
"""Worst first, the order of tables."""


class LevelNow(Struct, frozen=True, kw_only=True):
    """Lag or saturation: the worst of the newest step that has one, and of the window, with the former's error bar.

    Attributes:
        unsure: Steps of the window in which the bound lies within the error bar: good ones that may be bad, and bad
            ones that may be good.
    """

    unit: str
    last: float | None
    worst: float | None
    error: float | None
    unsure: tuple[int, int] = (0, 0)


class ObjectiveStatus(Struct, frozen=True, kw_only=True):
    """One objective at one instant.

    Attributes:
        counts: None when nothing could be counted (unmapped, no data).
        burn_rates: By window text (`5m` ... `3d` and the objective's own); None where it cannot be known.
        exhausts_at_ms: When the budget ends at the present burn, None when it does not or cannot be known.
        outlook: What the past foretells of the rest of the budget, with intervals; None where it tells too little.
        firing: Severities of policy pairs whose two windows both burn too fast: `page`, `ticket`.
        measurement: Key of the ledger row, None when unmapped.
        not_counted: First values that hold events of the window, or not; None where nothing can be said of them.
        left_out: Planned work in the window, and the numbers with and without it; None where there is none, or where
            the objective refuses it.
        before: The window before this one; None where that was not counted (yet).
    """

    objective: Objective
    state: State
    counts: Counts | None
    counting: Counting | None
    budget: Budget | None
    burn_rates: Mapping[str, float | None]
    exhausts_at_ms: int | None = None
    outlook: Outlook | None = None
    firing: tuple[str, ...] = ()
    measure: str | None = None
    profile: str | None = None
    proxy: bool = False
    measurement: str | None = None
    level: LevelNow | None = None
    recovered: Recovered = field(default_factory=Recovered)
    not_counted: NotCounted | None = None
    last_sample_ms: int | None = None
    left_out: LeftOut | None = None
    before: Before | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def interval(self) -> tuple[float, float] | None:
        """How sure the share of good events is: 95 % of Wilson's score, and what first values that are not counted
        leave open; of slices what the error bars leave open.

        None without events.
        """
        counts = self.counts
        if counts is None or self.level is None:
            chance = wilson(counts) if counts else None
            share = self.not_counted.share if self.not_counted else None
            if chance is None or share is None:
                return chance
            return min(chance[0], share[0]), max(chance[1], share[1])
        if counts.total <= 0:
            return None
        bad, good = self.level.unsure
        return (counts.good - bad) / counts.total, (counts.good + good) / counts.total

    @property
    def is_unsure(self) -> bool:
        """Whether the interval holds the target, so that the share may be on its side of it by chance or by error."""
        return self.interval is not None and self.interval[0] < self.objective.target < self.interval[1]

    def to_json(self) -> dict[str, Any]:
        """The entry of `objectives`; a field that cannot be known is null and `problems` says why."""
        o, c = self.objective, self.counts
        threshold = o.threshold
        return {
            "id": o.id,
            "document": o.document,
            "channel": o.channel_key,
            "channel_id": o.channel_id,
            "address": o.address,
            "protocol": o.protocol,
            "operation": o.operation,
            "role": o.role,
            "service": o.service,
            "consumer_group": o.consumer_group,
            "sli": o.sli,
            "name": o.name,
            "threshold_seconds": threshold.value if threshold and threshold.unit == "second" else None,
            "threshold": {"value": threshold.value, "unit": threshold.unit} if threshold else None,
            "measure": self.measure,
            "proxy": self.proxy,
            "target": o.target,
            "window": o.window.to_json(),
            "good": c.good if c else None,
            "total": c.total if c else None,
            "coverage": c.coverage if c else None,
            "counting": self.counting,
            "recovered": {
                "births": self.recovered.births,
                "resets": self.recovered.resets,
                "gap_events": self.recovered.gap_events,
            },
            "not_counted": self.not_counted.to_json() if self.not_counted else None,
            "ratio": c.ratio if c else None,
            "interval": list(self.interval) if self.interval else None,
            "budget": self.budget.to_json() if self.budget else None,
            "burn_rates": dict(self.burn_rates),
            "firing": list(self.firing),
            "state": self.state,
            "level": {
                "unit": self.level.unit,
                "last": self.level.last,
                "worst": self.level.worst,
                "error": self.level.error,
            }
            if self.level
            else None,
            "exhausts_at": format_instant(self.exhausts_at_ms),
            "forecast": self.outlook.to_json() if self.outlook else None,
            "last_sample_at": format_instant(self.last_sample_ms),
            "min_events": o.min_events,
            "exclusions": self.left_out.to_json() if self.left_out else None,
            "before": self.before.to_json(o.target) if self.before else None,
            "owner": o.owner.team if o.owner else None,
            "domain": o.domain,
            "criticality": o.criticality,
            "profile": self.profile,
            "problems": [problem.to_json() for problem in self.problems],
        }
