"""Durations, percentages and counts: read from what people write, shown as people read them."""

from __future__ import annotations

import math
import re
from functools import lru_cache

SECONDS_PER = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])", re.ASCII)
_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*(?:messages?|events?)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> float:
    """Seconds in a duration such as `500ms`, `1m30s` or `30d`.

    Raises:
        ValueError: It is not a duration: a bare number has no unit and is refused.
    """
    compact = text.strip().replace(" ", "")
    if not _DURATION.fullmatch(compact):
        raise ValueError(f"{text!r} is not a duration; write a number and a unit, such as 500ms, 60s or 30d")
    return math.fsum(float(number) * SECONDS_PER[unit] for number, unit in _DURATION_PART.findall(compact))


@lru_cache(maxsize=1024)
def parse_percentage(text: str) -> float:
    """The ratio in a percentage such as `99.9%`, computed so that 99.9% is the float 0.999.

    Raises:
        ValueError: It is not a number followed by a percent sign.
    """
    stripped = text.strip()
    if not stripped.endswith("%") or not _NUMBER.fullmatch(number := stripped[:-1].strip()):
        raise ValueError(f"{text!r} is not a percentage; write a number and a percent sign, such as 99.9%")
    # Shifting the decimal exponent in text avoids 99.9 / 100 == 0.9990000000000001.
    return float(f"{number}e-2") if "e" not in number.lower() else float(number) / 100


@lru_cache(maxsize=1024)
def parse_message_count(text: str) -> float:
    """The number in `10000 messages`.

    Raises:
        ValueError: It is not a number followed by the word messages.
    """
    match = _COUNT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a count; write a number and the word messages, such as 10000 messages")
    return float(match[1])


_DUST = 1e-12
"""What is smaller comes from rounding."""


def format_duration(seconds: float) -> str:
    """A duration for people, two units at most: `38 min`, `1 h 20 min`, `120 ms`, `9 d`."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    # Each unit is rounded before it is compared, so that 59 min 59 s reads 1 h and not 60 min.
    if (whole := round(seconds)) < 600:
        return _two_units(whole, 60, "min", "s")
    if (minutes := round(seconds / 60)) < 60:
        return f"{minutes} min"
    if minutes < 1440:
        return _two_units(minutes, 60, "h", "min")
    return _two_units(round(seconds / 3600), 24, "d", "h")


def _two_units(amount: int, size: int, upper: str, lower: str) -> str:
    whole, rest = divmod(amount, size)
    return f"{whole} {upper} {rest} {lower}" if rest else f"{whole} {upper}"


def compact_duration(seconds: float) -> str:
    """A duration as Prometheus and settings write it, exact to the millisecond: `500ms`, `1h30m`, `30d`."""
    left = round(seconds * 1000)
    if left <= 0:
        return "0s"
    parts: list[str] = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        whole, left = divmod(left, size)
        if whole:
            parts.append(f"{whole}{unit}")
    return "".join(parts)


def format_percentage(ratio: float, *, target: float | None = None) -> str:
    """A ratio as a percentage with as many digits as the target needs, never rounded up to 100 %.

    A ratio of 0.99996 against a target of 0.999 reads 99.99 %, not 100 %: only a clean record is 100 %.
    """
    budget = 1 - target if target is not None and 0 < target < 1 else 0.01
    digits = max(2, min(6, math.ceil(round(-math.log10(budget), 9))))
    scaled = ratio * 100
    text = f"{scaled:.{digits}f}"
    if ratio < 1 and float(text) >= 100:
        text = f"{math.floor(scaled * 10**digits) / 10**digits:.{digits}f}"
    return f"{text} %"


def format_whole_percentage(ratio: float) -> str:
    """A ratio in whole per cent; only nothing is 0 % and only all is 100 %: close to them a tenth is told.

    So an error budget that was touched reads `99.7 %`, and one that is just overspent `-0.3 %`.
    """
    shown = round(ratio * 100)
    if shown == 100 and ratio < 1:
        return f"{math.floor(ratio * 1000) / 10:.1f} %"
    if shown == 0 and abs(ratio) > _DUST:
        return f"{'-' if ratio < 0 else ''}{max(1, math.floor(abs(ratio) * 1000)) / 10:.1f} %"
    return f"{shown} %"


def format_count(value: float) -> str:
    """A count with thousands separated; a fraction only where there is one."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def number_of(number: int, noun: str) -> str:
    """So many things in words: `1 channel`, and `0 channels`, `2 channels`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
