"""The other extensions: who owns it, where it belongs, how much it matters, which telemetry measures it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from observatory.errors import Problem, Severity
from observatory.location import Location
from observatory.spec.catalog import CRITICALITIES, Criticality, Owner, TelemetryOverride
from observatory.spec.references import Cursor
from observatory.spec.suggestions import hint_for, meant

EXTENSIONS = (
    "x-slo",
    "x-slo-defaults",
    "x-service-name",
    "x-owner",
    "x-domain",
    "x-criticality",
    "x-consumer-group",
    "x-telemetry",
    "x-dead-letter",
)
JOURNEYS = "x-slo-journeys"
"""On `info` and at the root only: what one message sets off over several channels."""
GROUP_HINTS = ("x-groupId", "x-scs-group")
"""Extensions of other tools that name a consumer group."""

APPLICATION_BINDINGS = "x-application-bindings"
"""An extension of another tool: a mapping whose `x-groupId` is the group of everything that the application reads."""

OWNER_KEYS = ("team", "contact", "escalation", "runbook")
MAX_TEXT = 1000
T = TypeVar("T")


class ExtensionReader:
    """Reads extension values; each written value is read, and complained about, once however often it is inherited."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._read: dict[tuple[str, object], Any] = {}

    def once(self, key: str, value: Cursor, read: Callable[[Cursor], T]) -> T:
        """The result of reading a value, from memory the second time."""
        identity = (key, (value.identity, tuple(layer.identity for layer in value.under)))
        if identity not in self._read:
            self._read[identity] = read(value)
        result: T = self._read[identity]
        return result

    def text(self, key: str, value: Cursor) -> str | None:
        """`x-service-name`, `x-domain`, `x-consumer-group`: one line of text."""
        return self.once(key, value, lambda cursor: self._text(key, cursor))

    def owner(self, value: Cursor, provenance: str) -> Owner | None:
        """`x-owner`: a team's name, or a mapping with a team."""
        return self.once("x-owner" + provenance, value, lambda cursor: self._owner(cursor, provenance))

    def criticality(self, value: Cursor) -> Criticality | None:
        """`x-criticality`: one of four words."""
        return self.once("x-criticality", value, self._criticality)

    def telemetry(self, value: Cursor) -> TelemetryOverride | None:
        """`x-telemetry`: a profile, and labels that its series carry."""
        return self.once("x-telemetry", value, self._telemetry)

    def dead_letter(self, value: Cursor) -> str | None:
        """`x-dead-letter`: the address of the channel that takes what cannot be processed, or that channel."""
        return self.once("x-dead-letter", value, self._dead_letter)

    def _text(self, key: str, value: Cursor) -> str | None:
        if (
            isinstance(value.value, str)
            and 0 < len(value.value.strip()) <= MAX_TEXT
            and "\n" not in value.value.strip()
        ):
            return value.value.strip()
        self._add("extension-value", f"{key} is one line of text", value.location())
        return None

    def _owner(self, value: Cursor, provenance: str) -> Owner | None:
        if isinstance(value.value, str) and value.value.strip():
            return Owner(team=value.value.strip(), provenance=provenance, location=value.location())
        if not isinstance(value.value, dict):
            hint = "write x-owner: pay-core, or x-owner: {team: pay-core, contact: '#pay'}"
            self._add("extension-value", "x-owner is the name of a team or a mapping", value.location(), hint)
            return None
        self._unknown_keys("x-owner", value, OWNER_KEYS)
        texts = {key: self._text(f"{key} of x-owner", one) for key, one in value.entries() if key in OWNER_KEYS}
        team = texts.get("team")
        if team is None:
            if "team" not in value.keys():  # noqa: SIM118 (merged layers)
                self._add("extension-value", "x-owner names no team", value.location(), "add team: pay-core")
            return None
        return Owner(
            team=team,
            contact=texts.get("contact"),
            escalation=texts.get("escalation"),
            runbook=texts.get("runbook"),
            provenance=provenance,
            location=value.location(),
        )

    def _criticality(self, value: Cursor) -> Criticality | None:
        for word in CRITICALITIES:
            if value.value == word:
                return word
        hint = hint_for(str(value.value), CRITICALITIES)
        self._add("extension-value", f"{value.value!r} is no criticality", value.location(), hint)
        return None

    def _telemetry(self, value: Cursor) -> TelemetryOverride | None:
        if not isinstance(value.value, dict):
            hint = "write x-telemetry: {profile: kminion, labels: {cluster: eu-1}}"
            self._add("extension-value", "x-telemetry is a mapping", value.location(), hint)
            return None
        self._unknown_keys("x-telemetry", value, ("profile", "labels"))
        profile = value.get("profile")
        labels = value.get("labels")
        pairs: list[tuple[str, str]] = []
        if labels is not None and not isinstance(labels.value, dict):
            self._add("extension-value", "labels of x-telemetry is a mapping", labels.location())
        for name, one in labels.entries() if labels else ():
            if isinstance(one.value, bool) or not isinstance(one.value, str | int):
                self._add("extension-value", f"the label {name!r} has no text as its value", one.location())
            else:
                pairs.append((name, str(one.value)))
        return TelemetryOverride(
            profile=self._text("profile of x-telemetry", profile) if profile else None,
            labels=tuple(sorted(pairs)),
            location=value.location(),
        )

    def _dead_letter(self, value: Cursor) -> str | None:
        if isinstance(value.value, dict) and (address := value.text("address")) is not None:
            return address
        return self._text("x-dead-letter", value)

    def _unknown_keys(self, name: str, value: Cursor, known: Iterable[str]) -> None:
        for key in value.keys():  # noqa: SIM118 (merged layers)
            if key not in known:
                at = value.location(key, key=True)
                self._add("extension-key", f"{name} has no key {key!r}", at, hint_for(key, known))

    def _add(
        self, code: str, message: str, at: Location, hint: str | None = None, severity: Severity = "error"
    ) -> None:
        self.problems.append(Problem(code=code, message=message, severity=severity, location=at, hint=hint))


def misspelt(holder: Cursor) -> Iterator[Problem]:
    """Keys that look like one of the extensions and are none: `x-slos`, `x_slo`, `x-SLO`."""
    for key in holder.value if isinstance(holder.value, dict) else ():
        if key[:2].lower() not in ("x-", "x_") or key in (*EXTENSIONS, *GROUP_HINTS, JOURNEYS):
            continue
        word = key.lower().replace("_", "-")
        known = (*EXTENSIONS, JOURNEYS)
        near = word if word in known else meant(word, known)
        # Short names are near to many; only what differs by a letter or two is a slip.
        if near is not None and (word == near or (abs(len(word) - len(near)) <= 1 and _distance(word, near) <= 2)):
            yield Problem(
                code="extension-misspelt",
                severity="warning",
                message=f"{key!r} is not read",
                location=holder.location(key, key=True),
                hint=f"did you mean {near!r}?",
            )


def _distance(one: str, other: str) -> int:
    """Letters to change, add or drop to make one word of the other (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]
