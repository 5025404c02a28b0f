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
        former = None if restarted else _former(labels, value, first_ms, endings, target.gap_ms, source)
        found[index] = Birth(before_ms, former if former is not None else 0.0)
    return found


@dataclass(frozen=True, slots=True)
class _Ending:
    labels: Mapping[str, str]
    last_ms: int
    value: float


_Place = tuple[tuple[str, str, str], str]


def _endings(
    source: str, samples: SampleSet, candidates: Sequence[int], targets: Targets
) -> dict[_Place, list[_Ending]]:
    """Series that ended before their target did, by target and metric; only where there are newcomers."""
    wanted = {_place(source, samples.labels[index]) for index in candidates}
    found: dict[_Place, list[_Ending]] = {}
    for index, labels in enumerate(samples.labels):
        place = _place(source, labels)
        if place not in wanted or samples.offsets[index] == samples.offsets[index + 1]:
            continue
        last = int(samples.offsets[index + 1]) - 1
        last_ms = int(samples.t_ms[last])
        runs = targets[place[0]].runs
        if runs and last_ms < runs[-1][1]:
            found.setdefault(place, []).append(_Ending(labels, last_ms, float(samples.values[last])))
    return found


def _place(source: str, labels: Mapping[str, str]) -> _Place:
    return target_of(source, labels), labels.get("__name__", "")


def _former(
    labels: Mapping[str, str],
    value: float,
    first_ms: int,
    endings: Mapping[_Place, list[_Ending]],
    gap_ms: int,
    source: str,
) -> float | None:
    """Last value of the series that this one continues under other labels; None for a true newcomer.

    It ended just before, its labels are a part of the new ones or the other way round, and its value was not higher.
    """
    mine = labels.items()
    best: _Ending | None = None
    for ending in endings.get(_place(source, labels), ()):
        near = 0 < first_ms - ending.last_ms <= gap_ms
        theirs = ending.labels.items()
        if near and ending.value <= value and (mine > theirs or mine < theirs):
            best = ending if best is None or ending.value > best.value else best
    return best.value if best else None
