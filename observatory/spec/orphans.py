"""Channels with one side only: sent and never received, received and never sent, as far as documents say.

That is no fault in itself, since the other side may have no document. It is one where a name is nearly that of
another channel: a misnamed topic sends messages elsewhere, and its consumer waits in vain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from observatory.errors import Problem
from observatory.spec.catalog import Action, Catalog, Channel, Operation
from observatory.spec.near_names import NearNames, Nearness

Missing = Literal["receive", "send"]
MAX_NEAR = 3


class Orphan(Struct, frozen=True, kw_only=True):
    """A channel of which one side is missing.

    Attributes:
        missing: What nobody does on it.
        near: Ids of channels that somebody may have meant, likeliest first; on each somebody does what is missing here.
    """

    channel: Channel
    missing: Missing
    near: tuple[str, ...] = ()

    def to_problem(self, catalog: Catalog) -> Problem:
        """The finding, at the operation that waits or speaks alone."""
        action: Action = "send" if self.missing == "receive" else "receive"
        there = next(catalog.operations_on(self.channel.id, action), None)
        done, undone = ("sent", "received") if self.missing == "receive" else ("received", "sent")
        names = " or ".join(repr(one) for one in self.near)
        return Problem(
            code="never-received" if self.missing == "receive" else "never-sent",
            severity="info",
            message=f"{self.channel.id} is {done}, and {undone} by nobody in these documents",
            location=there.location if there else self.channel.location,
            hint=f"did you mean {names}, which is {undone}?" if self.near else None,
            subject=self.channel.id,
        )


def orphans(catalog: Catalog) -> list[Orphan]:
    """Channels with one side only, in the order of the catalogue.

    Replies count as a side, so do channels that overlap, and a channel that takes what others cannot process is sent
    on. A channel whose address is open is none: who is on its other side cannot be known.
    """
    own = sides(catalog)
    missing: dict[str, Missing] = {}
    for channel in catalog.channels:
        there = own[channel.id].union(*(own[other] for other in channel.overlaps))
        if channel.address is not None and len(there) == 1:
            missing[channel.id] = "receive" if there == {"send"} else "send"
    named = {channel.id: channel.address for channel in catalog.channels if channel.address and own[channel.id]}
    near = NearNames.of(named) if missing else None
    found: list[Orphan] = []
    for channel in catalog.channels:
        if (side := missing.get(channel.id)) is not None:
            assert near is not None
            found.append(Orphan(channel=channel, missing=side, near=_near(channel, side, catalog, near, own, missing)))
    return found


def sides(catalog: Catalog) -> Mapping[str, frozenset[Action]]:
    """What documents say is done on each channel: by operations, by replies to them, by dead letters."""
    found: dict[str, set[Action]] = {channel.id: set() for channel in catalog.channels}
    for operation in catalog.operations:
        found[operation.channel_id].add(operation.action)
    for channel_id, replying in replies(catalog).items():
        found[channel_id] |= {_answering(operation) for operation in replying}
    letters = {channel.dead_letter for channel in catalog.channels if channel.dead_letter}
    for channel in catalog.channels if letters else ():
        if channel.address in letters or any(name.value in letters for name in channel.names):
            found[channel.id].add("send")
    return {channel_id: frozenset(done) for channel_id, done in found.items()}


def replies(catalog: Catalog) -> Mapping[str, Sequence[Operation]]:
    """Operations whose reply passes a channel, by its id: who asked receives there, who was asked sends."""
    found: dict[str, list[Operation]] = defaultdict(list)
    for operation in catalog.operations:
        if operation.reply_channel_id is not None:
            found[operation.reply_channel_id].append(operation)
    return found


def _answering(operation: Operation) -> Action:
    return "receive" if operation.action == "send" else "send"


def _near(
    channel: Channel,
    side: Missing,
    catalog: Catalog,
    near: NearNames,
    own: Mapping[str, frozenset[Action]],
    missing: Mapping[str, Missing],
) -> tuple[str, ...]:
    found: list[str] = []
    for how, other in near.near(channel.address or ""):
        if other == channel.id or other in channel.overlaps or side not in own[other]:
            continue
        # What merely resembles it is a suspect only where it waits for the very side that is missing here.
        if how > Nearness.LETTER and missing.get(other) in (None, side):
            continue
        if {channel.protocol, catalog.channel(other).protocol} <= {channel.protocol, None} or (
            channel.protocol is None
        ):
            found.append(other)
    return tuple(found[:MAX_NEAR])
