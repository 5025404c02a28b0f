"""Sums over trailing windows at every step, by running sums: one pass per row however long the window.

Running sums of event counts are exact in float64 while totals stay below 2^53. Work goes row by row through buffers
that are used again, so that they stay in the processor's cache; no ratio is stored that can be derived.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from observatory import machine_code
from observatory.objectives.budget import budget_ratio
from observatory.sources.base import Float64, Int64

LINE_BYTES = 64
"""What the processor stores in one go; what begins elsewhere takes it twice as long."""
WORTH = 450_000_000
"""Steps times windows that pay for the kernel: a thousand objectives with eight windows at every minute of a month."""
Kernel = Callable[[Float64, Float64, float, float, Int64, int, Float64, Float64, Float64], None]
Pairs = NDArray[np.complex128]
_PAIRS = LINE_BYTES // 16


def compiled() -> Kernel:
    """Burn rates as machine code, bit for bit what numpy says; as `machine_code.Loader` asks for it."""
    from observatory.evaluate import rolling_compiled

    kernel: Kernel = rolling_compiled.burn_rates
    return kernel


LOADER = machine_code.Loader(compiled, WORTH)
"""Loads the kernel once so much was reckoned that more is to be expected, as by a server that is asked all day."""


def cumulative(per_step: Float64) -> Float64:
    """Running sums with a leading zero: length n + 1, so that the sum of steps a..b is c[b] - c[a]."""
    sums = np.empty(len(per_step) + 1)
    sums[0] = 0.0
    np.cumsum(per_step, out=sums[1:])
    return sums


def trailing(sums: Float64, steps: int, out: Float64 | None = None) -> Float64:
    """From `cumulative` sums the sum of the last `steps` steps, at the end of each step.

    Near the start, where the window reaches further back than the data, it is the sum of what there is.
    """
    count = len(sums) - 1
    result = np.empty(count) if out is None else out
    width = max(1, steps)
    head = min(width, count)
    result[:head] = sums[1 : head + 1]
    np.subtract(sums[width + 1 :], sums[1 : count - width + 1], out=result[head:]) if count > width else None
    return result


def window_steps(seconds: float, step_ms: int) -> int:
    """Whole steps in a window, at least one; a window that is no multiple of the step is rounded up."""
    return max(1, -(-round(seconds * 1000) // step_ms))


class BurnRates:
    """Burn rates of many rows of one length over a fixed set of windows, without allocating for each row.

    Bad and all events are the real and the imaginary part of one running sum: they are added and subtracted together,
    each exactly as it would be alone. As many zeros stand before the sums as the longest window reaches back, so that
    no window has a beginning of its own. Not for several threads: each takes its own.

    Args:
        steps: Of each row.
        windows: In steps, at least one each.
    """

    TILE = 21_600
    """Steps per pass: half a month of minutes, which stay in the second-level cache while all windows read them."""

    def __init__(self, steps: int, windows: Sequence[int]) -> None:
        self.steps, self.windows = steps, tuple(windows)
        reach = max((width for width in windows if width < steps), default=0)
        self._first = -(-(reach + 1) // _PAIRS) * _PAIRS
        self._room = _aligned(2 * (self._first + steps))
        self._bad = _aligned(min(self.TILE, steps))
        self._within = _aligned(2 * min(self.TILE, steps)).view(np.complex128)

    def of(self, good: Float64, total: Float64, target: float, out: Float64) -> Float64:
        """Fill `out`, one line per window, with the burn rate at the end of each step; NaN without events.

        `out` lies in one piece. Where one over the budget is a whole number, as for 99.9 %, bad events are weighted by
        it before they are summed: the sums stay whole and exact, and no ratio has to be scaled afterwards.
        """
        per_budget = 1 / budget_ratio(target)
        weight, scale = (per_budget, 1.0) if per_budget.is_integer() else (1.0, per_budget)
        kernel = LOADER.kernel(self.steps * len(self.windows))
        if kernel is not None:
            whole = np.ascontiguousarray(good, np.float64), np.ascontiguousarray(total, np.float64)
            spent, events = self._room.reshape(2, -1)
            kernel(*whole, weight, scale, np.asarray(self.windows, np.int64), self._first, spent, events, out)
            return out
        sums = self._room.view(np.complex128)
        with np.errstate(divide="ignore", invalid="ignore"):
            for begin in range(0, self.steps, self.TILE):
                end = min(begin + self.TILE, self.steps)
                self._add(good[begin:end], total[begin:end], weight, sums, self._first + begin)
                self._divide(sums, begin, end, out)
            if scale != 1.0:
                np.multiply(out, scale, out=out)
        return out

    def _add(self, good: Float64, total: Float64, weight: float, sums: Pairs, at: int) -> None:
        """Go on with the running sums by some steps; the first of them is at `at`."""
        bad, own = self._bad[: len(total)], sums[at : at + len(total)]
        np.subtract(total, good, out=bad)
        np.multiply(bad, weight, out=own.real)
        own.imag = total
        own[0] += sums[at - 1]
        np.add.accumulate(own, out=own)

    def _divide(self, sums: Pairs, begin: int, end: int, out: Float64) -> None:
        """Bad events over all events of the windows that end with some steps, of which the sums are known."""
        first, last = self._first + begin, self._first + end
        own, within = sums[first:last], self._within[: end - begin]
        for line, width in zip(out, self.windows, strict=True):
            inside = own if width >= end else np.subtract(own, sums[first - width : last - width], out=within)
            np.divide(inside.real, inside.imag, out=line[begin:end])


def _aligned(count: int) -> Float64:
    """Zeros that begin where the processor stores at its best."""
    room = np.zeros(count + LINE_BYTES // 8)
    at = -room.ctypes.data % LINE_BYTES // 8
    return room[at : at + count]


class Workspace:
    """Burn rates of rows that are looked at one after the other: rows of one length share the buffers.

    Making buffers of a month of minutes anew takes longer than filling them. Not for several threads.
    """

    def __init__(self) -> None:
        self._steps = 0
        self._made: dict[tuple[int, ...], BurnRates] = {}

    def burn_rates(self, steps: int, windows: Sequence[int]) -> BurnRates:
        """Ready for rows of so many steps and these windows, in steps; valid until the next call."""
        if steps != self._steps:
            self._steps, self._made = steps, {}
        key = tuple(windows)
        if key not in self._made:
            self._made[key] = BurnRates(steps, windows)
        return self._made[key]
