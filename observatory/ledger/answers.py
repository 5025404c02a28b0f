"""Answers: what one request found, of which any stretch of time can be cut."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct, field

from observatory.compile.plan import Leaf, PlannedRequest
from observatory.ledger.chosen import Chosen
from observatory.ledger.increments import Birth
from observatory.ledger.restarts import HiddenRestart
from observatory.ledger.targets import TargetKey
from observatory.sources.base import Int64, SampleSet
from observatory.telemetry.binding import SemanticKind

BORN_KINDS: frozenset[SemanticKind] = frozenset({"cumulative", "distribution", "rising_level"})
"""Kinds whose first value can be an increment. A position first seen is a place in a log, not a number of events."""
RESTARTED_KINDS: frozenset[SemanticKind] = frozenset({"cumulative", "distribution"})
"""Kinds that begin at zero with their process."""


class Answer(Struct):
    """One request's answer.

    Attributes:
        chosen: Which series these are, and which leaves count them.
        births: Series whose first value counts, for itself or as the continuation of one under another name.
        earlier: Series that would count were more known: that say they began before what is known here, or of whose
            target nothing is known here.
        histories: Series whose first value is too much to have been counted since they were not there yet.
        falls: When the values of counters fell, of those in which one did.
        recreated: When series were first seen to have been created anew, where that is told.
        restarts: Series that began anew without a fall.
    """

    request: PlannedRequest
    samples: SampleSet
    chosen: Chosen
    births: dict[int, Birth] = field(default_factory=dict)
    earlier: dict[int, Birth] = field(default_factory=dict)
    histories: set[int] = field(default_factory=set)
    falls: dict[int, list[int]] = field(default_factory=dict)
    recreated: dict[int, tuple[int, ...]] = field(default_factory=dict)
    restarts: dict[int, tuple[HiddenRestart, ...]] = field(default_factory=dict)

    @property
    def routes(self) -> Mapping[Leaf, Int64]:
        """Per leaf the indexes of its series."""
        return self.chosen.routes

    @property
    def targets(self) -> tuple[TargetKey, ...]:
        """Whose each series is."""
        return self.chosen.targets


class Cut:
    """Fit samples, of which any stretch of time can be taken without looking at the others again."""

    def __init__(self, samples: SampleSet) -> None:
        self.samples = samples

    @property
    def newest_ms(self) -> int | None:
        """The newest sample, None where there is none."""
        return int(self.samples.t_ms.max()) if len(self.samples.t_ms) else None

    def between(
        self, after_ms: int, until_ms: int, routes: Mapping[Leaf, Int64]
    ) -> tuple[SampleSet, Mapping[Leaf, Int64]]:
        """Samples in (after, until] of those series that have some, and where leaves find them.

        Of what the server counted the sum before them as well: from there on the first of them is an increment.
        """
        samples = self.samples
        t_ms, offsets = samples.t_ms, samples.offsets
        count = len(samples)
        begins, ends = _first_after(t_ms, offsets, after_ms), _first_after(t_ms, offsets, until_ms)
        kept = ends > begins
        if samples.pushdown:
            begins = np.where(kept & (begins > offsets[:-1]), begins - 1, begins)
        if kept.all() and len(t_ms) == int((ends - begins).sum()):
            return samples, routes
        chosen = np.flatnonzero(kept)
        parts = [slice(begin, end) for begin, end in zip(begins[chosen].tolist(), ends[chosen].tolist(), strict=True)]
        inner = np.zeros(len(chosen) + 1, np.int64)
        np.cumsum(ends[chosen] - begins[chosen], out=inner[1:])
        place = np.cumsum(kept) - 1
        found = SampleSet(
            samples.labels if len(chosen) == count else tuple(samples.labels[index] for index in chosen.tolist()),
            inner,
            np.concatenate([np.empty(0, np.int64), *(t_ms[part] for part in parts)]),
            np.concatenate([np.empty(0), *(samples.values[part] for part in parts)]),
            samples.exact,
            samples.resolution_ms,
            pushdown=samples.pushdown,
        )
        if len(chosen) == count:
            return found, routes
        inside = {leaf: place[indexes[kept[indexes]]] for leaf, indexes in routes.items()}
        return found, {leaf: indexes for leaf, indexes in inside.items() if len(indexes)}


def _first_after(t_ms: Int64, offsets: Int64, limit_ms: int) -> Int64:
    """Where in each series the samples after an instant begin: a binary search in all series at once."""
    low, high = offsets[:-1].copy(), offsets[1:].copy()
    for _ in range(int((high - low).max(initial=0)).bit_length()):
        middle = (low + high) >> 1
        # Where nothing is left to search the middle may lie behind the last sample, and is not moved.
        before = t_ms[np.minimum(middle, len(t_ms) - 1)] <= limit_ms
        open_ = low < high
        low = np.where(open_ & before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    return low
