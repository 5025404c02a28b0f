"""Targets: what was scraped when. The life of a target decides coverage, and which new series are newcomers.

A target is a (job, instance) pair of one source; series with neither label are one target together. Every series that
was fetched is evidence that its target was scraped, and so is `up` where it was asked for and is 1.

The cadence of a target is the median distance of the samples of its longest series, two distances taken together.
Samples no further apart than `GAP_CADENCES` cadences belong to one run; what lies between two runs was not observed. A
sample stands for the cadence before it: a run covers (first - cadence, last], and up to the end of the grid when it
ends within one and a half cadences of it. Where scrapes became rarer, the distance that they have kept since is no gap
either: the longest one that was kept `HABIT` times in a row is the pace by which gaps are told.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct, field

from observatory.ledger.packed import pack
from observatory.ledger.samples import series_blocks
from observatory.ledger.summed import Summed
from observatory.sources.base import Float64, Int64, SampleSet
from observatory.windows import Grid, TimeRange

GAP_CADENCES = 2.5
END_CADENCES = 1.5
HABIT = 5
"""So many distances in a row, none of them shorter, are a habit and no gaps."""
DEFAULT_CADENCE_MS = 60_000
TargetKey = tuple[str, str, str]
"""Source, job, instance."""
Stretch = tuple[int, int]
"""(start, end] in milliseconds."""


def target_of(source: str, labels: Mapping[str, str]) -> TargetKey:
    """The target that a series comes from."""
    return source, labels.get("job", ""), labels.get("instance", "")


class Target(Struct):
    """One target's life.

    Attributes:
        cadence_ms: Distance of scrapes.
        pace_ms: Their longest distance that was a habit, at least the cadence.
        runs: Disjoint stretches (first, last) of scrapes without a gap, oldest first.
        starts_ms: Starts of its process, as (first seen at, start), where it exports them.
    """

    key: TargetKey
    cadence_ms: int = 0
    pace_ms: int = 0
    longest: int = 0
    runs: list[tuple[int, int]] = field(default_factory=list)
    starts_ms: list[tuple[int, int]] = field(default_factory=list)

    @property
    def gap_ms(self) -> int:
        """Samples further apart than this have a gap between them."""
        return round(GAP_CADENCES * (self.pace_ms or self.cadence_ms or DEFAULT_CADENCE_MS))

    @property
    def first_ms(self) -> int | None:
        return self.runs[0][0] if self.runs else None

    def scraped_before(self, at_ms: int) -> int | None:
        """The scrape before one at `at_ms`, None when that was the first; half a cadence of jitter is allowed."""
        early = at_ms - max(1, self.cadence_ms // 2)
        index = bisect_left(self.runs, (early, 0)) - 1
        if index < 0:
            return None
        first, last = self.runs[index]
        return max(first, min(last, at_ms - max(1, self.cadence_ms)))

    def started_at(self, at_ms: int) -> int | None:
        """When the process that was scraped at `at_ms` started, None where that is not exported."""
        found = None
        for seen_ms, start_ms in self.starts_ms:
            if seen_ms > at_ms + self.cadence_ms // 2:
                break
            found = start_ms
        return found

    def observed(self, until_ms: int) -> list[Stretch]:
        """Stretches of time in which it was observed, oldest first; a run that was under way lasts until the end."""
        cadence = self.cadence_ms or DEFAULT_CADENCE_MS
        found = []
        for first, last in self.runs:
            end = until_ms if last + round(END_CADENCES * max(cadence, self.pace_ms)) >= until_ms else last
            if first - cadence < end:
                found.append((first - cadence, end))
        return found


class Targets:
    """All targets of a ledger under construction."""

    def __init__(self) -> None:
        self._targets: dict[TargetKey, Target] = {}
        self._lives: dict[int, Lives] = {}

    def __getitem__(self, key: TargetKey) -> Target:
        return self._targets[key]

    def find(self, key: TargetKey) -> Target | None:
        """The target with that key, None when it was never seen."""
        return self._targets.get(key)

    def learn(self, sets: Sequence[tuple[str, SampleSet]]) -> None:
        """Take sets of samples, each with the name of its source, as evidence of scrapes; stale markers must be gone.

        All cadences are learned before the first gap is looked for, so the order of sets does not matter.
        """
        owners = [[self._of(source, labels) for labels in samples.labels] for source, samples in sets]
        for (_, samples), targets in zip(sets, owners, strict=True):
            for index, (target, size) in enumerate(zip(targets, np.diff(samples.offsets).tolist(), strict=True)):
                if size > max(1, target.longest):
                    begin = int(samples.offsets[index])
                    target.longest = size
                    apart_ms = np.diff(samples.t_ms[begin : begin + size])
                    target.cadence_ms = _cadence_ms(apart_ms)
                    target.pace_ms = _pace_ms(apart_ms, target.cadence_ms)
        for (_, samples), targets in zip(sets, owners, strict=True):
            gaps_ms = np.asarray([target.gap_ms for target in targets], dtype=np.int64)
            for index, first, last in _runs(samples, gaps_ms):
                targets[index].runs.append((first, last))
        for target in self._targets.values():
            target.runs = _joined(target.runs, target.gap_ms)
        self._lives.clear()

    def remember(self, lives: Lives, span: TimeRange) -> None:
        """Take what was seen of these targets before, by series that were not read now, within a span of time."""
        for key, target in self._targets.items():
            cadence = target.cadence_ms or DEFAULT_CADENCE_MS
            for start_ms, end_ms in lives.spans.get(key, ()):
                first, last = max(start_ms + cadence, span.start_ms), min(end_ms, span.end_ms)
                if first <= last:
                    target.runs.append((first, last))
            target.runs = _joined(target.runs, target.gap_ms)
        self._lives.clear()

    def _of(self, source: str, labels: Mapping[str, str]) -> Target:
        key = target_of(source, labels)
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = Target(key)
        return target

    def lives(self, until_ms: int) -> Lives:
        """What was seen of each target up to an instant."""
        found = self._lives.get(until_ms)
        if found is None:
            spans = {key: _united(target.observed(until_ms)) for key, target in self._targets.items()}
            found = self._lives[until_ms] = Lives(spans)
        return found


class Lives:
    """Stretches of time in which targets were seen: by target, disjoint, oldest first."""

    def __init__(self, spans: Mapping[TargetKey, Sequence[Stretch]]) -> None:
        self.spans = spans
        self._seconds: dict[tuple[frozenset[TargetKey], Grid], Float64] = {}
        self._packed: dict[tuple[frozenset[TargetKey], Grid], Summed] = {}

    @classmethod
    def together(cls, parts: Iterable[Lives]) -> Lives:
        """What several parts of time show; where they overlap, what either saw was seen."""
        joined: dict[TargetKey, list[Stretch]] = {}
        for part in parts:
            for key, spans in part.spans.items():
                joined.setdefault(key, []).extend(spans)
        return cls({key: _united(spans) for key, spans in joined.items()})

    @classmethod
    def in_turn(cls, parts: Iterable[tuple[Grid, Lives]]) -> Lives:
        """What blocks that follow one another show, each looking back into the one before.

        A target that was seen just before the end of a block is taken to go on to it; the next block knows better.
        So it does of one that was scraped there for the first time, which has no cadence yet.
        """
        joined: dict[TargetKey, list[Stretch]] = {}
        for block, part in parts:
            for key, spans in part.spans.items():
                known = joined.setdefault(key, [])
                if known and known[-1][1] == block.start_ms:
                    ends = [end_ms for start_ms, end_ms in spans if start_ms < block.start_ms]
                    if ends and ends[-1] < block.start_ms:
                        known[-1] = (known[-1][0], max(known[-1][0], ends[-1]))
                    elif ends and known[-1][1] - known[-1][0] <= DEFAULT_CADENCE_MS:
                        known.pop()
                known.extend(spans)
        return cls({key: _united(spans) for key, spans in joined.items()})

    def since(self, at_ms: int) -> Lives:
        """Those that were seen after an instant."""
        return Lives({key: spans for key, spans in self.spans.items() if spans and spans[-1][1] > at_ms})

    def observed_seconds(self, keys: frozenset[TargetKey], grid: Grid) -> Float64:
        """Per step the seconds in which these targets were seen, 0..step; shared, do not write into it.

        Each target is expected to be seen during its life, from its first to its last scrape; one that was seen before
        the grid, from its start on. In a step the share of
        expected target time that was observed counts, times the part of the step in which any of them lived; where
        none lives nothing was observed.
        """
        cached = self._seconds.get((keys, grid))
        if cached is None:
            expected, observed = np.zeros(grid.steps), np.zeros(grid.steps)
            for key in sorted(keys):
                inside = [
                    (max(grid.start_ms, start_ms), min(grid.end_ms, end_ms))
                    for start_ms, end_ms in self.spans.get(key, ())
                    if start_ms < grid.end_ms and end_ms > grid.start_ms
                ]
                if inside:
                    seen_before = self.spans[key][0][0] < grid.start_ms
                    add_overlap(expected, grid, grid.start_ms if seen_before else inside[0][0], inside[-1][1])
                for span in inside:
                    add_overlap(observed, grid, *span)
            step = grid.step_ms / 1000
            share = np.divide(observed, expected, out=np.zeros(grid.steps), where=expected > 0)
            cached = self._seconds[keys, grid] = share * np.minimum(expected, step)
        return cached

    def packed_seconds(self, keys: frozenset[TargetKey], grid: Grid) -> Summed:
        """As `observed_seconds`, packed: the same object for all rows of the same targets."""
        found = self._packed.get((keys, grid))
        if found is None:
            found = self._packed[keys, grid] = Summed(pack(self.observed_seconds(keys, grid)))
        return found


def _cadence_ms(apart_ms: Int64) -> int:
    """The median of distances; mostly all are the same, which needs no search for the middle.

    Where they differ, that of each two together: two servers that write into one series take turns, one soon after the
    other.
    """
    least_ms = int(apart_ms.min())
    if int(apart_ms.max()) == least_ms or len(apart_ms) == 1:
        return least_ms
    return int(np.median(apart_ms[1:] + apart_ms[:-1])) // 2


def slower(samples: SampleSet, gaps_ms: Int64) -> Int64:
    """Per series how far apart samples must be for a gap, where some are sampled more rarely than their target is.

    Args:
        gaps_ms: By the pace of their targets.
    """
    sizes = np.diff(samples.offsets)
    some = np.flatnonzero(sizes > HABIT)
    firsts, lasts = samples.t_ms[samples.offsets[some]], samples.t_ms[samples.offsets[some + 1] - 1]
    rare = some[lasts - firsts > (sizes[some] - 1) * gaps_ms[some]]
    if len(rare):
        gaps_ms = gaps_ms.copy()
    for index in rare.tolist():
        pace_ms = _pace_ms(np.diff(samples.series(index)[1]), 0)
        gaps_ms[index] = max(int(gaps_ms[index]), round(GAP_CADENCES * pace_ms))
    return gaps_ms


def _pace_ms(apart_ms: Int64, cadence_ms: int) -> int:
    """The longest distance that was kept several times in a row; the cadence where none was that long."""
    if len(apart_ms) < HABIT or int(apart_ms.max()) <= GAP_CADENCES * cadence_ms:
        return cadence_ms
    kept = np.lib.stride_tricks.sliding_window_view(apart_ms, HABIT).min(axis=1)
    return max(cadence_ms, int(kept.max()))


def add_overlap(seconds: Float64, grid: Grid, start_ms: int, end_ms: int, weight: float = 1.0) -> None:
    """Add to each step the seconds of (start, end] that lie in it, times a weight."""
    start, end = max(start_ms, grid.start_ms) - grid.start_ms, min(end_ms, grid.end_ms) - grid.start_ms
    if end <= start:
        return
    first, last = start // grid.step_ms, (end - 1) // grid.step_ms
    if first == last:
        seconds[first] += weight * (end - start) / 1000
        return
    seconds[first] += weight * ((first + 1) * grid.step_ms - start) / 1000
    seconds[first + 1 : last] += weight * grid.step_ms / 1000
    seconds[last] += weight * (end - last * grid.step_ms) / 1000


def _united(spans: Iterable[Stretch]) -> tuple[Stretch, ...]:
    return tuple(_joined(list(spans), 0))


def _runs(samples: SampleSet, gaps_ms: Int64) -> Iterable[tuple[int, int, int]]:
    """(series, first, last) of each stretch of samples without a gap; block by block, so that nothing large is made."""
    for begin, end in series_blocks(samples.offsets):
        low, high = int(samples.offsets[begin]), int(samples.offsets[end])
        if low == high:
            continue
        t_ms = samples.t_ms[low:high]
        sizes = np.diff(samples.offsets[begin : end + 1])
        if not _has_gap(t_ms, sizes, int(gaps_ms[begin:end].min())):
            some = np.flatnonzero(sizes)
            lasts = np.cumsum(sizes)[some] - 1
            firsts = t_ms[lasts - sizes[some] + 1]
            yield from zip((some + begin).tolist(), firsts.tolist(), t_ms[lasts].tolist(), strict=True)
            continue
        owner = np.repeat(np.arange(begin, end), sizes)
        apart = (np.diff(t_ms) > gaps_ms[owner[1:]]) | (owner[1:] != owner[:-1])
        breaks = [0, *(np.flatnonzero(apart) + 1).tolist(), len(t_ms)]
        for first, after in pairwise(breaks):
            yield int(owner[first]), int(t_ms[first]), int(t_ms[after - 1])


def _has_gap(t_ms: Int64, sizes: Int64, gap_ms: int) -> bool:
    """Whether two neighbouring samples of any series lie further apart than that; series lie end to end."""
    apart = np.diff(t_ms)
    borders = np.cumsum(sizes)[:-1] - 1
    apart[borders[(borders >= 0) & (borders < len(apart))]] = 0
    return bool(len(apart)) and int(apart.max()) > gap_ms


def _joined(runs: list[tuple[int, int]], gap_ms: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if joined and first - joined[-1][1] <= gap_ms:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined
