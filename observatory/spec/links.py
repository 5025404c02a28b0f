"""Links of 3.x documents, whose text must lead where the specification wants it to."""

from __future__ import annotations

from collections.abc import Iterator

from observatory.errors import Problem, Severity
from observatory.spec.declared import DeclaredDocument
from observatory.spec.formats import is_uri_reference
from observatory.spec.references import Cursor


def check_links(document: DeclaredDocument) -> Iterator[Problem]:
    """What is wrong with the references of operations to channels and messages, and of channels to servers.

    The specification judges them by their text: an operation refers to a channel of the document and to messages of
    that channel, even where another reference would lead to the same object.
    """
    root = document.root
    for name, operation in _written(root, "operations"):
        yield from _channel_of(name, operation)
        yield from _messages_of(operation)
    components = root.get("components")
    for _, operation in _written(components, "operations") if components is not None else ():
        yield from _messages_of(operation)
    for _, channel in _written(root, "channels"):
        servers = channel.raw("servers")
        for server, text in _references(servers) if servers is not None else ():
            if "#/servers/" not in text:
                message = f"the channel is on {text!r}, and may only be on servers of the document"
                yield _misled("channel-server", message, server, "refer to one of '#/servers/...'")


def _channel_of(name: str, operation: Cursor) -> Iterator[Problem]:
    channel = operation.raw("channel")
    if channel is None or not isinstance(channel.value, dict):
        return
    text = channel.value.get("$ref")
    if isinstance(text, str) and text.strip() and "#/channels/" not in text:
        message = f"the operation {name!r} uses {text!r}, and may only use channels of the document"
        yield _misled("operation-channel", message, channel, "list the channel under `channels` and refer to it there")
    elif text is None:
        message = f"the operation {name!r} holds a channel, and should refer to one"
        hint = "list the channel under `channels` and write channel: {$ref: '#/channels/...'}"
        yield Problem(
            code="operation-channel", severity="warning", message=message, location=channel.location(), hint=hint
        )


def _messages_of(operation: Cursor) -> Iterator[Problem]:
    channel, messages = operation.raw("channel"), operation.raw("messages")
    if channel is None:
        return  # the schema has told of that
    text = channel.value.get("$ref") if channel is not None and isinstance(channel.value, dict) else None
    found = list(_references(messages)) if messages is not None else []
    # The official parser leaves an operation alone whose references are no URIs, such as those with braces.
    refused = all(is_uri_reference(one) for one in (*(written for _, written in found), text) if isinstance(one, str))
    for message, written in found:
        if not written.startswith(f"{text}/messages"):
            said = f"{written!r} is no message of the channel that the operation uses"
            hint = f"refer to one of '{text}/messages/...'" if text else "refer to a channel and to its messages"
            yield _misled("operation-message", said, message, hint, "error" if refused else "warning")


def _written(holder: Cursor, key: str) -> Iterator[tuple[str, Cursor]]:
    """Entries of a mapping as they stand; those that are references themselves say nothing."""
    found = holder.get(key)
    if found is not None and isinstance(found.value, dict):
        for name, value in found.value.items():
            if isinstance(value, dict):
                yield name, found.child(name, value)


def _references(listed: Cursor) -> Iterator[tuple[Cursor, str]]:
    for index, value in enumerate(listed.value if isinstance(listed.value, list) else ()):
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            yield listed.child(str(index), value), value["$ref"]


def _misled(code: str, message: str, link: Cursor, hint: str, severity: Severity = "error") -> Problem:
    return Problem(code=code, severity=severity, message=message, location=link.location("$ref"), hint=hint)
