"""References: a cursor that walks through documents, follows `$ref` across files and always knows where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.reading import pointer_of, segments_of
from observatory.spec.files import Library, Source
from observatory.spec.suggestions import meant

MAX_HOPS = 50
MAX_LEVELS = 200
MAX_SUGGESTIONS = 200
"""Broken references for which a near name is looked for; a document may have tens of thousands of both."""
_UNDER_WAY = object()
_CONTAINERS = (dict, list)
"""Written once: `dict | list` is built anew each time it is passed, which large documents notice."""
DATA_KEYS = frozenset({"example", "examples", "default", "const", "enum"})
"""Keys of schemas and messages whose values are data: a `$ref` in there is no reference."""


class References(Struct):
    """Follows references and collects what is wrong with them; each broken one is reported once.

    Attributes:
        overlays: What overlay files say about objects; it lies under them, and shows where they are silent.
        standing: References that `plain` left where they are, by the address of the object that holds them.
    """

    library: Library
    overlays: dict[tuple[str, tuple[str, ...]], Cursor] = msgspec.field(default_factory=dict)
    problems: list[Problem] = msgspec.field(default_factory=list)
    standing: dict[int, Cursor] = msgspec.field(default_factory=dict)
    _targets: dict[tuple[Source, str], tuple[Source, tuple[str, ...], Any] | None] = msgspec.field(default_factory=dict)
    _sought: list[tuple[Source, str]] = msgspec.field(default_factory=list)
    _plain: dict[tuple[Source, tuple[str, ...]], Any] = msgspec.field(default_factory=dict)
    _levels: dict[int, int] = msgspec.field(default_factory=dict)
    _final: set[int] = msgspec.field(default_factory=set)
    _suggested: int = 0

    def root(self, source: Source) -> Cursor:
        """The cursor on a whole file."""
        return self._overlaid(Cursor(self, source, (), source.data))

    def overlay_of(self, cursor: Cursor) -> Cursor | None:
        """What an overlay file says about the object at a place."""
        return self.overlays.get(cursor.identity) if self.overlays else None

    def _overlaid(self, cursor: Cursor) -> Cursor:
        overlay = self.overlay_of(cursor)
        return cursor if overlay is None or not isinstance(cursor.value, dict) else cursor.over([overlay])

    def follow(self, cursor: Cursor) -> Cursor | None:
        """Where a reference leads in the end; the cursor itself when it is none, None when it is broken."""
        hops = 0
        seen: set[tuple[Source, tuple[str, ...]]] = set()
        start = cursor
        while isinstance(cursor.value, dict) and isinstance(cursor.value.get("$ref"), str):
            here = (cursor.source, cursor.segments)
            hops += 1
            if here in seen or hops > MAX_HOPS:
                code = "reference-cycle" if here in seen else "reference-too-deep"
                what = "leads back to itself" if here in seen else f"leads through more than {MAX_HOPS} others"
                self._report(Problem(code=code, message=f"the reference {start.value['$ref']!r} {what}"), start)
                return None
            seen.add(here)
            target = self._target(cursor)
            if target is None:
                return None
            cursor = Cursor(self, *target)
        return self._overlaid(cursor)

    def _target(self, cursor: Cursor) -> tuple[Source, tuple[str, ...], Any] | None:
        text: str = cursor.value["$ref"]
        key = (cursor.source, text)
        if key in self._sought or len(self._sought) > MAX_HOPS:
            # The way to the target leads through other references, and these through it, or through ever more.
            code = "reference-cycle" if key in self._sought else "reference-too-deep"
            what = "leads back to itself" if key in self._sought else f"leads through more than {MAX_HOPS} others"
            self._report(Problem(code=code, message=f"the reference {text!r} {what}"), cursor)
            return None
        if key not in self._targets:
            self._sought.append(key)
            try:
                self._targets[key] = self._look_up(text, cursor.source)
            except _BrokenError:
                self._targets[key] = None
            except InputInvalid as error:
                self._targets[key] = None
                self._report(error.problems[0], cursor)
            finally:
                self._sought.pop()
        return self._targets[key]

    def _look_up(self, text: str, origin: Source) -> tuple[Source, tuple[str, ...], Any]:
        if not text.strip():
            # It would lead to the whole file; `uses_of` says that it is empty.
            raise _BrokenError
        file, _, fragment = text.partition("#")
        source = self.library.referenced(unquote(file), origin) if file else origin
        try:
            segments = segments_of(unquote(fragment))
        except ValueError:
            message = f"{text!r} is no JSON pointer"
            slashed = f"{file}#/{fragment}" if fragment.partition("/")[0] in _keys_of(source.data) else None
            hint = f"did you mean {slashed!r}?" if slashed else "write it as '#/components/messages/Order'"
            raise InputInvalid(Problem(code="reference-missing", message=message, hint=hint)) from None
        value = source.data
        walked: list[str] = []
        for segment in segments:
            if isinstance(value, dict) and isinstance(value.get("$ref"), str) and segment not in value:
                # The path leads through another reference, which is followed on the way.
                hop = self.follow(Cursor(self, source, tuple(walked), value))
                if hop is None:
                    raise _BrokenError
                source, walked, value = hop.source, list(hop.segments), hop.value
            if isinstance(value, dict) and segment in value:
                value = value[segment]
            elif isinstance(value, list) and segment.isdecimal() and int(segment) < len(value):
                value = value[int(segment)]
            else:
                self._suggested += 1
                known = value if self._suggested <= MAX_SUGGESTIONS else None
                raise InputInvalid(_missing(text, walked, segment, known))
            walked.append(segment)
        return source, tuple(walked), value

    def _report(self, problem: Problem, cursor: Cursor) -> None:
        here = cursor.location("$ref")
        if problem.location is not None and problem.location.path != here.path:
            # The other file is at fault; both places matter, and the reference is the one to start from.
            self.problems.append(problem)
            message = f"the file that {cursor.value['$ref']!r} refers to cannot be read"
            problem = Problem(code="reference-file-missing", message=message)
        self.problems.append(
            Problem(code=problem.code, message=problem.message, location=here, hint=problem.hint, label=problem.label)
        )

    def plain(self, cursor: Cursor) -> Any:
        """The value with every reference in it replaced by what it refers to.

        Repeated parts are shared, not copied, so the size stays that of the documents. Where a value contains
        itself, or nests too deep, the reference is left standing.
        """
        return self._replace_target(cursor, 0)

    def _replace_target(self, cursor: Cursor, depth: int) -> Any:
        key = (cursor.source, cursor.segments)
        if key not in self._plain:
            self._plain[key] = _UNDER_WAY
            self._plain[key] = self._replace(cursor, depth)
        return self._plain[key]

    def _replace(self, cursor: Cursor, depth: int) -> Any:
        value = cursor.value
        if not isinstance(value, _CONTAINERS) or depth > MAX_LEVELS or self.is_final(value):
            return value
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            target = self.follow(cursor)
            new = _UNDER_WAY if target is None else self._replace_target(target, depth + 1)
            if target is not None and new is _UNDER_WAY:
                self.standing[id(value)] = cursor
            return value if new is _UNDER_WAY or self._levels.get(id(new), 0) > MAX_LEVELS else new
        changed = False
        parts: list[Any] = []
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            new = part
            if isinstance(part, _CONTAINERS) and name not in DATA_KEYS:
                new = self._replace(cursor.child(str(name), part), depth + 1)
                changed = changed or new is not part
            parts.append(new)
        if not changed:
            return value
        replaced = dict(zip(value, parts, strict=True)) if isinstance(value, dict) else parts
        # Parts that are known already nest as deep as they do, however shallow the way to them was.
        self._levels[id(replaced)] = 1 + max(self._levels.get(id(part), 0) for part in parts)
        return replaced

    def is_final(self, value: Any) -> bool:
        """Whether nothing in a mapping or a list is a reference, which most are; each is looked through once."""
        if id(value) in self._final:
            return True
        if isinstance(value, dict):
            if "$ref" in value:
                return False
            for name, part in value.items():
                if isinstance(part, _CONTAINERS) and name not in DATA_KEYS and not self.is_final(part):
                    return False
        else:
            for part in value:
                if isinstance(part, _CONTAINERS) and not self.is_final(part):
                    return False
        self._final.add(id(value))
        return True


def _keys_of(data: Any) -> list[str]:
    return list(data) if isinstance(data, dict) else []


class _BrokenError(Exception):
    """The way to a target leads through a reference that is broken, and has been reported."""


def _missing(text: str, walked: list[str], segment: str, value: Any) -> Problem:
    near = meant(segment, value) if isinstance(value, dict) else None
    hint = None
    if near is not None:
        file, _, fragment = text.partition("#")
        written = [part.replace("~", "~0").replace("/", "~1") for part in (segment, near)]
        full = f"{file}#{fragment.replace(f'/{written[0]}', f'/{written[1]}', 1)}"
        hint = f"did you mean {near!r}?" if full == text else f"did you mean {full!r}?"
    where = pointer_of(walked) or "the top of the file"
    message = f"{text!r} leads nowhere: {where} has no {segment!r}"
    return Problem(code="reference-missing", message=message, hint=hint)


# Not frozen: a large document makes a hundred thousand of them, and freezing doubles what that takes.
@dataclass(slots=True, unsafe_hash=True)
class Cursor:
    """A value and its place. Below it may lie values that it covers: traits, or what traits cover. Nobody changes one.

    Reading through a cursor follows references, and merges layers as JSON Merge Patch (RFC 7396) does: mappings key
    by key, everything else whole, null removes.

    Attributes:
        segments: Path of the value inside its file.
        value: As written, references not followed.
        under: Covered layers, nearest first; each is a followed mapping.
    """

    references: References
    source: Source
    segments: tuple[str, ...]
    value: Any
    under: tuple[Cursor, ...] = ()

    def location(self, *segments: str, key: bool = False) -> Location:
        """The place of the value, or of what lies at the path below it."""
        if segments and self.under and not (isinstance(self.value, dict) and segments[0] in self.value):
            for layer in self.under:
                if isinstance(layer.value, dict) and segments[0] in layer.value:
                    return layer.location(*segments, key=key)
        return self.source.reading.at((*self.segments, *segments), key=key)

    def child(self, key: str, value: Any) -> Cursor:
        """The cursor one step down, reference not followed."""
        return Cursor(self.references, self.source, (*self.segments, key), value)

    def follow(self) -> Cursor | None:
        """Where it leads when it is a reference; itself when it is none."""
        return self if self.under else self.references.follow(self)

    def raw(self, key: str) -> Cursor | None:
        """The value under a key, reference not followed; None where there is none."""
        if isinstance(self.value, dict) and key in self.value:
            return self.child(key, self.value[key])
        return None

    def get(self, key: str) -> Cursor | None:
        """The value under a key, references followed and layers merged; None where there is none or it is broken."""
        value = self.value
        part = value.get(key) if isinstance(value, dict) else None
        if part is None and not self.under:
            return None
        own = found = None
        if part is not None or (isinstance(value, dict) and key in value):
            own = found = Cursor(self.references, self.source, (*self.segments, key), part)
            # Most values are no references and have no overlay: they need not be followed.
            if self.references.overlays or (isinstance(part, dict) and "$ref" in part):
                found = own.follow()
        if not self.under or (own is not None and not isinstance(found and found.value, dict)):
            return found if found is not None and found.value is not None else None
        below: list[Cursor] = []
        for layer in self.under:
            lower = layer.get(key)
            if lower is None:
                continue
            if not isinstance(lower.value, dict):
                return found if found is not None else lower if not below else _layered(below)
            below.append(lower)
        return _layered([found, *below] if found is not None else below)

    def text(self, key: str) -> str | None:
        """The text under a key, None where there is none or it is no text."""
        part = self.value.get(key) if isinstance(self.value, dict) else None
        if isinstance(part, str):
            return part
        found = self.get(key)
        return found.value if found is not None and isinstance(found.value, str) else None

    def keys(self) -> list[str]:
        """Keys of the mapping, own ones first; empty for anything else."""
        keys = dict.fromkeys(self.value) if isinstance(self.value, dict) else {}
        for layer in self.under:
            keys |= dict.fromkeys(layer.keys())
        return list(keys)

    def entries(self) -> Iterator[tuple[str, Cursor]]:
        """Key and followed value of each entry of a mapping, the broken ones left out."""
        for key in self.keys():
            if (found := self.get(key)) is not None:
                yield key, found

    def items(self) -> Iterator[Cursor]:
        """Followed items of a list, the broken ones left out."""
        if isinstance(self.value, list):
            for index, value in enumerate(self.value):
                if (found := self.child(str(index), value).follow()) is not None:
                    yield found

    def plain(self) -> Any:
        """The value with layers merged and references replaced."""
        if not self.under:
            return self.references.plain(self)
        return {key: found.plain() for key, found in self.entries()}

    def over(self, layers: list[Cursor]) -> Cursor:
        """This cursor lying over others; layers that are no mappings do not count."""
        kept = tuple(layer for layer in layers if isinstance(layer.value, dict))
        if not kept:
            return self
        return Cursor(self.references, self.source, self.segments, self.value, (*self.under, *kept))

    @property
    def identity(self) -> tuple[str, tuple[str, ...]]:
        """The file and the path inside it: equal for two references to the same thing."""
        return self.source.address, self.segments

    @property
    def identities(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Its own identity and those of the layers under it."""
        return self.identity, *(layer.identity for layer in self.under)


def _layered(cursors: list[Cursor]) -> Cursor | None:
    if not cursors:
        return None
    return cursors[0].over(cursors[1:]) if len(cursors) > 1 else cursors[0]
