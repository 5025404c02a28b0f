"""A document as its schema sees it: references followed where the schema expects an object, contents left out where
it does not look.

The schema itself says where to go: the walk follows its `properties`, `additionalProperties`, `items`, conditions and
definitions. Objects marked `x-link` stay references where these lead to a place that is looked at anyway; objects
marked `x-bindings` are handed over for a check of their own; schemas, marked `x-schema`, are taken as written.
Extension values and other data become empty shells, so the view stays small.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct, field

from observatory.errors import Problem
from observatory.spec.references import Cursor
from observatory.spec.schema_files import Schema
from observatory.spec.shapes import Shape, Shapes
from observatory.spec.uses import Use

Path = tuple[str | int, ...]

EMPTY_KEY = "\ue000"
"""Stands for an empty key in the view: jsonschema-rs leaves empty keys out of the paths that it reports."""
MAX_LEVELS = 60
"""Objects of the specification inside each other, references followed; real documents have a dozen."""
_OMITTED = object()
_CONTAINERS = (dict, list)
_OWN_FORMAT = re.compile(r"application/(?:vnd\.aai\.asyncapi|schema)(?:\+\w+)?;version=")
_OPENAPI = re.compile(r"application/vnd\.oai\.openapi(?:\+json|\+yaml)?;version=3\.0\.0")
_SECTIONS = {"channel": "channels", "message": "messages", "server": "servers"}


class StructureView(Struct):
    """Builds the view of one document; what it meets on the way is kept.

    Attributes:
        minor: The minor version, which says where references may stand.
        bindings: Each bindings object with the kind of object it belongs to.
        schemas: Places of schemas written as JSON Schema.
        problems: References where none may stand, and keys that stand beside a reference.
        repeated: Parts of the view that stand in it more than once, and parts that no file holds as they are.
    """

    shapes: Shapes
    minor: int
    bindings: list[tuple[str, Cursor]] = field(default_factory=list)
    schemas: set[tuple[str, tuple[str, ...]]] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    repeated: list[Any] = field(default_factory=list)
    _built: dict[tuple[object, int], Any] = field(default_factory=dict)
    _kept: dict[tuple[str, tuple[str, ...]], list[int]] = field(default_factory=dict)
    _levels: int = 0

    def of(self, root: Cursor) -> Any:
        """The view of the whole document."""
        return self._view(root, self.shapes.schema)

    def schemas_elsewhere(self, uses: list[Use]) -> list[Cursor]:
        """What schemas refer to outside the places that were looked at, and what that refers to in turn."""
        found: list[Cursor] = []
        waiting = list(uses)
        while True:
            later = []
            for use in waiting:
                if not self._in_schema(use.holder.source.address, use.holder.segments):
                    later.append(use)
                elif not self._in_schema(*use.target.identity):
                    self.schemas.add(use.target.identity)
                    found.append(use.target)
            if len(later) == len(waiting):
                return found
            waiting = later

    def schemas_overlap(self) -> bool:
        """Whether a schema that was taken as written is part of another one, so that its values stand there again."""
        return any(
            (address, segments[:length]) in self.schemas
            for address, segments in self.schemas
            for length in range(len(segments))
        )

    def as_written(self, root: Cursor, path: Path) -> Path:
        """A path of the view with the numbers that entries have in the document, where broken references stand too."""
        if not self._kept:
            return path
        steps: list[str | int] = []
        cursor: Cursor | None = root
        for step in path:
            if cursor is not None and isinstance(step, int) and cursor.identity in self._kept:
                step = self._kept[cursor.identity][step]
            below = cursor.child(str(step), cursor.value[step]) if cursor and _has(cursor.value, step) else None
            cursor = below.follow() if below is not None else None
            steps.append(step)
        return tuple(steps)

    def behind_reference(self, root: Cursor, path: Path) -> bool:
        """Whether a path leads through a reference inside a schema, where only its target would count."""
        cursor, inside = root, root.identity in self.schemas
        for step in path:
            raw = cursor.child(str(step), cursor.value[step]) if _has(cursor.value, step) else None
            if raw is None or (inside and _is_reference(cursor.value)):
                return inside and _is_reference(cursor.value)
            followed = raw if inside else raw.follow()
            if followed is None:
                return False
            cursor, inside = followed, inside or followed.identity in self.schemas
        return inside and _is_reference(cursor.value) and cursor.identity not in self.schemas

    def _in_schema(self, address: str, segments: tuple[str, ...]) -> bool:
        return any((address, segments[:length]) in self.schemas for length in range(len(segments) + 1))

    def _view(self, cursor: Cursor, schema: Schema) -> Any:
        shape = self.shapes.of(schema)
        value = cursor.value
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            if len(value) > 1 and (beside := sibling_keys(cursor)) is not None:
                self.problems.append(beside)
            if shape.closed and schema.get("x-reference", self.minor + 1) > self.minor:
                self.problems.append(_not_allowed(cursor, schema.get("x-reference")))
            if (linked := shape.marks.get("x-link")) is not None and _leads_to(cursor, linked):
                return {"$ref": value["$ref"]}
            target = cursor.follow()
            return _OMITTED if target is None else self._view(target, schema)
        if "x-schema" in shape.marks:
            return self._written(cursor, shape.marks["x-schema"])
        if not isinstance(value, _CONTAINERS):
            return value
        key = ((cursor.source, cursor.segments), id(shape))
        if key in self._built:
            self.repeated.append(self._built[key])
        else:
            if self._levels >= MAX_LEVELS:
                return _OMITTED
            self._built[key] = _OMITTED  # a message that is one of itself is looked at once
            self._levels += 1
            self._built[key] = self._build(cursor, shape)
            self._levels -= 1
        return self._built[key]

    def _written(self, cursor: Cursor, kind: str) -> Any:
        """A schema as it stands; of one in another format only what holds the format is known."""
        value = cursor.value
        if kind == "any" and isinstance(value, dict) and "schema" in value:
            inner = cursor.get("schema")
            if inner is None:
                return value
            if not _is_own(value.get("schemaFormat")):
                return {**value, "schema": self._resolved(inner)}
            return {**value, "schema": self._as_written(inner)}
        return self._as_written(cursor)

    def _as_written(self, cursor: Cursor) -> Any:
        if cursor.identity in self.schemas:
            self.repeated.append(cursor.value)
        self.schemas.add(cursor.identity)
        return cursor.value

    def _resolved(self, cursor: Cursor) -> Any:
        value = cursor.plain()
        self.repeated.append(value)
        return value

    def _build(self, cursor: Cursor, shape: Shape) -> Any:
        value = cursor.value
        if "x-bindings" in shape.marks:
            self.bindings.append((shape.marks["x-bindings"], cursor))
            return {} if isinstance(value, dict) else []
        if isinstance(value, list):
            items = shape.items
            if items is None or not items.nested:
                return [_shell(item) for item in value]
            views = [self._view(cursor.child(str(index), item), items.schema) for index, item in enumerate(value)]
            kept = [index for index, view in enumerate(views) if view is not _OMITTED]
            if len(kept) < len(views):
                self._kept[cursor.identity] = kept
            return [views[index] for index in kept]
        built: dict[str, Any] = {}
        for name, part in value.items():
            inner = shape.part(name)
            if inner is not None and inner.nested:
                if inner.payload and not _is_own(value.get("schemaFormat")):
                    view = self._foreign(cursor.child(name, part), value["schemaFormat"])
                else:
                    view = self._view(cursor.child(name, part), inner.schema)
                if view is not _OMITTED:
                    built[name or EMPTY_KEY] = view
            else:
                built[name or EMPTY_KEY] = _shell(part, lists=inner is not None and inner.lists)
        return built

    def _foreign(self, cursor: Cursor, written: str) -> Any:
        """A payload in another format; a reference to a schema of OpenAPI stands inside it, not in its place."""
        if _OPENAPI.fullmatch(written) and isinstance(cursor.value, dict) and isinstance(cursor.value.get("$ref"), str):
            self.problems.append(_not_allowed(cursor, None))
        target = cursor.follow()
        return _OMITTED if target is None else self._resolved(target)


def _has(value: Any, step: str | int) -> bool:
    return (
        step in value
        if isinstance(value, dict)
        else isinstance(value, list) and isinstance(step, int) and step < len(value)
    )


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("$ref"), str)


def _is_own(written: Any) -> bool:
    """Whether a schemaFormat, or none, means JSON Schema."""
    return not isinstance(written, str) or _OWN_FORMAT.match(written) is not None


def _leads_to(cursor: Cursor, kind: str) -> bool:
    """Whether a link leads into the part of its own document where such objects stand."""
    steps = cursor.value["$ref"].split("/")
    section = _SECTIONS[kind]
    if steps[0] != "#" or len(steps) < 3:
        return False
    return steps[1] == section or steps[1:3] == ["components", section] or (kind == "message" and "messages" in steps)


def _not_allowed(cursor: Cursor, minor: int | None) -> Problem:
    if minor is None:
        message, hint = "a reference cannot stand here", "write the object itself; its parts may be references"
    else:
        message, hint = f"a reference may stand here from AsyncAPI 2.{minor}.0 on", "write the object itself"
    return Problem(code="reference-misplaced", message=message, location=cursor.location("$ref", key=True), hint=hint)


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
