"""How a signal ran: what it usually is, what it is now, and since when it differs.

A course is compared with itself. `now` is the mean of the newest quarter of an hour; `usual` is the median of what lies
more than that before; a change began at the first step of the last unbroken run of steps on the far side of the
midpoint between the two. Steps without observation are left out of all of these.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from observatory.sources.base import Float64, Int64
from observatory.units import format_count, format_duration

RECENT_MS = 15 * 60_000
FORGIVEN_STEPS = 2
"""Steps on the near side that do not end a run: one noisy scrape is no recovery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One signal of one subject over the time looked at.

    Attributes:
        subject: Operation key or channel id.
        name: Who it is, for sentences: a service, a consumer group, a broker.
        unit: `message/s`, `message`, `second`, `ratio`.
        t_ms: Ends of steps, oldest first.
        value: NaN where nothing was observed.
        now: Mean of the newest quarter of an hour; None when nothing was observed in it.
        usual: Median of everything before; None when nothing was observed then.
    """

    subject: str
    name: str
    unit: str
    t_ms: Int64
    value: Float64
    now: float | None = field(init=False)
    usual: float | None = field(init=False)

    def __post_init__(self) -> None:
        recent = self.t_ms > (self.t_ms[-1] - RECENT_MS if len(self.t_ms) else 0)
        seen = np.isfinite(self.value)
        newest, older = self.value[recent & seen], self.value[~recent & seen]
        object.__setattr__(self, "now", float(newest.mean()) if len(newest) else None)
        object.__setattr__(self, "usual", float(np.median(older)) if len(older) else None)

    def rose(self, *, factor: float = 2.0, floor: float = 0.0) -> bool | None:
        """Whether it is now above `floor` and above `factor` times what is usual; None when it cannot be known.

        Without a past the floor alone decides: a series that was born with the failure has no usual value.
        """
        now, usual = self.now, self.usual
        if now is None:
            return None
        return now > floor and (usual is None or now > factor * usual)

    def fell(self, *, factor: float = 0.5) -> bool | None:
        """Whether it is now under `factor` times what is usual; None when either is not known or the past is zero."""
        now, usual = self.now, self.usual
        if now is None or usual is None or usual <= 0:
            return None
        return now < factor * usual

    def steady(self, *, factor: float = 2.0) -> bool | None:
        """Whether now and usual are within `factor` of each other; None when either is not known."""
        now, usual = self.now, self.usual
        if now is None or usual is None:
            return None
        low, high = sorted((now, usual))
        return high <= factor * low + 1e-9

    def since(self) -> int | None:
        """When the present state began: the first step of the newest run beyond the midpoint of usual and now."""
        now, usual = self.now, self.usual
        if now is None:
            return None
        seen = np.isfinite(self.value)
        t_ms, value = self.t_ms[seen], self.value[seen]
        if usual is None:
            return int(t_ms[0])
        middle = (now + usual) / 2
        beyond = value > middle if now > usual else value < middle
        begin, misses = None, 0
        for index in range(len(value) - 1, -1, -1):
            if beyond[index]:
                begin, misses = index, 0
            else:
                misses += 1
                if misses > FORGIVEN_STEPS:
                    break
        return int(t_ms[begin]) if begin is not None else None

    def change(self) -> str:
        """`4,100 → 212,000 messages`, or the present value alone when there is no past."""
        now, usual = self.now, self.usual
        if now is None:
            return "not observed"
        return show(now, self.unit) if usual is None else f"{_bare(usual, self.unit)} → {show(now, self.unit)}"


def show(value: float, unit: str) -> str:
    """A value with its unit, as a sentence writes it."""
    bare = _bare(value, unit)
    return bare if unit in ("second", "ratio") else f"{bare} {unit.replace('message', 'messages')}"


def _bare(value: float, unit: str) -> str:
    if unit == "second":
        return format_duration(value)
    if unit == "ratio":
        return f"{value * 100:.3g} %"
    return format_count(round(value)) if abs(value) >= 100 else f"{value:.3g}"
