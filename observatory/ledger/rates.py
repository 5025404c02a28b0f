"""How fast counters counted, by which it is told whether a first value can be events of its own.

A process that has just begun may have counted a good deal, but not many times faster than any counter was seen to about
that time: in the half hour before, and as long after as a refresh still reads again. So what is believed does not hang
on what else is read. What lies beyond midnight belongs to another block, and is not looked at either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from observatory.ledger.days import DAY_MS
from observatory.ledger.samples import series_blocks
from observatory.sources.base import Float64, Int64, SampleSet

ALWAYS_BELIEVED = 1000.0
"""Events that any newcomer may have counted before its first scrape."""
BELIEVED_RATES = 10.0
"""Times the highest rate of any counter."""
BEFORE_MS, AFTER_MS = 1_800_000, 600_000
"""How long before and after an instant rates are looked at."""
NEIGHBOURS_MS = 1_800_000
"""Samples further apart than this tell no rate: what was read may begin between them."""
_BIN_MS = 60_000

NearRate = Callable[[int], float]
"""The highest rate of any counter about an instant, in events per millisecond; 0 without a rise."""


class Rates:
    """The highest rates of the counters of some samples, which must be fit, found out when first asked for."""

    def __init__(self, samples: SampleSet) -> None:
        self._samples = samples
        self._first = 0
        self._bins: Float64 | None = None

    def near(self, at_ms: int) -> float:
        """The most events per millisecond between two samples of any series about an instant; 0 without a rise.

        What rises out of a dip rose since the sample before it.
        """
        if self._bins is None:
            self._bins = self._learn()
        # Whole bins alone, and up to midnight, so that it is the same however far the samples reach.
        midnight = ((at_ms - 1) // DAY_MS + 1) * DAY_MS // _BIN_MS
        first = (at_ms - BEFORE_MS) // _BIN_MS + 1 - self._first
        after = min((at_ms + AFTER_MS) // _BIN_MS, midnight) - self._first
        return float(self._bins[max(0, first) : max(0, after)].max(initial=0.0))

    def near_all(self, at_ms: Int64) -> Float64:
        """The same about several instants."""
        return np.asarray([self.near(one) for one in at_ms.tolist()])

    def _learn(self) -> Float64:
        samples = self._samples
        if not len(samples.t_ms):
            return np.zeros(0)
        self._first = int(samples.t_ms.min()) // _BIN_MS
        bins = np.zeros(int(samples.t_ms.max()) // _BIN_MS + 1 - self._first)
        for begin, end in series_blocks(samples.offsets):
            part = slice(int(samples.offsets[begin]), int(samples.offsets[end]))
            if part.stop - part.start > 1:
                borders = samples.offsets[begin + 1 : end] - part.start
                rates = _rates_of(samples.t_ms[part], samples.values[part], borders)
                np.maximum.at(bins, samples.t_ms[part][1:] // _BIN_MS - self._first, rates)
        return bins


def highest(rates: Iterable[Rates]) -> NearRate:
    """The highest rate that any of these know."""
    known = tuple(rates)
    return lambda at_ms: max((one.near(at_ms) for one in known), default=0.0)


def _rates_of(t_ms: Int64, values: Float64, borders: Int64) -> Float64:
    """Between each two neighbouring samples the events per millisecond; 0 from one series to the next."""
    rises, elapsed_ms = np.diff(values), np.maximum(np.diff(t_ms), 1)
    inner = np.ones(len(rises), bool)
    inner[borders[(borders > 0) & (borders < len(values))] - 1] = False
    rates: Float64 = np.where(inner, rises / elapsed_ms, 0.0)
    dipped = np.flatnonzero((rises[:-1] < 0) & inner[:-1] & inner[1:] & (values[2:] >= values[:-2]))
    rates[dipped + 1] = (values[dipped + 2] - values[dipped]) / (elapsed_ms[dipped] + elapsed_ms[dipped + 1])
    elapsed_ms[dipped + 1] += elapsed_ms[dipped]
    rates[elapsed_ms > NEIGHBOURS_MS] = 0.0
    return rates
