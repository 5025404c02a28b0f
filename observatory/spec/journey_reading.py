"""`x-slo-journeys` and `journeys` of the settings: from what people write to checked journeys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import field
from msgspec.structs import replace

from observatory.errors import Problem
from observatory.reading import Reading
from observatory.spec.catalog import Criticality, Owner, SliWord
from observatory.spec.declared import DeclaredDocument
from observatory.spec.extensions import JOURNEYS, ExtensionReader
from observatory.spec.files import Library, Source
from observatory.spec.journey import WrittenJourney, WrittenStep
from observatory.spec.references import Cursor, References
from observatory.spec.slo_defaults import NAME, SloDefaults, read_defaults, read_exclusion_use, read_min_events
from observatory.spec.slo_values import SloValues
from observatory.spec.suggestions import hint_for
from observatory.units import parse_duration

JOURNEY_KEYS = (
    *("name", "steps", "target", "window", "timezone", "policy", "within", "owner", "domain", "criticality"),
    *("exclusions", "min_events", "description"),
)
STEP_KEYS = ("channel", "operation", "sli", "threshold", "measure", "optional")
STEP_SLIS: tuple[SliWord, ...] = ("availability", "latency", "validation", "duplicates", "dead_letters")
"""Words that count messages. Minutes of lag, test runs and attempts to log in are no part of a message's way."""
MAX_JOURNEYS = 100
MAX_STEPS = 50
EXAMPLE = "{name: checkout, target: 99.5%, steps: [{operation: placeOrder}, {operation: payments/onOrderPlaced}]}"


class JourneyReader(SloValues):
    """Reads lists of journeys; what is wrong goes to `problems`, journeys with a fault are left out.

    Attributes:
        owner, domain, criticality: For journeys that do not say.
    """

    owner: Owner | None = None
    domain: str | None = None
    criticality: Criticality | None = None
    _extensions: ExtensionReader = field(default_factory=ExtensionReader)

    def read_journeys(self, values: Sequence[Cursor]) -> tuple[WrittenJourney, ...]:
        """Journeys in the order of writing; of two with one name the first is usable."""
        found: list[WrittenJourney] = []
        names: set[str] = set()
        for value in values:
            if not isinstance(value.value, list):
                self._add("journey-form", "journeys are a list", value.location(), f"write - {EXAMPLE}")
                continue
            if len(value.value) > MAX_JOURNEYS:
                message = f"there are more than {MAX_JOURNEYS} journeys, and the first {MAX_JOURNEYS} count"
                self._add("journey-form", message, value.location(str(MAX_JOURNEYS)))
            for item in list(value.items())[:MAX_JOURNEYS]:
                journey = self._journey(item)
                if journey is None:
                    continue
                if journey.name in names:
                    message = f"two journeys are called {journey.name!r}"
                    self._add("journey-name", message, item.location("name"), "give one of them another name")
                    journey = replace(journey, usable=False)
                names |= {journey.name} - {""}
                found.append(journey)
        self.problems += self._extensions.problems
        self._extensions.problems.clear()
        return tuple(found)

    def _journey(self, entry: Cursor) -> WrittenJourney | None:
        if not isinstance(entry.value, dict):
            self._add("journey-form", "a journey is a mapping", entry.location(), f"write {EXAMPLE}")
            return None
        before = len(self.problems) + len(self._extensions.problems)
        self._known(entry, JOURNEY_KEYS, "a journey")
        name = self._text(entry, "name", "journey-name", NAME)
        if entry.get("name") is None:
            self._add("journey-name", "a journey needs a name", entry.location(), "add name: checkout")
        target = None
        if entry.get("target") is None:
            self._add("slo-incomplete", "a journey needs a target", entry.location(), "add target: 99.5%")
        else:
            target = self._target(self._value(entry, "target"), partial(entry.location, "target"))
        steps = self._steps(entry)
        window, timezone = self._window(entry)
        policy = self._text(entry, "policy", "slo-policy", NAME) or self.defaults.policy
        within = self._within(entry)
        exclusions = read_exclusion_use(entry.get("exclusions"), self.problems) or self.defaults.exclusions
        least = read_min_events(entry.get("min_events"), self.problems)
        owner, domain, level = (entry.get(key) for key in ("owner", "domain", "criticality"))
        whose = self._extensions.owner(owner, "owner of the journey") if owner else self.owner
        where = self._extensions.text("domain of a journey", domain) if domain else self.domain
        matters = self._extensions.criticality(level) if level else self.criticality
        return WrittenJourney(
            name=name or "",
            steps=steps,
            target=target or 0.0,
            window=window or "",
            timezone=timezone,
            within_seconds=within,
            owner=whose,
            domain=where,
            criticality=matters,
            exclusions=exclusions or "alerts",
            min_events=(self.defaults.min_events if least is None else least) or 0,
            usable=len(self.problems) + len(self._extensions.problems) == before,
            location=entry.location(),
            policy=policy or "google-30d",
        )

    def _steps(self, entry: Cursor) -> tuple[WrittenStep, ...]:
        written = entry.get("steps")
        hint = "write steps: [{operation: placeOrder}, {operation: payments/onOrderPlaced}]"
        if written is None or not isinstance(written.value, list):
            at = written.location() if written else entry.location()
            self._add("journey-steps", "a journey needs a list of steps", at, hint)
            return ()
        if not 2 <= len(written.value) <= MAX_STEPS:
            message = f"a journey has 2 to {MAX_STEPS} steps, and this one has {len(written.value)}"
            self._add("journey-steps", message, written.location(), None if written.value else hint)
        return tuple(step for item in list(written.items())[:MAX_STEPS] if (step := self._step(item)) is not None)

    def _step(self, item: Cursor) -> WrittenStep | None:
        if not isinstance(item.value, dict):
            self._add("journey-step", "a step is a mapping", item.location(), "write {operation: onOrderPlaced}")
            return None
        self._known(item, STEP_KEYS, "a step")
        channel, operation = self._name(item, "channel"), self._name(item, "operation")
        if item.get("channel") is None and item.get("operation") is None:
            message = "a step names an operation, or a channel that has only one"
            self._add("journey-step", message, item.location(), "write {operation: onOrderPlaced}")
        word = self._value(item, "sli")
        sli = self._sli(word, partial(item.location, "sli")) if word is not None else "availability"
        if sli is not None and sli not in STEP_SLIS:
            message = f"{sli} does not count messages, so it cannot be a part of their journey"
            self._add("journey-step", message, item.location("sli"), f"one of {', '.join(STEP_SLIS)}")
            return None
        bound = item.get("threshold")
        threshold = self._threshold(sli, bound, item.location) if sli and bound is not None else None
        measure = self._measure(item, sli)
        optional = self._value(item, "optional")
        if optional not in (None, True, False) or isinstance(optional, int) != isinstance(optional, bool):
            self._add("journey-step", "optional is true or false", item.location("optional"))
        if sli is None:
            return None
        return WrittenStep(
            channel=channel,
            operation=operation,
            sli=sli,
            threshold=threshold,
            measure=measure or (self.defaults.measure if sli == "latency" else None),
            optional=optional is True,
            location=item.location(),
        )

    def _name(self, item: Cursor, key: str) -> str | None:
        written = item.get(key)
        return self._extensions.text(f"{key} of a step", written) if written is not None else None

    def _within(self, entry: Cursor) -> float | None:
        written = entry.get("within")
        if written is None:
            return None
        try:
            seconds = parse_duration(written.value) if isinstance(written.value, str) else 0.0
        except ValueError:
            seconds = 0.0
        if seconds <= 0:
            self._add("journey-within", f"{written.value!r} is no duration", written.location(), "write within: 2m")
            return None
        return seconds

    def _known(self, holder: Cursor, known: Sequence[str], what: str) -> None:
        for key in holder.keys():  # noqa: SIM118 (merged layers)
            if key not in known:
                message = f"{what} has no key {key!r}"
                self._add("journey-key", message, holder.location(key, key=True), hint_for(key, known))


