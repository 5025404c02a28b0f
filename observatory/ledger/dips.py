"""Dips: a counter that falls and is no process that began anew.

Two servers that scrape one target into one series, a balancer before two of them, a proxy with an old answer: the next
value is a little lower, and the one after it goes on as if nothing had been. Taken for a restart every such sample
would count all that the counter ever counted. A sum that somebody recorded falls when one of its parts goes.

A value that is back where it was with the next sample fell for no restart, if the new process would have had to count
in that time ten times as fast as any counter of the answer did about then; the low sample is then left out. Where the
counter stays low, so large a first value is no event: counting goes on from it, and so does every counter of its target
that fell in the same scrape. Unless its process says that it has started, or others of its target fell to little while
it lost more than half: who was away may have a backlog to go through.

Some answer so for more than one scrape: an exporter that warms up shows zeros. A counter that is back within ten
minutes, about where it was and by one rise that no counter of the answer comes near, was low for as long and began anew
neither time; unless it falls at other times as well, about then.

Where two servers take turns in one series and their clocks are apart, one of them shows, a moment after the other, what
the counter held a little earlier. Such a value lies between the two before it and comes much sooner than any scrape of
one server; it is left out however small it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.ledger.rates import AFTER_MS, ALWAYS_BELIEVED, BEFORE_MS, BELIEVED_RATES, Rates
from observatory.ledger.restarts import HiddenRestart, falls_of
from observatory.ledger.targets import Target, TargetKey
from observatory.sources.base import Float64, Int64, SampleSet

FEW = 10.0
"""Events that a process may always have counted between two scrapes."""
LITTLE = 0.1
"""Of what a counter held: a sum that loses a part keeps more than that."""
LONGEST_MS = 600_000
"""From the sample before a dip to the one after it: a refresh reads as far back again."""
SOON = 0.4
"""Of the time in which each of two servers scrapes once: a single one would need half of the time that two take."""
TURNS = 0.25
"""Of all samples come as soon at least, where two servers take turns; a server that notes when a counter began does
so once."""


def without_dips(samples: SampleSet, counters: Callable[[], Collection[int]]) -> tuple[SampleSet, dict[int, list[int]]]:
    """The samples but for those that dip, and when values of counters fell in them; samples must be fit.

    Args:
        counters: Which series count from zero; asked only where any fell.
    """
    if samples.pushdown or not (fallen := falls_of(samples)):
        return samples, {}
    counting = counters()
    falls = {index: found for index, found in fallen.items() if index in counting}
    dips = _long_dips(samples, falls)
    rates = Rates(samples)
    for index, at_ms in falls.items():
        begin = int(samples.offsets[index])
        _, t_ms, values = samples.series(index)
        lows = np.searchsorted(t_ms, at_ms)
        dips += (begin + _echoes(t_ms, values, lows)).tolist()
        lows = lows[lows + 1 < len(values)]
        before, low, after = values[lows - 1], values[lows], values[lows + 1]
        needed = np.maximum(low, after - low)
        suspects = (after >= before) & (needed > FEW)
        if suspects.any():
            lows, needed = lows[suspects], needed[suspects]
            elapsed_ms = t_ms[lows + 1] - t_ms[lows - 1]
            dips += (begin + lows[needed > BELIEVED_RATES * rates.near_all(t_ms[lows]) * elapsed_ms]).tolist()
    if not dips:
        return samples, falls
    found = _but(samples, dips)
    return found, {index: at_ms for index, at_ms in falls_of(found).items() if index in counting}


def _but(samples: SampleSet, dips: Sequence[int]) -> SampleSet:
    """The samples but for those at some places."""
    kept = np.ones(len(samples.t_ms), bool)
    kept[dips] = False
    left = np.concatenate(([0], np.cumsum(kept)))[samples.offsets]
    return SampleSet(
        samples.labels, left, samples.t_ms[kept], samples.values[kept], samples.exact, samples.resolution_ms
    )


def _long_dips(samples: SampleSet, falls: Mapping[int, Sequence[int]]) -> list[int]:
    """Places of samples of dips that are longer than one sample."""
    stretches = [
        (int(samples.offsets[index]) + low, int(samples.offsets[index]) + back)
        for index, at_ms in falls.items()
        for low, back in _low_stretches(*samples.series(index)[1:], at_ms)
    ]
    if not stretches:
        return []
    # What is low tells no rate, nor does the way back.
    rates = Rates(_but(samples, [place for low, back in stretches for place in range(low, back)]))
    t_ms, values = samples.t_ms, samples.values
    found: list[int] = []
    for low, back in stretches:
        most = BELIEVED_RATES * rates.near(int(t_ms[low]))
        jump, gone_on = values[back] - values[back - 1], values[back] - values[low - 1]
        goes_on = gone_on <= max(FEW, most * (t_ms[back] - t_ms[low - 1]))
        if goes_on and jump > max(FEW, most * (t_ms[back] - t_ms[back - 1])):
            found += range(low, back)
    return found


def _low_stretches(t_ms: Int64, values: Float64, falls_ms: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where a counter fell, and where it was back, of those that were low for several samples and not for long."""
    for low in np.searchsorted(t_ms, falls_ms).tolist():
        end = int(np.searchsorted(t_ms, t_ms[low - 1] + LONGEST_MS, side="right"))
        above = np.flatnonzero(values[low:end] >= values[low - 1])
        if not len(above) or above[0] < 2:
            continue
        back = low + int(above[0])
        # What falls again and again begins anew, and counts fast.
        around_ms = [t_ms[low] - BEFORE_MS, t_ms[low], t_ms[back], t_ms[back] + AFTER_MS]
        begin, first, last, after = np.searchsorted(falls_ms, around_ms).tolist()
        if begin == first and last == after:
            yield low, back


