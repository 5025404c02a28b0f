"""Births: whether the first value of a series counts events of its own, or a history that nobody saw.

A counter that appears with the value 1 has counted one event, if it did not exist a moment before. That it did not is
known when its target was scraped before without it, or when its process started within what is known. It is not known
at the first scrapes of a server, at the edge of its retention and of the range that was read, nor when a target is
scraped for the first time without saying when its process started: then the first value is where counting begins.

A series can also be an old one under a new name, when labels were added or removed: its first value continues the
last one of the series that ended at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from observatory.ledger.increments import Birth
from observatory.ledger.targets import Targets, target_of
from observatory.sources.base import SampleSet

EDGE_MS = 300_000
"""Newcomers within this much of the first knowledge are not told apart from series that were there before."""


def newcomers(samples: SampleSet, known_since_ms: int) -> list[int]:
    """Series whose first sample is late enough to be a birth; samples must be fit."""
    sizes = np.diff(samples.offsets)
    some = np.flatnonzero(sizes > 0)
    first = samples.t_ms[samples.offsets[:-1][some]]
    found: list[int] = some[first > known_since_ms + EDGE_MS].tolist()
    return found


def births(
    source: str, samples: SampleSet, candidates: Iterable[int], targets: Targets, known_since_ms: int
) -> dict[int, Birth]:
    """Those of the candidates that are births, with the instant since when they can have counted."""
    endings = _endings(source, samples, candidates := list(candidates), targets)
    found: dict[int, Birth] = {}
    for index in candidates:
        labels = samples.labels[index]
        target = targets[target_of(source, labels)]
        at = int(samples.offsets[index])
        first_ms, value = int(samples.t_ms[at]), float(samples.values[at])
        started_ms = target.started_at(first_ms)
        before_ms = target.scraped_before(first_ms)
        if before_ms is None:
            if started_ms is None or not known_since_ms + EDGE_MS < started_ms <= first_ms:
                continue
            found[index] = Birth(started_ms)
            continue
        restarted = started_ms is not None and before_ms < started_ms <= first_ms
        place = endings[_place(source, labels)]
        former = None if restarted else place.former(labels, value, first_ms, target.gap_ms)
        found[index] = Birth(before_ms, former if former is not None else 0.0)
    return found


@dataclass(frozen=True, slots=True)
class _Ending:
    labels: Mapping[str, str]
    last_ms: int
    value: float


_Place = tuple[tuple[str, str, str], str]


class _Endings:
    """Series of one target and metric that ended before their target did, found by the labels they share."""

    def __init__(self) -> None:
        self._by_names: dict[frozenset[str], list[_Ending]] = {}
        self._indexes: dict[tuple[frozenset[str], frozenset[str]], dict[tuple[str, ...], list[_Ending]]] = {}

    def add(self, ending: _Ending) -> None:
        self._by_names.setdefault(frozenset(ending.labels), []).append(ending)

    def former(self, labels: Mapping[str, str], value: float, first_ms: int, gap_ms: int) -> float | None:
        """Last value of the series that this one continues under other labels; None for a true newcomer.

        It ended just before, its labels are a part of the new ones or the other way round, and its value was not
        higher.
        """
        mine = frozenset(labels)
        values: list[float] = []
        for theirs in self._by_names:
            if theirs < mine or mine < theirs:
                shared = theirs & mine
                found = self._index(theirs, shared).get(_values(labels, shared), ())
                near = (one for one in found if 0 < first_ms - one.last_ms <= gap_ms)
                values += [one.value for one in near if one.value <= value]
        return max(values, default=None)

    def _index(self, theirs: frozenset[str], shared: frozenset[str]) -> dict[tuple[str, ...], list[_Ending]]:
        index = self._indexes.get((theirs, shared))
        if index is None:
            index = self._indexes[theirs, shared] = {}
            for ending in self._by_names[theirs]:
                index.setdefault(_values(ending.labels, shared), []).append(ending)
        return index


def _values(labels: Mapping[str, str], names: frozenset[str]) -> tuple[str, ...]:
    return tuple(labels[name] for name in sorted(names))


def _endings(source: str, samples: SampleSet, candidates: Sequence[int], targets: Targets) -> dict[_Place, _Endings]:
    """Endings by target and metric, only where there are newcomers."""
    wanted = {_place(source, samples.labels[index]) for index in candidates}
    found: dict[_Place, _Endings] = {place: _Endings() for place in wanted}
    for index, labels in enumerate(samples.labels):
        place = _place(source, labels)
        if place not in wanted or samples.offsets[index] == samples.offsets[index + 1]:
            continue
        last = int(samples.offsets[index + 1]) - 1
        last_ms = int(samples.t_ms[last])
        runs = targets[place[0]].runs
        if runs and last_ms < runs[-1][1]:
            found[place].add(_Ending(labels, last_ms, float(samples.values[last])))
    return found


def _place(source: str, labels: Mapping[str, str]) -> _Place:
    return target_of(source, labels), labels.get("__name__", "")
