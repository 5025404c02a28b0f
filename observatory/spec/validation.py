"""Structure: documents and their bindings against the JSON Schemas of their version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from observatory.errors import Problem
from observatory.spec.references import Cursor, Use
from observatory.spec.schema_files import load_schema
from observatory.spec.structure import StructureView
from observatory.spec.unfolding import Unfolding
from observatory.spec.validators import faults_of
from observatory.spec.versions import Version
from observatory.spec.wording import Wording


def check_structure(
    root: Cursor, version: Version, uses: Sequence[Use] = (), *, compiled: bool = True
) -> list[Problem]:
    """Faults of a document against its schema, and of its bindings, which are warnings.

    Args:
        version: A version whose family is known.
        uses: References that lead to places which the schema does not look at by itself.
        compiled: False asks for the pure Python validator.
    """
    name, minor = f"asyncapi-{version.family}", version.minor
    view = StructureView(load_schema(name, minor), minor)
    wording = Wording("asyncapi", "error", version)
    unfolding = Unfolding()

    def faults(holder: Cursor, value: Any, part: tuple[str, ...]) -> Iterator[Problem]:
        if beyond := unfolding.refused(value, holder.location()):
            yield beyond
            return
        for fault in faults_of(value, name, minor, part, compiled=compiled):
            if not view.behind_reference(holder, fault[0]):
                yield from wording.problems(fault, holder)

    problems = list(faults(root, view.of(root), ()))
    for schema in view.schemas_elsewhere(list(uses)):
        problems += faults(schema, schema.value, ("definitions", "schema"))
    for place, bindings in view.bindings:
        problems += _check_bindings(place, bindings, version, unfolding, compiled)
    return list(dict.fromkeys(problems + view.problems))


def _check_bindings(
    place: str, cursor: Cursor, version: Version, unfolding: Unfolding, compiled: bool
) -> list[Problem]:
    """Faults of one bindings object.

    In 3.x the specification says exactly what each version of a binding holds. What passes that and still is not
    read, such as a misspelt key where others are allowed, is told as well, under a code of its own.
    """
    if not isinstance(cursor.value, dict):
        return []  # the schema of the document has said so
    value, wording = cursor.plain(), Wording("binding", "warning", version)
    if beyond := unfolding.refused(value, cursor.location()):
        return [replace(beyond, severity="warning")]

    def found(part: str) -> list[Problem]:
        faults = faults_of(value, "bindings", version.minor, ("definitions", part), compiled=compiled)
        return [problem for fault in faults for problem in wording.problems(fault, cursor)]

    if version.family == 2:
        return found(place)
    exact = found(f"{place}-3")
    places = {problem.location for problem in exact}
    others = [problem for problem in found(place) if problem.location not in places]
    return exact + [replace(problem, code="binding-unread") for problem in others]
