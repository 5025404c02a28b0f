"""Where policies fired in weeks that are over: worked out once, and found again under what it follows from.

A policy fires at the end of a step by what its windows hold, and these end with the step. So where it fires in a week
follows from the counts of that week and of the longest window before it, and from nothing else. It is kept under a
digest of these counts, the policy and the target. Late telemetry, another threshold or another policy give another
digest, under which nothing is found, and the week is looked at again: what is kept can be missing, not out of date.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise

from observatory.evaluate.alert_spans import DIGEST_BYTES, AlertSpans, incidents_of, packed, spans_of, unpacked
from observatory.evaluate.alerts_by_sums import firing_by_sums
from observatory.evaluate.rolling import window_steps
from observatory.evaluate.snapshot import Incident
from observatory.ledger.days import DAY_MS
from observatory.ledger.keeping import KeptDays
from observatory.ledger.sums import WholeCounts
from observatory.objectives.objective import Objective
from observatory.objectives.policy import Policy
from observatory.windows import Grid, TimeRange

FORM = 1
"""Grows whenever spans are worked out or written in another way, so that those of before are not found."""
WEEK_MS = 7 * DAY_MS


class KnownAlerts:
    """Incidents of objectives on one grid, with what is known of its weeks.

    Args:
        kept: Records of weeks, by the day on which they end, which is today for the week that goes on; None works out
            everything, with the same incidents.
    """

    def __init__(self, grid: Grid, kept: KeptDays | None = None) -> None:
        self._grid = grid
        self._kept = kept
        self._edges = edges_of(grid) if kept is not None else (0, grid.steps)
        self._stretches = tuple(pairwise(self._edges))
        self._days = [self._day_of(end) for _, end in self._stretches]
        self._known = [self._loaded(day) for day in self._days]
        self._used: list[dict[bytes, AlertSpans]] = [{} for _ in self._stretches]
        self._fresh: set[int] = set()
        self._about: dict[tuple[str, float, bool], bytes] = {}

    def incidents(
        self, counts: WholeCounts, objective: Objective, policy: Policy, *, of_slices: bool
    ) -> tuple[Incident, ...] | None:
        """As `history.incidents` of the row with these counts; None where that has to be asked for.

        Args:
            of_slices: Steps are the events, so that a pair's minimum of bad events is not asked for.
        """
        if not counts.bad.max(initial=0):
            return ()
        digests = self._digests(counts, objective, policy, of_slices) if self._kept is not None else [b""]
        found = [known.get(digest) for known, digest in zip(self._known, digests, strict=True)]
        for first, last in _missing(found):
            fresh = self._worked_out(first, last, counts, objective, policy, of_slices)
            if fresh is None:
                return None
            found[first:last] = fresh
            self._fresh.update(range(first, last))
        stretches = [one for one in found if one is not None]
        for used, digest, one in zip(self._used, digests, stretches, strict=True):
            used[digest] = one
        return incidents_of(stretches, self._edges, self._grid, objective)

    def keep(self) -> None:
        """Keep what was worked out of weeks that are over, beside what else was asked for of them."""
        if self._kept is None:
            return
        for place in sorted(self._fresh):
            day, (begin, end) = self._days[place], self._stretches[place]
            if day is not None:
                start_ms, step_ms = self._grid.start_ms, self._grid.step_ms
                span = TimeRange(start_ms + begin * step_ms, start_ms + end * step_ms)
                self._kept.keep(day, packed(self._used[place]), span)

    def _day_of(self, step: int) -> int | None:
        """The day at whose beginning a step begins; None for a step within a day."""
        day, rest = divmod(self._grid.start_ms + step * self._grid.step_ms, DAY_MS)
        return None if rest else day

    def _loaded(self, day: int | None) -> dict[bytes, AlertSpans]:
        record = self._kept.load(day) if self._kept is not None and day is not None else None
        return unpacked(record) if record is not None else {}

    def _digests(self, counts: WholeCounts, objective: Objective, policy: Policy, of_slices: bool) -> list[bytes]:
        """What spans of each stretch follow from."""
        about = (policy.name, objective.target, of_slices)
        told = self._about.get(about)
        if told is None:
            told = repr((FORM, self._grid.step_ms, policy.pairs, objective.target, of_slices)).encode()
            self._about[about] = told
        packed_as = [(one.dtype.str, len(one) == counts.steps) for one in (counts.bad, counts.total)]
        of_counts = [_digest(counts, begin, end) for begin, end in self._stretches]
        reach, found = self._reach(policy), []
        for place, (begin, end) in enumerate(self._stretches):
            first = place
            while first and begin - self._edges[first] < reach:
                first -= 1
            edges = [end - one for one in self._edges[first : place + 1]]
            parts = (told, repr((packed_as, edges)).encode(), *of_counts[first : place + 1])
            found.append(sha256(b"".join(parts)).digest()[:DIGEST_BYTES])
        return found

    def _reach(self, policy: Policy) -> int:
        """Steps of the policy's longest window."""
        return max((window_steps(max(one.long, one.short), self._grid.step_ms) for one in policy.pairs), default=1)

    def _worked_out(
        self, first: int, last: int, counts: WholeCounts, objective: Objective, policy: Policy, of_slices: bool
    ) -> list[AlertSpans] | None:
        """Spans of some stretches that follow one another."""
        begin, end = self._edges[first], self._edges[last]
        start = max(0, begin - self._reach(policy))
        sums, step_ms = counts.running(start, end), self._grid.step_ms
        firing = firing_by_sums(sums, objective.target, policy, step_ms, since=begin - start, of_slices=of_slices)
        if firing is None:
            return None
        return [spans_of(firing, sums, a - start, b - start, step_ms) for a, b in self._stretches[first:last]]


def edges_of(grid: Grid) -> tuple[int, ...]:
    """Steps at which stretches of a grid begin and end: midnights by UTC on which weeks end, and the last midnight.

    Weeks end on the same days whatever the grid, so that grids which move on, or begin elsewhere, share them.
    """
    start_ms, end_ms, step_ms = grid.start_ms, grid.end_ms, grid.step_ms
    weeks = range(-(-(start_ms + 1) // WEEK_MS) * WEEK_MS, end_ms, WEEK_MS)
    midnights = {*weeks, end_ms // DAY_MS * DAY_MS}
    on_grid = (one for one in midnights if start_ms < one < end_ms and (one - start_ms) % step_ms == 0)
    inside = sorted((one - start_ms) // step_ms for one in on_grid)
    return (0, *inside, grid.steps)


def _digest(counts: WholeCounts, begin: int, end: int) -> bytes:
    """Of the counts of some steps, as they lie packed."""
    bad, total = (one if len(one) != counts.steps else one[begin:end] for one in (counts.bad, counts.total))
    found = sha256(bad.data)
    found.update(total.data)
    return found.digest()


def _missing(found: Sequence[AlertSpans | None]) -> list[tuple[int, int]]:
    """Runs of stretches of which nothing is known: the first of each, and the first behind it."""
    gone = [place for place, one in enumerate(found) if one is None]
    begins = [place for place in gone if place - 1 not in gone]
    return [(begin, next(end for end in range(begin + 1, len(found) + 1) if end not in gone)) for begin in begins]
