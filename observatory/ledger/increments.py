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
- A rate counts its value times the time since the sample before.
- The total of a finished period counts once, however often it is scraped while it is shown: each sample counts the
  share of the period that lies between it and the sample before, and the whole where that is further away than the
  period. What periods held that nobody scraped is unknown. The first value of a series is where counting begins.
- Across a gap the difference counts in full and is spread evenly over the gap; coverage says that it was not seen.
- The first value of a newcomer is an increment: a series that appears while its target was scraped before, or whose
  process started within what is known. What was there before the first knowledge (the start of the server or of its
  retention, the first scrape of a target with a history) is not. See `births`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from observatory.ledger.ledger import Findings
from observatory.ledger.restarts import HiddenRestart
from observatory.ledger.samples import series_blocks
from observatory.ledger.targets import add_overlap
from observatory.sources.base import Float64, Int64, SampleSet
from observatory.telemetry.binding import SemanticKind
from observatory.windows import Grid

FindingRow = tuple[int, float, float, float]
"""Instant, births, resets, events of a gap; see `Findings.of`."""
Spread = tuple[int, int, float]
"""Start and end of a gap in milliseconds, and the events spread over it."""


@dataclass(frozen=True, slots=True)
class Birth:
    """A series whose first value counts.

    Attributes:
        since_ms: The last instant at which it was known not to exist, or at which its old name was last seen.
        base: Value to start from: 0 for a newcomer; the last one known where a series goes on under another name.
        new: Whether it is a newcomer, whose events a plain increase would lose.
        created: Whether it is the series that says since when it exists.
    """

    since_ms: int
    base: float = 0.0
    new: bool = True
    created: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
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
) -> Tally:
    """Increments of every series, added by group.

    Args:
        samples: Fit samples (`ledger.samples.fit`), from before the grid so that its first step has a predecessor.
        groups: Per series the line to add to, 0..count-1; -1 leaves the series out.
        gaps_ms: Per series, samples further apart than this have a gap between them; of totals of periods, how long
            the periods are.
        births: Series whose first value is an increment.
        restarts: Series that began anew without a fall; see `restarts`.
    """
    amount = np.zeros((count, grid.steps))
    found = [_Finder() for _ in range(count)]
    offsets = samples.offsets
    for begin, end in series_blocks(offsets):
        series = np.repeat(np.arange(begin, end), np.diff(offsets[begin : end + 1]))
        part = slice(int(offsets[begin]), int(offsets[end]))
        _add_block(amount, found, samples.t_ms[part], samples.values[part], series, groups, gaps_ms, grid, kind)
    for index, birth in births.items():
        group = int(groups[index])
        if group >= 0 and offsets[index] < offsets[index + 1]:
            at = int(offsets[index])
            first_ms, value = int(samples.t_ms[at]), float(samples.values[at])
            found[group].add_all(place_birth(amount[group], grid, birth, first_ms, value, int(gaps_ms[index])))
    for index, hidden in (restarts or {}).items():
        group = int(groups[index])
        for one in hidden if group >= 0 else ():
            place(amount[group], grid, one.at_ms, one.at_ms, one.forgotten)
            found[group].add(one.at_ms, grid, resets=1)
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


def place_rise(
    line: Float64, grid: Grid, kind: SemanticKind, before: tuple[int, float], after: tuple[int, float], gap_ms: int
) -> tuple[FindingRow, ...]:
    """Put what lies between two samples (time, value) of one series where it belongs, and tell what was recovered."""
    (since_ms, earlier), (at_ms, later) = before, after
    rise = np.asarray([later - earlier])
    fell = later < earlier
    if fell:
        _settle_falls(rise, np.asarray([earlier, later]), np.zeros(1, np.intp), kind)
    amount = float(rise[0])
    if kind in ("rate", "period_total"):
        amount = float(_share(np.asarray([later]), np.asarray([at_ms - since_ms]), np.asarray([gap_ms]), kind)[0])
    spread = at_ms - since_ms > gap_ms and kind != "period_total"
    if amount != 0:
        place(line, grid, since_ms if spread else at_ms, at_ms, amount)
    resets = 1.0 if fell and kind in ("cumulative", "distribution") else 0.0
    gap = amount if spread else 0.0
    return _inside(grid, (at_ms, 0.0, resets, gap)) if resets or gap else ()


def _inside(grid: Grid, row: FindingRow) -> tuple[FindingRow, ...]:
    return (row,) if grid.start_ms < row[0] <= grid.end_ms else ()


def _add_block(
    amount: Float64,
    found: list[_Finder],
    t_ms: Int64,
    values: Float64,
    series: Int64,
    groups: Int64,
    gaps_ms: Int64,
    grid: Grid,
    kind: SemanticKind,
) -> None:
    if len(t_ms) < 2:
        return
    later = series[1:]
    valid = (later == series[:-1]) & (groups[later] >= 0) & (t_ms[1:] > grid.start_ms) & (t_ms[:-1] < grid.end_ms)
    rise = np.diff(values)
    fell = valid & (rise < 0)
    _settle_falls(rise, values, np.flatnonzero(fell), kind)
    if kind in ("rate", "period_total"):
        rise = _share(values[1:], np.diff(t_ms), gaps_ms[later], kind)
    apart = valid & (np.diff(t_ms) > gaps_ms[later]) & (rise != 0) & (kind != "period_total")
    near = np.flatnonzero(valid & ~apart & (rise != 0) & (t_ms[1:] <= grid.end_ms))
    where = near + 1
    steps = (t_ms[where] - grid.start_ms - 1) // grid.step_ms
    cells = groups[series[where]] * grid.steps + steps
    low = int(cells.min()) if len(cells) else 0
    if len(cells):
        sums = np.bincount(cells - low, weights=rise[near])
        amount.reshape(-1)[low : low + len(sums)] += sums
    for index in np.flatnonzero(apart).tolist():
        group, since, at = int(groups[series[index + 1]]), int(t_ms[index]), int(t_ms[index + 1])
        place(amount[group], grid, since, at, float(rise[index]))
        found[group].add(at, grid, gap=float(rise[index]))
        if since < grid.start_ms:
            found[group].overhang.append((since, at, float(rise[index])))
    if kind in ("cumulative", "distribution"):
        for index in np.flatnonzero(fell).tolist():
            found[int(groups[series[index + 1]])].add(int(t_ms[index + 1]), grid, resets=1)


def _share(values: Float64, elapsed_ms: Int64, gaps_ms: Int64, kind: SemanticKind) -> Float64:
    """Events of values that say how many there are in a time: in a second, or in a period as long as the gap."""
    if kind == "rate":
        return values * elapsed_ms / 1000
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
