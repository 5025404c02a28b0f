"""Which unit an axis is written in, so that its numbers are short: 0.02 seconds are 20 ms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from msgspec import Struct


class Scale(Struct, frozen=True):
    """Values are multiplied by `factor` and written with `suffix`."""

    factor: float
    suffix: str


_BYTES = ((2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"), (1.0, " B"))
_SECONDS = ((86400.0, " d"), (3600.0, " h"), (60.0, " min"), (1.0, " s"), (0.001, " ms"), (0.000001, " µs"))


_WRITTEN: Mapping[str, tuple[str, Scale]] = {
    **{suffix.strip(): ("second", Scale(1 / size, suffix)) for size, suffix in _SECONDS},
    **{suffix.strip(): ("byte", Scale(1 / size, suffix)) for size, suffix in _BYTES},
    **{
        suffix: ("per second", Scale(factor, suffix))
        for suffix, factor in (("/s", 1.0), ("/min", 60.0), ("/h", 3600.0))
    },
    "%": ("ratio", Scale(100.0, " %")),
}
UNIT_WORDS: tuple[str, ...] = tuple(_WRITTEN)
"""Units in which an axis may be written on demand."""


def units_of(unit: str, statistic: str) -> tuple[str, ...]:
    """Words of `UNIT_WORDS` in which values of that unit and statistic can be written."""
    kind = _kind(unit, statistic)
    return tuple(word for word, (of, _) in _WRITTEN.items() if of == kind)


def scale_for(unit: str, statistic: str, values: Iterable[float], written: str = "") -> Scale:
    """The scale of an axis.

    Args:
        unit: Base unit of the signal: `second`, `ratio`, `byte`, `message` and so on.
        statistic: `rate` makes it per second.
        values: What is drawn; the largest finite one decides.
        written: One of `UNIT_WORDS` in which the axis is to be written whatever the values; where it does not fit the
            unit the axis chooses as it does without.
    """
    kind = _kind(unit, statistic)
    if written in _WRITTEN and _WRITTEN[written][0] == kind:
        return _WRITTEN[written][1]
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if kind == "ratio":
        return Scale(100.0, " %")
    if kind == "per second":
        if 0 < largest < 0.2:
            return Scale(60.0, "/min") if largest * 60 >= 0.2 else Scale(3600.0, "/h")
        return Scale(1.0, "/s")
    if kind in ("second", "byte"):
        sizes = _SECONDS if kind == "second" else _BYTES
        size, suffix = next(
            (pair for pair in sizes if largest >= 2 * pair[0]), _SECONDS[-2] if kind == "second" else sizes[-1]
        )
        return Scale(1 / size, suffix)
    return Scale(1.0, "")


def _kind(unit: str, statistic: str) -> str:
    """What is written on the axis: a share, something per second, a time, bytes, or a bare number (empty)."""
    if unit == "ratio":
        return "ratio"
    if statistic in ("rate", "error_rate"):
        return "per second"
    if unit == "second" or statistic in ("age", "behind"):
        return "second"
    return "byte" if unit == "byte" else ""
