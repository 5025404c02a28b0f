"""JSON Schema payloads: whether a reader takes every value that a writer may write, proved or shown by a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from observatory.spec.changes.json_schema.branches import Conjunction
from observatory.spec.changes.json_schema.cleaning import Cleaned, NotDecidable, Schema, clean
from observatory.spec.changes.json_schema.containment import Containment
from observatory.spec.changes.json_schema.effort import Effort
from observatory.spec.changes.json_schema.obstacles import Obstacle
from observatory.spec.changes.verdict import (
    COMPATIBLE,
    SAME,
    Compatibility,
    Reading,
    Reason,
    Witness,
    reading_of,
    undecided,
)

__all__ = ["Effort", "compare_json_schemas", "reasons_against"]

MAX_TRIED = 400


def compare_json_schemas(
    old: object,
    new: object,
    *,
    old_definitions: Mapping[str, object] | None = None,
    new_definitions: Mapping[str, object] | None = None,
    openapi: bool = False,
    effort: Effort | None = None,
) -> Compatibility:
    """Both directions of two draft-07 schemas.

    Args:
        old, new: Plain schemas.
        old_definitions, new_definitions: What references that are left standing in the schemas lead to, by their text.
        openapi: The schemas are written as OpenAPI 3.0 has them.
        effort: What this and other comparisons may cost together.
    """
    befores, afters = old_definitions or {}, new_definitions or {}
    try:
        if clean(old, befores, openapi=openapi).mark() == clean(new, afters, openapi=openapi).mark():
            return SAME
        before, after = clean(old, befores, "old-", openapi=openapi), clean(new, afters, "new-", openapi=openapi)
        merged = Cleaned(True, {**before.definitions, **after.definitions}, before.size + after.size)
    except NotDecidable as reason:
        reading = undecided(reason.keyword, reason.message)
        return Compatibility(backward=reading, forward=reading)
    except RecursionError:
        reading = undecided("schema", "it nests too deep")
        return Compatibility(backward=reading, forward=reading)
    effort = effort or Effort()
    declared, strict = (Containment(merged, undeclared=counts, effort=effort) for counts in (False, True))
    return Compatibility(
        backward=_read(before.root, after.root, declared, strict),
        forward=_read(after.root, before.root, declared, strict),
    )


def _read(writer: Schema, reader: Schema, declared: Containment, strict: Containment) -> Reading:
    """Whether a reader takes what a writer writes: by what it declares first, then by all that it allows."""
    try:
        declared.effort.spend(1)
    except NotDecidable as reason:
        return undecided(reason.keyword, reason.message)
    for schema in (writer, reader):
        if declared.validators.accepts((schema,), None) is None:
            return undecided("schema", "no validator can be built for it: it is no valid draft-07 schema")
    try:
        return _decided(writer, reader, declared, strict)
    except RecursionError:
        return undecided("schema", "the schemas nest too deep")


def _decided(writer: Schema, reader: Schema, declared: Containment, strict: Containment) -> Reading:
    found = reading_of(reasons_against(declared, (writer,), (reader,)))
    if found.verdict == "breaking":
        return found
    reasons = reading_of(reasons_against(strict, (writer,), (reader,))).reasons
    assumption = next((reason for reason in reasons if reason.proved), None)
    if found.verdict == "compatible":
        return Reading(verdict="compatible", assumption=assumption) if assumption else _or_open(reasons)
    return Reading(verdict="unknown", reasons=found.reasons, assumption=assumption)


def _or_open(reasons: tuple[Reason, ...]) -> Reading:
    """Compatible by what is declared; what may be wrong beyond that and was not shown stays an assumption."""
    return Reading(verdict="compatible", assumption=reasons[0]) if reasons else COMPATIBLE


def reasons_against(check: Containment, writer: Conjunction, reader: Conjunction) -> list[Reason]:
    """The obstacles as reasons: proved where a value of the writer is indeed refused by the reader's validator."""
    obstacles = check.within(writer, reader)
    reasons = [_reason(one, _witness(check, writer, reader, one.candidates)) for one in obstacles]
    if obstacles and not any(reason.proved for reason in reasons):
        # Perhaps a value that was made for no place in particular shows it.
        witness = _witness(check, writer, reader, check.samples.of(writer))
        if witness is not None:
            reasons[0] = _reason(obstacles[0], witness)
    return _outermost(reasons) if check.context.definitions else reasons


def _outermost(reasons: list[Reason]) -> list[Reason]:
    """Without those that a schema that contains itself says again further in."""
    said: dict[tuple[str, str, bool], list[str]] = {}
    kept: list[Reason] = []
    for reason in sorted(reasons, key=lambda one: len(one.path)):
        ends = said.setdefault((reason.keyword, reason.message, reason.proved), [])
        if not any(reason.path.endswith(end) for end in ends):
            ends.append(reason.path.removeprefix("$"))
            kept.append(reason)
    return kept


def _witness(check: Containment, writer: Conjunction, reader: Conjunction, candidates: Iterable[Any]) -> Witness | None:
    """The smallest candidate that is valid for the writer and not for the reader."""
    accepts = check.validators.accepts
    shown = [
        value for value in list(candidates)[:MAX_TRIED] if accepts(writer, value) and accepts(reader, value) is False
    ]
    return Witness(min(shown, key=lambda value: len(repr(value)))) if shown else None


def _reason(obstacle: Obstacle, witness: Witness | None) -> Reason:
    return Reason(
        path=obstacle.path,
        keyword=obstacle.keyword,
        message=obstacle.message,
        proved=witness is not None,
        witness=witness,
    )
