"""Structure: documents against the JSON Schemas of their version family, in messages that a person can act on.

Validation runs on jsonschema-rs, and on the pure Python jsonschema where that cannot be loaded. Both are only asked
where and by which keyword a value fails; the message is made here, so both give the same answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any

from observatory.errors import Problem, Severity
from observatory.spec.references import Cursor
from observatory.spec.structure import EMPTY_KEY, Schema, StructureView
from observatory.spec.suggestions import hint_for, meant
from observatory.spec.unfolding import Unfolding

Fault = tuple[tuple[str | int, ...], str, Schema]
"""Path of the failing value, the keyword that failed, and the schema object that holds the keyword."""
Validate = Callable[[Any], Iterator[Fault]]
MAX_FAULTS = 500
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


def check_structure(root: Cursor, family: int, *, compiled: bool = True) -> list[Problem]:
    """Faults of a document against its schema, and of its bindings, which are warnings.

    Args:
        family: 2 or 3.
        compiled: False asks for the pure Python validator.
    """
    schema = load_schema(f"asyncapi-{family}")
    view = StructureView(schema)
    instance = view.of(root)
    unfolding = Unfolding()
    beyond = unfolding.refused(instance, root.location())
    problems = (
        [beyond]
        if beyond
        else [
            problem
            for fault in _faults(schema, (), compiled, instance)
            for problem in _problems(fault, root, "asyncapi", "error", family)
        ]
    )
    for place, bindings in view.bindings:
        problems += _check_bindings(place, bindings, compiled, unfolding)
    return problems + view.problems


def _check_bindings(place: str, cursor: Cursor, compiled: bool, unfolding: Unfolding) -> list[Problem]:
    if not isinstance(cursor.value, dict):
        message = "bindings are a mapping of protocols"
        return [Problem(code="binding-type", severity="warning", message=message, location=cursor.location())]
    schema = load_schema("bindings")
    plain = cursor.plain()
    if beyond := unfolding.refused(plain, cursor.location()):
        return [replace(beyond, severity="warning")]
    return [
        problem
        for fault in _faults(schema, ("definitions", place), compiled, plain)
        for problem in _problems(fault, cursor, "binding", "warning", 0)
    ]


@cache
def load_schema(name: str) -> Schema:
    """A shipped JSON Schema by its name: asyncapi-2, asyncapi-3, bindings, extensions, overlay."""
    text = (resources.files("observatory.spec") / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    return schema


def _faults(schema: Schema, part: tuple[str, ...], compiled: bool, instance: Any) -> Iterator[Fault]:
    """Faults in the order of their paths, one per value and keyword."""
    validators = [_compiled, _interpreted] if compiled else [_interpreted]
    for make in validators:
        try:
            validate = make(schema["$id"], part)
            found = {(path, keyword): holder for path, keyword, holder in islice(validate(instance), MAX_FAULTS)}
        except (ImportError, ValueError, OverflowError, TypeError, RecursionError):
            continue  # not installed, or a number or a depth that it cannot hold
        for path, keyword in sorted(found, key=lambda one: ([str(step) for step in one[0]], one[1])):
            yield path, keyword, found[path, keyword]
        return


@cache
def _compiled(ident: str, part: tuple[str, ...]) -> Validate:
    import jsonschema_rs

    schema = _part(ident, part)
    validator = jsonschema_rs.Draft7Validator(schema)

    def validate(instance: Any) -> Iterator[Fault]:
        for error in validator.iter_errors(instance):
            *way, keyword = error.schema_path
            yield tuple(error.instance_path), str(keyword), _walk(schema, way)

    return validate


@cache
def _interpreted(ident: str, part: tuple[str, ...]) -> Validate:
    from jsonschema import Draft7Validator

    validator = Draft7Validator(_part(ident, part))

    def validate(instance: Any) -> Iterator[Fault]:
        for error in validator.iter_errors(instance):
            yield tuple(error.absolute_path), str(error.validator), error.schema

    return validate


def _part(ident: str, part: tuple[str, ...]) -> Schema:
    schema = next(load_schema(name) for name in _NAMES if load_schema(name)["$id"] == ident)
    return _walk(schema, part)


_NAMES = ("asyncapi-2", "asyncapi-3", "bindings", "extensions")


def _walk(schema: Schema, way: Any) -> Schema:
    """The schema object at the end of a path, `$ref` steps followed."""
    here: Any = schema
    for step in way:
        here = here[step]
        if step == "$ref" and isinstance(here, str):  # a property may be called $ref as well
            here = schema["definitions"][here.rsplit("/", 1)[-1]]
    result: Schema = here
    return result


def _problems(fault: Fault, root: Cursor, prefix: str, severity: Severity, family: int) -> Iterator[Problem]:
    """What to say about one fault: one line for each missing or unknown key."""
    path, keyword, schema = fault
    if path and path[-1] == "$ref":
        return  # the check of references says it, wherever it stands
    path = tuple("" if step == EMPTY_KEY else step for step in path)
    parent, cursor = _reach(root, path)
    named = [str(step) for step in path if not isinstance(step, int)]
    where = f"{named[-1]!r}" if named else "the document" if prefix == "asyncapi" else "the bindings"
    if path and isinstance(path[-1], int):
        where = f"entry {path[-1] + 1} of {where}"

    def problem(kind: str, message: str, hint: str | None, key: str | None = None) -> Problem:
        if key is not None:
            at = cursor.location(key, key=True)
        elif parent is not None and kind == "required":
            at = parent.location(str(path[-1]), key=True)
        else:
            at = cursor.location()
        return Problem(code=f"{prefix}-{kind}", severity=severity, message=message, location=at, hint=hint)

    value = cursor.value
    match keyword:
        case "required" if schema.get("x-link"):
            yield problem("type", f"{where} must be a reference", "write {$ref: '#/channels/...'}")
        case "required":
            for key in schema["required"]:
                if key not in cursor.keys():  # noqa: SIM118 (merged layers)
                    near = meant(key, [name for name in cursor.keys() if name not in schema["properties"]])  # noqa: SIM118
                    hint = f"did you mean {key!r} instead of {near!r}?" if near else None
                    yield problem("required", f"{where} has no {key!r}, which is required", hint)
        case "additionalProperties":
            known = list(schema["properties"])
            for key in cursor.keys():  # noqa: SIM118 (merged layers)
                if key == "$ref" and not isinstance(value.get(key), dict):
                    continue  # the check of references says that it is no text
                if key not in known and not key.startswith("x-"):
                    hint = _OF_OTHER_FAMILY.get(family, {}).get(key) or hint_for(key, known)
                    yield problem("key", f"{where} has no key {key!r}", hint, key)
        case _:
            kind, message, hint = _misfit(keyword, schema, value, where)
            yield problem(kind, message, hint)


def _misfit(keyword: str, schema: Schema, value: Any, where: str) -> tuple[str, str, str | None]:
    """Kind, message and hint for a value that does not fit."""
    match keyword:
        case "type":
            types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            wanted = " or ".join(_TYPES[one] for one in types)
            quoted = "string" in types and isinstance(value, int | float)
            shown = str(value).lower() if isinstance(value, bool) else value
            hint = f"put it in quotes: '{shown}'" if quoted else None
            return "type", f"{where} is {_kind(value)}, and should be {wanted}", hint
        case "enum":
            choices = [str(one) for one in schema["enum"]]
            return "value", f"{value!r} is not one of {', '.join(choices)}", hint_for(str(value), choices)
        case "minimum":
            return "value", f"{where} is {value}, and should be {schema['minimum']} or more", None
        case "maxLength":
            return "value", f"{where} is longer than {schema['maxLength']} characters", None
    hint = "names hold letters, digits, dots, underscores and hyphens"
    return "value", f"{where} has an entry whose name cannot be used", hint


def _reach(root: Cursor, path: tuple[str | int, ...]) -> tuple[Cursor | None, Cursor]:
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
