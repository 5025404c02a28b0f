"""Structure: documents and their bindings against the JSON Schemas of their version."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.errors import Problem
from observatory.spec.references import Cursor, Use
from observatory.spec.schema_files import load_schema
from observatory.spec.structure import StructureView
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
    instance = view.of(root)
    problems = [
        problem
        for fault in faults_of(instance, name, minor, (), compiled=compiled)
        if not view.behind_reference(root, fault[0])
        for problem in wording.problems(fault, root)
    ]
    for schema in view.schemas_elsewhere(list(uses)):
        for fault in faults_of(schema.value, name, minor, ("definitions", "schema"), compiled=compiled):
            if not view.behind_reference(schema, fault[0]):
                problems += wording.problems(fault, schema)
    for place, bindings in view.bindings:
        problems += _check_bindings(place, bindings, version, compiled)
    return list(dict.fromkeys(problems + view.problems))


def _check_bindings(place: str, cursor: Cursor, version: Version, compiled: bool) -> list[Problem]:
    if not isinstance(cursor.value, dict):
        return []  # the schema of the document has said so
    wording = Wording("binding", "warning", version)
    part = place if version.family == 2 else f"{place}-3"
    return [
        problem
        for fault in faults_of(cursor.plain(), "bindings", version.minor, ("definitions", part), compiled=compiled)
        for problem in wording.problems(fault, cursor)
    ]
