"""Where a policy fired in a stretch of steps, as spans: small enough to be kept, and enough to tell incidents from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from observatory.evaluate.alerts_by_sums import Firing
from observatory.evaluate.history import joined_incidents, joints
from observatory.evaluate.snapshot import Incident
from observatory.ledger.sums import Running
from observatory.objectives.objective import Objective
from observatory.sources.base import Float64, Int64, Record
from observatory.windows import Grid

DIGEST_BYTES = 16
"""Length of what spans are kept under."""


class AlertSpans(NamedTuple):
    """Spans of steps in which a policy fired; between two of them it was quiet for ten minutes.

    Attributes:
        first, last: Steps, told from the start of the stretch; ascending. The other columns are as long.
        before, through: Bad events from the start of the stretch up to the first step, and to the end of the last.
        pages: Whether any of the span pages.
        peak: The highest burn rate of a long window that fired in it.
        bad: All bad events of the stretch.
    """

    first: Int64
    last: Int64
    before: Int64
    through: Int64
    pages: NDArray[np.bool_]
    peak: Float64
    bad: int


_NO_STEPS: Int64 = np.empty(0, np.int64)


def quiet(bad: int) -> AlertSpans:
    """A stretch with so many bad events, in which nothing fired."""
    return AlertSpans(_NO_STEPS, _NO_STEPS, _NO_STEPS, _NO_STEPS, np.empty(0, np.bool_), np.empty(0), bad)


def spans_of(firing: Firing, sums: Running, begin: int, end: int, step_ms: int) -> AlertSpans:
    """What fires in the steps from `begin` on and before `end`, as the sums number them."""
    before = int(sums.bad[begin])
    bad = int(sums.bad[end]) - before
    inside = slice(*np.searchsorted(firing.steps, (begin, end)).tolist())
    steps = firing.steps[inside]
    if not len(steps):
        return quiet(bad)
    begins, ends = joints(steps, steps, step_ms)
    first, last = steps[begins].astype(np.int64), steps[ends].astype(np.int64)
    return AlertSpans(
        first - begin,
        last - begin,
        sums.bad[first].astype(np.int64) - before,
        sums.bad[last + 1].astype(np.int64) - before,
        np.logical_or.reduceat(firing.pages[inside], begins),
        np.maximum.reduceat(firing.peak[inside], begins),
        bad,
    )


def incidents_of(
    stretches: Sequence[AlertSpans], begins: Sequence[int], grid: Grid, objective: Objective
) -> tuple[Incident, ...]:
    """The incidents of stretches that follow one another; one may go on from a stretch into the next.

    Args:
        begins: The step of the grid with which each stretch begins.
    """
    earlier = accumulate((one.bad for one in stretches), initial=0)
    fired = [each for each in zip(stretches, begins, earlier, strict=False) if len(each[0].first)]
    if not fired:
        return ()
    first = np.concatenate([one.first + begin for one, begin, _ in fired])
    last = np.concatenate([one.last + begin for one, begin, _ in fired])
    before = np.concatenate([one.before + bad for one, _, bad in fired])
    through = np.concatenate([one.through + bad for one, _, bad in fired])

    def bad_events(firsts: NDArray[np.intp], lasts: NDArray[np.intp]) -> list[float]:
        found = through[np.searchsorted(last, lasts)] - before[np.searchsorted(first, firsts)]
        return [float(one) for one in found.tolist()]

    pages = np.concatenate([one.pages for one, _, _ in fired])
    peak = np.concatenate([one.peak for one, _, _ in fired])
    return joined_incidents((first, last), pages, peak, bad_events, grid, objective)


def packed(spans: Mapping[bytes, AlertSpans]) -> Record:
    """Spans of one stretch as arrays.

    Args:
        spans: By digest, see `DIGEST_BYTES`.
    """
    held = list(spans.values()) or [quiet(0)]
    columns = {name: np.concatenate([getattr(one, name) for one in held]) for name in AlertSpans._fields[:-1]}
    return Record(
        {},
        floats={"peak": columns["peak"]},
        ints={
            "count": np.array([len(one.first) for one in held], np.int64),
            "bad": np.array([one.bad for one in held], np.int64),
            **{name: columns[name] for name in ("first", "last", "before", "through")},
        },
        small={
            "digests": np.frombuffer(b"".join(spans), np.uint8),
            "pages": columns["pages"].astype(np.uint8),
        },
    )


def unpacked(record: Record) -> dict[bytes, AlertSpans]:
    """What was packed, by digest."""
    digests = record.small["digests"].tobytes()
    ends = np.cumsum(record.ints["count"]).tolist()
    columns = {**record.ints, **record.floats, "pages": record.small["pages"].astype(np.bool_)}
    found = {}
    for place, ((begin, end), bad) in enumerate(zip(pairwise((0, *ends)), record.ints["bad"].tolist(), strict=True)):
        digest = digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]
        if digest:
            first, last, before, through, pages, peak = (columns[name][begin:end] for name in AlertSpans._fields[:-1])
            found[digest] = AlertSpans(first, last, before, through, pages, peak, bad)
    return found
