"""What numba compiles: burn rates of one row over all windows. Only `rolling` imports this.

Arrays are handed to the inner loops as parts that begin at zero: an index that cannot be negative is what lets the
compiler work on several steps at once. Operations and their order are those of `rolling`, and none is fused.
"""

from __future__ import annotations

from typing import Any

import numba

TILE = 4096
"""Steps per pass, of which sums and rates stay in the first-level cache."""

_GIVEN = numba.types.Array(numba.float64, 1, "C", readonly=True)
_ROW, _ROWS, _WIDTHS = numba.float64[::1], numba.float64[:, ::1], numba.int64[::1]
_inner = numba.njit(error_model="numpy", inline="never", nogil=True)


@_inner
def _of_all(spent: Any, events: Any, scale: Any, out: Any) -> None:
    """Bad over all events since the first step."""
    for step in range(out.size):
        out[step] = spent[step] / events[step] * scale


@_inner
def _of_windows(spent: Any, spent_before: Any, events: Any, events_before: Any, scale: Any, out: Any) -> None:
    """Bad over all events since the windows' first steps."""
    for step in range(out.size):
        out[step] = (spent[step] - spent_before[step]) / (events[step] - events_before[step]) * scale


@numba.njit(
    numba.void(_GIVEN, _GIVEN, numba.float64, numba.float64, _WIDTHS, numba.int64, _ROW, _ROW, _ROWS),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def burn_rates(
    good: Any, total: Any, weight: Any, scale: Any, windows: Any, first: Any, spent: Any, events: Any, out: Any
) -> None:
    """Fill `out`, a line per window; running sums go into `spent` and `events` from `first` on, zeros before it."""
    steps = total.size
    spent[:first] = 0.0
    events[:first] = 0.0
    bad_so_far, so_far = 0.0, 0.0
    for step in range(steps):
        bad_so_far += (total[step] - good[step]) * weight
        so_far += total[step]
        spent[first + step], events[first + step] = bad_so_far, so_far
    for begin in range(0, steps, TILE):
        end = min(begin + TILE, steps)
        at, to = first + begin, first + end
        for line in range(windows.size):
            width = windows[line]
            if width >= end:
                _of_all(spent[at:to], events[at:to], scale, out[line, begin:end])
            else:
                of = spent[at:to], spent[at - width : to - width], events[at:to], events[at - width : to - width]
                _of_windows(*of, scale, out[line, begin:end])
