"""The review as a whole: its accounts and its sentences. Values only; `month` makes them."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from observatory.errors import Problem
from observatory.review.account import ObjectiveAccount, Total
from observatory.review.journeys import JourneyAccount
from observatory.review.months import Month
from observatory.windows import format_instant

SCHEMA = "observatory.review/1"
Tone = Literal["bad", "watch", "good", "gap"]


class Finding(Struct, frozen=True, kw_only=True):
    """A sentence of the summary.

    Attributes:
        rule: Number of the rule that made it, such as `R3`.
        tone: `bad` asks for action, `watch` for attention, `good` is worth saying, `gap` is about what is not known.
        subjects: Objective or channel ids that it is about.
    """

    rule: str
    tone: Tone
    sentence: str
    action: str = ""
    subjects: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The entry of `findings`."""
        return {
            "rule": self.rule,
            "tone": self.tone,
            "sentence": self.sentence,
            "action": self.action,
            "subjects": list(self.subjects),
        }


class Review(Struct, frozen=True, kw_only=True):
    """The monthly SLO review.

    Attributes:
        timezone: The one asked for; None when every objective keeps its own.
        complete: False while the month still runs; numbers then reach to `at_ms`.
        dates: The days of the month, the columns of heat strips and courses.
    """

    month: Month
    at_ms: int
    timezone: str | None
    complete: bool
    dates: tuple[str, ...]
    estate: Total
    domains: tuple[Total, ...]
    objectives: tuple[ObjectiveAccount, ...]
    journeys: tuple[JourneyAccount, ...] = ()
    findings: tuple[Finding, ...] = ()
    sources: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """`observatory.review/1`."""
        return {
            "schema": SCHEMA,
            "month": str(self.month),
            "at": format_instant(self.at_ms),
            "timezone": self.timezone,
            "complete": self.complete,
            "sources": list(self.sources),
            "estate": self.estate.to_json(),
            "domains": [domain.to_json() for domain in self.domains],
            "findings": [finding.to_json() for finding in self.findings],
            "objectives": [account.to_json() for account in self.objectives],
            "journeys": [journey.to_json() for journey in self.journeys],
            "problems": [problem.to_json() for problem in self.problems],
        }
