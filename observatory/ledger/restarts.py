"""Restarts that no fall shows: a counter began anew and had already passed its old value when it was next scraped.

A counter of rare events holds 1, its process restarts, one more event happens: 1 again, and the difference says that
nothing happened. Where the process exports its start, the new value counts in full. A start alone is no proof, for an
exporter may hand on the counters of something else that lives on; so at least one counter of the same target must have
fallen at the same start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
        found += np.unique(owners[offsets[owners] != falls]).tolist()
    return found


Candidates = Sequence[tuple[SampleSet, str, Iterable[int]]]
"""Samples, the name of their source, and the series among them that are counters of processes."""


def hidden_restarts(candidates: Candidates, targets: Targets) -> list[dict[int, tuple[HiddenRestart, ...]]]:
    """Per sample set and series the restarts that its values do not show."""
    fell: set[tuple[TargetKey, int]] = set()
    passed: list[list[tuple[int, TargetKey, int, HiddenRestart]]] = []
    for samples, source, indexes in candidates:
        passed.append([])
        # On a query grid an old value may be repeated after the restart, and would count twice.
        for index in indexes if samples.exact else ():
            key = target_of(source, samples.labels[index])
            target = targets.find(key)
            # The scrape that first shows a new start is the first of the new process. The start itself is no such mark:
            # it is known to a second only, and by another host's clock. The first one known restarted nothing.
            starts = [seen_ms for seen_ms, _ in target.starts_ms[1:]] if target is not None else []
            if not starts:
                continue
            _, t_ms, values = samples.series(index)
            places = np.searchsorted(t_ms, starts, side="left")
            for seen_ms, place in zip(starts, places.tolist(), strict=True):
                if not 0 < place < len(t_ms):
                    continue
                before, after = float(values[place - 1]), float(values[place])
                if after < before:
                    fell.add((key, seen_ms))
                elif before > 0:
                    passed[-1].append((index, key, seen_ms, HiddenRestart(int(t_ms[place]), before)))
    found: list[dict[int, tuple[HiddenRestart, ...]]] = []
    for rows in passed:
        of_set: dict[int, tuple[HiddenRestart, ...]] = {}
        for index, key, seen_ms, restart in rows:
            # Two starts between two scrapes are one restart as far as the value goes.
            if (key, seen_ms) in fell and restart not in of_set.get(index, ()):
                of_set[index] = (*of_set.get(index, ()), restart)
        found.append(of_set)
    return found
