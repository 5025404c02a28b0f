"""AsyncAPI 3.x: channels have keys and, apart from that, addresses; operations stand beside them and refer to them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from observatory.reading import segments_of
from observatory.spec.catalog import Action
from observatory.spec.declared import (
    DeclaredChannel,
    DeclaredDocument,
    DeclaredMessage,
    DeclaredOperation,
    DeclaredServer,
    with_traits,
)
from observatory.spec.references import Cursor
from observatory.spec.servers import read_server

_ACTIONS: dict[str, Action] = {"send": "send", "receive": "receive"}
Identity = tuple[str, tuple[str, ...]]


def read_document(root: Cursor, version: str) -> DeclaredDocument:
    """Everything that a 3.x document declares; parts that cannot be read are left out and reported."""
    document = DeclaredDocument(root=root, version=version, family=3)
    by_place: dict[Identity, DeclaredServer] = {}
    servers = root.get("servers")
    for name, cursor in servers.entries() if servers else ():
        server, problems = read_server(name, cursor, 3)
        document.problems += problems
        if server is not None:
            document.servers[name] = server
            by_place[cursor.identity] = server
    channels = _Channels(document, by_place)
    listed = root.get("channels")
    for key, cursor in listed.entries() if listed else ():
        if isinstance(cursor.value, dict) and listed is not None and isinstance(listed.value, dict):
            channels.add(key, cursor, listed.child(key, listed.value.get(key)))
    operations = root.get("operations")
    for name, cursor in operations.entries() if operations else ():
        if isinstance(cursor.value, dict):
            _read_operation(document, channels, name, cursor)
    return document


class _Channels:
    """Channels by their key in the document and by the place they are written at."""

    def __init__(self, document: DeclaredDocument, servers: dict[Identity, DeclaredServer]) -> None:
        self._document = document
        self._servers = servers
        self._by_key: dict[str, DeclaredChannel] = {}
        self._by_place: dict[Identity, DeclaredChannel] = {}

    def add(self, key: str, cursor: Cursor, key_cursor: Cursor) -> DeclaredChannel:
        """Read a channel and keep it."""
        merged, _ = with_traits(cursor, 3)
        address = merged.get("address")
        corrected = cursor.references.overlay_of(cursor)
        own = cursor.value.get("address") if isinstance(cursor.value, dict) else None
        filled = corrected.text("address") if corrected and own is None else None
        messages = merged.get("messages")
        channel = DeclaredChannel(
            key=key,
            address=filled or (address.value if address is not None and isinstance(address.value, str) else None),
            address_from="overlay" if filled else "address",
            cursor=merged,
            key_cursor=key_cursor,
            servers=self._servers_of(merged),
            messages=tuple(
                DeclaredMessage(name=name, cursor=with_traits(message, 3)[0])
                for name, message in (messages.entries() if messages else ())
                if isinstance(message.value, dict)
            ),
        )
        self._document.channels.append(channel)
        self._by_key[key] = channel
        self._by_place.setdefault(cursor.identity, channel)
        return channel

    def referred(self, reference: Cursor) -> DeclaredChannel | None:
        """The channel that a reference leads to; one that the document does not list itself is added."""
        segments = _local_segments(reference, self._document.root)
        if segments is not None and len(segments) == 2 and segments[0] == "channels" and segments[1] in self._by_key:
            return self._by_key[segments[1]]
        target = reference.follow()
        if target is None or not isinstance(target.value, dict):
            return None
        found = self._by_place.get(target.identity)
        if found is None and target.segments:
            found = self.add(target.segments[-1], target, target)
        return found

    def _servers_of(self, channel: Cursor) -> tuple[DeclaredServer, ...]:
        named = channel.get("servers")
        if named is None or not isinstance(named.value, list) or not named.value:
            return tuple(self._document.servers.values())
        found = []
        for server in named.items():
            known = self._servers.get(server.identity)
            if known is None and server.segments:
                known, problems = read_server(server.segments[-1], server, 3)
                self._document.problems += problems
            if known is not None:
                found.append(known)
        return tuple(found)


def _read_operation(document: DeclaredDocument, channels: _Channels, name: str, own: Cursor) -> None:
    merged, traits = with_traits(own, 3)
    reference = own.raw("channel")
    action = _ACTIONS.get(merged.text("action") or "")
    channel = channels.referred(reference) if reference is not None else None
    if channel is None or action is None:
        document.unplaced.append(merged)  # the schema and the references have said what is missing
        return
    messages = channel.messages
    listed = own.get("messages")
    if listed is not None and isinstance(listed.value, list):
        messages = tuple(_chosen(document, channel, listed))
    reply = merged.get("reply")
    reply_channel = reply.raw("channel") if reply else None
    document.operations.append(
        DeclaredOperation(
            name=name,
            action=action,
            channel=channel,
            cursor=merged,
            own=own,
            traits=traits,
            messages=messages,
            reply_channel=channels.referred(reply_channel) if reply_channel is not None else None,
        )
    )


def _chosen(document: DeclaredDocument, channel: DeclaredChannel, listed: Cursor) -> Iterator[DeclaredMessage]:
    by_place = {_written_at(message): message for message in channel.messages}
    by_name = {message.name: message for message in channel.messages}
    for index, reference in enumerate(listed.value):
        cursor = listed.child(str(index), reference)
        segments = _local_segments(cursor, document.root)
        if segments and segments[:-1] == ("channels", channel.key, "messages") and segments[-1] in by_name:
            yield by_name[segments[-1]]
            continue
        target = cursor.follow()
        if target is None:
            continue
        if target.identity in by_place:
            yield by_place[target.identity]


def _written_at(message: DeclaredMessage) -> Identity:
    return message.cursor.identity


def _local_segments(reference: Cursor, root: Cursor) -> tuple[str, ...] | None:
    """The path of a reference into its own document, None for any other value."""
    text = reference.value.get("$ref") if isinstance(reference.value, dict) else None
    if reference.source is not root.source or not isinstance(text, str) or not text.startswith("#/"):
        return None
    return segments_of(unquote(text[1:]))
