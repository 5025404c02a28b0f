"""`x-slo`: from what people write, list or short form, to checked declarations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_args

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.catalog import SLI_WORDS, ExclusionUse, Measure, SliWord, SloDeclaration, Threshold
from observatory.spec.references import Cursor
from observatory.spec.suggestions import hint_for, meant
from observatory.units import compact_duration, parse_duration, parse_message_count, parse_percentage
from observatory.windows import Window

ENTRY_KEYS = (
    "sli",
    "target",
    "threshold",
    "name",
    "window",
    "timezone",
    "policy",
    "measure",
    "exclusions",
    "min_events",
)
DEFAULT_KEYS = ("window", "timezone", "policy", "measure", "exclusions", "min_events")
MEASURES: tuple[Measure, ...] = get_args(Measure)
EXCLUSION_USES: tuple[ExclusionUse, ...] = get_args(ExclusionUse)
MOST_MIN_EVENTS = 10**12
NEEDS_THRESHOLD: dict[str, str] = {
    "latency": "500ms",
    "lag": "60s or 10000 messages",
    "saturation": "70%",
    "freshness": "10m",
}
CONSUMER_ONLY = frozenset({"lag", "duplicates", "dead_letters"})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_PERCENTILE = re.compile(r"p(\d{2,5})")
MAX_ENTRIES = 100
Place = Callable[[], Location]
"""A place that is looked up only when something is wrong there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloDefaults:
    """`x-slo-defaults`; None where the document does not say."""

    window: str | None = None
    timezone: str | None = None
    policy: str | None = None
    measure: Measure | None = None
    exclusions: ExclusionUse | None = None
    min_events: int | None = None


