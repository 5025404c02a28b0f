"""What became different between two snapshots: declarations that came, went or moved their target."""

from __future__ import annotations

from msgspec import Struct

from observatory.evaluate.snapshot import Snapshot
from observatory.objectives.objective import Objective
from observatory.units import format_percentage


class Change(Struct, frozen=True):
    """One change.

    Attributes:
        at_ms: When it was noticed or happened.
        words: What changed.
        origin: Where this is known from: `documents`, `deploys`, `traces`.
        channel_id: The channel it concerns, empty for the estate.
    """

    at_ms: int
    words: str
    origin: str
    channel_id: str = ""


def changes_between(before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
    """Changes of the documents between two snapshots, channels before operations before objectives."""
    if before.catalog is after.catalog and before.objectives is after.objectives:
        return ()
    at_ms = after.at_ms
    found: list[Change] = []
    old_channels = {channel.id: channel for channel in before.catalog.channels}
    new_channels = {channel.id: channel for channel in after.catalog.channels}
    found += [
        Change(at_ms, f"channel {new_channels[key].label} declared", "documents", key)
        for key in new_channels
        if key not in old_channels
    ]
    found += [
        Change(at_ms, f"channel {old_channels[key].label} no longer declared", "documents", key)
        for key in old_channels
        if key not in new_channels
    ]
    old_operations = {one.key: one for one in before.catalog.operations}
    new_operations = {one.key: one for one in after.catalog.operations}
    found += [
        Change(at_ms, f"operation {key} declared", "documents", new_operations[key].channel_id)
        for key in new_operations
        if key not in old_operations
    ]
    found += [
        Change(at_ms, f"operation {key} no longer declared", "documents", old_operations[key].channel_id)
        for key in old_operations
        if key not in new_operations
    ]
    found += _objectives(before.objectives, after.objectives, at_ms)
    return tuple(found)


def _objectives(before: tuple[Objective, ...], after: tuple[Objective, ...], at_ms: int) -> list[Change]:
    old = {one.id: one for one in before}
    found: list[Change] = []
    for one in after:
        earlier = old.pop(one.id, None)
        if earlier is None:
            found.append(
                Change(
                    at_ms,
                    f"objective {one.id} set to {format_percentage(one.target, target=one.target)}",
                    "documents",
                    one.channel_id,
                )
            )
        elif earlier.target != one.target:
            old_target = format_percentage(earlier.target, target=earlier.target)
            moved = f"{old_target} to {format_percentage(one.target, target=one.target)}"
            found.append(Change(at_ms, f"objective {one.id} moved from {moved}", "documents", one.channel_id))
    found += [Change(at_ms, f"objective {key} removed", "documents", one.channel_id) for key, one in old.items()]
    return found
