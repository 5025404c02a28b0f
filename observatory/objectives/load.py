"""Objectives from the catalogue: each `x-slo` entry of an operation becomes an objective with a stable id."""

from __future__ import annotations

from observatory.errors import Problem
from observatory.objectives.objective import Objective
from observatory.spec.catalog import Catalog, Channel, Operation, SloDeclaration
from observatory.windows import Window


def objectives_of(catalog: Catalog) -> tuple[tuple[Objective, ...], tuple[Problem, ...]]:
    """Every objective that the documents declare, sorted by id, and what was wrong with those left out.

    An id is `document/operation/name`, so it does not depend on the order of documents. Where two entries of one
    operation share a name, the first counts and the others are reported (`objective-duplicate`). Objectives that a
    channel declares arrive here by way of its operations, which inherit them.
    """
    channels = {channel.id: channel for channel in catalog.channels}
    found: dict[str, Objective] = {}
    problems: list[Problem] = []
    for operation in catalog.operations:
        channel = channels.get(operation.channel_id)
        for declaration in operation.objectives:
            identity = f"{operation.key}/{declaration.name}"
            if identity in found:
                problems.append(
                    Problem(
                        code="objective-duplicate",
                        message=f"{operation.key} has two objectives named {declaration.name!r}; the first one counts",
                        hint="give each entry of x-slo a name of its own",
                        location=declaration.location or operation.location,
                        subject=identity,
                    )
                )
                continue
            try:
                window = Window.parse(declaration.window, declaration.timezone)
            except (ValueError, OverflowError) as error:
                problems.append(
                    Problem(
                        code="window-invalid",
                        message=f"the window of {identity} cannot be used: {error}",
                        hint="write a duration such as 30d, or day, week, month, quarter or year",
                        location=declaration.location or operation.location,
                        subject=identity,
                    )
                )
                continue
            found[identity] = objective_of(identity, operation, channel, declaration, window)
    return tuple(found[key] for key in sorted(found)), tuple(problems)


def objective_of(
    identity: str, operation: Operation, channel: Channel | None, declaration: SloDeclaration, window: Window
) -> Objective:
    """What a declaration asks of an operation."""
    return Objective(
        id=identity,
        document=operation.document,
        operation=operation.name,
        operation_key=operation.key,
        channel_id=operation.channel_id,
        channel_key=operation.channel_key,
        address=channel.address if channel else None,
        protocol=channel.protocol if channel else None,
        role="producer" if operation.action == "send" else "consumer",
        service=operation.service,
        consumer_group=operation.consumer_group,
        sli=declaration.sli,
        name=declaration.name,
        target=declaration.target,
        threshold=declaration.threshold,
        window=window,
        policy=declaration.policy,
        measure=declaration.measure,
        exclusions=declaration.exclusions,
        min_events=declaration.min_events,
        owner=operation.owner or (channel.owner if channel else None),
        domain=operation.domain or (channel.domain if channel else None),
        criticality=operation.criticality,
        location=declaration.location or operation.location,
    )
