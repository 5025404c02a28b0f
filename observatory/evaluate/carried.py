"""With a source gone: the last numbers of what it measured, beside the new ones of all else.

Numbers that are carried keep the instant they are for; each says so in a problem of its own. Nothing is added to them:
the steps since then are in the ledger as not observed.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from observatory.compile.plan import Measurement
from observatory.errors import Problem
from observatory.evaluate.journey_status import JourneyStatus
from observatory.evaluate.snapshot import Snapshot
from observatory.evaluate.status import ObjectiveStatus
from observatory.ledger.ledger import Ledger
from observatory.ledger.row import Row
from observatory.ledger.splicing import splice
from observatory.windows import Grid, format_instant


def failed_sources(snapshot: Snapshot) -> frozenset[str]:
    """Names of the sources that did not answer."""
    return frozenset(source.name for source in snapshot.status.sources if source.state == "failed")


def asks_any(measurement: Measurement | None, sources: Collection[str]) -> bool:
    """Whether one of the sources measures it."""
    return measurement is not None and any(binding.source in sources for binding in measurement.bindings)


def carried(after: Snapshot, before: Snapshot, gone: Collection[str]) -> tuple[Snapshot, bool]:
    """`after`, with the objectives that the sources that are gone measured as they were in `before`.

    Args:
        after: Made while they did not answer.
        before: Made while they did; no later than `after`.
        gone: Names of sources.

    Returns:
        The snapshot, and whether anything in it is from before.
    """
    old = {
        one.objective.id: one
        for one in before.status.objectives
        if one.counts is not None and asks_any(before.measurements.get(one.objective.id), gone)
    }
    kept = {one.objective.id for one in after.status.objectives if one.objective.id in old}
    journeys, any_kept = _journeys(after, before, gone)
    if not kept and not any_kept:
        return after, False
    statuses = tuple(
        _as_of(old[one.objective.id], before.at_ms, gone, before) if one.objective.id in kept else one
        for one in after.status.objectives
    )
    measurements = {**after.measurements, **{key: before.measurements[key] for key in kept}}
    rows = _rows(after.ledger, before.ledger, {measurements[key].key for key in kept})
    return (
        replace(
            after,
            mapping=before.mapping,
            measurements=measurements,
            ledger=after.ledger.with_rows(rows),
            status=replace(after.status, objectives=statuses, journeys=journeys),
        ),
        True,
    )


def _journeys(after: Snapshot, before: Snapshot, gone: Collection[str]) -> tuple[tuple[JourneyStatus, ...], bool]:
    """Journeys of `after`, those with a hop that the sources that are gone measured as they were; whether any was."""
    old = {
        one.journey.id: one
        for one in before.status.journeys
        if one.status.counts is not None
        and any(asks_any(hop, gone) for hop in before.hops[one.journey.id] if isinstance(hop, Measurement))
    }
    found = tuple(
        replace(kept, status=_told(kept.status, before.at_ms, gone)) if (kept := old.get(one.journey.id)) else one
        for one in after.status.journeys
    )
    return found, any(one.journey.id in old for one in after.status.journeys)


def without(ledger: Ledger, measurements: Collection[Measurement], gone: Collection[str]) -> Ledger:
    """The ledger without rows that lack steps because a source is gone: they are read in full when it is back."""
    holed = {one.key for one in measurements if asks_any(one, gone)}
    return ledger.only(key for key in ledger.rows if key not in holed)


def _as_of(status: ObjectiveStatus, at_ms: int, gone: Collection[str], before: Snapshot) -> ObjectiveStatus:
    bindings = before.measurements[status.objective.id].bindings
    return _told(status, at_ms, dict.fromkeys(binding.source for binding in bindings if binding.source in gone))


def _told(status: ObjectiveStatus, at_ms: int, gone: Collection[str]) -> ObjectiveStatus:
    names = ", ".join(gone)
    told = Problem(
        code="source-unanswered",
        severity="warning",
        message=f"{names} does not answer; the numbers of {status.objective.id} are those of {format_instant(at_ms)}",
        location=status.objective.location,
        subject=status.objective.id,
    )
    return replace(status, problems=(*status.problems, told))


def _rows(new: Ledger, old: Ledger, keys: Collection[str]) -> dict[str, Row]:
    """Old rows moved to the new grid, the steps since then not observed; none where the grids do not match."""
    grid, since = new.grid, new.grid.end_ms - old.grid.end_ms
    fits = old.grid.step_ms == grid.step_ms and old.grid.start_ms <= grid.start_ms < old.grid.end_ms
    if not fits or since % grid.step_ms:
        return {}
    if since <= 0:
        return {key: old.rows[key] for key in keys if key in old.rows} if old.grid == grid else {}
    tail = Grid(old.grid.end_ms, grid.step_ms, since // grid.step_ms)
    return {key: splice(old.rows[key], old.grid, None, tail, grid) for key in keys if key in old.rows}
