"""User journeys: what one message sets off over several channels, as a document or the settings declare it."""

from __future__ import annotations

from msgspec import Struct

from observatory.location import Location, Placed
from observatory.spec.catalog import Criticality, ExclusionUse, Measure, Owner, SliWord, Threshold


class WrittenStep(Placed, frozen=True, kw_only=True):
    """A hop of a journey as written; what it names is looked for once all documents are known.

    Attributes:
        channel: Key in the document, runtime address or catalogue id.
        operation: Its name, or `document/name`.
        threshold: Latency only; where it is not written, that of the operation's own objective.
        optional: Messages may go elsewhere before this hop, so that one which never arrives has not failed.
    """

    channel: str | None
    operation: str | None
    sli: SliWord
    threshold: Threshold | None = None
    measure: Measure | None = None
    optional: bool = False
    location: Location | None = None


class WrittenJourney(Placed, frozen=True, kw_only=True):
    """One entry of `x-slo-journeys`, checked.

    Attributes:
        within_seconds: From the start of the first hop to the end of the last one, at most; None sets no bound.
        owner, domain, criticality: Its own, else those of its document, else None and those of its first hop.
        exclusions, min_events: As of an objective.
        usable: False where something in it is wrong; then only its steps count, for what they name is looked for all
            the same, and the name may be empty.
    """

    name: str
    steps: tuple[WrittenStep, ...]
    target: float
    window: str
    timezone: str
    policy: str
    within_seconds: float | None = None
    owner: Owner | None = None
    domain: str | None = None
    criticality: Criticality | None = None
    exclusions: ExclusionUse = "alerts"
    min_events: int = 0
    usable: bool = True
    location: Location | None = None


class JourneyStep(Placed, frozen=True, kw_only=True):
    """A hop whose operation is known."""

    operation_key: str
    channel_id: str
    sli: SliWord
    threshold: Threshold | None
    measure: Measure | None
    optional: bool
    location: Location | None = None


class Journey(Struct, frozen=True, kw_only=True):
    """A journey whose hops are all known.

    Attributes:
        id: `document/journeys/name`, or `journeys/name` where the settings declare it.
        document: None where the settings declare it.
        written: As declared; `steps` has its hops, in the same order.
    """

    id: str
    document: str | None
    written: WrittenJourney
    steps: tuple[JourneyStep, ...]
