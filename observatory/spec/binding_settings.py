"""What a channel binding sets, leaf by leaf, so that two documents about one channel can be held side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from observatory.location import Location
from observatory.spec.bindings import binding_of
from observatory.spec.likeness import digest
from observatory.spec.references import Cursor

MAX_SETTINGS = 200
MAX_LEVELS = 8
MAX_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingSetting:
    """One value of a binding.

    Attributes:
        key: Its path, `topicConfiguration.retention.ms`.
        mark: A fingerprint of the value; the order of a list does not count.
        shown: The value in a few words, for messages.
    """

    key: str
    mark: str
    shown: str
    location: Location


def settings_of(channel: Cursor, protocol: str | None) -> tuple[BindingSetting, ...]:
    """Leaves of the channel's binding for its protocol; the version of the binding and extensions are none."""
    binding = binding_of(channel, protocol) if protocol else None
    if binding is None:
        return ()
    found: list[BindingSetting] = []
    for setting in _leaves(binding, "", 0):
        found.append(setting)
        if len(found) == MAX_SETTINGS:
            break
    return tuple(found)


def partitions_of(channel: Cursor, protocol: str | None) -> int | None:
    """The number of partitions that a Kafka binding declares; None where it declares none that can be."""
    binding = binding_of(channel, "kafka") if protocol == "kafka" else None
    partitions = binding.get("partitions") if binding else None
    value = partitions.value if partitions else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _leaves(holder: Cursor, path: str, level: int) -> Iterator[BindingSetting]:
    for key, value in holder.entries():
        if key == "bindingVersion" or key.startswith("x-"):
            continue
        here = f"{path}.{key}" if path else key
        if isinstance(value.value, dict) and level < MAX_LEVELS:
            yield from _leaves(value, here, level + 1)
        else:
            mark = _mark(value.plain())
            yield BindingSetting(key=here, mark=mark, shown=_shown(value.value), location=value.location())


def _mark(value: object) -> str:
    return digest(sorted(map(digest, value))) if isinstance(value, list) else digest(value)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        text = str(value)
        return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        text = ", ".join(map(str, value))
        return f"[{text}]" if len(text) <= MAX_SHOWN else f"a list of {len(value)}"
    return "a list" if isinstance(value, list) else "a mapping"
