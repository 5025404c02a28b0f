"""A probable cause: one of eight failure modes, with the evidence that speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from observatory.windows import format_instant

FailureMode = Literal["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8"]
TITLES: Mapping[FailureMode, str] = {
    "F1": "Schema mismatch",
    "F2": "Messages go to another name",
    "F3": "Broker overload",
    "F4": "Authorization failure",
    "F5": "Duplicate delivery",
    "F6": "Schema registry outage",
    "F7": "Slow consumer",
    "F8": "Binding mismatch",
}
DECISION_ORDER: tuple[FailureMode, ...] = ("F6", "F3", "F4", "F2", "F8", "F1", "F5", "F7")
"""Of causes that explain a channel equally well, the one that explains other channels too comes first: a registry
or a broker takes many channels down, and a consumer falls behind in almost every failure."""


class Evidence(Struct, frozen=True, kw_only=True):
    """One observation that was checked.

    Attributes:
        words: A sentence with the numbers.
        agrees: Whether it speaks for the cause.
        since_ms: When it began, None when it has no beginning in what was looked at.
    """

    words: str
    agrees: bool
    since_ms: int | None = None


class Cause(Struct, frozen=True, kw_only=True):
    """A failure mode that may explain what a channel suffers.

    Attributes:
        failure_mode: F1 to F8.
        channel_id: The channel it is about.
        title: The failure and who is concerned, one line.
        evidence: What was checked, what agrees first.
        score: Share of the checked observations that agree, 0..1; not a probability.
        not_observable: What would help to decide and is not measured, in words.
        since_ms: The earliest beginning among the evidence that agrees.
        owner: Team that answers for it.
        runbook: Address of the owner's runbook, None without one.
        first_step: What to look at first.
    """

    failure_mode: FailureMode
    channel_id: str
    title: str
    evidence: tuple[Evidence, ...]
    score: float
    not_observable: tuple[str, ...] = ()
    since_ms: int | None = None
    owner: str | None = None
    runbook: str | None = None
    first_step: str = ""

    def to_json(self) -> dict[str, Any]:
        """The entry of `causes` in `diagnose --json`."""
        return {
            "failure_mode": self.failure_mode,
            "name": TITLES[self.failure_mode],
            "channel_id": self.channel_id,
            "title": self.title,
            "score": self.score,
            "since": format_instant(self.since_ms),
            "evidence": [
                {"text": one.words, "agrees": one.agrees, "since": format_instant(one.since_ms)}
                for one in self.evidence
            ],
            "not_observable": list(self.not_observable),
            "owner": self.owner,
            "runbook": self.runbook,
            "first_step": self.first_step,
        }


def ranked(causes: list[Cause]) -> tuple[Cause, ...]:
    """By score, then by decision order, then by channel, so that the same evidence gives the same list."""
    return tuple(sorted(causes, key=lambda one: (-one.score, DECISION_ORDER.index(one.failure_mode), one.channel_id)))
