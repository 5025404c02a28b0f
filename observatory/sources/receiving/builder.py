"""From the points of one request to a batch, within limits."""

from __future__ import annotations

import numpy as np

from observatory.sources.batch import NO_POINT, Batch, Beginnings, Deltas, Labels, samples_of, used_labels
from observatory.sources.otlp_raw import too_many
from observatory.sources.store.sparse_buckets import BUCKET
from observatory.telemetry.inventory import MetricMetadata

MOST_SAMPLES = 400_000
"""Samples of one request; a histogram has one for each bucket."""
MOST_LABELS = 64
MOST_NAME_CHARACTERS = 512
MOST_VALUE_CHARACTERS = 4096
FUTURE_MS = 600_000
"""A point later than the clock by more than this is a mistake, and would hide what follows."""
MAX_MS = 253_402_300_800_000  # the year 10000
CREATED = "_created"


class PointRejected(ValueError):
    """One point cannot be used; the others of its request can."""


class Builder:
    """Collects the points of one request.

    Args:
        latest_ms: Points after this instant are rejected.
        after_ms: Points up to this instant, too: telemetry of that time was counted and removed.
    """

    def __init__(self, latest_ms: int = MAX_MS, after_ms: int = 0) -> None:
        self.metadata: dict[str, MetricMetadata] = {}
        self.points = self.rejected = self.ignored = 0
        self.reason = ""
        self._latest_ms, self._after_ms = latest_ms, after_ms
        self._numbers: dict[frozenset[tuple[str, str]], int] = {}
        self._labels: list[Labels] = []
        self._owner: list[int] = []
        self._t_ms: list[int] = []
        self._values: list[float] = []
        self._point: list[int] = []
        self._histograms: set[int] = set()
        self._deltas: list[tuple[int, int, int, int]] = []
        self._amounts: list[float] = []
        self._beginnings: dict[tuple[frozenset[tuple[str, str]], int], tuple[Labels, int, int, int]] = {}

    def series(self, labels: Labels) -> int:
        """The number of a label set within the batch, `__name__` included; `check_labels` first."""
        key = frozenset(labels.items())
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._labels)
            self._labels.append(labels)
        return number

    def check_instant(self, t_ms: int) -> None:
        """Raises PointRejected where a time is missing, or lies out of all bounds."""
        if t_ms <= 0:
            raise PointRejected("a point has no time")
        if t_ms <= self._after_ms:
            raise PointRejected("a point is older than what is kept")
        if t_ms > self._latest_ms:
            raise PointRejected("a point lies more than ten minutes in the future")

    def end_point(self, *, histogram: bool = False) -> None:
        """All of a point was added; what comes next belongs to another."""
        if histogram:
            self._histograms.add(self.points)
        self.points += 1

    def add_besides(self, series: int, t_ms: int, value: float) -> None:
        """A sample that is part of no point."""
        self.add(series, t_ms, value)
        self._point[-1] = NO_POINT

    def add(self, series: int, t_ms: int, value: float) -> None:
        """A sample; NaN is a stale marker."""
        self._point.append(self.points)
        self._owner.append(series)
        self._t_ms.append(t_ms)
        self._values.append(value)

    def add_delta(self, series: int, start_ms: int, t_ms: int, value: float) -> None:
        """An increment."""
        self._deltas.append((series, start_ms, t_ms, self.points))
        self._amounts.append(value)

    def add_beginning(self, base: str, labels: Labels, start_ms: int, t_ms: int) -> None:
        """When the counter or histogram with this base name began; nothing where it does not say, or says nonsense."""
        if 0 < start_ms < t_ms:
            named = {**labels, "__name__": base + CREATED}
            # Told at the first of several samples: a later one would not speak for it.
            key = frozenset(named.items()), start_ms
            known = self._beginnings.get(key)
            if known is None or t_ms < known[2]:
                self._beginnings[key] = (named, start_ms, t_ms, self.points)

    def reject(self, why: str, points: int = 1) -> None:
        """Note points that are left out."""
        self.rejected += points
        self.reason = self.reason or why

    def check_size(self, shown_as: str) -> None:
        """Refuse a request that holds too much.

        Raises:
            InputInvalid: `received-too-many`.
        """
        if len(self._owner) + len(self._deltas) > MOST_SAMPLES:
            raise too_many(shown_as, f"{MOST_SAMPLES:,} samples")

    def batch(self) -> Batch:
        """All of it, less points that say two things of one series and instant."""
        owner, t_ms, point = (np.array(column, np.int64) for column in (self._owner, self._t_ms, self._point))
        values = np.array(self._values, np.float64)
        order = np.lexsort((t_ms, owner))  # stable: of repeats the first stays first
        owner, t_ms, point, values = owner[order], t_ms[order], point[order], values[order]
        again = np.zeros(len(owner), bool)
        again[1:] = (np.diff(owner) == 0) & (np.diff(t_ms) == 0)
        before = np.roll(values, 1)
        other = np.flatnonzero(again & (values != before) & ~(np.isnan(values) & np.isnan(before)))
        deltas = np.array(self._deltas, np.int64).reshape(-1, 4)
        labels, own = used_labels(self._labels, deltas[:, 0])
        begun = list(self._beginnings.values())
        told = np.array([numbers for _, *numbers in begun], np.int64).reshape(-1, 3)
        batch = Batch(
            samples=samples_of(self._labels, owner[~again], t_ms[~again], values[~again]),
            sample_points=point[~again],
            deltas=Deltas(labels, own, deltas[:, 1], deltas[:, 2], np.array(self._amounts), deltas[:, 3]),
            beginnings=Beginnings(tuple(labels for labels, *_ in begun), told[:, 0], told[:, 1], told[:, 2]),
            metadata=self.metadata,
            points=self.points,
            histogram_points=frozenset(self._histograms),
            rejected=self.rejected,
            ignored=self.ignored,
            reason=self.reason,
        )
        if not len(other):
            return batch
        name = self._labels[int(owner[other[0]])]["__name__"]
        return batch.without(set(point[other].tolist()), f"{name[:80]}: two values of one instant")


def check_labels(labels: Labels) -> None:
    """Whether a label set can be kept.

    Raises:
        PointRejected: It cannot.
    """
    if not labels.get("__name__"):
        raise PointRejected("a series has no metric name")
    if BUCKET in labels:
        raise PointRejected(f"a series has a label {BUCKET}, which is reserved")
    if len(labels) > MOST_LABELS:
        raise PointRejected(f"a series of {labels['__name__'][:80]} has more than {MOST_LABELS} labels")
    for name, value in labels.items():
        if not name:
            raise PointRejected("a label has no name")
        if len(name) > MOST_NAME_CHARACTERS or len(value) > MOST_VALUE_CHARACTERS:
            raise PointRejected(f"the label {name[:80]} of {labels['__name__'][:80]} is too long")
