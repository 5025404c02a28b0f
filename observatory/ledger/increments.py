"""Exact increments: how many events lie between two samples of a counter, and in which step they belong.

Rules, for each series by itself; increments of series are added afterwards, never their values:

- An increment is the difference of two neighbouring samples. It belongs to the step that holds the later one; steps
  are left-open, so a sample on an edge belongs to the step that ends there. Nothing is extrapolated.
- A fall of a counter is a reset: the process began anew at zero, and the new value is the increment. What happened
  between the last sample and the restart is unknown and not invented. A restart can also be known from the process's
  start where no value falls, see `restarts`.
- A fall of a position (an offset) to less than half is a re-created topic, which counts from zero; a smaller fall is
  truncation or an old answer of a broker, and no event.
- Of a rising level only rises count.
- A rate counts its value times the time since the sample before. After a gap it stands for a cadence, as it does in
  what was observed: how fast things went in the gap is unknown. Below zero it is nothing.
- The total of a finished period counts once, however often it is scraped while it is shown: each sample counts the
  share of the period that lies between it and the sample before, and the whole where that is further away than the
  period. What periods held that nobody scraped is unknown. The first value of a series is where counting begins.
- Across a gap the difference counts in full and is spread evenly over the gap; coverage says that it was not seen.
  A counter that was missing while its target was scraped, and began anew, has counted since the last scrape without it.
- The first value of a newcomer is an increment: a series that appears while its target was scraped before, or whose
  process started within what is known. What was there before the first knowledge (the start of the server or of its
  retention, the first scrape of a target with a history) is not. See `births`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.ledger.restarts import HiddenRestart
from observatory.ledger.row import Findings
from observatory.ledger.samples import series_blocks
from observatory.ledger.targets import GAP_CADENCES, add_overlap
from observatory.sources.base import Float64, Int64, SampleSet
from observatory.telemetry.binding import SemanticKind
from observatory.windows import Grid

WITHOUT_HISTORY: frozenset[SemanticKind] = frozenset({"rate", "period_total"})
"""Kinds whose values say nothing of the time before."""
FindingRow = tuple[int, float, float, float]
"""Instant, births, resets, events of a gap; see `Findings.of`."""
Spread = tuple[int, int, float]
"""Start and end of a gap in milliseconds, and the events spread over it."""


class Birth(Struct, frozen=True):
    """A series whose first value counts.

    Attributes:
        since_ms: The last instant at which it was known not to exist, or at which its old name was last seen.
        base: Value to start from: 0 for a newcomer; the last one known where a series goes on under another name.
        new: Whether it is a newcomer, whose events a plain increase would lose.
        created: Whether the series, or its process, says since when it exists.
        open: Whether nothing in its block tells that it is a newcomer; what other blocks know of its target decides.
            `since_ms` is then when it must have begun at the latest for its value to be believed, or what was said.
    """

    since_ms: int
    base: float = 0.0
    new: bool = True
    created: bool = False
    open: bool = False


class Tally(Struct, frozen=True):
    """Increments of groups of series on a grid.

    Attributes:
        amount: One line per group, one column per step.
        findings: What was recovered, per group.
        overhang: Per group what was spread over gaps that began before the grid; only the part inside is in `amount`.
    """

    amount: Float64
    findings: tuple[Findings, ...]
    overhang: tuple[tuple[Spread, ...], ...] = ()


def tally(
    samples: SampleSet,
    groups: Int64,
    count: int,
    grid: Grid,
    kind: SemanticKind,
    gaps_ms: Int64,
    births: dict[int, Birth],
    restarts: Mapping[int, Sequence[HiddenRestart]] | None = None,
    lacking_ms: Mapping[int, int] | None = None,
) -> Tally:
    """Increments of every series, added by group.

    Args:
        samples: Fit samples (`ledger.samples.fit`), from before the grid so that its first step has a predecessor.
        groups: Per series the line to add to, 0..count-1; -1 leaves the series out.
        gaps_ms: Per series, samples further apart than this have a gap between them; of totals of periods, how long
            the periods are.
        births: Series whose first value is an increment.
        restarts: Series that began anew without a fall; see `restarts`.
        lacking_ms: By place of a sample with which a series began anew after it was missing: when its target was
            scraped last without it.
    """
    amount = np.zeros((count, grid.steps))
    found = [_Finder() for _ in range(count)]
    offsets = samples.offsets
    for begin, end in series_blocks(offsets):
        part = slice(int(offsets[begin]), int(offsets[end]))
        sizes = np.diff(offsets[begin : end + 1])
        some = _Some(samples.t_ms[part], samples.values[part], sizes, groups[begin:end], gaps_ms[begin:end])
        _add_block(
            amount, found, some, grid, kind, lacking_ms and {at - part.start: ms for at, ms in lacking_ms.items()}
        )
    for index, birth in births.items():
        group = int(groups[index])
        if group >= 0 and offsets[index] < offsets[index + 1]:
            at = int(offsets[index])
            first_ms, value = int(samples.t_ms[at]), float(samples.values[at])
            found[group].add_all(place_birth(amount[group], grid, birth, first_ms, value, int(gaps_ms[index])))
    for index, hidden in (restarts or {}).items():
        group = int(groups[index])
        for one in hidden if group >= 0 else ():
            found[group].add_all(place_restart(amount[group], grid, one))
    return Tally(amount, tuple(finder.done() for finder in found), tuple(tuple(finder.overhang) for finder in found))


def place(line: Float64, grid: Grid, since_ms: int, at_ms: int, amount: float) -> None:
    """Put events into the step of an instant, or spread them evenly over (since, at] when these differ.

    What falls outside the grid is left out: events of a gap that reaches back before the grid count in proportion.
    """
    if since_ms < at_ms:
        add_overlap(line, grid, since_ms, at_ms, amount / ((at_ms - since_ms) / 1000))
    elif grid.start_ms < at_ms <= grid.end_ms:
        line[(at_ms - grid.start_ms - 1) // grid.step_ms] += amount


def place_birth(
    line: Float64, grid: Grid, birth: Birth, first_ms: int, value: float, gap_ms: int
) -> tuple[FindingRow, ...]:
    """Put the first value of a newcomer where it belongs, and tell what that recovered."""
    value -= birth.base
    if value <= 0:
        return ()
    spread = first_ms - birth.since_ms > gap_ms
    place(line, grid, birth.since_ms if spread else first_ms, first_ms, value)
    return _inside(grid, (first_ms, value if birth.new else 0.0, 0.0, value if spread else 0.0))


def place_restart(line: Float64, grid: Grid, restart: HiddenRestart) -> tuple[FindingRow, ...]:
    """Put what the difference of two samples leaves out where it belongs, and tell of the restart."""
    place(line, grid, restart.at_ms, restart.at_ms, restart.forgotten)
    return _inside(grid, (restart.at_ms, 0.0, 1.0 if restart.forgotten > 0 else -1.0, 0.0))


def place_rise(
    line: Float64,
    grid: Grid,
    kind: SemanticKind,
    before: tuple[int, float],
    after: tuple[int, float],
    gap_ms: int,
    lacking_ms: int | None = None,
) -> tuple[FindingRow, ...]:
    """Put what lies between two samples (time, value) of one series where it belongs, and tell what was recovered.

    Args:
        lacking_ms: Where the series began anew after it was missing: when its target was scraped last without it.
    """
    (since_ms, earlier), (at_ms, later) = before, after
    since_ms = since_ms if lacking_ms is None else lacking_ms
    rise = np.asarray([later - earlier])
    fell = later < earlier
    if fell:
        _settle_falls(rise, np.asarray([earlier, later]), np.zeros(1, np.intp), kind)
    amount = float(rise[0])
    if kind in WITHOUT_HISTORY:
        amount = float(_share(np.asarray([later]), np.asarray([at_ms - since_ms]), np.asarray([gap_ms]), kind)[0])
    spread = at_ms - since_ms > gap_ms and kind not in WITHOUT_HISTORY
    if amount != 0:
        place(line, grid, since_ms if spread else at_ms, at_ms, amount)
    resets = 1.0 if fell and kind in ("cumulative", "distribution") else 0.0
    gap = amount if spread else 0.0
    return _inside(grid, (at_ms, 0.0, resets, gap)) if resets or gap else ()


def _inside(grid: Grid, row: FindingRow) -> tuple[FindingRow, ...]:
    return (row,) if grid.start_ms < row[0] <= grid.end_ms else ()


class _Some(Struct, frozen=True):
    """Some series in full, their samples end to end; `sizes`, `groups` and `gaps_ms` are per series."""

    t_ms: Int64
    values: Float64
    sizes: Int64
    groups: Int64
    gaps_ms: Int64

    def per_rise(self, of_series: Int64) -> Int64:
        """What belongs to the series of the later of each two neighbouring samples."""
        return np.repeat(of_series, self.sizes)[1:]


def _add_block(
    amount: Float64,
    found: list[_Finder],
    some: _Some,
    grid: Grid,
    kind: SemanticKind,
    lacking_ms: Mapping[int, int] | None = None,
) -> None:
    """What is rare (gaps, falls, series that are left out) is looked for first and costs nothing where it is not."""
    if len(some.t_ms) < 2:
        return
    at_ms, apart_ms, rise = some.t_ms[1:], np.diff(some.t_ms), np.diff(some.values)
    # From one series to the next nothing rises and no time passes.
    borders = np.cumsum(some.sizes)[:-1] - 1
    borders = borders[(borders >= 0) & (borders < len(rise))]
    apart_ms[borders], rise[borders] = 0, 0.0
    falls = np.flatnonzero(rise < 0) if float(rise.min()) < 0 else np.empty(0, np.intp)
    _settle_falls(rise, some.values, falls, kind)
    if kind in WITHOUT_HISTORY:
        rise = _share(some.values[1:], apart_ms, some.per_rise(some.gaps_ms), kind)
    rise *= _inside_grid(some, grid)
    if kind not in WITHOUT_HISTORY and int(apart_ms.max()) > int(some.gaps_ms.min()):
        spread = np.flatnonzero((apart_ms > some.per_rise(some.gaps_ms)) & (rise != 0))
    else:
        spread = np.empty(0, np.intp)
    groups = some.per_rise(some.groups) if len(spread) or len(falls) else some.groups
    gaps_ms = some.per_rise(some.gaps_ms) if lacking_ms else some.gaps_ms
    for index in spread.tolist():
        group, since, at, events = int(groups[index]), int(some.t_ms[index]), int(at_ms[index]), float(rise[index])
        if lacking_ms and index + 1 in lacking_ms:
            since = lacking_ms[index + 1]
            if at - since <= gaps_ms[index]:
                place(amount[group], grid, at, at, events)
                continue
        place(amount[group], grid, since, at, events)
        found[group].add(at, grid, gap=events)
        if since < grid.start_ms:
            found[group].overhang.append((since, at, events))
    if kind in ("cumulative", "distribution"):
        for index in falls.tolist():
            if groups[index] >= 0:
                found[int(groups[index])].add(int(at_ms[index]), grid, resets=1)
    rise[spread] = 0.0
    _add_near(amount, some, rise, grid)


def _inside_grid(some: _Some, grid: Grid) -> NDArray[np.bool_]:
    """Which rises belong to the grid: those that end after its begin and begin before its end, of series in groups."""
    inside = some.t_ms[1:] > grid.start_ms
    if int(some.t_ms.max()) > grid.end_ms:
        inside &= some.t_ms[:-1] < grid.end_ms
    if int(some.groups.min()) < 0:
        inside &= some.per_rise(some.groups) >= 0
    return inside


def _add_near(amount: Float64, some: _Some, rise: Float64, grid: Grid) -> None:
    """Add rises without a gap to the step of the later sample."""
    cells = some.t_ms[1:] - (grid.start_ms + 1)
    cells //= grid.step_ms
    if int(cells.max()) >= grid.steps:
        rise[cells >= grid.steps] = 0.0
    # What lies outside of the grid is zero by now, and may be added anywhere.
    np.clip(cells, 0, grid.steps - 1, out=cells)
    cells += some.per_rise(np.maximum(some.groups, 0) * grid.steps)
    low = int(cells.min())
    cells -= low
    sums = np.bincount(cells, weights=rise)
    amount.reshape(-1)[low : low + len(sums)] += sums


def _share(values: Float64, elapsed_ms: Int64, gaps_ms: Int64, kind: SemanticKind) -> Float64:
    """Events of values that say how many there are in a time: in a second, or in a period as long as the gap."""
    if kind == "rate":
        seen_ms = np.where(elapsed_ms > gaps_ms, gaps_ms / GAP_CADENCES, elapsed_ms)
        return np.maximum(values, 0.0) * seen_ms / 1000
    share: Float64 = values * np.minimum(elapsed_ms, gaps_ms) / gaps_ms
    return share


def _settle_falls(rise: Float64, values: Float64, falls: NDArray[np.intp], kind: SemanticKind) -> None:
    after = values[falls + 1]
    match kind:
        case "position":
            rise[falls] = np.where(after < values[falls] / 2, after, 0.0)
        case "rising_level":
            rise[falls] = 0.0
        case "cumulative" | "distribution":
            rise[falls] = np.maximum(after, 0.0)
        case _:
            pass


class _Finder:
    """Collects what was recovered in one group."""

    def __init__(self) -> None:
        self._rows: list[FindingRow] = []
        self.overhang: list[Spread] = []

    def add(self, at_ms: int, grid: Grid, births: float = 0.0, resets: int = 0, gap: float = 0.0) -> None:
        if grid.start_ms < at_ms <= grid.end_ms:
            self._rows.append((at_ms, births, float(resets), gap))

    def add_all(self, rows: Iterable[FindingRow]) -> None:
        self._rows += rows

    def done(self) -> Findings:
        return Findings.of(self._rows)