@dataclass(slots=True)
class SloReader:
    """Reads one `x-slo` value; what is wrong goes to `problems`, what is right is kept."""

    defaults: SloDefaults
    problems: list[Problem] = field(default_factory=list)

    def read(self, value: Cursor) -> tuple[SloDeclaration, ...]:
        """Declarations in the order of writing; wrong entries are left out."""
        found: dict[str, SloDeclaration] = {}
        for entry, word in self._entries(value):
            at = partial(entry.location, "sli") if word is None else partial(value.location, word, key=True)
            declaration = self._declaration(entry, word, at)
            if declaration is None:
                continue
            named = entry.get("name") is not None
            unique = declaration if named else _named_apart(declaration, found)
            if unique.name in found:
                message = f"two objectives are called {unique.name!r}"
                hint = "give one of them another name: {sli: ..., name: strict, ...}"
                self._add("slo-duplicate", message, entry.location(), hint)
            else:
                found[unique.name] = unique
        return tuple(found.values())

    def _entries(self, value: Cursor) -> list[tuple[Cursor, str | None]]:
        """Each entry, with its SLI word where the short form has it as the key."""
        if isinstance(value.value, list):
            entries: list[tuple[Cursor, str | None]] = []
            for item in list(value.items())[:MAX_ENTRIES]:
                if isinstance(item.value, dict):
                    entries.append((item, None))
                else:
                    hint = "write {sli: availability, target: 99.9%}"
                    self._add("slo-form", "an entry of x-slo is a mapping", item.location(), hint)
            return entries
        if isinstance(value.value, dict):
            if "sli" in value.keys():  # noqa: SIM118 (merged layers)
                return [(value, None)]
            for word in value.value:
                if value.get(word) is None:
                    self._empty(value, word)
            return [(one, word) for word, one in value.entries()]
        hint = "write a list of {sli: availability, target: 99.9%}, or availability: 99.9%"
        self._add("slo-form", "x-slo is a list or a mapping", value.location(), hint)
        return []

    def _empty(self, value: Cursor, word: str) -> None:
        """An indicator with nothing behind it; `{availability: 99,9%}` makes a key of what follows the comma."""
        at = value.location(word, key=True)
        if re.fullmatch(r"\d+ ?%", word):
            message = f"{word!r} is no indicator, but what a decimal comma has cut off"
            self._add("slo-sli", message, at, f"write a point: 99.{word}")
        else:
            self._add("slo-incomplete", f"{word} needs a target", at, f"write {word}: 99.9%")

    def _declaration(self, entry: Cursor, word: str | None, sli_at: Place) -> SloDeclaration | None:
        if word is not None and not isinstance(entry.value, dict):
            sli = self._sli(word, sli_at)
            target = self._target(entry.value, entry.location)
            window, timezone = self._window(None)
            if sli is not None:
                self._threshold(sli, None, entry.location)
            if sli is None or target is None or sli in NEEDS_THRESHOLD or window is None:
                return None
            return self._declared(sli, sli, target, None, window, timezone, None, None, entry.location())
        before = len(self.problems)
        known = ENTRY_KEYS if word is None else ENTRY_KEYS[1:]
        misspelt: set[str | None] = set()
        for key in entry.keys():  # noqa: SIM118 (merged layers)
            if key not in known:
                misspelt |= self._unknown(entry, key, known)
        written = word if word is not None else self._value(entry, "sli")
        sli = self._sli(written, sli_at)
        if self._value(entry, "target") is None and "target" in misspelt:
            target = None  # said already, with what was written instead
        elif self._value(entry, "target") is None:
            self._add("slo-incomplete", "an objective needs a target", entry.location(), "add target: 99.9%")
            target = None
        else:
            target = self._target(self._value(entry, "target"), partial(entry.location, "target"))
        bound = entry.get("threshold")
        said = bound is None and "threshold" in misspelt
        threshold = self._threshold(sli, bound, entry.location) if sli and not said else None
        name = self._text(entry, "name", "slo-name", NAME) or sli
        window, timezone = self._window(entry)
        policy = self._text(entry, "policy", "slo-policy", NAME)
        measure = self._measure(entry, sli)
        exclusions = read_exclusion_use(entry.get("exclusions"), self.problems)
        min_events = read_min_events(entry.get("min_events"), self.problems)
        if len(self.problems) > before or sli is None or target is None or name is None or window is None:
            return None
        at = entry.location()
        return self._declared(
            sli, name, target, threshold, window, timezone, policy, measure, at, exclusions, min_events
        )

    def _declared(
        self,
        sli: SliWord,
        name: str,
        target: float,
        threshold: Threshold | None,
        window: str,
        timezone: str,
        policy: str | None,
        measure: Measure | None,
        location: Location,
        exclusions: ExclusionUse | None = None,
        min_events: int | None = None,
    ) -> SloDeclaration:
        chosen = policy or self.defaults.policy
        least = min_events if min_events is not None else self.defaults.min_events
        return SloDeclaration(
            sli=sli,
            name=name,
            target=target,
            threshold=threshold,
            window=window,
            timezone=timezone,
            measure=(measure or self.defaults.measure) if sli == "latency" else None,
            location=location,
            exclusions=exclusions or self.defaults.exclusions or "alerts",
            min_events=least or 0,
            **({"policy": chosen} if chosen else {}),
        )

    def _unknown(self, entry: Cursor, key: str, known: tuple[str, ...]) -> set[str | None]:
        """Report an unknown key; the keys that it stands in for."""
        hint = hint_for(key, known)
        instead = {meant(key, known)}
        if match := _PERCENTILE.fullmatch(key):
            digits = match[1]
            value = self._value(entry, key)
            hint = f"write threshold: {value}, target: {digits[:2]}{'.' + digits[2:] if digits[2:] else ''}%"
            instead = {"threshold", "target"}
        elif key == "max":
            hint = f"write threshold: {self._value(entry, key)}"
            instead = {"threshold"}
        self._add("slo-key", f"x-slo has no key {key!r}", entry.location(key, key=True), hint)
        return instead

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
            self._add("slo-target", f"{_shown(written)} is no target", at, "write 99.9% or 0.999")
        elif ratio == 1:
            message = "a target of 100 % leaves no error budget, so the first bad event would spend all of it"
            self._add("slo-target", message, at, "write the highest target that may sometimes be missed: 99.99%")
        elif not 0 < ratio < 1:
            message = f"the target {_shown(written)} does not lie between 0 % and 100 %"
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
        parsers: dict[str, tuple[tuple[str, Callable[[str], float]], ...]] = {
            "latency": (("second", parse_duration),),
            "lag": (("second", parse_duration), ("message", parse_message_count)),
            "saturation": (("ratio", parse_percentage),),
            "freshness": (("second", parse_duration),),
        }
        for unit, parse in parsers[sli]:
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
            return Threshold(value=number, unit=unit)  # type: ignore[arg-type]
        message = f"{_shown(value)} is no threshold for {sli}"
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
            parsed = Window.parse(str(window), str(zone))
        except (ValueError, OverflowError) as error:
            blame_zone = "time zone" in str(error)
            if entry is not None:
                cursor = (own_zone if blame_zone else own_window) or entry
                code, hint = ("slo-timezone", None) if blame_zone else ("slo-window", _WINDOW_HINT)
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
        message = f"{_shown(written.value)} is no measure" if sli == "latency" else "only latency has a measure"
        self._add("slo-measure", message, written.location(), f"one of {', '.join(MEASURES)}")
        return None

    def _text(self, entry: Cursor, key: str, code: str, form: re.Pattern[str]) -> str | None:
        written = entry.get(key)
        if written is None:
            return None
        if isinstance(written.value, str) and form.fullmatch(written.value):
            return written.value
        message = f"{_shown(written.value)} is no {key}"
        self._add(code, message, written.location(), "letters, digits, dots, underscores and hyphens")
        return None

    def _value(self, entry: Cursor, key: str) -> Any:
        found = entry.get(key)
        return found.value if found is not None else None

    def _add(self, code: str, message: str, at: Location | Place, hint: str | None = None) -> None:
        location = at if isinstance(at, Location) else at()
        self.problems.append(Problem(code=code, message=message, location=location, hint=hint))


