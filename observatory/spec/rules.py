"""Rules that no schema can express: what in a document must agree with what.

What the official parser refuses is an error, what it lets pass and telemetry stumbles over a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from observatory.errors import Problem, Severity
from observatory.location import Location
from observatory.spec.bindings import naming_of, protocols_of
from observatory.spec.bound import address_location
from observatory.spec.declared import DeclaredChannel, DeclaredDocument, DeclaredOperation
from observatory.spec.expansion import parameters_in
from observatory.spec.extensions import misspelt
from observatory.spec.formats import is_uri_template
from observatory.spec.journey_reading import misplaced
from observatory.spec.links import check_links
from observatory.spec.references import Cursor
from observatory.spec.security import check_security
from observatory.spec.suggestions import hint_for
from observatory.spec.uniqueness import check_names

_QUERY = re.compile(r"[?#]")


def check_rules(document: DeclaredDocument) -> list[Problem]:
    """Everything found, in no particular order."""
    problems = list(_server_variables(document))
    on: dict[int, list[DeclaredOperation]] = {}
    for operation in document.operations:
        on.setdefault(id(operation.channel), []).append(operation)
    for channel in document.channels:
        problems += _address(document, channel, on.get(id(channel), ()))
    problems += _parameters(document)
    problems += _channel_keys(document)
    problems += (
        check_links(document) if document.family == 3 else [*check_security(document.root), *check_names(document.root)]
    )
    holders = [document.root, *filter(None, [document.info]), *(server.cursor for server in document.servers.values())]
    holders += [channel.cursor for channel in document.channels]
    holders += [operation.own for operation in document.operations]
    for holder in holders:
        problems += misspelt(holder)
    places = [*(server.cursor for server in document.servers.values()), *(one.cursor for one in document.channels)]
    for holder in [*places, *(operation.own for operation in document.operations)]:
        problems += misplaced(holder)
    return problems


def _parameters(document: DeclaredDocument) -> Iterator[Problem]:
    for channel in document.channels:
        at = partial(address_location, channel)
        yield from _parameters_of(document.family, channel.cursor, channel.address, at)
    if document.family == 3:
        listed = {channel.cursor.identity for channel in document.channels}
        shelf = document.root.get("components")
        for _, kept in _entries(shelf, "channels"):
            if kept.identity not in listed:
                yield from _parameters_of(3, kept, kept.text("address"), partial(kept.location, "address"))


def _parameters_of(family: int, channel: Cursor, address: str | None, at: Callable[[], Location]) -> Iterator[Problem]:
    written = channel.get("address")
    if written is not None and not isinstance(written.value, str):
        return  # the schema has told of that
    declared = channel.get("parameters")
    keys = list(declared.value) if declared is not None and isinstance(declared.value, dict) else []
    used = [name for name in parameters_in(address or "") if name]
    for name in used:
        if name not in keys:
            message = f"the address has a parameter {{{name}}} that the channel does not declare"
            hint = hint_for(name, keys) if keys else f"add parameters: {{{name}: {{}}}}"
            yield _problem("parameter-undeclared", message, at(), hint, "warning" if declared is None else "error")
    if declared is None:
        return
    for name in keys:
        if name not in used:
            message = f"the parameter {name!r} does not appear in the address"
            if address is None:
                message = f"the parameter {name!r} has no address to appear in"
            hint = hint_for(name, used) if used else "take it out, or write it in the address as {" + name + "}"
            severity: Severity = "error" if used or family == 3 else "warning"
            yield _problem("parameter-unused", message, declared.location(name, key=True), hint, severity)


def _entries(holder: Cursor | None, key: str) -> Iterator[tuple[str, Cursor]]:
    found = holder.get(key) if holder is not None else None
    for name, cursor in found.entries() if found is not None else ():
        if isinstance(cursor.value, dict):
            yield name, cursor


def _channel_keys(document: DeclaredDocument) -> Iterator[Problem]:
    """Keys that the official tools refuse: NATS and MQTT wildcards are among them, so here they are warnings."""
    for channel in document.channels:
        key = channel.key_cursor.segments[-1] if channel.key_cursor.segments else channel.key
        if channel.key_cursor.segments[:1] != ("channels",):
            continue
        if _QUERY.search(key):
            message = f"the channel {key!r} holds a ? or a #, which begin a query and a fragment"
            hint = "the official tools refuse it"
            yield _problem("channel-key", message, channel.key_cursor.location(key=True), hint, "warning")
        elif document.family == 2 and not (key and is_uri_template(key)):
            message = f"the channel {key!r} is no URI template"
            hint = "the official tools refuse it; parameters are letters, digits and underscores in braces"
            yield _problem("channel-key", message, channel.key_cursor.location(key=True), hint, "warning")


def _address(
    document: DeclaredDocument, channel: DeclaredChannel, operations: Sequence[DeclaredOperation]
) -> Iterator[Problem]:
    if document.family != 3 or channel.address or "$ref" in channel.cursor.keys():  # noqa: SIM118
        return
    protocol = next(iter(protocols_of(channel, operations)), None)
    if not naming_of(channel, operations, protocol).names:
        message = "the channel's address is open, so no telemetry can be found for it"
        hint = "write its address, or give it in an overlay file"
        if any(one.reply_channel is channel and _told_by_request(one) for one in document.operations):
            message = "each request says where its reply goes, so no telemetry can be found for this channel"
            hint = "give the address in an overlay file where all replies share one"
        yield _problem("address-open", message, channel.key_cursor.location(key=True), hint, "info")


def _told_by_request(operation: DeclaredOperation) -> bool:
    reply = operation.cursor.get("reply")
    return reply is not None and reply.get("address") is not None


def _server_variables(document: DeclaredDocument) -> Iterator[Problem]:
    shelf = document.root.get("components")
    servers = {server.cursor.identity: server.cursor for server in document.servers.values()}
    servers |= {server.identity: server for _, server in _entries(shelf, "servers")}
    for server in servers.values():
        declared = server.get("variables")
        keys = list(declared.value) if declared is not None and isinstance(declared.value, dict) else []
        texts = [(key, server.text(key)) for key in ("url", "host", "pathname")]
        used = {name: key for key, text in texts for name in parameters_in(text or "") if name}
        refused = document.family == 2 and declared is not None and used
        for name, key in used.items():
            if name not in keys:
                message = f"the server's {key} has a variable {{{name}}} that is not declared"
                hint = hint_for(name, keys) if keys else f"add variables: {{{name}: {{default: ...}}}}"
                yield _problem(
                    "server-variable", message, server.location(key), hint, "error" if refused else "warning"
                )
        # A name that is written in two ways is one fault.
        for name in keys if refused and all(one in keys for one in used) else ():
            if declared is not None and name not in used:
                message = f"the variable {name!r} does not appear in the server's url"
                hint = hint_for(name, used)
                yield _problem("server-variable", message, declared.location(name, key=True), hint)


def _problem(code: str, message: str, at: Location, hint: str | None, severity: Severity = "error") -> Problem:
    return Problem(code=code, message=message, severity=severity, location=at, hint=hint)
