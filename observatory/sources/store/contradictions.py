"""Contradictions: late values of pushed counters that cannot be true beside what is kept.

A sender whose clock is set back by five minutes goes on counting among the samples of the five minutes before. Each of
its values is higher than the one that follows in time, so that a reader would see a counter that falls and rises again
with every sample, and would count nearly all of it each time. Requests that merely overtake each other leave no such
trace: their values lie between those of their neighbours, or one side of them is where the process began anew.

So of late samples between two kept ones no more falls are believed than there were without them. A gauge may do what it
likes. And an instant has one value: another one for it is not kept, and would be lost if nobody said so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64

Bools = NDArray[np.bool_]
Rows = tuple[Int64, Int64, Float64]
"""Series, time and value of samples, sorted by series, then time."""
NEIGHBOUR_MS = 3_600_000
"""Samples further apart say nothing of each other: a process may have begun anew in between, and more than once."""
TWO_VALUES = "another value came earlier for the same instant"
OUT_OF_LINE = "it does not fit between earlier and later values that came before it; was a clock set back?"


def contradictions(
    late: Rows, kept: Rows, is_counter: Callable[[int], bool]
) -> tuple[tuple[Bools, str], tuple[Bools, str]]:
    """Which late samples say another value of their instant than is kept, and which do not fit between those around.

    Args:
        late: Samples that are not newer than all of their series.
        kept: What is kept of the same series, from `NEIGHBOUR_MS` before the first to as long after the last.
        is_counter: Whether a series, by its number, only rises while its process lives.
    """
    other, unfit = np.zeros((2, len(late[0])), bool)
    numbers, starts = np.unique(late[0], return_index=True)
    for number, start, end in zip(numbers.tolist(), starts, np.append(starts[1:], len(late[0])), strict=True):
        own = slice(start, end)
        known = slice(*np.searchsorted(kept[0], (number, number + 1)))
        t_ms, values, known_t, known_values = late[1][own], late[2][own], kept[1][known], kept[2][known]
        if not len(known_t):
            continue
        at = np.minimum(np.searchsorted(known_t, t_ms), len(known_t) - 1)
        same = known_t[at] == t_ms
        # A stale marker beside a value tells nothing that the value does not deny.
        other[own] = same & (known_values[at] != values) & ~np.isnan(values)
        if is_counter(number):
            counted, usable = ~np.isnan(known_values), np.flatnonzero(~same & ~np.isnan(values))
            found = _out_of_line(t_ms[usable], values[usable], known_t[counted], known_values[counted])
            unfit[start + usable[found]] = True
    return (other, TWO_VALUES), (unfit, OUT_OF_LINE)


def _out_of_line(t_ms: Int64, values: Float64, known_t: Int64, known_values: Float64) -> Bools:
    """Of new samples of one counter those that would make it fall more often than it does without them."""
    places = np.searchsorted(known_t, t_ms)
    found = np.zeros(len(t_ms), bool)
    for place in np.unique(places[(places > 0) & (places < len(known_t))]).tolist():
        run = np.flatnonzero(places == place)
        before, after = known_values[place - 1], known_values[place]
        near = t_ms[run[0]] - known_t[place - 1] <= NEIGHBOUR_MS and known_t[place] - t_ms[run[-1]] <= NEIGHBOUR_MS
        falls = int(values[run[0]] < before) + int(after < values[run[-1]])
        if near and falls > int(after < before):
            found[run] = True
    return found
