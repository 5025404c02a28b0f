"""`x-slo`: from what people write, list or short form, to checked declarations."""

from __future__ import annotations

import re
from functools import partial

from msgspec import field
from msgspec.structs import replace

from observatory.location import Location
from observatory.spec.catalog import ExclusionUse, Measure, SliWord, SloDeclaration, Threshold
from observatory.spec.references import Cursor
from observatory.spec.slo_defaults import NAME, read_exclusion_use, read_min_events, shown
from observatory.spec.slo_values import NEEDS_THRESHOLD, Place, SloValues, is_threshold
from observatory.spec.suggestions import hint_for, meant
from observatory.units import compact_duration

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
CONSUMER_ONLY = frozenset({"lag", "duplicates", "dead_letters"})
_PERCENTILE = re.compile(r"p(\d{2,5})")
MAX_ENTRIES = 100


class SloReader(SloValues):
    """Reads one `x-slo` value; what is wrong goes to `problems`, what is right is kept.

    Attributes:
        known: What entries of plain values gave, for all readers of a document: operations repeat each other.
    """

    known: dict[object, SloDeclaration] = field(default_factory=dict)

    def read(self, value: Cursor) -> tuple[SloDeclaration, ...]:
        """Declarations in the order of writing; wrong entries are left out."""
        found: dict[str, SloDeclaration] = {}
        for entry, word in self._entries(value):
            at = partial(entry.location, "sli") if word is None else partial(value.location, word, key=True)
            declaration = self._known_or_read(entry, word, at)
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

    def _known_or_read(self, entry: Cursor, word: str | None, sli_at: Place) -> SloDeclaration | None:
        """The declaration of an entry; one that is written like an earlier one differs from it by its place alone."""
        written = entry.value.items() if isinstance(entry.value, dict) else [("", entry.value)]
        if entry.under or any(isinstance(one, dict | list) for _, one in written):
            return self._declaration(entry, word, sli_at)
        key = (word, self.defaults, tuple((name, type(one), one) for name, one in written))
        if (alike := self.known.get(key)) is not None:
            return replace(alike, location=entry.location())
        read = self._declaration(entry, word, sli_at)
        if read is not None:
            self.known[key] = read
        return read

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
            if sli in NEEDS_THRESHOLD:
                self._lone(sli, entry)
                return None
            target = self._target(entry.value, entry.location)
            window, timezone = self._window(None)
            if sli is None or target is None or window is None:
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

    def _lone(self, sli: SliWord, entry: Cursor) -> None:
        """A target or a threshold alone, for an indicator that needs both."""
        written = entry.value
        target, threshold = "99%", NEEDS_THRESHOLD[sli].split()[0]
        if isinstance(written, str) and sli != "saturation" and written.strip().endswith("%"):
            target = written.strip()
        elif isinstance(written, float) and 0 < written < 1:
            target = f"{written:g}"
        elif isinstance(written, str) and is_threshold(sli, written):
            threshold = written.strip()
        message = f"{sli} needs a threshold and a target, and {shown(written)} is one value"
        hint = f"write {sli}: {{threshold: {threshold}, target: {target}}}"
        self._add("slo-incomplete", message, entry.location(), hint)

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


def _named_apart(declaration: SloDeclaration, taken: dict[str, SloDeclaration]) -> SloDeclaration:
    """A second objective for the same indicator is called after what sets it apart: its window or its threshold."""
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
