"""`x-slo-defaults`: what the objectives of a document share, checked."""

from __future__ import annotations

import re
from typing import Any, get_args

from msgspec import Struct

from observatory.errors import Problem
from observatory.spec.catalog import ExclusionUse, Measure
from observatory.spec.references import Cursor
from observatory.spec.suggestions import hint_for
from observatory.windows import Window

DEFAULT_KEYS = ("window", "timezone", "policy", "measure", "exclusions", "min_events")
MEASURES: tuple[Measure, ...] = get_args(Measure)
EXCLUSION_USES: tuple[ExclusionUse, ...] = get_args(ExclusionUse)
MOST_MIN_EVENTS = 10**12
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
WINDOW_HINT = "write a duration such as 30d, or day, week, month, quarter, year"


class SloDefaults(Struct, frozen=True, kw_only=True):
    """`x-slo-defaults`; None where the document does not say."""

    window: str | None = None
    timezone: str | None = None
    policy: str | None = None
    measure: Measure | None = None
    exclusions: ExclusionUse | None = None
    min_events: int | None = None


def read_exclusion_use(written: Cursor | None, problems: list[Problem]) -> ExclusionUse | None:
    """What planned work does to an objective; None where it is not said, or wrongly."""
    if written is None:
        return None
    for use in EXCLUSION_USES:
        if written.value == use:
            return use
    hint = "alerts: they are silent (the default); budget: that too, and nothing is counted; none: nothing changes"
    message = f"{shown(written.value)} does not say what planned work does: alerts, budget or none"
    problems.append(Problem(code="slo-exclusions", message=message, location=written.location(), hint=hint))
    return None


def read_min_events(written: Cursor | None, problems: list[Problem]) -> int | None:
    """Events that a window must hold to be judged; None where it is not said, or wrongly."""
    if written is None:
        return None
    value = written.value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_MIN_EVENTS:
        return value
    message = f"{shown(value)} is no number of events"
    hint = "write a whole number, such as min_events: 100"
    problems.append(Problem(code="slo-min-events", message=message, location=written.location(), hint=hint))
    return None


def read_defaults(value: Cursor, problems: list[Problem]) -> SloDefaults:
    """`x-slo-defaults`, checked; wrong values are left out."""
    at = value.location()
    if not isinstance(value.value, dict):
        hint = "write {window: 30d, policy: google-30d}"
        problems.append(Problem(code="slo-form", message="x-slo-defaults is a mapping", location=at, hint=hint))
        return SloDefaults()
    texts: dict[str, str] = {}
    for key, one in value.entries():
        if key not in DEFAULT_KEYS:
            message = f"x-slo-defaults has no key {key!r}"
            here = value.location(key, key=True)
            problems.append(Problem(code="slo-key", message=message, location=here, hint=hint_for(key, DEFAULT_KEYS)))
        elif key in ("exclusions", "min_events"):
            continue
        elif isinstance(one.value, str) and NAME.fullmatch(one.value.replace("/", "-")):
            texts[key] = one.value
        else:
            code = "slo-window" if key == "window" else f"slo-{key}"
            message = f"{shown(one.value)} is no {key}"
            problems.append(Problem(code=code, message=message, location=one.location()))
    try:
        Window.parse(texts.get("window", "30d"), "UTC")
    except (ValueError, OverflowError) as error:
        here = value.location("window")
        problems.append(Problem(code="slo-window", message=str(error), location=here, hint=WINDOW_HINT))
        texts.pop("window", None)
    try:
        Window.parse("month", texts.get("timezone", "UTC"))
    except ValueError as error:
        problems.append(Problem(code="slo-timezone", message=str(error), location=value.location("timezone")))
        texts.pop("timezone", None)
    measure = next((one for one in MEASURES if one == texts.get("measure")), None)
    if "measure" in texts and measure is None:
        message = f"{texts['measure']!r} is no measure"
        here = value.location("measure")
        hint = f"one of {', '.join(MEASURES)}"
        problems.append(Problem(code="slo-measure", message=message, location=here, hint=hint))
    return SloDefaults(
        window=texts.get("window"),
        timezone=texts.get("timezone"),
        policy=texts.get("policy"),
        measure=measure,
        exclusions=read_exclusion_use(value.get("exclusions"), problems),
        min_events=read_min_events(value.get("min_events"), problems),
    )


def shown(value: Any) -> str:
    """A value as a message quotes it."""
    return repr(value) if isinstance(value, str | int | float) or value is None else f"a {type(value).__name__}"
