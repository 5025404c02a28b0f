"""A document as its schema sees it: references followed where the schema expects an object, contents left out where
it does not look.

The schema itself says where to go: the walk follows its `properties`, `additionalProperties`, `items` and
definitions. Objects marked `x-link` stay references; objects marked `x-bindings` are handed over for a check of
their own. Payloads, schemas and extension values become empty shells, so the view stays small.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from observatory.errors import Problem
from observatory.spec.references import Cursor

Schema = dict[str, Any]
EMPTY_KEY = "\ue000"
"""Stands for an empty key in the view: jsonschema-rs leaves empty keys out of the paths that it reports."""
MAX_LEVELS = 60
"""Objects of the specification inside each other, references followed; real documents have a dozen."""
_OMITTED = object()
_NESTED = ("$ref", "properties", "additionalProperties", "items", "x-bindings")


@dataclass(slots=True)
class StructureView:
    """Builds the view of one document; what it meets on the way is kept.

    Attributes:
        bindings: Each bindings object with the kind of object it belongs to.
        problems: Keys that stand beside a reference.
    """

    schema: Schema
    bindings: list[tuple[str, Cursor]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _built: dict[tuple[object, int], Any] = field(default_factory=dict)
    _levels: int = 0

    def of(self, root: Cursor) -> Any:
        """The view of the whole document."""
        return self._view(root, self.schema)

    def _view(self, cursor: Cursor, schema: Schema) -> Any:
        if "$ref" in schema:
            schema = self.schema["definitions"][schema["$ref"].rsplit("/", 1)[-1]]
        value = cursor.value
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            if (beside := sibling_keys(cursor)) is not None:
                self.problems.append(beside)
            if schema.get("x-link"):
                return {"$ref": value["$ref"]}
            target = cursor.follow()
            return _OMITTED if target is None else self._view(target, schema)
        if not isinstance(value, dict | list):
            return value
        key = ((cursor.source, cursor.segments), id(schema))
        if key not in self._built:
            if self._levels >= MAX_LEVELS:
                return _OMITTED
            self._built[key] = _OMITTED  # a message that is one of itself is looked at once
            self._levels += 1
            self._built[key] = self._build(cursor, schema)
            self._levels -= 1
        return self._built[key]

    def _build(self, cursor: Cursor, schema: Schema) -> Any:
        value = cursor.value
        if "x-bindings" in schema:
            self.bindings.append((schema["x-bindings"], cursor))
            return {} if isinstance(value, dict) else []
        if isinstance(value, list):
            items = schema.get("items")
            if not isinstance(items, dict) or not any(word in items for word in _NESTED):
                return [_shell(item) for item in value]
            views = [self._view(cursor.child(str(index), item), items) for index, item in enumerate(value)]
            return [view for view in views if view is not _OMITTED]
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        built: dict[str, Any] = {}
        for name, part in value.items():
            inner = known.get(name)
            if inner is None and not ("patternProperties" in schema and name.startswith("x-")):
                inner = other
            if isinstance(inner, dict) and any(word in inner for word in _NESTED):
                view = self._view(cursor.child(name, part), inner)
                if view is not _OMITTED:
                    built[name or EMPTY_KEY] = view
            else:
                built[name or EMPTY_KEY] = _shell(part, lists=isinstance(inner, dict) and inner.get("type") == "array")
        return built


def _shell(value: Any, *, lists: bool = False) -> Any:
    """A value without its contents; plain values as they are."""
    if isinstance(value, dict):
        return {}
    if isinstance(value, list):
        return [_shell(item) for item in value] if lists else []
    return value


def sibling_keys(cursor: Cursor) -> Problem | None:
    """A warning about keys beside a `$ref`, which tools drop or merge as they like."""
    others = [key for key in cursor.value if key != "$ref"] if isinstance(cursor.value, dict) else []
    if not others:
        return None
    message = f"{others[0]!r} stands beside a $ref, and tools differ in whether they read it"
    return Problem(
        code="reference-siblings",
        severity="warning",
        message=message,
        location=cursor.location(others[0], key=True),
        hint="put it into what the reference leads to",
    )
