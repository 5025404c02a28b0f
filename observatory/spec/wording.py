"""What to tell a person about a value that does not fit its schema: what is wrong, where, what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from observatory.errors import Problem, Severity
from observatory.spec.references import Cursor
from observatory.spec.schema_files import Schema
from observatory.spec.structure import EMPTY_KEY, Path
from observatory.spec.suggestions import hint_for, meant
from observatory.spec.validators import Fault
from observatory.spec.versions import Version

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}
_OF_OTHER_FAMILY = {
    2: {"operations": "operations stand in channels, as publish and subscribe"},
    3: {
        "publish": "in 3.x it is an entry of `operations` with action: receive",
        "subscribe": "in 3.x it is an entry of `operations` with action: send",
        "url": "3.x splits it into host and pathname",
        "schemaFormat": "in 3.x it stands beside the schema: payload: {schemaFormat: ..., schema: ...}",
        "messageId": "in 3.x the key of a message is its id",
        "operationId": "in 3.x the key of an operation is its id",
        "message": "3.x lists them: messages: [{$ref: ...}]",
    },
}


_OWN_KEY = re.compile(r"x-[A-Za-z0-9_.-]+")
_FORMATS = {
    "uri": "an absolute web address or another URI",
    "uri-reference": "a URI or a relative reference",
    "email": "an e-mail address",
    "uri-template": "an address whose parameters are letters, digits and underscores in braces",
    "regex": "a regular expression",
}


@dataclass(frozen=True, slots=True)
class Wording:
    """Messages about the faults of one document.

    Attributes:
        prefix: `asyncapi` or `binding`, the first half of the codes.
    """

    prefix: str
    severity: Severity
    version: Version

    def problems(self, fault: Fault, root: Cursor) -> Iterator[Problem]:
        """What to say about one fault: one line for each missing or unknown key."""
        path, keyword, schema = fault
        path = tuple("" if step == EMPTY_KEY else step for step in path)
        parent, cursor = _reach(root, path)
        where = self._name(path)
        match keyword:
            case "required":
                at = parent.location(str(path[-1]), key=True) if parent is not None else cursor.location()
                for key in schema["required"]:
                    if key not in cursor.keys():  # noqa: SIM118 (merged layers)
                        known = schema.get("properties", {})
                        near = meant(key, [name for name in cursor.keys() if name not in known])  # noqa: SIM118
                        hint = f"did you mean {key!r} instead of {near!r}?" if near else None
                        yield self._problem("required", f"{where} has no {key!r}, which is required", at, hint)
            case "additionalProperties":
                for key in cursor.keys():  # noqa: SIM118 (merged layers)
                    if not _is_known(key, schema):
                        at = cursor.location(key, key=True)
                        yield self._problem("key", f"{where} has no key {key!r}", at, self._instead(key, schema))
            case _:
                kind, message, hint = _misfit(keyword, schema, cursor.value, where)
                yield self._problem(kind, message, cursor.location(), hint)

    def _problem(self, kind: str, message: str, at: Any, hint: str | None) -> Problem:
        return Problem(code=f"{self.prefix}-{kind}", severity=self.severity, message=message, location=at, hint=hint)

    def _name(self, path: Path) -> str:
        named = [str(step) for step in path if not isinstance(step, int)]
        where = f"{named[-1]!r}" if named else "the document" if self.prefix == "asyncapi" else "the bindings"
        return f"entry {path[-1] + 1} of {where}" if path and isinstance(path[-1], int) else where

    def _instead(self, key: str, schema: Schema) -> str:
        """What to write instead of a key that is not known."""
        if (minor := schema.get("x-later", {}).get(key)) is not None:
            return f"it comes with AsyncAPI {self.version.family}.{minor}.0; this document is {self.version.text}"
        if self.prefix == "asyncapi" and (said := _OF_OTHER_FAMILY[self.version.family or 3].get(key)):
            return said
        if key.startswith("x-"):
            return "after x- stand letters, digits, dots, underscores and hyphens"
        return hint_for(key, schema.get("properties", ()))


def _is_known(key: str, schema: Schema) -> bool:
    patterns = schema.get("patternProperties", ())
    return key in schema.get("properties", ()) or any(re.search(pattern, key) for pattern in patterns)


def _misfit(keyword: str, schema: Schema, value: Any, where: str) -> tuple[str, str, str | None]:
    """Kind, message and hint for a value that does not fit."""
    limit = schema.get(keyword)
    if (said := schema.get("x-says")) is not None and keyword != "type":
        return "value", f"{where} {said}", None
    match keyword:
        case "type":
            return _wrong_type(schema, value, where)
        case "enum":
            choices = [str(one) for one in schema["enum"]]
            return "value", f"{value!r} is not one of {', '.join(choices)}", hint_for(str(value), choices)
        case "const":
            return "value", f"{where} is {value!r}, and should be {limit!r}", None
        case "format":
            return "value", f"{value!r} is not {_FORMATS[schema['format']]}", None
        case "minimum" | "exclusiveMinimum":
            return (
                "value",
                f"{where} is {value}, and should be {'more than ' if keyword[0] == 'e' else ''}{limit}"
                + ("" if keyword[0] == "e" else " or more"),
                None,
            )
        case "maximum":
            return "value", f"{where} is {value}, and should be {limit} or less", None
        case "maxLength":
            return "value", f"{where} is longer than {limit} characters", None
        case "minLength" | "minItems":
            return "value", f"{where} is empty", None
        case "uniqueItems":
            return "value", f"{where} has the same entry twice", None
        case "propertyNames":
            return "value", f"{where} has an entry whose name is no regular expression", None
    return "value", f"{where} is not as the specification wants it", None


def _wrong_type(schema: Schema, value: Any, where: str) -> tuple[str, str, str | None]:
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    wanted = " or ".join(_TYPES[one] for one in types)
    quoted = "string" in types and isinstance(value, int | float)
    shown = str(value).lower() if isinstance(value, bool) else value
    return (
        "type",
        f"{where} is {_kind(value)}, and should be {wanted}",
        f"put it in quotes: '{shown}'" if quoted else None,
    )


def _reach(root: Cursor, path: Path) -> tuple[Cursor | None, Cursor]:
    """The cursor at a path of the view, and its parent; references on the way are followed."""
    parent, cursor = None, root
    for step in path:
        if isinstance(step, int):
            followed = list(cursor.items())
            below = followed[step] if step < len(followed) else None
        else:
            raw = cursor.raw(step)
            below = raw.follow() if raw is not None else None
        if below is None:
            return parent, cursor
        parent, cursor = cursor, below
    return parent, cursor


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    kinds = {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number"}
    return kinds.get(type(value), "something else")
