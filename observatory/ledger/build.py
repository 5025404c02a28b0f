"""From measurements and sources to the ledger: ask, count, and keep what was counted before.

Past steps hardly change. So days that are over are counted once and kept, and a refresh reads the tail only: the last
ten minutes, and from time to time what came late, see `arrivals`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import numpy as np
from msgspec import Struct

from observatory.compile.plan import LOOKBACK_MS, Measurement, leaves_of
from observatory.errors import Problem, SourceFailed
from observatory.indicators.expression import SlicesAtMost
from observatory.ledger.apart import Owner
from observatory.ledger.arrivals import CHECK_MS, LATE_MS, Arrivals
from observatory.ledger.blocks import Blocks, shape_of
from observatory.ledger.days import DAY_MS, SEALED_AFTER_MS, blocks_of, is_day
from observatory.ledger.evidence import NOT_REMEMBERED, Sources
from observatory.ledger.history import Columns, Past, joined
from observatory.ledger.hops import expressions_of
from observatory.ledger.keeping import Keeper, KeptPages, Looks
from observatory.ledger.layouts import widened
from observatory.ledger.ledger import Ledger
from observatory.ledger.marks import Marks
from observatory.ledger.packed import PackedRows
from observatory.ledger.pages import Page
from observatory.ledger.rows import apart_outcomes, packed_row_of, row_of, within
from observatory.ledger.targets import Lives, TargetKey
from observatory.sources.base import PUSHDOWN_STEP_MS
from observatory.windows import Grid

HORIZON_MS = 600_000
"""Steps this near to the end of the previous ledger are counted again, for samples that came late."""


def build(
    measurements: Iterable[Measurement],
    sources: Sources,
    grid: Grid,
    *,
    previous: Ledger | None = None,
    keeper: Keeper | None = None,
    late_ms: int = LATE_MS,
) -> Ledger:
    """Good and total per step for every measurement.

    Args:
        previous: The ledger of an earlier refresh; its steps are kept when both grids share their edges. Measurements
            that it does not hold are read in full.
        keeper: Where days that are over are kept and found again; without one every day is counted anew. The numbers
            are the same.
        late_ms: How far back telemetry that came late is looked for; 0 looks no further than the tail.

    Returns:
        A ledger with a row for each measurement that could be asked for. Where a source failed, what is known from
        before is kept, its new steps are not observed, and `problems` says so.
    """
    wanted = {measurement.key: measurement for measurement in measurements}
    arrivals = Arrivals(sources, grid, late_ms)
    marks = previous.marks if previous is not None else None
    late_since_ms = _reached(previous, late_ms) if previous is not None else None
    if previous is not None and grid.end_ms // CHECK_MS != previous.grid.end_ms // CHECK_MS:
        requests_planned = shape_of(wanted).requests
        found = arrivals.marks(requests_planned)
        if found is not None:
            again_ms = found.read_again_from_ms(marks)
            if marks is not None and (known := arrivals.earlier(requests_planned, marks)) is not None:
                again_ms = _earlier(again_ms, known.read_again_from_ms(marks))
            marks = found
            late_since_ms = _earlier(late_since_ms, again_ms)
    if previous is not None and keeper is not None and _days_over(grid) != _days_over(previous.grid):
        # So far back that the day which is over now is counted as one and kept.
        late_since_ms = _earlier(late_since_ms, grid.end_ms - 2 * DAY_MS)
    tail = _tail(grid, previous, late_since_ms, wanted)
    warm = {key: one for key, one in wanted.items() if tail and previous and key in previous.rows}
    cold = {key: one for key, one in wanted.items() if key not in warm}
    rows = PackedRows()
    problems: list[Problem] = []
    requests = 0
    lives = previous.lives if previous is not None and warm else NOT_REMEMBERED
    is_whole = tail is not None and len(blocks_of(tail)) > 1
    if cold and not (warm and is_whole):
        # What others know of their targets is not read again.
        counting = _count(cold, sources, grid, keeper, arrivals, remembered=lives)
        rows, problems, requests = counting.rows, counting.problems, counting.requests
        lives = Lives.together([lives, counting.lives])
        if not warm:
            marks = arrivals.known
    if warm and tail and previous:
        earlier = previous.rows
        assert isinstance(earlier, PackedRows)
        known_ms = min(previous.grid.end_ms, grid.end_ms)
        unseen = Grid(known_ms, grid.step_ms, (grid.end_ms - known_ms) // grid.step_ms)
        for part, keys, fresh in _refreshed(wanted, sources, tail, grid, keeper, arrivals, previous, rows.only(cold)):
            problems += fresh.problems
            requests += fresh.requests
            lives = fresh.lives if is_whole and fresh.rows else _lives_then(lives, previous, fresh)
            for key in keys:
                if key in warm:
                    rows.splice(key, earlier, fresh.rows, previous.grid, part if key in fresh.rows else unseen, grid)
                elif is_whole and key in fresh.rows:
                    rows.take(fresh.rows.only([key]))
                elif key in fresh.rows and key in rows:
                    # Together with the others: what their series tell of the last steps counts for the new ones, too.
                    rows.splice(key, rows, fresh.rows, grid, part, grid)
    if any(problem.severity == "error" for problem in problems):
        # What failed was not read again; it will be, by the marks from before.
        marks = previous.marks if previous is not None else None
    lives = lives.since(grid.start_ms - LOOKBACK_MS)
    return Ledger(grid, rows.only(sorted(rows)), tuple(dict.fromkeys(problems)), requests, marks, lives)


def _lives_then(known: Lives, previous: Ledger, fresh: _Counting) -> Lives:
    """When targets were seen, by what was known before and what was read since: some were taken to go on then."""
    since = Grid(previous.grid.end_ms, previous.grid.step_ms, 1)
    return Lives.in_turn([(previous.grid, known), (since, fresh.lives)])


def _earlier(*instants: int | None) -> int | None:
    return min((one for one in instants if one is not None), default=None)


def _days_over(grid: Grid) -> int:
    """Which days are over, so long that their sources are past them as well."""
    return (grid.end_ms - SEALED_AFTER_MS - HORIZON_MS) // DAY_MS


def _reached(previous: Ledger, late_ms: int) -> int | None:
    """The newest sample that was counted, where that is so long ago that the last steps were not there to be counted.

    A source may be behind, or the clock of this machine ahead; what comes then belongs to steps further back than the
    tail reaches otherwise.
    """
    newest = previous.newest_ms
    if newest is None or newest >= previous.grid.end_ms - HORIZON_MS:
        return None
    return max(newest, previous.grid.end_ms - late_ms)


def _tail(grid: Grid, previous: Ledger | None, late_since_ms: int | None, wanted: Collection[str] = ()) -> Grid | None:
    """The part of the grid to be read anew; None when nothing of the previous ledger can be kept.

    What a server counted is kept up to the end of one of its steps: events of a step are all found at its end.
    """
    if previous is None or previous.grid.step_ms != grid.step_ms:
        return None
    old = previous.grid
    if (grid.start_ms - old.start_ms) % grid.step_ms or old.start_ms > grid.start_ms:
        return None
    horizon = -(-HORIZON_MS // grid.step_ms) * grid.step_ms
    kept_ms = old.end_ms - horizon
    if late_since_ms is not None:
        kept_ms = min(kept_ms, grid.start_ms + (late_since_ms - grid.start_ms) // grid.step_ms * grid.step_ms)
    if any(row.counting == "pushdown" for key in wanted if (row := previous.about(key)) is not None):
        kept_ms -= -(-(kept_ms % PUSHDOWN_STEP_MS) // grid.step_ms) * grid.step_ms
    if not grid.start_ms < kept_ms < grid.end_ms:
        return None
    return Grid(kept_ms, grid.step_ms, (grid.end_ms - kept_ms) // grid.step_ms)


def _refreshed(
    wanted: Mapping[str, Measurement],
    sources: Sources,
    tail: Grid,
    grid: Grid,
    keeper: Keeper | None,
    arrivals: Arrivals,
    previous: Ledger,
    added: PackedRows,
) -> Iterable[tuple[Grid, Iterable[str], _Counting]]:
    """The tail counted anew, and from further back what had gone dark before the tail and has come back in it.

    What counters counted while nobody scraped them belongs to steps that were held as unseen until now.

    Args:
        added: Rows that the previous ledger did not hold.
    """
    if len(blocks_of(tail)) > 1:
        # Days are counted anew in any case, so all that is asked for is.
        fresh = _count(wanted, sources, grid, keeper, arrivals)
        yield grid, [key for key in wanted if key in fresh.rows], fresh
        yield tail, [key for key in wanted if key not in fresh.rows], _Counting(PackedRows(), [], 0, {}, NOT_REMEMBERED)
        return
    known = {key: row for key in wanted if (row := previous.about(key) or (key in added and added.about(key)))}
    outcome_by = {key: frozenset(row.outcome_by) for key, row in known.items() if row.outcome_by}
    # Series that have left the grid are no more read anew either.
    before = {
        key: row.targets for key, row in known.items() if row.targets and (row.last_sample_ms or 0) > grid.start_ms
    }
    fresh = _count(wanted, sources, tail, None, arrivals, outcome_by, before)
    yield tail, wanted, fresh
    lives = _lives_then(previous.lives, previous, fresh)
    waiting = fresh.dark_since | _back_apart(fresh, outcome_by, previous)
    waiting = {key: since_ms for key, since_ms in waiting.items() if key in previous.rows}
    while waiting:
        by_part: dict[Grid, dict[str, Measurement]] = {}
        for key, since_ms in waiting.items():
            kept_ms = grid.start_ms + max(0, (since_ms - grid.start_ms) // grid.step_ms) * grid.step_ms
            part = Grid(kept_ms, grid.step_ms, (grid.end_ms - kept_ms) // grid.step_ms)
            by_part.setdefault(part, {})[key] = wanted[key]
        waiting = {}
        for part, returned in by_part.items():
            again = _count(returned, sources, part, None, arrivals, outcome_by, before, lives)
            yield part, [key for key in returned if key in again.rows], again
            if part.start_ms > grid.start_ms:
                # What is counted again may hold others that had come back, whose past lies further back still.
                waiting |= again.dark_since


def _back_apart(fresh: _Counting, outcome_by: Mapping[str, frozenset[Owner]], previous: Ledger) -> dict[str, int]:
    """Of outcomes that others count, and that were not seen and are now: when they were seen last; see `apart`."""
    found: dict[str, int] = {}
    for key in fresh.rows:
        about = fresh.rows.about(key)
        if not about.outcome_by:
            continue
        since_ms = previous.grid.start_ms
        if key in outcome_by:
            row = fresh.rows[key]
            seen = np.flatnonzero(previous.rows[key].observed)
            since_ms += (int(seen[-1]) + 1 if len(seen) else 0) * previous.grid.step_ms
            if since_ms >= previous.grid.end_ms or not row.observed.any():
                continue
        found[key] = min(since_ms, fresh.dark_since.get(key, since_ms))
    return found


class _Counting(Struct, frozen=True):
    """What one pass over the sources gave.

    Attributes:
        dark_since: By measurement, when series that were dark as the grid began, and came back on it, had been seen
            last.
        lives: When targets were seen.
    """

    rows: PackedRows
    problems: list[Problem]
    requests: int
    dark_since: dict[str, int]
    lives: Lives


def _count(
    measurements: Mapping[str, Measurement],
    sources: Sources,
    grid: Grid,
    keeper: Keeper | None,
    arrivals: Arrivals,
    outcome_by: Mapping[str, frozenset[Owner]] | None = None,
    before: Mapping[str, frozenset[TargetKey]] = MappingProxyType({}),
    remembered: Lives = NOT_REMEMBERED,
) -> _Counting:
    """Count on a grid.

    Args:
        before: By measurement the targets that counted it before what is read.
        remembered: When targets were seen, as measurements know that are not read again; no day is kept with that.
    """
    work = Blocks(measurements, sources, remembered)
    kept = _kept(keeper, work, grid, arrivals)
    pages: dict[Grid, Page] = {}
    blocks = blocks_of(grid)
    if kept is not None:
        pages = kept.load(block for block in blocks if is_day(block))
    runs = _runs([block for block in blocks if block not in pages])
    past = Past(keeper.history(grid.step_ms, joined)) if keeper is not None and kept is not None and runs else None
    whole: list[Page] = []
    # The newest first: how far the sources have come decides which days can be kept.
    for run in reversed(runs):
        for page in work.pages(run):
            pages[page.block] = page
            if kept is not None and not remembered.spans and is_day(page.block) and work.is_whole(page):
                whole.append(page)
                if past is not None and not past.day(page.block):
                    # Nothing can be restored from a day that nobody counted before: it is written while others are
                    # counted.
                    kept.keep(page, work.read_for(page))
    counted = work.joined([pages[block] for block in blocks], grid, kept.day if kept is not None else None)
    bounds, doubtful = work.bounds(counted), work.doubtful(counted)
    apart = work.apart(apart_outcomes(measurements, counted, outcome_by or {}), counted)
    special = bounds.keys() | doubtful.keys() | apart.keys() if counted.has_packed else None
    rows, nowhere = PackedRows(), frozenset[TargetKey]()
    for key, measurement in measurements.items():
        if work.failed and any(leaf in work.failed for leaf, _ in leaves_of(measurement)):
            continue
        if any(expressions_of(measurement, name) for name in work.failed_spans):
            continue
        known = before.get(key, nowhere)
        lying = None if special is None or key in special else packed_row_of(measurement, counted, known)
        if lying is not None:
            rows.put(key, *lying, grid.steps)
            continue
        row = row_of(measurement, counted, apart.get(key), known)
        row = within(measurement, row, bounds[key], counted) if key in bounds else row
        rows[key] = widened(row, doubtful[key]) if key in doubtful else row
    if kept is not None and past is not None:
        from_history, restored = past.restored(rows, grid, runs)
        rows.take(from_history)
        fresh = [page for page in whole if page.block.start_ms not in restored]
        for page in fresh:
            if past.day(page.block):
                kept.keep(page, work.read_for(page))
        counted_now = {block for run in runs for block in run}
        unnoted = [] if work.failed or work.failed_spans else _unnoted(kept, past, pages, counted_now)
        _note(past, [*fresh, *unnoted], rows, grid, measurements)
        work.problems += kept.problems
        if past.is_well:
            kept.note([page.block for page in (*fresh, *unnoted)])
    dark_since = {
        key: min(found)
        for key in (rows if counted.dark_since else ())
        if (
            found := [
                counted.dark_since[leaf] for leaf, _ in leaves_of(measurements[key]) if leaf in counted.dark_since
            ]
        )
    }
    return _Counting(rows, work.problems, work.requests, dark_since, counted.lives)


def _unnoted(kept: KeptPages, past: Past, pages: Mapping[Grid, Page], counted_now: Collection[Grid]) -> list[Page]:
    """Days that were kept by somebody who ended before it was noted what they came to."""
    known = [block for block in pages if is_day(block) and block not in counted_now]
    lacking = past.lacks(known) | kept.unnoted(known) if known else set()
    return [pages[block] for block in known if block.start_ms in lacking]


def _note(
    past: Past, pages: Sequence[Page], rows: PackedRows, grid: Grid, measurements: Mapping[str, Measurement]
) -> None:
    """Note what days came to."""
    counters = {
        key: [leaf for leaf, _ in leaves_of(one)]
        for key, one in measurements.items()
        if not isinstance(one.indicator.good, SlicesAtMost)
    }
    columns = {key: Columns.of(rows, key) for key in rows} if pages else {}
    for page in pages:
        past.keep(columns, grid, page.block, page.sampled_since_ms(counters))


def _kept(keeper: Keeper | None, work: Blocks, grid: Grid, arrivals: Arrivals) -> KeptPages | None:
    if keeper is None:
        return None

    def look(before: Marks | None) -> Looks:
        now = arrivals.marks(work.requests_planned)
        return now, arrivals.earlier(work.requests_planned, before) if now is not None and before is not None else None

    def ask(before: Marks | None) -> Callable[[], Looks]:
        # Asked before any telemetry is, and while days are read that were kept.
        thread = ThreadPoolExecutor(1, "marking")
        looks = thread.submit(look, before)
        thread.shutdown(wait=False)
        return looks.result

    try:
        return KeptPages(keeper, work, grid.step_ms, ask)
    except SourceFailed:
        # A store that cannot say what it holds: it will be asked for its telemetry next, and its failure be told.
        return None


def _runs(blocks: Sequence[Grid]) -> list[list[Grid]]:
    """Blocks in groups that follow one another without a gap: what is read in one go."""
    runs: list[list[Grid]] = []
    for block in blocks:
        if runs and runs[-1][-1].end_ms == block.start_ms:
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs
