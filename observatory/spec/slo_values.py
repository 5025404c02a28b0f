"""The values of an objective, one by one: indicator, target, threshold, window, measure."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.catalog import SLI_WORDS, Measure, SliWord, Threshold, ThresholdUnit
from observatory.spec.references import Cursor
from observatory.spec.slo_defaults import MEASURES, WINDOW_HINT, SloDefaults, shown
from observatory.spec.suggestions import hint_for
from observatory.units import parse_duration, parse_message_count, parse_percentage
from observatory.windows import Window

NEEDS_THRESHOLD: dict[str, str] = {
    "latency": "500ms",
    "lag": "60s or 10000 messages",
    "saturation": "70%",
    "freshness": "10m",
}
_PARSERS: dict[str, tuple[tuple[ThresholdUnit, Callable[[str], float]], ...]] = {
    "latency": (("second", parse_duration),),
    "lag": (("second", parse_duration), ("message", parse_message_count)),
    "saturation": (("ratio", parse_percentage),),
    "freshness": (("second", parse_duration),),
}
Place = Callable[[], Location]
"""A place that is looked up only when something is wrong there."""


class SloValues(Struct):
    """Reads single values; what is wrong goes to `problems`, and the value is None then."""

    defaults: SloDefaults
    problems: list[Problem] = field(default_factory=list)

    def _sli(self, written: Any, at: Place) -> SliWord | None:
        for word in SLI_WORDS:
            if written == word:
                return word
        if written is None:
            self._add("slo-sli", "an objective needs an sli", at, f"one of {', '.join(SLI_WORDS)}")
        else:
            text = str(written)
            alias = {
                "consumer-lag": "lag",
                "dlq": "dead_letters",
                "dead-letters": "dead_letters",
                "auth": "authorization",
            }
            hint = f"did you mean {alias[text]!r}?" if text in alias else hint_for(text, SLI_WORDS)
            self._add("slo-sli", f"{text!r} is no indicator", at, hint)
        return None

    def _target(self, written: Any, at: Place) -> float | None:
        """The ratio of a target. `99.9%` and `0.999` are the same; 99.9 could mean either and is refused."""
        ratio: float | None = None
        if isinstance(written, str) and written.strip().endswith("%"):
            try:
                ratio = parse_percentage(written)
            except ValueError:
                ratio = None
        elif isinstance(written, str) and re.fullmatch(r"0?\.\d+", written.strip()):
            ratio = float(written)
        elif isinstance(written, int | float) and not isinstance(written, bool):
            ratio = float(written)
            if ratio > 1:
                short = f"{written:g}"
                hint = f"write {short}% or {written / 100:.10g}" if written < 100 else "write 99.9% or 0.999"
                self._add("slo-target", f"the target {short} is neither a percentage nor a ratio below 1", at, hint)
                return None
        if ratio is None:
            self._add("slo-target", f"{shown(written)} is no target", at, "write 99.9% or 0.999")
        elif ratio == 1:
            message = "a target of 100 % leaves no error budget, so the first bad event would spend all of it"
            self._add("slo-target", message, at, "write the highest target that may sometimes be missed: 99.99%")
        elif not 0 < ratio < 1:
            message = f"the target {shown(written)} does not lie between 0 % and 100 %"
            self._add("slo-target", message, at, "write 99.9% or 0.999")
        else:
            return ratio
        return None

    def _threshold(self, sli: SliWord, written: Cursor | None, at: Place) -> Threshold | None:
        if sli not in NEEDS_THRESHOLD:
            if written is not None:
                message = f"{sli} takes no threshold"
                self._add("slo-threshold", message, written.location(), "take it out; the target is enough")
            return None
        example = NEEDS_THRESHOLD[sli]
        if written is None:
            self._add("slo-incomplete", f"{sli} needs a threshold", at, f"add threshold: {example}")
            return None
        value = written.value
        for unit, parse in _PARSERS[sli]:
            try:
                number = parse(value) if isinstance(value, str) else None
            except ValueError:
                continue
            if number is None:
                break
            if number <= 0 or (unit == "ratio" and number > 1):
                message = f"the threshold {value} can never be met" if number <= 0 else f"{value} is above 100 %"
                self._add("slo-threshold", message, written.location(), f"write a bound such as {example}")
                return None
            return Threshold(value=number, unit=unit)
        message = f"{shown(value)} is no threshold for {sli}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            message = f"the threshold {value:g} has no unit"
        self._add("slo-threshold", message, written.location(), f"write it with its unit: {example}")
        return None

    def _window(self, entry: Cursor | None) -> tuple[str | None, str]:
        """Window and time zone of an entry; the window is None when it is wrong."""
        own_window = entry.get("window") if entry else None
        own_zone = entry.get("timezone") if entry else None
        window = own_window.value if own_window else self.defaults.window or "30d"
        zone = own_zone.value if own_zone else self.defaults.timezone or "UTC"
        try:
            parsed = _window(str(window), str(zone))
        except (ValueError, OverflowError) as error:
            blame_zone = "time zone" in str(error)
            if entry is not None:
                cursor = (own_zone if blame_zone else own_window) or entry
                code, hint = ("slo-timezone", None) if blame_zone else ("slo-window", WINDOW_HINT)
                self._add(code, str(error), cursor.location(), hint)
            return None, "UTC"
        if own_zone is not None and parsed.kind == "rolling":
            message = f"a window of {window} rolls, and has no time zone"
            self._add("slo-timezone", message, own_zone.location(), "take the time zone out, or use window: month")
        return str(window).strip(), str(zone) if parsed.kind == "calendar" else "UTC"

    def _measure(self, entry: Cursor, sli: str | None) -> Measure | None:
        written = entry.get("measure")
        if written is None:
            return None
        for measure in MEASURES:
            if written.value == measure and sli in ("latency", None):
                return measure
        message = f"{shown(written.value)} is no measure" if sli == "latency" else "only latency has a measure"
        self._add("slo-measure", message, written.location(), f"one of {', '.join(MEASURES)}")
        return None

    def _text(self, entry: Cursor, key: str, code: str, form: re.Pattern[str]) -> str | None:
        written = entry.get(key)
        if written is None:
            return None
        if isinstance(written.value, str) and form.fullmatch(written.value):
            return written.value
        message = f"{shown(written.value)} is no {key}"
        self._add(code, message, written.location(), "letters, digits, dots, underscores and hyphens")
        return None

    def _value(self, entry: Cursor, key: str) -> Any:
        found = entry.get(key)
        return found.value if found is not None else None

    def _add(self, code: str, message: str, at: Location | Place, hint: str | None = None) -> None:
        location = at if isinstance(at, Location) else at()
        self.problems.append(Problem(code=code, message=message, location=location, hint=hint))


def is_threshold(sli: SliWord, text: str) -> bool:
    """Whether a text can be the threshold of an indicator that needs one."""
    for _, parse in _PARSERS[sli]:
        try:
            return parse(text) > 0
        except ValueError:
            continue
    return False


@lru_cache(maxsize=256)
def _window(text: str, timezone: str) -> Window:
    """A window that was parsed before is not parsed again; most documents have one or two."""
    return Window.parse(text, timezone)
