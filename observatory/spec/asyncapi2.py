"""AsyncAPI 2.x: the channel's key is its address; `publish` and `subscribe` are said from the outside.

`publish` means that others may publish here, so the application of the document receives.
"""

from __future__ import annotations

from observatory.errors import Problem
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
from observatory.spec.secrets import without_secret
from observatory.spec.servers import read_server

ACTIONS: dict[str, Action] = {"publish": "receive", "subscribe": "send"}


def read_document(root: Cursor, version: str) -> DeclaredDocument:
    """Everything that a 2.x document declares; parts that cannot be read are left out and reported."""
    document = DeclaredDocument(root=root, version=version, family=2)
    servers = root.get("servers")
    for name, found in servers.entries() if servers else ():
        server, problems = read_server(name, found, 2)
        document.problems += problems
        if server is not None:
            document.servers[name] = server
    channels = root.get("channels")
    if channels is None or not isinstance(channels.value, dict):
        return document
    for key in channels.value:
        cursor = channels.get(key)
        if cursor is not None and isinstance(cursor.value, dict):
            _read_channel(document, without_secret(key), cursor, channels.child(key, channels.value[key]))
    return document


def _read_channel(document: DeclaredDocument, key: str, cursor: Cursor, key_cursor: Cursor) -> None:
    sides: list[tuple[str, Cursor, Cursor, Cursor | None, tuple[DeclaredMessage, ...]]] = []
    messages: dict[str, DeclaredMessage] = {}
    for word in ACTIONS:
        own = cursor.get(word)
        if own is not None and isinstance(own.value, dict):
            merged, traits = with_traits(own, 2)
            found = tuple(_messages(merged))
            messages |= {message.name: message for message in found}
            sides.append((word, own, merged, traits, found))
    channel = DeclaredChannel(
        key=key,
        address=key,
        address_from="channel key (2.x)",
        cursor=cursor,
        key_cursor=key_cursor,
        servers=_servers(document, cursor),
        messages=tuple(messages.values()),
    )
    document.channels.append(channel)
    for word, own, merged, traits, found in sides:
        document.operations.append(
            DeclaredOperation(
                name=merged.text("operationId") or f"{key}.{word}",
                action=ACTIONS[word],
                channel=channel,
                cursor=merged,
                own=own,
                traits=traits,
                messages=found,
            )
        )


def _servers(document: DeclaredDocument, channel: Cursor) -> tuple[DeclaredServer, ...]:
    named = channel.get("servers")
    if named is None or not isinstance(named.value, list) or not named.value:
        return tuple(document.servers.values())
    found = []
    for index, name in enumerate(named.value):
        if isinstance(name, str) and name in document.servers:
            found.append(document.servers[name])
        elif isinstance(name, str):
            servers = document.root.get("servers")
            is_list = servers is not None and not isinstance(servers.value, dict)  # the schema tells of that
            if servers is None or (name not in servers.keys() and not is_list):  # noqa: SIM118 (merged layers)
                at = named.location(str(index))
                message = f"the channel names a server {name!r} that is not declared"
                document.problems.append(Problem(code="channel-server", message=message, location=at))
    return tuple(found)


def _messages(operation: Cursor) -> list[DeclaredMessage]:
    message = operation.get("message")
    if message is None or not isinstance(message.value, dict):
        return []
    choices = message.get("oneOf")
    found: dict[str, DeclaredMessage] = {}
    for index, one in enumerate(choices.items() if choices else [message]):
        if isinstance(one.value, dict):
            merged, _ = with_traits(one, 2)
            name = merged.text("messageId") or merged.text("name") or _place_name(one) or merged.text("title")
            name = name or (f"message-{index + 1}" if choices else "message")
            if name in found and found[name].cursor.identity != merged.identity:
                name = f"{name}-{index + 1}"
            found.setdefault(name, DeclaredMessage(name=name, cursor=merged))
    return list(found.values())


def _place_name(message: Cursor) -> str | None:
    """The key of a message among the reusable ones."""
    return message.segments[-1] if message.segments[-2:-1] == ("messages",) else None
