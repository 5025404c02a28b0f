"""Splicing: an earlier row, and from some step on what was counted anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec.structs import replace

from observatory.ledger.row import Row
from observatory.sources.base import Float64
from observatory.windows import Grid, TimeRange


def splice(old: Row, old_grid: Grid, new: Row | None, tail: Grid, grid: Grid) -> Row:
    """The old row up to the start of the tail, the new one from there on; without a new one the tail is unseen."""
    first = (grid.start_ms - old_grid.start_ms) // grid.step_ms
    kept = slice(first, first + grid.steps - tail.steps)
    empty = np.zeros(tail.steps)

    def joined(before: Float64 | None, after: Float64 | None, filler: Float64) -> Float64 | None:
        if before is None and after is None:
            return None
        head = before[kept] if before is not None else np.full(grid.steps - tail.steps, filler[:1])
        return np.concatenate((head, after if after is not None else filler))

    def counted(before: Float64, after: Float64 | None) -> Float64:
        return np.concatenate((before[kept], after if after is not None else empty))

    least = None
    if old.at_least is not None:
        unknown = np.zeros(tail.steps, dtype=bool)
        least = np.concatenate((old.at_least[kept], new.at_least if new and new.at_least is not None else unknown))
    seen = counted(old.observed, new.observed if new else None)
    return replace(
        old,
        good=counted(old.good, new.good if new else None),
        total=counted(old.total, new.total if new else None),
        observed=np.zeros(grid.steps) if has_left(old, new, grid) else seen,
        level=joined(old.level, new.level if new else None, np.full(max(1, tail.steps), np.nan)[: tail.steps]),
        level_error=joined(old.level_error, new.level_error if new else None, empty),
        upper=_spliced_upper(old, new, kept, empty),
        at_least=least,
        excluded=None,
        **spliced_facts(old, new, tail, grid),
    )


def spliced_facts(old: Row, new: Row | None, tail: Grid, grid: Grid) -> dict[str, Any]:
    """Of `splice` what is no array of steps, by the name of the field."""
    kept = TimeRange(grid.start_ms, tail.start_ms)
    findings, uncounted = old.findings.cut(kept), old.uncounted.cut(kept)
    if new:
        findings, uncounted = findings + new.findings, uncounted + new.uncounted
    left = has_left(old, new, grid)
    return {
        "counting": new.counting if new and new.series and old.counting != "pushdown" else old.counting,
        "series": 0 if left else max(old.series, new.series if new else 0),
        "last_sample_ms": None if left else _last_ms(old, new),
        "recovered": findings.between(grid.range),
        "findings": findings,
        "uncounted": uncounted,
        "targets": frozenset() if left else new.targets if new else old.targets,
        "outcome_by": (new.outcome_by if new else ()) or old.outcome_by,
        "problems": new.problems if new and new.series else old.problems,
    }


def has_left(old: Row, new: Row | None, grid: Grid) -> bool:
    """Whether all series of a row have ended before the grid: nothing of it was observed there."""
    last_ms = _last_ms(old, new)
    return (bool(old.targets) or old.level is not None) and last_ms is not None and last_ms <= grid.start_ms


def _last_ms(old: Row, new: Row | None) -> int | None:
    return new.last_sample_ms if new and new.last_sample_ms is not None else old.last_sample_ms


def _spliced_upper(old: Row, new: Row | None, kept: slice, empty: Float64) -> Float64 | None:
    """Good events at most; where one part knows them exactly, its good ones are that."""
    if old.upper is None and (new is None or new.upper is None):
        return None
    head = old.upper if old.upper is not None else old.good
    tail = empty if new is None else new.upper if new.upper is not None else new.good
    return np.concatenate((head[kept], tail))
