"""How fast counters ever counted, by which it is told whether a first value can be events of its own.

A process that has just begun may have counted a good deal, but not many times faster than any counter was seen to.
"""

from __future__ import annotations

import numpy as np

from observatory.ledger.samples import series_blocks
from observatory.sources.base import Float64, Int64, SampleSet

ALWAYS_BELIEVED = 1000.0
"""Events that any newcomer may have counted before its first scrape."""
BELIEVED_RATES = 10.0
"""Times the highest rate of any counter."""


def highest_rate(samples: SampleSet) -> float:
    """The most events per millisecond between two samples of any series; samples must be fit.

    What rises out of a dip rose since the sample before it. 0 without a rise.
    """
    highest = 0.0
    for begin, end in series_blocks(samples.offsets):
        part = slice(int(samples.offsets[begin]), int(samples.offsets[end]))
        if part.stop - part.start > 1:
            borders = samples.offsets[begin + 1 : end] - part.start
            highest = max(highest, _highest_of(samples.t_ms[part], samples.values[part], borders))
    return highest


def _highest_of(t_ms: Int64, values: Float64, borders: Int64) -> float:
    rises, elapsed_ms = np.diff(values), np.maximum(np.diff(t_ms), 1)
    inner = np.ones(len(rises), bool)
    inner[borders[(borders > 0) & (borders < len(values))] - 1] = False
    rates = np.where(inner, rises / elapsed_ms, 0.0)
    dipped = np.flatnonzero((rises[:-1] < 0) & inner[:-1] & inner[1:] & (values[2:] >= values[:-2]))
    rates[dipped + 1] = (values[dipped + 2] - values[dipped]) / (elapsed_ms[dipped] + elapsed_ms[dipped + 1])
    return float(rates.max(initial=0.0))
