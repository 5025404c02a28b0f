"""What a pandas frame must be to become a figure, and the curves, cells and spans in it.

Times stand in the index: a `DatetimeIndex`, UTC where it names no zone, increasing. Columns are lines. NaN, None and
`pd.NA` mean that nothing was observed: a hole, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from observatory.figures.curve import Curve
from observatory.figures.layout import Marker
from observatory.sources.base import Float64, Int64, Span
from observatory.windows import TimeRange

if TYPE_CHECKING:
    import pandas as pd

SPAN_COLUMNS = ("span_id", "service", "name", "start", "end")
"""Columns that every frame of spans has; the others of `Span` are taken where they are there."""


def curves_of(frame: pd.DataFrame | pd.Series[Any], meanings: Mapping[str, str] | None = None) -> list[Curve]:
    """One curve per column, named by it.

    Raises:
        TypeError: The index holds no times, or a column no numbers.
        ValueError: Times are missing, repeated or out of order, or a value is infinite.
    """
    wide = _wide(frame)
    t_ms = times_of(wide)
    return [
        Curve(name=str(name), t_ms=t_ms, value=column, meaning=(meanings or {}).get(str(name), ""))
        for name, column in zip(wide.columns, numbers_of(wide).T, strict=True)
    ]


def numbers_of(frame: pd.DataFrame | pd.Series[Any]) -> Float64:
    """The values as float64, rows by columns; what is missing is NaN.

    Raises:
        TypeError: A column holds no numbers.
        ValueError: A value is infinite, which is no measurement.
    """
    wide = _wide(frame)
    columns: list[Float64] = []
    for index, name in enumerate(wide.columns):
        try:
            column = wide.iloc[:, index].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise TypeError(f"column {str(name)!r} holds no numbers: {error}") from error
        if np.isinf(column).any():
            raise ValueError(f"column {str(name)!r} holds an infinite value; leave out what was not observed")
        columns.append(column)
    return np.column_stack(columns) if columns else np.empty((len(wide), 0))


def times_of(frame: pd.DataFrame | pd.Series[Any]) -> Int64:
    """The index in milliseconds since the epoch.

    Raises:
        TypeError: The index holds no times.
        ValueError: A time is missing, repeated or out of order.
    """
    found = _milliseconds(_time_index(frame))
    if len(found) > 1 and not (np.diff(found) > 0).all():
        raise ValueError("the times of the index are not increasing; sort them and leave each in once")
    return found


def range_of(t_ms: Int64, start: Any = None, end: Any = None) -> TimeRange:
    """The range of an axis: the index with one step before it, or what `start` and `end` say.

    Raises:
        ValueError: It would end before it starts.
    """
    step = int(np.median(np.diff(t_ms))) if len(t_ms) > 1 else 60_000
    first = int(t_ms[0]) - step if len(t_ms) else 0
    last = int(t_ms[-1]) if len(t_ms) else 60_000
    return TimeRange(first if start is None else instant_of(start), last if end is None else instant_of(end))


def instant_of(moment: Any) -> int:
    """Milliseconds since the epoch of anything that pandas takes for a time; UTC where it names no zone.

    Raises:
        ValueError: It is no time.
    """
    import pandas as pd

    return int(_milliseconds(pd.DatetimeIndex([pd.Timestamp(moment)]))[0])


def markers_of(changes: pd.Series[Any] | None) -> list[Marker]:
    """Changes as vertical lines: words as values, their times in the index."""
    if changes is None:
        return []
    return [
        Marker(int(at), str(words))
        for at, words in zip(_milliseconds(_time_index(changes)), changes.to_numpy(), strict=True)
    ]


def spans_of(frame: pd.DataFrame) -> list[Span]:
    """Spans, one per row.

    Columns: `span_id`, `service`, `name`, `start`, `end` (times, UTC where they name no zone); optional `trace_id`,
    `parent_span_id`, `kind`, `error` (true or false), `error_type`, `system`, `destination`, `consumer_group` and
    `links` (a list of (trace id, span id)).

    Raises:
        ValueError: A column or a time is missing, or a span ends before it starts.
    """
    import pandas as pd

    if missing := [name for name in SPAN_COLUMNS if name not in frame.columns]:
        raise ValueError(f"a frame of spans needs the columns {', '.join(SPAN_COLUMNS)}; {', '.join(missing)} missing")
    start = _nanoseconds(pd.DatetimeIndex(pd.to_datetime(frame["start"], utc=True)))
    end = _nanoseconds(pd.DatetimeIndex(pd.to_datetime(frame["end"], utc=True)))
    rows = frame.to_dict("records")
    return [
        Span(
            span_id=str(row["span_id"]),
            service=str(row["service"]),
            name=str(row["name"]),
            start_ns=int(begun),
            end_ns=_after(int(begun), int(ended), row["span_id"]),
            error=_true(row.get("error")),
            links=tuple((str(trace), str(span)) for trace, span in _listed(row.get("links"))),
            trace_id=_text(row, "trace_id"),
            parent_span_id=_text(row, "parent_span_id"),
            kind=_text(row, "kind") or "internal",
            error_type=_text(row, "error_type"),
            system=_text(row, "system"),
            destination=_text(row, "destination"),
            consumer_group=_text(row, "consumer_group"),
        )
        for row, begun, ended in zip(rows, start, end, strict=True)
    ]


def _wide(frame: pd.DataFrame | pd.Series[Any]) -> pd.DataFrame:
    import pandas as pd

    if isinstance(frame, pd.Series):
        return frame.to_frame(frame.name if frame.name is not None else "value")
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"a pandas DataFrame or Series is drawn, and this is a {type(frame).__name__}")
    return frame


def _time_index(frame: pd.DataFrame | pd.Series[Any]) -> pd.DatetimeIndex:
    import pandas as pd

    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        kind = type(index).__name__
        raise TypeError(f"the index is a {kind}; it has to be a DatetimeIndex, such as pd.to_datetime gives")
    if index.hasnans:
        raise ValueError("the index has a missing time (NaT)")
    return index


def _milliseconds(index: pd.DatetimeIndex) -> Int64:
    return np.asarray(_in_utc(index).as_unit("ms").asi8, dtype=np.int64)


def _nanoseconds(index: pd.DatetimeIndex) -> Int64:
    if index.hasnans:
        raise ValueError("a span has no start or no end (NaT)")
    return np.asarray(_in_utc(index).as_unit("ns").asi8, dtype=np.int64)


def _in_utc(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")


def _after(begun: int, ended: int, span_id: object) -> int:
    if ended < begun:
        raise ValueError(f"span {str(span_id)!r} ends before it starts")
    return ended


def _true(value: object) -> bool:
    return isinstance(value, (bool, np.bool_)) and bool(value)


def _text(row: Mapping[Any, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _listed(links: object) -> list[tuple[object, object]]:
    return [(one[0], one[1]) for one in links] if isinstance(links, (list, tuple, np.ndarray)) else []
