"""What to tell a person about a value that does not fit its schema: what is wrong, where, what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

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
    2: {
        "operations": "operations stand in channels, as publish and subscribe",
        "address": "in 2.x the key of a channel is its address",
        "action": "2.x has publish and subscribe in the channel",
        "host": "2.x writes host and pathname as url",
        "pathname": "2.x writes host and pathname as url",
        "availableScopes": "2.x calls them scopes",
    },
    3: {
        "publish": "in 3.x it is an entry of `operations` with action: receive",
        "subscribe": "in 3.x it is an entry of `operations` with action: send",
        "url": "3.x splits it into host and pathname",
        "schemaFormat": "in 3.x it stands beside the schema: payload: {schemaFormat: ..., schema: ...}",
        "messageId": "in 3.x the key of a message is its id",
        "operationId": "in 3.x the key of an operation is its id",
        "message": "3.x lists them: messages: [{$ref: ...}]",
        "schema": "in 3.x enum, default and examples stand in the parameter itself",
        "scopes": "3.x calls them availableScopes",
        "tags": "in 3.x it stands in `info`",
        "externalDocs": "in 3.x it stands in `info`",
    },
}
_OWN_KEY = re.compile(r"x-[A-Za-z0-9_.-]+")
_ACTIONS = {
    "publish": "what 2.x calls publish is receive; where this application writes the messages it is send",
    "subscribe": "what 2.x calls subscribe is send; where this application reads the messages it is receive",
}
_QUOTES = "'\""
_MEANT = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
"""What texts stand for where true or false is wanted; in YAML 1.2 `yes` is a text."""
_FORMATS = {
    "uri": "an absolute address, such as https://docs.example/orders",
    "uri-reference": "an address, absolute or relative",
    "email": "an e-mail address",
    "uri-template": "an address whose parameters are letters, digits and underscores in braces",
    "regex": "a regular expression",
}


class Wording(Struct, frozen=True):
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
        if path and path[-1] == "$ref":
            return  # the check of references says it, wherever it stands
        path = tuple("" if step == EMPTY_KEY else step for step in path)
        reached = _reach(root, path)
        if reached is None:
            return
        parent, cursor = reached
        referred = bool(path) and cursor.segments[-1:] != (str(path[-1]),)
        if referred and parent is not None and keyword == "type" and "object" not in schema["type"]:
            message = f"{self._name(path)} is a reference, and should be {_wanted(schema)}"
            yield self._problem("type", message, parent.location(str(path[-1])), None)
            return
        if referred and cursor.segments:
            path, parent = (cursor.segments[-1],), None  # it is told of where it is written, however it was reached
        where = self._name(path)
        match keyword:
            case "required":
                at = parent.location(str(path[-1]), key=True) if parent is not None else cursor.location(key=referred)
                for key in schema["required"]:
                    if key not in cursor.keys():  # noqa: SIM118 (merged layers)
                        yield self._problem(
                            "required", f"{where} has no {key!r}, which is required", at, _near(key, schema, cursor)
                        )
            case "additionalProperties":
                for key in cursor.keys():  # noqa: SIM118 (merged layers)
                    if key == "$ref" and not isinstance(cursor.value.get(key), dict):
                        continue  # the check of references says that it is no text
                    if not _is_known(key, schema):
                        at = cursor.location(key, key=True)
                        message = f"{where} has no key {key!r}"
                        if not path and self.prefix == "binding":
                            message = f"bindings know no protocol {key!r}"
                        yield self._problem("key", message, at, self._instead(key, schema))
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
        if key == "schema" and "schemas" in schema.get("properties", ()):
            return hint_for(key, schema["properties"])
        if self.prefix == "asyncapi" and (said := _OF_OTHER_FAMILY[self.version.family or 3].get(key)):
            return said
        if _OWN_KEY.fullmatch(key):
            return "keys of your own cannot stand here"
        if key.startswith("x-"):
            return "after x- stand letters, digits, dots, underscores and hyphens"
        return hint_for(key, schema.get("properties", ()))


def _near(key: str, schema: Schema, cursor: Cursor) -> str | None:
    """A hint that a missing key is there under another spelling."""
    known = schema.get("properties", {})
    others = [name for name in cursor.keys() if name not in known and not name.startswith("x-")]  # noqa: SIM118
    near = meant(key, others)
    return f"did you mean {key!r} instead of {near!r}?" if near else None


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
            near = meant(value, choices) if isinstance(value, str) else None
            hint = f"did you mean {near!r}?" if near else _ACTIONS.get(str(value)) if "receive" in choices else None
            return "value", f"{value!r} is not one of {', '.join(choices)}", hint
        case "const":
            return "value", f"{where} is {value!r}, and should be {limit!r}", None
        case "format":
            return "value", f"{value!r} is not {_FORMATS[schema['format']]}", None
        case "minimum":
            return "value", f"{where} is {value}, and should be {limit} or more", None
        case "exclusiveMinimum":
            return "value", f"{where} is {value}, and should be more than {limit}", None
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


def _wanted(schema: Schema) -> str:
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(_TYPES[one] for one in types)


def _wrong_type(schema: Schema, value: Any, where: str) -> tuple[str, str, str | None]:
    wanted = _wanted(schema)
    return "type", f"{where} is {_kind(value)}, and should be {wanted}", _of_right_type(schema["type"], value, where)


def _of_right_type(types: str | list[str], value: Any, where: str) -> str | None:
    """How to write a value of the wrong type so that it has the right one, for the slips that people make."""
    hint = None
    if "string" in types and isinstance(value, int | float):
        hint = f"put it in quotes: '{str(value).lower() if isinstance(value, bool) else value}'"
    elif "object" in types and isinstance(value, str) and "#/" in value:
        hint = f"a reference is a mapping: {{$ref: {value!r}}}"
    elif "object" in types and "boolean" in types and isinstance(value, str | int | float):
        inner = f"type: {value}" if value in _TYPES else f"enum: [{value}]"
        hint = f"this is a schema: write {where.strip(_QUOTES)}: {{{inner}}}"
    elif "boolean" in types and isinstance(value, str) and (meaning := _MEANT.get(value.lower())):
        hint = f"write {meaning}, without quotes"
    elif ("integer" in types or "number" in types) and isinstance(value, str) and value.isdecimal():
        hint = f"write {value}, without quotes"
    elif types == "array" and isinstance(value, dict | str):
        hint = "put it into a list: a dash and a blank before it, or brackets around it"
    return hint


def _reach(root: Cursor, path: Path) -> tuple[Cursor | None, Cursor] | None:
    """The cursor at a path, and its parent; references on the way are followed. None behind one that is broken."""
    parent, cursor = None, root
    for step in path:
        if isinstance(step, int):
            listed = cursor.value if isinstance(cursor.value, list) else []
            raw = cursor.child(str(step), listed[step]) if step < len(listed) else None
        else:
            raw = cursor.raw(step)
        below = raw.follow() if raw is not None else None
        if below is None:
            broken = raw is not None and isinstance(raw.value, dict) and isinstance(raw.value.get("$ref"), str)
            return None if broken else (parent, cursor)
        parent, cursor = cursor, below
    return parent, cursor


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    kinds = {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number"}
    return kinds.get(type(value), "something else")
