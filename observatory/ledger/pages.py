"""Pages: what one block of the ledger counts, and how the pages of several blocks become one.

A page holds what can be said from the block and its lookback alone. Whether a series that appears in it is a newcomer
depends on the pages before it: if one of them has seen the series, the counter went on meanwhile, and the difference
lies in the gap between the two. So first values are kept aside, as seams, and settled when pages are joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct, field

from observatory.compile.plan import Leaf, PlannedRequest
from observatory.indicators.expression import Expression
from observatory.ledger.evidence import Evidence
from observatory.ledger.hops import SpanCounts
from observatory.ledger.increments import WITHOUT_HISTORY, Birth, FindingRow, place_birth, place_restart, place_rise
from observatory.ledger.levels import LevelSteps
from observatory.ledger.plain import Plain, joined
from observatory.ledger.restarts import HiddenRestart
from observatory.ledger.seams import NO_SEAMS, Sample, Seam, SeamColumns, SeriesHead, SeriesKey, go_on
from observatory.ledger.slices import Reading
from observatory.ledger.tallies import Events, PartEvents, tally_leaves
from observatory.ledger.targets import Lives, TargetKey, add_overlap
from observatory.ledger.uncounted import FirstValue
from observatory.ledger.unsettled import Before, Elsewhere
from observatory.ledger.whole import Whole
from observatory.sources.base import Float64, Int64
from observatory.telemetry.binding import SemanticKind
from observatory.windows import Grid


class Page(Struct, frozen=True):
    """One block, counted.

    Attributes:
        events: By leaf, without first values, but for those in `plain`.
        plain: Those of leaves of which a kept day tells nothing but counts.
        levels: By measurement.
        spans: By source.
        read_from_ms: The earliest instant that was looked at.
        changed: Measurements whose histograms changed the buckets that they are judged by.
        falls: When counters of targets fell, ascending.
    """

    block: Grid
    read_from_ms: int
    events: Mapping[Leaf, PartEvents] = field(default_factory=dict)
    plain: tuple[Plain, ...] = ()
    seams: SeamColumns = NO_SEAMS
    lives: Lives = field(default_factory=lambda: Lives({}))
    levels: Mapping[str, Reading] = field(default_factory=dict)
    spans: Mapping[str, SpanCounts] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    falls: Mapping[TargetKey, Sequence[int]] = field(default_factory=dict)

    def sampled_since_ms(self, leaves: Mapping[str, Sequence[Leaf]]) -> dict[str, int]:
        """When the first of their series was sampled; the end of the block without any.

        Args:
            leaves: By measurement, of those that count; who counts no series is left out.
        """
        firsts: dict[Leaf, int] = {}
        for head, first_ms in zip(self.seams.heads, self.seams.first_ms.tolist(), strict=True):
            for leaf in head.leaves:
                firsts[leaf] = min(first_ms, firsts.get(leaf, first_ms))
        end_ms = self.block.end_ms
        return {key: min(firsts.get(leaf, end_ms) for leaf in wanted) for key, wanted in leaves.items() if wanted}


class Counted(Struct, frozen=True):
    """All pages as one, on the asked grid.

    Attributes:
        histories: By request, how many series appeared with more than can have been counted, and how much.
        changed: Measurements whose histograms changed their buckets in any page.
        dark_since: By leaf, when series that were dark as the grid began, and came back on it, had been seen last.
    """

    grid: Grid
    events: Mapping[Leaf, Events]
    lives: Lives
    levels: Mapping[str, Reading]
    spans: Mapping[str, SpanCounts]
    histories: Mapping[int, tuple[int, float]]
    dark_since: Mapping[Leaf, int]
    changed: frozenset[str]

    @property
    def has_packed(self) -> bool:
        """Whether the events of any leaf lie packed, as those of kept days do."""
        return any(one.amount.dtype.kind == "u" for one in self.events.values())


def events_of(
    evidence: Evidence, requests: Sequence[PlannedRequest], kinds: Mapping[Leaf, SemanticKind], block: Grid
) -> tuple[dict[Leaf, PartEvents], SeamColumns]:
    """The counted leaves of a block, and the seams of their series.

    Args:
        requests: All that were planned, whether they were answered or not: their numbers are the same in every block.
    """
    events = tally_leaves(evidence, kinds, block)
    numbers = {request: number for number, request in enumerate(requests)}
    heads: list[tuple[SeriesHead, ...]] = []
    columns: list[tuple[Int64, Int64, Float64, Int64, Float64]] = []
    births: dict[int, Birth] = {}
    histories: set[int] = set()
    summed: set[int] = set()
    count = 0
    for answer in evidence.answers:
        series = answer.chosen.counted_series(numbers[answer.request], kinds, evidence.heads)
        indexes, samples = series.indexes, answer.samples
        gaps_ms = np.where(series.periods_ms > 0, series.periods_ms, evidence.gaps_ms(answer)[indexes])
        firsts, lasts = samples.offsets[indexes], samples.offsets[indexes + 1] - 1
        columns.append(
            (gaps_ms, samples.t_ms[firsts], samples.values[firsts], samples.t_ms[lasts], samples.values[lasts])
        )
        heads.append(series.heads)
        if answer.births or answer.earlier:
            for place, index in enumerate(indexes.tolist(), count):
                if (birth := answer.births.get(index) or answer.earlier.get(index)) is not None:
                    births[place] = birth
        if answer.histories:
            histories |= {place for place, index in enumerate(indexes.tolist(), count) if index in answer.histories}
        after = count + len(indexes)
        if samples.pushdown:
            summed |= set(range(count, after))
        count = after
    if not heads:
        return events, NO_SEAMS
    gap_ms, first_ms, first, last_ms, last = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return events, SeamColumns(
        evidence.heads.joined(heads),
        gap_ms,
        first_ms,
        first,
        last_ms,
        last,
        births,
        frozenset(histories),
        frozenset(summed),
    )


def join(pages: Sequence[Page], requests: Sequence[PlannedRequest], grid: Grid, before: Before) -> Counted:
    """Pages that follow one another, oldest first, as one ledger on a grid that they cover.

    Args:
        requests: All that were planned; series are told by their number.
    """
    last_seen = before.samples
    seams = (seam for page in pages for seam in page.seams) if last_seen else ()
    targets = {seam.series: seam.target for seam in seams if seam.series in last_seen}
    lives = [Lives({target: ((at - 1, at),)}) for key, target in targets.items() for at, _ in (last_seen[key],)]
    began_ms = _began_ms(pages, requests)
    known_since_ms = before.known_since_ms(pages[0].block.start_ms, requests, began_ms)
    seen_ms: dict[TargetKey, int] = {}
    for key, target in targets.items():
        seen_ms[target] = max(last_seen[key][0], seen_ms.get(target, 0))
    elsewhere = Elsewhere(
        seen_ms,
        {target: set(instants) for target, instants in before.fell_ms.items()},
        held_ms={name: min(at_ms, before.held_ms.get(name, at_ms)) for name, at_ms in began_ms.items()},
    )
    whole = _joined_events(pages, grid, last_seen, known_since_ms, elsewhere)
    return Counted(
        grid,
        {leaf: one.events() for leaf, one in whole.items()},
        Lives.together([*lives, Lives.in_turn((page.block, page.lives) for page in pages)]),
        {key: _joined_levels(key, pages, grid) for key in dict.fromkeys(key for page in pages for key in page.levels)},
        {
            name: _joined_spans(name, pages, grid)
            for name in dict.fromkeys(name for page in pages for name in page.spans)
        },
        _histories(pages, grid, last_seen),
        {leaf: min(one.dark_since) for leaf, one in whole.items() if one.dark_since},
        frozenset(key for page in pages for key in page.changed),
    )


def _began_ms(pages: Sequence[Page], requests: Sequence[PlannedRequest]) -> dict[str, int]:
    """By source the first sample that any page holds of it; days with the same series are looked at once."""
    found, heads = dict[str, int](), NO_SEAMS.heads
    for page in pages:
        if page.seams.heads is not heads:
            heads = page.seams.heads
            for head, first_ms in zip(heads, page.seams.first_ms.tolist(), strict=True):
                source = requests[head.series[0]].source
                found[source] = min(first_ms, found.get(source, first_ms))
    return found


def with_news(pages: Sequence[Page]) -> Iterator[Page]:
    """Pages but for those whose series all go on from the page before."""
    before = NO_SEAMS
    for page in pages:
        if not go_on(page.seams, before):
            yield page
        before = page.seams


def _histories(
    pages: Sequence[Page], grid: Grid, last_seen: Mapping[SeriesKey, Sample]
) -> dict[int, tuple[int, float]]:
    found: dict[int, tuple[int, float]] = {}
    seen = set(last_seen)
    for page in with_news(pages):
        for seam in page.seams:
            if seam.history and seam.series not in seen and grid.start_ms < seam.first[0] <= grid.end_ms:
                count, held = found.get(seam.series[0], (0, 0.0))
                found[seam.series[0]] = (count + 1, held + seam.first[1])
            seen.add(seam.series)
    return found


def _places(block: Grid, grid: Grid) -> tuple[slice, slice] | None:
    """Where the steps that a block shares with a grid are: in the block, and in the grid."""
    shift = (block.start_ms - grid.start_ms) // grid.step_ms
    first, after = max(0, shift), min(grid.steps, shift + block.steps)
    return (slice(first - shift, after - shift), slice(first, after)) if first < after else None


def _line(parts: Iterable[tuple[Grid, Float64 | None]], grid: Grid, filler: float = 0.0) -> Float64:
    """Steps of several blocks on one grid."""
    line = np.full(grid.steps, filler)
    for block, values in parts:
        if values is not None and (places := _places(block, grid)):
            line[places[1]] = values[places[0]]
    return line


def _joined_events(
    pages: Sequence[Page],
    grid: Grid,
    last_seen: Mapping[SeriesKey, Sample],
    known_since_ms: Sequence[int],
    elsewhere: Elsewhere,
) -> dict[Leaf, Whole]:
    lying = joined([one for page in pages for one in page.plain], grid.steps, lambda block: _places(block, grid))
    found = {leaf: Whole(amount) for leaf, amount in lying.items()}
    overhangs: list[tuple[Whole, Grid, PartEvents]] = []
    for page in pages:
        inside, target = _places(page.block, grid) or (slice(0), slice(0))
        for leaf, part in page.events.items():
            whole = found.get(leaf)
            if whole is None:
                kind = part.amount.dtype if len(part.amount) > 1 else np.uint8
                whole = found[leaf] = Whole(np.zeros(grid.steps, kind))
            whole.take(part.amount, inside, target)
            if len(part.findings.t_ms):
                whole.findings += part.findings
            if not part.exact:
                whole.exact = False
            if part.pushdown:
                whole.pushdown = True
            if part.overhang:
                overhangs.append((whole, page.block, part))
    for whole, block, part in overhangs:
        for since_ms, at_ms, events in part.overhang:
            add_overlap(whole.line, grid, since_ms, block.start_ms, events / ((at_ms - since_ms) / 1000))
            if since_ms < grid.start_ms < at_ms:
                whole.dark_since.append(since_ms)
    _settle(found, pages, grid, last_seen, known_since_ms, elsewhere)
    return found


def _settle(
    found: Mapping[Leaf, Whole],
    pages: Sequence[Page],
    grid: Grid,
    last_seen: Mapping[SeriesKey, Sample],
    known_since_ms: Sequence[int],
    elsewhere: Elsewhere,
) -> None:
    """Add what lies between blocks to what they hold."""
    before: dict[tuple[SeriesKey, SemanticKind], Sample] = {}
    earlier = passed_over = NO_SEAMS
    for page in pages:
        if go_on(page.seams, earlier):
            earlier = passed_over = page.seams
            elsewhere.turn_to(page)
            continue
        _note_last(found, passed_over, before, grid)
        lasts = [
            None if seam.summed else before.get((seam.series, seam.kind)) or last_seen.get(seam.series)
            for seam in page.seams
        ]
        elsewhere.turn_to(page, page.seams, lasts)
        for seam, known in zip(page.seams, lasts, strict=True):
            birth = None
            if known is None and seam.birth is not None:
                birth = elsewhere.birth_of(seam, known_since_ms[seam.series[0]], before)
                if birth is None and grid.start_ms < seam.first[0] <= grid.end_ms and elsewhere.is_untold(seam):
                    for leaf in seam.leaves:
                        found[leaf].uncounted.append(FirstValue(seam.first[0], seam.target, seam.first[1]))
            anew = known is not None and known[0] < seam.first[0] and elsewhere.began_anew(seam, known)
            lacking_ms = elsewhere.lacking_ms(seam, known, anew=anew) if known is not None else None
            first_ms = seam.first[0]
            before_ms = known[0] if known is not None else birth.since_ms if birth is not None else first_ms
            before_ms = before_ms if lacking_ms is None else lacking_ms
            came_back = before_ms < grid.start_ms < first_ms and first_ms - before_ms > seam.gap_ms
            came_back = came_back and seam.kind not in WITHOUT_HISTORY
            for leaf in seam.leaves:
                whole = found[leaf]
                whole.rows += _settled(whole, grid, seam, birth, known, lacking_ms)
                if anew and known is not None:
                    whole.rows += place_restart(whole.line, grid, HiddenRestart(seam.first[0], known[1]))
                if seam.last[0] > grid.start_ms:
                    # How far back was read depends on who else asks; what has ended before the grid is not on it.
                    whole.series.add(seam.series)
                    whole.targets.add(seam.target)
                else:
                    whole.ended.add(seam.target)
                if came_back:
                    whole.dark_since.append(before_ms)
        _note_last(found, page.seams, before, grid)
        if summed := page.seams.summed_requests:
            for series, kind in [key for key in before if key[0][0] in summed]:
                del before[series, kind]  # the server has counted on from there
        # Series that ended before the grid may go on in it.
        reaches = len(page.seams) and int(page.seams.last_ms.min()) > grid.start_ms
        earlier, passed_over = page.seams if reaches else NO_SEAMS, NO_SEAMS
    _note_last(found, passed_over, before, grid)


def _note_last(
    found: Mapping[Leaf, Whole],
    seams: Sequence[Seam],
    before: dict[tuple[SeriesKey, SemanticKind], Sample],
    grid: Grid,
) -> None:
    """When series were seen last, for themselves and, on the grid, for the leaves that count them."""
    for seam in seams:
        if not seam.summed:
            before[seam.series, seam.kind] = seam.last
        for leaf in seam.leaves:
            if seam.last[0] > grid.start_ms:
                whole = found[leaf]
                whole.last_ms = max(seam.last[0], whole.last_ms or seam.last[0])


def _settled(
    whole: Whole, grid: Grid, seam: Seam, birth: Birth | None, before: Sample | None, lacking_ms: int | None
) -> tuple[FindingRow, ...]:
    """Place what happened up to the first sample of a seam: the rise since it was last seen, or a newcomer's value."""
    if before is None:
        return place_birth(whole.line, grid, birth, *seam.first, seam.gap_ms) if birth is not None else ()
    if seam.first[0] <= before[0]:
        return ()  # The lookback reaches into the block before: nothing lies between them.
    return place_rise(whole.line, grid, seam.kind, before, seam.first, seam.gap_ms, lacking_ms)


