"""Times as a reader's clock shows them: an IANA zone is part of the view, and everything that is shown goes by it.

Plotly knows no zones. A figure is therefore written on the clock of the reader's zone before it is sent, and the
browser reads a dragged range back from it (`assets/zones.js`).
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from observatory.sources.base import Int64

if TYPE_CHECKING:
    import plotly.graph_objects as go

DEFAULT_ZONE = "UTC"
LONGEST_NAME = 64


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name; UTC for a name that nobody knows, for a page must open."""
    if name in ("", DEFAULT_ZONE) or len(name) > LONGEST_NAME:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC


def known_zone(name: str) -> str:
    """The name itself where there is such a zone, else UTC."""
    return name if zone_of(name) is not UTC else DEFAULT_ZONE


def wall(at_ms: int, zone: str) -> datetime:
    """The instant on the zone's clock."""
    return datetime.fromtimestamp(at_ms / 1000, zone_of(zone))


def abbreviation(at_ms: int, zone: str) -> str:
    """What the zone is called at that instant: `UTC`, `CET`, `+0330`."""
    return wall(at_ms, zone).strftime("%Z") or DEFAULT_ZONE


def offset_ms(at_ms: int, zone: str) -> int:
    """How far the zone's clock is ahead of UTC at that instant."""
    ahead = wall(at_ms, zone).utcoffset()
    return round(ahead.total_seconds() * 1000) if ahead else 0


def on_the_clock(t_ms: Int64, zone: str) -> Int64:
    """Instants as milliseconds of the zone's wall clock.

    Where the clock is set back within the array an hour comes twice, as it does on the wall.
    """
    if not len(t_ms) or zone_of(zone) is UTC:
        return t_ms
    first, last = offset_ms(int(t_ms[0]), zone), offset_ms(int(t_ms[-1]), zone)
    if first == last and int(t_ms[-1]) - int(t_ms[0]) < 60 * 86_400_000:
        return t_ms + first
    return t_ms + np.array([offset_ms(int(at), zone) for at in t_ms], dtype=np.int64)


def set_clock(figure: go.Figure, zone: str) -> None:
    """Write everything on the figure's time axis as the zone's clock shows it; other figures stay as they are.

    As text: plotly takes a number of milliseconds for the time of the browser's own zone, whatever the reader chose.
    """
    if figure.layout.xaxis.type != "date":
        return
    for trace in figure.data:
        _write_trace(trace, zone)
    if figure.layout.xaxis.range:
        figure.layout.xaxis.range = [_written(one, zone) for one in figure.layout.xaxis.range]
    for shape in figure.layout.shapes:
        if shape.xref in (None, "x"):
            shape.x0, shape.x1 = _written(shape.x0, zone), _written(shape.x1, zone)
    for note in figure.layout.annotations:
        if note.xref in (None, "x"):
            note.x = _written(note.x, zone)


def _write_trace(trace: Any, zone: str) -> None:
    if trace.x is not None:
        moved = on_the_clock(np.asarray(trace.x, dtype=np.int64), zone)
        trace.x = [_text(int(at)) for at in moved]
        return
    if trace.x0 is None or trace.dx is None or trace.y is None:
        return
    t_ms = int(trace.x0) + int(trace.dx) * np.arange(len(trace.y), dtype=np.int64)
    moved = on_the_clock(t_ms, zone)
    if len(moved) and int(moved[-1]) - int(moved[0]) == int(t_ms[-1]) - int(t_ms[0]):
        trace.x0 = _text(int(moved[0]))
    else:
        trace.update(x0=None, dx=None)
        trace.x = [_text(int(at)) for at in moved]


def _written(value: Any, zone: str) -> Any:
    """A number as text on the zone's clock; what is no number stays."""
    return _text(int(value) + offset_ms(int(value), zone)) if isinstance(value, (int, float)) else value


def _text(clock_ms: int) -> str:
    at = datetime.fromtimestamp(clock_ms / 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}" + (f".{clock_ms % 1000:03d}" if clock_ms % 1000 else "")
