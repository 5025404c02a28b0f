"""Structure: documents and their bindings against the JSON Schemas of their version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from observatory.errors import Problem
from observatory.spec.references import Cursor
from observatory.spec.shapes import shapes_of
from observatory.spec.structure import StructureView
from observatory.spec.unfolding import Unfolding
from observatory.spec.uses import Use
from observatory.spec.validators import all_faults_of, faults_of
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
    view = StructureView(shapes_of(name, minor), minor)
    wording = Wording("asyncapi", "error", version)
    unfolding = Unfolding()

    def faults(holder: Cursor, value: Any, part: tuple[str, ...], at_most: int | None = None) -> Iterator[Problem]:
        if beyond := unfolding.refused(value, holder.location(), at_most):
            yield beyond
            return
        for seen_at, keyword, schema in faults_of(value, name, minor, part, compiled=compiled):
            path = view.as_written(holder, seen_at)
            if not view.behind_reference(holder, path):
                yield from wording.problems((path, keyword, schema), holder)

    seen = view.of(root)
    at_most = None if view.schemas_overlap() else unfolding.bound(_values_in(root), view.repeated)
    problems = list(faults(root, seen, (), at_most))
    for schema in view.schemas_elsewhere(list(uses)):
        problems += faults(schema, schema.value, ("definitions", "schema"))
    problems += _check_bindings(view.bindings, version, unfolding, compiled=compiled)
    return list(dict.fromkeys(problems + view.problems))


def _values_in(root: Cursor) -> int | None:
    """How many values the files hold that the document is made of; None where that is not known."""
    counts = [source.reading.values for source in root.references.library.sources()]
    return None if None in counts else sum(filter(None, counts))


def _check_bindings(
    bindings: Sequence[tuple[str, Cursor]], version: Version, unfolding: Unfolding, *, compiled: bool
) -> Iterator[Problem]:
    """Faults of bindings objects, each with the kind of object that it belongs to.

    In 3.x the specification says exactly what each version of a binding holds. What passes that and still is not
    read, such as a misspelt key where others are allowed, is told as well, under a code of its own.
    """
    by_place: dict[str, list[tuple[Cursor, Any]]] = defaultdict(list)
    for place, cursor in bindings:
        if not isinstance(cursor.value, dict):
            continue  # the schema of the document has said so
        value = cursor.plain()
        # What holds no reference is as large as it is written.
        if value is not cursor.value and (beyond := unfolding.refused(value, cursor.location())):
            yield replace(beyond, severity="warning")
        else:
            by_place[place].append((cursor, value))
    minor, wording = version.minor, Wording("binding", "warning", version)
    for place, held in by_place.items():
        values = [value for _, value in held]
        parts = [place] if version.family == 2 else [f"{place}-3", place]
        found = [all_faults_of(values, "bindings", minor, ("definitions", part), compiled=compiled) for part in parts]
        for position, (cursor, _) in enumerate(held):
            exact, *others = (
                [problem for fault in faults[position] for problem in wording.problems(fault, cursor)]
                for faults in found
            )
            yield from exact
            places = {problem.location for problem in exact}
            for problem in (problem for other in others for problem in other):
                if problem.location not in places:
                    yield replace(problem, code="binding-unread")
