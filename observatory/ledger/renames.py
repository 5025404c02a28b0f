"""Renames: an old series under a new name is no newcomer, and its first value continues the last one of the old name.

Relabelling, a moved exporter or a changed scrape configuration end series and begin others in the same scrape, or in
the first one after a gap: such changes are made while a server restarts. Three signs are known:

- A label was added or removed: the old labels are a part of the new ones, or the other way round.
- The value of one label was rewritten, for all series of the target that carry it.
- The target itself goes by another job or instance.

In the last two cases other series can be meant as well: a new channel of a connection, a new pod. So the values must
say it: none is below the old one, together they have risen by what such series rise from scrape to scrape, and as
events of a single scrape they would be out of all proportion. After a gap they have risen by about what they rose in
such a time before, and are more than a newcomer could have reached in it. A target with the process of the
old name needs no such proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

import numpy as np
from msgspec import Struct, field

from observatory.ledger.targets import DEFAULT_CADENCE_MS, Target, Targets, target_of
from observatory.sources.base import SampleSet

PROPORTION = 3.0
"""Times the highest rise between two scrapes: what goes on rises by less at its new name, a newcomer begins lower."""
FEW = 10.0
"""Events that a newcomer may well have counted before its first scrape, whatever ended at that moment."""
TARGET_LABELS = ("instance", "job")


class Former(Struct, frozen=True):
    """The old name of a series: when it was last seen, and its value then."""

    last_ms: int
    value: float


class _Pair(Struct, frozen=True):
    newcomer: int
    ending: int


class _Rewrite(Struct):
    """Series that went over from one name to another by the same change of labels.

    Attributes:
        moved: It is the target that has another name.
    """

    moved: bool
    pairs: list[_Pair] = field(default_factory=list)


_Change = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]
"""Labels that changed, their old and new values, and the target they belong to."""


def renamed(source: str, samples: SampleSet, candidates: Sequence[int], targets: Targets) -> dict[int, Former]:
    """Those of the candidates that go on under a new name, with what they were; samples must be fit."""
    if not candidates:
        return {}
    lives = _Lives(samples)
    batches: dict[int, list[int]] = {}
    for index in candidates:
        batches.setdefault(int(lives.first_ms[index]), []).append(index)
    found: dict[int, Former] = {}
    for first_ms, newcomers in batches.items():
        since_ms = min(_since(targets[target_of(source, samples.labels[index])], first_ms) for index in newcomers)
        endings = lives.ended(since_ms, first_ms)
        if not endings:
            continue
        found |= _grown(source, samples, newcomers, endings, lives)
        rest = [index for index in newcomers if index not in found]
        likely: list[tuple[float, _Rewrite]] = []
        for rewrite in _rewrites(source, samples, rest, endings):
            target = targets[target_of(source, samples.labels[rewrite.pairs[0].newcomer])]
            if rewrite.moved and target.scraped_before(first_ms) is not None:
                continue  # It was there under its own name.
            former = targets[target_of(source, samples.labels[rewrite.pairs[0].ending])]
            grown = _Growth.of(lives, rewrite.pairs, first_ms, (former, target))
            if grown is not None and grown.goes_on(moved=rewrite.moved):
                likely.append((grown.risen / len(rewrite.pairs), rewrite))
        # Of targets that look alike each goes on as the one that has risen least.
        taken: set[int] = set()
        for _, rewrite in sorted(likely, key=itemgetter(0)):
            endings_of = {pair.ending for pair in rewrite.pairs}
            if taken.isdisjoint(endings_of) and not any(pair.newcomer in found for pair in rewrite.pairs):
                taken |= endings_of
                found |= {pair.newcomer: lives.former(pair.ending) for pair in rewrite.pairs}
    return found


def _since(target: Target, first_ms: int) -> int:
    """From when on the old name of a newcomer may have ended: its target, or the server, may have been away since.

    Where nothing is known of the target under this name, its process must have lived as long.
    """
    before_ms = target.scraped_before(first_ms)
    if before_ms is None:
        before_ms = target.started_at(first_ms)
    return min(first_ms, first_ms if before_ms is None else before_ms) - target.gap_ms


class _Lives:
    """When each series began and ended, and at which values."""

    def __init__(self, samples: SampleSet) -> None:
        self._samples = samples
        begins, ends = samples.offsets[:-1], samples.offsets[1:]
        alive = np.flatnonzero(ends > begins)
        self.first_ms = np.zeros(len(samples), np.int64)
        self.last_ms = np.zeros(len(samples), np.int64)
        self.first_ms[alive] = samples.t_ms[begins[alive]]
        self.last_ms[alive] = samples.t_ms[ends[alive] - 1]
        self._by_end = alive[np.argsort(self.last_ms[alive], kind="stable")]
        self._sorted = self.last_ms[self._by_end]

    def ended(self, since_ms: int, before_ms: int) -> list[int]:
        """Series whose last sample lies in [since, before)."""
        low, high = np.searchsorted(self._sorted, (since_ms, before_ms), side="left")
        ended: list[int] = self._by_end[low:high].tolist()
        return ended

    def former(self, index: int) -> Former:
        return Former(int(self.last_ms[index]), float(self._samples.values[int(self._samples.offsets[index + 1]) - 1]))

    def first(self, index: int) -> float:
        return float(self._samples.values[int(self._samples.offsets[index])])

    def highest_rise(self, index: int) -> float:
        """The most that a series rose between two samples."""
        values = self._samples.series(index)[2]
        return max(0.0, float(np.diff(values).max())) if len(values) > 1 else 0.0

    def usual_rate(self, index: int) -> float:
        """What a series rose in a millisecond, on average; falls are no rises."""
        _, t_ms, values = self._samples.series(index)
        return float(np.maximum(np.diff(values), 0.0).sum()) / max(1, int(t_ms[-1] - t_ms[0]))


def _grown(
    source: str, samples: SampleSet, newcomers: Iterable[int], endings: Sequence[int], lives: _Lives
) -> dict[int, Former]:
    """Newcomers whose target and metric had a series with more or fewer labels, of the same values and not higher."""
    by_names: dict[frozenset[str], list[int]] = {}
    for ending in endings:
        by_names.setdefault(frozenset(samples.labels[ending]), []).append(ending)
    indexes: dict[tuple[frozenset[str], frozenset[str]], dict[tuple[str, ...], list[int]]] = {}
    found: dict[int, Former] = {}
    for index in newcomers:
        labels = samples.labels[index]
        mine = frozenset(labels)
        formers: list[Former] = []
        for theirs, members in by_names.items():
            if not (theirs < mine or mine < theirs):
                continue
            shared = theirs & mine
            known = indexes.get((theirs, shared))
            if known is None:
                known = indexes[theirs, shared] = {}
                for ending in members:
                    known.setdefault(_values(samples.labels[ending], shared), []).append(ending)
            formers += [
                lives.former(ending)
                for ending in known.get(_values(labels, shared), ())
                if target_of(source, samples.labels[ending]) == target_of(source, labels)
            ]
        near = [one for one in formers if one.value <= lives.first(index)]
        if near:
            found[index] = max(near, key=lambda one: one.value)
    return found


def _values(labels: Mapping[str, str], names: frozenset[str]) -> tuple[str, ...]:
    return tuple(labels[name] for name in sorted(names))


def _rewrites(source: str, samples: SampleSet, newcomers: Sequence[int], endings: Sequence[int]) -> Iterable[_Rewrite]:
    """Changes of labels that lead from series that ended to all, or most, of the newcomers that show the change."""
    of_ending: dict[tuple[tuple[str, ...], frozenset[tuple[str, str]]], list[int]] = {}
    for ending in endings:
        for dropped in _droppable(samples.labels[ending]):
            of_ending.setdefault(_without(samples.labels[ending], dropped), []).append(ending)
    changes: dict[_Change, _Rewrite] = {}
    carrying: dict[tuple[tuple[str, ...], tuple[str, ...], str], int] = {}
    for index in newcomers:
        labels = samples.labels[index]
        for dropped in _droppable(labels):
            place = "" if dropped == TARGET_LABELS else repr(target_of(source, labels))
            new = tuple(labels.get(name, "") for name in dropped)
            carrying[dropped, new, place] = carrying.get((dropped, new, place), 0) + 1
            matched = of_ending.get(_without(labels, dropped), [])
            if dropped == TARGET_LABELS:
                same = [one for one in matched if _shares_target_label(samples.labels[one], labels)]
                matched = same or matched
            for one in matched:
                old = tuple(samples.labels[one].get(name, "") for name in dropped)
                rewrite = changes.setdefault((dropped, old, new, place), _Rewrite(dropped == TARGET_LABELS))
                rewrite.pairs.append(_Pair(index, one))
    for (dropped, _, new, place), rewrite in changes.items():
        needed = carrying[dropped, new, place] * (0.5 if dropped == TARGET_LABELS else 1.0)
        if len(rewrite.pairs) >= needed:
            yield rewrite


def _droppable(labels: Mapping[str, str]) -> Iterable[tuple[str, ...]]:
    """Labels that one change may have rewritten."""
    yield TARGET_LABELS
    yield from ((name,) for name in labels if name not in (*TARGET_LABELS, "__name__"))


def _without(labels: Mapping[str, str], dropped: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[tuple[str, str]]]:
    return dropped, frozenset((name, value) for name, value in labels.items() if name not in dropped)


def _shares_target_label(old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    return any(old.get(name) == new.get(name) for name in TARGET_LABELS)


class _Growth(Struct, frozen=True):
    """What series under new names hold beside what they would hold.

    Attributes:
        pairs: How many series there are.
        begun, risen: Their first values together, and by how much these are above the last ones of the old names.
        usual: What the old ones rise at most in as many scrapes.
        expected: What they rise on average in that time.
        gap: Whether scrapes are missing between the old names and the new ones.
        lived: Whether their process is that of the old names; None where it does not say when it began.
    """

    pairs: int
    begun: float
    risen: float
    usual: float
    expected: float
    gap: bool
    lived: bool | None

    @classmethod
    def of(cls, lives: _Lives, pairs: Sequence[_Pair], first_ms: int, targets: tuple[Target, Target]) -> _Growth | None:
        """None where a value is below its old one; the targets are the old one and the new one, or the same twice."""
        former_target, target = targets
        risen = begun = usual = expected = 0.0
        ends_ms = []
        for pair in pairs:
            former, first = lives.former(pair.ending), lives.first(pair.newcomer)
            if first < former.value:
                return None
            scrapes = max(1.0, (first_ms - former.last_ms) / (target.cadence_ms or DEFAULT_CADENCE_MS))
            risen += first - former.value
            begun += first
            usual += scrapes * lives.highest_rise(pair.ending)
            expected += lives.usual_rate(pair.ending) * (first_ms - former.last_ms)
            ends_ms.append(former.last_ms)
        started_ms = target.started_at(first_ms)
        lived = None if started_ms is None else started_ms == former_target.started_at(min(ends_ms))
        gap = first_ms - max(ends_ms) > target.gap_ms
        return cls(len(pairs), begun, risen, usual, expected, gap, lived)

    def goes_on(self, *, moved: bool) -> bool:
        """Whether the values of series under a new name continue those under the old one."""
        if moved and self.lived:
            return True
        if (self.pairs == 1 and self.begun <= FEW) or (self.gap and self.lived is False):
            return False
        if self.risen <= PROPORTION * self.usual < self.begun:
            return True
        return self.gap and self.risen <= 2 * self.expected + FEW and self.begun > 1.5 * self.expected + FEW
