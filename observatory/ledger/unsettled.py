"""Unsettled newcomers: series that appear in a block, and nothing in it or its lookback tells where they come from.

Their target had been dark for longer than the lookback, or their process began before it. What other blocks know of
them decides as it would have done within one block: a target that was seen before, and lacked the series then, has
counted its first value since; and a process that began within all that is known counts from its begin.

Unless it is an old series under a new name: one that lived as long as its target was seen, is gone, was not above, and
differs in one label; or in the target alone, where the process lived on. Then it goes on from the old one's last value.
A counter that began anew is the other way round: it has a past, and counts from zero all the same.

What one scrape of a target shows first, or again, has one fate. Where any of it is a history, all of it is: of a broker
the few errors among millions, of a histogram the buckets. And where any of it went on, nothing of it began anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from observatory.compile.plan import PlannedRequest
from observatory.ledger.answers import RESTARTED_KINDS
from observatory.ledger.births import EDGE_MS
from observatory.ledger.increments import Birth
from observatory.ledger.rates import ALWAYS_BELIEVED
from observatory.ledger.renames import TARGET_LABELS
from observatory.ledger.restarts import Histogram, histogram_of, missed_restart
from observatory.ledger.seams import Sample, Seam, SeriesKey, SeriesName
from observatory.ledger.targets import GAP_CADENCES, Lives, TargetKey
from observatory.telemetry.binding import SemanticKind

Known = Mapping[tuple[SeriesKey, SemanticKind], Sample]
"""When series were seen last in the blocks before, and with which value."""


_Scrape = tuple[TargetKey, int]


class Seen(Protocol):
    """What a page says of targets."""

    @property
    def lives(self) -> Lives: ...

    @property
    def falls(self) -> Mapping[TargetKey, Sequence[int]]: ...


class Before(Struct, frozen=True):
    """What was looked up of the time before the first page; see `returns`.

    Attributes:
        samples: Of series that appear late, when they were last there, and with which value.
        fell_ms: When counters of some targets fell.
        held_ms: By source an instant at which it held something already.
    """

    samples: Mapping[SeriesKey, Sample] = field(default_factory=dict)
    fell_ms: Mapping[TargetKey, Sequence[int]] = field(default_factory=dict)
    held_ms: Mapping[str, int] = field(default_factory=dict)

    def known_since_ms(
        self, first_ms: int, requests: Sequence[PlannedRequest], began_ms: Mapping[str, int]
    ) -> list[int]:
        """Since when it is known, by request, what there was.

        What a source held before the first page was there, and a source that begins later knows nothing of before.

        Args:
            first_ms: When the first page begins.
            began_ms: By source the first sample in all pages.
        """
        read_ms = [(one.source, first_ms - one.lookback_ms) for one in requests]
        known = [max(since_ms, began_ms.get(source, 0) - 2 * EDGE_MS) for source, since_ms in read_ms]
        return [
            min(since_ms, self.held_ms.get(source, since_ms + EDGE_MS) - EDGE_MS)
            for since_ms, (source, _) in zip(known, read_ms, strict=True)
        ]


class Elsewhere(Struct):
    """What the blocks up to one know of its series; blocks are told oldest first.

    Attributes:
        seen_ms: When targets were seen last before the first block, of some.
        fell_ms: When counters of targets fell, inside blocks and between them.
        fell_between: Targets of which a counter fell between the last blocks and this one, and histograms.
        held_ms: By source an instant at which it held something already, the earliest known.
    """

    seen_ms: Mapping[TargetKey, int] = field(default_factory=dict)
    fell_ms: dict[TargetKey, set[int]] = field(default_factory=dict)
    fell_between: set[TargetKey | Histogram] = field(default_factory=set)
    held_ms: Mapping[str, int] = field(default_factory=dict)
    _went_on: set[_Scrape] = field(default_factory=set)
    _histories: set[_Scrape] = field(default_factory=set)
    _begun_ms: dict[_Scrape, int] = field(default_factory=dict)
    _here: Seen | None = None
    _before: list[Seen] = field(default_factory=list)
    _seams: Sequence[Seam] = ()
    _names: _Names | None = None

    def turn_to(self, page: Seen, seams: Sequence[Seam] = (), known: Sequence[Sample | None] = (), /) -> None:
        """Take in a page.

        Args:
            seams, known: Its series and when they were seen last, unless all go on.
        """
        if self._here is not None and self._here.lives.spans:
            self._before.append(self._here)
        self._here = page
        self._seams, self._names = seams, None
        self.fell_between.clear()
        self._went_on.clear()
        self._histories.clear()
        self._begun_ms.clear()
        for key, instants in page.falls.items():
            self.fell_ms.setdefault(key, set()).update(instants)
        for seam, before in zip(seams, known, strict=True):
            if seam.summed or seam.kind not in RESTARTED_KINDS:
                continue
            scrape = _scrape(seam)
            if before is None:
                if seam.history:
                    self._histories.add(scrape)
                elif seam.birth is not None and seam.birth.open and not seam.birth.created:
                    self._begun_ms[scrape] = min(seam.birth.since_ms, self._begun_ms.get(scrape, seam.birth.since_ms))
                continue
            if seam.first[0] - before[0] > seam.gap_ms and max(before[1], ALWAYS_BELIEVED) < seam.first[1]:
                self._went_on.add(scrape)
            if before[0] < seam.first[0] and seam.first[1] < before[1]:
                self.fell_between.add(seam.target)
                if histogram := histogram_of(dict(seam.series[1])):
                    self.fell_between.add(histogram)
                self.fell_ms.setdefault(seam.target, set()).add(seam.first[0])

    def birth_of(self, seam: Seam, known_since_ms: int, known: Known) -> Birth | None:
        """What the first value of a series without a past counts from; None where that is not known.

        Args:
            known_since_ms: Since when all is known.
        """
        birth = seam.birth
        if birth is not None and birth.new and _scrape(seam) in self._histories:
            return None
        if birth is None or not birth.open:
            return None if birth is None or _is_before(birth, known_since_ms) else birth
        seen_ms = self._last_seen(seam)
        # Of a process that said when it began the series counts from then, or since it was seen to be lacking.
        since_ms = seen_ms if not birth.created else max(birth.since_ms, seen_ms or birth.since_ms)
        if since_ms is None or (seen_ms is None and _is_before(birth, known_since_ms)):
            return None
        if self._names is None:
            self._names = _Names(known, {one.series for one in self._seams})
        fell = any(since_ms < at_ms <= seam.first[0] for at_ms in self.fell_ms.get(seam.target, ()))
        former = self._names.former_of(seam, since_ms, renamed=not fell)
        if former is not None:
            return Birth(*former, new=False)
        begun_ms = self._begun_ms.get(_scrape(seam), birth.since_ms)
        return Birth(since_ms) if birth.created or since_ms <= begun_ms else None

    def is_untold(self, seam: Seam) -> bool:
        """Whether the first value of a counter without a past, which counts nothing, may hold events all the same.

        Not where its source began to know anything about then, nor where it was judged to be a history.
        """
        if seam.birth is None or seam.kind not in RESTARTED_KINDS or seam.summed:
            return False
        if seam.birth.new and _scrape(seam) in self._histories:
            return False
        return seam.first[0] > self.held_ms.get(seam.target[0], seam.first[0]) + max(EDGE_MS, seam.gap_ms)

    def _last_seen(self, seam: Seam) -> int | None:
        """When the target of a series was seen last in the blocks before, or before all of them."""
        ends = (
            end_ms
            for page in reversed(self._before)
            for _, end_ms in reversed(page.lives.spans.get(seam.target, ()))
            if end_ms < seam.first[0]
        )
        return next(ends, self.seen_ms.get(seam.target))

    def _scraped_before(self, seam: Seam) -> int | None:
        """When the target of a series was scraped last before the first sample of it, in its block or before."""
        first_ms, cadence_ms = seam.first[0], round(seam.gap_ms / GAP_CADENCES)
        here = self._here.lives.spans.get(seam.target, ()) if self._here is not None else ()
        for start_ms, end_ms in reversed(here):
            # A stretch begins a cadence before its first scrape.
            if start_ms + 3 * cadence_ms // 2 <= first_ms:
                return min(end_ms, first_ms - cadence_ms)
        return self._last_seen(seam)

    def lacking_ms(self, seam: Seam, before: Sample, *, anew: bool) -> int | None:
        """When the target of a counter with a past was scraped last without it; None unless it began anew since then.

        Args:
            anew: Whether it is known to have begun anew, although it did not fall.
        """
        if seam.kind not in RESTARTED_KINDS or not (anew or seam.first[1] < before[1]):
            return None
        if seam.first[0] - before[0] <= seam.gap_ms:
            return None
        lacking_ms = self._scraped_before(seam)
        return lacking_ms if lacking_ms is not None and lacking_ms > before[0] else None

    def began_anew(self, seam: Seam, before: Sample) -> bool:
        """Whether a counter with a past, whose first value here is not below it, counts from zero all the same."""
        if seam.kind not in RESTARTED_KINDS or seam.target not in self.fell_ms:
            return False
        if seam.first[0] - before[0] <= seam.gap_ms or not 0 < before[1] <= seam.first[1]:
            return False
        told = seam.birth is not None and seam.birth.created and before[0] < seam.birth.since_ms
        if told and seam.target in self.fell_between:
            return True
        if seam.target in self.fell_between and histogram_of(dict(seam.series[1])) in self.fell_between:
            return True
        if _scrape(seam) in self._went_on:
            return False
        return missed_restart(before, seam.first, sorted(self.fell_ms[seam.target]), seam.gap_ms)


def _scrape(seam: Seam) -> _Scrape:
    """The one that showed a series first."""
    return seam.target, seam.first[0]


def _is_before(birth: Birth, known_since_ms: int) -> bool:
    return birth.created and birth.since_ms <= known_since_ms + EDGE_MS


class _Names:
    """Series that have gone: by their target, and by all else."""

    def __init__(self, known: Known, here: set[SeriesKey]) -> None:
        self._by_target: dict[tuple[int, tuple[str, str]], list[tuple[SeriesName, Sample]]] = {}
        self._by_rest: dict[tuple[int, SeriesName], list[Sample]] = {}
        for (series, _), sample in known.items():
            if series not in here:
                number, labels = series
                self._by_target.setdefault((number, _target(labels)), []).append((labels, sample))
                self._by_rest.setdefault((number, _rest(labels)), []).append(sample)

    def former_of(self, seam: Seam, since_ms: int, *, renamed: bool) -> Sample | None:
        """The last sample of the series that goes on here under a new name; the highest where it may be several.

        Args:
            since_ms: When its process began, or its target was seen last.
            renamed: Whether its own target may have had it under another name.
        """
        number, labels = seam.series
        formers: list[Sample] = []
        if seam.birth is not None and seam.birth.created:
            formers += [one for one in self._by_rest.get((number, _rest(labels)), ()) if one[0] >= since_ms]
        if renamed:
            formers += [
                sample
                for name, sample in self._by_target.get((number, _target(labels)), ())
                if sample[0] >= since_ms - seam.gap_ms and _one_change(name, labels)
            ]
        return max((one for one in formers if one[1] <= seam.first[1]), key=lambda one: one[1], default=None)


def _target(labels: SeriesName) -> tuple[str, str]:
    held = dict(labels)
    return held.get("job", ""), held.get("instance", "")


def _rest(labels: SeriesName) -> SeriesName:
    return tuple(pair for pair in labels if pair[0] not in TARGET_LABELS)


def _one_change(old: SeriesName, new: SeriesName) -> bool:
    """Whether labels were added, or removed, or the value of one is another."""
    before, after = set(old), set(new)
    if before < after or after < before:
        return True
    return len(before - after) == len(after - before) == 1 and {name for name, _ in old} == {name for name, _ in new}
