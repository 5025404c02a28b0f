"""Rules that no schema can express: what in a document must agree with what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from observatory.errors import Problem, Severity
from observatory.location import Location
from observatory.spec.bindings import naming_of, protocols_of
from observatory.spec.bound import address_location
from observatory.spec.declared import DeclaredChannel, DeclaredDocument, DeclaredOperation
from observatory.spec.expansion import parameters_in
from observatory.spec.extensions import misspelt
from observatory.spec.suggestions import hint_for


def check_rules(document: DeclaredDocument) -> list[Problem]:
    """Everything found, in no particular order."""
    problems = list(_server_variables(document))
    on: dict[int, list[DeclaredOperation]] = {}
    for operation in document.operations:
        on.setdefault(id(operation.channel), []).append(operation)
    for channel in document.channels:
        problems += _parameters(channel)
        problems += _address(document, channel, on.get(id(channel), ()))
    problems += _message_ids(document)
    holders = [document.root, *filter(None, [document.info]), *(server.cursor for server in document.servers.values())]
    holders += [channel.cursor for channel in document.channels]
    holders += [operation.own for operation in document.operations]
    for holder in holders:
        problems += misspelt(holder)
    return problems


def _parameters(channel: DeclaredChannel) -> Iterator[Problem]:
    declared = channel.cursor.get("parameters")
    keys = list(declared.value) if declared is not None and isinstance(declared.value, dict) else []
    used = parameters_in(channel.address or "")
    for name in used:
        if name not in keys:
            message = f"the address has a parameter {{{name}}} that the channel does not declare"
            hint = hint_for(name, keys) if keys else f"add parameters: {{{name}: {{}}}}"
            yield _problem("parameter-undeclared", message, address_location(channel), hint)
    for name in keys if declared is not None else ():
        if name not in used and declared is not None and channel.address is not None:
            message = f"the parameter {name!r} does not appear in the address"
            hint = hint_for(name, used) if used else "take it out, or write it in the address as {" + name + "}"
            yield _problem("parameter-unused", message, declared.location(name, key=True), hint)


def _address(
    document: DeclaredDocument, channel: DeclaredChannel, operations: Sequence[DeclaredOperation]
) -> Iterator[Problem]:
    if document.family != 3 or channel.address is not None:
        return
    protocol = next(iter(protocols_of(channel, operations)), None)
    if not naming_of(channel, operations, protocol).names:
        message = "the channel's address is open, so no telemetry can be found for it"
        hint = "write its address, or give it in an overlay file"
        yield _problem("address-open", message, channel.key_cursor.location(key=True), hint, "info")


def _server_variables(document: DeclaredDocument) -> Iterator[Problem]:
    for server in document.servers.values():
        declared = server.cursor.get("variables")
        keys = list(declared.value) if declared is not None and isinstance(declared.value, dict) else []
        texts = [(key, server.cursor.text(key)) for key in ("url", "host", "pathname")]
        for key, text in texts:
            for name in parameters_in(text or ""):
                if name not in keys:
                    message = f"the server's {key} has a variable {{{name}}} that is not declared"
                    hint = hint_for(name, keys) if keys else f"add variables: {{{name}: {{default: ...}}}}"
                    yield _problem("server-variable", message, server.cursor.location(key), hint)


def _message_ids(document: DeclaredDocument) -> Iterator[Problem]:
    """In 2.x two messages may not share a `messageId`; the same one may be used twice."""
    seen: dict[str, object] = {}
    for channel in document.channels if document.family == 2 else ():
        for message in channel.messages:
            if (name := message.cursor.text("messageId")) is None:
                continue
            if seen.setdefault(name, message.cursor.identity) != message.cursor.identity:
                text = f"two messages have the id {name!r}"
                hint = "messageId is unique in a document; refer to one message from both places"
                yield _problem("message-duplicate", text, message.cursor.location("messageId"), hint)


def _problem(code: str, message: str, at: Location, hint: str | None, severity: Severity = "error") -> Problem:
    return Problem(code=code, message=message, severity=severity, location=at, hint=hint)
