"""What a signal is looked up for: an operation or a channel, with every name by which exporters may know it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from observatory.location import Placed
from observatory.spec.catalog import Catalog, Channel, NameKind, Operation, RuntimeName
from observatory.telemetry.binding import literal
from observatory.telemetry.dead_letters import NO_DEAD_LETTERS, DeadLetters, Names, dead_letters_of, sent_to
from observatory.telemetry.recipe import Spelling


class WrittenName(Struct, frozen=True):
    """A name as a label or span may hold it.

    Attributes:
        text: Exact, or the template when `pattern` is set.
        pattern: Regular expression of a parameterised address.
        loose: It may mean other channels too.
        tail: More may stand in front of it, before a colon.
    """

    text: str
    pattern: str | None = None
    loose: bool = False
    tail: bool = False


_Written = dict[int, tuple[tuple[Spelling, ...], tuple[WrittenName, ...]]]
"""What spellings make of one channel's names, by their id."""


class Subject(Placed, frozen=True, kw_only=True):
    """An operation or a channel, ready to be matched.

    Attributes:
        key: Operation key or channel id.
        role: `producer`, `consumer` or `channel`.
        names: Runtime names by kind.
        dead_letters: What the channel of its dead letters may be called.
        service, consumer_group: Empty or None for channels.
        sole: No other operation has the same role on the channel.
        only_receive: The service has no other receive operation.
        profile: Profile that `x-telemetry` asks for.
        labels: Labels that `x-telemetry` gives.
    """

    beside: ClassVar = frozenset({"_written"})

    key: str
    role: str
    channel: Channel
    names: Names
    dead_letters: DeadLetters = NO_DEAD_LETTERS
    service: str = ""
    consumer_group: str | None = None
    sole: bool = True
    only_receive: bool = False
    profile: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    _written: _Written = field(default_factory=dict)

    def written(self, spellings: tuple[Spelling, ...]) -> tuple[WrittenName, ...]:
        """Every way in which the spellings write the channel's names; worked out once for all naming variants."""
        known = self._written.get(id(spellings))
        if known is None:
            # The spellings are held, so that their id stays their own; hashing them would cost more than the work.
            known = self._written[id(spellings)] = spellings, written(spellings, self.names)
        return known[1]


def names_of(channel: Channel) -> Names:
    """A channel's runtime names by kind, in the catalogue's order."""
    kinds: dict[NameKind, tuple[RuntimeName, ...]] = {}
    for name in channel.names:
        kinds[name.kind] = (*kinds.get(name.kind, ()), name)
    return kinds


class _Named(Struct, frozen=True):
    """A channel with its names, shared by everyone who uses it."""

    channel: Channel
    names: Names
    written: _Written = field(default_factory=dict)


def subjects_of(catalog: Catalog) -> Iterator[Subject]:
    """Every operation, then every channel, in the catalogue's order."""
    channels = {channel.id: _Named(channel, names_of(channel)) for channel in catalog.channels}
    sides = Counter((operation.channel_id, operation.action) for operation in catalog.operations)
    receives = Counter(operation.service for operation in catalog.operations if operation.action == "receive")
    taken = sent_to(catalog)
    for operation in catalog.operations:
        if named := channels.get(operation.channel_id):
            sole = sides[operation.channel_id, operation.action] == 1
            only = operation.action == "receive" and receives[operation.service] == 1
            yield _operation_subject(named, operation, taken, sole=sole, only_receive=only)
    for named in channels.values():
        yield _channel_subject(named)


def narrowed_channels_of(catalog: Catalog) -> Iterator[Subject]:
    """Channels as operations see them whose `x-telemetry` names labels of their own: one cluster of several, say.

    What belongs to the channel as a whole must be counted where the operation is, not everywhere the name is in use.
    """
    channels = {channel.id: channel for channel in catalog.channels}
    for operation in catalog.operations:
        channel, override = channels.get(operation.channel_id), operation.telemetry
        if channel is None or override is None or not override.labels or override == channel.telemetry:
            continue
        whole = _channel_subject(_Named(channel, names_of(channel)))
        yield replace(whole, key=operation.key, profile=override.profile, labels=dict(override.labels))


def _operation_subject(
    named: _Named, operation: Operation, taken: frozenset[str], *, sole: bool, only_receive: bool
) -> Subject:
    channel, names = named.channel, named.names
    override = operation.telemetry or channel.telemetry
    receives = operation.action == "receive"
    return Subject(
        key=operation.key,
        role="consumer" if receives else "producer",
        channel=channel,
        names=names,
        dead_letters=(
            dead_letters_of(channel, names, operation.consumer_group, taken) if receives else NO_DEAD_LETTERS
        ),
        service=operation.service,
        consumer_group=operation.consumer_group,
        sole=sole,
        only_receive=only_receive,
        profile=override.profile if override else None,
        labels=dict(override.labels) if override else {},
        _written=named.written,
    )


def _channel_subject(named: _Named) -> Subject:
    override = named.channel.telemetry
    return Subject(
        key=named.channel.id,
        role="channel",
        channel=named.channel,
        names=named.names,
        profile=override.profile if override else None,
        labels=dict(override.labels) if override else {},
        _written=named.written,
    )


_NOTHING = (RuntimeName(kind="destination", value="", provenance=""),)


def written(spellings: Sequence[Spelling], names: Names) -> tuple[WrittenName, ...]:
    """Every way in which the spellings write these names, in their order, each once."""
    found: dict[WrittenName, None] = {}
    for spelling in spellings:
        if len(spelling.kinds) == 1:
            for name in names.get(spelling.kinds[0], ()) if names.get(spelling.kinds[0], _NOTHING)[0].value else ():
                found[WrittenName(name.value, name.pattern, spelling.loose, spelling.tail)] = None
            continue
        known = [part for kind in spelling.kinds if (part := names.get(kind)) and part[0].value]
        if len(known) < min(2, len(spelling.kinds)):
            # An exchange without its key is no spelling of exchange and key.
            continue
        for combination in product(*known):
            found[_joined(combination, spelling)] = None
            if len(combination) > 1:
                found[_joined(_without_repeats(combination), spelling)] = None
    return tuple(found)


def _without_repeats(combination: tuple[RuntimeName, ...]) -> tuple[RuntimeName, ...]:
    kept: list[RuntimeName] = []
    for name in combination:
        if not kept or kept[-1].value != name.value:
            kept.append(name)
    return tuple(kept)


def _joined(names: tuple[RuntimeName, ...], spelling: Spelling) -> WrittenName:
    text = ":".join(name.value for name in names)
    pattern = None
    if any(name.pattern is not None for name in names):
        pattern = ":".join(name.pattern if name.pattern is not None else literal(name.value) for name in names)
    return WrittenName(text, pattern, spelling.loose, spelling.tail)
