"""Names of 2.x documents that may stand only once: ids of operations and messages, and tags of one object."""

from __future__ import annotations

from collections.abc import Iterator

from observatory.errors import Problem
from observatory.spec.references import Cursor

_SIDES = ("subscribe", "publish")


def check_names(root: Cursor) -> Iterator[Problem]:
    """Message ids that two places have, and tags that one object has twice."""
    seen: dict[str, tuple[str, tuple[str, ...]]] = {}
    for operation in _operations(root.get("channels")):
        for message in _messages(operation):
            holder, name = _id_of(message)
            if name is None:
                continue
            if name in seen:
                text = f"two messages have the id {name!r}"
                if seen[name] == message.identity:
                    text = f"the message with the id {name!r} is used twice"
                hint = (
                    "the official tools want a messageId in one place only; list the message there, or take the id out"
                )
                yield _problem("message-duplicate", text, holder, "messageId", hint)
            seen.setdefault(name, message.identity)
    for holder in _tagged(root):
        yield from _tags(holder)


def _operations(channels: Cursor | None) -> Iterator[Cursor]:
    for _, channel in channels.entries() if channels is not None else ():
        for side in _SIDES:
            operation = channel.get(side)
            if operation is not None and isinstance(operation.value, dict):
                yield operation


def _messages(operation: Cursor) -> Iterator[Cursor]:
    message = operation.get("message")
    if message is None or not isinstance(message.value, dict):
        return
    choices = message.get("oneOf")
    if choices is not None and isinstance(choices.value, list):
        yield from (one for one in choices.items() if isinstance(one.value, dict))
    else:
        yield message


def _traits(holder: Cursor) -> Iterator[Cursor]:
    traits = holder.get("traits")
    if traits is not None:
        yield from (trait for trait in traits.items() if isinstance(trait.value, dict))


def _id_of(message: Cursor) -> tuple[Cursor, str | None]:
    """Where the id of a message is written, and the id: that of its last trait that has one, or its own."""
    for trait in reversed(list(_traits(message))):
        if (name := trait.text("messageId")) is not None:
            return trait, name
    return message, message.text("messageId")


def _tagged(root: Cursor) -> Iterator[Cursor]:
    """Everything whose tags must differ, each once; servers are not among them."""
    components = root.get("components")
    shelves = (
        {name: components.get(name) for name in ("channels", "messages", "messageTraits", "operationTraits")}
        if components
        else {}
    )
    found = [root]
    for operation in (*_operations(root.get("channels")), *_operations(shelves.get("channels"))):
        found += [operation, *_traits(operation)]
        for message in _messages(operation):
            found += [message, *_traits(message)]
    for name in ("messages", "messageTraits", "operationTraits"):
        shelf = shelves.get(name)
        for _, holder in shelf.entries() if shelf is not None else ():
            found += [holder, *_traits(holder)]
    seen: set[object] = set()
    for holder in found:
        if isinstance(holder.value, dict) and holder.identity not in seen:
            seen.add(holder.identity)
            yield holder


def _tags(holder: Cursor) -> Iterator[Problem]:
    tags = holder.get("tags")
    names: dict[str, object] = {}
    for tag in tags.items() if tags is not None else ():
        name = tag.text("name")
        if name is None:
            return
        if name in names and names[name] != tag.value:  # of the same tag twice the schema has told
            hint = "each tag of an object has a name of its own"
            yield _problem("tag-duplicate", f"the tag {name!r} stands there twice", tag, "name", hint)
        names.setdefault(name, tag.value)


def _problem(code: str, message: str, holder: Cursor, key: str, hint: str) -> Problem:
    return Problem(code=code, message=message, location=holder.location(key), hint=hint)
