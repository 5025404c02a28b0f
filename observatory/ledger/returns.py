"""Returns: a series that comes back after a gap longer than what was read goes on from its last value then.

Its target had gone dark, or it had. When days are joined, series that none of them has seen from the beginning are
looked for before the first one, up to seven days back: a few requests for all of them together. That is asked whenever
days are joined, whether they were kept or counted anew, and no kept day holds anything of it. Where a source has
forgotten that time, days that were kept of it still tell.

A counter of rare events that comes back and is not lower may have begun anew meanwhile. What says so are other counters
of its target, see `restarts`; these are asked for as well, of that target alone. And of newcomers that say they began
before the first day it is asked whether anybody could have seen them then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from observatory.compile.plan import Leaf, PlannedRequest, in_shards
from observatory.ledger.answers import BORN_KINDS, RESTARTED_KINDS
from observatory.ledger.births import EDGE_MS
from observatory.ledger.days import DAY_MS, is_day
from observatory.ledger.dips import without_dips
from observatory.ledger.origins import Asking
from observatory.ledger.pages import Page, with_news
from observatory.ledger.replicas import without_replicas
from observatory.ledger.restarts import may_have_passed
from observatory.ledger.seams import Sample, SeriesKey
from observatory.ledger.targets import TargetKey, target_of
from observatory.ledger.unsettled import Before
from observatory.sources.base import SampleSet, SeriesRequest
from observatory.telemetry.binding import Matcher, SemanticKind
from observatory.windows import Grid, TimeRange

EARLIER_MS = 7 * DAY_MS
"""How long before what was read a series that comes back is looked for."""
MANY_TARGETS = 100
"""More that are looked at for restarts at a time are not: no such crowd restarts without a sign in the block itself."""
KeptDay = Callable[[Grid], Page | None]
"""The page of a day as it was kept; None where it was not."""


def look_back(
    pages: Sequence[Page],
    requests: Sequence[PlannedRequest],
    ask: Asking,
    grid: Grid,
    kinds: Mapping[Leaf, SemanticKind],
    kept: KeptDay | None = None,
) -> Before:
    """What must be known of the time before the first page.

    Args:
        requests: All that were planned; series are told by their number.
        kept: Asked for days before the first page, where a source knows nothing of a series.
    """
    samples = last_seen(pages, requests, ask, grid, kept)
    fell_ms = fell_before(pages, requests, ask, samples, kinds)
    return Before(samples, fell_ms, held_before(pages, requests, ask, samples))


def last_seen(
    pages: Sequence[Page], requests: Sequence[PlannedRequest], ask: Asking, grid: Grid, kept: KeptDay | None = None
) -> dict[SeriesKey, Sample]:
    """When series that appear late on a grid were last seen before the first page, and with which value.

    Of pages that a server counted none knows its series, so what appears late after them is looked for before the next
    one.

    Args:
        requests: All that were planned; series are told by their number.
        kept: Asked for days before the first page, where a source knows nothing of a series.
    """
    seen: set[SeriesKey] = set()
    late: dict[tuple[int, int], list[SeriesKey]] = {}
    since_ms = dict.fromkeys(range(len(requests)), pages[0].block.start_ms)
    for page in with_news(pages):
        if summed := page.seams.summed_requests:
            since_ms |= dict.fromkeys(summed, page.block.end_ms)
            seen = {key for key in seen if key[0] not in summed}
        for seam in page.seams:
            number = seam.series[0]
            known_since_ms = since_ms[number] - requests[number].lookback_ms
            goes_on = seam.kind in BORN_KINDS or seam.kind in ("position", "period_total", "rate")
            if seam.summed or seam.series in seen or not goes_on:
                continue
            seen.add(seam.series)
            if seam.first[0] > max(known_since_ms + EDGE_MS, grid.start_ms):
                late.setdefault((number, known_since_ms), []).append(seam.series)
    found: dict[SeriesKey, Sample] = {}
    for (number, known_since_ms), keys in sorted(late.items()):
        request = requests[number]
        span = TimeRange(known_since_ms - EARLIER_MS, known_since_ms)
        wanted = set(keys)
        for matchers in _narrowed(request.matchers, [dict(labels) for _, labels in keys]):
            answer = ask(request.source, SeriesRequest(request.metric, matchers, span))
            earlier = without_replicas(answer) if answer is not None else None
            for place in range(len(earlier) if earlier is not None else 0):
                assert earlier is not None
                labels, t_ms, values = earlier.series(place)
                key = (number, tuple(sorted(labels.items())))
                if key in wanted and len(t_ms):
                    found[key] = (int(t_ms[-1]), float(values[-1]))
    missing = {key for keys in late.values() for key in keys} - found.keys()
    if missing and kept is not None and is_day(pages[0].block):
        found |= _in_kept_days(missing, pages[0].block, kept)
    return found


def held_before(
    pages: Sequence[Page], requests: Sequence[PlannedRequest], ask: Asking, earlier: Mapping[SeriesKey, Sample]
) -> dict[str, int]:
    """By source an instant at which it held something already, early enough for newcomers that say when they began.

    A process that was not scraped for hours has counted since it began, if anybody could have seen it; a server that
    has just started, or has forgotten that time, could not.
    """
    found: dict[str, int] = {}
    for (number, _), (at_ms, _) in earlier.items():
        source = requests[number].source
        found[source] = min(at_ms, found.get(source, at_ms))
    begun: dict[int, int] = {}
    for page in with_news(pages):
        for place, birth in page.seams.births.items():
            number, series = page.seams.heads[place].series[0], page.seams.heads[place].series
            known_since_ms = pages[0].block.start_ms - requests[number].lookback_ms
            late = birth.created and known_since_ms - EARLIER_MS < birth.since_ms <= known_since_ms + EDGE_MS
            if late and series not in earlier:
                begun[number] = min(birth.since_ms, begun.get(number, birth.since_ms))
    for number, since_ms in sorted(begun.items()):
        request = requests[number]
        if found.get(request.source, since_ms) < since_ms:
            continue
        span = TimeRange(since_ms - 2 * EDGE_MS, since_ms)
        answer = ask(request.source, SeriesRequest(request.metric, request.matchers, span))
        if answer is not None and len(answer.t_ms):
            found[request.source] = min(int(answer.t_ms.min()), found.get(request.source, since_ms))
    return found


def fell_before(
    pages: Sequence[Page],
    requests: Sequence[PlannedRequest],
    ask: Asking,
    earlier: Mapping[SeriesKey, Sample],
    kinds: Mapping[Leaf, SemanticKind],
) -> dict[TargetKey, list[int]]:
    """When counters of targets fell before the first page, of those that have one of which it matters.

    Args:
        earlier: When series were last seen before the first page; see `last_seen`.
    """
    targets: dict[TargetKey, None] = {}
    for page in with_news(pages) if earlier else ():
        for seam in page.seams:
            before = earlier.get(seam.series)
            if before is not None and seam.kind in RESTARTED_KINDS and may_have_passed(before, seam.first, seam.gap_ms):
                targets[seam.target] = None
    found: dict[TargetKey, set[int]] = {}
    for request in requests if 0 < len(targets) <= MANY_TARGETS else ():
        counting = any(kinds.get(leaf) in RESTARTED_KINDS for leaf in request.leaves)
        mine = [target for target in sorted(targets) if target[0] == request.source and (target[1] or target[2])]
        if not counting or not mine:
            continue
        known_since_ms = pages[0].block.start_ms - request.lookback_ms
        # With the first scrapes of the page, for a counter may have fallen just then.
        span = TimeRange(known_since_ms - EARLIER_MS, known_since_ms + EDGE_MS)
        owners = [{"job": job, "instance": instance} for _, job, instance in mine]
        for matchers in _narrowed(request.matchers, owners):
            answer = ask(request.source, SeriesRequest(request.metric, matchers, span))
            if answer is None or not answer.exact:
                continue
            samples = without_replicas(answer)
            for index, instants in _falls(samples).items():
                target = target_of(request.source, samples.labels[index])
                if target in targets:
                    found.setdefault(target, set()).update(instants)
    return {target: sorted(instants) for target, instants in found.items()}


def _falls(samples: SampleSet) -> Mapping[int, Sequence[int]]:
    return without_dips(samples, lambda: range(len(samples)))[1]


def _in_kept_days(missing: set[SeriesKey], first: Grid, kept: KeptDay) -> dict[SeriesKey, Sample]:
    """The last samples that the days before the first one held, the latest of them first."""
    found: dict[SeriesKey, Sample] = {}
    for days in range(1, EARLIER_MS // DAY_MS + 1):
        page = kept(Grid(first.start_ms - days * DAY_MS, first.step_ms, first.steps)) if missing else None
        if page is not None:
            found |= {seam.series: seam.last for seam in page.seams if seam.series in missing and not seam.summed}
            missing = missing - found.keys()
    return found


def _narrowed(matchers: tuple[Matcher, ...], wanted: Sequence[Mapping[str, str]]) -> Iterable[tuple[Matcher, ...]]:
    """The conditions of a request and the labels of some series, so that little else answers; not too many at once."""
    held = {matcher.label for matcher in matchers} | {"__name__"}
    ordered = sorted(wanted, key=lambda labels: sorted(labels.items()))
    for part in in_shards(ordered):
        shared = set.intersection(*(set(labels) for labels in part)) - held
        narrow = (Matcher(label, tuple(sorted({labels[label] for labels in part}))) for label in sorted(shared))
        yield (*matchers, *narrow)
