"""Corrections in overlays: what is said there beside extensions, where it may stand, and how names and directions
that are given by runtime address come into force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from msgspec.structs import replace

from observatory.errors import Problem
from observatory.location import Location
from observatory.spec.catalog import Action, NameKind
from observatory.spec.declared import DeclaredChannel, DeclaredDocument, DeclaredOperation
from observatory.spec.drafts import Naming
from observatory.spec.extensions import EXTENSIONS
from observatory.spec.references import Cursor
from observatory.spec.suggestions import hint_for
from observatory.spec.templates import runtime_name

Place = Literal["document", "channel", "operation"]
ACTIONS: tuple[Action, ...] = ("send", "receive")
PLACES: dict[str, Place] = {"servers": "document", "address": "channel", "names": "channel", "action": "operation"}
"""Corrections, and what each of them corrects."""
BY_ADDRESS = ("names", "action")
"""Corrections that can be given by runtime address as well."""
SERVER_KEYS = ("protocol", "protocolVersion", "pathname", "description")


def corrections_at(segments: Sequence[str]) -> tuple[str, ...]:
    """Corrections that may be given under a JSON pointer."""
    place = _place_of(segments)
    return tuple(key for key, where in PLACES.items() if where == place)


def faults_of(value: Cursor, segments: Sequence[str], target: Cursor, family: int) -> Iterator[Problem]:
    """What is wrong with the corrections under a pointer.

    Args:
        target: What the document has there.
        family: 2 or 3.
    """
    allowed = corrections_at(segments)
    for key, place in PLACES.items():
        if key in allowed or value.raw(key) is None:
            continue
        message = f"{key} corrects {_article(place)}, and there is none at this pointer"
        yield _problem("overlay-key", message, value.location(key, key=True), _where(place, family))
    yield from shared_faults(value)
    address, servers = value.get("address"), value.get("servers")
    if address is not None and "address" in allowed:
        if not isinstance(address.value, str):
            yield _problem("overlay-value", "an address is text", address.location())
        elif family == 2:
            message = "the key of a channel is its address in 2.x, and cannot be filled"
            yield _problem("overlay-value", message, address.location(), "take it out, or give names: {topic: ...}")
        elif isinstance(target.value, dict) and isinstance(target.value.get("address"), str):
            message = "the document gives this channel an address, and that stands"
            yield _problem("overlay-value", message, address.location(), "take it out, or give names: {topic: ...}")
    if servers is not None and "servers" in allowed:
        yield from _server_faults(servers, family)


def shared_faults(value: Cursor) -> Iterator[Problem]:
    """What is wrong with corrections that stand under a pointer or under an address."""
    action, names = value.get("action"), value.get("names")
    if action is not None and action.value not in ACTIONS:
        hint = hint_for(str(action.value), ACTIONS)
        yield _problem("overlay-value", f"{action.value!r} is no action", action.location(), hint)
    if names is None:
        return
    if not isinstance(names.value, dict):
        message = "names is a mapping such as {queue: billing.orders}"
        yield _problem("overlay-value", message, names.location())
        return
    for kind, name in names.entries():
        if kind not in get_args(NameKind):
            message = f"an overlay has no key {kind!r} here"
            hint = hint_for(kind, get_args(NameKind))
            yield _problem("overlay-key", message, names.location(kind, key=True), hint)
        elif not isinstance(name.value, str) or not name.value:
            yield _problem("overlay-value", f"the name of a {kind} is text", name.location())


def corrected_naming(naming: Naming, document: DeclaredDocument, channel: DeclaredChannel, protocol: str) -> Naming:
    """The naming of a channel with the names that overlays give to its runtime address, which come first."""
    found = []
    for overlay in document.by_address.get(channel.key, ()):
        names = overlay.get("names")
        for kind in get_args(NameKind):
            text = names.text(kind) if names else None
            if text and names:
                at = names.location(kind)
                found.append(runtime_name(kind, text, "overlay", protocol=protocol, enums=channel.enums(), location=at))
    return replace(naming, names=tuple(dict.fromkeys((*found, *naming.names)))) if found else naming


def corrected_action(document: DeclaredDocument, operation: DeclaredOperation) -> tuple[Action, str | None]:
    """The direction of an operation, and where it comes from when an overlay gives it."""
    own = operation.own.references.overlay_of(operation.own)
    for overlay in (own, *document.by_address.get(operation.channel.key, ())):
        written = overlay.get("action") if overlay else None
        action = next((word for word in ACTIONS if written is not None and written.value == word), None)
        if action is not None and written is not None:
            at = written.location()
            return action, f"overlay {at.path}:{at.line}"
    return operation.action, None


def ambiguous_action(value: Cursor, document: DeclaredDocument, channel_key: str) -> Problem | None:
    """A direction given to an address that one document uses in several ways: it cannot be meant for all of them."""
    using = [one for one in document.operations if one.channel.key == channel_key]
    if value.get("action") is None or len(using) < 2:
        return None
    path = document.root.source.reading.path
    message = f"{len(using)} operations of {path} use this address, and action is for one of them"
    hint = "give it under the JSON pointer of the operation"
    return _problem("overlay-value", message, value.location("action", key=True), hint)


def _server_faults(servers: Cursor, family: int) -> Iterator[Problem]:
    if not isinstance(servers.value, dict):
        hint = "write servers: {main: {host: 'broker:9092', protocol: kafka}}"
        yield _problem("overlay-value", "servers is a mapping of names to servers", servers.location(), hint)
        return
    where = "url" if family == 2 else "host"
    for name, server in servers.entries():
        if not isinstance(server.value, dict):
            yield _problem("overlay-value", f"the server {name!r} is a mapping", server.location())
            continue
        known = (where, *SERVER_KEYS, *EXTENSIONS)
        for key in server.value:
            if key not in known:
                hint = f"{family}.x calls it {where!r}" if key in ("url", "host") else hint_for(key, known)
                message = f"a server has no key {key!r} in an overlay"
                yield _problem("overlay-key", message, server.location(key, key=True), hint)
        for key in (where, "protocol"):
            if not isinstance(server.value.get(key), str):
                message = f"the server {name!r} has no {key}"
                yield _problem("overlay-value", message, server.location(key), f"add {key}: ...")


def _place_of(segments: Sequence[str]) -> Place | None:
    match tuple(segments):
        case ():
            return "document"
        case ("channels", _) | ("components", "channels", _):
            return "channel"
        case ("operations", _) | ("components", "operations", _):
            return "operation"
        case ("channels", _, "publish" | "subscribe") | ("components", "channels", _, "publish" | "subscribe"):
            return "operation"
    return None


def _where(place: Place, family: int) -> str:
    pointers = {
        "document": '"", the empty pointer',
        "channel": "/channels/NAME",
        "operation": "/channels/NAME/publish or subscribe" if family == 2 else "/operations/NAME",
    }
    return f"write it under {pointers[place]}"


def _article(place: Place) -> str:
    return {"document": "a document", "channel": "a channel", "operation": "an operation"}[place]


def _problem(code: str, message: str, at: Location, hint: str | None = None) -> Problem:
    return Problem(code=code, message=message, location=at, hint=hint)
