"""What passed by participants that no document declares: found as the mapping finds it for those that documents do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from observatory.diagnose.drift.volumes import passed_by
from observatory.errors import Problem
from observatory.ledger.evidence import Sources
from observatory.spec.catalog import Catalog, Channel, Operation
from observatory.spec.participant import Participant, Sighting
from observatory.telemetry.binding import MetricBinding
from observatory.telemetry.label_matchers import names_service
from observatory.telemetry.mapping import map_catalog
from observatory.telemetry.recipe import Profile
from observatory.telemetry.survey import Survey
from observatory.windows import TimeRange

RECEIVED = ("acknowledged_messages", "committed_offset", "delivered_messages", "processed_messages")
SENT = ("published_messages",)
"""Signals that rise with what a participant handles, the plainest first."""
Stranger = tuple[str, str, str | None, str | None]
"""Channel id, action, service, consumer group."""


class Passed(Struct, frozen=True):
    """What passed, and by which profile it was counted."""

    seen: Sighting
    profile: str


def stranger_of(channel: Channel, one: Participant) -> Stranger:
    """By what a participant that nobody declares is told from others."""
    return channel.id, one.action, one.service, one.consumer_group


def passed_by_strangers(
    strangers: Iterable[tuple[Channel, Participant]],
    catalog: Catalog,
    profiles: Sequence[Profile],
    survey: Survey,
    sources: Sources,
    span: TimeRange,
    problems: list[Problem],
) -> Mapping[Stranger, Passed]:
    """Messages, first and last instant of each; absent where nothing counts what is theirs alone.

    Args:
        problems: What could not be read is added here.
    """
    by_key: dict[str, Stranger] = {}
    operations: list[Operation] = []
    for number, (channel, one) in enumerate(strangers):
        key = f"{number:07d}"
        by_key[key] = stranger_of(channel, one)
        operations.append(
            Operation(
                key=key, document="", name="", service=one.service or "", action=one.action, channel_id=channel.id,
                channel_key="", consumer_group=one.consumer_group,
            )
        )  # fmt: skip
    if not operations:
        return {}
    there = {operation.channel_id for operation in operations}
    channels = tuple(channel for channel in catalog.channels if channel.id in there)
    asked = replace(catalog, channels=channels, operations=tuple(operations), named=(), journeys=())
    mapping = map_catalog(asked, profiles, survey.inventories, survey.recognised)
    wanted: dict[Stranger, MetricBinding] = {}
    for operation in operations:
        for signal in RECEIVED if operation.action == "receive" else SENT:
            binding = mapping.chosen(operation.key, signal)
            if isinstance(binding, MetricBinding) and _is_its_own(binding, operation):
                wanted[by_key[operation.key]] = binding
                break
    found = passed_by(wanted, sources, span, problems)
    return {stranger: Passed(seen, wanted[stranger].profile) for stranger, seen in found.items()}


def _is_its_own(binding: MetricBinding, operation: Operation) -> bool:
    """Whether live series are those of the participant alone."""
    conditions = [one for one in binding.all[0].selector.matchers if not one.negated and one.values]
    if operation.consumer_group:
        named = any(one.values == (operation.consumer_group,) for one in conditions)
    else:
        named = any(all(names_service(value, operation.service) for value in one.values) for one in conditions)
    return binding.liveness == "live" and named
