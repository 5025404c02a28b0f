"""Every reference of a document, followed once so that each broken one is found, and where each leads."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from observatory.errors import Problem, Severity
from observatory.spec.files import Source
from observatory.spec.references import DATA_KEYS, Cursor

_CONTAINERS = (dict, list)
_SHELVES = (("components",), ("channels",), ("operations",), ("servers",))
"""Parts of a document that are looked at as a whole, so that what they hold needs no look of its own."""
_SCHEMAS = frozenset({"schemas", "payload", "headers", "schema"})
"""Where JSON Schemas stand."""

_Way = tuple[Any, ...]
"""A path in a file: its parts, or a pair of the way to what is above and one part more; see `_segments`."""


class Use(Struct, frozen=True):
    """A reference and where it leads."""

    holder: Cursor
    target: Cursor


def uses_of(cursor: Cursor) -> list[Use]:
    """Follow every reference in a file and what it leads to; broken ones go to the problems of its `References`.

    Returns:
        The references that lead out of the parts where a document keeps what is referred to.
    """
    references = cursor.references
    uses: list[Use] = []
    pending: list[tuple[Source, _Way, Any]] = [(cursor.source, cursor.segments, cursor.value)]
    walked: set[int] = set()
    while pending:
        source, way, value = pending.pop()
        if id(value) in walked:
            continue  # by another way: parts that lie inside each other may be referred to one by one
        walked.add(id(value))
        if references.is_final(value):
            continue
        if isinstance(value, dict):
            if "$ref" in value:
                if isinstance(value["$ref"], str) and value["$ref"].strip():
                    pending += _use(Cursor(references, source, _segments(way), value), cursor.source, uses)
                    continue  # what stands beside a reference does not count
                if not isinstance(value["$ref"], dict):
                    # One of no letters would lead to the whole file.
                    _report_form(Cursor(references, source, _segments(way), value))
            for name, part in value.items():
                if isinstance(part, _CONTAINERS) and name not in DATA_KEYS:
                    pending.append((source, (way, name), part))
        elif isinstance(value, list):
            for index, part in enumerate(value):
                if isinstance(part, _CONTAINERS):
                    pending.append((source, (way, str(index)), part))
    return uses


def _use(holder: Cursor, home: Source, uses: list[Use]) -> list[tuple[Source, _Way, Any]]:
    """Follow one reference of a file that is checked, and note where it leads; what is to be checked there.

    A file is checked as a whole; of another one what is referred to.
    """
    target = holder.references.follow(holder)
    if target is None:
        return []
    if target.source is home:
        if target.segments[:1] not in _SHELVES:
            uses.append(Use(holder, target))
        return []
    uses.append(Use(holder, target))
    return [(target.source, target.segments, target.value)]


def _report_form(cursor: Cursor) -> None:
    """A `$ref` that is no text, or empty: mostly a `#` that YAML took for a comment, or text that was never written.

    In a schema an empty text is a reference to the whole file by RFC 3986, and hardly what somebody meant.
    """
    text = cursor.value["$ref"]
    empty = text is None or isinstance(text, str)
    severity: Severity = "warning" if isinstance(text, str) and not _SCHEMAS.isdisjoint(cursor.segments) else "error"
    hint = None
    if text is None:
        hint = "put the reference in quotes: '#/...'; after a blank, # begins a comment"
    elif empty:
        hint = "write what it refers to: '#/components/...'"
    cursor.references.problems.append(
        Problem(
            code="reference-form",
            severity=severity,
            message="this $ref is empty" if empty else "a $ref is text",
            location=cursor.location("$ref", key=text is None),
            hint=hint,
        )
    )


def _segments(way: _Way) -> tuple[str, ...]:
    """The path that a way stands for."""
    steps: list[str] = []
    while len(way) == 2 and isinstance(way[0], tuple):
        steps.append(way[1])
        way = way[0]
    return (*way, *reversed(steps))
