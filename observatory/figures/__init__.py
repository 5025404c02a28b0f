"""Rows in, plotly figures or inline SVG out. No Dash, no IO.

The names below are for notebooks: figures of the pages from pandas frames, and frames of what Observatory counted.
They load plotly and pandas when they are used, so that commands which draw nothing do without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from observatory.figures.notebook import (
        budget_strip,
        burn_down,
        burn_heat,
        burn_rates,
        compare_months,
        event_bars,
        lag,
        latency,
        over_time,
        partition_skew,
        trace_waterfall,
    )
    from observatory.figures.tables import (
        budget_table,
        burn_rate_table,
        daily_burn_table,
        series_table,
        span_table,
        status_table,
    )

__all__ = [
    "budget_strip",
    "budget_table",
    "burn_down",
    "burn_heat",
    "burn_rate_table",
    "burn_rates",
    "compare_months",
    "daily_burn_table",
    "event_bars",
    "lag",
    "latency",
    "over_time",
    "partition_skew",
    "series_table",
    "span_table",
    "status_table",
    "trace_waterfall",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'tables' if name.endswith('_table') else 'notebook'}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
