"""Whether a reader takes every object that a writer writes: members by name, by pattern, and all the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from observatory.spec.changes.json_schema.branches import INFINITY, Branch, Conjunction, Members, conjunction
from observatory.spec.changes.json_schema.cleaning import Schema
from observatory.spec.changes.json_schema.obstacles import Obstacle, member_step, spoken
from observatory.spec.changes.json_schema.patterns import example
from observatory.spec.changes.json_schema.samples import MAX_SAMPLE_LENGTH

if TYPE_CHECKING:
    from observatory.spec.changes.json_schema.containment import Containment

NOTHING: Conjunction = (False,)
OTHER_NAME = "undeclared"


class MemberCheck(Struct):
    """Objects of one branch of the writer against one option of the reader."""

    check: Containment
    branch: Branch
    option: Branch
    level: int

    def obstacles(self) -> Iterator[Obstacle]:
        """Where an object may be refused."""
        yield from self._required()
        names = {**self.branch.declared(), **self.option.declared(), **dict.fromkeys(sorted(self.branch.required))}
        possible = [name for name in names if not self.check.nothing(self._written(name))]
        for name in possible:
            yield from self._member(name)
        yield from self._rest()
        yield from self._names(possible)
        yield from self._sizes(possible)
        yield from self._dependencies(possible)

    @property
    def _silent(self) -> bool:
        """Whether members that the writer does not name are left out of account."""
        branch = self.branch
        declares = bool(branch.declared())
        return not self.check.undeclared and declares and all(one.additional is None for one in branch.members)

    @property
    def _part(self) -> Containment:
        """Whom to ask about a schema for members without a name: it is all that holds for them, or a part of it."""
        members = self.branch.members
        whole = len(members) == 1 and len(members[0].patterns) <= 1
        return self.check if whole else self.check.strict

    def _written(self, name: str) -> Conjunction:
        """What holds for a member that the writer writes; nothing where it writes none of that name."""
        if self.branch.names and self.check.validators.accepts(self.branch.names, name) is False:
            return NOTHING
        named = name in self.branch.declared() or name in self.branch.required
        by_pattern = any(
            self.check.validators.matches(pattern, name) for one in self.branch.members for pattern in one.patterns
        )
        if self._silent and not named and not by_pattern:
            return NOTHING
        return conjunction(self.check.samples.member(self.branch, name))

    def _read(self, name: str) -> Conjunction:
        return conjunction(self.check.samples.member(self.option, name))

    def _member(self, name: str) -> Iterator[Obstacle]:
        written, read = self._written(name), self._read(name)
        step = member_step(name)
        if self.check.nothing(read):
            values = self.check.samples.of(written)[:2]
            message = f"the reader does not allow the property {spoken(name)}"
            yield Obstacle(
                keyword="additionalProperties", message=message, steps=(step,), candidates=self._with(name, values)
            )
            return
        for inner in self.check.within(written, read, self.level + 1):
            yield inner.below(step, self._with(name, list(inner.candidates)))

    def _with(self, name: str, values: list[Any]) -> tuple[Any, ...]:
        """Objects of the writer with each of some values under a name, once bare and once with all members."""
        found: list[Any] = []
        for full in (False, True):
            made = [self.check.samples.object(self.branch, {name: value}, full=full) for value in values]
            found += [one for one in made if one is not None]
        return tuple(found)

    def _required(self) -> Iterator[Obstacle]:
        present = set(self.branch.required)
        changed = True
        while changed:
            before = len(present)
            for name, needs in self.branch.dependencies:
                if name in present and isinstance(needs, tuple):
                    present |= set(needs)
            changed = len(present) > before
        for name in sorted(self.option.required - present):
            bare = self.check.samples.object(self.branch, {}, full=False, without=name)
            full = self.check.samples.object(self.branch, {}, full=True, without=name)
            candidates = tuple(one for one in (bare, full) if one is not None)
            known = name in self.branch.declared()
            does = "may leave out" if known else "does not know"
            message = f"the reader requires {spoken(name)}, which the writer {does}"
            yield Obstacle(keyword="required", message=message, steps=(member_step(name),), candidates=candidates)

    def _alternatives(self, one: Members, skipped: set[str]) -> list[tuple[str | None, Schema]]:
        """What one schema of the writer says about members without a name: by pattern, and the others (None)."""
        found: list[tuple[str | None, Schema]] = [
            (pattern, schema) for pattern, schema in one.patterns.items() if pattern not in skipped
        ]
        if one.additional is not None or not self._silent:
            found.append((None, True if one.additional is None else one.additional))
        return found

    def _open(self, skipped: set[str]) -> list[list[tuple[str | None, Schema]]]:
        """Alternatives of each schema of the writer; one of all schemas where none says anything."""
        return [self._alternatives(one, skipped) for one in self.branch.members] or [[(None, True)]]

    def _rest(self) -> Iterator[Obstacle]:
        """Members that neither side names."""
        for one in self.option.members:
            for pattern, schema in one.patterns.items():
                own = conjunction(
                    inner for each in self.branch.members for known, inner in each.patterns.items() if known == pattern
                )
                if own and not self.check.strict.within(own, (schema,), self.level + 1):
                    continue
                yield from self._unnamed(pattern, schema, set())
            if one.additional is not None and one.additional != {} and one.additional is not True:
                yield from self._unnamed(None, one.additional, set(one.patterns))

    def _unnamed(self, pattern: str | None, read: Schema, skipped: set[str]) -> Iterator[Obstacle]:
        """Obstacles of the schema of the writer that comes closest; none where one of them rules them all out."""
        best: list[Obstacle] | None = None
        for alternatives in self._open(skipped):
            found: list[Obstacle] = []
            for written_pattern, written in alternatives:
                if self.check.nothing((written,)):
                    continue
                name = self._fresh_name(written_pattern or pattern)
                step = f"[{spoken(pattern or written_pattern)}]" if pattern or written_pattern else ".*"
                if self.check.nothing((read,)):
                    message = "the reader allows no property that it does not name"
                    values = self.check.samples.of((written,))[:2] or [0]
                    made = self._with(name, values) if name else ()
                    found.append(
                        Obstacle(keyword="additionalProperties", message=message, steps=(step,), candidates=made)
                    )
                    continue
                for inner in self._part.within((written,), (read,), self.level + 1):
                    made = self._with(name, list(inner.candidates)) if name else ()
                    # Whether a name of one pattern is one of the other is left to the validator.
                    obstacle = inner.below(step, made)
                    found.append(replace(obstacle, open=True) if written_pattern != pattern else obstacle)
            if best is None or len(found) < len(best):
                best = found
        yield from best or ()

    def _fresh_name(self, pattern: str | None) -> str | None:
        """A name that falls under a pattern, or one that neither side names."""
        if pattern is not None:
            return example((pattern,), 0, INFINITY)
        taken = {**self.branch.declared(), **self.option.declared()}
        name = OTHER_NAME
        while name in taken:
            name += "_"
        return name

    def _names(self, possible: list[str]) -> Iterator[Obstacle]:
        for wanted in self.option.names:
            refused = [name for name in possible if self.check.validators.accepts((wanted,), name) is not True]
            for name in refused:
                values = self.check.samples.of(self._written(name))[:2]
                message = f"the reader does not allow the name {spoken(name)}"
                steps = (member_step(name),)
                yield Obstacle(
                    keyword="propertyNames", message=message, steps=steps, candidates=self._with(name, values)
                )
            if not any(self._names_within(alternatives, wanted) for alternatives in self._open(set())):
                samples = ["", "a", "A", "0", "a b", OTHER_NAME]
                refused = [name for name in samples if self.check.validators.accepts((wanted,), name) is False]
                made = [one for name in refused for one in self._with(name, [0, "", None])]
                message = "may have names that the reader does not allow"
                yield Obstacle(
                    keyword="propertyNames", message=message, steps=(".*",), candidates=tuple(made), open=True
                )

    def _names_within(self, alternatives: list[tuple[str | None, Schema]], wanted: Schema) -> bool:
        for pattern, schema in alternatives:
            if self.check.nothing((schema,)):
                continue
            text: dict[str, Any] = {"type": "string"} if pattern is None else {"type": "string", "pattern": pattern}
            name = self.check.kept(("name", pattern), text)
            if self.check.within((*self.branch.names, name), (wanted,), self.level + 1):
                return False
        return True

    def _sizes(self, possible: list[str]) -> Iterator[Obstacle]:
        least = max(self.branch.min_members, len(self.branch.required))
        if self.option.min_members > least:
            bare = self.check.samples.object(self.branch, {}, full=False)
            message = f"may have {least} properties; the reader wants at least {self.option.min_members}"
            yield Obstacle(keyword="minProperties", message=message, candidates=() if bare is None else (bare,))
        closed = any(
            all(self.check.nothing((schema,)) for _, schema in alternatives) for alternatives in self._open(set())
        )
        most = min(self.branch.max_members, len(possible) if closed else INFINITY)
        if self.option.max_members < most:
            full = self.check.samples.object(self.branch, {}, full=True)
            if full is not None and not closed:
                more = range(int(min(self.option.max_members, MAX_SAMPLE_LENGTH)) + 1)
                full = {**{f"{OTHER_NAME}{index}": 0 for index in more}, **full}
            message = f"may have more than the {self.option.max_members} properties that the reader takes"
            yield Obstacle(keyword="maxProperties", message=message, candidates=() if full is None else (full,))

    def _dependencies(self, possible: list[str]) -> Iterator[Obstacle]:
        for name, needs in self.option.dependencies:
            if name not in possible and (self._closed_to(name)):
                continue
            own = [known for trigger, known in self.branch.dependencies if trigger == name]
            if isinstance(needs, tuple):
                sure = self.branch.required.union(*(known for known in own if isinstance(known, tuple)))
                if set(needs) <= sure:
                    continue
                message = f"the reader requires {', '.join(map(spoken, needs))} beside {spoken(name)}"
            else:
                known = conjunction(one for one in own if not isinstance(one, tuple))
                if known and not self.check.strict.within(known, (needs,), self.level):
                    continue
                given = replace(self.branch, required=self.branch.required | {name})
                if self.check.takes(needs, given, "object", self.level):
                    continue
                message = f"the reader asks more of the object where it has {spoken(name)}"
            candidates = self._with(name, self.check.samples.of(self._written(name))[:2])
            yield Obstacle(keyword="dependencies", message=message, candidates=candidates, open=True)

    def _closed_to(self, name: str) -> bool:
        return self.check.nothing(self._written(name))
