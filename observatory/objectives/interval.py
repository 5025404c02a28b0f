"""How sure a share of good events is, from how many events it was counted.

Wilson's score interval (E. B. Wilson, 1927), which holds for few events and for shares near 0 and 1, where the normal
approximation fails. It speaks of a process whose failures are independent; bursts make the truth less certain.
"""

from __future__ import annotations

from math import sqrt

from observatory.indicators.counts import Counts

Z_95 = 1.959963984540054


def wilson(counts: Counts, z: float = Z_95) -> tuple[float, float] | None:
    """Lower and upper end of the interval of the share of good events, 95 % by default; None without events."""
    if counts.total <= 0:
        return None
    n, share = counts.total, min(1.0, max(0.0, counts.good / counts.total))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula is exact in theory and off by rounding in practice.
    low = 0.0 if counts.good <= 0 else max(0.0, centre - half)
    high = 1.0 if counts.good >= n else min(1.0, centre + half)
    return low, high
