"""Values over time as compact traces: typed arrays, a start and a step in place of an array of times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from observatory.sources.base import Float64, Int64

MOST_POINTS = 1000


class Curve(Struct, frozen=True, kw_only=True):
    """One line of a figure.

    Attributes:
        name: What the legend says.
        t_ms: Milliseconds since the epoch, increasing.
        value: Same length, base unit; NaN where nothing was observed.
        meaning: A status word whose colour the line takes (`breached`); empty for a categorical colour.
    """

    name: str
    t_ms: Int64
    value: Float64
    meaning: str = ""

    def seen(self) -> bool:
        """Whether there is any value at all."""
        return bool(np.isfinite(self.value).any())


def thinned(t_ms: Int64, value: Float64, points: int = MOST_POINTS) -> tuple[Int64, Float64]:
    """At most `points` points that keep every peak and hole's edge visible (MinMaxLTTB); short input is unchanged.

    Holes are kept: the value before a hole and the first NaN of it survive, so that no line is drawn across.
    """
    if len(value) <= points:
        return t_ms, value
    from tsdownsample import NaNMinMaxLTTBDownsampler

    holes = ~np.isfinite(value)
    chosen = NaNMinMaxLTTBDownsampler().downsample(np.ascontiguousarray(np.nan_to_num(value)), n_out=points)
    keep = np.zeros(len(value), dtype=bool)
    keep[np.asarray(chosen, dtype=np.int64)] = True
    edges = np.flatnonzero(holes[1:] != holes[:-1])
    keep[edges] = keep[edges + 1] = True
    return t_ms[keep], value[keep]


def alone(value: Float64) -> NDArray[np.bool_]:
    """Which values stand between two holes, so that no line leads to them or away."""
    seen = np.isfinite(value)
    around = np.concatenate(([False], seen, [False]))
    return seen & ~around[:-2] & ~around[2:]


def axis_arrays(t_ms: Int64, value: Float64) -> dict[str, Any]:
    """The x and y of a trace: `x0` and `dx` for equal steps, int64 milliseconds otherwise; y as float32."""
    y = value.astype(np.float32)
    if len(t_ms) > 2:
        steps = np.diff(t_ms)
        if (steps == steps[0]).all():
            return {"x0": int(t_ms[0]), "dx": int(steps[0]), "y": y}
    return {"x": t_ms, "y": y}


def reach(curves: Sequence[Curve]) -> list[float]:
    """The largest absolute value of each curve, for choosing a scale."""
    return [float(np.nanmax(np.abs(curve.value))) for curve in curves if curve.seen()]
