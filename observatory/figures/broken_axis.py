"""A time axis without long stretches in which nothing ran: a retry an hour later must not hide the milliseconds.

A stretch is left out where it is longer than four times all that was worked in the whole trace: then what is worked
would share less than a fifth of the width with it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct

from observatory.figures.traces import time_ticks
from observatory.units import format_duration

LONG_FOR_WORK = 4
BREAK_SHARE = 0.06
"""Of the width of the axis, for each stretch that is left out."""


class Break(Struct, frozen=True):
    """A stretch that is left out; its end is later than its start."""

    start_ns: int
    end_ns: int

    @property
    def words(self) -> str:
        """How long it is: `2 h`."""
        return format_duration((self.end_ns - self.start_ns) / 1e9)


class BrokenAxis(Struct, frozen=True):
    """Where a time stands, as a share of the width from 0 to 1; nanoseconds since the epoch.

    Attributes:
        breaks: By time, between start and end, apart from each other.
    """

    start_ns: int
    end_ns: int
    breaks: tuple[Break, ...] = ()

    @classmethod
    def of(cls, worked: Sequence[tuple[int, int]], start_ns: int, end_ns: int) -> BrokenAxis:
        """The axis over intervals in which something ran, in any order; they may overlap."""
        idle: list[tuple[int, int]] = []
        busy, until = 0, start_ns
        for begin, end in sorted(worked):
            if begin > until:
                idle.append((until, begin))
            busy += max(0, end - max(begin, until))
            until = max(until, end)
        long = [Break(*one) for one in idle if busy and one[1] - one[0] > LONG_FOR_WORK * busy]
        return cls(start_ns, end_ns, tuple(long))

    @property
    def drawn_ns(self) -> int:
        """How much time is drawn to scale; at least 1."""
        left_out = sum(one.end_ns - one.start_ns for one in self.breaks)
        return max(1, self.end_ns - self.start_ns - left_out)

    def share(self, at_ns: int) -> float:
        """Where a time stands. Within a break it moves evenly over the break's width."""
        passed = bisect_right(self.breaks, at_ns, key=lambda one: one.start_ns)
        scale = (1 - BREAK_SHARE * len(self.breaks)) / self.drawn_ns
        found = (at_ns - self.start_ns) * scale
        for one in self.breaks[:passed]:
            within = min(at_ns, one.end_ns) - one.start_ns
            found += BREAK_SHARE * within / (one.end_ns - one.start_ns) - within * scale
        return found

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Round times as (share, words): from the start to the first break; after each break how late it is by then."""
        first = self.breaks[0].start_ns - self.start_ns if self.breaks else self.drawn_ns
        round_ones = [one for one in time_ticks(self.drawn_ns) if one[0] <= first]
        found = [(self.share(self.start_ns + round(at)), words) for at, words in round_ones]
        found += [
            (self.share(one.end_ns), f"+{format_duration((one.end_ns - self.start_ns) / 1e9)}") for one in self.breaks
        ]
        return tuple(found)
