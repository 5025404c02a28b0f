"""User journeys from the catalogue: each as one objective, and each of its hops as one."""

from __future__ import annotations

from msgspec import Struct

from observatory.objectives.load import objective_of
from observatory.objectives.objective import Objective
from observatory.spec.catalog import Catalog, Channel, Operation, SloDeclaration
from observatory.spec.journey import Journey, JourneyStep
from observatory.windows import Window


class Hop(Struct, frozen=True, kw_only=True):
    """One hop of a journey.

    Attributes:
        objective: What makes the hop good, with the target and the window of the journey; it is judged with it only.
        optional: Messages may go elsewhere before it, so that one which never arrives has not failed.
    """

    objective: Objective
    optional: bool


class JourneyObjective(Struct, frozen=True, kw_only=True):
    """A target for journeys whose every hop is good.

    Attributes:
        objective: The journey as one objective on the channel of its first hop; its id is `document/journeys/name`.
        document: None where the settings declare it.
        hops: In the order in which a message takes them, at least two.
        within_seconds: From the start of the first hop to the end of the last one, at most; None sets no bound.
    """

    objective: Objective
    document: str | None
    hops: tuple[Hop, ...]
    within_seconds: float | None = None

    @property
    def id(self) -> str:
        return self.objective.id

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The journey itself and its hops: what concerns any of them concerns the journey."""
        return self.objective, *(hop.objective for hop in self.hops)


def journeys_of(catalog: Catalog) -> tuple[JourneyObjective, ...]:
    """Every journey of the catalogue, sorted by id."""
    operations = {operation.key: operation for operation in catalog.operations}
    channels = {channel.id: channel for channel in catalog.channels}
    return tuple(_journey(journey, operations, channels) for journey in catalog.journeys)


def _journey(journey: Journey, operations: dict[str, Operation], channels: dict[str, Channel]) -> JourneyObjective:
    written = journey.written
    window = Window.parse(written.window, written.timezone)
    hops = tuple(
        Hop(objective=_hop(journey, step, operations[step.operation_key], channels, window), optional=step.optional)
        for step in journey.steps
    )
    first, entrance = hops[0].objective, operations[journey.steps[0].operation_key]
    return JourneyObjective(
        objective=Objective(
            id=journey.id,
            document=journey.document or "",
            operation=first.operation,
            operation_key=journey.id,
            channel_id=first.channel_id,
            channel_key=first.channel_key,
            address=first.address,
            protocol=first.protocol,
            role=first.role,
            service=first.service,
            consumer_group=None,
            sli="availability",
            name=written.name,
            target=written.target,
            threshold=None,
            window=window,
            policy=written.policy,
            exclusions=written.exclusions,
            min_events=written.min_events,
            owner=written.owner or first.owner,
            domain=written.domain or first.domain,
            criticality=written.criticality or entrance.criticality,
            location=written.location,
        ),
        document=journey.document,
        hops=hops,
        within_seconds=written.within_seconds,
    )


def _hop(
    journey: Journey, step: JourneyStep, operation: Operation, channels: dict[str, Channel], window: Window
) -> Objective:
    written = journey.written
    declaration = SloDeclaration(
        sli=step.sli,
        name=step.sli,
        target=written.target,
        threshold=step.threshold,
        window=written.window,
        timezone=written.timezone,
        policy=written.policy,
        measure=step.measure,
        exclusions=written.exclusions,
        location=step.location,
    )
    identity = f"{journey.id}/{operation.key}/{step.sli}"
    return objective_of(identity, operation, channels.get(operation.channel_id), declaration, window)
