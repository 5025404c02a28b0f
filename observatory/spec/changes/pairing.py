"""Which document, channel, operation and message of one catalogue is which of another, whatever was renamed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import PurePath
from typing import Generic, TypeVar

from msgspec import Struct

from observatory.spec.catalog import Catalog, Channel, Operation
from observatory.spec.likeness import digest
from observatory.spec.parts import Message

T = TypeVar("T")


class Pairs(Struct, Generic[T], frozen=True):
    """Things that are the same on both sides, and those that only one side has."""

    both: tuple[tuple[T, T], ...]
    removed: tuple[T, ...]
    added: tuple[T, ...]


def pair(old: Sequence[T], new: Sequence[T], keys: Iterable[Callable[[T, bool], Iterable[Hashable]]]) -> Pairs[T]:
    """Pair things by one key after another; a key counts where it names exactly one thing on each side.

    Args:
        keys: Each gives the keys of a thing and is told whether the thing is a new one.
    """
    left, right = list(old), list(new)
    both: list[tuple[T, T]] = []
    for key in keys:
        before, after = _unique(left, lambda one: key(one, False)), _unique(right, lambda one: key(one, True))  # noqa: B023
        taken: set[int] = set()
        for name, one in before.items():
            other = after.get(name)
            if other is not None and id(one) not in taken and id(other) not in taken:
                taken |= {id(one), id(other)}
                both.append((one, other))
        left = [one for one in left if id(one) not in taken]
        right = [one for one in right if id(one) not in taken]
    return Pairs(tuple(both), tuple(left), tuple(right))


def _unique(things: Iterable[T], keys: Callable[[T], Iterable[Hashable]]) -> dict[Hashable, T]:
    found: dict[Hashable, list[T]] = defaultdict(list)
    for thing in things:
        for key in dict.fromkeys(keys(thing)):
            found[key].append(thing)
    return {key: members[0] for key, members in found.items() if len(members) == 1}


class Identities(Struct, frozen=True):
    """Two catalogues and what is the same in them.

    Attributes:
        documents: Name in the old catalogue to name in the new one.
        channel_ids: Id in the old catalogue to id in the new one.
    """

    old: Catalog
    new: Catalog
    documents: dict[str, str]
    channels: Pairs[Channel]
    channel_ids: dict[str, str]


def identify(old: Catalog, new: Catalog) -> Identities:
    """Pair documents by name, then by file; channels by id, address, key in their document, or an operation on them."""
    documents = pair(
        old.documents,
        new.documents,
        [
            lambda one, _: [one.name],
            lambda one, _: [PurePath(one.path.rpartition(":")[2]).name],
        ],
    )
    names = {before.name: after.name for before, after in documents.both}
    uses = {True: _uses(new, {}), False: _uses(old, names)}
    channels = pair(
        old.channels,
        new.channels,
        [
            lambda one, _: [one.id],
            lambda one, _: [(one.protocol, one.address)] if one.address else [],
            lambda one, _: [one.address] if one.address else [],
            lambda one, is_new: uses[is_new][one.id][0],
            lambda one, is_new: uses[is_new][one.id][1],
        ],
    )
    ids = {before.id: after.id for before, after in channels.both}
    return Identities(old, new, names, channels, ids)


def _uses(catalog: Catalog, names: dict[str, str]) -> dict[str, tuple[list[Hashable], list[Hashable]]]:
    """For each channel its keys in documents and the operations on it, documents by their new names."""
    found: dict[str, tuple[list[Hashable], list[Hashable]]] = {}
    for channel in catalog.channels:
        keys: list[Hashable] = []
        operations: list[Hashable] = []
        if channel.address is None and "#" in channel.id:
            document, _, key = channel.id.partition("#")
            keys.append((names.get(document, document), key))
        for operation in catalog.operations_on(channel.id):
            document = names.get(operation.document, operation.document)
            keys.append((document, operation.channel_key))
            operations.append((document, operation.name))
        found[channel.id] = (keys, operations)
    return found


def pair_operations(identities: Identities, old: Sequence[Operation], new: Sequence[Operation]) -> Pairs[Operation]:
    """Operations by document and name; a renamed one by its side of the same channel, where it is alone there."""

    def document(one: Operation, is_new: bool) -> str:
        return one.document if is_new else identities.documents.get(one.document, one.document)

    def channel(one: Operation, is_new: bool) -> str:
        return one.channel_id if is_new else identities.channel_ids.get(one.channel_id, one.channel_id)

    return pair(
        old,
        new,
        [
            lambda one, is_new: [(document(one, is_new), one.name)],
            lambda one, is_new: [(document(one, is_new), channel(one, is_new), one.action)],
        ],
    )


def pair_messages(old: Sequence[Message], new: Sequence[Message]) -> Pairs[Message]:
    """Messages by name; a renamed one by its payload, or where it is the only one left on both sides."""
    return pair(
        old,
        new,
        [
            lambda one, _: [one.name],
            lambda one, _: [digest(one.schema)] if one.schema is not None else [],
            lambda *_: [0],
        ],
    )
