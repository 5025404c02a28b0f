"""Which unit an axis is written in, so that its numbers are short: 0.02 seconds are 20 ms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Values are multiplied by `factor` and written with `suffix`."""

    factor: float
    suffix: str


_SECONDS = ((86400.0, " d"), (3600.0, " h"), (60.0, " min"), (1.0, " s"), (0.001, " ms"), (0.000001, " µs"))


def scale_for(unit: str, statistic: str, values: Iterable[float]) -> Scale:
    """The scale of an axis.

    Args:
        unit: Base unit of the signal: `second`, `ratio`, `byte`, `message` and so on.
        statistic: `rate` makes it per second.
        values: What is drawn; the largest finite one decides.
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if unit == "ratio":
        return Scale(100.0, " %")
    if statistic in ("rate", "error_rate"):
        if 0 < largest < 0.2:
            return Scale(60.0, "/min") if largest * 60 >= 0.2 else Scale(3600.0, "/h")
        return Scale(1.0, "/s")
    if unit == "second" or statistic in ("age", "behind"):
        size, suffix = next((pair for pair in _SECONDS if largest >= 2 * pair[0]), _SECONDS[-2])
        return Scale(1 / size, suffix)
    return Scale(1.0, "")