def journeys_of_document(
    declared: DeclaredDocument,
    extensions: ExtensionReader,
    problems: list[Problem],
    *,
    owner: Owner | None,
    domain: str | None,
) -> tuple[WrittenJourney, ...]:
    """What a document declares on `info` and at its root, together; `problems` is added to.

    Args:
        owner, domain: Those of the document.
    """
    values = [value for _, value in declared.document_levels(JOURNEYS)]
    if not values:
        return ()
    read = [read_defaults(value, problems) for _, value in declared.document_levels("x-slo-defaults")]
    levels = declared.document_levels("x-criticality")
    reader = JourneyReader(
        SloDefaults(
            window=next((one.window for one in read if one.window), None),
            timezone=next((one.timezone for one in read if one.timezone), None),
            policy=next((one.policy for one in read if one.policy), None),
            measure=next((one.measure for one in read if one.measure), None),
            exclusions=next((one.exclusions for one in read if one.exclusions), None),
            min_events=next((one.min_events for one in read if one.min_events is not None), None),
        ),
        owner=owner,
        domain=domain,
        criticality=next((one for _, value in levels if (one := extensions.criticality(value))), None),
    )
    found = reader.read_journeys(values)
    problems += reader.problems
    return found


def journeys_of_settings(reading: Reading, problems: list[Problem]) -> tuple[WrittenJourney, ...]:
    """What `journeys` in a settings file declares; `problems` is added to."""
    references = References(Library(roots=()))
    value = references.root(Source(reading.path, reading)).get("journeys")
    if value is None:
        return ()
    reader = JourneyReader(SloDefaults())
    found = reader.read_journeys([value])
    problems += [*references.problems, *reader.problems]
    return found


def misplaced(holder: Cursor) -> Iterator[Problem]:
    """Journeys on a channel, an operation or a server, where nobody reads them."""
    if isinstance(holder.value, dict) and JOURNEYS in holder.value:
        yield Problem(
            code="journey-misplaced",
            severity="warning",
            message=f"{JOURNEYS} is not read here",
            location=holder.location(JOURNEYS, key=True),
            hint="move it to info or to the root of the document",
        )
