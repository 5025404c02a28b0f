"""Restarts that no fall shows: a counter began anew and had already passed its old value when it was next scraped.

A counter of rare events holds 1, its process restarts, one more event happens: 1 again, and the difference says that
nothing happened. Where the process exports its start, the new value counts in full. A start alone is no proof, for an
exporter may hand on the counters of something else that lives on; so at least one counter of the same target must have
fallen at the same start.

Some tell for each counter when it was created. One that was created anew counts in full, too, where a counter of the
same target fell meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from observatory.ledger.samples import series_blocks
from observatory.ledger.targets import TargetKey, Targets, target_of
from observatory.sources.base import SampleSet


@dataclass(frozen=True, slots=True)
class HiddenRestart:
    """A value that counts from zero although it is not below the one before it."""

    at_ms: int
    forgotten: float
    """What the difference to the sample before leaves out."""


def fallen(samples: SampleSet) -> list[int]:
    """Series in which a value fell at least once, block by block; samples must be fit."""
    found: list[int] = []
    offsets = samples.offsets
    for begin, end in series_blocks(offsets):
        low = int(offsets[begin])
        falls = np.flatnonzero(np.diff(samples.values[low : int(offsets[end])]) < 0) + low + 1
        # A step down from one series to the next is no fall.
        owners = np.searchsorted(offsets, falls, side="right") - 1
        found += sorted(set(owners[offsets[owners] != falls].tolist()))
    return found


@dataclass(frozen=True, slots=True)
class Candidates:
    """Series of one source among which restarts are looked for.

    Attributes:
        indexes: Those that are counters of processes.
        recreated: When some of them were first seen to have been created anew.
    """

    samples: SampleSet
    source: str
    indexes: Iterable[int]
    recreated: Mapping[int, Sequence[int]] = field(default_factory=dict)


@dataclass(slots=True)
class _Falls:
    """What fell: at which starts of processes, and in general between which instants."""

    at_starts: set[tuple[TargetKey, int]] = field(default_factory=set)
    between: dict[TargetKey, list[tuple[int, int]]] = field(default_factory=dict)

    def meanwhile(self, key: TargetKey, since_ms: int, until_ms: int) -> bool:
        """Whether a counter of the target fell in a stretch of time that overlaps with another."""
        return any(before < until_ms and since_ms < after for before, after in self.between.get(key, ()))


@dataclass(frozen=True, slots=True)
class _Passed:
    """A counter that did not fall where something says that it began anew; `seen_ms` None where it says so itself."""

    index: int
    key: TargetKey
    seen_ms: int | None
    before_ms: int
    restart: HiddenRestart


def hidden_restarts(candidates: Sequence[Candidates], targets: Targets) -> list[dict[int, tuple[HiddenRestart, ...]]]:
    """Per sample set and series the restarts that its values do not show."""
    falls = _Falls()
    passed = [_looked_at(one, targets, falls) for one in candidates]
    found: list[dict[int, tuple[HiddenRestart, ...]]] = []
    for rows in passed:
        of_set: dict[int, tuple[HiddenRestart, ...]] = {}
        for row in rows:
            if row.seen_ms is not None:
                proven = (row.key, row.seen_ms) in falls.at_starts
            else:
                proven = falls.meanwhile(row.key, row.before_ms, row.restart.at_ms)
            # Two starts between two scrapes are one restart as far as the value goes.
            if proven and row.restart not in of_set.get(row.index, ()):
                of_set[row.index] = (*of_set.get(row.index, ()), row.restart)
        found.append(of_set)
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
