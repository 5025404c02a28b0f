"""Runs of samples on their way to a `SampleSet`: each part of time of each series.

Values lie in one array as they come, and series that were scraped together share one array of times until the set is
made. Then values are put in order, the array is given back, and times are written: never more is held than the set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from observatory.sources.base import Float64, Int64, SampleSet
from observatory.sources.prometheus import sample_buffer
from observatory.sources.prometheus.matrix import Matrix
from observatory.sources.prometheus.sample_buffer import STALE_NAN_BITS, SamplesTooMany, in_order, longer
from observatory.windows import TimeRange

Mark = tuple[int, bool, list[int]]
"""Samples, whether they are in order, and runs per series."""


class _Cut(Struct, frozen=True):
    """What of an array of times lies in a part of time; `grows` where each is later than the one before."""

    inside: slice
    times: Int64
    grows: bool


class RunBuffer:
    """Collects parts of series.

    Only samples in the range are kept, and of values that are no number only stale markers, as in `SampleBuffer`.

    Raises:
        SamplesTooMany: By `add`, beyond `MOST_SAMPLES`.
    """

    def __init__(self, span: TimeRange) -> None:
        self._span = span
        self._times: list[list[Int64]] = []
        self._places: list[list[slice]] = []
        self._values = np.empty(0)
        self._size = 0
        self._in_order = True

    def add(self, numbers: Sequence[int], matrix: Matrix, part: TimeRange) -> None:
        """Add an answer: what of it lies in (start, end] of the part; `numbers` are those of its series.

        Times are kept as views.
        """
        within = TimeRange(max(part.start_ms, self._span.start_ms), min(part.end_ms, self._span.end_ms))
        cuts: dict[int, _Cut] = {}
        doubtful = bool(np.isnan(matrix.values).any())
        begin = 0
        for number, t_ms in zip(numbers, matrix.times, strict=True):
            cut = cuts.get(id(t_ms))
            if cut is None:
                cut = cuts[id(t_ms)] = _cut(t_ms, within)
            values = matrix.values[begin : begin + len(t_ms)]
            begin += len(t_ms)
            times, values = (cut.times, values[cut.inside]) if cut.grows else _inside(t_ms, values, within)
            if doubtful:
                keep = ~np.isnan(values) | (values.view(np.uint64) == STALE_NAN_BITS)
                times, values = times[keep], values[keep]
            self._take(number, times, values, cut.grows)

    @property
    def firsts_ms(self) -> list[int]:
        """When each series that has samples begins, of those added in order."""
        return [int(runs[0][0]) for runs in self._times if runs]

    def mark(self) -> Mark:
        """What has been added up to here."""
        return self._size, self._in_order, [len(runs) for runs in self._times]

    def back_to(self, mark: Mark) -> None:
        """Forget what was added since."""
        self._size, self._in_order, counts = mark
        for number, runs in enumerate(self._times):
            count = counts[number] if number < len(counts) else 0
            del runs[count:]
            del self._places[number][count:]

    def _take(self, number: int, times: Int64, values: Float64, grows: bool) -> None:
        if not len(times):
            return
        place = slice(self._size, self._size + len(times))
        if place.stop > sample_buffer.MOST_SAMPLES:
            raise SamplesTooMany
        if place.stop > len(self._values):
            self._values = longer(self._values, self._size, place.stop)
        self._values[place] = values
        self._size = place.stop
        while number >= len(self._times):
            self._times.append([])
            self._places.append([])
        before = self._times[number]
        self._in_order = self._in_order and grows and (not before or bool(before[-1][-1] < times[0]))
        before.append(times)
        self._places[number].append(place)

    def sample_set(self, labels: Sequence[Mapping[str, str]], exact: bool = True, resolution_ms: int = 0) -> SampleSet:
        """What was collected; series without a sample in the range are left out. The buffer is used up."""
        present = [number for number, runs in enumerate(self._times) if runs]
        sizes = (sum(map(len, self._times[number])) for number in present)
        offsets = np.fromiter(accumulate(sizes, initial=0), np.int64, len(present) + 1)
        places = (place for number in present for place in self._places[number])
        values = np.concatenate([np.empty(0), *(self._values[place] for place in places)])
        self._values = np.empty(0)
        t_ms = np.concatenate([np.empty(0, np.int64), *(run for number in present for run in self._times[number])])
        self._times = []
        found = SampleSet(tuple(labels[number] for number in present), offsets, t_ms, values)
        found = found if self._in_order else in_order(found)
        return replace(found, exact=exact, resolution_ms=resolution_ms)


def _cut(t_ms: Int64, part: TimeRange) -> _Cut:
    if not (t_ms[1:] > t_ms[:-1]).all():
        return _Cut(slice(0), t_ms[:0], False)
    first, after = np.searchsorted(t_ms, (part.start_ms, part.end_ms), side="right").tolist()
    inside = slice(first, after)
    return _Cut(inside, t_ms[inside], True)


def _inside(t_ms: Int64, values: Float64, part: TimeRange) -> tuple[Int64, Float64]:
    keep = (t_ms > part.start_ms) & (t_ms <= part.end_ms)
    return t_ms[keep], values[keep]
