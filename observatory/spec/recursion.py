"""What contains itself: the references that resolving leaves standing, and what they lead to."""

from __future__ import annotations

from typing import Any

from observatory.spec.references import DATA_KEYS, References


def recursive_parts(references: References, *values: Any) -> dict[str, object]:
    """Plain values of what references standing in plain values lead to, by the text of the reference.

    A text that leads to different places in different files is left out: nobody could tell which is meant.
    """
    if not references.standing:
        return {}
    places: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    parts: dict[str, object] = {}
    pending: list[Any] = list(values)
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if not isinstance(value, dict | list) or id(value) in seen:
            continue
        seen.add(id(value))
        standing = references.standing.get(id(value))
        target = standing.follow() if standing is not None else None
        if target is None or not isinstance(value, dict):
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            pending += [part for name, part in inner if name not in DATA_KEYS]
            continue
        text = value["$ref"]
        places.setdefault(text, set()).add(target.identity)
        parts[text] = target.plain()
        pending.append(parts[text])
    return {text: part for text, part in parts.items() if len(places[text]) == 1}
