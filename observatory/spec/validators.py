"""Where a value does not fit its JSON Schema, asked of one of two validators.

jsonschema-rs is the fast one; the pure Python jsonschema stands in where that cannot be loaded. Both are only asked
where and by which keyword a value fails, so both give the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from observatory.spec.formats import FORMATS
from observatory.spec.schema_files import Schema, load_schema
from observatory.spec.structure import Path

if TYPE_CHECKING:
    from jsonschema_rs import Draft7Validator

Fault = tuple[Path, str, Schema]
"""Path of the failing value, the keyword that failed, and the schema object that holds the keyword."""
Validate = Callable[[Any], Iterator[Fault]]
MAX_FAULTS = 500
_CANNOT_TELL = (ImportError, ValueError, OverflowError, TypeError, RecursionError)
"""Not installed, or a number or a depth that a validator cannot hold."""


def faults_of(instance: Any, name: str, minor: int | None, part: tuple[str, ...], *, compiled: bool) -> list[Fault]:
    """Faults in the order of their paths, one line each: of a value of the wrong type nothing else is said.

    Args:
        instance: A plain value.
        name: The shipped schema.
        minor: The minor version of AsyncAPI.
        part: Path to the definition in it that the value should fit; empty for the whole.
        compiled: False asks for the pure Python validator.
    """
    for make in (_compiled, _interpreted) if compiled else (_interpreted,):
        try:
            validate = make(name, minor, part)
            found = {
                (path, keyword, id(holder)): holder for path, keyword, holder in islice(validate(instance), MAX_FAULTS)
            }
        except _CANNOT_TELL:
            continue
        if not found:
            return []
        ranks = _ranks(name, minor)
        of_wrong_type = {path for path, keyword, _ in found if keyword == "type"}
        ordered = sorted(found, key=lambda one: ([str(step) for step in one[0]], one[1], ranks.get(one[2], 0)))
        faults = [(path, keyword, found[path, keyword, holder]) for path, keyword, holder in ordered]
        return [fault for fault in faults if fault[1] == "type" or fault[0] not in of_wrong_type]
    return []


def all_faults_of(
    instances: Sequence[Any], name: str, minor: int | None, part: tuple[str, ...], *, compiled: bool
) -> list[list[Fault]]:
    """Faults of each of many values that should fit the same definition; see `faults_of`."""
    suspects = _suspects(instances, name, minor, part) if compiled else range(len(instances))
    found: list[list[Fault]] = [[] for _ in instances]
    for index in suspects:
        found[index] = faults_of(instances[index], name, minor, part, compiled=compiled)
    return found


def _suspects(instances: Sequence[Any], name: str, minor: int | None, part: tuple[str, ...]) -> Iterable[int]:
    """Positions of values that may have faults: mostly none, which one question for all of them tells."""
    try:
        errors = list(islice(_compiled_list(name, minor, part).iter_errors(instances), MAX_FAULTS))
    except _CANNOT_TELL:
        return range(len(instances))
    if len(errors) == MAX_FAULTS:
        return range(len(instances))
    return sorted({int(error.instance_path[0]) for error in errors})


@cache
def _compiled_list(name: str, minor: int | None, part: tuple[str, ...]) -> Draft7Validator:
    import jsonschema_rs

    entry = _entry(load_schema(name, minor), part)
    schema = {"items": {"$ref": entry["$ref"]}, "definitions": entry["definitions"]}
    return jsonschema_rs.Draft7Validator(schema, formats=FORMATS, validate_formats=True)


@cache
def _compiled(name: str, minor: int | None, part: tuple[str, ...]) -> Validate:
    import jsonschema_rs

    entry = _entry(load_schema(name, minor), part)
    validator = jsonschema_rs.Draft7Validator(entry, formats=FORMATS, validate_formats=True)

    def validate(instance: Any) -> Iterator[Fault]:
        for error in validator.iter_errors(instance):
            *way, keyword = error.schema_path
            path = tuple(error.instance_path)
            if not _leads_somewhere(instance, path):
                raise ValueError  # it leaves empty keys out of paths
            yield path, str(keyword), _walk(entry, way)

    return validate


@cache
def _interpreted(name: str, minor: int | None, part: tuple[str, ...]) -> Validate:
    from jsonschema import Draft7Validator, FormatChecker

    checker = FormatChecker(formats=())
    for word, check in FORMATS.items():
        checker.checkers[word] = (lambda text, check=check: not isinstance(text, str) or check(text), ())
    validator = Draft7Validator(_entry(load_schema(name, minor), part), format_checker=checker)

    def validate(instance: Any) -> Iterator[Fault]:
        for error in validator.iter_errors(instance):
            yield tuple(error.absolute_path), str(error.validator), error.schema

    return validate


def _leads_somewhere(instance: Any, path: Path) -> bool:
    for step in path:
        try:
            instance = instance[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _entry(whole: Schema, part: tuple[str, ...]) -> Schema:
    """A schema that begins at one definition and still has all the others to refer to."""
    return {"$ref": f"#/{'/'.join(part)}", "definitions": whole["definitions"]} if part else whole


def _walk(entry: Schema, way: list[Any]) -> Schema:
    """The schema object at the end of a path, `$ref` steps followed."""
    here: Any = entry
    for step in way:
        here = here[step]
        if step == "$ref" and isinstance(here, str):  # a property may be called $ref as well
            here = entry["definitions"][here.rsplit("/", 1)[-1]]
    result: Schema = here
    return result


@cache
def _ranks(name: str, minor: int | None) -> dict[int, int]:
    """The place of each schema object in its file, by its identity."""
    ranks: dict[int, int] = {}
    pending: list[Any] = [load_schema(name, minor)]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            ranks[id(part)] = len(ranks)
        if isinstance(part, dict | list):
            pending += part.values() if isinstance(part, dict) else part
    return ranks