def _joined_levels(key: str, pages: Sequence[Page], grid: Grid) -> Reading:
    parts = [(page.block, page.levels[key]) for page in pages if key in page.levels]
    steps = LevelSteps(
        _line(((block, one.steps.worst) for block, one in parts), grid, np.nan),
        _line(((block, one.steps.error) for block, one in parts), grid),
        _line(((block, one.steps.at_least.astype(np.float64)) for block, one in parts), grid) > 0,
    )
    # Series that say nothing, as of a group that never committed, are there all the same; those that ended are not.
    some = [one for _, one in parts if one.last_ms is None or one.last_ms > grid.start_ms]
    return Reading(
        steps,
        max((one.series for one in some), default=0),
        max((one.last_ms for one in some if one.last_ms is not None), default=None),
        all(one.exact for _, one in parts),
    )


def _joined_spans(name: str, pages: Sequence[Page], grid: Grid) -> SpanCounts:
    parts = [(page.block, page.spans[name]) for page in pages if name in page.spans]
    keys: dict[tuple[str, Expression], None] = {}
    for _, one in parts:
        keys |= dict.fromkeys(one.events)
    return SpanCounts(
        {key: _line(((block, one.events.get(key)) for block, one in parts), grid) for key in keys},
        _line(((block, one.presence) for block, one in parts), grid),
    )
