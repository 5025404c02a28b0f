"""What a page is about: the range and the clock of a view, and the channels that its filters let through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

from msgspec import Struct, field

from observatory.evaluate.snapshot import Snapshot
from observatory.evaluate.status import ObjectiveStatus
from observatory.figures.clock import abbreviation, wall
from observatory.objectives.policy import Policy
from observatory.spec.catalog import Channel, Operation
from observatory.web.changes import Change
from observatory.web.channel_standing import ChannelStanding, criticality_of, urgency
from observatory.web.memory import Memory
from observatory.web.parts import clock
from observatory.web.service import Standing
from observatory.web.view import View
from observatory.windows import TimeRange

if TYPE_CHECKING:
    from observatory.evaluate.estate import Estate


class Scope(Struct, frozen=True, kw_only=True):
    """One view of one snapshot: its range, its clock, and the channels that its filters let through.

    Attributes:
        argument: What the page is about: a channel id or a consumer group; empty for the estate.
        now_ms: The reader's clock, for ages only.
    """

    snapshot: Snapshot
    estate: Estate
    view: View
    memory: Memory
    policies: Mapping[str, Policy] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    argument: str = ""
    now_ms: int = 0

    @classmethod
    def of(
        cls,
        standing: Standing,
        estate: Estate,
        view: View,
        *,
        policies: Mapping[str, Policy],
        argument: str = "",
        now_ms: int = 0,
    ) -> Self | None:
        """The board of a service's standing; None before the first snapshot."""
        if standing.snapshot is None:
            return None
        return cls(
            snapshot=standing.snapshot,
            estate=estate,
            view=view,
            memory=standing.memory,
            policies=policies,
            changes=standing.changes,
            argument=argument,
            now_ms=now_ms,
        )

    # time

    @property
    def span(self) -> TimeRange:
        """The range that the view shows."""
        return self.view.span(self.snapshot.at_ms)

    def clock(self, at_ms: int, *, seconds: bool = False) -> str:
        """A time of day on the reader's clock, with the date where it is not the snapshot's day."""
        text = clock(at_ms, self.snapshot.at_ms, self.view.zone)
        return f"{text}:{wall(at_ms, self.view.zone):%S}" if seconds else text

    def between(self, span: TimeRange) -> str:
        """A range on the reader's clock: `11:00 to 12:00`, with dates where it leaves the snapshot's day."""
        first, last = wall(span.start_ms, self.view.zone), wall(span.end_ms, self.view.zone)
        today = wall(self.snapshot.at_ms, self.view.zone).date()
        if first.date() == last.date() == today:
            return f"{first:%H:%M} to {last:%H:%M}"
        return f"{first:%m-%d %H:%M} to {last:{'%H:%M' if first.date() == last.date() else '%m-%d %H:%M'}}"

    @property
    def zone_words(self) -> str:
        """What the reader's clock is called: `UTC`, `CET`."""
        return abbreviation(self.snapshot.at_ms, self.view.zone)

    # what is declared

    def channels(self, *, criticality: Sequence[str] = ()) -> tuple[Channel, ...]:
        """Channels that the filters let through, most critical first, then by id."""
        return tuple(one.channel for one in self.channel_standings(criticality=criticality))

    def channel_standings(self, *, criticality: Sequence[str] = ()) -> tuple[ChannelStanding, ...]:
        """Channels with their objectives: the fastest burning and the worst first."""
        kept = [
            one
            for one in self.every_standing()
            if self._passes(one.channel) and (not criticality or criticality_of(one) in criticality)
        ]
        return tuple(kept)

    def every_standing(self) -> tuple[ChannelStanding, ...]:
        """All channels with their objectives, filters aside."""
        return self.memory.get("standings", self._standings)

    def _standings(self) -> tuple[ChannelStanding, ...]:
        by_channel: dict[str, list[ObjectiveStatus]] = {}
        for status in self.snapshot.status.objectives:
            by_channel.setdefault(status.objective.channel_id, []).append(status)
        found = [
            ChannelStanding(channel=channel, statuses=tuple(sorted(by_channel.get(channel.id, ()), key=urgency)))
            for channel in self.snapshot.catalog.channels
        ]
        found.sort(key=lambda one: (*(urgency(one.worst) if one.worst else (9, 9, 0.0)), one.channel.id))
        return tuple(found)

    def statuses(self) -> tuple[ObjectiveStatus, ...]:
        """Objectives of the channels that the filters let through, the most urgent first."""
        kept = {one.channel.id for one in self.channel_standings()}
        found = [one for one in self.snapshot.status.objectives if one.objective.channel_id in kept]
        return tuple(sorted(found, key=urgency))

    def channel(self, channel_id: str) -> Channel | None:
        """A channel by id, filters aside."""
        return self._channels().get(channel_id)

    def _channels(self) -> Mapping[str, Channel]:
        return self.memory.get("channels", lambda: {one.id: one for one in self.snapshot.catalog.channels})

    def operations(self, channel_ids: Iterable[str] | None = None, action: str | None = None) -> tuple[Operation, ...]:
        """Operations on the channels, in catalogue order; on all filtered channels by default."""
        if isinstance(channel_ids, tuple) and len(channel_ids) == 1:
            return tuple(
                one for one in self.snapshot.catalog.operations_on(channel_ids[0]) if action in (None, one.action)
            )
        kept = set(channel_ids) if channel_ids is not None else {one.channel.id for one in self.channel_standings()}
        return tuple(
            one for one in self.snapshot.catalog.operations if one.channel_id in kept and action in (None, one.action)
        )

    def _passes(self, channel: Channel) -> bool:
        if self.view.domain and (channel.domain or "") != self.view.domain:
            return False
        if self.view.channel and channel.id != self.view.channel:
            return False
        if self.view.broker and (channel.broker or "") != self.view.broker:
            return False
        if self.view.owner and self.view.owner not in self.owners(channel):
            return False
        return not self.view.query or self.view.query.casefold() in self._haystack(channel)

    def owners(self, channel: Channel) -> tuple[str, ...]:
        """Teams that answer for a channel or for one side of it, the channel's own first."""
        found = [channel.owner, *(one.owner for one in self.snapshot.catalog.operations_on(channel.id))]
        return tuple(dict.fromkeys(one.team for one in found if one))

    def _haystack(self, channel: Channel) -> str:
        return self.memory.get("haystacks", self._haystacks)[channel.id]

    def _haystacks(self) -> Mapping[str, str]:
        return {key: self._words_of(one) for key, one in self._channels().items()}

    def _words_of(self, channel: Channel) -> str:
        operations = self.snapshot.catalog.operations_on(channel.id)
        return "\n".join([_own_words(channel), *(_side_words(one) for one in operations)])

    def concerns(self, operation: Operation) -> bool:
        """Whether the free text means this side of its channel: it names the side, or the channel as a whole."""
        return self.names(operation.channel_id, _side_words(operation))

    def names(self, channel_id: str, side_words: str) -> bool:
        """Whether the free text is in the words of one side of a channel, or names the channel as a whole."""
        query, channel = self.view.query.casefold(), self.channel(channel_id)
        return query in side_words.casefold() or (channel is not None and query in _own_words(channel))


def _own_words(channel: Channel) -> str:
    """What a channel is called and who owns it, whoever uses it."""
    words = [channel.id, channel.label, channel.title or "", channel.domain or ""]
    words += [name.value for name in channel.names]
    words += [channel.owner.team] if channel.owner else []
    return "\n".join(words).casefold()


def _side_words(operation: Operation) -> str:
    words = [operation.service, operation.name, operation.consumer_group or ""]
    words += [operation.owner.team] if operation.owner else []
    return "\n".join(words).casefold()
