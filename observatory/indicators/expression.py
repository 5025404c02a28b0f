"""The expression tree of an indicator: what is counted, without a word about any engine.

Two families. Event expressions count messages: `Count`, `CountAtMost`. Slice expressions count steps of time:
`Slices`, `SlicesAtMost`, over a level. `signal` names come from `telemetry.signals`; the room below owns them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Outcome = Literal["success", "error"]


class Count(Struct, frozen=True):
    """Events of a counter or a distribution, all of them or those with one outcome."""

    signal: str
    outcome: Outcome | None = None


class CountAtMost(Struct, frozen=True):
    """Events of a distribution whose value is at or under a bound, in the signal's base unit."""

    signal: str
    bound: float


class Level(Struct, frozen=True):
    """A gauge as it is; over several partitions messages are added, anything else is the worst one."""

    signal: str


class Utilisation(Struct, frozen=True):
    """A gauge as a share of another gauge that is its limit, 0..1."""

    used: str
    limit: str


class Age(Struct, frozen=True):
    """Seconds since the instant that a timestamp gauge holds; 0 where `depth` says that nothing waits."""

    timestamp: str
    depth: str | None = None


class Behind(Struct, frozen=True):
    """Seconds since the consumer was at the head, by inverting the curve of produced positions.

    `committed` is a position signal. Without one, `depth` (messages that wait) is taken from the produced
    position, and `produced` may be a counter of publishes.
    """

    produced: str
    committed: str | None = None
    depth: str | None = None


class Since(Struct, frozen=True):
    """Seconds since a counter or position last rose; of several series the newest rise counts."""

    counter: str


LevelExpression = Level | Utilisation | Age | Behind | Since


class Slices(Struct, frozen=True):
    """Steps of time in which the level was observed."""

    level: LevelExpression


class SlicesAtMost(Struct, frozen=True):
    """Steps of time in which the level was observed and never above a bound, in its base unit."""

    level: LevelExpression
    bound: float


Expression = Count | CountAtMost | Slices | SlicesAtMost


def signals_of(expression: Expression | LevelExpression) -> tuple[str, ...]:
    """Every signal that the expression needs, in reading order, each once."""
    match expression:
        case Count(signal=signal) | CountAtMost(signal=signal) | Level(signal=signal) | Since(counter=signal):
            return (signal,)
        case Utilisation(used=used, limit=limit):
            return (used, limit)
        case Age(timestamp=timestamp, depth=depth):
            return (timestamp, depth) if depth else (timestamp,)
        case Behind(produced=produced, committed=committed, depth=depth):
            return tuple(signal for signal in (produced, committed, depth) if signal)
        case Slices(level=level) | SlicesAtMost(level=level):
            return signals_of(level)
