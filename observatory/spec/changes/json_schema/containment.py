"""Whether every value of one schema is a value of another: a proof, or the places where it fails.

The writer's schema may be taken for more than it allows and the reader's for less, never the other way round, so a
proof holds whatever keywords are in play. Schemas that contain themselves are decided by induction over the depth of
the value: what is assumed about a pair of schemas is used only below the place where it was assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from msgspec.structs import replace

from observatory.spec.changes.json_schema.branches import (
    Branch,
    Conjunction,
    conjunction,
    expand,
    json_key,
    type_of,
)
from observatory.spec.changes.json_schema.cleaning import Cleaned, NotDecidable, Schema
from observatory.spec.changes.json_schema.effort import PAIR, Effort
from observatory.spec.changes.json_schema.items import ItemCheck
from observatory.spec.changes.json_schema.members import MemberCheck
from observatory.spec.changes.json_schema.obstacles import Obstacle, either, spoken, type_words
from observatory.spec.changes.json_schema.samples import Samples, step_of
from observatory.spec.changes.json_schema.scalars import numbers_between, remarks_between, strings_between
from observatory.spec.changes.json_schema.validators import Validators
from observatory.spec.likeness import digest

MAX_LEVEL = 40
MAX_INTEGERS = 64
MAX_SPLIT = 16
MAX_OBSTACLES = 40
NOTHING: Conjunction = (False,)
KINDS = ("null", "boolean", "number", "string", "array", "object")
Key = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(slots=True)
class Containment:
    """Decides pairs of schemas of one table of definitions.

    Attributes:
        undeclared: Whether members count that the writer's schema neither names nor expressly allows. An object
            schema without `additionalProperties` allows them, but few writers write what they do not declare.
        effort: What the comparison may still cost.
    """

    context: Cleaned
    undeclared: bool
    effort: Effort = field(default_factory=Effort)
    validators: Validators = field(init=False)
    samples: Samples = field(init=False)
    _known: dict[Key, list[Obstacle]] = field(default_factory=dict)
    _open: dict[Key, int] = field(default_factory=dict)
    _proved: list[Key] = field(default_factory=list)
    _digests: dict[int, str] = field(default_factory=dict)
    _few: dict[tuple[int, ...], list[Any]] = field(default_factory=dict)
    _made: dict[object, Schema] = field(default_factory=dict)
    _strict: Containment | None = None

    def __post_init__(self) -> None:
        self.validators = Validators(self.context, self.effort)
        self.samples = Samples(self.context, self.validators, self.effort)

    @property
    def strict(self) -> Containment:
        """The same question where every member counts: for a schema that is only a part of what holds for an object."""
        if self.undeclared:
            return self
        if self._strict is None:
            self._strict = Containment(self.context, undeclared=True, effort=self.effort)
        return self._strict

    def within(self, writer: Conjunction, reader: Conjunction, level: int = 0) -> list[Obstacle]:
        """Where a value of the writer may be none of the reader; empty when there is surely no such value."""
        if not reader or writer == NOTHING or self._same(writer, reader):
            return []
        key = (tuple(map(id, writer)), tuple(map(id, reader)))
        if key in self._known:
            return self._known[key]
        if key in self._open:
            if level > self._open[key]:
                return []
            return [self._undecided("$ref", "the schema is made of itself at the same place", writer)]
        if level > MAX_LEVEL:
            return [self._undecided("schema", f"the schemas nest deeper than {MAX_LEVEL} levels", writer)]
        self._open[key] = level
        before = len(self._proved)
        try:
            self.effort.spend(PAIR)
            found = self._decide(writer, reader, level)
        except NotDecidable as reason:
            found = [self._undecided(reason.keyword, reason.message, writer)]
        finally:
            del self._open[key]
        if found:
            # Proofs made since may rest on the assumption that this pair holds.
            for proved in self._proved[before:]:
                self._known.pop(proved, None)
            del self._proved[before:]
        else:
            self._proved.append(key)
        self._known[key] = found
        return found

    def _same(self, writer: Conjunction, reader: Conjunction) -> bool:
        """Whether all that the reader asks stands in the writer word for word."""
        own = {self._digest(schema) for schema in writer}
        return all(self._digest(schema) in own for schema in reader)

    def _digest(self, schema: Schema) -> str:
        # Names of definitions tell the sides apart, so equal digests are equal schemas.
        return digest(schema, self._digests)

    def _undecided(self, keyword: str, message: str, writer: Conjunction) -> Obstacle:
        return Obstacle(keyword=keyword, message=message, candidates=tuple(self.samples.of(writer)), open=True)

    def _decide(self, writer: Conjunction, reader: Conjunction, level: int) -> list[Obstacle]:
        options = expand(reader, self.context, reading=True)
        branches = expand(writer, self.context)
        taken = frozenset[str]().union(*(option.types for option in options))
        found = self._wrong_types(branches, options, taken, writer)
        nullable = False
        for branch in branches:
            nullable = nullable or branch.nullable
            for kind in KINDS:
                if kind in branch.types and kind in taken:
                    found += self._typed(branch, kind, writer, reader, options, level)
        if nullable and not any(option.nullable or "null" in option.types for option in options):
            message = "'nullable' lets some tools write null, which the reader does not take"
            found.append(Obstacle(keyword="nullable", message=message, open=True))
        return list(dict.fromkeys(found))[:MAX_OBSTACLES]

    def _wrong_types(
        self, branches: list[Branch], options: list[Branch], taken: frozenset[str], writer: Conjunction
    ) -> list[Obstacle]:
        """One obstacle for all types that the writer may write and the reader takes in no case."""
        words: dict[str, None] = {}
        samples: list[Any] = []
        for branch in branches:
            for kind in KINDS:
                if kind not in branch.types - taken or self._surely_empty(branch, kind):
                    continue
                if not self._all_refused(writer, _listed(branch, kind)):
                    words |= dict.fromkeys(type_words(branch, kind))
                    samples += self.samples.typed(branch, kind)[:3]
        if not words:
            return []
        wanted = list(dict.fromkeys(word for option in options for word in type_words(option)))
        message = f"may be {either(list(words))}; the reader takes {either(wanted) or 'nothing here'}"
        return [Obstacle(keyword="type", message=message, candidates=tuple(samples))]

    def _typed(
        self,
        branch: Branch,
        kind: str,
        writer: Conjunction,
        reader: Conjunction,
        options: list[Branch],
        level: int,
        *,
        split: bool = True,
    ) -> list[Obstacle]:
        """Where values of one type of one branch of the writer may be none of the reader."""
        if self._surely_empty(branch, kind):
            return []
        values = _listed(branch, kind)
        if values is not None and (found := self._values(values, writer, reader)) is not None:
            return found
        fitting = [option for option in options if kind in option.types]
        fitting = self._of_same_kind(branch, fitting) if kind == "object" and len(fitting) > 1 else fitting
        best: list[Obstacle] | None = None
        others: list[Any] = []
        for option in fitting:
            try:
                found = self._against(branch, kind, option, level)
            except NotDecidable as reason:
                samples = tuple(self.samples.typed(branch, kind))
                found = [Obstacle(keyword=reason.keyword, message=reason.message, candidates=samples, open=True)]
            if not found:
                return []
            others += [value for one in found if not one.steps for value in one.candidates]
            if best is None or len(found) < len(best):
                best = found
        assert best is not None
        if len(fitting) > 1 and split and kind == "object" and self._split(branch, writer, reader, options, level):
            return []
        if len(fitting) > 1 and others:
            best = [replace(best[0], candidates=(*best[0].candidates, *others[:20])), *best[1:]]
        return best

    def _values(self, values: list[Any], writer: Conjunction, reader: Conjunction) -> list[Obstacle] | None:
        """Finitely many values are tried one by one; None where no validator can be built."""
        refused: list[Any] = []
        for value in values:
            written, read = self.validators.accepts(writer, value), self.validators.accepts(reader, value)
            if written is None or read is None:
                return None
            if written and not read:
                refused.append(value)
        if not refused:
            return []
        shown = ", ".join(spoken(value) for value in refused[:3]) + (", …" if len(refused) > 3 else "")
        simple = all(type_of(value) not in ("array", "object") for value in refused)
        message = f"may be {shown if simple else 'a value'}, which the reader does not take"
        return [Obstacle(keyword="enum", message=message, candidates=tuple(refused))]

    def _split(
        self, branch: Branch, writer: Conjunction, reader: Conjunction, options: list[Branch], level: int
    ) -> bool:
        """Whether the reader takes an object for each value of one of its members, the way a discriminator tells."""
        for name in sorted(branch.required):
            values = self._choices(self.samples.member(branch, name))
            if not 1 < len(values) <= MAX_SPLIT:
                continue
            parts = []
            for value in values:
                schema = self.kept(("const", name, json_key(value)), {"properties": {name: {"const": value}}})
                parts.append(expand((schema,), self.context, start=branch))
            if all(
                not self._typed(part, "object", writer, reader, options, level, split=False)
                for branches in parts
                for part in branches
            ):
                return True
        return False

    def _of_same_kind(self, branch: Branch, options: list[Branch]) -> list[Branch]:
        """Options whose discriminating members may have a value in common with the writer's; all if there are none."""
        for name in sorted(branch.required):
            own = {json_key(value) for value in self._choices(self.samples.member(branch, name))}
            if own:
                of = [{json_key(value) for value in self._choices(self.samples.member(one, name))} for one in options]
                kept = [one for one, values in zip(options, of, strict=True) if not values or values & own]
                options = kept or options
        return options

    def _choices(self, schemas: Conjunction) -> list[Any]:
        """All values of schemas where they are few; empty where they are not."""
        key = tuple(map(id, schemas))
        if key not in self._few:
            found: list[Any] | None = []
            try:
                branches = expand(schemas, self.context)
            except NotDecidable:
                branches, found = [], None
            for values in (_listed(branch, kind) for branch in branches for kind in branch.types):
                found = None if found is None or values is None else [*found, *values]
            self._few[key] = found or []
        return self._few[key]

    def kept(self, key: object, schema: Schema) -> Schema:
        """One schema for each key, kept alive: pairs of schemas are known by their addresses."""
        return self._made.setdefault(key, schema)

    def _against(self, branch: Branch, kind: str, option: Branch, level: int) -> list[Obstacle]:
        """Where values of one type of a branch may be refused by one option of the reader."""
        found: list[Obstacle] = []
        if option.literals is not None:
            message = f"the reader takes only {', '.join(spoken(one) for one in option.literals[:4])}"
            return [Obstacle(keyword="enum", message=message, candidates=tuple(self.samples.typed(branch, kind)))]
        found += remarks_between(branch, kind, option)
        if kind == "number":
            found += numbers_between(branch, option)
        elif kind == "string":
            found += strings_between(branch, option, self.effort)
        elif kind == "array":
            found += ItemCheck(self, branch, option, level).obstacles()
        elif kind == "object":
            found += MemberCheck(self, branch, option, level).obstacles()
        if found:
            return found  # what the reader excludes besides is costly to tell and adds nothing
        for refused in option.nots:
            if not self._apart(branch, kind, refused, level):
                candidates = self.samples.of((*refused, *self._schema_of(branch)))
                message = "may be something that the reader excludes"
                found.append(Obstacle(keyword="not", message=message, candidates=tuple(candidates), open=True))
        return found

    def _schema_of(self, branch: Branch) -> Conjunction:
        """What a branch says about members, as a schema, to find values that two sides share."""
        found: list[Schema] = []
        for one in branch.members:
            extra: dict[str, Any] = {} if one.additional is None else {"additionalProperties": one.additional}
            found.append({"properties": one.properties, "patternProperties": one.patterns, **extra})
        schema: dict[str, Any] = {"required": sorted(branch.required), "allOf": found} if found else {}
        if len(branch.types) < len(KINDS):
            schema["type"] = sorted(branch.types)
        return (self.kept(("branch", id(branch)), schema),) if schema else ()

    def takes(self, reader: Schema, branch: Branch, kind: str, level: int) -> bool:
        """Whether a schema surely takes all values of one type of a branch."""
        options = [one for one in expand((reader,), self.context, reading=True) if kind in one.types]
        return any(not self._against(branch, kind, option, level) for option in options)

    def _apart(self, branch: Branch, kind: str, other: Conjunction, level: int) -> bool:
        """Whether no value of a branch is a value of other schemas, surely."""
        start = replace(branch, types=frozenset({kind}))
        if all(self._surely_empty(one, kind) for one in expand(other, self.context, start=start)):
            return True
        return any(not self.strict.within(other, own, level) for own in branch.nots)

    def nothing(self, schemas: Conjunction, depth: int = 0) -> bool:
        """Whether schemas surely allow no value at all."""
        if schemas == NOTHING:
            return True
        if depth > 8:
            return False
        try:
            branches = expand(schemas, self.context)
        except NotDecidable:
            return False
        return all(
            self._surely_empty(branch, kind, depth + 1) or self._all_refused(schemas, _listed(branch, kind))
            for branch in branches
            for kind in branch.types
        )

    def _all_refused(self, schemas: Conjunction, values: list[Any] | None) -> bool:
        """Whether schemas surely allow none of a few values."""
        return values is not None and all(self.validators.accepts(schemas, value) is False for value in values)

    def _surely_empty(self, branch: Branch, kind: str, depth: int = 0) -> bool:
        """Whether a branch surely allows no value of a type."""
        if kind not in branch.types:
            return True
        if branch.literals is not None:
            values = [one for one in branch.literals if type_of(one) == kind]
            return not any(self._may_fit(branch, one) for one in values)
        if kind == "object":
            return any(self.nothing(conjunction(self.samples.member(branch, name)), depth) for name in branch.required)
        if kind == "array" and branch.min_items:
            places = range(min(branch.min_items, branch.positions() + 1))
            return any(self.nothing(branch.item(index), depth) for index in places)
        return False

    def _may_fit(self, branch: Branch, value: Any) -> bool:
        """Whether a value may satisfy the facets of a branch; only what is simple is looked at."""
        if isinstance(value, str) and not (
            branch.min_length <= len(value) <= branch.max_length
            and all(self.validators.matches(pattern, value) for pattern in branch.patterns)
        ):
            return False
        if isinstance(value, int | float) and not isinstance(value, bool):
            step = step_of(branch)
            if not branch.low <= value <= branch.high or (step and (Fraction(str(value)) / step).denominator != 1):
                return False
        if isinstance(value, dict) and not branch.required <= value.keys():
            return False
        return all(self.validators.accepts(refused, value) is not True for refused in branch.nots)


def _listed(branch: Branch, kind: str) -> list[Any] | None:
    """All values of a type that a branch allows, or more, where they are few; None where they are not."""
    if branch.literals is not None:
        return [value for value in branch.literals if type_of(value) == kind]
    if kind == "null":
        return [None]
    if kind == "boolean":
        return [True, False]
    if kind == "number" and branch.integer and branch.high - branch.low < MAX_INTEGERS:
        return list(range(int(branch.low), int(branch.high) + 1))
    return None
