"""Numbers of a snapshot as pandas frames: what notebooks reckon with, and what the figures take.

Nothing is computed here that a page, the review or `status --json` computes otherwise: each function hands on arrays of
`observatory.evaluate`. pandas is imported when one of them is called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from observatory.evaluate.estate_status import Status
from observatory.evaluate.grouped import budget_left
from observatory.evaluate.history import burn_cells, burn_histories
from observatory.evaluate.rollup import NO_DOMAIN
from observatory.evaluate.snapshot import SignalSeries, Snapshot
from observatory.evaluate.status import ObjectiveStatus
from observatory.sources.base import Int64, Span
from observatory.units import parse_duration
from observatory.windows import TimeRange

if TYPE_CHECKING:
    import pandas as pd


def status_table(status: Status) -> pd.DataFrame:
    """One row per objective, by its id, with the words and numbers of `status --json`.

    Columns: state, sli, target (ratio), good, total (events), coverage, ratio, allowed, spent (events), left (share of
    the budget, negative when overspent), one column per burn window (`burn 1h`), channel, owner, domain, criticality.
    What cannot be known is NaN.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one in status.objectives:
        counts, budget = one.counts, one.budget
        rows.append(
            {
                "objective": one.objective.id,
                "state": one.state,
                "sli": one.objective.sli,
                "target": one.objective.target,
                "good": counts.good if counts else None,
                "total": counts.total if counts else None,
                "coverage": counts.coverage if counts else None,
                "ratio": counts.ratio if counts else None,
                "allowed": budget.allowed if budget else None,
                "spent": budget.spent if budget else None,
                "left": budget.remaining_ratio if budget else None,
                **{f"burn {window}": rate for window, rate in one.burn_rates.items()},
                "channel": one.objective.channel_key,
                "owner": one.objective.owner.team if one.objective.owner else None,
                "domain": one.objective.domain,
                "criticality": one.objective.criticality,
            }
        )
    words = {"objective", "state", "sli", "channel", "owner", "domain", "criticality"}
    table = pd.DataFrame(rows, columns=None if rows else ["objective", "state", "left"])
    numbers = [name for name in table.columns if name not in words]
    return table.astype(dict.fromkeys(numbers, "float64")).set_index("objective")


def series_table(series: Iterable[SignalSeries]) -> pd.DataFrame:
    """Series of `Estate.series` side by side: one column each, named `subject` or `subject part`, times in UTC.

    Values are in the signal's base unit (per second for rates); NaN where nothing was observed, or where only other
    series have a value.
    """
    import pandas as pd

    columns = {
        f"{one.subject}{f' {one.part}' if one.part else ''}": pd.Series(one.value, index=_index(one.t_ms))
        for one in series
    }
    return pd.DataFrame(columns) if columns else pd.DataFrame(index=_index(np.empty(0, np.int64)))


def burn_rate_table(snapshot: Snapshot, objective_id: str, windows: Sequence[str] = ("1h", "6h", "3d")) -> pd.DataFrame:
    """Burn rates of one objective at every step of the ledger, a column per window: 1 is even, NaN without events.

    Raises:
        KeyError: There is no such objective, or nothing measures it.
        ValueError: A window is no duration.
    """
    import pandas as pd

    status, row = _status_of(snapshot, objective_id), snapshot.row(objective_id)
    if row is None:
        raise KeyError(f"nothing measures {objective_id!r}")
    seconds = {window: parse_duration(window) for window in windows}
    rates = burn_histories(row, snapshot.ledger.grid, status.objective.target, tuple(seconds.values()))
    return pd.DataFrame({window: rates[length] for window, length in seconds.items()}, index=_index(_ends(snapshot)))


def daily_burn_table(snapshot: Snapshot, objective_ids: Sequence[str] = (), days: int = 30) -> pd.DataFrame:
    """Burn rate of each of the last `days` stretches of 24 hours, one row per objective: what heat strips show.

    Columns are dates (UTC) at which the stretch ends; objectives that nothing measures are rows of NaN.

    Args:
        objective_ids: All of them when empty.
    """
    import pandas as pd

    grid = snapshot.ledger.grid
    stride = max(1, 86_400_000 // grid.step_ms)
    ends = _ends(snapshot)[::-1][::stride][:days][::-1]
    rows: dict[str, Any] = {}
    for objective_id in objective_ids or [one.id for one in snapshot.objectives]:
        target, row = _status_of(snapshot, objective_id).objective.target, snapshot.row(objective_id)
        rows[objective_id] = burn_cells(row, grid, target, len(ends), 86_400.0) if row else np.full(len(ends), np.nan)
    dates = [f"{moment:%Y-%m-%d}" for moment in _index(ends)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=dates)


def budget_table(
    snapshot: Snapshot, *, by: Literal["objective", "domain"] = "domain", span: TimeRange | None = None
) -> pd.DataFrame:
    """Share of the error budget left over a span, 1 at its start: what the burn-down shows.

    The denominator is the budget that the whole span's traffic allows, so that even burning is a straight line.
    Availability objectives are added by domain, each measured thing once; or all stand for themselves by objective id.
    What saw no events in the span has no column.

    Args:
        span: The last 30 days of the ledger by default, or all of it where it is shorter.
    """
    import pandas as pd

    grid = snapshot.ledger.grid
    span = span or TimeRange(max(grid.start_ms, grid.end_ms - 30 * 86_400_000), grid.end_ms)
    groups: dict[str, list[ObjectiveStatus]] = {}
    for one in snapshot.status.objectives:
        if by == "objective":
            groups[one.objective.id] = [one]
        elif one.objective.sli == "availability":
            groups.setdefault(one.objective.domain or NO_DOMAIN, []).append(one)
    columns: dict[str, Any] = {}
    for name, members in sorted(groups.items()):
        ends, left = budget_left(snapshot, members, span)
        if len(ends):
            columns[name] = pd.Series(left, index=_index(ends))
    return pd.DataFrame(columns) if columns else pd.DataFrame(index=_index(np.empty(0, np.int64)))


def span_table(spans: Iterable[Span]) -> pd.DataFrame:
    """Spans of a trace, one row each, as `trace_waterfall` takes them; times in UTC to the nanosecond."""
    import pandas as pd

    found = list(spans)
    names = ("trace_id", "span_id", "parent_span_id", "kind", "service", "name", "system", "destination")
    columns: dict[str, Any] = {name: [getattr(one, name) for one in found] for name in names}
    columns |= {name: [getattr(one, name) for one in found] for name in ("consumer_group", "error", "error_type")}
    columns["links"] = [list(one.links) for one in found]
    for name in ("start", "end"):
        nanoseconds = [getattr(one, f"{name}_ns") for one in found]
        columns[name] = pd.to_datetime(pd.Series(nanoseconds, dtype="int64"), unit="ns", utc=True)
    return pd.DataFrame(columns)


def _status_of(snapshot: Snapshot, objective_id: str) -> ObjectiveStatus:
    for one in snapshot.status.objectives:
        if one.objective.id == objective_id:
            return one
    raise KeyError(f"there is no objective {objective_id!r}")


def _ends(snapshot: Snapshot) -> Int64:
    grid = snapshot.ledger.grid
    return grid.start_ms + np.arange(1, grid.steps + 1, dtype=np.int64) * grid.step_ms


def _index(t_ms: Int64) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex(pd.to_datetime(t_ms, unit="ms", utc=True))
