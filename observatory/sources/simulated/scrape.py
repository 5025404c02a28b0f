"""From curves to samples: what a Prometheus sees of the estate when it scrapes it.

An exporter describes its series as curves over the minutes; scraping reads them at instants. It restarts counters
where the process did, starts a series at its first event, marks series stale when their target is down, and sees
nothing at all while Prometheus itself is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64, SampleSet
from observatory.sources.simulated.load import MINUTE_MS
from observatory.sources.simulated.truth import Truth

SCRAPE_GAP_DAYS_AGO = 15.2
SCRAPE_GAP_MINUTES = 40

Bools = NDArray[np.bool_]
CurveKind = Literal["counter", "position", "level"]


class Target(Struct, frozen=True, kw_only=True):
    """Something that is scraped.

    Attributes:
        process: Key of `Truth.down`; None for what never restarts.
    """

    job: str
    instance: str
    process: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        return {"job": self.job, "instance": self.instance}


class Curve(Struct, frozen=True, kw_only=True):
    """One series before it is scraped.

    Attributes:
        labels: `__name__` and what the exporter adds; the target's labels come on top.
        kind: A counter starts at 0 with its process; a position lives in the broker and survives; a level is read.
        values: At every edge of the truth (minutes + 1): totals since edge 0, or the level.
        from_first: The series exists from its first event on, in each life of the process.
        born_with: Totals whose first event brings the series into being, where these are not its own: the buckets
            of a histogram appear together.
    """

    labels: Mapping[str, str]
    kind: CurveKind
    values: Float64
    from_first: bool = False
    born_with: Float64 | None = None


class Exposition(Struct, frozen=True, kw_only=True):
    """A target and all of its series."""

    target: Target
    curves: tuple[Curve, ...]


def totals(per_minute: Int64 | Float64, start: float = 0.0) -> Float64:
    """A counter's curve from events per minute."""
    found = np.empty(len(per_minute) + 1)
    found[0] = start
    np.cumsum(per_minute, out=found[1:])
    found[1:] += start
    return found


def at_edges(per_minute: Float64 | Int64) -> Float64:
    """A level's curve from its value at the end of each minute."""
    return np.concatenate([per_minute[:1], per_minute]).astype(np.float64)


def gap(anchor_ms: int, days: float) -> tuple[int, int]:
    """(start, end] of the time in which Prometheus was away, milliseconds."""
    squeeze = min(1.0, days / 30.0)
    start = anchor_ms - round(SCRAPE_GAP_DAYS_AGO * squeeze * 86_400_000)
    start -= start % MINUTE_MS
    return start, start + SCRAPE_GAP_MINUTES * MINUTE_MS


def scrape(truth: Truth, exposition: Exposition, t_ms: Int64, away: tuple[int, int]) -> SampleSet:
    """Samples of one target at the given instants.

    Args:
        t_ms: Ascending, inside the truth; on full minutes the values are exact, between them whole events are read
            off a straight line.
        away: From `gap`.
    """
    t_ms = t_ms[(t_ms <= away[0]) | (t_ms > away[1])]
    down = np.asarray(truth.down.get(exposition.target.process or "", ()), dtype=np.int64)
    # A process that is down in minute i fails the scrape at its end and serves from then on.
    ends = truth.start_ms + (down + 1) * MINUTE_MS
    absent = np.zeros(len(t_ms), bool)
    for end in ends:
        absent |= (t_ms > end - MINUTE_MS) & (t_ms <= end)
    life = np.searchsorted(ends, t_ms, side="left")
    births = np.concatenate([[0], down + 1])
    place = (t_ms - truth.start_ms) / MINUTE_MS
    whole = np.minimum(place.astype(np.int64), truth.minutes)
    part = place - whole
    on_edges = not part.any()
    series: list[tuple[Mapping[str, str], Int64, Float64]] = []

    def read(values: Float64, kind: CurveKind) -> Float64:
        found = values[whole]
        if not on_edges and kind != "level":
            following = values[np.minimum(whole + 1, truth.minutes)]
            found = found + np.floor(part * (following - found))
        if kind == "counter" and len(down):
            found = found - np.where(life > 0, values[births[life]], 0.0)
        return np.where(absent, np.nan, found) if absent.any() else found

    for curve in exposition.curves:
        values = read(curve.values, curve.kind)
        labels = {**curve.labels, **exposition.target.labels}
        if curve.from_first:
            begins = values if curve.born_with is None else read(curve.born_with, curve.kind)
            keep = _since_first(begins, life)
            if keep.any():
                series.append((labels, t_ms[keep], values[keep]))
        else:
            series.append((labels, t_ms, values))
    series.append(({"__name__": "up", **exposition.target.labels}, t_ms, np.where(absent, 0.0, 1.0)))
    started = np.concatenate([[truth.start_ms - 86_400_000], ends + 1000]) / 1000
    start_times = np.where(absent, np.nan, started[life])
    series.append(({"__name__": "process_start_time_seconds", **exposition.target.labels}, t_ms, start_times))
    return SampleSet.of(series)


def _since_first(values: Float64, life: Int64) -> Bools:
    """Where a series exists that begins with its first event, in each life of its process.

    The scrape that fails at the end of a life belongs to it, so that it ends with one stale marker.
    """
    exists = np.zeros(len(values), bool)
    for number in np.unique(life):
        inside = np.flatnonzero(life == number)
        alive = np.flatnonzero(values[inside] > 0)
        if len(alive):
            exists[inside[alive[0] :]] = True
    return exists