def _echoes(t_ms: Int64, values: Float64, lows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Where, beside the places at which a counter fell, another server shows what the counter held a little earlier."""
    if len(values) <= 3:
        return lows[:0]
    soon_ms = SOON * float(np.median(t_ms[2:] - t_ms[:-2]))
    if np.count_nonzero(np.diff(t_ms) < soon_ms) < TURNS * len(t_ms):
        return lows[:0]
    lows = lows[lows >= 2]
    earlier, before, low = (values[lows + shift] for shift in (-2, -1, 0))
    # What comes next is not known of the last one.
    after = np.append(values, np.inf)[lows + 1]
    soon = t_ms[lows] - t_ms[lows - 1] < soon_ms
    # Before the two, or after them, the process may have begun anew.
    fallen = lows[soon & ((earlier <= low) | (earlier > before)) & ((after >= before) | (after < low))]
    # Or between the two: then it is what the old process held that is shown once more.
    inner = lows[lows + 2 < len(values)]
    before, low, after, then = (values[inner + shift] for shift in (-1, 0, 1, 2))
    soon = t_ms[inner + 1] - t_ms[inner] < soon_ms
    return np.concatenate((fallen, inner[soon & (after >= before) & (then < after)] + 1))


class Fallen(Struct, frozen=True):
    """Samples, and when values of counters fell in them.

    Attributes:
        target_of: The target of a series; samples further apart than its gap may hold anything between them.
    """

    samples: SampleSet
    falls: Mapping[int, Sequence[int]]
    target_of: Callable[[int], Target]

    def each(self) -> Iterator[tuple[int, Target, Int64, Float64, NDArray[np.intp]]]:
        """Per series its target, its samples, and the places at which it fell without a gap."""
        for index, at_ms in self.falls.items():
            _, t_ms, values = self.samples.series(index)
            target = self.target_of(index)
            lows = np.searchsorted(t_ms, at_ms)
            yield index, target, t_ms, values, lows[t_ms[lows] - t_ms[lows - 1] <= target.gap_ms]


def no_restarts(
    sets: Sequence[Fallen], small_ms: Mapping[TargetKey, Collection[int]]
) -> list[dict[int, tuple[HiddenRestart, ...]]]:
    """Per set the falls that are no restarts: what they are not to count.

    They end at values that no new process can have counted since the sample before, or are of the same target and
    scrape as one that does.

    Args:
        small_ms: When counters of targets fell to little, see `small_falls`.
    """
    spared: dict[TargetKey, set[int]] = {}
    for one in sets:
        rates = Rates(one.samples)
        for _, target, t_ms, values, lows in one.each():
            lows = lows[values[lows] > ALWAYS_BELIEVED]
            if not len(lows):
                continue
            rate = rates.near_all(t_ms[lows])
            beyond = (rate > 0) & (values[lows] > BELIEVED_RATES * rate * (t_ms[lows] - t_ms[lows - 1]))
            started = np.isin(t_ms[lows], [seen_ms for seen_ms, _ in target.starts_ms[1:]])
            small = np.isin(t_ms[lows], list(small_ms.get(target.key, ()))) & (2 * values[lows] < values[lows - 1])
            spared.setdefault(target.key, set()).update(t_ms[lows[beyond & ~started & ~small]].tolist())
    found: list[dict[int, tuple[HiddenRestart, ...]]] = [{} for _ in sets]
    for of_set, one in zip(found, sets, strict=True):
        for index, target, t_ms, values, lows in one.each() if spared else ():
            lows = lows[np.isin(t_ms[lows], list(spared.get(target.key, ())))]
            if len(lows):
                of_set[index] = tuple(HiddenRestart(int(t_ms[low]), -float(values[low])) for low in lows.tolist())
    return found


def small_falls(samples: SampleSet, falls: Mapping[int, Sequence[int]]) -> dict[int, list[int]]:
    """Of falls those to little: to what any new process may show, and to a small part of what there was."""
    found: dict[int, list[int]] = {}
    for index, at_ms in falls.items():
        _, t_ms, values = samples.series(index)
        lows = np.searchsorted(t_ms, at_ms)
        little = (values[lows] <= ALWAYS_BELIEVED) & (values[lows] <= LITTLE * values[lows - 1])
        found[index] = t_ms[lows[little]].tolist()
    return found
