"""Restarts that no fall shows: a counter began anew and had already passed its old value when it was next scraped.

A counter of rare events holds 1, its process restarts, one more event happens: 1 again, and the difference says that
nothing happened. Where the process exports its start, the new value counts in full. A start alone is no proof, for an
exporter may hand on the counters of something else that lives on; so at least one counter of the same target must have
fallen at the same start.

Some tell for each counter when it was created. One that was created anew counts in full, too, where a counter of the
same target fell meanwhile.

Nothing has to be told of a histogram: its count and its buckets begin anew together. Nor where a counter was missing
in the scrape in which another one of its target fell: the new process had none of it yet, and what it shows later it
counts from zero. That is believed of values that any newcomer may show.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct, field

from observatory.ledger.rates import ALWAYS_BELIEVED
from observatory.ledger.samples import series_blocks
from observatory.ledger.targets import TargetKey, Targets, target_of
from observatory.sources.base import SampleSet

Sample = tuple[int, float]
"""Instant and value."""
Histogram = tuple[str, frozenset[tuple[str, str]]]
"""Name without its ending, and labels without the bound of a bucket."""
_PARTS = ("_bucket", "_count")


class HiddenRestart(Struct, frozen=True):
    """A value that counts from zero although it is not below the one before it; or the other way round.

    Attributes:
        forgotten: What the difference to the sample before leaves out; negative is what a fall would count and is not
            to, see `dips`.
    """

    at_ms: int
    forgotten: float


def falls_of(samples: SampleSet) -> dict[int, list[int]]:
    """When values fell, by series, of those in which one did; block by block; samples must be fit."""
    found: dict[int, list[int]] = {}
    offsets = samples.offsets
    for begin, end in series_blocks(offsets):
        low = int(offsets[begin])
        falls = np.flatnonzero(np.diff(samples.values[low : int(offsets[end])]) < 0) + low + 1
        # A step down from one series to the next is no fall.
        owners = np.searchsorted(offsets, falls, side="right") - 1
        own = offsets[owners] != falls
        for owner, at_ms in zip(owners[own].tolist(), samples.t_ms[falls[own]].tolist(), strict=True):
            found.setdefault(owner, []).append(at_ms)
    return found


def missed_restart(before: Sample, after: Sample, falls_ms: Sequence[int], gap_ms: int) -> bool:
    """Whether a counter was missing, between two neighbouring samples of it, in a scrape in which others fell.

    Args:
        falls_ms: When counters of its target fell, ascending.
        gap_ms: Samples further apart have a gap between them.
    """
    if not may_have_passed(before, after, gap_ms):
        return False
    next_fall = bisect_right(falls_ms, before[0])
    # Series of one target are sampled together, give or take half a cadence.
    return next_fall < len(falls_ms) and falls_ms[next_fall] < after[0] - gap_ms // 5


def may_have_passed(before: Sample, after: Sample, gap_ms: int) -> bool:
    """Whether a counter that was missing between two samples may have begun anew, and have passed its old value."""
    (before_ms, earlier), (after_ms, value) = before, after
    return after_ms - before_ms > gap_ms and 0 < earlier <= value <= ALWAYS_BELIEVED


class Candidates(Struct, frozen=True):
    """Series of one source among which restarts are looked for.

    Attributes:
        indexes: Those that are counters of processes.
        recreated: When some of them were first seen to have been created anew.
        falls: When some of them fell.
    """

    samples: SampleSet
    source: str
    indexes: Iterable[int]
    recreated: Mapping[int, Sequence[int]] = field(default_factory=dict)
    falls: Mapping[int, Sequence[int]] = field(default_factory=dict)


class _Falls(Struct):
    """What fell: at which starts of processes, and in general between which instants."""

    at_starts: set[tuple[TargetKey, int]] = field(default_factory=set)
    between: dict[TargetKey, list[tuple[int, int]]] = field(default_factory=dict)

    def meanwhile(self, key: TargetKey, since_ms: int, until_ms: int) -> bool:
        """Whether a counter of the target fell in a stretch of time that overlaps with another."""
        return any(before < until_ms and since_ms < after for before, after in self.between.get(key, ()))


class _Passed(Struct, frozen=True):
    """A counter that did not fall where something says that it began anew; `seen_ms` None where it says so itself.

    Attributes:
        certain: Whether that needs no proof by a fall of another counter.
    """

    index: int
    key: TargetKey
    seen_ms: int | None
    before_ms: int
    restart: HiddenRestart
    certain: bool = False


def hidden_restarts(candidates: Sequence[Candidates], targets: Targets) -> list[dict[int, tuple[HiddenRestart, ...]]]:
    """Per sample set and series the restarts that its values do not show."""
    falls = _Falls()
    passed = [_looked_at(one, targets, falls) for one in candidates]
    fell_ms = falls_by_target(candidates)
    of_histograms = _falls_of_histograms(candidates) if fell_ms else {}
    found = _missing(candidates, targets, fell_ms)
    for one, rows, of_set in zip(candidates, passed, found, strict=True):
        if of_histograms:
            rows = [*rows, *_together(one, fell_ms, of_histograms)]
        for row in rows:
            if row.certain:
                proven = True
            elif row.seen_ms is not None:
                proven = (row.key, row.seen_ms) in falls.at_starts
            else:
                proven = falls.meanwhile(row.key, row.before_ms, row.restart.at_ms)
            # Two starts between two scrapes are one restart as far as the value goes.
            if proven and row.restart not in of_set.get(row.index, ()):
                of_set[row.index] = (*of_set.get(row.index, ()), row.restart)
    return found


def falls_by_target(candidates: Iterable[Candidates]) -> dict[TargetKey, list[int]]:
    """When any counter of a target fell, ascending; the values of a query grid prove nothing."""
    found: dict[TargetKey, set[int]] = {}
    for one in candidates:
        for index, at_ms in one.falls.items() if one.samples.exact else ():
            found.setdefault(target_of(one.source, one.samples.labels[index]), set()).update(at_ms)
    return {key: sorted(instants) for key, instants in found.items()}


def histogram_of(labels: Mapping[str, str]) -> Histogram | None:
    """Which histogram a series is a part of; None where its name does not say that it is."""
    name = labels["__name__"]
    base = next((name.removesuffix(part) for part in _PARTS if name.endswith(part)), None)
    if base is None:
        return None
    return base, frozenset(pair for pair in labels.items() if pair[0] not in ("__name__", "le"))


def _falls_of_histograms(candidates: Iterable[Candidates]) -> dict[Histogram, set[int]]:
    found: dict[Histogram, set[int]] = {}
    for one in candidates:
        for index, at_ms in one.falls.items() if one.samples.exact else ():
            histogram = histogram_of(one.samples.labels[index])
            if histogram is not None:
                found.setdefault(histogram, set()).update(at_ms)
    return found


def _together(
    candidates: Candidates, fell_ms: Mapping[TargetKey, Sequence[int]], falls: Mapping[Histogram, set[int]]
) -> Iterable[_Passed]:
    """Parts of histograms that did not fall in a scrape in which another part did."""
    for index in candidates.indexes if candidates.samples.exact else ():
        labels = candidates.samples.labels[index]
        key = target_of(candidates.source, labels)
        histogram = histogram_of(labels) if key in fell_ms else None
        if histogram is None or histogram not in falls:
            continue
        _, t_ms, values = candidates.samples.series(index)
        for at_ms in sorted(falls[histogram]):
            place = int(np.searchsorted(t_ms, at_ms))
            if 0 < place < len(t_ms) and int(t_ms[place]) == at_ms and 0 < values[place - 1] <= values[place]:
                restart = HiddenRestart(at_ms, float(values[place - 1]))
                yield _Passed(index, key, None, int(t_ms[place - 1]), restart, certain=True)


def _missing(
    candidates: Sequence[Candidates], targets: Targets, fell_ms: Mapping[TargetKey, Sequence[int]]
) -> list[dict[int, tuple[HiddenRestart, ...]]]:
    """Counters that were missing when others of their target fell, and came back as high as before.

    Not where others came back with them as high as before, and higher than any new process: then nothing began anew.
    """
    missed: list[tuple[int, int, TargetKey, HiddenRestart]] = []
    went_on: set[tuple[TargetKey, int]] = set()
    for number, one in enumerate(candidates):
        for index in one.indexes if one.samples.exact and fell_ms else ():
            key = target_of(one.source, one.samples.labels[index])
            target = targets.find(key)
            if target is None or key not in fell_ms:
                continue
            _, t_ms, values = one.samples.series(index)
            for place in np.flatnonzero(np.diff(t_ms) > target.gap_ms).tolist():
                before, after = ((int(t_ms[at]), float(values[at])) for at in (place, place + 1))
                if after[1] > max(before[1], ALWAYS_BELIEVED):
                    went_on.add((key, after[0]))
                elif missed_restart(before, after, fell_ms[key], target.gap_ms):
                    missed.append((number, index, key, HiddenRestart(after[0], before[1])))
    found: list[dict[int, tuple[HiddenRestart, ...]]] = [{} for _ in candidates]
    for number, index, key, restart in missed:
        if (key, restart.at_ms) not in went_on:
            found[number][index] = (*found[number].get(index, ()), restart)
    return found


def _looked_at(candidates: Candidates, targets: Targets, falls: _Falls) -> list[_Passed]:
    """Counters that passed a start without a fall; what fell is noted."""
    passed: list[_Passed] = []
    samples = candidates.samples
    # On a query grid an old value may be repeated after the restart, and would count twice.
    for index in candidates.indexes if samples.exact else ():
        key = target_of(candidates.source, samples.labels[index])
        target = targets.find(key)
        # The scrape that first shows a new start is the first of the new process. The start itself is no such mark:
        # it is known to a second only, and by another host's clock. The first one known restarted nothing.
        starts = [(seen_ms, True) for seen_ms, _ in target.starts_ms[1:]] if target is not None else []
        starts += [(seen_ms, False) for seen_ms in candidates.recreated.get(index, ())]
        if not starts:
            continue
        _, t_ms, values = samples.series(index)
        places = np.searchsorted(t_ms, [seen_ms for seen_ms, _ in starts], side="left")
        for (seen_ms, of_process), place in zip(starts, places.tolist(), strict=True):
            if not 0 < place < len(t_ms):
                continue
            before, after = float(values[place - 1]), float(values[place])
            before_ms, at_ms = int(t_ms[place - 1]), int(t_ms[place])
            if after < before:
                falls.between.setdefault(key, []).append((before_ms, at_ms))
                if of_process:
                    falls.at_starts.add((key, seen_ms))
            elif before > 0:
                restart = HiddenRestart(at_ms, before)
                passed.append(_Passed(index, key, seen_ms if of_process else None, before_ms, restart))
    return passed
