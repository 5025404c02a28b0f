"""A difference between documents and what runs, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.participant import Sighting

Kind = Literal[
    "undeclared-channel",  # a topic, queue, subject or exchange that no document declares
    "undeclared-producer",
    "undeclared-consumer",
    "silent-channel",  # declared, and absent or without a message
    "silent-operation",  # declared, and its service or consumer group is not seen on the channel
    "misnamed",  # F2: a silent channel beside an undeclared name that is nearly its own
    "binding",  # F8: a value that differs from what the binding declares
    "owner-missing",
]
GROUPS: dict[str, tuple[Kind, ...]] = {
    "undeclared": ("undeclared-channel", "undeclared-producer", "undeclared-consumer"),
    "silent": ("silent-channel", "silent-operation"),
    "misnamed": ("misnamed",),
    "binding": ("binding",),
    "owner": ("owner-missing",),
}
"""Kinds as `--fail-on` takes them."""
ORDER: tuple[Kind, ...] = tuple(kind for group in ("misnamed", "binding", "undeclared", "silent", "owner")
                                for kind in GROUPS[group])  # fmt: skip
"""What is shown first: what looks like a fault of somebody, then what nobody wrote down."""
CODES: dict[Kind, str] = {
    "undeclared-channel": "drift-undeclared-channel",
    "undeclared-producer": "drift-undeclared-producer",
    "undeclared-consumer": "drift-undeclared-consumer",
    "silent-channel": "drift-silent-channel",
    "silent-operation": "drift-silent-operation",
    "misnamed": "drift-misnamed",
    "binding": "drift-binding",
    "owner-missing": "drift-owner-missing",
}
"""Codes that `explain` knows."""
FAILURE_MODES: dict[Kind, str] = {"misnamed": "F2", "binding": "F8"}


class Drift(Struct, frozen=True, kw_only=True):
    """One difference.

    Attributes:
        subject: What it is about: a runtime name, a channel's id, a service or group on a channel.
        words: What is wrong, one sentence.
        hint: What to look at or to write.
        channel_id: The declared channel, where there is one.
        noun: What a broker calls the name: topic, queue, exchange, subject, destination.
        service, consumer_group: The participant, as declared or as seen.
        seen: Volume, first and last instant in the range looked at; None where nothing was seen.
        sources: Which telemetry shows it.
        key, declared, observed: A binding's value and what runs instead, as text.
        location: Where the document declares it.
    """

    kind: Kind
    subject: str
    words: str
    hint: str = ""
    channel_id: str | None = None
    noun: str | None = None
    service: str | None = None
    consumer_group: str | None = None
    seen: Sighting | None = None
    sources: tuple[str, ...] = ()
    key: str | None = None
    declared: str | None = None
    observed: str | None = None
    location: Location | None = None

    @property
    def code(self) -> str:
        """The code that `explain` knows."""
        return CODES[self.kind]

    def to_json(self) -> dict[str, Any]:
        """The entry of `findings`."""
        return {
            "kind": self.kind,
            "code": self.code,
            "failure_mode": FAILURE_MODES.get(self.kind),
            "subject": self.subject,
            "message": self.words,
            "hint": self.hint or None,
            "channel_id": self.channel_id,
            "noun": self.noun,
            "service": self.service,
            "consumer_group": self.consumer_group,
            "observed": self.seen.to_json() if self.seen else None,
            "sources": list(self.sources),
            "binding": None
            if self.key is None
            else {"key": self.key, "declared": self.declared, "observed": self.observed},
            "location": str(self.location) if self.location else None,
        }


class NotCompared(Struct, frozen=True):
    """A value that bindings declare and no telemetry shows.

    Attributes:
        places: How many channels declare it.
        why: Who would show it, or why nobody does.
    """

    places: int
    why: str


class DriftReport(Struct, frozen=True, kw_only=True):
    """All differences, and what could not be compared.

    Attributes:
        findings: In `ORDER`, then by subject.
        set_aside: Internal and derived names that were seen and are no faults, with the reason.
        unseen: Channels of which no telemetry could show whether they are there, with the reason.
        not_compared: Values that bindings declare and no telemetry shows, by key.
        problems: What could not be read.
    """

    findings: tuple[Drift, ...]
    set_aside: Mapping[str, str]
    unseen: Mapping[str, str]
    not_compared: Mapping[str, NotCompared]
    problems: tuple[Problem, ...] = ()
