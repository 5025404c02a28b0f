"""Status: what every dashboard, review, rule and export shows. JSON contract `observatory.status/1`."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from observatory.errors import Problem
from observatory.evaluate.comparison import as_before
from observatory.evaluate.journey_status import JourneyStatus
from observatory.evaluate.rollup import by_domain, estate
from observatory.evaluate.status import ObjectiveStatus
from observatory.sources.base import SourceState
from observatory.windows import format_instant

SCHEMA = "observatory.status/1"


class Status(Struct, frozen=True, kw_only=True):
    """Everything at one instant. Objectives and journeys sorted by id."""

    at_ms: int
    sources: tuple[SourceState, ...]
    objectives: tuple[ObjectiveStatus, ...]
    problems: tuple[Problem, ...] = ()
    journeys: tuple[JourneyStatus, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `status --json` prints and `/api/status` serves."""
        earlier = [as_before(one) for one in self.objectives] if any(one.before for one in self.objectives) else []
        before = {one.name: one.to_json() for one in by_domain(earlier)}
        return {
            "schema": SCHEMA,
            "at": format_instant(self.at_ms),
            "sources": [source.to_json() for source in self.sources],
            "objectives": [objective.to_json() for objective in self.objectives],
            "journeys": [journey.to_json() for journey in self.journeys],
            "domains": [{**one.to_json(), "before": before.get(one.name)} for one in by_domain(self.objectives)],
            "estate": {**estate(self.objectives).to_json(), "before": estate(earlier).to_json() if earlier else None},
            "problems": [problem.to_json() for problem in self.problems],
        }
