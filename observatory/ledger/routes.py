"""Which of the returned series belong to which leaf: a dictionary look-up per series, not a scan over all leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from operator import is_
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from observatory.compile.plan import Leaf, PlannedRequest
from observatory.sources.base import Int64, SampleSet
from observatory.telemetry.binding import Matcher

_MOST_COMBINATIONS = 64
MOST_REMEMBERED = 64
T = TypeVar("T")


class Remembered(Generic[T]):
    """What was found out last for each of some requests, told by the request itself and not by its value."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[PlannedRequest, T]] = {}
        self._lock = Lock()

    def of(self, request: PlannedRequest) -> T | None:
        """What was kept for a request."""
        with self._lock:
            known = self._known.get(id(request))
        return known[1] if known is not None else None

    def keep(self, request: PlannedRequest, found: T) -> None:
        """Keep it with the request, so that no other one takes its place in memory; those kept first are forgotten."""
        with self._lock:
            self._known.pop(id(request), None)
            self._known[id(request)] = request, found
            while len(self._known) > MOST_REMEMBERED:
                del self._known[next(iter(self._known))]


_ROUTED: Remembered[tuple[tuple[Mapping[str, str], ...], Mapping[Leaf, Int64]]] = Remembered()


def matches(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    """Whether a series satisfies a matcher; a label that is absent is the empty string, as in PromQL."""
    value = labels.get(matcher.label, "")
    if matcher.pattern is not None:
        return (_pattern(matcher.pattern).fullmatch(value) is not None) != matcher.negated
    return (value in matcher.values) != matcher.negated


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def route(request: PlannedRequest, samples: SampleSet) -> Mapping[Leaf, Int64]:
    """For each leaf of the request the indexes of its series in the answer; leaves without series are absent.

    Remembered for the same request and the same series: a refresh brings those of the last. Do not write into it.
    """
    known = _ROUTED.of(request)
    if known is not None and same_series(known[0], samples.labels):
        return known[1]
    found = _routes(request, samples)
    _ROUTED.keep(request, (samples.labels, found))
    return found


def same_series(some: Sequence[Mapping[str, str]], others: Sequence[Mapping[str, str]]) -> bool:
    """Whether these are the same mappings one by one, not only equal ones: quick, and never wrongly true."""
    return len(some) == len(others) and all(map(is_, some, others))


def _routes(request: PlannedRequest, samples: SampleSet) -> dict[Leaf, Int64]:
    names = _exact_labels(request.leaves)
    direct: dict[tuple[str, ...], list[Leaf]] = {}
    scanned: list[Leaf] = []
    for leaf in request.leaves:
        values = {one.label: one.values for one in leaf.selector.matchers if _is_exact(one)}
        combinations = list(product(*(values[name] for name in names))) if names else []
        if not combinations or len(combinations) > _MOST_COMBINATIONS:
            scanned.append(leaf)
            continue
        for combination in combinations:
            direct.setdefault(combination, []).append(leaf)
    found: dict[Leaf, list[int]] = {}
    for index, labels in enumerate(samples.labels):
        key = tuple(labels.get(name, "") for name in names)
        for leaf in (*direct.get(key, ()), *scanned):
            if all(matches(matcher, labels) for matcher in leaf.selector.matchers):
                found.setdefault(leaf, []).append(index)
    return {leaf: np.asarray(indexes, dtype=np.int64) for leaf, indexes in found.items()}


def _is_exact(matcher: Matcher) -> bool:
    return matcher.pattern is None and not matcher.negated


def _exact_labels(leaves: Sequence[Leaf]) -> tuple[str, ...]:
    """Labels that every leaf pins to one of some values: the columns of the look-up."""
    common: set[str] | None = None
    for leaf in leaves:
        labels = {one.label for one in leaf.selector.matchers if _is_exact(one)}
        common = labels if common is None else common & labels
    return tuple(sorted(common or ()))
