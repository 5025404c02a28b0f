"""Values that a schema allows, few and at its edges: the raw material of witnesses.

A sample may be wrong where a facet cannot be followed; whoever uses one tries it on a validator. Objects carry only
members that the schema names, so no sample holds something that a writer did not declare.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Any

from msgspec import Struct, field

from observatory.spec.changes.json_schema.branches import INFINITY, Branch, Conjunction, expand, json_key
from observatory.spec.changes.json_schema.cleaning import Cleaned, NotDecidable, Schema
from observatory.spec.changes.json_schema.effort import SAMPLE, Effort
from observatory.spec.changes.json_schema.patterns import example
from observatory.spec.changes.json_schema.validators import Validators

MAX_SAMPLES = 6
MAX_SAMPLE_DEPTH = 12
MAX_SAMPLE_LENGTH = 2_000
_FILLING = 5
"""Depth down to which members that may be left out are put in as well."""
MAX_PADDING = 20
FORMATTED = {
    repr(name): text
    for name, text in {
        "date-time": "2000-01-01T00:00:00Z",
        "date": "2000-01-01",
        "time": "00:00:00Z",
        "email": "a@example.com",
        "idn-email": "a@example.com",
        "hostname": "example.com",
        "idn-hostname": "example.com",
        "ipv4": "192.0.2.1",
        "ipv6": "2001:db8::1",
        "uri": "https://example.com/",
        "uri-reference": "/",
        "iri": "https://example.com/",
        "uuid": "00000000-0000-4000-8000-000000000000",
    }.items()
}
"""One text of each well-known format, so that a witness also convinces a reader that holds to it."""
_KINDS = ("string", "number", "object", "array", "boolean", "null")


class Samples(Struct):
    """Samples of the schemas of one table of definitions."""

    context: Cleaned
    validators: Validators
    effort: Effort
    _known: dict[tuple[int, ...], list[Any]] = field(default_factory=dict)

    def of(self, schemas: Conjunction, depth: int = 0) -> list[Any]:
        """Up to `MAX_SAMPLES` values that all schemas allow, different from each other."""
        key = (*map(id, schemas), depth)
        if key not in self._known:
            self._known[key] = []  # what contains itself is sampled without itself
            self._known[key] = self._of(schemas, depth)
        return self._known[key]

    def _of(self, schemas: Conjunction, depth: int) -> list[Any]:
        if depth > MAX_SAMPLE_DEPTH:
            return []
        try:
            self.effort.spend(SAMPLE)
            branches = expand(schemas, self.context)
        except NotDecidable:
            return []
        found: dict[object, Any] = {}
        for branch in branches:
            for kind in _KINDS:
                if kind in branch.types:
                    for value in self.typed(branch, kind, depth):
                        found.setdefault(json_key(value), value)
        valid = [value for value in found.values() if self.validators.accepts(schemas, value) is not False]
        return valid[:MAX_SAMPLES]

    def typed(self, branch: Branch, kind: str, depth: int = 0) -> list[Any]:
        """Values of one type that a branch allows."""
        if branch.literals is not None:
            return list(branch.literals[:MAX_SAMPLES])
        if kind == "null":
            return [None]
        if kind == "boolean":
            return [True, False]
        if kind == "number":
            return numbers(branch)
        if kind == "string":
            return strings(branch)
        if kind == "array":
            return self._arrays(branch, depth)
        return self._objects(branch, depth)

    def array(self, branch: Branch, fixed: Mapping[int, Any], length: int, depth: int = 0) -> list[Any] | None:
        """An array of at least a length with given items at given places; None where an item cannot be found."""
        length = min(max([length, branch.min_items, *(index + 1 for index in fixed)]), MAX_SAMPLE_LENGTH)
        items: list[Any] = []
        taken: set[object] = {json_key(value) for value in fixed.values()} if branch.unique else set()
        for index in range(length):
            if index in fixed:
                items.append(fixed[index])
                continue
            position = index if index < branch.positions() else None
            extra = branch.contains if index == 0 else ()
            options = self.of((*branch.item(position), *extra), depth + 1) or self.of(branch.item(position), depth + 1)
            fresh = [value for value in options if json_key(value) not in taken]
            if not fresh and branch.unique:
                fresh = [value for value in (index, f"{index}", [index]) if json_key(value) not in taken]
            if not fresh:
                return None
            items.append(fresh[0])
            if branch.unique:
                taken.add(json_key(fresh[0]))
        return items

    def _arrays(self, branch: Branch, depth: int) -> list[Any]:
        found = [self.array(branch, {}, 1 if branch.contains else 0, depth)]
        if depth < _FILLING:
            found += [self.array(branch, {}, length, depth) for length in (1, 2) if length <= branch.max_items]
            if branch.max_items != INFINITY and branch.max_items <= MAX_SAMPLE_LENGTH:
                found.append(self.array(branch, {}, int(branch.max_items), depth))
        return [one for one in found if one is not None]

    def object(
        self, branch: Branch, fixed: Mapping[str, Any], *, full: bool, without: str | None = None, depth: int = 0
    ) -> dict[str, Any] | None:
        """An object with given members and all required ones, or all that are named; None where one cannot be found."""
        wanted = dict.fromkeys(sorted(branch.required))
        present = [*wanted, *fixed]
        for name, needs in branch.dependencies:
            if name in present and isinstance(needs, tuple):
                wanted |= dict.fromkeys(needs)
        if full:
            wanted |= branch.declared()
        made: dict[str, Any] = {}
        for name in wanted:
            if name in fixed or name == without:
                continue
            if len(made) + len(fixed) >= branch.max_members and name not in branch.required:
                break
            options = self.of(self.member(branch, name), depth + 1)
            if options:
                made[name] = options[0]
            elif name in branch.required:
                return None
        for number in range(min(branch.min_members, MAX_PADDING)):
            if len(made) + len(fixed) >= branch.min_members:
                break
            name = f"more{number}"
            if options := self.of(self.member(branch, name), depth + 1):
                made[name] = options[0]
        return {**made, **fixed}

    def _objects(self, branch: Branch, depth: int) -> list[Any]:
        found = [self.object(branch, {}, full=False, depth=depth)]
        if depth < _FILLING:
            found.append(self.object(branch, {}, full=True, depth=depth))
            for name in list(branch.declared())[:20]:
                values = self.of(self.member(branch, name), depth + 1)[1 if name in branch.required else 0 :]
                found += [self.object(branch, {name: value}, full=False, depth=depth) for value in values[:3]]
        return [one for one in found if one is not None]

    def member(self, branch: Branch, name: str) -> Conjunction:
        """What holds for a member of an object by its name."""
        found: list[Schema] = []
        for one in branch.members:
            own = [one.properties[name]] if name in one.properties else []
            own += [schema for pattern, schema in one.patterns.items() if self.validators.matches(pattern, name)]
            if not own and one.additional is not None:
                own = [one.additional]
            found += own
        return tuple(found)


def numbers(branch: Branch, near: tuple[float, ...] = ()) -> list[Any]:
    """Numbers inside the bounds of a branch, at the bounds and beside those of somebody else."""
    step = step_of(branch)
    wanted: list[float] = []
    for edge in (branch.low, branch.high, *near):
        if abs(edge) != INFINITY:
            wanted += [edge, edge - 1, edge + 1, edge - 0.5, edge + 0.5]
    wanted += [0, 1, -1, 0.5]
    if branch.low != -INFINITY and branch.high != INFINITY:
        wanted.append((branch.low + branch.high) / 2)
    found: dict[float, int | float] = {}
    for one in wanted:
        for value in _on_grid(one, step):
            above = value > branch.low or (value == branch.low and not branch.low_open)
            below = value < branch.high or (value == branch.high and not branch.high_open)
            if above and below:
                found.setdefault(value, int(value) if float(value).is_integer() and abs(value) < 2**53 else value)
    return list(found.values())[:12]


def step_of(branch: Branch) -> Fraction | None:
    """The number that all numbers of a branch are multiples of; None where there is none."""
    parts = [*branch.multiples, *([Fraction(1)] if branch.integer else [])]
    step: Fraction | None = None
    for part in parts:
        # The least common multiple of fractions in lowest terms.
        step = part if step is None else _common(step, part)
    return step


def _common(one: Fraction, other: Fraction) -> Fraction:
    below = lcm(one.denominator, other.denominator)
    return Fraction(lcm(int(one * below), int(other * below)), below)


def _on_grid(value: float, step: Fraction | None) -> list[float]:
    if step is None or step == 0:
        return [value]
    steps = Fraction(value) / step
    found = [step * floor(steps), step * ceil(steps)]
    return [int(one) if one.denominator == 1 else float(one) for one in found]


def strings(branch: Branch) -> list[Any]:
    """Strings within the lengths and patterns of a branch."""
    longest = min(branch.max_length, MAX_SAMPLE_LENGTH)
    if branch.min_length > longest:
        return []
    if branch.patterns:
        text = example(branch.patterns, branch.min_length, branch.max_length)
        return [] if text is None else [text]
    formats = sorted(value for word, value in branch.remarks if word == "format")
    formatted = [text for one in formats if branch.min_length <= len(text := FORMATTED.get(one, "")) <= longest]
    if formatted and formatted[0]:
        return formatted[:1]
    lengths = [branch.min_length, branch.min_length + 1, 3]
    if branch.max_length != INFINITY:
        lengths.append(int(longest))
    return ["a" * length for length in dict.fromkeys(lengths) if branch.min_length <= length <= longest]
