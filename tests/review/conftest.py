"""Two months of made-up counts, small enough to add up by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from observatory.compile.plan import Measurement
from observatory.evaluate.estate_status import Status
from observatory.evaluate.planned import Planned, touched_steps
from observatory.evaluate.snapshot import Snapshot
from observatory.indicators.expression import Count
from observatory.indicators.indicator import Indicator
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.objectives.exclusions import PlannedWork
from observatory.objectives.objective import Objective
from observatory.objectives.policy import load_policies
from observatory.review.month import review_of
from observatory.review.months import Month
from observatory.review.report import Review
from observatory.settings.exclusions import Exclusion, Scope
from observatory.spec.catalog import Catalog, ExclusionUse, Owner
from observatory.telemetry.binding import MappingResult
from observatory.windows import Grid, TimeRange, Window

OWNER = Owner(team="pay-core", runbook="https://runbooks.example")
OCTOBER = Month.parse("2026-10")
MINUTE = 60_000
INDICATOR = Indicator(
    sli="availability",
    total=Count("processed_messages"),
    good=Count("processed_messages", "success"),
    measure="processed",
)


@dataclass
class Story:
    """Objectives with their counts; `per_minute` good messages each minute unless told otherwise."""

    grid: Grid
    objectives: list[Objective] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    measurements: dict[str, Measurement] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)

    def objective(
        self,
        name: str,
        *,
        target: float = 0.999,
        domain: str | None = "payments",
        criticality: str = "normal",
        owner: Owner | None = OWNER,
        timezone: str = "UTC",
        per_minute: float = 10.0,
        bad: tuple[tuple[str, int, float], ...] = (),
        unseen: tuple[tuple[str, int], ...] = (),
        measured: bool = True,
        key: str = "",
    ) -> Objective:
        """An availability objective. `bad` is (when, minutes, bad events per minute), `unseen` (when, minutes)."""
        one = Objective(
            id=f"shop/{name}/availability",
            document="shop",
            operation=name,
            operation_key=f"shop/{name}",
            channel_id=f"kafka:{name}",
            channel_key=name,
            address=name,
            protocol="kafka",
            role="consumer",
            service="shop",
            consumer_group="billing",
            sli="availability",
            name="availability",
            target=target,
            threshold=None,
            window=Window.parse("month", timezone),
            policy="google-30d",
            owner=owner,
            domain=domain,
            criticality=criticality,  # type: ignore[arg-type]
        )
        self.objectives.append(one)
        if not measured:
            return one
        total = np.full(self.grid.steps, per_minute)
        failed = np.zeros(self.grid.steps)
        seen = np.full(self.grid.steps, 60.0)
        for when, minutes, count in bad:
            first = self.step(when)
            failed[first : first + minutes] = count
        for when, minutes in unseen:
            first = self.step(when)
            part = slice(first, first + minutes)
            total[part] = failed[part] = seen[part] = 0.0
        key = key or name
        self.measurements[one.id] = Measurement(key=key, subject=one.operation_key, indicator=INDICATOR, bindings=())
        self.rows[key] = Row(good=total - failed, total=total, observed=seen, series=1)
        return one

    def step(self, when: str) -> int:
        """Index of the step that begins at a local-free time such as `2026-10-05T12:00`."""
        from observatory.windows import parse_instant

        return (parse_instant(when + ":00Z") - self.grid.start_ms) // MINUTE

    def plan(self, one: Objective, when: str, minutes: int, use: ExclusionUse = "budget") -> None:
        """Planned work for an objective."""
        start_ms = self.grid.start_ms + self.step(when) * MINUTE
        span = TimeRange(start_ms, start_ms + minutes * MINUTE)
        exclusion = Exclusion(reason="Kafka 4 <CHG-1>", approver="ana", scope=Scope(), when=span)
        work = (PlannedWork(exclusion, (span,)),)
        self.planned[one.id] = Planned(use, work, touched_steps(work, self.grid))

    def review(
        self, *, at_ms: int | None = None, timezone: str | None = None, catalog: Catalog | None = None
    ) -> Review:
        end_ms = self.grid.end_ms if at_ms is None else at_ms
        snapshot = Snapshot(
            at_ms=end_ms,
            catalog=catalog or Catalog(),
            objectives=tuple(self.objectives),
            mapping=MappingResult({}),
            measurements=self.measurements,
            ledger=Ledger(self.grid, self.rows),
            status=Status(at_ms=end_ms, sources=(), objectives=()),
            planned=self.planned,
        )
        return review_of(snapshot, load_policies(), OCTOBER, end_ms, timezone)


@pytest.fixture
def story() -> Story:
    """September and October 2026 with a day on either side, for other time zones."""
    span = TimeRange(OCTOBER.before.range_in("UTC").start_ms, OCTOBER.range_in("UTC").end_ms)
    day = 86_400_000
    return Story(Grid(span.start_ms - day, MINUTE, (span.end_ms - span.start_ms + 2 * day) // MINUTE))