_WINDOW_HINT = "write a duration such as 30d, or day, week, month, quarter, year"


def read_exclusion_use(written: Cursor | None, problems: list[Problem]) -> ExclusionUse | None:
    """What planned work does to an objective; None where it is not said, or wrongly."""
    if written is None:
        return None
    for use in EXCLUSION_USES:
        if written.value == use:
            return use
    hint = "alerts: they are silent (the default); budget: that too, and nothing is counted; none: nothing changes"
    message = f"{_shown(written.value)} does not say what planned work does: alerts, budget or none"
    problems.append(Problem(code="slo-exclusions", message=message, location=written.location(), hint=hint))
    return None


def read_min_events(written: Cursor | None, problems: list[Problem]) -> int | None:
    """Events that a window must hold to be judged; None where it is not said, or wrongly."""
    if written is None:
        return None
    value = written.value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_MIN_EVENTS:
        return value
    message = f"{_shown(value)} is no number of events"
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
            message = f"{_shown(one.value)} is no {key}"
            problems.append(Problem(code=code, message=message, location=one.location()))
    try:
        Window.parse(texts.get("window", "30d"), "UTC")
    except (ValueError, OverflowError) as error:
        here = value.location("window")
        problems.append(Problem(code="slo-window", message=str(error), location=here, hint=_WINDOW_HINT))
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


def _named_apart(declaration: SloDeclaration, taken: dict[str, SloDeclaration]) -> SloDeclaration:
    """A second objective for the same indicator is called after what sets it apart: its window or its threshold."""
    from dataclasses import replace

    first = taken.get(declaration.name)
    if first is None:
        return declaration
    if first.window != declaration.window:
        return replace(declaration, name=f"{declaration.name}-{declaration.window}")
    threshold = declaration.threshold
    if threshold is not None and threshold != first.threshold:
        text = compact_duration(threshold.value) if threshold.unit == "second" else f"{threshold.value:g}"
        return replace(declaration, name=f"{declaration.name}-{text}")
    return declaration


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float) or value is None else f"a {type(value).__name__}"
