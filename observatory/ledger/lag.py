"""Lag in seconds: how long ago the group was at the head, by inverting the curve of produced positions.

Definition: lag(t) = t - sup{s : E(s) <= C(t)}, E the produced and C the committed position. It is the age of the next
unread message to within one scrape, needs no message timestamps, and is right while producers are idle.

- E is cut where it falls (a topic made anew, or cut short by an unclean election). A fall that is made good before a
  gap's length has passed is a slightly old answer of a broker instead, and the running maximum is taken; so is a small
  fall that nothing follows yet. C is compared with the epoch that holds t.
- C >= E: lag 0. Where C was read after E, messages may have come in between, and the error bar is as wide as that. A
  negative C (kafka_exporter's -1) is no measurement, and neither is a C that has stood beyond E for longer than a gap,
  or since before E was cut: it is a position in what is gone.
- Otherwise the last sample i with e_i <= C is looked for - the last of equal ones, so that an idle hour is no lag -
  and time is interpolated between i and i + 1. The message at C was written between these two samples, which is the
  error bar.
- C below the first sample of the epoch: the lag is at least the time since then; nothing is extrapolated.

Queues have no positions, see `queue_lag`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.ledger.levels import Level
from observatory.sources.base import Float64, Int64

Places = NDArray[np.intp]


def seconds_behind(
    produced_t_ms: Int64, produced: Float64, committed_t_ms: Int64, committed: Float64, *, fresh_ms: int
) -> Level:
    """Lag in seconds at each sample of `committed`.

    Args:
        produced_t_ms, produced: Samples of E, ascending in time.
        committed_t_ms, committed: Samples of C, ascending in time.
        fresh_ms: A sample of C counts only when E has one that is no older than this.

    Returns:
        A level whose error reaches from the interpolated instant to the farther of the two samples around it.
    """
    kept = np.isfinite(produced) & (produced >= 0)
    t_e, e = produced_t_ms[kept], produced[kept]
    kept = np.isfinite(committed) & (committed >= 0)
    t_c, c = committed_t_ms[kept], committed[kept]
    # The newest sample of E at each instant of C; both are often read in one scrape.
    head = np.searchsorted(t_e, t_c, side="right") - 1
    kept = (head >= 0) & (t_c - t_e[np.maximum(head, 0)] <= fresh_ms) if len(t_e) else np.zeros(len(t_c), dtype=bool)
    t_c, c, head = t_c[kept], c[kept], head[kept]
    lag, error, least = np.zeros(len(t_c)), np.zeros(len(t_c)), np.zeros(len(t_c), dtype=bool)
    gone, stood_ms = np.zeros(len(t_c), dtype=bool), _standing_ms(t_c, c)
    for first, after in _epochs(t_e, e, fresh_ms):
        inside = np.flatnonzero((head >= first) & (head < after))
        if not len(inside):
            continue
        curve = _Curve.of(t_e[first:after], e[first:after])
        at = head[inside] - first
        behind = c[inside] < curve.highest[at]
        beyond = ~behind & (c[inside] > curve.highest[at])
        gone[inside] = beyond & (stood_ms[inside] >= fresh_ms)
        if first:
            gone[inside] |= beyond & (t_c[inside] - stood_ms[inside] < t_e[first])
        error[inside] = np.where(behind, 0.0, curve.unread_seconds(at, t_c[inside], c[inside]))
        # Only what had been produced by then may be looked at: the position found must not pass the head.
        found = np.minimum(np.searchsorted(curve.highest, c[inside], side="right") - 1, at)
        lost = behind & (found < 0)
        if after < len(e):
            # Read between the last answer of this epoch and the first of the next one, C may be of either.
            gone[inside] |= (at == after - first - 1) & (t_c[inside] > t_e[after - 1])
        # An answer that is far below, or by which C was before the first sample, may be of another topic or of none.
        seen = curve.e[at]
        gone[inside] |= (seen < curve.highest[at] / 2) | (lost & (seen < curve.highest[at]))
        known = behind & ~lost
        one = inside[known]
        lag[one], error[one] = curve.seconds(found[known], at[known], t_c[one], c[one])
        lag[inside[lost]] = (t_c[inside[lost]] - t_e[first]) / 1000
        least[inside[lost]] = True
    kept = ~gone
    return Level(t_c[kept], lag[kept], error[kept], least[kept])


class _Curve(Struct, frozen=True):
    """Samples of E in one epoch.

    Attributes:
        e: As they were read.
        highest: The running maximum: no position is taken back.
    """

    t_ms: Int64
    e: Float64
    highest: Float64

    @classmethod
    def of(cls, t_ms: Int64, e: Float64) -> _Curve:
        return cls(t_ms, e, np.maximum.accumulate(e))

    def unread_seconds(self, head: Places, t_c: Int64, c: Float64) -> Float64:
        """How long messages beyond C may have waited unseen, since E was read; 0 where its next sample rules it out."""
        after = np.minimum(head + 1, len(self.highest) - 1)
        read_later = (after > head) & (self.highest[after] <= c)
        unread: Float64 = np.where(read_later, 0.0, (t_c - self.t_ms[head]) / 1000)
        return unread

    def seconds(self, found: Places, head: Places, t_c: Int64, c: Float64) -> tuple[Float64, Float64]:
        """Lag and error of positions between samples `found` and the one after it, which is not beyond the head."""
        low, high = self.highest[found], self.highest[found + 1]
        t_low, t_high = self.t_ms[found].astype(np.float64), self.t_ms[found + 1].astype(np.float64)
        since = t_low + (c - low) / (high - low) * (t_high - t_low)
        # Where old answers are among the samples, or a topic that was cut and soon as long again, any may be the true
        # one: C may have been the end as late as the last sample that is not above it.
        last = self._last_not_above(c, found, head)
        doubtful = np.flatnonzero(last > found)
        late = self.t_ms[np.minimum(last[doubtful] + 1, len(self.t_ms) - 1)]
        t_high[doubtful] = np.where(last[doubtful] < head[doubtful], late, t_c[doubtful])
        return np.maximum(t_c - since, 0.0) / 1000, np.maximum(t_high - since, since - t_low) / 1000

    def _last_not_above(self, c: Float64, found: Places, head: Places) -> Places:
        """The last sample up to the head that was read as no more than C; `found` where no answer was old."""
        last = found.copy()
        looking = np.flatnonzero(np.minimum.accumulate(self.e[::-1])[::-1][found + 1] <= c)
        at = head[looking]
        while len(looking):
            done = (self.e[at] <= c[looking]) | (at <= found[looking])
            last[looking[done]] = np.maximum(at[done], found[looking[done]])
            looking, at = looking[~done], at[~done] - 1
        return last


def _epochs(t_ms: Int64, e: Float64, fresh_ms: int) -> list[tuple[int, int]]:
    """Ranges of samples between falls that are not made good within a gap's length."""
    falls = np.flatnonzero(e[1:] < e[:-1]) + 1
    if not len(falls):
        return [(0, len(e))] if len(e) else []
    before, until_ms = e[falls - 1], t_ms[falls - 1] + fresh_ms
    after = np.searchsorted(t_ms, until_ms, side="right")
    # Nothing follows yet by which to tell: a fall to less than half is taken for a cut.
    cut = (after < len(e)) | (e[falls] < before / 2)
    ahead = falls.copy()
    while len(looking := np.flatnonzero(ahead < after)):
        made_good = looking[e[ahead[looking]] >= before[looking]]
        cut[made_good], ahead[made_good] = False, len(e)
        ahead[looking] += 1
    edges = [0, *falls[cut].tolist(), len(e)]
    return [(begin, end) for begin, end in pairwise(edges) if begin < end]


def _standing_ms(t_ms: Int64, c: Float64) -> Int64:
    """How long each position has stood where it is."""
    moved = np.append(True, c[1:] != c[:-1])[: len(c)]
    standing: Int64 = t_ms - t_ms[np.maximum.accumulate(np.where(moved, np.arange(len(c)), 0))]
    return standing
