"""What is known about a channel when its failure is looked for, gathered once and judged by pure rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.diagnose.course import Course
from observatory.spec.catalog import Channel

Sign = Literal[
    "publish_rate",
    "publish_errors",
    "consume_rate",
    "process_errors",
    "validation_errors",
    "dead_letters",
    "lag",
    "behind",
    "latency",
    "broker_load",
    "refusals",
    "duplicates",
    "redeliveries",
    "registry_errors",
    "registry_latency",
    "registry_refusals",
    "unroutable",
    "partitions",
]
"""What rules ask about; each is one or more courses of a channel, by subject."""
SIGNS: Mapping[Sign, str] = {
    "publish_rate": "publish rate",
    "publish_errors": "failed publishes",
    "consume_rate": "consume rate",
    "process_errors": "processing errors",
    "validation_errors": "validation errors",
    "dead_letters": "dead letters",
    "lag": "messages that wait",
    "behind": "seconds behind",
    "latency": "latency",
    "broker_load": "broker saturation",
    "refusals": "authorization refusals",
    "duplicates": "duplicates recognised",
    "redeliveries": "redeliveries",
    "registry_errors": "schema registry errors",
    "registry_latency": "schema registry latency",
    "registry_refusals": "schemas that the registry refuses",
    "unroutable": "unroutable messages",
    "partitions": "number of partitions",
}
"""How people call them; the words of `not_observable`."""


EVENTS: frozenset[Sign] = frozenset(
    (
        "publish_errors",
        "process_errors",
        "validation_errors",
        "dead_letters",
        "refusals",
        "duplicates",
        "redeliveries",
        "registry_errors",
        "registry_refusals",
        "unroutable",
    )
)
"""Signs that count what should not happen; every channel has a few of them."""
FEW = 5 / 900
"""Events per second: five in a quarter of an hour. Fewer say nothing, whatever they were before."""
QUIET, LOUD = 0.005, 0.01
"""Shares of a channel's traffic: under the first a rise is background, above the second it speaks without a rise,
for a failure that has lasted longer than what was looked at."""
LAG_FLOOR_MESSAGES = 50.0
BEHIND_FLOOR_SECONDS = 30.0
"""Backlogs smaller than these are how any consumer works: it fetches, processes, and then commits."""


class Stranger(Struct, frozen=True, kw_only=True):
    """A destination that telemetry shows and no document declares."""

    name: str
    rate: float | None
    since_ms: int | None = None


class Surroundings(Struct, frozen=True, kw_only=True):
    """How the other channels are doing, for what hits many at once.

    Attributes:
        broker_measured: Channels of the same broker whose latency or lag is measured, this one included.
        broker_slow: Those of them that slowed down or fell behind.
        errors_measured: Channels of the estate whose errors are measured, this one included.
        errors_up: Those of them whose validation or processing errors rose.
    """

    broker_measured: int = 0
    broker_slow: int = 0
    errors_measured: int = 0
    errors_up: int = 0


class ChannelEvidence(Struct, frozen=True, kw_only=True):
    """Everything that rules may look at for one channel.

    Attributes:
        channel: As declared.
        courses: Per sign; a sign that is not measured is absent.
        strangers: Undeclared destinations whose name is close to the channel's.
        strangers_observable: Whether a source could have shown undeclared destinations at all.
        surroundings: How the other channels are doing.
        owner, runbook: Of the channel, from the documents.
    """

    channel: Channel
    courses: Mapping[Sign, tuple[Course, ...]] = field(default_factory=dict)
    strangers: tuple[Stranger, ...] = ()
    strangers_observable: bool = False
    surroundings: Surroundings = field(default_factory=Surroundings)
    owner: str | None = None
    runbook: str | None = None

    def of(self, sign: Sign) -> tuple[Course, ...]:
        """Courses of a sign that hold at least one recent value."""
        return tuple(course for course in self.courses.get(sign, ()) if course.now is not None)

    def worst(self, sign: Sign) -> Course | None:
        """The course of a sign that is highest now; the first of equals."""
        return max(self.of(sign), key=lambda course: course.now or 0.0, default=None)

    def rising(self, sign: Sign, *, factor: float = 2.0, floor: float = 0.0) -> tuple[Course, ...]:
        """The courses of a sign that rose, highest first; for events also those that are loud all the time."""
        loud = float("inf")
        if sign in EVENTS:
            floor = max(floor, FEW)
            if sign not in ("registry_errors", "registry_refusals"):
                traffic = self.traffic()
                floor = max(floor, QUIET * traffic)
                loud = max(FEW, LOUD * traffic) if traffic > 0 else loud
        risen = [one for one in self.of(sign) if one.rose(factor=factor, floor=floor) or (one.now or 0.0) > loud]
        return tuple(sorted(risen, key=lambda course: -(course.now or 0.0)))

    def traffic(self) -> float:
        """Messages per second on the channel, now or usually, whichever is more."""
        rates = [0.0]
        for courses in (self.courses.get("publish_rate", ()), self.courses.get("consume_rate", ())):
            rates += [max(course.now or 0.0, course.usual or 0.0) for course in courses]
        return max(rates)

    def sum_now(self, sign: Sign) -> float | None:
        """The sum of the present values of all subjects; None when nothing is measured."""
        values = [course.now for course in self.of(sign) if course.now is not None]
        return sum(values) if values else None


def with_surroundings(channels: Sequence[ChannelEvidence]) -> tuple[ChannelEvidence, ...]:
    """The same evidence, each channel told how the others of its broker and of the estate are doing."""
    slow_measured: Counter[str] = Counter()
    slow: Counter[str] = Counter()
    errors_measured = errors_up = 0
    for one in channels:
        broker = broker_of(one.channel)
        if one.of("latency") or one.of("lag") or one.of("behind"):
            slow_measured[broker] += 1
            slow[broker] += slowed(one)
        if one.of("validation_errors") or one.of("process_errors"):
            errors_measured += 1
            errors_up += bool(one.rising("validation_errors") or one.rising("process_errors"))
    return tuple(
        replace(
            one,
            surroundings=Surroundings(
                broker_measured=slow_measured[broker_of(one.channel)],
                broker_slow=slow[broker_of(one.channel)],
                errors_measured=errors_measured,
                errors_up=errors_up,
            ),
        )
        for one in channels
    )


def slowed(one: ChannelEvidence) -> bool:
    """Whether messages take twice as long as usual, or a group falls behind."""
    return bool(
        one.rising("latency")
        or one.rising("behind", floor=BEHIND_FLOOR_SECONDS)
        or one.rising("lag", floor=LAG_FLOOR_MESSAGES)
    )


def broker_of(channel: Channel) -> str:
    """What channels must share to suffer together: the broker's host, else the protocol."""
    return channel.broker or channel.protocol or ""
