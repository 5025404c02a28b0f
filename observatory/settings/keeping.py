"""How long what is kept: the keys of `store` in observatory.yaml.

store:
  path: observatory.duckdb
  samples: 40d      raw samples; they stay at least until their day has been counted and kept
  spans: 14d        spans and their links, likewise
  days: 800d        days that were counted
  late: 1d          how far back telemetry that comes late is looked for
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from observatory.errors import Problem
from observatory.reading import Reading
from observatory.settings.unknown_keys import unknown_keys
from observatory.units import format_duration, parse_duration

DAY_SECONDS = 86_400.0
KEYS = ("path", "samples", "spans", "days", "late")
LEAST_SECONDS = {"samples": 3 * DAY_SECONDS, "spans": 3 * DAY_SECONDS, "days": 3 * DAY_SECONDS, "late": 0.0}
"""A day is counted with what came before it, so two days and the present one have to be there."""
MOST_LATE_SECONDS = 31 * DAY_SECONDS


class KeepingSettings(Struct, frozen=True, kw_only=True):
    """How long what is kept, in seconds; None keeps it for ever.

    Attributes:
        samples_seconds: Raw samples of the embedded store, once their day has been counted and kept.
        spans_seconds: Spans of the embedded store, likewise.
        days_seconds: Days that were counted.
        late_seconds: How far back telemetry that comes late is looked for.
    """

    samples_seconds: float | None = None
    spans_seconds: float | None = None
    days_seconds: float | None = None
    late_seconds: float = DAY_SECONDS


def read_keeping(told: Mapping[str, Any], reading: Reading, problems: list[Problem]) -> KeepingSettings:
    """The keys of `store` but for its path; every fault goes to `problems` with its place."""
    found: dict[str, float] = {}

    def fault(key: str, message: str, hint: str | None) -> None:
        place = reading.at(("store", key))
        problems.append(Problem(code="settings-value", message=message, location=place, hint=hint))

    problems += unknown_keys(told, KEYS, ("store",), reading)
    for key, value in told.items():
        if key in KEYS and key != "path":
            try:
                seconds = parse_duration(value) if isinstance(value, str) else -1.0
            except ValueError:
                seconds = -1.0
            if seconds < 0:
                fault(key, f"{key} of store is a duration", "write it as 40d")
            elif seconds < LEAST_SECONDS[key]:
                fault(key, f"{key} of store is at least {format_duration(LEAST_SECONDS[key])}", None)
            elif key == "late" and seconds > MOST_LATE_SECONDS:
                fault(key, f"late of store is at most {format_duration(MOST_LATE_SECONDS)}", None)
            else:
                found[f"{key}_seconds"] = seconds
    keeping = KeepingSettings(**found)
    days, samples = keeping.days_seconds, keeping.samples_seconds
    if days is not None and samples is not None and days < samples:
        fault("days", "days that were counted would go before the samples they were counted from", "keep days longer")
    return keeping
